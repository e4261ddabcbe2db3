/* dfa.h - deterministic automata over bytes: what terminals of a grammar become.
 *
 * State 0 is dead, state 1 the start. Bytes that no state tells apart share a class. After dfa_finish every other state reaches an accepting
 * one, so a state that is not 0 can always be continued to a match.
 *
 * struct work is what building may still cost: states and time. Every operation counts against it and fails with ERR_LIMIT that names
 * the limit; a DFA that failed is empty and may be freed.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_DFA_H
#define TEXT_GRAMMAR_DFA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

struct work {
    size_t states, max_states; /* made so far; limit */
    int64_t deadline, time_ns; /* clock_thread_ns; the time that was given */
    unsigned ticks;
};

/* n more states were made. */
MUST_CHECK int work_states(struct work *w, size_t n, struct err *e);
/* A step of a loop that may be long was done. */
MUST_CHECK int work_tick(struct work *w, struct err *e);

enum { DFA_DEAD = 0, DFA_START = 1 };
enum { DFA_ACCEPT = 1, DFA_MORE = 2 }; /* flags: it matches here; it can go on from here */

struct dfa {
    uint32_t n, n_class;
    uint8_t class_of[256];
    uint32_t *next; /* owned: [n][n_class] */
    uint8_t *flags; /* owned: [n] */
};

void dfa_deinit(struct dfa *d);
/* All zeros but for the classes: n states, n_class classes. */
MUST_CHECK int dfa_init(struct dfa *d, size_t n, size_t n_class, struct work *w, struct err *e);

static inline uint32_t dfa_next(const struct dfa *d, uint32_t state, uint8_t byte)
{
    return d->next[(size_t)state * d->n_class + d->class_of[byte]];
}

static inline bool dfa_empty(const struct dfa *d)
{
    return !d->flags[DFA_START];
}

/* Cuts off what reaches no match, merges equal states (small automata only) and classes, sets the flags. */
MUST_CHECK int dfa_finish(struct dfa *d, struct work *w, struct err *e);

MUST_CHECK int dfa_literal(struct dfa *d, struct str text, struct work *w, struct err *e);
/* Bytes without `stop`; `with`: that end with its first occurrence. */
MUST_CHECK int dfa_until(struct dfa *d, struct str stop, bool with, struct work *w, struct err *e);
/* n states, 0 is the start; table[s * n_class + class_of[byte]] is the state behind a byte, -1: none; accept[s]: a text may end in s. */
MUST_CHECK int dfa_table(struct dfa *d, const uint8_t class_of[256], size_t n_class, const int32_t *table,
                         const bool *accept, size_t n, struct work *w, struct err *e);
/* min to max (SIZE_MAX: no bound) texts of `one`, a finished automaton, in a row. No text of `one` may begin another, and none is empty. */
MUST_CHECK int dfa_chain(struct dfa *d, const struct dfa *one, size_t min, size_t max, struct work *w, struct err *e);
/* What both have, or with `minus` what a has and b has not. */
MUST_CHECK int dfa_product(struct dfa *d, const struct dfa *a, const struct dfa *b, bool minus, struct work *w,
                           struct err *e);

#endif
