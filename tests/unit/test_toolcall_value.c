/* test_toolcall_value.c - a parameter's text as JSON, and the reader of JSON and Python's repr below it.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "base/rng.h"
#include "text/toolcall/toolcall_literal.h"
#include "text/toolcall/toolcall_value.h"

/* `text` under the schema, in pieces of `piece` bytes. */
static void converted(struct buf *out, const char *schema, const char *text, size_t piece)
{
    struct buf root = { 0 };
    struct json *j;
    struct toolcall_value v = { 0 };
    buf_printf(&root,
               "{\"properties\": {\"x\": %s}, \"$defs\": {\"loop\": {\"$ref\": \"#/$defs/loop\"}, \"n\": {\"type\": "
               "\"integer\"}}}",
               schema);
    assert_int_equal(json_parse(&j, buf_view(&root), "schema", NULL, NULL), 0);
    struct toolcall_param p = toolcall_schema_param(j, STR("x"));
    assert_true(p.declared);
    toolcall_value_begin(&v, &p);
    for (struct str s = str_from(text); s.n; s = str_sub(s, piece, s.n))
        toolcall_value_put(&v, str_sub(s, 0, piece), STR("K"), out);
    toolcall_value_end(&v, STR("K"), out);
    toolcall_value_deinit(&v);
    json_free(j);
    buf_deinit(&root);
}

static void expect(const char *schema, const char *text, const char *want)
{
    for (size_t piece = 1; piece <= 1000; piece = piece * 3 + 1) {
        struct buf out = { 0 };
        converted(&out, schema, text, piece);
        assert_int_equal(out.p[0], 'K');
        assert_string_equal(out.p + 1, want);
        buf_deinit(&out);
    }
}

static void a_value_becomes_what_its_schema_says(void **state)
{
    (void)state;
    expect("{\"type\": \"string\"}", "a\nb\n", "\"a\\nb\"");
    expect("{\"type\": \"string\"}", "\n\n", "\"\\n\"");
    expect("{\"type\": \"string\"}", "", "\"\"");
    expect("{\"type\": \"integer\"}", " 12\n", "12");
    expect("{\"type\": \"integer\"}", "12 13", "\"12 13\"");
    expect("{\"type\": \"integer\"}", "-0", "-0");
    expect("{\"type\": \"number\"}", "1e400", "\"1e400\"");
    expect("{\"type\": \"boolean\"}", "True", "true");
    expect("{\"type\": \"boolean\"}", "truer", "\"truer\"");
    expect("{\"type\": \"object\"}", "{'a': [1,]}", "{\"a\": [1]}");
    expect("{\"type\": [\"string\", \"null\"]}", "null", "null");
    expect("{\"type\": [\"string\", \"null\"]}", "null and void", "\"null and void\"");
    expect("{\"$ref\": \"#/$defs/n\"}", "5", "5");
    expect("{\"$ref\": \"#/$defs/loop\"}", "5", "\"5\"");
    expect("{\"anyOf\": [{\"$ref\": \"#/$defs/n\"}, {\"type\": \"string\"}]}", "5 a", "\"5 a\"");
}

static void references_that_branch_without_end_stop(void **state)
{
    struct buf out = { 0 };
    (void)state;
    converted(
        &out,
        "{\"allOf\": [{\"$ref\": \"#/properties/x\"}, {\"$ref\": \"#/properties/x\"}, {\"$ref\": \"#/properties/x\"}]}",
        "5", 1);
    assert_string_equal(out.p, "K\"5\"");
    buf_deinit(&out);
}

static void a_string_streams_and_a_number_waits(void **state)
{
    struct toolcall_value v = { 0 };
    struct buf out = { 0 };
    struct toolcall_param p = { .types = TOOLCALL_STRING };
    (void)state;
    toolcall_value_begin(&v, &p);
    toolcall_value_put(&v, STR("a\"\n"), STR("K"), &out);
    assert_string_equal(out.p, "K\"a\\\"");
    p.types = TOOLCALL_INTEGER | TOOLCALL_STRING;
    buf_reset(&out);
    toolcall_value_begin(&v, &p);
    toolcall_value_put(&v, STR("12"), STR("K"), &out);
    assert_int_equal(out.n, 0);
    toolcall_value_put(&v, STR("x"), STR("K"), &out);
    assert_string_equal(out.p, "K\"12x");
    toolcall_value_deinit(&v);
    buf_deinit(&out);
}

static void expect_literal(const char *text, const char *want)
{
    struct buf out = { 0 };
    buf_z(&out, ">");
    bool good = toolcall_literal(&out, str_from(text));
    assert_int_equal(good, want != NULL);
    assert_string_equal(out.p + 1, want ? want : "");
    if (want) {
        struct json *j;
        assert_int_equal(json_parse(&j, str_from(want), "literal", NULL, NULL), 0);
        json_free(j);
    }
    buf_deinit(&out);
}

static void literals_are_read(void **state)
{
    (void)state;
    expect_literal("[]", "[]");
    expect_literal(" { } ", "{}");
    expect_literal("(1,)", "[1]");
    expect_literal("()", "[]");
    expect_literal("(1)", NULL);
    expect_literal("[,]", NULL);
    expect_literal("[1,,2]", NULL);
    expect_literal("[1 2]", NULL);
    expect_literal("{\"a\"}", NULL);
    expect_literal("{\"a\":}", NULL);
    expect_literal("[1", NULL);
    expect_literal("[1}", NULL);
    expect_literal("[\"a]", NULL);
    expect_literal("1", NULL);
    expect_literal("", NULL);
    expect_literal("['\\x41\\u00e9\\U0001F600', '\\d', \"\\/\", '\\/']",
                   "[\"A\\u00e9😀\", \"\\\\d\", \"/\", \"\\\\/\"]");
    expect_literal("['\\x4']", NULL);
    expect_literal("['\\u12g4']", NULL);
    expect_literal("['\\U00110000']", NULL);
    expect_literal("['\\", NULL);
    expect_literal("[True, False, None, true, false, null]", "[true, false, null, true, false, null]");
    expect_literal("[truex]", NULL);
    expect_literal("[+1, .5, 5., 007, -0.0, 1E5]", NULL); /* a plus sign is no literal in either language's output */
    expect_literal("[.5, 5., -0.0, 1E5]", "[0.5, 5.0, -0.0, 1E5]");
    expect_literal("[inf]", NULL);
    expect_literal("[1e999]", NULL);
    expect_literal("[\"a\tb\"]", "[\"a\\tb\"]");
}

static void nesting_is_bounded(void **state)
{
    struct buf text = { 0 }, out = { 0 };
    (void)state;
    for (int deep = TOOLCALL_LITERAL_DEPTH; deep <= TOOLCALL_LITERAL_DEPTH + 1; deep++) {
        buf_reset(&text);
        for (int i = 0; i < deep; i++)
            buf_char(&text, '[');
        for (int i = 0; i < deep; i++)
            buf_char(&text, ']');
        assert_int_equal(toolcall_literal(&out, buf_view(&text)), deep <= TOOLCALL_LITERAL_DEPTH);
    }
    buf_deinit(&text);
    buf_deinit(&out);
}

/* Whatever is read is written as JSON. */
static void what_is_read_is_json(void **state)
{
    static const char *const pieces[] = { "[",      "]",    "{",    "}", "(",  ")",  ",", ":",  "'a'",   "\"b\"", "1",
                                          "-2.5e3", "None", "true", " ", "\\", "\"", "'", "\n", "\\x41", "é",     "0" };
    struct rng r;
    int read = 0;
    (void)state;
    rng_init(&r, 4);
    for (int round = 0; round < 200000; round++) {
        struct buf text = { 0 }, out = { 0 };
        buf_char(&text, "[{("[rng_below(&r, 3)]);
        for (uint32_t n = rng_below(&r, 8); n; n--)
            buf_z(&text, pieces[rng_below(&r, ARRAY_LEN(pieces))]);
        if (toolcall_literal(&out, buf_view(&text))) {
            struct json *j;
            read++;
            if (json_parse(&j, buf_view(&out), "literal", NULL, NULL))
                fail_msg("%s became %s", text.p, out.p);
            json_free(j);
        }
        buf_deinit(&text);
        buf_deinit(&out);
    }
    assert_true(read > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_becomes_what_its_schema_says),
        cmocka_unit_test(references_that_branch_without_end_stop),
        cmocka_unit_test(a_string_streams_and_a_number_waits),
        cmocka_unit_test(literals_are_read),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(what_is_read_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
