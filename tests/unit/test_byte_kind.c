/* test_byte_kind.c - kinds of bytes against automata that read every text byte by byte.
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
#include "base/rng.h"
#include "base/str.h"
#include "base/utf8.h"
#include "text/grammar/byte_kind.h"
#include "text/grammar/pattern.h"

enum { ROUNDS = 20000, TEXT_MAX = 6 };

static struct work plenty(void)
{
    return (struct work){ .max_states = 1000000, .deadline = INT64_MAX, .time_ns = INT64_MAX };
}

static uint64_t kinds_of(struct str s)
{
    uint64_t kinds = 0;
    uint8_t places = 0xFF;
    for (size_t i = s.n; i-- > 0;) {
        kinds |= byte_kind((uint8_t)s.p[i]);
        places = byte_kind_before((uint8_t)s.p[i], places);
    }
    return kinds | (places & 1 ? 0 : BYTE_KIND_BROKEN);
}

static void test_a_byte_is_of_one_kind_and_marks_are_alone_in_theirs(void **state)
{
    (void)state;
    for (int b = 0; b < 256; b++) {
        uint64_t kind = byte_kind((uint8_t)b);
        int n = 0;
        assert_true(kind && !(kind & (kind - 1)) && kind != BYTE_KIND_BROKEN);
        assert_int_equal(kind == BYTE_KIND_BEYOND, b >= 0x80);
        for (int o = 0; o < 256; o++)
            n += byte_kind((uint8_t)o) == kind;
        if (b && strchr("<>{}[]/\\\"'\n \t:,-", b))
            assert_int_equal(n, 1);
    }
}

/* Bytes that make whole, cut and wrong characters about as often. */
static struct str random_text(struct rng *r, char *text)
{
    static const uint8_t bytes[] =
        "az<\"\\\n \x01\x80\x8F\x90\x9F\xA0\xBF\xC1\xC2\xDF\xE0\xE4\xED\xEF\xF0\xF1\xF4\xF5\xFF";
    size_t n = rng_below(r, TEXT_MAX + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)bytes[rng_below(r, sizeof bytes - 1)];
    return (struct str){ text, n };
}

static void test_broken_is_what_utf8_says_but_for_a_cut_last_character(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 1);
    for (int i = 0; i < ROUNDS; i++) {
        char text[TEXT_MAX];
        struct str s = random_text(&r, text), rest = s;
        int len;
        uint32_t cp;
        while ((len = utf8_decode(rest, &cp)) > 0)
            rest = str_sub(rest, (size_t)len, rest.n);
        assert_int_equal((kinds_of(s) & BYTE_KIND_BROKEN) != 0, len == -1);
    }
}

/* How many texts the kinds settled. */
static size_t check_state(const struct dfa *d, uint32_t from, struct rng *r)
{
    uint64_t loops = byte_kind_loops(d, from);
    size_t settled = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char text[TEXT_MAX];
        struct str s = random_text(r, text);
        uint32_t at = from;
        if (!s.n || kinds_of(s) & ~loops)
            continue;
        for (size_t k = 0; k < s.n; k++)
            at = dfa_next(d, at, (uint8_t)s.p[k]);
        assert_int_not_equal(at, DFA_DEAD);
        if (utf8_valid(s))
            assert_int_equal(at, from);
        settled++;
    }
    return settled;
}

static void test_texts_of_kinds_that_loop_are_read_to_their_ends(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        bool some, beyond;
    } cases[] = { { "[^\"\\\\]*", true, true }, { "[a-z ]*", true, false },     { "[^\\u4e00]*x", true, false },
                  { "(?:a|<)*", true, false },  { "[a-y]{0,9}", false, false }, { "(?:..)*", false, false } };
    struct rng r;
    rng_init(&r, 2);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct work w = plenty();
        struct err e = ERR_INIT;
        struct dfa d;
        assert_int_equal(pattern_compile(&d, str_from(cases[i].pattern), 0, &w, &e), 0);
        assert_int_equal(check_state(&d, DFA_START, &r) > 0, cases[i].some);
        assert_int_equal((byte_kind_loops(&d, DFA_START) & BYTE_KIND_BEYOND) != 0, cases[i].beyond);
        assert_false(byte_kind_loops(&d, DFA_START) & BYTE_KIND_BROKEN);
        for (uint32_t s = 2; s < MIN(d.n, 12U); s++)
            check_state(&d, s, &r);
        dfa_deinit(&d);
    }
}

static void test_an_automaton_of_bytes_loops_on_broken_texts_too(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 3);
    struct work w = plenty();
    struct err e = ERR_INIT;
    struct dfa d;
    assert_int_equal(dfa_until(&d, STR("</x>"), false, &w, &e), 0);
    assert_int_equal(byte_kind_loops(&d, DFA_START) & (BYTE_KIND_BEYOND | BYTE_KIND_BROKEN),
                     BYTE_KIND_BEYOND | BYTE_KIND_BROKEN);
    assert_false(byte_kind_loops(&d, DFA_START) & byte_kind('<'));
    assert_true(check_state(&d, DFA_START, &r) > 0);
    dfa_deinit(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_byte_is_of_one_kind_and_marks_are_alone_in_theirs),
        cmocka_unit_test(test_broken_is_what_utf8_says_but_for_a_cut_last_character),
        cmocka_unit_test(test_texts_of_kinds_that_loop_are_read_to_their_ends),
        cmocka_unit_test(test_an_automaton_of_bytes_loops_on_broken_texts_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
