/* test_mem.c - allocation: sizes that overflow, alignment, the hook that makes it fail.
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
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

static void products_and_sums_overflow_visibly(void **state)
{
    (void)state;
    static const struct {
        size_t a, b;
        bool mul, add;
    } cases[] = {
        { 0, SIZE_MAX, true, true },
        { 1, SIZE_MAX, true, false },
        { SIZE_MAX, 1, true, false },
        { SIZE_MAX, 2, false, false },
        { SIZE_MAX / 2, 2, true, true },
        { SIZE_MAX / 2 + 1, 2, false, true },
        { (size_t)1 << 32, (size_t)1 << 32, false, true },
        { ((size_t)1 << 32) - 1, ((size_t)1 << 32) + 1, true, true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t a = cases[i].a, b = cases[i].b, out = 0;
        assert_int_equal(mem_mul(a, b, &out), cases[i].mul);
        assert_true(!cases[i].mul || out == a * b);
        assert_int_equal(mem_add(a, b, &out), cases[i].add);
        assert_true(!cases[i].add || out == a + b);
    }
}

static void sizes_that_cannot_be_give_null(void **state)
{
    (void)state;
    char *p = mem_try_realloc(NULL, 4, 1);
    assert_non_null(p);
    memcpy(p, "old", 4);
    assert_null(mem_try_realloc(p, SIZE_MAX / 2, 3));
    assert_string_equal(p, "old");
    mem_free(p);
    assert_null(mem_try_calloc(SIZE_MAX / 2, 3));
    assert_null(mem_try_aligned(SIZE_MAX - 5, 64));
}

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n += 13) {
        unsigned char *z = mem_try_calloc(n, 3);
        assert_non_null(z);
        for (size_t i = 0; i < 3 * n; i++)
            assert_int_equal(z[i], 0);
        mem_free(z);
        for (size_t align = 8; align <= 4096; align *= 2) {
            void *p = mem_try_aligned(n, align);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % align, 0);
            memset(p, 1, n);
            mem_free(p);
        }
    }
    mem_free(NULL);
}

static void copies_end_in_a_zero(void **state)
{
    (void)state;
    char *a = xstrdup("text"), *b = xstrndup("text", 2), *c = xstrndup(NULL, 0);
    assert_string_equal(a, "text");
    assert_string_equal(b, "te");
    assert_string_equal(c, "");
    mem_free(a);
    mem_free(b);
    mem_free(c);
}

static void hook_fails_the_nth_call_and_all_behind_it(void **state)
{
    (void)state;
    for (long nth = 1; nth < 8; nth++) {
        mem_fail_after(nth);
        for (long i = 1; i < 12; i++) {
            void *p = i % 3 == 0   ? mem_try_calloc(1, 1)
                      : i % 3 == 1 ? mem_try_realloc(NULL, 1, 1)
                                   : mem_try_aligned(1, 64);
            assert_int_equal(p != NULL, i < nth);
            mem_free(p);
        }
    }
    void *own = xmalloc(1); /* what the program chooses itself is not meant */
    assert_non_null(own);
    mem_free(own);
    mem_fail_after(0);
    void *p = mem_try_calloc(1, 1);
    assert_non_null(p);
    mem_free(p);
}

/* In a process of its own, whose message goes nowhere. */
static void what_the_program_itself_needs_aborts(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fclose(stderr);
        mem_free(xcalloc(SIZE_MAX / 2 + 1, 2)); /* the product is 0 */
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_not_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_and_sums_overflow_visibly),
        cmocka_unit_test(sizes_that_cannot_be_give_null),
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(copies_end_in_a_zero),
        cmocka_unit_test(hook_fails_the_nth_call_and_all_behind_it),
        cmocka_unit_test(what_the_program_itself_needs_aborts),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
