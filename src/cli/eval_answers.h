/* eval_answers.h - exact matches over prompts with known answers.
 *
 * The file is a JSON array of {category, prompt, want}; other members are ignored. A prompt is rendered text, in which added tokens are
 * matched. The answer, greedy and of at most EVAL_ANSWER_TOKENS tokens, is right if it ended by itself and its text is `want`.
 * A prompt costs only what it does not share with the one before it.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_EVAL_ANSWERS_H
#define CLI_EVAL_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/load.h"
#include "cli/opts.h"
#include "cli/progress.h"

enum { EVAL_ANSWER_TOKENS = 160 };

struct eval_category {
    char *name; /* owned */
    size_t right, total;
};

/* All zeros is empty. */
struct eval_answers {
    struct eval_category *v; /* owned; in the order of their first prompts */
    size_t n;
    size_t right, total, left_out;
    struct buf wrong; /* what came out instead, for people */
};

/* Prompts of more than `limit` tokens, and those of no category in `only` (empty: all), are left out. */
MUST_CHECK int eval_answers_run(struct eval_answers *a, const struct load *l, const char *path, size_t limit,
                                const struct opt_list *only, struct progress *bar, struct err *e);
/* Appends a JSON object (without braces), or lines for people. */
void eval_answers_write(const struct eval_answers *a, struct buf *out, bool json);
void eval_answers_deinit(struct eval_answers *a);

#endif
