/* test_err.c - messages: the first failure wins, context goes in front, nothing overflows.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

#include "base/err.h"

static void first_failure_wins(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(err_set(&e, ERR_FORMAT, "%s: found %d", "file", 7), ERR_FORMAT);
    assert_int_equal(err_set(&e, ERR_IO, "later"), ERR_FORMAT);
    assert_int_equal(err_errno(&e, "later"), ERR_FORMAT);
    assert_int_equal(e.code, ERR_FORMAT);
    assert_string_equal(e.msg, "file: found 7");
    err_clear(&e);
    assert_int_equal(e.code, 0);
    assert_int_equal(err_set(&e, ERR_ARG, "now"), ERR_ARG);
    assert_string_equal(e.msg, "now");
}

static void without_a_place_for_it_the_code_comes_back(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_LIMIT, "%d", 1), ERR_LIMIT);
    assert_int_equal(err_errno(NULL, "file"), ERR_IO);
    assert_int_equal(err_wrap(NULL, "context"), 0);
}

static void errno_is_spelt_out(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    errno = ENOENT;
    assert_int_equal(err_errno(&e, "%s", "a/b"), ERR_IO);
    assert_string_equal(e.msg, "a/b: No such file or directory");
}

static void context_goes_in_front(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(err_wrap(&e, "shard %d", 3), 0);
    assert_string_equal(e.msg, "");
    (void)err_set(&e, ERR_IO, "cut short");
    assert_int_equal(err_wrap(&e, "shard %d", 3), ERR_IO);
    assert_int_equal(err_wrap(&e, "model"), ERR_IO);
    assert_string_equal(e.msg, "model: shard 3: cut short");
}

static void long_messages_end_in_dots(void **state)
{
    (void)state;
    static char text[2 * ERR_MSG_BYTES];
    memset(text, 'x', sizeof text - 1);
    struct err e = ERR_INIT;
    (void)err_set(&e, ERR_IO, "%s", text);
    assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
    assert_string_equal(e.msg + ERR_MSG_BYTES - 5, "x...");
    (void)err_wrap(&e, "%s", text);
    assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
    assert_string_equal(e.msg + ERR_MSG_BYTES - 5, "x...");

    /* Exactly as long as there is room. */
    text[ERR_MSG_BYTES - 1] = 0;
    err_clear(&e);
    (void)err_set(&e, ERR_IO, "%s", text);
    assert_string_equal(e.msg, text);
    text[ERR_MSG_BYTES - 1 - 3] = 0;
    err_clear(&e);
    (void)err_set(&e, ERR_IO, "%s", text);
    (void)err_wrap(&e, "a");
    assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
    assert_memory_equal(e.msg, "a: xx", 5);
    assert_int_equal(e.msg[ERR_MSG_BYTES - 2], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_failure_wins),        cmocka_unit_test(without_a_place_for_it_the_code_comes_back),
        cmocka_unit_test(errno_is_spelt_out),        cmocka_unit_test(context_goes_in_front),
        cmocka_unit_test(long_messages_end_in_dots),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
