/* pass.h - one pass of a step through the layers: the device, the step, and the buffers that blocks write.
 *
 * The model allocates the buffers once, for its largest step, and fills in `step` and `kv` for each pass. Blocks read and add to the
 * residual stream x; the other buffers are free for every block to use between its own operations.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_PASS_H
#define MODEL_PASS_H

#include "kernel/ops.h"
#include "model/kv.h"

struct pass {
    struct op_ctx *ctx;      /* borrowed: the model's */
    const struct step *step; /* borrowed for the pass */
    const struct kv *kv;     /* borrowed for the pass */
    float *x;                /* [n_tok][n_embd] residual stream */
    float *y;                /* [n_tok][n_embd] normed rows */
    float *q, *o;            /* [n_tok][n_head * d_head] queries, attention's output */
    float *cs;               /* [n_tok][2 * n_freq] cosines and sines of the rope */
    float *h;                /* [n_tok * max(1, n_active)][n_ff] inner rows of gated layers */
    struct routing route;    /* rows to experts */
};

#endif
