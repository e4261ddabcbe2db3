/* test_read.c - request bodies of four APIs, as data: what is read from them, and which field is at fault.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/read.h"
#include "base/base.h"
#include "base/file.h"

static const struct api_defaults defaults = {
    .sampling = { .temperature = 0.7, .top_k = 20, .top_p = 0.8, .repetition_penalty = 1.05 },
    .max_n = 16,
    .n_vocab = 1000,
    .has_fim = true,
    .tool_grammar = true,
};

static const char *const dialects[] = { "chat", "completions", "responses", "messages" };
static const char *const choices[] = { "auto", "none", "required", "named" };
static const char *const formats[] = { "text", "json", "schema", "regex", "ebnf" };
static const char *const kinds[] = { "function", "custom" };

static int index_of(const char *const *names, size_t n, struct str s)
{
    for (size_t i = 0; i < n; i++)
        if (str_eqz(s, names[i]))
            return (int)i;
    fail_msg("unknown name \"%.*s\"", (int)s.n, s.p);
    return -1;
}

static void assert_same_json(const char *name, const char *what, const struct json *got, const struct json *expected)
{
    struct buf a = { 0 }, b = { 0 };
    json_write(&a, got);
    json_write(&b, expected);
    if (strcmp(a.p, b.p) != 0)
        fail_msg("%s: %s:\n got      %s\n expected %s", name, what, a.p, b.p);
    buf_deinit(&a);
    buf_deinit(&b);
}

static void assert_number(const char *name, const char *what, double got, const struct json *expected)
{
    double want = json_type(expected) == JSON_BOOL ? json_bool(expected) : json_double(expected);
    if (fabs(got - want) > 1e-12)
        fail_msg("%s: %s: got %g, expected %g", name, what, got, want);
}

static void assert_text(const char *name, const char *what, struct str got, const struct json *expected)
{
    if (!str_eq(got, json_str(expected)))
        fail_msg("%s: %s: got \"%.*s\"", name, what, (int)got.n, got.p);
}

struct number {
    const char *key;
    double got;
};

/* True: `key` is one of the numbers and was checked. */
static bool check_number(const char *name, const struct api_request *r, struct str key, const struct json *want)
{
    const struct number numbers[] = {
        { "prefill", r->prefill },
        { "images", r->n_image },
        { "documents", r->n_document },
        { "n_tool", (double)r->n_tool },
        { "parallel", r->parallel_calls },
        { "max_tokens", (double)r->max_tokens },
        { "n", r->n },
        { "n_stop", (double)r->n_stop },
        { "stream", r->stream },
        { "usage", r->include_usage },
        { "logprobs", r->logprobs },
        { "top_logprobs", r->top_logprobs },
        { "seed", r->has_seed ? (double)r->sampling.seed : -1 },
        { "temperature", r->sampling.temperature },
        { "top_p", r->sampling.top_p },
        { "top_k", r->sampling.top_k },
        { "min_p", r->sampling.min_p },
        { "repetition_penalty", r->sampling.repetition_penalty },
        { "presence_penalty", r->sampling.presence_penalty },
        { "frequency_penalty", r->sampling.frequency_penalty },
        { "n_bias", (double)r->sampling.n_bias },
        { "thinking", r->thinking },
        { "tool_grammar", r->tool_grammar },
        { "added_tokens", r->added_tokens },
        { "prompt_only", r->prompt_only },
        { "echo", r->echo },
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (!str_eqz(key, numbers[i].key))
            continue;
        assert_number(name, numbers[i].key, numbers[i].got, want);
        return true;
    }
    return false;
}

static void check_prompts(const char *name, const struct api_request *r, const struct json *want)
{
    assert_int_equal(r->n_prompt, json_len(want));
    for (size_t i = 0; i < r->n_prompt; i++) {
        const struct json *p = json_at(want, i);
        assert_int_equal(r->prompt[i].is_ids, json_type(p) == JSON_ARRAY);
        if (!r->prompt[i].is_ids) {
            assert_text(name, "prompt", r->prompt[i].text, p);
            continue;
        }
        assert_int_equal(r->prompt[i].ids.n, json_len(p));
        for (size_t k = 0; k < json_len(p); k++)
            assert_int_equal(r->prompt[i].ids.v[k], (int)json_double(json_at(p, k)));
    }
}

static void check_tools(const char *name, const struct api_request *r, struct str key, const struct json *want)
{
    assert_int_equal(r->n_tool, json_len(want));
    for (size_t i = 0; i < r->n_tool; i++) {
        if (str_eqz(key, "names"))
            assert_text(name, "names", r->tool[i].name, json_at(want, i));
        else if (str_eqz(key, "spaces"))
            assert_text(name, "spaces", r->tool[i].space, json_at(want, i));
        else
            assert_int_equal(r->tool[i].kind, index_of(kinds, ARRAY_LEN(kinds), json_str(json_at(want, i))));
    }
}

/* Names of the tools that may be called. */
static void check_allowed(const char *name, const struct api_request *r, const struct json *want)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_tool; i++)
        if (r->tool[i].allowed)
            assert_text(name, "allowed", r->tool[i].name, json_at(want, n++));
    assert_int_equal(n, json_len(want));
}

static void check_member(const char *name, const struct api_request *r, struct str key, const struct json *want)
{
    if (check_number(name, r, key, want))
        return;
    if (str_eqz(key, "messages"))
        assert_same_json(name, "messages", r->messages, want);
    else if (str_eqz(key, "tools"))
        assert_same_json(name, "tools", r->tools, want);
    else if (str_eqz(key, "shown"))
        assert_same_json(name, "shown", r->shown_tools, want);
    else if (str_eqz(key, "names") || str_eqz(key, "spaces") || str_eqz(key, "kinds"))
        check_tools(name, r, key, want);
    else if (str_eqz(key, "allowed"))
        check_allowed(name, r, want);
    else if (str_eqz(key, "prompts"))
        check_prompts(name, r, want);
    else if (str_eqz(key, "tool_choice"))
        assert_int_equal(r->tool_choice, index_of(choices, ARRAY_LEN(choices), json_str(want)));
    else if (str_eqz(key, "format"))
        assert_int_equal(r->format, index_of(formats, ARRAY_LEN(formats), json_str(want)));
    else if (str_eqz(key, "model"))
        assert_text(name, "model", r->model, want);
    else if (str_eqz(key, "suffix"))
        assert_text(name, "suffix", r->suffix, want);
    else if (str_eqz(key, "cache_key"))
        assert_text(name, "cache_key", r->cache_key, want);
    else
        fail_msg("%s: nothing checks \"%.*s\"", name, (int)key.n, key.p);
}

static void check_refused(const char *name, const struct json *c, int rc, const struct api_error *x)
{
    struct str param = json_str(json_get(c, "param")), says = json_str(json_get(c, "says"));
    if (rc != -1)
        fail_msg("%s: it was accepted", name);
    assert_int_equal(x->kind, API_ERR_INVALID);
    if (!str_eqz(param, x->param))
        fail_msg("%s: the field at fault is \"%s\": %s", name, x->param, x->message);
    if (str_find(str_from(x->message), param) < 0 || str_find(str_from(x->message), says) < 0)
        fail_msg("%s: the message says \"%s\"", name, x->message);
}

static void check_case(const struct json *c)
{
    struct buf body = { 0 };
    struct api_request r;
    struct api_error x;
    struct json_iter it;
    char name[200];
    struct str n = json_str(json_get(c, "name")), dialect = json_str(json_get(c, "dialect"));
    (void)snprintf(name, sizeof name, "%.*s: %.*s", (int)dialect.n, dialect.p, (int)n.n, n.p);
    json_write(&body, json_get(c, "body"));
    int rc = read_request(&r, (enum api_dialect)index_of(dialects, ARRAY_LEN(dialects), dialect), buf_view(&body),
                          &defaults, &x);
    buf_deinit(&body); /* nothing may point into it */
    if (json_has(c, "param")) {
        check_refused(name, c, rc, &x);
    } else {
        if (rc != 0)
            fail_msg("%s: %s", name, x.message);
        assert_true(json_first(&it, json_get(c, "want")));
        do
            check_member(name, &r, it.key, it.value);
        while (json_next(&it));
    }
    api_request_deinit(&r);
}

static void every_case_of_the_file_is_read_as_it_says(void **state)
{
    struct buf text = { 0 };
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(file_read(&text, "tests/data/api/read.jsonl", &e), 0);
    struct str rest = buf_view(&text), line;
    size_t n = 0;
    while (str_cut(&rest, '\n', &line)) {
        struct json *c;
        if (json_parse(&c, line, "tests/data/api/read.jsonl", NULL, &e))
            fail_msg("%s", e.msg);
        check_case(c);
        json_free(c);
        n++;
    }
    assert_true(n >= 80);
    print_message("%zu cases\n", n);
    buf_deinit(&text);
}

static void assert_body_refused(struct str body, enum api_error_kind kind, const char *says)
{
    for (int d = API_CHAT; d <= API_MESSAGES; d++) {
        struct api_request r;
        struct api_error x;
        assert_int_equal(read_request(&r, (enum api_dialect)d, body, &defaults, &x), -1);
        assert_int_equal(x.kind, kind);
        if (!strstr(x.message, says))
            fail_msg("%s", x.message);
        api_request_deinit(&r);
    }
}

static void what_is_no_json_object_is_refused(void **state)
{
    (void)state;
    assert_body_refused(STR(""), API_ERR_INVALID, "request body");
    assert_body_refused(STR("{\"messages\": [}"), API_ERR_INVALID, "line 1, column");
    assert_body_refused(STR("[]"), API_ERR_INVALID, "expected a JSON object");
    assert_body_refused(STR("null"), API_ERR_INVALID, "expected a JSON object");
    assert_body_refused(STR("{\"temperature\": NaN}"), API_ERR_INVALID, "line 1");
}

/* Some proxies and scripts put text between quotes and leave it at that. */
static void control_characters_need_no_escape(void **state)
{
    struct api_request r;
    struct api_error x;
    (void)state;
    struct str body = STR("{\"messages\": [{\"role\": \"user\", \"content\": \"a\tb\nc\x1b\"}], \"max_tokens\": 1}");
    assert_int_equal(read_request(&r, API_CHAT, body, &defaults, &x), 0);
    struct str text = json_str(json_get(json_at(r.messages, 0), "content"));
    assert_true(str_eq(text, STR("a\tb\nc\x1b")));
    api_request_deinit(&r);
    assert_body_refused(STR("{\"model\": \"a\0b\"}"), API_ERR_INVALID, "control character");
}

static void hostile_bodies_are_refused_before_they_cost_anything(void **state)
{
    struct buf body = { 0 };
    (void)state;
    buf_z(&body, "{\"messages\": [");
    while (body.n < (size_t)8 << 20)
        buf_z(&body, "{},");
    buf_z(&body, "{}]}");
    assert_body_refused(buf_view(&body), API_ERR_INVALID, "values and keys");
    buf_reset(&body);
    for (int i = 0; i < 200; i++)
        buf_char(&body, '[');
    assert_body_refused(buf_view(&body), API_ERR_INVALID, "nested deeper");
    buf_reset(&body);
    char *room = buf_room(&body, (size_t)33 << 20);
    memset(room, ' ', (size_t)33 << 20);
    buf_commit(&body, (size_t)33 << 20);
    assert_body_refused(buf_view(&body), API_ERR_TOO_LARGE, "bytes");
    buf_deinit(&body);
}

/* Values in strings count as those of the body do: what is beyond stays the text that it is. */
static void json_inside_strings_is_bounded_too(void **state)
{
    struct buf args = { 0 }, body = { 0 };
    struct api_request r;
    struct api_error x;
    (void)state;
    buf_z(&args, "{\"a\": [");
    for (int i = 0; i < 600000; i++)
        buf_z(&args, "{},");
    buf_z(&args, "1]}");
    buf_z(&body, "{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [");
    for (int i = 0; i < 2; i++) {
        buf_z(&body, i ? ", " : "");
        buf_z(&body, "{\"id\": \"c\", \"function\": {\"name\": \"f\", \"arguments\": ");
        json_write_str(&body, buf_view(&args));
        buf_z(&body, "}}");
    }
    buf_z(&body, "]}]}");
    assert_int_equal(read_request(&r, API_CHAT, buf_view(&body), &defaults, &x), 0);
    const struct json *calls = json_get(json_at(r.messages, 0), "tool_calls");
    const struct json *first = json_get(json_get(json_at(calls, 0), "function"), "arguments");
    const struct json *second = json_get(json_get(json_at(calls, 1), "function"), "arguments");
    assert_int_equal(json_len(json_get(first, "a")), 600001);
    assert_int_equal(json_type(json_get(second, "arguments")), JSON_STRING);
    api_request_deinit(&r);
    buf_deinit(&args);
    buf_deinit(&body);
}

/* One large deferred tool, named very often, would multiply the body. */
static void references_to_a_tool_cannot_multiply_a_body_without_bound(void **state)
{
    struct buf body = { 0 };
    struct api_request r;
    struct api_error x;
    (void)state;
    buf_z(&body, "{\"tools\": [{\"name\": \"w\", \"defer_loading\": true, \"description\": \"");
    for (int i = 0; i < 1 << 18; i++)
        buf_z(&body, "abcd");
    buf_z(&body, "\"}], \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"tool_result\", \"content\": [");
    for (int i = 0; i < 1000; i++)
        buf_z(&body, "{\"type\": \"tool_reference\", \"tool_name\": \"w\"}, ");
    buf_z(&body, "\"\"]}]}]}");
    assert_int_equal(read_request(&r, API_MESSAGES, buf_view(&body), &defaults, &x), -1);
    assert_int_equal(x.kind, API_ERR_INVALID);
    assert_string_equal(x.param, "messages");
    api_request_deinit(&r);
    buf_deinit(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_the_file_is_read_as_it_says),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(control_characters_need_no_escape),
        cmocka_unit_test(hostile_bodies_are_refused_before_they_cost_anything),
        cmocka_unit_test(json_inside_strings_is_bounded_too),
        cmocka_unit_test(references_to_a_tool_cannot_multiply_a_body_without_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
