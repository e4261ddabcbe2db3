/* dtype.h - element types of stored tensors, named as safetensors names them.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_DTYPE_H
#define BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum dtype {
    DTYPE_BOOL,
    DTYPE_U8,
    DTYPE_I8,
    DTYPE_U16,
    DTYPE_I16,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_U32,
    DTYPE_I32,
    DTYPE_F32,
    DTYPE_U64,
    DTYPE_I64,
    DTYPE_F64,
    DTYPE_F8_E4M3,
    DTYPE_F8_E5M2,
    DTYPE_F8_E8M0,
    DTYPE_C64,
    DTYPE_N
};

const char *dtype_name(enum dtype t); /* "BF16" */
size_t dtype_bytes(enum dtype t);     /* of one element */
bool dtype_is_float(enum dtype t);    /* F32, F16 or BF16: what weights, scales and norms may be */
bool dtype_parse(struct str name, enum dtype *out);

#endif
