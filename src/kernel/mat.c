/* mat.c - sizes of stored matrices.
 * SPDX-License-Identifier: MIT */
#include "kernel/mat.h"

size_t mat_bytes(const struct mat *m)
{
    size_t rows = (size_t)m->n_mat * (size_t)m->n_out;
    size_t scales = (size_t)mat_groups(m) * dtype_bytes(m->dtype) * (m->b ? 2 : 1);
    return rows * (mat_row_bytes(m) + scales);
}
