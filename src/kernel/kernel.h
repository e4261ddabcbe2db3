/* kernel.h - the contract of the CPU's inner loops: one function type and one comment for each; a table of them per
 * instruction set.
 *
 * ref/ defines what each computes (plain C, accumulating in double); x86/ and arm/ override what they do faster. A table is
 * filled by kernels_init: the reference first, then each instruction set that the processor has and the mask allows. Every
 * function works on one thread's share and calls nobody; ops (kernel/ops.h) hand out the shares.
 *
 * Determinism, for every table by itself: the result of one row (one token, one output) depends on that row's inputs alone,
 * bit for bit: not on n_row, on the neighbours, on the range [o0, o1), on alignment or on padding. So each sum over n_in, over
 * d_head or over tokens is one fixed tree; a tile of many rows does for each row exactly what a tile of one does; one
 * exponential serves body and tail; nothing masked is multiplied by 0.
 *
 * No pointer needs alignment unless said. Outputs never alias inputs unless said.
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/kv.h"
#include "kernel/mat.h"

/* Rows of activations as int8 with one scale a group.
 *   a[g] = max |x_i| of the group / 127 (0 if all are 0);  x̂_i = rint(x_i / a[g]) in -127..127;  X[g] = a[g] * sum x̂_i
 * X is the sum of the ROUNDED values: with the unrounded sum the error of affine products is seven times larger.
 * The order of x̂ within a row belongs to the table that wrote it (it may depend on `bits`, the width of the weights it
 * will meet); q is padded with zeros to q_stride. */
struct q8_rows {
    int8_t *q; /* [n_row][q_stride], aligned to 64 */
    float *a;  /* [n_row][g_stride], padded with zeros */
    float *x;  /* [n_row][g_stride], X, padded with zeros */
    size_t q_stride, g_stride;
    int n_in, group, bits;
};
enum { Q8_ALIGN_IN = 128, Q8_ALIGN_G = 16 }; /* strides are n_in and n_in / group rounded up to these */

/* Quantises row `row` of dst from x f32 [n_in]. n_in % group == 0, group in 32, 64, 128. */
typedef void quantize_fn(const struct q8_rows *dst, int row, const float *x);

/* A product of some rows with part of one matrix: for each r in [0, n_row) and o in [o0, o1)
 *   y[yrow[r]][o] (+)= sum_i W[e][o][i] x[xrow[r]][i] + bias[e][o] */
struct qmm {
    const struct mat *m;
    int e, o0, o1;
    const struct q8_rows *q8; /* qmm_q8: the activations */
    const float *x;           /* qmm_f32: the activations, [..][x_stride] */
    size_t x_stride;
    const int32_t *xrow; /* [n_row]; NULL: r itself */
    const int32_t *yrow; /* [n_row], all different; NULL: r itself */
    int n_row;
    float *y; /* f32 [..][y_stride] */
    size_t y_stride;
    bool add; /* add to what y holds */
};

/* qmm_q8: affine weights on int8 activations whose group is the matrix's:
 *   y = sum_g s_g * a_g * (sum_i q_i x̂_i) + sum_g b_g * X_g
 * the sums over i in integers, exact. Reference: sums over g in double. Variant: f32, nmse <= 1e-10 against the reference on
 * the same x̂. */
/* qmm_f32: any matrix on f32 activations. Weights as mat.h says, in f32 (affine: s * q + b with one rounding or two).
 * Reference: double. Variant: f32, nmse <= 1e-10. */
typedef void qmm_fn(const struct qmm *p);

/* y[i] = W[e][o][i0 + i] in f32, i in [0, n): i0 and n multiples of the group (plain: of 1). Exact for plain, mx and nv; affine:
 * s * q + b, at most one ulp of each operation. */
typedef void dequant_fn(float *y, const struct mat *m, int e, int o, int i0, int n);

/* y[i] = x[i] / sqrt(mean(x^2) + eps) * w[i]; y may be x. nmse <= 1e-12. */
typedef void rms_norm_fn(float *y, const float *x, const float *w, int n, float eps);

/* Rotates one head in place, pairs (i, i + n_rot / 2), i < n_rot / 2: cs[2 * i] is the cosine and cs[2 * i + 1] the sine. */
typedef void rope_fn(float *x, const float *cs, int n_rot);

/* y[i] = silu(gate[i]) * up[i], silu(z) = z / (1 + e^-z); y may be gate or up. nmse <= 1e-12. */
typedef void swiglu_fn(float *y, const float *gate, const float *up, int n);

/* x[i] = e^(x[i] - max x) / sum of these, in place. nmse <= 1e-12. */
typedef void softmax_fn(float *x, int n);

/* y[i] += w * x[i] */
typedef void axpy_fn(float *y, float w, const float *x, int n);

/* Stores k and v, f32 [n_kv_head][d_head] each, of one token in slot `slot` of page `p`, as kv->type says (kernel/kv.h; nearest, ties
 * to even; an f16 overflow, of an element or a scale, saturates at 65504). Every table stores the same bytes. */
typedef void kv_append_fn(const struct kv_layer *kv, int p, int slot, const float *k, const float *v);

/* Attention is cut at absolute multiples of ATTN_SPLIT_TOK tokens. A split's part of a query's attention is (m, l, o):
 *   s_j = scale * q . k_j over the split's tokens j <= position of the query;  m = max s_j;  l = sum e^(s_j - m);
 *   o[d] = sum e^(s_j - m) v_j[d]
 * and parts are merged in the order of the splits (attn_merge). */
enum { ATTN_SPLIT_TOK = 512 };

struct attn_part {
    const struct kv_layer *kv;
    const int32_t *pages; /* the sequence's pages, from its position 0 */
    int h_kv;             /* key-value head */
    int split;            /* tokens [split * ATTN_SPLIT_TOK, ...) */
    float scale;
    const float *q;     /* f32; query r, head c: q + r * q_stride + c * d_head */
    size_t q_stride;    /* of rows */
    int n_row, n_group; /* queries; query heads that share this key-value head */
    int pos0;           /* position of query 0; query r is at pos0 + r. All have at least one token in the split */
    float *m, *l;       /* [n_row][n_group] */
    float *o;           /* [n_row][n_group][d_head] */
    float *scratch;     /* f32 [attn_scratch()], aligned to 64 */
};
/* Floats of scratch memory that a call needs: every query's scores, and a page's keys or values widened to f32, with their scales. */
static inline size_t attn_scratch(int n_row, int n_group, int d_head)
{
    return (size_t)n_row * (size_t)n_group * ATTN_SPLIT_TOK + (size_t)(d_head + kv_q8_groups(d_head)) * KV_PAGE_TOK;
}
/* nmse <= 1e-10 of o / l on the stored keys and values; every storage is widened exactly. n_row <= ATTN_MAX_ROWS. */
enum { ATTN_MAX_ROWS = 16 };
typedef void attn_part_fn(const struct attn_part *p);

/* Merges part (m1, l1, o1) into the running (m, l, o), which begins as (-INFINITY, 0, 0...). */
typedef void attn_merge_fn(float *m, float *l, float *o, float m1, float l1, const float *o1, int d_head);

struct kernels {
    const char *name; /* "avx512vnni": of the highest set in use */
    quantize_fn *quantize;
    qmm_fn *qmm_q8, *qmm_f32;
    dequant_fn *dequant;
    rms_norm_fn *rms_norm;
    rope_fn *rope;
    swiglu_fn *swiglu;
    softmax_fn *softmax;
    axpy_fn *axpy;
    kv_append_fn *kv_append;
    attn_part_fn *attn_part;
    attn_merge_fn *attn_merge;
};

/* Fills *k for this processor. `mask`: CPU_* flags (kernel/cpu.h) that may be used; 0 gives the reference alone. */
void kernels_init(struct kernels *k, unsigned mask);

/* Each sets what its instruction set has; kernels_init calls them in this order as far as the processor and the mask allow. The
 * files of the matrix products and those of the rest are separate: *_qmm for the first five members, *_vec for the others. */
void kernels_init_ref_qmm(struct kernels *k);
void kernels_init_ref_vec(struct kernels *k);
void kernels_init_avx2_qmm(struct kernels *k);
void kernels_init_avx2_vec(struct kernels *k);
void kernels_init_avx512_qmm(struct kernels *k); /* with VNNI */
void kernels_init_avx512_vec(struct kernels *k);
void kernels_init_neon_qmm(struct kernels *k);
void kernels_init_neon_vec(struct kernels *k);

#endif
