/* qmm_avx512.c - matrix kernels for AVX-512 with VNNI and VBMI.
 *
 * Lanes run along n_in. One pair of an output and a row keeps one accumulator of 16 floats; each block of 64 weight bytes adds
 * its integer dot products, converted and scaled lane by lane with s_g * a_g, so nothing is summed across lanes before the end.
 * The biases enter the same accumulator, 16 groups at a time.
 *
 * A block is 64 bytes of unpacked weights: 64 elements in natural order, or, for 4-bit weights, the 128 elements of 64 packed
 * bytes: even ones in the low halves, odd ones in the high. x̂ of such a row is stored in the same order, evens first, so that
 * nothing is ever shuffled.
 *
 * Tiles of several outputs and rows reuse what they load; what a pair computes does not depend on the tile.
 * SPDX-License-Identifier: MIT */
#include <immintrin.h>
#include <string.h>

#include "base/base.h"
#include "base/num.h"
#include "kernel/kernel.h"

enum { TILE_O = 4, TILE_R = 4, ROW_BLOCK = 128, CHUNK_G = 16 };

/* --- weights to bytes --------------------------------------------------------------------------------------------------- */

/* Moves the `bits` bytes of each run of eight elements into a 64-bit lane of its own. */
static inline __m512i spread_index(int bits)
{
    uint8_t at[64];
    for (int i = 0; i < 64; i++)
        at[i] = (uint8_t)(i / 8 * bits + (i % 8 < bits ? i % 8 : 0));
    return _mm512_loadu_si512(at);
}

/* In a 64-bit lane, element j begins at bit j * bits. */
static inline __m512i shift_index(int bits)
{
    uint8_t at[64];
    for (int i = 0; i < 64; i++)
        at[i] = (uint8_t)(i % 8 * bits);
    return _mm512_loadu_si512(at);
}

struct unpack {
    int bits;
    __m512i spread, shift, mask;
};

static inline struct unpack unpack_for(int bits)
{
    return (struct unpack){ bits, spread_index(bits), shift_index(bits), _mm512_set1_epi8((char)((1 << bits) - 1)) };
}

/* 64 elements, of which n are in the row; the others are 0. */
static inline __m512i unpack_64(const struct unpack *u, const uint8_t *p, int n)
{
    __mmask64 bytes = _cvtu64_mask64(n >= 64 && u->bits == 8 ? ~0ULL : (1ULL << (MIN(n, 64) * u->bits / 8 % 64)) - 1);
    __m512i v = _mm512_maskz_loadu_epi8(bytes, p);
    if (u->bits == 8)
        return v;
    v = _mm512_permutexvar_epi8(u->spread, v);
    return _mm512_and_si512(_mm512_multishift_epi64_epi8(u->shift, v), u->mask);
}

/* 16 floats p[at .. at + 16) of a float tensor; those from n on are 0. */
static inline __m512 load_floats(const uint8_t *p, enum dtype t, int at, int n)
{
    __mmask16 k = n - at >= 16 ? 0xffff : (__mmask16)((1u << MAX(n - at, 0)) - 1);
    if (t == DTYPE_F32)
        return _mm512_maskz_loadu_ps(k, p + 4 * (size_t)at);
    __m256i h = _mm256_maskz_loadu_epi16(k, p + 2 * (size_t)at);
    if (t == DTYPE_BF16)
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
    return _mm512_cvtph_ps(h);
}

/* --- int8 activations ---------------------------------------------------------------------------------------------------- */

/* One group: its scale, its sum, and x̂ in natural order. */
static void quantize_group(int8_t *q, float *a, float *sum, const float *x, int group)
{
    __m512 largest = _mm512_setzero_ps();
    for (int i = 0; i < group; i += 16)
        largest = _mm512_max_ps(largest, _mm512_abs_ps(_mm512_loadu_ps(x + i)));
    *a = _mm512_reduce_max_ps(largest) / 127;
    *sum = 0;
    if (!(*a > 0)) {
        memset(q, 0, (size_t)group);
        return;
    }
    __m512 scale = _mm512_set1_ps(*a);
    __m512i total = _mm512_setzero_si512();
    for (int i = 0; i < group; i += 16) {
        __m512i v = _mm512_cvtps_epi32(_mm512_div_ps(_mm512_loadu_ps(x + i), scale));
        total = _mm512_add_epi32(total, v);
        _mm_storeu_si128((__m128i *)(q + i), _mm512_cvtepi32_epi8(v));
    }
    *sum = *a * (float)_mm512_reduce_add_epi32(total);
}

/* Even bytes of q[0 .. 128) to the front, odd ones behind. */
static void split_even_odd(int8_t *q)
{
    const __m512i low = _mm512_set1_epi16(0xff);
    __m512i a = _mm512_loadu_si512(q), b = _mm512_loadu_si512(q + 64);
    __m256i even_a = _mm512_cvtepi16_epi8(_mm512_and_si512(a, low)), even_b = _mm512_cvtepi16_epi8(_mm512_and_si512(b, low));
    __m256i odd_a = _mm512_cvtepi16_epi8(_mm512_srli_epi16(a, 8)), odd_b = _mm512_cvtepi16_epi8(_mm512_srli_epi16(b, 8));
    _mm256_storeu_si256((__m256i *)q, even_a);
    _mm256_storeu_si256((__m256i *)(q + 32), even_b);
    _mm256_storeu_si256((__m256i *)(q + 64), odd_a);
    _mm256_storeu_si256((__m256i *)(q + 96), odd_b);
}

static void quantize_avx512(const struct q8_rows *dst, int row, const float *x)
{
    int8_t *q = dst->q + (size_t)row * dst->q_stride;
    float *a = dst->a + (size_t)row * dst->g_stride, *sums = dst->x + (size_t)row * dst->g_stride;
    size_t n_in = (size_t)dst->n_in, n_g = n_in / (size_t)dst->group;
    for (size_t g = 0; g < n_g; g++)
        quantize_group(q + g * (size_t)dst->group, a + g, sums + g, x + g * (size_t)dst->group, dst->group);
    memset(q + n_in, 0, dst->q_stride - n_in);
    memset(a + n_g, 0, (dst->g_stride - n_g) * sizeof *a);
    memset(sums + n_g, 0, (dst->g_stride - n_g) * sizeof *sums);
    for (size_t i = 0; dst->bits == 4 && i < dst->q_stride; i += 128)
        split_even_odd(q + i);
}

/* --- int8 products -------------------------------------------------------------------------------------------------------- */

static inline void store(const struct qmm *p, int r, int o, float sum)
{
    if (p->m->bias)
        sum += p->m->bias[(size_t)p->e * (size_t)p->m->n_out + (size_t)o];
    float *y = p->y + (size_t)(p->yrow ? p->yrow[r] : r) * p->y_stride + o;
    *y = p->add ? *y + sum : sum;
}

/* n_o outputs from o by n_r rows from r. `packed`: 4-bit weights. lane_shift: log2 of the lanes that a group takes, or of the group's
 * share where it takes more than a vector. */
static inline __attribute__((always_inline)) void tile_q8(const struct qmm *p, int o, int n_o, int r, int n_r, bool packed,
                                                           const struct unpack *u)
{
    const struct mat *m = p->m;
    const struct q8_rows *x = p->q8;
    int n_g = mat_groups(m), per_block = packed ? 128 : 64;
    int lane_shift = __builtin_ctz((unsigned)(m->group / (packed ? 8 : 4)));
    int blocks_in_chunk = CHUNK_G * m->group / per_block;
    size_t block_bytes = (size_t)per_block * (size_t)m->bits / 8;
    const __m512i iota = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i low = _mm512_set1_epi8(0x0f);
    const uint8_t *w[TILE_O], *s[TILE_O], *b[TILE_O];
    const int8_t *q[TILE_R];
    const float *a[TILE_R], *sums[TILE_R];
    __m512 acc[TILE_O][TILE_R], sa[TILE_O][TILE_R];
    for (int i = 0; i < n_o; i++) {
        w[i] = mat_row(m, p->e, o + i);
        s[i] = m->s + mat_scale_at(m, p->e, o + i);
        b[i] = m->b + mat_scale_at(m, p->e, o + i);
    }
    for (int j = 0; j < n_r; j++) {
        size_t row = (size_t)(p->xrow ? p->xrow[r + j] : r + j);
        q[j] = x->q + row * x->q_stride;
        a[j] = x->a + row * x->g_stride;
        sums[j] = x->x + row * x->g_stride;
    }
    for (int i = 0; i < n_o; i++)
        for (int j = 0; j < n_r; j++)
            acc[i][j] = _mm512_setzero_ps();

    for (int g0 = 0, at = 0; g0 < n_g; g0 += CHUNK_G) {
        for (int i = 0; i < n_o; i++) {
            __m512 sv = load_floats(s[i], m->dtype, g0, n_g), bv = load_floats(b[i], m->dtype, g0, n_g);
            for (int j = 0; j < n_r; j++) {
                sa[i][j] = _mm512_mul_ps(sv, _mm512_loadu_ps(a[j] + g0));
                acc[i][j] = _mm512_fmadd_ps(bv, _mm512_loadu_ps(sums[j] + g0), acc[i][j]);
            }
        }
        for (int k = 0; k < blocks_in_chunk && at < m->n_in; k++, at += per_block) {
            __m512i lanes = _mm512_srl_epi32(_mm512_add_epi32(iota, _mm512_set1_epi32(16 * k)), _mm_cvtsi32_si128(lane_shift));
            __m512i w0[TILE_O], w1[TILE_O];
            for (int i = 0; i < n_o; i++) {
                const uint8_t *bytes = w[i] + (size_t)(at / per_block) * block_bytes;
                if (packed) {
                    int left = (m->n_in - at) / 2;
                    __m512i v = left >= 64 ? _mm512_loadu_si512(bytes) : _mm512_maskz_loadu_epi8((1ULL << left) - 1, bytes);
                    w0[i] = _mm512_and_si512(v, low);
                    w1[i] = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
                } else {
                    w0[i] = unpack_64(u, bytes, m->n_in - at);
                    w1[i] = w0[i];
                }
            }
            for (int j = 0; j < n_r; j++) {
                __m512i x0 = _mm512_load_si512(q[j] + at), x1 = packed ? _mm512_load_si512(q[j] + at + 64) : x0;
                for (int i = 0; i < n_o; i++) {
                    __m512i dot = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w0[i], x0);
                    if (packed)
                        dot = _mm512_dpbusd_epi32(dot, w1[i], x1);
                    acc[i][j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_permutexvar_ps(lanes, sa[i][j]), acc[i][j]);
                }
            }
        }
    }
    for (int i = 0; i < n_o; i++)
        for (int j = 0; j < n_r; j++)
            store(p, r + j, o + i, _mm512_reduce_add_ps(acc[i][j]));
}

static inline __attribute__((always_inline)) void rows_q8(const struct qmm *p, int o, int n_o, int r0, int r1, bool packed,
                                                           const struct unpack *u)
{
    int r = r0;
    for (; r + TILE_R <= r1; r += TILE_R)
        tile_q8(p, o, n_o, r, TILE_R, packed, u);
    for (; r < r1; r++)
        tile_q8(p, o, n_o, r, 1, packed, u);
}

static inline __attribute__((always_inline)) void panel_q8(const struct qmm *p, bool packed, const struct unpack *u)
{
    for (int r0 = 0; r0 < p->n_row; r0 += ROW_BLOCK) {
        int r1 = MIN(r0 + ROW_BLOCK, p->n_row), o = p->o0;
        for (; o + TILE_O <= p->o1; o += TILE_O)
            rows_q8(p, o, TILE_O, r0, r1, packed, u);
        for (; o < p->o1; o++)
            rows_q8(p, o, 1, r0, r1, packed, u);
    }
}

static void qmm_q8_avx512(const struct qmm *p)
{
    struct unpack u = unpack_for(p->m->bits);
    if (p->m->bits == 4)
        panel_q8(p, true, &u);
    else
        panel_q8(p, false, &u);
}

/* --- f32 products --------------------------------------------------------------------------------------------------------- */

/* 16 packed elements from element i (a multiple of 16) as integers. */
static inline __m512i elements_16(const struct unpack *u, const uint8_t *row, int i)
{
    __m128i v = _mm_maskz_loadu_epi8((__mmask16)((1u << (2 * u->bits)) - 1), row + (size_t)i * (size_t)u->bits / 8);
    if (u->bits != 8) {
        v = _mm_shuffle_epi8(v, _mm512_castsi512_si128(u->spread));
        v = _mm_multishift_epi64_epi8(_mm512_castsi512_si128(u->shift), v);
        v = _mm_and_si128(v, _mm512_castsi512_si128(u->mask));
    }
    return _mm512_cvtepu8_epi32(v);
}

static inline float e8m0(uint8_t b)
{
    return num_from_bits(b ? (uint32_t)b << 23 : 0x00400000u);
}

/* E4M3 without NaN: the seven low bits are an f32's with another exponent bias; the product is exact, subnormals included. */
static inline __m512 e4m3_16(__m512i v)
{
    __m512i sign = _mm512_slli_epi32(_mm512_and_si512(v, _mm512_set1_epi32(0x80)), 24);
    __m512i rest = _mm512_slli_epi32(_mm512_and_si512(v, _mm512_set1_epi32(0x7f)), 20);
    __m512 f = _mm512_mul_ps(_mm512_castsi512_ps(rest), _mm512_set1_ps(0x1p120f));
    return _mm512_or_ps(f, _mm512_castsi512_ps(sign));
}

/* One row of a matrix, ready to be read as f32. */
struct row {
    const struct mat *m;
    const uint8_t *w, *s, *b;
};

static inline struct row row_of(const struct mat *m, int e, int o)
{
    size_t at = mat_scale_at(m, e, o);
    return (struct row){ m, mat_row(m, e, o), m->s ? m->s + at : NULL, m->b ? m->b + at : NULL };
}

/* Weights [i, i + 16) of a row; plain: those from n_in on are 0. */
static inline __attribute__((always_inline)) __m512 weights_16(const struct row *w, const struct unpack *u, enum quant_mode mode, int i)
{
    const struct mat *m = w->m;
    if (mode == QUANT_PLAIN)
        return load_floats(w->w, m->dtype, i, m->n_in);
    __m512i q = elements_16(u, w->w, i);
    size_t g = (size_t)(i / m->group);
    switch (mode) {
    case QUANT_MXFP4:
        return _mm512_mul_ps(_mm512_set1_ps(e8m0(w->s[g])), _mm512_permutexvar_ps(q, _mm512_loadu_ps(num_e2m1)));
    case QUANT_MXFP8:
        return _mm512_mul_ps(_mm512_set1_ps(e8m0(w->s[g])), e4m3_16(q));
    case QUANT_NVFP4:
        return _mm512_mul_ps(e4m3_16(_mm512_set1_epi32(w->s[g])), _mm512_permutexvar_ps(q, _mm512_loadu_ps(num_e2m1)));
    default:
        return _mm512_fmadd_ps(_mm512_set1_ps(num_load(w->s, m->dtype, g)), _mm512_cvtepi32_ps(q),
                               _mm512_set1_ps(num_load(w->b, m->dtype, g)));
    }
}

static inline __attribute__((always_inline)) void tile_f32(const struct qmm *p, int o, int n_o, int r, int n_r, enum quant_mode mode,
                                                            const struct unpack *u)
{
    struct row w[TILE_O];
    const float *x[TILE_R];
    __m512 acc[TILE_O][TILE_R];
    int n_in = p->m->n_in;
    for (int i = 0; i < n_o; i++)
        w[i] = row_of(p->m, p->e, o + i);
    for (int j = 0; j < n_r; j++)
        x[j] = p->x + (size_t)(p->xrow ? p->xrow[r + j] : r + j) * p->x_stride;
    for (int i = 0; i < n_o; i++)
        for (int j = 0; j < n_r; j++)
            acc[i][j] = _mm512_setzero_ps();
    for (int at = 0; at < n_in; at += 16) {
        __m512 wv[TILE_O];
        __mmask16 k = n_in - at >= 16 ? 0xffff : (__mmask16)((1u << (n_in - at)) - 1);
        for (int i = 0; i < n_o; i++)
            wv[i] = weights_16(&w[i], u, mode, at);
        for (int j = 0; j < n_r; j++) {
            __m512 xv = _mm512_maskz_loadu_ps(k, x[j] + at);
            for (int i = 0; i < n_o; i++)
                acc[i][j] = _mm512_fmadd_ps(wv[i], xv, acc[i][j]);
        }
    }
    for (int i = 0; i < n_o; i++)
        for (int j = 0; j < n_r; j++)
            store(p, r + j, o + i, _mm512_reduce_add_ps(acc[i][j]));
}

static inline __attribute__((always_inline)) void rows_f32(const struct qmm *p, int o, int n_o, int r0, int r1, enum quant_mode mode,
                                                            const struct unpack *u)
{
    int r = r0;
    for (; r + TILE_R <= r1; r += TILE_R)
        tile_f32(p, o, n_o, r, TILE_R, mode, u);
    for (; r < r1; r++)
        tile_f32(p, o, n_o, r, 1, mode, u);
}

static inline __attribute__((always_inline)) void panel_f32(const struct qmm *p, enum quant_mode mode)
{
    struct unpack u = unpack_for(mode == QUANT_PLAIN ? 8 : p->m->bits);
    for (int r0 = 0; r0 < p->n_row; r0 += ROW_BLOCK) {
        int r1 = MIN(r0 + ROW_BLOCK, p->n_row), o = p->o0;
        for (; o + TILE_O <= p->o1; o += TILE_O)
            rows_f32(p, o, TILE_O, r0, r1, mode, &u);
        for (; o < p->o1; o++)
            rows_f32(p, o, 1, r0, r1, mode, &u);
    }
}

static void qmm_f32_avx512(const struct qmm *p)
{
    switch (p->m->mode) {
    case QUANT_PLAIN:
        panel_f32(p, QUANT_PLAIN);
        break;
    case QUANT_MXFP4:
        panel_f32(p, QUANT_MXFP4);
        break;
    case QUANT_MXFP8:
        panel_f32(p, QUANT_MXFP8);
        break;
    case QUANT_NVFP4:
        panel_f32(p, QUANT_NVFP4);
        break;
    default:
        panel_f32(p, QUANT_AFFINE);
    }
}

static void dequant_avx512(float *y, const struct mat *m, int e, int o, int i0, int n)
{
    struct row w = row_of(m, e, o);
    struct unpack u = unpack_for(m->mode == QUANT_PLAIN ? 8 : m->bits);
    for (int i = 0; i < n; i += 16) {
        __mmask16 k = n - i >= 16 ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
        _mm512_mask_storeu_ps(y + i, k, weights_16(&w, &u, m->mode, i0 + i));
    }
}

void kernels_init_avx512_qmm(struct kernels *k)
{
    k->name = "avx512vnni";
    k->quantize = quantize_avx512;
    k->qmm_q8 = qmm_q8_avx512;
    k->qmm_f32 = qmm_f32_avx512;
    k->dequant = dequant_avx512;
}
