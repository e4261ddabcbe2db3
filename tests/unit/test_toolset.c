/* test_toolset.c - the tools that a request declares.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "text/toolcall/toolset.h"

static struct json *parsed(const char *text)
{
    struct json *j;
    assert_int_equal(json_parse(&j, str_from(text), "tools", NULL, NULL), 0);
    return j;
}

static void tools_are_found_by_their_whole_names(void **state)
{
    struct toolset s;
    (void)state;
    struct json *j = parsed("[{\"type\": \"function\", \"function\": {\"name\": \"read\", \"parameters\": {\"type\": "
                            "\"object\"}}}, {\"type\": \"function\", \"function\": {\"name\": \"read_file\"}}]");
    assert_int_equal(toolset_init(&s, j, NULL), 0);
    assert_int_equal(s.n, 2);
    assert_int_equal(toolset_find(&s, STR("read")), 0);
    assert_int_equal(toolset_find(&s, STR("read_file")), 1);
    assert_int_equal(toolset_find(&s, STR("read_")), -1);
    assert_int_equal(toolset_find(&s, STR("Read")), -1);
    assert_int_equal(toolset_find(&s, STR("")), -1);
    assert_non_null(s.v[0].parameters);
    assert_null(s.v[1].parameters);
    toolset_deinit(&s);
    json_free(j);
}

static void of_equal_names_the_first_counts(void **state)
{
    struct toolset s;
    (void)state;
    struct json *j = parsed("[{\"function\": {\"name\": \"a\", \"parameters\": {\"x\": 1}}}, {\"function\": {\"name\": "
                            "\"a\"}}, {\"function\": {\"name\": \"b\"}}]");
    assert_int_equal(toolset_init(&s, j, NULL), 0);
    assert_int_equal(s.n, 2);
    assert_non_null(s.v[0].parameters);
    assert_int_equal(toolset_find(&s, STR("b")), 1);
    toolset_deinit(&s);
    json_free(j);
}

static void no_tools_make_an_empty_set(void **state)
{
    struct toolset s;
    struct json *j = parsed("[]");
    (void)state;
    assert_int_equal(toolset_init(&s, NULL, NULL), 0);
    assert_int_equal(s.n, 0);
    assert_int_equal(toolset_init(&s, j, NULL), 0);
    assert_int_equal(s.n, 0);
    toolset_deinit(&s);
    json_free(j);
}

static void an_entry_without_a_name_is_named(void **state)
{
    static const char *const wrong[] = { "[{\"function\": {\"name\": \"a\"}}, {\"function\": {}}]", "[{}, 1]",
                                         "[{\"function\": {\"name\": \"\"}}]", "[{\"function\": {\"name\": 5}}]",
                                         "{\"name\": \"a\"}" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct toolset s;
        struct err e = ERR_INIT;
        struct json *j = parsed(wrong[i]);
        assert_int_equal(toolset_init(&s, j, &e), ERR_FORMAT);
        assert_true(str_find(str_from(e.msg), STR("expected a")) >= 0);
        assert_null(s.v);
        json_free(j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_are_found_by_their_whole_names),
        cmocka_unit_test(of_equal_names_the_first_counts),
        cmocka_unit_test(no_tools_make_an_empty_set),
        cmocka_unit_test(an_entry_without_a_name_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
