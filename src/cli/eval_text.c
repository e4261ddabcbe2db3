/* eval_text.c - perplexity of a text.
 * SPDX-License-Identifier: MIT */
#include "cli/eval_text.h"

#include <math.h>

#include "base/base.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "engine/seq.h"

struct pass {
    const int32_t *ids; /* borrowed: the window's */
    size_t n_vocab;
    double sum; /* of the window's -log q */
    struct progress *bar;
    size_t before, total; /* tokens of the windows before this one, and of all */
};

static void on_logits(void *arg, size_t pos, const float *x)
{
    struct pass *p = arg;
    double best = -HUGE_VAL, sum = 0;
    for (size_t i = 0; i < p->n_vocab; i++)
        best = MAX(best, (double)x[i]);
    for (size_t i = 0; i < p->n_vocab; i++)
        sum += exp((double)x[i] - best);
    p->sum += best + log(sum) - (double)x[p->ids[pos + 1]];
}

static bool on_progress(void *arg, size_t done, size_t total)
{
    struct pass *p = arg;
    (void)total;
    progress_update(p->bar, p->before + done, p->total);
    return interrupt_pending();
}

static int read_ids(struct ids *ids, const struct load *l, const char *path, struct err *e)
{
    struct buf text = { 0 };
    int rc = file_read(&text, path, e);
    if (!rc)
        rc = tokenizer_encode(l->tok, buf_view(&text), TOKENIZER_ADDED_NONE, ids, e);
    buf_deinit(&text);
    if (rc)
        return rc;
    if (ids->n < 2)
        return err_set(e, ERR_FORMAT, "%s: has %zu token%s, at least 2 are needed", path, ids->n,
                       ids->n == 1 ? "" : "s");
    for (size_t i = 0; i < ids->n; i++)
        if (ids->v[i] >= model_config(l->model)->n_vocab)
            return err_set(e, ERR_FORMAT, "%s: token id %d is not in the model's vocabulary of %d", path,
                           (int)ids->v[i], model_config(l->model)->n_vocab);
    return 0;
}

/* Mean and standard error of the windows' values, in one pass (Welford 1962). */
static int run_windows(struct eval_text *out, struct seq *s, struct pass *p, const int32_t *ids, const size_t *want,
                       struct err *e)
{
    double mean = 0, spread = 0;
    size_t n = out->window;
    for (size_t w = 0; w < out->n_window; w++) {
        p->ids = ids + w * n;
        p->sum = 0;
        p->before = w * n;
        const struct seq_feed feed = { .ids = p->ids,
                                       .n = n - 1,
                                       .want = want,
                                       .n_want = n - 1,
                                       .on_logits = on_logits,
                                       .on_progress = on_progress,
                                       .arg = p };
        seq_truncate(s, 0);
        int rc = seq_feed(s, &feed, e);
        if (rc)
            return rc;
        double nll = p->sum / (double)(n - 1), d = nll - mean;
        mean += d / (double)(w + 1);
        spread += d * (nll - mean);
    }
    out->nll = mean;
    if (out->n_window > 1)
        out->nll_error = sqrt(spread / (double)(out->n_window - 1) / (double)out->n_window);
    return 0;
}

int eval_text(struct eval_text *out, const struct load *l, const char *path, size_t window, struct progress *bar,
              struct err *e)
{
    struct ids ids = { 0 };
    struct seq *s = NULL;
    size_t *want = NULL;
    *out = (struct eval_text){ 0 };
    int rc = read_ids(&ids, l, path, e);
    if (rc)
        goto out;
    out->n_tok = ids.n;
    out->window = MIN(window, ids.n);
    out->n_window = ids.n / out->window;
    out->n_unused = ids.n % out->window;
    want = mem_try_calloc(out->window, sizeof *want);
    if (!want) {
        rc = err_set(e, ERR_NOMEM, "no memory for a window of %zu tokens", out->window);
        goto out;
    }
    for (size_t i = 0; i < out->window; i++)
        want[i] = i;
    rc = seq_new(&s, l->model, out->window, e);
    if (rc)
        goto out;
    struct pass p = { .n_vocab = (size_t)model_config(l->model)->n_vocab, .bar = bar, .total = ids.n };
    rc = run_windows(out, s, &p, ids.v, want, e);
out:
    seq_free(s);
    mem_free(want);
    ids_deinit(&ids);
    return rc;
}

void eval_text_write(const struct eval_text *t, struct buf *out, bool json)
{
    double perplexity = exp(t->nll), error = perplexity * t->nll_error;
    buf_printf(out, json ? "\"tokens\": %zu, \"unused_tokens\": %zu, " : "tokens      %zu, %zu of them not used\n",
               t->n_tok, t->n_unused);
    buf_printf(out, json ? "\"window\": %zu, \"windows\": %zu, " : "windows     of %zu tokens: %zu\n", t->window,
               t->n_window);
    if (t->n_window > 1)
        buf_printf(out,
                   json ? "\"nll\": %.9g, \"nll_error\": %.9g, \"perplexity\": %.9g, \"perplexity_error\": %.9g"
                        : "nll         %.6f +- %.6f nats a token\nperplexity  %.4f +- %.4f\n",
                   t->nll, t->nll_error, perplexity, error);
    else
        buf_printf(out,
                   json ? "\"nll\": %.9g, \"nll_error\": null, \"perplexity\": %.9g, \"perplexity_error\": null"
                        : "nll         %.6f nats a token\nperplexity  %.4f (one window: no error can be given)\n",
                   t->nll, perplexity);
}
