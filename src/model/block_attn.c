/* block_attn.c - attention block: three operations.
 * SPDX-License-Identifier: MIT */
#include "model/block_attn.h"

#include <math.h>

void block_attn_bind(struct block_attn *b, const struct config *c, struct weights *w, int l)
{
    int n_q = c->n_head * c->d_head, n_kv = c->n_kv_head * c->d_head;
    *b = (struct block_attn){
        .n_head = c->n_head, .n_rot = c->d_head, .eps = c->rms_eps, .scale = 1.0f / sqrtf((float)c->d_head)
    };
    b->norm = weights_vec(w, c->n_embd, "model.layers.%d.input_layernorm.weight", l);
    b->q_norm = weights_vec(w, c->d_head, "model.layers.%d.self_attn.q_norm.weight", l);
    b->k_norm = weights_vec(w, c->d_head, "model.layers.%d.self_attn.k_norm.weight", l);
    weights_mat(w, &b->wq, 1, n_q, c->n_embd, "model.layers.%d.self_attn.q_proj", l);
    weights_mat(w, &b->wk, 1, n_kv, c->n_embd, "model.layers.%d.self_attn.k_proj", l);
    weights_mat(w, &b->wv, 1, n_kv, c->n_embd, "model.layers.%d.self_attn.v_proj", l);
    weights_mat(w, &b->wo, 1, c->n_embd, n_q, "model.layers.%d.self_attn.o_proj", l);
}

void block_attn_run(const struct block_attn *b, struct pass *p, int l)
{
    const struct kv_layer *kv = &p->kv->layers[l];
    const struct op_attn_in in = { .x = p->x,
                                   .norm = b->norm,
                                   .eps = b->eps,
                                   .wq = &b->wq,
                                   .wk = &b->wk,
                                   .wv = &b->wv,
                                   .q_norm = b->q_norm,
                                   .k_norm = b->k_norm,
                                   .cs = p->cs,
                                   .n_rot = b->n_rot,
                                   .n_head = b->n_head,
                                   .kv = kv,
                                   .q = p->q };
    op_attn_in(p->ctx, &in, p->step);
    op_attn(p->ctx, p->o, p->q, b->n_head, b->scale, kv, p->step);
    op_linear_add(p->ctx, p->x, &b->wo, p->o, p->step->n_tok);
}
