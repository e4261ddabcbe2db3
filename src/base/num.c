/* num.c - small floating formats.
 * SPDX-License-Identifier: MIT */
#include "base/num.h"

#include <math.h>

const float num_e2m1[16] = { 0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                             -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f };

float num_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 0x1f, mantissa = h & 0x3ff;
    if (exponent == 0x1f)
        return num_from_bits(sign | 0x7f800000u | mantissa << 13);
    if (exponent == 0) {
        float f = ldexpf((float)mantissa, -24);
        return sign ? -f : f;
    }
    return num_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t num_to_bf16(float f)
{
    uint32_t u = num_to_bits(f);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

uint16_t num_to_f16(float f)
{
    uint32_t u = num_to_bits(f), a = u & 0x7fffffffu;
    uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    if (a > 0x7f800000u)
        return sign | 0x7e00;
    if (a >= 0x477ff000u) /* 65520: the first value that rounds beyond 65504 */
        return sign | 0x7c00;
    if (a < 0x38800000u) { /* below 2^-14: the sum rounds to a multiple of 2^-24 */
        uint32_t sum = num_to_bits(num_from_bits(a) + 0.5f);
        return (uint16_t)(sign | (sum - 0x3f000000u));
    }
    return (uint16_t)(sign | (((a + 0xfff + (a >> 13 & 1)) >> 13) - (112 << 10)));
}

float num_e4m3(uint8_t b)
{
    int exponent = b >> 3 & 0xf, mantissa = b & 7;
    float f = exponent ? ldexpf((float)(8 + mantissa), exponent - 10) : ldexpf((float)mantissa, -9);
    return b & 0x80 ? -f : f;
}

float num_e8m0(uint8_t b)
{
    if (b == 255)
        return INFINITY;
    return ldexpf(1.0f, (int)b - 127);
}

float num_load(const uint8_t *p, enum dtype t, size_t i)
{
    if (t == DTYPE_F32)
        return num_from_bits(num_load_u32(p + 4 * i));
    uint16_t h = num_load_u16(p + 2 * i);
    return t == DTYPE_BF16 ? num_bf16(h) : num_f16(h);
}
