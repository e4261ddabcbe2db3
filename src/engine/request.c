/* request.c - one request and its queue of events: a ring, with one place kept for the event that ends it.
 * SPDX-License-Identifier: MIT */
#include "engine/request.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

/* Events that a queue has room for at first: a receiver that keeps up needs no more. */
enum { QUEUE_FIRST = 16 };

/* Copies of what the caller lends. */
static int copy_inputs(struct request *r, const struct engine_request *q, struct err *e)
{
    size_t n_bias = q->answer.sampling.n_bias;
    r->bias = mem_try_calloc(n_bias, sizeof *r->bias);
    r->prompt.v = mem_try_calloc(q->n_prompt, sizeof *r->prompt.v);
    if (!r->bias || !r->prompt.v)
        return err_set(e, ERR_NOMEM, "no memory for a prompt of %zu tokens", q->n_prompt);
    if (n_bias)
        memcpy(r->bias, q->answer.sampling.bias, n_bias * sizeof *r->bias);
    r->prompt.cap = q->n_prompt;
    ids_append(&r->prompt, q->prompt, q->n_prompt);
    return 0;
}

/* Waiting uses the monotonic clock, so that a change of the date does not matter. */
static void init_queue(struct request *r)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
#if !defined(__APPLE__)
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    pthread_mutex_init(&r->mu, NULL);
    pthread_cond_init(&r->ready, &attr);
    pthread_condattr_destroy(&attr);
}

/* What the log-probabilities of its prompt are worked out with, and where they go. */
static int make_scores(struct request *r, const struct engine_request *q, int n_vocab, struct sampler_scratch *scratch,
                       struct err *e)
{
    if (!q->prompt_logprobs)
        return 0;
    /* The answer's own, which were checked, as far as the vocabulary goes. */
    size_t n_top = (size_t)r->answer.n_top;
    int rc = sampler_new(&r->scorer, &sampling_greedy, n_vocab, scratch, e);
    if (rc)
        return rc;
    r->score = mem_try_calloc(q->n_prompt, sizeof *r->score);
    r->top = n_top ? mem_try_calloc(q->n_prompt, n_top * sizeof *r->top) : NULL;
    if (!r->score || (n_top && !r->top))
        return err_set(e, ERR_NOMEM, "no memory for the log-probabilities of %zu tokens", q->n_prompt);
    r->score[0] = NAN;
    r->scores = (struct engine_scores){ q->n_prompt, (int)n_top, r->score, r->top };
    return 0;
}

static int make(struct request *r, const struct engine_request *q, const struct tokenizer *tok, int n_vocab,
                struct sampler_scratch *scratch, size_t max_events, struct err *e)
{
    int rc = copy_inputs(r, q, e);
    r->most = max_events + 1;
    r->cap = MIN(r->most, QUEUE_FIRST);
    r->queue = rc ? NULL : mem_try_calloc(r->cap, sizeof *r->queue);
    if (!r->queue) {
        if (q->matcher)
            matcher_free(q->matcher);
        return rc ? rc : err_set(e, ERR_NOMEM, "no memory for a queue of %zu events", r->cap);
    }
    struct answer_opts o = q->answer;
    o.sampling.bias = r->bias;
    o.window = r->n_new;
    o.scratch = scratch;
    o.script = q->script;
    o.n_script = q->n_script;
    o.matcher = q->matcher;
    rc = answer_init(&r->answer, &o, tok, n_vocab, q->prompt, q->n_prompt, e);
    if (rc)
        return rc;
    rc = make_scores(r, q, n_vocab, scratch, e);
    if (rc)
        answer_deinit(&r->answer);
    return rc;
}

static void free_scores(struct request *r)
{
    sampler_free(r->scorer);
    mem_free(r->score);
    mem_free(r->top);
}

int request_new(struct request **out, struct engine *g, const struct engine_request *q, size_t max_tokens,
                const struct tokenizer *tok, int n_vocab, struct sampler_scratch *scratch, size_t max_events,
                struct err *e)
{
    *out = NULL;
    struct request *r = xcalloc(1, sizeof *r);
    r->engine = g;
    r->n_new = max_tokens;
    r->priority = q->priority;
    r->no_cache_write = q->no_cache_write;
    r->progress = q->progress;
    r->prompt_only = q->prompt_only;
    r->submitted_ns = clock_ns();
    r->n_held = 2;
    int rc = make(r, q, tok, n_vocab, scratch, max_events, e);
    if (rc) {
        free_scores(r);
        ids_deinit(&r->prompt);
        mem_free(r->bias);
        mem_free(r->queue);
        mem_free(r);
        return rc;
    }
    init_queue(r);
    *out = r;
    return 0;
}

static void clear_event(struct request_event *ev)
{
    mem_free(ev->text);
    mem_free(ev->top);
    mem_free(ev->err);
    *ev = (struct request_event){ 0 };
}

static void free_request(struct request *r)
{
    answer_deinit(&r->answer);
    draft_free(r->draft);
    free_scores(r);
    ids_deinit(&r->prompt);
    mem_free(r->bias);
    for (size_t i = 0; i < r->n; i++)
        clear_event(&r->queue[(r->head + i) % r->cap]);
    clear_event(&r->current);
    mem_free(r->queue);
    pthread_cond_destroy(&r->ready);
    pthread_mutex_destroy(&r->mu);
    mem_free(r);
}

void request_release(struct request *r)
{
    pthread_mutex_lock(&r->mu);
    bool last = --r->n_held == 0;
    pthread_mutex_unlock(&r->mu);
    if (last)
        free_request(r);
}

static void fill(struct request_event *to, const struct engine_event *ev)
{
    clear_event(to);
    to->e = *ev;
    if (ev->text.n)
        to->text = xstrndup(ev->text.p, ev->text.n);
    if (ev->n_top) {
        to->top = xcalloc((size_t)ev->n_top, sizeof *to->top);
        memcpy(to->top, ev->top, (size_t)ev->n_top * sizeof *to->top);
    }
    if (ev->err) {
        to->err = xmalloc(sizeof *to->err);
        *to->err = *ev->err;
    }
}

/* Makes the full ring larger; false: it is as large as it may be, or memory is out. */
static bool grow(struct request *r)
{
    size_t cap = MIN(2 * r->cap, r->most);
    struct request_event *v = cap > r->cap ? mem_try_calloc(cap, sizeof *v) : NULL;
    if (!v)
        return false;
    for (size_t i = 0; i < r->n; i++)
        v[i] = r->queue[(r->head + i) % r->cap];
    mem_free(r->queue);
    r->queue = v;
    r->head = 0;
    r->cap = cap;
    return true;
}

bool request_emit(struct request *r, const struct engine_event *ev)
{
    bool last = ev->kind == ENGINE_FINISH || ev->kind == ENGINE_ERROR;
    pthread_mutex_lock(&r->mu);
    size_t newest = (r->head + r->n + r->cap - 1) % r->cap;
    bool replaces = ev->kind == ENGINE_PROGRESS && r->n && r->queue[newest].e.kind == ENGINE_PROGRESS;
    /* The last place is kept for what ends the request. */
    bool fits = replaces || last || r->n + 1 < r->cap || grow(r);
    if (fits) {
        fill(&r->queue[replaces ? newest : (r->head + r->n++) % r->cap], ev);
        r->over = last;
        r->unread = r->n > 1;
        pthread_cond_signal(&r->ready);
    }
    pthread_mutex_unlock(&r->mu);
    return fits;
}

static struct timespec after_ms(int ms)
{
    struct timespec t;
#if defined(__APPLE__)
    clock_gettime(CLOCK_REALTIME, &t);
#else
    clock_gettime(CLOCK_MONOTONIC, &t);
#endif
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

bool request_next(struct request *r, struct engine_event *out, int timeout_ms)
{
    struct timespec until = after_ms(MAX(timeout_ms, 0));
    pthread_mutex_lock(&r->mu);
    int rc = 0;
    while (!r->n && !r->over && rc != ETIMEDOUT && timeout_ms != 0)
        rc = timeout_ms < 0 ? pthread_cond_wait(&r->ready, &r->mu) : pthread_cond_timedwait(&r->ready, &r->mu, &until);
    bool got = r->n > 0;
    if (got) {
        clear_event(&r->current);
        r->current = r->queue[r->head];
        r->queue[r->head] = (struct request_event){ 0 };
        r->head = (r->head + 1) % r->cap;
        r->n--;
    }
    pthread_mutex_unlock(&r->mu);
    if (!got)
        return false;
    *out = r->current.e;
    out->text.p = r->current.text ? r->current.text : "";
    out->top = r->current.top;
    out->err = r->current.err;
    return true;
}
