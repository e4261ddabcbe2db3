/* test_grammar_ebnf.c - the notation of grammars: what is read, and what is refused where.
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
#include "support/grammar_try.h"

struct row {
    const char *text;
    const char *good[6], *bad[6];
};

static void test_what_is_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "start: \"a\" | 'b' \"c\"", { "a", "bc" }, { "", "b", "ac" } },
        { "x: y y\ny: /[0-9]{2}/", { "1234" }, { "12", "123" } },
        { "first: start\nstart: \"s\"", { "s" }, { "" } },
        { "root ::= [a-z]+ \"]\" | [^\\]x]{2}", { "abc]", "12" }, { "abc", "1]", "x1", "]" } },
        { "start: [\"a\"] (\"b\" | \"c\")? \"d\"*", { "", "ab", "cdd", "add" }, { "ba", "abc" } },
        { "start: \"x\"{2} | \"y\"{1,2} | \"z\"{3,} | \"w\"{,1} \"!\"",
          { "xx", "yy", "zzzz", "w!", "!" },
          { "x", "yyy", "zz", "ww!" } },
        { "start: \"x\"~2 | \"y\" ~ 1..2", { "xx", "y", "yy" }, { "x", "", "yyy" } },
        { "start: \"a\"..\"f\" \"\\u00e9\"..\"\\u{ea}\"",
          { "a\xC3\xA9", "f\xC3\xAA" },
          { "g\xC3\xA9", "a\xC3\xAB", "a" } },
        { "start: \"Select\"i \" \"", { "select ", "SELECT ", "sElEcT " }, { "selec ", "select" } },
        { "start: a // to the end\n# another\n a: \"1\";b: \"2\"", { "1" }, { "2", "" } },
        { "?start: sum -> whole\n!sum: sum \"+\" num -> add | num\nnum: /\\d+/", { "1", "1+20+3" }, { "+", "1+" } },
        { "start: \"(\" start \")\" | ", { "", "()", "((()))" }, { "(", "())" } },
        { "start:\n  | \"a\"\n  | \"b\"\n", { "a", "b" }, { "", "ab" } },
        { "start: | \"a\" start", { "", "a", "aa" }, { "b" } },
        { "root ::= \"x\" (| \"a\") \"y\"", { "xy", "xay" }, { "x", "xaay" } },
        { "start: \"\\x41\\t\\\"\\\\\" /a\\/[/]/", { "A\t\"\\a//" }, { "A\t\"\\a/" } },
        { "root ::= obj-1 .\nobj-1 ::= \"k\"", { "kx", "k\xC3\xA9" }, { "k" } },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = ERR_INIT;
        struct grammar *g;
        if (grammar_ebnf(&g, str_from(rows[i].text), &e))
            fail_msg("%s\n%s", rows[i].text, e.msg);
        for (const char *const *s = rows[i].good; *s; s++)
            if (!try_takes(g, str_from(*s)))
                fail_msg("%s\nnot taken: %s", rows[i].text, *s);
        for (const char *const *s = rows[i].bad; *s; s++)
            if (try_takes(g, str_from(*s)))
                fail_msg("%s\ntaken: %s", rows[i].text, *s);
        grammar_release(g);
    }
}

static void test_what_is_refused_names_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *part;
    } rows[] = {
        { "", ERR_FORMAT, "no rule" },
        { "start: a\n\nb: \"x\"", ERR_FORMAT, "line 1, column 8: a rule that is not defined" },
        { "start: \"a\"\nstart: \"b\"", ERR_FORMAT, "line 2, column 1: a rule that is defined already" },
        { "start: \"a", ERR_FORMAT, "line 1, column 8: a quote that is not closed" },
        { "start: (\"a\"", ERR_FORMAT, "( without )" },
        { "start: [\"a\"", ERR_FORMAT, "[ without ]" },
        { "start: /a", ERR_FORMAT, "second /" },
        { "start: /(/", ERR_FORMAT, "( without )" },
        { "start: /a(?=b)/", ERR_UNSUPPORTED, "look-around" },
        { "start: /a/i", ERR_UNSUPPORTED, "flags" },
        { "start: \"a\"{3,2}", ERR_FORMAT, "a wrong count" },
        { "start: \"a\"{}", ERR_FORMAT, "a wrong count" },
        { "start: \"ab\"..\"c\"", ERR_FORMAT, "two characters" },
        { "start: \"\\q\"", ERR_FORMAT, "escape" },
        { "%ignore \" \"", ERR_FORMAT, "directives" },
        { "start \"a\"", ERR_FORMAT, "expected : or ::=" },
        { "start: )", ERR_FORMAT, "line 1, column 8: expected a rule" },
        { "start: b \"x\"\nb: start \"y\" | \"z\"", ERR_UNSUPPORTED, "left-recursive" },
        { "start: \"a\" start", ERR_FORMAT, "no output" },
        { "start: \"\xFF\"", ERR_FORMAT, "wrong UTF-8" },
        { "start: /(a|b)*a(a|b){40}/", ERR_LIMIT, "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = ERR_INIT;
        struct grammar *g;
        assert_int_equal(grammar_ebnf(&g, str_from(rows[i].text), &e), rows[i].code);
        assert_null(g);
        if (!strstr(e.msg, rows[i].part))
            fail_msg("%s: %s", rows[i].text, e.msg);
    }
}

static void test_depth_and_size_have_limits(void **state)
{
    (void)state;
    struct buf text = { 0 };
    struct grammar *g;
    struct err e = ERR_INIT;
    buf_z(&text, "start: ");
    for (int i = 0; i < 100000; i++)
        buf_char(&text, '(');
    assert_int_equal(grammar_ebnf(&g, buf_view(&text), &e), ERR_LIMIT);
    buf_reset(&text);
    err_clear(&e);
    buf_z(&text, "start: \"a\"");
    while (text.n <= 1 << 20)
        buf_char(&text, ' ');
    assert_int_equal(grammar_ebnf(&g, buf_view(&text), &e), ERR_LIMIT);
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_read),
        cmocka_unit_test(test_what_is_refused_names_its_place),
        cmocka_unit_test(test_depth_and_size_have_limits),
    };
    return cmocka_run_group_tests(tests, try_setup, try_teardown);
}
