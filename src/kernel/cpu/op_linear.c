/* op_linear.c - embedding, positions, norms, and the products with one matrix: output projection and head.
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "kernel/cpu/products.h"

struct embed {
    struct cpu_ctx *c;
    float *x;
    const struct mat *table;
    const struct step *s;
};

static void embed_rows(void *arg, int ith, int nth)
{
    const struct embed *p = arg;
    int n = p->s->n_tok, n_in = p->table->n_in;
    for (int t = cpu_share(n, ith, nth); t < cpu_share(n, ith + 1, nth); t++)
        p->c->k.dequant(p->x + (size_t)t * (size_t)n_in, p->table, 0, p->s->ids[t], 0, n_in);
}

void cpu_embed(struct op_ctx *base, float *x, const struct mat *table, const struct step *s)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    struct embed p = { c, x, table, s };
    pool_run(c->pool, embed_rows, &p);
}

struct rope_table {
    float *cs;
    const float *inv_freq;
    int n_freq;
    const struct step *s;
};

/* The angle is rounded to f32 as mlx-lm's is; its functions are taken in double, so that they do not depend on a vector library. */
static void rope_table_rows(void *arg, int ith, int nth)
{
    const struct rope_table *p = arg;
    for (int i = 0; i < p->s->n_seq; i++) {
        const struct step_seq *q = &p->s->seqs[i];
        for (int r = cpu_share(q->n_row, ith, nth); r < cpu_share(q->n_row, ith + 1, nth); r++) {
            float *cs = p->cs + (size_t)(q->row + r) * 2 * (size_t)p->n_freq;
            for (int f = 0; f < p->n_freq; f++) {
                double angle = (double)((float)(q->pos + r) * p->inv_freq[f]);
                *cs++ = (float)cos(angle);
                *cs++ = (float)sin(angle);
            }
        }
    }
}

void cpu_rope_table(struct op_ctx *base, float *cs, const float *inv_freq, int n_freq, const struct step *s)
{
    struct rope_table p = { cs, inv_freq, n_freq, s };
    pool_run(((struct cpu_ctx *)base)->pool, rope_table_rows, &p);
}

struct norm {
    struct cpu_ctx *c;
    float *y;
    const float *x, *norm;
    int n;
    float eps;
    int n_tok;
};

static void norm_rows(void *arg, int ith, int nth)
{
    const struct norm *p = arg;
    size_t n = (size_t)p->n;
    for (int t = cpu_share(p->n_tok, ith, nth); t < cpu_share(p->n_tok, ith + 1, nth); t++)
        p->c->k.rms_norm(p->y + (size_t)t * n, p->x + (size_t)t * n, p->norm, p->n, p->eps);
}

void cpu_norm(struct op_ctx *base, float *y, const float *x, const float *norm, int n, float eps, int n_tok)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    struct norm p = { c, y, x, norm, n, eps, n_tok };
    if (n_tok == 1)
        norm_rows(&p, 0, 1); /* less work than waking the others */
    else
        pool_run(c->pool, norm_rows, &p);
}

struct linear {
    struct cpu_ctx *c;
    struct act act;
    struct product product;
};

static void linear_run(void *arg, int ith, int nth)
{
    const struct linear *p = arg;
    int n = p->act.n_row;
    for (int t = cpu_share(n, ith, nth); t < cpu_share(n, ith + 1, nth); t++)
        act_quantize(&p->act, p->c, t);
    pool_barrier(p->c->pool);
    products_run(&p->product, 1, p->c);
}

void cpu_linear_add(struct op_ctx *base, float *x, const struct mat *w, const float *y, int n_tok)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    struct linear p = { .c = c, .product = { w, &p.act, x, (size_t)w->n_out, true } };
    act_init(&p.act, c, y, n_tok, &w, 1);
    pool_run(c->pool, linear_run, &p);
}

struct head {
    struct cpu_ctx *c;
    struct act act; /* of the normed rows */
    struct product product;
    const float *x, *norm;
    float eps;
    const struct step *s;
};

static void head_run(void *arg, int ith, int nth)
{
    const struct head *p = arg;
    size_t n = (size_t)p->act.n_in;
    for (int i = ith; i < p->s->n_out; i += nth) {
        p->c->k.rms_norm(p->c->rows + (size_t)i * n, p->x + (size_t)p->s->out_rows[i] * n, p->norm, (int)n, p->eps);
        act_quantize(&p->act, p->c, i);
    }
    pool_barrier(p->c->pool);
    products_run(&p->product, 1, p->c);
}

void cpu_head(struct op_ctx *base, float *logits, const struct mat *w, const float *norm, float eps, const float *x,
              const struct step *s)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    struct head p = { .c = c, .x = x, .norm = norm, .eps = eps, .s = s };
    p.product = (struct product){ w, &p.act, logits, (size_t)w->n_out, false };
    act_init(&p.act, c, c->rows, s->n_out, &w, 1);
    pool_run(c->pool, head_run, &p);
}
