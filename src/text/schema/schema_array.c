/* schema_array.c - arrays of a shape as rules.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_array.h"

#include <string.h>

#include "text/schema/schema_expr.h"
#include "text/schema/schema_norm.h"
#include "text/schema/schema_number.h"
#include "text/schema/schema_string.h"
#include "text/schema/schema_token.h"

enum { MAX_STATES = 2048, MAX_CONTAINS = 4, MAX_UNIQUE = 256, MAX_USED = 9 };

static int whole(struct schema *s, int inside)
{
    const int parts[] = { schema_token_open(s->b, '['), inside, schema_token_close(s->b, ']') };
    return grammar_build_seq(s->b, parts, 3);
}

static int element(const struct schema_array *a, size_t i)
{
    return i < a->n_prefix ? a->prefix[i] : a->rest;
}

/* Element i with the comma before it. */
static int step(struct schema *s, size_t i, int value)
{
    const int parts[] = { schema_token_comma(s->b), value };
    return i ? grammar_build_seq(s->b, parts, 2) : value;
}

static size_t less(size_t a, size_t b)
{
    return a == SIZE_MAX ? a : a > b ? a - b : 0;
}

/* --- only lengths and elements ------------------------------------------------------------------------------------------------ */

static int plain(struct schema *s, const struct schema_array *a)
{
    struct grammar_build *b = s->b;
    size_t n = MIN(a->n_prefix, a->max);
    int tail = grammar_build_empty(b);
    if (a->max > n) {
        size_t first = n ? n : 1;
        int more = step(s, 1, schema_expr_rule(s, a->rest));
        tail = grammar_build_repeat(b, more, less(a->min, first), less(a->max, first));
        if (n == 0) {
            const int parts[] = { schema_expr_rule(s, a->rest), tail };
            const int maybe[] = { grammar_build_empty(b), grammar_build_seq(b, parts, 2) };
            tail = a->min ? maybe[1] : grammar_build_alt(b, maybe, 2);
        }
    }
    for (size_t i = n; i-- > 0 && schema_core_tick(s);) {
        const int parts[] = { step(s, i, schema_expr_rule(s, a->prefix[i])), tail };
        const int maybe[] = { grammar_build_empty(b), grammar_build_seq(b, parts, 2) };
        tail = a->min > i ? maybe[1] : grammar_build_alt(b, maybe, 2);
    }
    return whole(s, tail);
}

/* --- contains: states of an index and of what was counted ---------------------------------------------------------------------- */

struct counting {
    const struct schema_array *a;
    size_t last;                /* from this index on all are the same */
    size_t count[MAX_CONTAINS]; /* the states of each count: 0 to count - 1 */
    int *rules;                 /* [last + 1] * the product of `count` */
    size_t *queue;
    size_t n_queue, n_states;
};

static size_t unpack(const struct counting *c, size_t state, size_t *counts)
{
    for (size_t k = 0; k < c->a->n_contains; k++) {
        counts[k] = state % c->count[k];
        state /= c->count[k];
    }
    return state;
}

static int rule_of(struct schema *s, struct counting *c, size_t index, const size_t *counts)
{
    size_t state = MIN(index, c->last);
    for (size_t k = c->a->n_contains; k-- > 0;)
        state = state * c->count[k] + counts[k];
    if (c->rules[state] < 0) {
        c->rules[state] = grammar_build_rule(s->b);
        c->queue[c->n_queue++] = state;
    }
    return c->rules[state];
}

/* What element `index` is when it counts for the contains in `mask` and for no other; SCHEMA_NONE if that leads nowhere. */
static int counted(struct schema *s, const struct counting *c, size_t index, unsigned mask, size_t *counts)
{
    int e = element(c->a, index);
    for (size_t k = 0; k < c->a->n_contains; k++) {
        const struct schema_contains *x = &c->a->contains[k];
        if (mask >> k & 1) {
            if (index < x->from || counts[k] + 1 == c->count[k])
                return SCHEMA_NONE;
            counts[k]++;
            e = schema_expr_and(s, e, x->e);
        } else if (index >= x->from && x->max != SIZE_MAX) {
            e = schema_expr_and(s, e, schema_expr_not(s, x->e));
        }
    }
    return e;
}

static void define(struct schema *s, struct counting *c, size_t state)
{
    int v[(1 << MAX_CONTAINS) + 1];
    size_t n = 0, counts[MAX_CONTAINS], index = unpack(c, state, counts);
    bool enough = index >= c->a->min;
    for (size_t k = 0; k < c->a->n_contains; k++)
        enough = enough && counts[k] >= c->a->contains[k].min;
    if (enough)
        v[n++] = grammar_build_empty(s->b);
    for (unsigned mask = 0; mask < 1U << c->a->n_contains && index < c->a->max; mask++) {
        size_t after[MAX_CONTAINS];
        memcpy(after, counts, sizeof after);
        int e = counted(s, c, index, mask, after);
        if (schema_norm_never(s, e))
            continue;
        const int parts[] = { step(s, index, schema_expr_rule(s, e)), rule_of(s, c, index + 1, after) };
        v[n++] = grammar_build_seq(s->b, parts, 2);
    }
    grammar_build_define(s->b, c->rules[state], n ? grammar_build_alt(s->b, v, n) : grammar_build_never(s->b));
}

/* -1: too many states. */
static int counting(struct schema *s, const struct schema_array *a)
{
    struct counting c = { .a = a, .last = MAX(MAX(a->n_prefix, a->min), (size_t)1) };
    if (a->max != SIZE_MAX)
        c.last = MAX(a->max, (size_t)1);
    for (size_t k = 0; k < a->n_contains; k++)
        c.last = MAX(c.last, a->contains[k].from);
    c.n_states = MIN(c.last, (size_t)MAX_STATES) + 1;
    for (size_t k = 0; k < a->n_contains && k < MAX_CONTAINS; k++) {
        const struct schema_contains *x = &a->contains[k];
        c.count[k] = MIN(x->max != SIZE_MAX ? x->max : x->min, (size_t)MAX_STATES) + 1;
        c.n_states *= c.count[k];
        if (c.n_states > MAX_STATES)
            return -1;
    }
    if (a->n_contains > MAX_CONTAINS || c.n_states > MAX_STATES)
        return -1;
    c.rules = schema_core_alloc(s, c.n_states, sizeof *c.rules);
    c.queue = schema_core_alloc(s, c.n_states, sizeof *c.queue);
    memset(c.rules, -1, c.n_states * sizeof *c.rules);
    const size_t none[MAX_CONTAINS] = { 0 };
    int start = rule_of(s, &c, 0, none);
    for (size_t i = 0; i < c.n_queue && schema_core_tick(s); i++)
        define(s, &c, c.queue[i]);
    return whole(s, start);
}

/* --- uniqueItems: of lists of constants each at most once ----------------------------------------------------------------------- */

struct value {
    struct str text; /* as JSON, numbers in one spelling */
    int node;
};

struct values {
    struct value *v; /* in the arena: MAX_UNIQUE */
    size_t n;
    bool all; /* nothing was left out */
};

/* The number of the value, a new one if need be. */
static size_t add_value(struct schema *s, struct values *x, const struct buf *text, int node)
{
    for (size_t i = 0; i < x->n; i++)
        if (str_eq(x->v[i].text, buf_view(text)))
            return i;
    if (x->n == MAX_UNIQUE) {
        x->all = false;
        return 0;
    }
    x->v[x->n] = (struct value){ schema_core_copy(s, buf_view(text)), node };
    return x->n++;
}

static void add_literal(struct schema *s, struct values *x, const char *text, uint64_t *bits)
{
    struct buf b = { 0 };
    buf_z(&b, text);
    *bits |= (uint64_t)1 << (add_value(s, x, &b, grammar_build_literal(s->b, buf_view(&b))) & 63);
    buf_deinit(&b);
}

static void add_strings(struct schema *s, struct values *x, const struct schema_string *v, uint64_t *bits)
{
    for (size_t i = 0; i < v->n_only && schema_core_tick(s); i++) {
        struct schema_string one = *v;
        struct buf b = { 0 };
        one.only = &v->only[i];
        one.n_only = 1;
        json_write_str(&b, v->only[i]);
        *bits |= (uint64_t)1 << (add_value(s, x, &b, schema_string_value(s, &one)) & 63);
        buf_deinit(&b);
    }
    x->all = x->all && v->finite && v->n_atoms == 0;
}

static void add_numbers(struct schema *s, struct values *x, const struct schema_number *v, uint64_t *bits)
{
    for (size_t i = 0; i < v->n_only && schema_core_tick(s); i++) {
        struct schema_number one = *v;
        struct buf b = { 0 };
        one.only = &v->only[i];
        one.n_only = 1;
        buf_z(&b, v->only[i].neg ? "-" : "");
        schema_dec_whole(v->only[i], &b);
        buf_char(&b, '.');
        schema_dec_part(v->only[i], &b);
        *bits |= (uint64_t)1 << (add_value(s, x, &b, schema_number_value(s, &one)) & 63);
        buf_deinit(&b);
    }
    x->all = x->all && v->finite && v->n_factors == 0;
}

/* Adds the values of e, which must be constants that are neither arrays nor objects. Returns which of the first 64 they are. */
static uint64_t add_values(struct schema *s, struct values *x, int e)
{
    const struct schema_set *set = schema_norm(s, e);
    uint64_t bits = 0;
    for (size_t i = 0; i < set->n && x->all && schema_core_tick(s); i++) {
        const struct schema_shape *shape = set->v[i];
        if (shape->type == SCHEMA_NULL) {
            add_literal(s, x, "null", &bits);
        } else if (shape->type == SCHEMA_BOOLEAN) {
            if (shape->bools & 1)
                add_literal(s, x, "false", &bits);
            if (shape->bools & 2)
                add_literal(s, x, "true", &bits);
        } else if (shape->type == SCHEMA_STRING && !shape->free) {
            add_strings(s, x, &shape->string, &bits);
        } else if (shape->type == SCHEMA_NUMBER && !shape->free) {
            add_numbers(s, x, &shape->number, &bits);
        } else {
            x->all = false;
        }
    }
    return bits;
}

/* What may follow when the values in `used` were written, as many as there are bits in it. */
static void define_used(struct schema *s, const struct schema_array *a, const struct values *x, const uint64_t *at,
                        const int *rules, unsigned used)
{
    int v[MAX_USED + 1];
    size_t n = 0, index = 0;
    for (unsigned u = used; u; u &= u - 1)
        index++;
    if (index >= a->min)
        v[n++] = grammar_build_empty(s->b);
    for (size_t i = 0; i < x->n && index < a->max; i++) {
        if (used >> i & 1 || !(at[MIN(index, a->n_prefix)] >> i & 1))
            continue;
        const int parts[] = { step(s, index, x->v[i].node), rules[used | 1U << i] };
        v[n++] = grammar_build_seq(s->b, parts, 2);
    }
    grammar_build_define(s->b, rules[used], n ? grammar_build_alt(s->b, v, n) : grammar_build_never(s->b));
}

/* A state for each set of values that were used. */
static int unique_places(struct schema *s, const struct schema_array *a, const struct values *x, const uint64_t *at)
{
    size_t n = (size_t)1 << x->n;
    int *rules = schema_core_alloc(s, n, sizeof *rules);
    for (size_t i = 0; i < n; i++)
        rules[i] = grammar_build_rule(s->b);
    for (size_t i = 0; i < n && schema_core_tick(s); i++)
        define_used(s, a, x, at, rules, (unsigned)i);
    return whole(s, rules[0]);
}

/* -1: not of this kind. */
static int unique(struct schema *s, const struct schema_array *a)
{
    struct values x = { .v = schema_core_alloc(s, MAX_UNIQUE, sizeof *x.v), .all = a->n_contains == 0 };
    uint64_t *at = schema_core_alloc(s, a->n_prefix + 1, sizeof *at);
    for (size_t i = 0; i <= a->n_prefix && i < a->max && x.all; i++)
        at[i] = add_values(s, &x, element(a, i));
    if (!x.all || (a->n_prefix && x.n > MAX_USED))
        return -1;
    if (a->min > x.n)
        return grammar_build_never(s->b);
    if (x.n == 0 || a->max == 0)
        return whole(s, grammar_build_empty(s->b));
    if (a->n_prefix)
        return unique_places(s, a, &x, at);
    struct grammar_member *v = schema_core_alloc(s, x.n, sizeof *v);
    for (size_t i = 0; i < x.n; i++)
        v[i].node = x.v[i].node;
    return whole(s, grammar_build_members(s->b, v, x.n, -1, schema_token_comma(s->b), a->min, a->max));
}

/* Bounds that follow from elements that no value fits, and from contains of everything or nothing. False: no array. */
static bool tidy(struct schema *s, struct schema_array *a)
{
    struct schema_contains *kept = schema_core_alloc(s, a->n_contains, sizeof *kept);
    size_t n = 0;
    for (size_t i = 0; i < a->n_prefix && i < a->max; i++)
        if (schema_norm_never(s, a->prefix[i]))
            a->max = i;
    if (a->max > a->n_prefix && schema_norm_never(s, a->rest))
        a->max = a->n_prefix;
    for (size_t i = 0; i < a->n_contains; i++) {
        const struct schema_contains *c = &a->contains[i];
        if (schema_norm_never(s, c->e)) {
            if (c->min > 0)
                return false;
        } else if (c->e == SCHEMA_ALL) {
            a->min = c->min ? MAX(a->min, c->from + c->min) : a->min;
            a->max = c->max == SIZE_MAX ? a->max : MIN(a->max, c->from + c->max);
        } else {
            kept[n++] = *c;
        }
    }
    a->contains = kept;
    a->n_contains = n;
    return a->min <= a->max;
}

int schema_array_value(struct schema *s, const struct schema_array *given)
{
    struct schema_array a = *given;
    if (!tidy(s, &a))
        return grammar_build_never(s->b);
    if (a.unique && a.max > 1) {
        int node = unique(s, &a);
        if (node >= 0)
            return node;
        schema_core_drop(s, a.unique, "uniqueItems", "only lists of constants can be kept distinct");
    }
    if (a.n_contains) {
        int node = counting(s, &a);
        if (node >= 0)
            return node;
        schema_core_drop(s, a.contains[0].at, "contains", "too many elements to be counted");
    }
    return plain(s, &a);
}
