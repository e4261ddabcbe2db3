/* test_custom_input.c - the text of a custom tool out of its JSON arguments, cut between any two bytes.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "api/custom_input.h"
#include "base/base.h"
#include "base/rng.h"
#include "format/json.h"

/* Feeds `json` in two pieces and gives what came before the end and in all. */
static void decode(struct str json, size_t cut, struct buf *out)
{
    struct custom_input c = { 0 };
    custom_input_feed(&c, str_sub(json, 0, cut), out);
    custom_input_feed(&c, str_sub(json, cut, json.n), out);
    custom_input_end(&c, out);
    custom_input_deinit(&c);
}

static void is_for_every_cut(const char *json, const char *want)
{
    struct buf out = { 0 };
    for (size_t cut = 0; cut <= strlen(json); cut++) {
        buf_reset(&out);
        decode(str_from(json), cut, &out);
        if (!str_eqz(buf_view(&out), want))
            fail_msg("%s cut at %zu: expected %s, found %s", json, cut, want, out.p ? out.p : "");
    }
    buf_deinit(&out);
}

static void the_string_is_decoded(void **state)
{
    (void)state;
    is_for_every_cut("{\"input\": \"plain\"}", "plain");
    is_for_every_cut("{ \"input\" :\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\t\"}", "a\"b\\c/d\b\f\n\r\t");
    is_for_every_cut("{\"input\":\"\\u00e9\\u20ac\\ud83d\\ude00\\u0041 größe\"}", "é€😀A größe");
    is_for_every_cut("{\"input\":\"\"}", "");
}

static void half_a_surrogate_pair_is_a_replacement(void **state)
{
    (void)state;
    is_for_every_cut("{\"input\":\"\\ud83d\"}", "\xef\xbf\xbd");
    is_for_every_cut("{\"input\":\"\\ud83dx\\ude00\"}", "\xef\xbf\xbdx\xef\xbf\xbd");
    is_for_every_cut("{\"input\":\"\\ud83d\\ud83d\\ude00\"}", "\xef\xbf\xbd😀");
    is_for_every_cut("{\"input\":\"\\ud83d\\n\"}", "\xef\xbf\xbd\n");
}

static void other_members_are_passed_over(void **state)
{
    (void)state;
    is_for_every_cut("{\"why\": {\"input\": [\"}\", \"\\\"{\"]}, \"n\": -1.5e3, \"input\": \"x\", \"z\": \"input\"}",
                     "x");
    is_for_every_cut("{\"inputs\": \"a\", \"inpu\": \"b\", \"in\\u0070ut\": \"c\", \"input\": \"d\", \"input\": \"e\"}",
                     "d");
}

static void without_the_string_the_arguments_are_the_text(void **state)
{
    (void)state;
    is_for_every_cut("{}", "");
    is_for_every_cut("{\"patch\": \"x\"}", "{\"patch\": \"x\"}");
    is_for_every_cut("{\"input\": {\"a\": 1}}", "{\"input\": {\"a\": 1}}");
}

static void text_comes_while_the_string_grows(void **state)
{
    (void)state;
    struct custom_input c = { 0 };
    struct buf out = { 0 };
    custom_input_feed(&c, STR("{\"input\": \"half of "), &out);
    assert_string_equal(out.p, "half of ");
    custom_input_feed(&c, STR("it \\"), &out);
    assert_string_equal(out.p, "half of it ");
    custom_input_deinit(&c);
    buf_deinit(&out);
}

static void any_text_comes_back(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 7);
    static const char *const pieces[] = { "\"", "\\", "\n", "\t", "a", "}", "{", ",", "é", "😀", "\x01", "\\u00e9" };
    for (int i = 0; i < 500; i++) {
        struct buf text = { 0 }, json = { 0 }, out = { 0 };
        for (uint64_t n = rng_next(&r) % 20; n; n--)
            buf_z(&text, pieces[rng_next(&r) % ARRAY_LEN(pieces)]);
        buf_z(&json, "{\"input\": ");
        json_write_str(&json, buf_view(&text));
        buf_char(&json, '}');
        decode(buf_view(&json), rng_next(&r) % json.n, &out);
        assert_true(str_eq(buf_view(&out), buf_view(&text)));
        buf_deinit(&text);
        buf_deinit(&json);
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_string_is_decoded),
        cmocka_unit_test(half_a_surrogate_pair_is_a_replacement),
        cmocka_unit_test(other_members_are_passed_over),
        cmocka_unit_test(without_the_string_the_arguments_are_the_text),
        cmocka_unit_test(text_comes_while_the_string_grows),
        cmocka_unit_test(any_text_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
