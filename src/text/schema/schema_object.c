/* schema_object.c - objects of a shape as rules.
 *
 * Members come in any order. A declared key comes once at most; an undeclared one can be written again, which JSON readers settle by its last value.
 * So whatever relies on an undeclared key being there is held by place: "some key has a value in e" by the last member, and a least number of members
 * by members whose keys begin with different characters, the others behind them.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_object.h"

#include <string.h>

#include "text/schema/schema_both.h"
#include "text/schema/schema_expr.h"
#include "text/schema/schema_lang.h"
#include "text/schema/schema_norm.h"
#include "text/schema/schema_string.h"
#include "text/schema/schema_token.h"

enum { MAX_PLANS = 64, MAX_OUT = 128 };

/* An object in the making: every declared key with what holds for it, every kind of undeclared key. */
struct plan {
    const struct schema_object *o;
    struct schema_prop *props;
    size_t n_props;
    struct schema_regions regions;
    int *values;        /* of the regions */
    const size_t *last; /* indices into o->exists: what the last member fulfils */
    size_t n_last;
    int *out; /* nodes: alternatives so far */
    size_t n_out;
};

static int key_value(struct schema *s, int key, int value)
{
    const int parts[] = { grammar_build_literal(s->b, STR("\"")), key, grammar_build_literal(s->b, STR("\":")),
                          schema_token_space(s->b), value };
    return grammar_build_seq(s->b, parts, 5);
}

static int declared_member(struct schema *s, const struct schema_prop *p)
{
    int value = schema_expr_rule(s, p->e);
    if (!schema_string_plain(p->name))
        return key_value(s, schema_string_names(s, &p->name, 1, true), value);
    struct buf key = { 0 };
    buf_printf(&key, "\"%.*s\":", (int)p->name.n, p->name.p);
    const int parts[] = { grammar_build_literal(s->b, buf_view(&key)), schema_token_space(s->b), value };
    buf_deinit(&key);
    return grammar_build_seq(s->b, parts, 3);
}

/* Any of the nodes; -1: none. */
static int any_of(struct schema *s, const int *v, size_t n)
{
    return n ? grammar_build_alt(s->b, v, n) : -1;
}

/* An undeclared member, with a key of `only` if that is a terminal. */
static int undeclared(struct schema *s, const struct plan *p, int only)
{
    int *v = schema_core_alloc(s, p->regions.n, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; i < p->regions.n; i++) {
        if (p->values[i] == SCHEMA_NONE)
            continue;
        int keys = schema_lang_keys(s, &p->regions, i);
        keys = only < 0 ? keys : grammar_build_and(s->b, keys, only);
        if (!grammar_build_is_never(s->b, keys))
            v[n++] = key_value(s, keys, schema_expr_rule(s, p->values[i]));
    }
    return any_of(s, v, n);
}

/* The undeclared member that fulfils all of `last`. */
static int last_member(struct schema *s, const struct plan *p)
{
    int *v = schema_core_alloc(s, p->regions.n, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; i < p->regions.n; i++) {
        int e = p->values[i];
        for (size_t k = 0; k < p->n_last; k++) {
            const struct schema_rule *x = &p->o->exists[p->last[k]];
            e = schema_expr_and(s, e, schema_lang_covers(&p->regions, &p->regions.v[i], x->lang) ? x->e : SCHEMA_NONE);
        }
        if (!schema_norm_never(s, e))
            v[n++] = key_value(s, schema_lang_keys(s, &p->regions, i), schema_expr_rule(s, e));
    }
    return any_of(s, v, n);
}

/* Keys by their first character, so that two of different classes are two keys. */
static const char *const classes[] = {
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k",     "l",     "m",     "n",     "o",     "p",
    "q", "r", "s", "t", "u", "v", "w", "x", "y", "z", "[A-F]", "[G-L]", "[M-R]", "[S-Z]", "[0-4]", "[5-9]",
};

/* At least `min` different members: declared ones and undeclared ones of different classes, then any others. */
static int distinct(struct schema *s, const struct plan *p, const struct grammar_member *declared, size_t n, size_t min,
                    size_t max)
{
    size_t n_declared = n;
    struct grammar_member *v = schema_core_alloc(s, n + ARRAY_LEN(classes), sizeof *v);
    if (n)
        memcpy(v, declared, n * sizeof *v);
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        struct buf pattern = { 0 };
        buf_printf(&pattern, "%s[\\s\\S]*", classes[i]);
        int node = undeclared(s, p, grammar_build_regex(s->b, buf_view(&pattern), true));
        buf_deinit(&pattern);
        if (node >= 0)
            v[n++] = (struct grammar_member){ node, false };
    }
    if (n < min) {
        schema_core_drop(s, p->o->at, "minProperties", "more members than can be told apart by their first characters");
        return grammar_build_members(s->b, declared, n_declared, undeclared(s, p, -1), schema_token_comma(s->b), 1,
                                     max);
    }
    int comma = schema_token_comma(s->b), counted = grammar_build_members(s->b, v, n, -1, comma, min, max);
    int more = max == SIZE_MAX ? undeclared(s, p, -1) : -1;
    if (more < 0)
        return counted;
    const int tail[] = { comma, more };
    const int parts[] = { counted, grammar_build_repeat(s->b, grammar_build_seq(s->b, tail, 2), 0, SIZE_MAX) };
    return grammar_build_seq(s->b, parts, 2);
}

static struct grammar_member *members(struct schema *s, const struct plan *p, size_t *n, size_t *required)
{
    struct grammar_member *v = schema_core_alloc(s, p->n_props, sizeof *v);
    *n = *required = 0;
    for (size_t i = 0; i < p->n_props && schema_core_tick(s); i++) {
        if (schema_norm_never(s, p->props[i].e)) {
            if (p->props[i].required)
                return NULL;
            continue;
        }
        v[(*n)++] = (struct grammar_member){ declared_member(s, &p->props[i]), p->props[i].required };
        *required += p->props[i].required;
    }
    return v;
}

/* The members between the braces; never empty if `some`. */
static int body(struct schema *s, const struct plan *p, const struct grammar_member *v, size_t n, size_t required,
                size_t min, size_t max)
{
    int extra = undeclared(s, p, -1);
    if (required > max || min > max || (extra < 0 && min > n))
        return grammar_build_never(s->b);
    if (max == 0 || (n == 0 && extra < 0))
        return grammar_build_empty(s->b);
    if (extra >= 0 && min > required && min > 1)
        return distinct(s, p, v, n, min, max);
    return grammar_build_members(s->b, v, n, extra, schema_token_comma(s->b), extra >= 0 && min <= required ? 0 : min,
                                 max);
}

static int whole(struct schema *s, int inside)
{
    const int parts[] = { schema_token_open(s->b, '{'), inside, schema_token_close(s->b, '}') };
    return grammar_build_seq(s->b, parts, 3);
}

static void add(struct plan *p, int node)
{
    if (p->n_out < MAX_OUT)
        p->out[p->n_out++] = node;
}

static void finish_plan(struct schema *s, struct plan *p)
{
    size_t n, required, min = p->o->min, max = p->o->max;
    struct grammar_member *v = members(s, p, &n, &required);
    if (!v)
        return;
    if (p->n_last == 0) {
        add(p, whole(s, body(s, p, v, n, required, min, max)));
        return;
    }
    int last = last_member(s, p);
    if (last < 0 || max == 0)
        return;
    if (required == 0 && min <= 1)
        add(p, whole(s, last));
    if (max == 1)
        return;
    size_t rest = max == SIZE_MAX ? max : max - 1;
    int before = body(s, p, v, n, required, MAX(min, (size_t)1), rest);
    /* A required declared member makes it non-empty already, and body counts no more then. */
    const int parts[] = { before, schema_token_comma(s->b), last };
    if (n > 0 || undeclared(s, p, -1) >= 0)
        add(p, whole(s, grammar_build_seq(s->b, parts, 3)));
}

/* For each "some key ..." from k on: a declared key that it may be, or the last member. */
static void choose(struct schema *s, struct plan *p, size_t k)
{
    if (!schema_core_tick(s))
        return;
    if (k == p->o->n_exists) {
        finish_plan(s, p);
        return;
    }
    const struct schema_rule *x = &p->o->exists[k];
    for (size_t i = 0; i < p->n_props; i++) {
        if (!schema_lang_has(s, x->lang, p->props[i].name))
            continue;
        struct plan with = *p;
        with.props = schema_core_alloc(s, p->n_props, sizeof *with.props);
        memcpy(with.props, p->props, p->n_props * sizeof *with.props);
        with.props[i].e = schema_expr_and(s, with.props[i].e, x->e);
        with.props[i].required = true;
        choose(s, &with, k + 1);
        p->n_out = with.n_out;
    }
    struct plan later = *p;
    size_t *last = schema_core_alloc(s, p->n_last + 1, sizeof *last);
    if (p->n_last)
        memcpy(last, p->last, p->n_last * sizeof *last);
    last[later.n_last++] = k;
    later.last = last;
    choose(s, &later, k + 1);
    p->n_out = later.n_out;
}

/* All names that the shape mentions. */
static const struct str *all_names(struct schema *s, const struct schema_object *o, size_t *n)
{
    struct str *own = schema_core_alloc(s, o->n_props, sizeof *own);
    const struct str *all = own;
    for (size_t i = 0; i < o->n_props; i++)
        own[i] = o->props[i].name;
    *n = o->n_props;
    for (size_t i = 0; i < o->n_rules + o->n_exists && schema_core_tick(s); i++) {
        size_t k;
        const struct schema_rule *r = i < o->n_rules ? &o->rules[i] : &o->exists[i - o->n_rules];
        const struct str *v = schema_lang_names(s, r->lang, &k);
        all = schema_both_names(s, all, *n, v, k, n);
    }
    return all;
}

static void fill(struct schema *s, struct plan *p, const struct str *names, size_t n)
{
    const struct schema_object *o = p->o;
    size_t own = 0;
    p->props = schema_core_alloc(s, n, sizeof *p->props);
    for (; p->n_props < n && schema_core_tick(s); p->n_props++) {
        struct schema_prop *x = &p->props[p->n_props];
        *x = (struct schema_prop){ names[p->n_props], SCHEMA_ALL, false };
        if (own < o->n_props && str_eq(o->props[own].name, x->name))
            *x = o->props[own++];
        for (size_t i = 0; i < o->n_rules; i++)
            if (schema_lang_has(s, o->rules[i].lang, x->name))
                x->e = schema_expr_and(s, x->e, o->rules[i].e);
    }
    p->values = schema_core_alloc(s, p->regions.n, sizeof *p->values);
    for (size_t i = 0; i < p->regions.n; i++) {
        p->values[i] = SCHEMA_ALL;
        for (size_t k = 0; k < o->n_rules; k++)
            if (schema_lang_covers(&p->regions, &p->regions.v[i], o->rules[k].lang))
                p->values[i] = schema_expr_and(s, p->values[i], o->rules[k].e);
        if (schema_norm_never(s, p->values[i]))
            p->values[i] = SCHEMA_NONE;
    }
}

int schema_object_value(struct schema *s, const struct schema_object *o)
{
    struct plan p = { .o = o };
    size_t n;
    const struct str *names = all_names(s, o, &n);
    if (!schema_lang_split(s, o, names, n, &p.regions) && s->strict)
        return grammar_build_never(s->b);
    fill(s, &p, names, n);
    size_t plans = 1;
    for (size_t i = 0; i < o->n_exists && plans <= MAX_PLANS; i++)
        plans *= p.n_props + 1;
    struct schema_object without = *o;
    if (plans > MAX_PLANS) {
        schema_core_drop(s, o->at, "not", "too many ways to contradict it");
        without.n_exists = 0;
        p.o = &without;
    }
    p.out = schema_core_alloc(s, MAX_OUT, sizeof *p.out);
    choose(s, &p, 0);
    return p.n_out ? grammar_build_alt(s->b, p.out, p.n_out) : grammar_build_never(s->b);
}
