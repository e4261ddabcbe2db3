/* generate.c - one answer: prompt in, pieces of text out, until something ends it.
 * SPDX-License-Identifier: MIT */
#include "engine/generate.h"

#include "base/clock.h"

/* An answer in the making. */
struct run {
    const struct generate_request *req; /* borrowed: the call's */
    struct generate_result *out;        /* borrowed: the call's */
    struct seq *seq;                    /* borrowed: the call's */
    struct answer answer;
    int32_t next; /* the token that was drawn last */
};

void generate_result_deinit(struct generate_result *r)
{
    ids_deinit(&r->ids);
}

static void draw(void *arg, size_t pos, const float *logits)
{
    struct run *r = arg;
    (void)pos;
    r->next = answer_next(&r->answer, logits);
    if (r->req->on_text && r->req->on_text(r->req->arg, buf_view(&r->answer.piece)))
        answer_end(&r->answer, ANSWER_CANCELLED);
}

static bool progress(void *arg, size_t done, size_t total)
{
    struct run *r = arg;
    return r->req->on_progress && r->req->on_progress(r->req->arg, done, total);
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
        answer_end(&r->answer, ANSWER_CANCELLED);
        return 0;
    }
    return rc ? err_set(e, rc, "%s", own.msg) : 0;
}

static int decode(struct run *r, struct err *e)
{
    int64_t start = clock_ns();
    while (r->answer.finish == ANSWER_OPEN && !r->answer.failed) {
        int32_t id = r->next;
        const struct seq_feed feed = { .ids = &id, .n = 1, .on_logits = draw, .arg = r };
        int rc = seq_feed(r->seq, &feed, e);
        if (rc)
            return rc;
        r->out->n_step++;
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
    /* The last token of an answer is drawn and never computed: it needs no place in the context. */
    size_t room = seq_context(s) - req->n_prompt + 1;
    struct answer_opts o = req->answer;
    o.window = room;
    rc = answer_init(&r.answer, &o, tok, model_config(seq_model(s))->n_vocab, req->prompt, req->n_prompt, e);
    if (rc)
        return rc;
    rc = feed_prompt(&r, e);
    if (!rc)
        rc = decode(&r, e);
    if (!rc && r.answer.failed)
        rc = answer_error(&r.answer, e);
    if (!rc) {
        out->finish = r.answer.finish;
        out->stop = r.answer.stop.hit;
        out->ids = r.answer.ids;
        r.answer.ids = (struct ids){ 0 };
    }
    answer_deinit(&r.answer);
    return rc;
}
