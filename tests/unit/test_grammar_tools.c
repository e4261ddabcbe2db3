/* test_grammar_tools.c - grammars of tool calls: what they let through, what they do not, and that they let through what the parser takes.
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

#include "base/clock.h"
#include "base/file.h"
#include "format/json.h"
#include "support/grammar_try.h"
#include "text/grammar/matcher.h"
#include "text/toolcall/grammar_tools.h"

static const char tools_text[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"read_file\", \"parameters\": {\"type\": \"object\", "
    "\"properties\": "
    "{\"path\": {\"type\": \"string\"}, \"limit\": {\"type\": \"integer\", \"minimum\": 1}, \"mode\": {\"enum\": "
    "[\"text\", "
    "\"binary\"]}, \"who\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}, \"how\": {\"type\": "
    "\"object\", "
    "\"properties\": {\"a\": {\"type\": \"boolean\"}}, \"required\": [\"a\"], \"additionalProperties\": false}}, "
    "\"required\": "
    "[\"path\"]}}}, {\"type\": \"function\", \"function\": {\"name\": \"list\", \"parameters\": {\"type\": \"object\", "
    "\"properties\": {}}}}, {\"type\": \"function\", \"function\": {\"name\": \"list_all\"}}]";

struct tools {
    struct json *j;
    struct toolset set;
    struct grammar_tools_opts o;
};

static void tools_open(struct tools *t, const char *text, const char *format)
{
    assert_int_equal(json_parse(&t->j, str_from(text), "tools", NULL, NULL), 0);
    assert_int_equal(toolset_init(&t->set, t->j, NULL), 0);
    t->o = (struct grammar_tools_opts){ .format = toolcall_format_find(str_from(format)),
                                        .tools = &t->set,
                                        .parallel = true };
}

static void tools_close(struct tools *t)
{
    toolset_deinit(&t->set);
    json_free(t->j);
}

static struct grammar *made(const struct tools *t)
{
    struct err e = ERR_INIT;
    struct grammar *g;
    if (grammar_tools(&g, &t->o, NULL, &e))
        fail_msg("%s", e.msg);
    return g;
}

/* Bytes of `text` that can be written, token after token; SIZE_MAX if it may also end there. */
static size_t writable(struct grammar *g, struct str text)
{
    struct matcher *m = try_matcher(g);
    struct ids ids = { 0 };
    size_t n = 0;
    assert_int_equal(tokenizer_encode(try_tok, text, TOKENIZER_ADDED_NONE, &ids, NULL), 0);
    size_t i = 0;
    for (; i < ids.n; i++) {
        if (!matcher_accept(m, ids.v[i]))
            break;
        n += tokenizer_bytes(try_tok, ids.v[i]).n;
    }
    if (i == ids.n && matcher_may_end(m))
        n = SIZE_MAX;
    matcher_free(m);
    ids_deinit(&ids);
    return n;
}

static void takes(struct grammar *g, const char *text)
{
    size_t n = writable(g, str_from(text));
    if (n != SIZE_MAX)
        fail_msg("%zu of %zu bytes can be written: %s", n, strlen(text), text);
}

/* The text stops being writable behind its first `n` bytes at the latest, or cannot end. */
static void refuses(struct grammar *g, const char *text)
{
    if (writable(g, str_from(text)) == SIZE_MAX)
        fail_msg("can be written: %s", text);
}

#define XML "qwen3-coder-xml"
#define CALL(name, body) "<tool_call>\n<function=" name ">\n" body "</function>\n</tool_call>"
#define PARAM(name, value) "<parameter=" name ">\n" value "\n</parameter>\n"

static void prose_is_free_and_never_forced_into_a_call(void **state)
{
    static const char *const free_texts[] = { "",
                                              "Hello, world. é 😀",
                                              "#include <functional>\n",
                                              "a < b <tool_call> c </tool_call>",
                                              "<tool_call>\nand then",
                                              "Use <function=read_file> to read.",
                                              "Use <function=read_file>\nto read.",
                                              "<function=nothing>\n<parameter=a>\n",
                                              "</parameter></function>",
                                              "<function=list_every>\n</function>",
                                              "<think>a</think>b" };
    struct tools t;
    (void)state;
    tools_open(&t, tools_text, XML);
    struct grammar *g = made(&t);
    for (size_t i = 0; i < ARRAY_LEN(free_texts); i++)
        takes(g, free_texts[i]);
    grammar_release(g);
    tools_close(&t);
}

static void an_open_call_keeps_to_its_tool(void **state)
{
    struct tools t;
    (void)state;
    tools_open(&t, tools_text, XML);
    struct grammar *g = made(&t);
    takes(g, "I read.\n" CALL("read_file", PARAM("path", "a")) "\nDone.");
    takes(g, CALL("read_file", PARAM("limit", "5") PARAM("path", "a")));
    takes(g, CALL("read_file", PARAM("path", "a") PARAM("mode", "text") PARAM("who", "null")));
    takes(g, CALL("read_file", PARAM("path", "a") PARAM("how", "{\"a\": true}")));
    takes(g, CALL("read_file", PARAM("path", "a")) "\n" CALL("list", "") CALL("list_all", PARAM("x", "1")));
    takes(g, "<function=read_file>\n" PARAM("path", "a") "</function>\n</tool_call>");
    takes(g, "<tool_call><function=read_file><parameter=path>a</parameter></function></tool_call>");
    refuses(g, CALL("nothing", ""));
    refuses(g, "<tool_call>\n<function=nothing");
    refuses(g, CALL("read_file", ""));
    refuses(g, CALL("read_file", PARAM("limit", "5")));
    refuses(g, "<function=read_file>\n" PARAM("limit", "5") "</function>");
    refuses(g, CALL("read_file", PARAM("path", "a") PARAM("path", "b")));
    refuses(g, CALL("read_file", PARAM("path", "a") PARAM("limit", "0")));
    refuses(g, CALL("read_file", PARAM("path", "a") PARAM("limit", "many")));
    refuses(g, CALL("read_file", PARAM("path", "a") PARAM("mode", "octal")));
    refuses(g, CALL("read_file", PARAM("path", "a") PARAM("how", "{}")));
    refuses(g, CALL("read_file", PARAM("path", "a") PARAM("other", "1")));
    refuses(g, CALL("list", PARAM("x", "1")));
    refuses(g, "<tool_call>\n<function=list>\nwords");
    refuses(g, "<tool_call>\n<function=read_file>\n" PARAM("path", "a"));
    grammar_release(g);
    tools_close(&t);
}

static void tools_that_are_not_allowed_are_not_called(void **state)
{
    static const bool allowed[] = { false, false, true };
    struct tools t;
    (void)state;
    tools_open(&t, tools_text, XML);
    t.o.allowed = allowed;
    struct grammar *g = made(&t);
    takes(g, "Well, list and read_file.");
    takes(g, "Well. " CALL("list_all", ""));
    refuses(g, CALL("list", ""));
    refuses(g, "Well. " CALL("read_file", "<parameter=path>\na\n</parameter>\n"));
    grammar_release(g);
    tools_close(&t);
    tools_open(&t, tools_text, "hermes-json");
    t.o.allowed = allowed;
    g = made(&t);
    takes(g, "<tool_call>\n{\"name\": \"list_all\", \"arguments\": {}}\n</tool_call>");
    refuses(g, "<tool_call>\n{\"name\": \"list\", \"arguments\": {}}\n</tool_call>");
    grammar_release(g);
    tools_close(&t);
}

static void required_calls_begin_with_the_first_token(void **state)
{
    struct tools t;
    (void)state;
    tools_open(&t, tools_text, XML);
    t.o.mode = GRAMMAR_TOOLS_REQUIRED;
    struct grammar *g = made(&t);
    takes(g, CALL("list", ""));
    takes(g, CALL("list", "") "\n" CALL("list_all", ""));
    refuses(g, "");
    refuses(g, "Well");
    refuses(g, CALL("list", "") "\nDone.");
    grammar_release(g);
    t.o.parallel = false;
    t.o.allowed = (const bool[]){ false, true, false };
    g = made(&t);
    takes(g, CALL("list", ""));
    refuses(g, CALL("list_all", ""));
    refuses(g, CALL("list", "") "\n" CALL("list", ""));
    grammar_release(g);
    t.o.opens_think = true;
    g = made(&t);
    takes(g, "Hm <tool_call>\n<function=x\n</think>\n\n" CALL("list", ""));
    refuses(g, CALL("list", ""));
    grammar_release(g);
    t.o.opens_think = false;
    t.o.reasoning = true;
    g = made(&t);
    takes(g, "<think>\nHm\n</think>\n\n" CALL("list", ""));
    takes(g, CALL("list", ""));
    grammar_release(g);
    tools_close(&t);
}

static void reasoning_is_free_and_may_be_all(void **state)
{
    struct tools t;
    (void)state;
    tools_open(&t, tools_text, XML);
    t.o.opens_think = true;
    struct grammar *g = made(&t);
    takes(g, "Hm <tool_call>\n<function=x");
    takes(g, "Hm <tool_call>\n<function=x\n</think>\n\nYes.\n" CALL("list", ""));
    refuses(g, "Hm\n</think>\n\n" CALL("nothing", ""));
    grammar_release(g);
    tools_close(&t);
}

static void no_call_opens_where_none_is_wanted(void **state)
{
    struct tools t;
    (void)state;
    tools_open(&t, tools_text, XML);
    t.o.mode = GRAMMAR_TOOLS_NONE;
    struct grammar *g = made(&t);
    takes(g, "");
    takes(g, "if (a < b) </tool_call> <function name=\"list\"> <tool_cal");
    refuses(g, "Hm. <tool_call>");
    refuses(g, "<function=list>");
    grammar_release(g);
    t.o.opens_think = true;
    g = made(&t);
    takes(g, "Hm <tool_call>\n<function=list>");
    takes(g, "Hm <tool_call>\n</think>\n\nYes.");
    refuses(g, "Hm\n</think>\n\n" CALL("list", ""));
    grammar_release(g);
    tools_close(&t);
}

static void one_call_at_most_if_not_parallel(void **state)
{
    struct tools t;
    (void)state;
    tools_open(&t, tools_text, XML);
    t.o.parallel = false;
    struct grammar *g = made(&t);
    takes(g, "a " CALL("list", "") " b");
    refuses(g, CALL("list", "") CALL("list", ""));
    grammar_release(g);
    tools_close(&t);
}

static void calls_or_an_answer_under_a_schema(void **state)
{
    struct tools t;
    struct json *schema;
    (void)state;
    assert_int_equal(
        json_parse(&schema,
                   STR("{\"type\": \"object\", \"properties\": {\"x\": {\"type\": \"integer\"}}, \"required\": "
                       "[\"x\"], \"additionalProperties\": false}"),
                   "schema", NULL, NULL),
        0);
    tools_open(&t, tools_text, XML);
    t.o.schema = schema;
    t.o.reasoning = true;
    struct grammar *g = made(&t);
    takes(g, "{\"x\": 5}");
    takes(g, CALL("list", "") "\n" CALL("list", ""));
    takes(g, "<think>a</think>\n{\"x\": 5}");
    refuses(g, "{\"y\": 5}");
    refuses(g, "words");
    grammar_release(g);
    t.o.schema = NULL;
    t.o.any_json = true;
    g = made(&t);
    takes(g, "{\"y\": [5]}");
    refuses(g, "[5]");
    grammar_release(g);
    json_free(schema);
    tools_close(&t);
}

static void calls_in_json_keep_to_their_schema(void **state)
{
    struct tools t;
    (void)state;
    tools_open(&t, tools_text, "hermes-json");
    struct grammar *g = made(&t);
    takes(g, "Hi <tool_call>\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"</tool_call>\", \"limit\": "
             "5}}\n</tool_call>");
    takes(g, "<tool_call>{\"name\": \"list\"}</tool_call>");
    takes(g, "<tool_call>{\"name\": \"list_all\", \"arguments\": {\"x\": [1]}}</tool_call> <tool_call> {1}");
    refuses(g, "<tool_call>{\"name\": \"read_file\"}</tool_call>");
    refuses(g, "<tool_call>{\"name\": \"read_file\", \"arguments\": {}}</tool_call>");
    refuses(g, "<tool_call>{\"name\": \"read_file\", \"arguments\": {\"path\": 5}}</tool_call>");
    refuses(g, "<tool_call>{\"name\": \"other");
    grammar_release(g);
    t.o.mode = GRAMMAR_TOOLS_REQUIRED;
    g = made(&t);
    takes(g, "<tool_call>\n{\"name\": \"list\", \"arguments\": {}}\n</tool_call>");
    refuses(g, "Hi");
    grammar_release(g);
    tools_close(&t);
}

/* A tool's schema never refuses a request. */
static void what_a_schema_asks_too_much_is_left_out(void **state)
{
    static const char *const hard[] = {
        "{\"type\": \"array\", \"uniqueItems\": true, \"items\": {\"type\": \"string\"}}",
        "{\"type\": \"integer\", \"multipleOf\": 0.37}",
        "{\"type\": \"object\", \"unevaluatedProperties\": {\"$ref\": \"https://example.com/x\"}}",
        "{\"type\": \"string\", \"pattern\": \"(?<=a)b\"}",
        "{\"type\": \"string\", \"maxLength\": 1000000}",
        "{\"type\": \"object\", \"properties\": 5}",
        "{\"type\": 5}",
        "{\"allOf\": [{\"$ref\": \"#/properties/x\"}, {\"$ref\": \"#/properties/x\"}]}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hard); i++) {
        struct tools t;
        struct buf text = { 0 };
        buf_printf(
            &text,
            "[{\"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"object\", \"properties\": {\"x\": %s, "
            "\"y\": {\"type\": \"integer\"}}, \"required\": [\"y\"]}}}]",
            hard[i]);
        for (int json = 0; json < 2; json++) {
            tools_open(&t, text.p, json ? "hermes-json" : XML);
            struct grammar *g = made(&t);
            takes(g, json ? "<tool_call>{\"name\": \"f\", \"arguments\": {\"y\": 5}}</tool_call>"
                          : CALL("f", PARAM("y", "5")));
            if (!json)
                refuses(g, CALL("f", ""));
            grammar_release(g);
            tools_close(&t);
        }
        buf_deinit(&text);
    }
}

/* One tool whose schema is far too large loses it; its neighbours keep theirs. */
static void a_schema_that_is_too_large_costs_no_other_tool(void **state)
{
    struct tools t;
    struct buf text = { 0 }, relaxed = { 0 };
    struct err e = ERR_INIT;
    struct grammar *g;
    (void)state;
    buf_z(&text,
          "[{\"function\": {\"name\": \"small\", \"parameters\": {\"properties\": {\"n\": {\"type\": \"integer\"}}}}}, "
          "{\"function\": {\"name\": \"large\", \"parameters\": {\"properties\": {\"x\": {\"type\": \"array\", "
          "\"items\": "
          "{\"enum\": [");
    for (int i = 0; i < 60000; i++)
        buf_printf(&text, "%s\"%d-%d-%d\"", i ? ", " : "", i * 7919 % 60013, i, i * 31 % 977);
    buf_z(&text, "]}}}}}}]");
    tools_open(&t, text.p, XML);
    if (grammar_tools(&g, &t.o, &relaxed, &e))
        fail_msg("%s", e.msg);
    assert_true(str_find(buf_view(&relaxed), STR("tool large: ")) >= 0);
    assert_true(str_find(buf_view(&relaxed), STR("tool small")) < 0);
    takes(g, CALL("small", PARAM("n", "5")));
    refuses(g, CALL("small", PARAM("n", "many")));
    takes(g, CALL("large", PARAM("x", "anything")));
    grammar_release(g);
    tools_close(&t);
    buf_deinit(&text);
    buf_deinit(&relaxed);
}

/* ---- what can be written is a call to the parser */

struct heard {
    struct buf content, args[8];
    int tool[8], n;
    bool whole;
};

/* What is too much is tried again with less, but not for longer than one schema may take. */
static void tools_that_cost_too_much_cost_little_time(void **state)
{
    (void)state;
    struct buf text = { 0 };
    buf_z(&text, "[");
    for (int i = 0; i < 6; i++) {
        buf_printf(
            &text,
            "%s{\"type\": \"function\", \"function\": {\"name\": \"t%d\", \"parameters\": {\"properties\": {\"x\": ",
            i ? ", " : "", i);
        buf_z(&text, "{\"type\": \"object\", \"patternProperties\": {");
        for (int k = 1; k < 12; k++)
            buf_printf(&text, "%s\"%c.{%d}b\": {\"type\": \"integer\"}", k > 1 ? ", " : "", 'a' + i, k);
        buf_z(&text, "}}}, \"required\": [\"x\"]}}}");
    }
    buf_z(&text, "]");
    for (int json = 0; json < 2; json++) {
        struct tools t;
        tools_open(&t, text.p, json ? "hermes-json" : "qwen3-coder-xml");
        int64_t from = clock_thread_ns();
        struct grammar *g = made(&t);
        int64_t ms = (clock_thread_ns() - from) / 1000000;
        /* Six tools that each had a time of their own would take more; sanitizers take three times as much. */
        assert_true(ms < 600);
        grammar_release(g);
        tools_close(&t);
    }
    buf_deinit(&text);
}

/* A schema for the answer is not the tools' fault: it fails at once, and says why. */
static void a_schema_for_the_answer_fails_once(void **state)
{
    (void)state;
    struct tools t;
    struct err e = ERR_INIT;
    struct json *schema;
    struct buf text = { 0 };
    struct grammar *g;
    tools_open(&t, tools_text, "qwen3-coder-xml");
    buf_z(&text, "{\"type\": \"string\", \"allOf\": [");
    for (int i = 1; i < 20; i++)
        buf_printf(&text, "%s{\"pattern\": \"a.{%d}$\"}", i > 1 ? ", " : "", i);
    buf_z(&text, "]}");
    assert_int_equal(json_parse(&schema, buf_view(&text), "schema", NULL, &e), 0);
    t.o.schema = schema;
    int64_t from = clock_thread_ns();
    assert_int_equal(grammar_tools(&g, &t.o, NULL, &e), ERR_LIMIT);
    assert_true((clock_thread_ns() - from) / 1000000 < 100);
    json_free(schema);
    err_clear(&e);
    /* Strict, what cannot be enforced is refused by name; otherwise it is left out. */
    assert_int_equal(json_parse(&schema, STR("{\"properties\": {\"a\": {\"uniqueItems\": true}}}"), "schema", NULL, &e),
                     0);
    t.o.schema = schema;
    struct buf relaxed = { 0 };
    assert_int_equal(grammar_tools(&g, &t.o, &relaxed, &e), 0);
    assert_true(str_find(buf_view(&relaxed), STR("#/properties/a: uniqueItems")) >= 0);
    grammar_release(g);
    t.o.strict = true;
    assert_int_equal(grammar_tools(&g, &t.o, NULL, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.msg, "#/properties/a: uniqueItems"));
    json_free(schema);
    buf_deinit(&relaxed);
    buf_deinit(&text);
    tools_close(&t);
}

static void on_event(void *arg, const struct toolcall_event *ev)
{
    struct heard *h = arg;
    if (ev->kind == TOOLCALL_TEXT)
        buf_str(&h->content, ev->text);
    else if (ev->kind == TOOLCALL_BEGIN && h->n < 8)
        h->tool[h->n++] = ev->tool;
    else if (ev->kind == TOOLCALL_ARGS)
        buf_str(&h->args[h->n - 1], ev->text);
    else if (ev->kind == TOOLCALL_END)
        h->whole = h->whole && ev->complete;
}

static void check_call(const struct tools *t, int tool, struct str args)
{
    struct json *j;
    int64_t limit = 1;
    struct str name = t->set.v[tool].name, mode = STR("text");
    assert_int_equal(json_parse(&j, args, "arguments", NULL, NULL), 0);
    if (str_eqz(name, "read_file")) {
        struct err e = ERR_INIT;
        assert_int_equal(json_type(json_get(j, "path")), JSON_STRING);
        if (json_opt_i64(j, "limit", 1, INT64_MAX, &limit, &e) && str_find(str_from(e.msg), STR("from 1 to")) < 0)
            fail_msg("%s", e.msg);
        if (json_has(j, "mode"))
            mode = json_str(json_get(j, "mode"));
        assert_true(str_eqz(mode, "text") || str_eqz(mode, "binary"));
        if (json_has(j, "how"))
            assert_int_equal(json_type(json_get(json_get(j, "how"), "a")), JSON_BOOL);
    } else if (str_eqz(name, "list")) {
        assert_true(str_eqz(args, "{}") || t->o.format == toolcall_format_find(STR("hermes-json")));
    }
    json_free(j);
}

static void parse_walk(const struct tools *t, const struct buf *text)
{
    struct heard h = { .whole = true };
    struct toolcall *p;
    struct toolcall_opts o = { .format = t->o.format, .tools = &t->set };
    assert_int_equal(toolcall_new(&p, &o, on_event, &h, NULL), 0);
    toolcall_feed(p, buf_view(text));
    toolcall_end(p, false);
    toolcall_free(p);
    if (!h.n || !h.whole || h.content.n)
        fail_msg("%d calls, \"%s\" beside them: %s", h.n, h.content.n ? h.content.p : "", text->p);
    for (int i = 0; i < h.n; i++)
        check_call(t, h.tool[i], buf_view(&h.args[i]));
    buf_deinit(&h.content);
    for (int i = 0; i < 8; i++)
        buf_deinit(&h.args[i]);
}

static void what_can_be_written_is_a_call_to_the_parser(void **state)
{
    struct rng r;
    int ended = 0;
    (void)state;
    rng_init(&r, 5);
    for (int json = 0; json < 2; json++) {
        struct tools t;
        tools_open(&t, tools_text, json ? "hermes-json" : XML);
        t.o.mode = GRAMMAR_TOOLS_REQUIRED;
        t.o.parallel = false;
        struct grammar *g = made(&t);
        for (int i = 0; i < 300; i++) {
            struct buf text = { 0 };
            struct matcher *m = try_matcher(g);
            if (try_walk(m, &r, 20, 400, false, &text)) {
                parse_walk(&t, &text);
                ended++;
            }
            matcher_free(m);
            buf_deinit(&text);
        }
        grammar_release(g);
        tools_close(&t);
    }
    assert_true(ended > 50);
}

/* Whether <tool_call>, white space and <function= stand in the text. */
static bool opens_frame(struct str s)
{
    for (ptrdiff_t at; (at = str_find(s, STR("<tool_call>"))) >= 0;) {
        s = str_sub(s, (size_t)at + strlen("<tool_call>"), s.n);
        struct str rest = s;
        while (rest.n && strchr(" \t\r\n", rest.p[0]))
            rest = str_sub(rest, 1, rest.n);
        if (str_starts(rest, STR("<function=")))
            return true;
    }
    return false;
}

static void tags_that_make_no_call_are_free(void **state)
{
    static const char *const pieces[] = { "<tool_call>",
                                          "</tool_call>",
                                          "\n",
                                          " ",
                                          "x",
                                          "<",
                                          "<function=",
                                          "list",
                                          "_all",
                                          ">",
                                          "read_file>",
                                          "<function=list>",
                                          "<function=lis",
                                          "</function>",
                                          "<parameter=",
                                          "</",
                                          "<function=list_all>\n",
                                          "é" };
    struct tools t;
    struct rng r;
    int n_free = 0;
    (void)state;
    rng_init(&r, 6);
    tools_open(&t, tools_text, XML);
    struct grammar *g = made(&t);
    for (int round = 0; round < 3000; round++) {
        struct buf text = { 0 };
        struct heard h = { .whole = true };
        struct toolcall *p;
        struct toolcall_opts o = { .format = t.o.format, .tools = &t.set };
        for (uint32_t n = 1 + rng_below(&r, 10); n; n--)
            buf_z(&text, pieces[rng_below(&r, ARRAY_LEN(pieces))]);
        assert_int_equal(toolcall_new(&p, &o, on_event, &h, NULL), 0);
        toolcall_feed(p, buf_view(&text));
        toolcall_end(p, false);
        toolcall_free(p);
        if (!h.n && !opens_frame(buf_view(&text))) {
            takes(g, text.p);
            n_free++;
        } else if (opens_frame(buf_view(&text)) && !h.n) {
            refuses(g, text.p);
        }
        buf_deinit(&h.content);
        for (int i = 0; i < 8; i++)
            buf_deinit(&h.args[i]);
        buf_deinit(&text);
    }
    assert_true(n_free > 1000);
    grammar_release(g);
    tools_close(&t);
}

/* ---- the cases of the parser */

/* Cases whose calls are good only because the parser forgives what they lack, or that keep to no schema: a grammar need not let them through. */
static bool forgiven(const char *file, struct str name)
{
    static const char *const names[] = {
        /* the parser takes a value for text where the schema wants another type, or reads Python for JSON */
        "xml_types",
        /* a tag is missing */
        "xml_missing",
        "a list of tools that is empty",
        "white space around the tool's name",
        "a parameter that comes twice stays in the value of the first",
        "an undeclared call before a declared one",
        "two frames, one empty",
        "a call in reasoning that never ends is a call",
        "a call in reasoning that ends is reasoning",
        "reasoning without tools",
        "json: arguments are null",
        "json: arguments are a string of JSON",
        "json: arguments before the name",
        "json: other members",
        "json: line feeds in a string",
        "json: a name with escapes",
        "json: no end of the frame",
        "json: no end of the frame, another call follows",
        "json: a broken call before a good one",
        "json: long arguments that the model ends in a string",
        "json: long arguments that the model ends behind a key",
        "json: long arguments that the model ends in a number",
        "json: long arguments without the call's brace",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eqz(name, names[i]) || strcmp(file, names[i]) == 0)
            return true;
    return false;
}

/* A case of xml_types whose value is spelt as JSON spells what the parser makes of it, under a schema that it is valid under. */
static bool spelt_as_json(const struct json *c)
{
    struct str text = json_str(json_get(c, "text"));
    struct str args = json_str(json_get(json_at(json_get(json_get(c, "want"), "calls"), 0), "arguments"));
    struct str begin = STR("<parameter=x>\n");
    ptrdiff_t from = str_find(text, begin), to = str_find(text, STR("\n</parameter>"));
    struct buf want = { 0 };
    if (from < 0 || to < from || str_starts(json_str(json_get(c, "name")), STR("null for an ")))
        return false; /* the parser takes null for any type */
    buf_z(&want, "{\"x\": ");
    buf_str(&want, str_sub(text, (size_t)from + begin.n, (size_t)to));
    buf_char(&want, '}');
    bool same = str_eq(buf_view(&want), args);
    buf_deinit(&want);
    return same;
}

static void check_case(const char *file, const struct json *c)
{
    struct tools t = { 0 };
    struct str format = json_str(json_get(c, "format")), name = json_str(json_get(c, "name"));
    const struct json *want = json_get(c, "want");
    if ((forgiven(file, name) && !(strcmp(file, "xml_types") == 0 && spelt_as_json(c))) || json_has(c, "truncated") ||
        !json_len(json_get(want, "calls")))
        return;
    assert_int_equal(toolset_init(&t.set, json_get(c, "tools"), NULL), 0);
    t.o = (struct grammar_tools_opts){ .format = toolcall_format_find(format.n ? format : STR(XML)),
                                       .tools = &t.set,
                                       .parallel = true,
                                       .opens_think = json_bool(json_get(c, "prompt_opens_think")),
                                       .reasoning = true };
    struct grammar *g = made(&t);
    struct str text = json_str(json_get(c, "text"));
    size_t n = writable(g, text);
    if (n != SIZE_MAX)
        fail_msg("%s: %zu bytes can be written of\n%s", name.p, n, text.p);
    grammar_release(g);
    toolset_deinit(&t.set);
}

static void what_the_parser_takes_can_be_written(void **state)
{
    static const char *const files[] = { "xml_calls", "xml_values", "xml_types", "xml_missing",
                                         "xml_text",  "think",      "json_calls" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct buf text = { 0 };
        char path[100];
        snprintf(path, sizeof path, "tests/data/toolcall/%s.jsonl", files[i]);
        assert_int_equal(file_read(&text, path, NULL), 0);
        struct str rest = buf_view(&text), line;
        while (str_cut(&rest, '\n', &line)) {
            struct json *c;
            assert_int_equal(json_parse(&c, line, path, NULL, NULL), 0);
            check_case(files[i], c);
            json_free(c);
        }
        buf_deinit(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prose_is_free_and_never_forced_into_a_call),
        cmocka_unit_test(an_open_call_keeps_to_its_tool),
        cmocka_unit_test(tools_that_are_not_allowed_are_not_called),
        cmocka_unit_test(required_calls_begin_with_the_first_token),
        cmocka_unit_test(reasoning_is_free_and_may_be_all),
        cmocka_unit_test(no_call_opens_where_none_is_wanted),
        cmocka_unit_test(one_call_at_most_if_not_parallel),
        cmocka_unit_test(calls_or_an_answer_under_a_schema),
        cmocka_unit_test(calls_in_json_keep_to_their_schema),
        cmocka_unit_test(what_a_schema_asks_too_much_is_left_out),
        cmocka_unit_test(a_schema_that_is_too_large_costs_no_other_tool),
        cmocka_unit_test(tools_that_cost_too_much_cost_little_time),
        cmocka_unit_test(a_schema_for_the_answer_fails_once),
        cmocka_unit_test(what_can_be_written_is_a_call_to_the_parser),
        cmocka_unit_test(tags_that_make_no_call_are_free),
        cmocka_unit_test(what_the_parser_takes_can_be_written),
    };
    return cmocka_run_group_tests(tests, try_setup, try_teardown);
}
