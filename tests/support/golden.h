/* golden.h - stored logits of a checkpoint, and how far a model's own are from them.
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

struct golden {
    struct file_map map;
    struct tensors tensors;
    int32_t *tokens;
    size_t n_tok;
    size_t *positions;
    size_t n_pos, n_vocab;
    const uint8_t *logits; /* f32 [n_pos][n_vocab], any alignment */
};

struct divergence {
    size_t n;
    double mean_kl, median_kl, max_kl; /* KL(stored || ours) in nats */
    double top1;                       /* share of positions with the same best token */
    double max_abs;                    /* largest difference of a logit */
    double nll;                        /* mean negative log-likelihood of tokens[1 ..] under our logits */
    size_t n_nll;
};

/* Fails the running test if the file is not what it should be. */
void golden_open(struct golden *g, const char *path);
void golden_close(struct golden *g);
/* Feeds the tokens to a new sequence of m, and compares at the stored positions; with_nll: takes nll over all
 * positions too, which makes small chunks. */
struct divergence golden_compare(const struct golden *g, struct model *m, bool with_nll);

#endif
