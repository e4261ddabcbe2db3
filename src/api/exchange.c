/* exchange.c - one HTTP request and its answer, without the HTTP.
 *
 * Whatever answers (a reply made at once, a prompt computed ahead, a generation), this file gives it status and headers, hands its bytes on,
 * and writes the line about it when it is over.
 * SPDX-License-Identifier: MIT */
#include "api/exchange.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/generation.h"
#include "api/reply.h"
#include "api/route.h"
#include "api/routes.h"
#include "api/service_state.h"
#include "api/warm.h"
#include "base/clock.h"
#include "base/mem.h"
#include "format/json.h"

enum { COPIED = 6 };

struct exchange {
    struct service *s;         /* borrowed */
    const struct route *route; /* NULL: refused before one was found */
    enum api_dialect dialect;
    char *copy[COPIED]; /* owned: what of the head is needed until the end */
    struct str method, path, client, request_id, session;
    int64_t received_ns;
    struct reply reply;            /* status and headers of whatever answers; the body where that is the answer */
    struct generation *generation; /* owned; NULL: none */
    struct warm *warm;             /* owned; NULL: none */
    bool streams, over, cut;
};

static struct str copy(struct exchange *x, int at, struct str s)
{
    x->copy[at] = xstrndup(s.n ? s.p : "", s.n);
    return (struct str){ x->copy[at], s.n };
}

static struct exchange *make(struct service *s, const struct exchange_head *h)
{
    struct exchange *x = xcalloc(1, sizeof *x);
    x->s = s;
    x->method = copy(x, 0, h->method);
    x->path = copy(x, 1, h->path);
    x->client = copy(x, 2, h->client);
    x->request_id = copy(x, 3, h->request_id);
    x->session = copy(x, 4, h->header ? h->header(h->arg, "x-session-id") : (struct str){ 0 });
    x->received_ns = h->received_ns ? h->received_ns : clock_ns();
    reply_init(&x->reply);
    /* Whole or not at all: a part of it would be the name of another session. */
    if (x->session.n && x->session.n < sizeof x->reply.header->value)
        reply_header(&x->reply, "X-Session-Id", x->session);
    return x;
}

static void refuse(struct exchange *x, const struct api_error *why)
{
    reply_error(&x->reply, why, x->dialect, x->request_id);
    x->streams = false;
}

void exchange_route(struct exchange_route *out, const struct exchange_head *h)
{
    struct str rest;
    *out = (struct exchange_route){ .status = 200 };
    const struct route *r = route_find(h, &rest, &out->dialect, &out->allow);
    if (!r) {
        out->status = out->allow ? 405 : 404;
        return;
    }
    out->is_public = r->is_public;
    out->has_body = r->has_body;
    if (r->answer == route_embeddings)
        out->status = 501;
}

static void refuse_route(struct exchange *x, const char *allow)
{
    struct api_error why;
    int n = (int)MIN(x->path.n, 200);
    if (allow)
        api_error_set(&why, API_ERR_METHOD, NULL, "%.*s cannot be asked with %.*s; it has %s", n, x->path.p,
                      (int)MIN(x->method.n, 20), x->method.p, allow);
    else
        api_error_set(&why, API_ERR_NOT_FOUND, NULL, "there is nothing at %.*s", n, x->path.p);
    reply_error(&x->reply, &why, x->dialect, x->request_id);
    if (allow)
        reply_header(&x->reply, "Allow", str_from(allow));
}

/* A hit saves most of the prompt's work; a few tokens that every template begins with are none. */
static void cache_headers(struct exchange *x)
{
    struct generation_facts f;
    generation_facts(x->generation, &f);
    reply_header(&x->reply, "X-Cache-Hit", 2 * f.n_cached >= f.n_prompt ? STR("true") : STR("false"));
}

/* Opens what answers. False: *why says why not. */
static bool open_answer(struct exchange *x, const struct exchange_head *h, struct str rest, struct str body,
                        struct api_error *why)
{
    switch (x->route->kind) {
    case ROUTE_REPLY:
        return x->route->answer(x->s, h, rest, body, &x->reply, why);
    case ROUTE_WARM:
        return !warm_open(&x->warm, x->s, body, why);
    case ROUTE_GENERATE:
        break;
    }
    if (generation_open(&x->generation, x->s, h, x->route->dialect, body, why))
        return false;
    x->streams = generation_streams(x->generation);
    if (x->streams) {
        x->reply.type = "text/event-stream; charset=utf-8";
        reply_header(&x->reply, "Cache-Control", STR("no-cache"));
        reply_header(&x->reply, "X-Accel-Buffering", STR("no"));
        cache_headers(x);
    }
    return true;
}

struct exchange *exchange_open(struct service *s, const struct exchange_head *h, struct str body)
{
    struct exchange *x = make(s, h);
    const char *allow;
    struct str rest;
    struct api_error why;
    /* The copies outlive the caller's head. */
    struct exchange_head own = *h;
    own.request_id = x->request_id;
    own.received_ns = x->received_ns;
    own.key_id = copy(x, 5, h->key_id);
    x->route = route_find(&own, &rest, &x->dialect, &allow);
    if (!x->route)
        refuse_route(x, allow);
    else if (!open_answer(x, &own, rest, body, &why))
        refuse(x, &why);
    return x;
}

struct exchange *exchange_refuse(struct service *s, const struct exchange_head *h, const struct api_error *why)
{
    struct exchange *x = make(s, h);
    const char *allow;
    struct str rest;
    x->route = route_find(h, &rest, &x->dialect, &allow);
    refuse(x, why);
    if (why->kind == API_ERR_METHOD && allow)
        reply_header(&x->reply, "Allow", str_from(allow));
    return x;
}

bool exchange_streams(const struct exchange *x)
{
    return x->streams;
}

int exchange_status(const struct exchange *x)
{
    return x->reply.status;
}

const char *exchange_content_type(const struct exchange *x)
{
    return x->reply.type;
}

const struct exchange_header *exchange_header(const struct exchange *x, size_t i)
{
    return i < x->reply.n_header ? &x->reply.header[i] : NULL;
}

/* --- bytes ---------------------------------------------------------------------------------------------------------------------------- */

static enum exchange_state hand_over(struct exchange *x, struct buf *out)
{
    buf_str(out, buf_view(&x->reply.body));
    x->over = true;
    return EXCHANGE_END;
}

static enum exchange_state next_warm(struct exchange *x, struct buf *out, int timeout_ms)
{
    struct api_error why;
    int rc = warm_next(x->warm, &x->reply.body, timeout_ms, &why);
    if (!rc)
        return EXCHANGE_MORE;
    if (rc < 0)
        refuse(x, &why);
    return hand_over(x, out);
}

static void whole_headers(struct exchange *x)
{
    char ms[32];
    snprintf(ms, sizeof ms, "%" PRId64, (clock_ns() - x->received_ns) / 1000000);
    reply_header(&x->reply, "openai-processing-ms", str_from(ms));
    cache_headers(x);
}

static enum exchange_state next_generation(struct exchange *x, struct buf *out, int timeout_ms)
{
    struct api_error why;
    switch (generation_next(x->generation, out, timeout_ms, &why)) {
    case GENERATION_MORE:
        return EXCHANGE_MORE;
    case GENERATION_CUT:
        x->cut = true;
        return EXCHANGE_CUT;
    case GENERATION_FAILED:
        refuse(x, &why);
        return hand_over(x, out);
    case GENERATION_END:
        break;
    }
    if (!x->streams)
        whole_headers(x);
    x->over = true;
    return EXCHANGE_END;
}

enum exchange_state exchange_next(struct exchange *x, struct buf *out, int timeout_ms)
{
    if (x->generation)
        return next_generation(x, out, timeout_ms);
    return x->warm ? next_warm(x, out, timeout_ms) : hand_over(x, out);
}

void exchange_abandon(struct exchange *x)
{
    if (x->generation)
        generation_abandon(x->generation);
    else if (x->warm)
        warm_abandon(x->warm);
}

/* --- the line about it ---------------------------------------------------------------------------------------------------------------- */

static void write_figures(const struct generation_facts *f, struct buf *out)
{
    buf_printf(out, " in=%zu cached=%zu out=%zu queue=%.3fs", f->n_prompt, f->n_cached, f->n_completion, f->queue_s);
    if (f->ttft_s >= 0)
        buf_printf(out, " ttft=%.3fs", f->ttft_s);
    buf_printf(out, " total=%.3fs finish=%s", f->total_s, f->finish);
}

static void write_line(const struct exchange *x, const struct generation_facts *f, struct buf *out)
{
    buf_printf(out, "%.*s %.*s %.*s %.*s %d", (int)x->request_id.n, x->request_id.p, (int)x->client.n, x->client.p,
               (int)MIN(x->method.n, 20), x->method.p, (int)MIN(x->path.n, 200), x->path.p, x->reply.status);
    if (f)
        write_figures(f, out);
    else
        buf_printf(out, " %.3fs", clock_seconds_since(x->received_ns));
    if (x->reply.error.n)
        buf_printf(out, " error=\"%.*s\"", (int)x->reply.error.n, x->reply.error.p);
}

static void write_json(const struct exchange *x, const struct generation_facts *f, struct buf *out)
{
    buf_z(out, "{\"id\": ");
    json_write_str(out, x->request_id);
    buf_z(out, ", \"client\": ");
    json_write_str(out, x->client);
    buf_z(out, ", \"method\": ");
    json_write_str(out, x->method);
    buf_z(out, ", \"path\": ");
    json_write_str(out, x->path);
    buf_printf(out, ", \"status\": %d, \"seconds\": %.6f", x->reply.status, clock_seconds_since(x->received_ns));
    if (x->reply.error.n) {
        buf_z(out, ", \"error\": ");
        json_write_str(out, buf_view(&x->reply.error));
    }
    if (x->session.n) {
        buf_z(out, ", \"session\": ");
        json_write_str(out, x->session);
    }
    if (f) {
        buf_z(out, ", \"model\": ");
        json_write_str(out, f->model);
        buf_printf(out,
                   ", \"prompt_tokens\": %zu, \"cached_tokens\": %zu, \"completion_tokens\": %zu, \"queue_seconds\": "
                   "%.6f, \"finish\": \"%s\"",
                   f->n_prompt, f->n_cached, f->n_completion, f->queue_s, f->finish);
        if (f->ttft_s >= 0)
            buf_printf(out, ", \"ttft_seconds\": %.6f", f->ttft_s);
        if (f->cache_key.n) {
            buf_z(out, ", \"cache_key\": ");
            json_write_str(out, f->cache_key);
        }
    }
    buf_char(out, '}');
}

static void tell(const struct exchange *x)
{
    struct generation_facts f;
    struct buf line = { 0 }, json = { 0 };
    if (!x->s->o.access)
        return;
    if (x->generation)
        generation_facts(x->generation, &f);
    write_line(x, x->generation ? &f : NULL, &line);
    write_json(x, x->generation ? &f : NULL, &json);
    x->s->o.access(x->s->o.access_arg, line.p, json.p);
    buf_deinit(&line);
    buf_deinit(&json);
}

void exchange_close(struct exchange *x, bool gone)
{
    if (!x)
        return;
    if (gone && x->generation)
        generation_settle(x->generation);
    tell(x);
    metrics_exchange(&x->s->metrics, x->route ? x->route->path : "none", x->cut ? 500 : x->reply.status);
    generation_close(x->generation, gone);
    warm_close(x->warm);
    reply_deinit(&x->reply);
    for (int i = 0; i < COPIED; i++)
        mem_free(x->copy[i]);
    mem_free(x);
}
