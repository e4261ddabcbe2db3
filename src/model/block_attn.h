/* block_attn.h - attention with grouped heads, q/k norm by head and rotary positions:
 *   x += Wo attention(rope(norm(Wq n)), rope(norm(Wk n)), Wv n), n = rms_norm(x).
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_BLOCK_ATTN_H
#define MODEL_BLOCK_ATTN_H

#include "model/config.h"
#include "model/pass.h"
#include "model/weights.h"

struct block_attn {
    const float *norm;            /* borrowed from the weights; [n_embd] */
    const float *q_norm, *k_norm; /* borrowed; [d_head] */
    struct mat wq, wk, wv, wo;
    int n_head, n_rot;
    float eps, scale; /* of the scores */
};

/* Binds input_layernorm and self_attn of layer l. */
void block_attn_bind(struct block_attn *b, const struct config *c, struct weights *w, int l);
/* Adds the block's output to p->x, using p->y, q, o and cs, and layer l's pages. */
void block_attn_run(const struct block_attn *b, struct pass *p, int l);

#endif
