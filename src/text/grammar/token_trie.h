/* token_trie.h - the inside of a struct token_trie (text/grammar/grammar.h): all tokens of a vocabulary by their bytes.
 *
 * Nodes lie in depth-first order. Node i stands for one more byte; the nodes below it are i + 1 up to its end, so that a whole subtree is
 * skipped by going on at `end`. Node 0 is the root and stands for no byte.
 *
 * A slice is a part of the vocabulary that a regular language settles: the tokens of at most SLICE_BYTES bytes that an automaton's state
 * reads to their ends, and the trie of all others. It is found once for all states that read the same texts of that length, in whichever
 * grammar they occur, and kept while it is used more lately than others. Finding one looks at few nodes: where an automaton stays in one
 * state whatever bytes are below a node (text/grammar/byte_kind.h), the whole subtree is settled.
 *
 * All but the slices is read-only; those have a lock of their own, so a trie may be shared by any threads.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_TOKEN_TRIE_H
#define TEXT_GRAMMAR_TOKEN_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "text/grammar/dfa.h"
#include "text/grammar/grammar.h"

struct trie_node {
    uint32_t end;  /* of the subtree: the next node that is not below this one */
    int32_t token; /* that ends here; -1: none. More of them: token_trie_same */
    uint8_t byte;
};

uint64_t token_trie_serial(const struct token_trie *t); /* no two tries of a process have the same */
size_t token_trie_size(const struct token_trie *t);     /* of the vocabulary */
size_t token_trie_depth(const struct token_trie *t);    /* bytes of the longest token */
size_t token_trie_count(const struct token_trie *t);    /* tokens in it */
const struct trie_node *token_trie_nodes(const struct token_trie *t, size_t *n);
/* [256]: nodes that begin with each byte: how much a walk that may begin so has to look at, at most. */
const uint32_t *token_trie_weights(const struct token_trie *t);
/* [vocabulary]: another token with the same bytes, -1: no more of them; NULL: no two tokens have the same bytes. */
const int32_t *token_trie_same(const struct token_trie *t);
struct str token_trie_bytes(const struct token_trie *t, int32_t id); /* empty: not in it */
bool token_trie_is_eos(const struct token_trie *t, int32_t id);
const int32_t *token_trie_eos(const struct token_trie *t, size_t *n);

enum { SLICE_BYTES = 24 };

struct trie_slice {
    uint64_t key[2];
    int refs;                /* under the trie's lock */
    uint64_t used;           /* when last */
    size_t n_token;          /* in words */
    uint32_t *words;         /* owned: bits of the tokens that are settled */
    struct trie_node *nodes; /* owned: the trie of the rest */
    size_t n_node;
};

/* The slice of a state, held; NULL if memory is out. `key`: two states with equal keys read the same texts of SLICE_BYTES bytes. */
const struct trie_slice *token_trie_slice(const struct token_trie *t, const uint64_t key[2], const struct dfa *d,
                                          uint32_t state);
void token_trie_drop(const struct token_trie *t, const struct trie_slice *s);
void token_trie_forget(const struct token_trie *t); /* all slices that nobody holds: for measurements */

#endif
