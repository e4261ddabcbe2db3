/* gmask.c - the vocabulary's trie walked with the grammar's states: what is dead ends a whole subtree.
 *
 * Where one of the state's terminals reads long stretches of free text, its slice of the vocabulary (text/grammar/token_trie.h) is taken over at
 * once and only the other tokens are walked: a token that the terminal reads to its end is allowed whatever else the state holds.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/gmask.h"

#include <string.h>

#include "base/mem.h"

enum { LIST_MAX = 512, WORD_BITS = 32 };
/* A slice is made for a terminal that reads on after two bytes of at least half the vocabulary, or whose walk saw that many nodes. */
enum { LONG_WALK = 15000, KEY_LONG = 2, KEY_WORDS = 3 };
#define SLICE_SHARE 0.5

static void set_bit(uint32_t *words, int32_t id)
{
    words[id / WORD_BITS] |= 1U << (id % WORD_BITS);
}

struct level {
    uint32_t end, state;
};

/* A set of bytes. */
static bool has(const uint64_t set[4], uint8_t byte)
{
    return set[byte / 64] >> (byte % 64) & 1;
}

/* Sets the bits of the tokens in the trie that can be written in `state` and begin with a byte of `first`. path: room for the depth + 2.
 * Returns how many nodes were not dead. */
static size_t walk(struct gstore *s, const struct token_trie *t, const struct trie_node *nodes, size_t n,
                   uint32_t state, const uint64_t first[4], uint32_t *words, struct level *path)
{
    size_t depth = 0, seen = 0;
    const int32_t *same = token_trie_same(t);
    path[0] = (struct level){ (uint32_t)n, state };
    for (uint32_t i = 1; i < n;) {
        const struct trie_node *x = &nodes[i];
        while (i >= path[depth].end)
            depth--;
        uint32_t to = depth || has(first, x->byte) ? gstore_next(s, path[depth].state, x->byte) : GSTATE_DEAD;
        if (to == GSTATE_DEAD) {
            i = x->end;
            continue;
        }
        seen++;
        for (int32_t id = x->token; id >= 0; id = same ? same[id] : -1)
            set_bit(words, id);
        if (x->end > ++i)
            path[++depth] = (struct level){ x->end, to };
    }
    return seen;
}

/* Clears the bits of the tokens that begin with a byte of `first`. */
static void clear(const struct token_trie *t, const uint64_t first[4], uint32_t *words)
{
    size_t n;
    const struct trie_node *nodes = token_trie_nodes(t, &n);
    const int32_t *same = token_trie_same(t);
    for (uint32_t i = 1; i < n; i = nodes[i].end)
        for (uint32_t k = i; k < nodes[i].end && has(first, nodes[i].byte); k++)
            for (int32_t id = nodes[k].token; id >= 0; id = same ? same[id] : -1)
                words[id / WORD_BITS] &= ~(1U << (id % WORD_BITS));
}

/* The mask in its smallest form. */
static struct gmask *pack(struct gstore *s, const struct token_trie *t, const uint32_t *words, bool may_end)
{
    size_t n_word = token_trie_size(t) / WORD_BITS + 1, n_eos = 0, n = 0;
    token_trie_eos(t, &n_eos);
    for (size_t i = 0; i < n_word; i++)
        n += (size_t)__builtin_popcount(words[i]);
    enum gmask_kind kind = may_end && n == token_trie_count(t) + n_eos ? GMASK_ALL
                           : n <= LIST_MAX                             ? GMASK_LIST
                                                                       : GMASK_WORDS;
    size_t n_data = kind == GMASK_ALL ? 0 : kind == GMASK_LIST ? n : n_word;
    struct gmask *m = mem_try_aligned(sizeof *m + n_data * sizeof *m->data, 16);
    if (!m)
        return NULL;
    s->bytes += sizeof *m + n_data * sizeof *m->data;
    m->kind = kind;
    m->n = (uint32_t)n;
    if (kind == GMASK_WORDS)
        memcpy(m->data, words, n_word * sizeof *words);
    for (size_t i = 0, k = 0; i < n_word && kind == GMASK_LIST; i++)
        for (uint32_t w = words[i]; w; w &= w - 1)
            m->data[k++] = (uint32_t)(i * WORD_BITS) + (uint32_t)__builtin_ctz(w);
    return m;
}

/* --- slices ----------------------------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    x = (x ^ x >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return x ^ x >> 32;
}

/* States of a DFA that a walk of SLICE_BYTES bytes reaches, nearest first. */
struct reach {
    uint32_t *states; /* owned: [n], at distance d from first[d] on */
    size_t n;
    size_t first[SLICE_BYTES + 2];
};

static bool find_reach(struct reach *r, const struct dfa *d, uint32_t from)
{
    uint8_t *seen = mem_try_calloc(d->n, 1);
    *r = (struct reach){ .states = mem_try_calloc(d->n, sizeof *r->states) };
    if (!seen || !r->states) {
        mem_free(seen);
        mem_free(r->states);
        return false;
    }
    r->states[r->n++] = from;
    seen[from] = 1;
    for (size_t dist = 0; dist <= SLICE_BYTES; dist++) {
        size_t end = r->n;
        r->first[dist + 1] = end;
        for (size_t i = r->first[dist]; i < end; i++)
            for (uint32_t c = 0; c < d->n_class; c++) {
                uint32_t to = d->next[(size_t)r->states[i] * d->n_class + c];
                if (to && !seen[to]) {
                    seen[to] = 1;
                    r->states[r->n++] = to;
                }
            }
    }
    mem_free(seen);
    return true;
}

/* A hash of the texts of up to SLICE_BYTES bytes that the automaton can go on from after reading them in state `from`: round by round, a
 * state's hash sums up where its bytes lead, whatever classes they are grouped in. */
static bool slice_key(const struct dfa *d, uint32_t from, uint64_t key[2])
{
    struct reach r;
    if (!find_reach(&r, d, from))
        return false;
    uint64_t *now = mem_try_calloc(d->n, 2 * sizeof *now), *next = mem_try_calloc(d->n, 2 * sizeof *next);
    uint64_t weight[256][2] = { { 0 } };
    for (uint32_t b = 0; b < 256; b++) {
        weight[d->class_of[b]][0] += mix(2 * (uint64_t)b + 1);
        weight[d->class_of[b]][1] += mix(2 * (uint64_t)b + 2 + UINT64_C(0x100000000));
    }
    for (size_t i = 0; i < r.n && now && next; i++)
        now[2 * (size_t)r.states[i]] = now[2 * (size_t)r.states[i] + 1] = 1;
    for (size_t round = 1; round <= SLICE_BYTES && now && next; round++) {
        for (size_t i = 0; i < r.first[SLICE_BYTES - round + 1]; i++) {
            size_t s = r.states[i];
            uint64_t sum[2] = { 1, 1 };
            for (uint32_t c = 0; c < d->n_class; c++) {
                size_t to = d->next[s * d->n_class + c];
                sum[0] += weight[c][0] * now[2 * to];
                sum[1] += weight[c][1] * now[2 * to + 1];
            }
            next[2 * s] = mix(sum[0]);
            next[2 * s + 1] = mix(sum[1]);
        }
        uint64_t *swap = now;
        now = next;
        next = swap;
    }
    bool ok = now && next;
    for (int i = 0; i < 2 && ok; i++)
        key[i] = now[2 * (size_t)from + (size_t)i];
    mem_free(now);
    mem_free(next);
    mem_free(r.states);
    return ok;
}

/* What is remembered of a state of DFA number `dfa`: its key (0: not worked out), and whether a walk from it was long. NULL: memory is out. */
static uint64_t *known_key(struct gstore *s, uint32_t dfa, uint32_t state)
{
    const struct dfa *d = &s->def->dfas[dfa].dfa;
    if (!s->keys)
        s->keys = mem_try_calloc(s->def->n_dfa, sizeof *s->keys);
    if (s->keys && !s->keys[dfa]) {
        s->keys[dfa] = mem_try_calloc(d->n, KEY_WORDS * sizeof *s->keys[dfa]);
        s->bytes += (size_t)d->n * KEY_WORDS * sizeof *s->keys[dfa];
    }
    return s->keys && s->keys[dfa] ? s->keys[dfa] + KEY_WORDS * (size_t)state : NULL;
}

/* What may stand in for a state of a DFA: itself, or the state that most bytes lead to from here, where most bytes lead to the same places from
 * both. So a slice of "any text" serves the states of half a closing tag, too. */
struct stand_in {
    uint32_t dfa, state;
    size_t weight;     /* of the vocabulary that begins with bytes that are live and lead to the same place from both */
    uint64_t other[4]; /* bytes that lead elsewhere */
};

static uint32_t next_of(const struct dfa *d, uint32_t state, size_t c)
{
    return d->next[(size_t)state * d->n_class + c];
}

/* weights: of the classes. */
static struct stand_in compare(const struct gdfa *a, uint32_t dfa, uint32_t state, uint32_t other,
                               const size_t *weights)
{
    struct stand_in x = { .dfa = dfa, .state = other };
    for (uint32_t c = 0; c < a->dfa.n_class; c++) {
        uint32_t to = next_of(&a->dfa, state, c);
        if (to == next_of(&a->dfa, other, c))
            x.weight += to ? weights[c] : 0;
        else
            for (int w = 0; w < 4; w++)
                x.other[w] |= a->class_bits[c][w];
    }
    return x;
}

static struct stand_in find_stand_in(const struct token_trie *t, const struct gdfa *a, uint32_t dfa, uint32_t state)
{
    size_t weights[256] = { 0 }, most = 0;
    const uint32_t *of_byte = token_trie_weights(t);
    uint32_t target = state;
    for (int b = 0; b < 256; b++)
        weights[a->dfa.class_of[b]] += of_byte[b];
    for (uint32_t c = 0; c < a->dfa.n_class; c++)
        if (next_of(&a->dfa, state, c) && weights[c] > most) {
            most = weights[c];
            target = next_of(&a->dfa, state, c);
        }
    struct stand_in own = compare(a, dfa, state, state, weights), there = compare(a, dfa, state, target, weights);
    return there.weight >= own.weight - own.weight / 4 ? there : own;
}

/* The share of the vocabulary, by its nodes, whose first two bytes the automaton reads, taken as if they did not depend on each other. */
static double share(const struct token_trie *t, const struct dfa *d, uint32_t state, int bytes)
{
    const uint32_t *of_byte = token_trie_weights(t);
    double weights[256] = { 0 }, total = 1, sum = 0;
    for (int b = 0; b < 256; b++) {
        weights[d->class_of[b]] += of_byte[b];
        total += of_byte[b];
    }
    for (uint32_t c = 0; c < d->n_class; c++) {
        uint32_t to = next_of(d, state, c);
        if (to)
            sum += weights[c] / total * (bytes > 1 ? share(t, d, to, bytes - 1) : 1);
    }
    return sum;
}

/* The slice of the terminal that settles most, held; NULL: none is worth it. */
static const struct trie_slice *best_slice(struct gstore *s, const struct token_trie *t, uint32_t state,
                                           struct stand_in *best)
{
    size_t n;
    const struct gconfig *v = gstore_configs(s, state, &n);
    *best = (struct stand_in){ .weight = LONG_WALK };
    for (size_t i = 0; i < n; i++) {
        const struct gnode *x = &s->def->nodes[v[i].node];
        if (x->kind != G_DFA)
            continue;
        struct stand_in in = find_stand_in(t, &s->def->dfas[x->a], x->a, v[i].at);
        if (in.weight > best->weight)
            *best = in;
    }
    uint64_t *key = best->state ? known_key(s, best->dfa, best->state) : NULL;
    if (!key)
        return NULL;
    const struct dfa *d = &s->def->dfas[best->dfa].dfa;
    if (!key[0]) {
        if (!slice_key(d, best->state, key))
            return NULL;
        key[KEY_LONG] = share(t, d, best->state, 2) >= SLICE_SHARE;
    }
    return key[KEY_LONG] ? token_trie_slice(t, key, d, best->state) : NULL;
}

/* The tokens that begin alike are taken from the slice or walked in what it leaves; all others are walked. */
static void fill(struct gstore *s, const struct token_trie *t, uint32_t state, uint32_t *words, struct level *path)
{
    size_t n, seen = 0;
    const struct trie_node *nodes = token_trie_nodes(t, &n);
    struct stand_in in;
    const struct trie_slice *slice = best_slice(s, t, state, &in);
    uint64_t same[4], other[4];
    for (int i = 0; i < 4; i++) {
        other[i] = slice ? in.other[i] : UINT64_MAX;
        same[i] = ~other[i];
    }
    if (slice) {
        memcpy(words, slice->words, (token_trie_size(t) / WORD_BITS + 1) * sizeof *words);
        if (other[0] | other[1] | other[2] | other[3])
            clear(t, other, words);
        walk(s, t, slice->nodes, slice->n_node, state, same, words, path);
        token_trie_drop(t, slice);
    }
    if (other[0] | other[1] | other[2] | other[3])
        seen = walk(s, t, nodes, n, state, other, words, path);
    if (!slice && in.state && seen > LONG_WALK && known_key(s, in.dfa, in.state))
        known_key(s, in.dfa, in.state)[KEY_LONG] = 1;
}

static const struct gmask *work_out(struct gstore *s, const struct token_trie *t, uint32_t state)
{
    size_t n_word = token_trie_size(t) / WORD_BITS + 1, n_eos;
    uint32_t *words = mem_try_calloc(n_word, sizeof *words);
    struct level *path = mem_try_calloc(token_trie_depth(t) + 2, sizeof *path);
    struct gmask *m = NULL;
    if (words && path) {
        const int32_t *eos = token_trie_eos(t, &n_eos);
        gstore_limit(s, true);
        fill(s, t, state, words, path);
        gstore_limit(s, false);
        for (size_t i = 0; i < n_eos && s->states[state].may_end; i++)
            set_bit(words, eos[i]);
        if (!s->failed)
            m = pack(s, t, words, s->states[state].may_end);
    }
    mem_free(words);
    mem_free(path);
    s->states[state].mask = m;
    return m;
}

const struct gmask *gmask_of(struct gstore *s, const struct token_trie *t, uint32_t state)
{
    return s->states[state].mask ? s->states[state].mask : work_out(s, t, state);
}
