/* test_constrain.c - from what a request says about its answer to a matcher. The compiler of tools is one of this file, which fails where a test wants it;
 * no set of tools that fits into a context makes the real one fail.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/constrain.h"
#include "api/read.h"
#include "base/file.h"
#include "base/log.h"
#include "text/toolcall/grammar_tools.h"

static struct {
    bool tools_fail, format_fails;
    int n_call;
} compiler;

int grammar_tools(struct grammar **out, const struct grammar_tools_opts *o, struct buf *relaxed, struct err *e)
{
    compiler.n_call++;
    *out = NULL;
    if (o->tools->n ? compiler.tools_fail : compiler.format_fails)
        return err_set(e, ERR_LIMIT, "the grammar needs more than 400000 states");
    if (relaxed && o->tools->n)
        buf_z(relaxed, "tool \"ls\": uniqueItems\ntool \"ls\": not\n");
    return grammar_json(out, true, e);
}

struct bench {
    struct tokenizer *tok;
    struct constrain *c;
};

static void bench_open(struct bench *b)
{
    struct err e = ERR_INIT;
    int32_t eos = 0;
    memset(&compiler, 0, sizeof compiler);
    if (tokenizer_open(&b->tok, "models/octet-mini", &e) || constrain_new(&b->c, b->tok, &eos, 1, &e))
        fail_msg("%s", e.msg);
}

static void bench_close(struct bench *b)
{
    constrain_free(b->c);
    tokenizer_close(b->tok);
}

#define TOOL(NAME) "\"tools\": [{\"function\": {\"name\": \"" NAME "\", \"parameters\": {\"type\": \"object\"}}}]"
#define SCHEMA                                                                                                         \
    ", \"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"schema\": {\"type\": \"object\"}}}"

/* What a chat with these fields gets: 1 a matcher, 0 none, -1 a refusal with *x. */
static int constrained(struct bench *b, const char *fields, struct api_error *x)
{
    const struct api_defaults def = {
        .sampling = { .top_p = 1, .repetition_penalty = 1 }, .max_n = 1, .n_vocab = 1000, .tool_grammar = true
    };
    struct api_request r;
    struct toolset tools;
    struct matcher *m = NULL;
    struct err e = ERR_INIT;
    struct buf body = { 0 };
    buf_printf(&body, "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], %s}", fields);
    if (read_request(&r, API_CHAT, buf_view(&body), &def, x) || toolset_init(&tools, r.tools, &e))
        fail_msg("%s %s", x->message, e.msg);
    const struct constrain_ask a = { .request = &r,
                                     .format = toolcall_format_find(STR("qwen3-coder-xml")),
                                     .tools = &tools,
                                     .request_id = STR("req_1") };
    int rc = constrain_matcher(b->c, &a, &m, x);
    int got = rc ? -1 : m != NULL;
    if (m)
        matcher_free(m);
    toolset_deinit(&tools);
    api_request_deinit(&r);
    buf_deinit(&body);
    return got;
}

static void tools_of_which_no_grammar_can_be_made_refuse_no_request(void **state)
{
    static const char *const choices[] = { "", ", \"tool_choice\": \"required\"",
                                           ", \"tool_choice\": {\"type\": \"function\", \"function\": {\"name\": "
                                           "\"ls\"}}",
                                           SCHEMA };
    struct bench b;
    struct api_error x;
    (void)state;
    bench_open(&b);
    compiler.tools_fail = true;
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        char fields[600];
        snprintf(fields, sizeof fields, "%s%s", TOOL("ls"), choices[i]);
        assert_int_equal(constrained(&b, fields, &x), 0);
        /* That there is none is known from then on. */
        int n = compiler.n_call;
        assert_int_equal(constrained(&b, fields, &x), 0);
        assert_int_equal(compiler.n_call, n);
    }
    compiler.tools_fail = false;
    assert_int_equal(constrained(&b, TOOL("cat"), &x), 1);
    bench_close(&b);
}

static void a_format_that_fails_by_itself_is_refused_with_tools_too(void **state)
{
    struct bench b;
    struct api_error x;
    (void)state;
    bench_open(&b);
    compiler.tools_fail = compiler.format_fails = true;
    assert_int_equal(constrained(&b, TOOL("ls") SCHEMA, &x), -1);
    assert_string_equal(x.param, "response_format");
    assert_non_null(strstr(x.message, "400000 states"));
    bench_close(&b);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

/* The same tools under four choices are four grammars, of which the log speaks once; others are spoken of again. */
static void what_is_not_enforced_is_logged_once_for_a_set_of_tools(void **state)
{
    static const char *const fields[] = { TOOL("ls"), TOOL("ls") ", \"tool_choice\": \"required\"",
                                          TOOL("ls") ", \"parallel_tool_calls\": false", TOOL("ls") };
    char path[] = "/tmp/octet-log-XXXXXX";
    struct bench b;
    struct api_error x;
    struct buf text = { 0 };
    struct err e = ERR_INIT;
    (void)state;
    bench_open(&b);
    int fd = mkstemp(path);
    enum log_level level = log_get_level();
    log_set_level(LOG_INFO);
    log_set_output(fd, false);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        assert_int_equal(constrained(&b, fields[i], &x), 1);
    assert_int_equal(compiler.n_call, 3);
    assert_int_equal(constrained(&b, TOOL("cat"), &x), 1);
    compiler.tools_fail = true;
    for (int i = 0; i < 2; i++)
        assert_int_equal(constrained(&b, i ? TOOL("pwd") : TOOL("pwd") ", \"tool_choice\": \"required\"", &x), 0);
    log_set_output(STDERR_FILENO, false);
    log_set_level(level);
    close(fd);
    assert_int_equal(file_read(&text, path, &e), 0);
    unlink(path);
    assert_int_equal(count(text.p, "req_1: not enforced: tool \"ls\": uniqueItems\n"), 2);
    assert_int_equal(count(text.p, "req_1: not enforced: tool \"ls\": not\n"), 2);
    assert_int_equal(count(text.p, "more than 400000 states\n"), 1);
    buf_deinit(&text);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_of_which_no_grammar_can_be_made_refuse_no_request),
        cmocka_unit_test(a_format_that_fails_by_itself_is_refused_with_tools_too),
        cmocka_unit_test(what_is_not_enforced_is_logged_once_for_a_set_of_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
