/* test_script.c - answers laid down in advance: which rule answers which request, and files that are no script.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/script.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define MINI "models/octet-mini"

static struct tokenizer *tok;
static char path[] = "/tmp/test_script.XXXXXX";

static int open_tok(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    int fd = mkstemp(path);
    if (fd >= 0)
        close(fd);
    return fd < 0 || tokenizer_open(&tok, MINI, &e);
}

static int close_tok(void **state)
{
    (void)state;
    tokenizer_close(tok);
    return remove(path);
}

static struct script *script(const char *text)
{
    struct err e = ERR_INIT;
    struct script *s;
    assert_int_equal(file_write(path, str_from(text), &e), 0);
    if (script_open(&s, path, tok, &e))
        fail_msg("%s", e.msg);
    return s;
}

/* The answer to a conversation that ends with `role` saying `text`; "-" if there is none. The caller frees it. */
static char *answer(struct script *s, const char *role, const char *text, size_t n_tool)
{
    struct err e = ERR_INIT;
    struct buf b = { 0 };
    struct json *messages;
    buf_printf(&b, "[{\"role\": \"user\", \"content\": \"first\"}, {\"role\": \"%s\", \"content\": \"%s\"}]", role,
               text);
    assert_int_equal(json_parse(&messages, buf_view(&b), "messages", NULL, &e), 0);
    buf_reset(&b);
    struct api_request r = { .messages = messages, .n_tool = n_tool };
    const struct ids *ids = script_pick(s, &r);
    if (ids)
        tokenizer_decode(tok, ids->v, ids->n, false, &b);
    else
        buf_z(&b, "-");
    json_free(messages);
    return buf_take(&b);
}

static void expect(struct script *s, const char *role, const char *text, size_t n_tool, const char *want)
{
    char *got = answer(s, role, text, n_tool);
    assert_string_equal(got, want);
    mem_free(got);
}

static void the_first_rule_that_fits_answers(void **state)
{
    (void)state;
    struct script *s = script("{\"text\": \"a\", \"tools\": true, \"last\": \"user\"}\n\n"
                              "{\"text\": \"b\", \"tools\": false}\n"
                              "{\"text\": \"c\", \"contains\": \"needle\"}");
    expect(s, "user", "hi", 2, "a");
    expect(s, "user", "needle", 0, "b");
    expect(s, "tool", "a needle!", 2, "c");
    expect(s, "tool", "hay", 2, "-");
    script_close(s);
}

static void a_rule_is_used_up(void **state)
{
    (void)state;
    struct script *s = script("{\"text\": \"one\", \"times\": 2}\n{\"text\": \"then\"}\n");
    expect(s, "user", "", 0, "one");
    expect(s, "user", "", 0, "one");
    expect(s, "user", "", 0, "then");
    expect(s, "user", "", 0, "then");
    script_close(s);
}

static void added_tokens_count_as_such(void **state)
{
    (void)state;
    struct script *s = script("{\"text\": \"<tool_call>\"}\n");
    struct api_request r = { 0 };
    const struct ids *ids = script_pick(s, &r);
    assert_int_equal(ids->n, 1);
    assert_int_equal(ids->v[0], tokenizer_find_added(tok, str_from("<tool_call>")));
    script_close(s);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } t[] = {
        { "{\"text\": \"a\"}\n{\"tools\": true}", ", line 2: text: expected a string, found nothing" },
        { "\n{\"text\": 3}", ", line 2: text: expected a string, found 3" },
        { "{\"text\": \"a\", \"times\": -1}", ", line 1: times: " },
        { "{\"text\"", ", line 1" },
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct err e = ERR_INIT;
        struct script *s;
        assert_int_equal(file_write(path, str_from(t[i].text), &e), 0);
        assert_int_not_equal(script_open(&s, path, tok, &e), 0);
        if (strstr(e.msg, t[i].message) == NULL)
            fail_msg("expected \"%s\", found \"%s\"", t[i].message, e.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_fits_answers),
        cmocka_unit_test(a_rule_is_used_up),
        cmocka_unit_test(added_tokens_count_as_such),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
    };
    return cmocka_run_group_tests(tests, open_tok, close_tok);
}
