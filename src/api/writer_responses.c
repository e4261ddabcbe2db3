/* writer_responses.c - OpenAI's responses: items that are added, grow part by part and are done, or one response.
 *
 * Clients take items from output_item.done, some of them before the response is completed, and execute what they find. So a call that was
 * cut by a limit has no such event, nor one that its arguments are done: it stands in the final response alone, as incomplete. Comments
 * do not reset these clients' timers, so a response.in_progress does. Reasoning is told as summary, which all of them show and send back.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "api/sse.h"
#include "api/usage_json.h"
#include "api/writer_list.h"
#include "base/base.h"
#include "format/json.h"
#include "format/repr.h"

static bool is_custom(const struct writer_item *it)
{
    return it->kind == WRITER_CALL && it->tool->kind == API_TOOL_CUSTOM;
}

static void name_item(struct writer *w, struct writer_item *it)
{
    const char *prefix = it->kind == WRITER_TEXT        ? "msg_"
                         : it->kind == WRITER_REASONING ? "rs_"
                         : is_custom(it)                ? "ctc_"
                                                        : "fc_";
    writer_fresh_id(w, prefix, it->id);
}

/* --- what a response echoes of its request --- */

struct echo {
    const char *name;
    const char *absent; /* JSON where the request does not say */
};

static const struct echo echoes[] = {
    { "background", "false" },
    { "max_output_tokens", "null" },
    { "max_tool_calls", "null" },
    { "metadata", "{}" },
    { "parallel_tool_calls", "true" },
    { "previous_response_id", "null" },
    { "prompt_cache_key", "null" },
    { "reasoning", "{\"effort\":null,\"summary\":null}" },
    { "safety_identifier", "null" },
    { "service_tier", "\"default\"" },
    { "store", "false" },
    { "text", "{\"format\":{\"type\":\"text\"}}" },
    { "tool_choice", "\"auto\"" },
    { "tools", "[]" },
    { "top_logprobs", "0" },
    { "truncation", "\"disabled\"" },
    { "user", "null" },
};

/* Made once: a response is told three times and more, with some ten kilobytes of tools in it each time. */
static void write_echo(struct writer *w, struct buf *out)
{
    const struct api_request *r = w->o.request;
    for (size_t i = 0; i < ARRAY_LEN(echoes); i++) {
        const struct json *v = r->echo_fields ? json_get(r->echo_fields, echoes[i].name) : NULL;
        buf_printf(out, ",\"%s\":", echoes[i].name);
        if (v)
            json_write(out, v);
        else
            buf_z(out, echoes[i].absent);
    }
    buf_z(out, ",\"instructions\":");
    if (r->instructions.n)
        json_write_str(out, r->instructions);
    else
        buf_z(out, "null");
    buf_z(out, ",\"temperature\":");
    repr_double(out, r->sampling.temperature);
    buf_z(out, ",\"top_p\":");
    repr_double(out, r->sampling.top_p);
}

/* --- items --- */

static void write_part(const struct writer_item *it, bool filled, struct buf *out)
{
    buf_z(out, "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[");
    if (filled)
        buf_str(out, buf_view(&it->logprob));
    buf_char(out, ']');
    writer_json_member(out, "text", filled ? buf_view(&it->text) : STR(""));
    buf_char(out, '}');
}

static void write_summary(const struct writer_item *it, bool filled, struct buf *out)
{
    buf_z(out, "{\"type\":\"summary_text\"");
    writer_json_member(out, "text", filled ? buf_view(&it->text) : STR(""));
    buf_char(out, '}');
}

static void write_call(const struct writer_item *it, const char *status, bool filled, struct buf *out)
{
    buf_z(out, is_custom(it) ? ",\"type\":\"custom_tool_call\"" : ",\"type\":\"function_call\"");
    writer_json_member(out, "status", str_from(status));
    writer_json_member(out, "call_id", str_from(it->call_id));
    writer_json_member(out, "name", it->tool->name);
    if (it->tool->space.n)
        writer_json_member(out, "namespace", it->tool->space);
    writer_json_member(out, is_custom(it) ? "input" : "arguments", filled ? buf_view(&it->text) : STR(""));
}

/* `filled`: with what it says; otherwise as it is when it is added. */
static void write_item(const struct writer_item *it, const char *status, bool filled, struct buf *out)
{
    buf_z(out, "{\"id\":");
    json_write_str(out, str_from(it->id));
    if (it->kind == WRITER_TEXT) {
        writer_json_member(out, "type", STR("message"));
        writer_json_member(out, "status", str_from(status));
        buf_z(out, ",\"role\":\"assistant\",\"content\":[");
        if (filled)
            write_part(it, true, out);
        buf_char(out, ']');
    } else if (it->kind == WRITER_REASONING) {
        buf_z(out, ",\"type\":\"reasoning\",\"summary\":[");
        if (filled)
            write_summary(it, true, out);
        buf_z(out, "],\"encrypted_content\":null");
    } else {
        write_call(it, status, filled, out);
    }
    buf_char(out, '}');
    out->failed |= it->text.failed || it->logprob.failed;
}

static void item(const struct writer_item *it, struct buf *out)
{
    write_item(it, it->complete ? "completed" : "incomplete", true, out);
}

static void write_output(const struct writer *w, struct buf *out)
{
    const struct writer_choice *c = &w->choice[0];
    for (size_t i = 0; i < c->n_item; i++) {
        if (i)
            buf_char(out, ',');
        item(&c->item[i], out);
    }
}

/* --- the response --- */

static const char *error_code(enum api_error_kind k)
{
    switch (k) {
    case API_ERR_CONTEXT:
        return "context_length_exceeded";
    case API_ERR_BUSY:
        return "rate_limit_exceeded";
    case API_ERR_INVALID:
        return "invalid_prompt";
    default:
        return "server_error";
    }
}

static void write_error(const struct api_error *x, struct buf *out)
{
    if (!x) {
        buf_z(out, ",\"error\":null");
        return;
    }
    buf_printf(out, ",\"error\":{\"code\":\"%s\"", error_code(x->kind));
    writer_json_member(out, "message", str_from(x->message));
    buf_char(out, '}');
}

/* `u` NULL: not over. `x` NULL: no failure. */
static void write_response(struct writer *w, const char *status, const struct writer_usage *u,
                           const struct api_error *x, struct buf *out)
{
    bool cut = u && str_eqz(STR("incomplete"), status);
    if (!w->head.n)
        write_echo(w, &w->head);
    buf_z(out, "{\"id\":");
    json_write_str(out, buf_view(&w->id));
    buf_printf(out, ",\"object\":\"response\",\"created_at\":%" PRId64 ",\"status\":\"%s\"", w->o.created, status);
    if (u && !cut)
        buf_printf(out, ",\"completed_at\":%" PRId64, w->o.created + (int64_t)u->total_s);
    else
        buf_z(out, ",\"completed_at\":null");
    write_error(x, out);
    buf_printf(out, ",\"incomplete_details\":%s", cut ? "{\"reason\":\"max_output_tokens\"}" : "null");
    writer_json_member(out, "model", w->o.model);
    buf_z(out, ",\"output\":[");
    if (u || x)
        write_output(w, out);
    buf_char(out, ']');
    buf_str(out, buf_view(&w->head));
    buf_z(out, ",\"usage\":");
    if (u)
        usage_json_responses(out, u);
    else
        buf_z(out, "null");
    buf_char(out, '}');
    out->failed |= w->head.failed;
}

static void begin_event(struct writer *w, const char *type, struct buf *out)
{
    sse_begin(out, type);
    buf_printf(out, "{\"type\":\"%s\",\"sequence_number\":%" PRId64, type, w->sequence++);
}

static void end_event(struct buf *out)
{
    buf_char(out, '}');
    sse_end(out);
}

static void response_event(struct writer *w, const char *type, const char *status, const struct writer_usage *u,
                           const struct api_error *x, struct buf *out)
{
    begin_event(w, type, out);
    buf_z(out, ",\"response\":");
    write_response(w, status, u, x, out);
    end_event(out);
}

static void start(struct writer *w, struct buf *out)
{
    response_event(w, "response.created", "in_progress", NULL, NULL, out);
    response_event(w, "response.in_progress", "in_progress", NULL, NULL, out);
}

static void keepalive(struct writer *w, struct buf *out)
{
    response_event(w, "response.in_progress", "in_progress", NULL, NULL, out);
}

static void item_event(struct writer *w, const char *type, const struct writer_item *it, const char *status,
                       bool filled, struct buf *out)
{
    begin_event(w, type, out);
    buf_printf(out, ",\"output_index\":%d,\"item\":", it->index);
    write_item(it, status, filled, out);
    end_event(out);
}

/* Begins an event about a place inside an item; `part` names the index of the place, NULL: there is none. */
static void begin_inner(struct writer *w, const char *type, const struct writer_item *it, const char *part,
                        struct buf *out)
{
    begin_event(w, type, out);
    writer_json_member(out, "item_id", str_from(it->id));
    buf_printf(out, ",\"output_index\":%d", it->index);
    if (part)
        buf_printf(out, ",\"%s\":0", part);
}

static void part_event(struct writer *w, const struct writer_item *it, bool done, struct buf *out)
{
    if (it->kind == WRITER_TEXT) {
        begin_inner(w, done ? "response.content_part.done" : "response.content_part.added", it, "content_index", out);
        buf_z(out, ",\"part\":");
        write_part(it, done, out);
    } else {
        begin_inner(w, done ? "response.reasoning_summary_part.done" : "response.reasoning_summary_part.added", it,
                    "summary_index", out);
        buf_z(out, ",\"part\":");
        write_summary(it, done, out);
    }
    end_event(out);
}

static void item_begin(struct writer *w, struct writer_choice *c, struct writer_item *it, struct buf *out)
{
    (void)c;
    item_event(w, "response.output_item.added", it, "in_progress", false, out);
    if (it->kind != WRITER_CALL)
        part_event(w, it, false, out);
}

static void part(struct writer *w, struct writer_choice *c, struct writer_item *it, struct str text, struct buf *out)
{
    if (it->kind == WRITER_TEXT)
        begin_inner(w, "response.output_text.delta", it, "content_index", out);
    else if (it->kind == WRITER_REASONING)
        begin_inner(w, "response.reasoning_summary_text.delta", it, "summary_index", out);
    else if (is_custom(it))
        begin_inner(w, "response.custom_tool_call_input.delta", it, NULL, out);
    else
        begin_inner(w, "response.function_call_arguments.delta", it, NULL, out);
    writer_json_member(out, "delta", text);
    if (it->kind == WRITER_TEXT) {
        buf_z(out, ",\"logprobs\":[");
        buf_str(out, buf_view(&c->logprob));
        buf_char(out, ']');
    }
    end_event(out);
}

/* The event that repeats all of the text. */
static void done_event(struct writer *w, const struct writer_item *it, struct buf *out)
{
    if (it->kind == WRITER_TEXT) {
        begin_inner(w, "response.output_text.done", it, "content_index", out);
        writer_json_member(out, "text", buf_view(&it->text));
        buf_z(out, ",\"logprobs\":[");
        buf_str(out, buf_view(&it->logprob));
        buf_char(out, ']');
    } else if (it->kind == WRITER_REASONING) {
        begin_inner(w, "response.reasoning_summary_text.done", it, "summary_index", out);
        writer_json_member(out, "text", buf_view(&it->text));
    } else if (is_custom(it)) {
        begin_inner(w, "response.custom_tool_call_input.done", it, NULL, out);
        writer_json_member(out, "input", buf_view(&it->text));
    } else {
        begin_inner(w, "response.function_call_arguments.done", it, NULL, out);
        writer_json_member(out, "name", it->tool->name);
        writer_json_member(out, "arguments", buf_view(&it->text));
    }
    end_event(out);
}

static void item_end(struct writer *w, struct writer_choice *c, struct writer_item *it, struct buf *out)
{
    (void)c;
    if (it->kind == WRITER_CALL && !it->complete)
        return;
    done_event(w, it, out);
    if (it->kind != WRITER_CALL)
        part_event(w, it, true, out);
    item_event(w, "response.output_item.done", it, it->complete ? "completed" : "incomplete", true, out);
}

static void logprobs(struct writer *w, struct writer_choice *c, const struct writer_logprob *lp, size_t n)
{
    (void)w;
    logprob_json_chat(&c->logprob, lp, n);
}

static bool was_cut(const struct writer *w)
{
    return w->choice[0].why == WRITER_LENGTH || w->choice[0].why == WRITER_WINDOW;
}

static void finish(struct writer *w, const struct writer_usage *u, struct buf *out)
{
    if (was_cut(w))
        response_event(w, "response.incomplete", "incomplete", u, NULL, out);
    else
        response_event(w, "response.completed", "completed", u, NULL, out);
}

static void object(struct writer *w, const struct writer_usage *u, struct buf *out)
{
    write_response(w, was_cut(w) ? "incomplete" : "completed", u, NULL, out);
}

static void error(struct writer *w, const struct api_error *x, struct buf *out)
{
    response_event(w, "response.failed", "failed", NULL, x, out);
}

const struct writer_dialect writer_responses = {
    .id_prefix = "resp_",
    .call_prefix = "call_",
    .keeps = true,
    .logprobs_of_items = true,
    .start = start,
    .keepalive = keepalive,
    .name_item = name_item,
    .item_begin = item_begin,
    .part = part,
    .item_end = item_end,
    .item = item,
    .logprobs = logprobs,
    .finish = finish,
    .object = object,
    .error = error,
};
