/* test_stop.c - stop strings in a text that arrives in pieces.
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
#include "engine/stop.h"

enum { MAX_STOPS = 6 };

static size_t make(struct stop *s, const char *const *stops)
{
    struct str v[MAX_STOPS];
    size_t n = 0;
    for (; stops[n]; n++)
        v[n] = str_from(stops[n]);
    struct err e = ERR_INIT;
    assert_int_equal(stop_init(s, v, n, &e), 0);
    return n;
}

/* Pushes `text` cut where the bits of `cuts` say; returns whether it was stopped. */
static bool feed(struct stop *s, const char *text, uint64_t cuts, struct buf *out)
{
    size_t n = strlen(text), from = 0;
    for (size_t i = 1; i <= n; i++) {
        if (i < n && !(cuts >> (i - 1) % 64 & 1))
            continue;
        if (stop_push(s, (struct str){ text + from, i - from }, out))
            return true;
        from = i;
    }
    stop_flush(s, out);
    return false;
}

/* What the definition says, without any automaton: the first place where a stop string ends; of those, the longest. */
static size_t expected_end(const char *text, const char *const *stops, int *hit)
{
    *hit = -1;
    for (size_t end = 1; end <= strlen(text); end++) {
        size_t best = 0;
        for (int i = 0; stops[i]; i++) {
            size_t n = strlen(stops[i]);
            if (n <= end && n > best && memcmp(text + end - n, stops[i], n) == 0) {
                best = n;
                *hit = i;
            }
        }
        if (best)
            return end - best;
    }
    return strlen(text);
}

static const struct {
    const char *text;
    const char *stops[MAX_STOPS];
} cases[] = {
    { "hello END there", { "END" } },
    { "the ENtry and the EEND", { "END" } },
    { "aaaab", { "aab" } },
    { "abababac", { "ababac" } },
    { "one </tool_call> two", { "</tool_call>", "<tool" } },
    { "xxabcdx", { "abcd", "bc" } },
    { "xxabcd", { "bcd", "abcd", "cd" } },
    { "xxabcx", { "abcd", "abce" } },
    { "gr\xc3\xbc\xc3\x9f Gott \xe2\x82\xac 5", { "\xe2\x82\xac" } },
    { "ends with a beginning EN", { "END" } },
    { "STOP at once", { "STOP" } },
    { "nothing at all", { NULL } },
    { "", { "x" } },
};

static void the_result_is_the_same_however_the_text_is_cut(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        int want_hit;
        size_t want = expected_end(cases[c].text, cases[c].stops, &want_hit);
        for (int round = 0; round < 300; round++) {
            uint64_t cuts = round == 0 ? 0 : round == 1 ? UINT64_MAX : rng_next(&rng);
            struct stop s;
            struct buf out = { 0 };
            make(&s, cases[c].stops);
            assert_int_equal(feed(&s, cases[c].text, cuts, &out), want_hit >= 0);
            assert_int_equal(s.hit, want_hit);
            assert_int_equal(out.n, want);
            if (want)
                assert_memory_equal(out.p, cases[c].text, want);
            buf_deinit(&out);
            stop_deinit(&s);
        }
    }
}

static void random_texts_over_two_letters_agree_with_the_definition(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 2);
    for (int round = 0; round < 3000; round++) {
        char text[41], words[3][8];
        const char *stops[4] = { words[0], words[1], words[2], NULL };
        for (int i = 0; i < 40; i++)
            text[i] = (char)('a' + rng_below(&rng, 2));
        text[40] = 0;
        for (int w = 0; w < 3; w++) {
            uint32_t n = 3 + rng_below(&rng, 5);
            for (uint32_t i = 0; i < n; i++)
                words[w][i] = (char)('a' + rng_below(&rng, 2));
            words[w][n] = 0;
        }
        int want_hit;
        size_t want = expected_end(text, stops, &want_hit);
        struct stop s;
        struct buf out = { 0 };
        make(&s, stops);
        assert_int_equal(feed(&s, text, rng_next(&rng), &out), want_hit >= 0);
        assert_int_equal(out.n, want);
        if (want)
            assert_memory_equal(out.p, text, want);
        buf_deinit(&out);
        stop_deinit(&s);
    }
}

static void only_what_may_become_a_stop_string_is_held_back(void **state)
{
    (void)state;
    struct stop s;
    struct buf out = { 0 };
    make(&s, (const char *const[]){ "END", NULL });
    assert_false(stop_push(&s, STR("the EN"), &out));
    assert_string_equal(out.p, "the ");
    assert_false(stop_push(&s, STR("try"), &out));
    assert_string_equal(out.p, "the ENtry");
    assert_false(stop_push(&s, STR(" E"), &out));
    assert_string_equal(out.p, "the ENtry ");
    stop_flush(&s, &out);
    assert_string_equal(out.p, "the ENtry E");
    buf_deinit(&out);
    stop_deinit(&s);
}

static void unusable_stop_strings_are_refused(void **state)
{
    (void)state;
    static const char big[STOP_MAX_BYTES + 1] = { 0 };
    struct str many[STOP_MAX_STRINGS + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = STR("x");
    struct stop s;
    struct err e = ERR_INIT;
    assert_int_equal(stop_init(&s, many, ARRAY_LEN(many), &e), ERR_LIMIT);
    assert_string_equal(e.msg, "65 stop strings: at most 64 are possible");
    stop_deinit(&s);
    err_clear(&e);
    assert_int_equal(stop_init(&s, (struct str[]){ STR("a"), STR("") }, 2, &e), ERR_ARG);
    assert_string_equal(e.msg, "stop string 2 is empty");
    stop_deinit(&s);
    err_clear(&e);
    assert_int_equal(stop_init(&s, &(struct str){ big, sizeof big }, 1, &e), ERR_LIMIT);
    assert_string_equal(e.msg, "stop string 1 has 4097 bytes: at most 4096 are possible");
    stop_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_result_is_the_same_however_the_text_is_cut),
        cmocka_unit_test(random_texts_over_two_letters_agree_with_the_definition),
        cmocka_unit_test(only_what_may_become_a_stop_string_is_held_back),
        cmocka_unit_test(unusable_stop_strings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
