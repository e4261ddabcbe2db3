/* test_schema.c - JSON Schema as grammars: a table of schemas with texts that they accept and reject, refusals, what is left out, limits.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "support/accepts.h"
#include "text/grammar/grammar.h"
#include "text/grammar/grammar_build.h"
#include "text/schema/schema.h"

/* Hostile schemas stop at their limits within 100 ms of work; the limit here leaves room for sanitizers. */
#define WORK_NS INT64_C(3000000000)

static struct json *parse(const char *text)
{
    struct json *v = NULL;
    struct err e = ERR_INIT;
    if (json_parse(&v, str_from(text), "schema", NULL, &e))
        fail_msg("%s", e.msg);
    return v;
}

static void check_texts(const struct grammar *g, const struct json *c, const char *key, bool wanted)
{
    const struct json *texts = json_get(c, key);
    for (size_t i = 0; i < json_len(texts); i++) {
        struct str text = json_str(json_at(texts, i)), about = json_str(json_get(c, "about"));
        if (accepts(g, text) != wanted)
            fail_msg("%.*s: %.*s should be %s", (int)about.n, about.p, (int)text.n, text.p,
                     wanted ? "accepted" : "rejected");
    }
}

/* Strictly the schema compiles, or is refused with a message that says where and what; relaxed it always compiles, and notes the same. */
static void check_case(const struct json *c)
{
    const struct json *schema = json_get(c, "schema");
    struct str refused = STR(""), about = json_str(json_get(c, "about"));
    struct err e = ERR_INIT;
    struct grammar *g = NULL;
    struct buf relaxed = { 0 };
    assert_int_equal(json_opt_str(c, "refused", &refused, &e), 0);
    int code = grammar_schema(&g, schema, true, NULL, &e);
    if ((code != 0) != (refused.n != 0))
        fail_msg("%.*s: %d %s", (int)about.n, about.p, code, e.msg);
    if (refused.n) {
        if (str_find(str_from(e.msg), refused) < 0)
            fail_msg("%.*s: the message is \"%s\"", (int)about.n, about.p, e.msg);
        err_clear(&e);
        if (grammar_schema(&g, schema, false, &relaxed, &e))
            fail_msg("%.*s: relaxed: %s", (int)about.n, about.p, e.msg);
        assert_true(str_find(buf_view(&relaxed), refused) == 0);
    }
    check_texts(g, c, "accepts", true);
    check_texts(g, c, "rejects", false);
    grammar_release(g);
    buf_deinit(&relaxed);
}

static void schemas_accept_what_is_valid_and_nothing_else(void **state)
{
    (void)state;
    struct json *cases = NULL;
    struct err e = ERR_INIT;
    if (json_read(&cases, "tests/data/schema_cases.json", NULL, &e))
        fail_msg("%s", e.msg);
    assert_true(json_len(cases) > 60);
    for (size_t i = 0; i < json_len(cases); i++)
        check_case(json_at(cases, i));
    json_free(cases);
}

static void a_schema_that_nothing_is_valid_under_is_refused(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "false",
        "{\"type\": \"string\", \"enum\": [1]}",
        "{\"minimum\": 3, \"maximum\": 2, \"type\": \"number\"}",
        "{\"type\": \"object\", \"properties\": {\"a\": {\"$ref\": \"#\"}}, \"required\": [\"a\"]}",
        "{\"type\": \"string\", \"pattern\": \"^a$\", \"minLength\": 2}",
    };
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        struct json *v = parse(schemas[i]);
        struct grammar *g = NULL;
        struct err e = ERR_INIT;
        assert_int_equal(grammar_schema(&g, v, true, NULL, &e), ERR_FORMAT);
        assert_null(g);
        json_free(v);
    }
}

/* --- hostile schemas ---------------------------------------------------------------------------------------------------------- */

/* 2^24 ways through definitions that each name the next twice, with `keyword` between them. */
static void exponential(struct buf *out, const char *keyword)
{
    buf_z(out, "{\"$ref\": \"#/$defs/d0\", \"$defs\": {");
    for (int i = 0; i < 24; i++)
        buf_printf(out,
                   "\"d%d\": {\"%s\": [{\"properties\": {\"a%d\": {\"$ref\": \"#/$defs/d%d\"}}}, "
                   "{\"properties\": {\"b%d\": {\"$ref\": \"#/$defs/d%d\"}}}]},",
                   i, keyword, i, i + 1, i, i + 1);
    buf_z(out, "\"d24\": {\"type\": \"integer\"}}}");
}

static void nested_all(struct buf *out)
{
    for (int i = 0; i < 60; i++)
        buf_z(out, "{\"allOf\": [{\"minLength\": 1}, ");
    buf_z(out, "{\"maxLength\": 5}");
    for (int i = 0; i < 60; i++)
        buf_z(out, "]}");
}

/* An intersection of unions: 8^12 alternatives. */
static void product(struct buf *out)
{
    buf_z(out, "{\"allOf\": [");
    for (int i = 0; i < 12; i++) {
        buf_printf(out, "%s{\"anyOf\": [", i ? "," : "");
        for (int k = 0; k < 8; k++)
            buf_printf(out, "%s{\"required\": [\"p%d_%d\"]}", k ? "," : "", i, k);
        buf_z(out, "]}");
    }
    buf_z(out, "]}");
}

static void many_constants(struct buf *out)
{
    buf_z(out, "{\"enum\": [");
    for (int i = 0; i < 10000; i++)
        buf_printf(out, "%s\"value number %d\"", i ? "," : "", i * 7919);
    buf_z(out, "]}");
}

static void many_branches(struct buf *out)
{
    buf_z(out, "{\"oneOf\": [");
    for (int i = 0; i < 400; i++)
        buf_printf(out, "%s{\"properties\": {\"a%d\": {\"minimum\": %d}}}", i ? "," : "", i % 7, i);
    buf_z(out, "]}");
}

static void pattern(struct buf *out, const char *text)
{
    buf_z(out, "{\"type\": \"string\", \"pattern\": ");
    json_write_str(out, str_from(text));
    buf_char(out, '}');
}

static void no_hostile_schema_takes_long(void **state)
{
    (void)state;
    struct buf schemas[16] = { 0 };
    size_t n = 0;
    exponential(&schemas[n++], "allOf");
    exponential(&schemas[n++], "anyOf");
    exponential(&schemas[n++], "oneOf");
    nested_all(&schemas[n++]);
    product(&schemas[n++]);
    many_constants(&schemas[n++]);
    many_branches(&schemas[n++]);
    pattern(&schemas[n++], "(a|aa|aaa)*b(a|b){200}c");
    pattern(&schemas[n++], "(.*a){60}");
    pattern(&schemas[n++], "((((a{1,99}){1,99}){1,99}){1,99})");
    buf_z(&schemas[n++], "{\"$ref\": \"#\"}");
    buf_z(&schemas[n++], "{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"allOf\": [{\"$ref\": \"#/$defs/a\"}]}}}");
    buf_z(&schemas[n++],
          "{\"type\": \"array\", \"minItems\": 100000, \"contains\": {\"const\": 1}, \"maxContains\": 9999}");
    buf_z(&schemas[n++], "{\"minimum\": 1e308, \"multipleOf\": 1e-300}");
    for (size_t i = 0; i < n; i++) {
        struct json *v = parse(schemas[i].p);
        for (int strict = 0; strict <= 1; strict++) {
            struct grammar *g = NULL;
            struct err e = ERR_INIT;
            int64_t t = clock_thread_ns();
            int code = grammar_schema(&g, v, strict, NULL, &e);
            t = clock_thread_ns() - t;
            if (t > WORK_NS)
                fail_msg("schema %zu took %.0f ms", i, (double)t * 1e-6);
            if (code && code != ERR_LIMIT && code != ERR_UNSUPPORTED && code != ERR_FORMAT)
                fail_msg("schema %zu: %d %s", i, code, e.msg);
            grammar_release(g);
        }
        json_free(v);
        buf_deinit(&schemas[i]);
    }
}

static void ten_thousand_constants_are_told_apart(void **state)
{
    (void)state;
    struct buf text = { 0 };
    many_constants(&text);
    struct json *v = parse(text.p);
    struct grammar *g = NULL;
    struct err e = ERR_INIT;
    if (grammar_schema(&g, v, true, NULL, &e))
        assert_int_equal(e.code, ERR_LIMIT);
    else {
        assert_true(accepts(g, STR("\"value number 7919\"")));
        assert_false(accepts(g, STR("\"value number 7918\"")));
    }
    grammar_release(g);
    json_free(v);
    buf_deinit(&text);
}

/* --- parts of a document: what tools are made of -------------------------------------------------------------------------------- */

static const char *const tool =
    "{\"type\": \"object\", \"properties\": {"
    "\"path\": {\"type\": \"string\"},"
    "\"mode\": {\"type\": \"string\", \"enum\": [\"r\", \"w+\"]},"
    "\"limit\": {\"anyOf\": [{\"type\": \"integer\"}, {\"type\": \"null\"}, {\"type\": \"string\"}]},"
    "\"id\": {\"$ref\": \"#/$defs/id\"}}, \"$defs\": {\"id\": {\"pattern\": \"^w_[0-9]+$\"}}}";

static void a_parameter_has_types_and_a_text_of_its_own(void **state)
{
    (void)state;
    struct json *v = parse(tool);
    const struct json *props = json_get(v, "properties");
    struct grammar_build *b = grammar_build_new(NULL);
    struct schema *s = NULL;
    struct err e = ERR_INIT;
    unsigned types;
    int node;
    assert_int_equal(schema_open(&s, b, v, &(struct schema_opts){ .strict = true }, &e), 0);
    assert_int_equal(schema_types(s, json_get(props, "path"), &types, &e), 0);
    assert_int_equal(types, SCHEMA_STRING);
    assert_int_equal(schema_types(s, json_get(props, "limit"), &types, &e), 0);
    assert_int_equal(types, SCHEMA_NUMBER | SCHEMA_NULL | SCHEMA_STRING);
    assert_int_equal(schema_types(s, json_get(props, "id"), &types, &e), 0);
    assert_int_equal(types, SCHEMA_ANY);
    assert_int_equal(schema_raw_string(s, json_get(props, "path"), &node, &e), 0);
    assert_int_equal(node, -1);
    int raw, id, value;
    assert_int_equal(schema_raw_string(s, json_get(props, "mode"), &raw, &e), 0);
    assert_int_equal(schema_raw_string(s, json_get(props, "id"), &id, &e), 0);
    assert_int_equal(schema_value(s, json_get(props, "limit"), SCHEMA_NUMBER | SCHEMA_NULL, &value, &e), 0);
    const int parts[] = { raw, grammar_build_literal(b, STR("|")), id, grammar_build_literal(b, STR("|")), value };
    struct grammar *g = NULL;
    int root = grammar_build_seq(b, parts, 5);
    schema_free(s);
    assert_int_equal(grammar_build_finish(b, root, &g, &e), 0);
    assert_true(accepts(g, STR("w+|w_12|null")));
    assert_true(accepts(g, STR("r|w_1|-5")));
    assert_false(accepts(g, STR("w|w_1|1")));
    assert_false(accepts(g, STR("r|w_|1")));
    assert_false(accepts(g, STR("r|w_1|\"x\"")));
    grammar_release(g);
    grammar_build_free(b);
    json_free(v);
}

static void a_parameter_that_fails_does_not_spoil_the_next(void **state)
{
    (void)state;
    struct json *v =
        parse("{\"properties\": {\"a\": {\"items\": {\"$ref\": \"#/$defs/d\"}, \"not\": 1, \"uniqueItems\": true}, "
              "\"b\": {\"items\": {\"$ref\": \"#/$defs/d\"}, \"type\": \"array\"}}, "
              "\"$defs\": {\"d\": {\"type\": \"array\", \"items\": {\"type\": \"integer\"}}}}");
    const struct json *props = json_get(v, "properties");
    struct grammar_build *b = grammar_build_new(NULL);
    struct schema *s = NULL;
    struct err e = ERR_INIT;
    int node;
    assert_int_equal(schema_open(&s, b, v, &(struct schema_opts){ .strict = true }, &e), 0);
    assert_int_equal(schema_value(s, json_get(props, "a"), SCHEMA_ANY, &node, &e), ERR_UNSUPPORTED);
    err_clear(&e);
    assert_int_equal(schema_value(s, json_get(props, "b"), SCHEMA_ANY, &node, &e), 0);
    schema_free(s);
    struct grammar *g = NULL;
    assert_int_equal(grammar_build_finish(b, node, &g, &e), 0);
    assert_true(accepts(g, STR("[[1], [2, 3]]")));
    assert_false(accepts(g, STR("[1]")));
    grammar_release(g);
    grammar_build_free(b);
    json_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_accept_what_is_valid_and_nothing_else),
        cmocka_unit_test(a_schema_that_nothing_is_valid_under_is_refused),
        cmocka_unit_test(no_hostile_schema_takes_long),
        cmocka_unit_test(ten_thousand_constants_are_told_apart),
        cmocka_unit_test(a_parameter_has_types_and_a_text_of_its_own),
        cmocka_unit_test(a_parameter_that_fails_does_not_spoil_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
