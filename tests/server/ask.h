/* ask.h - a service on the demonstration model, asked without HTTP. For test programs: all functions are static.
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SERVER_ASK_H
#define TESTS_SERVER_ASK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/exchange.h"
#include "base/buf.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "format/json.h"
#include "text/template/chat.h"
#include "text/tokenizer.h"

#define ASK_MODEL "models/octet-mini"

enum { ASK_HEADERS = 8, ASK_LINES = 4096 };

struct ask_world {
    struct tokenizer *tok;
    struct chat *chat;
    struct engine *engine;
    struct service *service;
    char line[ASK_LINES], json[ASK_LINES]; /* of the last exchange that ended */
};

struct ask {
    const char *method, *path;
    struct str body;
    const char *header[ASK_HEADERS][2];
    const char *key;
};

struct ask_reply {
    int status;
    char type[128];
    struct buf body;
    struct exchange_header header[ASK_HEADERS];
    int n_header;
    bool streamed;
    enum exchange_state end;
};

static void ask_access(void *arg, const char *line, const char *json)
{
    struct ask_world *w = arg;
    snprintf(w->line, sizeof w->line, "%s", line);
    snprintf(w->json, sizeof w->json, "%s", json);
}

/* `so`, `eo`: what is set there counts; NULL: the defaults. */
static inline void ask_open(struct ask_world *w, const struct service_opts *so, const struct engine_opts *eo)
{
    struct model *m;
    struct err e = ERR_INIT;
    struct model_opts mo = model_opts_default;
    struct engine_opts engine = eo ? *eo : (struct engine_opts){ 0 };
    struct service_opts o = so ? *so : (struct service_opts){ .tool_grammar = true };
    *w = (struct ask_world){ 0 };
    mo.n_threads = 2;
    mo.chunk = 256;
    if (!engine.kv_memory)
        engine.kv_memory = (uint64_t)256 << 20;
    if (tokenizer_open(&w->tok, ASK_MODEL, &e) || chat_open(&w->chat, ASK_MODEL, &e) ||
        model_open(&m, ASK_MODEL, &mo, &e) || engine_open(&w->engine, m, w->tok, &engine, &e))
        fail_msg("%s", e.msg);
    o.engine = w->engine;
    o.tok = w->tok;
    o.chat = w->chat;
    o.model_dir = ASK_MODEL;
    if (!o.model_name.n)
        o.model_name = STR("octet-mini");
    o.sampling = sampling_greedy;
    o.access = ask_access;
    o.access_arg = w;
    o.version = "1.2.3";
    if (service_open(&w->service, &o, &e))
        fail_msg("%s", e.msg);
}

static inline void ask_close(struct ask_world *w)
{
    service_close(w->service);
    engine_close(w->engine);
    chat_close(w->chat);
    tokenizer_close(w->tok);
}

static struct str ask_header(void *arg, const char *name)
{
    const struct ask *a = arg;
    for (int i = 0; i < ASK_HEADERS && a->header[i][0]; i++) {
        if (strcasecmp(a->header[i][0], name) == 0)
            return str_from(a->header[i][1]);
    }
    return (struct str){ 0 };
}

static inline struct exchange *ask_begin(struct ask_world *w, const struct ask *a)
{
    const struct exchange_head h = {
        .method = str_from(a->method),
        .path = str_from(a->path),
        .header = ask_header,
        .arg = (void *)(uintptr_t)a,
        .client = STR("127.0.0.1"),
        .request_id = STR("req_test"),
        .key_id = str_from(a->key ? a->key : ""),
    };
    return exchange_open(w->service, &h, a->body);
}

static inline void ask_finish(struct exchange *x, struct ask_reply *r)
{
    *r = (struct ask_reply){ .streamed = exchange_streams(x) };
    do {
        r->end = exchange_next(x, &r->body, 1000);
    } while (r->end == EXCHANGE_MORE);
    r->status = exchange_status(x);
    snprintf(r->type, sizeof r->type, "%s", exchange_content_type(x));
    const struct exchange_header *h;
    for (size_t i = 0; i < ASK_HEADERS && (h = exchange_header(x, i)); i++)
        r->header[r->n_header++] = *h;
    if (!r->body.p)
        buf_z(&r->body, "");
    exchange_close(x, false);
}

static inline struct ask_reply ask_with(struct ask_world *w, const struct ask *a)
{
    struct ask_reply r;
    ask_finish(ask_begin(w, a), &r);
    return r;
}

static inline struct ask_reply ask(struct ask_world *w, const char *method, const char *path, const char *body)
{
    const struct ask a = { .method = method, .path = path, .body = str_from(body) };
    return ask_with(w, &a);
}

static inline const char *ask_reply_header(const struct ask_reply *r, const char *name)
{
    for (int i = 0; i < r->n_header; i++) {
        if (strcasecmp(r->header[i].name, name) == 0)
            return r->header[i].value;
    }
    return NULL;
}

/* The body as JSON, to be freed; the reply is done with. */
static inline struct json *ask_json(struct ask_reply *r)
{
    struct json *j = NULL;
    struct err e = ERR_INIT;
    if (json_parse(&j, buf_view(&r->body), "reply", NULL, &e))
        fail_msg("%s\n%s", e.msg, r->body.p);
    buf_deinit(&r->body);
    return j;
}

/* The member at a path such as "choices.0.message.content"; NULL if something on the way is not there. */
static inline const struct json *ask_at(const struct json *j, const char *path)
{
    struct str rest = str_from(path), part;
    while (j && rest.n) {
        uint64_t i;
        char key[100];
        if (!str_cut(&rest, '.', &part)) {
            part = rest;
            rest.n = 0;
        }
        if (json_type(j) == JSON_ARRAY && str_to_u64(part, &i)) {
            j = json_at(j, i);
        } else {
            snprintf(key, sizeof key, "%.*s", (int)part.n, part.p);
            j = json_get(j, key);
        }
    }
    return j;
}

static inline int64_t ask_int(const struct json *j, const char *path)
{
    int64_t v = 0;
    const struct json *at = ask_at(j, path);
    if (!json_i64(at, &v)) {
        struct buf text = { 0 };
        json_write(&text, j);
        fail_msg("%s is no integer in %s", path, text.p);
    }
    return v;
}

static inline bool ask_is(const struct json *j, const char *path, const char *want)
{
    const struct json *at = ask_at(j, path);
    return json_type(at) == JSON_STRING && str_eqz(json_str(at), want);
}

#define assert_at(j, path, want)                                                                                       \
    do {                                                                                                               \
        if (!ask_is((j), (path), (want))) {                                                                            \
            struct buf shown = { 0 };                                                                                  \
            json_write(&shown, (j));                                                                                   \
            fail_msg("%s is not \"%s\" in %s", (path), (want), shown.p);                                               \
        }                                                                                                              \
    } while (0)

/* --- streams -------------------------------------------------------------------------------------------------------------------------- */

/* What a client would have gathered from a stream of any of the APIs. Fails the test where the stream breaks a rule of its API. */
struct ask_gathered {
    struct buf text, reasoning, calls; /* calls: "name arguments\n" each */
    struct buf ids;                    /* of the calls, one a line */
    char finish[64];
    int64_t n_prompt, n_cached, n_completion; /* n_prompt with what is cached; -1: not told */
    size_t n_event;
    bool errored;
};

static inline void ask_gathered_deinit(struct ask_gathered *g)
{
    buf_deinit(&g->text);
    buf_deinit(&g->reasoning);
    buf_deinit(&g->calls);
    buf_deinit(&g->ids);
}

static inline void ask_add(struct buf *to, const struct json *v)
{
    if (json_type(v) == JSON_STRING)
        buf_str(to, json_str(v));
}

struct ask_stream {
    struct ask_gathered *g;
    int open_call;      /* chat: index of the call under way; -1 */
    bool started, done; /* the first and the last event have come */
    int64_t block;      /* messages: index of the open block; -1 */
    int64_t next_block; /* the next block's */
    int64_t sequence;   /* responses */
    bool block_is_call;
};

static inline void ask_chat_calls(struct ask_stream *s, const struct json *calls)
{
    for (size_t i = 0; i < json_len(calls); i++) {
        const struct json *c = json_at(calls, i), *f = json_get(c, "function");
        int64_t index = ask_int(c, "index");
        if (json_get(f, "name")) {
            assert_int_equal(index, s->open_call + 1);
            assert_true(json_type(json_get(c, "id")) == JSON_STRING);
            assert_at(c, "type", "function");
            s->open_call = (int)index;
            if (s->g->calls.n)
                buf_char(&s->g->calls, '\n');
            ask_add(&s->g->calls, json_get(f, "name"));
            buf_char(&s->g->calls, ' ');
            ask_add(&s->g->ids, json_get(c, "id"));
            buf_char(&s->g->ids, '\n');
        }
        assert_int_equal(index, s->open_call);
        ask_add(&s->g->calls, json_get(f, "arguments"));
    }
}

static inline void ask_usage(struct ask_gathered *g, const struct json *u)
{
    g->n_prompt = ask_int(u, "prompt_tokens");
    g->n_cached = ask_int(u, "prompt_tokens_details.cached_tokens");
    g->n_completion = ask_int(u, "completion_tokens");
}

static inline void ask_chat_event(struct ask_stream *s, const struct json *j)
{
    if (json_get(j, "error")) {
        s->g->errored = s->done = true;
        return;
    }
    const struct json *choice = ask_at(j, "choices.0"), *delta = json_get(choice, "delta");
    assert_at(j, "object", "chat.completion.chunk");
    if (json_get(j, "usage"))
        ask_usage(s->g, json_get(j, "usage"));
    if (!choice)
        return;
    assert_int_equal(s->g->finish[0], 0);
    if (!s->started)
        assert_at(delta, "role", "assistant");
    s->started = true;
    ask_add(&s->g->text, json_get(delta, "content"));
    ask_add(&s->g->reasoning, json_get(delta, "reasoning_content"));
    ask_chat_calls(s, json_get(delta, "tool_calls"));
    struct str why = json_str(json_get(choice, "finish_reason"));
    if (json_get(choice, "finish_reason"))
        snprintf(s->g->finish, sizeof s->g->finish, "%.*s", (int)why.n, why.p);
}

static inline void ask_completions_event(struct ask_stream *s, const struct json *j)
{
    const struct json *choice = ask_at(j, "choices.0");
    s->started = true;
    if (json_get(j, "usage"))
        ask_usage(s->g, json_get(j, "usage"));
    ask_add(&s->g->text, json_get(choice, "text"));
    struct str why = json_str(json_get(choice, "finish_reason"));
    if (json_get(choice, "finish_reason"))
        snprintf(s->g->finish, sizeof s->g->finish, "%.*s", (int)why.n, why.p);
}

static inline void ask_messages_usage(struct ask_gathered *g, const struct json *u)
{
    g->n_cached = ask_int(u, "cache_read_input_tokens");
    g->n_prompt = ask_int(u, "input_tokens") + g->n_cached + ask_int(u, "cache_creation_input_tokens");
    g->n_completion = ask_int(u, "output_tokens");
}

static inline void ask_messages_block(struct ask_stream *s, const struct json *j)
{
    assert_int_equal(s->block, -1);
    s->block = ask_int(j, "index");
    assert_int_equal(s->block, s->next_block++);
    s->block_is_call = ask_is(j, "content_block.type", "tool_use");
    if (s->block_is_call) {
        if (s->g->calls.n)
            buf_char(&s->g->calls, '\n');
        ask_add(&s->g->calls, ask_at(j, "content_block.name"));
        buf_char(&s->g->calls, ' ');
        ask_add(&s->g->ids, ask_at(j, "content_block.id"));
        buf_char(&s->g->ids, '\n');
    }
}

static inline void ask_messages_event(struct ask_stream *s, struct str name, const struct json *j)
{
    assert_true(str_eq(name, json_str(json_get(j, "type"))));
    if (!s->started)
        assert_true(str_eqz(name, "message_start"));
    if (str_eqz(name, "message_start")) {
        assert_false(s->started);
        s->started = true;
        ask_messages_usage(s->g, ask_at(j, "message.usage"));
    } else if (str_eqz(name, "content_block_start")) {
        ask_messages_block(s, j);
    } else if (str_eqz(name, "content_block_delta")) {
        assert_int_equal(ask_int(j, "index"), s->block);
        ask_add(&s->g->text, ask_at(j, "delta.text"));
        ask_add(&s->g->reasoning, ask_at(j, "delta.thinking"));
        ask_add(&s->g->calls, ask_at(j, "delta.partial_json"));
    } else if (str_eqz(name, "content_block_stop")) {
        assert_int_equal(ask_int(j, "index"), s->block);
        s->block = -1;
    } else if (str_eqz(name, "message_delta")) {
        struct str why = json_str(ask_at(j, "delta.stop_reason"));
        assert_int_equal(s->block, -1);
        snprintf(s->g->finish, sizeof s->g->finish, "%.*s", (int)why.n, why.p);
        ask_messages_usage(s->g, json_get(j, "usage"));
    } else if (str_eqz(name, "message_stop")) {
        assert_true(s->g->finish[0]);
        s->done = true;
    } else if (str_eqz(name, "error")) {
        s->g->errored = s->done = true;
    } else {
        assert_true(str_eqz(name, "ping"));
    }
}

static inline void ask_responses_end(struct ask_stream *s, const struct json *r)
{
    const struct json *u = json_get(r, "usage"), *output = json_get(r, "output");
    struct str status = json_str(json_get(r, "status"));
    s->done = true;
    snprintf(s->g->finish, sizeof s->g->finish, "%.*s", (int)status.n, status.p);
    if (u) {
        s->g->n_prompt = ask_int(u, "input_tokens");
        s->g->n_cached = ask_int(u, "input_tokens_details.cached_tokens");
        s->g->n_completion = ask_int(u, "output_tokens");
    }
    for (size_t i = 0; i < json_len(output); i++) {
        const struct json *item = json_at(output, i);
        if (!ask_is(item, "type", "function_call"))
            continue;
        if (s->g->calls.n)
            buf_char(&s->g->calls, '\n');
        ask_add(&s->g->calls, json_get(item, "name"));
        buf_char(&s->g->calls, ' ');
        ask_add(&s->g->calls, json_get(item, "arguments"));
        ask_add(&s->g->ids, json_get(item, "call_id"));
        buf_char(&s->g->ids, '\n');
    }
}

static inline void ask_responses_event(struct ask_stream *s, struct str name, const struct json *j)
{
    assert_true(str_eq(name, json_str(json_get(j, "type"))));
    assert_int_equal(ask_int(j, "sequence_number"), s->sequence++);
    if (!s->started)
        assert_true(str_eqz(name, "response.created"));
    s->started = true;
    if (str_eqz(name, "response.output_text.delta"))
        ask_add(&s->g->text, json_get(j, "delta"));
    if (str_eqz(name, "response.reasoning_summary_text.delta") || str_eqz(name, "response.reasoning_text.delta"))
        ask_add(&s->g->reasoning, json_get(j, "delta"));
    if (str_eqz(name, "response.completed") || str_eqz(name, "response.incomplete"))
        ask_responses_end(s, json_get(j, "response"));
    if (str_eqz(name, "response.failed") || str_eqz(name, "error"))
        s->g->errored = s->done = true;
}

static inline void ask_event(struct ask_stream *s, enum api_dialect d, struct str name, struct str data)
{
    struct json *j = NULL;
    struct err e = ERR_INIT;
    assert_false(s->done);
    s->g->n_event++;
    if ((d == API_CHAT || d == API_COMPLETIONS) && str_eqz(data, "[DONE]")) {
        s->done = true;
        return;
    }
    if (json_parse(&j, data, "event", NULL, &e))
        fail_msg("%s: %.*s", e.msg, (int)data.n, data.p);
    switch (d) {
    case API_CHAT:
        ask_chat_event(s, j);
        break;
    case API_COMPLETIONS:
        ask_completions_event(s, j);
        break;
    case API_MESSAGES:
        ask_messages_event(s, name, j);
        break;
    case API_RESPONSES:
        ask_responses_event(s, name, j);
        break;
    }
    json_free(j);
}

/* Reads a whole stream; *g is to be deinitialised. */
static inline void ask_gather(struct ask_gathered *g, enum api_dialect d, struct str bytes)
{
    *g = (struct ask_gathered){ .n_prompt = -1, .n_cached = -1, .n_completion = -1 };
    struct ask_stream s = { .g = g, .open_call = -1, .block = -1 };
    struct str line, name = { 0 };
    while (str_cut(&bytes, '\n', &line)) {
        if (str_starts(line, STR("event: ")))
            name = str_sub(line, 7, line.n);
        else if (str_starts(line, STR("data: ")))
            ask_event(&s, d, name, str_sub(line, 6, line.n));
        else
            assert_true(line.n == 0 || line.p[0] == ':');
    }
    assert_int_equal(bytes.n, 0);
    assert_true(s.started);
    assert_true(s.done);
    buf_z(&g->text, "");
    buf_z(&g->reasoning, "");
    buf_z(&g->calls, "");
    buf_z(&g->ids, "");
}

#endif
