/* test_utf8.c - UTF-8, strictly: every character, every wrong sequence of up to four bytes that matters.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include "base/utf8.h"

static bool is_character(uint32_t cp)
{
    return cp <= 0x10ffff && !(cp >= 0xd800 && cp <= 0xdfff);
}

static void every_character_there_and_back(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x110010; cp++) {
        char s[UTF8_MAX];
        uint32_t back = 0;
        int n = utf8_encode(s, cp);
        assert_int_equal(n, !is_character(cp) ? 0 : cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4);
        if (!n)
            continue;
        assert_int_equal(utf8_decode((struct str){ s, (size_t)n }, &back), n);
        assert_int_equal(back, cp);
        for (int cut = 1; cut < n; cut++)
            assert_int_equal(utf8_decode((struct str){ s, (size_t)cut }, &back), -2);
    }
    assert_int_equal(utf8_encode((char[4]){ 0 }, UINT32_MAX), 0);
}

/* All sequences of two bytes, and of three whose lead wants three: exactly the shortest forms of characters decode. */
static void only_shortest_forms_decode(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 0x1000000; code += code < 0x10000 ? 1 : 7) {
        const char s[3] = { (char)(code & 0xff), (char)(code >> 8 & 0xff), (char)(code >> 16) };
        uint32_t cp = 0;
        int n = utf8_decode((struct str){ s, 3 }, &cp);
        if (n <= 0)
            continue;
        char again[UTF8_MAX];
        assert_true(is_character(cp));
        assert_int_equal(utf8_encode(again, cp), n);
        assert_memory_equal(again, s, (size_t)n);
    }
}

static void wrong_bytes_are_told_from_unfinished_ones(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int result;
    } cases[] = {
        { "\x80", -1 },         { "\xbf", -1 },     { "\xc0\x80", -1 },         { "\xc1\xbf", -1 },
        { "\xe0\x9f\xbf", -1 }, { "\xe0\x9f", -1 }, { "\xed\xa0\x80", -1 },     { "\xed\xa0", -1 },
        { "\xf0\x8f", -1 },     { "\xf4\x90", -1 }, { "\xf4\x90\x80\x80", -1 }, { "\xf5", -1 },
        { "\xff", -1 },         { "\xc3", -2 },     { "\xe2\x82", -2 },         { "\xf0\x9f\x99", -2 },
        { "\xed\x9f", -2 },     { "\xc3(", -1 },    { "\xe2\x82(", -1 },        { "", 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t cp;
        assert_int_equal(utf8_decode(str_from(cases[i].s), &cp), cases[i].result);
        assert_int_equal(utf8_valid(str_from(cases[i].s)), cases[i].result == 0);
    }
}

static void whole_leaves_the_unfinished_character_out(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        size_t whole;
    } cases[] = {
        { "", 0 },
        { "abc", 3 },
        { "a\xc3", 1 },
        { "a\xc3\xa9", 3 },
        { "\xe2\x82", 0 },
        { "\xe2\x82\xac", 3 },
        { "a\xf0\x9f\x99", 1 },
        { "a\xf0\x9f\x99\x82", 5 },
        { "a\xff", 2 },
        { "a\x80\x80\x80\x80", 5 },
        { "\xc3\xa9\xe2", 2 },
        { "\xed\xa0", 2 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(utf8_whole(str_from(cases[i].s)), cases[i].whole);
}

#define R "\xef\xbf\xbd"

/* As Python's bytes.decode(errors="replace"): one sign for each maximal part that begins a character. */
static void cleaned_as_python_does(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "", "" },
        { "a\xc3\xa9", "a\xc3\xa9" },
        { "\x80\x80", R R },
        { "\xc3", R },
        { "\xe2\x82", R },
        { "\xe2\x82x", R "x" },
        { "\xf0\x9f\x99", R },
        { "\xf0\x9f\xc3\xa9", R "\xc3\xa9" },
        { "\xed\xa0\x80", R R R },
        { "\xe0\x80\x80", R R R },
        { "\xf4\x90\x80\x80", R R R R },
        { "\xff\xfe", R R },
        { "\xc3\xc3\xa9", R "\xc3\xa9" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };
        utf8_clean(&out, str_from(cases[i][0]));
        assert_string_equal(buf_view(&out).p, cases[i][1]);
        assert_true(utf8_valid(buf_view(&out)));
        buf_deinit(&out);
    }
    assert_int_equal(utf8_count(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82")), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_there_and_back),
        cmocka_unit_test(only_shortest_forms_decode),
        cmocka_unit_test(wrong_bytes_are_told_from_unfinished_ones),
        cmocka_unit_test(whole_leaves_the_unfinished_character_out),
        cmocka_unit_test(cleaned_as_python_does),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
