/* schema_lang.c - languages of keys.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_lang.h"

#include <string.h>

#include "text/schema/schema_both.h"
#include "text/schema/schema_norm.h"
#include "text/schema/schema_pattern.h"
#include "text/schema/schema_string.h"

enum { MAX_ATOMS = 12, MAX_REGIONS = 64 };

static bool string_in(struct schema *s, int e, struct str name)
{
    const struct schema_set *set = schema_norm(s, e);
    for (size_t i = 0; i < set->n; i++)
        if (set->v[i]->type == SCHEMA_STRING && (set->v[i]->free || schema_string_has(s, &set->v[i]->string, name)))
            return true;
    return false;
}

static bool named(const struct schema_lang *l, struct str name)
{
    size_t lo = 0, hi = l->n_names;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(l->names[mid], name);
        if (c == 0)
            return true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

bool schema_lang_has(struct schema *s, const struct schema_lang *l, struct str name)
{
    bool in = named(l, name);
    for (size_t i = 0; i < l->n_patterns && !in; i++)
        in = schema_pattern_usable(s, l->patterns[i], l->at, "patternProperties") &&
             schema_pattern_matches(s, l->patterns[i], name);
    for (size_t i = 0; i < l->n_strings && !in; i++)
        in = string_in(s, l->strings[i], name);
    return in != l->neg;
}

/* The constants that the expression consists of, as far as strings go. False: it has other strings, too. */
static bool constants(struct schema *s, int e, const struct str **v, size_t *n)
{
    const struct schema_set *set = schema_norm(s, e);
    *n = 0;
    for (size_t i = 0; i < set->n; i++) {
        if (set->v[i]->type != SCHEMA_STRING)
            continue;
        const struct schema_string *x = &set->v[i]->string;
        if (set->v[i]->free || !x->finite)
            return false;
        *v = schema_both_names(s, *v, *n, x->only, x->n_only, n);
    }
    return true;
}

const struct str *schema_lang_names(struct schema *s, const struct schema_lang *l, size_t *n)
{
    const struct str *all = l->names;
    *n = l->n_names;
    for (size_t i = 0; i < l->n_strings; i++) {
        const struct str *v = NULL;
        size_t k;
        if (constants(s, l->strings[i], &v, &k))
            all = schema_both_names(s, all, *n, v, k, n);
    }
    return all;
}

static int find_atom(const struct schema_regions *r, const struct str *pattern, int e)
{
    for (size_t i = 0; i < r->n_atoms; i++) {
        const struct schema_lang *a = &r->atoms[i];
        if (pattern ? a->n_patterns && str_eq(a->patterns[0], *pattern) : a->n_strings && a->strings[0] == e)
            return (int)i;
    }
    return -1;
}

/* What the language is made of; false: too much. */
static bool add_atoms(struct schema *s, struct schema_regions *r, const struct schema_lang *l)
{
    for (size_t i = 0; i < l->n_patterns + l->n_strings; i++) {
        bool is_pattern = i < l->n_patterns;
        const struct str *pattern = is_pattern ? &l->patterns[i] : NULL;
        const int *e = is_pattern ? NULL : &l->strings[i - l->n_patterns];
        const struct str *v = NULL;
        size_t n;
        if (find_atom(r, pattern, e ? *e : 0) >= 0 || (e && constants(s, *e, &v, &n)))
            continue;
        if (pattern && !schema_pattern_usable(s, *pattern, l->at, "patternProperties"))
            continue;
        if (r->n_atoms == MAX_ATOMS)
            return false;
        r->atoms[r->n_atoms++] = (struct schema_lang){
            .patterns = pattern, .n_patterns = is_pattern, .strings = e, .n_strings = !is_pattern, .at = l->at
        };
    }
    return true;
}

/* all - (all - a - b ...) is the union of what the shapes allow. */
static int strings_terminal(struct schema *s, int e)
{
    const struct schema_set *set = schema_norm(s, e);
    int all = grammar_build_chars(s->b, 0, SIZE_MAX, true), one = -1, rest = all;
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        if (set->v[i]->type != SCHEMA_STRING)
            continue;
        if (set->v[i]->free)
            return all;
        one = schema_string_chars(s, &set->v[i]->string, true);
        rest = grammar_build_minus(s->b, rest, one);
        n++;
    }
    return n == 0 ? grammar_build_never(s->b) : n == 1 ? one : grammar_build_minus(s->b, all, rest);
}

static bool split_by(struct schema *s, struct schema_regions *r, size_t atom)
{
    const struct schema_lang *a = &r->atoms[atom];
    int keys = a->n_patterns ? grammar_build_search(s->b, a->patterns[0], true) : strings_terminal(s, a->strings[0]);
    size_t n = r->n;
    for (size_t i = 0; i < n && schema_core_tick(s); i++) {
        int in = grammar_build_and(s->b, r->v[i].keys, keys), out = grammar_build_minus(s->b, r->v[i].keys, keys);
        if (r->n == MAX_REGIONS)
            return false;
        if (!grammar_build_is_never(s->b, in) && !grammar_build_is_never(s->b, out))
            r->v[r->n++] = (struct schema_region){ out, r->v[i].atoms };
        if (!grammar_build_is_never(s->b, in)) {
            r->v[i].keys = in;
            r->v[i].atoms |= (uint32_t)1 << atom;
        }
    }
    return true;
}

static int unnamed(struct schema *s, const struct schema_regions *r)
{
    int keys = grammar_build_chars(s->b, 0, SIZE_MAX, true);
    return r->n_names ? grammar_build_minus(s->b, keys, schema_string_spelt(s, r->names, r->n_names, true)) : keys;
}

int schema_lang_keys(struct schema *s, const struct schema_regions *r, size_t region)
{
    return r->v[region].keys < 0 ? unnamed(s, r) : r->v[region].keys;
}

bool schema_lang_split(struct schema *s, const struct schema_object *o, const struct str *names, size_t n,
                       struct schema_regions *out)
{
    *out = (struct schema_regions){ .names = names, .n_names = n };
    out->v = schema_core_alloc(s, MAX_REGIONS, sizeof *out->v);
    out->atoms = schema_core_alloc(s, MAX_ATOMS, sizeof *out->atoms);
    out->v[out->n++] = (struct schema_region){ -1, 0 };
    bool fits = true;
    for (size_t i = 0; i < o->n_rules; i++)
        fits = fits && add_atoms(s, out, o->rules[i].lang);
    for (size_t i = 0; i < o->n_exists; i++)
        fits = fits && add_atoms(s, out, o->exists[i].lang);
    if (out->n_atoms)
        out->v[0].keys = unnamed(s, out);
    for (size_t i = 0; i < out->n_atoms; i++)
        fits = fits && split_by(s, out, i);
    if (!fits)
        schema_core_drop(s, out->atoms[0].at, out->atoms[0].n_patterns ? "patternProperties" : "propertyNames",
                         "too many patterns that overlap");
    return fits;
}

bool schema_lang_covers(const struct schema_regions *r, const struct schema_region *region, const struct schema_lang *l)
{
    bool in = false;
    for (size_t i = 0; i < l->n_patterns + l->n_strings && !in; i++) {
        bool is_pattern = i < l->n_patterns;
        int atom = is_pattern ? find_atom(r, &l->patterns[i], 0) : find_atom(r, NULL, l->strings[i - l->n_patterns]);
        in = atom >= 0 && region->atoms >> atom & 1;
    }
    return in != l->neg;
}
