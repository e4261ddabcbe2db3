/* gstore.c - one byte at a time through a context-free grammar, with everything interned.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/gstore.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "text/grow.h"

enum kind { KIND_NONE, KIND_SET, KIND_CELL, KIND_MEMBERS, KIND_STATE };
enum { LIST_MAX = 50000 };

/* An interned object: words[first] is its kind, n - 1 more follow. */
struct object {
    uint32_t first, n, hash;
    uint32_t extra; /* CELL: stamp of the last step that popped it; STATE: its number */
};

/* A place in the grammar that was reached: what a cell holds. */
struct item {
    uint32_t node, at, set;
};

struct gstore_parts {
    uint32_t *words; /* owned, as all below */
    size_t n_word, cap_word;
    struct object *objects; /* number 0 stands for none */
    size_t n_object, cap_object;
    uint32_t *slots;
    size_t n_slot;
    uint32_t bottom; /* the cell below everything */

    /* One step. */
    uint32_t stamp;
    bool may_end;
    struct gconfig *configs;
    size_t n_config, cap_config;
    struct item *items;
    size_t n_item, cap_item;
    uint32_t *sets; /* to be popped */
    size_t n_set, cap_set;
    uint32_t *heap; /* ranks of nodes to be expanded, smallest first */
    size_t n_heap, cap_heap;
    uint32_t *terms; /* terminals that begin */
    size_t n_term, cap_term;
    uint32_t *begun; /* [nodes]: stamp */
    uint32_t *after; /* [nodes]: the set that follows, where begun is this step's */
    uint32_t *work;  /* words of an object in the making */
    size_t cap_work;
};

enum { TICKS = 16 }; /* steps and unions between looks at the clock */
/* What one mask, or one token's way, may take of the processor: other answers wait for it. Recorded grammars need a hundredth. */
enum { LIMIT_NS = 1000000000 };

static bool room(struct gstore *s, void *array, size_t *cap, size_t need, size_t size)
{
    size_t before = *cap;
    if (s->failed || need > UINT32_MAX / 2 || !grow(array, cap, need, size)) {
        s->failed = true;
        return false;
    }
    s->bytes += (*cap - before) * size;
    return true;
}

/* --- interning ---------------------------------------------------------------------------------------------------------------- */

static uint32_t hash_words(const uint32_t *v, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ v[i]) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 31;
    }
    return (uint32_t)(h ^ h >> 32);
}

static bool grow_slots(struct gstore *s)
{
    struct gstore_parts *p = s->parts;
    size_t n = p->n_slot ? p->n_slot * 2 : 1024;
    uint32_t *slots = mem_try_calloc(n, sizeof *slots);
    if (!slots) {
        s->failed = true;
        return false;
    }
    for (size_t i = 1; i < p->n_object; i++) {
        size_t at = p->objects[i].hash & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = (uint32_t)i;
    }
    mem_free(p->slots);
    s->bytes += (n - p->n_slot) * sizeof *slots;
    p->slots = slots;
    p->n_slot = n;
    return true;
}

/* The object with these words, which lie outside p->words; 0 if that fails. */
static uint32_t intern(struct gstore *s, const uint32_t *v, size_t n)
{
    struct gstore_parts *p = s->parts;
    if (s->failed || (2 * p->n_object >= p->n_slot && !grow_slots(s)))
        return 0;
    uint32_t hash = hash_words(v, n);
    size_t at = hash & (p->n_slot - 1);
    for (; p->slots[at]; at = (at + 1) & (p->n_slot - 1)) {
        const struct object *o = &p->objects[p->slots[at]];
        if (o->hash == hash && o->n == n && !memcmp(p->words + o->first, v, n * sizeof *v))
            return p->slots[at];
    }
    if (n > LIST_MAX || !room(s, &p->words, &p->cap_word, p->n_word + n, sizeof *p->words) ||
        !room(s, &p->objects, &p->cap_object, p->n_object + 1, sizeof *p->objects)) {
        s->failed = true;
        return 0;
    }
    memcpy(p->words + p->n_word, v, n * sizeof *v);
    p->objects[p->n_object] = (struct object){ (uint32_t)p->n_word, (uint32_t)n, hash, 0 };
    p->n_word += n;
    p->slots[at] = (uint32_t)p->n_object;
    return (uint32_t)p->n_object++;
}

static const uint32_t *object_words(const struct gstore_parts *p, uint32_t object, size_t *n)
{
    *n = p->objects[object].n - 1;
    return p->words + p->objects[object].first + 1;
}

static uint32_t cell(struct gstore *s, uint32_t node, uint32_t at, uint32_t set)
{
    const uint32_t v[] = { KIND_CELL, node, at, set };
    return intern(s, v, ARRAY_LEN(v));
}

static uint32_t set_of(struct gstore *s, uint32_t one)
{
    const uint32_t v[] = { KIND_SET, one };
    return intern(s, v, ARRAY_LEN(v));
}

/* A place inside a node with what follows the node, as a set of one. */
static uint32_t push(struct gstore *s, uint32_t node, uint32_t at, uint32_t set)
{
    return set_of(s, cell(s, node, at, set));
}

static void look_at_clock(struct gstore *s)
{
    if (s->deadline && ++s->ticks % TICKS == 0 && clock_thread_ns() > s->deadline)
        s->failed = s->slow = true;
}

static uint32_t set_union(struct gstore *s, uint32_t a, uint32_t b)
{
    struct gstore_parts *p = s->parts;
    size_t na, nb, n = 1, i = 0, j = 0;
    if (a == b)
        return a;
    look_at_clock(s);
    const uint32_t *x = object_words(p, a, &na), *y = object_words(p, b, &nb);
    if (!room(s, &p->work, &p->cap_work, na + nb + 1, sizeof *p->work))
        return 0;
    p->work[0] = KIND_SET;
    while (i < na || j < nb) {
        if (j == nb || (i < na && x[i] < y[j])) {
            p->work[n++] = x[i++];
        } else {
            i += i < na && x[i] == y[j];
            p->work[n++] = y[j++];
        }
    }
    return intern(s, p->work, n);
}

/* --- members in any order ------------------------------------------------------------------------------------------------------ */

/* What was written of a MEMBERS node, as the words of an object: which came, how many others, and whether a separator stands last. */
enum { MEMBERS_AFTER_SEP, MEMBERS_OTHERS, MEMBERS_BITS };

static bool bit(const uint32_t *bits, uint32_t i)
{
    return bits[i / 32] >> (i % 32) & 1;
}

static uint32_t count_members(const struct gmembers *m, const uint32_t *st)
{
    uint32_t n = st[MEMBERS_OTHERS];
    for (uint32_t i = 0; i < (m->n + 31) / 32; i++)
        n += (uint32_t)__builtin_popcount(st[MEMBERS_BITS + i]);
    return n;
}

static uint32_t required_left(const struct gdef *d, const struct gmembers *m, const uint32_t *st)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n && m->n_required; i++)
        n += d->required[m->required + i] && !bit(st + MEMBERS_BITS, i);
    return n;
}

/* The object for `st`, which does not lie in the store, after one more: member i, or (i == m->n) another, or (m->n + 1) a separator. */
static uint32_t members_after(struct gstore *s, const struct gmembers *m, const uint32_t *st, uint32_t i)
{
    struct gstore_parts *p = s->parts;
    size_t n = MEMBERS_BITS + (m->n + 31) / 32;
    if (!room(s, &p->work, &p->cap_work, n + 1, sizeof *p->work))
        return 0;
    p->work[0] = KIND_MEMBERS;
    memcpy(p->work + 1, st, n * sizeof *st);
    uint32_t *v = p->work + 1;
    v[MEMBERS_AFTER_SEP] = i == m->n + 1;
    if (i < m->n)
        v[MEMBERS_BITS + i / 32] |= 1U << (i % 32);
    /* Others are counted as far as it matters. */
    if (i == m->n && (m->max != GDEF_NONE || v[MEMBERS_OTHERS] < m->min))
        v[MEMBERS_OTHERS]++;
    if (i == m->n && m->max == GDEF_NONE && m->min == 0)
        v[MEMBERS_OTHERS] = 1; /* that there was one: a separator comes next */
    return intern(s, p->work, n + 1);
}

static bool members_may_end(const struct gdef *d, const struct gmembers *m, const uint32_t *st)
{
    return !st[MEMBERS_AFTER_SEP] && required_left(d, m, st) == 0 && count_members(m, st) >= m->min;
}

/* --- one step ------------------------------------------------------------------------------------------------------------------ */

static void heap_push(struct gstore *s, uint32_t rank)
{
    struct gstore_parts *p = s->parts;
    if (!room(s, &p->heap, &p->cap_heap, p->n_heap + 1, sizeof *p->heap))
        return;
    size_t i = p->n_heap++;
    for (; i && p->heap[(i - 1) / 2] > rank; i = (i - 1) / 2)
        p->heap[i] = p->heap[(i - 1) / 2];
    p->heap[i] = rank;
}

static uint32_t heap_pop(struct gstore_parts *p)
{
    uint32_t top = p->heap[0], last = p->heap[--p->n_heap];
    size_t i = 0;
    for (size_t k = 1; k < p->n_heap; k = 2 * i + 1) {
        k += k + 1 < p->n_heap && p->heap[k + 1] < p->heap[k];
        if (p->heap[k] >= last)
            break;
        p->heap[i] = p->heap[k];
        i = k;
    }
    p->heap[i] = last;
    return top;
}

/* The node may begin here, and `set` follows it. */
static void begin(struct gstore *s, uint32_t node, uint32_t set)
{
    struct gstore_parts *p = s->parts;
    const struct gnode *x = &s->def->nodes[node];
    if (!x->productive || !set)
        return;
    if (p->begun[node] == p->stamp) {
        p->after[node] = set_union(s, p->after[node], set);
        return;
    }
    p->begun[node] = p->stamp;
    p->after[node] = set;
    if (x->kind != G_LITERAL && x->kind != G_DFA)
        heap_push(s, x->rank);
    else if (room(s, &p->terms, &p->cap_term, p->n_term + 1, sizeof *p->terms))
        p->terms[p->n_term++] = node;
}

static void begin_seq(struct gstore *s, uint32_t node, uint32_t from, uint32_t set)
{
    const struct gnode *x = &s->def->nodes[node];
    for (uint32_t i = from; i < x->b && !s->failed; i++) {
        uint32_t kid = gdef_kid(s->def, x, i);
        begin(s, kid, i + 1 < x->b ? push(s, node, i + 1, set) : set);
        if (!s->def->nodes[kid].nullable)
            return;
    }
}

/* `done` repeats are written. */
static void begin_repeat(struct gstore *s, uint32_t node, uint32_t done, uint32_t set)
{
    const struct gnode *x = &s->def->nodes[node];
    if (x->max == GDEF_NONE)
        begin(s, x->a, push(s, node, MIN(done + 1, x->min), set));
    else if (done < x->max)
        begin(s, x->a, done + 1 < x->max ? push(s, node, done + 1, set) : set);
}

/* st: the words of what is written, which may lie among the store's. */
static void begin_members(struct gstore *s, uint32_t node, const uint32_t *st, uint32_t set)
{
    const struct gdef *d = s->def;
    const struct gmembers *m = &d->members[d->nodes[node].a];
    uint32_t *own = mem_try_calloc(MEMBERS_BITS + (m->n + 31) / 32, sizeof *own);
    if (!own) {
        s->failed = true;
        return;
    }
    memcpy(own, st, (MEMBERS_BITS + (m->n + 31) / 32) * sizeof *own);
    uint32_t n = count_members(m, own), left = required_left(d, m, own);
    bool optional = n + left < m->max, room_left = n < m->max, extra = m->extra != GDEF_NONE && optional;
    bool separate = n && !own[MEMBERS_AFTER_SEP] && m->sep != GDEF_NONE, any = extra;
    bool direct = !separate || d->nodes[m->sep].nullable;
    for (uint32_t i = 0; i < m->n && room_left && !s->failed; i++) {
        if (bit(own + MEMBERS_BITS, i) || (!d->required[m->required + i] && !optional))
            continue;
        uint32_t kid = d->kids[m->first + i];
        any |= d->nodes[kid].productive;
        if (direct)
            begin(s, kid, push(s, node, members_after(s, m, own, i), set));
        else if (any)
            break;
    }
    if (extra && direct)
        begin(s, m->extra, push(s, node, members_after(s, m, own, m->n), set));
    if (separate && any)
        begin(s, m->sep, push(s, node, members_after(s, m, own, m->n + 1), set));
    mem_free(own);
}

static void begin_kids(struct gstore *s, uint32_t node, uint32_t set)
{
    const struct gnode *x = &s->def->nodes[node];
    switch (x->kind) {
    case G_SEQ:
        begin_seq(s, node, 0, set);
        break;
    case G_ALT:
        for (uint32_t i = 0; i < x->b && !s->failed; i++)
            begin(s, gdef_kid(s->def, x, i), set);
        break;
    case G_REPEAT:
        begin_repeat(s, node, 0, set);
        break;
    case G_RULE:
        begin(s, x->a, set);
        break;
    case G_MEMBERS: {
        size_t n = MEMBERS_BITS + (s->def->members[x->a].n + 31) / 32;
        uint32_t *none = mem_try_calloc(n, sizeof *none);
        if (none)
            begin_members(s, node, none, set);
        else
            s->failed = true;
        mem_free(none);
        break;
    }
    default:
        break;
    }
}

/* What the cell stands for may be left out: the node that it is in ends. */
static bool may_leave(const struct gstore *s, const struct item *it)
{
    const struct gnode *x = &s->def->nodes[it->node];
    size_t n;
    switch (x->kind) {
    case G_SEQ:
        return it->at >= x->tail;
    case G_REPEAT:
        return it->at >= x->min;
    default:
        return members_may_end(s->def, &s->def->members[x->a], object_words(s->parts, it->at, &n));
    }
}

static void add_item(struct gstore *s, struct item it)
{
    struct gstore_parts *p = s->parts;
    for (size_t i = 0; i < p->n_item; i++)
        if (p->items[i].node == it.node && p->items[i].at == it.at) {
            p->items[i].set = set_union(s, p->items[i].set, it.set);
            return;
        }
    if (room(s, &p->items, &p->cap_item, p->n_item + 1, sizeof *p->items))
        p->items[p->n_item++] = it;
}

/* A node ended that `set` follows: its cells go on, and those that may be left out end in turn. */
static void pop(struct gstore *s, uint32_t set)
{
    struct gstore_parts *p = s->parts;
    p->n_set = 0;
    if (!room(s, &p->sets, &p->cap_set, 1, sizeof *p->sets))
        return;
    p->sets[p->n_set++] = set;
    while (p->n_set && !s->failed) {
        uint32_t at = p->sets[--p->n_set];
        size_t n = p->objects[at].n - 1;
        for (size_t i = 0; i < n && !s->failed; i++) {
            uint32_t c = p->words[p->objects[at].first + 1 + i];
            if (p->objects[c].extra == p->stamp)
                continue;
            p->objects[c].extra = p->stamp;
            if (c == p->bottom) {
                p->may_end = true;
                continue;
            }
            const uint32_t *v = p->words + p->objects[c].first + 1;
            struct item it = { v[0], v[1], v[2] };
            add_item(s, it);
            if (may_leave(s, &it) && room(s, &p->sets, &p->cap_set, p->n_set + 1, sizeof *p->sets))
                p->sets[p->n_set++] = it.set;
        }
    }
}

static void add_config(struct gstore *s, uint32_t node, uint32_t at, uint32_t set)
{
    struct gstore_parts *p = s->parts;
    if (room(s, &p->configs, &p->cap_config, p->n_config + 1, sizeof *p->configs))
        p->configs[p->n_config++] = (struct gconfig){ node, at, set };
}

static void step_begin(struct gstore *s)
{
    struct gstore_parts *p = s->parts;
    if (++p->stamp == 0) { /* stamps of four thousand million steps ago are forgotten */
        for (size_t i = 1; i < p->n_object; i++)
            if (p->words[p->objects[i].first] == KIND_CELL)
                p->objects[i].extra = 0;
        memset(p->begun, 0, s->def->n * sizeof *p->begun);
        p->stamp = 1;
    }
    p->n_config = p->n_item = p->n_heap = p->n_term = 0;
    p->may_end = false;
}

static int by_place(const void *a, const void *b)
{
    const struct gconfig *x = a, *y = b;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* The bytes that lead on from a configuration. */
static void add_live(const struct gdef *d, const struct gconfig *c, uint64_t live[4])
{
    const struct gnode *x = &d->nodes[c->node];
    if (x->kind == G_LITERAL) {
        uint8_t byte = (uint8_t)d->text[x->a + c->at];
        live[byte / 64] |= UINT64_C(1) << (byte % 64);
        return;
    }
    const struct gdfa *a = &d->dfas[x->a];
    const uint32_t *row = a->dfa.next + (size_t)c->at * a->dfa.n_class;
    for (uint32_t k = 0; k < a->dfa.n_class; k++)
        for (int w = 0; w < 4 && row[k]; w++)
            live[w] |= a->class_bits[k][w];
}

static uint32_t new_state(struct gstore *s, uint32_t object)
{
    struct gstore_parts *p = s->parts;
    if (!room(s, &s->states, &s->cap_state, s->n_state + 1, sizeof *s->states))
        return GSTATE_DEAD;
    struct gstate *x = &s->states[s->n_state];
    *x = (struct gstate){ .object = object, .may_end = p->may_end };
    for (size_t i = 0; i < p->n_config; i++)
        add_live(s->def, &p->configs[i], x->live);
    p->objects[object].extra = (uint32_t)s->n_state;
    return (uint32_t)s->n_state++;
}

/* Everything that was collected becomes a state. */
static uint32_t step_end(struct gstore *s)
{
    struct gstore_parts *p = s->parts;
    for (size_t i = 0; i < p->n_item && !s->failed; i++) {
        struct item it = p->items[i];
        const struct gnode *x = &s->def->nodes[it.node];
        if (x->kind == G_SEQ)
            begin_seq(s, it.node, it.at, it.set);
        else if (x->kind == G_REPEAT)
            begin_repeat(s, it.node, it.at, it.set);
        else
            begin_members(s, it.node, p->words + p->objects[it.at].first + 1, it.set);
    }
    while (p->n_heap && !s->failed) {
        uint32_t node = s->def->by_rank[heap_pop(p)];
        begin_kids(s, node, p->after[node]);
    }
    for (size_t i = 0; i < p->n_term; i++)
        add_config(s, p->terms[i], s->def->nodes[p->terms[i]].kind == G_DFA ? DFA_START : 0, p->after[p->terms[i]]);
    if (p->n_config > 1)
        qsort(p->configs, p->n_config, sizeof *p->configs, by_place);
    size_t n = 0;
    for (size_t i = 0; i < p->n_config && !s->failed; i++) {
        if (n && !by_place(&p->configs[n - 1], &p->configs[i]))
            p->configs[n - 1].set = set_union(s, p->configs[n - 1].set, p->configs[i].set);
        else
            p->configs[n++] = p->configs[i];
    }
    p->n_config = n;
    if (s->failed || (!n && !p->may_end) || !room(s, &p->work, &p->cap_work, 3 * n + 2, sizeof *p->work))
        return GSTATE_DEAD;
    p->work[0] = KIND_STATE;
    p->work[1] = p->may_end;
    if (n)
        memcpy(p->work + 2, p->configs, n * sizeof *p->configs);
    uint32_t object = intern(s, p->work, 3 * n + 2);
    if (!object)
        return GSTATE_DEAD;
    return p->objects[object].extra ? p->objects[object].extra : new_state(s, object);
}

const struct gconfig *gstore_configs(const struct gstore *s, uint32_t state, size_t *n)
{
    size_t words;
    const uint32_t *v = object_words(s->parts, s->states[state].object, &words);
    *n = (words - 1) / 3;
    return (const struct gconfig *)(const void *)(v + 1);
}

static void step_config(struct gstore *s, struct gconfig c, uint8_t byte)
{
    const struct gdef *d = s->def;
    const struct gnode *x = &d->nodes[c.node];
    if (x->kind == G_LITERAL) {
        if ((uint8_t)d->text[x->a + c.at] != byte)
            return;
        if (c.at + 1 < x->b)
            add_config(s, c.node, c.at + 1, c.set);
        else
            pop(s, c.set);
        return;
    }
    const struct dfa *a = &d->dfas[x->a].dfa;
    uint32_t to = dfa_next(a, c.at, byte);
    if (a->flags[to] & DFA_MORE)
        add_config(s, c.node, to, c.set);
    if (a->flags[to] & DFA_ACCEPT)
        pop(s, c.set);
}

static void remember(struct gstore *s, uint32_t state, uint8_t byte, uint32_t to)
{
    struct gstate *x = &s->states[state];
    if (!x->table && x->n_near < GSTATE_NEAR) {
        x->near_byte[x->n_near] = byte;
        x->near[x->n_near++] = to;
        return;
    }
    if (!x->table) {
        x->table = mem_try_aligned(256 * sizeof *x->table, 64);
        if (!x->table)
            return; /* it is only worked out again */
        s->bytes += 256 * sizeof *x->table;
        memset(x->table, 0xFF, 256 * sizeof *x->table);
        for (unsigned i = 0; i < x->n_near; i++)
            x->table[x->near_byte[i]] = x->near[i];
    }
    x->table[byte] = to;
}

uint32_t gstore_step(struct gstore *s, uint32_t state, uint8_t byte)
{
    size_t n;
    look_at_clock(s);
    if (s->failed)
        return GSTATE_DEAD;
    step_begin(s);
    gstore_configs(s, state, &n);
    for (size_t i = 0; i < n && !s->failed; i++)
        step_config(s, gstore_configs(s, state, &n)[i], byte);
    uint32_t to = step_end(s);
    if (!s->failed)
        remember(s, state, byte, to);
    return to;
}

/* --- the store ------------------------------------------------------------------------------------------------------------------ */

void gstore_limit(struct gstore *s, bool on)
{
    s->deadline = on ? clock_thread_ns() + LIMIT_NS : 0;
}

static void make_first(struct gstore *s)
{
    struct gstore_parts *p = s->parts;
    const uint32_t none[] = { KIND_NONE }, ended[] = { KIND_STATE, true };
    if (!room(s, &p->objects, &p->cap_object, 1, sizeof *p->objects))
        return;
    p->n_object = 1; /* number 0 is none */
    uint32_t dead = intern(s, none, 1), object = intern(s, ended, 2);
    p->bottom = cell(s, GDEF_NONE, 0, 0);
    uint32_t bottom = set_of(s, p->bottom);
    step_begin(s);
    if (s->failed || !room(s, &s->states, &s->cap_state, 1, sizeof *s->states))
        return;
    s->states[s->n_state++] = (struct gstate){ .object = dead };
    p->may_end = true;
    s->end = new_state(s, object);
    step_begin(s);
    p->may_end = s->def->nodes[s->def->root].nullable;
    begin(s, s->def->root, bottom);
    s->start = step_end(s);
}

struct gstore *gstore_new(const struct gdef *d, uint64_t trie, size_t max_bytes)
{
    struct gstore *s = xcalloc(1, sizeof *s);
    *s = (struct gstore){ .def = d, .trie = trie, .max_bytes = max_bytes, .parts = xcalloc(1, sizeof *s->parts) };
    s->parts->begun = mem_try_calloc(d->n, sizeof *s->parts->begun);
    s->parts->after = mem_try_calloc(d->n, sizeof *s->parts->after);
    s->failed = !s->parts->begun || !s->parts->after;
    gstore_limit(s, true);
    if (!s->failed)
        make_first(s);
    gstore_limit(s, false);
    if (s->failed) {
        gstore_free(s);
        return NULL;
    }
    return s;
}

void gstore_free(struct gstore *s)
{
    if (!s)
        return;
    struct gstore_parts *p = s->parts;
    for (size_t i = 0; i < s->n_state; i++) {
        mem_free(s->states[i].table);
        mem_free(s->states[i].mask);
    }
    for (size_t i = 0; s->keys && i < s->def->n_dfa; i++)
        mem_free(s->keys[i]);
    mem_free(s->keys);
    void *all[] = { p->words, p->objects, p->slots, p->configs, p->items, p->sets,
                    p->heap,  p->terms,   p->begun, p->after,   p->work,  p };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        mem_free(all[i]);
    mem_free(s->states);
    mem_free(s);
}

bool gstore_full(const struct gstore *s)
{
    return s->failed || s->bytes > s->max_bytes;
}

/* --- moving to another store ----------------------------------------------------------------------------------------------------- */

/* Marks with 1 in `to` what an object is made of. Parts have smaller numbers than what they are in. */
static void mark_parts(const struct gstore_parts *p, uint32_t object, uint32_t *to)
{
    size_t n;
    uint32_t kind = p->words[p->objects[object].first];
    const uint32_t *v = object_words(p, object, &n);
    for (size_t i = 0; i < n && kind == KIND_SET; i++)
        to[v[i]] = 1;
    for (size_t i = 1; i < n && kind == KIND_STATE; i += 3)
        to[v[i + 2]] = 1;
    if (kind == KIND_CELL && v[2])
        to[v[2]] = 1;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The object of another store in this one; the numbers of its parts are in `to`. */
static uint32_t import(struct gstore *s, const struct gstore *from, uint32_t object, const uint32_t *to)
{
    const struct gstore_parts *o = from->parts;
    struct gstore_parts *p = s->parts;
    size_t n;
    const uint32_t *v = object_words(o, object, &n);
    if (!room(s, &p->work, &p->cap_work, n + 1, sizeof *p->work))
        return 0;
    uint32_t *w = p->work;
    w[0] = o->words[o->objects[object].first];
    if (n)
        memcpy(w + 1, v, n * sizeof *w);
    for (size_t i = 1; i <= n && w[0] == KIND_SET; i++)
        w[i] = to[w[i]];
    for (size_t i = 2; i <= n && w[0] == KIND_STATE; i += 3)
        w[i + 2] = to[w[i + 2]];
    if (w[0] == KIND_SET)
        qsort(w + 1, n, sizeof *w, by_value);
    if (w[0] == KIND_CELL) {
        w[3] = w[3] ? to[w[3]] : 0;
        if (w[1] != GDEF_NONE && from->def->nodes[w[1]].kind == G_MEMBERS)
            w[2] = to[w[2]];
    }
    return intern(s, w, n + 1);
}

static uint32_t import_state(struct gstore *s, const struct gstore *from, uint32_t state, const uint32_t *to)
{
    struct gstore_parts *p = s->parts;
    uint32_t object = to[from->states[state].object];
    if (!object || p->objects[object].extra || state == GSTATE_DEAD)
        return object && state != GSTATE_DEAD ? p->objects[object].extra : GSTATE_DEAD;
    size_t n;
    const uint32_t *v = object_words(p, object, &n);
    step_begin(s);
    p->may_end = v[0];
    for (size_t i = 1; i < n && !s->failed; i += 3) {
        v = object_words(p, object, &n);
        add_config(s, v[i], v[i + 1], v[i + 2]);
    }
    return s->failed ? GSTATE_DEAD : new_state(s, object);
}

bool gstore_import(struct gstore *s, const struct gstore *from, uint32_t *states, size_t n)
{
    const struct gstore_parts *o = from->parts;
    uint32_t *to = mem_try_calloc(o->n_object, sizeof *to), *out = mem_try_calloc(n, sizeof *out);
    if (!to || !out || s->failed) {
        mem_free(to);
        mem_free(out);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        to[from->states[states[i]].object] = 1;
    for (size_t i = o->n_object - 1; i > 0; i--) {
        if (!to[i])
            continue;
        mark_parts(o, (uint32_t)i, to);
        const uint32_t *v = o->words + o->objects[i].first;
        if (v[0] == KIND_CELL && v[1] != GDEF_NONE && from->def->nodes[v[1]].kind == G_MEMBERS)
            to[v[2]] = 1;
    }
    for (size_t i = 1; i < o->n_object && !s->failed; i++)
        to[i] = to[i] ? import(s, from, (uint32_t)i, to) : 0;
    for (size_t i = 0; i < n && !s->failed; i++)
        out[i] = import_state(s, from, states[i], to);
    if (!s->failed)
        memcpy(states, out, n * sizeof *states);
    mem_free(to);
    mem_free(out);
    return !s->failed;
}
