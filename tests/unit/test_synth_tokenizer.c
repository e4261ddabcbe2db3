/* test_synth_tokenizer.c - the made tokenizer and its chat template.
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
#include "text/synth_tokenizer.h"
#include "text/template/jinja.h"
#include "text/tokenizer.h"

static struct tokenizer *make(int n_vocab)
{
    struct buf json = { 0 };
    struct tokenizer *t = NULL;
    struct err e = ERR_INIT;
    if (synth_tokenizer_json(&json, n_vocab, &e) || tokenizer_parse(&t, buf_view(&json), "tokenizer.json", &e))
        fail_msg("%d tokens: %s", n_vocab, e.msg);
    buf_deinit(&json);
    return t;
}

static void assert_round_trip(const struct tokenizer *t, const char *text)
{
    struct ids ids = { 0 };
    struct buf back = { 0 };
    struct err e = ERR_INIT;
    if (tokenizer_encode(t, str_from(text), TOKENIZER_ADDED_ALL, &ids, &e))
        fail_msg("%s", e.msg);
    tokenizer_decode(t, ids.v, ids.n, false, &back);
    assert_true(str_eqz(buf_view(&back), text));
    ids_deinit(&ids);
    buf_deinit(&back);
}

static void any_text_round_trips_with_any_vocabulary(void **state)
{
    (void)state;
    static const int sizes[] = { 265, 266, 384, 6144, 32000, 151936, 262144 };
    static const char *const texts[] = {
        "The quick brown fox jumps over the lazy dog.\n\n    return s[::-1]\n",
        "\xc3\xa9t\xc3\xa9, \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e, \xf0\x9f\x98\x80\t1234\r\n",
        "<|im_start|>user\nhello<|im_end|>\n<|endoftext|>",
    };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct tokenizer *t = make(sizes[i]);
        assert_int_equal(tokenizer_size(t), sizes[i]);
        for (size_t k = 0; k < ARRAY_LEN(texts); k++)
            assert_round_trip(t, texts[k]);
        tokenizer_close(t);
    }
}

static void added_tokens_end_the_vocabulary(void **state)
{
    (void)state;
    struct tokenizer *t = make(6144);
    assert_int_equal(tokenizer_find_added(t, STR("<|endoftext|>")), 6135);
    assert_int_equal(tokenizer_find_added(t, STR("<|im_end|>")), synth_tokenizer_id(SYNTH_TOKENIZER_IM_END, 6144));
    assert_int_equal(tokenizer_find_added(t, STR("</think>")), 6143);
    assert_true(tokenizer_is_special(t, 6137));
    assert_false(tokenizer_is_special(t, 6138));
    tokenizer_close(t);
}

static void english_takes_fewer_tokens_than_bytes(void **state)
{
    (void)state;
    static const char text[] = "It is how speed and memory are measured where the real weights cannot be had.";
    struct tokenizer *t = make(151936);
    struct ids ids = { 0 };
    assert_int_equal(tokenizer_encode(t, str_from(text), TOKENIZER_ADDED_ALL, &ids, NULL), 0);
    assert_true(ids.n < sizeof text / 2);
    ids_deinit(&ids);
    tokenizer_close(t);
}

static void sizes_that_cannot_be_made_are_refused(void **state)
{
    (void)state;
    static const int sizes[] = { 0, 264, 1 << 24 };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf json = { 0 };
        struct err e = ERR_INIT;
        assert_int_equal(synth_tokenizer_json(&json, sizes[i], &e), ERR_UNSUPPORTED);
        assert_non_null(strstr(e.msg, "vocab_size"));
        assert_int_equal(json.n, 0);
        buf_deinit(&json);
    }
}

static void assert_renders(const char *vars, const char *want)
{
    struct json *v = NULL;
    struct jinja *t = NULL;
    struct marked out = { 0 };
    struct err e = ERR_INIT;
    if (json_parse(&v, str_from(vars), "variables", &json_limits_default, &e) ||
        jinja_parse(&t, str_from(synth_tokenizer_template), "chat_template.jinja", &e) ||
        jinja_render(t, v, NULL, 0, &jinja_limits_default, &out, &e))
        fail_msg("%s", e.msg);
    assert_string_equal(out.text.p, want);
    marked_deinit(&out);
    jinja_free(t);
    json_free(v);
}

static void template_renders_turns(void **state)
{
    (void)state;
    assert_renders(
        "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\": \"U\"}], "
        "\"add_generation_prompt\": true}",
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n");
}

static void template_renders_tools_calls_and_results(void **state)
{
    (void)state;
    assert_renders(
        "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"assistant\", \"content\": null, "
        "\"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": {\"a\": 1}}}]}, "
        "{\"role\": \"tool\", \"content\": \"R\"}], \"tools\": [{\"name\": \"f\"}]}",
        "<|im_start|>system\nS\n\n# Tools\n\n<tools>\n{\"name\": \"f\"}\n</tools>\n\nTo call a tool, "
        "write:\n<tool_call>\n"
        "{\"name\": NAME, \"arguments\": OBJECT}\n</tool_call><|im_end|>\n<|im_start|>assistant\n\n<tool_call>\n"
        "{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\nR\n"
        "</tool_response><|im_end|>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_text_round_trips_with_any_vocabulary),
        cmocka_unit_test(added_tokens_end_the_vocabulary),
        cmocka_unit_test(english_takes_fewer_tokens_than_bytes),
        cmocka_unit_test(sizes_that_cannot_be_made_are_refused),
        cmocka_unit_test(template_renders_turns),
        cmocka_unit_test(template_renders_tools_calls_and_results),
    };
    return cmocka_run_group_tests_name("synth tokenizer", tests, NULL, NULL);
}
