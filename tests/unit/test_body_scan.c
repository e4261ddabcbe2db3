/* test_body_scan.c - a body's cost is known before it is parsed.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "api/body_scan.h"
#include "base/buf.h"

static int scan(struct str text, struct body_scan *out, struct err *e)
{
    *e = ERR_INIT;
    return body_scan(out, text, BODY_VALUES_MAX, e);
}

static void assert_values(const char *text, size_t values, int depth)
{
    struct body_scan s;
    struct err e;
    assert_int_equal(scan(str_from(text), &s, &e), 0);
    assert_int_equal(s.values, values);
    assert_int_equal(s.depth, depth);
}

static void values_and_keys_are_counted_and_text_in_strings_is_not(void **state)
{
    (void)state;
    assert_values("", 0, 0);
    assert_values(" 12 ", 1, 0);
    assert_values("{}", 1, 1);
    assert_values("{\"a\": [1, -2.5e3, true, null, \"x\"]}", 8, 2);
    assert_values("\"[[{,\\\"[\\\\\"", 1, 0);
    assert_values("[[[]],[]]", 4, 3);
    assert_values("[\"unfinished", 2, 1);
    assert_values("[\"unfinished\\", 2, 1);
    assert_values("1\"a\"2[3", 5, 1);
}

static void a_body_of_a_million_empty_objects_is_refused_and_one_less_is_not(void **state)
{
    struct buf text = { 0 };
    struct body_scan s;
    struct err e;
    (void)state;
    buf_char(&text, '[');
    for (int i = 0; i < BODY_VALUES_MAX - 1; i++)
        buf_z(&text, "{},");
    assert_int_equal(scan(buf_view(&text), &s, &e), 0);
    buf_z(&text, "{}");
    assert_int_equal(scan(buf_view(&text), &s, &e), ERR_LIMIT);
    assert_non_null(strstr(e.msg, "1000000"));
    buf_deinit(&text);
}

static void nesting_beyond_the_limit_is_refused(void **state)
{
    char text[BODY_DEPTH_MAX + 1];
    struct body_scan s;
    struct err e;
    (void)state;
    memset(text, '[', sizeof text);
    assert_int_equal(scan((struct str){ text, BODY_DEPTH_MAX }, &s, &e), 0);
    assert_int_equal(s.depth, BODY_DEPTH_MAX);
    assert_int_equal(scan((struct str){ text, BODY_DEPTH_MAX + 1 }, &s, &e), ERR_LIMIT);
    memset(text, '}', sizeof text);
    assert_int_equal(scan((struct str){ text, sizeof text }, &s, &e), 0);
}

static void more_than_32_mebibytes_are_refused(void **state)
{
    struct buf text = { 0 };
    struct body_scan s;
    struct err e;
    (void)state;
    buf_char(&text, '"');
    while (text.n < BODY_BYTES_MAX - 1)
        buf_char(&text, 'x');
    buf_char(&text, '"');
    assert_int_equal(scan(buf_view(&text), &s, &e), 0);
    assert_int_equal(s.values, 1);
    buf_char(&text, ' ');
    assert_int_equal(scan(buf_view(&text), &s, &e), ERR_LIMIT);
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_keys_are_counted_and_text_in_strings_is_not),
        cmocka_unit_test(a_body_of_a_million_empty_objects_is_refused_and_one_less_is_not),
        cmocka_unit_test(nesting_beyond_the_limit_is_refused),
        cmocka_unit_test(more_than_32_mebibytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
