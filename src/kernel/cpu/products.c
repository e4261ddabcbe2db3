/* products.c - matrix products over the pool.
 * SPDX-License-Identifier: MIT */
#include "kernel/cpu/products.h"

#include <assert.h>

/* Activations of a block of rows: half of a small second-level cache. */
enum { BLOCK_BYTES = 256 * 1024, BLOCK_ROWS_MAX = 1024 };
/* A panel's weights times its rows: below it, handing it out costs more than it brings. */
enum { PANEL_WORK_MIN = 8 * 1024, PANELS_A_THREAD = 8 };

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static bool reads_q8(const struct cpu_ctx *c, const struct mat *m)
{
    return c->precision == PRECISION_INT8 && m->mode == QUANT_AFFINE;
}

static const struct q8_rows *find_q8(const struct act *a, const struct mat *m)
{
    for (int i = 0; i < a->n_q8; i++)
        if (m->mode == QUANT_AFFINE && a->q8[i].group == m->group && a->q8[i].bits == m->bits)
            return &a->q8[i];
    return NULL;
}

void act_init_f32(struct act *a, const float *x, int n_row, int n_in)
{
    *a = (struct act){ .x = x, .n_row = n_row, .n_in = n_in };
}

void act_init(struct act *a, struct cpu_ctx *c, const float *x, int n_row, const struct mat *const *m, int n)
{
    uint8_t *at = c->q8;
    act_init_f32(a, x, n_row, m[0]->n_in);
    for (int i = 0; i < n; i++) {
        if (!reads_q8(c, m[i]) || find_q8(a, m[i]))
            continue;
        struct q8_rows *q = &a->q8[a->n_q8++];
        *q = (struct q8_rows){ .n_in = m[i]->n_in, .group = m[i]->group, .bits = m[i]->bits };
        q->q_stride = round_up((size_t)q->n_in, Q8_ALIGN_IN);
        q->g_stride = round_up((size_t)mat_groups(m[i]), Q8_ALIGN_G);
        size_t g_bytes = (size_t)n_row * q->g_stride * sizeof(float);
        q->q = (int8_t *)at;
        q->a = (float *)(void *)(at += (size_t)n_row * q->q_stride);
        q->x = (float *)(void *)(at += g_bytes);
        at += g_bytes;
    }
    assert((size_t)(at - c->q8) <= c->q8_bytes);
}

void act_quantize(const struct act *a, const struct cpu_ctx *c, int row)
{
    for (int i = 0; i < a->n_q8; i++)
        c->k.quantize(&a->q8[i], row, a->x + (size_t)row * (size_t)a->n_in);
}

void product_panel(const struct product *p, const struct cpu_ctx *c, int e, int o0, int o1, const int32_t *xrow,
                   const int32_t *yrow, int n_row)
{
    const struct qmm q = { .m = p->m,
                           .e = e,
                           .o0 = o0,
                           .o1 = o1,
                           .q8 = find_q8(p->x, p->m),
                           .x = p->x->x,
                           .x_stride = (size_t)p->x->n_in,
                           .xrow = xrow,
                           .yrow = yrow,
                           .n_row = n_row,
                           .y = p->y,
                           .y_stride = p->y_stride,
                           .add = p->add };
    if (q.q8)
        c->k.qmm_q8(&q);
    else
        c->k.qmm_f32(&q);
}

int product_width(const struct cpu_ctx *c, int n_block, int n_row, int n_out, size_t row_bytes)
{
    int width = PANEL_MAX;
    while (width > PANEL_MIN && n_block * (n_out / width) < PANELS_A_THREAD * pool_threads(c->pool) &&
           (size_t)(width / 2) * row_bytes * (size_t)n_row >= PANEL_WORK_MIN)
        width /= 2;
    return width;
}

int product_rows(const struct act *a)
{
    int n = BLOCK_BYTES / (a->n_in * (a->n_q8 ? 1 : (int)sizeof(float)));
    return MAX(BLOCK_ROWS_MIN, MIN(n, BLOCK_ROWS_MAX)) / 16 * 16;
}

void products_run(const struct product *p, int n, const struct cpu_ctx *c)
{
    int rows = product_rows(p->x), n_row = p->x->n_row, n_block = (n_row + rows - 1) / rows, n_out = 0, n_panel = 0;
    for (int i = 0; i < n; i++)
        n_out += p[i].m->n_out;
    int width = product_width(c, n_block, MIN(n_row, rows), n_out, mat_row_bytes(p->m));
    for (int i = 0; i < n; i++)
        n_panel += (p[i].m->n_out + width - 1) / width;
    assert(n_panel >= 1);
    /* All panels of a block before the next block: its activations are in the cache then. */
    for (int item; (item = pool_next(c->pool)) < n_block * n_panel;) {
        int r0 = item / n_panel * rows, panel = item % n_panel, i = 0;
        for (; panel >= (p[i].m->n_out + width - 1) / width; i++)
            panel -= (p[i].m->n_out + width - 1) / width;
        product_panel(&p[i], c, 0, panel * width, MIN((panel + 1) * width, p[i].m->n_out), c->iota + r0, c->iota + r0,
                      MIN(rows, n_row - r0));
    }
}
