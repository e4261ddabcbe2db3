/* eval_text.h - perplexity of a text.
 *
 * The text's tokens (no added tokens, no template) are cut into windows of n tokens, each computed on its own; a window's negative
 * log-likelihood is the mean of -log q(token i + 1 | tokens 0 .. i of the window) over its n - 1 predictions. The result is the mean
 * over all windows, its exponential, and their standard errors s / sqrt(number of windows), by the delta method for the perplexity.
 * What is left behind the last whole window is not used, unless the text is shorter than one.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_EVAL_TEXT_H
#define CLI_EVAL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/load.h"
#include "cli/progress.h"

struct eval_text {
    size_t n_tok, n_unused; /* tokens of the text, and those behind the last window */
    size_t window, n_window;
    double nll, nll_error; /* nats a token; the error is 0 where there is one window only */
};

MUST_CHECK int eval_text(struct eval_text *out, const struct load *l, const char *path, size_t window,
                         struct progress *bar, struct err *e);
/* Appends a JSON object (without braces), or lines for people. */
void eval_text_write(const struct eval_text *t, struct buf *out, bool json);

#endif
