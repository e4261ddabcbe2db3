/* products.h - matrix products over the pool: activations quantised once, outputs cut into panels. Private to kernel/cpu.
 *
 * A panel is a range of outputs of one matrix for a block of rows. Its weights are read once from memory; the block is small enough
 * that the activations stay in the second-level cache while the panels of a matrix pass over them.
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_CPU_PRODUCTS_H
#define KERNEL_CPU_PRODUCTS_H

#include "kernel/cpu/cpu_ctx.h"

enum { ACT_MAX = 3 };         /* q, k and v may each want their own form */
enum { BLOCK_ROWS_MIN = 64 }; /* rows of a full block */

/* Activations as the products of one operation read them: f32, and quantised once for each form that they want. */
struct act {
    const float *x; /* borrowed for the operation; [n_row][n_in] */
    int n_row, n_in;
    int n_q8;
    struct q8_rows q8[ACT_MAX]; /* in the scratch */
};

/* Activations x for the n matrices m, which all have the same n_in. Lays out the quantised forms; act_quantize fills them. */
void act_init(struct act *a, struct cpu_ctx *c, const float *x, int n_row, const struct mat *const *m, int n);
/* The same for a matrix that reads f32 whatever the precision. */
void act_init_f32(struct act *a, const float *x, int n_row, int n_in);
/* Quantises row `row` of x in every form. */
void act_quantize(const struct act *a, const struct cpu_ctx *c, int row);

struct product {
    const struct mat *m;
    const struct act *x;
    float *y; /* [..][y_stride] */
    size_t y_stride;
    bool add;
};

/* Outputs [o0, o1) of matrix e for n_row rows; xrow, yrow as in struct qmm. */
void product_panel(const struct product *p, const struct cpu_ctx *c, int e, int o0, int o1, const int32_t *xrow,
                   const int32_t *yrow, int n_row);
/* How wide panels are, where n_block blocks of about n_row rows each meet n_out outputs of row_bytes: narrow enough that every thread gets
 * several. */
int product_width(const struct cpu_ctx *c, int n_block, int n_row, int n_out, size_t row_bytes);
/* Rows of a block whose activations stay in the cache. */
int product_rows(const struct act *a);

/* Within a run: everything of n products of matrix 0 over all rows of the same activations, shared by all threads. */
void products_run(const struct product *p, int n, const struct cpu_ctx *c);

#endif
