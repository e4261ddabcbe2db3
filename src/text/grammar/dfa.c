/* dfa.c - automata over bytes: literals, products, trimming, merging of equal states.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/dfa.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "text/grow.h"

enum { TICKS = 256, MERGE_WORK = 1000000 };

int work_states(struct work *w, size_t n, struct err *e)
{
    if (n > w->max_states - MIN(w->states, w->max_states))
        return err_set(e, ERR_LIMIT, "the grammar needs more than %zu states", w->max_states);
    w->states += n;
    return 0;
}

int work_tick(struct work *w, struct err *e)
{
    if (++w->ticks % TICKS || clock_thread_ns() < w->deadline)
        return 0;
    return err_set(e, ERR_LIMIT, "the grammar takes longer than %lld ms to compile", (long long)(w->time_ns / 1000000));
}

static int no_memory(struct err *e)
{
    err_set(e, ERR_NOMEM, "no memory for the grammar");
    return ERR_NOMEM;
}

void dfa_deinit(struct dfa *d)
{
    mem_free(d->next);
    mem_free(d->flags);
    *d = (struct dfa){ 0 };
}

int dfa_init(struct dfa *d, size_t n, size_t n_class, struct work *w, struct err *e)
{
    *d = (struct dfa){ .n = (uint32_t)n, .n_class = (uint32_t)n_class };
    int code = work_states(w, n, e);
    if (code)
        return code;
    d->next = mem_try_calloc(n * n_class, sizeof *d->next);
    d->flags = mem_try_calloc(n, 1);
    if (d->next && d->flags)
        return 0;
    dfa_deinit(d);
    return no_memory(e);
}

int dfa_literal(struct dfa *d, struct str text, struct work *w, struct err *e)
{
    uint8_t class_of[256] = { 0 };
    size_t n_class = 1;
    for (size_t i = 0; i < text.n; i++)
        if (!class_of[(uint8_t)text.p[i]])
            class_of[(uint8_t)text.p[i]] = (uint8_t)n_class++;
    /* With all 256 bytes in it, class 0 would be the 257th. */
    if (n_class > 256)
        return err_set(e, ERR_LIMIT, "a literal of all 256 bytes");
    int code = dfa_init(d, text.n + 2, n_class, w, e);
    if (code)
        return code;
    memcpy(d->class_of, class_of, sizeof class_of);
    for (size_t i = 0; i < text.n; i++)
        d->next[(i + 1) * n_class + class_of[(uint8_t)text.p[i]]] = (uint32_t)i + 2;
    d->flags[text.n + 1] = DFA_ACCEPT;
    return dfa_finish(d, w, e);
}

int dfa_until(struct dfa *d, struct str stop, bool with, struct work *w, struct err *e)
{
    int code = dfa_literal(d, stop, w, e);
    size_t *border = code ? NULL : mem_try_calloc(stop.n + 1, sizeof *border);
    if (code || !border) {
        dfa_deinit(d);
        return code ? code : no_memory(e);
    }
    /* Knuth, Morris and Pratt: state i + 1 has seen the first i bytes of stop; row i is filled from the row of its border. */
    size_t k = d->n_class;
    for (size_t i = 0; i < stop.n; i++) {
        uint8_t c = d->class_of[(uint8_t)stop.p[i]];
        for (size_t x = 0; x < k; x++)
            if (x != c)
                d->next[(i + 1) * k + x] = i ? d->next[(border[i] + 1) * k + x] : DFA_START;
        border[i + 1] = i ? d->next[(border[i] + 1) * k + c] - 1 : 0;
        d->flags[i + 1] = with ? 0 : DFA_ACCEPT;
    }
    d->flags[stop.n + 1] = with ? DFA_ACCEPT : 0;
    mem_free(border);
    return dfa_finish(d, w, e);
}

/* Where states are reached from: those of state s are from[first[s]] up to from[first[s + 1]]. */
struct sources {
    uint32_t *first, *from; /* owned */
};

static bool find_sources(struct sources *r, const struct dfa *d)
{
    size_t k = d->n_class, n_edge = (size_t)d->n * k;
    r->first = mem_try_calloc((size_t)d->n + 2, sizeof *r->first);
    r->from = mem_try_calloc(n_edge + 1, sizeof *r->from);
    if (!r->first || !r->from)
        return false;
    for (size_t i = 0; i < n_edge; i++)
        r->first[d->next[i] + 2]++;
    for (size_t s = 2; s < (size_t)d->n + 2; s++)
        r->first[s] += r->first[s - 1];
    for (size_t s = 0; s < d->n; s++)
        for (size_t c = 0; c < k; c++)
            r->from[r->first[d->next[s * k + c] + 1]++] = (uint32_t)s;
    return true;
}

/* live[s]: a match can be reached from s. stack: [n]. */
static void find_live(const struct dfa *d, const struct sources *r, uint8_t *live, uint32_t *stack)
{
    size_t depth = 0;
    for (uint32_t s = 1; s < d->n; s++)
        if (d->flags[s] & DFA_ACCEPT) {
            live[s] = 1;
            stack[depth++] = s;
        }
    while (depth) {
        uint32_t s = stack[--depth];
        for (uint32_t i = r->first[s]; i < r->first[s + 1]; i++)
            if (r->from[i] && !live[r->from[i]]) {
                live[r->from[i]] = 1;
                stack[depth++] = r->from[i];
            }
    }
}

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

/* Moore's refinement, but only of states whose row changed: those that lead to a state whose part is new. The others of a part still have
 * equal rows, without anything new in them, so they stay. */
struct parts {
    const struct dfa *d;
    const struct sources *r;
    const uint8_t *live;
    uint32_t *part;                         /* borrowed: of each state; 0 for what is not live */
    uint32_t n;                             /* parts so far */
    uint32_t *list, *changed;               /* owned: states to look at; states that got a new part */
    uint32_t *out, *size, *touched, *table; /* owned: new part; members; of those in the list; hash table of the list */
    uint8_t *kept, *marked;                 /* owned: one group keeps the part's number; state is in the list */
    size_t n_list, spent;
};

static bool parts_init(struct parts *p, size_t cap)
{
    size_t n = (size_t)p->d->n + 4;
    uint32_t **v[] = { &p->list, &p->changed, &p->out, &p->size, &p->touched };
    bool ok = (p->table = mem_try_calloc(cap, sizeof *p->table)) != NULL;
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        ok = (*v[i] = mem_try_calloc(n, sizeof **v[i])) != NULL && ok;
    p->kept = mem_try_calloc(n, 1);
    p->marked = mem_try_calloc(n, 1);
    return ok && p->kept && p->marked;
}

static void parts_deinit(struct parts *p)
{
    void *v[] = { p->list, p->changed, p->out, p->size, p->touched, p->table, p->kept, p->marked };
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        mem_free(v[i]);
}

static bool same_row(const struct parts *p, uint32_t a, uint32_t b)
{
    size_t k = p->d->n_class;
    if (p->part[a] != p->part[b])
        return false;
    const uint32_t *x = p->d->next + a * k, *y = p->d->next + b * k;
    for (size_t c = 0; c < k; c++)
        if (p->part[x[c]] != p->part[y[c]])
            return false;
    return true;
}

/* The first state in the list with the same part and row as s, which may be s. */
static uint32_t leader(struct parts *p, uint32_t s, size_t cap)
{
    uint64_t h = p->part[s];
    for (size_t c = 0; c < p->d->n_class; c++)
        h = mix(h, p->part[p->d->next[(size_t)s * p->d->n_class + c]]);
    size_t at = h & (cap - 1);
    while (p->table[at] && !same_row(p, p->table[at], s))
        at = (at + 1) & (cap - 1);
    if (!p->table[at])
        p->table[at] = s;
    return p->table[at];
}

/* Splits the parts of the states in the list, and makes the next list. */
static void refine(struct parts *p)
{
    size_t cap = 16, n_changed = 0;
    while (cap < 2 * p->n_list)
        cap *= 2;
    memset(p->table, 0, cap * sizeof *p->table);
    for (size_t i = 0; i < p->n_list; i++)
        p->touched[p->part[p->list[i]]]++;
    for (size_t i = 0; i < p->n_list; i++) {
        uint32_t s = p->list[i], old = p->part[s], first = leader(p, s, cap);
        p->marked[s] = 0;
        if (first != s) {
            p->out[s] = p->out[first];
        } else if (p->touched[old] == p->size[old] && !p->kept[old]) {
            p->kept[old] = 1;
            p->out[s] = old;
        } else {
            p->out[s] = p->n++;
        }
    }
    for (size_t i = 0; i < p->n_list; i++) {
        uint32_t s = p->list[i], old = p->part[s];
        p->touched[old] = 0;
        p->kept[old] = 0;
        if (p->out[s] == old)
            continue;
        p->size[old]--;
        p->size[p->out[s]]++;
        p->changed[n_changed++] = s;
    }
    p->spent += p->n_list * p->d->n_class;
    p->n_list = 0;
    for (size_t i = 0; i < n_changed; i++)
        p->part[p->changed[i]] = p->out[p->changed[i]];
    for (size_t i = 0; i < n_changed; i++)
        for (uint32_t k = p->r->first[p->changed[i]]; k < p->r->first[p->changed[i] + 1]; k++) {
            uint32_t s = p->r->from[k];
            if (p->live[s] && !p->marked[s]) {
                p->marked[s] = 1;
                p->list[p->n_list++] = s;
            }
        }
}

/* part[s]: the number of the part of s, of equal states; what is not live is part 0. Gives up (every state its own part) where it would take
 * long. *n_part: numbers are below it. */
static int find_parts(const struct dfa *d, const struct sources *r, const uint8_t *live, uint32_t *part,
                      uint32_t *n_part, struct err *e)
{
    struct parts p = { .d = d, .r = r, .live = live, .part = part, .n = 3 };
    size_t cap = 16;
    while (cap < 2 * (size_t)d->n)
        cap *= 2;
    if (!parts_init(&p, cap)) {
        parts_deinit(&p);
        return no_memory(e);
    }
    for (uint32_t s = 0; s < d->n; s++) {
        part[s] = !live[s] ? 0 : d->flags[s] & DFA_ACCEPT ? 2 : 1;
        p.size[part[s]]++;
        if (live[s])
            p.list[p.n_list++] = s;
    }
    while (p.n_list && p.spent < MERGE_WORK)
        refine(&p);
    for (uint32_t s = 0; s < d->n && p.n_list; s++)
        part[s] = s;
    *n_part = MAX(p.n, d->n);
    parts_deinit(&p);
    return 0;
}

/* The first of the n classes in keep[] whose column equals that of class c; n: none. */
static uint32_t same_column(const struct dfa *d, const uint64_t *hash, const uint32_t *keep, uint32_t n, uint32_t c)
{
    size_t k = d->n_class;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t s = 0;
        if (hash[keep[i]] != hash[c])
            continue;
        while (s < d->n && d->next[s * k + keep[i]] == d->next[s * k + c])
            s++;
        if (s == d->n)
            return i;
    }
    return n;
}

/* Classes whose columns are equal become one, numbered by their first bytes. */
static void merge_classes(struct dfa *d)
{
    uint8_t to[256];
    bool seen[256] = { false };
    uint32_t n = 0, k = d->n_class, keep[256];
    uint64_t hash[256] = { 0 };
    for (size_t s = 0; s < d->n; s++)
        for (size_t c = 0; c < k; c++)
            hash[c] = mix(hash[c], d->next[s * k + c]);
    for (int b = 0; b < 256; b++) {
        uint32_t c = d->class_of[b];
        if (seen[c])
            continue;
        seen[c] = true;
        uint32_t same = same_column(d, hash, keep, n, c);
        if (same == n)
            keep[n++] = c;
        to[c] = (uint8_t)same;
    }
    for (uint32_t s = 0; s < d->n; s++) {
        uint32_t row[256];
        for (uint32_t c = 0; c < n; c++)
            row[c] = d->next[s * (size_t)k + keep[c]];
        memcpy(d->next + s * (size_t)n, row, n * sizeof *row);
    }
    for (int b = 0; b < 256; b++)
        d->class_of[b] = to[d->class_of[b]];
    d->n_class = n;
}

/* Keeps one state of each part, in the order of a breadth-first walk from the start. */
static int keep_parts(struct dfa *d, const uint8_t *live, const uint32_t *part, uint32_t n_part, struct work *w,
                      struct err *e)
{
    size_t k = d->n_class, cap = (size_t)n_part + 2;
    uint32_t *number = mem_try_calloc(cap, sizeof *number), *state = mem_try_calloc(cap, sizeof *state);
    uint32_t *next = mem_try_calloc(cap * k, sizeof *next);
    uint8_t *flags = mem_try_calloc(cap, 1);
    if (!number || !state || !next || !flags) {
        mem_free(number);
        mem_free(state);
        mem_free(next);
        mem_free(flags);
        return no_memory(e);
    }
    uint32_t n = 2;
    state[1] = DFA_START;
    number[part[DFA_START]] = 1;
    for (uint32_t i = 1; i < n && live[DFA_START]; i++) {
        flags[i] = d->flags[state[i]] & DFA_ACCEPT;
        for (size_t c = 0; c < k; c++) {
            uint32_t to = d->next[state[i] * k + c];
            if (!live[to])
                continue;
            if (!number[part[to]]) {
                number[part[to]] = n;
                state[n++] = to;
            }
            next[i * k + c] = number[part[to]];
            flags[i] |= DFA_MORE;
        }
    }
    mem_free(number);
    mem_free(state);
    mem_free(d->next);
    mem_free(d->flags);
    w->states -= MIN(w->states, d->n - n);
    d->next = next;
    d->flags = flags;
    d->n = n;
    return 0;
}

int dfa_finish(struct dfa *d, struct work *w, struct err *e)
{
    merge_classes(d); /* states are merged in the time that there are classes */
    uint8_t *live = mem_try_calloc(d->n, 1);
    uint32_t *part = mem_try_calloc(d->n, sizeof *part), n_part = d->n;
    struct sources r = { 0 };
    int code = live && part && find_sources(&r, d) ? 0 : no_memory(e);
    if (!code)
        find_live(d, &r, live, part); /* part is room for its stack */
    if (!code)
        code = find_parts(d, &r, live, part, &n_part, e);
    if (!code)
        code = keep_parts(d, live, part, n_part, w, e);
    if (!code)
        merge_classes(d);
    else
        dfa_deinit(d);
    mem_free(live);
    mem_free(part);
    mem_free(r.first);
    mem_free(r.from);
    return code;
}

int dfa_table(struct dfa *d, const uint8_t class_of[256], size_t n_class, const int32_t *table, const bool *accept,
              size_t n, struct work *w, struct err *e)
{
    *d = (struct dfa){ 0 };
    int code = n > INT32_MAX / 512 ? err_set(e, ERR_LIMIT, "an automaton of %zu states", n) : 0;
    if (!code)
        code = dfa_init(d, n + 1 + (n == 0), n_class, w, e);
    if (code)
        return code;
    for (size_t s = 0; s < n; s++)
        d->flags[s + 1] = accept[s] ? DFA_ACCEPT : 0;
    for (size_t i = 0; i < n * n_class; i++)
        d->next[n_class + i] = (uint32_t)(table[i] + 1);
    memcpy(d->class_of, class_of, sizeof d->class_of);
    return dfa_finish(d, w, e);
}

/* The states of `one` that go on, in their order: number[s] of them, counted from 0. Their count. */
static uint32_t number_inner(const struct dfa *one, uint32_t *number)
{
    uint32_t n = 0;
    for (uint32_t s = 1; s < one->n; s++)
        number[s] = one->flags[s] & DFA_ACCEPT ? 0 : n++;
    return n;
}

/* Link i is a copy of `one` but for its accepting states, which are the next link's start. The last link may follow itself. */
static void fill_link(struct dfa *d, const struct dfa *one, const uint32_t *number, uint32_t first, uint32_t then)
{
    size_t k = one->n_class;
    for (uint32_t s = 1; s < one->n; s++) {
        if (one->flags[s] & DFA_ACCEPT)
            continue;
        uint32_t *row = d->next + (size_t)(first + number[s]) * k;
        for (size_t c = 0; c < k; c++) {
            uint32_t to = one->next[s * k + c];
            row[c] = to == 0 ? 0 : one->flags[to] & DFA_ACCEPT ? then : first + number[to];
        }
        d->flags[first + number[s]] = DFA_MORE;
    }
}

int dfa_chain(struct dfa *d, const struct dfa *one, size_t min, size_t max, struct work *w, struct err *e)
{
    bool loops = max == SIZE_MAX;
    size_t n_link = loops ? min + 1 : max, n;
    *d = (struct dfa){ 0 };
    if (!mem_mul(n_link, one->n, &n) || n > INT32_MAX - 2)
        return err_set(e, ERR_LIMIT, "a count of %zu", n_link);
    uint32_t *number = mem_try_calloc(one->n, sizeof *number);
    if (!number)
        return no_memory(e);
    size_t inner = number_inner(one, number);
    int code = dfa_init(d, n_link * inner + 1 + !loops, one->n_class, w, e);
    if (!code) {
        memcpy(d->class_of, one->class_of, sizeof d->class_of);
        for (size_t i = 0; i < n_link; i++) {
            size_t first = i * inner + 1, then = loops && i == min ? first : first + inner;
            fill_link(d, one, number, (uint32_t)first, (uint32_t)then);
        }
        /* `one` is finished, and so is this: all states reach a match, and equal ones would have been equal in it. */
        for (size_t i = min; i <= (loops ? min : max); i++)
            d->flags[i * inner + 1] |= DFA_ACCEPT;
    }
    mem_free(number);
    return code;
}

/* Pairs of states found so far, hashed. */
struct pairs {
    uint64_t *v; /* owned: a << 32 | b */
    size_t n, cap;
    uint32_t *slots; /* owned: index + 1 */
    size_t n_slot;
};

static bool pairs_grow(struct pairs *p)
{
    size_t n = p->n_slot ? p->n_slot * 2 : 64;
    uint32_t *slots = mem_try_calloc(n, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < p->n; i++) {
        size_t at = mix(7, p->v[i]) & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = (uint32_t)i + 1;
    }
    mem_free(p->slots);
    p->slots = slots;
    p->n_slot = n;
    return true;
}

/* The number of a pair, new if need be; UINT32_MAX: memory is out. */
static uint32_t pairs_get(struct pairs *p, uint32_t a, uint32_t b)
{
    if (2 * p->n >= p->n_slot && !pairs_grow(p))
        return UINT32_MAX;
    uint64_t key = (uint64_t)a << 32 | b;
    size_t at = mix(7, key) & (p->n_slot - 1);
    for (; p->v && p->slots[at]; at = (at + 1) & (p->n_slot - 1))
        if (p->v[p->slots[at] - 1] == key)
            return p->slots[at] - 1;
    if (!grow(&p->v, &p->cap, p->n + 1, sizeof *p->v))
        return UINT32_MAX;
    p->v[p->n++] = key;
    p->slots[at] = (uint32_t)p->n;
    return (uint32_t)p->n - 1;
}

/* The classes of two automata together: byte b has class class_of[b], which is class pa of a and pb of b. */
struct joint {
    uint8_t class_of[256], pa[256], pb[256];
    size_t n;
};

static void join_classes(struct joint *j, const struct dfa *a, const struct dfa *b)
{
    j->n = 0;
    for (int c = 0; c < 256; c++) {
        size_t i = 0;
        while (i < j->n && (j->pa[i] != a->class_of[c] || j->pb[i] != b->class_of[c]))
            i++;
        if (i == j->n) {
            j->pa[i] = a->class_of[c];
            j->pb[i] = b->class_of[c];
            j->n++;
        }
        j->class_of[c] = (uint8_t)i;
    }
}

/* Pair 0 is dead, pair 1 the start; next grows by a row for each pair. */
static int product_rows(struct pairs *p, uint32_t **next, const struct joint *j, const struct dfa *a,
                        const struct dfa *b, bool minus, struct work *w, struct err *e)
{
    size_t cap = 0;
    if (pairs_get(p, 0, 0) == UINT32_MAX || pairs_get(p, DFA_START, DFA_START) == UINT32_MAX)
        return no_memory(e);
    for (size_t i = 0; i < p->n; i++) {
        uint32_t sa = (uint32_t)(p->v[i] >> 32), sb = (uint32_t)p->v[i];
        int code = work_states(w, 1, e);
        if (!code && !grow(next, &cap, (i + 1) * j->n, sizeof **next))
            code = no_memory(e);
        for (size_t c = 0; c < j->n && !code; c++) {
            uint32_t ta = a->next[(size_t)sa * a->n_class + j->pa[c]];
            uint32_t tb = b->next[(size_t)sb * b->n_class + j->pb[c]];
            uint32_t to = !ta || (!tb && !minus) ? 0 : pairs_get(p, ta, tb);
            if (to == UINT32_MAX)
                return no_memory(e);
            (*next)[i * j->n + c] = to;
            code = work_tick(w, e);
        }
        if (code)
            return code;
    }
    return 0;
}

int dfa_product(struct dfa *d, const struct dfa *a, const struct dfa *b, bool minus, struct work *w, struct err *e)
{
    *d = (struct dfa){ 0 };
    struct joint j;
    struct pairs p = { 0 };
    join_classes(&j, a, b);
    int code = product_rows(&p, &d->next, &j, a, b, minus, w, e);
    d->n = (uint32_t)p.n;
    d->n_class = (uint32_t)j.n;
    memcpy(d->class_of, j.class_of, sizeof j.class_of);
    if (!code && !(d->flags = mem_try_calloc(p.n, 1)))
        code = no_memory(e);
    for (size_t i = 1; i < p.n && !code; i++) {
        bool in_a = a->flags[p.v[i] >> 32] & DFA_ACCEPT, in_b = b->flags[(uint32_t)p.v[i]] & DFA_ACCEPT;
        d->flags[i] = in_a && in_b != minus ? DFA_ACCEPT : 0;
    }
    mem_free(p.v);
    mem_free(p.slots);
    if (code) {
        dfa_deinit(d);
        return code;
    }
    return dfa_finish(d, w, e);
}
