/* test_pages.c - reference counts of pages within a budget.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "engine/pages.h"

static struct pages *make(const size_t *page_bytes, int n_pool, size_t budget)
{
    struct pages *p;
    struct err e = ERR_INIT;
    assert_int_equal(pages_new(&p, page_bytes, n_pool, budget, &e), 0);
    return p;
}

static void lowest_numbers_come_first(void **state)
{
    (void)state;
    struct pages *p = make((size_t[]){ 10 }, 1, 50000);
    assert_int_equal(pages_capacity(p, 0), 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(pages_take(p, 0), i);
    assert_int_equal(pages_take(p, 0), -1);
    const int freed[] = { 4999, 64, 4096, 0, 63, 130 }, taken[] = { 0, 63, 64, 130, 4096, 4999, -1 };
    for (size_t i = 0; i < ARRAY_LEN(freed); i++)
        assert_true(pages_unref(p, 0, freed[i]));
    pages_check(p);
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        assert_int_equal(pages_take(p, 0), taken[i]);
    pages_check(p);
    pages_free(p);
}

static void pools_share_one_budget(void **state)
{
    (void)state;
    struct pages *p = make((size_t[]){ 100, 7, 1001 }, 3, 1000);
    assert_int_equal(pages_capacity(p, 0), 10);
    assert_int_equal(pages_capacity(p, 1), 142);
    assert_int_equal(pages_capacity(p, 2), 0);
    assert_int_equal(pages_take(p, 2), -1);
    for (int i = 0; i < 9; i++)
        assert_int_equal(pages_take(p, 0), i);
    for (int i = 0; i < 14; i++)
        assert_int_equal(pages_take(p, 1), i);
    assert_int_equal(pages_used_bytes(p), 998);
    assert_int_equal(pages_free_bytes(p), 2);
    assert_int_equal(pages_take(p, 0), -1);
    assert_int_equal(pages_take(p, 1), -1);
    assert_true(pages_unref(p, 1, 3));
    assert_int_equal(pages_take(p, 0), -1);
    assert_int_equal(pages_take(p, 1), 3);
    pages_check(p);
    pages_free(p);
}

static void a_page_is_free_when_its_last_reference_is_back(void **state)
{
    (void)state;
    struct pages *p = make((size_t[]){ 1 }, 1, 2);
    int32_t a = pages_take(p, 0);
    pages_ref(p, 0, a);
    pages_ref(p, 0, a);
    assert_int_equal(pages_refs(p, 0, a), 3);
    assert_false(pages_unref(p, 0, a));
    assert_false(pages_unref(p, 0, a));
    assert_int_equal(pages_used_bytes(p), 1);
    assert_true(pages_unref(p, 0, a));
    assert_int_equal(pages_refs(p, 0, a), 0);
    assert_int_equal(pages_used_bytes(p), 0);
    pages_free(p);
}

static void taking_fails_when_told_to(void **state)
{
    (void)state;
    struct pages *p = make((size_t[]){ 1 }, 1, 100);
    pages_fail_after(p, 3);
    assert_int_equal(pages_take(p, 0), 0);
    assert_int_equal(pages_take(p, 0), 1);
    assert_int_equal(pages_take(p, 0), -1);
    assert_int_equal(pages_take(p, 0), -1);
    pages_fail_after(p, 0);
    assert_int_equal(pages_take(p, 0), 2);
    pages_free(p);
}

static void every_allocation_that_fails_is_reported(void **state)
{
    (void)state;
    for (long nth = 1;; nth++) {
        struct pages *p;
        struct err e = ERR_INIT;
        mem_fail_after(nth);
        int rc = pages_new(&p, (size_t[]){ 8, 64 }, 2, 100000, &e);
        mem_fail_after(0);
        if (!rc) {
            assert_true(nth > 4);
            pages_free(p);
            return;
        }
        assert_int_equal(rc, ERR_NOMEM);
        assert_null(p);
    }
}

static void random_takes_agree_with_a_plain_array(void **state)
{
    (void)state;
    enum { N = 300 };
    struct rng rng;
    rng_init(&rng, 3);
    struct pages *p = make((size_t[]){ 2 }, 1, 2 * N + 1);
    int refs[N] = { 0 };
    for (int round = 0; round < 20000; round++) {
        uint32_t at = rng_below(&rng, N), what = rng_below(&rng, 8 + (uint32_t)(round / 4000 % 2) * 8);
        if (what < 6) {
            int lowest = 0;
            while (lowest < N && refs[lowest])
                lowest++;
            assert_int_equal(pages_take(p, 0), lowest < N ? lowest : -1);
            if (lowest < N)
                refs[lowest] = 1;
        } else if (refs[at] && what == 6) {
            pages_ref(p, 0, (int32_t)at);
            refs[at]++;
        } else if (refs[at]) {
            assert_int_equal(pages_unref(p, 0, (int32_t)at), --refs[at] == 0);
        }
        if (round % 500 == 0)
            pages_check(p);
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(pages_refs(p, 0, i), refs[i]);
    pages_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lowest_numbers_come_first),
        cmocka_unit_test(pools_share_one_budget),
        cmocka_unit_test(a_page_is_free_when_its_last_reference_is_back),
        cmocka_unit_test(taking_fails_when_told_to),
        cmocka_unit_test(every_allocation_that_fails_is_reported),
        cmocka_unit_test(random_takes_agree_with_a_plain_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
