/* generation.c - a request on its way.
 * SPDX-License-Identifier: MIT */
#include "api/generation.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "api/choice.h"
#include "api/items.h"
#include "api/miss.h"
#include "api/read.h"
#include "api/script.h"
#include "api/service_state.h"
#include "api/trace.h"
#include "api/unique.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    CHOICES_MAX = 256,       /* of all prompts of a request */
    STREAM_BYTES = 64 << 10, /* gathered at most before they are handed on */
    QUEUED_MS = 2000,        /* longest wait for the lookup before a stream begins without it */
    SLICE_MS = 100,          /* longest sleep before looking whether the service ends */
    POLL_MS = 5,             /* among several choices */
    SETTLE_MS = 100,         /* longest wait for the figures of what was cancelled */
    RESERVE_TOKENS = 3000,
    RESERVE_PART = 16,
};
static const int64_t keepalive_ns = 8000000000;
/* An answer that says the same again and again for so long is over. */
static const struct repeat_opts endless = { .max_period = 1024, .times = 10, .min_tokens = 2048 };

struct generation {
    struct service *s; /* borrowed, as the request's id */
    struct api_request r;
    struct toolset tools;
    struct prompt *prompt; /* owned; [r.n_prompt or 1] */
    size_t n_prompt_text;
    struct writer *writer; /* owned */
    struct choice *choice; /* owned; [n_choice], by prompt */
    size_t n_choice;
    struct trace *trace; /* owned; NULL: none */
    struct str request_id, key_id;
    struct buf pending; /* owned: what generation_open has to say */
    int64_t received_ns, started_ns, bytes_ns, first_ns, last_token_ns;
    unsigned long long queued_bytes; /* that the service counts for it; 0: no longer */
    bool running;                    /* the service counts it */
    atomic_bool abandoned;
    bool ended, cut;
};

static bool reads_tools(const struct generation *g)
{
    return g->r.tools && g->r.tool_choice != API_TOOLS_NONE;
}

/* The prompt is echoed with log-probabilities, which come from the engine. */
static bool scores_prompt(const struct generation *g)
{
    return g->r.echo && g->r.logprobs;
}

/* --- reading -------------------------------------------------------------------------------------------------------------------------- */

static int fail_from(struct api_error *x, const struct err *e, const char *param)
{
    api_error_from(x, e, param);
    return -1;
}

static const char *prompt_param(enum api_dialect d)
{
    return d == API_COMPLETIONS ? "prompt" : d == API_RESPONSES ? "input" : "messages";
}

static int read_body(struct generation *g, enum api_dialect d, struct str body, struct api_error *x)
{
    struct err e = ERR_INIT;
    const struct api_defaults def = service_defaults(g->s, g->key_id);
    if (read_request(&g->r, d, body, &def, x))
        return -1;
    if (!service_knows_model(g->s, g->r.model, x))
        return -1;
    if (toolset_init(&g->tools, g->r.tools, &e))
        return fail_from(x, &e, "tools");
    if ((g->r.n_image || g->r.n_document) && !atomic_exchange(&g->s->image_logged, true))
        log_info("%.*s: images and documents become a short text: this model reads text only (said once)",
                 (int)g->request_id.n, g->request_id.p);
    return 0;
}

static int build_prompts(struct generation *g, struct api_error *x)
{
    size_t n = g->r.dialect == API_COMPLETIONS ? MAX(g->r.n_prompt, 1) : 1;
    struct err e = ERR_INIT;
    if (n * (size_t)MAX(g->r.n, 1) > CHOICES_MAX) {
        api_error_set(x, API_ERR_INVALID, "prompt", "%zu prompts with %d choices each; at most %d answers at once", n,
                      g->r.n, CHOICES_MAX);
        return -1;
    }
    g->prompt = xcalloc(n, sizeof *g->prompt);
    for (size_t i = 0; i < n; i++) {
        const struct prompt_opts o = {
            .which = i, .replay = g->s->replay, .key_id = g->key_id, .now = (int64_t)time(NULL)
        };
        if (prompt_build(&g->prompt[i], g->s->prompts, &g->r, &o, &e))
            return fail_from(x, &e, prompt_param(g->r.dialect));
        g->n_prompt_text++;
        if (!g->prompt[i].ids.n) {
            api_error_set(x, API_ERR_INVALID, prompt_param(g->r.dialect), "%s: expected at least one token, found none",
                          prompt_param(g->r.dialect));
            return -1;
        }
        trace_prompt(g->trace, buf_view(&g->prompt[i].text.text), &g->prompt[i].ids);
    }
    return 0;
}

/* --- length --------------------------------------------------------------------------------------------------------------------------- */

/* Whether an answer worth having fits behind n tokens of prompt. */
static int check_length(const struct generation *g, size_t n, struct api_error *x)
{
    uint64_t context = g->s->context, want = g->r.prompt_only ? 0 : g->r.max_tokens ? g->r.max_tokens : UINT64_MAX;
    uint64_t least = MIN(want, MIN((uint64_t)RESERVE_TOKENS, context / RESERVE_PART));
    if (!g->r.prompt_only)
        least = MAX(least, 1);
    if (n + least <= context)
        return 0;
    /* What is told must exceed the maximum even where the prompt alone would just fit: clients compute by how much they have to shorten it. */
    api_error_context(x, g->r.dialect, n > context ? n : n + least, context);
    return -1;
}

/* --- to the engine -------------------------------------------------------------------------------------------------------------------- */

static int make_matcher(struct generation *g, const struct prompt *p, struct matcher **out, struct api_error *x)
{
    const struct constrain_ask a = {
        .request = &g->r,
        .format = g->s->format,
        .tools = &g->tools,
        .reasoning = g->s->reasons && g->r.thinking && g->r.dialect != API_COMPLETIONS,
        .opens_think = p->opens_think,
        .request_id = g->request_id,
    };
    return constrain_matcher(g->s->constrain, &a, out, x);
}

static int submit(struct generation *g, size_t i, uint64_t seed, struct api_error *x)
{
    const struct api_request *r = &g->r;
    const struct prompt *p = &g->prompt[i / (size_t)r->n];
    struct matcher *m = NULL;
    struct err e = ERR_INIT;
    size_t room = g->s->context - p->ids.n;
    if (make_matcher(g, p, &m, x))
        return -1;
    struct engine_request q = {
        .prompt = p->ids.v,
        .n_prompt = p->ids.n,
        .answer = { .sampling = r->sampling,
                    .eos = g->s->eos,
                    .n_eos = r->ignore_eos ? 0 : g->s->n_eos,
                    .stops = r->stops,
                    .n_stop = r->n_stop,
                    .max_tokens = r->max_tokens && r->max_tokens <= room ? r->max_tokens : room,
                    .logprobs = r->logprobs,
                    .n_top = r->top_logprobs },
        .progress = r->progress && r->stream,
        .matcher = m,
        .prompt_logprobs = scores_prompt(g),
        .prompt_only = r->prompt_only,
    };
    if (!r->ignore_eos)
        q.answer.repeat = endless;
    q.answer.sampling.seed = seed + i % (size_t)r->n;
    const struct ids *script = g->s->o.script ? script_pick(g->s->o.script, r) : NULL;
    if (script) {
        q.script = script->v;
        q.n_script = script->n;
    }
    if (!engine_submit(g->s->o.engine, &g->choice[i].run, &q, &e))
        return 0;
    if (e.code == ERR_BUSY)
        service_busy(g->s, x, "too many requests wait already");
    else
        api_error_from(x, &e, NULL);
    return -1;
}

/* Counts the request's bytes among those that wait; false: there are too many. A request alone always goes. */
static bool count_bytes(struct generation *g, struct str body)
{
    unsigned long long n = body.n;
    size_t of_token = sizeof(int32_t);
    if (scores_prompt(g))
        of_token += sizeof(double) + (size_t)g->r.top_logprobs * sizeof(struct sampler_top);
    for (size_t i = 0; i < g->n_prompt_text; i++)
        n += g->prompt[i].ids.n * of_token * (size_t)g->r.n;
    unsigned long long before = atomic_fetch_add(&g->s->queued_bytes, n);
    g->queued_bytes = n;
    return !before || before + n <= g->s->o.queue_bytes;
}

static void uncount_bytes(struct generation *g)
{
    atomic_fetch_sub(&g->s->queued_bytes, g->queued_bytes);
    g->queued_bytes = 0;
}

static int open_choices(struct generation *g, struct api_error *x)
{
    struct err e = ERR_INIT;
    size_t n = g->n_prompt_text * (size_t)g->r.n;
    g->choice = xcalloc(n, sizeof *g->choice);
    for (size_t i = 0; i < n; i++) {
        const struct prompt *p = &g->prompt[i / (size_t)g->r.n];
        const struct choice_opts o = {
            .index = (int)i,
            .request = &g->r,
            .format = g->s->format,
            .tools = reads_tools(g) ? &g->tools : NULL,
            .tok = g->s->o.tok,
            .writer = g->writer,
            .prompt = &p->ids,
            .opens_think = p->opens_think,
            .to_the_end = (!g->r.max_tokens && !g->r.prompt_only) || g->r.max_tokens > g->s->context - p->ids.n,
        };
        if (choice_init(&g->choice[i], &o, &e))
            return fail_from(x, &e, NULL);
        g->n_choice++;
    }
    uint64_t seed = g->r.has_seed ? g->r.sampling.seed : unique_seed();
    bool runs = !g->r.prompt_only || scores_prompt(g);
    for (size_t i = 0; i < n && runs; i++) {
        if (submit(g, i, seed, x))
            return -1;
    }
    return 0;
}

static int open_writer(struct generation *g, struct api_error *x)
{
    struct err e = ERR_INIT;
    const struct writer_opts o = {
        .request = &g->r,
        .request_id = g->request_id,
        .model = g->r.model.n ? g->r.model : g->s->o.model_name,
        .created = (int64_t)time(NULL),
        .id = unique_id,
        .opens_think = g->s->reasons && g->r.thinking,
    };
    return writer_new(&g->writer, &o, &e) ? fail_from(x, &e, NULL) : 0;
}

/* --- the beginning of the answer ------------------------------------------------------------------------------------------------------ */

static size_t n_prompt(const struct generation *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_prompt_text; i++)
        n += g->prompt[i].ids.n;
    return n;
}

/* Of each prompt as far as its first choice found it. */
static size_t n_cached(const struct generation *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_choice; i += (size_t)g->r.n)
        n += MIN(g->choice[i].figures.n_cached + g->choice[i].figures.n_disk, g->prompt[i / (size_t)g->r.n].ids.n);
    return n;
}

/* Without log-probabilities there is nothing to wait for. */
static void echo(struct generation *g, struct buf *out)
{
    for (size_t i = 0; i < g->n_choice && g->r.echo && !scores_prompt(g); i++)
        choice_echo(&g->choice[i], NULL, out);
}

/* Once for each prompt, whatever the number of its choices. */
static void log_miss(const struct generation *g, const struct choice *c, const struct engine_event *queued)
{
    if (c->o.index % g->r.n)
        return;
    const struct prompt *p = &g->prompt[(size_t)c->o.index / (size_t)g->r.n];
    miss_log(g->request_id, g->s->o.tok, &p->ids, &queued->figures);
}

/* Waits for the first choice's place in the queue and what is known of its prompt, then writes the first events. */
static void begin(struct generation *g)
{
    struct engine_event ev;
    struct choice *c = &g->choice[0];
    bool came = false;
    if (g->r.stream && c->run)
        came = request_next(c->run, &ev, QUEUED_MS);
    if (came && ev.kind == ENGINE_QUEUED) {
        log_miss(g, c, &ev);
        choice_take(c, &ev, &g->pending);
    }
    const struct writer_prompt p = { .n_prompt = n_prompt(g), .n_cached = n_cached(g) };
    writer_start(g->writer, &p, &g->pending);
    echo(g, &g->pending);
    if (came && ev.kind != ENGINE_QUEUED)
        choice_take(c, &ev, &g->pending);
    g->bytes_ns = clock_ns();
}

static int open_all(struct generation *g, const struct exchange_head *h, enum api_dialect d, struct str body,
                    struct api_error *x)
{
    if (g->s->o.trace_dir) {
        g->trace = trace_open(g->s->o.trace_dir, h->request_id);
        trace_request(g->trace, h->method, h->path, body);
    }
    if (read_body(g, d, body, x) || build_prompts(g, x))
        return -1;
    for (size_t i = 0; i < g->n_prompt_text; i++) {
        if (check_length(g, g->prompt[i].ids.n, x))
            return -1;
    }
    if (!count_bytes(g, body)) {
        service_busy(g->s, x, "the requests that wait take too much memory already");
        return -1;
    }
    return open_writer(g, x) || open_choices(g, x) ? -1 : 0;
}

static void free_all(struct generation *g)
{
    for (size_t i = 0; i < g->n_choice; i++)
        choice_deinit(&g->choice[i]);
    mem_free(g->choice);
    uncount_bytes(g);
    if (g->running)
        atomic_fetch_sub(&g->s->n_running, 1);
    writer_free(g->writer);
    for (size_t i = 0; i < g->n_prompt_text; i++)
        prompt_deinit(&g->prompt[i]);
    mem_free(g->prompt);
    toolset_deinit(&g->tools);
    api_request_deinit(&g->r);
    trace_close(g->trace);
    buf_deinit(&g->pending);
    mem_free(g);
}

/* What exchange.c answers in place of the generation. */
static void trace_refusal(const struct generation *g, const struct api_error *x)
{
    struct buf body = { 0 };
    api_error_body(&body, x, g->r.dialect, g->request_id);
    trace_answer(g->trace, buf_view(&body));
    buf_deinit(&body);
}

int generation_open(struct generation **out, struct service *s, const struct exchange_head *h, enum api_dialect d,
                    struct str body, struct api_error *x)
{
    *out = NULL;
    if (service_refuses(s, x))
        return -1;
    struct generation *g = xcalloc(1, sizeof *g);
    g->s = s;
    g->request_id = h->request_id;
    g->key_id = h->key_id;
    g->received_ns = h->received_ns ? h->received_ns : clock_ns();
    api_request_init(&g->r, d, &s->defaults);
    atomic_fetch_add(&s->n_running, 1);
    g->running = true;
    if (open_all(g, h, d, body, x)) {
        trace_refusal(g, x);
        free_all(g);
        return -1;
    }
    g->started_ns = clock_ns();
    begin(g);
    *out = g;
    return 0;
}

bool generation_streams(const struct generation *g)
{
    return g->r.stream;
}

/* --- events --------------------------------------------------------------------------------------------------------------------------- */

static void note_token(struct generation *g)
{
    int64_t now = clock_ns();
    if (!g->first_ns) {
        g->first_ns = now;
        uncount_bytes(g);
    } else if (g->n_choice == 1) {
        metrics_gap(&g->s->metrics, (double)(now - g->last_token_ns) * 1e-9);
    }
    g->last_token_ns = now;
}

static void take(struct generation *g, struct choice *c, const struct engine_event *ev, struct buf *out)
{
    if (ev->kind == ENGINE_TOKEN)
        note_token(g);
    if (ev->kind == ENGINE_PROGRESS && g->n_choice == 1)
        writer_progress(g->writer, ev->done, ev->total, n_cached(g), (double)(clock_ns() - g->started_ns) * 1e-9, out);
    if (ev->kind == ENGINE_QUEUED)
        log_miss(g, c, ev);
    choice_take(c, ev, out);
    if (!c->over && !c->failed)
        return;
    trace_output(g->trace, g->s->o.tok, &c->sampled);
    choice_remember(c, g->s->replay, g->key_id);
}

static bool is_open(const struct choice *c)
{
    return c->run && !c->over && !c->failed;
}

/* Takes what is there, without waiting. True: something was. */
static bool take_all(struct generation *g, struct buf *out)
{
    struct engine_event ev;
    bool any = false;
    for (size_t i = 0; i < g->n_choice; i++) {
        struct choice *c = &g->choice[i];
        while (is_open(c) && out->n < STREAM_BYTES && request_next(c->run, &ev, 0)) {
            take(g, c, &ev, out);
            any = true;
        }
    }
    return any;
}

/* Waits for one event at most so long. */
static void wait_one(struct generation *g, int ms, struct buf *out)
{
    struct engine_event ev;
    struct choice *only = NULL;
    int n = 0;
    for (size_t i = 0; i < g->n_choice; i++) {
        if (is_open(&g->choice[i]) && !n++)
            only = &g->choice[i];
    }
    if (only && request_next(only->run, &ev, n == 1 ? ms : MIN(ms, POLL_MS)))
        take(g, only, &ev, out);
}

static const struct choice *failed_choice(const struct generation *g)
{
    for (size_t i = 0; i < g->n_choice; i++) {
        if (g->choice[i].failed)
            return &g->choice[i];
    }
    return NULL;
}

static bool all_over(const struct generation *g)
{
    for (size_t i = 0; i < g->n_choice; i++) {
        if (!g->choice[i].over)
            return false;
    }
    return true;
}

static struct writer_usage usage_of(const struct generation *g)
{
    struct writer_usage u = { .n_prompt = n_prompt(g), .n_cached = n_cached(g) };
    int64_t prompt = 0, decode = 0, queued = 0;
    for (size_t i = 0; i < g->n_choice; i++) {
        const struct choice *c = &g->choice[i];
        u.n_completion += c->figures.n_generated;
        u.n_reasoning += c->n_reasoning;
        u.n_drafted += c->figures.n_drafted;
        u.n_accepted += c->figures.n_accepted;
        prompt = MAX(prompt, c->figures.prompt_ns);
        decode = MAX(decode, c->figures.decode_ns);
        queued = MAX(queued, c->figures.queued_ns);
    }
    u.prompt_s = (double)prompt * 1e-9;
    u.completion_s = (double)decode * 1e-9;
    u.queue_s = (double)queued * 1e-9;
    u.total_s = (double)(clock_ns() - g->received_ns) * 1e-9;
    u.ttft_s = g->first_ns ? (double)(g->first_ns - g->received_ns) * 1e-9 : 0;
    return u;
}

/* What a second try may cure: everything but what is wrong with the request itself. */
static bool may_pass(const struct err *e)
{
    return e->code == ERR_DEVICE || e->code == ERR_IO || e->code == ERR_NOMEM || e->code == ERR_CANCELLED ||
           e->code == ERR_BUSY;
}

static enum generation_state on_failure(struct generation *g, const struct err *e, struct buf *out, struct api_error *x)
{
    g->cut = !atomic_load(&g->abandoned);
    if (g->cut)
        log_warn("%.*s: %s", (int)g->request_id.n, g->request_id.p, e->msg);
    if (g->r.stream && may_pass(e))
        return GENERATION_CUT;
    api_error_from(x, e, NULL);
    if (e->code == ERR_CANCELLED && !service_refuses(g->s, x))
        x->kind = API_ERR_UNAVAILABLE;
    if (!g->r.stream) {
        trace_refusal(g, x);
        return GENERATION_FAILED;
    }
    writer_error(g->writer, x, out);
    return GENERATION_END;
}

static void remember_item(void *arg, struct str id, struct str json)
{
    const struct generation *g = arg;
    items_put(g->s->items, g->key_id, id, json);
}

static enum generation_state on_end(struct generation *g, struct buf *out)
{
    /* Before the client knows that it is over and may refer to it. */
    if (g->r.kept)
        writer_each_item(g->writer, remember_item, g);
    struct writer_usage u = usage_of(g);
    writer_finish(g->writer, &u, out);
    g->ended = true;
    return GENERATION_END;
}

/* One round: what is there, then whether that was the end. */
static enum generation_state round_of(struct generation *g, struct buf *out, struct api_error *x)
{
    const struct choice *bad = failed_choice(g);
    if (bad)
        return on_failure(g, &bad->err, out, x);
    if (all_over(g))
        return on_end(g, out);
    if (atomic_load(&g->s->cut)) {
        struct err e = { .code = ERR_CANCELLED, .msg = "the server shuts down" };
        return on_failure(g, &e, out, x);
    }
    return GENERATION_MORE;
}

/* How long to sleep at most, in milliseconds; 0: it is time for something. */
static int sleep_ms(const struct generation *g, int64_t now, int64_t deadline)
{
    int64_t until = g->r.stream ? MIN(deadline, g->bytes_ns + keepalive_ns) : deadline;
    return until <= now ? 0 : (int)MIN((until - now) / 1000000 + 1, SLICE_MS);
}

static enum generation_state pump(struct generation *g, struct buf *out, int timeout_ms, struct api_error *x)
{
    int64_t deadline = clock_ns() + (int64_t)timeout_ms * 1000000;
    for (;;) {
        take_all(g, out);
        enum generation_state state = round_of(g, out, x);
        int64_t now = clock_ns();
        if (state != GENERATION_MORE || (g->r.stream && out->n))
            return state;
        if (g->r.stream && now - g->bytes_ns >= keepalive_ns) {
            writer_keepalive(g->writer, out);
            return state;
        }
        int ms = sleep_ms(g, now, deadline);
        if (!ms)
            return state;
        wait_one(g, ms, out);
    }
}

enum generation_state generation_next(struct generation *g, struct buf *out, int timeout_ms, struct api_error *x)
{
    enum generation_state state = GENERATION_MORE;
    size_t before = out->n;
    for (size_t i = 0; i < g->n_choice && g->r.prompt_only; i++) {
        if (!g->choice[i].run && !g->choice[i].over)
            choice_end_empty(&g->choice[i], &g->pending);
    }
    if (g->r.stream && g->pending.n) {
        buf_str(out, buf_view(&g->pending));
        buf_reset(&g->pending);
    } else {
        struct buf *to = g->r.stream ? out : &g->pending;
        state = pump(g, to, timeout_ms, x);
        if (!g->r.stream && state == GENERATION_END)
            buf_str(out, buf_view(&g->pending));
    }
    if (out->n > before) {
        g->bytes_ns = clock_ns();
        trace_answer(g->trace, str_sub(buf_view(out), before, out->n));
    }
    return state;
}

void generation_abandon(struct generation *g)
{
    atomic_store(&g->abandoned, true);
    for (size_t i = 0; i < g->n_choice; i++) {
        if (g->choice[i].run)
            request_cancel(g->choice[i].run);
    }
}

/* What the request cost until now, from the engine's last word about it. */
void generation_settle(struct generation *g)
{
    int64_t until = clock_ns() + (int64_t)SETTLE_MS * 1000000, left;
    struct engine_event ev;
    generation_abandon(g);
    for (size_t i = 0; i < g->n_choice; i++) {
        struct choice *c = &g->choice[i];
        while (is_open(c) && (left = until - clock_ns()) > 0 && request_next(c->run, &ev, (int)(left / 1000000) + 1)) {
            if (ev.kind != ENGINE_FINISH && ev.kind != ENGINE_ERROR)
                continue;
            c->figures = ev.figures;
            c->failed = true;
        }
    }
}

/* --- the end -------------------------------------------------------------------------------------------------------------------------- */

static const char *finish_name(const struct generation *g)
{
    static const char *const names[] = { [WRITER_STOP] = "stop",
                                         [WRITER_STOP_SEQ] = "stop",
                                         [WRITER_LENGTH] = "length",
                                         [WRITER_WINDOW] = "window",
                                         [WRITER_CALLS] = "tool_calls" };
    if (g->cut)
        return "cut";
    return g->ended ? names[g->choice[0].finish] : "gone";
}

void generation_facts(const struct generation *g, struct generation_facts *out)
{
    struct writer_usage u = usage_of(g);
    *out = (struct generation_facts){
        .n_prompt = u.n_prompt,
        .n_cached = u.n_cached,
        .n_completion = u.n_completion,
        .queue_s = u.queue_s,
        .ttft_s = g->first_ns ? u.ttft_s : -1,
        .total_s = u.total_s,
        .finish = finish_name(g),
        .model = g->r.model,
        .cache_key = g->r.cache_key,
    };
    if (g->ended)
        return;
    out->n_completion = 0;
    for (size_t i = 0; i < g->n_choice; i++)
        out->n_completion += g->choice[i].sampled.n;
}

static enum metrics_finish metrics_finish_of(const struct generation *g, bool gone)
{
    if (g->cut)
        return METRICS_FAILED;
    if (gone || !g->ended)
        return METRICS_GONE;
    switch (g->choice[0].finish) {
    case WRITER_LENGTH:
    case WRITER_WINDOW:
        return METRICS_LENGTH;
    case WRITER_CALLS:
        return METRICS_CALLS;
    case WRITER_STOP:
    case WRITER_STOP_SEQ:
        break;
    }
    return METRICS_STOP;
}

void generation_close(struct generation *g, bool gone)
{
    struct generation_facts f;
    if (!g)
        return;
    generation_facts(g, &f);
    const struct metrics_answer a = {
        .n_prompt = f.n_prompt,
        .n_cached = f.n_cached,
        .n_completion = f.n_completion,
        .queue_s = f.queue_s,
        .ttft_s = f.ttft_s,
        .total_s = f.total_s,
        .finish = metrics_finish_of(g, gone),
    };
    metrics_answer(&g->s->metrics, &a);
    free_all(g);
}
