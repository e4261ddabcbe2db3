/* answer.c - one answer in the making: sampler, detokeniser, stop strings, and what ends it.
 * SPDX-License-Identifier: MIT */
#include "engine/answer.h"

#include <string.h>

#include "base/mem.h"

const char *answer_finish_name(enum answer_finish f)
{
    switch (f) {
    case ANSWER_EOS:
    case ANSWER_STOP:
        return "stop";
    case ANSWER_LENGTH:
        return "length";
    case ANSWER_REPEAT:
        return "repeat";
    case ANSWER_CANCELLED:
        return "cancelled";
    case ANSWER_OPEN:
        break;
    }
    return "";
}

int answer_init(struct answer *a, const struct answer_opts *o, const struct tokenizer *tok, int n_vocab,
                const int32_t *prompt, size_t n_prompt, struct err *e)
{
    *a = (struct answer){ .max_tokens = o->max_tokens, .logprobs = o->logprobs || o->n_top > 0 };
    if (o->n_top < 0 || o->n_top > SAMPLER_TOP_MAX)
        return err_set(e, ERR_ARG, "top logprobs: found %d, expected 0 to %d", o->n_top, SAMPLER_TOP_MAX);
    if (!tok && o->n_stop)
        return err_set(e, ERR_ARG, "stop strings need a tokenizer");
    int rc = repeat_check(&o->repeat, e);
    if (!rc)
        rc = stop_init(&a->stop, o->stops, o->n_stop, e);
    if (!rc)
        rc = sampler_new(&a->sampler, &o->sampling, n_vocab, e);
    if (rc) {
        stop_deinit(&a->stop);
        return rc;
    }
    a->eos = mem_try_calloc(MAX(o->n_eos, 1), sizeof *a->eos);
    if (!a->eos) {
        answer_deinit(a);
        return err_set(e, ERR_NOMEM, "no memory for %zu tokens that end an answer", o->n_eos);
    }
    if (o->n_eos)
        memcpy(a->eos, o->eos, o->n_eos * sizeof *a->eos);
    a->n_eos = o->n_eos;
    a->n_top = MIN(o->n_top, n_vocab);
    sampler_prompt(a->sampler, prompt, n_prompt);
    if (tok)
        detok_init(&a->detok, tok, !o->keep_special);
    repeat_init(&a->repeat, &o->repeat);
    return 0;
}

void answer_deinit(struct answer *a)
{
    sampler_free(a->sampler);
    stop_deinit(&a->stop);
    repeat_deinit(&a->repeat);
    mem_free(a->eos);
    ids_deinit(&a->ids);
    buf_deinit(&a->piece);
    buf_deinit(&a->text);
}

static bool is_eos(const struct answer *a, int32_t id)
{
    for (size_t i = 0; i < a->n_eos; i++)
        if (a->eos[i] == id)
            return true;
    return false;
}

/* Passes what the detokeniser gave through the stop strings, onto the piece. */
static void deliver(struct answer *a)
{
    if (stop_push(&a->stop, buf_view(&a->text), &a->piece))
        a->finish = ANSWER_STOP;
    a->failed |= a->text.failed || a->piece.failed || a->stop.held.failed;
    buf_reset(&a->text);
}

void answer_end(struct answer *a, enum answer_finish why)
{
    if (a->finish != ANSWER_OPEN)
        return;
    buf_reset(&a->piece);
    a->finish = why;
    if (!a->detok.tok || why == ANSWER_CANCELLED)
        return;
    detok_flush(&a->detok, &a->text);
    deliver(a);
    if (a->finish != ANSWER_STOP)
        stop_flush(&a->stop, &a->piece);
    a->failed |= a->piece.failed;
}

/* Ends the answer behind a token whose text is in the piece already. */
static void end_behind(struct answer *a, enum answer_finish why)
{
    struct buf piece = a->piece;
    a->piece = (struct buf){ 0 };
    answer_end(a, why);
    buf_str(&piece, buf_view(&a->piece));
    buf_deinit(&a->piece);
    a->piece = piece;
    a->failed |= a->piece.failed;
}

int32_t answer_next(struct answer *a, const float *logits)
{
    int32_t id = sampler_next(a->sampler, logits, a->logprobs ? &a->logprob : NULL);
    if (a->n_top)
        sampler_top(a->sampler, a->top, a->n_top);
    if (is_eos(a, id)) {
        answer_end(a, ANSWER_EOS);
        return id;
    }
    ids_add(&a->ids, id);
    buf_reset(&a->piece);
    if (a->detok.tok) {
        detok_push(&a->detok, id, &a->text);
        deliver(a);
    }
    if (a->finish == ANSWER_OPEN && a->max_tokens && a->ids.n >= a->max_tokens)
        end_behind(a, ANSWER_LENGTH);
    else if (a->finish == ANSWER_OPEN && repeat_push(&a->repeat, a->ids.v, a->ids.n))
        end_behind(a, ANSWER_REPEAT);
    return id;
}
