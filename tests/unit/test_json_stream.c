/* test_json_stream.c - JSON as a sequence of tokens.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "base/buf.h"
#include "format/json_stream.h"

/* Each token as its letter, depth and text. */
static int note(void *arg, const struct json_token *tok, struct err *e)
{
    struct buf *b = arg;
    if (str_eqz(tok->text, "stop"))
        return err_set(e, ERR_CANCELLED, "stopped at %zu", tok->end);
    buf_printf(b, "%c%d%.*s ", "nb#sk{}[]"[tok->type], tok -> depth, (int)tok -> text.n,
               tok->text.p ? tok->text.p : "");
    return 0;
}

static void reads(const char *json, const char *expected)
{
    struct buf b = { 0 };
    struct err e = ERR_INIT;
    if (json_stream(str_from(json), "doc", note, &b, &e))
        fail_msg("%s", e.msg);
    assert_string_equal(b.p, expected);
    buf_deinit(&b);
}

static void refuses(const char *json, int code, const char *message)
{
    struct buf b = { 0 };
    struct err e = ERR_INIT;
    assert_int_equal(json_stream(str_from(json), "doc", note, &b, &e), code);
    if (!strstr(e.msg, message))
        fail_msg("\"%s\" lacks \"%s\"", e.msg, message);
    buf_deinit(&b);
}

static void tokens_come_in_order_with_their_depth(void **state)
{
    (void)state;
    reads("{\"a\": [1, -2.50e3, true], \"b\": {\"c\": null}}", "{0 k1a [1 #21 #2-2.50e3 b2 ]1 k1b {1 k2c n2 }1 }0 ");
    reads("[]", "[0 ]0 ");
    reads(" \"x\" ", "s0x ");
    reads("99999999999999999999999", "#099999999999999999999999 ");
}

static void escapes_are_resolved(void **state)
{
    (void)state;
    reads("[\"\\u0120\\n\\\"\\\\\\ud83d\\ude00\\ud876\\udd89\"]",
          "[0 s1\xc4\xa0\n\"\\\xf0\x9f\x98\x80\xf0\xad\xa6\x89 ]0 ");
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
    (void)state;
    refuses("", ERR_FORMAT, "doc: line 1, column 1: ");
    refuses("{\n \"a\": 'b'}", ERR_FORMAT, "doc: line 2, column ");
    refuses("[1, 2", ERR_FORMAT, "doc: line 1, column 6: ");
    refuses("[1] 2", ERR_FORMAT, "doc: line 1, column ");
    refuses("[\"\xff\"]", ERR_FORMAT, "doc: line 1, column ");
    refuses("[/* c */]", ERR_FORMAT, "doc: line 1, column ");
}

static void a_receiver_can_stop(void **state)
{
    (void)state;
    refuses("[1, \"stop\", oops", ERR_CANCELLED, "stopped at 10");
}

static void depth_is_limited(void **state)
{
    (void)state;
    struct buf deep = { 0 };
    for (int i = 0; i < 1000; i++)
        buf_z(&deep, "[");
    refuses(deep.p, ERR_LIMIT, "inside each other");
    buf_deinit(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_come_in_order_with_their_depth),
        cmocka_unit_test(escapes_are_resolved),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(a_receiver_can_stop),
        cmocka_unit_test(depth_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
