/* test_buf.c - growable bytes: content, limits, memory that is out.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static void grows_and_stays_a_c_string(void **state)
{
    (void)state;
    struct buf b = { 0 };
    assert_int_equal(buf_view(&b).n, 0);
    buf_add(&b, NULL, 0);
    for (int i = 0; i < 1000; i++) {
        buf_z(&b, "ab");
        buf_char(&b, 'c');
        buf_str(&b, STR("de"));
        buf_printf(&b, "%03d", i);
        assert_int_equal(b.n, 8 * (size_t)(i + 1));
        assert_int_equal(strlen(b.p), b.n);
    }
    assert_memory_equal(b.p + 8 * 537, "abcde537", 8);
    buf_truncate(&b, 5);
    assert_string_equal(b.p, "abcde");
    buf_truncate(&b, 100);
    assert_int_equal(b.n, 5);
    buf_drop(&b, 2);
    assert_string_equal(b.p, "cde");
    buf_drop(&b, 100);
    assert_string_equal(b.p, "");
    buf_deinit(&b);
}

static void bytes_may_be_zero(void **state)
{
    (void)state;
    struct buf b = { 0 };
    buf_add(&b, "a\0b", 3);
    assert_int_equal(b.n, 3);
    assert_memory_equal(b.p, "a\0b", 4);
    buf_deinit(&b);
}

static void room_is_counted_when_it_was_written(void **state)
{
    (void)state;
    struct buf b = { 0 };
    buf_z(&b, "x");
    char *room = buf_room(&b, 100);
    assert_non_null(room);
    assert_int_equal(b.n, 1);
    memset(room, 'y', 100);
    buf_commit(&b, 3);
    assert_string_equal(b.p, "xyyy");
    buf_deinit(&b);
}

static void taken_content_is_the_callers(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(10);
    char *empty = buf_take(&b);
    assert_string_equal(empty, "");
    buf_z(&b, "text");
    char *text = buf_take(&b);
    assert_string_equal(text, "text");
    assert_int_equal(b.n, 0);
    assert_int_equal(b.limit, 10);
    mem_free(empty);
    mem_free(text);
}

static void limit_keeps_what_was_there(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct buf b = BUF_INIT(4);
    buf_z(&b, "1234");
    assert_int_equal(buf_check(&b, "b", &e), 0);
    buf_char(&b, '5');
    buf_reset(&b);
    buf_printf(&b, "%s", "12345");
    assert_true(b.failed);
    buf_z(&b, "1");
    assert_int_equal(b.n, 0);
    assert_int_equal(buf_check(&b, "the text", &e), ERR_LIMIT);
    assert_string_equal(e.msg, "the text: more than the limit of 4 bytes, or out of memory");
    buf_reset(&b);
    assert_false(b.failed);
    buf_z(&b, "1");
    assert_string_equal(b.p, "1");
    assert_null(buf_room(&b, SIZE_MAX));
    buf_deinit(&b);
}

static void memory_that_is_out_keeps_what_was_there(void **state)
{
    (void)state;
    struct buf b = { 0 };
    buf_z(&b, "kept");
    mem_fail_after(1);
    for (int i = 0; i < 100; i++)
        buf_z(&b, "lost, once there is no room");
    mem_fail_after(0);
    assert_true(b.failed);
    assert_memory_equal(b.p, "kept", 4);
    assert_int_equal(strlen(b.p), b.n);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_a_c_string),
        cmocka_unit_test(bytes_may_be_zero),
        cmocka_unit_test(room_is_counted_when_it_was_written),
        cmocka_unit_test(taken_content_is_the_callers),
        cmocka_unit_test(limit_keeps_what_was_there),
        cmocka_unit_test(memory_that_is_out_keeps_what_was_there),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
