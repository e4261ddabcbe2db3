/* schema_local.c - what one schema object says by itself about each type of value.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_local.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text/schema/schema_expr.h"

static const struct {
    const char *name;
    unsigned type;
} type_names[] = {
    { "null", SCHEMA_NULL },      { "boolean", SCHEMA_BOOLEAN }, { "number", SCHEMA_NUMBER },
    { "integer", SCHEMA_NUMBER }, { "string", SCHEMA_STRING },   { "array", SCHEMA_ARRAY },
    { "object", SCHEMA_OBJECT },
};

struct types {
    unsigned mask;
    bool number, named; /* "number" is among them; there is a `type` */
};

static bool add_type(struct types *t, const struct json *name)
{
    for (size_t i = 0; json_type(name) == JSON_STRING && i < ARRAY_LEN(type_names); i++) {
        if (!str_eqz(json_str(name), type_names[i].name))
            continue;
        t->mask |= type_names[i].type;
        t->number = t->number || strcmp(type_names[i].name, "number") == 0;
        return true;
    }
    return false;
}

static struct types read_types(struct schema *s, const struct json *at)
{
    const struct types any = { SCHEMA_ANY, true, false };
    if (!json_has(at, "type"))
        return any;
    const struct json *v = json_get(at, "type");
    struct types t = { .named = true };
    bool fine = json_type(v) != JSON_ARRAY ? add_type(&t, v) : json_len(v) > 0;
    for (size_t i = 0; json_type(v) == JSON_ARRAY && i < json_len(v); i++)
        fine = fine && add_type(&t, json_at(v, i));
    if (fine)
        return t;
    schema_core_malformed(s, at, "type", "the name of a type, or a list of them");
    return any;
}

bool schema_local_count(struct schema *s, const struct json *at, const char *key, size_t *out)
{
    if (!json_has(at, key))
        return false;
    const struct json *v = json_get(at, key);
    int64_t n;
    bool is_int = json_type(v) == JSON_INT;
    double d = is_int || json_type(v) == JSON_DOUBLE ? json_double(v) : -1;
    if (d < 0 || d != floor(d)) {
        schema_core_malformed(s, at, key, "a whole number of at least 0");
        return false;
    }
    *out = is_int && json_i64(v, &n) ? (size_t)n : d < 1e15 ? (size_t)d : SIZE_MAX - 1;
    return true;
}

/* The number at `key`. False: not there, or reported. */
static bool decimal(struct schema *s, const struct json *at, const char *key, struct schema_dec *out)
{
    if (!json_has(at, key))
        return false;
    const struct json *v = json_get(at, key);
    if (json_type(v) != JSON_INT && json_type(v) != JSON_DOUBLE) {
        schema_core_malformed(s, at, key, "a number");
        return false;
    }
    struct buf text = { 0 };
    bool fits = schema_dec_parse(s, json_number_text(v, &text), out);
    buf_deinit(&text);
    if (!fits)
        schema_core_drop(s, at, key, "a number of too many digits");
    return fits;
}

/* `plain` is minimum or maximum, `strict` the exclusive form: a number, or true beside `plain` as draft 4 had it. */
static struct schema_bound bound(struct schema *s, const struct json *at, const char *plain, const char *strict,
                                 int sign)
{
    struct schema_bound a = { 0 }, b = { .exclusive = true };
    a.set = decimal(s, at, plain, &a.at);
    if (json_type(json_get(at, strict)) == JSON_BOOL) {
        a.exclusive = a.set && json_bool(json_get(at, strict));
        return a;
    }
    b.set = decimal(s, at, strict, &b.at);
    if (!a.set || !b.set)
        return a.set ? a : b;
    return schema_dec_cmp(a.at, b.at) * sign > 0 ? a : b;
}

static void local_number(struct schema *s, const struct json *at, struct schema_shape *x)
{
    struct schema_number *n = &x->number;
    n->lo = bound(s, at, "minimum", "exclusiveMinimum", 1);
    n->hi = bound(s, at, "maximum", "exclusiveMaximum", -1);
    struct schema_dec d;
    if (decimal(s, at, "multipleOf", &d)) {
        struct schema_factor *f = schema_core_alloc(s, 1, sizeof *f);
        *f = (struct schema_factor){ d, false, at };
        n->factors = f;
        n->n_factors = 1;
        if (d.neg || d.digits.n == 0) {
            schema_core_malformed(s, at, "multipleOf", "a number above 0");
            n->n_factors = 0;
        }
    }
    x->free = !n->lo.set && !n->hi.set && !n->n_factors && !n->integer;
}

static void local_string(struct schema *s, const struct json *at, bool typed, struct schema_shape *x)
{
    struct schema_string *v = &x->string;
    schema_local_count(s, at, "minLength", &v->min);
    schema_local_count(s, at, "maxLength", &v->max);
    v->at = at;
    struct schema_atom *atoms = schema_core_alloc(s, 2, sizeof *atoms);
    v->atoms = atoms;
    const struct json *pattern = json_get(at, "pattern"), *format = json_get(at, "format");
    if (json_type(pattern) == JSON_STRING)
        atoms[v->n_atoms++] = (struct schema_atom){ json_str(pattern), false, false, at };
    else if (json_has(at, "pattern"))
        schema_core_malformed(s, at, "pattern", "a string");
    if (json_type(format) == JSON_STRING && typed)
        atoms[v->n_atoms++] = (struct schema_atom){ json_str(format), true, false, at };
    x->free = v->min == 0 && v->max == SIZE_MAX && v->n_atoms == 0;
}

static const int *subs(struct schema *s, struct schema_place place, const struct json *list, size_t *n)
{
    *n = json_len(list);
    int *v = schema_core_alloc(s, *n, sizeof *v);
    for (size_t i = 0; i < *n; i++)
        v[i] = schema_expr_sub(s, place, json_at(list, i));
    return v;
}

/* The subschema at `key`. False: not there, or reported. */
static bool sub(struct schema *s, struct schema_place place, const char *key, int *e)
{
    if (!json_has(place.json, key))
        return false;
    const struct json *v = json_get(place.json, key);
    if (json_type(v) != JSON_OBJECT && json_type(v) != JSON_BOOL) {
        schema_core_malformed(s, place.json, key, "a schema");
        return false;
    }
    *e = schema_expr_sub(s, place, v);
    return true;
}

static void local_contains(struct schema *s, struct schema_place place, struct schema_array *a,
                           struct schema_seen *seen)
{
    struct schema_contains c = { .min = 1, .max = SIZE_MAX, .at = place.json };
    if (!sub(s, place, "contains", &c.e))
        return;
    schema_local_count(s, place.json, "minContains", &c.min);
    schema_local_count(s, place.json, "maxContains", &c.max);
    struct schema_contains *copy = schema_core_alloc(s, 1, sizeof *copy);
    *copy = c;
    if (c.min > 0 || c.max != SIZE_MAX) {
        a->contains = copy;
        a->n_contains = 1;
    }
    if (seen) {
        seen->contains = &copy->e;
        seen->n_contains = 1;
    }
}

static void local_array(struct schema *s, struct schema_place place, struct schema_shape *x, struct schema_seen *seen)
{
    struct schema_array *a = &x->array;
    const struct json *items = json_get(place.json, "items"), *prefix = json_get(place.json, "prefixItems");
    const char *rest = "items";
    if (json_type(items) == JSON_ARRAY && !prefix) {
        prefix = items;
        rest = "additionalItems";
    }
    if (json_type(prefix) == JSON_ARRAY)
        a->prefix = subs(s, place, prefix, &a->n_prefix);
    else if (prefix)
        schema_core_malformed(s, place.json, "prefixItems", "an array of schemas");
    bool all = sub(s, place, rest, &a->rest);
    schema_local_count(s, place.json, "minItems", &a->min);
    schema_local_count(s, place.json, "maxItems", &a->max);
    local_contains(s, place, a, seen);
    if (json_type(json_get(place.json, "uniqueItems")) == JSON_BOOL && json_bool(json_get(place.json, "uniqueItems")))
        a->unique = place.json;
    if (seen) {
        seen->n_items = a->n_prefix;
        seen->all_items = all;
    }
    for (size_t i = 0; i < a->n_prefix; i++)
        if (a->prefix[i] == SCHEMA_NONE)
            a->max = MIN(a->max, i);
    if (a->rest == SCHEMA_NONE)
        a->max = MIN(a->max, a->n_prefix);
    x->free = a->n_prefix == 0 && a->rest == SCHEMA_ALL && a->min == 0 && a->max == SIZE_MAX && a->n_contains == 0 &&
              !a->unique;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct schema_prop *)a)->name, ((const struct schema_prop *)b)->name);
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* properties and required in one list, by name. */
static void read_props(struct schema *s, struct schema_place place, struct schema_object *o)
{
    const struct json *props = json_get(place.json, "properties"), *required = json_get(place.json, "required");
    size_t n = 0, n_required = json_type(required) == JSON_ARRAY ? json_len(required) : 0;
    if (props && json_type(props) != JSON_OBJECT)
        schema_core_malformed(s, place.json, "properties", "an object of schemas");
    if (required && json_type(required) != JSON_ARRAY && json_type(required) != JSON_BOOL)
        schema_core_malformed(s, place.json, "required", "an array of names");
    struct schema_prop *v = schema_core_alloc(s, json_len(props) + n_required, sizeof *v);
    struct json_iter it;
    if (json_type(props) == JSON_OBJECT && json_first(&it, props)) {
        do
            v[n++] = (struct schema_prop){ it.key, schema_expr_sub(s, place, it.value), false };
        while (json_next(&it));
    }
    for (size_t i = 0; i < n_required; i++)
        if (json_type(json_at(required, i)) == JSON_STRING)
            v[n++] = (struct schema_prop){ json_str(json_at(required, i)), SCHEMA_ALL, true };
    if (n)
        qsort(v, n, sizeof *v, by_name);
    for (size_t i = 0; i < n; i++) {
        if (o->n_props == 0 || !str_eq(v[o->n_props - 1].name, v[i].name)) {
            v[o->n_props++] = v[i];
            continue;
        }
        struct schema_prop *p = &v[o->n_props - 1];
        p->e = schema_expr_and(s, p->e, v[i].e);
        p->required = p->required || v[i].required;
    }
    o->props = v;
}

/* The names that `properties` gives, and the patterns: what additionalProperties leaves alone. */
static struct schema_lang declared(struct schema *s, const struct json *at)
{
    const struct json *props = json_get(at, "properties"), *patterns = json_get(at, "patternProperties");
    struct schema_lang lang = { .at = at };
    struct str *names = schema_core_alloc(s, json_len(props), sizeof *names);
    struct str *texts = schema_core_alloc(s, json_len(patterns), sizeof *texts);
    struct json_iter it;
    if (json_type(props) == JSON_OBJECT && json_first(&it, props)) {
        do
            names[lang.n_names++] = it.key;
        while (json_next(&it));
        qsort(names, lang.n_names, sizeof *names, by_text);
    }
    if (json_type(patterns) == JSON_OBJECT && json_first(&it, patterns)) {
        do
            texts[lang.n_patterns++] = it.key;
        while (json_next(&it));
    }
    lang.names = names;
    lang.patterns = texts;
    return lang;
}

static struct schema_lang *lang_copy(struct schema *s, struct schema_lang lang)
{
    struct schema_lang *l = schema_core_alloc(s, 1, sizeof *l);
    *l = lang;
    return l;
}

static void read_rules(struct schema *s, struct schema_place place, struct schema_object *o, struct schema_lang lang)
{
    const struct json *patterns = json_get(place.json, "patternProperties");
    struct schema_rule *rules = schema_core_alloc(s, lang.n_patterns + 2, sizeof *rules);
    struct json_iter it;
    o->rules = rules;
    if (json_type(patterns) == JSON_OBJECT && json_first(&it, patterns)) {
        for (size_t i = 0; i < lang.n_patterns; i++, json_next(&it)) {
            struct schema_lang one = { .patterns = &lang.patterns[i], .n_patterns = 1, .at = place.json };
            rules[o->n_rules++] = (struct schema_rule){ lang_copy(s, one), schema_expr_sub(s, place, it.value) };
        }
    } else if (patterns && json_type(patterns) != JSON_OBJECT) {
        schema_core_malformed(s, place.json, "patternProperties", "an object of schemas");
    }
    int e;
    if (sub(s, place, "additionalProperties", &e) && e != SCHEMA_ALL) {
        lang.neg = true;
        rules[o->n_rules++] = (struct schema_rule){ lang_copy(s, lang), e };
    }
    if (sub(s, place, "propertyNames", &e) && e != SCHEMA_ALL) {
        int *strings = schema_core_alloc(s, 1, sizeof *strings);
        *strings = e;
        struct schema_lang names = { .neg = true, .strings = strings, .n_strings = 1, .at = place.json };
        rules[o->n_rules++] = (struct schema_rule){ lang_copy(s, names), SCHEMA_NONE };
    }
}

static void local_object(struct schema *s, struct schema_place place, struct schema_shape *x, struct schema_seen *seen)
{
    struct schema_object *o = &x->object;
    struct schema_lang lang = declared(s, place.json);
    read_props(s, place, o);
    read_rules(s, place, o, lang);
    schema_local_count(s, place.json, "minProperties", &o->min);
    schema_local_count(s, place.json, "maxProperties", &o->max);
    o->at = place.json;
    if (seen) {
        seen->props = lang;
        seen->all_props = json_has(place.json, "additionalProperties");
    }
    x->free = o->n_props == 0 && o->n_rules == 0 && o->min == 0 && o->max == SIZE_MAX;
}

struct schema_set *schema_local_set(struct schema *s, struct schema_place place)
{
    struct types t = read_types(s, place.json);
    struct schema_set *set = schema_set_new(s);
    for (unsigned type = 1; type <= SCHEMA_OBJECT; type <<= 1) {
        if (!(t.mask & type))
            continue;
        struct schema_shape *x = schema_set_shape(s, type);
        struct schema_seen *seen = s->evaluated ? schema_core_alloc(s, 1, sizeof *seen) : NULL;
        x->free = true;
        if (type == SCHEMA_NUMBER) {
            x->number.integer = !t.number;
            local_number(s, place.json, x);
        } else if (type == SCHEMA_STRING) {
            local_string(s, place.json, t.named, x);
        } else if (type == SCHEMA_ARRAY) {
            local_array(s, place, x, seen);
            x->seen = seen;
        } else if (type == SCHEMA_OBJECT) {
            local_object(s, place, x, seen);
            x->seen = seen;
        }
        /* What is obviously empty goes now: an intersection with itself finds it. */
        struct schema_shape *whole = schema_set_shape(s, type);
        if (x->free || schema_set_both(s, x, whole))
            schema_set_add(s, set, x);
    }
    return set;
}

static struct schema_shape *const_array(struct schema *s, const struct json *v)
{
    struct schema_shape *x = schema_set_shape(s, SCHEMA_ARRAY);
    size_t n = json_len(v);
    int *prefix = schema_core_alloc(s, n, sizeof *prefix);
    for (size_t i = 0; i < n; i++)
        prefix[i] = schema_expr_const(s, json_at(v, i));
    x->array.prefix = prefix;
    x->array.n_prefix = x->array.min = x->array.max = n;
    return x;
}

static struct schema_shape *const_object(struct schema *s, const struct json *v)
{
    struct schema_shape *x = schema_set_shape(s, SCHEMA_OBJECT);
    size_t n = 0;
    struct schema_prop *props = schema_core_alloc(s, json_len(v), sizeof *props);
    struct str *names = schema_core_alloc(s, json_len(v), sizeof *names);
    struct json_iter it;
    if (json_first(&it, v)) {
        do
            props[n++] = (struct schema_prop){ it.key, schema_expr_const(s, it.value), true };
        while (json_next(&it));
        qsort(props, n, sizeof *props, by_name);
    }
    for (size_t i = 0; i < n; i++)
        names[i] = props[i].name;
    struct schema_rule *others = schema_core_alloc(s, 1, sizeof *others);
    struct schema_lang lang = { .neg = true, .names = names, .n_names = n };
    *others = (struct schema_rule){ lang_copy(s, lang), SCHEMA_NONE };
    x->object.props = props;
    x->object.n_props = x->object.min = x->object.max = n;
    x->object.rules = others;
    x->object.n_rules = 1;
    return x;
}

/* A constant that is neither a number nor a string. */
static struct schema_shape *const_shape(struct schema *s, const struct json *v)
{
    struct schema_shape *x;
    switch (json_type(v)) {
    case JSON_BOOL:
        x = schema_set_shape(s, SCHEMA_BOOLEAN);
        x->bools = json_bool(v) ? 2 : 1;
        return x;
    case JSON_ARRAY:
        return const_array(s, v);
    case JSON_OBJECT:
        return const_object(s, v);
    default:
        x = schema_set_shape(s, SCHEMA_NULL);
        x->free = true;
        return x;
    }
}

/* The constants v[0..n): strings and numbers in one shape each. */
static struct schema_set *constants(struct schema *s, const struct json *const *v, size_t n)
{
    struct schema_set *set = schema_set_new(s);
    struct str *strings = schema_core_alloc(s, n, sizeof *strings);
    struct schema_dec *numbers = schema_core_alloc(s, n, sizeof *numbers);
    size_t n_strings = 0, n_numbers = 0;
    struct buf text = { 0 };
    bool fits = true;
    for (size_t i = 0; i < n && schema_core_tick(s); i++) {
        enum json_type t = json_type(v[i]);
        buf_reset(&text);
        if (t == JSON_STRING)
            strings[n_strings++] = json_str(v[i]);
        else if (t == JSON_INT || t == JSON_DOUBLE)
            fits = schema_dec_parse(s, json_number_text(v[i], &text), &numbers[n_numbers++]) && fits;
        else
            schema_set_add(s, set, const_shape(s, v[i]));
    }
    buf_deinit(&text);
    if (n_strings) {
        struct schema_shape *x = schema_set_shape(s, SCHEMA_STRING);
        qsort(strings, n_strings, sizeof *strings, by_text);
        for (size_t i = 0; i < n_strings; i++)
            if (i == 0 || !str_eq(strings[i], strings[x->string.n_only - 1]))
                strings[x->string.n_only++] = strings[i];
        x->string.only = strings;
        x->string.finite = true;
        schema_set_add(s, set, x);
    }
    if (n_numbers) {
        struct schema_shape *x = schema_set_shape(s, SCHEMA_NUMBER);
        x->number.only = numbers;
        x->number.n_only = n_numbers;
        x->number.finite = true;
        schema_set_add(s, set, x);
    }
    return fits ? set : NULL;
}

struct schema_set *schema_local_enum(struct schema *s, const struct json *v)
{
    size_t n = json_len(v);
    const struct json **all = schema_core_alloc(s, n, sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = json_at(v, i);
    return constants(s, all, n);
}

struct schema_set *schema_local_const(struct schema *s, const struct json *v)
{
    return constants(s, &v, 1);
}

struct schema_shape *schema_local_key(struct schema *s, struct str name, int e, bool required)
{
    struct schema_shape *x = schema_set_shape(s, SCHEMA_OBJECT);
    struct schema_prop *p = schema_core_alloc(s, 1, sizeof *p);
    *p = (struct schema_prop){ name, e, required };
    x->object.props = p;
    x->object.n_props = 1;
    return x;
}
