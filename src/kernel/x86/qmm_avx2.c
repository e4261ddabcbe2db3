/* qmm_avx2.c - the matrix products for AVX2 with FMA and F16C.
 *
 * qmm_q8 has two forms that give the same bits (qmm_parts.h). Few rows: each packed row of weights is read once, as it lies, and
 * multiplied with up to four rows of activations; the int32 vectors of 8 groups are folded into one by adding while transposing.
 * Many rows: 8 outputs are unpacked and transposed into a panel whose vector lanes are outputs, so that nothing is folded.
 *
 * vpmaddubsw adds two products in 16 bits. With activations of at most 127 the sums stay exact for 8 products' pairs of 4-bit
 * weights (8 * 2 * 15 * 127 = 30480) and for 2 of 6-bit ones (32004); 8-bit weights would saturate and are split into two halves
 * of 4 bits.
 *
 * 4-bit weights are used as they lie: 32 packed bytes are the even elements of 64 in their low halves and the odd ones in the high
 * halves, and x̂ is stored likewise, 32 even elements, then 32 odd ones. Other widths are unpacked in natural order.
 * SPDX-License-Identifier: MIT */
#include <assert.h>
#include <immintrin.h>
#include <string.h>

#include "base/base.h"
#include "kernel/qmm_parts.h"

enum {
    TILE_ROW = 4, /* rows of activations that share one read of the weights */
    HALF = 8,     /* groups folded at a time: half of a sum's lanes */
    HALF_BYTES = HALF * 128,
    PANEL_OUT = 8,    /* outputs of a panel */
    PANEL_ROW = 4,    /* rows multiplied with a panel at a time */
    PANEL_IN = 8192,  /* longer rows take the other form */
    PANEL_MIN_ROW = 8 /* from here on a panel pays: measured */
};

QMM_INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256(p);
}

/* How to unpack 32 elements of 2 to 6 bits: two vectors of 16-bit windows, each with an element somewhere inside, are shifted left
 * by a multiplication so that the element comes to the top. */
struct unpack {
    __m256i first, second; /* windows of elements 0-7 and 8-15 of each 128-bit lane */
    __m256i up;
    __m128i down;
    int bits, n_bytes; /* bytes of 32 elements */
};

static struct unpack unpack_init(int bits)
{
    uint8_t first[32], second[32];
    uint16_t up[16];
    for (size_t i = 0; i < 16; i++) {
        int bit = (int)(i % 8) * bits;
        first[2 * i] = (uint8_t)(bit / 8);
        first[2 * i + 1] = (uint8_t)(bit / 8 + 1);
        second[2 * i] = (uint8_t)((bits + bit / 8) & 15);
        second[2 * i + 1] = (uint8_t)((bits + bit / 8 + 1) & 15);
        up[i] = (uint16_t)(bits < 8 ? 1 << (16 - bits - bit % 8) : 0);
    }
    return (struct unpack){ load(first), load(second), load(up), _mm_cvtsi32_si128(16 - bits), bits, 4 * bits };
}

/* 32 elements at p; reads up to 32 bytes. */
QMM_INLINE __m256i unpack32(const struct unpack *u, const uint8_t *p)
{
    if (u->bits == 8)
        return load(p);
    __m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const void *)p)),
                                        _mm_loadu_si128((const void *)(p + u->n_bytes / 2)), 1);
    __m256i a = _mm256_mullo_epi16(_mm256_shuffle_epi8(v, u->first), u->up);
    __m256i b = _mm256_mullo_epi16(_mm256_shuffle_epi8(v, u->second), u->up);
    return _mm256_packus_epi16(_mm256_srl_epi16(a, u->down), _mm256_srl_epi16(b, u->down));
}

/* Full vectors where memory goes on far enough, otherwise from a copy: the n_bytes at p, in `staged`. */
QMM_INLINE const uint8_t *readable(const uint8_t *p, size_t n_bytes, size_t n_read, const uint8_t *end, uint8_t *staged)
{
    if ((size_t)(end - p) >= n_read)
        return p;
    memset(staged, 0, n_read);
    memcpy(staged, p, n_bytes);
    return staged;
}

/* Values as f32: 8 at p. */
QMM_INLINE __m256 load8(const uint8_t *p, enum dtype t)
{
    if (t == DTYPE_F32)
        return _mm256_castsi256_ps(load(p));
    __m128i half = _mm_loadu_si128((const void *)p);
    if (t == DTYPE_F16)
        return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}
/* All bits in the first n of 8 lanes. */
QMM_INLINE __m256i first_lanes(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
/* The first min(n, 8) values at p as f32, zeros behind. */
QMM_INLINE __m256 load_first(const uint8_t *p, enum dtype t, int n, const uint8_t *end)
{
    if (n >= 8)
        return load8(p, t);
    uint8_t staged[32];
    p = readable(p, (size_t)MAX(n, 0) * (t == DTYPE_F32 ? 4 : 2), 32, end, staged);
    return _mm256_and_ps(load8(p, t), _mm256_castsi256_ps(first_lanes(n)));
}

QMM_INLINE float sum_lanes(__m256 lo, __m256 hi)
{
    __m256 a = _mm256_add_ps(lo, hi);
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

/* --- activations --- */

static float largest_of(const float *x, int n)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 v = _mm256_setzero_ps();
    for (int i = 0; i < n; i += 8)
        v = _mm256_max_ps(v, _mm256_andnot_ps(sign, _mm256_loadu_ps(x + i)));
    __m128 h = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    h = _mm_max_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
}

/* Sum of the rounded values. */
static int32_t round_group(int8_t *q, const float *x, float a, int n)
{
    const __m256i limit = _mm256_set1_epi32(127), low = _mm256_set1_epi32(-127);
    const __m256 scale = _mm256_set1_ps(a);
    __m256i sum = _mm256_setzero_si256();
    for (int i = 0; i < n; i += 8) {
        __m256i v = _mm256_cvtps_epi32(_mm256_div_ps(_mm256_loadu_ps(x + i), scale));
        v = _mm256_max_epi32(_mm256_min_epi32(v, limit), low);
        sum = _mm256_add_epi32(sum, v);
        __m128i h = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        _mm_storel_epi64((void *)(q + i), _mm_packs_epi16(h, h));
    }
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    s = _mm_hadd_epi32(s, s);
    return _mm_cvtsi128_si32(_mm_hadd_epi32(s, s));
}

/* Each 64 elements: the even ones, then the odd ones. */
static void split_even_odd(int8_t *q, size_t n)
{
    const __m256i apart = _mm256_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12,
                                           14, 1, 3, 5, 7, 9, 11, 13, 15);
    for (size_t i = 0; i < n; i += 64) {
        __m256i a = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(load(q + i), apart), 0xd8);
        __m256i b = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(load(q + i + 32), apart), 0xd8);
        _mm256_storeu_si256((void *)(q + i), _mm256_permute2x128_si256(a, b, 0x20));
        _mm256_storeu_si256((void *)(q + i + 32), _mm256_permute2x128_si256(a, b, 0x31));
    }
}

static void quantize_avx2(const struct q8_rows *dst, int row, const float *x)
{
    int8_t *q = dst->q + (size_t)row * dst->q_stride;
    float *a = dst->a + (size_t)row * dst->g_stride, *sums = dst->x + (size_t)row * dst->g_stride;
    const size_t n_g = (size_t)(dst->n_in / dst->group), group = (size_t)dst->group;
    memset(q, 0, dst->q_stride);
    memset(a + n_g, 0, (dst->g_stride - n_g) * sizeof *a);
    memset(sums + n_g, 0, (dst->g_stride - n_g) * sizeof *sums);
    for (size_t g = 0; g < n_g; g++) {
        a[g] = largest_of(x + g * group, dst->group) / 127;
        sums[g] = a[g] > 0 ? a[g] * (float)round_group(q + g * group, x + g * group, a[g], dst->group) : 0;
    }
    if (dst->bits == 4)
        split_even_odd(q, dst->q_stride);
}

/* --- few rows --- */

/* Lane k of each 128-bit lane of the result: the sum of that lane of v[k]. */
QMM_INLINE __m256i fold4(const __m256i v[4])
{
    return _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
}

/* What is the same in all calls for one matrix; constants after inlining, but for `u`. */
struct shape {
    const struct unpack *u;
    enum { NIBBLES, BYTES, WIDE } kind; /* 4 bits; other widths up to 6; 8 */
    int group, n_row;
};

/* The products of 8 groups with one row, or as many as n_in elements at w have: v[r][k] has group k in its lanes; with groups of 32
 * nibbles, groups 2k and 2k + 1 in its halves. */
QMM_INLINE void dot_vector(__m256i v[TILE_ROW], struct shape s, const uint8_t *w, const int8_t *const q[TILE_ROW],
                           size_t i)
{
    const __m256i low = _mm256_set1_epi8(15), one = _mm256_set1_epi16(1), sixteen = _mm256_set1_epi16(16);
    const int unit_in = s.kind == NIBBLES ? 64 : 32, unit_bytes = s.kind == NIBBLES ? 32 : s.u->n_bytes;
    const int n_unit = MAX(s.group / unit_in, 1), n_pair = MIN(n_unit, 2);
    for (int r = 0; r < s.n_row; r++)
        v[r] = _mm256_setzero_si256();
    for (int unit = 0; unit < n_unit; unit += n_pair) {
        __m256i a[TILE_ROW], b[TILE_ROW]; /* pairs of products in 16 bits; WIDE: of the low and the high halves */
        for (int k = 0; k < n_pair; k++) {
            const size_t n = (size_t)unit + (size_t)k, x = i + n * (size_t)unit_in;
            const uint8_t *at = w + n * (size_t)unit_bytes;
            __m256i all = s.kind == BYTES ? unpack32(s.u, at) : load(at);
            __m256i lo = s.kind == BYTES ? all : _mm256_and_si256(all, low);
            __m256i hi = _mm256_and_si256(_mm256_srli_epi16(all, 4), low);
            for (int r = 0; r < s.n_row; r++) {
                __m256i x0 = load(q[r] + x), c = _mm256_maddubs_epi16(lo, x0), d = _mm256_setzero_si256();
                if (s.kind == NIBBLES)
                    c = _mm256_add_epi16(c, _mm256_maddubs_epi16(hi, load(q[r] + x + 32)));
                if (s.kind == WIDE)
                    d = _mm256_maddubs_epi16(hi, x0);
                a[r] = k ? _mm256_add_epi16(a[r], c) : c;
                b[r] = k ? _mm256_add_epi16(b[r], d) : d;
            }
        }
        for (int r = 0; r < s.n_row; r++) {
            v[r] = _mm256_add_epi32(v[r], _mm256_madd_epi16(a[r], one));
            if (s.kind == WIDE)
                v[r] = _mm256_add_epi32(v[r], _mm256_madd_epi16(b[r], sixteen));
        }
    }
}

/* dot[r]: the integer products of the n_vec vectors' elements at w with row r, as 8 groups; missing ones are 0. What follows the
 * last element meets zeros in x̂. */
QMM_INLINE void dot_groups(__m256i dot[TILE_ROW], struct shape s, const uint8_t *w, int n_vec,
                           const int8_t *const q[TILE_ROW], size_t i)
{
    const bool two = s.kind == NIBBLES && s.group == 32;
    const int vec_in = two ? 64 : s.group, vec_bytes = s.kind == NIBBLES ? vec_in / 2 : vec_in / 32 * s.u->n_bytes;
    __m256i folded[TILE_ROW][2];
#pragma GCC unroll 2
    for (int k = 0; k < 2; k++) {
        if (two && k)
            break;
        __m256i v[TILE_ROW][4];
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            const int vec = 4 * k + j;
            __m256i one[TILE_ROW];
            for (int r = 0; r < s.n_row; r++)
                one[r] = _mm256_setzero_si256();
            if (vec < n_vec)
                dot_vector(one, s, w + (size_t)vec * (size_t)vec_bytes, q, i + (size_t)vec * (size_t)vec_in);
            for (int r = 0; r < s.n_row; r++)
                v[r][j] = one[r];
        }
        for (int r = 0; r < s.n_row; r++)
            folded[r][k] = fold4(v[r]);
    }
    for (int r = 0; r < s.n_row; r++) {
        if (two)
            dot[r] = _mm256_permutevar8x32_epi32(folded[r][0], _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        else
            dot[r] = _mm256_add_epi32(_mm256_permute2x128_si256(folded[r][0], folded[r][1], 0x20),
                                      _mm256_permute2x128_si256(folded[r][0], folded[r][1], 0x31));
    }
}

/* Output o for the rows r0 .. r0 + s.n_row - 1. */
QMM_INLINE void tile(const struct qmm *p, const struct qmm_source *src, struct shape s, int o, int r0)
{
    const struct q8_rows *x = p->q8;
    const enum dtype t = p->m->dtype;
    const int n_g = mat_groups(p->m), bits = p->m->bits, half_in = HALF * s.group, half_bytes = half_in * bits / 8;
    const int vec_in = s.kind == NIBBLES && s.group == 32 ? 64 : s.group;
    const uint8_t *w = src->w + (size_t)o * src->w_bytes;
    const uint8_t *scale = src->s + (size_t)o * src->s_bytes, *bias = src->b + (size_t)o * src->s_bytes;
    const int8_t *q[TILE_ROW];
    const float *a[TILE_ROW], *sum[TILE_ROW];
    __m256 acc[2][TILE_ROW];
    for (int r = 0; r < s.n_row; r++) {
        size_t row = qmm_xrow(p, r0 + r);
        q[r] = x->q + row * x->q_stride;
        a[r] = x->a + row * x->g_stride;
        sum[r] = x->x + row * x->g_stride;
        acc[0][r] = acc[1][r] = _mm256_setzero_ps();
    }
    for (int g = 0; g < n_g; g += HALF, w += half_bytes) {
        const int n_in = MIN(n_g - g, HALF) * s.group;
        uint8_t staged[HALF_BYTES + 32];
        const uint8_t *from = readable(w, (size_t)(n_in * bits / 8), (size_t)half_bytes + 32, src->w_end, staged);
        qmm_fetch_ahead(w, half_bytes);
        __m256i dot[TILE_ROW];
        if (n_in == half_in)
            dot_groups(dot, s, from, HALF, q, (size_t)g * (size_t)s.group);
        else
            dot_groups(dot, s, from, (n_in + vec_in - 1) / vec_in, q, (size_t)g * (size_t)s.group);
        const size_t at = (size_t)g * (t == DTYPE_F32 ? 4 : 2);
        const __m256 sg = load_first(scale + at, t, n_g - g, src->s_end);
        const __m256 bg = load_first(bias + at, t, n_g - g, src->b_end);
        for (int r = 0; r < s.n_row; r++) {
            __m256 v = acc[0][r];
            v = _mm256_fmadd_ps(bg, _mm256_loadu_ps(sum[r] + g), v);
            v = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[r]), _mm256_mul_ps(sg, _mm256_loadu_ps(a[r] + g)), v);
            acc[0][r] = acc[1][r]; /* lanes 0-7 and 8-15 take turns */
            acc[1][r] = v;
        }
    }
    for (int r = 0; r < s.n_row; r++)
        qmm_store(p, r0 + r, o, sum_lanes(acc[0][r], acc[1][r]));
}

QMM_INLINE void few_rows(const struct qmm *p, struct shape s)
{
    const struct qmm_source src = qmm_source(p->m, p->e);
    for (int o = p->o0; o < p->o1; o++) {
        int r = 0;
        for (s.n_row = TILE_ROW; r + TILE_ROW <= p->n_row; r += TILE_ROW)
            tile(p, &src, s, o, r);
        for (s.n_row = 1; r < p->n_row; r++)
            tile(p, &src, s, o, r);
    }
}

/* --- many rows --- */

/* 8 outputs, unpacked, all of n_in. 8-bit weights take two planes in each group, the high halves before the low ones. */
struct panel {
    uint8_t w[2 * PANEL_IN / 4][PANEL_OUT][4]; /* four elements, in the order of x̂ within a group */
    float s[PANEL_IN / 32][PANEL_OUT], b[PANEL_IN / 32][PANEL_OUT];
};

/* Transposes 8 x 8 lanes of 32 bits. */
QMM_INLINE void transpose8(__m256i v[8])
{
    __m256i t[8];
    for (int k = 0; k < 8; k += 2) {
        t[k] = _mm256_unpacklo_epi32(v[k], v[k + 1]);
        t[k + 1] = _mm256_unpackhi_epi32(v[k], v[k + 1]);
    }
    for (int k = 0; k < 8; k += 4) { /* v[k + j]: lanes j and j + 4 of four rows */
        v[k] = _mm256_unpacklo_epi64(t[k], t[k + 2]);
        v[k + 1] = _mm256_unpackhi_epi64(t[k], t[k + 2]);
        v[k + 2] = _mm256_unpacklo_epi64(t[k + 1], t[k + 3]);
        v[k + 3] = _mm256_unpackhi_epi64(t[k + 1], t[k + 3]);
    }
    for (int j = 0; j < 4; j++) {
        __m256i a = v[j], b = v[4 + j];
        v[j] = _mm256_permute2x128_si256(a, b, 0x20);
        v[4 + j] = _mm256_permute2x128_si256(a, b, 0x31);
    }
}

/* y[g][o]: scales or biases of n_out rows at p. */
static void panel_scales(float (*y)[PANEL_OUT], const uint8_t *p, const uint8_t *end, const struct mat *m, int n_out)
{
    const int n_g = mat_groups(m);
    const size_t bytes = m->dtype == DTYPE_F32 ? 4 : 2;
    for (int g = 0; g < n_g; g += 8) {
        __m256i v[8];
        for (int o = 0; o < 8; o++)
            v[o] = o < n_out
                       ? _mm256_castps_si256(load_first(p + (size_t)(o * n_g + g) * bytes, m->dtype, n_g - g, end))
                       : _mm256_setzero_si256();
        transpose8(v);
        for (int k = 0; k < MIN(n_g - g, 8); k++)
            _mm256_storeu_si256((void *)y[g + k], v[k]);
    }
}

/* Units j .. j + 7 of the panel from 8 transposed vectors. */
QMM_INLINE void panel_put(struct panel *panel, struct shape s, size_t unit, const __m256i v[8])
{
    const __m256i low = _mm256_set1_epi8(15);
    const size_t n_unit = (size_t)s.group / 4;
    for (size_t k = 0; k < 8; k++) {
        __m256i hi = _mm256_and_si256(_mm256_srli_epi16(v[k], 4), low), lo = _mm256_and_si256(v[k], low);
        if (s.kind == NIBBLES) {
            _mm256_storeu_si256((void *)panel->w[2 * (unit + k)], lo);
            _mm256_storeu_si256((void *)panel->w[2 * (unit + k) + 1], hi);
        } else if (s.kind == WIDE) {
            size_t at = (unit + k) / n_unit * 2 * n_unit + (unit + k) % n_unit;
            _mm256_storeu_si256((void *)panel->w[at], hi);
            _mm256_storeu_si256((void *)panel->w[at + n_unit], lo);
        } else {
            _mm256_storeu_si256((void *)panel->w[unit + k], v[k]);
        }
    }
}

QMM_INLINE void panel_fill(struct panel *panel, const struct qmm *p, const struct qmm_source *src, struct shape s,
                           int o, int n_out)
{
    const int row_bytes = (int)src->w_bytes, vec_bytes = s.kind == NIBBLES ? 32 : s.u->n_bytes;
    size_t unit = 0;
    for (int at = 0; at < row_bytes; at += vec_bytes, unit += 8) {
        __m256i v[8];
        for (int k = 0; k < 8; k++) {
            uint8_t staged[32];
            v[k] = _mm256_setzero_si256();
            if (k >= n_out)
                continue;
            const uint8_t *w = readable(src->w + (size_t)(o + k) * src->w_bytes + at,
                                        (size_t)MIN(row_bytes - at, vec_bytes), 32, src->w_end, staged);
            v[k] = s.kind == BYTES ? unpack32(s.u, w) : load(w);
        }
        transpose8(v);
        panel_put(panel, s, unit, v);
    }
    panel_scales(panel->s, src->s + (size_t)o * src->s_bytes, src->s_end, p->m, n_out);
    panel_scales(panel->b, src->b + (size_t)o * src->s_bytes, src->b_end, p->m, n_out);
}

QMM_INLINE __m256i broadcast4(const int8_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm256_set1_epi32(v);
}

/* dot[r]: group g with the rows q. n_run products are added in 16 bits. */
QMM_INLINE void panel_dot(__m256i dot[PANEL_ROW], const struct panel *panel, struct shape s, int n_run, int g,
                          const int8_t *const q[PANEL_ROW])
{
    const __m256i one = _mm256_set1_epi16(1);
    /* 4 bits: within each 64 elements the even ones lie before the odd ones */
    const int i = g * s.group, n_unit = s.group / 4, n_plane = s.kind == WIDE ? 2 : 1;
    const int from = s.kind == NIBBLES ? i / 64 * 64 + i % 64 / 2 : i;
    for (int r = 0; r < s.n_row; r++)
        dot[r] = _mm256_setzero_si256();
    for (int plane = 0; plane < n_plane; plane++) {
        const uint8_t *w = panel->w[((size_t)g * (size_t)n_plane + (size_t)plane) * (size_t)n_unit][0];
        for (int r = 0; r < s.n_row && plane; r++)
            dot[r] = _mm256_slli_epi32(dot[r], 4);
        for (int unit = 0; unit < n_unit; unit += n_run, w += (size_t)n_run * 32) {
            /* nibbles: units alternate between even and odd elements; groups of 128 span two blocks of 64 */
            const int at = s.kind == NIBBLES ? from + unit / 16 * 64 + unit % 16 * 2 : from + 4 * unit;
            __m256i sum[PANEL_ROW];
#pragma GCC unroll 8
            for (int k = 0; k < n_run; k++) {
                const int x = at + (s.kind == NIBBLES ? k / 2 * 4 + k % 2 * 32 : 4 * k);
                const __m256i wk = load(w + 32 * (size_t)k);
                for (int r = 0; r < s.n_row; r++) {
                    __m256i c = _mm256_maddubs_epi16(wk, broadcast4(q[r] + x));
                    sum[r] = k ? _mm256_add_epi16(sum[r], c) : c;
                }
            }
            for (int r = 0; r < s.n_row; r++)
                dot[r] = _mm256_add_epi32(dot[r], _mm256_madd_epi16(sum[r], one));
        }
    }
}

/* s.n_row rows (a constant) from r0 with a panel, whose n_out outputs begin at o. */
QMM_INLINE void panel_rows(const struct qmm *p, const struct panel *panel, struct shape s, int n_run, int r0, int o,
                           int n_out)
{
    const struct q8_rows *x = p->q8;
    const int n_g = mat_groups(p->m);
    const int8_t *q[PANEL_ROW];
    const float *a[PANEL_ROW], *sum[PANEL_ROW];
    __m256 level[5][PANEL_ROW];
    for (int r = 0; r < s.n_row; r++) {
        size_t row = qmm_xrow(p, r0 + r);
        q[r] = x->q + row * x->q_stride;
        a[r] = x->a + row * x->g_stride;
        sum[r] = x->x + row * x->g_stride;
    }
    for (int c = 0; c < QMM_LANES; c++) {
        __m256 acc[PANEL_ROW];
        for (int r = 0; r < s.n_row; r++)
            acc[r] = _mm256_setzero_ps();
        for (int g = qmm_lane_visited(c); g < n_g; g += QMM_LANES) {
            __m256i dot[PANEL_ROW];
            panel_dot(dot, panel, s, n_run, g, q);
            const __m256 sg = _mm256_loadu_ps(panel->s[g]), bg = _mm256_loadu_ps(panel->b[g]);
            for (int r = 0; r < s.n_row; r++) {
                acc[r] = _mm256_fmadd_ps(bg, _mm256_set1_ps(sum[r][g]), acc[r]);
                acc[r] =
                    _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[r]), _mm256_mul_ps(sg, _mm256_set1_ps(a[r][g])), acc[r]);
            }
        }
        int up = 0;
        for (; c >> up & 1; up++)
            for (int r = 0; r < s.n_row; r++)
                acc[r] = _mm256_add_ps(level[up][r], acc[r]);
        for (int r = 0; r < s.n_row; r++)
            level[up][r] = acc[r];
    }
    const __m256i mask = first_lanes(n_out);
    for (int r = 0; r < s.n_row; r++) {
        __m256 v = level[4][r];
        float *y = qmm_y(p, r0 + r, o);
        if (p->m->bias)
            v = _mm256_add_ps(v, _mm256_maskload_ps(qmm_bias(p, o), mask));
        if (p->add)
            v = _mm256_add_ps(_mm256_maskload_ps(y, mask), v);
        _mm256_maskstore_ps(y, mask, v);
    }
}

QMM_INLINE void many_rows(const struct qmm *p, struct shape s, int n_run)
{
    const struct qmm_source src = qmm_source(p->m, p->e);
    struct panel panel;
    for (int o = p->o0; o < p->o1; o += PANEL_OUT) {
        int n_out = MIN(p->o1 - o, PANEL_OUT), r = 0;
        panel_fill(&panel, p, &src, s, o, n_out);
        for (s.n_row = PANEL_ROW; r + PANEL_ROW <= p->n_row; r += PANEL_ROW)
            panel_rows(p, &panel, s, n_run, r, o, n_out);
        s.n_row = 2;
        if (r + 2 <= p->n_row) {
            panel_rows(p, &panel, s, n_run, r, o, n_out);
            r += 2;
        }
        s.n_row = 1;
        if (r < p->n_row)
            panel_rows(p, &panel, s, n_run, r, o, n_out);
    }
}

/* One instance for each shape, so that its loops have constant bounds. */
#define INSTANCES(name, kind_, n_run)                                                                                  \
    static void name##_32(const struct qmm *p, const struct unpack *u)                                                 \
    {                                                                                                                  \
        few_rows(p, (struct shape){ .u = u, .kind = (kind_), .group = 32 });                                           \
    }                                                                                                                  \
    static void name##_64(const struct qmm *p, const struct unpack *u)                                                 \
    {                                                                                                                  \
        few_rows(p, (struct shape){ .u = u, .kind = (kind_), .group = 64 });                                           \
    }                                                                                                                  \
    static void name##_128(const struct qmm *p, const struct unpack *u)                                                \
    {                                                                                                                  \
        few_rows(p, (struct shape){ .u = u, .kind = (kind_), .group = 128 });                                          \
    }                                                                                                                  \
    static void name##_many(const struct qmm *p, const struct unpack *u)                                               \
    {                                                                                                                  \
        many_rows(p, (struct shape){ .u = u, .kind = (kind_), .group = p->m->group }, n_run);                          \
    }
INSTANCES(nibbles, NIBBLES, 8)
INSTANCES(bytes, BYTES, 2)
INSTANCES(wide, WIDE, 8)

static void qmm_q8_avx2(const struct qmm *p)
{
    typedef void form_fn(const struct qmm *p, const struct unpack *u);
    static form_fn *const forms[3][4] = { { nibbles_32, nibbles_64, nibbles_128, nibbles_many },
                                          { bytes_32, bytes_64, bytes_128, bytes_many },
                                          { wide_32, wide_64, wide_128, wide_many } };
    const struct mat *m = p->m;
    assert(m->mode == QUANT_AFFINE);
    const struct unpack u = unpack_init(m->bits);
    int form = p->n_row >= PANEL_MIN_ROW && m->n_in <= PANEL_IN ? 3 : m->group == 32 ? 0 : m->group == 64 ? 1 : 2;
    forms[m->bits == 4 ? NIBBLES : m->bits == 8 ? WIDE : BYTES][form](p, &u);
}

/* --- f32 --- */

/* The scale or bias at p, group g. */
QMM_INLINE float load1(const uint8_t *p, enum dtype t, size_t g)
{
    if (t == DTYPE_F32)
        return num_from_bits(num_load_u32(p + 4 * g));
    uint16_t h = num_load_u16(p + 2 * g);
    return t == DTYPE_BF16 ? num_bf16(h) : _cvtsh_ss(h);
}

/* Values of the 8 codes at p, without scale. E4M3 by way of binary16, whose exponent has another bias. */
QMM_INLINE __m256 decode8(const uint8_t *p, enum quant_mode mode)
{
    const __m128i q = _mm_loadl_epi64((const void *)p);
    if (mode == QUANT_MXFP8) {
        __m128i h = _mm_slli_epi16(_mm_cvtepu8_epi16(q), 7);
        __m128i sign = _mm_slli_epi16(_mm_and_si128(h, _mm_set1_epi16(0x4000)), 1);
        h = _mm_or_si128(_mm_and_si128(h, _mm_set1_epi16(0x3fff)), sign);
        return _mm256_mul_ps(_mm256_cvtph_ps(h), _mm256_set1_ps(256));
    }
    const __m256i v = _mm256_cvtepu8_epi32(q);
    if (mode == QUANT_AFFINE)
        return _mm256_cvtepi32_ps(v);
    __m256i sign = _mm256_slli_epi32(_mm256_and_si256(v, _mm256_set1_epi32(8)), 28);
    return _mm256_or_ps(_mm256_permutevar8x32_ps(_mm256_loadu_ps(num_e2m1), v), _mm256_castsi256_ps(sign));
}

static void dequant_plain(float *y, const struct mat *m, const struct qmm_source *src, const uint8_t *w, int n)
{
    const size_t bytes = dtype_bytes(m->dtype);
    for (int i = 0; i < n; i += 8, w += 8 * bytes)
        _mm256_maskstore_ps(y + i, first_lanes(n - i), load_first(w, m->dtype, n - i, src->w_end));
}

/* n weights of row o from i0, in f32. */
static void dequant_row(float *y, const struct mat *m, const struct qmm_source *src, const struct unpack *u, int o,
                        int i0, int n)
{
    const uint8_t *w = src->w + (size_t)o * src->w_bytes + (size_t)i0 * (size_t)m->bits / 8;
    const uint8_t *scale = src->s + (size_t)o * src->s_bytes, *bias = NULL;
    if (m->mode == QUANT_AFFINE)
        bias = src->b + (size_t)o * src->s_bytes;
    for (int i = 0; i < n; i += 32, w += u->n_bytes) {
        uint8_t code[32], staged[32];
        const uint8_t *from = readable(w, (size_t)(MIN(32, n - i) * m->bits / 8), 32, src->w_end, staged);
        _mm256_storeu_si256((void *)code, unpack32(u, from));
        for (int k = i; k < MIN(i + 32, n); k += 8) {
            const size_t g = (size_t)((i0 + k) / m->group);
            __m256 v = decode8(code + k - i, m->mode);
            if (m->mode == QUANT_AFFINE)
                v = _mm256_fmadd_ps(v, _mm256_set1_ps(load1(scale, m->dtype, g)),
                                    _mm256_set1_ps(load1(bias, m->dtype, g)));
            else
                v = _mm256_mul_ps(v, _mm256_set1_ps(m->mode == QUANT_NVFP4 ? num_e4m3(scale[g]) : num_e8m0(scale[g])));
            _mm256_storeu_ps(y + k, v);
        }
    }
}

static void dequant_avx2(float *y, const struct mat *m, int e, int o, int i0, int n)
{
    const struct qmm_source src = qmm_source(m, e);
    if (m->mode == QUANT_PLAIN) {
        dequant_plain(y, m, &src, src.w + (size_t)o * src.w_bytes + (size_t)i0 * (size_t)m->bits / 8, n);
        return;
    }
    const struct unpack u = unpack_init(m->bits);
    dequant_row(y, m, &src, &u, o, i0, n);
}

enum {
    F32_OUT = 4,   /* outputs whose weights are in f32 at a time */
    F32_PAIR = 2,  /* outputs and rows of a tile */
    F32_ROWS = 32, /* rows that share weights once they are in f32 */
    F32_IN = 1024  /* inputs in f32 at a time: F32_OUT * F32_IN floats lie in L1 */
};
typedef float f32_lanes[F32_OUT][QMM_LANES];

/* Adds n inputs of n_row rows (a constant) to the sums of two outputs from o. The weights are padded with zeros. */
QMM_INLINE void f32_tile(f32_lanes *lanes, const float (*w)[F32_IN], const float *const x[], int n_row, int o, int n)
{
    __m256 acc[F32_PAIR][F32_PAIR][2];
    for (int r = 0; r < n_row; r++)
        for (int k = 0; k < F32_PAIR; k++)
            for (int h = 0; h < 2; h++)
                acc[r][k][h] = _mm256_loadu_ps(lanes[r][o + k] + 8 * (size_t)h);
    for (int i = 0; i < n; i += 16) {
        for (int h = 0; h < 2; h++) {
            const int at = i + 8 * h;
            for (int r = 0; r < n_row; r++) {
                const __m256 xr =
                    n - at >= 8 ? _mm256_loadu_ps(x[r] + at) : _mm256_maskload_ps(x[r] + at, first_lanes(n - at));
                for (int k = 0; k < F32_PAIR; k++)
                    acc[r][k][h] = _mm256_fmadd_ps(_mm256_loadu_ps(w[o + k] + at), xr, acc[r][k][h]);
            }
        }
    }
    for (int r = 0; r < n_row; r++)
        for (int k = 0; k < F32_PAIR; k++)
            for (int h = 0; h < 2; h++)
                _mm256_storeu_ps(lanes[r][o + k] + 8 * (size_t)h, acc[r][k][h]);
}

/* Rows r0 .. r0 + n_row - 1 and outputs o .. o + n_out - 1. */
static void f32_block(const struct qmm *p, float (*w)[F32_IN], int r0, int n_row, int o, int n_out)
{
    const struct mat *m = p->m;
    f32_lanes lanes[F32_ROWS];
    const float *x[F32_ROWS];
    memset(lanes, 0, (size_t)n_row * sizeof lanes[0]);
    for (int r = 0; r < n_row; r++)
        x[r] = p->x + qmm_xrow(p, r0 + r) * p->x_stride;
    for (int i = 0; i < m->n_in; i += F32_IN) {
        const int n = MIN(m->n_in - i, F32_IN);
        for (int k = 0; k < n_out; k++) {
            dequant_avx2(w[k], m, p->e, o + k, i, n);
            memset(w[k] + n, 0, (size_t)(-n & 15) * sizeof w[k][0]);
        }
        for (int k = 0; k < n_out; k += F32_PAIR) {
            int r = 0;
            for (; r + F32_PAIR <= n_row; r += F32_PAIR)
                f32_tile(lanes + r, (const float(*)[F32_IN])w, x + r, F32_PAIR, k, n);
            if (r < n_row)
                f32_tile(lanes + r, (const float(*)[F32_IN])w, x + r, 1, k, n);
        }
        for (int r = 0; r < n_row; r++)
            x[r] += n;
    }
    for (int r = 0; r < n_row; r++)
        for (int k = 0; k < n_out; k++)
            qmm_store(p, r0 + r, o + k, sum_lanes(_mm256_loadu_ps(lanes[r][k]), _mm256_loadu_ps(lanes[r][k] + 8)));
}

static void qmm_f32_avx2(const struct qmm *p)
{
    float w[F32_OUT][F32_IN] = { { 0 } }; /* outputs beyond the last are multiplied too */
    for (int o = p->o0; o < p->o1; o += F32_OUT)
        for (int r = 0; r < p->n_row; r += F32_ROWS)
            f32_block(p, w, r, MIN(p->n_row - r, F32_ROWS), o, MIN(p->o1 - o, F32_OUT));
}

void kernels_init_avx2_qmm(struct kernels *k)
{
    k->name = "avx2";
    k->quantize = quantize_avx2;
    k->qmm_q8 = qmm_q8_avx2;
    k->qmm_f32 = qmm_f32_avx2;
    k->dequant = dequant_avx2;
}
