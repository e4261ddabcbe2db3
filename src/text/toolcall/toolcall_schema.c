/* toolcall_schema.c - types of parameters: type, enum, const, anyOf, oneOf, allOf, $ref, nullable, and keywords that tell a container.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/toolcall_schema.h"

#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/map.h"

/* Nested references that are followed, and schemas looked at in all, for one parameter. */
enum { DEPTH_MAX = 24, VISITS_MAX = 500, NAME_BYTES = 256 };

struct walk {
    const struct json *root;
    int depth, visits;
};

static bool enter(struct walk *w)
{
    w->visits++;
    return ++w->depth <= DEPTH_MAX && w->visits <= VISITS_MAX;
}

static const struct json *member(const struct json *v, struct str key)
{
    char name[NAME_BYTES];
    struct json_iter it;
    int64_t i;
    if (json_type(v) == JSON_ARRAY)
        return str_to_i64(key, &i) && i >= 0 ? json_at(v, (size_t)i) : NULL;
    if (key.n < sizeof name) { /* looked up, not looked for: schemas have thousands of properties */
        memcpy(name, key.p, key.n);
        name[key.n] = 0;
        return memchr(name, 0, key.n) ? NULL : json_get(v, name);
    }
    for (bool more = json_first(&it, v); more; more = json_next(&it))
        if (str_eq(it.key, key))
            return it.value;
    return NULL;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* One step of a JSON pointer, unescaped: ~1 is a slash, ~0 a tilde, %XX a byte. */
static void pointer_step(struct buf *key, struct str s)
{
    buf_reset(key);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '~' && i + 1 < s.n && (s.p[i + 1] == '0' || s.p[i + 1] == '1')) {
            c = s.p[++i] == '1' ? '/' : '~';
        } else if (c == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
            c = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
            i += 2;
        }
        buf_char(key, c);
    }
}

/* What "#" or "#/a/b" refers to; NULL: nothing here. */
static const struct json *resolve(const struct walk *w, const struct json *ref)
{
    struct str s = json_str(ref), step;
    const struct json *v = w->root;
    struct buf key = { 0 };
    if (!s.n || s.p[0] != '#' || (s.n > 1 && s.p[1] != '/'))
        return NULL;
    s = str_sub(s, 2, s.n);
    while (v && s.n) {
        struct str rest = s;
        if (!str_cut(&rest, '/', &step)) {
            step = s;
            rest = (struct str){ s.p, 0 };
        }
        pointer_step(&key, step);
        v = member(v, buf_view(&key));
        s = rest;
    }
    buf_deinit(&key);
    return v;
}

static unsigned type_named(struct str s)
{
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = { { "null", TOOLCALL_NULL },
                  { "boolean", TOOLCALL_BOOL },
                  { "integer", TOOLCALL_INTEGER },
                  { "number", TOOLCALL_NUMBER },
                  { "string", TOOLCALL_STRING },
                  { "array", TOOLCALL_ARRAY },
                  { "object", TOOLCALL_OBJECT },
                  /* no types of JSON Schema, but tools made from Python's annotations have them */
                  { "int", TOOLCALL_INTEGER },
                  { "float", TOOLCALL_NUMBER },
                  { "double", TOOLCALL_NUMBER },
                  { "bool", TOOLCALL_BOOL },
                  { "str", TOOLCALL_STRING },
                  { "list", TOOLCALL_ARRAY },
                  { "tuple", TOOLCALL_ARRAY },
                  { "dict", TOOLCALL_OBJECT } };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eqz(s, names[i].name))
            return names[i].bit;
    return TOOLCALL_ANY;
}

static unsigned types_named(const struct json *type)
{
    unsigned t = 0;
    if (json_type(type) == JSON_STRING)
        return type_named(json_str(type));
    for (size_t i = 0; i < json_len(type); i++)
        t |= type_named(json_str(json_at(type, i)));
    return t ? t : TOOLCALL_ANY;
}

static unsigned type_of_value(const struct json *v)
{
    static const unsigned bits[] = {
        [JSON_NULL] = TOOLCALL_NULL,     [JSON_BOOL] = TOOLCALL_BOOL,     [JSON_INT] = TOOLCALL_INTEGER,
        [JSON_DOUBLE] = TOOLCALL_NUMBER, [JSON_STRING] = TOOLCALL_STRING, [JSON_ARRAY] = TOOLCALL_ARRAY,
        [JSON_OBJECT] = TOOLCALL_OBJECT
    };
    return bits[json_type(v)];
}

/* A number may be an integer. */
static unsigned common(unsigned a, unsigned b)
{
    unsigned both = a & b;
    if ((a & TOOLCALL_NUMBER && b & TOOLCALL_INTEGER) || (b & TOOLCALL_NUMBER && a & TOOLCALL_INTEGER))
        both |= TOOLCALL_INTEGER;
    return both;
}

static unsigned types_of(struct walk *w, const struct json *schema);

static unsigned types_of_any(struct walk *w, const struct json *list)
{
    unsigned t = 0;
    for (size_t i = 0; i < json_len(list); i++)
        t |= types_of(w, json_at(list, i));
    return t ? t : TOOLCALL_ANY;
}

static unsigned types_of_values(const struct json *schema)
{
    unsigned t = 0;
    const struct json *values = json_get(schema, "enum");
    if (json_has(schema, "const"))
        return type_of_value(json_get(schema, "const"));
    for (size_t i = 0; i < json_len(values); i++)
        t |= type_of_value(json_at(values, i));
    return t ? t : TOOLCALL_ANY;
}

/* Of a schema that names no type: what its keywords are about. */
static unsigned types_implied(const struct json *schema)
{
    static const struct {
        const char *keyword;
        unsigned bit;
    } implied[] = { { "properties", TOOLCALL_OBJECT }, { "additionalProperties", TOOLCALL_OBJECT },
                    { "required", TOOLCALL_OBJECT },   { "items", TOOLCALL_ARRAY },
                    { "prefixItems", TOOLCALL_ARRAY }, { "minItems", TOOLCALL_ARRAY },
                    { "pattern", TOOLCALL_STRING },    { "minLength", TOOLCALL_STRING },
                    { "maxLength", TOOLCALL_STRING },  { "minimum", TOOLCALL_NUMBER },
                    { "maximum", TOOLCALL_NUMBER },    { "multipleOf", TOOLCALL_NUMBER } };
    unsigned t = 0;
    for (size_t i = 0; i < ARRAY_LEN(implied); i++)
        if (json_has(schema, implied[i].keyword))
            t |= implied[i].bit;
    return t ? t : TOOLCALL_ANY;
}

static unsigned types_of(struct walk *w, const struct json *schema)
{
    unsigned t = TOOLCALL_ANY;
    if (json_type(schema) == JSON_OBJECT && enter(w)) {
        const struct json *all = json_get(schema, "allOf");
        if (json_has(schema, "type"))
            t = common(t, types_named(json_get(schema, "type")));
        t = common(t, types_of_values(schema));
        if (json_has(schema, "$ref"))
            t = common(t, types_of(w, resolve(w, json_get(schema, "$ref"))));
        t = common(t, types_of_any(w, json_get(schema, "anyOf")));
        t = common(t, types_of_any(w, json_get(schema, "oneOf")));
        for (size_t i = 0; i < json_len(all); i++)
            t = common(t, types_of(w, json_at(all, i)));
        if (t & TOOLCALL_UNTYPED)
            t = common(t, types_implied(schema));
        if (json_bool(json_get(schema, "nullable")) && !(t & TOOLCALL_UNTYPED))
            t |= TOOLCALL_NULL;
    }
    w->depth--;
    return t;
}

/* Looks for a property; *extra: what additionalProperties says, if nothing names it. */
static const struct json *property(struct walk *w, const struct json *schema, struct str name,
                                   const struct json **extra)
{
    static const char *const lists[] = { "allOf", "anyOf", "oneOf" };
    const struct json *found = NULL;
    if (json_type(schema) == JSON_OBJECT && enter(w)) {
        found = member(json_get(schema, "properties"), name);
        if (!*extra)
            *extra = json_get(schema, "additionalProperties");
        if (!found && json_has(schema, "$ref"))
            found = property(w, resolve(w, json_get(schema, "$ref")), name, extra);
        for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
            const struct json *list = json_get(schema, lists[l]);
            for (size_t i = 0; !found && i < json_len(list); i++)
                found = property(w, json_at(list, i), name, extra);
        }
    }
    w->depth--;
    return found;
}

struct toolcall_param toolcall_schema_param(const struct json *root, struct str name)
{
    struct walk w = { .root = root };
    const struct json *extra = NULL;
    struct toolcall_param p = { .root = root, .schema = property(&w, root, name, &extra), .types = TOOLCALL_ANY };
    p.declared = p.schema != NULL;
    if (!p.declared && json_type(extra) == JSON_OBJECT)
        p.schema = extra;
    w = (struct walk){ .root = root };
    if (p.schema)
        p.types = types_of(&w, p.schema);
    return p;
}

static bool lists(struct walk *w, const struct json *schema, struct str s)
{
    static const char *const within[] = { "anyOf", "oneOf", "allOf" };
    bool found = false;
    if (json_type(schema) == JSON_OBJECT && enter(w)) {
        const struct json *values = json_get(schema, "enum"), *only = json_get(schema, "const");
        found = json_type(only) == JSON_STRING && str_eq(json_str(only), s);
        for (size_t i = 0; !found && i < json_len(values); i++)
            found = json_type(json_at(values, i)) == JSON_STRING && str_eq(json_str(json_at(values, i)), s);
        if (!found && json_has(schema, "$ref"))
            found = lists(w, resolve(w, json_get(schema, "$ref")), s);
        for (size_t l = 0; l < ARRAY_LEN(within); l++) {
            const struct json *list = json_get(schema, within[l]);
            for (size_t i = 0; !found && i < json_len(list); i++)
                found = lists(w, json_at(list, i), s);
        }
    }
    w->depth--;
    return found;
}

bool toolcall_schema_lists(const struct toolcall_param *p, struct str s)
{
    struct walk w = { .root = p->root };
    return lists(&w, p->schema, s);
}

/* Adds what the schema requires, or those it refers to or consists of. */
static void add_required(struct walk *w, const struct json *schema, struct map *names)
{
    if (json_type(schema) == JSON_OBJECT && enter(w)) {
        const struct json *own = json_get(schema, "required"), *all = json_get(schema, "allOf");
        for (size_t i = 0; i < json_len(own); i++)
            if (json_type(json_at(own, i)) == JSON_STRING && map_set(names, json_str(json_at(own, i)), 0) < 0)
                break; /* out of memory: what is left may be missing in a call */
        if (json_has(schema, "$ref"))
            add_required(w, resolve(w, json_get(schema, "$ref")), names);
        for (size_t i = 0; i < json_len(all); i++)
            add_required(w, json_at(all, i), names);
    }
    w->depth--;
}

struct each {
    struct walk w;
    struct map told, required;
    toolcall_schema_fn *fn;
    void *arg;
};

static void each(struct each *x, const struct json *schema)
{
    static const char *const lists[] = { "allOf", "anyOf", "oneOf" };
    struct json_iter it;
    if (json_type(schema) == JSON_OBJECT && enter(&x->w)) {
        for (bool more = json_first(&it, json_get(schema, "properties")); more; more = json_next(&it)) {
            uint32_t unused;
            if (map_set(&x->told, it.key, 0) == 1)
                x->fn(x->arg, it.key, map_get(&x->required, it.key, &unused));
        }
        if (json_has(schema, "$ref"))
            each(x, resolve(&x->w, json_get(schema, "$ref")));
        for (size_t l = 0; l < ARRAY_LEN(lists); l++)
            for (size_t i = 0; i < json_len(json_get(schema, lists[l])); i++)
                each(x, json_at(json_get(schema, lists[l]), i));
    }
    x->w.depth--;
}

void toolcall_schema_each(const struct json *root, toolcall_schema_fn *fn, void *arg)
{
    struct each x = { .w = { .root = root }, .fn = fn, .arg = arg };
    struct walk w = { .root = root };
    add_required(&w, root, &x.required);
    each(&x, root);
    map_deinit(&x.told);
    map_deinit(&x.required);
}
