/* bench_serve.c - octet bench serve: a server from the outside, over its chat completions.
 *
 * Open loop: requests arrive at random moments (Poisson), whatever the server does, so that a server that falls behind shows it; time to the
 * first token counts from the arrival, also where a request had to wait for others to leave (--streams). Closed: so many streams at
 * once, each followed by the next. Answers are greedy. One thread asks and reads; its own time between tokens is a few microseconds.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <poll.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/sys.h"
#include "cli/bench.h"
#include "cli/http_call.h"
#include "cli/proc_usage.h"
#include "cli/serve_prompts.h"
#include "format/json.h"

/* One request, from its arrival to its end. */
struct ask {
    struct http_call *call;                    /* owned; NULL: not under way */
    size_t prompt;                             /* index of its conversation */
    int64_t due_ns, first_ns, last_ns, end_ns; /* 0: not yet */
    int64_t gap_ns;                            /* longest between two tokens */
    struct buf text;                           /* what was answered: text, reasoning, calls */
    int64_t n_prompt, n_cached, n_answer;      /* tokens, as the server tells; n_answer: else the pieces */
    double prompt_s;                           /* the server's own time for the prompt; < 0: not told */
    bool whole;                                /* it ended as it should */
};

struct load {
    const struct bench_serve *c;
    struct http_server url;
    struct serve_prompts prompts;
    char *model;       /* owned */
    struct ask *v;     /* owned; [n_request] */
    struct buf *alone; /* owned; [prompts.n]: the answers of --check */
    size_t n, n_begun, n_over;
    int64_t start_ns, end_ns;
    struct rng rng;
    struct bench_series first_ms, between_ms, whole_ms, beyond_ms;
    struct proc_usage before, after;
    struct err first_error;
    size_t n_whole, n_good, n_differ;
    int64_t n_prompt, n_cached, n_answer, longest_gap_ns;
};

/* --- what is asked ----------------------------------------------------------------------------------------------------------------- */

static void write_body(struct buf *out, const struct load *l, size_t prompt)
{
    buf_z(out, "{\"model\": ");
    json_write_str(out, str_from(l->model));
    buf_printf(out, ", \"messages\": %s, \"stream\": true, \"stream_options\": {\"include_usage\": true}, ",
               l->prompts.v[prompt]);
    buf_printf(out, "\"temperature\": 0, \"max_tokens\": %lld%s}", (long long)l->c->n_answer,
               l->c->ignore_eos ? ", \"ignore_eos\": true" : "");
}

static int begin(struct load *l, struct ask *a, int64_t now, struct err *e)
{
    struct buf body = { 0 };
    a->prompt_s = -1;
    a->due_ns = a->due_ns ? a->due_ns : now;
    write_body(&body, l, a->prompt);
    const struct http_call_request q = {
        .method = "POST", .path = "/v1/chat/completions", .key = l->c->key, .body = buf_view(&body)
    };
    a->call = xmalloc(sizeof *a->call);
    int rc = http_call_begin(a->call, &l->url, &q, e);
    buf_deinit(&body);
    if (rc) {
        mem_free(a->call);
        a->call = NULL;
    }
    return rc;
}

static void hang_up(struct ask *a)
{
    if (!a->call)
        return;
    http_call_end(a->call);
    mem_free(a->call);
    a->call = NULL;
}

/* --- what comes back --------------------------------------------------------------------------------------------------------------- */

/* A piece of the answer at `now`. */
static void note_piece(struct load *l, struct ask *a, int64_t now)
{
    if (!a->first_ns) {
        a->first_ns = now;
    } else {
        bench_series_add(&l->between_ms, (double)(now - a->last_ns) * 1e-6);
        a->gap_ns = MAX(a->gap_ns, now - a->last_ns);
    }
    a->last_ns = now;
    a->n_answer++;
}

/* The server's own time for the prompt, in units of `seconds`. */
static void note_prompt(struct ask *a, const struct json *v, double seconds)
{
    if (json_type(v) == JSON_DOUBLE || json_type(v) == JSON_INT)
        a->prompt_s = json_double(v) * seconds;
}

static void note_usage(struct ask *a, const struct json *usage)
{
    int64_t n;
    const struct json *details = json_get(usage, "prompt_tokens_details");
    if (json_i64(json_get(usage, "prompt_tokens"), &n))
        a->n_prompt = n;
    if (json_i64(json_get(usage, "completion_tokens"), &n))
        a->n_answer = n;
    if (json_type(details) == JSON_OBJECT && json_i64(json_get(details, "cached_tokens"), &n))
        a->n_cached = n;
    note_prompt(a, json_get(usage, "total_prompt_time_sec"), 1);
}

/* True if the delta carries anything of the answer. */
static bool take_delta(struct ask *a, const struct json *delta)
{
    static const char *const texts[] = { "content", "reasoning_content" };
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct str s = json_str(json_get(delta, texts[i]));
        buf_str(&a->text, s);
        any |= s.n > 0;
    }
    const struct json *calls = json_get(delta, "tool_calls");
    for (size_t i = 0; json_type(calls) == JSON_ARRAY && i < json_len(calls); i++) {
        const struct json *f = json_get(json_at(calls, i), "function");
        if (json_type(f) != JSON_OBJECT)
            continue;
        buf_str(&a->text, json_str(json_get(f, "name")));
        buf_str(&a->text, json_str(json_get(f, "arguments")));
        any = true;
    }
    return any;
}

static void take_event(struct load *l, struct ask *a, struct str data, int64_t now)
{
    struct json *root;
    if (str_eqz(data, "[DONE]")) {
        a->whole = !a->call->err.code;
        return;
    }
    if (json_parse(&root, data, "an event", &json_limits_default, &a->call->err))
        return;
    if (json_type(root) == JSON_OBJECT) {
        const struct json *choices = json_get(root, "choices"), *usage = json_get(root, "usage");
        const struct json *choice = json_type(choices) == JSON_ARRAY ? json_at(choices, 0) : NULL;
        const struct json *delta = json_type(choice) == JSON_OBJECT ? json_get(choice, "delta") : NULL;
        if (json_type(delta) == JSON_OBJECT && take_delta(a, delta))
            note_piece(l, a, now);
        if (json_type(usage) == JSON_OBJECT)
            note_usage(a, usage);
        if (json_type(json_get(root, "timings")) == JSON_OBJECT) /* finer: thousandths of a millisecond */
            note_prompt(a, json_get(json_get(root, "timings"), "prompt_ms"), 1e-3);
        if (json_get(root, "error"))
            err_set(&a->call->err, ERR_FORMAT, "the server says: %.*s", (int)MIN(data.n, (size_t)300), data.p);
    }
    json_free(root);
}

/* After a step: takes in what arrived. True: it is over. */
static bool take(struct load *l, struct ask *a)
{
    struct http_call *call = a->call;
    struct str data;
    int64_t now = clock_ns();
    while (call->status == 200 && http_call_event(call, &data))
        take_event(l, a, data, now);
    if (call->state != HTTP_OVER && now - a->due_ns < l->c->timeout_s * 1000000000)
        return false;
    a->end_ns = now;
    if (call->status && call->status != 200)
        err_set(&call->err, ERR_FORMAT, "status %d: %.*s", call->status, (int)MIN(call->body.n, (size_t)300),
                call->body.n ? call->body.p : "");
    else if (!a->whole)
        err_set(&call->err, ERR_FORMAT, "the stream ended without [DONE]");
    a->whole = a->whole && !call->err.code;
    if (!a->whole && !l->first_error.code)
        l->first_error = call->err;
    hang_up(a);
    return true;
}

/* --- the load ---------------------------------------------------------------------------------------------------------------------- */

static size_t n_running(const struct load *l)
{
    return l->n_begun - l->n_over;
}

/* Begins what is due. */
static int begin_due(struct load *l, struct err *e)
{
    int64_t now = clock_ns();
    while (l->n_begun < l->n && n_running(l) < (size_t)l->c->n_stream && l->v[l->n_begun].due_ns <= now) {
        int rc = begin(l, &l->v[l->n_begun], now, e);
        if (rc)
            return rc;
        l->n_begun++;
    }
    return 0;
}

static int wait_ms(const struct load *l)
{
    if (l->n_begun == l->n || n_running(l) >= (size_t)l->c->n_stream)
        return 1000;
    return (int)MAX(0, MIN((l->v[l->n_begun].due_ns - clock_ns()) / 1000000, 1000));
}

static int run(struct load *l, struct err *e)
{
    struct pollfd *fds = xcalloc((size_t)l->c->n_stream, sizeof *fds);
    struct ask **who = xcalloc((size_t)l->c->n_stream, sizeof(struct ask *));
    size_t oldest = 0;
    int rc = 0;
    while (l->n_over < l->n && !(rc = begin_due(l, e))) {
        nfds_t n = 0;
        while (oldest < l->n_begun && l->v[oldest].end_ns)
            oldest++;
        for (size_t i = oldest; i < l->n_begun; i++)
            if (l->v[i].call) {
                who[n] = &l->v[i];
                fds[n++] = (struct pollfd){ .fd = l->v[i].call->fd, .events = http_call_events(l->v[i].call) };
            }
        (void)poll(fds, n, wait_ms(l));
        for (nfds_t i = 0; i < n; i++) {
            if (fds[i].revents)
                http_call_step(who[i]->call);
            l->n_over += take(l, who[i]);
        }
    }
    for (size_t i = oldest; i < l->n_begun; i++)
        hang_up(&l->v[i]);
    mem_free(fds);
    mem_free(who);
    return rc;
}

/* Every conversation by itself, one after another. */
static int ask_alone(struct load *l, struct err *e)
{
    for (size_t i = 0; i < l->prompts.n; i++) {
        struct ask a = { .prompt = i };
        int rc = begin(l, &a, clock_ns(), e);
        if (rc)
            return rc;
        do {
            struct pollfd p = { .fd = a.call->fd, .events = http_call_events(a.call) };
            if (poll(&p, 1, 1000) > 0)
                http_call_step(a.call);
        } while (!take(l, &a));
        if (!a.whole) {
            buf_deinit(&a.text);
            return err_set(e, ERR_FORMAT, "conversation %zu, asked alone: %s", i, l->first_error.msg);
        }
        l->alone[i] = a.text;
    }
    /* What was asked alone is no part of the figures. */
    bench_series_deinit(&l->between_ms);
    return 0;
}

/* The name to ask for: the first that the server lists. */
static int find_model(struct load *l, struct err *e)
{
    struct http_call call;
    struct json *root = NULL;
    const struct http_call_request q = { .method = "GET", .path = "/v1/models", .key = l->c->key };
    if (l->c->model) {
        l->model = xstrdup(l->c->model);
        return 0;
    }
    int rc = http_call_begin(&call, &l->url, &q, e);
    if (rc)
        return rc;
    http_call_finish(&call, 10000);
    if (call.status == 200 && !call.err.code)
        rc = json_parse(&root, buf_view(&call.body), "the list of models", &json_limits_default, e);
    else
        rc = err_set(e, ERR_IO, "the list of models could not be had (status %d%s%s); --model gives the name",
                     call.status, call.err.code ? ": " : "", call.err.msg);
    http_call_end(&call);
    const struct json *list = json_type(root) == JSON_OBJECT ? json_get(root, "data") : NULL;
    const struct json *first = json_type(list) == JSON_ARRAY ? json_at(list, 0) : NULL;
    struct str id = json_type(first) == JSON_OBJECT ? json_str(json_get(first, "id")) : (struct str){ 0 };
    if (!rc && !id.n)
        rc = err_set(e, ERR_FORMAT, "the server lists no model; --model gives the name");
    else if (!rc)
        l->model = xstrndup(id.p, id.n);
    json_free(root);
    return rc;
}

/* When each request arrives, and which conversation it is. */
static void plan(struct load *l)
{
    double at = 0;
    l->start_ns = clock_ns();
    for (size_t i = 0; i < l->n; i++) {
        l->v[i].prompt = i % l->prompts.n;
        if (l->c->rate > 0) {
            l->v[i].due_ns = l->start_ns + (int64_t)(at * 1e9);
            at -= log(1 - rng_unit(&l->rng)) / l->c->rate;
        }
    }
}

/* --- the report -------------------------------------------------------------------------------------------------------------------- */

static void count(struct load *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct ask *a = &l->v[i];
        l->end_ns = MAX(l->end_ns, a->end_ns);
        if (!a->whole)
            continue;
        l->n_whole++;
        l->n_prompt += a->n_prompt;
        l->n_cached += a->n_cached;
        l->n_answer += a->n_answer;
        l->longest_gap_ns = MAX(l->longest_gap_ns, a->gap_ns);
        int64_t first = a->first_ns ? a->first_ns : a->end_ns;
        double first_ms = (double)(first - a->due_ns) * 1e-6;
        double mean_ms = a->n_answer > 1 ? (double)(a->last_ns - first) * 1e-6 / (double)(a->n_answer - 1) : 0;
        bench_series_add(&l->first_ms, first_ms);
        bench_series_add(&l->whole_ms, (double)(a->end_ns - a->due_ns) * 1e-6);
        if (a->prompt_s >= 0)
            bench_series_add(&l->beyond_ms, first_ms - a->prompt_s * 1e3);
        l->n_good += first_ms <= (double)l->c->slo_first_ms && mean_ms <= (double)l->c->slo_between_ms;
        if (l->c->check)
            l->n_differ += !str_eq(buf_view(&a->text), buf_view(&l->alone[a->prompt]));
    }
}

static void write_series(struct buf *out, const char *name, struct bench_series *s, bool json)
{
    if (!json && s->n)
        buf_printf(out, "%-21s %10.2f %10.2f %10.2f %10.2f\n", name, bench_series_at(s, 0.5), bench_series_at(s, 0.9),
                   bench_series_at(s, 0.99), bench_series_at(s, 1));
    else if (json)
        buf_printf(out, ", \"%s\": {\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"max\": %.3f, \"n\": %zu}", name,
                   bench_series_at(s, 0.5), bench_series_at(s, 0.9), bench_series_at(s, 0.99), bench_series_at(s, 1),
                   s->n);
}

/* Microseconds of a thread's time (NULL: of all) for each token of the answers. */
static double us_per_token(const struct load *l, const char *name)
{
    return l->n_answer ? (double)proc_usage_between(&l->before, &l->after, name) * 1e-3 / (double)l->n_answer : 0;
}

static void write_usage(struct buf *out, const struct load *l, bool json)
{
    const char *sep = "";
    if (!l->c->pid)
        return;
    buf_printf(out,
               json ? ", \"server_cpu_us_per_token\": %.2f, \"server_cpu_us_per_token_by_thread\": {"
                    : "server                %.1f us of processor time a token (",
               us_per_token(l, NULL));
    for (size_t i = 0; i < l->after.n; i++, sep = ", ") {
        buf_z(out, sep);
        if (json)
            json_write_str(out, str_from(l->after.v[i].name));
        buf_printf(out, json ? ": %.2f" : "%.1f ", us_per_token(l, l->after.v[i].name));
        if (!json)
            buf_z(out, l->after.v[i].name);
    }
    buf_printf(out,
               json ? "}, \"server_resident_before\": %llu, \"server_resident_after\": %llu, \"server_peak\": %llu"
                    : ")\nits memory            %llu bytes before, %llu after, largest %llu\n",
               (unsigned long long)l->before.resident, (unsigned long long)l->after.resident,
               (unsigned long long)l->after.peak);
}

static void write_text(struct buf *out, struct load *l, double s)
{
    const struct bench_serve *c = l->c;
    double n = (double)MAX(l->n, 1), asked = (double)MAX(l->n_prompt, 1);
    buf_printf(out, "%s, %s: %zu requests, ", c->url, l->model, l->n);
    if (c->rate > 0)
        buf_printf(out, "%.2f a second at random\n", c->rate);
    else
        buf_printf(out, "%lld at once\n", (long long)c->n_stream);
    buf_printf(out, "answered              %zu in %.2f s: %.2f a second; %zu failed%s%s\n", l->n_whole, s,
               (double)l->n_whole / s, l->n - l->n_whole, l->first_error.code ? ", first: " : "", l->first_error.msg);
    buf_printf(out, "tokens                prompts %lld (%.1f %% cached), answers %lld: %.1f a second\n",
               (long long)l->n_prompt, 100 * (double)l->n_cached / asked, (long long)l->n_answer,
               (double)l->n_answer / s);
    buf_z(out, "milliseconds              median       90 %       99 %       most\n");
    write_series(out, "first token", &l->first_ms, false);
    write_series(out, "  beyond its prompt", &l->beyond_ms, false);
    write_series(out, "between tokens", &l->between_ms, false);
    write_series(out, "whole answer", &l->whole_ms, false);
    buf_printf(
        out, "goodput               %.1f %% with the first token within %lld ms and %lld ms a token: %.2f a second\n",
        100 * (double)l->n_good / n, (long long)c->slo_first_ms, (long long)c->slo_between_ms, (double)l->n_good / s);
    write_usage(out, l, false);
    if (c->check)
        buf_printf(out, "compared              %zu answers with those of %zu conversations alone: %zu differ\n",
                   l->n_whole, l->prompts.n, l->n_differ);
}

static void write_json(struct buf *out, struct load *l, double s)
{
    buf_printf(out, "{\"requests\": %zu, \"answered\": %zu, \"failed\": %zu, \"seconds\": %.3f", l->n, l->n_whole,
               l->n - l->n_whole, s);
    if (l->first_error.code) {
        buf_z(out, ", \"first_error\": ");
        json_write_str(out, str_from(l->first_error.msg));
    }
    buf_printf(out, ", \"prompt_tokens\": %lld, \"cached_tokens\": %lld, \"answer_tokens\": %lld",
               (long long)l->n_prompt, (long long)l->n_cached, (long long)l->n_answer);
    buf_printf(out, ", \"tokens_per_second\": %.2f, \"longest_gap_ms\": %.3f", (double)l->n_answer / s,
               (double)l->longest_gap_ns * 1e-6);
    write_series(out, "first_token_ms", &l->first_ms, true);
    write_series(out, "beyond_prompt_ms", &l->beyond_ms, true);
    write_series(out, "between_tokens_ms", &l->between_ms, true);
    write_series(out, "answer_ms", &l->whole_ms, true);
    buf_printf(out, ", \"good\": %zu, \"goodput_per_second\": %.3f", l->n_good, (double)l->n_good / s);
    write_usage(out, l, true);
    if (l->c->check)
        buf_printf(out, ", \"differ\": %zu", l->n_differ);
    buf_z(out, "}\n");
}

static int prepare(struct load *l, struct err *e)
{
    const struct bench_serve *c = l->c;
    int rc = http_server_find(&l->url, c->url, e);
    if (rc)
        return rc;
    rc = find_model(l, e);
    size_t most = (size_t)MIN(c->n_distinct, c->n_request);
    if (!rc && c->prompts)
        rc = serve_prompts_read(&l->prompts, c->prompts, most, e);
    else if (!rc)
        serve_prompts_make(&l->prompts, most, (size_t)c->n_shared, (size_t)c->n_own, (uint64_t)c->seed);
    if (rc)
        return rc;
    l->alone = xcalloc(l->prompts.n, sizeof *l->alone);
    l->v = xcalloc(l->n, sizeof *l->v);
    return c->check ? ask_alone(l, e) : 0;
}

static void load_deinit(struct load *l)
{
    for (size_t i = 0; l->v && i < l->n; i++)
        buf_deinit(&l->v[i].text);
    for (size_t i = 0; l->alone && i < l->prompts.n; i++)
        buf_deinit(&l->alone[i]);
    mem_free(l->v);
    mem_free(l->alone);
    mem_free(l->model);
    serve_prompts_deinit(&l->prompts);
    http_server_deinit(&l->url);
    bench_series_deinit(&l->first_ms);
    bench_series_deinit(&l->between_ms);
    bench_series_deinit(&l->whole_ms);
    bench_series_deinit(&l->beyond_ms);
}

int bench_serve(const struct bench_serve *c, struct buf *out, struct err *e)
{
    struct load l = { .c = c, .n = (size_t)c->n_request };
    rng_init(&l.rng, (uint64_t)c->seed);
    sys_prefer_latency(); /* what it measures is the server's time, not how long it waits for a processor itself */
    int rc = prepare(&l, e);
    if (!rc && c->pid)
        rc = proc_usage_read(&l.before, c->pid, e);
    if (!rc) {
        plan(&l);
        rc = run(&l, e);
    }
    if (!rc && c->pid)
        rc = proc_usage_read(&l.after, c->pid, e);
    if (!rc) {
        count(&l);
        double s = MAX((double)(l.end_ns - l.start_ns) * 1e-9, 1e-9);
        (c->json ? write_json : write_text)(out, &l, s);
        if (c->check && l.n_whole < l.n)
            rc = err_set(e, ERR_FORMAT, "%zu of %zu requests failed, first: %s", l.n - l.n_whole, l.n,
                         l.first_error.msg);
        else if (l.n_differ)
            rc = err_set(e, ERR_FORMAT, "%zu of %zu answers are not those that their prompts get alone", l.n_differ,
                         l.n_whole);
    }
    load_deinit(&l);
    return rc;
}
