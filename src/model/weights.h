/* weights.h - binds the tensors of a checkpoint to what an architecture declares.
 *
 * An architecture asks, module by module, for what it needs (weights_mat, weights_vec, weights_bias); each call finds the tensors,
 * settles mode, bits and group from config.json's map, and checks them against types and shapes. Nothing fails on the way: a
 * problem is noted, and weights_finish reports all of them, and the tensors that nobody asked for, in one message.
 *
 *   struct mat wq;
 *   weights_mat(w, &wq, 1, n_out, n_in, "model.layers.%d.self_attn.q_proj", l);     .weight, .scales, .biases
 *   norm = weights_vec(w, n_embd, "model.layers.%d.input_layernorm.weight", l);
 *   if (weights_finish(w, e)) ...
 *
 * Where all names of the checkpoint begin with a wrapper's prefix ("language_model."), the same declarations find them.
 * Known to be of no use to a language model, and passed over: rotary inv_freq, mtp.*, vision_tower.*, model.visual*, and lm_head where
 * nobody asked for it (tied). One thread binds; afterwards everything is constant.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "format/modeldir.h"
#include "kernel/mat.h"

/* One thing that was bound, for inspection. */
struct weight {
    char *name;     /* owned; of a matrix the module ("model.norm.weight" but "lm_head"), without a wrapper's prefix */
    struct mat mat; /* of a vector: mode QUANT_PLAIN, n_mat 1, n_out 1, n_in elements */
    size_t n_bytes; /* in the file, additive bias included */
    bool vec;
};

struct weights;

/* Reads the quantisation map of d's config. `d` outlives the weights and every mat that they fill. */
MUST_CHECK int weights_new(struct weights **out, const struct modeldir *d, struct err *e);
void weights_free(struct weights *w);

/* Fills *out with the module that fmt names: a matrix [n_out][n_in], or where n_mat > 1 a stack [n_mat][n_out][n_in]. If something is wrong
 * the problem is noted and the pointers of *out are NULL; its sizes are set in any case. All sizes >= 1. */
void weights_mat(struct weights *w, struct mat *out, int n_mat, int n_out, int n_in, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
/* The float tensor [n] that fmt names as f32; belongs to w. NULL if something is wrong. */
const float *weights_vec(struct weights *w, int n, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Binds the additive bias that fmt names, a float tensor [n_out] or [n_mat][n_out], of m, which weights_mat filled. */
void weights_bias(struct weights *w, struct mat *m, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* 0 if all that was asked for is there and nothing else; otherwise one message about everything that is not. */
MUST_CHECK int weights_finish(struct weights *w, struct err *e);

/* What was bound, in the order of the calls. */
size_t weights_len(const struct weights *w);
const struct weight *weights_at(const struct weights *w, size_t i);

#endif
