/* dtype.c - element types.
 * SPDX-License-Identifier: MIT */
#include "base/dtype.h"

#include "base/base.h"

static const struct {
    const char *name;
    size_t bytes;
} types[DTYPE_N] = {
    [DTYPE_BOOL] = { "BOOL", 1 },       [DTYPE_U8] = { "U8", 1 },           [DTYPE_I8] = { "I8", 1 },
    [DTYPE_U16] = { "U16", 2 },         [DTYPE_I16] = { "I16", 2 },         [DTYPE_F16] = { "F16", 2 },
    [DTYPE_BF16] = { "BF16", 2 },       [DTYPE_U32] = { "U32", 4 },         [DTYPE_I32] = { "I32", 4 },
    [DTYPE_F32] = { "F32", 4 },         [DTYPE_U64] = { "U64", 8 },         [DTYPE_I64] = { "I64", 8 },
    [DTYPE_F64] = { "F64", 8 },         [DTYPE_F8_E4M3] = { "F8_E4M3", 1 }, [DTYPE_F8_E5M2] = { "F8_E5M2", 1 },
    [DTYPE_F8_E8M0] = { "F8_E8M0", 1 }, [DTYPE_C64] = { "C64", 8 },
};

const char *dtype_name(enum dtype t)
{
    return types[t].name;
}

size_t dtype_bytes(enum dtype t)
{
    return types[t].bytes;
}

bool dtype_is_float(enum dtype t)
{
    return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16;
}

bool dtype_parse(struct str name, enum dtype *out)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_eqz(name, types[i].name)) {
            *out = (enum dtype)i;
            return true;
        }
    }
    return false;
}
