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

/* Multiply-adds of a matrix of the stack for one row. */
static double work_of(const struct mat *m)
{
    return (double)m->n_out * m->n_in;
}

/* Experts in groups, then columns in ranges: every part reads its weights once for all rows. */
static void run_sparse(const struct block_ffn *b, struct pass *p)
{
    int n_tok = p->step->n_tok, n_expert = b->gate.n_mat, n_out = b->down.n_out;
    double pairs = (double)n_tok * p->route.n_active, up = 2 * work_of(&b->gate) * pairs / n_expert;
    double column = (double)b->down.n_in * pairs;
    op_route(p->ctx, &p->route, &b->router, b->norm_topk, p->y, n_tok);
    for (int e = 0, n; e < n_expert; e += n) {
        n = pass_part(p, n_expert - e, 1, up);
        op_glu_up(p->ctx, p->h, &b->gate, &b->up, p->y, &p->route, n_tok, e, e + n);
        if (pass_pause(p, up * n))
            return;
    }
    for (int o = 0, n; o < n_out; o += n) {
        n = pass_part(p, n_out - o, 64, column);
        op_glu_down(p->ctx, p->x, &b->down, p->h, &p->route, n_tok, o, o + n);
        if (pass_pause(p, column * n))
            return;
    }
}

static void run_dense(const struct block_ffn *b, struct pass *p)
{
    int n_tok = p->step->n_tok;
    double row = 2 * work_of(&b->gate) + work_of(&b->down);
    for (int t = 0, n; t < n_tok; t += n) {
        n = pass_part(p, n_tok - t, 16, row);
        float *h = p->h + (size_t)t * (size_t)b->gate.n_out;
        op_glu_up(p->ctx, h, &b->gate, &b->up, p->y + (size_t)t * (size_t)b->gate.n_in, NULL, n, 0, 1);
        op_glu_down(p->ctx, p->x + (size_t)t * (size_t)b->down.n_out, &b->down, h, NULL, n, 0, b->down.n_out);
        if (pass_pause(p, row * n))
            return;
    }
}

void block_ffn_run(const struct block_ffn *b, struct pass *p)
{
    op_norm(p->ctx, p->y, p->x, b->norm, b->gate.n_in, b->eps, p->step->n_tok);
    (b->sparse ? run_sparse : run_dense)(b, p);
}
