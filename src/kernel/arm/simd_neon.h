/* simd_neon.h - vectors of 4 f32 on aarch64, for the bodies in kernel/simd (vec.inc says what each function means).
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_ARM_SIMD_NEON_H
#define KERNEL_ARM_SIMD_NEON_H

#if defined(__aarch64__)
#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

typedef float32x4_t vf;
enum { VF_N = 4, VF_TILE = 4 };

#define VF_FN static inline __attribute__((always_inline))

VF_FN vf vf_set1(float a)
{
    return vdupq_n_f32(a);
}
VF_FN vf vf_load(const float *p)
{
    return vld1q_f32(p);
}
VF_FN void vf_store(float *p, vf a)
{
    vst1q_f32(p, a);
}
VF_FN vf vf_load_n(const float *p, int n, float rest)
{
    float lanes[4] = { rest, rest, rest, rest };
    for (int i = 0; i < n; i++)
        lanes[i] = p[i];
    return vf_load(lanes);
}
VF_FN void vf_store_n(float *p, int n, vf a)
{
    float lanes[4];
    vf_store(lanes, a);
    memcpy(p, lanes, (size_t)n * sizeof *p);
}
VF_FN void vf_load_pairs(const float *p, vf *even, vf *odd)
{
    float32x4x2_t a = vld2q_f32(p);
    *even = a.val[0];
    *odd = a.val[1];
}
VF_FN vf vf_load_f16(const uint8_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}
VF_FN void vf_store_f16(uint8_t *p, vf a)
{
    vst1_u8(p, vreinterpret_u8_f16(vcvt_f16_f32(a)));
}
VF_FN vf vf_load_bf16(const uint8_t *p)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
}
VF_FN vf vf_load_i8(const uint8_t *p)
{
    uint64_t four = 0; /* a load of eight could pass the end of the pages */
    memcpy(&four, p, 4);
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four)))));
}
VF_FN vf vf_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}
VF_FN vf vf_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}
VF_FN vf vf_mul(vf a, vf b)
{
    return vmulq_f32(a, b);
}
VF_FN vf vf_div(vf a, vf b)
{
    return vdivq_f32(a, b);
}
VF_FN vf vf_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}
VF_FN vf vf_fnma(vf a, vf b, vf c)
{
    return vfmsq_f32(c, a, b);
}
VF_FN vf vf_max(vf a, vf b)
{
    return vmaxq_f32(a, b);
}
VF_FN vf vf_min(vf a, vf b)
{
    return vminq_f32(a, b);
}
VF_FN vf vf_abs(vf a)
{
    return vabsq_f32(a);
}
VF_FN vf vf_round(vf a)
{
    return vrndnq_f32(a);
}
VF_FN vf vf_pow2(vf n)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23));
}
VF_FN vf vf_if_less(vf a, vf b, vf yes, vf no)
{
    return vbslq_f32(vcltq_f32(a, b), yes, no);
}
VF_FN float vf_sum(vf a)
{
    a = vaddq_f32(a, vextq_f32(a, a, 2));
    return vgetq_lane_f32(a, 0) + vgetq_lane_f32(a, 1);
}
VF_FN float vf_largest(vf a)
{
    return vmaxvq_f32(a);
}
#endif

#endif
