/* gdef.c - what can be known of a grammar's nodes before it runs.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/gdef.h"

#include "base/mem.h"
#include "text/grow.h"

static int no_memory(struct err *e)
{
    err_set(e, ERR_NOMEM, "no memory for the grammar");
    return ERR_NOMEM;
}

void gdef_deinit(struct gdef *d)
{
    for (size_t i = 0; i < d->n_dfa; i++) {
        dfa_deinit(&d->dfas[i].dfa);
        mem_free(d->dfas[i].class_bits);
    }
    mem_free(d->nodes);
    mem_free(d->kids);
    mem_free(d->text);
    mem_free(d->dfas);
    mem_free(d->members);
    mem_free(d->required);
    mem_free(d->by_rank);
    *d = (struct gdef){ 0 };
}

static bool members_productive(const struct gdef *d, const struct gmembers *m)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        bool can = d->nodes[d->kids[m->first + i]].productive;
        if (!can && d->required[m->required + i])
            return false;
        n += can;
    }
    bool more = m->extra != GDEF_NONE && d->nodes[m->extra].productive;
    bool separable = m->sep == GDEF_NONE || d->nodes[m->sep].productive;
    uint32_t need = MAX(m->min, m->n_required);
    return m->n_required <= m->max && m->min <= m->max && (more || n >= m->min) && (separable || need < 2);
}

static bool is_productive(const struct gdef *d, const struct gnode *x)
{
    switch (x->kind) {
    case G_NEVER:
        return false;
    case G_DFA:
        return !dfa_empty(&d->dfas[x->a].dfa);
    case G_SEQ:
        for (uint32_t i = 0; i < x->b; i++)
            if (!d->nodes[gdef_kid(d, x, i)].productive)
                return false;
        return true;
    case G_ALT:
        for (uint32_t i = 0; i < x->b; i++)
            if (d->nodes[gdef_kid(d, x, i)].productive)
                return true;
        return false;
    case G_REPEAT:
        return x->min == 0 || d->nodes[x->a].productive;
    case G_RULE:
        return x->a != GDEF_NONE && d->nodes[x->a].productive;
    case G_MEMBERS:
        return members_productive(d, &d->members[x->a]);
    default:
        return true;
    }
}

static bool is_nullable(const struct gdef *d, const struct gnode *x)
{
    switch (x->kind) {
    case G_EMPTY:
        return true;
    case G_LITERAL:
        return x->b == 0;
    case G_DFA:
        return d->dfas[x->a].dfa.flags[DFA_START] & DFA_ACCEPT;
    case G_SEQ:
        for (uint32_t i = 0; i < x->b; i++)
            if (!d->nodes[gdef_kid(d, x, i)].nullable)
                return false;
        return true;
    case G_ALT:
        for (uint32_t i = 0; i < x->b; i++)
            if (d->nodes[gdef_kid(d, x, i)].nullable)
                return true;
        return false;
    case G_REPEAT:
        return x->min == 0 || d->nodes[x->a].nullable;
    case G_RULE:
        return x->a != GDEF_NONE && d->nodes[x->a].nullable;
    case G_MEMBERS:
        return d->members[x->a].n_required == 0 && d->members[x->a].min == 0;
    default:
        return false;
    }
}

/* Least fixed points. Kids mostly come before their parents, so few rounds do. */
static int find_flags(struct gdef *d, struct work *w, struct err *e)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < d->n; i++) {
            struct gnode *x = &d->nodes[i];
            if (!x->productive && is_productive(d, x))
                changed = x->productive = true;
            if (x->productive && !x->nullable && is_nullable(d, x))
                changed = x->nullable = true;
            int code = work_tick(w, e);
            if (code)
                return code;
        }
    }
    return 0;
}

/* The i-th node that x may begin with; GDEF_NONE: no more of them. */
static uint32_t corner(const struct gdef *d, const struct gnode *x, uint32_t i)
{
    const struct gmembers *m;
    switch (x->kind) {
    case G_SEQ:
        if (i >= x->b || (i && !d->nodes[gdef_kid(d, x, i - 1)].nullable))
            return GDEF_NONE;
        return gdef_kid(d, x, i);
    case G_ALT:
        return i < x->b ? gdef_kid(d, x, i) : GDEF_NONE;
    case G_REPEAT:
    case G_RULE:
        return i == 0 ? x->a : GDEF_NONE;
    case G_MEMBERS:
        m = &d->members[x->a];
        return i < m->n ? d->kids[m->first + i] : i == m->n ? m->extra : GDEF_NONE;
    default:
        return GDEF_NONE;
    }
}

struct visit {
    uint32_t node, i;
};

/* Ranks by a depth-first walk over what nodes begin with; a way back into the walk is left recursion. */
static int rank_from(struct gdef *d, uint32_t from, uint32_t *left, uint8_t *colour, struct visit *stack, struct err *e)
{
    size_t depth = 0;
    if (colour[from])
        return 0;
    colour[from] = 1;
    stack[depth++] = (struct visit){ from, 0 };
    while (depth) {
        struct visit *v = &stack[depth - 1];
        const struct gnode *x = &d->nodes[v->node];
        uint32_t to = x->productive ? corner(d, x, v->i++) : GDEF_NONE;
        if (to == GDEF_NONE) {
            colour[v->node] = 2;
            d->nodes[v->node].rank = --*left;
            d->by_rank[*left] = v->node;
            depth--;
        } else if (d->nodes[to].productive && colour[to] == 1) {
            return err_set(e, ERR_UNSUPPORTED, "the grammar is left-recursive: a rule begins with itself");
        } else if (!colour[to]) {
            colour[to] = 1;
            stack[depth++] = (struct visit){ to, 0 };
        }
    }
    return 0;
}

static int find_ranks(struct gdef *d, struct err *e)
{
    uint8_t *colour = mem_try_calloc(d->n, 1);
    struct visit *stack = mem_try_calloc(d->n, sizeof *stack);
    uint32_t left = (uint32_t)d->n;
    d->by_rank = mem_try_calloc(d->n, sizeof *d->by_rank);
    int code = colour && stack && d->by_rank ? 0 : no_memory(e);
    for (size_t i = 0; i < d->n && !code; i++)
        code = rank_from(d, (uint32_t)i, &left, colour, stack, e);
    mem_free(colour);
    mem_free(stack);
    return code;
}

static void find_tails(struct gdef *d)
{
    for (size_t i = 0; i < d->n; i++) {
        struct gnode *x = &d->nodes[i];
        if (x->kind == G_REPEAT && d->nodes[x->a].nullable)
            x->min = 0;
        if (x->kind != G_SEQ)
            continue;
        x->tail = x->b;
        while (x->tail && d->nodes[gdef_kid(d, x, x->tail - 1)].nullable)
            x->tail--;
    }
}

static int find_class_bits(struct gdef *d, struct err *e)
{
    for (size_t i = 0; i < d->n_dfa; i++) {
        struct gdfa *a = &d->dfas[i];
        a->class_bits = mem_try_calloc(a->dfa.n_class, sizeof *a->class_bits);
        if (!a->class_bits)
            return no_memory(e);
        for (uint32_t c = 0; c < 256; c++)
            a->class_bits[a->dfa.class_of[c]][c / 64] |= UINT64_C(1) << (c % 64);
    }
    return 0;
}

int gdef_finish(struct gdef *d, struct work *w, struct err *e)
{
    int code = find_flags(d, w, e);
    if (!code && !d->nodes[d->root].productive)
        code = err_set(e, ERR_FORMAT, "the grammar allows no output");
    if (!code)
        code = find_ranks(d, e);
    if (!code)
        code = find_class_bits(d, e);
    if (!code)
        find_tails(d);
    return code;
}
