/* test_grammar_regex.c - regular expressions of ECMA-262 as grammars, against PCRE2 and by hand.
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
#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "support/grammar_try.h"
#include "text/grammar/pattern.h"
#include "text/regex.h"

static struct work plenty(void)
{
    return (struct work){ .max_states = 1000000, .deadline = INT64_MAX, .time_ns = INT64_MAX };
}

static bool matches(const struct dfa *d, struct str s)
{
    uint32_t state = DFA_START;
    for (size_t i = 0; i < s.n; i++)
        state = dfa_next(d, state, (uint8_t)s.p[i]);
    return d->flags[state] & DFA_ACCEPT;
}

static void compile(struct dfa *d, const char *pattern, unsigned flags)
{
    struct work w = plenty();
    struct err e = ERR_INIT;
    if (pattern_compile(d, str_from(pattern), flags, &w, &e))
        fail_msg("%s", e.msg);
}

/* What both understand in the same way. */
static const char *const shared_patterns[] = {
    "a*b+c?",
    "(?:ab|cd)*",
    "(a|b)*abb",
    "[a-c]{2,4}",
    "[^ab]+",
    "x{3}|y{2,}",
    "(?:a?b?){3}c",
    "a|",
    "|b|",
    "(?:)",
    "\\d+\\.\\d{1,2}",
    "[a-z]+ [a-z]+",
    "a.c",
    "[a-z.-]+@[a-z]+",
    "(?:(?:a|b)(?:c|d)?)+?",
    "[]a]",
    "a{,2}b",
    "[a\\]b]*",
    "\\x61\\u0062",
    "(?<name>ab)+",
    "[\xC3\xA9-\xC3\xAA]b?",
    "\\p{Lu}\\P{L}",
};

/* A random text of what the patterns are about. */
static void random_text(struct rng *r, struct buf *out)
{
    static const char *const parts[] = { "a", "b", "c", "d", "x", "y", "ab",       "abb",
                                         "1", ".", " ", "@", "]", "Z", "\xC3\xA9", "{,2}" };
    buf_reset(out);
    for (uint32_t n = rng_below(r, 9); n; n--)
        buf_z(out, parts[rng_below(r, ARRAY_LEN(parts))]);
}

static void test_pcre2_says_the_same(void **state)
{
    (void)state;
    struct regex_run run = { 0 };
    struct buf text = { 0 }, source = { 0 };
    struct rng r;
    size_t both = 0;
    rng_init(&r, 5);
    for (size_t i = 0; i < ARRAY_LEN(shared_patterns); i++) {
        const char *p = shared_patterns[i];
        if (!strcmp(p, "[]a]") || !strcmp(p, "a{,2}b") || strstr(p, "\\x61")) /* read otherwise: below */
            continue;
        for (int search = 0; search < 2; search++) {
            struct err e = ERR_INIT;
            struct regex re;
            struct dfa d;
            compile(&d, p, search ? PATTERN_SEARCH : 0);
            buf_reset(&source);
            buf_printf(&source, search ? "%s" : "\\A(?:%s)\\z", p);
            if (regex_compile(&re, buf_view(&source), false, &e))
                fail_msg("%s: %s", p, e.msg);
            for (int k = 0; k < 400; k++) {
                bool found;
                size_t start, end;
                random_text(&r, &text);
                buf_char(&text, '\0');
                buf_truncate(&text, text.n - 1);
                assert_int_equal(regex_find(&re, &run, buf_view(&text), 0, &found, &start, &end, &e), 0);
                if (matches(&d, buf_view(&text)) != found)
                    fail_msg("%s (search %d): \"%s\": PCRE2 says %d", p, search, text.p, found);
                both += found;
            }
            regex_deinit(&re);
            dfa_deinit(&d);
        }
    }
    assert_true(both > 500);
    regex_run_deinit(&run);
    buf_deinit(&text);
    buf_deinit(&source);
}

struct row {
    const char *pattern;
    unsigned flags;
    const char *good[7], *bad[7];
};

static void test_what_patterns_match(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "^ab$", 0, { "ab" }, { "", "xab", "abx" } },
        { "^ab", PATTERN_SEARCH, { "ab", "abx" }, { "xab", "a" } },
        { "ab$", PATTERN_SEARCH, { "ab", "xab" }, { "abx" } },
        { "^a|b$", PATTERN_SEARCH, { "ax", "xb", "a" }, { "xa", "bx" } },
        { "^$", PATTERN_SEARCH, { "" }, { "a", "\n" } },
        { "(?:^|-)x", PATTERN_SEARCH, { "x", "a-x", "xa" }, { "ax" } },
        { "a^b", PATTERN_SEARCH, { NULL }, { "ab", "a^b" } },
        { "b", PATTERN_SEARCH, { "abc", "b", "a\nb\n" }, { "", "ac" } },
        { ".", 0, { "a", "\xC3\xA9", "\xF0\x9F\x98\x80" }, { "", "\n", "\r", "\xE2\x80\xA8", "ab", "\xC3" } },
        { "[^]", 0, { "a", "\n" }, { "", "ab" } },
        { "a[]b", 0, { NULL }, { "ab", "a", "a]b" } },
        { "a{,2}b", 0, { "a{,2}b" }, { "ab", "aab" } },
        { "\\x61\\u0062\\u{63}\\cJ\\0\\t\\v\\f", 0, { NULL }, { "abc" } },
        { "\\x61\\u0062\\u{63}\\cJ\\t", 0, { "abc\n\t" }, { "abc" } },
        { "\\ud83d\\ude00", 0, { "\xF0\x9F\x98\x80" }, { "" } },
        { "\\s", 0, { " ", "\xC2\xA0", "\xEF\xBB\xBF", "\xE2\x80\xA9" }, { "a", "\xC2\x85", "" } },
        { "[\\b\\-\\]]", 0, { "\b", "-", "]" }, { "b" } },
        { "[\\w-]", 0, { "a", "-", "_" }, { "\xC3\xA9", "." } },
        { "[+--]", 0, { "+", ",", "-" }, { "." } },
        { "\\p{Letter}\\p{Nd}\\p{gc=Sc}", 0, { "\xC3\xA9\x35$", "x\xD9\xA1\xE2\x82\xAC" }, { "1x$", "xx$" } },
        { "a+?b*?", 0, { "a", "aabb" }, { "b" } },
        { "\"\\n", PATTERN_JSON, { "\\\"\\n", "\\u0022\\u000A" }, { "\"\n", "\\\"\n" } },
        { "a/b", PATTERN_JSON, { "a/b", "a\\/b", "\\u0061\\u002f\\u0062" }, { "a\\u003fb" } },
        { "^.$",
          PATTERN_JSON,
          { "a", "\\\\", "\\ud83d\\ude00", "\\u00e9", "\xC3\xA9" },
          { "\\", "\\ud83d", "\\u000a", "\\n", "\"" } },
        { "\\p{ASCII}{2}", 0, { "ab", "\x7F\x01" }, { "\xC3\xA9x" } },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dfa d;
        compile(&d, rows[i].pattern, rows[i].flags);
        for (const char *const *s = rows[i].good; *s; s++)
            if (!matches(&d, str_from(*s)))
                fail_msg("%s does not match \"%s\"", rows[i].pattern, *s);
        for (const char *const *s = rows[i].bad; *s; s++)
            if (matches(&d, str_from(*s)))
                fail_msg("%s matches \"%s\"", rows[i].pattern, *s);
        dfa_deinit(&d);
    }
}

static void test_what_is_refused_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        int code;
        const char *part;
    } rows[] = {
        { "(?=a)", ERR_UNSUPPORTED, "look-around" },
        { "(?<!a)b", ERR_UNSUPPORTED, "look-around" },
        { "(a)\\1", ERR_UNSUPPORTED, "back reference" },
        { "\\k<x>", ERR_UNSUPPORTED, "back reference" },
        { "\\bword", ERR_UNSUPPORTED, "word boundary" },
        { "\\p{Script=Greek}", ERR_UNSUPPORTED, "general category" },
        { "(?i)a", ERR_UNSUPPORTED, "flags" },
        { "(", ERR_FORMAT, "( without )" },
        { "a)", ERR_FORMAT, ") without (" },
        { "[a", ERR_FORMAT, "[ without ]" },
        { "[b-a]", ERR_FORMAT, "out of order" },
        { "a{2,1}", ERR_FORMAT, "out of order" },
        { "*a", ERR_FORMAT, "nothing to repeat at byte" },
        { "a**", ERR_FORMAT, "nothing to repeat" },
        { "a{2}{3}", ERR_FORMAT, "nothing to repeat" },
        { "\\", ERR_FORMAT, "unexpected end" },
        { "\\a", ERR_FORMAT, "unknown escape" },
        { "\\xg0", ERR_FORMAT, "hexadecimal" },
        { "\\u{110000}", ERR_FORMAT, "\\u{...}" },
        { "\xFF", ERR_FORMAT, "UTF-8" },
        { "a{1000000}", ERR_LIMIT, "million" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = ERR_INIT;
        struct grammar *g;
        int code = grammar_regex(&g, str_from(rows[i].pattern), &e);
        if (code != rows[i].code || !strstr(e.msg, rows[i].part))
            fail_msg("%s: %d %s", rows[i].pattern, code, e.msg);
        assert_null(g);
    }
}

static void test_a_pattern_that_matches_nothing_is_no_grammar(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct grammar *g;
    assert_int_equal(grammar_regex(&g, STR("a[]"), &e), ERR_FORMAT);
    assert_non_null(strstr(e.msg, "no output"));
}

static void test_nested_groups_have_a_limit(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct grammar *g;
    struct buf p = { 0 };
    for (int i = 0; i < 100000; i++)
        buf_char(&p, '(');
    assert_int_equal(grammar_regex(&g, buf_view(&p), &e), ERR_LIMIT);
    /* Long chains are no nesting. */
    buf_reset(&p);
    for (int i = 0; i < 5000; i++)
        buf_z(&p, i % 2 ? "a|" : "b");
    buf_z(&p, "c");
    err_clear(&e);
    assert_int_equal(grammar_regex(&g, buf_view(&p), &e), 0);
    grammar_release(g);
    buf_deinit(&p);
}

static void test_a_grammar_of_one_pattern_is_the_whole_output(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct grammar *g;
    assert_int_equal(grammar_regex(&g, STR("\\d{3}-[a-f]+"), &e), 0);
    assert_true(try_takes(g, STR("123-abc")));
    assert_false(try_takes(g, STR("123-")));
    assert_false(try_takes(g, STR("x123-a")));
    grammar_release(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pcre2_says_the_same),
        cmocka_unit_test(test_what_patterns_match),
        cmocka_unit_test(test_what_is_refused_is_named),
        cmocka_unit_test(test_a_pattern_that_matches_nothing_is_no_grammar),
        cmocka_unit_test(test_nested_groups_have_a_limit),
        cmocka_unit_test(test_a_grammar_of_one_pattern_is_the_whole_output),
    };
    return cmocka_run_group_tests(tests, try_setup, try_teardown);
}
