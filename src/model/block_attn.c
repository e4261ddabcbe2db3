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

/* Rows [t, t + n) of the step as a step of their own: of the whole step, or of its only sequence. */
static struct step rows_of(const struct step *s, struct step_seq *seq, int t, int n)
{
    if (n == s->n_tok)
        return *s;
    *seq = (struct step_seq){ .row = 0, .n_row = n, .pos = s->seqs[0].pos + t, .pages = s->seqs[0].pages };
    return (struct step){ .n_tok = n, .ids = s->ids + t, .n_seq = 1, .seqs = seq };
}

static void run_rows(const struct block_attn *b, struct pass *p, int l, const struct step *s, int t)
{
    const struct kv_layer *kv = &p->kv->layers[l];
    size_t at = (size_t)t, n_embd = (size_t)b->wq.n_in, n_q = (size_t)b->wq.n_out;
    const struct op_attn_in in = { .x = p->x + at * n_embd,
                                   .norm = b->norm,
                                   .eps = b->eps,
                                   .wq = &b->wq,
                                   .wk = &b->wk,
                                   .wv = &b->wv,
                                   .q_norm = b->q_norm,
                                   .k_norm = b->k_norm,
                                   .cs = p->cs + at * (size_t)b->n_rot,
                                   .n_rot = b->n_rot,
                                   .n_head = b->n_head,
                                   .kv = kv,
                                   .q = p->q + at * n_q };
    op_attn_in(p->ctx, &in, s);
    op_attn(p->ctx, p->o + at * n_q, p->q + at * n_q, b->n_head, b->scale, kv, s);
    op_linear_add(p->ctx, p->x + at * n_embd, &b->wo, p->o + at * n_q, s->n_tok);
}

/* What attention costs beside a product, a token: f32 in place of 8 bits. */
enum { ATTN_WEIGHT = 4 };

/* A row sees none behind it, so rows can be computed range by range. */
void block_attn_run(const struct block_attn *b, struct pass *p, int l)
{
    const struct step *s = p->step;
    double products = (double)b->wq.n_in * (2.0 * b->wq.n_out + 2.0 * b->wk.n_out);
    bool cuttable = s->n_seq == 1;
    for (int t = 0, n; t < s->n_tok; t += n) {
        struct step_seq seq;
        double row = products + 2.0 * ATTN_WEIGHT * b->wq.n_out * (double)(s->seqs[0].pos + t);
        n = cuttable ? pass_part(p, s->n_tok - t, 16, row) : s->n_tok;
        struct step part = rows_of(s, &seq, t, n);
        run_rows(b, p, l, &part, t);
        if (pass_pause(p, row * n))
            return;
    }
}
