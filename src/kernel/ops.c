/* ops.c - checks what a model hands over, once for all devices, and calls the device.
 * SPDX-License-Identifier: MIT */
#include "kernel/ops.h"

#include <assert.h>

#include "kernel/op_ctx.h"

/* A step's rows are within the device's scratch, and its sequences cover them in order. */
static void check_step(const struct op_ctx *c, const struct step *s)
{
    (void)c;
    int row = 0;
    assert(s->n_tok >= 1 && s->n_tok <= c->dims.max_tok);
    assert(s->n_out >= 0 && s->n_out <= c->dims.max_out);
    for (int i = 0; i < s->n_seq; i++) {
        assert(s->seqs[i].row == row && s->seqs[i].n_row >= 1 && s->seqs[i].pos >= 0);
        row += s->seqs[i].n_row;
    }
    assert(row == s->n_tok);
    (void)row;
}

void op_ctx_close(struct op_ctx *c)
{
    if (c)
        c->table->close(c);
}

void op_yield(struct op_ctx *c)
{
    if (c->table->yield)
        c->table->yield(c);
}

const char *op_ctx_name(const struct op_ctx *c)
{
    return c->name;
}

const char *op_ctx_numerics(const struct op_ctx *c)
{
    return c->numerics;
}

void *op_alloc(struct op_ctx *c, size_t n_bytes)
{
    return c->table->alloc(c, n_bytes);
}

void op_free(struct op_ctx *c, void *p)
{
    if (p)
        c->table->free(c, p);
}

void op_embed(struct op_ctx *c, float *x, const struct mat *table, const struct step *s)
{
    check_step(c, s);
    assert(table->n_mat == 1 && table->n_in == c->dims.n_embd);
    c->table->embed(c, x, table, s);
}

void op_rope_table(struct op_ctx *c, float *cs, const float *inv_freq, int n_freq, const struct step *s)
{
    assert(n_freq >= 1 && 2 * n_freq <= c->dims.d_head);
    c->table->rope_table(c, cs, inv_freq, n_freq, s);
}

void op_attn_in(struct op_ctx *c, const struct op_attn_in *p, const struct step *s)
{
    int n_kv = p->kv->n_kv_head * p->kv->d_head;
    (void)n_kv;
    assert(p->wq->n_out == p->n_head * p->kv->d_head && p->wk->n_out == n_kv && p->wv->n_out == n_kv);
    assert(p->wq->n_in == p->wk->n_in && p->wq->n_in == p->wv->n_in && p->wq->n_in == c->dims.n_embd);
    assert(p->n_head % p->kv->n_kv_head == 0 && p->n_rot <= p->kv->d_head);
    c->table->attn_in(c, p, s);
}

void op_attn(struct op_ctx *c, float *o, const float *q, int n_head, float scale, const struct kv_layer *kv,
             const struct step *s)
{
    assert(n_head == c->dims.n_head && n_head % kv->n_kv_head == 0);
    c->table->attn(c, o, q, n_head, scale, kv, s);
}

void op_linear_add(struct op_ctx *c, float *x, const struct mat *w, const float *y, int n_tok)
{
    assert(w->n_mat == 1 && n_tok <= c->dims.max_tok);
    c->table->linear_add(c, x, w, y, n_tok);
}

void op_norm(struct op_ctx *c, float *y, const float *x, const float *norm, int n, float eps, int n_tok)
{
    c->table->norm(c, y, x, norm, n, eps, n_tok);
}

void op_route(struct op_ctx *c, struct routing *r, const struct mat *w, bool normalise, const float *y, int n_tok)
{
    assert(w->n_out == r->n_expert && r->n_expert <= c->dims.n_expert && r->n_active <= c->dims.n_active);
    c->table->route(c, r, w, normalise, y, n_tok);
}

void op_glu_up(struct op_ctx *c, float *h, const struct mat *gate, const struct mat *up, const float *y,
               const struct routing *r, int n_tok, int e0, int e1)
{
    assert(gate->n_out == up->n_out && gate->n_in == up->n_in && gate->n_mat == up->n_mat &&
           gate->n_out <= c->dims.n_ff);
    assert(gate->n_mat == (r ? r->n_expert : 1) && e0 >= 0 && e0 < e1 && e1 <= gate->n_mat);
    c->table->glu_up(c, h, gate, up, y, r, n_tok, e0, e1);
}

void op_glu_down(struct op_ctx *c, float *x, const struct mat *down, const float *h, const struct routing *r, int n_tok,
                 int o0, int o1)
{
    assert(r ? o0 >= 0 && o0 < o1 && o1 <= down->n_out : o0 == 0 && o1 == down->n_out);
    assert(down->n_mat == (r ? r->n_expert : 1) && down->n_in <= c->dims.n_ff && down->n_out == c->dims.n_embd);
    c->table->glu_down(c, x, down, h, r, n_tok, o0, o1);
}

void op_head(struct op_ctx *c, float *logits, const struct mat *w, const float *norm, float eps, const float *x,
             const struct step *s)
{
    assert(s->n_out >= 1 && w->n_in == c->dims.n_embd);
    c->table->head(c, logits, w, norm, eps, x, s);
}
