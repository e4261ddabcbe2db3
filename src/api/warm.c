/* warm.c - a system prompt computed ahead.
 * SPDX-License-Identifier: MIT */
#include "api/warm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "api/body_scan.h"
#include "api/service_state.h"
#include "base/clock.h"
#include "base/mem.h"
#include "format/json.h"
#include "text/template/chat.h"

enum { VALUES_MAX = 100000 };

struct warm {
    struct service *s;
    struct request *run; /* owned */
    char hash[17];
    int64_t begun_ns;
};

static int fail(struct api_error *x, const struct err *e, const char *param)
{
    api_error_from(x, e, param);
    return -1;
}

/* The members that a template needs, from the members that came. */
static void make_vars(struct buf *out, struct str system, const struct json *tools)
{
    buf_z(out, "{\"messages\": [{\"role\": \"system\", \"content\": ");
    json_write_str(out, system);
    buf_z(out, "}], \"add_generation_prompt\": false");
    if (json_len(tools)) {
        buf_z(out, ", \"tools\": ");
        json_write(out, tools);
    }
    buf_char(out, '}');
}

static int render(const struct service *s, struct str system, const struct json *tools, struct ids *out, struct err *e)
{
    struct buf text = { 0 };
    struct json *vars = NULL;
    struct marked m = { 0 };
    make_vars(&text, system, tools);
    int rc = json_parse(&vars, buf_view(&text), "cache/warm", NULL, e);
    if (!rc)
        rc = chat_render(s->o.chat, vars, (int64_t)time(NULL), &m, e);
    if (!rc)
        rc = tokenizer_encode_marked(s->o.tok, &m, out, e);
    marked_deinit(&m);
    json_free(vars);
    buf_deinit(&text);
    return rc;
}

static int submit(struct warm *w, const struct ids *ids, struct api_error *x)
{
    struct err e = ERR_INIT;
    const struct engine_request q = {
        .prompt = ids->v,
        .n_prompt = ids->n,
        .answer = { .sampling = sampling_greedy, .eos = w->s->eos, .n_eos = w->s->n_eos, .max_tokens = 1 },
    };
    if (ids->n >= w->s->context) {
        api_error_context(x, API_CHAT, ids->n, w->s->context);
        return -1;
    }
    if (!engine_submit(w->s->o.engine, &w->run, &q, &e))
        return 0;
    if (e.code != ERR_BUSY)
        return fail(x, &e, NULL);
    service_busy(w->s, x, "too many requests wait already");
    return -1;
}

static int start(struct warm *w, const struct json *body, struct api_error *x)
{
    struct err e = ERR_INIT;
    struct str system = { 0 };
    struct ids ids = { 0 };
    const struct json *tools = json_get(body, "tools");
    const char *key = json_get(body, "systemPrompt") ? "systemPrompt" : "system_prompt";
    if (json_type(body) != JSON_OBJECT) {
        json_expected(body, NULL, "an object", &e);
        return fail(x, &e, NULL);
    }
    if (tools && json_type(tools) != JSON_ARRAY) {
        json_expected(body, "tools", "an array", &e);
        return fail(x, &e, "tools");
    }
    if (json_req_str(body, key, &system, &e))
        return fail(x, &e, key);
    snprintf(w->hash, sizeof w->hash, "%016" PRIx64, (uint64_t)XXH64(system.p, system.n, 0));
    int rc = render(w->s, system, tools, &ids, &e) ? fail(x, &e, key) : submit(w, &ids, x);
    ids_deinit(&ids);
    return rc;
}

int warm_open(struct warm **out, struct service *s, struct str body, struct api_error *x)
{
    struct err e = ERR_INIT;
    struct json *j = NULL;
    struct body_scan scan;
    *out = NULL;
    if (service_refuses(s, x))
        return -1;
    if (body_scan(&scan, body, VALUES_MAX, &e) || json_parse(&j, body, "body", &body_limits, &e))
        return fail(x, &e, NULL);
    struct warm *w = xcalloc(1, sizeof *w);
    w->s = s;
    w->begun_ns = clock_ns();
    int rc = start(w, j, x);
    json_free(j);
    if (rc) {
        warm_close(w);
        return -1;
    }
    *out = w;
    return 0;
}

static void done(struct warm *w, const struct engine_figures *f, struct buf *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    struct service_warm now = { .n_tokens = f->n_prompt, .updated_ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 };
    memcpy(now.hash, w->hash, sizeof now.hash);
    pthread_mutex_lock(&w->s->mu);
    w->s->warm = now;
    pthread_mutex_unlock(&w->s->mu);
    buf_printf(out,
               "{\"status\": \"ok\", \"warmed\": true, \"tokens\": %zu, \"cached_tokens\": %zu, \"systemPromptHash\": "
               "\"%s\", \"lastUpdated\": %lld, \"seconds\": %.3f}",
               f->n_prompt, f->n_cached + f->n_disk, now.hash, (long long)now.updated_ms,
               clock_seconds_since(w->begun_ns));
}

int warm_next(struct warm *w, struct buf *out, int timeout_ms, struct api_error *x)
{
    int64_t deadline = clock_ns() + (int64_t)timeout_ms * 1000000;
    struct engine_event ev;
    for (;;) {
        int64_t left = (deadline - clock_ns()) / 1000000;
        if (!request_next(w->run, &ev, left > 0 ? (int)left : 0))
            return 0;
        if (ev.kind == ENGINE_ERROR)
            return fail(x, ev.err, NULL);
        if (ev.kind != ENGINE_FINISH)
            continue;
        if (ev.finish != ANSWER_CANCELLED) {
            done(w, &ev.figures, out);
            return 1;
        }
        api_error_set(x, API_ERR_UNAVAILABLE, NULL, "the request was cancelled");
        return -1;
    }
}

void warm_abandon(struct warm *w)
{
    request_cancel(w->run);
}

void warm_close(struct warm *w)
{
    if (w && w->run)
        request_close(w->run);
    mem_free(w);
}
