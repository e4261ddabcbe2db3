/* schema_set.c - sets of JSON values worked out: unions of shapes, their intersections and complements.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_set.h"

#include <string.h>

#include "text/schema/schema_both.h"
#include "text/schema/schema_expr.h"

struct schema_set *schema_set_new(struct schema *s)
{
    return schema_core_alloc(s, 1, sizeof(struct schema_set));
}

/* --- equal shapes: 63 bits of what a shape says tell it from others of the same few thousand ------------------------------------ */

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15U;
    return h ^ h >> 29;
}

static uint64_t mix_text(uint64_t h, struct str text)
{
    h = mix(h, text.n);
    for (size_t i = 0; i < text.n; i++)
        h = mix(h, (unsigned char)text.p[i]);
    return h;
}

static uint64_t mix_names(uint64_t h, const struct str *v, size_t n)
{
    h = mix(h, n);
    for (size_t i = 0; i < n; i++)
        h = mix_text(h, v[i]);
    return h;
}

static uint64_t mix_ints(uint64_t h, const int *v, size_t n)
{
    h = mix(h, n);
    for (size_t i = 0; i < n; i++)
        h = mix(h, (uint64_t)v[i]);
    return h;
}

static uint64_t mix_lang(uint64_t h, const struct schema_lang *l)
{
    h = mix_names(mix(h, l->neg), l->names, l->n_names);
    h = mix_names(h, l->patterns, l->n_patterns);
    return mix_ints(h, l->strings, l->n_strings);
}

static uint64_t mix_rules(uint64_t h, const struct schema_rule *v, size_t n)
{
    h = mix(h, n);
    for (size_t i = 0; i < n; i++)
        h = mix(mix_lang(h, v[i].lang), (uint64_t)v[i].e);
    return h;
}

static uint64_t mix_seen(uint64_t h, const struct schema_seen *x)
{
    if (!x)
        return mix(h, 1);
    h = mix_lang(mix(mix(h, x->all_props), x->all_items), &x->props);
    return mix_ints(mix(h, x->n_items), x->contains, x->n_contains);
}

/* Of objects and arrays alone: 0 for other shapes, which do not multiply. */
static uint64_t hash(const struct schema_shape *x)
{
    uint64_t h = mix_seen(mix(x->type, x->free), x->seen);
    if (x->type == SCHEMA_OBJECT) {
        const struct schema_object *o = &x->object;
        h = mix(mix(mix(h, o->min), o->max), o->n_props);
        for (size_t i = 0; i < o->n_props; i++)
            h = mix(mix(mix_text(h, o->props[i].name), (uint64_t)o->props[i].e), o->props[i].required);
        return mix_rules(mix_rules(h, o->rules, o->n_rules), o->exists, o->n_exists) | 1;
    }
    if (x->type == SCHEMA_ARRAY) {
        const struct schema_array *a = &x->array;
        h = mix_ints(mix(mix(mix(h, a->min), a->max), (uint64_t)a->rest), a->prefix, a->n_prefix);
        h = mix(h, a->unique != NULL);
        for (size_t i = 0; i < a->n_contains; i++)
            h = mix(mix(mix(mix(h, a->contains[i].from), (uint64_t)a->contains[i].e), a->contains[i].min),
                    a->contains[i].max);
        return h | 1;
    }
    return 0;
}

void schema_set_add(struct schema *s, struct schema_set *set, const struct schema_shape *shape)
{
    if (!shape || !schema_core_tick(s))
        return;
    uint64_t h = hash(shape);
    for (size_t i = 0; i < set->n; i++)
        if (set->v[i] == shape || (h && set->hashes[i] == h))
            return;
    if (set->n >= SCHEMA_MAX_ALTERNATIVES) {
        schema_core_fail(s, ERR_LIMIT, "the schema is too complex: more than %d alternatives for one value",
                         SCHEMA_MAX_ALTERNATIVES);
        return;
    }
    if (set->n == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 8;
        const struct schema_shape **v = schema_core_alloc(s, cap, sizeof *v);
        uint64_t *hashes = schema_core_alloc(s, cap, sizeof *hashes);
        if (set->n) {
            memcpy(v, set->v, set->n * sizeof *v);
            memcpy(hashes, set->hashes, set->n * sizeof *hashes);
        }
        set->v = v;
        set->hashes = hashes;
        set->cap = cap;
    }
    set->hashes[set->n] = h;
    set->v[set->n++] = shape;
}

void schema_set_add_all(struct schema *s, struct schema_set *set, const struct schema_set *other)
{
    for (size_t i = 0; i < other->n; i++)
        schema_set_add(s, set, other->v[i]);
    set->loose = set->loose || other->loose;
    set->tight = set->tight || other->tight;
}

struct schema_shape *schema_set_shape(struct schema *s, unsigned type)
{
    struct schema_shape *x = schema_core_alloc(s, 1, sizeof *x);
    x->type = type;
    switch (type) {
    case SCHEMA_BOOLEAN:
        x->bools = 3;
        break;
    case SCHEMA_STRING:
        x->string.max = SIZE_MAX;
        break;
    case SCHEMA_ARRAY:
        x->array.max = SIZE_MAX;
        x->array.rest = SCHEMA_ALL;
        break;
    case SCHEMA_OBJECT:
        x->object.max = SIZE_MAX;
        break;
    default:
        break;
    }
    return x;
}

struct schema_set *schema_set_types(struct schema *s, unsigned types)
{
    struct schema_set *set = schema_set_new(s);
    for (unsigned t = 1; t <= SCHEMA_OBJECT; t <<= 1) {
        if (!(types & t))
            continue;
        struct schema_shape *x = schema_set_shape(s, t);
        x->free = true;
        schema_set_add(s, set, x);
    }
    return set;
}

static bool combine(struct schema *s, const struct schema_shape *a, const struct schema_shape *b,
                    struct schema_shape *out)
{
    switch (a->type) {
    case SCHEMA_BOOLEAN:
        out->bools = a->bools & b->bools;
        return out->bools != 0;
    case SCHEMA_NUMBER:
        return schema_both_number(s, &a->number, &b->number, &out->number);
    case SCHEMA_STRING:
        return schema_both_string(s, &a->string, &b->string, &out->string);
    case SCHEMA_ARRAY:
        return schema_both_array(s, &a->array, &b->array, &out->array);
    case SCHEMA_OBJECT:
        return schema_both_object(s, &a->object, &b->object, &out->object);
    default:
        return true;
    }
}

const struct schema_shape *schema_set_both(struct schema *s, const struct schema_shape *a, const struct schema_shape *b)
{
    if (a->type != b->type)
        return NULL;
    if (a == b)
        return a;
    const struct schema_seen *seen = schema_both_seen(s, a->seen, b->seen);
    if ((a->free && seen == b->seen) || (b->free && seen == a->seen))
        return a->free && seen == b->seen ? b : a;
    struct schema_shape *out = schema_core_alloc(s, 1, sizeof *out);
    if (a->free || b->free) {
        *out = a->free ? *b : *a;
        out->seen = seen;
        return out;
    }
    out->type = a->type;
    out->seen = seen;
    return combine(s, a, b, out) ? out : NULL;
}

struct schema_set *schema_set_and(struct schema *s, const struct schema_set *a, const struct schema_set *b)
{
    struct schema_set *out = schema_set_new(s);
    for (size_t i = 0; i < a->n; i++)
        for (size_t j = 0; j < b->n && schema_core_tick(s); j++)
            schema_set_add(s, out, schema_set_both(s, a->v[i], b->v[j]));
    out->loose = a->loose || b->loose;
    out->tight = a->tight || b->tight;
    return out;
}
