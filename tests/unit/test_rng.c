/* test_rng.c - random numbers: the same on every machine, and spread as they should be.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/rng.h"

/* Computed from the published definitions of splitmix64 and xoshiro256** in another language. */
static void values_are_those_of_the_definition(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, first[4];
    } cases[] = {
        { 0, { 0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0, 0x6aa594f1262d2d2c } },
        { 1, { 0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514, 0x642e1c7bc266a3a7 } },
        { UINT64_MAX, { 0x8f5520d52a7ead08, 0xc476a018caa1802d, 0x81de31c0d260469e, 0xbf658d7e065f3c2f } },
    };
    struct rng r;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        rng_init(&r, cases[i].seed);
        for (int k = 0; k < 4; k++)
            assert_true(rng_next(&r) == cases[i].first[k]);
    }
    rng_init(&r, 1);
    for (int k = 0; k < 999; k++)
        (void)rng_next(&r);
    assert_true(rng_next(&r) == 0xb8517c33c344d153);
}

static void below_is_uniform(void **state)
{
    (void)state;
    static const uint32_t limits[] = { 1, 2, 3, 7, 10 };
    struct rng r;
    rng_init(&r, 3);
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        enum { DRAWS = 100000 };
        int count[10] = { 0 };
        for (int k = 0; k < DRAWS; k++) {
            uint32_t v = rng_below(&r, limits[i]);
            assert_true(v < limits[i]);
            count[v]++;
        }
        double want = (double)DRAWS / limits[i];
        for (uint32_t v = 0; v < limits[i]; v++)
            assert_true(fabs(count[v] - want) <= 6 * sqrt(want));
    }
    /* 3 * 2^30: without rejection the lower third would come twice as often as the rest. */
    int low = 0;
    for (int k = 0; k < 30000; k++)
        low += rng_below(&r, 3u << 30) < 1u << 30;
    assert_true(abs(low - 10000) < 600);
}

static void units_and_normals_have_their_moments(void **state)
{
    (void)state;
    enum { DRAWS = 200000 };
    struct rng r;
    double sum = 0, sum2 = 0, nsum = 0, nsum2 = 0;
    rng_init(&r, 4);
    for (int k = 0; k < DRAWS; k++) {
        double u = rng_unit(&r), n = (double)rng_normal(&r);
        assert_true(u >= 0 && u < 1 && isfinite(n));
        sum += u;
        sum2 += u * u;
        nsum += n;
        nsum2 += n * n;
    }
    assert_true(fabs(sum / DRAWS - 0.5) < 0.005 && fabs(sum2 / DRAWS - 1.0 / 3) < 0.005);
    assert_true(fabs(nsum / DRAWS) < 0.015 && fabs(nsum2 / DRAWS - 1) < 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_definition),
        cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(units_and_normals_have_their_moments),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
