/* seq.c - one sequence over pages of its own: page p holds its tokens from p * KV_PAGE_TOK on.
 * SPDX-License-Identifier: MIT */
#include "engine/seq.h"

#include <string.h>

#include "base/mem.h"

/* Rows with logits of one step. */
enum { SEQ_OUT_ROWS = 16 };

struct seq {
    struct model *m; /* borrowed: outlives the sequence */
    struct kv *kv;   /* owned */
    int32_t *pages;  /* owned; the identity: all pages are this sequence's */
    int32_t *ids;    /* owned; [n_ctx] */
    size_t n, n_ctx;
    float *logits; /* owned; [SEQ_OUT_ROWS][n_vocab] */
};

int seq_new(struct seq **out, struct model *m, size_t n_ctx, struct err *e)
{
    *out = NULL;
    size_t n_vocab = (size_t)model_config(m)->n_vocab;
    if (n_ctx < 1 || n_ctx > (size_t)INT32_MAX / 2)
        return err_set(e, ERR_ARG, "a context of %zu tokens: 1 to %d are possible", n_ctx, INT32_MAX / 2);
    int n_pages = (int)((n_ctx + KV_PAGE_TOK - 1) / KV_PAGE_TOK);
    struct seq *s = xcalloc(1, sizeof *s);
    s->m = m;
    s->n_ctx = n_ctx;
    s->pages = mem_try_calloc((size_t)n_pages, sizeof *s->pages);
    s->ids = mem_try_calloc(n_ctx, sizeof *s->ids);
    s->logits = mem_try_calloc(n_vocab * SEQ_OUT_ROWS, sizeof *s->logits);
    if (!s->pages || !s->ids || !s->logits) {
        seq_free(s);
        return err_set(e, ERR_NOMEM, "no memory for a sequence of %zu tokens", n_ctx);
    }
    int rc = model_kv_new(&s->kv, m, n_pages, e);
    if (rc) {
        seq_free(s);
        return rc;
    }
    for (int p = 0; p < n_pages; p++)
        s->pages[p] = p;
    *out = s;
    return 0;
}

void seq_free(struct seq *s)
{
    if (!s)
        return;
    kv_free(s->kv);
    mem_free(s->pages);
    mem_free(s->ids);
    mem_free(s->logits);
    mem_free(s);
}

/* The next chunk's rows with logits: fills out_rows, returns how many, and shortens *n_tok where more than SEQ_OUT_ROWS
 * would fall into the chunk. */
static int plan_outputs(const struct seq *s, const struct seq_feed *f, size_t at_want, size_t last_pos, int *n_tok,
                        int32_t *out_rows)
{
    int n_out = 0;
    size_t pos = s->n;
    if (!f->want) {
        if (f->on_logits && pos + (size_t)*n_tok - 1 == last_pos)
            out_rows[n_out++] = *n_tok - 1;
        return n_out;
    }
    for (size_t i = at_want; i < f->n_want && f->want[i] < pos + (size_t)*n_tok; i++) {
        if (n_out == SEQ_OUT_ROWS) {
            *n_tok = (int)(f->want[i] - pos);
            break;
        }
        out_rows[n_out++] = (int32_t)(f->want[i] - pos);
    }
    return n_out;
}

/* One chunk of at most max_rows tokens. */
static int feed_chunk(struct seq *s, const struct seq_feed *f, size_t done, size_t last_pos, size_t *at_want,
                      int *n_done, struct err *e)
{
    int32_t out_rows[SEQ_OUT_ROWS];
    int n_tok = (int)MIN(f->n - done, (size_t)model_max_rows(s->m));
    int n_out = plan_outputs(s, f, *at_want, last_pos, &n_tok, out_rows);
    const struct step_seq part = { .row = 0, .n_row = n_tok, .pos = (int)s->n, .pages = s->pages };
    const struct step step = {
        .n_tok = n_tok, .ids = f->ids + done, .n_seq = 1, .seqs = &part, .n_out = n_out, .out_rows = out_rows
    };
    int rc = model_forward(s->m, s->kv, &step, s->logits, e);
    if (rc)
        return rc;
    memcpy(s->ids + s->n, f->ids + done, (size_t)n_tok * sizeof *s->ids);
    size_t n_vocab = (size_t)model_config(s->m)->n_vocab;
    for (int i = 0; i < n_out && f->on_logits; i++)
        f->on_logits(f->arg, s->n + (size_t)out_rows[i], s->logits + (size_t)i * n_vocab);
    s->n += (size_t)n_tok;
    *at_want += (size_t)n_out;
    *n_done = n_tok;
    return 0;
}

int seq_feed(struct seq *s, const struct seq_feed *f, struct err *e)
{
    if (f->n > s->n_ctx - s->n)
        return err_set(e, ERR_LIMIT, "%zu tokens and %zu more do not fit the context of %zu tokens", s->n, f->n,
                       s->n_ctx);
    size_t last_pos = s->n + f->n - 1, at_want = 0;
    while (f->want && at_want < f->n_want && f->want[at_want] < s->n)
        at_want++;
    for (size_t done = 0; done < f->n;) {
        int n = 0;
        int rc = feed_chunk(s, f, done, last_pos, &at_want, &n, e);
        if (rc)
            return rc;
        done += (size_t)n;
        if (f->on_progress && f->on_progress(f->arg, done, f->n) && done < f->n)
            return err_set(e, ERR_CANCELLED, "stopped after %zu of %zu tokens", done, f->n);
    }
    return 0;
}

void seq_truncate(struct seq *s, size_t n)
{
    s->n = MIN(s->n, n);
}

size_t seq_len(const struct seq *s)
{
    return s->n;
}

size_t seq_context(const struct seq *s)
{
    return s->n_ctx;
}

const struct model *seq_model(const struct seq *s)
{
    return s->m;
}

const int32_t *seq_ids(const struct seq *s)
{
    return s->ids;
}

size_t seq_common(const struct seq *s, const int32_t *ids, size_t n)
{
    size_t i = 0;
    while (i < MIN(n, s->n) && s->ids[i] == ids[i])
        i++;
    return i;
}
