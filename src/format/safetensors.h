/* safetensors.h - the header of a safetensors file: which tensors, of what type and shape, at which bytes.
 *
 * safetensors_parse is pure: bytes in, table out; nothing is read behind `n`. It refuses headers that are too long or no JSON,
 * unknown dtypes, shapes whose product overflows or differs from the byte range, ranges outside the file, overlaps and holes,
 * and says which tensor. Tensor starts have no alignment.
 * SPDX-License-Identifier: MIT */
#ifndef FORMAT_SAFETENSORS_H
#define FORMAT_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/dtype.h"
#include "base/err.h"
#include "base/map.h"
#include "base/str.h"

enum { TENSOR_MAX_DIM = 8 };

struct tensor {
    char *name; /* owned by its table */
    enum dtype dtype;
    int n_dim;
    size_t dim[TENSOR_MAX_DIM]; /* row-major, outermost first */
    size_t n_bytes;
    const uint8_t *p; /* borrowed from the bytes that were parsed; any alignment */
    int shard;        /* which file of a set, 0 for a single one */
};

/* Tensors of one or many files, found by name. */
struct tensors {
    struct tensor *v; /* owned */
    size_t n, cap;
    struct map by_name; /* name -> index in v */
};

/* Adds the tensors of one file whose bytes are p[0..n); `what` names it in messages. A name that is there already is an error
 * that names both. On failure *t holds nothing of this file. */
MUST_CHECK int safetensors_parse(struct tensors *t, const uint8_t *p, size_t n, int shard, const char *what,
                                 struct err *e);
const struct tensor *tensors_find(const struct tensors *t, const char *name); /* NULL if absent */
void tensors_deinit(struct tensors *t);

/* Appends "BF16 [128, 64]". */
void tensor_describe(struct buf *out, const struct tensor *t);

/* Writing: describe every tensor first (name, dtype, n_dim, dim; n_bytes and p are set or ignored), then the data in that order. Appends
 * the 8-byte length and the header as mlx-lm writes it ({"__metadata__": {"format": "mlx"}, ...}, no padding, so that starts
 * are as unaligned as mlx-lm leaves them), and sets n_bytes of each tensor. */
MUST_CHECK int safetensors_header(struct buf *out, struct tensor *v, size_t n, struct err *e);

#endif
