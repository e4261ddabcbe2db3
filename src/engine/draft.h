/* draft.h - guesses the next tokens of a sequence from its own text: what followed the same words before.
 *
 * The latest earlier place where the sequence's last DRAFT_MIN_MATCH tokens stood, if there is one, is where the guess is copied from; how
 * many tokens before it agree too (the match) tells how good the guess is (cost.h). Agents that rewrite a file copy long spans, and there
 * a guess of dozens of tokens is right; elsewhere no match is long enough and nothing is guessed. The guess changes no result: the
 * engine verifies it (engine.h).
 * Time per added token is constant on average. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_DRAFT_H
#define ENGINE_DRAFT_H

#include <stddef.h>
#include <stdint.h>

enum { DRAFT_MIN_MATCH = 4, DRAFT_MAX = 48 };

struct draft;

struct draft *draft_new(void);
void draft_free(struct draft *d);
/* Follows the sequence: ids[0..n) is all of it, borrowed until the next update. What was seen before is not entered again (unless n became
 * smaller: then it starts anew). Where there is no memory for a larger table, the latest text is left out. */
void draft_update(struct draft *d, const int32_t *ids, size_t n);
/* Guesses at most `max` tokens into out [DRAFT_MAX]; returns how many. *match: length of the suffix that was found again, at most 255. */
int draft_guess(const struct draft *d, int32_t *out, int max, int *match);

#endif
