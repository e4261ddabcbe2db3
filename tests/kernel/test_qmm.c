/* test_qmm.c - the matrix kernels: the reference against formulae written here, every other table against the reference.
 *
 * Weights, scales and activations end at forbidden pages; outputs lie between canaries.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/num.h"
#include "support/guard.h"
#include "support/kernel_check.h"

struct form {
    enum quant_mode mode;
    int bits, group;
    enum dtype dtype;
};

static const struct form forms[] = {
    { QUANT_AFFINE, 4, 64, DTYPE_BF16 }, { QUANT_AFFINE, 4, 32, DTYPE_BF16 },  { QUANT_AFFINE, 4, 128, DTYPE_BF16 },
    { QUANT_AFFINE, 4, 64, DTYPE_F16 },  { QUANT_AFFINE, 4, 32, DTYPE_F32 },   { QUANT_AFFINE, 8, 64, DTYPE_BF16 },
    { QUANT_AFFINE, 8, 32, DTYPE_F16 },  { QUANT_AFFINE, 8, 128, DTYPE_F32 },  { QUANT_AFFINE, 2, 64, DTYPE_BF16 },
    { QUANT_AFFINE, 2, 32, DTYPE_F16 },  { QUANT_AFFINE, 2, 128, DTYPE_BF16 }, { QUANT_AFFINE, 3, 64, DTYPE_BF16 },
    { QUANT_AFFINE, 3, 32, DTYPE_BF16 }, { QUANT_AFFINE, 3, 128, DTYPE_F32 },  { QUANT_AFFINE, 5, 64, DTYPE_BF16 },
    { QUANT_AFFINE, 5, 32, DTYPE_F16 },  { QUANT_AFFINE, 5, 128, DTYPE_BF16 }, { QUANT_AFFINE, 6, 64, DTYPE_BF16 },
    { QUANT_AFFINE, 6, 32, DTYPE_BF16 }, { QUANT_AFFINE, 6, 128, DTYPE_F16 },  { QUANT_MXFP4, 4, 32, DTYPE_U8 },
    { QUANT_MXFP8, 8, 32, DTYPE_U8 },    { QUANT_NVFP4, 4, 16, DTYPE_U8 },     { QUANT_PLAIN, 16, 0, DTYPE_BF16 },
    { QUANT_PLAIN, 16, 0, DTYPE_F16 },   { QUANT_PLAIN, 32, 0, DTYPE_F32 },
};

static const char *form_name(const struct form *f)
{
    static const char *const modes[] = { "plain", "affine", "mxfp4", "mxfp8", "nvfp4" };
    static char name[64];
    snprintf(name, sizeof name, "%s %d bits group %d %s", modes[f->mode], f->bits, f->group, dtype_name(f->dtype));
    return name;
}

/* A matrix in guarded memory. */
struct made {
    struct mat m;
    struct guard w, s, b;
    float *bias; /* owned, or NULL */
};

static void put_float(uint8_t *p, enum dtype t, size_t i, float f)
{
    uint32_t u = num_to_bits(f);
    uint16_t h = t == DTYPE_BF16 ? num_to_bf16(f) : num_to_f16(f);
    if (t == DTYPE_F32)
        memcpy(p + 4 * i, &u, sizeof u);
    else
        memcpy(p + 2 * i, &h, sizeof h);
}

static void made_init(struct made *d, const struct form *f, int n_mat, int n_out, int n_in, bool bias, struct rng *r)
{
    d->m = (struct mat){ f->mode, f->bits, f->group, f->dtype, n_mat, n_out, n_in, NULL, NULL, NULL, NULL };
    size_t rows = (size_t)n_mat * (size_t)n_out, n_s = rows * (size_t)mat_groups(&d->m), n_w = rows * (size_t)n_in;
    guard_init(&d->w, rows * mat_row_bytes(&d->m));
    guard_init(&d->s, n_s * dtype_bytes(f->dtype));
    guard_init(&d->b, f->mode == QUANT_AFFINE ? n_s * dtype_bytes(f->dtype) : 0);
    for (size_t i = 0; i < d->w.n; i++)
        d->w.p[i] = (uint8_t)rng_next(r);
    for (size_t i = 0; f->mode == QUANT_PLAIN && i < n_w; i++)
        put_float(d->w.p, f->dtype, i, rng_normal(r) * 0.1f);
    for (size_t g = 0; f->mode == QUANT_AFFINE && g < n_s; g++) {
        float s = rng_normal(r) * 0.01f;
        put_float(d->s.p, f->dtype, g, s);
        put_float(d->b.p, f->dtype, g, -s * (float)(1 << f->bits) / 2 + rng_normal(r) * 0.01f);
    }
    for (size_t g = 0; f->dtype == DTYPE_U8 && g < n_s; g++)
        d->s.p[g] = (uint8_t)(f->mode == QUANT_NVFP4 ? rng_below(r, 256) : 115 + rng_below(r, 12));
    d->m.w = d->w.p;
    d->m.s = f->mode == QUANT_PLAIN ? NULL : d->s.p;
    d->m.b = f->mode == QUANT_AFFINE ? d->b.p : NULL;
    d->bias = NULL;
    if (bias) {
        d->bias = xmalloc(rows * sizeof(float));
        for (size_t i = 0; i < rows; i++)
            d->bias[i] = rng_normal(r);
        d->m.bias = d->bias;
    }
}

static void made_deinit(struct made *d)
{
    guard_deinit(&d->w);
    guard_deinit(&d->s);
    guard_deinit(&d->b);
    mem_free(d->bias);
}

/* Activations of one product: f32 rows, and the same as int8 by one table. */
struct acts {
    int n_row, n_in;
    struct guard x;
    struct q8_rows q8;
    struct guard q, a, sums;
};

static void acts_init(struct acts *x, int n_row, int n_in, struct rng *r)
{
    *x = (struct acts){ .n_row = n_row, .n_in = n_in };
    guard_init(&x->x, (size_t)n_row * (size_t)n_in * sizeof(float));
    kernel_random(r, (float *)(void *)x->x.p, (size_t)n_row * (size_t)n_in);
}
static const float *acts_x(const struct acts *x)
{
    return (const float *)(const void *)x->x.p;
}
static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}
/* Fills x->q8 by k's quantize; what an earlier table wrote is overwritten with rubbish first. */
static void acts_quantize(struct acts *x, const struct kernels *k, const struct mat *m)
{
    struct q8_rows *q = &x->q8;
    guard_deinit(&x->q);
    guard_deinit(&x->a);
    guard_deinit(&x->sums);
    *q = (struct q8_rows){ .n_in = x->n_in, .group = m->group, .bits = m->bits };
    q->q_stride = round_up((size_t)x->n_in, Q8_ALIGN_IN);
    q->g_stride = round_up((size_t)(x->n_in / m->group), Q8_ALIGN_G);
    guard_init(&x->q, (size_t)x->n_row * q->q_stride);
    guard_init(&x->a, (size_t)x->n_row * q->g_stride * sizeof(float));
    guard_init(&x->sums, x->a.n);
    memset(x->q.p, 0x55, x->q.n);
    memset(x->a.p, 0xff, x->a.n);
    memset(x->sums.p, 0xff, x->sums.n);
    q->q = (int8_t *)x->q.p;
    q->a = (float *)(void *)x->a.p;
    q->x = (float *)(void *)x->sums.p;
    for (int row = 0; row < x->n_row; row++)
        k->quantize(q, row, acts_x(x) + (size_t)row * (size_t)x->n_in);
}
static void acts_deinit(struct acts *x)
{
    guard_deinit(&x->x);
    guard_deinit(&x->q);
    guard_deinit(&x->a);
    guard_deinit(&x->sums);
}

static struct qmm product(const struct mat *m, int e, const struct acts *x, float *y, size_t y_stride)
{
    return (struct qmm){ .m = m,
                         .e = e,
                         .o0 = 0,
                         .o1 = m->n_out,
                         .q8 = &x->q8,
                         .x = acts_x(x),
                         .x_stride = (size_t)x->n_in,
                         .n_row = x->n_row,
                         .y = y,
                         .y_stride = y_stride };
}

/* An element as docs/MODEL.md says it: from 32-bit words. */
static unsigned bits_at(const uint8_t *row, size_t i, int bits)
{
    size_t at = i * (size_t)bits, word = at / 32;
    uint64_t v = num_load_u32(row + 4 * word);
    if (at % 32 + (size_t)bits > 32)
        v |= (uint64_t)num_load_u32(row + 4 * word + 4) << 32;
    return (unsigned)(v >> (at % 32)) & ((1u << bits) - 1);
}

/* A weight by its format's formula. */
static double weight_at(const struct mat *m, int e, int o, int i)
{
    size_t row = (size_t)e * (size_t)m->n_out + (size_t)o;
    if (m->mode == QUANT_PLAIN)
        return (double)num_load(m->w, m->dtype, row * (size_t)m->n_in + (size_t)i);
    unsigned q = bits_at(m->w + row * mat_row_bytes(m), (size_t)i, m->bits);
    size_t g = row * (size_t)(m->n_in / m->group) + (size_t)(i / m->group);
    if (m->mode == QUANT_AFFINE)
        return (double)num_load(m->s, m->dtype, g) * q + (double)num_load(m->b, m->dtype, g);
    static const double halves[] = { 0, 1, 2, 3, 4, 6, 8, 12 };
    int s = m->s[g];
    double scale =
        m->mode == QUANT_NVFP4
            ? (s & 0x78 ? (1 + (s & 7) / 8.0) * pow(2, (s >> 3 & 15) - 7) : (s & 7) / 512.0) * (s & 0x80 ? -1 : 1)
            : pow(2, s - 127);
    if (m->mode == QUANT_MXFP8)
        return scale * (q & 0x78 ? (1 + (q & 7) / 8.0) * pow(2, (double)(q >> 3 & 15) - 7) : (q & 7) / 512.0) *
               (q & 0x80 ? -1 : 1);
    return scale * halves[q & 7] / 2 * (q & 8 ? -1 : 1);
}

static void reference_dequantises_as_the_formats_say(void **state)
{
    (void)state;
    struct rng r;
    struct kernels k;
    kernel_rng(&r);
    kernels_init(&k, 0);
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        enum { N_IN = 384, N_OUT = 5 };
        struct made d;
        float y[N_IN];
        made_init(&d, &forms[f], 3, N_OUT, N_IN, false, &r);
        for (int o = 0; o < N_OUT; o++) {
            k.dequant(y, &d.m, 2, o, 0, N_IN);
            for (int i = 0; i < N_IN; i++) {
                double want = weight_at(&d.m, 2, o, i), allowed = forms[f].mode == QUANT_AFFINE ? 0x1p-22 : 0;
                if (!(fabs((double)y[i] - want) <= allowed))
                    fail_msg("%s: [%d][%d] is %.9g, formula says %.9g", form_name(&forms[f]), o, i, (double)y[i], want);
            }
        }
        made_deinit(&d);
    }
}

/* Written out by hand: a row of each width whose bytes are known. */
static void reference_reads_packed_bits_low_first(void **state)
{
    (void)state;
    static const struct {
        int bits;
        uint8_t bytes[8];
        int want[8];
    } rows[] = {
        { 2, { 0xe4, 0x1b }, { 0, 1, 2, 3, 3, 2, 1, 0 } },
        { 3, { 0x88, 0xc6, 0xfa }, { 0, 1, 2, 3, 4, 5, 6, 7 } },
        { 4, { 0x10, 0x32, 0x54, 0xf6 }, { 0, 1, 2, 3, 4, 5, 6, 15 } },
        { 5, { 0x20, 0x88, 0x41, 0x8a, 0xf9 }, { 0, 1, 2, 3, 4, 5, 6, 31 } },
        { 6, { 0x40, 0x20, 0x0c, 0x44, 0x61, 0xfc }, { 0, 1, 2, 3, 4, 5, 6, 63 } },
        { 8, { 0, 1, 2, 3, 4, 5, 6, 255 }, { 0, 1, 2, 3, 4, 5, 6, 255 } },
    };
    struct kernels k[KERNEL_TABLES_MAX];
    int n = kernel_tables(k);
    for (size_t c = 0; c < ARRAY_LEN(rows); c++) {
        uint8_t w[32] = { 0 }, s[4], b[4];
        memcpy(w, rows[c].bytes, 8);
        put_float(s, DTYPE_F32, 0, 2);
        put_float(b, DTYPE_F32, 0, -3);
        struct mat m = { QUANT_AFFINE, rows[c].bits, 32, DTYPE_F32, 1, 1, 32, w, s, b, NULL };
        for (int t = 0; t < n; t++) {
            float y[32];
            k[t].dequant(y, &m, 0, 0, 0, 32);
            for (int i = 0; i < 8; i++)
                assert_float_equal(y[i], 2 * rows[c].want[i] - 3, 0);
        }
    }
}

static void reference_products_match_the_formulae(void **state)
{
    (void)state;
    struct rng r;
    struct kernels k;
    kernel_rng(&r);
    kernels_init(&k, 0);
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        enum { N_IN = 256, N_OUT = 7, N_ROW = 3 };
        struct made d;
        struct acts x;
        float y[N_ROW][N_OUT], want[N_ROW][N_OUT];
        made_init(&d, &forms[f], 2, N_OUT, N_IN, true, &r);
        acts_init(&x, N_ROW, N_IN, &r);
        struct qmm p = product(&d.m, 1, &x, y[0], N_OUT);
        for (int row = 0; row < N_ROW; row++) {
            for (int o = 0; o < N_OUT; o++) {
                double sum = (double)d.bias[N_OUT + o];
                for (int i = 0; i < N_IN; i++)
                    sum += weight_at(&d.m, 1, o, i) * (double)acts_x(&x)[row * N_IN + i];
                want[row][o] = (float)sum;
            }
        }
        k.qmm_f32(&p);
        kernel_check_nmse(form_name(&forms[f]), y[0], want[0], (size_t)N_ROW * N_OUT, 1e-13);
        if (forms[f].mode == QUANT_AFFINE) {
            /* the same weights on the rounded activations, which is what the int8 product means; the order of the reference
             * is the natural one */
            acts_quantize(&x, &k, &d.m);
            for (int row = 0; row < N_ROW; row++) {
                for (int o = 0; o < N_OUT; o++) {
                    double sum = (double)d.bias[N_OUT + o];
                    for (int i = 0; i < N_IN; i++)
                        sum += weight_at(&d.m, 1, o, i) * x.q8.q[(size_t)row * x.q8.q_stride + (size_t)i] *
                               (double)x.q8.a[(size_t)row * x.q8.g_stride + (size_t)(i / forms[f].group)];
                    want[row][o] = (float)sum;
                }
            }
            k.qmm_q8(&p);
            kernel_check_nmse(form_name(&forms[f]), y[0], want[0], (size_t)N_ROW * N_OUT, 1e-12);
        }
        acts_deinit(&x);
        made_deinit(&d);
    }
}

static int by_value(const void *a, const void *b)
{
    return *(const int8_t *)a - *(const int8_t *)b;
}

/* Inputs that quantisation finds hard: zeros, ties, tiny and huge values, a subnormal scale, a lone outlier. */
static void hard_rows(float *x, int n, int which, struct rng *r)
{
    kernel_random(r, x, (size_t)n);
    for (int i = 0; i < n; i++) {
        float tie = (float)(int)(rng_below(r, 255)) - 127 + 0.5f;
        switch (which) {
        case 0:
            break;
        case 1:
            x[i] = i % 64 < 32 ? 0.0f : -0.0f;
            break;
        case 2:
            x[i] = i % 32 == 0 ? 127.0f : tie;
            break;
        case 3:
            x[i] *= 1e30f;
            break;
        case 4:
            x[i] *= 1e-30f;
            break;
        case 5:
            x[i] = (float)rng_below(r, 200) * 0x1p-149f;
            break;
        case 6:
            x[i] = i == n / 2 ? -1e4f : 0;
            break;
        default:
            x[i] = i % 3 ? 5.0f : -5.0f;
        }
    }
}
enum { N_HARD = 8 };

static void every_table_quantises_to_the_same_numbers(void **state)
{
    (void)state;
    struct rng r;
    struct kernels k[KERNEL_TABLES_MAX];
    int n = kernel_tables(k);
    kernel_rng(&r);
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        const struct mat m = { .group = forms[f].group, .bits = forms[f].bits };
        if (forms[f].mode != QUANT_AFFINE)
            continue;
        for (int n_in = m.group; n_in <= 5 * m.group; n_in += m.group) {
            struct acts want, got;
            acts_init(&want, N_HARD, n_in, &r);
            acts_init(&got, N_HARD, n_in, &r);
            for (int row = 0; row < N_HARD; row++)
                hard_rows((float *)(void *)want.x.p + row * n_in, n_in, row, &r);
            memcpy(got.x.p, want.x.p, want.x.n);
            acts_quantize(&want, &k[0], &m);
            for (int t = 1; t < n; t++) {
                acts_quantize(&got, &k[t], &m);
                assert_memory_equal(got.a.p, want.a.p, want.a.n);
                assert_memory_equal(got.sums.p, want.sums.p, want.sums.n);
                for (int row = 0; row < N_HARD; row++) {
                    int8_t a[1024], b[1024];
                    memcpy(a, want.q8.q + (size_t)row * want.q8.q_stride, want.q8.q_stride);
                    memcpy(b, got.q8.q + (size_t)row * got.q8.q_stride, got.q8.q_stride);
                    qsort(a, want.q8.q_stride, 1, by_value);
                    qsort(b, want.q8.q_stride, 1, by_value);
                    assert_memory_equal(a, b, want.q8.q_stride);
                    assert_true(a[0] >= -127);
                }
            }
            acts_deinit(&want);
            acts_deinit(&got);
        }
    }
}

enum kind { INT8, F32 };
static const char *const kind_names[] = { "qmm_q8", "qmm_f32" };

static void run(const struct kernels *k, enum kind kind, const struct qmm *p)
{
    (kind == INT8 ? k->qmm_q8 : k->qmm_f32)(p);
}

/* The whole of y, canaries included, from table k: rows and columns that do not belong to p keep their values. */
enum { CANARY = 11 };
static float *product_between_canaries(const struct kernels *k, enum kind kind, struct qmm p, int n_y)
{
    size_t n = (size_t)n_y * p.y_stride;
    float *y = xmalloc((n + (size_t)2 * CANARY) * sizeof *y);
    for (size_t i = 0; i < n + 2 * (size_t)CANARY; i++)
        y[i] = (float)(i % 97) - 48.5f;
    p.y = y + CANARY;
    run(k, kind, &p);
    return y;
}

struct shape {
    int n_out, n_in, n_row;
};

static void compare_shape(const struct kernels *k, int n_tables, const struct form *f, struct shape s, struct rng *r)
{
    struct made d;
    struct acts x;
    int n_y = s.n_row + 3;
    bool bias = rng_below(r, 2), add = rng_below(r, 2), permuted = rng_below(r, 2);
    int32_t xrow[256], yrow[256];
    made_init(&d, f, 2, s.n_out, s.n_in, bias, r);
    acts_init(&x, s.n_row, s.n_in, r);
    for (int row = 0; row < s.n_row; row++) {
        xrow[row] = (int32_t)rng_below(r, (uint32_t)s.n_row);
        yrow[row] = (int32_t)((row * 2 + 1) % n_y); /* n_y is odd or rows repeat */
    }
    if (n_y % 2 == 0)
        for (int row = 0; row < s.n_row; row++)
            yrow[row] = n_y - 1 - row;
    for (enum kind kind = f->mode == QUANT_AFFINE ? INT8 : F32; kind <= F32; kind++) {
        struct qmm p = product(&d.m, 1, &x, NULL, (size_t)s.n_out + 2);
        p.add = add;
        p.xrow = permuted ? xrow : NULL;
        p.yrow = permuted ? yrow : NULL;
        p.o0 = s.n_out > 5 ? 2 : 0;
        p.o1 = s.n_out > 5 ? s.n_out - 1 : s.n_out;
        float *want = NULL;
        for (int t = 0; t < n_tables; t++) {
            char what[160];
            if (kind == INT8)
                acts_quantize(&x, &k[t], &d.m);
            float *y = product_between_canaries(&k[t], kind, p, n_y);
            snprintf(what, sizeof what, "%s %s %s, %d outputs, %d inputs, %d rows", k[t].name, kind_names[kind],
                     form_name(f), s.n_out, s.n_in, s.n_row);
            if (t == 0) {
                want = y;
                continue;
            }
            size_t n = (size_t)n_y * p.y_stride + 2 * (size_t)CANARY;
            kernel_check_nmse(what, y, want, n, 1e-10);
            for (size_t i = 0; i < n; i++) {
                size_t at = i - CANARY, row = at / p.y_stride, o = at % p.y_stride;
                bool ours = i >= CANARY && i < n - CANARY && o >= (size_t)p.o0 && o < (size_t)p.o1;
                for (int j = 0; ours && (j == 0 || row != (size_t)(permuted ? yrow[j - 1] : j - 1)); j++)
                    ours = j < s.n_row;
                if (!ours && memcmp(&y[i], &want[i], sizeof y[i]) != 0)
                    fail_msg("%s: wrote outside its part, at %zu", what, i);
            }
            mem_free(y);
        }
        mem_free(want);
    }
    acts_deinit(&x);
    made_deinit(&d);
}

static void every_table_agrees_with_the_reference(void **state)
{
    (void)state;
    struct rng r;
    struct kernels k[KERNEL_TABLES_MAX];
    int n = kernel_tables(k);
    kernel_rng(&r);
    static const int outs[] = { 1, 7, 33, 16 }, rows[] = { 1, 2, 3, 4, 7, 8, 9, 15, 37 };
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        int unit = forms[f].group ? forms[f].group : 1;
        const int ins[] = { unit,      2 * unit,  3 * unit,          5 * unit,          16 * unit,
                            17 * unit, 23 * unit, 192 / unit * unit, 1056 / unit * unit };
        for (size_t i = 0; i < ARRAY_LEN(ins); i++) {
            struct shape s = { outs[(f + i) % ARRAY_LEN(outs)], MAX(ins[i], unit),
                               rows[(2 * f + i) % ARRAY_LEN(rows)] };
            compare_shape(k, n, &forms[f], s, &r);
        }
    }
    /* a panel's limit in inputs, and shapes of real layers */
    compare_shape(k, n, &forms[0], (struct shape){ 20, 768, 20 }, &r);
    compare_shape(k, n, &forms[0], (struct shape){ 17, 8192, 9 }, &r);
    compare_shape(k, n, &forms[0], (struct shape){ 17, 8256, 9 }, &r);
    compare_shape(k, n, &forms[5], (struct shape){ 18, 2048, 11 }, &r);
}

/* The largest codes on the largest activations: what 16-bit sums could not hold. Hard activations besides. */
static void every_table_survives_extremes(void **state)
{
    (void)state;
    struct rng r;
    struct kernels k[KERNEL_TABLES_MAX];
    int n = kernel_tables(k);
    kernel_rng(&r);
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        enum { N_OUT = 17, N_IN = 640 };
        static float want[12 * N_OUT], got[12 * N_OUT];
        for (int which = 0; which < 2 * N_HARD; which++) {
            struct made d;
            struct acts x;
            int n_row = which % 2 ? 12 : 2, hard = which / 2;
            if (forms[f].mode == QUANT_MXFP8 || hard == 5) /* f32 itself has too few bits there */
                continue;
            made_init(&d, &forms[f], 1, N_OUT, N_IN, false, &r);
            if (forms[f].mode == QUANT_AFFINE)
                memset(d.w.p, 0xff, d.w.n);
            acts_init(&x, n_row, N_IN, &r);
            hard_rows((float *)(void *)x.x.p, n_row * N_IN, hard, &r);
            for (int i = 0; hard == 7 && i < n_row * N_IN; i++)
                ((float *)(void *)x.x.p)[i] = -5;
            for (enum kind kind = forms[f].mode == QUANT_AFFINE ? INT8 : F32; kind <= F32; kind++) {
                for (int t = 0; t < n; t++) {
                    struct qmm p = product(&d.m, 0, &x, t ? got : want, N_OUT);
                    if (kind == INT8)
                        acts_quantize(&x, &k[t], &d.m);
                    run(&k[t], kind, &p);
                    if (t)
                        kernel_check_nmse(form_name(&forms[f]), got, want, (size_t)n_row * N_OUT, 1e-10);
                }
            }
            acts_deinit(&x);
            made_deinit(&d);
        }
    }
}

/* All ways to ask for the same numbers: rows alone or together, ranges of outputs, any start of weights and activations in
 * memory. */
static void a_row_gives_the_same_bits_in_any_company(void **state)
{
    (void)state;
    enum { N_OUT = 37, N_ROW = 21 };
    struct rng r;
    struct kernels k[KERNEL_TABLES_MAX];
    int n = kernel_tables(k);
    kernel_rng(&r);
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        int n_in = forms[f].group ? 21 * forms[f].group : 203;
        struct made d;
        struct acts x;
        made_init(&d, &forms[f], 1, N_OUT, n_in, true, &r);
        acts_init(&x, N_ROW, n_in, &r);
        for (int t = 1; t < n; t++) {
            for (enum kind kind = forms[f].mode == QUANT_AFFINE ? INT8 : F32; kind <= F32; kind++) {
                static float want[N_ROW * N_OUT], got[N_ROW * N_OUT];
                if (kind == INT8)
                    acts_quantize(&x, &k[t], &d.m);
                struct qmm p = product(&d.m, 0, &x, want, N_OUT);
                run(&k[t], kind, &p);
                p.y = got;
                for (int n_row = 1; n_row < N_ROW; n_row++) {
                    memset(got, 0, sizeof got);
                    for (int row = 0; row < N_ROW; row += n_row) {
                        int32_t rows[N_ROW];
                        int m = MIN(n_row, N_ROW - row);
                        for (int i = 0; i < m; i++)
                            rows[i] = (row + m - 1 - i) * 8 % N_ROW; /* 8 and 21 have no common factor */
                        p.n_row = m;
                        p.xrow = p.yrow = rows;
                        for (p.o0 = 0; p.o0 < N_OUT; p.o0 = p.o1) {
                            int end = p.o0 + 1 + (int)rng_below(&r, 20);
                            p.o1 = MIN(N_OUT, end);
                            run(&k[t], kind, &p);
                        }
                    }
                    if (memcmp(got, want, sizeof got) != 0)
                        fail_msg("%s %s %s: rows by %d differ from all together", k[t].name, kind_names[kind],
                                 form_name(&forms[f]), n_row);
                }
                uint8_t *w = xmalloc(d.w.n + 64), *s = xmalloc(d.s.n + 64), *b = xmalloc(d.b.n + 64);
                for (int shift = 0; shift < 64; shift++) {
                    struct mat m = d.m;
                    memcpy(w + shift, d.w.p, d.w.n);
                    memcpy(s + 63 - shift, d.s.p, d.s.n);
                    memcpy(b + shift, d.b.p, d.b.n);
                    m.w = w + shift;
                    m.s = m.s ? s + 63 - shift : NULL;
                    m.b = m.b ? b + shift : NULL;
                    p = product(&m, 0, &x, got, N_OUT);
                    p.n_row = shift % 2 ? N_ROW : 3;
                    memcpy(got, want, sizeof got);
                    memset(got, 0, (size_t)p.n_row * N_OUT * sizeof *got);
                    run(&k[t], kind, &p);
                    assert_memory_equal(got, want, sizeof got);
                }
                mem_free(w);
                mem_free(s);
                mem_free(b);
            }
        }
        acts_deinit(&x);
        made_deinit(&d);
    }
}

/* The end of every sum of 16 lanes (kernel/qmm_parts.h), then the bias and what y held. */
static float tree_end(float lane[16], float bias, float y)
{
    for (int half = 8; half; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] += lane[l + half];
    return y + (lane[0] + bias);
}

/* Output o of one row as kernel/qmm_parts.h says it, from x̂ in natural order. */
static float tree_q8(const struct mat *m, int o, const struct q8_rows *x, size_t row, float y)
{
    const int8_t *q = x->q + row * x->q_stride;
    float lane[16] = { 0 };
    for (int g = 0; g < mat_groups(m); g++) {
        size_t at = (size_t)o * (size_t)mat_groups(m) + (size_t)g, xg = row * x->g_stride + (size_t)g;
        int32_t dot = 0;
        for (int i = g * m->group; i < (g + 1) * m->group; i++)
            dot += (int32_t)bits_at(mat_row(m, 0, o), (size_t)i, m->bits) * q[i];
        float *acc = &lane[g % 16], scale = num_load(m->s, m->dtype, at) * x->a[xg];
        *acc = fmaf(num_load(m->b, m->dtype, at), x->x[xg], *acc);
        *acc = fmaf((float)dot, scale, *acc);
    }
    return tree_end(lane, m->bias[o], y);
}

static float tree_f32(const struct mat *m, int o, const float *x, float y)
{
    float lane[16] = { 0 };
    for (int i = 0; i < m->n_in; i++) {
        float w = (float)weight_at(m, 0, o, i); /* rounded once */
        lane[i % 16] = fmaf(w, x[i], lane[i % 16]);
    }
    return tree_end(lane, m->bias[o], y);
}

static void fast_tables_give_the_bits_of_the_fixed_tree(void **state)
{
    (void)state;
    enum { N_OUT = 19 };
    struct rng r;
    struct kernels k[KERNEL_TABLES_MAX];
    int n = kernel_tables(k);
    kernel_rng(&r);
    if (n < 2) {
        print_message("skipped: no fast table runs here\n");
        skip();
    }
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        for (int n_row = 1; n_row < 12; n_row += 5) {
            int n_in = forms[f].group ? 37 * forms[f].group : 1555;
            struct made d;
            struct acts x;
            float want[12 * N_OUT], got[12 * N_OUT];
            made_init(&d, &forms[f], 1, N_OUT, n_in, true, &r);
            acts_init(&x, n_row, n_in, &r);
            for (enum kind kind = forms[f].mode == QUANT_AFFINE ? INT8 : F32; kind <= F32; kind++) {
                if (kind == INT8)
                    acts_quantize(&x, &k[0], &d.m); /* natural order */
                for (int row = 0; row < n_row; row++)
                    for (int o = 0; o < N_OUT; o++)
                        want[row * N_OUT + o] = kind == INT8 ? tree_q8(&d.m, o, &x.q8, (size_t)row, (float)o)
                                                             : tree_f32(&d.m, o, acts_x(&x) + row * n_in, (float)o);
                for (int t = 1; t < n; t++) {
                    for (int i = 0; i < n_row * N_OUT; i++)
                        got[i] = (float)(i % N_OUT);
                    if (kind == INT8)
                        acts_quantize(&x, &k[t], &d.m);
                    struct qmm p = product(&d.m, 0, &x, got, N_OUT);
                    p.add = true;
                    run(&k[t], kind, &p);
                    if (memcmp(got, want, (size_t)n_row * N_OUT * sizeof *got) != 0)
                        fail_msg("%s %s %s, %d rows: other bits than the fixed tree", k[t].name, kind_names[kind],
                                 form_name(&forms[f]), n_row);
                }
            }
            acts_deinit(&x);
            made_deinit(&d);
        }
    }
}

static void every_table_dequantises_as_the_reference(void **state)
{
    (void)state;
    enum { N_IN = 1152, N_OUT = 2, N_EXPERT = 2 };
    struct rng r;
    struct kernels k[KERNEL_TABLES_MAX];
    int n = kernel_tables(k);
    kernel_rng(&r);
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        struct made d;
        struct guard y;
        int unit = forms[f].group ? forms[f].group : 1;
        made_init(&d, &forms[f], N_EXPERT, N_OUT, N_IN, false, &r);
        if (forms[f].mode == QUANT_MXFP8 || forms[f].mode == QUANT_MXFP4)
            d.s.p[1] = 0; /* the smallest scale: results are subnormal */
        for (int t = 1; t < n; t++) {
            for (int c = 0; c < 200; c++) {
                float want[N_IN];
                int n_g = N_IN / unit, g0 = (int)rng_below(&r, (uint32_t)n_g),
                    g1 = g0 + 1 + (int)rng_below(&r, (uint32_t)(n_g - g0));
                int e = c % N_EXPERT, o = c / 2 % N_OUT, m = (g1 - g0) * unit;
                guard_init(&y, (size_t)m * sizeof(float));
                k[0].dequant(want, &d.m, e, o, g0 * unit, m);
                k[t].dequant((float *)(void *)y.p, &d.m, e, o, g0 * unit, m);
                for (int i = 0; i < m; i++) {
                    float got = ((float *)(void *)y.p)[i];
                    double off = fabs((double)got - (double)want[i]);
                    /* one rounding of s * q + b instead of two */
                    size_t g = ((size_t)e * N_OUT + (size_t)o) * (size_t)n_g + (size_t)(g0 + i / unit);
                    double allowed = forms[f].mode == QUANT_AFFINE
                                         ? 0x1p-24 * 255 * fabs((double)num_load(d.m.s, forms[f].dtype, g)) +
                                               0x1p-23 * fabs((double)want[i])
                                         : 0;
                    if (!(off <= allowed))
                        fail_msg("%s %s: element %d is %.9g, reference %.9g", k[t].name, form_name(&forms[f]),
                                 g0 * unit + i, (double)got, (double)want[i]);
                }
                guard_deinit(&y);
            }
        }
        made_deinit(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_reads_packed_bits_low_first),
        cmocka_unit_test(reference_dequantises_as_the_formats_say),
        cmocka_unit_test(reference_products_match_the_formulae),
        cmocka_unit_test(every_table_quantises_to_the_same_numbers),
        cmocka_unit_test(every_table_dequantises_as_the_reference),
        cmocka_unit_test(every_table_agrees_with_the_reference),
        cmocka_unit_test(every_table_survives_extremes),
        cmocka_unit_test(a_row_gives_the_same_bits_in_any_company),
        cmocka_unit_test(fast_tables_give_the_bits_of_the_fixed_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
