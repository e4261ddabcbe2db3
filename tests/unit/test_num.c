/* test_num.c - small floating formats against their definitions, all values of each.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <float.h>
#include <math.h>

#include "base/base.h"
#include "base/num.h"

/* The value of a format with a sign, n_exp exponent bits above n_man mantissa bits, infinities and NaN left out. */
static double value_of(unsigned bits, int n_exp, int n_man)
{
    unsigned exponent = bits >> n_man & ((1u << n_exp) - 1), mantissa = bits & ((1u << n_man) - 1);
    int bias = (1 << (n_exp - 1)) - 1;
    double v =
        exponent ? (1 + mantissa * pow(2, -n_man)) * pow(2, (int)exponent - bias) : mantissa * pow(2, 1 - bias - n_man);
    return bits >> (n_exp + n_man) & 1 ? -v : v;
}

/* A 16-bit format and its two functions. */
struct format {
    int n_exp, n_man;
    float (*from)(uint16_t h);
    uint16_t (*to)(float f);
};

static float from_bf16(uint16_t h)
{
    return num_bf16(h);
}

static const struct format formats[] = { { 5, 10, num_f16, num_to_f16 }, { 8, 7, from_bf16, num_to_bf16 } };

static unsigned infinity_of(const struct format *f)
{
    return ((1u << f->n_exp) - 1) << f->n_man;
}

static void all_16_bit_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        const struct format *f = &formats[i];
        for (unsigned h = 0; h < 0x10000; h++) {
            float v = f->from((uint16_t)h);
            unsigned size = h & 0x7fff;
            assert_int_equal(!!signbit(v), h >> 15);
            if (size > infinity_of(f)) {
                assert_true(isnan(v) && isnan(f->from(f->to(v))));
                continue;
            }
            if (size == infinity_of(f))
                assert_true(isinf(v));
            else
                assert_true((double)v == value_of(h, f->n_exp, f->n_man));
            assert_int_equal(f->to(v), h);
        }
    }
}

/* Between each value and the next: below the middle down, above it up, in the middle to the even one. Where the next is infinity,
 * the middle is the one to the value that would come. */
static void rounding_is_to_nearest_even(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        const struct format *f = &formats[i];
        for (unsigned h = 0; h < infinity_of(f); h++) {
            double low = value_of(h, f->n_exp, f->n_man), high = value_of(h + 1, f->n_exp, f->n_man);
            float middle = (float)((low + high) / 2);
            assert_true((double)middle == (low + high) / 2);
            for (unsigned sign = 0; sign <= 0x8000; sign += 0x8000) {
                float m = sign ? -middle : middle, up = sign ? -INFINITY : INFINITY;
                assert_int_equal(f->to(nextafterf(m, 0)), h | sign);
                assert_int_equal(f->to(m), (h + (h & 1)) | sign);
                if (isfinite(nextafterf(m, up)))
                    assert_int_equal(f->to(nextafterf(m, up)), (h + 1) | sign);
            }
        }
        assert_int_equal(f->to(INFINITY), infinity_of(f));
        assert_int_equal(f->to(-INFINITY), infinity_of(f) | 0x8000);
        assert_int_equal(f->to(num_from_bits(1)), 0);
        /* A NaN whose mantissa would be cut to zero must not become an infinity. */
        assert_true(isnan(f->from(f->to(num_from_bits(0x7f800001u)))));
        assert_true(isnan(f->from(f->to(num_from_bits(0xff800001u)))));
    }
    assert_int_equal(num_to_f16(FLT_MAX), 0x7c00);
    assert_int_equal(num_to_f16(65519.0f), 0x7bff);
    assert_int_equal(num_to_f16(65520.0f), 0x7c00);
}

static void all_8_and_4_bit_values(void **state)
{
    (void)state;
    for (unsigned b = 0; b < 256; b++) {
        assert_true((double)num_e4m3((uint8_t)b) == value_of(b, 4, 3));
        assert_int_equal(!!signbit(num_e4m3((uint8_t)b)), b >> 7);
        if (b < 255)
            assert_true((double)num_e8m0((uint8_t)b) == pow(2, (int)b - 127));
    }
    assert_true(num_e4m3(0x7f) == 480.0f && num_e4m3(0x38) == 1.0f);
    assert_true(isinf(num_e8m0(255)) && num_e8m0(255) > 0);
    for (unsigned b = 0; b < 16; b++)
        assert_true((double)num_e2m1[b] == value_of(b, 2, 1) && !!signbit(num_e2m1[b]) == b >> 3);
}

static void loads_are_little_endian_at_any_address(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 0xee, 0x00, 0x00, 0x80, 0x3f, 0x00, 0x3c, 0xc0, 0xbf };
    assert_int_equal(num_load_u16(bytes + 3), 0x3f80);
    assert_int_equal(num_load_u32(bytes + 1), 0x3f800000);
    assert_true(num_load(bytes + 1, DTYPE_F32, 0) == 1.0f);
    assert_true(num_load(bytes + 1, DTYPE_BF16, 1) == 1.0f);
    assert_true(num_load(bytes + 1, DTYPE_F16, 2) == 1.0f);
    assert_true(num_load(bytes + 1, DTYPE_BF16, 3) == -1.5f);
    assert_int_equal(num_to_bits(num_from_bits(0x12345678)), 0x12345678);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_16_bit_values),
        cmocka_unit_test(rounding_is_to_nearest_even),
        cmocka_unit_test(all_8_and_4_bit_values),
        cmocka_unit_test(loads_are_little_endian_at_any_address),
    };
    return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
