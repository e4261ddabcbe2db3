/* nfa.h - nondeterministic automata over bytes, built backwards: every constructor takes the state that follows and returns the one that begins.
 *
 *   int s = nfa_match(n);                         "ab": s = nfa_chars(n, &b, s); s = nfa_chars(n, &a, s);
 *   nfa_determine(n, s, &dfa, e)
 *
 * Characters become their UTF-8 bytes, or with `json` the ways to write them inside a JSON string: themselves, short escapes, \uXXXX in
 * either case, surrogate pairs. Surrogates in a set stand for themselves as \uXXXX; a set that has them knows no pairs.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_NFA_H
#define TEXT_GRAMMAR_NFA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "text/grammar/charset.h"
#include "text/grammar/dfa.h"

enum nfa_kind { NFA_SPLIT, NFA_BYTES, NFA_MATCH, NFA_BEGIN, NFA_END };

struct nfa_edge {
    uint8_t lo, hi;
    int32_t to;
};

struct nfa_state {
    enum nfa_kind kind;
    int32_t a, b; /* SPLIT: both (-1: none), BEGIN, END: a; BYTES: edges [a, a + b) */
};

/* How a set of characters is spelt: an acyclic automaton whose node 0 is the end. */
struct spelling {
    struct charset set; /* owned */
    struct spelling_node {
        uint32_t first, n;
    } * nodes; /* owned */
    size_t n_node, cap_node;
    struct nfa_edge *edges; /* owned */
    size_t n_edge, cap_edge;
    uint32_t root;
    int32_t all_utf8[4], all_hex[5],
        all_low; /* nodes of every tail of n bytes, n digits, of every trailing half; 0: none yet */
};

struct nfa {
    bool json;
    struct work *w;           /* borrowed */
    struct err *e;            /* borrowed */
    int code;                 /* the first failure; constructors do nothing after it and return -1 */
    struct nfa_state *states; /* owned */
    size_t n, cap;
    struct nfa_edge *edges; /* owned */
    size_t n_edge, cap_edge;
    struct spelling *spellings; /* owned: of the sets so far */
    size_t n_spelling, cap_spelling;
};

void nfa_init(struct nfa *n, bool json, struct work *w, struct err *e);
void nfa_deinit(struct nfa *n);

int32_t nfa_match(struct nfa *n);
int32_t nfa_split(struct nfa *n, int32_t a, int32_t b);
void nfa_set_split(struct nfa *n, int32_t split, int32_t a); /* makes loops: of the state that nfa_split returned */
int32_t nfa_begin(struct nfa *n, int32_t next);              /* passed only before the first byte */
int32_t nfa_end(struct nfa *n, int32_t next);                /* passed only behind the last byte */
/* One character of a normalised set. */
int32_t nfa_chars(struct nfa *n, const struct charset *set, int32_t next);

/* The deterministic automaton from `start`, finished. Fails with what building failed with. */
MUST_CHECK int nfa_determine(struct nfa *n, int32_t start, struct dfa *out);

#endif
