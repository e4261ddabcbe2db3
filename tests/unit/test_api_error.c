/* test_api_error.c - what clients are told, word by word.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "api/api_error.h"
#include "base/base.h"
#include "format/json.h"

static void assert_body(const struct api_error *x, enum api_dialect d, const char *expected)
{
    struct buf out = { 0 };
    api_error_body(&out, x, d, STR("req_1"));
    assert_string_equal(out.p, expected);
    buf_deinit(&out);
}

static void every_kind_has_its_status(void **state)
{
    static const struct {
        enum api_error_kind kind;
        int status;
    } cases[] = {
        { API_ERR_INVALID, 400 },     { API_ERR_CONTEXT, 400 },     { API_ERR_AUTH, 401 },   { API_ERR_FORBIDDEN, 403 },
        { API_ERR_NOT_FOUND, 404 },   { API_ERR_MODEL, 404 },       { API_ERR_METHOD, 405 }, { API_ERR_TYPE, 415 },
        { API_ERR_LENGTH, 411 },      { API_ERR_TOO_LARGE, 413 },   { API_ERR_BUSY, 429 },   { API_ERR_INTERNAL, 500 },
        { API_ERR_UNSUPPORTED, 501 }, { API_ERR_UNAVAILABLE, 503 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(api_error_status(cases[i].kind), cases[i].status);
}

static void a_wrong_field_is_told_in_each_dialect(void **state)
{
    struct api_error x;
    (void)state;
    api_error_set(&x, API_ERR_INVALID, "messages[1].role", "messages[1].role: unknown role \"%s\"", "boss");
    const char *openai = "{\"error\": {\"message\": \"messages[1].role: unknown role \\\"boss\\\"\", \"type\": "
                         "\"invalid_request_error\", \"param\": \"messages[1].role\", \"code\": null}}";
    assert_body(&x, API_CHAT, openai);
    assert_body(&x, API_COMPLETIONS, openai);
    assert_body(&x, API_RESPONSES, openai);
    assert_body(&x, API_MESSAGES,
                "{\"type\": \"error\", \"error\": {\"type\": \"invalid_request_error\", \"message\": "
                "\"messages[1].role: unknown role \\\"boss\\\"\"}, \"request_id\": \"req_1\"}");
}

static void an_over_length_prompt_is_told_in_the_words_on_which_agents_compact(void **state)
{
    struct api_error x;
    (void)state;
    api_error_context(&x, API_MESSAGES, 205880, 200000);
    assert_int_equal(api_error_status(x.kind), 400);
    assert_string_equal(x.message, "prompt is too long: 205880 tokens > 200000 maximum");
    api_error_context(&x, API_CHAT, 40000, 32768);
    assert_int_equal(api_error_status(x.kind), 400);
    assert_body(&x, API_CHAT,
                "{\"error\": {\"message\": \"This model's maximum context length is 32768 tokens. However, your "
                "messages resulted in 40000 tokens. Please reduce the length of the messages.\", \"type\": "
                "\"invalid_request_error\", \"param\": \"messages\", \"code\": \"context_length_exceeded\"}}");
}

static void anthropic_types_follow_the_status(void **state)
{
    static const struct {
        enum api_error_kind kind;
        const char *type;
    } cases[] = {
        { API_ERR_AUTH, "authentication_error" }, { API_ERR_FORBIDDEN, "permission_error" },
        { API_ERR_NOT_FOUND, "not_found_error" }, { API_ERR_TOO_LARGE, "request_too_large" },
        { API_ERR_BUSY, "rate_limit_error" },     { API_ERR_INTERNAL, "api_error" },
        { API_ERR_UNAVAILABLE, "api_error" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct api_error x;
        struct buf out = { 0 };
        struct json *body;
        struct err e = ERR_INIT;
        api_error_set(&x, cases[i].kind, NULL, "m");
        api_error_body(&out, &x, API_MESSAGES, (struct str){ 0 });
        assert_int_equal(json_parse(&body, buf_view(&out), "body", NULL, &e), 0);
        assert_true(str_eqz(json_str(json_get(json_get(body, "error"), "type")), cases[i].type));
        json_free(body);
        buf_deinit(&out);
    }
}

static void a_failure_below_is_the_servers_or_the_clients_fault(void **state)
{
    static const struct {
        int code;
        enum api_error_kind kind;
    } cases[] = {
        { ERR_NOMEM, API_ERR_INTERNAL }, { ERR_DEVICE, API_ERR_INTERNAL }, { ERR_IO, API_ERR_INTERNAL },
        { ERR_BUSY, API_ERR_BUSY },      { ERR_ARG, API_ERR_INVALID },     { ERR_FORMAT, API_ERR_INVALID },
        { ERR_LIMIT, API_ERR_INVALID },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        struct api_error x;
        err_set(&e, cases[i].code, "what %d", 7);
        api_error_from(&x, &e, "stop");
        assert_int_equal(x.kind, cases[i].kind);
        assert_string_equal(x.param, "stop");
        assert_string_equal(x.message, "what 7");
    }
}

static void errors_end_streams_as_events_of_the_dialect(void **state)
{
    struct api_error x;
    struct buf out = { 0 };
    (void)state;
    api_error_set(&x, API_ERR_INTERNAL, NULL, "boom");
    api_error_event(&out, &x, API_CHAT, (struct str){ 0 });
    assert_string_equal(out.p, "data: {\"error\": {\"message\": \"boom\", \"type\": \"server_error\", \"param\": null, "
                               "\"code\": \"server_error\"}}\n\n");
    buf_reset(&out);
    api_error_event(&out, &x, API_MESSAGES, STR("req_9"));
    assert_string_equal(out.p, "event: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"api_error\", "
                               "\"message\": \"boom\"}, \"request_id\": \"req_9\"}\n\n");
    buf_reset(&out);
    api_error_event(&out, &x, API_RESPONSES, (struct str){ 0 });
    assert_string_equal(out.p, "event: error\ndata: {\"type\": \"error\", \"code\": \"server_error\", \"message\": "
                               "\"boom\", \"param\": null}\n\n");
    buf_deinit(&out);
}

static void a_param_too_long_is_cut_at_a_character(void **state)
{
    struct api_error x;
    char name[400];
    (void)state;
    for (size_t i = 0; i + 1 < sizeof name; i++)
        name[i] = i % 2 ? '\xA9' : '\xC3';
    name[sizeof name - 1] = '\0';
    api_error_set(&x, API_ERR_INVALID, name, "m");
    assert_int_equal(strlen(x.param), 126);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_its_status),
        cmocka_unit_test(a_wrong_field_is_told_in_each_dialect),
        cmocka_unit_test(an_over_length_prompt_is_told_in_the_words_on_which_agents_compact),
        cmocka_unit_test(anthropic_types_follow_the_status),
        cmocka_unit_test(a_failure_below_is_the_servers_or_the_clients_fault),
        cmocka_unit_test(errors_end_streams_as_events_of_the_dialect),
        cmocka_unit_test(a_param_too_long_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
