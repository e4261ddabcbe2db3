/* test_writer.c - answers as each API tells them: every byte of the recorded transcripts, and the same answer however its text is cut.
 *
 * The cases lie in tests/data/api/events. OCTET_TEST_UPDATE=1 writes the transcripts anew; they are reviewed like code, and the official
 * SDKs read them (tests/clients/test_events.sh).
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/file.h"
#include "base/mem.h"
#include "support/api_case.h"

#define DIR "tests/data/api/events/"

static const char *const names[] = {
    [API_CHAT] = "chat", [API_COMPLETIONS] = "completions", [API_RESPONSES] = "responses", [API_MESSAGES] = "messages"
};
static const struct api_case_cut as_given = { .at = SIZE_MAX };

enum { MAX_CHOICES = 2, MAX_PARTS = 8, LONGEST = 48 };

/* --- what a client makes of an answer --- */

struct part {
    char kind[32]; /* "text", "reasoning", "call" */
    struct buf head, text;
};

struct said {
    struct part part[MAX_CHOICES][MAX_PARTS];
    struct buf finish[MAX_CHOICES];
    struct buf all; /* of Responses: the final response */
    struct buf usage;
    int n_end; /* events after which nothing may come */
    int64_t sequence;
};

static void said_deinit(struct said *s)
{
    for (int c = 0; c < MAX_CHOICES; c++) {
        for (int i = 0; i < MAX_PARTS; i++) {
            buf_deinit(&s->part[c][i].head);
            buf_deinit(&s->part[c][i].text);
        }
        buf_deinit(&s->finish[c]);
    }
    buf_deinit(&s->all);
    buf_deinit(&s->usage);
}

static struct part *part_of(struct said *s, int choice, int64_t i, const char *kind)
{
    assert_true(i >= 0 && i < MAX_PARTS);
    struct part *p = &s->part[choice][i];
    assert_true(!p->kind[0] || strcmp(p->kind, kind) == 0);
    snprintf(p->kind, sizeof p->kind, "%s", kind);
    return p;
}

static int64_t integer(const struct json *o, const char *name)
{
    int64_t n = -1;
    assert_true(json_i64(json_get(o, name), &n));
    return n;
}

static struct str string(const struct json *o, const char *name)
{
    return json_str(json_get(o, name));
}

static bool is(const struct json *o, const char *name, const char *value)
{
    return str_eqz(string(o, name), value);
}

static void add_json(struct buf *out, const struct json *v)
{
    if (v)
        json_write(out, v);
}

/* The arguments as a value where they are one, so that white space does not count; otherwise as they are. */
static void add_arguments(struct buf *out, struct str text)
{
    struct json *v;
    struct err e = ERR_INIT;
    if (json_parse(&v, text, "arguments", NULL, &e) == 0) {
        json_write(out, v);
        json_free(v);
    } else {
        buf_str(out, text);
    }
}

/* --- chat and completions --- */

/* Parts of a chat message: 0 content, 1 reasoning, from 2 on the calls. */
static void chat_calls(struct said *s, int choice, const struct json *calls, bool stream)
{
    for (size_t i = 0; i < json_len(calls); i++) {
        const struct json *c = json_at(calls, i), *f = json_get(c, "function");
        int64_t at = stream ? integer(c, "index") : (int64_t)i;
        struct part *p = part_of(s, choice, at + 2, "call");
        bool first = json_has(c, "id");
        /* The name comes with the id, once; without it the member is missing, not null. */
        assert_int_equal(first, json_has(f, "name"));
        assert_int_equal(first, json_has(c, "type"));
        assert_true(first == !p->head.n);
        if (first) {
            buf_str(&p->head, string(c, "id"));
            buf_char(&p->head, ' ');
            buf_str(&p->head, string(f, "name"));
        }
        buf_str(&p->text, string(f, "arguments"));
    }
}

static void chat_message(struct said *s, int choice, const struct json *m, bool stream)
{
    if (json_has(m, "content") && json_get(m, "content"))
        buf_str(&part_of(s, choice, 0, "text")->text, string(m, "content"));
    if (json_has(m, "reasoning_content")) {
        buf_str(&part_of(s, choice, 1, "reasoning")->text, string(m, "reasoning_content"));
        assert_true(str_eq(string(m, "reasoning_content"), string(m, "reasoning")));
    }
    chat_calls(s, choice, json_get(m, "tool_calls"), stream);
}

static void chunk(struct said *s, const struct json *o, bool stream)
{
    const struct json *choices = json_get(o, "choices");
    for (size_t i = 0; i < json_len(choices); i++) {
        const struct json *c = json_at(choices, i);
        int choice = (int)integer(c, "index");
        assert_true(choice < MAX_CHOICES && !s->finish[choice].n);
        chat_message(s, choice, json_get(c, stream ? "delta" : "message"), stream);
        if (json_has(c, "text"))
            buf_str(&part_of(s, choice, 0, "text")->text, string(c, "text"));
        buf_str(&s->finish[choice], string(c, "finish_reason"));
    }
    add_json(&s->usage, json_get(o, "usage"));
}

/* --- messages --- */

static void message_block(struct part *p, const struct json *b)
{
    buf_str(&p->text, string(b, "text"));
    buf_str(&p->text, string(b, "thinking"));
    buf_str(&p->head, string(b, "signature"));
    buf_str(&p->head, string(b, "id"));
    buf_str(&p->head, string(b, "name"));
}

static void message_delta(struct said *s, const struct json *o)
{
    const struct json *d = json_get(o, "delta");
    struct part *p = &s->part[0][integer(o, "index")];
    assert_true(p->kind[0]);
    buf_str(&p->text, string(d, "text"));
    buf_str(&p->text, string(d, "thinking"));
    buf_str(&p->text, string(d, "partial_json"));
    buf_str(&p->head, string(d, "signature"));
}

static void message_stop(struct said *s, const struct json *d)
{
    buf_str(&s->finish[0], string(d, "stop_reason"));
    buf_char(&s->finish[0], ' ');
    buf_str(&s->finish[0], string(d, "stop_sequence"));
}

static void message_event(struct said *s, const struct json *o)
{
    if (is(o, "type", "content_block_start")) {
        const struct json *b = json_get(o, "content_block");
        int64_t i = integer(o, "index");
        assert_true(i == 0 || s->part[0][i - 1].kind[0]);
        char kind[32];
        snprintf(kind, sizeof kind, "%.*s", (int)string(b, "type").n, string(b, "type").p);
        message_block(part_of(s, 0, i, kind), b);
    } else if (is(o, "type", "content_block_delta")) {
        message_delta(s, o);
    } else if (is(o, "type", "message_delta")) {
        message_stop(s, json_get(o, "delta"));
        add_json(&s->usage, json_get(o, "usage"));
    } else if (is(o, "type", "message_stop")) {
        s->n_end++;
    }
}

static void message_object(struct said *s, const struct json *o)
{
    const struct json *content = json_get(o, "content");
    for (size_t i = 0; i < json_len(content); i++) {
        const struct json *b = json_at(content, i);
        char kind[32];
        snprintf(kind, sizeof kind, "%.*s", (int)string(b, "type").n, string(b, "type").p);
        struct part *p = part_of(s, 0, (int64_t)i, kind);
        message_block(p, b);
        add_json(&p->text, json_get(b, "input"));
    }
    message_stop(s, o);
    add_json(&s->usage, json_get(o, "usage"));
}

/* --- responses --- */

static void response_item(struct said *s, int64_t i, const struct json *item, bool filled)
{
    char kind[32];
    snprintf(kind, sizeof kind, "%.*s", (int)string(item, "type").n, string(item, "type").p);
    struct part *p = part_of(s, 0, i, kind);
    buf_reset(&p->head);
    buf_str(&p->head, string(item, "id"));
    buf_str(&p->head, string(item, "call_id"));
    buf_str(&p->head, string(item, "name"));
    buf_str(&p->head, string(item, "namespace"));
    if (!filled)
        return;
    const struct json *content = json_get(item, "content"), *summary = json_get(item, "summary");
    buf_str(&p->text, string(json_at(content, 0), "text"));
    buf_str(&p->text, string(json_at(summary, 0), "text"));
    buf_str(&p->text, string(item, "arguments"));
    buf_str(&p->text, string(item, "input"));
}

static void response_object(struct said *s, const struct json *o)
{
    const struct json *output = json_get(o, "output");
    for (size_t i = 0; i < json_len(output); i++)
        response_item(s, (int64_t)i, json_at(output, i), true);
    json_write(&s->all, o);
}

static void response_event(struct said *s, const struct json *o)
{
    struct str type = string(o, "type");
    assert_int_equal(integer(o, "sequence_number"), s->sequence++);
    if (str_eqz(type, "response.output_item.added")) {
        response_item(s, integer(o, "output_index"), json_get(o, "item"), false);
    } else if (str_ends(type, STR(".delta"))) {
        buf_str(&s->part[0][integer(o, "output_index")].text, string(o, "delta"));
    } else if (str_eqz(type, "response.completed") || str_eqz(type, "response.incomplete")) {
        json_write(&s->all, json_get(o, "response"));
        s->n_end++;
    }
}

/* --- streams --- */

static void event(struct said *s, enum api_dialect d, struct str name, struct str data)
{
    struct json *o;
    struct err e = ERR_INIT;
    assert_int_equal(s->n_end, 0);
    if (str_eqz(data, "[DONE]")) {
        s->n_end++;
        return;
    }
    if (json_parse(&o, data, "event", NULL, &e) < 0)
        fail_msg("%s: %.*s", e.msg, (int)data.n, data.p);
    assert_int_equal(name.n > 0, d == API_RESPONSES || d == API_MESSAGES);
    if (name.n)
        assert_true(str_eq(string(o, "type"), name));
    if (d == API_RESPONSES)
        response_event(s, o);
    else if (d == API_MESSAGES)
        message_event(s, o);
    else
        chunk(s, o, true);
    json_free(o);
}

/* Reads a stream as a client of server-sent events does; every event must end with a blank line. */
static void read_stream(struct said *s, enum api_dialect d, struct str text)
{
    struct str line, name = { 0 };
    bool blank = true;
    while (str_cut(&text, '\n', &line)) {
        blank = !line.n;
        if (str_starts(line, STR("event: ")))
            name = str_sub(line, 7, line.n);
        else if (str_starts(line, STR("data: ")))
            event(s, d, name, str_sub(line, 6, line.n));
        else if (blank)
            name = STR("");
        else
            assert_true(str_starts(line, STR(": ")));
    }
    assert_true(blank && !text.n);
    assert_int_equal(s->n_end, 1);
}

static void read_object(struct said *s, enum api_dialect d, struct str text)
{
    struct json *o;
    struct err e = ERR_INIT;
    if (json_parse(&o, text, "answer", NULL, &e) < 0)
        fail_msg("%s: %.*s", e.msg, (int)text.n, text.p);
    if (d == API_RESPONSES)
        response_object(s, o);
    else if (d == API_MESSAGES)
        message_object(s, o);
    else
        chunk(s, o, false);
    json_free(o);
}

static void same(const char *what, const struct buf *a, const struct buf *b)
{
    if (!str_eq(buf_view(a), buf_view(b)))
        fail_msg("%s: the stream says %s, the object %s", what, a->p ? a->p : "", b->p ? b->p : "");
}

static void same_arguments(const char *what, const struct buf *a, const struct buf *b)
{
    struct buf x = { 0 }, y = { 0 };
    add_arguments(&x, buf_view(a));
    add_arguments(&y, buf_view(b));
    same(what, &x, &y);
    buf_deinit(&x);
    buf_deinit(&y);
}

/* Whether a block of the stream is one that an Anthropic object leaves out: a call whose JSON is not whole. */
static bool left_out(enum api_dialect d, const struct part *p)
{
    struct json *v;
    struct err e = ERR_INIT;
    if (d != API_MESSAGES || strcmp(p->kind, "tool_use") != 0)
        return false;
    bool whole = json_parse(&v, buf_view(&p->text), "input", NULL, &e) == 0;
    if (whole)
        json_free(v);
    return !whole;
}

static void same_said(enum api_dialect d, const char *what, const struct said *a, const struct said *b)
{
    for (int c = 0; c < MAX_CHOICES; c++) {
        for (int i = 0; i < MAX_PARTS; i++) {
            const struct part *p = &a->part[c][i], *q = &b->part[c][i];
            if (left_out(d, p)) {
                assert_false(q->kind[0]);
                continue;
            }
            assert_string_equal(p->kind, q->kind);
            same(what, &p->head, &q->head);
            same_arguments(what, &p->text, &q->text);
        }
        same(what, &a->finish[c], &b->finish[c]);
    }
    same(what, &a->all, &b->all);
    if (a->usage.n)
        same(what, &a->usage, &b->usage);
}

/* --- cases --- */

typedef void case_fn(const char *name, const struct json *c, enum api_dialect d);

static void each_case(case_fn *fn)
{
    glob_t g;
    assert_int_equal(glob(DIR "*.json", 0, NULL, &g), 0);
    int n = 0;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct json *c;
        struct err e = ERR_INIT;
        if (strstr(g.gl_pathv[i], ".object.json"))
            continue;
        if (json_read(&c, g.gl_pathv[i], NULL, &e) < 0)
            fail_msg("%s", e.msg);
        struct str name = str_sub(str_from(g.gl_pathv[i]), sizeof DIR - 1, strlen(g.gl_pathv[i]) - 5);
        char *z = xstrndup(name.p, name.n);
        for (size_t k = 0; k < json_len(json_get(c, "dialects")); k++)
            for (size_t d = 0; d < ARRAY_LEN(names); d++)
                if (str_eqz(json_str(json_at(json_get(c, "dialects"), k)), names[d])) {
                    fn(z, c, (enum api_dialect)d);
                    n++;
                }
        mem_free(z);
        json_free(c);
    }
    globfree(&g);
    assert_true(n > 40);
}

static void check_file(const char *path, const struct buf *got)
{
    struct buf want = { 0 };
    struct err e = ERR_INIT;
    if (getenv("OCTET_TEST_UPDATE") && file_write(path, buf_view(got), &e) < 0)
        fail_msg("%s", e.msg);
    if (file_read(&want, path, &e) < 0)
        fail_msg("%s", e.msg);
    if (!str_eq(buf_view(&want), buf_view(got)))
        fail_msg("%s: expected\n%s\nfound\n%s", path, want.p, got->p);
    buf_deinit(&want);
}

static void transcript(const char *name, const struct json *c, enum api_dialect d)
{
    char path[256];
    struct buf out = { 0 };
    snprintf(path, sizeof path, DIR "%s.%s.stream.txt", name, names[d]);
    api_case_run(c, d, true, as_given, &out);
    check_file(path, &out);
    buf_reset(&out);
    if (!json_get(c, "stream_only")) {
        snprintf(path, sizeof path, DIR "%s.%s.object.json", name, names[d]);
        api_case_run(c, d, false, as_given, &out);
        check_file(path, &out);
    }
    buf_deinit(&out);
}

static void the_bytes_are_those_of_the_transcripts(void **state)
{
    (void)state;
    each_case(transcript);
}

static void one_cut(const char *name, const struct json *c, enum api_dialect d, struct api_case_cut cut,
                    const struct said *want)
{
    struct buf out = { 0 };
    struct said got = { 0 };
    api_case_run(c, d, true, cut, &out);
    read_stream(&got, d, buf_view(&out));
    same_said(d, name, &got, want);
    said_deinit(&got);
    buf_deinit(&out);
}

static void all_cuts(const char *name, const struct json *c, enum api_dialect d)
{
    struct buf out = { 0 };
    struct said want = { 0 };
    if (json_get(c, "stream_only"))
        return;
    api_case_run(c, d, false, as_given, &out);
    read_object(&want, d, buf_view(&out));
    one_cut(name, c, d, as_given, &want);
    one_cut(name, c, d, (struct api_case_cut){ .in_ones = true }, &want);
    for (size_t at = 0; at < LONGEST; at++)
        one_cut(name, c, d, (struct api_case_cut){ .at = at }, &want);
    said_deinit(&want);
    buf_deinit(&out);
}

static void a_stream_cut_anywhere_adds_up_to_the_one_object(void **state)
{
    (void)state;
    each_case(all_cuts);
}

static void no_content(const char *name, const struct json *c, enum api_dialect d)
{
    struct buf out = { 0 };
    if (d == API_CHAT && strcmp(name, "call_alone") == 0) {
        api_case_run(c, d, true, as_given, &out);
        assert_true(str_find(buf_view(&out), STR("\"content\"")) < 0);
    }
    buf_deinit(&out);
}

static void a_call_without_text_has_no_content(void **state)
{
    (void)state;
    each_case(no_content);
}

static void no_error(const char *name, const struct json *c, enum api_dialect d)
{
    (void)name;
    struct buf out = { 0 };
    if (d != API_RESPONSES && !json_get(c, "stream_only")) {
        api_case_run(c, d, true, as_given, &out);
        api_case_run(c, d, false, as_given, &out);
        assert_true(str_find(buf_view(&out), STR("error")) < 0);
        assert_true(d != API_MESSAGES || str_find(buf_view(&out), STR("timings")) < 0);
    }
    buf_deinit(&out);
}

static void a_good_answer_never_says_error(void **state)
{
    (void)state;
    each_case(no_error);
}

/* Whatever allocation fails: no crash, and either the whole answer or one that is marked as failed. */
static void memory_out(const char *name, const struct json *c, enum api_dialect d)
{
    struct buf whole = { 0 };
    if (strcmp(name, "calls") != 0)
        return;
    for (int stream = 0; stream < 2; stream++) {
        api_case_run(c, d, stream, as_given, &whole);
        bool done = false;
        for (long nth = 1; !done; nth++) {
            struct buf out = { 0 };
            mem_fail_after(nth);
            api_case_try(c, d, stream, as_given, &out);
            mem_fail_after(0);
            if (!out.failed && out.n)
                assert_true(str_eq(buf_view(&out), buf_view(&whole)));
            done = !out.failed && out.n;
            assert_true(nth < 10000);
            buf_deinit(&out);
        }
        buf_reset(&whole);
    }
    buf_deinit(&whole);
}

static void an_answer_without_memory_is_marked_as_failed(void **state)
{
    (void)state;
    each_case(memory_out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_of_the_transcripts),
        cmocka_unit_test(a_stream_cut_anywhere_adds_up_to_the_one_object),
        cmocka_unit_test(a_call_without_text_has_no_content),
        cmocka_unit_test(a_good_answer_never_says_error),
        cmocka_unit_test(an_answer_without_memory_is_marked_as_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
