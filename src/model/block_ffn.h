/* block_ffn.h - the two gated feed-forward blocks, with their norm:
 *   dense:  x += Wdown (silu(Wgate y) * Wup y),                               y = rms_norm(x)
 *   sparse: x += sum over the chosen experts e of weight_e * dense_e(y)       chosen by softmax(Wrouter y)
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_BLOCK_FFN_H
#define MODEL_BLOCK_FFN_H

#include <stdbool.h>

#include "model/config.h"
#include "model/pass.h"
#include "model/weights.h"

struct block_ffn {
    const float *norm; /* borrowed from the weights; [n_embd] */
    float eps;
    bool sparse;
    bool norm_topk;            /* sparse: the chosen experts' weights sum to 1 */
    struct mat router;         /* sparse: [n_expert][n_embd] */
    struct mat gate, up, down; /* sparse: stacks of n_expert */
};

/* Binds post_attention_layernorm and mlp of layer l: sparse where config says so. */
void block_ffn_bind(struct block_ffn *b, const struct config *c, struct weights *w, int l);
/* Adds the block's output to p->x, using p->y, h and route. */
void block_ffn_run(const struct block_ffn *b, struct pass *p);

#endif
