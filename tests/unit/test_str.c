/* test_str.c - slices: comparison, search, numbers, distance.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "base/base.h"
#include "base/str.h"

static void slices_compare_by_bytes(void **state)
{
    (void)state;
    static const struct {
        struct str a, b;
        int order;
    } cases[] = {
        { { "", 0 }, { NULL, 0 }, 0 },    { { "a", 1 }, { "a", 1 }, 0 },        { { "a", 1 }, { "b", 1 }, -1 },
        { { "a", 1 }, { "aa", 2 }, -1 },  { { "", 0 }, { "a", 1 }, -1 },        { { "\xff", 1 }, { "a", 1 }, 1 },
        { { "a\0b", 3 }, { "a", 1 }, 1 }, { { "a\0b", 3 }, { "a\0c", 3 }, -1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int c = str_cmp(cases[i].a, cases[i].b), back = str_cmp(cases[i].b, cases[i].a);
        assert_int_equal((c > 0) - (c < 0), cases[i].order);
        assert_int_equal((back > 0) - (back < 0), -cases[i].order);
        assert_int_equal(str_eq(cases[i].a, cases[i].b), cases[i].order == 0);
    }
    assert_int_equal(str_from(NULL).n, 0);
    assert_true(str_eqz(STR("abc"), "abc"));
    assert_false(str_eqz(STR("abc"), "ab"));
}

static void ends_and_parts(void **state)
{
    (void)state;
    struct str s = STR("head.body.tail");
    assert_true(str_starts(s, STR("head")) && str_starts(s, STR("")) && str_starts(s, s));
    assert_true(str_ends(s, STR("tail")) && str_ends(s, STR("")) && str_ends(s, s));
    assert_false(str_starts(s, STR("body")) || str_ends(s, STR("body")) || str_ends(STR("l"), STR("tail")));
    assert_true(str_eqz(str_sub(s, 5, 9), "body"));
    assert_true(str_eqz(str_sub(s, 10, 99), "tail"));
    assert_int_equal(str_sub(s, 50, 99).n, 0);
    assert_int_equal(str_sub(s, 9, 5).n, 0);
    assert_true(str_eqz(str_trim(STR(" \t\r\n\v\f a b \n")), "a b"));
    assert_int_equal(str_trim(STR(" \n ")).n, 0);
    struct str rest = s, head;
    assert_true(str_cut(&rest, '.', &head) && str_eqz(head, "head") && str_eqz(rest, "body.tail"));
    assert_true(str_cut(&rest, '.', &head) && str_eqz(head, "body") && str_eqz(rest, "tail"));
    assert_false(str_cut(&rest, '.', &head));
    assert_true(str_eqz(head, "body") && str_eqz(rest, "tail"));
    rest = STR(".");
    assert_true(str_cut(&rest, '.', &head) && !head.n && !rest.n);
}

/* Against the definition, over all short strings of two letters. */
static void found_is_the_first_place(void **state)
{
    (void)state;
    enum { MOST = 8, NEEDLE = 3 };
    char text[MOST], needle[NEEDLE];
    for (unsigned code = 0; code < 1u << MOST; code++)
        for (unsigned n = 0; n <= NEEDLE; n++)
            for (unsigned want = 0; want < 1u << n; want++) {
                for (int i = 0; i < MOST; i++)
                    text[i] = code >> i & 1 ? 'b' : 'a';
                for (unsigned i = 0; i < n; i++)
                    needle[i] = want >> i & 1 ? 'b' : 'a';
                ptrdiff_t first = -1;
                for (ptrdiff_t i = 0; i + (ptrdiff_t)n <= MOST && first < 0; i++)
                    if (memcmp(text + i, needle, n) == 0)
                        first = i;
                assert_int_equal(str_find((struct str){ text, MOST }, (struct str){ needle, n }), first);
            }
}

static void integers_take_the_whole_slice(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        { "0", true, 0 },
        { "-0", true, 0 },
        { "007", true, 7 },
        { "9223372036854775807", true, INT64_MAX },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775808", true, INT64_MIN },
        { "-9223372036854775809", false, 0 },
        { "99999999999999999999", false, 0 },
        { "", false, 0 },
        { "-", false, 0 },
        { "+1", false, 0 },
        { " 1", false, 0 },
        { "1 ", false, 0 },
        { "1.0", false, 0 },
        { "0x1", false, 0 },
        { "--1", false, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = 0;
        assert_int_equal(str_to_i64(str_from(cases[i].text), &v), cases[i].ok);
        assert_true(v == cases[i].value);
    }
    uint64_t u = 0;
    assert_true(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(str_to_u64(STR("18446744073709551616"), &u));
    assert_false(str_to_u64(STR("-1"), &u));
}

static void doubles_are_decimal_and_finite(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        double value;
    } cases[] = {
        { "0.1", true, 0.1 },     { "-2.5e-3", true, -0.0025 },
        { "1e308", true, 1e308 }, { ".5", true, 0.5 },
        { "5.", true, 5 },        { "+3", true, 3 },
        { "1e309", false, 0 },    { "inf", false, 0 },
        { "nan", false, 0 },      { "0x10", false, 0 },
        { "", false, 0 },         { ".", false, 0 },
        { "1e", false, 0 },       { " 1", false, 0 },
        { "1 ", false, 0 },       { "1,5", false, 0 },
        { "1.2.3", false, 0 },    { "e5", false, 0 },
        { "-", false, 0 },        { "1_0", false, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double v = 0;
        assert_int_equal(str_to_double(str_from(cases[i].text), &v), cases[i].ok);
        assert_true(v == cases[i].value);
    }
    char many[500];
    memset(many, '1', sizeof many);
    double v;
    assert_false(str_to_double((struct str){ many, sizeof many }, &v));
    assert_false(str_to_double((struct str){ "1\0", 2 }, &v));
    assert_true(str_to_double((struct str){ "125", 2 }, &v) && v == 12);
}

static void distance_counts_edits(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int limit, d;
    } cases[] = {
        { "", "", 3, 0 },
        { "abc", "abc", 3, 0 },
        { "abc", "abd", 3, 1 },
        { "abc", "ab", 3, 1 },
        { "abc", "xabc", 3, 1 },
        { "abc", "acb", 3, 1 },
        { "inspcet", "inspect", 3, 1 },
        { "kitten", "sitting", 3, 3 },
        { "kitten", "sitting", 2, 3 },
        { "abcdef", "ghijkl", 2, 3 },
        { "", "abcd", 2, 3 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(str_distance(str_from(cases[i].a), str_from(cases[i].b), cases[i].limit), cases[i].d);
        assert_int_equal(str_distance(str_from(cases[i].b), str_from(cases[i].a), cases[i].limit), cases[i].d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare_by_bytes),        cmocka_unit_test(ends_and_parts),
        cmocka_unit_test(found_is_the_first_place),       cmocka_unit_test(integers_take_the_whole_slice),
        cmocka_unit_test(doubles_are_decimal_and_finite), cmocka_unit_test(distance_counts_edits),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
