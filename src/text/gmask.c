/* gmask.c - the vocabulary's trie walked with the grammar's states: what is dead ends a whole subtree.
 *
 * Where one of the state's terminals reads long stretches of free text, its slice of the vocabulary (text/token_trie.h) is taken over at
 * once and only the other tokens are walked: a token that the terminal reads to its end is allowed whatever else the state holds.
 * SPDX-License-Identifier: MIT */
#include "text/gmask.h"

#include <string.h>

#include "base/mem.h"

enum { LIST_MAX = 512, WORD_BITS = 32, SLICE_LIVE = 20 };

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

static const struct gmask *work_out(struct gstore *s, const struct token_trie *t, uint32_t state)
{
    size_t n_word = token_trie_size(t) / WORD_BITS + 1, n, n_eos;
    uint32_t *words = mem_try_calloc(n_word, sizeof *words);
    struct level *path = mem_try_calloc(token_trie_depth(t) + 2, sizeof *path);
    struct gmask *m = NULL;
    if (words && path) {
        const struct trie_node *nodes = token_trie_nodes(t, &n);
        const int32_t *eos = token_trie_eos(t, &n_eos);
        walk(s, t, nodes, n, state, words, path);
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
