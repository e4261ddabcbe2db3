/* api_error.c - statuses, and the JSON of errors in three dialects.
 * SPDX-License-Identifier: MIT */
#include "api/api_error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/base.h"
#include "base/utf8.h"
#include "format/json.h"

/* OpenAI's `type` and `code` (NULL: null), Anthropic's `type`. */
static const struct kind_words {
    int status;
    const char *openai_type, *openai_code, *anthropic_type;
} kinds[] = {
    [API_ERR_INVALID] = { 400, "invalid_request_error", NULL, "invalid_request_error" },
    [API_ERR_CONTEXT] = { 400, "invalid_request_error", "context_length_exceeded", "invalid_request_error" },
    [API_ERR_AUTH] = { 401, "invalid_request_error", "invalid_api_key", "authentication_error" },
    [API_ERR_FORBIDDEN] = { 403, "invalid_request_error", "forbidden", "permission_error" },
    [API_ERR_NOT_FOUND] = { 404, "invalid_request_error", "not_found", "not_found_error" },
    [API_ERR_MODEL] = { 404, "invalid_request_error", "model_not_found", "not_found_error" },
    [API_ERR_METHOD] = { 405, "invalid_request_error", "method_not_allowed", "invalid_request_error" },
    [API_ERR_TYPE] = { 415, "invalid_request_error", "unsupported_media_type", "invalid_request_error" },
    [API_ERR_LENGTH] = { 411, "invalid_request_error", "length_required", "invalid_request_error" },
    [API_ERR_TOO_LARGE] = { 413, "invalid_request_error", "request_too_large", "request_too_large" },
    [API_ERR_BUSY] = { 429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error" },
    [API_ERR_INTERNAL] = { 500, "server_error", "server_error", "api_error" },
    [API_ERR_UNSUPPORTED] = { 501, "invalid_request_error", "not_implemented", "api_error" },
    [API_ERR_UNAVAILABLE] = { 503, "server_error", "server_unavailable", "api_error" },
};

static const struct kind_words *words(enum api_error_kind k)
{
    return (size_t)k < ARRAY_LEN(kinds) ? &kinds[k] : &kinds[API_ERR_INTERNAL];
}

int api_error_status(enum api_error_kind k)
{
    return words(k)->status;
}

/* Copies as much of s as fits whole characters of it. */
static void copy_text(char *to, size_t size, const char *s)
{
    size_t n = strlen(s);
    if (n >= size)
        n = utf8_whole((struct str){ s, size - 1 });
    memcpy(to, s, n);
    to[n] = '\0';
}

static void begin(struct api_error *x, enum api_error_kind k, const char *param)
{
    x->kind = k;
    x->retry_after_s = 0;
    copy_text(x->param, sizeof x->param, param ? param : "");
}

static enum api_error_kind kind_of(int code)
{
    switch (code) {
    case ERR_NOMEM:
    case ERR_DEVICE:
    case ERR_IO:
        return API_ERR_INTERNAL;
    case ERR_BUSY:
        return API_ERR_BUSY;
    default:
        return API_ERR_INVALID;
    }
}

void api_error_from(struct api_error *x, const struct err *e, const char *param)
{
    begin(x, kind_of(e->code), param);
    copy_text(x->message, sizeof x->message, e->msg);
}

void api_error_set(struct api_error *x, enum api_error_kind k, const char *param, const char *fmt, ...)
{
    struct err e = ERR_INIT;
    va_list ap;
    va_start(ap, fmt);
    err_vset(&e, ERR_FORMAT, fmt, ap);
    va_end(ap);
    begin(x, k, param);
    copy_text(x->message, sizeof x->message, e.msg);
}

void api_error_context(struct api_error *x, enum api_dialect d, uint64_t n_tokens, uint64_t context)
{
    if (d == API_MESSAGES) {
        api_error_set(x, API_ERR_CONTEXT, "messages", "prompt is too long: %" PRIu64 " tokens > %" PRIu64 " maximum",
                      n_tokens, context);
        return;
    }
    api_error_set(x, API_ERR_CONTEXT, "messages",
                  "This model's maximum context length is %" PRIu64
                  " tokens. However, your messages resulted in %" PRIu64
                  " tokens. Please reduce the length of the messages.",
                  context, n_tokens);
}

static void member(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, ", \"%s\": ", name);
    if (value && *value)
        json_write_str(out, str_from(value));
    else
        buf_z(out, "null");
}

static void openai_body(struct buf *out, const struct api_error *x)
{
    buf_z(out, "{\"error\": {\"message\": ");
    json_write_str(out, str_from(x->message));
    member(out, "type", words(x->kind)->openai_type);
    member(out, "param", x->param);
    member(out, "code", words(x->kind)->openai_code);
    buf_z(out, "}}");
}

static void anthropic_body(struct buf *out, const struct api_error *x, struct str request_id)
{
    buf_z(out, "{\"type\": \"error\", \"error\": {\"type\": ");
    json_write_str(out, str_from(words(x->kind)->anthropic_type));
    member(out, "message", x->message);
    buf_z(out, "}, \"request_id\": ");
    if (request_id.n)
        json_write_str(out, request_id);
    else
        buf_z(out, "null");
    buf_char(out, '}');
}

void api_error_body(struct buf *out, const struct api_error *x, enum api_dialect d, struct str request_id)
{
    if (d == API_MESSAGES)
        anthropic_body(out, x, request_id);
    else
        openai_body(out, x);
}

static void responses_event(struct buf *out, const struct api_error *x)
{
    const struct kind_words *w = words(x->kind);
    buf_z(out, "event: error\ndata: {\"type\": \"error\"");
    member(out, "code", w->openai_code ? w->openai_code : w->openai_type);
    member(out, "message", x->message);
    member(out, "param", x->param);
    buf_z(out, "}\n\n");
}

void api_error_event(struct buf *out, const struct api_error *x, enum api_dialect d, struct str request_id)
{
    if (d == API_RESPONSES) {
        responses_event(out, x);
        return;
    }
    buf_z(out, d == API_MESSAGES ? "event: error\ndata: " : "data: ");
    api_error_body(out, x, d, request_id);
    buf_z(out, "\n\n");
}
