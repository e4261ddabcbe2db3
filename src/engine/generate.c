/* generate.c - one answer: prompt in, pieces of text out, until something ends it.
 * SPDX-License-Identifier: MIT */
#include "engine/generate.h"

#include "base/buf.h"
#include "base/clock.h"
#include "engine/stop.h"
#include "text/detok.h"

/* An answer in the making. */
struct run {
    const struct generate_request *req; /* borrowed: the call's */
    struct generate_result *out;        /* borrowed: the call's */
    struct seq *seq;                    /* borrowed: the call's */
    struct sampler *sampler;            /* owned */
    struct detok detok;
    struct stop stop;
    struct buf text;  /* of the last token or tokens, from the detokeniser */
    struct buf piece; /* what on_text is given */
    int32_t next;     /* the token that was drawn last */
    bool done;
};

const char *generate_finish_name(enum generate_finish f)
{
    switch (f) {
    case GENERATE_EOS:
    case GENERATE_STOP:
        return "stop";
    case GENERATE_LENGTH:
        return "length";
    case GENERATE_CANCELLED:
        return "cancelled";
    }
    return "";
}

void generate_result_deinit(struct generate_result *r)
{
    ids_deinit(&r->ids);
}

static void draw(void *arg, size_t pos, const float *logits)
{
    struct run *r = arg;
    (void)pos;
    r->next = sampler_next(r->sampler, logits, NULL);
}

static bool progress(void *arg, size_t done, size_t total)
{
    struct run *r = arg;
    return r->req->on_progress && r->req->on_progress(r->req->arg, done, total);
}

static void finish(struct run *r, enum generate_finish f)
{
    r->out->finish = f;
    r->done = true;
}

/* Hands on what the detokeniser gave: through the stop strings to the caller. */
static void deliver(struct run *r)
{
    buf_reset(&r->piece);
    if (stop_push(&r->stop, buf_view(&r->text), &r->piece)) {
        r->out->stop = r->stop.hit;
        finish(r, GENERATE_STOP);
    }
    buf_reset(&r->text);
    if (r->req->on_text && r->req->on_text(r->req->arg, buf_view(&r->piece)) && !r->done)
        finish(r, GENERATE_CANCELLED);
}

static bool is_eos(const struct generate_request *req, int32_t id)
{
    for (size_t i = 0; i < req->n_eos; i++)
        if (req->eos[i] == id)
            return true;
    return false;
}

/* Makes the drawn token part of the answer, or ends it. */
static void take(struct run *r)
{
    if (is_eos(r->req, r->next)) {
        finish(r, GENERATE_EOS);
        return;
    }
    ids_add(&r->out->ids, r->next);
    detok_push(&r->detok, r->next, &r->text);
    deliver(r);
    bool enough = r->req->max_tokens && r->out->ids.n >= r->req->max_tokens;
    if (!r->done && (enough || seq_len(r->seq) >= seq_context(r->seq)))
        finish(r, GENERATE_LENGTH);
}

/* The text that was held back, once no token can follow. A stop string may be completed even here. */
static void flush(struct run *r)
{
    if (r->out->finish == GENERATE_STOP || r->out->finish == GENERATE_CANCELLED)
        return;
    detok_flush(&r->detok, &r->text);
    buf_reset(&r->piece);
    if (stop_push(&r->stop, buf_view(&r->text), &r->piece)) {
        r->out->stop = r->stop.hit;
        r->out->finish = GENERATE_STOP;
    } else {
        stop_flush(&r->stop, &r->piece);
    }
    if (r->piece.n && r->req->on_text)
        r->req->on_text(r->req->arg, buf_view(&r->piece));
}

/* Computes the prompt's new tokens and draws the first token of the answer. */
static int feed_prompt(struct run *r, struct err *e)
{
    const struct generate_request *req = r->req;
    int64_t start = clock_ns();
    /* At least the last token is computed anew: its logits are needed. */
    size_t n_reused = MIN(seq_common(r->seq, req->prompt, req->n_prompt), req->n_prompt - 1);
    seq_truncate(r->seq, n_reused);
    r->out->n_prompt = req->n_prompt;
    r->out->n_reused = n_reused;
    const struct seq_feed feed = { .ids = req->prompt + n_reused,
                                   .n = req->n_prompt - n_reused,
                                   .on_logits = draw,
                                   .on_progress = progress,
                                   .arg = r };
    struct err own = ERR_INIT;
    int rc = seq_feed(r->seq, &feed, &own);
    r->out->prompt_ns = r->out->first_ns = clock_ns() - start;
    if (rc == ERR_CANCELLED) {
        finish(r, GENERATE_CANCELLED);
        return 0;
    }
    if (rc)
        return err_set(e, rc, "%s", own.msg);
    take(r);
    return 0;
}

static int decode(struct run *r, struct err *e)
{
    int64_t start = clock_ns();
    while (!r->done) {
        int32_t id = r->next;
        const struct seq_feed feed = { .ids = &id, .n = 1, .on_logits = draw, .arg = r };
        int rc = seq_feed(r->seq, &feed, e);
        if (rc)
            return rc;
        r->out->n_step++;
        take(r);
    }
    r->out->decode_ns = clock_ns() - start;
    return 0;
}

static int check(const struct seq *s, const struct generate_request *req, struct err *e)
{
    int n_vocab = model_config(seq_model(s))->n_vocab;
    if (!req->n_prompt)
        return err_set(e, ERR_ARG, "the prompt is empty: at least one token is needed");
    if (req->n_prompt > seq_context(s))
        return err_set(e, ERR_LIMIT, "the prompt has %zu tokens, but the context holds %zu", req->n_prompt,
                       seq_context(s));
    for (size_t i = 0; i < req->n_prompt; i++)
        if (req->prompt[i] < 0 || req->prompt[i] >= n_vocab)
            return err_set(
                e, ERR_FORMAT,
                "token id %d of the prompt is not in the model's vocabulary of %d: tokenizer.json belongs to "
                "another model",
                (int)req->prompt[i], n_vocab);
    return 0;
}

int generate(struct generate_result *out, struct seq *s, const struct tokenizer *tok,
             const struct generate_request *req, struct err *e)
{
    *out = (struct generate_result){ .stop = -1 };
    struct run r = { .req = req, .out = out, .seq = s };
    int rc = check(s, req, e);
    if (rc)
        return rc;
    rc = stop_init(&r.stop, req->stops, req->n_stop, e);
    if (rc)
        return rc;
    rc = sampler_new(&r.sampler, &req->sampling, model_config(seq_model(s))->n_vocab, e);
    if (rc)
        goto out;
    sampler_prompt(r.sampler, req->prompt, req->n_prompt);
    detok_init(&r.detok, tok, !req->keep_special);
    rc = feed_prompt(&r, e);
    if (!rc)
        rc = decode(&r, e);
    if (!rc)
        flush(&r);
out:
    if (rc)
        generate_result_deinit(out);
    sampler_free(r.sampler);
    stop_deinit(&r.stop);
    buf_deinit(&r.text);
    buf_deinit(&r.piece);
    return rc;
}
