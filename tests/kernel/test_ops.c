/* test_ops.c - the operations of the CPU against plain loops in double, and the promise that no row's bits depend on chunks, batches or
 * threads.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/num.h"
#include "kernel/cpu.h"
#include "kernel/ops.h"
#include "support/kernel_check.h"

enum {
    N_EMBD = 128,
    N_HEAD = 6,
    N_KV_HEAD = 2,
    D_HEAD = 32,
    N_Q = N_HEAD * D_HEAD,
    N_KV = N_KV_HEAD * D_HEAD,
    N_FF = 96,
    N_EXPERT = 9,
    N_ACTIVE = 3,
    N_VOCAB = 77,
    MAX_TOK = 96,
    MAX_PAIR = MAX_TOK * N_ACTIVE,
    N_PAGE = 24,
};
static const float eps = 1e-6f;

/* --- what every test runs over ------------------------------------------------------------------------------------------------- */

/* One device: a table of kernels, a number of threads, a precision. */
struct device {
    struct op_ctx *c;
    enum precision precision;
    double bound; /* nmse of a product against double */
    struct rng r;
};
typedef void device_fn(struct device *d);

static struct op_dims small_dims(void)
{
    return (struct op_dims){ .max_tok = MAX_TOK,
                             .max_out = 5,
                             .n_embd = N_EMBD,
                             .n_head = N_HEAD,
                             .n_kv_head = N_KV_HEAD,
                             .d_head = D_HEAD,
                             .n_ff = N_FF,
                             .n_expert = N_EXPERT,
                             .n_active = N_ACTIVE };
}

static void device_open(struct device *d, unsigned mask, int n_threads, enum precision precision)
{
    struct err e = ERR_INIT;
    struct op_dims dims = small_dims();
    *d = (struct device){ .precision = precision, .bound = precision == PRECISION_F32 ? 1e-10 : 1e-6 };
    kernel_rng(&d->r);
    if (op_ctx_open_cpu(&d->c, n_threads, mask, precision, &dims, &e))
        fail_msg("%s", e.msg);
}

static const unsigned masks[] = { 0, CPU_AVX2, CPU_AVX2 | CPU_AVX512VNNI, CPU_NEON };

static bool can_run(unsigned mask)
{
    return (mask & cpu_flags()) == mask;
}

static void every_device(device_fn *body)
{
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        for (int precision = PRECISION_INT8; precision <= PRECISION_F32 && can_run(masks[i]); precision++) {
            for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
                struct device d;
                device_open(&d, masks[i], n_threads, (enum precision)precision);
                body(&d);
                op_ctx_close(d.c);
            }
        }
    }
}

static float *random_rows(struct rng *r, int n_row, int n)
{
    float *x = xcalloc((size_t)n_row * (size_t)n, sizeof *x);
    kernel_random(r, x, (size_t)n_row * (size_t)n);
    return x;
}

static void check(const struct device *d, const char *what, const float *got, const double *want, size_t n)
{
    char name[160];
    float *w = xcalloc(n, sizeof *w);
    for (size_t i = 0; i < n; i++)
        w[i] = (float)want[i];
    snprintf(name, sizeof name, "%s, %s", what, op_ctx_name(d->c));
    kernel_check_nmse(name, got, w, n, d->bound);
    mem_free(w);
}

/* --- matrices -------------------------------------------------------------------------------------------------------------------- */

struct form {
    enum quant_mode mode;
    int bits, group;
};
static const struct form affine4 = { QUANT_AFFINE, 4, 64 };

/* A stack of matrices in memory of its own, elements of about unit norm over a row. */
static struct mat random_mat(struct rng *r, struct form f, int n_mat, int n_out, int n_in)
{
    struct mat m = { f.mode, f.bits, f.group, DTYPE_F32, n_mat, n_out, n_in, NULL, NULL, NULL, NULL };
    size_t n_row = (size_t)n_mat * (size_t)n_out, n_w = n_row * mat_row_bytes(&m), n_s = n_row * (size_t)mat_groups(&m);
    float norm = 1 / sqrtf((float)n_in);
    uint8_t *w = xmalloc(n_w);
    for (size_t i = 0; i < n_w; i++)
        w[i] = (uint8_t)rng_next(r);
    for (size_t i = 0; f.mode == QUANT_PLAIN && i < n_w / 4; i++)
        memcpy(w + 4 * i, &(float){ rng_normal(r) * norm }, sizeof(float));
    m.w = w;
    if (f.mode == QUANT_AFFINE) {
        float *s = xcalloc(n_s, sizeof *s), *b = xcalloc(n_s, sizeof *b), levels = (float)(1 << f.bits);
        for (size_t g = 0; g < n_s; g++) {
            s[g] = rng_normal(r) * norm * 4 / levels;
            b[g] = -s[g] * levels / 2 + rng_normal(r) * norm * 0.1f;
        }
        m.s = (const uint8_t *)s;
        m.b = (const uint8_t *)b;
    }
    return m;
}

static void mat_free(struct mat *m)
{
    mem_free((void *)m->w);
    mem_free((void *)m->s);
    mem_free((void *)m->b);
}

/* y = W[e] x in double; on the int8 path x is what its eight bits hold. */
static void naive_product(const struct device *d, const struct mat *m, int e, const double *x, double *y)
{
    struct kernels ref;
    float w[512];
    double seen[512];
    assert_true(m->n_in <= 512);
    kernels_init(&ref, 0);
    memcpy(seen, x, (size_t)m->n_in * sizeof *x);
    for (int i = 0; d->precision == PRECISION_INT8 && m->mode == QUANT_AFFINE && i < m->n_in; i += m->group) {
        double most = 0;
        for (int j = i; j < i + m->group; j++)
            most = fmax(most, fabs(x[j]));
        for (int j = i; j < i + m->group; j++)
            seen[j] = most > 0 ? rint(x[j] / (most / 127)) * (most / 127) : 0;
    }
    for (int o = 0; o < m->n_out; o++) {
        ref.dequant(w, m, e, o, 0, m->n_in);
        y[o] = 0;
        for (int i = 0; i < m->n_in; i++)
            y[o] += (double)w[i] * seen[i];
    }
}

static void naive_norm(const float *x, const float *w, int n, double *y)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    for (int i = 0; i < n; i++)
        y[i] = (double)x[i] / sqrt(sum / n + (double)eps) * (double)w[i];
}

static void widen(double *y, const float *x, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = (double)x[i];
}

/* --- sequences and pages ------------------------------------------------------------------------------------------------------- */

/* Pages of one layer; three sequences take them in turn, so that none is contiguous. NaN wherever nothing was appended. */
struct cache {
    struct kv_layer kv;
    int32_t pages[3][N_PAGE / 3];
};

static void cache_init(struct cache *k, struct device *d, enum kv_type type)
{
    size_t page = kv_layer_page_bytes(type, N_KV_HEAD, D_HEAD);
    k->kv = (struct kv_layer){ op_alloc(d->c, page * N_PAGE), page, type, N_KV_HEAD, D_HEAD };
    assert_non_null(k->kv.base);
    memset(k->kv.base, 0xff, page * N_PAGE);
    for (int p = 0; p < N_PAGE; p++)
        k->pages[p % 3][p / 3] = p;
}

static double stored(const struct cache *k, int seq, bool values, int h, int pos, int d)
{
    return kernel_stored(&k->kv, k->pages[seq][pos / KV_PAGE_TOK], values, h, pos % KV_PAGE_TOK, d);
}

/* Random keys and values for positions [0, n_tok) of a sequence. */
static void cache_fill(struct cache *k, struct rng *r, int seq, int n_tok)
{
    struct kernels ref;
    kernels_init(&ref, 0);
    for (int pos = 0; pos < n_tok; pos++) {
        float key[N_KV], value[N_KV];
        kernel_random(r, key, N_KV);
        kernel_random(r, value, N_KV);
        ref.kv_append(&k->kv, k->pages[seq][pos / KV_PAGE_TOK], pos % KV_PAGE_TOK, key, value);
    }
}

/* A step of three sequences: the beginning of one, one row far along, and rows across a page's end. */
struct three {
    struct step_seq seqs[3];
    struct step step;
};
static const int three_rows[] = { 5, 1, 20 }, three_pos[] = { 0, 400, 55 };

static void three_init(struct three *t, const struct cache *k)
{
    *t = (struct three){ .step = { .n_seq = 3 } };
    for (int i = 0; i < 3; i++) {
        t->seqs[i] = (struct step_seq){ t->step.n_tok, three_rows[i], three_pos[i], k ? k->pages[i] : NULL };
        t->step.n_tok += three_rows[i];
    }
    t->step.seqs = t->seqs;
}

/* --- embedding, positions, norm, products with one matrix -------------------------------------------------------------------------- */

static void check_embed(struct device *d)
{
    struct kernels ref;
    struct mat m = random_mat(&d->r, (struct form){ QUANT_AFFINE, 6, 32 }, 1, N_VOCAB, N_EMBD);
    int32_t ids[MAX_TOK];
    const struct step_seq seq = { .n_row = MAX_TOK };
    const struct step s = { .n_tok = MAX_TOK, .ids = ids, .n_seq = 1, .seqs = &seq };
    float *x = random_rows(&d->r, MAX_TOK, N_EMBD), w[N_EMBD];
    kernels_init(&ref, 0);
    for (int t = 0; t < MAX_TOK; t++)
        ids[t] = (int32_t)rng_below(&d->r, N_VOCAB);
    ids[MAX_TOK - 1] = N_VOCAB - 1;
    op_embed(d->c, x, &m, &s);
    for (int t = 0; t < MAX_TOK; t++) {
        ref.dequant(w, &m, 0, ids[t], 0, N_EMBD);
        kernel_check_nmse("embed", x + t * N_EMBD, w, N_EMBD, 1e-13);
    }
    mat_free(&m);
    mem_free(x);
}

static void embed_looks_rows_up(void **state)
{
    (void)state;
    every_device(check_embed);
}

static void check_rope_table(struct device *d)
{
    enum { N_FREQ = 16 };
    struct three t;
    float inv_freq[N_FREQ], cs[32 * 2 * N_FREQ];
    three_init(&t, NULL);
    t.seqs[1].pos = 131071;
    for (int i = 0; i < N_FREQ; i++)
        inv_freq[i] = powf(1e6f, -(float)i / N_FREQ);
    op_rope_table(d->c, cs, inv_freq, N_FREQ, &t.step);
    for (int s = 0; s < 3; s++) {
        for (int r = 0; r < t.seqs[s].n_row; r++) {
            for (int i = 0; i < N_FREQ; i++) {
                volatile float angle = (float)(t.seqs[s].pos + r) * inv_freq[i];
                const float *at = cs + ((t.seqs[s].row + r) * N_FREQ + i) * 2;
                assert_true(at[0] == (float)cos((double)angle) && at[1] == (float)sin((double)angle));
            }
        }
    }
}

static void rope_table_is_exact_for_every_row(void **state)
{
    (void)state;
    every_device(check_rope_table);
}

static void check_norm_and_linear(struct device *d)
{
    static const struct form forms[] = { { QUANT_AFFINE, 4, 64 }, { QUANT_AFFINE, 3, 32 }, { QUANT_PLAIN, 32, 0 } };
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        for (int n_tok = 1; n_tok <= MAX_TOK; n_tok += MAX_TOK - 1) {
            struct mat m = random_mat(&d->r, forms[f], 1, N_EMBD, N_Q);
            float *x = random_rows(&d->r, n_tok, N_EMBD), *y = random_rows(&d->r, n_tok, N_Q),
                  *w = random_rows(&d->r, 1, N_EMBD);
            double *want = xcalloc((size_t)n_tok * N_EMBD, sizeof *want), in[N_Q], out[N_EMBD];
            for (int t = 0; t < n_tok; t++) {
                widen(in, y + t * N_Q, N_Q);
                naive_product(d, &m, 0, in, out);
                for (int i = 0; i < N_EMBD; i++)
                    want[t * N_EMBD + i] = (double)x[t * N_EMBD + i] + out[i];
            }
            op_linear_add(d->c, x, &m, y, n_tok);
            check(d, "linear_add", x, want, (size_t)n_tok * N_EMBD);
            for (int t = 0; t < n_tok; t++)
                naive_norm(x + t * N_EMBD, w, N_EMBD, want + t * N_EMBD);
            op_norm(d->c, y, x, w, N_EMBD, eps, n_tok);
            check(d, "norm", y, want, (size_t)n_tok * N_EMBD);
            mat_free(&m);
            mem_free(x);
            mem_free(y);
            mem_free(w);
            mem_free(want);
        }
    }
}

static void norm_and_linear_add_are_what_they_say(void **state)
{
    (void)state;
    every_device(check_norm_and_linear);
}

static void check_head(struct device *d)
{
    const int32_t rows[] = { 25, 0, 7, 7, 19 };
    struct mat m = random_mat(&d->r, (struct form){ QUANT_AFFINE, 8, 32 }, 1, N_VOCAB, N_EMBD);
    float *x = random_rows(&d->r, 26, N_EMBD), *w = random_rows(&d->r, 1, N_EMBD), logits[5 * N_VOCAB];
    double y[N_EMBD], want[5 * N_VOCAB];
    struct three t;
    three_init(&t, NULL);
    t.step.n_out = 5;
    t.step.out_rows = rows;
    for (int i = 0; i < 5; i++) {
        naive_norm(x + rows[i] * N_EMBD, w, N_EMBD, y);
        naive_product(d, &m, 0, y, want + i * N_VOCAB);
    }
    op_head(d->c, logits, &m, w, eps, x, &t.step);
    check(d, "head", logits, want, ARRAY_LEN(want));
    mat_free(&m);
    mem_free(x);
    mem_free(w);
}

static void head_gives_logits_of_the_chosen_rows(void **state)
{
    (void)state;
    every_device(check_head);
}

/* --- attention ----------------------------------------------------------------------------------------------------------------- */

struct qkv {
    struct mat wq, wk, wv;
    float *norm, *q_norm, *k_norm;
};

static void qkv_init(struct qkv *a, struct rng *r, struct form q, struct form k, struct form v)
{
    a->wq = random_mat(r, q, 1, N_Q, N_EMBD);
    a->wk = random_mat(r, k, 1, N_KV, N_EMBD);
    a->wv = random_mat(r, v, 1, N_KV, N_EMBD);
    a->norm = random_rows(r, 1, N_EMBD);
    a->q_norm = random_rows(r, 1, D_HEAD);
    a->k_norm = random_rows(r, 1, D_HEAD);
}

static void qkv_deinit(struct qkv *a)
{
    mat_free(&a->wq);
    mat_free(&a->wk);
    mat_free(&a->wv);
    mem_free(a->norm);
    mem_free(a->q_norm);
    mem_free(a->k_norm);
}

static void naive_head(double *x, const float *w, const float *cs, int n_rot)
{
    double sum = 0;
    for (int i = 0; w && i < D_HEAD; i++)
        sum += x[i] * x[i];
    for (int i = 0; w && i < D_HEAD; i++)
        x[i] = x[i] / sqrt(sum / D_HEAD + (double)eps) * (double)w[i];
    for (int i = 0; i < n_rot / 2; i++) {
        double u = x[i], v = x[i + n_rot / 2], c = (double)cs[2 * i], s = (double)cs[2 * i + 1];
        x[i] = u * c - v * s;
        x[i + n_rot / 2] = u * s + v * c;
    }
}

/* What op_attn_in left of one row: its queries, and its keys and values in the pages. */
static void check_row(const struct device *d, const struct op_attn_in *p, const struct cache *k, int seq, int t,
                      int pos)
{
    double y[N_EMBD], q[N_Q], key[N_KV], value[N_KV];
    float got[N_KV];
    static const double of_storage[KV_TYPE_N] = { [KV_F16] = 2.5e-7, [KV_BF16] = 1.6e-5, [KV_Q8] = 2e-4 };
    struct device rounded = { .c = d->c, .bound = d->bound + of_storage[k->kv.type] };
    naive_norm(p->x + t * N_EMBD, p->norm, N_EMBD, y);
    naive_product(d, p->wq, 0, y, q);
    naive_product(d, p->wk, 0, y, key);
    naive_product(d, p->wv, 0, y, value);
    for (int h = 0; h < N_HEAD; h++)
        naive_head(q + h * D_HEAD, p->q_norm, p->cs + t * p->n_rot, p->n_rot);
    for (int h = 0; h < N_KV_HEAD; h++)
        naive_head(key + h * D_HEAD, p->k_norm, p->cs + t * p->n_rot, p->n_rot);
    check(d, "q", p->q + t * N_Q, q, N_Q);
    for (int values = 0; values < 2; values++) {
        for (int i = 0; i < N_KV; i++)
            got[i] = (float)stored(k, seq, values, i / D_HEAD, pos, i % D_HEAD);
        check(&rounded, values ? "v" : "k", got, values ? value : key, N_KV);
    }
}

static void check_attn_in(struct device *d)
{
    static const struct form forms[][3] = {
        { { QUANT_AFFINE, 4, 64 }, { QUANT_AFFINE, 4, 64 }, { QUANT_AFFINE, 4, 64 } },
        { { QUANT_AFFINE, 4, 64 }, { QUANT_AFFINE, 4, 32 }, { QUANT_AFFINE, 6, 64 } },
        { { QUANT_PLAIN, 32, 0 }, { QUANT_AFFINE, 8, 128 }, { QUANT_PLAIN, 32, 0 } },
        { { QUANT_AFFINE, 5, 64 }, { QUANT_AFFINE, 5, 64 }, { QUANT_AFFINE, 4, 64 } },
    };
    static const enum kv_type types[] = { KV_F32, KV_F16, KV_Q8, KV_BF16 };
    for (int f = 0; f < (int)ARRAY_LEN(forms); f++) {
        struct qkv a;
        struct cache k;
        struct three t;
        float cs[32 * D_HEAD], inv_freq[D_HEAD / 2], q[32 * N_Q], *x = random_rows(&d->r, 26, N_EMBD);
        int n_rot = f == 1 ? D_HEAD / 2 : D_HEAD;
        qkv_init(&a, &d->r, forms[f][0], forms[f][1], forms[f][2]);
        cache_init(&k, d, types[f]);
        three_init(&t, &k);
        for (int i = 0; i < n_rot / 2; i++)
            inv_freq[i] = powf(10000, -2 * (float)i / (float)n_rot);
        op_rope_table(d->c, cs, inv_freq, n_rot / 2, &t.step);
        struct op_attn_in p = { .x = x, .norm = a.norm, .eps = eps, .wq = &a.wq, .wk = &a.wk, .wv = &a.wv, .cs = cs };
        p.q_norm = f == 2 ? NULL : a.q_norm;
        p.k_norm = f == 2 ? NULL : a.k_norm;
        p.n_rot = n_rot;
        p.n_head = N_HEAD;
        p.kv = &k.kv;
        p.q = q;
        op_attn_in(d->c, &p, &t.step);
        for (int s = 0; s < 3; s++)
            for (int r = 0; r < t.seqs[s].n_row; r++)
                check_row(d, &p, &k, s, t.seqs[s].row + r, t.seqs[s].pos + r);
        op_free(d->c, k.kv.base);
        qkv_deinit(&a);
        mem_free(x);
    }
}

static void attn_in_makes_queries_and_appends_keys_and_values(void **state)
{
    (void)state;
    every_device(check_attn_in);
}

/* Attention of one query head over positions [0, pos] of a sequence. */
static void naive_attention(const struct cache *k, int seq, int h_kv, const float *q, int pos, float scale, double *o)
{
    double s[N_PAGE / 3 * KV_PAGE_TOK], most = -HUGE_VAL, sum = 0;
    for (int j = 0; j <= pos; j++) {
        s[j] = 0;
        for (int i = 0; i < D_HEAD; i++)
            s[j] += (double)scale * (double)q[i] * stored(k, seq, false, h_kv, j, i);
        most = fmax(most, s[j]);
    }
    memset(o, 0, D_HEAD * sizeof *o);
    for (int j = 0; j <= pos; j++) {
        double e = exp(s[j] - most);
        sum += e;
        for (int i = 0; i < D_HEAD; i++)
            o[i] += e * stored(k, seq, true, h_kv, j, i);
    }
    for (int i = 0; i < D_HEAD; i++)
        o[i] /= sum;
}

static void attend_and_check(struct device *d, const struct cache *k, const struct step *s)
{
    struct device exact = { .c = d->c, .bound = 1e-10 };
    float *q = random_rows(&d->r, s->n_tok, N_Q), *o = random_rows(&d->r, s->n_tok, N_Q), scale = 0.21f;
    double *want = xcalloc((size_t)s->n_tok * N_Q, sizeof *want);
    for (int i = 0; i < s->n_seq; i++) {
        const struct step_seq *seq = &s->seqs[i];
        int which = seq->pages == k->pages[0] ? 0 : seq->pages == k->pages[1] ? 1 : 2;
        for (int r = 0; r < seq->n_row; r++) {
            for (int h = 0; h < N_HEAD; h++) {
                int at = (seq->row + r) * N_Q + h * D_HEAD;
                naive_attention(k, which, h * N_KV_HEAD / N_HEAD, q + at, seq->pos + r, scale, want + at);
            }
        }
    }
    op_attn(d->c, o, q, N_HEAD, scale, &k->kv, s);
    check(&exact, "attn", o, want, (size_t)s->n_tok * N_Q);
    mem_free(q);
    mem_free(o);
    mem_free(want);
}

/* Each path with the two types of storage that go with it best. */
static const enum kv_type types_of[2][2] = {
    [PRECISION_INT8] = { KV_F16, KV_Q8 }, [PRECISION_F32] = { KV_F32, KV_BF16 }
};

static void check_attn(struct device *d)
{
    for (int i = 0; i < 2; i++) {
        struct cache k;
        cache_init(&k, d, types_of[d->precision][i]);
        int n_tok = N_PAGE / 3 * KV_PAGE_TOK; /* one split */
        cache_fill(&k, &d->r, 0, 5);
        cache_fill(&k, &d->r, 1, 401);
        cache_fill(&k, &d->r, 2, n_tok);
        struct three t;
        three_init(&t, &k);
        attend_and_check(d, &k, &t.step);
        const struct step_seq all = { .n_row = MAX_TOK, .pos = n_tok - MAX_TOK, .pages = k.pages[2] };
        attend_and_check(d, &k, &(struct step){ .n_tok = MAX_TOK, .n_seq = 1, .seqs = &all });
        op_free(d->c, k.kv.base);
    }
}

static void attn_reads_each_sequence_up_to_the_row_itself(void **state)
{
    (void)state;
    every_device(check_attn);
}

/* --- router and experts -------------------------------------------------------------------------------------------------------- */

/* Sizes as a model allocates them. */
struct routed {
    struct routing r;
    int32_t expert[MAX_PAIR], order[MAX_PAIR], start[N_EXPERT + 1];
    float weight[MAX_PAIR];
};

static void routed_init(struct routed *a)
{
    memset(a, 0xff, sizeof *a);
    a->r = (struct routing){ N_EXPERT, N_ACTIVE, a->expert, a->weight, a->order, a->start };
}

/* order and start follow from expert. */
static void check_grouping(const struct routed *a, int n_tok)
{
    assert_int_equal(a->start[0], 0);
    assert_int_equal(a->start[N_EXPERT], n_tok * N_ACTIVE);
    for (int e = 0; e < N_EXPERT; e++) {
        for (int i = a->start[e]; i < a->start[e + 1]; i++) {
            assert_in_range(a->order[i], 0, n_tok * N_ACTIVE - 1);
            assert_int_equal(a->expert[a->order[i]], e);
            assert_true(i == a->start[e] || a->order[i] > a->order[i - 1]);
        }
    }
}

static void check_route(struct device *d)
{
    static const struct form forms[] = { { QUANT_AFFINE, 8, 64 }, { QUANT_PLAIN, 32, 0 } };
    struct device exact = { .c = d->c, .precision = PRECISION_F32, .bound = 1e-10 };
    for (int f = 0; f < 4; f++) {
        bool normalise = f % 2;
        struct mat m = random_mat(&d->r, forms[f / 2], 1, N_EXPERT, N_EMBD);
        struct routed a;
        float *y = random_rows(&d->r, MAX_TOK, N_EMBD);
        routed_init(&a);
        op_route(d->c, &a.r, &m, normalise, y, MAX_TOK);
        check_grouping(&a, MAX_TOK);
        for (int t = 0; t < MAX_TOK; t++) {
            double in[N_EMBD], p[N_EXPERT], want[N_ACTIVE], sum = 0, chosen = 0;
            widen(in, y + t * N_EMBD, N_EMBD);
            naive_product(&exact, &m, 0, in, p);
            for (int e = 0; e < N_EXPERT; e++)
                sum += exp(p[e]);
            for (int k = 0; k < N_ACTIVE; k++) {
                int best = a.expert[t * N_ACTIVE + k];
                for (int e = 0; e < N_EXPERT; e++)
                    assert_true(p[e] <= p[best] + 1e-5);
                want[k] = exp(p[best]) / sum;
                chosen += want[k];
                p[best] = -HUGE_VAL;
            }
            for (int k = 0; k < N_ACTIVE && normalise; k++)
                want[k] /= chosen;
            check(&exact, "route", a.weight + t * N_ACTIVE, want, N_ACTIVE);
        }
        mat_free(&m);
        mem_free(y);
    }
}

static void route_chooses_the_most_probable_experts_and_groups_rows(void **state)
{
    (void)state;
    every_device(check_route);
}

/* Rows 2, 5 and 8 of the router are equal and largest, as are 0 and 1 after them; NaN in one row of y. */
static void check_ties(struct device *d)
{
    enum { N_TOK = 4 };
    float w[N_EXPERT * N_EMBD], y[N_TOK * N_EMBD];
    const float size[N_EXPERT] = { 1, 1, 2, 0, -1, 2, 0, 0.5f, 2 };
    struct mat m = { QUANT_PLAIN, 32, 0, DTYPE_F32, 1, N_EXPERT, N_EMBD, (const uint8_t *)w, NULL, NULL, NULL };
    struct routed a;
    for (int e = 0; e < N_EXPERT; e++)
        for (int i = 0; i < N_EMBD; i++)
            w[e * N_EMBD + i] = size[e] / N_EMBD;
    for (int i = 0; i < N_TOK * N_EMBD; i++)
        y[i] = 1;
    for (int i = 0; i < N_EMBD; i++) {
        y[1 * N_EMBD + i] = 0;
        y[3 * N_EMBD + i] = NAN;
    }
    routed_init(&a);
    op_route(d->c, &a.r, &m, true, y, N_TOK);
    check_grouping(&a, N_TOK);
    const int32_t want[] = { 2, 5, 8, 0, 1, 2, 2, 5, 8 };
    assert_memory_equal(a.expert, want, sizeof want);
    assert_true(a.weight[0] == a.weight[1] && fabs((double)a.weight[3] - 1.0 / 3) < 1e-6);
    const int32_t *odd = a.expert + 3 * N_ACTIVE; /* whatever, but three different experts */
    assert_true(odd[0] != odd[1] && odd[1] != odd[2] && odd[0] != odd[2]);
}

static void route_takes_the_lower_index_of_equals_and_survives_nan(void **state)
{
    (void)state;
    every_device(check_ties);
}

/* One gated layer: rows to experts as `a` says, or dense. */
static void check_glu(struct device *d, const struct routed *a, int n_tok, struct form gate_form, struct form up_form)
{
    int n_active = a ? N_ACTIVE : 1, n_pair = n_tok * n_active, n_mat = a ? N_EXPERT : 1;
    struct mat gate = random_mat(&d->r, gate_form, n_mat, N_FF, N_EMBD),
               up = random_mat(&d->r, up_form, n_mat, N_FF, N_EMBD);
    struct mat down = random_mat(&d->r, (struct form){ QUANT_AFFINE, 4, 32 }, n_mat, N_EMBD, N_FF);
    float *y = random_rows(&d->r, n_tok, N_EMBD), *x = random_rows(&d->r, n_tok, N_EMBD),
          *h = random_rows(&d->r, n_pair, N_FF);
    double *want = xcalloc((size_t)n_pair * N_FF, sizeof *want),
           *want_x = xcalloc((size_t)n_tok * N_EMBD, sizeof *want_x);
    op_glu_up(d->c, h, &gate, &up, y, a ? &a->r : NULL, n_tok, 0, gate.n_mat);
    for (int i = 0; i < n_pair; i++) {
        double in[N_EMBD], g[N_FF], u[N_FF], hidden[N_FF], out[N_EMBD];
        int t = i / n_active, e = a ? a->expert[i] : 0;
        widen(in, y + t * N_EMBD, N_EMBD);
        naive_product(d, &gate, e, in, g);
        naive_product(d, &up, e, in, u);
        for (int o = 0; o < N_FF; o++)
            want[i * N_FF + o] = g[o] / (1 + exp(-g[o])) * u[o];
        widen(hidden, h + i * N_FF, N_FF);
        naive_product(d, &down, e, hidden, out);
        for (int o = 0; o < N_EMBD; o++)
            want_x[t * N_EMBD + o] += out[o] * (a ? (double)a->weight[i] : 1);
    }
    check(d, "glu_up", h, want, (size_t)n_pair * N_FF);
    for (int i = 0; i < n_tok * N_EMBD; i++)
        want_x[i] += (double)x[i];
    op_glu_down(d->c, x, &down, h, a ? &a->r : NULL, n_tok, 0, down.n_out);
    check(d, "glu_down", x, want_x, (size_t)n_tok * N_EMBD);
    mat_free(&gate);
    mat_free(&up);
    mat_free(&down);
    mem_free(y);
    mem_free(x);
    mem_free(h);
    mem_free(want);
    mem_free(want_x);
}

/* Routes made by hand: every row to the same experts, or to random ones of which some get none. */
static void made_routing(struct routed *a, struct rng *r, int n_tok, bool same)
{
    int at = 0;
    routed_init(a);
    for (int t = 0; t < n_tok; t++) {
        int first = same ? 2 : 2 * (int)rng_below(r, N_EXPERT / 2); /* odd ones only by the steps below */
        for (int k = 0; k < N_ACTIVE; k++) {
            a->expert[t * N_ACTIVE + k] = (first + 2 * (N_ACTIVE - k)) % (N_EXPERT - 1);
            a->weight[t * N_ACTIVE + k] = (float)rng_unit(r);
        }
    }
    for (int e = 0; e < N_EXPERT; e++) {
        a->start[e] = at;
        for (int i = 0; i < n_tok * N_ACTIVE; i++)
            if (a->expert[i] == e)
                a->order[at++] = i;
    }
    a->start[N_EXPERT] = at;
}

static void check_gated_layers(struct device *d)
{
    struct routed a;
    const struct form affine5 = { QUANT_AFFINE, 5, 32 }, plain = { QUANT_PLAIN, 32, 0 };
    made_routing(&a, &d->r, MAX_TOK, true); /* more rows to an expert than a block holds */
    check_glu(d, &a, MAX_TOK, affine4, affine4);
    made_routing(&a, &d->r, 31, false);
    check_glu(d, &a, 31, affine4, affine5);
    made_routing(&a, &d->r, 1, false);
    check_glu(d, &a, 1, plain, affine4);
    check_glu(d, NULL, MAX_TOK, affine4, affine4);
    check_glu(d, NULL, 1, affine5, plain);
}

static void gated_layers_sum_their_experts(void **state)
{
    (void)state;
    every_device(check_gated_layers);
}

/* --- bits ------------------------------------------------------------------------------------------------------------------------ */

/* A whole layer and its weights, to run a long sequence through in different ways. */
enum { LONG = 560 }; /* more than one split of attention */

struct layer {
    struct qkv a;
    struct mat wo, router, gate, up, down;
    float inv_freq[D_HEAD / 2];
};

static void layer_init(struct layer *l, struct rng *r)
{
    qkv_init(&l->a, r, affine4, affine4, (struct form){ QUANT_AFFINE, 6, 64 });
    l->wo = random_mat(r, affine4, 1, N_EMBD, N_Q);
    l->router = random_mat(r, (struct form){ QUANT_AFFINE, 8, 64 }, 1, N_EXPERT, N_EMBD);
    l->gate = random_mat(r, affine4, N_EXPERT, N_FF, N_EMBD);
    l->up = random_mat(r, affine4, N_EXPERT, N_FF, N_EMBD);
    l->down = random_mat(r, (struct form){ QUANT_AFFINE, 4, 32 }, N_EXPERT, N_EMBD, N_FF);
    for (int i = 0; i < D_HEAD / 2; i++)
        l->inv_freq[i] = powf(10000, -2 * (float)i / D_HEAD);
}

static void layer_deinit(struct layer *l)
{
    struct mat *all[] = { &l->wo, &l->router, &l->gate, &l->up, &l->down };
    qkv_deinit(&l->a);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        mat_free(all[i]);
}

/* How many of the n things that are left come next: all, or where `cut` any number. */
static int part_of(struct device *d, bool cut, int n)
{
    return cut ? 1 + (int)rng_below(&d->r, (uint32_t)n) : n;
}

/* Rows [at, at + n) of a step, as a step. */
static struct step rows_of(const struct step *s, struct step_seq seqs[2], int at, int n)
{
    struct step part = { .n_tok = n, .seqs = seqs };
    for (int i = 0; i < s->n_seq; i++) {
        const struct step_seq *q = &s->seqs[i];
        int from = MAX(at, q->row), to = MIN(at + n, q->row + q->n_row);
        if (from < to)
            seqs[part.n_seq++] = (struct step_seq){ from - at, to - from, q->pos + from - q->row, q->pages };
    }
    return part;
}

static void attend(struct device *d, const struct layer *l, const struct cache *k, const struct step *s, float *x,
                   const float *cs, bool cut)
{
    float *q = xcalloc(MAX_TOK * N_Q, sizeof *q), *o = xcalloc(MAX_TOK * N_Q, sizeof *o);
    for (int t = 0, n; t < s->n_tok; t += n) {
        struct step_seq seqs[2];
        n = part_of(d, cut, s->n_tok - t);
        const struct step part = rows_of(s, seqs, t, n);
        const struct op_attn_in p = { .x = x + t * N_EMBD,
                                      .norm = l->a.norm,
                                      .eps = eps,
                                      .wq = &l->a.wq,
                                      .wk = &l->a.wk,
                                      .wv = &l->a.wv,
                                      .q_norm = l->a.q_norm,
                                      .k_norm = l->a.k_norm,
                                      .cs = cs + t * D_HEAD,
                                      .n_rot = D_HEAD,
                                      .n_head = N_HEAD,
                                      .kv = &k->kv,
                                      .q = q + t * N_Q };
        op_attn_in(d->c, &p, &part);
        op_attn(d->c, o + t * N_Q, q + t * N_Q, N_HEAD, 0.18f, &k->kv, &part);
        op_linear_add(d->c, x + t * N_EMBD, &l->wo, o + t * N_Q, n);
    }
    mem_free(q);
    mem_free(o);
}

/* One step of the layer: x [n_tok][N_EMBD] in place. `cut`: in parts of random size. */
static void layer_step(struct device *d, const struct layer *l, const struct cache *k, const struct step *s, float *x,
                       bool cut)
{
    float cs[MAX_TOK * D_HEAD], *y = xcalloc(MAX_TOK * N_EMBD, sizeof *y),
                                *h = xcalloc((size_t)MAX_PAIR * N_FF, sizeof *h);
    struct routed a;
    routed_init(&a);
    op_rope_table(d->c, cs, l->inv_freq, D_HEAD / 2, s);
    attend(d, l, k, s, x, cs, cut);
    op_norm(d->c, y, x, l->a.norm, N_EMBD, eps, s->n_tok);
    op_route(d->c, &a.r, &l->router, true, y, s->n_tok);
    for (int e = 0, n; e < N_EXPERT; e += n) {
        n = part_of(d, cut, N_EXPERT - e);
        op_glu_up(d->c, h, &l->gate, &l->up, y, &a.r, s->n_tok, e, e + n);
    }
    for (int o = 0, n; o < N_EMBD; o += n) {
        n = part_of(d, cut, N_EMBD - o);
        op_glu_down(d->c, x, &l->down, h, &a.r, s->n_tok, o, o + n);
    }
    mem_free(y);
    mem_free(h);
}

/* A way to run a long sequence. */
struct way {
    int n_threads, chunk, beside;
    bool cut;
};

/* The first n_row rows of the sequence in chunks of at most w->chunk rows (0: of any), with w->beside rows of another sequence in each
 * step. x in place. */
static void run_long(struct device *d, const struct layer *l, enum kv_type type, int n_row, const struct way *w,
                     float *x)
{
    const int chunk = w->chunk, beside = w->beside;
    struct cache k;
    float *rows = xcalloc((size_t)MAX_TOK * N_EMBD, sizeof *rows);
    cache_init(&k, d, type);
    /* The long sequence needs more pages than a third. */
    int32_t pages[LONG / KV_PAGE_TOK + 1];
    for (int p = 0; p < (int)ARRAY_LEN(pages); p++)
        pages[p] = N_PAGE - 1 - 2 * p;
    for (int pos = 0, n, step = 0; pos < n_row; pos += n, step++) {
        n = MIN(chunk ? chunk : 1 + (int)rng_below(&d->r, MAX_TOK - 4), n_row - pos);
        const struct step_seq seqs[2] = { { 0, beside, step % 7, (const int32_t[]){ 0 } }, { beside, n, pos, pages } };
        const struct step s = { .n_tok = beside + n, .n_seq = beside ? 2 : 1, .seqs = beside ? seqs : seqs + 1 };
        kernel_random(&d->r, rows, (size_t)beside * N_EMBD);
        memcpy(rows + beside * N_EMBD, x + pos * N_EMBD, (size_t)n * N_EMBD * sizeof *x);
        layer_step(d, l, &k, &s, rows, w->cut);
        memcpy(x + pos * N_EMBD, rows + beside * N_EMBD, (size_t)n * N_EMBD * sizeof *x);
    }
    op_free(d->c, k.kv.base);
    mem_free(rows);
}

/* Whether all ways give x the same bits, on one kind of device. */
static void every_way_agrees(const struct layer *l, const float *x, unsigned mask, enum precision precision,
                             enum kv_type type)
{
    static const struct way ways[] = { { 1, MAX_TOK, 0, false },
                                       { 3, 1, 0, false },
                                       { 2, 7, 3, false },
                                       { 3, 0, 1, false },
                                       { 2, MAX_TOK - 2, 2, true } };
    const size_t n = (size_t)LONG * N_EMBD;
    float *first = xcalloc(n, sizeof *first), *y = xcalloc(n, sizeof *y);
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        struct device d;
        device_open(&d, mask, ways[w].n_threads, precision);
        memcpy(y, x, n * sizeof *y);
        run_long(&d, l, type, mask ? LONG : LONG / 4 /* it is slow */, &ways[w], y);
        if (w == 0)
            memcpy(first, y, n * sizeof *y);
        else if (memcmp(first, y, n * sizeof *y) != 0)
            fail_msg("%s, %s: way %zu gives other bits", op_ctx_name(d.c), kv_type_name(type), w);
        op_ctx_close(d.c);
    }
    mem_free(first);
    mem_free(y);
}

static void a_row_has_the_same_bits_in_any_chunk_batch_part_and_number_of_threads(void **state)
{
    (void)state;
    struct layer l;
    struct rng r;
    kernel_rng(&r);
    layer_init(&l, &r);
    float *x = random_rows(&r, LONG, N_EMBD);
    for (size_t i = 0; i < ARRAY_LEN(masks); i++)
        for (int precision = PRECISION_INT8; precision <= PRECISION_F32 && can_run(masks[i]); precision++)
            for (int k = 0; k < (masks[i] ? 2 : 1); k++)
                every_way_agrees(&l, x, masks[i], (enum precision)precision, types_of[precision][k]);
    layer_deinit(&l);
    mem_free(x);
}

/* --- the device itself ----------------------------------------------------------------------------------------------------------- */

static void memory_is_zeroed_aligned_and_freed_in_any_order(void **state)
{
    (void)state;
    struct device d;
    uint8_t *p[3];
    device_open(&d, 0, 1, PRECISION_F32);
    for (size_t i = 0; i < 3; i++) {
        size_t n = 100000 * (i + 1);
        p[i] = op_alloc(d.c, n);
        assert_non_null(p[i]);
        assert_true((uintptr_t)p[i] % 64 == 0 && p[i][0] == 0 && p[i][n - 1] == 0);
        p[i][n - 1] = 1;
    }
    op_free(d.c, p[1]);
    op_free(d.c, NULL);
    op_free(d.c, p[0]);
    op_ctx_close(d.c); /* releases the third */
    op_ctx_close(NULL);
}

static void the_name_says_what_computes(void **state)
{
    (void)state;
    struct device d;
    device_open(&d, 0, 1, PRECISION_F32);
    assert_string_equal(op_ctx_name(d.c), "cpu ref, 1 thread, f32");
    op_ctx_close(d.c);
    device_open(&d, 0, 3, PRECISION_INT8);
    assert_string_equal(op_ctx_name(d.c), "cpu ref, 3 threads, int8");
    op_ctx_close(d.c);
}

static void sizes_beyond_memory_are_refused(void **state)
{
    (void)state;
    struct op_dims dims = small_dims();
    struct op_ctx *c = NULL;
    struct err e = ERR_INIT;
    dims.max_tok = INT_MAX;
    dims.n_embd = INT_MAX - 64;
    dims.n_ff = INT_MAX - 64;
    assert_int_equal(op_ctx_open_cpu(&c, 1, 0, PRECISION_INT8, &dims, &e), ERR_NOMEM);
    assert_null(c);
    assert_non_null(strstr(e.msg, "scratch"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embed_looks_rows_up),
        cmocka_unit_test(rope_table_is_exact_for_every_row),
        cmocka_unit_test(norm_and_linear_add_are_what_they_say),
        cmocka_unit_test(head_gives_logits_of_the_chosen_rows),
        cmocka_unit_test(attn_in_makes_queries_and_appends_keys_and_values),
        cmocka_unit_test(attn_reads_each_sequence_up_to_the_row_itself),
        cmocka_unit_test(route_chooses_the_most_probable_experts_and_groups_rows),
        cmocka_unit_test(route_takes_the_lower_index_of_equals_and_survives_nan),
        cmocka_unit_test(gated_layers_sum_their_experts),
        cmocka_unit_test(a_row_has_the_same_bits_in_any_chunk_batch_part_and_number_of_threads),
        cmocka_unit_test(memory_is_zeroed_aligned_and_freed_in_any_order),
        cmocka_unit_test(the_name_says_what_computes),
        cmocka_unit_test(sizes_beyond_memory_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
