/* grammar_core.h - what a struct grammar is made of, for the files that build and run it.
 *
 * The definition is read-only. The store of states belongs to whoever holds the lock. A store that grew too large is replaced by a fresh
 * one; matchers hold the one they are in and move on (text/grammar/matcher.c).
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_GRAMMAR_CORE_H
#define TEXT_GRAMMAR_GRAMMAR_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/base.h"
#include "base/err.h"
#include "text/grammar/gdef.h"
#include "text/grammar/grammar.h"
#include "text/grammar/gstore.h"

struct grammar {
    atomic_int refs;
    struct gdef def;
    pthread_mutex_t lock;
    struct gstore *store; /* held; the current one, or NULL */
    size_t store_bytes;   /* a store is full beyond this; tests make it small before the first matcher */
};

/* Takes over the definition (d is empty afterwards), which gdef_finish went through. */
MUST_CHECK int grammar_new(struct grammar **out, struct gdef *d, struct err *e);

/* The current store for this trie, held for the caller, made if need be; NULL if memory is out. Takes the lock. */
struct gstore *grammar_store(struct grammar *g, const struct token_trie *t);
/* Lets go of a store. Takes the lock. */
void grammar_drop(struct grammar *g, struct gstore *s);

#endif
