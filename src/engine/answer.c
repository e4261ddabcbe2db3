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
    case ANSWER_WINDOW:
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

static int check_opts(const struct answer_opts *o, const struct tokenizer *tok, int n_vocab, struct err *e)
{
    if (o->n_top < 0 || o->n_top > SAMPLER_TOP_MAX)
        return err_set(e, ERR_ARG, "top logprobs: found %d, expected 0 to %d", o->n_top, SAMPLER_TOP_MAX);
    if (!tok && (o->n_stop || o->matcher))
        return err_set(e, ERR_ARG, "%s a tokenizer", o->n_stop ? "stop strings need" : "a grammar needs");
    if (o->script && !o->n_eos)
        return err_set(e, ERR_ARG, "a scripted answer needs a token that ends it");
    for (size_t i = 0; o->script && i < o->n_script; i++)
        if (o->script[i] < 0 || o->script[i] >= n_vocab)
            return err_set(e, ERR_ARG, "token id %d of the scripted answer is not in the vocabulary of %d",
                           (int)o->script[i], n_vocab);
    return repeat_check(&o->repeat, e);
}

/* *out, owned by the caller: a copy of v[0..n), not NULL even for none. */
static bool copy_ids(int32_t **out, const int32_t *v, size_t n)
{
    *out = mem_try_calloc(MAX(n, 1), sizeof **out);
    if (*out && n)
        memcpy(*out, v, n * sizeof *v);
    return *out != NULL;
}

int answer_init(struct answer *a, const struct answer_opts *o, const struct tokenizer *tok, int n_vocab,
                const int32_t *prompt, size_t n_prompt, struct err *e)
{
    *a = (struct answer){ .max_tokens = o->max_tokens,
                          .window = o->window,
                          .n_eos = o->n_eos,
                          .n_script = o->n_script,
                          .matcher = o->matcher,
                          .logprobs = o->logprobs || o->n_top > 0 };
    int rc = check_opts(o, tok, n_vocab, e);
    if (!rc)
        rc = stop_init(&a->stop, o->stops, o->n_stop, e);
    if (!rc)
        rc = sampler_new(&a->sampler, &o->sampling, n_vocab, o->scratch, e);
    if (!rc && (!copy_ids(&a->eos, o->eos, o->n_eos) || (o->script && !copy_ids(&a->script, o->script, o->n_script))))
        rc = err_set(e, ERR_NOMEM, "no memory for %zu tokens of an answer", o->n_eos + o->n_script);
    if (rc) {
        answer_deinit(a);
        return rc;
    }
    a->n_top = MIN(o->n_top, n_vocab);
    sampler_prompt(a->sampler, prompt, n_prompt);
    if (tok) {
        sampler_limit(a->sampler, tokenizer_size(tok));
        detok_init(&a->detok, tok, !o->keep_special);
    }
    repeat_init(&a->repeat, &o->repeat);
    return 0;
}

void answer_deinit(struct answer *a)
{
    sampler_free(a->sampler);
    if (a->matcher)
        matcher_free(a->matcher);
    stop_deinit(&a->stop);
    repeat_deinit(&a->repeat);
    mem_free(a->eos);
    mem_free(a->script);
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

/* A token that the grammar allows; -1: there is none. */
static int32_t choose_allowed(struct answer *a, const float *logits, double *logprob)
{
    int32_t id = matcher_forced(a->matcher);
    if (id >= 0)
        sampler_take(a->sampler, id, logits, logprob);
    else
        id = sampler_next_of(a->sampler, logits, matcher_mask(a->matcher), logprob);
    return id >= 0 && matcher_accept(a->matcher, id) ? id : -1;
}

static int32_t choose(struct answer *a, const float *logits)
{
    double *logprob = a->logprobs ? &a->logprob : NULL;
    if (!a->script)
        return a->matcher ? choose_allowed(a, logits, logprob) : sampler_next(a->sampler, logits, logprob);
    int32_t id = a->ids.n < a->n_script ? a->script[a->ids.n] : a->eos[0];
    sampler_take(a->sampler, id, logits, logprob);
    return id;
}

int answer_guess(struct answer *a, int32_t *ids, int n, int max, int *n_forced)
{
    *n_forced = 0;
    if (!a->matcher || a->script)
        return n;
    int k = 0;
    for (; k < max; k++) {
        int32_t id = matcher_forced(a->matcher);
        if (id < 0 || is_eos(a, id) || !matcher_accept(a->matcher, id))
            break;
        /* Behind a token that was guessed wrong the rest of the guess says nothing. */
        n = k < n && ids[k] != id ? k : n;
        ids[k] = id;
    }
    *n_forced = k;
    while (k < n && !is_eos(a, ids[k]) && matcher_accept(a->matcher, ids[k]))
        k++;
    matcher_rollback(a->matcher, (size_t)k);
    return k;
}

int answer_error(const struct answer *a, struct err *e)
{
    int lost = a->refused ? matcher_failed(a->matcher) : 0;
    if (lost)
        return err_set(e, lost, "no %s to follow the answer's grammar behind its %zu tokens",
                       lost == ERR_LIMIT ? "time" : "memory", a->ids.n);
    if (a->refused)
        return err_set(e, ERR_LIMIT, "the answer's grammar allows nothing behind its %zu tokens, not even an end",
                       a->ids.n);
    return err_set(e, ERR_NOMEM, "no memory for the answer's text");
}

/* What ends the answer behind its last token, if nothing else did. */
static enum answer_finish limit_reached(struct answer *a)
{
    if (a->matcher && !a->script && matcher_must_end(a->matcher))
        return ANSWER_EOS;
    if (a->max_tokens && a->ids.n >= a->max_tokens)
        return ANSWER_LENGTH;
    if (a->window && a->ids.n >= a->window)
        return ANSWER_WINDOW;
    return repeat_push(&a->repeat, a->ids.v, a->ids.n) ? ANSWER_REPEAT : ANSWER_OPEN;
}

int32_t answer_next(struct answer *a, const float *logits)
{
    int32_t id = choose(a, logits);
    if (id < 0) {
        a->failed = a->refused = true;
        return id;
    }
    if (a->n_top)
        sampler_top(a->sampler, a->top, a->n_top);
    if (is_eos(a, id) && (!a->script || a->ids.n >= a->n_script)) {
        a->eos_drawn = true;
        answer_end(a, ANSWER_EOS);
        return id;
    }
    ids_add(&a->ids, id);
    buf_reset(&a->piece);
    if (a->detok.tok) {
        detok_push(&a->detok, id, &a->text);
        deliver(a);
    }
    enum answer_finish why = a->finish == ANSWER_OPEN ? limit_reached(a) : ANSWER_OPEN;
    if (why != ANSWER_OPEN)
        end_behind(a, why);
    return id;
}
