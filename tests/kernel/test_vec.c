/* test_vec.c - every table's vector kernels and attention against the reference, and what they promise about bits and memory.
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
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/num.h"
#include "kernel/kernel.h"
#include "support/guard.h"
#include "support/kernel_check.h"

static const int sizes[] = { 1,  2,  3,  7,  8,   9,   15,  16,  17,  31,   32,  33,
                             63, 64, 65, 80, 100, 127, 128, 192, 768, 2048, 2049 };

/* n floats that end at a forbidden page. */
static float *floats(struct guard *g, size_t n)
{
    guard_init(g, n * sizeof(float));
    return (float *)(void *)g->p;
}

static void random_floats(struct rng *r, float *x, int n)
{
    kernel_random(r, x, (size_t)n);
}

/* Runs `body` for every table and every size, with three buffers that end at a forbidden page. */
struct vec {
    const struct kernels *k, *ref;
    struct rng *r;
    char what[96];
    int n;
    float *x, *y, *z;
    float want[2 * 2049];
};
typedef void vec_fn(struct vec *v);

static void every_size(const char *name, vec_fn *body)
{
    struct kernels k[KERNEL_TABLES_MAX];
    struct rng r;
    int n_table = kernel_tables(k);
    kernel_rng(&r);
    for (int i = 0; i < n_table; i++) {
        for (size_t j = 0; j < ARRAY_LEN(sizes); j++) {
            struct guard gx, gy, gz;
            size_t n = (size_t)sizes[j];
            struct vec v = { .k = &k[i], .ref = &k[0], .r = &r, .n = sizes[j] };
            v.x = floats(&gx, n);
            v.y = floats(&gy, n);
            v.z = floats(&gz, n);
            random_floats(&r, v.x, v.n);
            random_floats(&r, v.y, v.n);
            random_floats(&r, v.z, v.n);
            snprintf(v.what, sizeof v.what, "%s, %s, n = %d", name, k[i].name, v.n);
            body(&v);
            guard_deinit(&gx);
            guard_deinit(&gy);
            guard_deinit(&gz);
        }
    }
}

static void check_rms_norm(struct vec *v)
{
    v->ref->rms_norm(v->want, v->x, v->z, v->n, 1e-6f);
    v->k->rms_norm(v->y, v->x, v->z, v->n, 1e-6f);
    kernel_check_nmse(v->what, v->y, v->want, (size_t)v->n, 1e-12);
    v->k->rms_norm(v->x, v->x, v->z, v->n, 1e-6f);
    assert_memory_equal(v->x, v->y, (size_t)v->n * sizeof *v->x);
}

static void rms_norm_agrees_also_in_place(void **state)
{
    (void)state;
    every_size("rms_norm", check_rms_norm);
}

static void check_rms_norm_of_zeros(struct vec *v)
{
    memset(v->x, 0, (size_t)v->n * sizeof *v->x);
    v->k->rms_norm(v->y, v->x, v->z, v->n, 1e-6f);
    for (int i = 0; i < v->n; i++)
        assert_true(v->y[i] == 0);
}

static void rms_norm_of_zeros_is_zeros(void **state)
{
    (void)state;
    every_size("rms_norm of zeros", check_rms_norm_of_zeros);
}

static void check_swiglu(struct vec *v)
{
    float *y = v->y, whole[2049];
    size_t bytes = (size_t)v->n * sizeof *y;
    v->ref->swiglu(v->want, v->x, v->z, v->n);
    v->k->swiglu(y, v->x, v->z, v->n);
    kernel_check_nmse(v->what, y, v->want, (size_t)v->n, 1e-12);
    memcpy(whole, y, bytes);
    memset(y, 0, bytes);
    for (int i = 0, n; i < v->n; i += n) { /* in pieces of any length */
        n = 1 + (int)rng_below(v->r, (uint32_t)MIN(40, v->n - i));
        v->k->swiglu(y + i, v->x + i, v->z + i, n);
    }
    assert_memory_equal(y, whole, bytes);
    v->k->swiglu(v->x, v->x, v->z, v->n);
    assert_memory_equal(v->x, whole, bytes);
}

static void swiglu_agrees_in_place_and_in_pieces(void **state)
{
    (void)state;
    every_size("swiglu", check_swiglu);
}

static void swiglu_holds_at_extremes(void **state)
{
    (void)state;
    struct kernels k[KERNEL_TABLES_MAX];
    const float gate[] = { 0,    -0.0f, 1e-30f, 80,    -80,    87.4f,   -87.2f, -87.4f, 200,
                           -200, 1e30f, -1e30f, 3e38f, -3e38f, -1e-40f, 17,     -17 };
    float up[ARRAY_LEN(gate)], y[ARRAY_LEN(gate)];
    for (size_t i = 0; i < ARRAY_LEN(gate); i++)
        up[i] = 0.5f;
    for (int t = 0, n = kernel_tables(k); t < n; t++) {
        k[t].swiglu(y, gate, up, (int)ARRAY_LEN(gate));
        for (size_t i = 0; i < ARRAY_LEN(gate); i++) {
            double z = (double)gate[i], want = z / (1 + exp(-z)) * 0.5;
            assert_true(fabs((double)y[i] - want) <= 4e-7 * fabs(want) + 1e-35);
        }
    }
}

static void check_softmax(struct vec *v)
{
    double sum = 0;
    memcpy(v->want, v->x, (size_t)v->n * sizeof *v->x);
    v->ref->softmax(v->want, v->n);
    v->k->softmax(v->x, v->n);
    kernel_check_nmse(v->what, v->x, v->want, (size_t)v->n, 1e-12);
    for (int i = 0; i < v->n; i++)
        sum += (double)v->x[i];
    assert_true(fabs(sum - 1) < 1e-6);
}

static void softmax_agrees(void **state)
{
    (void)state;
    every_size("softmax", check_softmax);
}

static void check_softmax_extremes(struct vec *v)
{
    for (int i = 0; i < v->n; i++)
        v->x[i] = i % 3 == 0 ? 3e38f : i % 3 == 1 ? -3e38f : -INFINITY;
    v->k->softmax(v->x, v->n);
    for (int i = 0; i < v->n; i++) {
        double want = i % 3 == 0 ? 1.0 / ((v->n + 2) / 3) : 0;
        assert_true(fabs((double)v->x[i] - want) <= 1e-6 * want);
    }
}

static void softmax_ignores_what_is_infinitely_small(void **state)
{
    (void)state;
    every_size("softmax of extremes", check_softmax_extremes);
}

static void check_axpy(struct vec *v)
{
    size_t bytes = (size_t)v->n * sizeof *v->y;
    float pieces[2049];
    memcpy(v->want, v->y, bytes);
    memcpy(pieces, v->y, bytes);
    v->ref->axpy(v->want, -0.37f, v->x, v->n);
    v->k->axpy(v->y, -0.37f, v->x, v->n);
    kernel_check_nmse(v->what, v->y, v->want, (size_t)v->n, 1e-12);
    for (int i = 0, n; i < v->n; i += n) {
        n = 1 + (int)rng_below(v->r, (uint32_t)MIN(40, v->n - i));
        v->k->axpy(pieces + i, -0.37f, v->x + i, n);
    }
    assert_memory_equal(pieces, v->y, bytes);
}

static void axpy_agrees_also_in_pieces(void **state)
{
    (void)state;
    every_size("axpy", check_axpy);
}

static void rope_agrees_and_leaves_the_rest_alone(void **state)
{
    (void)state;
    static const int rotated[] = { 2, 8, 16, 20, 32, 64, 80, 96, 128, 256 };
    struct kernels k[KERNEL_TABLES_MAX];
    struct rng r;
    kernel_rng(&r);
    for (int t = 0, n = kernel_tables(k); t < n; t++) {
        for (size_t j = 0; j < ARRAY_LEN(rotated); j++) {
            struct guard gx, gcs;
            int n_rot = rotated[j];
            float want[256], *x = floats(&gx, (size_t)n_rot), *cs = floats(&gcs, (size_t)n_rot);
            random_floats(&r, x, n_rot);
            for (int i = 0; i < n_rot / 2; i++) {
                cs[2 * i] = cosf((float)i * 0.7f);
                cs[2 * i + 1] = sinf((float)i * 0.7f);
            }
            memcpy(want, x, (size_t)n_rot * sizeof *x);
            k[0].rope(want, cs, n_rot);
            k[t].rope(x, cs, n_rot);
            kernel_check_nmse(k[t].name, x, want, (size_t)n_rot, 1e-12);
            guard_deinit(&gx);
            guard_deinit(&gcs);
        }
    }
}

static void rope_pairs_an_element_with_the_one_half_a_head_away(void **state)
{
    (void)state;
    struct kernels k[KERNEL_TABLES_MAX];
    for (int t = 0, n = kernel_tables(k); t < n; t++) {
        float x[4] = { 1, 2, 3, 4 };
        const float cs[4] = { 0, 1, 1, 0 }; /* a quarter turn; none */
        k[t].rope(x, cs, 4);
        assert_true(x[0] == -3 && x[2] == 1 && x[1] == 2 && x[3] == 4);
    }
}

/* --- pages ------------------------------------------------------------------------------------------------------------------- */

/* Pages of one layer in which every slot holds NaN until something is appended. */
struct pages {
    struct kv_layer kv;
    size_t n_bytes;
    int32_t list[64]; /* of one sequence, in no order */
    int n_page;
};

static void pages_init(struct pages *p, enum kv_type type, int n_kv_head, int d_head, int n_page)
{
    size_t page = kv_layer_page_bytes(type, n_kv_head, d_head);
    *p = (struct pages){ .n_page = n_page, .n_bytes = page * (size_t)n_page };
    p->kv = (struct kv_layer){ mem_try_aligned(p->n_bytes, 64), page, type, n_kv_head, d_head };
    assert_non_null(p->kv.base);
    memset(p->kv.base, 0xff, p->n_bytes);
    for (int i = 0; i < n_page; i++)
        p->list[i] = n_page - 1 - i;
}

static double stored(const struct pages *p, bool values, int h, int pos, int d)
{
    return kernel_stored(&p->kv, p->list[pos / KV_PAGE_TOK], values, h, pos % KV_PAGE_TOK, d);
}

static void pages_fill(struct pages *p, const struct kernels *k, struct rng *r, int n_tok)
{
    int n = p->kv.n_kv_head * p->kv.d_head;
    float *key = xcalloc((size_t)n, sizeof *key), *value = xcalloc((size_t)n, sizeof *value);
    for (int pos = 0; pos < n_tok; pos++) {
        random_floats(r, key, n);
        random_floats(r, value, n);
        k->kv_append(&p->kv, p->list[pos / KV_PAGE_TOK], pos % KV_PAGE_TOK, key, value);
    }
    mem_free(key);
    mem_free(value);
}

/* Heads, one after the other, of which the second has what is hard to round. */
static void odd_heads(struct rng *r, float *x, int n_head, int d_head)
{
    const float odd[] = { 65504, 65519, 65520,   1e9f,   -1e9f,          INFINITY,
                          6e-8f, 3e-8f, 2.9e-8f, -1e-9f, 1.00048828125f, -0.0f };
    random_floats(r, x, n_head * d_head);
    memcpy(x + d_head, odd, sizeof odd);
    for (int d = 0; d < d_head; d++) /* the third is small: to q8 partly nothing */
        x[2 * d_head + d] *= d < 32 ? 1e-9f : 1e-5f;
}

/* Bytes that an append should write for one head of one slot, twice: keys and values. */
static size_t bytes_a_slot(enum kv_type type, int d_head)
{
    return 2 * ((size_t)d_head * kv_type_bytes(type) + (type == KV_Q8 ? 2 * (((size_t)d_head + 31) / 32) : 0));
}

static void one_append(const struct kernels *k, enum kv_type type, int d_head, struct rng *r)
{
    enum { HEADS = 3, SLOT = 17 };
    struct pages p, other;
    struct guard gk, gv;
    size_t n = HEADS * (size_t)d_head, touched = 0;
    float *key = floats(&gk, n), *value = floats(&gv, n);
    odd_heads(r, key, HEADS, d_head);
    odd_heads(r, value, HEADS, d_head);
    pages_init(&p, type, HEADS, d_head, 2);
    pages_init(&other, type, HEADS, d_head, 2);
    memset(other.kv.base, 0, other.n_bytes);
    k->kv_append(&p.kv, p.list[1], SLOT, key, value);
    k->kv_append(&other.kv, p.list[1], SLOT, key, value);
    for (size_t i = 0; i < p.n_bytes; i++)
        touched += p.kv.base[i] != 0xff || other.kv.base[i] != 0;
    assert_int_equal(touched, HEADS * bytes_a_slot(type, d_head));
    for (int h = 0; h < HEADS; h++) {
        for (int d = 0; d < d_head; d++) {
            double wk = kernel_as_stored(type, key + h * d_head, d_head, d);
            double wv = kernel_as_stored(type, value + h * d_head, d_head, d);
            assert_true(stored(&p, false, h, KV_PAGE_TOK + SLOT, d) == wk);
            assert_true(stored(&p, true, h, KV_PAGE_TOK + SLOT, d) == wv);
        }
    }
    mem_free(p.kv.base);
    mem_free(other.kv.base);
    guard_deinit(&gk);
    guard_deinit(&gv);
}

static void append_stores_one_slot_rounded_to_nearest(void **state)
{
    (void)state;
    static const int d_heads[] = { 40, 64, 128, 18, 34 };
    struct kernels k[KERNEL_TABLES_MAX];
    struct rng r;
    kernel_rng(&r);
    for (int t = 0, n_table = kernel_tables(k); t < n_table; t++)
        for (int type = 0; type < KV_TYPE_N; type++)
            for (size_t i = 0; i < ARRAY_LEN(d_heads); i++)
                one_append(&k[t], (enum kv_type)type, d_heads[i], &r);
}

/* What storage costs: the error of what is read back; f16 and bf16 at most half a unit in the last place, squared. */
static void every_type_stays_within_its_error(void **state)
{
    (void)state;
    enum { D = 80 };
    static const double bounds[KV_TYPE_N] = { [KV_F16] = 2.5e-7, [KV_BF16] = 1.6e-5, [KV_Q8] = 2e-4, [KV_F32] = 0 };
    struct kernels k[KERNEL_TABLES_MAX];
    struct rng r;
    kernel_rng(&r);
    for (int t = 0, n_table = kernel_tables(k); t < n_table; t++) {
        for (int type = 0; type < KV_TYPE_N; type++) {
            struct pages p;
            float key[D], value[D], got[2 * D], want[2 * D];
            pages_init(&p, (enum kv_type)type, 1, D, 1);
            for (int slot = 0; slot < KV_PAGE_TOK; slot++) {
                random_floats(&r, key, D);
                random_floats(&r, value, D);
                k[t].kv_append(&p.kv, 0, slot, key, value);
                for (int d = 0; d < D; d++) {
                    want[d] = key[d];
                    want[D + d] = value[d];
                    got[d] = (float)stored(&p, false, 0, slot, d);
                    got[D + d] = (float)stored(&p, true, 0, slot, d);
                }
                kernel_check_nmse(kv_type_name((enum kv_type)type), got, want, ARRAY_LEN(want), bounds[type]);
            }
            mem_free(p.kv.base);
        }
    }
}

/* --- attention ----------------------------------------------------------------------------------------------------------------- */

struct part {
    struct attn_part p;
    float *memory; /* owned: scratch, m, l, o with a canary behind each */
    size_t n_scratch, n_query, n_o;
};

enum { CANARY = 16 };

static void part_init(struct part *a, const struct pages *pages, const float *q, int n_row, int n_group, int split,
                      int pos0)
{
    int d_head = pages->kv.d_head;
    a->n_query = (size_t)(n_row * n_group);
    a->n_o = a->n_query * (size_t)d_head;
    a->n_scratch = attn_scratch(n_row, n_group, d_head);
    size_t n = a->n_scratch + 2 * a->n_query + a->n_o + 4 * CANARY;
    a->memory = mem_try_aligned(n * sizeof *a->memory, 64);
    assert_non_null(a->memory);
    for (size_t i = 0; i < n; i++)
        a->memory[i] = 12345;
    float *m = a->memory + a->n_scratch + CANARY, *l = m + a->n_query + CANARY;
    a->p = (struct attn_part){ .kv = &pages->kv,
                               .pages = pages->list,
                               .h_kv = pages->kv.n_kv_head - 1,
                               .split = split,
                               .scale = 1 / sqrtf((float)d_head),
                               .q = q,
                               .q_stride = (size_t)(n_group * d_head) + 3,
                               .n_row = n_row,
                               .n_group = n_group,
                               .pos0 = pos0,
                               .m = m,
                               .l = l,
                               .o = l + a->n_query + CANARY,
                               .scratch = a->memory };
}

static void part_deinit(struct part *a)
{
    const float *ends[] = { a->memory + a->n_scratch, a->p.m + a->n_query, a->p.l + a->n_query, a->p.o + a->n_o };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        for (int j = 0; j < CANARY; j++)
            assert_true(ends[i][j] == 12345);
    mem_free(a->memory);
}

/* o / l of every query. */
static void part_result(const struct part *a, float *y)
{
    int d = a->p.kv->d_head;
    for (size_t i = 0; i < a->n_o; i++)
        y[i] = a->p.o[i] / a->p.l[i / (size_t)d];
}

struct attn_case {
    int d_head, n_group, n_row, split, pos0;
};
static const struct attn_case cases[] = {
    { 64, 4, 1, 0, 0 },     { 64, 4, 16, 0, 0 },   { 64, 4, 16, 0, 250 },   { 128, 8, 1, 0, 511 },
    { 128, 8, 16, 0, 496 }, { 128, 8, 5, 0, 700 }, { 128, 8, 7, 1, 512 },   { 32, 1, 16, 0, 120 },
    { 32, 2, 3, 0, 63 },    { 80, 5, 4, 0, 61 },   { 80, 5, 16, 1, 575 },   { 96, 3, 9, 0, 130 },
    { 256, 2, 10, 0, 300 }, { 8, 7, 2, 0, 64 },    { 24, 1, 1, 1, 1023 },   { 40, 6, 13, 1, 900 },
    { 64, 4, 16, 0, 2000 }, { 64, 4, 2, 2, 1030 }, { 64, 11, 16, 2, 1024 }, { 18, 2, 3, 0, 70 },
    { 34, 1, 1, 0, 127 },
};

/* Appends up to the last row's position and no further: all that lies behind is NaN. */
static void case_init(const struct attn_case *c, struct pages *pages, enum kv_type type, const struct kernels *ref,
                      struct rng *r, float **q)
{
    int n_tok = c->pos0 + c->n_row, n_q = c->n_row * (c->n_group * c->d_head + 3);
    pages_init(pages, type, 2, c->d_head, (n_tok + KV_PAGE_TOK - 1) / KV_PAGE_TOK);
    pages_fill(pages, ref, r, n_tok);
    *q = xcalloc((size_t)n_q, sizeof **q);
    random_floats(r, *q, n_q);
}

static void one_part_agrees(const struct kernels *k, const struct kernels *ref, const struct attn_case *c,
                            enum kv_type type, struct rng *r)
{
    struct pages pages;
    struct part got, want;
    float *q, *y, *z;
    char what[128];
    case_init(c, &pages, type, ref, r, &q);
    part_init(&want, &pages, q, c->n_row, c->n_group, c->split, c->pos0);
    part_init(&got, &pages, q, c->n_row, c->n_group, c->split, c->pos0);
    y = xcalloc(got.n_o, sizeof *y);
    z = xcalloc(got.n_o, sizeof *z);
    ref->attn_part(&want.p);
    k->attn_part(&got.p);
    part_result(&want, z);
    part_result(&got, y);
    snprintf(what, sizeof what, "attn_part, %s, %s, d_head %d, %d heads, %d rows at %d, split %d", k->name,
             kv_type_name(type), c->d_head, c->n_group, c->n_row, c->pos0, c->split);
    kernel_check_nmse(what, y, z, got.n_o, 1e-10);
    kernel_check_nmse(what, got.p.m, want.p.m, got.n_query, 1e-10);
    kernel_check_nmse(what, got.p.l, want.p.l, got.n_query, 1e-10);
    /* Each row alone gives the same bits. */
    for (int i = 0; i < c->n_row; i++) {
        struct part alone;
        size_t at = (size_t)(i * c->n_group);
        part_init(&alone, &pages, q + (size_t)i * got.p.q_stride, 1, c->n_group, c->split, c->pos0 + i);
        k->attn_part(&alone.p);
        assert_memory_equal(alone.p.m, got.p.m + at, alone.n_query * sizeof(float));
        assert_memory_equal(alone.p.l, got.p.l + at, alone.n_query * sizeof(float));
        assert_memory_equal(alone.p.o, got.p.o + at * (size_t)c->d_head, alone.n_o * sizeof(float));
        part_deinit(&alone);
    }
    part_deinit(&want);
    part_deinit(&got);
    mem_free(q);
    mem_free(y);
    mem_free(z);
    mem_free(pages.kv.base);
}

static void attention_parts_agree_and_rows_do_not_depend_on_each_other(void **state)
{
    (void)state;
    struct kernels k[KERNEL_TABLES_MAX];
    struct rng r;
    kernel_rng(&r);
    for (int t = 0, n = kernel_tables(k); t < n; t++)
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
            for (int type = 0; type < KV_TYPE_N; type++)
                one_part_agrees(&k[t], &k[0], &cases[i], (enum kv_type)type, &r);
}

/* Attention of one query over tokens [0, n_tok) in double, straight from the definition. */
static void naive_attention(const struct pages *p, int h, const float *q, int n_tok, double *o)
{
    int d_head = p->kv.d_head;
    double *s = xcalloc((size_t)n_tok, sizeof *s), most = -HUGE_VAL, sum = 0;
    for (int j = 0; j < n_tok; j++) {
        for (int d = 0; d < d_head; d++)
            s[j] += (double)q[d] * stored(p, false, h, j, d);
        s[j] /= sqrt(d_head);
        most = fmax(most, s[j]);
    }
    memset(o, 0, (size_t)d_head * sizeof *o);
    for (int j = 0; j < n_tok; j++) {
        double e = exp(s[j] - most);
        sum += e;
        for (int d = 0; d < d_head; d++)
            o[d] += e * stored(p, true, h, j, d);
    }
    for (int d = 0; d < d_head; d++)
        o[d] /= sum;
    mem_free(s);
}

static void merged_splits_are_attention_over_everything(void **state)
{
    (void)state;
    enum { D = 80, N_TOK = 3 * ATTN_SPLIT_TOK + 77, GROUP = 3 };
    struct kernels k[KERNEL_TABLES_MAX];
    struct rng r;
    kernel_rng(&r);
    for (int t = 0, n = kernel_tables(k); t < n; t++) {
        const struct attn_case c = { D, GROUP, 1, 0, N_TOK - 1 };
        struct pages pages;
        float *q, o[GROUP * D] = { 0 }, want[GROUP * D], m[GROUP], l[GROUP] = { 0 };
        double exact[D];
        case_init(&c, &pages, KV_F16, &k[0], &r, &q);
        for (int i = 0; i < GROUP; i++)
            m[i] = -INFINITY;
        for (int split = 0; split * ATTN_SPLIT_TOK < N_TOK; split++) {
            struct part part;
            part_init(&part, &pages, q, 1, GROUP, split, N_TOK - 1);
            k[t].attn_part(&part.p);
            for (int i = 0; i < GROUP; i++)
                k[t].attn_merge(&m[i], &l[i], o + i * D, part.p.m[i], part.p.l[i], part.p.o + i * D, D);
            if (split == 0) { /* the first part is taken as it is */
                assert_memory_equal(o, part.p.o, sizeof o);
                assert_memory_equal(m, part.p.m, sizeof m);
                assert_memory_equal(l, part.p.l, sizeof l);
            }
            part_deinit(&part);
        }
        for (int i = 0; i < GROUP * D; i++)
            o[i] /= l[i / D];
        for (int i = 0; i < GROUP; i++) {
            naive_attention(&pages, pages.kv.n_kv_head - 1, q + i * D, N_TOK, exact);
            for (int d = 0; d < D; d++)
                want[i * D + d] = (float)exact[d];
        }
        kernel_check_nmse(k[t].name, o, want, GROUP * D, 1e-10);
        mem_free(q);
        mem_free(pages.kv.base);
    }
}

static void merging_takes_the_larger_maximum(void **state)
{
    (void)state;
    struct kernels k[KERNEL_TABLES_MAX];
    for (int t = 0, n = kernel_tables(k); t < n; t++) {
        float o[24], o1[24], m = 1, l = 2;
        for (int d = 0; d < 24; d++) {
            o[d] = 4;
            o1[d] = 8;
        }
        k[t].attn_merge(&m, &l, o, 201, 3, o1, 24); /* e^-200 is nothing */
        assert_true(m == 201 && l == 3 && o[0] == 8 && o[23] == 8);
        k[t].attn_merge(&m, &l, o, 201, 1, o1, 24);
        assert_true(m == 201 && l == 4 && o[0] == 16 && o[23] == 16);
        k[t].attn_merge(&m, &l, o, 1, 1, o1, 24);
        assert_true(m == 201 && l == 4 && o[0] == 16 && o[23] == 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rms_norm_agrees_also_in_place),
        cmocka_unit_test(rms_norm_of_zeros_is_zeros),
        cmocka_unit_test(swiglu_agrees_in_place_and_in_pieces),
        cmocka_unit_test(swiglu_holds_at_extremes),
        cmocka_unit_test(softmax_agrees),
        cmocka_unit_test(softmax_ignores_what_is_infinitely_small),
        cmocka_unit_test(axpy_agrees_also_in_pieces),
        cmocka_unit_test(rope_agrees_and_leaves_the_rest_alone),
        cmocka_unit_test(rope_pairs_an_element_with_the_one_half_a_head_away),
        cmocka_unit_test(append_stores_one_slot_rounded_to_nearest),
        cmocka_unit_test(every_type_stays_within_its_error),
        cmocka_unit_test(attention_parts_agree_and_rows_do_not_depend_on_each_other),
        cmocka_unit_test(merged_splits_are_attention_over_everything),
        cmocka_unit_test(merging_takes_the_larger_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
