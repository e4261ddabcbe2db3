/* mat.h - a weight matrix, or a stack of them, as MLX stores it.
 *
 * Logically W[n_mat][n_out][n_in]; y = W x. Elements of a row are a little-endian bit stream, least significant bit first,
 * without padding: element i occupies bits [i * bits, (i + 1) * bits) of the row (docs/MODEL.md). Groups of `group` elements run
 * along n_in and never cross rows.
 *
 *   affine: w = s * q + b          s, b float [n_mat][n_out][n_in / group]; s may be negative
 *   mxfp4:  w = 2^(s - 127) * E2M1[q]    mxfp8: w = 2^(s - 127) * E4M3(q)    nvfp4: w = E4M3(s) * E2M1[q]
 *   plain:  w = the element, F32, F16 or BF16
 *
 * The three pointers borrow from the mapped checkpoint, which outlives every mat, and have no alignment at all: bytes until
 * loaded.
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_MAT_H
#define KERNEL_MAT_H

#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"

enum quant_mode { QUANT_PLAIN, QUANT_AFFINE, QUANT_MXFP4, QUANT_MXFP8, QUANT_NVFP4, QUANT_MODE_N };

struct mat {
    enum quant_mode mode;
    int bits;         /* of one element: 2, 3, 4, 5, 6, 8; plain: 16 or 32 */
    int group;        /* elements a scale; plain: 0 */
    enum dtype dtype; /* plain: of the elements; affine: of s and b; otherwise DTYPE_U8 */
    int n_mat;        /* matrices in the stack: experts; 1 for a linear layer */
    int n_out, n_in;
    const uint8_t *w; /* borrowed; [n_mat][n_out][n_in * bits / 8] bytes */
    const uint8_t *s; /* borrowed; [n_mat][n_out][n_in / group]; plain: NULL */
    const uint8_t *b; /* borrowed; as s; affine only, otherwise NULL */
    const float
        *bias; /* borrowed from the model; [n_mat][n_out], added after the product; NULL if the layer has none */
};

static inline size_t mat_row_bytes(const struct mat *m)
{
    return (size_t)m->n_in * (size_t)m->bits / 8;
}
static inline int mat_groups(const struct mat *m)
{
    return m->group ? m->n_in / m->group : 0;
}
/* Row o of matrix e: its elements, and its scales or biases (dtype_bytes(m->dtype) each). */
static inline const uint8_t *mat_row(const struct mat *m, int e, int o)
{
    return m->w + ((size_t)e * (size_t)m->n_out + (size_t)o) * mat_row_bytes(m);
}
static inline size_t mat_scale_at(const struct mat *m, int e, int o)
{
    return ((size_t)e * (size_t)m->n_out + (size_t)o) * (size_t)mat_groups(m) * dtype_bytes(m->dtype);
}
/* Bytes of elements, scales and biases of the whole stack: what is read when every matrix is used. */
size_t mat_bytes(const struct mat *m);

#endif
