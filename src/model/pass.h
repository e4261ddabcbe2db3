/* pass.h - one pass of a step through the layers: the device, the step, and the buffers that blocks write.
 *
 * The model allocates the buffers once, for the largest step, and fills in `step` and `kv` for each pass. Blocks read and add to the
 * residual stream x; the other buffers are free for every block to use between its own operations.
 *
 * A pass with a pause function is a long one that others wait for. Blocks compute it in parts of about part_ns (pass_part says how
 * much that is) and call pass_pause between them; where that returns true, the pass is given up and everybody returns at once. Inside a
 * pause another pass may run: operations keep nothing in the device's scratch from one to the next.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_PASS_H
#define MODEL_PASS_H

#include <stdbool.h>

#include "kernel/ops.h"
#include "model/kv.h"

enum { PASS_PART_NS = 40000000 }; /* what part_ns is unless the model was opened with another */

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

    bool (*pause)(void *arg); /* NULL: computed without pauses */
    void *pause_arg;
    bool given_up;
    int64_t part_ns;
    int64_t part_start_ns; /* when the part at hand began */
    double work_per_ns;    /* multiply-adds, as measured so far */
};

/* How many of `n` things that take `work` multiply-adds each make a part, a multiple of `unit` unless it is all: n without pauses. */
int pass_part(const struct pass *p, int n, int unit, double work);
/* A part of so much work is done. True: the pass is given up. */
bool pass_pause(struct pass *p, double work);

#endif
