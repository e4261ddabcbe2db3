/* gmask.c - the vocabulary's trie walked with the grammar's states: what is dead ends a whole subtree.
 *
 * Where one of the state's terminals reads long stretches of free text, its slice of the vocabulary (text/token_trie.h) is taken over at
 * once and only the other tokens are walked: a token that the terminal reads to its end is allowed whatever else the state holds.
 * SPDX-License-Identifier: MIT */
#include "text/gmask.h"

#include <string.h>

#include "base/mem.h"

enum { LIST_MAX = 512, WORD_BITS = 32, SLICE_WEIGHT = 20000 };

static void set_bit(uint32_t *words, int32_t id)
{
    words[id / WORD_BITS] |= 1U << (id % WORD_BITS);
}

struct level {
    uint32_t end, state;
};

/* Sets the bits of the tokens in the trie that can be written in `state`. path: room for the depth + 2. */
static void walk(struct gstore *s, const struct token_trie *t, const struct trie_node *nodes, size_t n, uint32_t state,
                 uint32_t *words, struct level *path)
{
    size_t depth = 0;
    path[0] = (struct level){ (uint32_t)n, state };
    for (uint32_t i = 1; i < n;) {
        const struct trie_node *x = &nodes[i];
        while (i >= path[depth].end)
            depth--;
        uint32_t to = gstore_next(s, path[depth].state, x->byte);
        if (to == GSTATE_DEAD) {
            i = x->end;
            continue;
        }
        for (int32_t id = x->token; id >= 0; id = token_trie_same(t, id))
            set_bit(words, id);
        if (x->end > ++i)
            path[++depth] = (struct level){ x->end, to };
    }
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

/* The key of a state of DFA number `dfa`, remembered. */
static bool known_key(struct gstore *s, uint32_t dfa, uint32_t state, uint64_t key[2])
{
    const struct dfa *d = &s->def->dfas[dfa].dfa;
    if (!s->keys)
        s->keys = mem_try_calloc(s->def->n_dfa, sizeof *s->keys);
    if (s->keys && !s->keys[dfa]) {
        s->keys[dfa] = mem_try_calloc(d->n, 2 * sizeof *s->keys[dfa]);
        s->bytes += (size_t)d->n * 2 * sizeof *s->keys[dfa];
    }
    if (!s->keys || !s->keys[dfa])
        return false;
    uint64_t *k = s->keys[dfa] + 2 * (size_t)state;
    if (!k[0] && !slice_key(d, state, k))
        return false;
    memcpy(key, k, 2 * sizeof *k);
    return true;
}

/* How much of the vocabulary begins with a byte that the automaton reads in this state. */
static size_t weight(const struct token_trie *t, const struct gdfa *a, uint32_t state)
{
    uint64_t live[4] = { 0 };
    for (uint32_t c = 0; c < a->dfa.n_class; c++)
        for (int w = 0; w < 4 && a->dfa.next[(size_t)state * a->dfa.n_class + c]; w++)
            live[w] |= a->class_bits[c][w];
    return token_trie_weight(t, live);
}

/* The slice of the terminal that settles most, held; NULL: none is worth it. */
static const struct trie_slice *best_slice(struct gstore *s, const struct token_trie *t, uint32_t state)
{
    size_t n;
    const struct gconfig *v = gstore_configs(s, state, &n), *best = NULL;
    size_t most = SLICE_WEIGHT;
    for (size_t i = 0; i < n; i++) {
        const struct gnode *x = &s->def->nodes[v[i].node];
        size_t n_node = x->kind == G_DFA ? weight(t, &s->def->dfas[x->a], v[i].at) : 0;
        if (n_node > most) {
            most = n_node;
            best = &v[i];
        }
    }
    uint64_t key[2];
    if (!best || !known_key(s, s->def->nodes[best->node].a, best->at, key))
        return NULL;
    return token_trie_slice(t, key, &s->def->dfas[s->def->nodes[best->node].a].dfa, best->at);
}

static const struct gmask *work_out(struct gstore *s, const struct token_trie *t, uint32_t state)
{
    size_t n_word = token_trie_size(t) / WORD_BITS + 1, n, n_eos;
    uint32_t *words = mem_try_calloc(n_word, sizeof *words);
    struct level *path = mem_try_calloc(token_trie_depth(t) + 2, sizeof *path);
    struct gmask *m = NULL;
    if (words && path) {
        const struct trie_node *nodes = token_trie_nodes(t, &n);
        const int32_t *eos = token_trie_eos(t, &n_eos);
        const struct trie_slice *slice = best_slice(s, t, state);
        if (slice)
            memcpy(words, slice->words, n_word * sizeof *words);
        walk(s, t, slice ? slice->nodes : nodes, slice ? slice->n_node : n, state, words, path);
        if (slice)
            token_trie_drop(t, slice);
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
