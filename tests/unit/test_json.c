/* test_json.c - the JSON reader: what it refuses, what it keeps, how it writes.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "format/json.h"
#include "format/repr.h"

static struct json *parse(const char *text)
{
    struct json *v;
    struct err e = ERR_INIT;
    if (json_parse(&v, str_from(text), "doc", NULL, &e))
        fail_msg("%s: %s", text, e.msg);
    return v;
}

static void refuses(struct str text, const char *message)
{
    struct json *v = (struct json *)1;
    struct err e = ERR_INIT;
    assert_true(json_parse(&v, text, "doc", NULL, &e) < 0);
    assert_null(v);
    if (!strstr(e.msg, message))
        fail_msg("%.*s: message \"%s\" does not hold \"%s\"", (int)text.n, text.p, e.msg, message);
}

static void writes(const char *text, const char *expected)
{
    struct json *v = parse(text);
    struct buf out = BUF_INIT(0);
    json_write(&out, v);
    assert_string_equal(out.p, expected);
    buf_deinit(&out);
    json_free(v);
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      " ",         "{",        "[1,",       "[1,]",    "{\"a\":1,}", "{\"a\" 1}",   "{a:1}",  "{'a':1}",
        "['a']", "NaN",       "Infinity", "-Infinity", "[NaN]",   "nul",        "tru",         "True",   "01",
        "-01",   "1.",        ".5",       "+1",        "-",       "1e",         "1e+",         "0x10",   "1 2",
        "[1] x", "// c\n1",   "/* c */1", "\"a",       "\"\\x\"", "\"\\u12\"",  "\"\\u12g4\"", "\"\t\"", "\"\n\"",
        "[1}",   "{\"a\":1]", "[\"\\",    "{\"a\":}",  "{1:2}",   "{null:1}",   "[,1]",        "{,}",    "]",
        "1e5.0", "--1",       "1_000",    "[1 2]",     "nullx",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        refuses(str_from(bad[i]), "doc: line 1, column ");
}

static void bytes_that_are_not_text_are_refused(void **state)
{
    (void)state;
    refuses(STR("\"\xff\""), "not UTF-8");
    refuses(STR("\"\xc0\xaf\""), "not UTF-8");
    refuses(STR("\"\xed\xa0\x80\""), "not UTF-8");
    refuses(STR("\"\xe2\x82\""), "not UTF-8");
    refuses(STR("\"a\0b\""), "control character");
    refuses(STR("1\0"), "goes on behind");
    refuses(STR("\0"), "expected a value");
    refuses(STR("{\"a\\u0000b\":1}"), "a key holds a NUL character");
    refuses(STR("\xef\xbb\xbf{}"), "expected a value");
}

static void control_characters_stand_as_they_are_where_the_limits_allow_it(void **state)
{
    static const struct json_limits raw = { .bytes = 1000, .depth = 4, .raw = true };
    struct json *v = NULL;
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(json_parse(&v, STR("{\"a\tb\": \"x\ny\x01\x1f\\n\"}"), "doc", &raw, &e), 0);
    assert_true(str_eq(json_str(json_get(v, "a\tb")), STR("x\ny\x01\x1f\n")));
    json_free(v);
    assert_int_equal(json_parse(&v, STR("\"a\0b\""), "doc", &raw, &e), ERR_FORMAT);
    assert_int_equal(json_parse(&v, STR("{\"a\": \x01}"), "doc", &raw, &e), ERR_FORMAT);
}

static void a_refusal_names_line_and_column(void **state)
{
    (void)state;
    refuses(STR("{\n  \"a\": 1,\n  \"\xc3\xa9\": x\n}"), "doc: line 3, column 8: expected a value");
    refuses(STR("[1 2]"), "doc: line 1, column 4: expected ',' or ']'");
}

static void depth_is_limited(void **state)
{
    (void)state;
    char text[600];
    for (int depth = 1; depth <= 300; depth++) {
        struct json *v;
        struct err e = ERR_INIT;
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        int rc = json_parse(&v, (struct str){ text, 2 * (size_t)depth }, "doc", NULL, &e);
        assert_int_equal(rc, depth <= 128 ? 0 : ERR_LIMIT);
        json_free(v);
    }
    const struct json_limits deep = { .bytes = 1 << 20, .depth = 1001 };
    struct json *v;
    assert_int_equal(json_parse(&v, STR("1"), "doc", &deep, NULL), ERR_ARG);
    /* A million brackets end at the limit, not at the end of the stack. */
    size_t n = 1000000;
    char *brackets = xmalloc(n);
    memset(brackets, '[', n);
    refuses((struct str){ brackets, n }, "nested more than 128 deep");
    mem_free(brackets);
}

static void size_is_limited(void **state)
{
    (void)state;
    const struct json_limits small = { .bytes = 4, .depth = 8 };
    struct json *v;
    struct err e = ERR_INIT;
    assert_int_equal(json_parse(&v, STR("[1,2]"), "doc", &small, &e), ERR_LIMIT);
    assert_non_null(strstr(e.msg, "5 bytes"));
    assert_int_equal(json_parse(&v, STR("[12]"), "doc", &small, NULL), 0);
    json_free(v);
}

static void repeated_keys_are_refused_on_demand(void **state)
{
    (void)state;
    const struct json_limits unique = { .bytes = 1000, .depth = 8, .unique = true };
    static const char *const bad[] = { "{\"a\":1,\"a\":1}",
                                       "{\"a\":1,\"\\u0061\":2}",
                                       "[{\"x\":{\"b\":0,\"b\":0}}]",
                                       "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}",
                                       "{\"\":1,\"\":2}",
                                       "{\"\\n\":1,\"\\u000a\":1}" };
    static const char *const good[] = { "{\"a\":{\"a\":1},\"b\":{\"a\":1}}", "[{\"a\":1},{\"a\":1}]",
                                        "{\"a\":1,\"A\":1}" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct json *v;
        struct err e = ERR_INIT;
        assert_int_equal(json_parse(&v, str_from(bad[i]), "doc", &unique, &e), ERR_FORMAT);
        assert_non_null(strstr(e.msg, "occurs twice"));
        json_free(parse(bad[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct json *v;
        assert_int_equal(json_parse(&v, str_from(good[i]), "doc", &unique, NULL), 0);
        json_free(v);
    }
}

static void the_last_of_equal_keys_counts(void **state)
{
    (void)state;
    writes("{\"a\": 1, \"b\": 2, \"a\": 3}", "{\"a\": 3, \"b\": 2}");
}

static void scalars_may_stand_alone(void **state)
{
    (void)state;
    writes(" 12 ", "12");
    writes("12", "12");
    writes("\"x\"", "\"x\"");
    writes("null", "null");
    writes("true\n", "true");
}

/* Expected texts are those of Python 3.11's json.dumps(json.loads(text)). */
static void numbers_are_written_as_python_writes_them(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "0", "0" },
        { "-0", "0" },
        { "-0.0", "-0.0" },
        { "0e5", "0.0" },
        { "1.50", "1.5" },
        { "1e5", "100000.0" },
        { "1E-5", "1e-05" },
        { "0.0001", "0.0001" },
        { "0.00012", "0.00012" },
        { "0.000012", "1.2e-05" },
        { "1e15", "1000000000000000.0" },
        { "9999999999999998.0", "9999999999999998.0" },
        { "1e16", "1e+16" },
        { "123456789012345678.0", "1.2345678901234568e+17" },
        { "1e22", "1e+22" },
        { "1e-320", "1e-320" },
        { "5e-324", "5e-324" },
        { "2.2250738585072014e-308", "2.2250738585072014e-308" },
        { "1.7976931348623157e308", "1.7976931348623157e+308" },
        { "1e999", "Infinity" },
        { "-1e999", "-Infinity" },
        { "1e-999", "0.0" },
        { "0.1", "0.1" },
        { "0.30000000000000004", "0.30000000000000004" },
        { "5.6843418860808015e-14", "5.684341886080802e-14" },
        { "9.5367431640625e-07", "9.5367431640625e-07" },
        { "100", "100" },
        { "9223372036854775807", "9223372036854775807" },
        { "-9223372036854775808", "-9223372036854775808" },
        { "9223372036854775808", "9223372036854775808" },
        { "18446744073709551615", "18446744073709551615" },
        { "18446744073709551616", "18446744073709551616" },
        { "-9223372036854775809", "-9223372036854775809" },
        { "123456789012345678901234567890123456789", "123456789012345678901234567890123456789" },
        { "-123456789012345678901234567890123456789", "-123456789012345678901234567890123456789" },
        { "[12345678901234567890123, 7, -12345678901234567890123, \"x\"]",
          "[12345678901234567890123, 7, -12345678901234567890123, \"x\"]" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        writes(rows[i][0], rows[i][1]);
}

static void big_integers_keep_type_and_digits(void **state)
{
    (void)state;
    struct json *v = parse("{\"a\": 100000000000000000000, \"b\": 1e20, \"a2\": 18446744073709551615}");
    struct buf scratch = BUF_INIT(0);
    int64_t i;
    assert_int_equal(json_type(json_get(v, "a")), JSON_INT);
    assert_int_equal(json_type(json_get(v, "b")), JSON_DOUBLE);
    assert_true(str_eqz(json_number_text(json_get(v, "a"), &scratch), "100000000000000000000"));
    assert_true(str_eqz(json_number_text(json_get(v, "b"), &scratch), "1e+20"));
    assert_false(json_i64(json_get(v, "a"), &i));
    assert_false(json_i64(json_get(v, "a2"), &i));
    assert_true(json_double(json_get(v, "a")) == 1e20);
    buf_deinit(&scratch);
    json_free(v);
}

/* The shortest decimal reads back, and no shorter one does. */
static void doubles_have_the_shortest_spelling(void **state)
{
    (void)state;
    struct rng rng;
    struct buf text = BUF_INIT(0);
    rng_init(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t u = rng_next(&rng);
        if (i % 2)
            u &= 0x7ff0000000000000u; /* powers of two */
        double x, y;
        char shorter[40];
        memcpy(&x, &u, sizeof x);
        if (!(x == x) || x > DBL_MAX || x < -DBL_MAX || x == 0)
            continue;
        buf_reset(&text);
        repr_double(&text, x);
        assert_true(str_to_double(buf_view(&text), &y));
        assert_memory_equal(&x, &y, sizeof x);
        int digits = 0;
        for (const char *p = text.p; *p && *p != 'e'; p++)
            digits += *p >= '0' && *p <= '9';
        if (digits > 1 && digits <= 17 && strchr(text.p, 'e')) {
            snprintf(shorter, sizeof shorter, "%.*e", digits - 2, x);
            assert_true(strtod(shorter, NULL) != x);
        }
    }
    buf_deinit(&text);
}

/* As Python 3.11's json.dumps(json.loads(text), ensure_ascii=False), but for lone surrogates. */
static void strings_are_written_as_python_writes_them(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "\"\\u00e9\\/\"", "\"\xc3\xa9/\"" },
        { "\"\\b\\f\\n\\r\\t\\\\\\\"\"", "\"\\b\\f\\n\\r\\t\\\\\\\"\"" },
        { "\"\\u0001\\u001f\\u007f\\u0000x\"", "\"\\u0001\\u001f\x7f\\u0000x\"" },
        { "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"" },
        /* Bits 10 to 15 of the character are those of a surrogate. */
        { "\"\\ud836\\udc00\\udaf7\\udd46\"", "\"\xf0\x9d\xa0\x80\xf3\x8d\xb5\x86\"" },
        { "{\"\\ud836\\udc00\":[12345678901234567890123,\"\\ud83d\\ude00\"]}",
          "{\"\xf0\x9d\xa0\x80\": [12345678901234567890123, \"\xf0\x9f\x98\x80\"]}" },
        { "\"\\ud83d\"", "\"\xef\xbf\xbd\"" },
        { "\"\\ude00x\\ud83d\\ud83d\\ude00\"", "\"\xef\xbf\xbdx\xef\xbf\xbd\xf0\x9f\x98\x80\"" },
        { "\"\xe2\x80\xa8\"", "\"\xe2\x80\xa8\"" },
        { "{\"z\":[],\"a\":{},\"\\n\":[[1,2],{\"b\":null}]}",
          "{\"z\": [], \"a\": {}, \"\\n\": [[1, 2], {\"b\": null}]}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        writes(rows[i][0], rows[i][1]);
}

static void wrong_utf8_is_written_as_replacement(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(0);
    json_write_str(&out, STR("a\xff\"b"));
    assert_string_equal(out.p, "\"a\xef\xbf\xbd\\\"b\"");
    buf_deinit(&out);
}

static void members_come_in_the_order_of_the_text(void **state)
{
    (void)state;
    struct json *v = parse("{\"zeta\": 1, \"alpha\": null, \"mid\": [true]}");
    struct json_iter it;
    assert_true(json_first(&it, v) && str_eqz(it.key, "zeta") && json_type(it.value) == JSON_INT);
    assert_true(json_next(&it) && str_eqz(it.key, "alpha") && !it.value);
    assert_true(json_next(&it) && str_eqz(it.key, "mid") && json_bool(json_at(it.value, 0)));
    assert_false(json_next(&it));
    assert_true(json_has(v, "alpha"));
    assert_null(json_get(v, "alpha"));
    assert_false(json_has(v, "beta"));
    assert_int_equal(json_len(v), 3);
    assert_false(json_first(&it, json_get(v, "mid")));
    assert_false(json_first(&it, NULL));
    assert_null(json_at(json_get(v, "mid"), 1));
    json_free(v);
}

static void strings_may_hold_nul(void **state)
{
    (void)state;
    struct json *v = parse("\"a\\u0000b\"");
    assert_int_equal(json_str(v).n, 3);
    assert_memory_equal(json_str(v).p, "a\0b", 3);
    json_free(v);
}

static void getters_say_where_and_what(void **state)
{
    (void)state;
    struct json *v =
        parse("{\"n\": \"many\", \"f\": 3.0, \"g\": 3.5, \"o\": {\"list\": [{\"k\": [1]}, 2]}, \"b\": 1, \"z\": null,"
              "\"big\": 99999999999999999999999, \"big2\": 1e300}");
    const struct json *o = json_get(v, "o"), *list;
    struct str s;
    int64_t i = 42;
    double d = 0;
    bool b;
    static struct err e;
#define SAYS(call, text)                                                                                               \
    do {                                                                                                               \
        err_clear(&e);                                                                                                 \
        assert_true((call) < 0);                                                                                       \
        assert_string_equal(e.msg, text);                                                                              \
    } while (0)
    SAYS(json_req_i64(v, "n", 1, 9, &i, &e), "doc: n: expected an integer from 1 to 9, found \"many\"");
    SAYS(json_req_i64(v, "g", 1, INT64_MAX, &i, &e), "doc: g: expected an integer of at least 1, found 3.5");
    SAYS(json_req_i64(v, "big", INT64_MIN, INT64_MAX, &i, &e),
         "doc: big: expected an integer, found 99999999999999999999999");
    SAYS(json_req_i64(v, "big2", 0, 5, &i, &e), "doc: big2: expected an integer from 0 to 5, found 1e+300");
    SAYS(json_req_i64(v, "none", 0, 5, &i, &e), "doc: none: expected an integer from 0 to 5, found nothing");
    SAYS(json_req_i64(v, "z", 0, 5, &i, &e), "doc: z: expected an integer from 0 to 5, found null");
    SAYS(json_opt_i64(v, "b", 5, 6, &i, &e), "doc: b: expected an integer from 5 to 6, found 1");
    SAYS(json_opt_bool(v, "b", &b, &e), "doc: b: expected true or false, found 1");
    SAYS(json_req_str(o, "list", &s, &e), "doc: o.list: expected a string, found an array of 2");
    SAYS(json_req_object(o, "list", &list, &e), "doc: o.list: expected an object, found an array of 2");
    SAYS(json_req_array(v, "o", &list, &e), "doc: o: expected an array, found an object of 1 members");
    SAYS(json_req_double(v, "g", 4, 5, &d, &e), "doc: g: expected a number from 4 to 5, found 3.5");
    assert_int_equal(json_req_array(o, "list", &list, NULL), 0);
    SAYS(json_req_str(json_at(list, 0), "k", &s, &e), "doc: o.list[0].k: expected a string, found an array of 1");
    SAYS(json_expected_at(list, 1, "an object", &e), "doc: o.list[1]: expected an object, found 2");
    SAYS(json_expected(list, NULL, "a string", &e), "doc: o.list: expected a string, found an array of 2");
    SAYS(json_unsupported(v, "n", "few", &e), "doc: n: expected few, found \"many\"");
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_int_equal(i, 42);
    assert_int_equal(json_req_i64(v, "f", 0, 5, &i, NULL), 0);
    assert_int_equal(i, 3);
    assert_int_equal(json_opt_i64(v, "none", 0, 5, &i, NULL) + json_opt_i64(v, "z", 0, 5, &i, NULL), 0);
    assert_int_equal(i, 3);
    json_free(v);
}

static void keys_in_messages_cannot_upset_a_terminal(void **state)
{
    (void)state;
    struct json *v = parse("{\"\\u001b[31m\": {\"a\": 1}}");
    struct json_iter it;
    struct err e = ERR_INIT;
    assert_true(json_first(&it, v));
    assert_true(json_expected(it.value, "a", "a string", &e) < 0);
    assert_string_equal(e.msg, "doc: \"\\u001b[31m\".a: expected a string, found 1");
    json_free(v);
}

static void getters_of_what_is_no_object_fail_softly(void **state)
{
    (void)state;
    struct json *v = parse("[1, \"x\"]");
    int64_t i;
    assert_int_equal(json_req_i64(v, "a", 0, 1, &i, NULL), ERR_FORMAT);
    assert_int_equal(json_req_i64(json_at(v, 1), "a", 0, 1, &i, NULL), ERR_FORMAT);
    assert_int_equal(json_req_i64(NULL, "a", 0, 1, &i, NULL), ERR_FORMAT);
    assert_int_equal(json_str(v).n, 0);
    assert_int_equal(json_len(json_at(v, 0)), 0);
    assert_false(json_bool(v));
    assert_true(json_double(json_at(v, 1)) == 0);
    json_free(v);
}

static void running_out_of_memory_is_an_error(void **state)
{
    (void)state;
    const char *text = "{\"a\": [{\"b\": {}}, [[1]]], \"c\": {\"d\": 12345678901234567890123}}";
    int rc = -1;
    for (long nth = 1; rc; nth++) {
        struct json *v;
        struct err e = ERR_INIT;
        assert_in_range(nth, 1, 100);
        mem_fail_after(nth);
        rc = json_parse(&v, str_from(text), "doc", NULL, &e);
        mem_fail_after(0);
        assert_true(rc ? !v && e.code : v && !e.code);
        json_free(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(bytes_that_are_not_text_are_refused),
        cmocka_unit_test(control_characters_stand_as_they_are_where_the_limits_allow_it),
        cmocka_unit_test(a_refusal_names_line_and_column),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(size_is_limited),
        cmocka_unit_test(repeated_keys_are_refused_on_demand),
        cmocka_unit_test(the_last_of_equal_keys_counts),
        cmocka_unit_test(scalars_may_stand_alone),
        cmocka_unit_test(numbers_are_written_as_python_writes_them),
        cmocka_unit_test(big_integers_keep_type_and_digits),
        cmocka_unit_test(doubles_have_the_shortest_spelling),
        cmocka_unit_test(strings_are_written_as_python_writes_them),
        cmocka_unit_test(wrong_utf8_is_written_as_replacement),
        cmocka_unit_test(members_come_in_the_order_of_the_text),
        cmocka_unit_test(strings_may_hold_nul),
        cmocka_unit_test(getters_say_where_and_what),
        cmocka_unit_test(keys_in_messages_cannot_upset_a_terminal),
        cmocka_unit_test(getters_of_what_is_no_object_fail_softly),
        cmocka_unit_test(running_out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
