/* synth_fill.h - the bytes of made tensors: seeded, and any part of a tensor by itself.
 *
 * A tensor is a row of 8-byte words. Word w is a function of the tensor's key and of w alone, so that threads may make parts in any
 * order and the file is the same. A fill is either raw (random bits: packed codes of any width) or a table of 256 values from which each
 * element takes one at random: scales, biases, norms and unquantised weights.
 *
 * Codes are uniform, so weights have the wanted standard deviation `sd` when the scale is sd / (standard deviation of the codes). Scales
 * vary by a quarter around that, half of them are negative, and biases are a whole multiple of their scale, so that 0 is one of the
 * values of a group: as in files that mlx-lm writes. Pure; any thread may call.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_SYNTH_FILL_H
#define MODEL_SYNTH_FILL_H

#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/str.h"
#include "kernel/mat.h"

enum { SYNTH_FILL_TABLE_N = 256 };

struct synth_fill {
    uint64_t key;
    uint64_t keep, set;                 /* raw: word = (random & keep) | set */
    int elem_bytes;                     /* of a table's elements: 1, 2 or 4; 0: raw */
    uint32_t table[SYNTH_FILL_TABLE_N]; /* bit patterns */
};

/* The key of a tensor or module: different seeds and names give unrelated bytes. */
uint64_t synth_fill_key(uint64_t seed, struct str name);

/* The tensors of one matrix whose weights have mean 0 and standard deviation sd: codes `w`, scales `s` and biases `b`, as far as the
 * mode has them. `dtype`: of plain weights, and of affine scales and biases. */
void synth_fill_matrix(struct synth_fill *w, struct synth_fill *s, struct synth_fill *b, enum quant_mode mode, int bits,
                       enum dtype dtype, double sd, uint64_t key);
/* A norm's weights: between 0.9 and 1.1. */
void synth_fill_norm(struct synth_fill *f, enum dtype dtype, uint64_t key);

/* Bytes [from, from + n) of the tensor. */
void synth_fill_bytes(const struct synth_fill *f, uint8_t *out, uint64_t from, size_t n);

#endif
