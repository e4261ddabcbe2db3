/* block_ffn.c - gated feed-forward blocks, dense and mixture of experts.
 * SPDX-License-Identifier: MIT */
#include "model/block_ffn.h"

static void bind_dense(struct block_ffn *b, const struct config *c, struct weights *w, int l)
{
    weights_mat(w, &b->gate, 1, c->n_ff, c->n_embd, "model.layers.%d.mlp.gate_proj", l);
    weights_mat(w, &b->up, 1, c->n_ff, c->n_embd, "model.layers.%d.mlp.up_proj", l);
    weights_mat(w, &b->down, 1, c->n_embd, c->n_ff, "model.layers.%d.mlp.down_proj", l);
}

static void bind_sparse(struct block_ffn *b, const struct config *c, struct weights *w, int l)
{
    int n = c->n_expert, n_ff = c->n_ff_expert;
    weights_mat(w, &b->router, 1, n, c->n_embd, "model.layers.%d.mlp.gate", l);
    weights_mat(w, &b->gate, n, n_ff, c->n_embd, "model.layers.%d.mlp.switch_mlp.gate_proj", l);
    weights_mat(w, &b->up, n, n_ff, c->n_embd, "model.layers.%d.mlp.switch_mlp.up_proj", l);
    weights_mat(w, &b->down, n, c->n_embd, n_ff, "model.layers.%d.mlp.switch_mlp.down_proj", l);
}

void block_ffn_bind(struct block_ffn *b, const struct config *c, struct weights *w, int l)
{
    *b = (struct block_ffn){ .eps = c->rms_eps, .sparse = c->is_sparse[l], .norm_topk = c->norm_topk };
    b->norm = weights_vec(w, c->n_embd, "model.layers.%d.post_attention_layernorm.weight", l);
    if (b->sparse)
        bind_sparse(b, c, w, l);
    else
        bind_dense(b, c, w, l);
}

void block_ffn_run(const struct block_ffn *b, struct pass *p)
{
    int n_tok = p->step->n_tok;
    struct routing *route = b->sparse ? &p->route : NULL;
    op_norm(p->ctx, p->y, p->x, b->norm, b->gate.n_in, b->eps, n_tok);
    if (route)
        op_route(p->ctx, route, &b->router, b->norm_topk, p->y, n_tok);
    op_glu_up(p->ctx, p->h, &b->gate, &b->up, p->y, route, n_tok);
    op_glu_down(p->ctx, p->x, &b->down, p->h, route, n_tok);
}
