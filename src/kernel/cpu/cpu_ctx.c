/* cpu_ctx.c - opens the CPU as a device: threads, kernels, scratch memory sized once.
 * SPDX-License-Identifier: MIT */
#include "kernel/cpu/cpu_ctx.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/sys.h"
#include "kernel/cpu/products.h"

enum { ALIGN = 64 };

struct cpu_alloc {
    struct cpu_alloc *next; /* owned */
    void *p;
    size_t n;
};

static void *cpu_alloc(struct op_ctx *base, size_t n_bytes)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    void *p = sys_reserve(n_bytes);
    if (!p)
        return NULL;
    struct cpu_alloc *a = xmalloc(sizeof *a);
    *a = (struct cpu_alloc){ c->allocs, p, n_bytes };
    c->allocs = a;
    return p;
}

static void cpu_free(struct op_ctx *base, void *p)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    for (struct cpu_alloc **at = &c->allocs; *at; at = &(*at)->next) {
        struct cpu_alloc *a = *at;
        if (a->p != p)
            continue;
        *at = a->next;
        sys_release(a->p, a->n);
        mem_free(a);
        return;
    }
}

static void cpu_close(struct op_ctx *base)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    while (c->allocs)
        cpu_free(base, c->allocs->p);
    pool_free(c->pool);
    mem_free(c);
}

static void cpu_yield(struct op_ctx *base)
{
    pool_yield(((struct cpu_ctx *)base)->pool);
}

static const struct op_table cpu_table = {
    .close = cpu_close,
    .yield = cpu_yield,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .embed = cpu_embed,
    .rope_table = cpu_rope_table,
    .attn_in = cpu_attn_in,
    .attn = cpu_attn,
    .linear_add = cpu_linear_add,
    .norm = cpu_norm,
    .route = cpu_route,
    .glu_up = cpu_glu_up,
    .glu_down = cpu_glu_down,
    .head = cpu_head,
};

/* Bytes that the widest operation needs of each scratch buffer. */
struct sizes {
    size_t q8, rows, iota, xrow, blocks, own, parts;
};

/* *most = the larger of itself and n * size; false on overflow. */
static bool at_least(size_t *most, size_t n, size_t size)
{
    size_t bytes;
    if (!mem_mul(n, size, &bytes) || bytes > SIZE_MAX / 4)
        return false;
    *most = MAX(*most, bytes);
    return true;
}

/* Bytes of one quantised row with the smallest group. */
static size_t q8_row_bytes(size_t n_in)
{
    size_t q = (n_in + Q8_ALIGN_IN - 1) / Q8_ALIGN_IN * Q8_ALIGN_IN;
    size_t g = (n_in / 32 + Q8_ALIGN_G) / Q8_ALIGN_G * Q8_ALIGN_G;
    return q + 2 * g * sizeof(float);
}

/* Floats of one thread's own scratch: what attention, gate and up, and the combination of experts want; a multiple of ALIGN. */
static bool own_floats_of(size_t *n, const struct op_dims *d)
{
    int n_group = d->n_head / d->n_kv_head;
    size_t n_pair = (size_t)d->max_tok * (size_t)MAX(d->n_active, 1), n_query = (size_t)ATTN_MAX_ROWS * (size_t)n_group;
    bool ok = at_least(n, attn_scratch(ATTN_MAX_ROWS, n_group, d->d_head) + n_query * ((size_t)d->d_head + 4), 1) &&
              at_least(n, (size_t)d->n_ff + (size_t)GLU_ROWS * PANEL_MAX, 1) && at_least(n, n_pair, PANEL_MAX);
    *n = (*n + (size_t)d->n_embd + ALIGN - 1) / ALIGN * ALIGN;
    return ok;
}

static bool sizes_of(struct sizes *z, struct cpu_ctx *c, int n_threads)
{
    const struct op_dims *d = &c->base.dims;
    const size_t f = sizeof(float);
    size_t n_tok = (size_t)d->max_tok, n_pair = n_tok * (size_t)MAX(d->n_active, 1), n_out = (size_t)d->max_out;
    size_t n_embd = (size_t)d->n_embd, n_q = (size_t)d->n_head * (size_t)d->d_head;
    size_t n_kv = (size_t)d->n_kv_head * (size_t)d->d_head;
    c->part_floats = (size_t)(d->n_head / d->n_kv_head) * ((size_t)d->d_head + 2);
    bool ok = own_floats_of(&c->own_floats, d) && at_least(&z->own, c->own_floats * f, (size_t)n_threads);
    ok = ok && at_least(&z->q8, n_tok * ACT_MAX, q8_row_bytes(n_embd)) && at_least(&z->q8, n_tok, q8_row_bytes(n_q)) &&
         at_least(&z->q8, n_pair, q8_row_bytes((size_t)d->n_ff)) && at_least(&z->q8, n_out, q8_row_bytes(n_embd));
    ok = ok && at_least(&z->rows, n_tok, (n_embd + 2 * n_kv) * f) &&
         at_least(&z->rows, n_tok, (size_t)d->n_expert * f) && at_least(&z->rows, n_out, n_embd * f) &&
         at_least(&z->rows, (size_t)d->n_head, 2 * f);
    c->q8_bytes = z->q8;
    return ok && at_least(&z->iota, MAX(n_pair, n_out), sizeof *c->iota) &&
           at_least(&z->xrow, n_pair, sizeof *c->xrow) &&
           at_least(&z->blocks, n_pair / BLOCK_ROWS_MIN + (size_t)d->n_expert + 1, sizeof *c->blocks) &&
           at_least(&z->parts, c->part_floats * f, PART_WAVE);
}

static bool alloc_scratch(struct cpu_ctx *c, const struct sizes *z)
{
    c->q8 = cpu_alloc(&c->base, z->q8);
    c->rows = cpu_alloc(&c->base, z->rows);
    c->iota = cpu_alloc(&c->base, z->iota);
    c->xrow = cpu_alloc(&c->base, z->xrow);
    c->blocks = cpu_alloc(&c->base, z->blocks);
    c->own = cpu_alloc(&c->base, z->own);
    c->parts = cpu_alloc(&c->base, z->parts);
    for (size_t i = 0; c->iota && i < z->iota / sizeof *c->iota; i++)
        c->iota[i] = (int32_t)i;
    return c->q8 && c->rows && c->iota && c->xrow && c->blocks && c->own && c->parts;
}

int op_ctx_open_cpu(struct op_ctx **out, int n_threads, unsigned isa_mask, enum precision precision,
                    const struct op_dims *dims, struct err *e)
{
    *out = NULL;
    struct cpu_ctx *c = xcalloc(1, sizeof *c);
    struct sizes z = { 0 };
    c->base.table = &cpu_table;
    c->base.dims = *dims;
    c->precision = precision;
    kernels_init(&c->k, isa_mask);
    snprintf(c->base.numerics, sizeof c->base.numerics, "cpu %s %s", c->k.name,
             precision == PRECISION_F32 ? "f32" : "int8");
    snprintf(c->base.name, sizeof c->base.name, "cpu %s, %d thread%s, %s", c->k.name, n_threads,
             n_threads == 1 ? "" : "s", precision == PRECISION_F32 ? "f32" : "int8");
    int rc = pool_new(&c->pool, n_threads, e);
    if (!rc && (!sizes_of(&z, c, n_threads) || !alloc_scratch(c, &z)))
        rc = err_set(e, ERR_NOMEM, "no memory for the CPU's scratch buffers: %d rows of %d features", dims->max_tok,
                     dims->n_embd);
    if (rc) {
        cpu_close(&c->base);
        return rc;
    }
    *out = &c->base;
    return 0;
}
