/* test_map.c - byte strings to numbers: many keys, awkward keys, memory that is out.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

enum { N = 20000 };

static void many_keys_are_found(void **state)
{
    (void)state;
    struct map m = { 0 };
    uint32_t v = 7;
    assert_false(map_get(&m, STR("x"), &v));
    for (uint32_t i = 0; i < N; i++) {
        char key[20];
        int n = snprintf(key, sizeof key, "%x", i);
        assert_int_equal(map_set(&m, (struct str){ key, (size_t)n }, i), 1);
    }
    assert_int_equal(m.n, N);
    assert_true(m.cap >= N / 3 * 4 && (m.cap & (m.cap - 1)) == 0);
    for (uint32_t i = 0; i < 2 * N; i++) {
        char key[20];
        int n = snprintf(key, sizeof key, "%x", i);
        assert_int_equal(map_get(&m, (struct str){ key, (size_t)n }, &v), i < N);
        if (i < N)
            assert_int_equal(v, i);
    }
    map_deinit(&m);
}

static void awkward_keys_differ(void **state)
{
    (void)state;
    static const struct str keys[] = { { "", 0 },    { "\0", 1 },   { "\0\0", 2 }, { "a", 1 },
                                       { "a\0", 2 }, { "a\0b", 3 }, { "\xff", 1 }, { "A", 1 } };
    struct map m = { 0 };
    for (uint32_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_int_equal(map_set(&m, keys[i], i), 1);
    for (uint32_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_int_equal(map_set(&m, keys[i], 100 + i), 0);
    for (uint32_t i = 0; i < ARRAY_LEN(keys); i++) {
        uint32_t v = 0;
        assert_true(map_get(&m, keys[i], &v));
        assert_int_equal(v, 100 + i);
    }
    assert_int_equal(m.n, ARRAY_LEN(keys));
    map_deinit(&m);
}

static void keys_are_copied_unless_told_otherwise(void **state)
{
    (void)state;
    for (int borrow = 0; borrow < 2; borrow++) {
        struct map m = { .borrow = borrow };
        char key[] = "one";
        uint32_t v;
        assert_int_equal(map_set(&m, str_from(key), 1), 1);
        strcpy(key, "two");
        assert_int_equal(map_get(&m, STR("one"), &v), !borrow);
        map_deinit(&m);
        assert_int_equal(m.borrow, borrow);
    }
}

static void reserved_room_is_not_moved(void **state)
{
    (void)state;
    struct map m = { 0 };
    assert_int_equal(map_reserve(&m, 100), 0);
    const struct map_slot *slots = m.slots;
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(map_set(&m, (struct str){ (const char *)&i, sizeof i }, i), 1);
    assert_ptr_equal(m.slots, slots);
    assert_int_equal(map_reserve(&m, SIZE_MAX / 2), -1);
    assert_int_equal(m.n, 100);
    map_deinit(&m);
}

static void memory_that_is_out_changes_nothing(void **state)
{
    (void)state;
    struct map m = { 0 };
    uint32_t n = 0, v;
    for (long nth = 1; nth < 40; nth++) {
        mem_fail_after(nth);
        while (map_set(&m, (struct str){ (const char *)&n, sizeof n }, n) == 1)
            n++;
        mem_fail_after(0);
        assert_int_equal(m.n, n);
        assert_false(map_get(&m, (struct str){ (const char *)&n, sizeof n }, &v));
        for (uint32_t i = 0; i < n; i++)
            assert_true(map_get(&m, (struct str){ (const char *)&i, sizeof i }, &v) && v == i);
    }
    assert_true(n > 100);
    map_deinit(&m);
}

static void an_empty_key_is_a_key_with_and_without_a_pointer(void **state)
{
    struct map m = { .borrow = true };
    uint32_t value = 0;
    (void)state;
    assert_false(map_get(&m, (struct str){ 0 }, &value));
    assert_int_equal(map_set(&m, (struct str){ 0 }, 7), 1);
    assert_int_equal(map_set(&m, STR(""), 8), 0);
    assert_true(map_get(&m, (struct str){ 0 }, &value));
    assert_int_equal(value, 8);
    assert_int_equal(m.n, 1);
    map_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_keys_are_found),
        cmocka_unit_test(awkward_keys_differ),
        cmocka_unit_test(keys_are_copied_unless_told_otherwise),
        cmocka_unit_test(reserved_room_is_not_moved),
        cmocka_unit_test(memory_that_is_out_changes_nothing),
        cmocka_unit_test(an_empty_key_is_a_key_with_and_without_a_pointer),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
