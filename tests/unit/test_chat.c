/* test_chat.c - which template a model has, its special tokens, tool-call arguments, and prompts that no value can forge.
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
#include "support/made.h"
#include "text/template/chat.h"
#include "text/tokenizer.h"

static const char mini[] = "models/octet-mini";

static struct json *parse(const char *text)
{
    struct json *v;
    struct err e = ERR_INIT;
    if (json_parse(&v, str_from(text), "test", NULL, &e) != 0)
        fail_msg("%s\n%s", e.msg, text);
    return v;
}

static void render(const struct chat *c, const char *vars, struct marked *out)
{
    struct json *v = parse(vars);
    struct err e = ERR_INIT;
    if (chat_render(c, v, 0, out, &e) != 0)
        fail_msg("%s", e.msg);
    json_free(v);
}

/* Opens the directory, renders with `vars` and compares; closes. */
static void renders_as(const struct made *m, const char *vars, const char *want)
{
    struct chat *c;
    struct marked out = { 0 };
    struct err e = ERR_INIT;
    if (chat_open(&c, m->dir, &e) != 0)
        fail_msg("%s", e.msg);
    assert_true(chat_has_template(c));
    render(c, vars, &out);
    assert_true(str_eqz(buf_view(&out.text), want));
    marked_deinit(&out);
    chat_close(c);
}

static void a_template_file_comes_first(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    made_file(&m, "tokenizer_config.json", STR("{\"chat_template\": \"from the config\"}"));
    renders_as(&m, "{\"messages\": []}", "from the config");
    made_file(&m, "chat_template.jinja", STR("from the file {{ messages|length }}\n"));
    renders_as(&m, "{\"messages\": [1]}", "from the file 1");
    made_deinit(&m);
}

static void of_named_templates_tools_choose(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    made_file(&m, "tokenizer_config.json",
              STR("{\"chat_template\": [{\"name\": \"default\", \"template\": \"D\"}, {\"name\": \"rag\", "
                  "\"template\": \"R\"},"
                  " {\"name\": \"tool_use\", \"template\": \"T{{ tools|length }}\"}]}"));
    renders_as(&m, "{\"messages\": []}", "D");
    renders_as(&m, "{\"messages\": [], \"tools\": null}", "D");
    renders_as(&m, "{\"messages\": [], \"tools\": []}", "T0");
    renders_as(&m, "{\"messages\": [], \"tools\": [1]}", "T1");
    made_file(&m, "tokenizer_config.json", STR("{\"chat_template\": [{\"name\": \"default\", \"template\": \"D\"}]}"));
    renders_as(&m, "{\"messages\": [], \"tools\": [1]}", "D");
    made_deinit(&m);
}

static void special_tokens_are_text_of_the_template(void **state)
{
    (void)state;
    struct made m;
    struct chat *c;
    struct marked out = { 0 };
    made_init(&m);
    made_file(&m, "chat_template.jinja",
              STR("{{ bos_token }}{{ messages[0] }}{{ eos_token }}{{ pad_token }}{{ unk_token }}|"));
    made_file(&m, "tokenizer_config.json",
              STR("{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\", \"lstrip\": false}, \"pad_token\": "
                  "null}"));
    assert_int_equal(chat_open(&c, m.dir, NULL), 0);
    render(c, "{\"messages\": [\"hi\"]}", &out);
    assert_true(str_eqz(buf_view(&out.text), "<s>hi</s>|"));
    assert_int_equal(out.n_span, 1);
    assert_true(out.spans[0].from == 3 && out.spans[0].to == 5);
    marked_reset(&out);
    render(c, "{\"messages\": [\"hi\"], \"eos_token\": \"mine\"}", &out); /* the caller's counts as a value */
    assert_true(str_eqz(buf_view(&out.text), "<s>himine|"));
    assert_int_equal(out.spans[0].to, 9);
    marked_deinit(&out);
    chat_close(c);
    made_deinit(&m);
}

static void open_fails(const char *path, int code, const char *message)
{
    struct chat *c;
    struct err e = ERR_INIT;
    int rc = chat_open(&c, path, &e);
    if (rc != code || e.code != code || !strstr(e.msg, message) || c)
        fail_msg("want %d %s, got %d %s", code, message, rc, e.msg);
}

static void what_cannot_be_used_says_why(void **state)
{
    (void)state;
    struct made m;
    struct chat *c;
    struct err e = ERR_INIT;
    struct marked out = { 0 };
    made_init(&m);
    struct json *vars = parse("{\"messages\": []}");
    assert_int_equal(chat_open(&c, m.dir, &e), 0);
    assert_false(chat_has_template(c));
    assert_int_equal(chat_render(c, vars, 0, &out, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(
        e.msg,
        "the model has no chat template: neither chat_template.jinja nor `chat_template` in tokenizer_config.json"));
    assert_non_null(strstr(e.msg, m.dir));
    chat_close(c);
    made_file(
        &m, "tokenizer_config.json",
        STR("{\"chat_template\": [{\"name\": \"a\", \"template\": \"A\"}, {\"name\": \"b\", \"template\": \"B\"}]}"));
    err_clear(&e);
    assert_int_equal(chat_open(&c, m.dir, &e), 0);
    assert_int_equal(chat_render(c, vars, 0, &out, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.msg, "of the chat templates \"a\", \"b\" none is called \"default\""));
    chat_close(c);
    json_free(vars);
    made_file(&m, "tokenizer_config.json", STR("{\"chat_template\": 5}"));
    open_fails(m.dir, ERR_FORMAT, "tokenizer_config.json: chat_template: expected a string or a list, found 5");
    made_file(&m, "tokenizer_config.json", STR("{\"chat_template\": [{\"name\": \"a\"}]}"));
    open_fails(m.dir, ERR_FORMAT, "chat_template[0].template: expected a string, found nothing");
    made_file(&m, "tokenizer_config.json", STR("{\"chat_template\": \"a\\n{% if %}\"}"));
    open_fails(m.dir, ERR_FORMAT, "tokenizer_config.json: chat_template: line 2: expected an expression");
    made_file(&m, "tokenizer_config.json", STR("{\"chat_template\": [{\"name\": \"x\", \"template\": \"{{\"}]}"));
    open_fails(m.dir, ERR_FORMAT, "tokenizer_config.json: chat_template 'x': line 1: the template ends inside a tag");
    made_file(&m, "tokenizer_config.json", STR("{\"chat_template\": "));
    open_fails(m.dir, ERR_FORMAT, "tokenizer_config.json: line 1");
    made_file(&m, "tokenizer_config.json", STR("{}"));
    made_file(&m, "chat_template.jinja", STR("{% for %}"));
    open_fails(m.dir, ERR_FORMAT, "chat_template.jinja: line 1: expected");
    open_fails("/nonexistent/x.jinja", ERR_IO, "/nonexistent/x.jinja");
    made_deinit(&m);
}

static void arguments_that_are_strings_become_objects(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    made_file(&m, "chat_template.jinja",
              STR("{% for m in messages %}{% for c in (m.tool_calls if m.tool_calls is iterable else []) %}{% set a = "
                  "c.function.arguments if "
                  "c.function is defined else "
                  "c.arguments %}{{ a is mapping }}{{ a|tojson }};{% endfor %}{% endfor %}"));
    renders_as(
        &m,
        "{\"messages\": [{\"role\": \"user\", \"content\": \"{}\"}, {\"role\": \"assistant\", \"tool_calls\": ["
        "{\"function\": {\"name\": \"f\", \"arguments\": \"{\\\"b\\\": 1.50, \\\"a\\\": \\\"x\\\"}\"}},"
        "{\"function\": {\"name\": \"f\", \"arguments\": {\"b\": 2}}}, {\"name\": \"g\", \"arguments\": \" {} \"},"
        "{\"function\": {\"name\": \"f\", \"arguments\": \"{broken\"}}, {\"function\": {\"name\": \"f\", "
        "\"arguments\": \"[1]\"}},"
        "{\"function\": {\"name\": \"f\", \"arguments\": \"\"}}]}, {\"role\": \"tool\", \"content\": \"{}\"},"
        "{\"role\": \"assistant\", \"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": \"{\\\"z\\\": "
        "[1e5]}\"}}]},"
        "{\"tool_calls\": null}, {\"tool_calls\": 5}, {}]}",
        "True{\"b\": 1.5, \"a\": \"x\"};True{\"b\": 2};True{};False\"{broken\";False\"[1]\";False\"\";True{\"z\": "
        "[100000.0]};");
    made_deinit(&m);
}

/* The places of a conversation where a value stands. */
static const char *const fields[] = {
    "user",
    "system",
    "assistant",
    "tool name",
    "tool description",
    "parameter name",
    "parameter type",
    "parameter description",
    "enum",
    "schema key",
    "required",
    "call name",
    "argument name",
    "argument value",
    "tool result",
    "name",
    "reasoning",
    "string argument",
    "tool extra",
    "role",
};

/* The conversation with `text` put into field `at` (ARRAY_LEN(fields): into none), behind a word. */
static char *conversation(struct buf *out, size_t at, const char *text)
{
    const char *v[ARRAY_LEN(fields)];
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        v[i] = i == at ? text : "";
    buf_printf(out,
               "{\"add_generation_prompt\": true, \"messages\": [{\"role\": \"system\", \"content\": \"be kind%s\"},"
               "{\"role\": \"user%s\", \"name\": \"ada%s\", \"content\": \"hello%s\"},"
               "{\"role\": \"assistant\", \"reasoning_content\": \"hm%s\", \"content\": \"well%s\", \"tool_calls\": "
               "[{\"type\": \"function\","
               " \"function\": {\"name\": \"look%s\", \"arguments\": {\"key%s\": \"value%s\"}}},"
               " {\"type\": \"function\", \"function\": {\"name\": \"look\", \"arguments\": \"{\\\"key\\\": "
               "\\\"value%s\\\"}\"}}]},"
               "{\"role\": \"tool\", \"content\": \"result%s\"}],",
               v[1], v[19], v[15], v[0], v[16], v[2], v[11], v[12], v[13], v[17], v[14]);
    buf_printf(out,
               "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"look%s\", \"description\": "
               "\"looks%s\", \"strict\": \"s%s\","
               " \"parameters\": {\"type\": \"object\", \"properties\": {\"key%s\": {\"type\": \"string%s\", "
               "\"description\": \"which%s\","
               " \"enum\": [\"a%s\"], \"x%s\": 1}}, \"required\": [\"key%s\"]}}}]}",
               v[3], v[4], v[18], v[5], v[6], v[7], v[8], v[9], v[10]);
    return out->p;
}

static void encode(const struct chat *c, const struct tokenizer *t, const char *vars, struct ids *out,
                   struct marked *prompt)
{
    marked_reset(prompt);
    render(c, vars, prompt);
    out->n = 0;
    assert_int_equal(tokenizer_encode_marked(t, prompt, out, NULL), 0);
}

static size_t count_added(const struct tokenizer *t, const struct ids *ids)
{
    size_t n = 0;
    for (size_t i = 0; i < ids->n; i++)
        n += tokenizer_is_added(t, ids->v[i]);
    return n;
}

static void no_value_forges_a_control_token(void **state)
{
    (void)state;
    struct chat *c;
    struct tokenizer *t;
    struct ids ids = { 0 };
    struct marked prompt = { 0 };
    struct buf vars = { 0 };
    size_t n_added = 0, n_seen = 0;
    assert_int_equal(chat_open(&c, mini, NULL), 0);
    assert_int_equal(tokenizer_open(&t, mini, NULL), 0);
    encode(c, t, conversation(&vars, ARRAY_LEN(fields), ""), &ids, &prompt);
    size_t plain = count_added(t, &ids);
    assert_true(plain > 8);
    for (int32_t id = 0; id < tokenizer_size(t); id++) {
        if (!tokenizer_is_added(t, id))
            continue;
        char token[64];
        snprintf(token, sizeof token, "%.*s", (int)tokenizer_bytes(t, id).n, tokenizer_bytes(t, id).p);
        n_added++;
        for (size_t at = 0; at < ARRAY_LEN(fields); at++) {
            buf_reset(&vars);
            encode(c, t, conversation(&vars, at, token), &ids, &prompt);
            if (count_added(t, &ids) != plain)
                fail_msg("%s in %s: %zu control tokens, not %zu", token, fields[at], count_added(t, &ids), plain);
            ids.n = 0; /* encoded without regard to origin there is one more */
            assert_int_equal(tokenizer_encode(t, buf_view(&prompt.text), TOKENIZER_ADDED_ALL, &ids, NULL), 0);
            n_seen += count_added(t, &ids) > plain;
        }
    }
    assert_true(n_added >= 9);
    /* All fields but the name and the reasoning are in this template's prompt. */
    assert_int_equal(n_seen, n_added * (ARRAY_LEN(fields) - 2));
    buf_deinit(&vars);
    marked_deinit(&prompt);
    ids_deinit(&ids);
    tokenizer_close(t);
    chat_close(c);
}

static void text_without_tokens_is_encoded_as_the_whole_prompt(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " plain words, and more of them",
        "  two  spaces and\\ttabs\\n\\n\\nlines\\n",
        "Gr\\u00fc\\u00dfe, \\u4e16\\u754c \\ud83c\\udf0d \\u2014 e\\u0301",
        "def f(x):\\n    return {'a': x[1:], \\\"b\\\": x**2}\\n",
        "<|im_star|> <im_end> |> < | tool_call>",
        "1234567890 3.14 0x1f",
        "'ll 've don't",
    };
    struct chat *c;
    struct tokenizer *t;
    struct ids ids = { 0 }, whole = { 0 };
    struct marked prompt = { 0 };
    struct buf vars = { 0 };
    assert_int_equal(chat_open(&c, mini, NULL), 0);
    assert_int_equal(tokenizer_open(&t, mini, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t at = 0; at < ARRAY_LEN(fields); at++) {
            buf_reset(&vars);
            if (at == 17) /* a string within a string */
                continue;
            encode(c, t, conversation(&vars, at, texts[i]), &ids, &prompt);
            whole.n = 0;
            assert_int_equal(tokenizer_encode(t, buf_view(&prompt.text), TOKENIZER_ADDED_ALL, &whole, NULL), 0);
            assert_int_equal(ids.n, whole.n);
            assert_memory_equal(ids.v, whole.v, ids.n * sizeof *ids.v);
        }
    buf_deinit(&vars);
    marked_deinit(&prompt);
    ids_deinit(&ids);
    ids_deinit(&whole);
    tokenizer_close(t);
    chat_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_file_comes_first),
        cmocka_unit_test(of_named_templates_tools_choose),
        cmocka_unit_test(special_tokens_are_text_of_the_template),
        cmocka_unit_test(what_cannot_be_used_says_why),
        cmocka_unit_test(arguments_that_are_strings_become_objects),
        cmocka_unit_test(no_value_forges_a_control_token),
        cmocka_unit_test(text_without_tokens_is_encoded_as_the_whole_prompt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
