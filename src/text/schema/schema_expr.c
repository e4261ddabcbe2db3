/* schema_expr.c - sets of JSON values that are not worked out yet.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_expr.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_TABLE = 256 };

/* Keywords that say nothing about validity. A schema of nothing else is `true`. */
static const char *const annotations[] = { "title",    "description", "default",        "examples", "deprecated",
                                           "readOnly", "writeOnly",   "$comment",       "$schema",  "contentMediaType",
                                           "$defs",    "definitions", "contentEncoding" };

static uint64_t mix(uint64_t h, uint64_t v)
{
    return (h ^ v) * 0x9e3779b97f4a7c15U + (h >> 29);
}

static uint64_t hash(const struct schema_expr *e)
{
    uint64_t h = mix(e->kind, (uintptr_t)e->place.json);
    h = mix(mix(h, (uint64_t)e->place.resource), (uint64_t)e->place.scope);
    h = mix(mix(h, e->types), (uint64_t)e->of);
    for (size_t i = 0; i < e->n_all; i++)
        h = mix(h, (uint64_t)e->all[i]);
    return h;
}

static bool same(const struct schema_expr *a, const struct schema_expr *b)
{
    return a->kind == b->kind && a->place.json == b->place.json && a->place.resource == b->place.resource &&
           a->place.scope == b->place.scope && a->types == b->types && a->of == b->of && a->n_all == b->n_all &&
           (a->n_all == 0 || memcmp(a->all, b->all, a->n_all * sizeof *a->all) == 0);
}

static void rehash(struct schema *s)
{
    s->n_table = s->n_table ? s->n_table * 2 : FIRST_TABLE;
    mem_free(s->table);
    s->table = xmalloc(s->n_table * sizeof *s->table);
    memset(s->table, -1, s->n_table * sizeof *s->table);
    for (size_t i = 0; i < s->n_exprs; i++) {
        size_t at = hash(&s->exprs[i]) % s->n_table;
        while (s->table[at] >= 0)
            at = (at + 1) % s->n_table;
        s->table[at] = (int)i;
    }
}

static int intern(struct schema *s, struct schema_expr e)
{
    if ((s->n_exprs + 1) * 2 > s->n_table)
        rehash(s);
    size_t at = hash(&e) % s->n_table;
    for (; s->table[at] >= 0; at = (at + 1) % s->n_table)
        if (same(&s->exprs[s->table[at]], &e))
            return s->table[at];
    if (s->n_exprs >= SCHEMA_MAX_EXPRS) {
        schema_core_fail(s, ERR_LIMIT, "the schema is too complex: more than %d combinations of its parts",
                         SCHEMA_MAX_EXPRS);
        return SCHEMA_NONE;
    }
    if (e.n_all) {
        int *copy = schema_core_alloc(s, e.n_all, sizeof *copy);
        memcpy(copy, e.all, e.n_all * sizeof *copy);
        e.all = copy;
    }
    e.rule = -1;
    s->exprs = schema_core_grow(s->exprs, s->n_exprs, &s->cap_exprs, sizeof *s->exprs);
    s->exprs[s->n_exprs] = e;
    s->table[at] = (int)s->n_exprs;
    return (int)s->n_exprs++;
}

void schema_expr_init(struct schema *s)
{
    intern(s, (struct schema_expr){ .kind = EXPR_NONE });
    intern(s, (struct schema_expr){ .kind = EXPR_ALL });
}

static bool says_nothing(const struct json *v)
{
    struct json_iter it;
    if (!json_first(&it, v))
        return true;
    do {
        size_t i = 0;
        while (i < ARRAY_LEN(annotations) && !str_eqz(it.key, annotations[i]))
            i++;
        if (i == ARRAY_LEN(annotations))
            return false;
    } while (json_next(&it));
    return true;
}

/* The root is looked at whatever it says: its $schema counts. */
int schema_expr_place(struct schema *s, struct schema_place place)
{
    if (json_type(place.json) == JSON_BOOL)
        return json_bool(place.json) ? SCHEMA_ALL : SCHEMA_NONE;
    if (json_type(place.json) == JSON_OBJECT && place.json != s->root && says_nothing(place.json))
        return SCHEMA_ALL;
    return intern(s, (struct schema_expr){ .kind = EXPR_SCHEMA, .place = place });
}

int schema_expr_sub(struct schema *s, struct schema_place from, const struct json *sub)
{
    return schema_expr_place(s, schema_ref_enter(s, from, sub));
}

int schema_expr_const(struct schema *s, const struct json *v)
{
    return intern(s, (struct schema_expr){ .kind = EXPR_CONST, .place = { .json = v } });
}

int schema_expr_types(struct schema *s, unsigned types)
{
    types &= SCHEMA_ANY;
    if (types == 0 || types == SCHEMA_ANY)
        return types ? SCHEMA_ALL : SCHEMA_NONE;
    return intern(s, (struct schema_expr){ .kind = EXPR_TYPES, .types = types });
}

int schema_expr_not(struct schema *s, int e)
{
    const struct schema_expr *x = &s->exprs[e];
    switch (x->kind) {
    case EXPR_NONE:
        return SCHEMA_ALL;
    case EXPR_ALL:
        return SCHEMA_NONE;
    case EXPR_NOT:
        return x->of;
    case EXPR_TYPES:
        return schema_expr_types(s, ~x->types);
    default:
        return intern(s, (struct schema_expr){ .kind = EXPR_NOT, .of = e });
    }
}

static int compare(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* Whether one of the ascending v is the complement of another. */
static bool contradict(const struct schema *s, const int *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct schema_expr *x = &s->exprs[v[i]];
        if (x->kind == EXPR_NOT && bsearch(&x->of, v, n, sizeof *v, compare))
            return true;
    }
    return false;
}

/* The members of an intersection. */
static const int *members(const struct schema *s, const int *e, size_t *n)
{
    const struct schema_expr *x = &s->exprs[*e];
    *n = x->kind == EXPR_AND ? x->n_all : 1;
    return x->kind == EXPR_AND ? x->all : e;
}

int schema_expr_and(struct schema *s, int a, int b)
{
    if (a == b || b == SCHEMA_ALL || a == SCHEMA_NONE)
        return a;
    if (a == SCHEMA_ALL || b == SCHEMA_NONE)
        return b;
    size_t na, nb, n = 0, i = 0, j = 0;
    const int *va = members(s, &a, &na), *vb = members(s, &b, &nb);
    int *v = schema_core_alloc(s, na + nb, sizeof *v);
    while (i < na || j < nb) {
        bool left = j == nb || (i < na && va[i] <= vb[j]);
        int next = left ? va[i++] : vb[j++];
        if (n == 0 || v[n - 1] != next)
            v[n++] = next;
    }
    if (contradict(s, v, n))
        return SCHEMA_NONE;
    return n == 1 ? v[0] : intern(s, (struct schema_expr){ .kind = EXPR_AND, .all = v, .n_all = n });
}

int schema_expr_or(struct schema *s, int a, int b)
{
    return schema_expr_not(s, schema_expr_and(s, schema_expr_not(s, a), schema_expr_not(s, b)));
}

int schema_expr_rule(struct schema *s, int e)
{
    if (e == SCHEMA_NONE)
        return grammar_build_never(s->b);
    if (s->exprs[e].rule < 0) {
        s->exprs[e].rule = grammar_build_rule(s->b);
        s->queue = schema_core_grow(s->queue, s->n_queue, &s->cap_queue, sizeof *s->queue);
        s->queue[s->n_queue++] = e;
    }
    return s->exprs[e].rule;
}
