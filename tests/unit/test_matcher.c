/* test_matcher.c - masks of grammars over the demonstration model's vocabulary, against trying every token's bytes.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <string.h>

#include "base/base.h"
#include "base/rng.h"
#include "format/json.h"
#include "support/grammar_try.h"
#include "text/grammar.h"
#include "text/matcher.h"

static void test_json_takes_json_and_nothing_else(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{}",
        "{\"a\": [1, 2.5e-3, true, null, \"x\\u00e9\\n\"]}",
        "[]",
        "[[[[[[]]]]]]",
        "-0",
        "\"\\ud83d\\ude00 \xF0\x9F\x98\x80\"",
        "  {\n  \"k\" : { \"l\":[ ] }\n}",
    };
    static const char *const bad[] = {
        "", "{", "{]", "01", "{\"a\" 1}", "[1,]", "\"\n\"", "tru", "{} ", "nul l", "'a'"
    };
    struct err e = ERR_INIT;
    struct grammar *g;
    assert_int_equal(grammar_json(&g, false, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!try_takes(g, str_from(good[i])))
            fail_msg("not taken: %s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (try_takes(g, str_from(bad[i])))
            fail_msg("taken: %s", bad[i]);
    grammar_release(g);
    assert_int_equal(grammar_json(&g, true, &e), 0);
    assert_true(try_takes(g, STR("{\"a\":1}")));
    assert_false(try_takes(g, STR("[1]")));
    grammar_release(g);
}

static void test_random_json_parses(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct rng r;
    struct grammar *g;
    size_t ended = 0;
    rng_init(&r, 7);
    assert_int_equal(grammar_json(&g, false, &e), 0);
    for (int i = 0; i < 150; i++) {
        struct buf text = { 0 };
        struct matcher *m = try_matcher(g);
        struct json *doc;
        if (try_walk(m, &r, 20, 300, false, &text)) {
            ended++;
            if (json_parse(&doc, buf_view(&text), "output", NULL, &e))
                fail_msg("%s\n%s", e.msg, text.p);
            json_free(doc);
        }
        matcher_free(m);
        buf_deinit(&text);
    }
    grammar_release(g);
    assert_true(ended > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_takes_json_and_nothing_else),
        cmocka_unit_test(test_random_json_parses),
    };
    return cmocka_run_group_tests(tests, try_setup, try_teardown);
}
