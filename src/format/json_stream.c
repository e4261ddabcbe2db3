/* json_stream.c - JSON text as a sequence of tokens, read by yajl.
 * SPDX-License-Identifier: MIT */
#include "format/json_stream.h"

#include <string.h>

#include <yajl/yajl_parse.h>

#include "base/mem.h"
#include "base/utf8.h"

/* Enough for any file of ours; yajl itself has no limit but memory. */
enum { DEPTH_MAX = 128 };

struct stream {
    yajl_handle yajl; /* owned */
    json_stream_fn *fn;
    void *arg; /* borrowed: the caller's */
    const char *what;
    int depth;
    int rc; /* of fn */
    struct err *e;
};

static int emit(struct stream *s, enum json_token_type type, const unsigned char *p, size_t n)
{
    struct json_token t = {
        .type = type, .text = { (const char *)p, n }, .depth = s->depth, .end = yajl_get_bytes_consumed(s->yajl)
    };
    s->rc = s->fn(s->arg, &t, s->e);
    return s->rc == 0;
}

static int on_null(void *ctx)
{
    return emit(ctx, JSON_TOKEN_NULL, NULL, 0);
}

static int on_bool(void *ctx, int value)
{
    (void)value;
    return emit(ctx, JSON_TOKEN_BOOL, NULL, 0);
}

static int on_number(void *ctx, const char *p, size_t n)
{
    return emit(ctx, JSON_TOKEN_NUMBER, (const unsigned char *)p, n);
}

static int on_string(void *ctx, const unsigned char *p, size_t n)
{
    return emit(ctx, JSON_TOKEN_STRING, p, n);
}

static int on_key(void *ctx, const unsigned char *p, size_t n)
{
    return emit(ctx, JSON_TOKEN_KEY, p, n);
}

static int begin(struct stream *s, enum json_token_type type)
{
    if (s->depth == DEPTH_MAX) {
        s->rc = err_set(s->e, ERR_LIMIT, "%s: more than %d arrays and objects inside each other", s->what, DEPTH_MAX);
        return 0;
    }
    int go_on = emit(s, type, NULL, 0);
    s->depth++;
    return go_on;
}

static int end(struct stream *s, enum json_token_type type)
{
    s->depth--;
    return emit(s, type, NULL, 0);
}

static int on_begin_object(void *ctx)
{
    return begin(ctx, JSON_TOKEN_BEGIN_OBJECT);
}

static int on_end_object(void *ctx)
{
    return end(ctx, JSON_TOKEN_END_OBJECT);
}

static int on_begin_array(void *ctx)
{
    return begin(ctx, JSON_TOKEN_BEGIN_ARRAY);
}

static int on_end_array(void *ctx)
{
    return end(ctx, JSON_TOKEN_END_ARRAY);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_begin_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end_object,
    .yajl_start_array = on_begin_array,
    .yajl_end_array = on_end_array,
};

/* yajl keeps the open containers and one string with escapes, both smaller than the text itself. */
static void *yajl_malloc_fn(void *ctx, size_t n)
{
    (void)ctx;
    return xmalloc(n);
}

static void *yajl_realloc_fn(void *ctx, void *p, size_t n)
{
    (void)ctx;
    return xrealloc(p, n);
}

static void yajl_free_fn(void *ctx, void *p)
{
    (void)ctx;
    mem_free(p);
}

static int syntax_error(struct stream *s, struct str text, size_t at)
{
    int line = 1;
    size_t start = 0;
    at = MIN(at, text.n);
    for (size_t i = 0; i < at; i++)
        if (text.p[i] == '\n') {
            line++;
            start = i + 1;
        }
    unsigned char *message = yajl_get_error(s->yajl, 0, NULL, 0);
    size_t n = strcspn((const char *)message, "\n");
    err_set(s->e, ERR_FORMAT, "%s: line %d, column %zu: %.*s", s->what, line, utf8_count(str_sub(text, start, at)) + 1,
            (int)n, (const char *)message);
    yajl_free_error(s->yajl, message);
    return ERR_FORMAT;
}

int json_stream(struct str text, const char *what, json_stream_fn *fn, void *arg, struct err *e)
{
    struct stream s = { .fn = fn, .arg = arg, .what = what, .e = e };
    yajl_alloc_funcs alloc = { yajl_malloc_fn, yajl_realloc_fn, yajl_free_fn, NULL };
    s.yajl = yajl_alloc(&callbacks, &alloc, &s);
    yajl_status status = yajl_parse(s.yajl, (const unsigned char *)(text.n ? text.p : ""), text.n);
    size_t at = yajl_get_bytes_consumed(s.yajl);
    if (status == yajl_status_ok) {
        at = text.n;
        status = yajl_complete_parse(s.yajl);
    }
    int rc = s.rc;
    if (!rc && status != yajl_status_ok)
        rc = syntax_error(&s, text, at);
    yajl_free(s.yajl);
    return rc;
}
