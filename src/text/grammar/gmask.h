/* gmask.h - which tokens a state of a grammar allows.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_GMASK_H
#define TEXT_GRAMMAR_GMASK_H

#include "text/grammar/gstore.h"
#include "text/grammar/token_trie.h"

/* The mask of a state, worked out if it was not; borrowed from the store. NULL: memory is out. The caller holds the grammar's lock. */
const struct gmask *gmask_of(struct gstore *s, const struct token_trie *t, uint32_t state);

#endif
