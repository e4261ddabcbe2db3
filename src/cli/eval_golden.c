/* eval_golden.c - a model against stored logits of a reference.
 * SPDX-License-Identifier: MIT */
#include "cli/eval_golden.h"

#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/interrupt.h"
#include "engine/seq.h"
#include "format/safetensors.h"

/* One golden file. */
struct golden {
    struct file_map map;    /* owned; the tensors borrow from it */
    struct tensors tensors; /* owned */
    int32_t *ids;           /* owned; [n_tok] */
    size_t n_tok;
    size_t *at; /* owned; [n_at] positions with stored logits */
    size_t n_at;
    size_t *want; /* owned; [n_want] positions whose logits are computed */
    size_t n_want;
    const uint8_t *logits; /* borrowed from the map; f32 [n_at][n_vocab], any alignment */
};

/* The pass over one file. */
struct pass {
    struct eval_golden *sum;
    const struct golden *file;
    struct progress *bar;
    size_t n_vocab, next; /* next: index in file->at of the next stored position */
    bool nll, bad;        /* bad: a logit of ours was not finite */
};

static const struct tensor *need(const struct golden *g, const char *path, const char *name, enum dtype dtype,
                                 int n_dim, struct err *e)
{
    const struct tensor *t = tensors_find(&g->tensors, name);
    struct buf found = { 0 };
    if (t && t->dtype == dtype && t->n_dim == n_dim)
        return t;
    if (t)
        tensor_describe(&found, t);
    err_set(e, ERR_FORMAT, "%s: a golden file needs a tensor \"%s\" of type %s with %d dimension%s, found %s", path,
            name, dtype_name(dtype), n_dim, n_dim == 1 ? "" : "s", t ? found.p : "none");
    buf_deinit(&found);
    return NULL;
}

static int read_ids(struct golden *g, const struct tensor *t, int n_vocab, const char *path, struct err *e)
{
    g->n_tok = t->dim[0];
    g->ids = mem_try_calloc(MAX(g->n_tok, 1), sizeof *g->ids);
    if (!g->ids)
        return err_set(e, ERR_NOMEM, "%s: no memory for %zu tokens", path, g->n_tok);
    for (size_t i = 0; i < g->n_tok; i++) {
        g->ids[i] = (int32_t)num_load_u32(t->p + 4 * i);
        if (g->ids[i] < 0 || g->ids[i] >= n_vocab)
            return err_set(e, ERR_FORMAT, "%s: tokens[%zu] is %d, which is not in the model's vocabulary of %d", path,
                           i, (int)g->ids[i], n_vocab);
    }
    return 0;
}

static int read_positions(struct golden *g, const struct tensor *t, const char *path, struct err *e)
{
    g->n_at = t->dim[0];
    g->at = mem_try_calloc(MAX(g->n_at, 1), sizeof *g->at);
    if (!g->at)
        return err_set(e, ERR_NOMEM, "%s: no memory for %zu positions", path, g->n_at);
    for (size_t i = 0; i < g->n_at; i++) {
        int32_t pos = (int32_t)num_load_u32(t->p + 4 * i);
        if (pos < 0 || (size_t)pos >= g->n_tok || (i && (size_t)pos <= g->at[i - 1]))
            return err_set(e, ERR_FORMAT, "%s: positions[%zu] is %d: expected ascending positions below %zu", path, i,
                           (int)pos, g->n_tok);
        g->at[i] = (size_t)pos;
    }
    return 0;
}

static int golden_open(struct golden *g, const char *path, int n_vocab, struct err *e)
{
    if (file_map_open(&g->map, path, e) || safetensors_parse(&g->tensors, g->map.p, g->map.n, 0, path, e))
        return e->code;
    const struct tensor *tokens = need(g, path, "tokens", DTYPE_I32, 1, e);
    const struct tensor *positions = tokens ? need(g, path, "positions", DTYPE_I32, 1, e) : NULL;
    const struct tensor *logits = positions ? need(g, path, "logits", DTYPE_F32, 2, e) : NULL;
    if (!logits || read_ids(g, tokens, n_vocab, path, e) || read_positions(g, positions, path, e))
        return e->code;
    if (logits->dim[0] != g->n_at || logits->dim[1] != (size_t)n_vocab)
        return err_set(
            e, ERR_FORMAT,
            "%s: logits are [%zu, %zu], expected [%zu, %d]: a row for each position, of the model's vocabulary", path,
            logits->dim[0], logits->dim[1], g->n_at, n_vocab);
    if (!g->n_at)
        return err_set(e, ERR_FORMAT, "%s: holds no positions", path);
    g->logits = logits->p;
    return 0;
}

static void golden_close(struct golden *g)
{
    tensors_deinit(&g->tensors);
    file_map_close(&g->map);
    mem_free(g->ids);
    mem_free(g->at);
    mem_free(g->want);
}

/* Which positions to compute: the stored ones, or with nll all of them. */
static int choose_positions(struct golden *g, bool nll, struct err *e)
{
    g->n_want = nll ? g->n_tok : g->n_at;
    g->want = mem_try_calloc(g->n_want, sizeof *g->want);
    if (!g->want)
        return err_set(e, ERR_NOMEM, "no memory for %zu positions", g->n_want);
    for (size_t i = 0; i < g->n_want; i++)
        g->want[i] = nll ? i : g->at[i];
    return 0;
}

static double load(const uint8_t *row, size_t i)
{
    return (double)num_from_bits(num_load_u32(row + 4 * i));
}

/* log(sum(exp(x))) of our logits; not finite if one of them is not. */
static double log_sum_ours(const float *x, size_t n)
{
    double best = -HUGE_VAL, sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return HUGE_VAL;
        best = MAX(best, (double)x[i]);
    }
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - best);
    return best + log(sum);
}

static double log_sum_stored(const uint8_t *row, size_t n)
{
    double best = -HUGE_VAL, sum = 0;
    for (size_t i = 0; i < n; i++)
        best = MAX(best, load(row, i));
    for (size_t i = 0; i < n; i++)
        sum += exp(load(row, i) - best);
    return best + log(sum);
}

static void compare(struct pass *p, const uint8_t *ref, const float *ours, double lse_ours)
{
    struct eval_golden *g = p->sum;
    double kl = 0, lse_ref = log_sum_stored(ref, p->n_vocab);
    size_t best_ref = 0, best_ours = 0;
    for (size_t i = 0; i < p->n_vocab; i++) {
        double r = load(ref, i), o = (double)ours[i], prob = exp(r - lse_ref);
        if (prob > 0)
            kl += prob * ((r - lse_ref) - (o - lse_ours));
        g->max_abs = MAX(g->max_abs, fabs(r - o));
        if (r > load(ref, best_ref))
            best_ref = i;
        if (ours[i] > ours[best_ours])
            best_ours = i;
    }
    g->kl[g->n_pos++] = kl;
    g->n_agree += best_ref == best_ours;
}

static void on_logits(void *arg, size_t pos, const float *logits)
{
    struct pass *p = arg;
    const struct golden *f = p->file;
    double lse = log_sum_ours(logits, p->n_vocab);
    if (!isfinite(lse)) {
        p->bad = true;
        return;
    }
    if (p->nll && pos + 1 < f->n_tok) {
        p->sum->sum_nll += lse - (double)logits[f->ids[pos + 1]];
        p->sum->n_nll++;
    }
    if (p->next < f->n_at && f->at[p->next] == pos)
        compare(p, f->logits + p->next++ * p->n_vocab * sizeof(float), logits, lse);
}

static bool on_progress(void *arg, size_t done, size_t total)
{
    struct pass *p = arg;
    progress_update(p->bar, done, total);
    return interrupt_pending();
}

static int run(struct eval_golden *sum, struct model *m, const struct golden *g, const char *path, bool nll,
               struct progress *bar, struct err *e)
{
    struct seq *s = NULL;
    struct pass p = { .sum = sum, .file = g, .bar = bar, .n_vocab = (size_t)model_config(m)->n_vocab, .nll = nll };
    const struct seq_feed feed = { .ids = g->ids,
                                   .n = g->n_tok,
                                   .want = g->want,
                                   .n_want = g->n_want,
                                   .on_logits = on_logits,
                                   .on_progress = on_progress,
                                   .arg = &p };
    double *kl = mem_try_realloc(sum->kl, sum->n_pos + g->n_at, sizeof *kl);
    if (!kl)
        return err_set(e, ERR_NOMEM, "%s: no memory for %zu positions", path, g->n_at);
    sum->kl = kl;
    int rc = seq_new(&s, m, g->n_tok, e);
    if (!rc)
        rc = seq_feed(s, &feed, e);
    if (!rc && p.bad)
        rc = err_set(e, ERR_FORMAT, "%s: the model's logits are not finite: its weights hold infinities or NaN", path);
    seq_free(s);
    return rc;
}

int eval_golden_add(struct eval_golden *sum, struct model *m, const char *path, size_t nll_limit, struct progress *bar,
                    struct err *e)
{
    struct golden g = { 0 };
    int rc = golden_open(&g, path, model_config(m)->n_vocab, e);
    bool nll = g.n_tok <= nll_limit;
    if (!rc)
        rc = choose_positions(&g, nll, e);
    if (!rc)
        rc = run(sum, m, &g, path, nll, bar, e);
    if (!rc)
        sum->n_file++;
    golden_close(&g);
    return rc;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void eval_golden_write(struct eval_golden *g, struct buf *out, bool json)
{
    double sum = 0, n = (double)g->n_pos;
    for (size_t i = 0; i < g->n_pos; i++)
        sum += g->kl[i];
    qsort(g->kl, g->n_pos, sizeof *g->kl, by_value);
    double median = (g->kl[(g->n_pos - 1) / 2] + g->kl[g->n_pos / 2]) / 2;
    double top1 = (double)g->n_agree / n, nll = g->n_nll ? g->sum_nll / (double)g->n_nll : 0;
    buf_printf(out, json ? "\"files\": %zu, \"positions\": %zu, " : "files      %zu\npositions  %zu\n", g->n_file,
               g->n_pos);
    buf_printf(out,
               json ? "\"mean_kl\": %.9g, \"median_kl\": %.9g, \"max_kl\": %.9g, "
                    : "mean KL    %.3e nats\nmedian KL  %.3e nats\nlargest KL %.3e nats\n",
               sum / n, median, g->kl[g->n_pos - 1]);
    buf_printf(out, json ? "\"top1\": %.9g, \"max_abs\": %.9g, " : "top-1      %.6f\nlargest logit difference  %.3e\n",
               top1, g->max_abs);
    if (g->n_nll)
        buf_printf(out,
                   json ? "\"nll\": %.9g, \"nll_positions\": %zu" : "nll        %.6f nats a token over %zu tokens\n",
                   nll, g->n_nll);
    else
        buf_z(out, json ? "\"nll\": null, \"nll_positions\": 0" : "nll        no sequence was short enough\n");
}

void eval_golden_deinit(struct eval_golden *g)
{
    mem_free(g->kl);
    *g = (struct eval_golden){ 0 };
}
