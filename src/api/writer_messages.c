/* writer_messages.c - Anthropic's messages: blocks that start, grow and stop, or one message.
 *
 * A block's index is one more than that of the block before. A thinking block ends with a signature: clients send it back unread. A call that
 * was cut stops where it is: its JSON stays incomplete in a stream, and without one the block is left out, since `input` has to be an object.
 * SPDX-License-Identifier: MIT */
#include "api/sse.h"
#include "api/usage_json.h"
#include "api/writer_list.h"
#include "format/json.h"

static const char *reason(enum writer_finish why)
{
    switch (why) {
    case WRITER_STOP_SEQ:
        return "stop_sequence";
    case WRITER_LENGTH:
        return "max_tokens";
    case WRITER_WINDOW:
        return "model_context_window_exceeded";
    case WRITER_CALLS:
        return "tool_use";
    default:
        return "end_turn";
    }
}

static void write_stop(const struct writer_choice *c, struct buf *out)
{
    buf_printf(out, "\"stop_reason\":\"%s\",\"stop_sequence\":", reason(c->why));
    if (c->why == WRITER_STOP_SEQ)
        json_write_str(out, buf_view(&c->stop));
    else
        buf_z(out, "null");
}

static void write_head(struct writer *w, struct buf *out)
{
    buf_z(out, "{\"id\":");
    json_write_str(out, buf_view(&w->id));
    buf_z(out, ",\"type\":\"message\",\"role\":\"assistant\"");
    writer_json_member(out, "model", w->o.model);
}

static void start(struct writer *w, struct buf *out)
{
    sse_begin(out, "message_start");
    buf_z(out, "{\"type\":\"message_start\",\"message\":");
    write_head(w, out);
    buf_z(out, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":");
    usage_json_messages(out, w->prompt.n_prompt, w->prompt.n_cached, 0);
    buf_z(out, "}}");
    sse_end(out);
}

static void keepalive(struct writer *w, struct buf *out)
{
    (void)w;
    sse_begin(out, "ping");
    buf_z(out, "{\"type\":\"ping\"}");
    sse_end(out);
}

/* A block as it is when it starts. */
static void write_empty_block(const struct writer_item *it, struct buf *out)
{
    if (it->kind == WRITER_TEXT) {
        buf_z(out, "{\"type\":\"text\",\"text\":\"\"}");
    } else if (it->kind == WRITER_REASONING) {
        buf_z(out, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
    } else {
        buf_z(out, "{\"type\":\"tool_use\"");
        writer_json_member(out, "id", str_from(it->call_id));
        writer_json_member(out, "name", it->tool->name);
        buf_z(out, ",\"input\":{}}");
    }
}

static void item_begin(struct writer *w, struct writer_choice *c, struct writer_item *it, struct buf *out)
{
    (void)w, (void)c;
    sse_begin(out, "content_block_start");
    buf_printf(out, "{\"type\":\"content_block_start\",\"index\":%d,\"content_block\":", it->index);
    write_empty_block(it, out);
    buf_char(out, '}');
    sse_end(out);
}

static void write_delta(const struct writer_item *it, const char *type, const char *member, struct str text,
                        struct buf *out)
{
    sse_begin(out, "content_block_delta");
    buf_printf(out, "{\"type\":\"content_block_delta\",\"index\":%d,\"delta\":{\"type\":\"%s\"", it->index, type);
    writer_json_member(out, member, text);
    buf_z(out, "}}");
    sse_end(out);
}

static void part(struct writer *w, struct writer_choice *c, struct writer_item *it, struct str text, struct buf *out)
{
    (void)w, (void)c;
    if (it->kind == WRITER_TEXT)
        write_delta(it, "text_delta", "text", text, out);
    else if (it->kind == WRITER_REASONING)
        write_delta(it, "thinking_delta", "thinking", text, out);
    else
        write_delta(it, "input_json_delta", "partial_json", text, out);
}

static void item_end(struct writer *w, struct writer_choice *c, struct writer_item *it, struct buf *out)
{
    (void)w, (void)c;
    if (it->kind == WRITER_REASONING)
        write_delta(it, "signature_delta", "signature", str_from(it->id), out);
    sse_begin(out, "content_block_stop");
    buf_printf(out, "{\"type\":\"content_block_stop\",\"index\":%d}", it->index);
    sse_end(out);
}

/* The signature of a thinking block. */
static void name_item(struct writer *w, struct writer_item *it)
{
    if (it->kind == WRITER_REASONING)
        writer_fresh_id(w, "sig_", it->id);
}

static void finish(struct writer *w, const struct writer_usage *u, struct buf *out)
{
    sse_begin(out, "message_delta");
    buf_z(out, "{\"type\":\"message_delta\",\"delta\":{");
    write_stop(&w->choice[0], out);
    buf_z(out, "},\"usage\":");
    usage_json_messages(out, u->n_prompt, u->n_cached, u->n_completion);
    buf_char(out, '}');
    sse_end(out);
    sse_begin(out, "message_stop");
    buf_z(out, "{\"type\":\"message_stop\"}");
    sse_end(out);
}

static void write_block(const struct writer_item *it, struct buf *out)
{
    if (it->kind == WRITER_TEXT) {
        buf_z(out, "{\"type\":\"text\"");
        writer_json_member(out, "text", buf_view(&it->text));
    } else if (it->kind == WRITER_REASONING) {
        buf_z(out, "{\"type\":\"thinking\"");
        writer_json_member(out, "thinking", buf_view(&it->text));
        writer_json_member(out, "signature", str_from(it->id));
    } else {
        buf_z(out, "{\"type\":\"tool_use\"");
        writer_json_member(out, "id", str_from(it->call_id));
        writer_json_member(out, "name", it->tool->name);
        buf_z(out, ",\"input\":");
        buf_str(out, buf_view(&it->text)); /* an object: the call is complete */
    }
    buf_char(out, '}');
}

static void object(struct writer *w, const struct writer_usage *u, struct buf *out)
{
    const struct writer_choice *c = &w->choice[0];
    const char *comma = "";
    write_head(w, out);
    buf_z(out, ",\"content\":[");
    for (size_t i = 0; i < c->n_item; i++) {
        if (c->item[i].kind == WRITER_CALL && !c->item[i].complete)
            continue;
        buf_z(out, comma);
        write_block(&c->item[i], out);
        comma = ",";
    }
    buf_z(out, "],");
    write_stop(c, out);
    buf_z(out, ",\"usage\":");
    usage_json_messages(out, u->n_prompt, u->n_cached, u->n_completion);
    buf_char(out, '}');
}

const struct writer_dialect writer_messages = {
    .id_prefix = "msg_",
    .call_prefix = "toolu_",
    .start = start,
    .keepalive = keepalive,
    .name_item = name_item,
    .item_begin = item_begin,
    .part = part,
    .item_end = item_end,
    .finish = finish,
    .object = object,
};
