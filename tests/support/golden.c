/* golden.c - reads golden.safetensors and compares, with sums in double.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "support/golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "engine/seq.h"

static const struct tensor *need(const struct golden *g, const char *name, enum dtype t, int n_dim)
{
    const struct tensor *v = tensors_find(&g->tensors, name);
    assert_non_null(v);
    assert_int_equal(v->dtype, t);
    assert_int_equal(v->n_dim, n_dim);
    return v;
}

void golden_open(struct golden *g, const char *path)
{
    struct err e = ERR_INIT;
    memset(g, 0, sizeof *g);
    if (file_map_open(&g->map, path, &e) || safetensors_parse(&g->tensors, g->map.p, g->map.n, 0, path, &e))
        fail_msg("%s", e.msg);
    const struct tensor *tokens = need(g, "tokens", DTYPE_I32, 1), *positions = need(g, "positions", DTYPE_I32, 1);
    const struct tensor *logits = need(g, "logits", DTYPE_F32, 2);
    g->n_tok = tokens->dim[0];
    g->n_pos = positions->dim[0];
    g->n_vocab = logits->dim[1];
    g->logits = logits->p;
    assert_int_equal(logits->dim[0], g->n_pos);
    g->tokens = xcalloc(g->n_tok, sizeof *g->tokens);
    g->positions = xcalloc(g->n_pos, sizeof *g->positions);
    for (size_t t = 0; t < g->n_tok; t++)
        g->tokens[t] = (int32_t)num_load_u32(tokens->p + 4 * t);
    for (size_t i = 0; i < g->n_pos; i++)
        g->positions[i] = num_load_u32(positions->p + 4 * i);
}

void golden_close(struct golden *g)
{
    mem_free(g->tokens);
    mem_free(g->positions);
    tensors_deinit(&g->tensors);
    file_map_close(&g->map);
}

struct comparing {
    const struct golden *g;
    size_t i; /* stored positions met so far */
    double *kl;
    struct divergence d;
};

static double log_sum_exp(const double *x, size_t n)
{
    double m = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        m = fmax(m, x[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp(x[i] - m);
    return m + log(sum);
}

static size_t best(const double *x, size_t n)
{
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[at])
            at = i;
    return at;
}

/* Compares the stored row at this position, if there is one. */
static void compare_stored(struct comparing *c, size_t pos, const double *our, double z_our)
{
    const struct golden *g = c->g;
    size_t n = g->n_vocab;
    if (c->i == g->n_pos || g->positions[c->i] != pos)
        return;
    double *ref = xcalloc(n, sizeof *ref), kl = 0;
    for (size_t v = 0; v < n; v++) {
        ref[v] = (double)num_load(g->logits, DTYPE_F32, c->i * n + v);
        c->d.max_abs = fmax(c->d.max_abs, fabs(ref[v] - our[v]));
    }
    double z_ref = log_sum_exp(ref, n);
    for (size_t v = 0; v < n; v++)
        kl += exp(ref[v] - z_ref) * ((ref[v] - z_ref) - (our[v] - z_our));
    c->kl[c->i++] = kl;
    c->d.mean_kl += kl;
    c->d.max_kl = fmax(c->d.max_kl, kl);
    c->d.top1 += best(ref, n) == best(our, n);
    mem_free(ref);
}

static void compare_row(void *arg, size_t pos, const float *logits)
{
    struct comparing *c = arg;
    size_t n = c->g->n_vocab;
    double *our = xcalloc(n, sizeof *our);
    for (size_t v = 0; v < n; v++) {
        our[v] = (double)logits[v];
        assert_true(isfinite(our[v]));
    }
    double z = log_sum_exp(our, n);
    compare_stored(c, pos, our, z);
    if (pos + 1 < c->g->n_tok) {
        c->d.nll += z - our[c->g->tokens[pos + 1]];
        c->d.n_nll++;
    }
    mem_free(our);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct divergence golden_compare(const struct golden *g, struct model *m, bool with_nll)
{
    struct err e = ERR_INIT;
    struct seq *s = NULL;
    struct comparing c = { .g = g, .kl = xcalloc(g->n_pos, sizeof(double)) };
    assert_int_equal(model_config(m)->n_vocab, g->n_vocab);
    size_t *all = xcalloc(g->n_tok, sizeof *all);
    for (size_t t = 0; t < g->n_tok; t++)
        all[t] = t;
    const struct seq_feed f = { .ids = g->tokens,
                                .n = g->n_tok,
                                .want = with_nll ? all : g->positions,
                                .n_want = with_nll ? g->n_tok : g->n_pos,
                                .on_logits = compare_row,
                                .arg = &c };
    if (seq_new(&s, m, g->n_tok, &e) || seq_feed(s, &f, &e))
        fail_msg("%s", e.msg);
    seq_free(s);
    mem_free(all);
    assert_int_equal(c.i, g->n_pos);
    qsort(c.kl, c.i, sizeof *c.kl, by_value);
    c.d.n = c.i;
    c.d.median_kl = (c.kl[(c.i - 1) / 2] + c.kl[c.i / 2]) / 2;
    c.d.mean_kl /= (double)c.i;
    c.d.top1 /= (double)c.i;
    if (c.d.n_nll)
        c.d.nll /= (double)c.d.n_nll;
    mem_free(c.kl);
    return c.d;
}
