/* test_grammar_build.c - what the builder's nodes derive.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "support/grammar_try.h"
#include "text/grammar/grammar_build.h"

static struct grammar *finish(struct grammar_build *b, int root)
{
    struct err e = ERR_INIT;
    struct grammar *g;
    if (grammar_build_finish(b, root, &g, &e))
        fail_msg("%s", e.msg);
    grammar_build_free(b);
    return g;
}

static int failure(struct grammar_build *b, int root, const char *part)
{
    struct err e = ERR_INIT;
    struct grammar *g;
    int code = grammar_build_finish(b, root, &g, &e);
    assert_int_not_equal(code, 0);
    assert_null(g);
    if (!strstr(e.msg, part))
        fail_msg("\"%s\" does not say \"%s\"", e.msg, part);
    grammar_build_free(b);
    return code;
}

/* Ends with NULL. Releases g. */
static void takes(struct grammar *g, const char *const *good, const char *const *bad)
{
    for (; *good; good++)
        if (!try_takes(g, str_from(*good)))
            fail_msg("not taken: \"%s\"", *good);
    for (; *bad; bad++)
        if (try_takes(g, str_from(*bad)))
            fail_msg("taken: \"%s\"", *bad);
    grammar_release(g);
}

#define LIST(...)                                                                                                      \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

static int lit(struct grammar_build *b, const char *z)
{
    return grammar_build_literal(b, str_from(z));
}

static int seq2(struct grammar_build *b, int x, int y)
{
    return grammar_build_seq(b, (const int[]){ x, y }, 2);
}

static int alt2(struct grammar_build *b, int x, int y)
{
    return grammar_build_alt(b, (const int[]){ x, y }, 2);
}

static void test_literals_sequences_and_alternatives(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    int x = seq2(b, alt2(b, lit(b, "re"), grammar_build_empty(b)), alt2(b, lit(b, "turn"), lit(b, "turning")));
    takes(finish(b, x), LIST("return", "turning", "turn", "returning"), LIST("", "re", "returnin", "returnreturn"));
}

static void test_an_alternative_that_derives_nothing_vanishes(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    int loop = grammar_build_rule(b);
    grammar_build_define(b, loop, seq2(b, lit(b, "a"), loop));
    int x = alt2(b, seq2(b, lit(b, "b"), grammar_build_never(b)), alt2(b, loop, lit(b, "c")));
    takes(finish(b, x), LIST("c"), LIST("", "a", "aa", "b"));
    b = grammar_build_new(NULL);
    loop = grammar_build_rule(b);
    grammar_build_define(b, loop, seq2(b, lit(b, "a"), loop));
    assert_int_equal(failure(b, loop, "no output"), ERR_FORMAT);
}

static void test_repeats_are_counted(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    takes(finish(b, grammar_build_repeat(b, lit(b, "ab"), 2, 4)), LIST("abab", "ababab", "abababab"),
          LIST("", "ab", "ababababab", "aba"));
    b = grammar_build_new(NULL);
    takes(finish(b, grammar_build_repeat(b, lit(b, "x"), 3, SIZE_MAX)), LIST("xxx", "xxxxxxxxxxxxxxxx"),
          LIST("", "xx"));
    b = grammar_build_new(NULL);
    int maybe = grammar_build_repeat(b, lit(b, "y"), 0, 1);
    takes(finish(b, grammar_build_repeat(b, maybe, 2, 3)), LIST("", "y", "yy", "yyy"), LIST("yyyy"));
}

static void test_a_large_count_needs_no_copies(void **state)
{
    (void)state;
    const struct grammar_build_limits small = { .nodes = 20, .states = 100 };
    struct grammar_build *b = grammar_build_new(&small);
    struct grammar *g = finish(b, grammar_build_repeat(b, lit(b, "ab"), 1000, 1001));
    char text[2005];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "ab"[i % 2];
    assert_true(try_takes(g, (struct str){ text, 2000 }));
    assert_true(try_takes(g, (struct str){ text, 2002 }));
    assert_false(try_takes(g, (struct str){ text, 1998 }));
    assert_false(try_takes(g, (struct str){ text, 2004 }));
    grammar_release(g);
}

static void test_recursion_keeps_count_of_depth(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    int nest = grammar_build_rule(b);
    int inner = grammar_build_seq(b, (const int[]){ lit(b, "("), nest, lit(b, ")"), nest }, 4);
    grammar_build_define(b, nest, alt2(b, inner, grammar_build_empty(b)));
    takes(finish(b, nest), LIST("", "()", "(())()", "((((()))))"), LIST("(", ")", "(()", "())"));
}

static void test_direct_left_recursion_is_understood(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    int sum = grammar_build_rule(b), term = grammar_build_regex(b, STR("[0-9]+"), false);
    int more = grammar_build_seq(b, (const int[]){ sum, lit(b, "+"), term }, 3);
    grammar_build_define(b, sum, alt2(b, more, term));
    takes(finish(b, sum), LIST("1", "1+22", "1+2+3"), LIST("", "+", "1+", "+1"));
}

static void test_other_left_recursion_is_refused(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    int x = grammar_build_rule(b), y = grammar_build_rule(b);
    grammar_build_define(b, x, alt2(b, seq2(b, y, lit(b, "a")), lit(b, "b")));
    grammar_build_define(b, y, seq2(b, grammar_build_repeat(b, lit(b, "c"), 0, 1), x));
    assert_int_equal(failure(b, x, "left-recursive"), ERR_UNSUPPORTED);
}

/* Two readings at every level, told apart only at the end: what they share must not be kept twice. */
static void test_deep_ambiguity_stays_small(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    int s = grammar_build_rule(b);
    int x = grammar_build_seq(b, (const int[]){ lit(b, "a"), s, lit(b, "b") }, 3);
    int y = grammar_build_seq(b, (const int[]){ lit(b, "a"), s, lit(b, "c") }, 3);
    grammar_build_define(b, s, grammar_build_alt(b, (const int[]){ x, y, lit(b, "-") }, 3));
    struct grammar *g = finish(b, s);
    char text[401];
    memset(text, 'a', 200);
    text[200] = '-';
    for (size_t i = 201; i < sizeof text; i++)
        text[i] = "bc"[i % 3 == 0];
    assert_true(try_takes(g, (struct str){ text, sizeof text }));
    assert_false(try_takes(g, (struct str){ text, sizeof text - 1 }));
    grammar_release(g);
}

static void test_members_come_in_any_order_each_once(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    const struct grammar_member v[] = { { lit(b, "a=1"), true }, { lit(b, "bb=2"), false }, { lit(b, "b=3"), true } };
    int x = grammar_build_members(b, v, 3, -1, lit(b, "; "), 0, SIZE_MAX);
    takes(finish(b, x), LIST("a=1; b=3", "b=3; a=1", "bb=2; a=1; b=3", "a=1; bb=2; b=3"),
          LIST("", "a=1", "a=1; a=1; b=3", "a=1; b=3;", "a=1; b=3; ", "a=1b=3", "; a=1; b=3", "a=1; b=3; bb=2; bb=2"));
}

static void test_members_with_others_between_are_counted(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    const struct grammar_member v[] = { { lit(b, "id"), true }, { lit(b, "name"), false } };
    int other = grammar_build_regex(b, STR("x[0-9]+"), false);
    int x = grammar_build_members(b, v, 2, other, lit(b, ","), 2, 3);
    takes(finish(b, x), LIST("id,name", "x1,id", "x1,x1,id", "name,id,x2"),
          LIST("id", "x1,x2,x3", "x1,x2,name", "x1,x2,x3,id", "id,id", "name,x1"));
    b = grammar_build_new(NULL);
    other = grammar_build_regex(b, STR("x[0-9]+"), false);
    x = grammar_build_members(b, NULL, 0, other, lit(b, ","), 0, SIZE_MAX);
    takes(finish(b, x), LIST("", "x1", "x1,x2,x33,x4,x5"), LIST(",", "x1x2", "x1,,x2", "x1,"));
    b = grammar_build_new(NULL);
    x = grammar_build_members(b, (const struct grammar_member[]){ { lit(b, "a"), true } }, 1, -1, -1, 2, SIZE_MAX);
    assert_int_equal(failure(b, x, "no output"), ERR_FORMAT);
}

static void test_hundreds_of_members(void **state)
{
    (void)state;
    enum { N = 300 };
    struct grammar_member v[N];
    char text[8 * N], name[16];
    size_t n = 0;
    struct grammar_build *b = grammar_build_new(NULL);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "k%03d", i);
        v[i] = (struct grammar_member){ lit(b, name), true };
    }
    struct grammar *g = finish(b, grammar_build_members(b, v, N, -1, lit(b, " "), 0, SIZE_MAX));
    for (int i = 0; i < N; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "k%03d ", i * 7 % N);
    assert_true(try_takes(g, (struct str){ text, n - 1 }));
    assert_false(try_takes(g, (struct str){ text, n - 6 }));
    grammar_release(g);
}

static void test_and_and_minus_of_terminals(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    int word = grammar_build_regex(b, STR("[a-z]+"), false);
    int x = grammar_build_minus(b, grammar_build_minus(b, word, lit(b, "if")), lit(b, "in"));
    /* Equal ones are worked out once. */
    assert_int_equal(x, grammar_build_minus(b, grammar_build_minus(b, word, lit(b, "if")), lit(b, "in")));
    assert_int_not_equal(grammar_build_and(b, x, word), grammar_build_minus(b, word, x));
    takes(finish(b, x), LIST("i", "int", "iff", "x"), LIST("if", "in", "", "A"));
    b = grammar_build_new(NULL);
    x = grammar_build_and(b, grammar_build_search(b, STR("ab"), false), grammar_build_chars(b, 3, 4, false));
    takes(finish(b, x),
          LIST("abc", "xab", "xaby",
               "\xC3\xA9"
               "ab"),
          LIST("ab", "abcde", "bab a", "abc\x80"));
    b = grammar_build_new(NULL);
    int rule = grammar_build_rule(b);
    grammar_build_define(b, rule, lit(b, "x"));
    assert_int_equal(failure(b, grammar_build_and(b, rule, lit(b, "x")), "no terminal"), ERR_UNSUPPORTED);
}

static void test_an_automaton_given_whole(void **state)
{
    (void)state;
    /* An even number of a, then b. */
    enum { N_CLASS = 3 };
    const uint8_t class_of[256] = { ['a'] = 1, ['b'] = 2 };
    int32_t next[3 * N_CLASS];
    const bool accept[] = { false, false, true }, never[] = { false, false, false };
    memset(next, 0xFF, sizeof next);
    next[1] = 1;
    next[2] = 2;
    next[N_CLASS + 1] = 0;
    struct grammar_build *b = grammar_build_new(NULL);
    assert_true(grammar_build_is_never(b, grammar_build_automaton(b, class_of, N_CLASS, next, never, 3)));
    int x = grammar_build_automaton(b, class_of, N_CLASS, next, accept, 3);
    assert_false(grammar_build_is_never(b, x));
    assert_true(grammar_build_is_never(b, grammar_build_minus(b, x, x)));
    const struct grammar_member v[] = { { grammar_build_never(b), true } };
    assert_true(grammar_build_is_never(b, grammar_build_members(b, v, 1, -1, -1, 0, 1)));
    takes(finish(b, x), LIST("b", "aab", "aaaab"), LIST("", "ab", "aaab", "bb"));
}

static void test_until_ends_before_or_with_the_first_stop(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    takes(finish(b, grammar_build_until(b, STR("aab"), true)), LIST("aab", "xaab", "aaab", "\xFF\n aaaab"),
          LIST("", "aa", "aabx", "aabaab"));
    b = grammar_build_new(NULL);
    int x = seq2(b, grammar_build_until(b, STR("</p>"), false), lit(b, "</p>!"));
    takes(finish(b, x), LIST("</p>!", "text</p>!", "</p </</p>!"), LIST("", "</p>", "</p></p>!", "</p>!</p>!"));
}

static void test_characters_are_counted_not_bytes(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    takes(finish(b, grammar_build_chars(b, 1, 2, false)), LIST("a", "\xC3\xA9\xF0\x9F\x98\x80", "\"\n"),
          LIST("", "abc", "\xC3", "a\x80", "\xED\xA0\x80", "\xC0\x80"));
    b = grammar_build_new(NULL);
    takes(finish(b, grammar_build_chars(b, 2, 2, true)),
          LIST("ab", "\\n\\\"", "\\u00E9x", "\\ud83d\\ude00x", "\\/\\\\"),
          LIST("a", "abc", "\n ", "\\x1", "\\ud83dx", "\\u00e", "\"\""));
}

static void test_long_counts_of_characters(void **state)
{
    (void)state;
    static char text[6000];
    memset(text, 'q', sizeof text);
    static const size_t bounds[][2] = { { 0, 1500 }, { 700, 3000 }, { 1100, SIZE_MAX }, { 1300, 1300 }, { 0, 5000 } };
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        struct grammar_build *b = grammar_build_new(NULL);
        size_t min = bounds[i][0], max = bounds[i][1];
        struct grammar *g = finish(b, grammar_build_chars(b, min, max, true));
        static const size_t lengths[] = { 0,    1,    699,  700,  1099, 1100, 1299, 1300, 1301, 1499,
                                          1500, 1501, 1535, 1536, 1537, 2999, 3000, 3001, 5000, 5001 };
        for (size_t k = 0; k < ARRAY_LEN(lengths); k++)
            assert_int_equal(try_takes(g, (struct str){ text, lengths[k] }), lengths[k] >= min && lengths[k] <= max);
        grammar_release(g);
    }
}

static void test_json_spellings_of_a_pattern(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    takes(
        finish(b, grammar_build_regex(b, STR("a\"\\n\\/\xC3\xA9\\u{1F600}?"), true)),
        LIST("a\\\"\\n/\xC3\xA9", "\\u0061\\u0022\\u000a\\/\\u00E9\xF0\x9F\x98\x80", "a\\\"\\n/\\u00e9\\uD83D\\ude00"),
        LIST("a\"\\n/\xC3\xA9", "a\\\"\n/\xC3\xA9", "a\\\"\\n/\\u00e9\\uD83D", "a\\\"\\n/\\u00e8"));
}

static void test_the_first_failure_is_the_one_that_is_told(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    int x = grammar_build_regex(b, STR("("), false);
    grammar_build_fail(b, ERR_LIMIT, "later");
    assert_true(grammar_build_failed(b));
    assert_int_equal(failure(b, seq2(b, x, lit(b, "y")), "( without )"), ERR_FORMAT);
}

static void test_limits_are_named(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(&(struct grammar_build_limits){ .nodes = 10 });
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        lit(b, name);
    }
    assert_int_equal(failure(b, lit(b, "1"), "more than 10 nodes"), ERR_LIMIT);
    b = grammar_build_new(&(struct grammar_build_limits){ .states = 50 });
    assert_int_equal(failure(b, grammar_build_regex(b, STR("(?:abc){30}"), false), "more than 50 states"), ERR_LIMIT);
    /* 2^30 states, or as many steps as time allows. */
    static const char *const wild[] = { "(?:a|b)*a(?:a|b){30}", "(?:(?:a{1,60}){1,60}){1,60}", "(?:(?:x?y?){900}){900}",
                                        ".{900000}" };
    for (size_t i = 0; i < ARRAY_LEN(wild); i++) {
        b = grammar_build_new(NULL);
        assert_int_equal(failure(b, grammar_build_search(b, str_from(wild[i]), true), ""), ERR_LIMIT);
    }
}

/* A grammar that uses everything, for the test of memory running out. */
static int rich(struct grammar_build *b)
{
    int r = grammar_build_rule(b);
    const struct grammar_member v[] = {
        { seq2(b, lit(b, "a:"), grammar_build_chars(b, 0, 9, true)), true },
        { seq2(b, lit(b, "b:"), grammar_build_search(b, STR("^[\\d\\u0100-\\u0200]+x"), true)), false },
        { seq2(b, lit(b, "c:"), grammar_build_repeat(b, r, 0, 5)), false },
    };
    grammar_build_define(b, r, alt2(b, seq2(b, r, lit(b, "!")), lit(b, "$")));
    int extra = grammar_build_minus(b, grammar_build_regex(b, STR("[a-z]{2}"), false), lit(b, "ab"));
    return seq2(b, grammar_build_members(b, v, 3, extra, lit(b, ","), 0, 9), grammar_build_until(b, STR("end"), true));
}

static void test_memory_that_runs_out_while_building(void **state)
{
    (void)state;
    bool done = false;
    for (long nth = 1; nth < 5000 && !done; nth++) {
        struct err e = ERR_INIT;
        struct grammar *g;
        mem_fail_after(nth);
        struct grammar_build *b = grammar_build_new(NULL);
        int code = grammar_build_finish(b, rich(b), &g, &e);
        mem_fail_after(0);
        done = code == 0;
        if (code) {
            assert_int_equal(code, ERR_NOMEM);
            assert_null(g);
        }
        grammar_build_free(b);
        grammar_release(g);
    }
    assert_true(done);
}

static void test_memory_that_runs_out_while_matching(void **state)
{
    (void)state;
    bool done = false;
    for (long nth = 1; nth < 5000 && !done; nth++) {
        struct grammar_build *b = grammar_build_new(NULL);
        struct grammar *g = finish(b, rich(b));
        struct matcher *m;
        struct err e = ERR_INIT;
        static const char text[] = "a:x,c:$$!";
        mem_fail_after(nth);
        int code = matcher_new(&m, g, try_trie, &e);
        bool ok = !code;
        for (size_t i = 0; ok && i < sizeof text - 1; i++) {
            const uint32_t *mask = matcher_mask(m);
            int32_t id = tokenizer_find_added(try_tok, STR("<|im_end|>"));
            for (int32_t k = 0; k < tokenizer_size(try_tok); k++)
                if (str_eq(tokenizer_bytes(try_tok, k), (struct str){ text + i, 1 }))
                    id = k;
            ok = mask && (mask[id / 32] >> (id % 32) & 1) && matcher_accept(m, id);
        }
        mem_fail_after(0);
        done = ok;
        if (!code && !ok) /* what may follow is not known, so that nothing is allowed, not even the end */
            assert_true(matcher_failed(m) == ERR_NOMEM && !matcher_may_end(m) && !matcher_accept(m, try_eos));
        matcher_free(code ? NULL : m);
        grammar_release(g);
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_sequences_and_alternatives),
        cmocka_unit_test(test_an_alternative_that_derives_nothing_vanishes),
        cmocka_unit_test(test_repeats_are_counted),
        cmocka_unit_test(test_a_large_count_needs_no_copies),
        cmocka_unit_test(test_recursion_keeps_count_of_depth),
        cmocka_unit_test(test_direct_left_recursion_is_understood),
        cmocka_unit_test(test_other_left_recursion_is_refused),
        cmocka_unit_test(test_deep_ambiguity_stays_small),
        cmocka_unit_test(test_members_come_in_any_order_each_once),
        cmocka_unit_test(test_members_with_others_between_are_counted),
        cmocka_unit_test(test_hundreds_of_members),
        cmocka_unit_test(test_and_and_minus_of_terminals),
        cmocka_unit_test(test_an_automaton_given_whole),
        cmocka_unit_test(test_until_ends_before_or_with_the_first_stop),
        cmocka_unit_test(test_characters_are_counted_not_bytes),
        cmocka_unit_test(test_long_counts_of_characters),
        cmocka_unit_test(test_json_spellings_of_a_pattern),
        cmocka_unit_test(test_the_first_failure_is_the_one_that_is_told),
        cmocka_unit_test(test_limits_are_named),
        cmocka_unit_test(test_memory_that_runs_out_while_building),
        cmocka_unit_test(test_memory_that_runs_out_while_matching),
    };
    return cmocka_run_group_tests(tests, try_setup, try_teardown);
}
