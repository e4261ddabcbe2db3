/* eval_golden.h - a model against stored logits of a reference.
 *
 * A golden file is a safetensors file with tokens I32 [n], positions I32 [m] (ascending) and logits F32 [m, n_vocab]: the reference's
 * logits after tokens[0 .. positions[i]]. With p the reference's and q our distribution at a position:
 *
 *   KL      sum over the vocabulary of p (log p - log q), in nats
 *   top-1   whether both have the same most probable token (the lower index, where equal)
 *   nll     mean of -log q(tokens[i + 1]) over ALL positions i of the sequences of at most `nll_limit` tokens, stored or not: stored
 *           positions alone would be too few. Longer sequences are left out, since logits at every position cost far more.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_EVAL_GOLDEN_H
#define CLI_EVAL_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/progress.h"
#include "model/model.h"

/* Sums over files. All zeros is empty. */
struct eval_golden {
    size_t n_file;
    double *kl; /* owned; [n_pos], nats */
    size_t n_pos;
    size_t n_agree; /* positions with the same top-1 token */
    double max_abs; /* largest difference of a logit */
    double sum_nll;
    size_t n_nll;
};

/* Runs the model over one file's tokens and adds to *g. */
MUST_CHECK int eval_golden_add(struct eval_golden *g, struct model *m, const char *path, size_t nll_limit,
                               struct progress *bar, struct err *e);
/* Appends the results: a JSON object (without braces), or lines for people. Sorts g->kl. */
void eval_golden_write(struct eval_golden *g, struct buf *out, bool json);
void eval_golden_deinit(struct eval_golden *g);

#endif
