/* writer_chat.c - OpenAI's chat completions: chunks of deltas, or one completion.
 *
 * What clients of this API stumble over: `content` before a call, even an empty one; a delta of a call without its index; a name in any but
 * the first; a stream that ends without a reason. Reasoning has two names in the field, so it is sent under both.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "api/sse.h"
#include "api/usage_json.h"
#include "api/writer_list.h"
#include "format/json.h"

static const char *reason(enum writer_finish why)
{
    switch (why) {
    case WRITER_LENGTH:
    case WRITER_WINDOW:
        return "length";
    case WRITER_CALLS:
        return "tool_calls";
    default:
        return "stop";
    }
}

static void write_head(struct writer *w, const char *object, struct buf *out)
{
    buf_z(out, "{\"id\":");
    json_write_str(out, buf_view(&w->id));
    buf_printf(out, ",\"object\":\"%s\",\"created\":%" PRId64, object, w->o.created);
    writer_json_member(out, "model", w->o.model);
    writer_json_member(out, "system_fingerprint", writer_fingerprint(w));
    buf_z(out, ",\"choices\":[");
}

/* Everything of a chunk before the delta, and behind it. */
static void begin_chunk(struct writer *w, const struct writer_choice *c, struct buf *out)
{
    sse_begin(out, NULL);
    buf_str(out, buf_view(&w->head));
    buf_printf(out, "{\"index\":%d,\"delta\":{", c->index);
}

static void end_chunk(struct writer *w, const struct writer_choice *c, const char *finish, struct buf *out)
{
    buf_char(out, '}');
    if (c->logprob.n) {
        buf_z(out, ",\"logprobs\":{\"content\":[");
        buf_str(out, buf_view(&c->logprob));
        buf_z(out, "]}");
    }
    buf_z(out, ",\"finish_reason\":");
    if (finish)
        json_write_str(out, str_from(finish));
    else
        buf_z(out, "null");
    buf_z(out, w->o.request->include_usage ? "}],\"usage\":null}" : "}]}");
    sse_end(out);
}

static void start(struct writer *w, struct buf *out)
{
    write_head(w, "chat.completion.chunk", &w->head);
    for (int i = 0; i < w->n_choice; i++) {
        begin_chunk(w, &w->choice[i], out);
        buf_z(out, "\"role\":\"assistant\"");
        end_chunk(w, &w->choice[i], NULL, out);
    }
}

static void progress(struct writer *w, size_t done, size_t total, size_t n_cached, double seconds, struct buf *out)
{
    sse_begin(out, NULL);
    buf_str(out, buf_view(&w->head));
    buf_printf(out, "]%s,\"prompt_progress\":{\"total\":%zu,\"cache\":%zu,\"processed\":%zu,\"time_ms\":%.0f}}",
               w->o.request->include_usage ? ",\"usage\":null" : "", total, n_cached, done, seconds * 1000);
    sse_end(out);
}

static void keepalive(struct writer *w, struct buf *out)
{
    (void)w;
    sse_comment(out, "still working");
}

static void item_begin(struct writer *w, struct writer_choice *c, struct writer_item *it, struct buf *out)
{
    if (it->kind != WRITER_CALL)
        return;
    begin_chunk(w, c, out);
    buf_printf(out, "\"tool_calls\":[{\"index\":%d", it->n_call);
    writer_json_member(out, "id", str_from(it->call_id));
    buf_z(out, ",\"type\":\"function\",\"function\":{\"name\":");
    json_write_str(out, it->tool->name);
    buf_z(out, ",\"arguments\":\"\"}}]");
    end_chunk(w, c, NULL, out);
}

static void write_reasoning(struct writer *w, struct str text, struct buf *out)
{
    (void)w;
    buf_z(out, "\"reasoning_content\":");
    json_write_str(out, text);
    buf_z(out, ",\"reasoning\":");
    json_write_str(out, text);
}

static void part(struct writer *w, struct writer_choice *c, struct writer_item *it, struct str text, struct buf *out)
{
    begin_chunk(w, c, out);
    if (it->kind == WRITER_CALL) {
        buf_printf(out, "\"tool_calls\":[{\"index\":%d,\"function\":{\"arguments\":", it->n_call);
        json_write_str(out, text);
        buf_z(out, "}}]");
    } else if (it->kind == WRITER_REASONING) {
        write_reasoning(w, text, out);
    } else if (text.n) {
        buf_z(out, "\"content\":");
        json_write_str(out, text);
    }
    end_chunk(w, c, NULL, out);
}

static void logprobs(struct writer *w, struct writer_choice *c, const struct writer_logprob *lp, size_t n)
{
    (void)w;
    logprob_json_chat(&c->logprob, lp, n);
}

static bool has(const struct writer_choice *c, enum writer_kind kind)
{
    for (size_t i = 0; i < c->n_item; i++)
        if (c->item[i].kind == kind)
            return true;
    return false;
}

/* An answer that says nothing has empty content, as the one object has; only here is it known that no call comes. */
static void choice_finish(struct writer *w, struct writer_choice *c, struct buf *out)
{
    begin_chunk(w, c, out);
    if (!has(c, WRITER_TEXT) && !c->n_call)
        buf_z(out, "\"content\":\"\"");
    end_chunk(w, c, reason(c->why), out);
}

static void finish(struct writer *w, const struct writer_usage *u, struct buf *out)
{
    if (w->o.request->include_usage) {
        sse_begin(out, NULL);
        buf_str(out, buf_view(&w->head));
        buf_z(out, "],\"usage\":");
        usage_json_chat(out, u);
        buf_z(out, ",\"timings\":");
        usage_json_timings(out, u);
        buf_char(out, '}');
        sse_end(out);
    }
    sse_done(out);
}

static void write_calls(const struct writer_choice *c, struct buf *out)
{
    buf_z(out, ",\"tool_calls\":[");
    for (size_t i = 0; i < c->n_item; i++) {
        const struct writer_item *it = &c->item[i];
        if (it->kind != WRITER_CALL)
            continue;
        buf_z(out, it->n_call ? ",{\"id\":" : "{\"id\":");
        json_write_str(out, str_from(it->call_id));
        buf_z(out, ",\"type\":\"function\",\"function\":{\"name\":");
        json_write_str(out, it->tool->name);
        writer_json_member(out, "arguments", buf_view(&it->text));
        buf_z(out, "}}");
    }
    buf_char(out, ']');
}

static void write_choice(struct writer *w, const struct writer_choice *c, struct buf *out)
{
    buf_printf(out, "%s{\"index\":%d,\"message\":{\"role\":\"assistant\",\"content\":", c->index ? "," : "", c->index);
    if (has(c, WRITER_TEXT) || !c->n_call)
        writer_json_texts(w, c, WRITER_TEXT, out);
    else
        buf_z(out, "null");
    if (has(c, WRITER_REASONING)) {
        buf_z(out, ",\"reasoning_content\":");
        writer_json_texts(w, c, WRITER_REASONING, out);
        buf_z(out, ",\"reasoning\":");
        writer_json_texts(w, c, WRITER_REASONING, out);
    }
    if (c->n_call)
        write_calls(c, out);
    buf_z(out, ",\"refusal\":null},\"logprobs\":");
    if (w->o.request->logprobs) {
        buf_z(out, "{\"content\":[");
        buf_str(out, buf_view(&c->logprob));
        buf_z(out, "]}");
    } else {
        buf_z(out, "null");
    }
    writer_json_member(out, "finish_reason", str_from(reason(c->why)));
    buf_char(out, '}');
    out->failed |= c->logprob.failed;
}

static void object(struct writer *w, const struct writer_usage *u, struct buf *out)
{
    write_head(w, "chat.completion", out);
    for (int i = 0; i < w->n_choice; i++)
        write_choice(w, &w->choice[i], out);
    buf_z(out, "],\"usage\":");
    usage_json_chat(out, u);
    buf_z(out, ",\"timings\":");
    usage_json_timings(out, u);
    buf_char(out, '}');
}

const struct writer_dialect writer_chat = {
    .id_prefix = "chatcmpl-",
    .call_prefix = "call_",
    .start = start,
    .progress = progress,
    .keepalive = keepalive,
    .item_begin = item_begin,
    .part = part,
    .logprobs = logprobs,
    .choice_finish = choice_finish,
    .finish = finish,
    .object = object,
};
