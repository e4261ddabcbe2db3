/* qmm_parts.h - what all variants of the matrix products share: where rows lie, and the order of every sum.
 *
 * One tree, whatever the width of the registers, so that every fast table gives the same bits. A sum has 16 lanes.
 *
 *   qmm_q8   lane j adds the groups j, j + 16, j + 32, ... in this order, each as
 *              acc = fma(b_g, X_g, acc);  acc = fma((float)(sum of q_i x̂_i, exact), s_g * a_g, acc)
 *   qmm_f32  lane j adds the elements j, j + 16, ...: acc = fma(w_i, x_i, acc)
 *
 * Absent groups and elements count as zeros. At the end lanes l and l + 8 are added, then l and l + 4, l + 2, l + 1; then the
 * layer's bias; then, if asked for, what y holds.
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_QMM_PARTS_H
#define KERNEL_QMM_PARTS_H

#include "base/num.h"
#include "kernel/kernel.h"

#define QMM_INLINE static inline __attribute__((always_inline))

enum { QMM_LANES = 16 };

/* Row r of the activations, in the buffer that p reads. */
static inline size_t qmm_xrow(const struct qmm *p, int r)
{
    return (size_t)(p->xrow ? p->xrow[r] : r);
}
static inline float *qmm_y(const struct qmm *p, int r, int o)
{
    return p->y + (size_t)(p->yrow ? p->yrow[r] : r) * p->y_stride + o;
}
static inline const float *qmm_bias(const struct qmm *p, int o)
{
    return p->m->bias + (size_t)p->e * (size_t)p->m->n_out + (size_t)o;
}
/* Stores the finished sum of row r and output o. */
static inline void qmm_store(const struct qmm *p, int r, int o, float sum)
{
    float *y = qmm_y(p, r, o);
    if (p->m->bias)
        sum += *qmm_bias(p, o);
    *y = p->add ? *y + sum : sum;
}

/* Where the rows of one matrix of a stack lie, and where the stack's memory ends: a vector may be loaded beyond what is wanted of
 * it, but not beyond that. */
struct qmm_source {
    const uint8_t *w, *s, *b; /* of row 0 */
    const uint8_t *w_end, *s_end, *b_end;
    size_t w_bytes, s_bytes; /* of a row; b as s */
};

static inline struct qmm_source qmm_source(const struct mat *m, int e)
{
    struct qmm_source src = { .w = mat_row(m, e, 0), .w_end = mat_row(m, m->n_mat, 0), .w_bytes = mat_row_bytes(m) };
    size_t s = mat_scale_at(m, e, 0), s_end = mat_scale_at(m, m->n_mat, 0);
    if (m->mode != QUANT_PLAIN) {
        src.s = m->s + s;
        src.s_end = m->s + s_end;
        src.s_bytes = (size_t)mat_groups(m) * dtype_bytes(m->dtype);
    }
    if (m->mode == QUANT_AFFINE) {
        src.b = m->b + s;
        src.b_end = m->b + s_end;
    }
    return src;
}

/* Asks for n_bytes of weights that come QMM_AHEAD_BYTES behind w. A step of a few rows is bound by memory: panels are contiguous, but the
 * hardware's prefetchers stop at every page and start anew (4096: measured, docs/PERF.md). What lies behind a matrix is asked for, too, and
 * never read. */
enum { QMM_AHEAD_BYTES = 4096 };
QMM_INLINE void qmm_fetch_ahead(const uint8_t *w, int n_bytes)
{
    const uintptr_t at = (uintptr_t)w + QMM_AHEAD_BYTES;
    for (int i = 0; i < n_bytes; i += 64)
        __builtin_prefetch((const void *)(at + (size_t)i));
}

/* Class c of the 16 lanes in the order in which sums of whole lanes can be folded like a binary counter:
 * 0 8 4 12 2 10 6 14 1 9 5 13 3 11 7 15. */
static inline int qmm_lane_visited(int c)
{
    return (c & 1) << 3 | (c & 2) << 1 | (c & 4) >> 1 | (c & 8) >> 3;
}

#endif
