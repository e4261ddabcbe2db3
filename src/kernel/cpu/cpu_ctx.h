/* cpu_ctx.h - the CPU as a device: threads, inner loops, scratch memory. Private to kernel/cpu.
 *
 * Each operation is one run of the pool, cut into phases by barriers. Rows are dealt out in equal shares, the panels of matrix
 * products one after the other to whoever is free. Who computes what changes nothing: every row and output is computed by
 * itself.
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_CPU_CPU_CTX_H
#define KERNEL_CPU_CPU_CTX_H

#include "base/pool.h"
#include "kernel/kernel.h"
#include "kernel/op_ctx.h"

/* Panels are at most this many outputs wide, and half or a quarter of it where there would be too few of them. */
enum { PANEL_MAX = 64, PANEL_MIN = 16 };
/* Rows of a gated layer's block: its up half waits in the thread's own scratch for its gate. */
enum { GLU_ROWS = 256 };
/* Parts of attention that the scratch holds at once. */
enum { PART_WAVE = 256 };

/* Rows that go to the same expert: the pairs [at, at + n) of routing.order. */
struct block {
    int32_t e, at, n;
};

struct cpu_ctx {
    struct op_ctx base;
    struct pool *pool; /* owned */
    struct kernels k;
    enum precision precision;
    struct cpu_alloc *allocs; /* owned: what op_alloc gave out, and with it all scratch below */

    uint8_t *q8;          /* quantised rows, q8_bytes */
    float *rows;          /* normed rows with k and v before they are appended; or a router's probabilities */
    int32_t *iota;        /* 0, 1, 2, ... as many as any operation has rows */
    int32_t *xrow;        /* rows by pair, in the order of routing.order */
    struct block *blocks; /* of one operation's experts */
    float *own;           /* own_floats for each thread */
    float *parts;         /* PART_WAVE parts of attention, part_floats each */
    size_t q8_bytes, own_floats, part_floats;
};

/* Where share ith of n rows begins; it ends where the next begins. */
static inline int cpu_share(int n, int ith, int nth)
{
    return (int)((int64_t)n * ith / nth);
}
/* The thread's own scratch, aligned to 64. */
static inline float *cpu_own(const struct cpu_ctx *c, int ith)
{
    return c->own + (size_t)ith * c->own_floats;
}

/* The operations: op_*.c. */
void cpu_embed(struct op_ctx *base, float *x, const struct mat *table, const struct step *s);
void cpu_rope_table(struct op_ctx *base, float *cs, const float *inv_freq, int n_freq, const struct step *s);
void cpu_attn_in(struct op_ctx *base, const struct op_attn_in *p, const struct step *s);
void cpu_attn(struct op_ctx *base, float *o, const float *q, int n_head, float scale, const struct kv_layer *kv,
              const struct step *s);
void cpu_linear_add(struct op_ctx *base, float *x, const struct mat *w, const float *y, int n_tok);
void cpu_norm(struct op_ctx *base, float *y, const float *x, const float *norm, int n, float eps, int n_tok);
void cpu_route(struct op_ctx *base, struct routing *r, const struct mat *w, bool normalise, const float *y, int n_tok);
void cpu_glu_up(struct op_ctx *base, float *h, const struct mat *gate, const struct mat *up, const float *y,
                const struct routing *r, int n_tok, int e0, int e1);
void cpu_glu_down(struct op_ctx *base, float *x, const struct mat *down, const float *h, const struct routing *r,
                  int n_tok, int o0, int o1);
void cpu_head(struct op_ctx *base, float *logits, const struct mat *w, const float *norm, float eps, const float *x,
              const struct step *s);

#endif
