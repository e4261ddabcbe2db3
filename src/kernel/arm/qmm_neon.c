/* qmm_neon.c - the matrix products for aarch64 with the dot product.
 *
 * sdot multiplies signed bytes and adds four products in 32 bits, so every sum of integers is exact. Codes of 2 to 6 bits are signed
 * bytes as they are; 8-bit ones are taken as q - 128, and 128 * sum x̂ is added back.
 *
 * qmm_q8 has two forms that give the same bits (qmm_parts.h). Few rows: each packed row of weights is read once, as it lies, and
 * multiplied with up to four rows of activations; the vectors of 4 groups are folded into one by adding pairs. Many rows: 8 outputs
 * are unpacked and transposed into a panel whose vector lanes are outputs, so that nothing is folded.
 *
 * 4-bit weights are used as they lie: 16 packed bytes are the even elements of 32 in their low halves and the odd ones in the high
 * halves, and x̂ is stored likewise, 16 even elements, then 16 odd ones. Other widths are unpacked in natural order.
 * SPDX-License-Identifier: MIT */
#include <arm_neon.h>
#include <string.h>

#include "base/base.h"
#include "kernel/qmm_parts.h"

enum {
    TILE_ROW = 4, /* rows of activations that share one read of the weights */
    QUAD = 4,     /* groups folded at a time: a quarter of a sum's lanes */
    QUAD_BYTES = QUAD * 128,
    PANEL_SIDE = 4,             /* outputs of a vector */
    PANEL_OUT = 2 * PANEL_SIDE, /* outputs of a panel */
    PANEL_ROW = 4,              /* rows multiplied with a panel at a time */
    PANEL_IN = 8192,            /* longer rows take the other form */
    PANEL_MIN_ROW = 8           /* from here on a panel takes fewer instructions */
};

/* How to unpack 16 elements of any width: two vectors of 16-bit windows, each with an element somewhere inside, are shifted right so
 * that the element comes to the bottom. */
struct unpack {
    uint8x16_t first, second; /* bytes of the windows of elements 0-7 and 8-15 */
    int16x8_t down;           /* negative: to the right */
    uint8x16_t mask;
    int bits;
};

static struct unpack unpack_init(int bits)
{
    uint8_t first[16], second[16];
    int16_t down[8];
    for (int i = 0; i < 8; i++) {
        int bit = i * bits;
        first[2 * i] = (uint8_t)(bit / 8);
        first[2 * i + 1] = (uint8_t)(bit / 8 + 1);
        second[2 * i] = (uint8_t)(bits + bit / 8);
        second[2 * i + 1] = (uint8_t)(bits + bit / 8 + 1); /* beyond the vector: 0 */
        down[i] = (int16_t) - (bit % 8);
    }
    return (struct unpack){ vld1q_u8(first), vld1q_u8(second), vld1q_s16(down), vdupq_n_u8((uint8_t)((1u << bits) - 1)),
                            bits };
}

/* 16 elements at p; reads 16 bytes. */
QMM_INLINE uint8x16_t unpack16(const struct unpack *u, const uint8_t *p)
{
    const uint8x16_t v = vld1q_u8(p);
    const uint16x8_t a = vshlq_u16(vreinterpretq_u16_u8(vqtbl1q_u8(v, u->first)), u->down);
    const uint16x8_t b = vshlq_u16(vreinterpretq_u16_u8(vqtbl1q_u8(v, u->second)), u->down);
    return vandq_u8(vuzp1q_u8(vreinterpretq_u8_u16(a), vreinterpretq_u8_u16(b)), u->mask);
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

/* Values as f32: 4 at p. */
QMM_INLINE float32x4_t load4(const uint8_t *p, enum dtype t)
{
    if (t == DTYPE_F32)
        return vreinterpretq_f32_u8(vld1q_u8(p));
    const uint8x8_t half = vld1_u8(p);
    if (t == DTYPE_F16)
        return vcvt_f32_f16(vreinterpret_f16_u8(half));
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(half), 16));
}
/* The first min(n, 4) values at p as f32, zeros behind. */
QMM_INLINE float32x4_t load_first(const uint8_t *p, enum dtype t, int n)
{
    if (n >= 4)
        return load4(p, t);
    uint8_t staged[16] = { 0 };
    memcpy(staged, p, (size_t)MAX(n, 0) * (t == DTYPE_F32 ? 4 : 2));
    return load4(staged, t);
}

/* The 16 lanes of a sum, in any rotation of their quarters. */
QMM_INLINE float sum_lanes(const float32x4_t v[4])
{
    float32x4_t a = vaddq_f32(vaddq_f32(v[0], v[2]), vaddq_f32(v[1], v[3]));
    a = vaddq_f32(a, vextq_f32(a, a, 2));
    return vgetq_lane_f32(a, 0) + vgetq_lane_f32(a, 1);
}

/* --- activations --- */

static float largest_of(const float *x, int n)
{
    float32x4_t v = vdupq_n_f32(0);
    for (int i = 0; i < n; i += 4)
        v = vmaxnmq_f32(v, vabsq_f32(vld1q_f32(x + i)));
    return vmaxnmvq_f32(v);
}

/* Sum of the rounded values. */
static int32_t round_group(int8_t *q, const float *x, float a, int n)
{
    const float32x4_t scale = vdupq_n_f32(a);
    const int32x4_t limit = vdupq_n_s32(127), low = vdupq_n_s32(-127);
    int32x4_t sum = vdupq_n_s32(0);
    for (int i = 0; i < n; i += 8) {
        int16x4_t part[2];
        for (int k = 0; k < 2; k++) {
            int32x4_t v = vcvtnq_s32_f32(vdivq_f32(vld1q_f32(x + i + 4 * k), scale));
            v = vmaxq_s32(vminq_s32(v, limit), low);
            sum = vaddq_s32(sum, v);
            part[k] = vmovn_s32(v);
        }
        vst1_s8(q + i, vmovn_s16(vcombine_s16(part[0], part[1])));
    }
    return vaddvq_s32(sum);
}

/* Each 32 elements: the even ones, then the odd ones. */
static void split_even_odd(int8_t *q, size_t n)
{
    for (size_t i = 0; i < n; i += 32) {
        const int8x16x2_t v = vld2q_s8(q + i);
        vst1q_s8(q + i, v.val[0]);
        vst1q_s8(q + i + 16, v.val[1]);
    }
}

static void quantize_neon(const struct q8_rows *dst, int row, const float *x)
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

/* What is the same in all calls for one matrix; constants after inlining, but for `u` and the bits of BYTES. */
struct shape {
    const struct unpack *u;
    enum { NIBBLES, BYTES, WIDE } kind; /* 4 bits; other widths up to 6; 8 */
    int bits, group, n_row;
};

/* 32 codes at p as signed bytes, in the order of x̂. BYTES reads up to 12 bytes more. */
QMM_INLINE int8x16x2_t unpack32(struct shape s, const uint8_t *p)
{
    uint8x16_t a, b;
    if (s.kind == NIBBLES) {
        b = vld1q_u8(p);
        a = vandq_u8(b, vdupq_n_u8(15));
        b = vshrq_n_u8(b, 4);
    } else if (s.kind == WIDE) {
        a = veorq_u8(vld1q_u8(p), vdupq_n_u8(128));
        b = veorq_u8(vld1q_u8(p + 16), vdupq_n_u8(128));
    } else {
        a = unpack16(s.u, p);
        b = unpack16(s.u, p + 2 * s.bits);
    }
    return (int8x16x2_t){ { vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b) } };
}

/* v[r]: the products of the group at w with row r, in four parts. */
QMM_INLINE void dot_group(int32x4_t v[TILE_ROW], struct shape s, const uint8_t *w, const int8_t *const q[TILE_ROW],
                          size_t i)
{
    const int8x16_t less = vdupq_n_s8(-128);
    int32x4_t taken[TILE_ROW]; /* WIDE: -128 * sum x̂ */
    for (int r = 0; r < s.n_row; r++)
        v[r] = taken[r] = vdupq_n_s32(0);
    for (int k = 0; k < s.group; k += 32, w += 4 * s.bits) {
        const int8x16x2_t code = unpack32(s, w);
        for (int r = 0; r < s.n_row; r++) {
            const int8x16_t x0 = vld1q_s8(q[r] + i + k), x1 = vld1q_s8(q[r] + i + k + 16);
            v[r] = vdotq_s32(vdotq_s32(v[r], code.val[0], x0), code.val[1], x1);
            if (s.kind == WIDE)
                taken[r] = vdotq_s32(vdotq_s32(taken[r], less, x0), less, x1);
        }
    }
    for (int r = 0; r < s.n_row && s.kind == WIDE; r++)
        v[r] = vsubq_s32(v[r], taken[r]);
}

/* dot[r]: the products of the n_g groups at w with row r, a group a lane; missing ones are 0. */
QMM_INLINE void dot_quad(int32x4_t dot[TILE_ROW], struct shape s, const uint8_t *w, int n_g,
                         const int8_t *const q[TILE_ROW], size_t i)
{
    int32x4_t v[QUAD][TILE_ROW];
#pragma GCC unroll 4
    for (int k = 0; k < QUAD; k++) {
        if (k < n_g) {
            dot_group(v[k], s, w + k * (s.group * s.bits / 8), q, i + (size_t)(k * s.group));
            continue;
        }
        for (int r = 0; r < s.n_row; r++)
            v[k][r] = vdupq_n_s32(0);
    }
    for (int r = 0; r < s.n_row; r++)
        dot[r] = vpaddq_s32(vpaddq_s32(v[0][r], v[1][r]), vpaddq_s32(v[2][r], v[3][r]));
}

/* Output o for the rows r0 .. r0 + s.n_row - 1. */
QMM_INLINE void tile(const struct qmm *p, const struct qmm_source *src, struct shape s, int o, int r0)
{
    const struct q8_rows *x = p->q8;
    const enum dtype t = p->m->dtype;
    const int n_g = mat_groups(p->m), quad_bytes = QUAD * s.group * s.bits / 8;
    const uint8_t *w = src->w + (size_t)o * src->w_bytes;
    const uint8_t *scale = src->s + (size_t)o * src->s_bytes, *bias = src->b + (size_t)o * src->s_bytes;
    const int8_t *q[TILE_ROW];
    const float *a[TILE_ROW], *sum[TILE_ROW];
    float32x4_t acc[TILE_ROW][4];
    for (int r = 0; r < s.n_row; r++) {
        size_t row = qmm_xrow(p, r0 + r);
        q[r] = x->q + row * x->q_stride;
        a[r] = x->a + row * x->g_stride;
        sum[r] = x->x + row * x->g_stride;
        acc[r][0] = acc[r][1] = acc[r][2] = acc[r][3] = vdupq_n_f32(0);
    }
    for (int g = 0; g < n_g; g += QUAD, w += quad_bytes) {
        const size_t i = (size_t)g * (size_t)s.group, at = (size_t)g * (t == DTYPE_F32 ? 4 : 2);
        const int left = MIN(n_g - g, QUAD);
        uint8_t staged[QUAD_BYTES + 16];
        const uint8_t *from = w;
        int32x4_t dot[TILE_ROW];
        if (s.kind == BYTES)
            from = readable(w, (size_t)(left * s.group * s.bits / 8), (size_t)quad_bytes + 16, src->w_end, staged);
        if (left == QUAD)
            dot_quad(dot, s, from, QUAD, q, i);
        else
            dot_quad(dot, s, from, left, q, i);
        const float32x4_t sg = load_first(scale + at, t, left), bg = load_first(bias + at, t, left);
        for (int r = 0; r < s.n_row; r++) {
            float32x4_t v = vfmaq_f32(acc[r][0], bg, vld1q_f32(sum[r] + g));
            v = vfmaq_f32(v, vcvtq_f32_s32(dot[r]), vmulq_f32(sg, vld1q_f32(a[r] + g)));
            acc[r][0] = acc[r][1]; /* the four quarters take turns */
            acc[r][1] = acc[r][2];
            acc[r][2] = acc[r][3];
            acc[r][3] = v;
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
        for (s.n_row = 1; r < p->n_row; r++)
            tile(p, &src, s, o, r);
    }
}

/* --- many rows --- */

/* 8 outputs in two sides of 4, unpacked, all of n_in. */
struct panel {
    int8_t w[2][PANEL_IN / 4][PANEL_SIDE][4]; /* four codes, in the order of x̂ */
    float s[2][PANEL_IN / 32][PANEL_SIDE], b[2][PANEL_IN / 32][PANEL_SIDE];
};

/* Transposes 4 x 4 lanes of 32 bits. */
QMM_INLINE void transpose4(int32x4_t v[4])
{
    const int64x2_t a = vreinterpretq_s64_s32(vtrn1q_s32(v[0], v[1])),
                    b = vreinterpretq_s64_s32(vtrn2q_s32(v[0], v[1]));
    const int64x2_t c = vreinterpretq_s64_s32(vtrn1q_s32(v[2], v[3])),
                    d = vreinterpretq_s64_s32(vtrn2q_s32(v[2], v[3]));
    v[0] = vreinterpretq_s32_s64(vtrn1q_s64(a, c));
    v[1] = vreinterpretq_s32_s64(vtrn1q_s64(b, d));
    v[2] = vreinterpretq_s32_s64(vtrn2q_s64(a, c));
    v[3] = vreinterpretq_s32_s64(vtrn2q_s64(b, d));
}

/* y[g][o]: scales or biases of n_out rows at p, zeros for the outputs behind. */
static void side_scales(float (*y)[PANEL_SIDE], const uint8_t *p, const struct mat *m, int n_out)
{
    const int n_g = mat_groups(m);
    const size_t bytes = m->dtype == DTYPE_F32 ? 4 : 2;
    for (int g = 0; g < n_g; g += 4) {
        int32x4_t v[4];
        for (int o = 0; o < 4; o++) {
            v[o] = vdupq_n_s32(0);
            if (o < n_out)
                v[o] = vreinterpretq_s32_f32(load_first(p + (size_t)(o * n_g + g) * bytes, m->dtype, n_g - g));
        }
        transpose4(v);
        for (int k = 0; k < 4; k++)
            vst1q_f32(y[g + k], vreinterpretq_f32_s32(v[k]));
    }
}

/* One side of a panel: n_out outputs from o; what follows them is zeros. */
QMM_INLINE void side_fill(struct panel *panel, int side, const struct qmm *p, const struct qmm_source *src,
                          struct shape s, int o, int n_out)
{
    const int vec_bytes = 4 * s.bits;
    for (size_t at = 0, unit = 0; at < src->w_bytes; at += (size_t)vec_bytes, unit += 8) {
        int32x4_t v[2][4];
        for (int k = 0; k < PANEL_SIDE; k++) {
            uint8_t staged[32];
            v[0][k] = v[1][k] = vdupq_n_s32(0);
            if (k >= n_out)
                continue;
            const uint8_t *w = src->w + (size_t)(o + k) * src->w_bytes + at;
            if (s.kind == BYTES)
                w = readable(w, (size_t)vec_bytes, 32, src->w_end, staged);
            const int8x16x2_t code = unpack32(s, w);
            v[0][k] = vreinterpretq_s32_s8(code.val[0]);
            v[1][k] = vreinterpretq_s32_s8(code.val[1]);
        }
        for (int h = 0; h < 2; h++) {
            transpose4(v[h]);
            for (int k = 0; k < 4; k++)
                vst1q_s8(panel->w[side][unit + 4 * (size_t)h + (size_t)k][0], vreinterpretq_s8_s32(v[h][k]));
        }
    }
    side_scales(panel->s[side], src->s + (size_t)o * src->s_bytes, p->m, n_out);
    side_scales(panel->b[side], src->b + (size_t)o * src->s_bytes, p->m, n_out);
}

/* dot[r]: group g of the 8 outputs with row r. */
QMM_INLINE void panel_dot(int32x4_t dot[PANEL_ROW][2], const struct panel *panel, struct shape s, int g,
                          const int8_t *const q[PANEL_ROW])
{
    const int8x16_t less = vdupq_n_s8(-128);
    int32x4_t taken[PANEL_ROW]; /* WIDE: -128 * sum x̂ */
    for (int r = 0; r < s.n_row; r++)
        dot[r][0] = dot[r][1] = taken[r] = vdupq_n_s32(0);
    for (int i = g * s.group; i < (g + 1) * s.group; i += 16) {
        int8x16_t w[2][4];
        for (int side = 0; side < 2; side++)
            for (int k = 0; k < 4; k++)
                w[side][k] = vld1q_s8(panel->w[side][i / 4 + k][0]);
        for (int r = 0; r < s.n_row; r++) {
            const int8x16_t x = vld1q_s8(q[r] + i);
            for (int side = 0; side < 2; side++) {
                int32x4_t v = vdotq_laneq_s32(dot[r][side], w[side][0], x, 0);
                v = vdotq_laneq_s32(v, w[side][1], x, 1);
                v = vdotq_laneq_s32(v, w[side][2], x, 2);
                dot[r][side] = vdotq_laneq_s32(v, w[side][3], x, 3);
            }
            if (s.kind == WIDE)
                taken[r] = vdotq_s32(taken[r], less, x);
        }
    }
    for (int r = 0; r < s.n_row && s.kind == WIDE; r++) {
        const int32x4_t sum = vdupq_n_s32(vaddvq_s32(taken[r]));
        for (int side = 0; side < 2; side++)
            dot[r][side] = vsubq_s32(dot[r][side], sum);
    }
}

/* s.n_row rows (a constant) from r0 with a panel, whose n_out outputs begin at o. */
QMM_INLINE void panel_rows(const struct qmm *p, const struct panel *panel, struct shape s, int r0, int o, int n_out)
{
    const struct q8_rows *x = p->q8;
    const int n_g = mat_groups(p->m);
    const int8_t *q[PANEL_ROW];
    const float *a[PANEL_ROW], *sum[PANEL_ROW];
    float32x4_t level[5][PANEL_ROW][2];
    for (int r = 0; r < s.n_row; r++) {
        size_t row = qmm_xrow(p, r0 + r);
        q[r] = x->q + row * x->q_stride;
        a[r] = x->a + row * x->g_stride;
        sum[r] = x->x + row * x->g_stride;
    }
    for (int c = 0; c < QMM_LANES; c++) {
        float32x4_t acc[PANEL_ROW][2];
        for (int r = 0; r < s.n_row; r++)
            acc[r][0] = acc[r][1] = vdupq_n_f32(0);
        for (int g = qmm_lane_visited(c); g < n_g; g += QMM_LANES) {
            int32x4_t dot[PANEL_ROW][2];
            panel_dot(dot, panel, s, g, q);
            for (int side = 0; side < 2; side++) {
                const float32x4_t sg = vld1q_f32(panel->s[side][g]), bg = vld1q_f32(panel->b[side][g]);
                for (int r = 0; r < s.n_row; r++) {
                    const float32x4_t v = vfmaq_n_f32(acc[r][side], bg, sum[r][g]);
                    acc[r][side] = vfmaq_f32(v, vcvtq_f32_s32(dot[r][side]), vmulq_n_f32(sg, a[r][g]));
                }
            }
        }
        int up = 0;
        for (; c >> up & 1; up++)
            for (int r = 0; r < s.n_row; r++)
                for (int side = 0; side < 2; side++)
                    acc[r][side] = vaddq_f32(level[up][r][side], acc[r][side]);
        for (int r = 0; r < s.n_row; r++)
            for (int side = 0; side < 2; side++)
                level[up][r][side] = acc[r][side];
    }
    for (int r = 0; r < s.n_row; r++) {
        float y[PANEL_OUT];
        vst1q_f32(y, level[4][r][0]);
        vst1q_f32(y + PANEL_SIDE, level[4][r][1]);
        for (int k = 0; k < n_out; k++)
            qmm_store(p, r0 + r, o + k, y[k]);
    }
}

QMM_INLINE void many_rows(const struct qmm *p, struct shape s)
{
    const struct qmm_source src = qmm_source(p->m, p->e);
    struct panel panel;
    for (int o = p->o0; o < p->o1; o += PANEL_OUT) {
        int n_out = MIN(p->o1 - o, PANEL_OUT), r = 0;
        for (int side = 0; side < 2; side++)
            side_fill(&panel, side, p, &src, s, o + side * PANEL_SIDE, n_out - side * PANEL_SIDE);
        for (s.n_row = PANEL_ROW; r + PANEL_ROW <= p->n_row; r += PANEL_ROW)
            panel_rows(p, &panel, s, r, o, n_out);
        for (s.n_row = 1; r < p->n_row; r++)
            panel_rows(p, &panel, s, r, o, n_out);
    }
}

/* One instance for each shape, so that its loops have constant bounds. */
#define INSTANCES(name, kind_, bits_)                                                                                  \
    static void name##_32(const struct qmm *p, const struct unpack *u)                                                 \
    {                                                                                                                  \
        few_rows(p, (struct shape){ .u = u, .kind = kind_, .bits = bits_, .group = 32 });                              \
    }                                                                                                                  \
    static void name##_64(const struct qmm *p, const struct unpack *u)                                                 \
    {                                                                                                                  \
        few_rows(p, (struct shape){ .u = u, .kind = kind_, .bits = bits_, .group = 64 });                              \
    }                                                                                                                  \
    static void name##_128(const struct qmm *p, const struct unpack *u)                                                \
    {                                                                                                                  \
        few_rows(p, (struct shape){ .u = u, .kind = kind_, .bits = bits_, .group = 128 });                             \
    }                                                                                                                  \
    static void name##_many(const struct qmm *p, const struct unpack *u)                                               \
    {                                                                                                                  \
        many_rows(p, (struct shape){ .u = u, .kind = kind_, .bits = bits_, .group = p->m->group });                    \
    }
INSTANCES(nibbles, NIBBLES, 4)
INSTANCES(bytes, BYTES, u->bits)
INSTANCES(wide, WIDE, 8)

static void qmm_q8_neon(const struct qmm *p)
{
    typedef void form_fn(const struct qmm *p, const struct unpack *u);
    static form_fn *const forms[3][4] = { { nibbles_32, nibbles_64, nibbles_128, nibbles_many },
                                          { bytes_32, bytes_64, bytes_128, bytes_many },
                                          { wide_32, wide_64, wide_128, wide_many } };
    const struct mat *m = p->m;
    const struct unpack u = unpack_init(m->bits);
    int form = p->n_row >= PANEL_MIN_ROW && m->n_in <= PANEL_IN ? 3 : m->group == 32 ? 0 : m->group == 64 ? 1 : 2;
    forms[m->bits == 4 ? NIBBLES : m->bits == 8 ? WIDE : BYTES][form](p, &u);
}

/* --- f32 --- */

/* The scale of group g at p; affine: or the bias. */
QMM_INLINE float load_scale(const uint8_t *p, const struct mat *m, size_t g)
{
    if (m->mode == QUANT_AFFINE)
        return vgetq_lane_f32(load_first(p + g * dtype_bytes(m->dtype), m->dtype, 1), 0);
    return m->mode == QUANT_NVFP4 ? num_e4m3(p[g]) : num_e8m0(p[g]);
}

/* y: the values of 8 codes, without scale. E2M1 and E4M3 by way of binary16: E2M1's has zeros in its low byte, and E4M3's exponent has
 * another bias. */
QMM_INLINE void decode8(float32x4_t y[2], uint8x8_t q, enum quant_mode mode)
{
    static const uint8_t e2m1_high[16] = { 0x00, 0x38, 0x3c, 0x3e, 0x40, 0x42, 0x44, 0x46,
                                           0x80, 0xb8, 0xbc, 0xbe, 0xc0, 0xc2, 0xc4, 0xc6 };
    if (mode == QUANT_AFFINE) {
        const uint16x8_t v = vmovl_u8(q);
        y[0] = vcvtq_f32_u32(vmovl_u16(vget_low_u16(v)));
        y[1] = vcvtq_f32_u32(vmovl_high_u16(v));
        return;
    }
    uint16x8_t h;
    if (mode == QUANT_MXFP8) {
        const uint16x8_t v = vshll_n_u8(q, 7);
        h = vorrq_u16(vandq_u16(v, vdupq_n_u16(0x3fff)), vshlq_n_u16(vandq_u16(v, vdupq_n_u16(0x4000)), 1));
    } else {
        h = vshlq_n_u16(vmovl_u8(vqtbl1_u8(vld1q_u8(e2m1_high), q)), 8);
    }
    const float32x4_t unit = vdupq_n_f32(mode == QUANT_MXFP8 ? 256 : 1);
    y[0] = vmulq_f32(vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(h))), unit);
    y[1] = vmulq_f32(vcvt_f32_f16(vreinterpret_f16_u16(vget_high_u16(h))), unit);
}

static void dequant_plain(float *y, const uint8_t *w, enum dtype t, int n)
{
    const size_t bytes = dtype_bytes(t);
    int i = 0;
    for (; i + 4 <= n; i += 4, w += 4 * bytes)
        vst1q_f32(y + i, load4(w, t));
    if (i < n) {
        float tail[4];
        vst1q_f32(tail, load_first(w, t, n - i));
        memcpy(y + i, tail, (size_t)(n - i) * sizeof *y);
    }
}

/* n weights of row o from i0, in f32. */
static void dequant_row(float *y, const struct mat *m, const struct qmm_source *src, const struct unpack *u, int o,
                        int i0, int n)
{
    const uint8_t *w = src->w + (size_t)o * src->w_bytes + (size_t)i0 * (size_t)m->bits / 8;
    const uint8_t *scale = src->s + (size_t)o * src->s_bytes, *bias = src->b + (size_t)o * src->s_bytes;
    for (int i = 0; i < n; i += 16, w += 2 * u->bits) {
        uint8_t staged[16];
        const uint8x16_t code = unpack16(u, readable(w, 2 * (size_t)u->bits, 16, src->w_end, staged));
        const size_t g = (size_t)((i0 + i) / m->group);
        const float32x4_t s = vdupq_n_f32(load_scale(scale, m, g));
        float32x4_t v[4];
        decode8(v, vget_low_u8(code), m->mode);
        decode8(v + 2, vget_high_u8(code), m->mode);
        if (m->mode == QUANT_AFFINE) {
            const float32x4_t b = vdupq_n_f32(load_scale(bias, m, g));
            for (int k = 0; k < 4; k++)
                v[k] = vfmaq_f32(b, v[k], s);
        } else {
            for (int k = 0; k < 4; k++)
                v[k] = vmulq_f32(v[k], s);
        }
        for (int k = 0; k < 4; k++)
            vst1q_f32(y + i + 4 * k, v[k]);
    }
}

static void dequant_neon(float *y, const struct mat *m, int e, int o, int i0, int n)
{
    const struct qmm_source src = qmm_source(m, e);
    if (m->mode == QUANT_PLAIN) {
        dequant_plain(y, src.w + (size_t)o * src.w_bytes + (size_t)i0 * (size_t)m->bits / 8, m->dtype, n);
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
    float32x4_t acc[F32_PAIR][F32_PAIR][4];
    for (int r = 0; r < n_row; r++)
        for (int k = 0; k < F32_PAIR; k++)
            for (int h = 0; h < 4; h++)
                acc[r][k][h] = vld1q_f32(lanes[r][o + k] + 4 * h);
    for (int i = 0; i < n; i += QMM_LANES) {
        for (int h = 0; h < 4; h++) {
            const int at = i + 4 * h;
            for (int r = 0; r < n_row; r++) {
                const float32x4_t xr = load_first((const uint8_t *)(x[r] + MIN(at, n)), DTYPE_F32, n - at);
                for (int k = 0; k < F32_PAIR; k++)
                    acc[r][k][h] = vfmaq_f32(acc[r][k][h], vld1q_f32(w[o + k] + at), xr);
            }
        }
    }
    for (int r = 0; r < n_row; r++)
        for (int k = 0; k < F32_PAIR; k++)
            for (int h = 0; h < 4; h++)
                vst1q_f32(lanes[r][o + k] + 4 * h, acc[r][k][h]);
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
            dequant_neon(w[k], m, p->e, o + k, i, n);
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
    for (int r = 0; r < n_row; r++) {
        for (int k = 0; k < n_out; k++) {
            float32x4_t v[4];
            for (int h = 0; h < 4; h++)
                v[h] = vld1q_f32(lanes[r][k] + 4 * h);
            qmm_store(p, r0 + r, o + k, sum_lanes(v));
        }
    }
}

static void qmm_f32_neon(const struct qmm *p)
{
    float w[F32_OUT][F32_IN] = { { 0 } }; /* outputs beyond the last are multiplied too */
    for (int o = p->o0; o < p->o1; o += F32_OUT)
        for (int r = 0; r < p->n_row; r += F32_ROWS)
            f32_block(p, w, r, MIN(p->n_row - r, F32_ROWS), o, MIN(p->o1 - o, F32_OUT));
}

void kernels_init_neon_qmm(struct kernels *k)
{
    k->name = "neon";
    k->quantize = quantize_neon;
    k->qmm_q8 = qmm_q8_neon;
    k->qmm_f32 = qmm_f32_neon;
    k->dequant = dequant_neon;
}
