/* op_ffn.c - router and gated layers: dense, or grouped by expert.
 *
 * A panel of an expert is computed for all rows that were routed to it, so that its weights are read once; rows are gathered and
 * scattered by index, never copied.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernel/cpu/products.h"

/* --- router ---------------------------------------------------------------------------------------------------------------------- */

struct route {
    struct cpu_ctx *c;
    struct routing *r;
    bool normalise;
    struct act act;
    struct product product;
};

enum { TAKEN = -1 }; /* no probability */

/* The n_active best of p in order, taking them out of p; equal ones: the lower index first. NaN, which a broken checkpoint gives,
 * still makes n_active different experts. */
static void choose(const struct route *a, int t, float *p)
{
    struct routing *r = a->r;
    float sum = 0;
    for (int k = 0; k < r->n_active; k++) {
        int best = -1;
        for (int e = 0; e < r->n_expert; e++)
            if (p[e] != TAKEN && (best < 0 || p[e] > p[best]))
                best = e;
        r->expert[t * r->n_active + k] = best;
        r->weight[t * r->n_active + k] = p[best];
        sum += p[best];
        p[best] = TAKEN;
    }
    for (int k = 0; k < r->n_active && a->normalise; k++)
        r->weight[t * r->n_active + k] /= sum;
}

/* Counting sort of the pairs by expert; within an expert they stay in order of t. */
static void group_pairs(struct routing *r, int n_tok)
{
    int n_pair = n_tok * r->n_active;
    memset(r->start, 0, ((size_t)r->n_expert + 1) * sizeof *r->start);
    for (int i = 0; i < n_pair; i++)
        r->start[r->expert[i] + 1]++;
    for (int e = 0; e < r->n_expert; e++)
        r->start[e + 1] += r->start[e];
    for (int i = 0; i < n_pair; i++)
        r->order[r->start[r->expert[i]]++] = i;
    /* Each start has moved to the next expert's. */
    memmove(r->start + 1, r->start, (size_t)r->n_expert * sizeof *r->start);
    r->start[0] = 0;
}

static void route_run(void *arg, int ith, int nth)
{
    const struct route *a = arg;
    int n_tok = a->act.n_row;
    products_run(&a->product, 1, a->c);
    pool_barrier(a->c->pool);
    for (int t = cpu_share(n_tok, ith, nth); t < cpu_share(n_tok, ith + 1, nth); t++) {
        float *p = a->c->rows + (size_t)t * (size_t)a->r->n_expert;
        a->c->k.softmax(p, a->r->n_expert);
        choose(a, t, p);
    }
}

void cpu_route(struct op_ctx *base, struct routing *r, const struct mat *w, bool normalise, const float *y, int n_tok)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    struct route a = { .c = c, .r = r, .normalise = normalise };
    a.product = (struct product){ w, &a.act, c->rows, (size_t)w->n_out, false };
    act_init_f32(&a.act, y, n_tok, w->n_in);
    pool_run(c->pool, route_run, &a);
    group_pairs(r, n_tok);
}

/* --- blocks of rows by expert ------------------------------------------------------------------------------------------------- */

/* A gated layer's rows, cut into blocks of one expert each; a dense layer is one expert with every row. */
struct blocks {
    int n, widest;       /* blocks, rows of the largest */
    const int32_t *pair; /* pair of each place in the blocks */
    const int32_t *xrow; /* its row */
};

static void add_blocks(struct blocks *b, struct cpu_ctx *c, int e, int from, int to, int rows)
{
    for (int at = from; at < to; at += rows) {
        int n = MIN(rows, to - at);
        c->blocks[b->n++] = (struct block){ e, at, n };
        b->widest = MAX(b->widest, n);
    }
}

/* Blocks of experts [e0, e1). */
static struct blocks cut_blocks(struct cpu_ctx *c, const struct routing *r, int n_tok, int rows, int e0, int e1)
{
    struct blocks b = { .pair = r ? r->order : c->iota, .xrow = r ? c->xrow : c->iota };
    if (!r)
        add_blocks(&b, c, 0, 0, n_tok, rows);
    for (int e = e0; r && e < e1; e++)
        add_blocks(&b, c, e, r->start[e], r->start[e + 1], rows);
    for (int i = 0; r && i < n_tok * r->n_active; i++)
        c->xrow[i] = r->order[i] / r->n_active;
    return b;
}

/* --- gate and up ------------------------------------------------------------------------------------------------------------------ */

struct glu_up {
    struct cpu_ctx *c;
    float *h; /* [n_pair][n_ff] */
    const struct mat *gate, *up;
    struct act act;
    struct blocks blocks;
    int width;
};

/* Outputs [o0, o1) of one block: gate into h, up into the thread's own scratch, then both together. */
static void gate_panel(const struct glu_up *a, const struct block *b, int o0, int o1, float *own)
{
    const int32_t *pair = a->blocks.pair + b->at, *xrow = a->blocks.xrow + b->at;
    size_t n_ff = (size_t)a->gate->n_out;
    float *up = own + n_ff; /* column o0 lies there: own + n_ff - o0 is still within the scratch */
    const struct product to_gate = { a->gate, &a->act, a->h, n_ff, false };
    const struct product to_up = { a->up, &a->act, up - o0, PANEL_MAX, false };
    product_panel(&to_gate, a->c, b->e, o0, o1, xrow, pair, b->n);
    product_panel(&to_up, a->c, b->e, o0, o1, xrow, NULL, b->n);
    for (int i = 0; i < b->n; i++) {
        float *h = a->h + (size_t)pair[i] * n_ff + (size_t)o0;
        a->c->k.swiglu(h, h, up + (size_t)i * PANEL_MAX, o1 - o0);
    }
}

static void glu_up_run(void *arg, int ith, int nth)
{
    const struct glu_up *a = arg;
    int n_tok = a->act.n_row, n_out = a->gate->n_out, n_panel = (n_out + a->width - 1) / a->width;
    for (int t = cpu_share(n_tok, ith, nth); t < cpu_share(n_tok, ith + 1, nth); t++)
        act_quantize(&a->act, a->c, t);
    pool_barrier(a->c->pool);
    for (int item; (item = pool_next(a->c->pool)) < a->blocks.n * n_panel;) {
        int o0 = item % n_panel * a->width;
        gate_panel(a, &a->c->blocks[item / n_panel], o0, MIN(o0 + a->width, n_out), cpu_own(a->c, ith));
    }
}

void cpu_glu_up(struct op_ctx *base, float *h, const struct mat *gate, const struct mat *up, const float *y,
                const struct routing *r, int n_tok, int e0, int e1)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    struct glu_up a = { .c = c, .h = h, .gate = gate, .up = up };
    act_init(&a.act, c, y, n_tok, (const struct mat *const[]){ gate, up }, 2);
    a.blocks = cut_blocks(c, r, n_tok, MIN(GLU_ROWS, product_rows(&a.act)), e0, e1);
    a.width = product_width(c, a.blocks.n, a.blocks.widest, gate->n_out, mat_row_bytes(gate) + mat_row_bytes(up));
    pool_run(c->pool, glu_up_run, &a);
}

/* --- down and combine ------------------------------------------------------------------------------------------------------------- */

struct glu_down {
    struct cpu_ctx *c;
    const struct routing *r;
    float *x;
    const struct mat *down;
    struct act act;
    struct blocks blocks;
    int o0, o1; /* columns of this call */
    int width;
};

/* Columns [o0, o1) of all rows: what every expert gives, into the thread's own scratch [n_pair][PANEL_MAX]; then, row by row, the sum in
 * the order of the ranks, and onto x. So no more than these columns ever wait to be combined. */
static void down_panel(const struct glu_down *a, int o0, int o1, float *own)
{
    const struct cpu_ctx *c = a->c;
    int n_active = a->r->n_active;
    size_t n_out = (size_t)a->down->n_out;
    float *given = own + n_out; /* column o0 lies there, as in gate_panel */
    const struct product p = { a->down, &a->act, given - o0, PANEL_MAX, false };
    for (int i = 0; i < a->blocks.n; i++) {
        const struct block *b = &c->blocks[i];
        const int32_t *pair = a->blocks.pair + b->at;
        product_panel(&p, c, b->e, o0, o1, pair, pair, b->n);
    }
    for (int t = 0; t < a->act.n_row / n_active; t++) {
        float sum[PANEL_MAX] = { 0 };
        for (int k = 0; k < n_active; k++, given += PANEL_MAX)
            c->k.axpy(sum, a->r->weight[t * n_active + k], given, o1 - o0);
        c->k.axpy(a->x + (size_t)t * n_out + o0, 1, sum, o1 - o0);
    }
}

static void glu_down_run(void *arg, int ith, int nth)
{
    const struct glu_down *a = arg;
    int n_pair = a->act.n_row;
    for (int i = cpu_share(n_pair, ith, nth); i < cpu_share(n_pair, ith + 1, nth); i++)
        act_quantize(&a->act, a->c, i);
    pool_barrier(a->c->pool);
    for (int o0; (o0 = a->o0 + pool_next(a->c->pool) * a->width) < a->o1;)
        down_panel(a, o0, MIN(o0 + a->width, a->o1), cpu_own(a->c, ith));
}

void cpu_glu_down(struct op_ctx *base, float *x, const struct mat *down, const float *h, const struct routing *r,
                  int n_tok, int o0, int o1)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    struct glu_down a = { .c = c, .r = r, .x = x, .down = down, .o0 = o0, .o1 = o1 };
    if (!r) {
        cpu_linear_add(base, x, down, h, n_tok);
        return;
    }
    act_init(&a.act, c, h, n_tok * r->n_active, &down, 1);
    a.blocks = cut_blocks(c, r, n_tok, product_rows(&a.act), 0, r->n_expert);
    a.width = product_width(c, 1, a.act.n_row, o1 - o0, mat_row_bytes(down));
    pool_run(c->pool, glu_down_run, &a);
}
