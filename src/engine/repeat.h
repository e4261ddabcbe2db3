/* repeat.h - tells when an answer repeats itself without end.
 *
 * Off unless asked for. An answer is over when its last tokens are one period of at most max_period tokens, `times` times in a row and at
 * least min_tokens long altogether. Time per token is proportional to max_period at worst. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_REPEAT_H
#define ENGINE_REPEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { REPEAT_MAX_PERIOD = 4096, REPEAT_MAX_TIMES = 1 << 16 };

struct repeat_opts {
    int max_period; /* tokens, at most REPEAT_MAX_PERIOD; 0: off, and the rest does not matter */
    int times;      /* 2 to REPEAT_MAX_TIMES, e.g. 8 */
    int min_tokens; /* e.g. 64 */
};

struct repeat {
    struct repeat_opts o;
    int32_t *run; /* owned; [max_period + 1]: how many of the last tokens equal those `period` before */
};

/* ERR_ARG, with the field, the value and the range, for what cannot be. */
MUST_CHECK int repeat_check(const struct repeat_opts *o, struct err *e);
/* *o has passed repeat_check. */
void repeat_init(struct repeat *r, const struct repeat_opts *o);
void repeat_deinit(struct repeat *r);
/* ids[0..n) with a new last token; true: it repeats itself. */
bool repeat_push(struct repeat *r, const int32_t *ids, size_t n);

#endif
