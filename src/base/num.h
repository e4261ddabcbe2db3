/* num.h - the 16-bit and 8-bit floating formats of stored weights, to and from f32. Scalar; kernels have their own.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/dtype.h"

/* Loads from bytes of any alignment, little-endian. */
static inline uint16_t num_load_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t num_load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline float num_from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
static inline uint32_t num_to_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}
static inline float num_bf16(uint16_t h)
{
    return num_from_bits((uint32_t)h << 16);
}

float num_f16(uint16_t h);       /* IEEE binary16, subnormals, infinities and NaN included */
uint16_t num_to_bf16(float f);   /* round to nearest, ties to even; NaN stays NaN */
uint16_t num_to_f16(float f);    /* likewise; overflow becomes infinity */
float num_e4m3(uint8_t b);       /* as MLX decodes it: no NaN, 0x7f is 480 */
float num_e8m0(uint8_t b);       /* 2^(b-127); 255 is infinity */
extern const float num_e2m1[16]; /* by 4-bit code */

/* Element i of a float tensor (F32, F16, BF16) at any alignment. */
float num_load(const uint8_t *p, enum dtype t, size_t i);

#endif
