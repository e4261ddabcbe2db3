/* test_normalise.c - normalisation by clusters against utf8proc's of the whole text, and where the bytes come from.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>

#include <utf8proc.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "text/normalise.h"
#include "text/unicode9.h"

static const struct normalise forms[] = {
    { .on = true, .compose = true },
    { .on = true },
    { .on = true, .compat = true, .compose = true },
    { .on = true, .compat = true },
};

static void add_char(struct buf *b, uint32_t cp)
{
    char bytes[UTF8_MAX];
    buf_add(b, bytes, (size_t)utf8_encode(bytes, cp));
}

static void normalises_as_a_whole(const struct normalise *n, struct str s)
{
    struct marked ours = { 0 };
    utf8proc_uint8_t *whole;
    int options =
        UTF8PROC_STABLE | (n->compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) | (n->compat ? UTF8PROC_COMPAT : 0);
    utf8proc_ssize_t got = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &whole, options);
    assert_true(got >= 0);
    assert_int_equal(normalise_run(n, s, 0, (struct normalise_spans){ 0 }, &ours, NULL), 0);
    struct str want = { (const char *)whole, (size_t)got };
    if (!str_eq(buf_view(&ours.text), want))
        fail_msg("\"%.*s\" became \"%s\", expected \"%.*s\"", (int)s.n, s.p, ours.text.p, (int)want.n, want.p);
    assert_int_equal(normalise_is_normal(n, s), str_eq(s, want));
    assert_int_equal(ours.n_span, 0);
    marked_deinit(&ours);
    free(whole);
}

/* Every character that Unicode 9 has, behind a letter and before a mark; utf8proc 2.8 drops U+11A7 behind some syllables, so it is left
 * out. */
static void every_character_normalises_as_in_a_whole_text(void **state)
{
    (void)state;
    struct buf b = { 0 };
    for (uint32_t cp = 1; cp < 0x110000; cp++) {
        if ((cp >= 0xd800 && cp <= 0xdfff) || cp == 0x11a7 || unicode9_lacks(cp))
            continue;
        buf_reset(&b);
        buf_char(&b, 'e');
        add_char(&b, cp);
        add_char(&b, 0x301);
        for (size_t i = 0; i < ARRAY_LEN(forms); i++)
            normalises_as_a_whole(&forms[i], buf_view(&b));
    }
    buf_deinit(&b);
}

static uint32_t random_char(struct rng *r)
{
    static const uint32_t ranges[][2] = { { 0x20, 0x7e },     { 0xa0, 0x17f },     { 0x300, 0x36f },
                                          { 0x900, 0xdff },   { 0xf70, 0xf8f },    { 0x1100, 0x11a6 },
                                          { 0x11a8, 0x11ff }, { 0x1b00, 0x1b4f },  { 0x1e00, 0x1fff },
                                          { 0x3040, 0x30ff }, { 0x3130, 0x318f },  { 0xac00, 0xac40 },
                                          { 0xff60, 0xffdc }, { 0x1d150, 0x1d1ff } };
    const uint32_t *range = ranges[rng_below(r, ARRAY_LEN(ranges))];
    uint32_t cp = range[0] + rng_below(r, range[1] - range[0] + 1);
    return unicode9_lacks(cp) ? 'e' : cp;
}

static void random_texts_normalise_as_a_whole(void **state)
{
    (void)state;
    struct rng r;
    struct buf b = { 0 };
    rng_init(&r, 3);
    for (int round = 0; round < 20000; round++) {
        buf_reset(&b);
        for (uint32_t i = rng_below(&r, 30); i > 0; i--)
            add_char(&b, random_char(&r));
        for (size_t i = 0; i < ARRAY_LEN(forms); i++)
            normalises_as_a_whole(&forms[i], buf_view(&b));
    }
    buf_deinit(&b);
}

/* tokenizers' normaliser neither changes such a character nor sorts or joins anything past it. */
static void what_unicode_9_lacks_stays_where_it_is(void **state)
{
    (void)state;
    struct buf b = { 0 }, want = { 0 };
    struct marked out = { 0 };
    size_t n = 0;
    for (uint32_t cp = 1; cp < 0x110000; cp++) {
        if (!unicode9_lacks(cp))
            continue;
        n++;
        const uint32_t in[] = { 'e', 0x345, cp, 0x345, 0x327, 'e', cp, 0x327 };
        const uint32_t sorted[] = { 'e', 0x345, cp, 0x327, 0x345, 'e', cp, 0x327 };
        buf_reset(&b);
        buf_reset(&want);
        for (size_t i = 0; i < ARRAY_LEN(in); i++) {
            add_char(&b, in[i]);
            add_char(&want, sorted[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
            marked_reset(&out);
            assert_int_equal(normalise_run(&forms[i], buf_view(&b), 0, (struct normalise_spans){ 0 }, &out, NULL), 0);
            assert_true(str_eq(buf_view(&out.text), buf_view(&want)));
        }
    }
    /* The Telugu nukta, of Unicode 14, and two letters with marks, of 13 and 16. */
    assert_true(n > 300 && unicode9_lacks(0xc3c) && unicode9_lacks(0x11938) && unicode9_lacks(0x105c9));
    assert_false(unicode9_lacks(0x301) || unicode9_lacks(0x1e943) || unicode9_lacks(0x10ffff) || unicode9_lacks(0));
    buf_deinit(&b);
    buf_deinit(&want);
    marked_deinit(&out);
}

/* U+11935 U+11930 are U+11938 since Unicode 13. */
static void compositions_newer_than_unicode_9_are_not_made(void **state)
{
    (void)state;
    struct marked out = { 0 };
    struct str apart = STR("\xf0\x91\xa4\xb5\xf0\x91\xa4\xb0");
    assert_int_equal(normalise_run(&forms[0], apart, 0, (struct normalise_spans){ 0 }, &out, NULL), 0);
    assert_true(str_eq(buf_view(&out.text), apart));
    assert_true(normalise_is_normal(&forms[0], apart));
    marked_deinit(&out);
}

static void a_long_run_of_marks_is_sorted(void **state)
{
    (void)state;
    struct buf b = { 0 };
    buf_char(&b, 'a');
    for (int i = 0; i < 500; i++) {
        add_char(&b, 0x301);
        add_char(&b, 0x327);
        add_char(&b, 0x345);
    }
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        normalises_as_a_whole(&forms[i], buf_view(&b));
    buf_deinit(&b);
}

/* With quadratic sorting this would run for hours. */
static void a_megabyte_of_marks_ends(void **state)
{
    (void)state;
    struct buf b = { 0 };
    struct marked out = { 0 };
    for (int i = 0; i < 250000; i++) {
        add_char(&b, 0x345);
        add_char(&b, 0x327);
    }
    assert_int_equal(normalise_run(&forms[0], buf_view(&b), 0, (struct normalise_spans){ 0 }, &out, NULL), 0);
    assert_int_equal(out.text.n, b.n);
    assert_true(str_starts(buf_view(&out.text), STR("\xcc\xa7\xcc\xa7")));
    buf_deinit(&b);
    marked_deinit(&out);
}

static void spans_follow_their_bytes(void **state)
{
    (void)state;
    /* At offset 100: e + U+0301, a, U+212B, b; values are the accent, and a to the Angstrom sign. */
    const struct marked_span spans[] = { { 10, 20 }, { 101, 103 }, { 103, 107 }, { 200, 300 } };
    struct marked out = { 0 };
    marked_add(&out, STR("."), false);
    assert_int_equal(normalise_run(&forms[0],
                                   STR("e\xcc\x81"
                                       "a\xe2\x84\xab"
                                       "b"),
                                   100, (struct normalise_spans){ spans, ARRAY_LEN(spans) }, &out, NULL),
                     0);
    assert_string_equal(out.text.p, ".\xc3\xa9"
                                    "a\xc3\x85"
                                    "b");
    assert_int_equal(out.n_span, 1);
    assert_true(out.spans[0].from == 1 && out.spans[0].to == 6);
    marked_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_normalises_as_in_a_whole_text),
        cmocka_unit_test(random_texts_normalise_as_a_whole),
        cmocka_unit_test(what_unicode_9_lacks_stays_where_it_is),
        cmocka_unit_test(compositions_newer_than_unicode_9_are_not_made),
        cmocka_unit_test(a_long_run_of_marks_is_sorted),
        cmocka_unit_test(a_megabyte_of_marks_ends),
        cmocka_unit_test(spans_follow_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
