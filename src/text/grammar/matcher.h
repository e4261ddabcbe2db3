/* matcher.h - one output on its way through a grammar: which tokens may come next.
 *
 *   mask --> [sampler draws an allowed token] --> accept --> mask ...          rollback(n) undoes the last n accepts
 *
 * A matcher belongs to one thread at a time (the engine's, while its sequence runs). Its grammar is shared.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_MATCHER_H
#define TEXT_GRAMMAR_MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "text/grammar/grammar.h"

struct matcher;

/* Holds the grammar; the trie is borrowed and outlives the matcher. */
MUST_CHECK int matcher_new(struct matcher **out, struct grammar *g, const struct token_trie *t, struct err *e);
void matcher_free(struct matcher *m);

/* Words of 32 bits in a mask over n tokens; bit id % 32 of word id / 32. */
static inline size_t matcher_words(size_t n)
{
    return (n + 31) / 32;
}

/* The tokens that may come next, borrowed until the next call; NULL: every token may (nothing is constrained here), which costs nothing. At least
 * one bit is set, unless the matcher failed. Words [matcher_words(tokenizer_size)]; tokens beyond it are not allowed. */
const uint32_t *matcher_mask(struct matcher *m);
/* The one token that may come next, or -1: more than one, or not known cheaply. */
int32_t matcher_forced(struct matcher *m);
/* What matcher_mask will return is known already, so that it costs next to nothing: for measurements. */
bool matcher_mask_known(struct matcher *m);
/* The token was drawn. False, and nothing changes, if the grammar does not allow it. An end token is accepted where the output may end. */
bool matcher_accept(struct matcher *m, int32_t id);
/* Undoes the last n accepted tokens; at least the last 64 can be undone. */
void matcher_rollback(struct matcher *m, size_t n);
bool matcher_may_end(struct matcher *m);  /* the output may end here */
bool matcher_must_end(struct matcher *m); /* nothing but an end may come */
/* ERR_NOMEM or ERR_LIMIT: memory was out, or a mask took longer than it may, so what may follow is not known and nothing is allowed any more; not even
 * an end, which would say that the output is whole. For good. 0: all is well. */
int matcher_failed(const struct matcher *m);

#endif
