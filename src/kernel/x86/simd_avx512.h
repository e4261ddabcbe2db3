/* simd_avx512.h - vectors of 16 f32, for the bodies in kernel/simd (vec.inc says what each function means).
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_X86_SIMD_AVX512_H
#define KERNEL_X86_SIMD_AVX512_H

#if defined(__AVX512F__)
#include <immintrin.h>
#include <stdint.h>

typedef __m512 vf;
enum { VF_N = 16, VF_TILE = 4 };

#define VF_FN static inline __attribute__((always_inline))

VF_FN __mmask16 vf_first(int n)
{
    return (__mmask16)((1u << n) - 1);
}
VF_FN vf vf_set1(float a)
{
    return _mm512_set1_ps(a);
}
VF_FN vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
VF_FN void vf_store(float *p, vf a)
{
    _mm512_storeu_ps(p, a);
}
VF_FN vf vf_load_n(const float *p, int n, float rest)
{
    return _mm512_mask_loadu_ps(_mm512_set1_ps(rest), vf_first(n), p);
}
VF_FN void vf_store_n(float *p, int n, vf a)
{
    _mm512_mask_storeu_ps(p, vf_first(n), a);
}
VF_FN void vf_load_pairs(const float *p, vf *even, vf *odd)
{
    const __m512i i = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    vf a = vf_load(p), b = vf_load(p + 16);
    *even = _mm512_permutex2var_ps(a, i, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(i, _mm512_set1_epi32(1)), b);
}
VF_FN vf vf_load_f16(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
VF_FN void vf_store_f16(uint8_t *p, vf a)
{
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
VF_FN vf vf_load_bf16(const uint8_t *p)
{
    __m512i a = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(a, 16));
}
VF_FN vf vf_load_i8(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)));
}
VF_FN vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
VF_FN vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
VF_FN vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
VF_FN vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
VF_FN vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
VF_FN vf vf_fnma(vf a, vf b, vf c)
{
    return _mm512_fnmadd_ps(a, b, c);
}
VF_FN vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
VF_FN vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
VF_FN vf vf_abs(vf a)
{
    return _mm512_abs_ps(a);
}
VF_FN vf vf_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VF_FN vf vf_pow2(vf n)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
}
VF_FN vf vf_if_less(vf a, vf b, vf yes, vf no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
VF_FN vf vf_halves(vf a)
{
    return _mm512_shuffle_f32x4(a, a, 0x4e);
}
VF_FN float vf_sum(vf a)
{
    a = vf_add(a, vf_halves(a));
    a = vf_add(a, _mm512_shuffle_f32x4(a, a, 0xb1));
    a = vf_add(a, _mm512_permute_ps(a, 0x4e));
    a = vf_add(a, _mm512_permute_ps(a, 0xb1));
    return _mm512_cvtss_f32(a);
}
VF_FN float vf_largest(vf a)
{
    a = vf_max(a, vf_halves(a));
    a = vf_max(a, _mm512_shuffle_f32x4(a, a, 0xb1));
    a = vf_max(a, _mm512_permute_ps(a, 0x4e));
    a = vf_max(a, _mm512_permute_ps(a, 0xb1));
    return _mm512_cvtss_f32(a);
}
#endif

#endif
