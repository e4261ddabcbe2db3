/* grammar_try.h - grammars tried out over the demonstration model's vocabulary.
 * SPDX-License-Identifier: MIT */
#ifndef SUPPORT_GRAMMAR_TRY_H
#define SUPPORT_GRAMMAR_TRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rng.h"
#include "text/grammar/grammar.h"
#include "text/grammar/matcher.h"
#include "text/tokenizer.h"

extern struct tokenizer *try_tok;
extern struct token_trie *try_trie;
extern int32_t try_eos;

/* Group set-up of cmocka: opens and closes the above. */
int try_setup(void **state);
int try_teardown(void **state);

struct matcher *try_matcher(struct grammar *g);
/* Fails unless the mask is what accept says of every token. Returns how many are allowed. */
size_t try_mask(struct matcher *m);
/* Draws allowed tokens until the output ends; after `hurry` tokens takes the end where it can. Appends the text. False: cut after `cut`. */
bool try_walk(struct matcher *m, struct rng *r, size_t hurry, size_t cut, bool check, struct buf *text);
/* Whether the grammar takes the text whole, as the tokenizer cuts it; fails if it is not the same byte by byte. */
bool try_takes(struct grammar *g, struct str text);

#endif
