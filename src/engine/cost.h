/* cost.h - what steps cost on this machine, learnt from the steps themselves, and whether a guess of the next tokens pays.
 *
 * A table of the time of a small step by its number of rows (1, 2, 3, 4, 6, 8, 12, 16, 24 and so on to 256; between them linear), each a
 * moving average. Beyond what was seen it is optimistic, so that a size is tried once before it is judged. And, by the length of the match
 * that a guess came from, the share of guessed tokens that turned out right. Both begin with cautious values. Times are given in: no clock
 * here. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_COST_H
#define ENGINE_COST_H

#include <stddef.h>
#include <stdint.h>

struct cost;

struct cost *cost_new(void);
void cost_free(struct cost *c);
/* A small step of n_row rows took ns; more rows than the table has are left out. */
void cost_step(struct cost *c, int n_row, int64_t ns);
int64_t cost_ns(const struct cost *c, int n_row); /* expected; 0: nothing known yet */
/* A prompt of n_row rows took ns: for how many prompt rows fit a given time. */
void cost_prompt(struct cost *c, int n_row, int64_t ns);
int64_t cost_prompt_ns(const struct cost *c, size_t n_row); /* expected; 0: nothing known yet */
int cost_rows_within(const struct cost *c, int64_t ns);     /* prompt rows; at least 1 */
/* Of a guess of n_guess tokens from a match of that length, n_right were right. */
void cost_guess(struct cost *c, int match, int n_guess, int n_right);
/* How many of n_guess tokens to verify in a step that has n_other rows besides: the number that promises most tokens per time; 0 where one
 * token alone does. */
int cost_guess_worth(const struct cost *c, int match, int n_guess, int n_other);

#endif
