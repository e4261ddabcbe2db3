/* api_case.c - a case of tests/data/api/events: what is said to a writer, step by step.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include "support/api_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/writer.h"
#include "base/base.h"
#include "base/utf8.h"

enum { MAX_TOOLS = 4, MAX_LOGPROBS = 8, MAX_TOP = 4 };

struct running {
    struct writer *w;
    struct api_case_cut cut;
    struct buf *out;
};

static void count_ids(void *arg, char out[25])
{
    int *n = arg;
    snprintf(out, 25, "%024d", ++*n);
}

static int64_t integer(const struct json *v)
{
    int64_t n = 0;
    assert_true(json_i64(v, &n));
    return n;
}

static int64_t member(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, name);
    return v ? integer(v) : 0;
}

static bool flag(const struct json *o, const char *name)
{
    return json_bool(json_get(o, name));
}

/* --- one kind of text, cut as asked --- */

typedef void say_fn(struct running *r, int choice, struct str text);

static void say_reasoning(struct running *r, int choice, struct str text)
{
    writer_reasoning(r->w, choice, text, r->out);
}

static void say_text(struct running *r, int choice, struct str text)
{
    writer_text(r->w, choice, text, NULL, 0, r->out);
}

static void say_args(struct running *r, int choice, struct str text)
{
    writer_call_args(r->w, choice, text, r->out);
}

static size_t first_characters(struct str s, size_t n)
{
    size_t at = 0;
    uint32_t cp;
    while (n-- && at < s.n)
        at += (size_t)utf8_decode(str_sub(s, at, s.n), &cp);
    return at;
}

static void say(struct running *r, int choice, struct str s, say_fn *fn)
{
    size_t n = r->cut.in_ones ? 1 : r->cut.at;
    while (n != SIZE_MAX && first_characters(s, n) < s.n) {
        size_t at = first_characters(s, n);
        if (at)
            fn(r, choice, str_sub(s, 0, at));
        s = str_sub(s, at, s.n);
        if (!r->cut.in_ones)
            break;
    }
    fn(r, choice, s);
}

/* --- logprobs: tokens are written in hexadecimal --- */

static struct str unhex(struct str s, char *room)
{
    for (size_t i = 0; i < s.n / 2; i++) {
        unsigned byte = 0;
        char digits[3] = { s.p[2 * i], s.p[2 * i + 1], 0 };
        assert_int_equal(sscanf(digits, "%x", &byte), 1);
        room[i] = (char)byte;
    }
    return (struct str){ room, s.n / 2 };
}

static double logprob_of(const struct json *v)
{
    return !v ? (double)NAN : json_type(v) == JSON_STRING ? -(double)INFINITY : json_double(v);
}

static void say_with_logprobs(struct running *r, int choice, struct str text, const struct json *list)
{
    struct writer_logprob lp[MAX_LOGPROBS];
    struct writer_top top[MAX_LOGPROBS][MAX_TOP];
    char room[MAX_LOGPROBS][MAX_TOP + 1][16];
    size_t n = json_len(list);
    assert_true(n <= MAX_LOGPROBS);
    for (size_t i = 0; i < n; i++) {
        const struct json *v = json_at(list, i), *tops = json_get(v, "top");
        lp[i] = (struct writer_logprob){ .token = unhex(json_str(json_get(v, "token")), room[i][MAX_TOP]),
                                         .logprob = logprob_of(json_get(v, "logprob")),
                                         .top = top[i],
                                         .n_top = (int)json_len(tops) };
        for (size_t k = 0; k < json_len(tops); k++)
            top[i][k] = (struct writer_top){ unhex(json_str(json_at(json_at(tops, k), 0)), room[i][k]),
                                             logprob_of(json_at(json_at(tops, k), 1)) };
    }
    writer_text(r->w, choice, text, lp, n, r->out);
}

/* --- steps --- */

static enum writer_finish finish_of(struct str s)
{
    static const char *const names[] = { "stop", "stop_seq", "length", "window", "calls" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eqz(s, names[i]))
            return (enum writer_finish)i;
    fail_msg("unknown finish");
    return WRITER_STOP;
}

static void usage(struct running *r, const struct json *v)
{
    struct writer_usage u = { .n_prompt = (size_t)member(v, "n_prompt"),
                              .n_cached = (size_t)member(v, "n_cached"),
                              .n_completion = (size_t)member(v, "n_completion"),
                              .n_reasoning = (size_t)member(v, "n_reasoning"),
                              .prompt_s = json_double(json_get(v, "prompt_s")),
                              .completion_s = json_double(json_get(v, "completion_s")),
                              .total_s = json_double(json_get(v, "total_s")),
                              .queue_s = json_double(json_get(v, "queue_s")),
                              .ttft_s = json_double(json_get(v, "ttft_s")) };
    writer_finish(r->w, &u, r->out);
}

static void failure(struct running *r, struct str kind, struct str message)
{
    struct api_error x;
    api_error_set(&x, str_eqz(kind, "context") ? API_ERR_CONTEXT : API_ERR_INTERNAL, NULL, "%.*s", (int)message.n,
                  message.p);
    writer_error(r->w, &x, r->out);
}

static void step(struct running *r, const struct json *s)
{
    struct str name = json_str(json_at(s, 0));
    const struct json *a = json_at(s, 1), *b = json_at(s, 2);
    int choice = json_type(a) == JSON_INT ? (int)integer(a) : 0;
    if (str_eqz(name, "start")) {
        writer_start(r->w, &(struct writer_prompt){ (size_t)integer(a), (size_t)integer(b) }, r->out);
    } else if (str_eqz(name, "keepalive")) {
        writer_keepalive(r->w, r->out);
    } else if (str_eqz(name, "progress")) {
        writer_progress(r->w, (size_t)integer(a), (size_t)integer(b), (size_t)integer(json_at(s, 3)),
                        json_double(json_at(s, 4)), r->out);
    } else if (str_eqz(name, "reasoning")) {
        say(r, choice, json_str(b), say_reasoning);
    } else if (str_eqz(name, "text") && json_len(s) > 3) {
        say_with_logprobs(r, choice, json_str(b), json_at(s, 3));
    } else if (str_eqz(name, "text")) {
        say(r, choice, json_str(b), say_text);
    } else if (str_eqz(name, "begin")) {
        char id[40];
        writer_call_id(r->w, id);
        writer_call_begin(r->w, choice, (int)integer(b), str_from(id), r->out);
    } else if (str_eqz(name, "args")) {
        say(r, choice, json_str(b), say_args);
    } else if (str_eqz(name, "end")) {
        writer_call_end(r->w, choice, json_bool(b), r->out);
    } else if (str_eqz(name, "choice_finish")) {
        writer_choice_finish(r->w, choice, finish_of(json_str(b)), json_str(json_at(s, 3)), r->out);
    } else if (str_eqz(name, "usage")) {
        usage(r, a);
    } else if (str_eqz(name, "error")) {
        failure(r, json_str(a), json_str(b));
    } else {
        fail_msg("unknown step %.*s", (int)name.n, name.p);
    }
}

static void read_tools(struct api_request *q, const struct json *tools, struct api_tool room[MAX_TOOLS])
{
    q->n_tool = json_len(tools);
    q->tool = room;
    assert_true(q->n_tool <= MAX_TOOLS);
    for (size_t i = 0; i < q->n_tool; i++) {
        const struct json *t = json_at(tools, i);
        room[i] = (struct api_tool){ .kind = flag(t, "custom") ? API_TOOL_CUSTOM : API_TOOL_FUNCTION,
                                     .name = json_str(json_get(t, "name")),
                                     .space = json_str(json_get(t, "space")) };
    }
}

void api_case_try(const struct json *c, enum api_dialect dialect, bool stream, struct api_case_cut cut, struct buf *out)
{
    const struct json *q = json_get(c, "request"), *steps = json_get(c, "steps");
    struct api_tool tools[MAX_TOOLS];
    struct api_request r = { .dialect = dialect,
                             .stream = stream,
                             .include_usage = flag(q, "include_usage"),
                             .progress = flag(q, "progress"),
                             .n = (int)member(q, "n"),
                             .logprobs = flag(q, "logprobs"),
                             .top_logprobs = (int)member(q, "top_logprobs"),
                             .thinking = !json_has(q, "thinking") || flag(q, "thinking"),
                             .sampling = { .temperature = json_double(json_get(q, "temperature")), .top_p = 1 },
                             .instructions = json_str(json_get(q, "instructions")),
                             .echo_fields = json_get(q, "echo") };
    read_tools(&r, json_get(q, "tools"), tools);
    int n_id = 0;
    struct err e = ERR_INIT;
    struct writer_opts o = { .request = &r,
                             .request_id = STR("req_0123456789abcdefghijklmn"),
                             .model = STR("octet-mini"),
                             .created = 1700000000,
                             .id = count_ids,
                             .id_arg = &n_id,
                             .fingerprint = STR("octet-test") };
    struct running run = { .cut = cut, .out = out };
    if (writer_new(&run.w, &o, &e) < 0) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < json_len(steps) && !out->failed; i++)
        step(&run, json_at(steps, i));
    writer_free(run.w);
}

void api_case_run(const struct json *c, enum api_dialect dialect, bool stream, struct api_case_cut cut, struct buf *out)
{
    struct err e = ERR_INIT;
    api_case_try(c, dialect, stream, cut, out);
    assert_int_equal(buf_check(out, "answer", &e), 0);
}
