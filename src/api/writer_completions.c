/* writer_completions.c - OpenAI's completions: chunks of text, or one completion. There are no calls, and reasoning is text like any other.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "api/sse.h"
#include "api/usage_json.h"
#include "api/writer_list.h"
#include "format/json.h"

static const char *reason(enum writer_finish why)
{
    return why == WRITER_LENGTH || why == WRITER_WINDOW ? "length" : "stop";
}

static void write_head(struct writer *w, struct buf *out)
{
    buf_z(out, "{\"id\":");
    json_write_str(out, buf_view(&w->id));
    buf_printf(out, ",\"object\":\"text_completion\",\"created\":%" PRId64, w->o.created);
    writer_json_member(out, "model", w->o.model);
    writer_json_member(out, "system_fingerprint", writer_fingerprint(w));
    buf_z(out, ",\"choices\":[");
}

/* Everything of a choice behind its text. */
static void end_choice(struct writer *w, const struct writer_choice *c, const char *finish, struct buf *out)
{
    buf_printf(out, ",\"index\":%d,\"logprobs\":", c->index);
    if (c->lists.token.n || (w->o.request->logprobs && !w->o.request->stream))
        logprob_json_object(out, &c->lists, w->o.request->top_logprobs > 0);
    else
        buf_z(out, "null");
    buf_z(out, ",\"finish_reason\":");
    if (finish)
        json_write_str(out, str_from(finish));
    else
        buf_z(out, "null");
    buf_char(out, '}');
}

static void write_chunk(struct writer *w, const struct writer_choice *c, struct str text, const char *finish,
                        struct buf *out)
{
    sse_begin(out, NULL);
    buf_str(out, buf_view(&w->head));
    buf_z(out, "{\"text\":");
    json_write_str(out, text);
    end_choice(w, c, finish, out);
    buf_z(out, w->o.request->include_usage ? "],\"usage\":null}" : "]}");
    sse_end(out);
}

/* A completion has no role to announce; the first bytes are a comment. */
static void start(struct writer *w, struct buf *out)
{
    write_head(w, &w->head);
    sse_comment(out, "started");
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

static void part(struct writer *w, struct writer_choice *c, struct writer_item *it, struct str text, struct buf *out)
{
    (void)it;
    write_chunk(w, c, text, NULL, out);
}

static void logprobs(struct writer *w, struct writer_choice *c, const struct writer_logprob *lp, size_t n)
{
    (void)w;
    logprob_json_lists(&c->lists, lp, n, &c->n_char);
}

static void choice_finish(struct writer *w, struct writer_choice *c, struct buf *out)
{
    write_chunk(w, c, STR(""), reason(c->why), out);
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

static void object(struct writer *w, const struct writer_usage *u, struct buf *out)
{
    write_head(w, out);
    for (int i = 0; i < w->n_choice; i++) {
        buf_z(out, i ? ",{\"text\":" : "{\"text\":");
        writer_json_texts(w, &w->choice[i], WRITER_TEXT, out);
        end_choice(w, &w->choice[i], reason(w->choice[i].why), out);
    }
    buf_z(out, "],\"usage\":");
    usage_json_chat(out, u);
    buf_z(out, ",\"timings\":");
    usage_json_timings(out, u);
    buf_char(out, '}');
}

const struct writer_dialect writer_completions = {
    .id_prefix = "cmpl-",
    .call_prefix = "call_",
    .reasoning_is_text = true,
    .start = start,
    .progress = progress,
    .keepalive = keepalive,
    .part = part,
    .logprobs = logprobs,
    .choice_finish = choice_finish,
    .finish = finish,
    .object = object,
};
