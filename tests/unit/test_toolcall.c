/* test_toolcall.c - outputs told apart into text, reasoning and calls: recorded cases, generated calls and random tags, in any pieces.
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
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "text/toolcall/toolcall.h"

enum { CALLS_MAX = 40 };

/* What a parser said, with the promises of toolcall.h checked event by event. */
struct told {
    const struct toolset *tools;
    struct buf content, reasoning;
    struct {
        int tool;
        bool complete;
        struct buf args;
    } calls[CALLS_MAX];
    int n, n_more; /* calls, and how many of them had no room and are forgotten */
    bool open;
    bool check_prefixes; /* look at every fragment; slow for long ones */
    size_t n_events;
};

static void told_deinit(struct told *t)
{
    buf_deinit(&t->content);
    buf_deinit(&t->reasoning);
    for (int i = 0; i < t->n; i++)
        buf_deinit(&t->calls[i].args);
}

static bool is_json(struct str s)
{
    struct json *j;
    bool good = json_parse(&j, s, "text", NULL, NULL) == 0;
    json_free(j);
    return good;
}

/* What makes a beginning of JSON whole: the open string, key and containers closed in the simplest way. */
static void complete(struct buf *out, struct str s)
{
    char stack[200];
    int depth = 0;
    bool string = false, key = false, want_key = false;
    size_t escape = 0; /* where the escape at the end begins, counted from 1 */
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (string) {
            if (escape && (s.p[escape] != 'u' || i + 1 - escape == 5))
                escape = 0;
            else if (!escape && c == '\\')
                escape = i + 1;
            else if (!escape && c == '"')
                string = false;
        } else if (c == '"') {
            string = true;
            key = want_key;
        } else if (c == '{' || c == '[') {
            assert_true(depth < (int)sizeof stack);
            stack[depth++] = c;
            want_key = c == '{';
        } else if (c == '}' || c == ']') {
            depth--;
            want_key = false;
        } else if (c == ',') {
            want_key = stack[depth - 1] == '{';
        } else if (c == ':') {
            want_key = false;
        }
    }
    struct str before = str_trim(s);
    char last = before.p[before.n - 1];
    buf_str(out, s);
    if (string) {
        if (escape && s.p[s.n - 1] == '\\' && escape == s.n)
            buf_char(out, '\\');
        for (size_t n = s.n - escape; escape && escape < s.n && n < 5; n++)
            buf_char(out, '0');
        buf_char(out, '"');
        buf_z(out, key ? ": 0" : "");
    } else if (last == '"' && want_key) {
        buf_z(out, ": 0");
    } else if (last == ',') {
        buf_z(out, want_key ? "\"\": 0" : "0");
    } else if (last == ':' || last == '-' || last == '.' || last == '+' || last == 'e' || last == 'E') {
        bool literal = str_ends(before, STR("true")) || str_ends(before, STR("false"));
        buf_z(out, literal ? "" : "0");
    }
    while (depth)
        buf_char(out, stack[--depth] == '{' ? '}' : ']');
}

static void check_fragment(const struct told *t, struct str so_far)
{
    struct buf whole = { 0 };
    if (!t->check_prefixes || so_far.n > 600)
        return;
    complete(&whole, so_far);
    if (!is_json(buf_view(&whole)))
        fail_msg("cannot be completed: %s", whole.p);
    buf_deinit(&whole);
}

static void on_event(void *arg, const struct toolcall_event *ev)
{
    struct told *t = arg;
    t->n_events++;
    if (ev->kind == TOOLCALL_TEXT || ev->kind == TOOLCALL_REASONING || ev->kind == TOOLCALL_ARGS) {
        assert_true(ev->text.n > 0);
        assert_true(utf8_valid(ev->text));
        assert_int_equal(ev->kind == TOOLCALL_ARGS, t->open);
    }
    if (ev->kind == TOOLCALL_TEXT) {
        buf_str(&t->content, ev->text);
    } else if (ev->kind == TOOLCALL_REASONING) {
        buf_str(&t->reasoning, ev->text);
    } else if (ev->kind == TOOLCALL_BEGIN) {
        assert_false(t->open);
        assert_int_equal(ev->call, t->n + t->n_more);
        assert_in_range(ev->tool, 0, t->tools->n - 1);
        if (t->n == CALLS_MAX) {
            buf_deinit(&t->calls[--t->n].args);
            t->n_more++;
        }
        t->calls[t->n].tool = ev->tool;
        t->calls[t->n].args = (struct buf){ 0 };
        t->n++;
        t->open = true;
    } else {
        struct buf *args = &t->calls[t->n - 1].args;
        assert_true(t->open);
        assert_int_equal(ev->call, t->n + t->n_more - 1);
        if (ev->kind == TOOLCALL_ARGS) {
            if (t->check_prefixes && args->n && args->n <= 600)
                assert_false(is_json(buf_view(args)));
            buf_str(args, ev->text);
            check_fragment(t, buf_view(args));
        } else {
            assert_int_equal(is_json(buf_view(args)), ev->complete);
            t->calls[t->n - 1].complete = ev->complete;
            t->open = false;
        }
    }
}

enum split { WHOLE, BYTES, CHARS, SEVENS, RANDOM };

struct how {
    const struct toolcall_format *format;
    const struct toolset *tools;
    bool truncated, opens_think;
    int max_calls;
    enum split split;
    struct rng *rng;
};

static size_t char_bytes(struct str s)
{
    uint32_t cp;
    int n = utf8_decode(s, &cp);
    return n > 0 ? (size_t)n : 1;
}

static size_t piece(const struct how *h, struct str s)
{
    size_t n = 0;
    switch (h->split) {
    case WHOLE:
        return s.n;
    case BYTES:
        return 1;
    case CHARS:
        return char_bytes(s);
    case SEVENS:
        for (int i = 0; i < 7 && n < s.n; i++)
            n += char_bytes(str_sub(s, n, s.n));
        return n;
    case RANDOM:
        return MIN(1 + rng_below(h->rng, rng_below(h->rng, 4) ? 8 : 60), s.n);
    }
    return s.n;
}

static void tell(struct told *t, const struct how *h, struct str text)
{
    struct toolcall *p;
    struct toolcall_opts o = {
        .format = h->format, .tools = h->tools, .opens_think = h->opens_think, .max_calls = h->max_calls
    };
    *t = (struct told){ .tools = h->tools, .check_prefixes = h->split == CHARS || h->split == RANDOM };
    assert_int_equal(toolcall_new(&p, &o, on_event, t, NULL), 0);
    while (text.n) {
        size_t n = piece(h, text);
        toolcall_feed(p, str_sub(text, 0, n));
        assert_int_equal(toolcall_in_call(p), t->open);
        text = str_sub(text, n, text.n);
    }
    toolcall_end(p, h->truncated);
    assert_false(t->open);
    assert_false(toolcall_in_call(p));
    toolcall_free(p);
}

static void same(const struct told *a, const struct told *b, struct str text)
{
    bool equal = a->n == b->n && str_eq(buf_view(&a->content), buf_view(&b->content)) &&
                 str_eq(buf_view(&a->reasoning), buf_view(&b->reasoning));
    for (int i = 0; equal && i < a->n; i++)
        equal = a->calls[i].tool == b->calls[i].tool && a->calls[i].complete == b->calls[i].complete &&
                str_eq(buf_view(&a->calls[i].args), buf_view(&b->calls[i].args));
    if (!equal)
        fail_msg("pieces change the result of: %.*s", (int)text.n, text.p);
}

static void every_split_is_the_same(struct how h, struct str text, const struct told *want)
{
    for (h.split = BYTES; h.split <= RANDOM; h.split++) {
        struct told t;
        tell(&t, &h, text);
        same(want, &t, text);
        told_deinit(&t);
    }
}

/* ---- recorded cases */

static const char *const files[] = { "xml_calls", "xml_values", "xml_types", "xml_missing",
                                     "xml_text",  "xml_cut",    "think",     "json_calls" };

static void expect_str(const char *name, const char *what, struct str got, struct str want)
{
    if (!str_eq(got, want))
        fail_msg("%s: %s is\n%.*s\nexpected\n%.*s", name, what, (int)got.n, got.p, (int)want.n, want.p);
}

static void expect_call(const char *name, const struct told *t, int i, const struct json *want, bool complete)
{
    if (i >= t->n)
        fail_msg("%s: only %d calls", name, t->n);
    expect_str(name, "name", t->tools->v[t->calls[i].tool].name, json_str(json_get(want, "name")));
    expect_str(name, "arguments", buf_view(&t->calls[i].args), json_str(json_get(want, "arguments")));
    if (t->calls[i].complete != complete)
        fail_msg("%s: call %d is %scomplete", name, i, complete ? "not " : "");
}

static void check_case(const struct json *c, struct rng *rng)
{
    const struct json *want = json_get(c, "want"), *calls = json_get(want, "calls");
    const struct json *unfinished = json_get(want, "unfinished");
    const char *name = json_str(json_get(c, "name")).p;
    struct str format = json_str(json_get(c, "format")), text = json_str(json_get(c, "text"));
    struct toolset tools;
    struct told t;
    assert_int_equal(toolset_init(&tools, json_get(c, "tools"), NULL), 0);
    struct how h = { .format = toolcall_format_find(format.n ? format : STR("qwen3-coder-xml")),
                     .tools = &tools,
                     .truncated = json_bool(json_get(c, "truncated")),
                     .opens_think = json_bool(json_get(c, "prompt_opens_think")),
                     .rng = rng };
    tell(&t, &h, text);
    expect_str(name, "content", buf_view(&t.content), json_str(json_get(want, "content")));
    expect_str(name, "reasoning", buf_view(&t.reasoning), json_str(json_get(want, "reasoning")));
    for (size_t i = 0; i < json_len(calls); i++)
        expect_call(name, &t, (int)i, json_at(calls, i), true);
    if (unfinished)
        expect_call(name, &t, (int)json_len(calls), unfinished, false);
    if (t.n != (int)json_len(calls) + (unfinished != NULL))
        fail_msg("%s: %d calls", name, t.n);
    every_split_is_the_same(h, text, &t);
    told_deinit(&t);
    toolset_deinit(&tools);
}

static void recorded_outputs_are_told_apart_in_any_pieces(void **state)
{
    size_t n = 0;
    struct rng rng;
    (void)state;
    rng_init(&rng, 1);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct buf text = { 0 };
        char path[100];
        snprintf(path, sizeof path, "tests/data/toolcall/%s.jsonl", files[i]);
        assert_int_equal(file_read(&text, path, NULL), 0);
        struct str rest = buf_view(&text), line;
        for (; str_cut(&rest, '\n', &line); n++) {
            struct json *c;
            assert_int_equal(json_parse(&c, line, path, NULL, NULL), 0);
            check_case(c, &rng);
            json_free(c);
        }
        buf_deinit(&text);
    }
    assert_true(n >= 150);
}

/* ---- generated calls */

static const char tools_text[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"object\", \"properties\": {"
    "\"s\": {\"type\": \"string\"}, \"t\": {\"type\": \"string\"}, \"i\": {\"type\": \"integer\"}, \"x\": {\"type\": "
    "\"number\"}, \"b\": {\"type\": \"boolean\"}, \"o\": {\"type\": \"object\"}, \"a\": {\"type\": \"array\"}, \"u\": "
    "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}}}}}, {\"type\": \"function\", \"function\": "
    "{\"name\": "
    "\"g\", \"parameters\": {\"type\": \"object\", \"properties\": {\"s\": {\"type\": \"string\"}, \"o\": {\"type\": "
    "\"object\"}}}}}]";

static const char *pick(struct rng *r, const char *const *v, size_t n)
{
    return v[rng_below(r, (uint32_t)n)];
}

/* Texts that a value may hold and that a parser could trip over. */
static void make_text(struct rng *r, struct buf *out)
{
    static const char *const pieces[] = {
        "a",
        "b c",
        "\n",
        "\n\n",
        "  ",
        "<",
        "</",
        "<p>",
        "\"",
        "\\",
        "\\n",
        "{",
        "}",
        "é",
        "😀",
        "&lt;",
        "\t",
        "'",
        "x </parameter> y",
        " <tool_call> ",
        "</par",
        " <function=",
        " </function>",
        " </tool_call>.",
        "\n</parameter>\nz",
        "\n<tool_call>\n<function=g>\n<parameter=s>\n1\n</parameter>\n</function>\n</tool_call>\nq",
        " <parameter=i> ",
        "\n</tool_call>\nr",
        "null",
        "1e400"
    };
    for (uint32_t n = rng_below(r, 8); n; n--)
        buf_z(out, pick(r, pieces, ARRAY_LEN(pieces)));
}

static void make_number(struct rng *r, struct buf *out, bool integer)
{
    buf_printf(out, rng_below(r, 3) ? "%u" : "-%u", 1 + rng_below(r, 200000));
    for (uint32_t n = rng_below(r, 3) ? 0 : rng_below(r, 30); n; n--)
        buf_char(out, (char)('0' + rng_below(r, 10)));
    if (!integer && rng_below(r, 2))
        buf_printf(out, ".%u", rng_below(r, 1000));
}

static void make_json(struct rng *r, struct buf *out, int type, int depth)
{
    struct buf text = { 0 };
    static const char *const words[] = { "true", "false", "null" };
    uint32_t n = rng_below(r, 4);
    switch (type >= 0 ? type : (int)rng_below(r, depth < 4 ? 5 : 3)) {
    case 0:
        make_number(r, out, false);
        break;
    case 1:
        buf_z(out, pick(r, words, 3));
        break;
    case 2:
        make_text(r, &text);
        json_write_str(out, buf_view(&text));
        break;
    case 3:
        buf_char(out, '[');
        for (uint32_t i = 0; i < n; i++) {
            buf_z(out, i ? ", " : "");
            make_json(r, out, -1, depth + 1);
        }
        buf_char(out, ']');
        break;
    default:
        buf_char(out, '{');
        for (uint32_t i = 0; i < n; i++) {
            buf_printf(out, i ? ", \"k%u\": " : "\"k%u\": ", i);
            make_json(r, out, -1, depth + 1);
        }
        buf_char(out, '}');
    }
    buf_deinit(&text);
}

/* A value of parameter `name`: as the template writes it, and as JSON. */
static void make_value(struct rng *r, char name, struct buf *plain, struct buf *json)
{
    switch (name) {
    case 'i':
    case 'x':
        make_number(r, plain, name == 'i');
        break;
    case 'b':
        buf_z(plain, rng_below(r, 2) ? "true" : "false");
        break;
    case 'o':
    case 'a':
        make_json(r, plain, name == 'o' ? 4 : 3, 0);
        break;
    default:
        if (name == 'u' && rng_below(r, 2))
            buf_z(plain, "null");
        else
            make_text(r, plain);
    }
    bool text = name == 's' || name == 't' || (name == 'u' && !str_eqz(str_trim(buf_view(plain)), "null"));
    if (text)
        json_write_str(json, buf_view(plain));
    else
        buf_str(json, str_trim(buf_view(plain)));
}

struct made {
    struct buf xml, json; /* the output in both formats */
    struct buf content;   /* its text */
    struct buf args[4];
    int tool[4];
    int n;
};

static void make_call(struct rng *r, struct made *m)
{
    static const char *const names[] = { "stixboau", "so" };
    struct buf *args = &m->args[m->n];
    int tool = (int)rng_below(r, 2);
    bool used[8] = { false };
    size_t n = strlen(names[tool]);
    m->tool[m->n++] = tool;
    buf_printf(&m->xml, "<tool_call>\n<function=%c>\n", "fg"[tool]);
    buf_printf(&m->json, "<tool_call>\n{\"name\": \"%c\", \"arguments\": ", "fg"[tool]);
    buf_char(args, '{');
    for (uint32_t k = rng_below(r, (uint32_t)n + 1); k; k--) {
        size_t i = rng_below(r, (uint32_t)n);
        struct buf plain = { 0 };
        if (used[i])
            continue;
        used[i] = true;
        buf_printf(args, args->n > 1 ? ", \"%c\": " : "\"%c\": ", names[tool][i]);
        make_value(r, names[tool][i], &plain, args);
        buf_printf(&m->xml, "<parameter=%c>\n", names[tool][i]);
        buf_str(&m->xml, buf_view(&plain));
        buf_z(&m->xml, "\n</parameter>\n");
        buf_deinit(&plain);
    }
    buf_char(args, '}');
    buf_z(&m->xml, "</function>\n</tool_call>");
    buf_str(&m->json, buf_view(args));
    buf_z(&m->json, "}\n</tool_call>");
}

static void make_output(struct rng *r, struct made *m)
{
    static const char *const words[] = { "Let me see. ", "a < b\n", "\n\n", "<tool_ca", "é😀", "Then:\n" };
    for (uint32_t calls = rng_below(r, 4); calls; calls--) {
        struct buf words_here = { 0 };
        for (uint32_t n = rng_below(r, 3); n; n--)
            buf_z(&words_here, pick(r, words, ARRAY_LEN(words)));
        buf_str(&m->xml, buf_view(&words_here));
        buf_str(&m->json, buf_view(&words_here));
        if (str_trim(buf_view(&words_here)).n)
            buf_str(&m->content, buf_view(&words_here));
        buf_deinit(&words_here);
        make_call(r, m);
    }
}

static void check_made(const struct made *m, struct how h, struct str text)
{
    struct told t;
    tell(&t, &h, text);
    expect_str(text.p, "content", buf_view(&t.content), buf_view(&m->content));
    assert_int_equal(t.n, m->n);
    for (int i = 0; i < m->n; i++) {
        assert_int_equal(t.calls[i].tool, m->tool[i]);
        assert_true(t.calls[i].complete);
        expect_str(text.p, "arguments", buf_view(&t.calls[i].args), buf_view(&m->args[i]));
    }
    every_split_is_the_same(h, text, &t);
    told_deinit(&t);
}

static void parsing_what_was_rendered_gives_the_call_back(void **state)
{
    struct json *j;
    struct toolset tools;
    struct rng r;
    (void)state;
    rng_init(&r, 2);
    assert_int_equal(json_parse(&j, str_from(tools_text), "tools", NULL, NULL), 0);
    assert_int_equal(toolset_init(&tools, j, NULL), 0);
    for (int round = 0; round < 400; round++) {
        struct made m = { 0 };
        struct how h = { .tools = &tools, .rng = &r };
        make_output(&r, &m);
        h.format = toolcall_format_find(STR("qwen3-coder-xml"));
        check_made(&m, h, buf_view(&m.xml));
        h.format = toolcall_format_find(STR("hermes-json"));
        check_made(&m, h, buf_view(&m.json));
        buf_deinit(&m.xml);
        buf_deinit(&m.json);
        buf_deinit(&m.content);
        for (int i = 0; i < m.n; i++)
            buf_deinit(&m.args[i]);
    }
    toolset_deinit(&tools);
    json_free(j);
}

/* ---- random tags */

static void make_soup(struct rng *r, struct buf *out, bool calls)
{
    static const char *const pieces[] = { "<tool_call>",
                                          "</tool_call>",
                                          "\n",
                                          "\n",
                                          "\n",
                                          " ",
                                          "x",
                                          "<",
                                          "5",
                                          "é",
                                          "<function=zz>",
                                          "</function>",
                                          "<parameter=s>",
                                          "<parameter=i>",
                                          "<parameter=zz>",
                                          "</parameter>",
                                          "\n</parameter>\n",
                                          "<parameter=",
                                          "</",
                                          "{\"name\": \"zz\"",
                                          ", \"arguments\": {",
                                          "}",
                                          "}}",
                                          "\"s\": \"1\"",
                                          "<tool_call>\n<function=zz>\n",
                                          "null",
                                          "<think>",
                                          "</think>",
                                          "\xff",
                                          "\xe2\x82" };
    static const char *const more[] = { "<function=f>",
                                        "<function=g>",
                                        "<tool_call>\n<function=f>\n<parameter=s>\n",
                                        "<function=f>\n<parameter=o>\n",
                                        "{\"name\": \"f\"",
                                        "<tool_call>{\"name\": \"g\", \"arguments\": {" };
    for (uint32_t n = rng_below(r, 24); n; n--)
        buf_z(out, calls && !rng_below(r, 3) ? pick(r, more, ARRAY_LEN(more)) : pick(r, pieces, ARRAY_LEN(pieces)));
}

static void random_tags_give_the_same_in_any_pieces(void **state)
{
    struct json *j;
    struct toolset tools;
    struct rng r;
    (void)state;
    rng_init(&r, 3);
    assert_int_equal(json_parse(&j, str_from(tools_text), "tools", NULL, NULL), 0);
    assert_int_equal(toolset_init(&tools, j, NULL), 0);
    for (int round = 0; round < 4000; round++) {
        struct buf soup = { 0 }, clean = { 0 };
        struct told t;
        bool calls = round % 4 > 0;
        struct how h = { .format = toolcall_format_find(round & 1 ? STR("qwen3-coder-xml") : STR("hermes-json")),
                         .tools = &tools,
                         .rng = &r,
                         .truncated = !rng_below(&r, 2),
                         .opens_think = !rng_below(&r, 8) };
        make_soup(&r, &soup, calls);
        if (!soup.n)
            buf_char(&soup, '.');
        tell(&t, &h, buf_view(&soup));
        for (int i = 0; i < t.n; i++)
            assert_true(t.calls[i].complete || h.truncated || h.format == toolcall_format_find(STR("hermes-json")));
        utf8_clean(&clean, buf_view(&soup));
        bool thinks = h.opens_think || str_starts(str_trim(buf_view(&clean)), STR("<think>"));
        if (!t.n && !thinks)
            expect_str("nothing is lost", "content", buf_view(&t.content), buf_view(&clean));
        if (!calls)
            assert_int_equal(t.n, 0);
        every_split_is_the_same(h, buf_view(&soup), &t);
        told_deinit(&t);
        buf_deinit(&soup);
        buf_deinit(&clean);
    }
    toolset_deinit(&tools);
    json_free(j);
}

/* ---- what is said when */

struct stream {
    struct json *json;
    struct toolset tools;
    struct told t;
    struct toolcall *p;
};

static void stream_begin(struct stream *s, const char *format)
{
    assert_int_equal(json_parse(&s->json, str_from(tools_text), "tools", NULL, NULL), 0);
    assert_int_equal(toolset_init(&s->tools, s->json, NULL), 0);
    s->t = (struct told){ .tools = &s->tools };
    struct toolcall_opts o = { .format = toolcall_format_find(str_from(format)), .tools = &s->tools };
    assert_int_equal(toolcall_new(&s->p, &o, on_event, &s->t, NULL), 0);
}

static void stream_end(struct stream *s)
{
    toolcall_free(s->p);
    told_deinit(&s->t);
    toolset_deinit(&s->tools);
    json_free(s->json);
}

static void say(struct stream *s, const char *piece, const char *content, const char *args)
{
    toolcall_feed(s->p, str_from(piece));
    expect_str(piece, "content", buf_view(&s->t.content), str_from(content));
    if (args)
        expect_str(piece, "arguments", buf_view(&s->t.calls[s->t.n - 1].args), str_from(args));
}

static void only_what_may_be_a_tag_is_held_back(void **state)
{
    struct stream s;
    (void)state;
    stream_begin(&s, "qwen3-coder-xml");
    say(&s, "Hi", "Hi", NULL);
    say(&s, " <", "Hi ", NULL);
    say(&s, "b>", "Hi <b>", NULL);
    say(&s, " <tool_", "Hi <b> ", NULL);
    say(&s, "x", "Hi <b> <tool_x", NULL);
    say(&s, "<function=f", "Hi <b> <tool_x", NULL);
    say(&s, "o", "Hi <b> <tool_x<function=fo", NULL);
    say(&s, "<tool_call>\n<function=f>\n", "Hi <b> <tool_x<function=fo", NULL);
    assert_int_equal(s.t.n, 0);
    say(&s, "<parameter=", "Hi <b> <tool_x<function=fo", "");
    say(&s, "s>", "Hi <b> <tool_x<function=fo", "");
    say(&s, "\nab", "Hi <b> <tool_x<function=fo", "{\"s\": \"ab");
    say(&s, "\n", "Hi <b> <tool_x<function=fo", "{\"s\": \"ab");
    say(&s, "c<", "Hi <b> <tool_x<function=fo", "{\"s\": \"ab\\nc");
    say(&s, "/p", "Hi <b> <tool_x<function=fo", "{\"s\": \"ab\\nc");
    say(&s, ">\xc3", "Hi <b> <tool_x<function=fo", "{\"s\": \"ab\\nc</p>");
    say(&s, "\xa9 x </parameter> ", "Hi <b> <tool_x<function=fo", "{\"s\": \"ab\\nc</p>é x ");
    say(&s, "y", "Hi <b> <tool_x<function=fo", "{\"s\": \"ab\\nc</p>é x </parameter> y");
    say(&s, "\n</parameter>\n", "Hi <b> <tool_x<function=fo", "{\"s\": \"ab\\nc</p>é x </parameter> y");
    say(&s, "<parameter=i>", "Hi <b> <tool_x<function=fo", "{\"s\": \"ab\\nc</p>é x </parameter> y\"");
    say(&s, "\n12\n</parameter>\n<", "Hi <b> <tool_x<function=fo", "{\"s\": \"ab\\nc</p>é x </parameter> y\"");
    say(&s, "/function>", "Hi <b> <tool_x<function=fo", "{\"s\": \"ab\\nc</p>é x </parameter> y\", \"i\": 12}");
    assert_false(toolcall_in_call(s.p));
    stream_end(&s);
}

static void a_string_where_null_may_stand_streams_once_it_cannot_be_null(void **state)
{
    struct stream s;
    (void)state;
    stream_begin(&s, "qwen3-coder-xml");
    say(&s, "<tool_call>\n<function=f>\n<parameter=u>\n", "", "");
    say(&s, "nul", "", "");
    say(&s, "lable", "", "{\"u\": \"nullable");
    stream_end(&s);
}

static void long_arguments_in_json_stream(void **state)
{
    struct stream s;
    (void)state;
    stream_begin(&s, "hermes-json");
    toolcall_feed(s.p, STR("<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \""));
    for (int i = 0; i < 1200; i++)
        toolcall_feed(s.p, STR("x"));
    assert_int_equal(s.t.n, 1);
    assert_int_equal(s.t.calls[0].args.n, strlen("{\"s\": \"") + 1200);
    say(&s, "\"}", "", NULL);
    assert_true(toolcall_in_call(s.p));
    say(&s, "}", "", NULL);
    assert_true(s.t.calls[0].complete);
    stream_end(&s);
}

static void long_arguments_that_break_stay_unfinished(void **state)
{
    struct stream s;
    (void)state;
    stream_begin(&s, "hermes-json");
    toolcall_feed(s.p, STR("<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \""));
    for (int i = 0; i < 1200; i++)
        toolcall_feed(s.p, STR("x"));
    toolcall_feed(s.p, STR("\" oh}} text"));
    assert_false(toolcall_in_call(s.p));
    assert_false(s.t.calls[0].complete);
    expect_str("nothing is lost", "content", buf_view(&s.t.content), STR("oh}} text"));
    stream_end(&s);
}

static void calls_beyond_the_limit_are_text(void **state)
{
    struct stream s;
    struct told t;
    static const char call[] = "<tool_call>\n<function=g>\n</function>\n</tool_call>";
    (void)state;
    stream_begin(&s, "qwen3-coder-xml");
    struct buf text = { 0 };
    buf_printf(&text, "%s\n%s", call, call);
    struct how h = { .format = toolcall_format_find(STR("qwen3-coder-xml")), .tools = &s.tools, .max_calls = 1 };
    tell(&t, &h, buf_view(&text));
    assert_int_equal(t.n, 1);
    assert_string_equal(t.content.p + 1, call);
    told_deinit(&t);
    buf_deinit(&text);
    stream_end(&s);
}

/* ---- long outputs: work grows with their length, not with its square */

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* `unit` again and again up to 200,000 bytes, a byte at a time and all at once. A parser that looks back over all that it holds, or moves it,
 * would take hours. */
static void check_linear(const char *begin, const char *unit, const char *format)
{
    struct buf text = { 0 };
    double from = seconds();
    buf_z(&text, begin);
    while (text.n < 200000)
        buf_z(&text, unit);
    for (size_t piece = 1; piece <= text.n; piece = piece == 1 ? text.n : SIZE_MAX) {
        struct stream s;
        stream_begin(&s, format);
        for (size_t i = 0; i < text.n; i += piece)
            toolcall_feed(s.p, str_sub(buf_view(&text), i, i + piece));
        toolcall_end(s.p, false);
        assert_true(s.t.content.n + s.t.reasoning.n + (size_t)s.t.n > 0);
        stream_end(&s);
    }
    assert_true(seconds() - from < 30);
    buf_deinit(&text);
}

static void long_outputs_take_no_more_than_their_share(void **state)
{
    static const char value[] = "<tool_call>\n<function=f>\n<parameter=s>\n";
    static const char xml[] = "qwen3-coder-xml", json[] = "hermes-json";
    (void)state;
    check_linear(value, "abcdefghij\n", xml);
    check_linear(value, "\n</parameter> x", xml);
    check_linear(value, "</parameter></function>", xml);
    check_linear(value, "\n<parameter=i>\n1", xml);
    check_linear(value, "<tool_call><function=g><parameter=s>", xml);
    check_linear(value, "\n</function>\n", xml);
    check_linear("<tool_call>\n<function=f>\n<parameter=o>\n", "{\"a\": ", xml);
    check_linear("", "<tool_call>", xml);
    check_linear("", "<tool_call>\n<function=g>\n</function>\n</tool_call>\n", xml);
    check_linear("", "<tool_call>\n<function=g>\n<parameter=s>\n1\n", xml);
    check_linear("x<tool_call>", "\n", xml);
    check_linear("", "\n", xml);
    check_linear("<think>a", "\n", xml);
    check_linear("<tool_call>{\"name\": \"f\"}", "\n", json);
    check_linear("<tool_call><function=f></function>", "\n", xml);
    check_linear("<think>", "<tool_call><function=f><parameter=", xml);
    check_linear("", "<tool_call>{\"a\":\"", json);
    check_linear("", "<tool_call>{\"name\":\"f\"}", json);
    check_linear("<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"", "abcdefghij\\n", json);
    check_linear("<tool_call>{\"name\": \"none\", \"arguments\": {\"s\": \"", "abcdefghij\\n", json);
}

/* ---- the list of formats */

static const char *detected(const char *type, const char *template)
{
    const struct toolcall_format *f = toolcall_format_detect(str_from(type), str_from(template));
    return f ? toolcall_format_name(f) : "none";
}

static void a_models_format_is_found(void **state)
{
    struct buf template = { 0 };
    (void)state;
    assert_int_equal(file_read(&template, "models/octet-mini/chat_template.jinja", NULL), 0);
    assert_string_equal(detected("", template.p), "qwen3-coder-xml");
    buf_deinit(&template);
    assert_string_equal(detected("qwen3_coder", ""), "qwen3-coder-xml");
    assert_string_equal(detected("json_tools", ""), "hermes-json");
    assert_string_equal(detected("hermes-json", "<function=x><parameter=y>"), "hermes-json");
    assert_string_equal(detected("", "<tool_call>\\n{\"name\": <function-name>, \"arguments\": <args>}</tool_call>"),
                        "hermes-json");
    assert_string_equal(detected("", "<tool_call>{{ name }}<arg_key>\"name\" arguments"), "none");
    assert_string_equal(detected("something_new", "{{ messages }}"), "none");
    assert_string_equal(detected("", ""), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_outputs_are_told_apart_in_any_pieces),
        cmocka_unit_test(parsing_what_was_rendered_gives_the_call_back),
        cmocka_unit_test(random_tags_give_the_same_in_any_pieces),
        cmocka_unit_test(only_what_may_be_a_tag_is_held_back),
        cmocka_unit_test(a_string_where_null_may_stand_streams_once_it_cannot_be_null),
        cmocka_unit_test(long_arguments_in_json_stream),
        cmocka_unit_test(long_arguments_that_break_stay_unfinished),
        cmocka_unit_test(calls_beyond_the_limit_are_text),
        cmocka_unit_test(long_outputs_take_no_more_than_their_share),
        cmocka_unit_test(a_models_format_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
