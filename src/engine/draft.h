/* draft.h - guesses the next tokens of a sequence from its own text: what followed the same words before.
 *
 * A suffix automaton-like index over the sequence's tokens finds the longest suffix that occurred before (at least DRAFT_MIN_MATCH
 * tokens); the tokens behind its latest earlier occurrence are the guess. Agents that rewrite a file copy long spans, and there
 * a guess of dozens of tokens is right; elsewhere no match is long enough and nothing is guessed. The guess changes no result: the
 * engine verifies it (engine.h).
 * Time per added token is constant on average. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_DRAFT_H
#define ENGINE_DRAFT_H

#include <stddef.h>
#include <stdint.h>

enum { DRAFT_MAX = 32 };

struct draft;

struct draft *draft_new(void);
void draft_free(struct draft *d);
/* Follows the sequence: ids[0..n) is all of it; what was seen before is not read again (unless n became smaller: then it starts anew). */
void draft_update(struct draft *d, const int32_t *ids, size_t n);
/* Guesses at most `max` tokens into out; returns how many. *match: length of the suffix that was found again, at most 255. */
int draft_guess(const struct draft *d, int32_t *out, int max, int *match);

#endif
