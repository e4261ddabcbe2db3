/* qmm_avx512.c - the matrix products for AVX-512 with VNNI and VBMI.
 *
 * qmm_q8 has two forms that give the same bits (qmm_parts.h). Few rows: each packed row of weights is read once, as it lies, and
 * multiplied with up to four rows of activations; 16 int32 vectors, one for each lane of the sum, are folded into one by adding
 * while transposing. Many rows: 16 outputs are unpacked and transposed into a panel whose vector lanes are outputs, so that
 * nothing is folded and a product costs one vpdpbusd for 64 multiplications.
 *
 * 4-bit weights are used as they lie: 64 packed bytes are the even elements of 128 in their low halves and the odd ones in the
 * high halves, and x̂ is stored likewise, 64 even elements, then 64 odd ones. Other widths are unpacked in natural order.
 *
 * Loads are whole vectors wherever the matrix's memory goes on that far, masked only at its end: the hardware does not prefetch
 * for masked loads, which makes them three to five times slower on weights that come from memory.
 * SPDX-License-Identifier: MIT */
#include <assert.h>
#include <immintrin.h>
#include <string.h>

#include "base/base.h"
#include "kernel/qmm_parts.h"

enum {
    TILE_ROW = 4,                 /* rows of activations that share one read of the weights */
    PANEL_OUT = 16,               /* outputs of a panel */
    PANEL_ROW = 8,                /* rows multiplied with a panel at a time */
    PANEL_IN = 8192,              /* longer rows take the other form */
    STEP_BYTES = QMM_LANES * 128, /* 16 groups of the largest size and width */
    PANEL_MIN_ROW = 13            /* from here on a panel pays: measured */
};

/* How to unpack 64 elements: of each 8 the bytes go to one 64-bit lane, from which vpmultishiftqb takes 8 bits at each element's
 * offset. */
struct unpack {
    __m512i gather, shift, mask;
    int n_bytes; /* of 64 elements */
};

/* A mask of the first n of 64 bytes; n may exceed 64. */
QMM_INLINE __mmask64 first_bytes(int n)
{
    return n >= 64 ? ~0ull : (1ull << n) - 1;
}
QMM_INLINE __mmask16 first_lanes(int n)
{
    return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}

static struct unpack unpack_init(int bits)
{
    uint8_t gather[64], shift[64];
    for (int i = 0; i < 64; i++) {
        gather[i] = (uint8_t)((i / 8 * bits + i % 8) & 63);
        shift[i] = (uint8_t)(i % 8 * bits);
    }
    return (struct unpack){ _mm512_loadu_si512(gather), _mm512_loadu_si512(shift),
                            _mm512_set1_epi8((char)((1 << bits) - 1)), 8 * bits };
}

QMM_INLINE __m512i unpack64(const struct unpack *u, __m512i packed)
{
    packed = _mm512_permutexvar_epi8(u->gather, packed);
    return _mm512_and_si512(_mm512_multishift_epi64_epi8(u->shift, packed), u->mask);
}

/* 64 bytes at p, of which the first n count; memory ends at `end`. */
QMM_INLINE __m512i load_packed(const uint8_t *p, int n, const uint8_t *end)
{
    if (end - p >= 64)
        return _mm512_loadu_si512(p);
    return _mm512_maskz_loadu_epi8(first_bytes(n), p);
}

/* 16 values at p as f32, of those in k. */
QMM_INLINE __m512 load16(const uint8_t *p, enum dtype t, __mmask16 k)
{
    if (t == DTYPE_F32)
        return _mm512_maskz_loadu_ps(k, p);
    __m256i half = _mm256_maskz_loadu_epi16(k, p);
    if (t == DTYPE_F16)
        return _mm512_cvtph_ps(half);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* The first min(n, 16) values at p as f32, zeros behind. */
QMM_INLINE __m512 load_first(const uint8_t *p, enum dtype t, int n, const uint8_t *end)
{
    if (n >= 16)
        return load16(p, t, 0xffff);
    __mmask16 k = first_lanes(n);
    return end - p >= 64 ? _mm512_maskz_mov_ps(k, load16(p, t, 0xffff)) : load16(p, t, k);
}

QMM_INLINE float sum_lanes(__m512 v)
{
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

/* --- activations --- */

static void quantize_avx512(const struct q8_rows *dst, int row, const float *x)
{
    int8_t *q = dst->q + (size_t)row * dst->q_stride;
    float *a = dst->a + (size_t)row * dst->g_stride, *sums = dst->x + (size_t)row * dst->g_stride;
    int n_g = dst->n_in / dst->group;
    memset(q + dst->n_in, 0, dst->q_stride - (size_t)dst->n_in);
    memset(a + n_g, 0, (dst->g_stride - (size_t)n_g) * sizeof *a);
    memset(sums + n_g, 0, (dst->g_stride - (size_t)n_g) * sizeof *sums);
    const __m512i limit = _mm512_set1_epi32(127), low = _mm512_set1_epi32(-127);
    for (int g = 0; g < n_g; g++) {
        const float *xg = x + (size_t)g * (size_t)dst->group;
        __m512 largest = _mm512_setzero_ps();
        for (int i = 0; i < dst->group; i += 16)
            largest = _mm512_max_ps(largest, _mm512_abs_ps(_mm512_loadu_ps(xg + i)));
        a[g] = _mm512_reduce_max_ps(largest) / 127;
        __m512 scale = _mm512_set1_ps(a[g]);
        __mmask16 some = a[g] > 0 ? 0xffff : 0;
        __m512i sum = _mm512_setzero_si512();
        for (int i = 0; i < dst->group; i += 16) {
            __m512i v = _mm512_maskz_cvtps_epi32(some, _mm512_div_ps(_mm512_loadu_ps(xg + i), scale));
            v = _mm512_max_epi32(_mm512_min_epi32(v, limit), low);
            sum = _mm512_add_epi32(sum, v);
            _mm_storeu_si128((__m128i *)(void *)(q + (size_t)g * (size_t)dst->group + i), _mm512_cvtepi32_epi8(v));
        }
        sums[g] = a[g] * (float)_mm512_reduce_add_epi32(sum);
    }
    if (dst->bits != 4)
        return;
    uint8_t even[64];
    for (int i = 0; i < 64; i++)
        even[i] = (uint8_t)(2 * i);
    __m512i evens = _mm512_loadu_si512(even), odds = _mm512_add_epi8(evens, _mm512_set1_epi8(1));
    for (size_t i = 0; i < dst->q_stride; i += 128) {
        __m512i lo = _mm512_loadu_si512(q + i), hi = _mm512_loadu_si512(q + i + 64);
        _mm512_storeu_si512(q + i, _mm512_permutex2var_epi8(lo, evens, hi));
        _mm512_storeu_si512(q + i + 64, _mm512_permutex2var_epi8(lo, odds, hi));
    }
}

/* --- few rows --- */

/* Lane 4k + j of the result: the sum of lanes 4k .. 4k + 3 of v[j]. */
QMM_INLINE __m512i fold4(const __m512i v[4])
{
    __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}
/* Of the quarters: a0 + a1, a2 + a3, b0 + b1, b2 + b3. */
QMM_INLINE __m512i fold2(__m512i a, __m512i b)
{
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
}
/* From w[k] = fold4 of vectors 4k .. 4k + 3, each of which holds 16 / n_vec groups: 16 groups in their order. */
QMM_INLINE __m512i fold_groups(const __m512i w[4], int n_vec)
{
    if (n_vec == 4)
        return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), w[0]);
    if (n_vec == 8)
        return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15),
                                        fold2(w[0], w[1]));
    return fold2(fold2(w[0], w[1]), fold2(w[2], w[3]));
}

/* What is the same in all calls for one matrix; constants after inlining, but for `u`. */
struct shape {
    const struct unpack *u;
    bool nibbles; /* 4 bits */
    int n_vec;    /* vectors that hold 16 groups: 4, 8, 16 */
    int n_part;   /* products added in one vector */
    int n_row;
};

/* dot[r]: the integer products of the n_unit units at w with row r, as 16 groups; missing ones are 0. A unit is what one vector
 * takes up: 128 elements in 64 bytes, or 64 elements. What follows the last element meets zeros in x̂. */
QMM_INLINE void dot_groups(__m512i dot[TILE_ROW], struct shape s, const uint8_t *w, int n_unit,
                           const int8_t *const q[TILE_ROW], size_t i)
{
    const __m512i low = _mm512_set1_epi8(15);
    const int unit_bytes = s.nibbles ? 64 : s.u->n_bytes, unit_in = s.nibbles ? 128 : 64;
    __m512i folded[TILE_ROW][4];
#pragma GCC unroll 4
    for (int k = 0; k < s.n_vec / 4; k++) {
        __m512i v[TILE_ROW][4];
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            for (int r = 0; r < s.n_row; r++)
                v[r][j] = _mm512_setzero_si512();
            for (int part = 0; part < s.n_part; part++) {
                const int unit = (4 * k + j) * s.n_part + part;
                if (unit >= n_unit)
                    continue;
                const __m512i packed = _mm512_loadu_si512(w + (size_t)unit * (size_t)unit_bytes);
                const size_t x = i + (size_t)unit * (size_t)unit_in;
                if (s.nibbles) {
                    __m512i even = _mm512_and_si512(packed, low);
                    __m512i odd = _mm512_and_si512(_mm512_srli_epi16(packed, 4), low);
                    for (int r = 0; r < s.n_row; r++) {
                        v[r][j] = _mm512_dpbusd_epi32(v[r][j], even, _mm512_loadu_si512(q[r] + x));
                        v[r][j] = _mm512_dpbusd_epi32(v[r][j], odd, _mm512_loadu_si512(q[r] + x + 64));
                    }
                } else {
                    __m512i all = unpack64(s.u, packed);
                    for (int r = 0; r < s.n_row; r++)
                        v[r][j] = _mm512_dpbusd_epi32(v[r][j], all, _mm512_loadu_si512(q[r] + x));
                }
            }
        }
        for (int r = 0; r < s.n_row; r++)
            folded[r][k] = fold4(v[r]);
    }
    for (int r = 0; r < s.n_row; r++)
        dot[r] = fold_groups(folded[r], s.n_vec);
}

/* Output o for the rows r0 .. r0 + s.n_row - 1. */
QMM_INLINE void tile(const struct qmm *p, const struct qmm_source *src, struct shape s, int o, int r0)
{
    const struct q8_rows *x = p->q8;
    const enum dtype t = p->m->dtype;
    const int n_g = mat_groups(p->m), group = p->m->group, bits = p->m->bits, step = QMM_LANES * group;
    const int unit_in = s.nibbles ? 128 : 64, step_bytes = step * bits / 8;
    const uint8_t *w = src->w + (size_t)o * src->w_bytes;
    const uint8_t *scale = src->s + (size_t)o * src->s_bytes, *bias = src->b + (size_t)o * src->s_bytes;
    const int8_t *q[TILE_ROW];
    const float *a[TILE_ROW], *sum[TILE_ROW];
    __m512 acc[TILE_ROW];
    for (int r = 0; r < s.n_row; r++) {
        size_t row = qmm_xrow(p, r0 + r);
        q[r] = x->q + row * x->q_stride;
        a[r] = x->a + row * x->g_stride;
        sum[r] = x->x + row * x->g_stride;
        acc[r] = _mm512_setzero_ps();
    }
    for (int g = 0; g < n_g; g += QMM_LANES, w += step_bytes) {
        const int n_in = MIN(n_g - g, QMM_LANES) * group;
        const uint8_t *from = w;
        uint8_t staged[STEP_BYTES + 64];
        if (src->w_end - w < step_bytes + 64) {
            memset(staged, 0, sizeof staged);
            memcpy(staged, w, (size_t)(n_in * bits / 8));
            from = staged;
        }
        qmm_fetch_ahead(w, step_bytes);
        __m512i dot[TILE_ROW];
        if (n_in == step)
            dot_groups(dot, s, from, s.n_vec * s.n_part, q, (size_t)g * (size_t)group);
        else
            dot_groups(dot, s, from, (n_in + unit_in - 1) / unit_in, q, (size_t)g * (size_t)group);
        const size_t at = (size_t)g * (t == DTYPE_F32 ? 4 : 2);
        const __m512 sg = load_first(scale + at, t, n_g - g, src->s_end);
        const __m512 bg = load_first(bias + at, t, n_g - g, src->b_end);
        for (int r = 0; r < s.n_row; r++) {
            acc[r] = _mm512_fmadd_ps(bg, _mm512_loadu_ps(sum[r] + g), acc[r]);
            acc[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[r]), _mm512_mul_ps(sg, _mm512_loadu_ps(a[r] + g)), acc[r]);
        }
    }
    for (int r = 0; r < s.n_row; r++)
        qmm_store(p, r0 + r, o, sum_lanes(acc[r]));
}

QMM_INLINE void few_rows(const struct qmm *p, struct shape s)
{
    const struct qmm_source src = qmm_source(p->m, p->e);
    for (int o = p->o0; o < p->o1; o++) {
        int r = 0;
        for (s.n_row = TILE_ROW; r + TILE_ROW <= p->n_row; r += TILE_ROW)
            tile(p, &src, s, o, r);
        /* The number of rows is a constant in each call, so that the sums stay in registers. */
        switch (p->n_row - r) {
        case 3:
            s.n_row = 3;
            tile(p, &src, s, o, r);
            break;
        case 2:
            s.n_row = 2;
            tile(p, &src, s, o, r);
            break;
        case 1:
            s.n_row = 1;
            tile(p, &src, s, o, r);
            break;
        default:
            break;
        }
    }
}

/* --- many rows --- */

/* 16 outputs, unpacked, all of n_in. */
struct panel {
    uint8_t w[PANEL_IN / 4][PANEL_OUT][4]; /* four elements, in the order of x̂ within a group */
    float s[PANEL_IN / 32][PANEL_OUT], b[PANEL_IN / 32][PANEL_OUT];
};

/* Transposes 16 x 16 lanes of 32 bits. */
QMM_INLINE void transpose16(__m512i v[16])
{
    __m512i t[16];
    for (int k = 0; k < 16; k += 2) {
        t[k] = _mm512_unpacklo_epi32(v[k], v[k + 1]);
        t[k + 1] = _mm512_unpackhi_epi32(v[k], v[k + 1]);
    }
    for (int k = 0; k < 16; k += 4) { /* v[k + j]: lanes j, j + 4, ... of four rows */
        v[k] = _mm512_unpacklo_epi64(t[k], t[k + 2]);
        v[k + 1] = _mm512_unpackhi_epi64(t[k], t[k + 2]);
        v[k + 2] = _mm512_unpacklo_epi64(t[k + 1], t[k + 3]);
        v[k + 3] = _mm512_unpackhi_epi64(t[k + 1], t[k + 3]);
    }
    for (int j = 0; j < 4; j++) {
        t[j] = _mm512_shuffle_i32x4(v[j], v[4 + j], 0x88); /* quarters 0, 2 of rows 0-3 and 4-7 */
        t[4 + j] = _mm512_shuffle_i32x4(v[j], v[4 + j], 0xdd);
        t[8 + j] = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], 0x88);
        t[12 + j] = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], 0xdd);
    }
    for (int j = 0; j < 4; j++) {
        v[j] = _mm512_shuffle_i32x4(t[j], t[8 + j], 0x88);
        v[8 + j] = _mm512_shuffle_i32x4(t[j], t[8 + j], 0xdd);
        v[4 + j] = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0x88);
        v[12 + j] = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0xdd);
    }
}

/* y[g][o]: scales or biases of n_out rows at p. */
static void panel_scales(float (*y)[PANEL_OUT], const uint8_t *p, const uint8_t *end, const struct mat *m, int n_out)
{
    int n_g = mat_groups(m);
    size_t bytes = m->dtype == DTYPE_F32 ? 4 : 2;
    for (int g = 0; g < n_g; g += 16) {
        __m512i v[16];
        for (int o = 0; o < 16; o++)
            v[o] = o < n_out
                       ? _mm512_castps_si512(load_first(p + (size_t)(o * n_g + g) * bytes, m->dtype, n_g - g, end))
                       : _mm512_setzero_si512();
        transpose16(v);
        for (int k = 0; k < MIN(n_g - g, 16); k++)
            _mm512_storeu_si512(y[g + k], v[k]);
    }
}

static void panel_fill(struct panel *panel, const struct qmm *p, const struct qmm_source *src, const struct unpack *u,
                       int o, int n_out)
{
    const bool nibbles = p->m->bits == 4;
    const __m512i low = _mm512_set1_epi8(15);
    const int row_bytes = (int)src->w_bytes, unit_bytes = nibbles ? 64 : u->n_bytes;
    const uint8_t *w = src->w + (size_t)o * src->w_bytes;
    uint8_t *y = panel->w[0][0];
    for (int at = 0; at < row_bytes; at += unit_bytes) {
        __m512i v[16];
        for (int k = 0; k < 16; k++) {
            v[k] = _mm512_setzero_si512();
            if (k < n_out)
                v[k] = load_packed(w + (size_t)k * src->w_bytes + at, row_bytes - at, src->w_end);
            if (!nibbles)
                v[k] = unpack64(u, v[k]);
        }
        transpose16(v);
        for (int k = 0; k < 16; k++) {
            if (nibbles) {
                _mm512_storeu_si512(y, _mm512_and_si512(v[k], low));
                _mm512_storeu_si512(y + 64, _mm512_and_si512(_mm512_srli_epi16(v[k], 4), low));
                y += 128;
            } else {
                _mm512_storeu_si512(y, v[k]);
                y += 64;
            }
        }
    }
    panel_scales(panel->s, src->s + (size_t)o * src->s_bytes, src->s_end, p->m, n_out);
    panel_scales(panel->b, src->b + (size_t)o * src->s_bytes, src->b_end, p->m, n_out);
}

QMM_INLINE __m512i broadcast4(const int8_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

/* n_row rows (a constant) from r0 with a panel, whose outputs begin at o. Few rows add in two vectors each, to have enough
 * products in flight; the integers are exact either way. */
QMM_INLINE void panel_rows(const struct qmm *p, const struct panel *panel, bool nibbles, int n_row, int r0, int o,
                           __mmask16 k_out)
{
    const struct q8_rows *x = p->q8;
    const int n_g = mat_groups(p->m), group = p->m->group, n_unit = group / 4, odd = n_row < PANEL_ROW ? 1 : 0;
    const int8_t *q[PANEL_ROW];
    const float *a[PANEL_ROW], *sum[PANEL_ROW];
    __m512 level[5][PANEL_ROW];
    for (int r = 0; r < n_row; r++) {
        size_t row = qmm_xrow(p, r0 + r);
        q[r] = x->q + row * x->q_stride;
        a[r] = x->a + row * x->g_stride;
        sum[r] = x->x + row * x->g_stride;
    }
    for (int c = 0; c < QMM_LANES; c++) {
        __m512 acc[PANEL_ROW];
        for (int r = 0; r < n_row; r++)
            acc[r] = _mm512_setzero_ps();
        for (int g = qmm_lane_visited(c); g < n_g; g += QMM_LANES) {
            const uint8_t *w = panel->w[(size_t)g * (size_t)n_unit][0];
            /* 4 bits: within each 128 elements the even ones lie before the odd ones */
            const int i = g * group, from = nibbles ? i / 128 * 128 + i % 128 / 2 : i, next = nibbles ? 64 : 4;
            __m512i dot[2][PANEL_ROW];
            for (int r = 0; r < n_row; r++)
                dot[0][r] = dot[1][r] = _mm512_setzero_si512();
            for (int at = from; at < from + (nibbles ? n_unit * 2 : group); at += nibbles ? 4 : 8, w += 128) {
                const __m512i w0 = _mm512_loadu_si512(w), w1 = _mm512_loadu_si512(w + 64);
                for (int r = 0; r < n_row; r++)
                    dot[0][r] = _mm512_dpbusd_epi32(dot[0][r], w0, broadcast4(q[r] + at));
                for (int r = 0; r < n_row; r++)
                    dot[odd][r] = _mm512_dpbusd_epi32(dot[odd][r], w1, broadcast4(q[r] + at + next));
            }
            const __m512 s = _mm512_loadu_ps(panel->s[g]), b = _mm512_loadu_ps(panel->b[g]);
            for (int r = 0; r < n_row; r++) {
                __m512i d = odd ? _mm512_add_epi32(dot[0][r], dot[1][r]) : dot[0][r];
                acc[r] = _mm512_fmadd_ps(b, _mm512_set1_ps(sum[r][g]), acc[r]);
                acc[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(d), _mm512_mul_ps(s, _mm512_set1_ps(a[r][g])), acc[r]);
            }
        }
        int up = 0;
        for (; c >> up & 1; up++)
            for (int r = 0; r < n_row; r++)
                acc[r] = _mm512_add_ps(level[up][r], acc[r]);
        for (int r = 0; r < n_row; r++)
            level[up][r] = acc[r];
    }
    for (int r = 0; r < n_row; r++) {
        __m512 v = level[4][r];
        float *y = qmm_y(p, r0 + r, o);
        if (p->m->bias)
            v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(k_out, qmm_bias(p, o)));
        if (p->add)
            v = _mm512_add_ps(_mm512_maskz_loadu_ps(k_out, y), v);
        _mm512_mask_storeu_ps(y, k_out, v);
    }
}

QMM_INLINE void many_rows(const struct qmm *p, const struct unpack *u, bool nibbles)
{
    const struct qmm_source src = qmm_source(p->m, p->e);
    struct panel panel;
    for (int o = p->o0; o < p->o1; o += PANEL_OUT) {
        int n_out = MIN(p->o1 - o, PANEL_OUT), r = 0;
        __mmask16 k_out = first_lanes(n_out);
        panel_fill(&panel, p, &src, u, o, n_out);
        for (; r + 8 <= p->n_row; r += 8)
            panel_rows(p, &panel, nibbles, 8, r, o, k_out);
        if (p->n_row - r >= 4) {
            panel_rows(p, &panel, nibbles, 4, r, o, k_out);
            r += 4;
        }
        if (p->n_row - r >= 2) {
            panel_rows(p, &panel, nibbles, 2, r, o, k_out);
            r += 2;
        }
        if (r < p->n_row)
            panel_rows(p, &panel, nibbles, 1, r, o, k_out);
    }
}

/* One instance for each shape, so that its loops have constant bounds. */
static void few_nibbles_32(const struct qmm *p)
{
    few_rows(p, (struct shape){ .nibbles = true, .n_vec = 4, .n_part = 1 });
}
static void few_nibbles_64(const struct qmm *p)
{
    few_rows(p, (struct shape){ .nibbles = true, .n_vec = 8, .n_part = 1 });
}
static void few_nibbles_128(const struct qmm *p)
{
    few_rows(p, (struct shape){ .nibbles = true, .n_vec = 16, .n_part = 1 });
}
static void few_bytes_32(const struct qmm *p, const struct unpack *u)
{
    few_rows(p, (struct shape){ .u = u, .n_vec = 8, .n_part = 1 });
}
static void few_bytes_64(const struct qmm *p, const struct unpack *u)
{
    few_rows(p, (struct shape){ .u = u, .n_vec = 16, .n_part = 1 });
}
static void few_bytes_128(const struct qmm *p, const struct unpack *u)
{
    few_rows(p, (struct shape){ .u = u, .n_vec = 16, .n_part = 2 });
}
static void many_nibbles(const struct qmm *p)
{
    many_rows(p, NULL, true);
}
static void many_bytes(const struct qmm *p, const struct unpack *u)
{
    many_rows(p, u, false);
}

static void qmm_q8_avx512(const struct qmm *p)
{
    const struct mat *m = p->m;
    assert(m->mode == QUANT_AFFINE);
    bool many = p->n_row >= PANEL_MIN_ROW && m->n_in <= PANEL_IN;
    if (m->bits == 4) {
        if (many)
            many_nibbles(p);
        else if (m->group == 32)
            few_nibbles_32(p);
        else if (m->group == 64)
            few_nibbles_64(p);
        else
            few_nibbles_128(p);
        return;
    }
    const struct unpack u = unpack_init(m->bits);
    if (many)
        many_bytes(p, &u);
    else if (m->group == 32)
        few_bytes_32(p, &u);
    else if (m->group == 64)
        few_bytes_64(p, &u);
    else
        few_bytes_128(p, &u);
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

/* Values of 16 codes of the format, without scale. E4M3 by way of binary16, whose exponent has another bias. */
QMM_INLINE __m512 decode16(__m128i q, enum quant_mode mode, __m512 e2m1)
{
    if (mode == QUANT_MXFP8) {
        __m256i h = _mm256_slli_epi16(_mm256_cvtepu8_epi16(q), 7);
        __m256i sign = _mm256_slli_epi16(_mm256_and_si256(h, _mm256_set1_epi16(0x4000)), 1);
        h = _mm256_or_si256(_mm256_and_si256(h, _mm256_set1_epi16(0x3fff)), sign);
        return _mm512_mul_ps(_mm512_cvtph_ps(h), _mm512_set1_ps(256));
    }
    __m512i v = _mm512_cvtepu8_epi32(q);
    return mode == QUANT_AFFINE ? _mm512_cvtepi32_ps(v) : _mm512_permutexvar_ps(v, e2m1);
}

static void dequant_plain(float *y, const struct mat *m, const struct qmm_source *src, const uint8_t *w, int n)
{
    size_t bytes = dtype_bytes(m->dtype);
    for (int i = 0; i < n; i += 16, w += 16 * bytes)
        _mm512_mask_storeu_ps(y + i, first_lanes(n - i), load_first(w, m->dtype, n - i, src->w_end));
}

/* n weights of row o from i0, in f32. */
static void dequant_row(float *y, const struct mat *m, const struct qmm_source *src, const struct unpack *u, int o,
                        int i0, int n)
{
    const uint8_t *w = src->w + (size_t)o * src->w_bytes + (size_t)i0 * (size_t)m->bits / 8;
    const uint8_t *scale = src->s + (size_t)o * src->s_bytes, *bias = NULL;
    if (m->mode == QUANT_AFFINE)
        bias = src->b + (size_t)o * src->s_bytes;
    const __m512 e2m1 = _mm512_loadu_ps(num_e2m1);
    for (int i = 0; i < n; i += 64, w += u->n_bytes) {
        uint8_t code[64];
        _mm512_storeu_si512(code, unpack64(u, load_packed(w, MIN(64, (n - i) * m->bits / 8), src->w_end)));
        for (int k = i; k < MIN(i + 64, n); k += 16) {
            const size_t g = (size_t)((i0 + k) / m->group);
            __m512 v = decode16(_mm_loadu_si128((const __m128i *)(const void *)(code + k - i)), m->mode, e2m1);
            if (m->mode == QUANT_AFFINE)
                v = _mm512_fmadd_ps(v, _mm512_set1_ps(load1(scale, m->dtype, g)),
                                    _mm512_set1_ps(load1(bias, m->dtype, g)));
            else
                v = _mm512_mul_ps(v, _mm512_set1_ps(m->mode == QUANT_NVFP4 ? num_e4m3(scale[g]) : num_e8m0(scale[g])));
            _mm512_storeu_ps(y + k, v);
        }
    }
}

static void dequant_avx512(float *y, const struct mat *m, int e, int o, int i0, int n)
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
    F32_OUT = 4,   /* outputs at a time */
    F32_ROW = 4,   /* rows of a tile */
    F32_ROWS = 32, /* rows that share weights once they are in f32 */
    F32_IN = 1024  /* inputs in f32 at a time: F32_OUT * F32_IN floats lie in L1 */
};
typedef float f32_lanes[F32_OUT][QMM_LANES];

/* Adds n inputs of n_row rows (a constant) to their sums. The weights are padded with zeros. */
QMM_INLINE void f32_tile(f32_lanes *lanes, const float (*w)[F32_IN], const float *const x[], int n_row, int n)
{
    __m512 acc[F32_ROW][F32_OUT];
    for (int r = 0; r < n_row; r++)
        for (int o = 0; o < F32_OUT; o++)
            acc[r][o] = _mm512_loadu_ps(lanes[r][o]);
    for (int i = 0; i < n; i += 16) {
        const __mmask16 k = first_lanes(n - i);
        for (int r = 0; r < n_row; r++) {
            const __m512 xr = _mm512_maskz_loadu_ps(k, x[r] + i);
            for (int o = 0; o < F32_OUT; o++)
                acc[r][o] = _mm512_fmadd_ps(_mm512_loadu_ps(w[o] + i), xr, acc[r][o]);
        }
    }
    for (int r = 0; r < n_row; r++)
        for (int o = 0; o < F32_OUT; o++)
            _mm512_storeu_ps(lanes[r][o], acc[r][o]);
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
            dequant_avx512(w[k], m, p->e, o + k, i, n);
            memset(w[k] + n, 0, (size_t)(-n & 15) * sizeof w[k][0]);
        }
        int r = 0;
        for (; r + F32_ROW <= n_row; r += F32_ROW)
            f32_tile(lanes + r, (const float(*)[F32_IN])w, x + r, F32_ROW, n);
        for (; r < n_row; r++)
            f32_tile(lanes + r, (const float(*)[F32_IN])w, x + r, 1, n);
        for (r = 0; r < n_row; r++)
            x[r] += n;
    }
    for (int r = 0; r < n_row; r++)
        for (int k = 0; k < n_out; k++)
            qmm_store(p, r0 + r, o + k, sum_lanes(_mm512_loadu_ps(lanes[r][k])));
}

static void qmm_f32_avx512(const struct qmm *p)
{
    float w[F32_OUT][F32_IN] = { { 0 } }; /* outputs beyond the last are multiplied too */
    for (int o = p->o0; o < p->o1; o += F32_OUT)
        for (int r = 0; r < p->n_row; r += F32_ROWS)
            f32_block(p, w, r, MIN(p->n_row - r, F32_ROWS), o, MIN(p->o1 - o, F32_OUT));
}

void kernels_init_avx512_qmm(struct kernels *k)
{
    k->name = "avx512vnni";
    k->quantize = quantize_avx512;
    k->qmm_q8 = qmm_q8_avx512;
    k->qmm_f32 = qmm_f32_avx512;
    k->dequant = dequant_avx512;
}
