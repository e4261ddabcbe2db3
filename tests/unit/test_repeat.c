/* test_repeat.c - endless repetition is found at the right token, for every period, and never elsewhere.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <limits.h>
#include <string.h>

#include "base/base.h"
#include "base/rng.h"
#include "engine/repeat.h"

enum { N_MAX = 2000 };

/* The definition: the last max(times * period, min_tokens) tokens are one period over and over. */
static bool repeats(const struct repeat_opts *o, const int32_t *v, int n)
{
    for (int period = 1; period <= o->max_period; period++) {
        int all = MAX(o->times * period, o->min_tokens), same = period;
        while (same < all && same < n && v[n - 1 - same + period] == v[n - 1 - same])
            same++;
        if (all <= n && same == all)
            return true;
    }
    return false;
}

/* The length at which v [n] is found to repeat itself; 0: never. */
static int found_at(const struct repeat_opts *o, const int32_t *v, int n)
{
    struct err e = ERR_INIT;
    struct repeat r;
    int at = 0;
    assert_int_equal(repeat_check(o, &e), 0);
    repeat_init(&r, o);
    for (int i = 1; i <= n && !at; i++)
        at = repeat_push(&r, v, (size_t)i) ? i : 0;
    repeat_deinit(&r);
    return at;
}

/* `prefix` tokens that differ, then a period again and again. */
static void fill(int32_t *v, int prefix, int period)
{
    for (int i = 0; i < N_MAX; i++)
        v[i] = i < prefix ? 1000 + i : (i - prefix) % period;
}

static void every_period_is_found_when_it_has_come_often_enough(void **state)
{
    (void)state;
    int32_t v[N_MAX];
    for (int period = 1; period <= 20; period++)
        for (int prefix = 0; prefix < 60; prefix += 13) {
            const struct repeat_opts often = { 20, 8, 0 }, later = { 20, 8, 100 }, shorter = { period - 1, 8, 0 };
            fill(v, prefix, period);
            assert_int_equal(found_at(&often, v, N_MAX), prefix + 8 * period);
            assert_int_equal(found_at(&later, v, N_MAX), prefix + MAX(8 * period, 100));
            assert_int_equal(found_at(&shorter, v, N_MAX), 0);
        }
}

static void a_repetition_that_breaks_off_in_time_is_none(void **state)
{
    (void)state;
    int32_t v[N_MAX];
    const struct repeat_opts o = { 20, 4, 0 };
    for (int period = 3; period <= 20; period++) {
        for (int i = 0; i < N_MAX; i++)
            v[i] = i % period;
        /* One token short, again and again. */
        for (int i = 4 * period - 1; i < N_MAX; i += 3 * period)
            v[i] = 5000 + i;
        assert_int_equal(found_at(&o, v, N_MAX), 0);
    }
}

/* With few different tokens, so that short repetitions are everywhere. */
static void random_text_is_judged_by_the_definition(void **state)
{
    (void)state;
    struct rng rng;
    int32_t v[N_MAX];
    rng_init(&rng, 3);
    int found = 0;
    for (int round = 0; round < 300; round++) {
        const struct repeat_opts o = { 1 + (int)rng_below(&rng, 9), 2 + (int)rng_below(&rng, 4),
                                       (int)rng_below(&rng, 24) };
        struct repeat r;
        repeat_init(&r, &o);
        for (int n = 1; n <= 300; n++) {
            v[n - 1] = n > 3 && rng_below(&rng, 4) ? v[n - 4] : (int32_t)rng_below(&rng, 3);
            bool got = repeat_push(&r, v, (size_t)n);
            assert_int_equal(got, repeats(&o, v, n));
            found += got;
        }
        repeat_deinit(&r);
    }
    assert_true(found > 300);
}

static void nothing_is_found_unless_asked_for(void **state)
{
    (void)state;
    int32_t v[N_MAX] = { 0 };
    assert_int_equal(found_at(&(struct repeat_opts){ 0 }, v, N_MAX), 0);
    assert_int_equal(found_at(&(struct repeat_opts){ .times = 8, .min_tokens = 5 }, v, N_MAX), 0);
}

static void the_largest_settings_do_not_overflow(void **state)
{
    (void)state;
    int32_t v[N_MAX] = { 0 };
    const struct repeat_opts o = { REPEAT_MAX_PERIOD, REPEAT_MAX_TIMES, INT_MAX };
    assert_int_equal(found_at(&o, v, N_MAX), 0);
}

static void settings_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct repeat_opts o;
        const char *msg;
    } cases[] = {
        { { -1, 8, 0 }, "repetition: found a period of -1 tokens, expected 0 (off) to 4096" },
        { { 4097, 8, 0 }, "repetition: found a period of 4097 tokens, expected 0 (off) to 4096" },
        { { 8, 1, 0 }, "repetition: found 1 times, expected 2 to 65536" },
        { { 8, INT_MAX, 0 }, "repetition: found 2147483647 times, expected 2 to 65536" },
        { { 8, 8, -5 }, "repetition: found at least -5 tokens, expected 0 or more" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        assert_int_equal(repeat_check(&cases[i].o, &e), ERR_ARG);
        assert_string_equal(e.msg, cases[i].msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_period_is_found_when_it_has_come_often_enough),
        cmocka_unit_test(a_repetition_that_breaks_off_in_time_is_none),
        cmocka_unit_test(random_text_is_judged_by_the_definition),
        cmocka_unit_test(nothing_is_found_unless_asked_for),
        cmocka_unit_test(the_largest_settings_do_not_overflow),
        cmocka_unit_test(settings_out_of_range_are_refused),
    };
    return cmocka_run_group_tests_name("repeat", tests, NULL, NULL);
}
