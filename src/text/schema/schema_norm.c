/* schema_norm.c - works an expression out: the keywords that apply other schemas in the same place.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_norm.h"

#include <string.h>

#include "text/schema/schema_local.h"
#include "text/schema/schema_not.h"

enum { MAX_LOOK = 3, MAX_SUBSETS = 4 };

static const struct schema_set *norm(struct schema *s, int e);

static struct schema_set *copy(struct schema *s, const struct schema_set *a)
{
    struct schema_set *out = schema_set_new(s);
    schema_set_add_all(s, out, a);
    return out;
}

/* --- is there any value? ---------------------------------------------------------------------------------------------------- */

static bool never(struct schema *s, int e, int depth);

static bool shape_never(struct schema *s, const struct schema_shape *x, int depth)
{
    if (x->free)
        return false;
    for (size_t i = 0; x->type == SCHEMA_OBJECT && i < x->object.n_props; i++)
        if (x->object.props[i].required && never(s, x->object.props[i].e, depth))
            return true;
    for (size_t i = 0; x->type == SCHEMA_ARRAY && i < MIN(x->array.min, x->array.n_prefix); i++)
        if (never(s, x->array.prefix[i], depth))
            return true;
    return x->type == SCHEMA_ARRAY && x->array.min > x->array.n_prefix && never(s, x->array.rest, depth);
}

static bool never(struct schema *s, int e, int depth)
{
    if (e <= SCHEMA_ALL)
        return e == SCHEMA_NONE;
    if (depth > MAX_LOOK)
        return false;
    const struct schema_set *set = norm(s, e);
    for (size_t i = 0; i < set->n; i++)
        if (!shape_never(s, set->v[i], depth + 1))
            return false;
    return true;
}

/* Looks at what may be being worked out at this moment: then nothing is known (see norm). */
static bool look(struct schema *s, bool (*fn)(struct schema *, const void *), const void *what)
{
    bool outer = s->crossed;
    s->looking++;
    s->crossed = false;
    bool found = fn(s, what) && !s->crossed && !schema_core_failed(s);
    s->crossed = outer;
    s->looking--;
    return found;
}

static bool never_now(struct schema *s, const void *e)
{
    return never(s, *(const int *)e, 0);
}

bool schema_norm_never(struct schema *s, int e)
{
    return look(s, never_now, &e);
}

struct pair {
    const struct schema_set *a, *b;
};

static bool disjoint_now(struct schema *s, const void *what)
{
    const struct pair *p = what;
    for (size_t i = 0; i < p->a->n; i++) {
        for (size_t j = 0; j < p->b->n && schema_core_tick(s); j++) {
            const struct schema_shape *x = schema_set_both(s, p->a->v[i], p->b->v[j]);
            if (x && !shape_never(s, x, 0))
                return false;
        }
    }
    return true;
}

/* --- keywords --------------------------------------------------------------------------------------------------------------- */

static void narrow(struct schema *s, struct schema_set **set, const struct schema_set *by)
{
    *set = schema_set_and(s, *set, by);
}

static const struct schema_set *complement(struct schema *s, const struct json *at, const char *key,
                                           const struct schema_set *a)
{
    bool exact;
    const struct schema_set *out = schema_not_set(s, a, &exact);
    if (!exact)
        schema_core_drop(s, at, key, "its complement cannot be worked out exactly");
    return out;
}

/* The array of schemas at `key`; NULL: not there, or reported. */
static const struct json *schemas(struct schema *s, const struct json *at, const char *key)
{
    const struct json *v = json_get(at, key);
    if (json_type(v) == JSON_ARRAY && json_len(v) > 0)
        return v;
    if (json_has(at, key))
        schema_core_malformed(s, at, key, "an array of schemas");
    return NULL;
}

static void apply_enum(struct schema *s, const struct json *at, struct schema_set **set)
{
    const struct json *v = json_get(at, "enum");
    if (json_type(v) == JSON_ARRAY) {
        const struct schema_set *only = schema_local_enum(s, v);
        if (only)
            narrow(s, set, only);
        else
            schema_core_drop(s, at, "enum", "a number of too many digits");
    } else if (json_has(at, "enum")) {
        schema_core_malformed(s, at, "enum", "an array");
    }
    if (json_has(at, "const")) {
        const struct schema_set *only = schema_local_const(s, json_get(at, "const"));
        if (only)
            narrow(s, set, only);
        else
            schema_core_drop(s, at, "const", "a number of too many digits");
    }
}

static void apply_ref(struct schema *s, struct schema_place place, const char *key, struct schema_set **set)
{
    if (!json_has(place.json, key))
        return;
    const struct json *ref = json_get(place.json, key);
    if (json_type(ref) != JSON_STRING) {
        schema_core_malformed(s, place.json, key, "a string");
        return;
    }
    struct schema_place to;
    const char *why;
    if (schema_ref_resolve(s, place, json_str(ref), strcmp(key, "$dynamicRef") == 0, &to, &why)) {
        narrow(s, set, norm(s, schema_expr_place(s, to)));
    } else {
        schema_core_drop(s, place.json, key, why);
        (*set)->loose = true;
    }
}

static void apply_all(struct schema *s, struct schema_place place, struct schema_set **set)
{
    const struct json *v = schemas(s, place.json, "allOf");
    for (size_t i = 0; v && i < json_len(v) && schema_core_tick(s); i++)
        narrow(s, set, norm(s, schema_expr_sub(s, place, json_at(v, i))));
}

/* Where what was evaluated counts, every combination of branches is an alternative of its own. */
static struct schema_set *any_subsets(struct schema *s, const struct schema_set *const *v, size_t n)
{
    struct schema_set *out = schema_set_new(s);
    out->tight = n > MAX_SUBSETS;
    for (size_t i = 0; i < n && out->tight; i++)
        schema_set_add_all(s, out, v[i]);
    for (unsigned m = (1U << (out->tight ? 0 : n)) - 1; m > 0; m--) {
        const struct schema_set *both = NULL;
        for (size_t i = 0; i < n; i++)
            if (m >> i & 1)
                both = both ? schema_set_and(s, both, v[i]) : v[i];
        schema_set_add_all(s, out, both);
    }
    return out;
}

static const struct schema_set **branches(struct schema *s, struct schema_place place, const struct json *v)
{
    const struct schema_set **out = schema_core_alloc(s, json_len(v), sizeof *out);
    for (size_t i = 0; i < json_len(v); i++)
        out[i] = norm(s, schema_expr_sub(s, place, json_at(v, i)));
    return out;
}

static void apply_any(struct schema *s, struct schema_place place, struct schema_set **set)
{
    const struct json *v = schemas(s, place.json, "anyOf");
    if (!v)
        return;
    const struct schema_set **all = branches(s, place, v);
    struct schema_set *any;
    if (s->evaluated) {
        any = any_subsets(s, all, json_len(v));
    } else {
        any = schema_set_new(s);
        for (size_t i = 0; i < json_len(v); i++)
            schema_set_add_all(s, any, all[i]);
    }
    narrow(s, set, any);
}

static void apply_one(struct schema *s, struct schema_place place, struct schema_set **set)
{
    const struct json *v = schemas(s, place.json, "oneOf");
    if (!v)
        return;
    size_t n = json_len(v);
    const struct schema_set **all = branches(s, place, v), **within = schema_core_alloc(s, n, sizeof *within);
    for (size_t i = 0; i < n; i++)
        within[i] = schema_set_and(s, *set, all[i]);
    const struct schema_set **not = schema_core_alloc(s, n, sizeof *not );
    struct schema_set *one = schema_set_new(s);
    for (size_t i = 0; i < n && schema_core_tick(s); i++) {
        const struct schema_set *x = within[i];
        for (size_t j = 0; j < n && x->n; j++) {
            if (j == i || look(s, disjoint_now, &(struct pair){ within[i], within[j] }))
                continue;
            if (!not [j])
                not [j] = complement(s, place.json, "oneOf", all[j]);
            x = schema_set_and(s, x, not [j]);
        }
        schema_set_add_all(s, one, x);
    }
    *set = one;
}

static void apply_not(struct schema *s, struct schema_place place, struct schema_set **set)
{
    if (!json_has(place.json, "not"))
        return;
    const struct schema_set *a = norm(s, schema_expr_sub(s, place, json_get(place.json, "not")));
    narrow(s, set, complement(s, place.json, "not", a));
}

static const struct schema_set *branch(struct schema *s, struct schema_place place, const char *key)
{
    if (!json_has(place.json, key))
        return schema_set_types(s, SCHEMA_ANY);
    return norm(s, schema_expr_sub(s, place, json_get(place.json, key)));
}

static void apply_if(struct schema *s, struct schema_place place, struct schema_set **set)
{
    const struct json *at = place.json;
    if (!json_has(at, "if") || (!json_has(at, "then") && !json_has(at, "else") && !s->evaluated))
        return;
    const struct schema_set *a = norm(s, schema_expr_sub(s, place, json_get(at, "if")));
    struct schema_set *out = copy(s, schema_set_and(s, a, branch(s, place, "then")));
    schema_set_add_all(s, out, schema_set_and(s, complement(s, at, "if", a), branch(s, place, "else")));
    narrow(s, set, out);
}

/* Objects without the key, those with it that are in `then`, and all that are no objects. */
static void depend(struct schema *s, struct str name, const struct schema_set *then, struct schema_set **set)
{
    struct schema_set *with = schema_set_new(s), *out = schema_set_types(s, SCHEMA_ANY & ~(unsigned)SCHEMA_OBJECT);
    schema_set_add(s, with, schema_local_key(s, name, SCHEMA_ALL, true));
    schema_set_add(s, out, schema_local_key(s, name, SCHEMA_NONE, false));
    schema_set_add_all(s, out, schema_set_and(s, with, then));
    narrow(s, set, out);
}

static const struct schema_set *needs(struct schema *s, const struct json *names)
{
    struct schema_set *out = schema_set_types(s, SCHEMA_OBJECT);
    for (size_t i = 0; i < json_len(names); i++) {
        struct schema_set *one = schema_set_new(s);
        schema_set_add(s, one, schema_local_key(s, json_str(json_at(names, i)), SCHEMA_ALL, true));
        out = schema_set_and(s, out, one);
    }
    return out;
}

static bool all_strings(const struct json *v)
{
    for (size_t i = 0; i < json_len(v); i++)
        if (json_type(json_at(v, i)) != JSON_STRING)
            return false;
    return json_type(v) == JSON_ARRAY;
}

static void apply_dependent(struct schema *s, struct schema_place place, const char *key, struct schema_set **set)
{
    struct json_iter it;
    if (!json_first(&it, json_get(place.json, key)))
        return;
    do {
        enum json_type t = json_type(it.value);
        if (t == JSON_ARRAY && all_strings(it.value) && strcmp(key, "dependentSchemas") != 0)
            depend(s, it.key, needs(s, it.value), set);
        else if ((t == JSON_OBJECT || t == JSON_BOOL) && strcmp(key, "dependentRequired") != 0)
            depend(s, it.key, norm(s, schema_expr_sub(s, place, it.value)), set);
        else
            schema_core_malformed(s, place.json, key, "an object of schemas or lists of names");
    } while (json_next(&it) && schema_core_tick(s));
}

/* Keys that nothing has evaluated have values in e. */
static void unseen_props(struct schema *s, const struct json *at, struct schema_shape *x, int e)
{
    struct schema_seen *seen = schema_core_alloc(s, 1, sizeof *seen);
    if (x->seen)
        *seen = *x->seen;
    if (!seen->all_props && e != SCHEMA_ALL) {
        struct schema_lang *lang = schema_core_alloc(s, 1, sizeof *lang);
        struct schema_rule *rules = schema_core_alloc(s, x->object.n_rules + 1, sizeof *rules);
        *lang = seen->props;
        lang->neg = true;
        lang->at = at;
        if (x->object.n_rules)
            memcpy(rules, x->object.rules, x->object.n_rules * sizeof *rules);
        rules[x->object.n_rules++] = (struct schema_rule){ lang, e };
        x->object.rules = rules;
        x->free = false;
    }
    seen->all_props = true;
    x->seen = seen;
}

/* Elements that nothing has evaluated are in e: those behind the evaluated ones that no `contains` matched. */
static void unseen_items(struct schema *s, struct schema_shape *x, int e)
{
    struct schema_seen *seen = schema_core_alloc(s, 1, sizeof *seen);
    if (x->seen)
        *seen = *x->seen;
    if (!seen->all_items) {
        struct schema_array *a = &x->array;
        size_t n = MAX(a->n_prefix, seen->n_items);
        int *prefix = schema_core_alloc(s, n, sizeof *prefix);
        for (size_t i = 0; i < seen->n_contains; i++)
            e = schema_expr_or(s, e, seen->contains[i]);
        for (size_t i = 0; i < n; i++) {
            prefix[i] = i < a->n_prefix ? a->prefix[i] : a->rest;
            prefix[i] = i < seen->n_items ? prefix[i] : schema_expr_and(s, prefix[i], e);
        }
        a->prefix = prefix;
        a->n_prefix = n;
        a->rest = schema_expr_and(s, a->rest, e);
        x->free = x->free && e == SCHEMA_ALL;
    }
    seen->all_items = true;
    x->seen = seen;
}

static void apply_unseen(struct schema *s, struct schema_place place, const char *key, unsigned type,
                         struct schema_set **set)
{
    if (!json_has(place.json, key))
        return;
    int e = schema_expr_sub(s, place, json_get(place.json, key));
    struct schema_set *out = schema_set_new(s);
    for (size_t i = 0; i < (*set)->n && schema_core_tick(s); i++) {
        struct schema_shape *x = schema_core_alloc(s, 1, sizeof *x);
        *x = *(*set)->v[i];
        if (x->type == type && type == SCHEMA_OBJECT)
            unseen_props(s, place.json, x, e);
        else if (x->type == type)
            unseen_items(s, x, e);
        struct schema_shape *whole = schema_set_shape(s, x->type);
        if (x->free || schema_set_both(s, x, whole))
            schema_set_add(s, out, x);
    }
    out->loose = (*set)->loose;
    out->tight = (*set)->tight;
    *set = out;
}

/* A vocabulary that is not the standard's may give keywords another meaning. */
static void check_dialect(struct schema *s, const struct json *at)
{
    static const char *const known[] = {
        "http://json-schema.org/draft-04/schema",       "http://json-schema.org/draft-06/schema",
        "http://json-schema.org/draft-07/schema",       "http://json-schema.org/schema",
        "https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft-07/schema",
    };
    const struct json *v = json_get(at, "$schema");
    if (json_type(v) != JSON_STRING)
        return;
    struct str name = json_str(v);
    if (str_ends(name, STR("#")))
        name.n--;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eqz(name, known[i]))
            return;
    schema_core_drop(s, at, "$schema", "not a draft of JSON Schema from 4 to 2020-12");
}

static struct schema_set *norm_object(struct schema *s, struct schema_place place)
{
    const struct json *at = place.json;
    check_dialect(s, at);
    size_t dropped = s->n_relaxed;
    struct schema_set *set = schema_local_set(s, place);
    apply_enum(s, at, &set);
    apply_ref(s, place, "$ref", &set);
    apply_ref(s, place, "$dynamicRef", &set);
    apply_ref(s, place, "$recursiveRef", &set);
    apply_all(s, place, &set);
    apply_any(s, place, &set);
    apply_one(s, place, &set);
    apply_not(s, place, &set);
    apply_if(s, place, &set);
    apply_dependent(s, place, "dependentSchemas", &set);
    apply_dependent(s, place, "dependentRequired", &set);
    apply_dependent(s, place, "dependencies", &set);
    apply_unseen(s, place, "unevaluatedProperties", SCHEMA_OBJECT, &set);
    apply_unseen(s, place, "unevaluatedItems", SCHEMA_ARRAY, &set);
    set->loose = set->loose || s->n_relaxed > dropped;
    return set;
}

static struct schema_set *norm_place(struct schema *s, struct schema_place place)
{
    if (json_type(place.json) == JSON_OBJECT)
        return norm_object(s, place);
    if (json_type(place.json) == JSON_BOOL)
        return schema_set_types(s, json_bool(place.json) ? SCHEMA_ANY : 0);
    schema_core_drop(s, place.json, "schema", "neither an object nor a boolean");
    return schema_set_types(s, SCHEMA_ANY);
}

static struct schema_set *norm_const(struct schema *s, const struct json *v)
{
    struct schema_set *set = schema_local_const(s, v);
    if (!set)
        schema_core_fail(s, ERR_UNSUPPORTED, "the schema has a constant with a number of more than %d digits",
                         SCHEMA_DEC_DIGITS);
    return set ? set : schema_set_new(s);
}

static struct schema_set *work_out(struct schema *s, int e)
{
    struct schema_expr x = s->exprs[e];
    struct schema_set *set;
    switch (x.kind) {
    case EXPR_NONE:
        return schema_set_new(s);
    case EXPR_TYPES:
        return schema_set_types(s, x.types);
    case EXPR_CONST:
        return norm_const(s, x.place.json);
    case EXPR_SCHEMA:
        return norm_place(s, x.place);
    case EXPR_NOT:
        return copy(s, complement(s, s->exprs[x.of].place.json, "not", norm(s, x.of)));
    case EXPR_AND:
        set = copy(s, norm(s, x.all[0]));
        for (size_t i = 1; i < x.n_all && schema_core_tick(s); i++)
            narrow(s, &set, norm(s, x.all[i]));
        return set;
    default:
        return schema_set_types(s, SCHEMA_ANY);
    }
}

/* Meets itself only through schemas that apply in one place, which is an endless loop, or while `look` looks at members of what is being worked out:
 * there the answer is unknown, and nothing that depends on it may be remembered. */
static const struct schema_set *norm(struct schema *s, int e)
{
    if (s->exprs[e].set)
        return s->exprs[e].set;
    if (s->exprs[e].busy && s->looking) {
        s->crossed = true;
        return schema_set_types(s, SCHEMA_ANY);
    }
    if (s->exprs[e].busy)
        schema_core_fail(s, ERR_FORMAT, "the schema refers to itself without anything between: it has no meaning");
    if (s->depth >= SCHEMA_MAX_DEPTH)
        schema_core_fail(s, ERR_LIMIT,
                         "the schema is too complex: more than %d schemas apply in one place, one in another",
                         SCHEMA_MAX_DEPTH);
    if (!schema_core_tick(s))
        return schema_set_new(s);
    s->exprs[e].busy = true;
    s->depth++;
    struct schema_set *set = work_out(s, e);
    s->depth--;
    s->exprs[e].busy = false;
    if (!s->crossed && !schema_core_failed(s))
        s->exprs[e].set = set;
    return set;
}

const struct schema_set *schema_norm(struct schema *s, int e)
{
    return norm(s, e);
}
