/* engine.c - the engine thread and what other threads hand to it.
 *
 * Threads that submit put requests into an inbox; the engine thread takes them out between steps and at the pauses of a chunk, and sleeps
 * where there is nothing to do. A cancel is a flag of the request and a wake-up.
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sys.h"
#include "engine/runner.h"
#include "model/identity.h"

enum { MAX_RUNNING = 16, MAX_QUEUED = 512, MAX_EVENTS = 4096 };
static const int64_t figures_every_ns = 5000000000;
static const uint64_t memory_reserve = (uint64_t)2 << 30, memory_least = (uint64_t)64 << 20;
static const uint64_t disk_default = (uint64_t)16 << 30;

/* What the engine thread is asked to do besides requests. */
enum command { COMMAND_NONE, COMMAND_CLEAR, COMMAND_FLUSH };

struct engine {
    struct runner *runner;           /* owned; of the engine thread */
    const struct model *model;       /* borrowed from the runner */
    const struct tokenizer *tok;     /* borrowed: outlives the engine */
    struct sampler_scratch *scratch; /* owned; used by the engine thread */
    struct engine_opts o;
    struct batch_opts batch;
    size_t n_ctx;
    pthread_t thread;

    pthread_mutex_t mu;
    pthread_cond_t wake; /* something to do */
    pthread_cond_t done; /* a command was carried out */
    /* Guarded by mu. */
    struct request *inbox; /* newest first */
    int n_inbox;
    bool stop, woken;
    enum command command;
    struct engine_stats stats;
    struct runner_load load;

    /* Of the engine thread. */
    struct engine_stats shown; /* as of the last log line */
    int64_t shown_ns;
};

/* --- the engine thread ---------------------------------------------------------------------------------------------------------- */

/* Takes the inbox out, in order of arrival. True: the engine is to stop. */
static bool take_in(struct engine *g)
{
    pthread_mutex_lock(&g->mu);
    struct request *q = g->inbox, *first = NULL;
    g->inbox = NULL;
    g->stats.n_waiting += g->n_inbox; /* until the next snapshot counts them */
    g->n_inbox = 0;
    bool stop = g->stop;
    pthread_mutex_unlock(&g->mu);
    while (q) {
        struct request *next = q->next;
        q->next = first;
        first = q;
        q = next;
    }
    while (first) {
        struct request *next = first->next;
        runner_accept(g->runner, first);
        first = next;
    }
    return stop;
}

static void wake(void *arg)
{
    struct engine *g = arg;
    pthread_mutex_lock(&g->mu);
    g->woken = true;
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->mu);
}

static double per_second(uint64_t n, int64_t ns)
{
    return ns > 0 ? (double)n * 1e9 / (double)ns : 0;
}

static void log_figures(struct engine *g, const struct engine_stats *now)
{
    int64_t t = clock_ns(), ns = t - g->shown_ns;
    uint64_t computed = now->computed_prompt_tokens - g->shown.computed_prompt_tokens;
    uint64_t decoded = now->decode_tokens - g->shown.decode_tokens;
    if (!g->o.log_figures || ns < figures_every_ns)
        return;
    if (computed || decoded || now->n_running || now->n_waiting) {
        uint64_t asked = now->prompt_tokens, hit = now->cached_tokens + now->disk_tokens;
        log_info("Throughput (T/s) prompt %.1f decode %.1f, Prefix cache hitrate %.2f%%, %d running, %d waiting",
                 per_second(computed, ns), per_second(decoded, ns), asked ? 100.0 * (double)hit / (double)asked : 0.0,
                 now->n_running, now->n_waiting);
    }
    g->shown = *now;
    g->shown_ns = t;
}

static void publish(void *arg)
{
    struct engine *g = arg;
    struct engine_stats s;
    runner_stats(g->runner, &s);
    struct runner_load load = runner_load(g->runner);
    log_figures(g, &s);
    pthread_mutex_lock(&g->mu);
    g->stats = s;
    g->load = load;
    pthread_mutex_unlock(&g->mu);
}

/* At a pause of a long step: who came, and what is told of those who wait and run. */
static bool poll_in_step(void *arg)
{
    bool stop = take_in(arg);
    publish(arg);
    return stop;
}

static void obey(struct engine *g)
{
    pthread_mutex_lock(&g->mu);
    enum command c = g->command;
    pthread_mutex_unlock(&g->mu);
    if (c == COMMAND_NONE)
        return;
    if (c == COMMAND_CLEAR)
        runner_clear_cache(g->runner);
    else
        runner_flush(g->runner);
    publish(g);
    pthread_mutex_lock(&g->mu);
    g->command = COMMAND_NONE;
    pthread_cond_broadcast(&g->done);
    pthread_mutex_unlock(&g->mu);
}

static void sleep_until_woken(struct engine *g)
{
    pthread_mutex_lock(&g->mu);
    while (!g->stop && !g->woken && !g->inbox && g->command == COMMAND_NONE)
        pthread_cond_wait(&g->wake, &g->mu);
    g->woken = false;
    pthread_mutex_unlock(&g->mu);
}

static void *work(void *arg)
{
    struct engine *g = arg;
    sys_name_thread("engine");
    g->shown_ns = clock_ns();
    for (;;) {
        if (take_in(g))
            return NULL;
        obey(g);
        runner_end_cancelled(g->runner);
        if (!runner_step(g->runner)) {
            publish(g);
            sleep_until_woken(g);
        }
    }
}

/* --- opening and closing ------------------------------------------------------------------------------------------------------- */

static void plan_keep(struct keep_plan *k, const struct model *m)
{
    k->n_pool = 1;
    k->pool[0] = (struct keep_pool){ .kind = KEEP_FULL, .page_bytes = model_kv_bytes_per_token(m) * KV_PAGE_TOK };
}

static uint64_t default_memory(const struct model *m)
{
    uint64_t available = sys_memory_available(), taken = model_dir(m)->weight_bytes + memory_reserve;
    if (available > taken + memory_least)
        return available - taken;
    log_warn("%.1f GB of memory are available and the weights take %.1f GB: keys and values get %.0f MB (--kv-memory)",
             (double)available * 1e-9, (double)model_dir(m)->weight_bytes * 1e-9, (double)memory_least * 1e-6);
    return memory_least;
}

static int settle(struct engine *g, const struct model *m, struct err *e)
{
    struct engine_opts *o = &g->o;
    size_t n_model = (size_t)model_config(m)->max_position;
    o->max_running = o->max_running ? o->max_running : MAX_RUNNING;
    o->max_queued = o->max_queued ? o->max_queued : MAX_QUEUED;
    o->max_events = o->max_events ? o->max_events : MAX_EVENTS;
    o->cache_disk = o->cache_disk ? o->cache_disk : disk_default;
    plan_keep(&g->batch.keep, m);
    size_t page = g->batch.keep.pool[0].page_bytes;
    uint64_t all = (uint64_t)page * (n_model / KV_PAGE_TOK + 1) * (uint64_t)(o->max_running + 1);
    g->batch.budget = (size_t)(o->kv_memory ? o->kv_memory : MIN(default_memory(m), all));
    g->batch.no_share = o->no_prefix_cache;
    size_t n_memory = g->batch.budget / page * KV_PAGE_TOK;
    if (!n_memory)
        return err_set(e, ERR_LIMIT, "%zu bytes for keys and values hold not even one page of %d tokens (%zu bytes)",
                       g->batch.budget, KV_PAGE_TOK, page);
    g->n_ctx = MIN(o->n_ctx ? o->n_ctx : n_model, MIN(n_model, n_memory));
    g->batch.n_ctx = g->n_ctx;
    return 0;
}

int engine_open(struct engine **out, struct model *m, const struct tokenizer *tok, const struct engine_opts *o,
                struct err *e)
{
    *out = NULL;
    struct engine *g = xcalloc(1, sizeof *g);
    g->o = *o;
    g->tok = tok;
    g->model = m;
    pthread_mutex_init(&g->mu, NULL);
    pthread_cond_init(&g->wake, NULL);
    pthread_cond_init(&g->done, NULL);
    int rc = settle(g, m, e);
    if (rc) {
        model_close(m);
        goto fail;
    }
    rc = sampler_scratch_new(&g->scratch, model_config(m)->n_vocab, e);
    if (rc) {
        model_close(m);
        goto fail;
    }
    const struct runner_opts r = {
        .engine = g->o, .batch = g->batch, .poll = poll_in_step, .planned = publish, .on_store_event = wake, .arg = g
    };
    rc = runner_new(&g->runner, m, &r, e);
    if (rc)
        goto fail;
    publish(g);
    if (pthread_create(&g->thread, NULL, work, g)) {
        rc = err_set(e, ERR_NOMEM, "the engine's thread could not be started");
        runner_free(g->runner);
        goto fail;
    }
    *out = g;
    return 0;
fail:
    sampler_scratch_free(g->scratch);
    pthread_cond_destroy(&g->wake);
    pthread_cond_destroy(&g->done);
    pthread_mutex_destroy(&g->mu);
    mem_free(g);
    return rc;
}

void engine_close(struct engine *g)
{
    if (!g)
        return;
    pthread_mutex_lock(&g->mu);
    g->stop = true;
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->mu);
    pthread_join(g->thread, NULL);
    take_in(g);
    runner_free(g->runner);
    sampler_scratch_free(g->scratch);
    pthread_cond_destroy(&g->wake);
    pthread_cond_destroy(&g->done);
    pthread_mutex_destroy(&g->mu);
    mem_free(g);
}

/* --- what other threads call --------------------------------------------------------------------------------------------------- */

/* *max_tokens: of the answer, as far as the context has room. */
static int check_request(const struct engine *g, const struct engine_request *r, size_t *max_tokens, struct err *e)
{
    int n_vocab = model_config(g->model)->n_vocab;
    if (!r->n_prompt)
        return err_set(e, ERR_ARG, "the prompt is empty: at least one token is needed");
    if (r->n_prompt > g->n_ctx)
        return err_set(e, ERR_LIMIT, "the prompt has %zu tokens, but the context holds %zu", r->n_prompt, g->n_ctx);
    for (size_t i = 0; i < r->n_prompt; i++)
        if (r->prompt[i] < 0 || r->prompt[i] >= n_vocab)
            return err_set(e, ERR_ARG, "token id %d of the prompt is not in the vocabulary of %d", (int)r->prompt[i],
                           n_vocab);
    /* The last token of an answer is drawn and never computed: it needs no place in the context. */
    size_t room = g->n_ctx - r->n_prompt + 1;
    *max_tokens = r->prompt_only ? 1 : r->answer.max_tokens ? MIN(r->answer.max_tokens, room) : room;
    return batch_fits(&g->batch, r->n_prompt, *max_tokens, e);
}

int engine_submit(struct engine *g, struct request **out, const struct engine_request *r, struct err *e)
{
    *out = NULL;
    size_t max_tokens = 0;
    int rc = check_request(g, r, &max_tokens, e);
    if (rc) {
        if (r->matcher)
            matcher_free(r->matcher);
        return rc;
    }
    rc = request_new(out, g, r, max_tokens, g->tok, model_config(g->model)->n_vocab, g->scratch, g->o.max_events, e);
    if (rc)
        return rc;
    pthread_mutex_lock(&g->mu);
    bool full = g->n_inbox + g->stats.n_waiting >= g->o.max_queued;
    if (!full) {
        (*out)->next = g->inbox;
        g->inbox = *out;
        g->n_inbox++;
        pthread_cond_signal(&g->wake);
    }
    pthread_mutex_unlock(&g->mu);
    if (!full)
        return 0;
    request_release(*out);
    request_release(*out);
    *out = NULL;
    return err_set(e, ERR_BUSY, "%d requests are waiting already: try again later", g->o.max_queued);
}

void request_cancel(struct request *r)
{
    atomic_store(&r->cancelled, true);
    wake(r->engine);
}

void request_close(struct request *r)
{
    if (!r)
        return;
    request_cancel(r);
    request_release(r);
}

size_t engine_context(const struct engine *g)
{
    return g->n_ctx;
}

const struct model *engine_model(const struct engine *g)
{
    return g->model;
}

void engine_identity(const struct engine *g, uint8_t out[ENGINE_IDENTITY_BYTES])
{
    _Static_assert((int)IDENTITY_BYTES == (int)ENGINE_IDENTITY_BYTES, "the same bytes");
    model_identity(g->model, out);
}

void engine_stats(struct engine *g, struct engine_stats *out)
{
    pthread_mutex_lock(&g->mu);
    *out = g->stats;
    out->n_waiting += g->n_inbox;
    pthread_mutex_unlock(&g->mu);
}

int64_t engine_expected_wait_ns(struct engine *g)
{
    pthread_mutex_lock(&g->mu);
    struct runner_load l = g->load;
    int n_ahead = g->stats.n_running + g->stats.n_waiting + g->n_inbox;
    pthread_mutex_unlock(&g->mu);
    if (n_ahead < l.n_place)
        return 0;
    /* Places become free one after another, each once in the time that a request holds it. */
    int64_t places = l.hold_ns / l.n_place * (n_ahead - l.n_place + 1);
    return MAX(places, l.prompt_ns);
}

static void command(struct engine *g, enum command c)
{
    pthread_mutex_lock(&g->mu);
    while (g->command != COMMAND_NONE)
        pthread_cond_wait(&g->done, &g->mu);
    g->command = c;
    pthread_cond_signal(&g->wake);
    while (g->command == c)
        pthread_cond_wait(&g->done, &g->mu);
    pthread_mutex_unlock(&g->mu);
}

void engine_clear_cache(struct engine *g)
{
    command(g, COMMAND_CLEAR);
}

void engine_flush(struct engine *g)
{
    command(g, COMMAND_FLUSH);
}
