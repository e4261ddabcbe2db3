/* simd_avx2.h - vectors of 8 f32, with FMA and F16C, for the bodies in kernel/simd (vec.inc says what each function means).
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_X86_SIMD_AVX2_H
#define KERNEL_X86_SIMD_AVX2_H

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <immintrin.h>
#include <stdint.h>

typedef __m256 vf;
enum { VF_N = 8, VF_TILE = 2 };

#define VF_FN static inline __attribute__((always_inline))

VF_FN __m256i vf_first(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
VF_FN vf vf_set1(float a)
{
    return _mm256_set1_ps(a);
}
VF_FN vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
VF_FN void vf_store(float *p, vf a)
{
    _mm256_storeu_ps(p, a);
}
VF_FN vf vf_load_n(const float *p, int n, float rest)
{
    __m256i first = vf_first(n);
    return _mm256_blendv_ps(_mm256_set1_ps(rest), _mm256_maskload_ps(p, first), _mm256_castsi256_ps(first));
}
VF_FN void vf_store_n(float *p, int n, vf a)
{
    _mm256_maskstore_ps(p, vf_first(n), a);
}
VF_FN void vf_load_pairs(const float *p, vf *even, vf *odd)
{
    vf a = vf_load(p), b = vf_load(p + 8); /* 0 1 2 3 | 4 5 6 7 and 8 9 10 11 | 12 13 14 15 */
    vf low = _mm256_permute2f128_ps(a, b, 0x20), high = _mm256_permute2f128_ps(a, b, 0x31);
    *even = _mm256_shuffle_ps(low, high, 0x88);
    *odd = _mm256_shuffle_ps(low, high, 0xdd);
}
VF_FN vf vf_load_f16(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}
VF_FN void vf_store_f16(uint8_t *p, vf a)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
VF_FN vf vf_load_bf16(const uint8_t *p)
{
    __m256i a = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(a, 16));
}
VF_FN vf vf_load_i8(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}
VF_FN vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}
VF_FN vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}
VF_FN vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}
VF_FN vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}
VF_FN vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
VF_FN vf vf_fnma(vf a, vf b, vf c)
{
    return _mm256_fnmadd_ps(a, b, c);
}
VF_FN vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
VF_FN vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}
VF_FN vf vf_abs(vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
VF_FN vf vf_round(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VF_FN vf vf_pow2(vf n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
VF_FN vf vf_if_less(vf a, vf b, vf yes, vf no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
VF_FN vf vf_halves(vf a)
{
    return _mm256_permute2f128_ps(a, a, 0x01);
}
VF_FN float vf_sum(vf a)
{
    a = vf_add(a, vf_halves(a));
    a = vf_add(a, _mm256_permute_ps(a, 0x4e));
    a = vf_add(a, _mm256_permute_ps(a, 0xb1));
    return _mm256_cvtss_f32(a);
}
VF_FN float vf_largest(vf a)
{
    a = vf_max(a, vf_halves(a));
    a = vf_max(a, _mm256_permute_ps(a, 0x4e));
    a = vf_max(a, _mm256_permute_ps(a, 0xb1));
    return _mm256_cvtss_f32(a);
}
#endif

#endif
