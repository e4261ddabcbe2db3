/* schema_both.c - intersections of two shapes of one type.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_both.h"

#include <string.h>

#include "base/utf8.h"
#include "text/schema/schema_expr.h"

/* One list behind the other. */
static const void *joined(struct schema *s, const void *a, size_t na, const void *b, size_t nb, size_t size)
{
    if (na == 0 || nb == 0)
        return na ? a : b;
    char *v = schema_core_alloc(s, na + nb, size);
    memcpy(v, a, na * size);
    memcpy(v + na * size, b, nb * size);
    return v;
}

const struct str *schema_both_names(struct schema *s, const struct str *a, size_t na, const struct str *b, size_t nb,
                                    size_t *n)
{
    *n = na + nb;
    if (na == 0 || nb == 0)
        return na ? a : b;
    struct str *v = schema_core_alloc(s, na + nb, sizeof *v);
    size_t i = 0, j = 0;
    *n = 0;
    while (i < na || j < nb) {
        int c = i == na ? 1 : j == nb ? -1 : str_cmp(a[i], b[j]);
        v[(*n)++] = c <= 0 ? a[i] : b[j];
        i += c <= 0;
        j += c >= 0;
    }
    return v;
}

static struct schema_bound tighter(struct schema_bound a, struct schema_bound b, int sign)
{
    if (!a.set || !b.set)
        return a.set ? a : b;
    int c = schema_dec_cmp(a.at, b.at) * sign;
    if (c == 0)
        return a.exclusive ? a : b;
    return c > 0 ? a : b;
}

static bool within(struct schema_dec v, const struct schema_number *n)
{
    int lo = n->lo.set ? schema_dec_cmp(v, n->lo.at) : 1, hi = n->hi.set ? schema_dec_cmp(v, n->hi.at) : -1;
    if (lo < 0 || hi > 0 || (lo == 0 && n->lo.exclusive) || (hi == 0 && n->hi.exclusive))
        return false;
    if (n->integer && (n->integer > 0) != schema_dec_is_int(v))
        return false;
    for (size_t i = 0; i < n->n_except; i++)
        if (schema_dec_cmp(v, n->except[i]) == 0)
            return false;
    return true;
}

static bool one_of(struct schema_dec v, const struct schema_number *n)
{
    for (size_t i = 0; i < n->n_only; i++)
        if (schema_dec_cmp(v, n->only[i]) == 0)
            return true;
    return !n->finite;
}

static void keep_numbers(struct schema *s, const struct schema_number *from, const struct schema_number *other,
                         struct schema_number *out)
{
    struct schema_dec *v = schema_core_alloc(s, from->n_only, sizeof *v);
    out->n_only = 0;
    for (size_t i = 0; i < from->n_only && schema_core_tick(s); i++)
        if (within(from->only[i], out) && one_of(from->only[i], other))
            v[out->n_only++] = from->only[i];
    out->only = v;
    out->finite = true;
    out->n_except = 0;
}

bool schema_both_number(struct schema *s, const struct schema_number *a, const struct schema_number *b,
                        struct schema_number *out)
{
    if (a->integer * b->integer < 0)
        return false;
    *out = (struct schema_number){ .integer = a->integer ? a->integer : b->integer };
    out->lo = tighter(a->lo, b->lo, 1);
    out->hi = tighter(a->hi, b->hi, -1);
    out->except = joined(s, a->except, a->n_except, b->except, b->n_except, sizeof *a->except);
    out->n_except = a->n_except + b->n_except;
    out->factors = joined(s, a->factors, a->n_factors, b->factors, b->n_factors, sizeof *a->factors);
    out->n_factors = a->n_factors + b->n_factors;
    if (a->finite || b->finite)
        keep_numbers(s, a->finite ? a : b, a->finite ? b : a, out);
    if (out->finite)
        return out->n_only > 0;
    int c = out->lo.set && out->hi.set ? schema_dec_cmp(out->lo.at, out->hi.at) : -1;
    return c < 0 || (c == 0 && !out->lo.exclusive && !out->hi.exclusive);
}

static bool has_name(const struct str *v, size_t n, struct str name)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(v[mid], name);
        if (c == 0)
            return true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static void keep_strings(struct schema *s, const struct schema_string *from, const struct schema_string *other,
                         struct schema_string *out)
{
    struct str *v = schema_core_alloc(s, from->n_only, sizeof *v);
    out->n_only = 0;
    for (size_t i = 0; i < from->n_only && schema_core_tick(s); i++) {
        size_t n = utf8_count(from->only[i]);
        if (n >= out->min && n <= out->max && !has_name(out->except, out->n_except, from->only[i]) &&
            (!other->finite || has_name(other->only, other->n_only, from->only[i])))
            v[out->n_only++] = from->only[i];
    }
    out->only = v;
    out->finite = true;
    out->n_except = 0;
}

bool schema_both_string(struct schema *s, const struct schema_string *a, const struct schema_string *b,
                        struct schema_string *out)
{
    *out =
        (struct schema_string){ .min = MAX(a->min, b->min), .max = MIN(a->max, b->max), .at = a->at ? a->at : b->at };
    out->except = schema_both_names(s, a->except, a->n_except, b->except, b->n_except, &out->n_except);
    out->atoms = joined(s, a->atoms, a->n_atoms, b->atoms, b->n_atoms, sizeof *a->atoms);
    out->n_atoms = a->n_atoms + b->n_atoms;
    if (a->finite || b->finite)
        keep_strings(s, a->finite ? a : b, a->finite ? b : a, out);
    return out->min <= out->max && (!out->finite || out->n_only > 0);
}

static int element(const struct schema_array *a, size_t i)
{
    return i < a->n_prefix ? a->prefix[i] : a->rest;
}

bool schema_both_array(struct schema *s, const struct schema_array *a, const struct schema_array *b,
                       struct schema_array *out)
{
    *out = (struct schema_array){ .min = MAX(a->min, b->min), .max = MIN(a->max, b->max) };
    out->n_prefix = MAX(a->n_prefix, b->n_prefix);
    int *prefix = schema_core_alloc(s, out->n_prefix, sizeof *prefix);
    for (size_t i = 0; i < out->n_prefix; i++) {
        prefix[i] = schema_expr_and(s, element(a, i), element(b, i));
        if (prefix[i] == SCHEMA_NONE)
            out->max = MIN(out->max, i);
    }
    out->prefix = prefix;
    out->rest = schema_expr_and(s, a->rest, b->rest);
    if (out->rest == SCHEMA_NONE)
        out->max = MIN(out->max, out->n_prefix);
    out->contains = joined(s, a->contains, a->n_contains, b->contains, b->n_contains, sizeof *a->contains);
    out->n_contains = a->n_contains + b->n_contains;
    out->unique = a->unique ? a->unique : b->unique;
    for (size_t i = 0; i < out->n_contains; i++) {
        const struct schema_contains *c = &out->contains[i];
        if (c->min > c->max || (c->min > 0 && (c->e == SCHEMA_NONE || out->max < c->from + c->min)))
            return false;
    }
    return out->min <= out->max;
}

bool schema_both_object(struct schema *s, const struct schema_object *a, const struct schema_object *b,
                        struct schema_object *out)
{
    *out = (struct schema_object){ .min = MAX(a->min, b->min), .max = MIN(a->max, b->max) };
    out->at = a->at ? a->at : b->at;
    struct schema_prop *props = schema_core_alloc(s, a->n_props + b->n_props, sizeof *props);
    size_t i = 0, j = 0, n = 0, required = 0;
    for (; i < a->n_props || j < b->n_props; n++) {
        int c = i == a->n_props ? 1 : j == b->n_props ? -1 : str_cmp(a->props[i].name, b->props[j].name);
        props[n] = c <= 0 ? a->props[i] : b->props[j];
        if (c == 0) {
            props[n].e = schema_expr_and(s, a->props[i].e, b->props[j].e);
            props[n].required = a->props[i].required || b->props[j].required;
        }
        i += c <= 0;
        j += c >= 0;
        required += props[n].required;
        if (props[n].required && props[n].e == SCHEMA_NONE)
            return false;
    }
    out->props = props;
    out->n_props = n;
    out->rules = joined(s, a->rules, a->n_rules, b->rules, b->n_rules, sizeof *a->rules);
    out->n_rules = a->n_rules + b->n_rules;
    out->exists = joined(s, a->exists, a->n_exists, b->exists, b->n_exists, sizeof *a->exists);
    out->n_exists = a->n_exists + b->n_exists;
    return out->min <= out->max && required <= out->max;
}

const struct schema_seen *schema_both_seen(struct schema *s, const struct schema_seen *a, const struct schema_seen *b)
{
    if (!a || !b || a == b)
        return a ? a : b;
    struct schema_seen *out = schema_core_alloc(s, 1, sizeof *out);
    out->all_props = a->all_props || b->all_props;
    out->all_items = a->all_items || b->all_items;
    out->props.names =
        schema_both_names(s, a->props.names, a->props.n_names, b->props.names, b->props.n_names, &out->props.n_names);
    out->props.patterns = joined(s, a->props.patterns, a->props.n_patterns, b->props.patterns, b->props.n_patterns,
                                 sizeof *a->props.patterns);
    out->props.n_patterns = a->props.n_patterns + b->props.n_patterns;
    out->n_items = MAX(a->n_items, b->n_items);
    out->contains = joined(s, a->contains, a->n_contains, b->contains, b->n_contains, sizeof *a->contains);
    out->n_contains = a->n_contains + b->n_contains;
    return out;
}
