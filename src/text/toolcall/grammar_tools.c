/* grammar_tools.c - what an output may look like when tools are offered.
 *
 *   auto        [reasoning] text (call text)*          text never opens a call, so that prose is never forced into one
 *   required    [reasoning] call+
 *   a schema    [reasoning] (JSON | call+)
 *   none        [reasoning] text without tags of calls
 *
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/grammar_tools.h"

#include <stdint.h>

#include "base/mem.h"
#include "text/grammar/grammar_build.h"
#include "text/schema/schema.h"
#include "text/toolcall/grammar_tool.h"
#include "text/toolcall/toolcall_format.h"

/* Grammars that fail for their size are made again with fewer schemas, the last time with none; a tool stands out from COST_MAX_NS on. Attempts
 * with schemas may take as long together as a single schema may. The last takes a millisecond or two, and has to succeed: 0 is the builder's usual
 * limit. */
enum { ATTEMPTS = 3, MS = 1000000, COST_MAX_NS = 3 * MS };
static const int64_t attempt_ns[ATTEMPTS] = { (int64_t)60 * MS, (int64_t)30 * MS, 0 };

static const struct writer {
    const struct toolcall_format *format;
    int (*text)(const struct grammar_tool *t);
    int (*call)(const struct grammar_tool *t, bool strict);
} writers[] = {
    { &toolcall_xml_format, grammar_tool_xml_text, grammar_tool_xml_call },
    { &toolcall_json_format, grammar_tool_json_text, grammar_tool_json_call },
};

/* Without tools: any text, no call. */
static int no_tool_text(const struct grammar_tool *t)
{
    return grammar_build_chars(t->b, 0, SIZE_MAX, false);
}

static int no_tool_call(const struct grammar_tool *t, bool strict)
{
    (void)strict;
    return grammar_build_never(t->b);
}

static const struct writer no_tools = { NULL, no_tool_text, no_tool_call };

static const struct writer *writer_of(const struct grammar_tools_opts *o)
{
    for (size_t i = 0; o->tools->n && i < ARRAY_LEN(writers); i++)
        if (writers[i].format == o->format)
            return &writers[i];
    return o->tools->n ? NULL : &no_tools;
}

static int seq(const struct grammar_tool *t, int a, int b, int c)
{
    const int parts[] = { a, b, c };
    return grammar_build_seq(t->b, parts, 3);
}

static int thinking(const struct grammar_tool *t, const struct grammar_tools_opts *o)
{
    int rest = grammar_build_until(t->b, STR("</think>"), true);
    if (o->opens_think)
        return rest;
    if (!o->reasoning)
        return grammar_build_empty(t->b);
    return grammar_build_repeat(t->b, seq(t, t->space, grammar_build_literal(t->b, STR("<think>")), rest), 0, 1);
}

/* call (white space call)* */
static int calls(const struct grammar_tool *t, const struct grammar_tools_opts *o, const struct writer *w)
{
    int call = w->call(t, true), empty = grammar_build_empty(t->b);
    int more = grammar_build_repeat(t->b, seq(t, t->space, call, empty), 0, o->parallel ? SIZE_MAX : 0);
    return seq(t, t->space, seq(t, call, more, empty), t->space);
}

/* What is no call: JSON. */
static int answer(const struct grammar_tool *t, const struct grammar_tools_opts *o, struct err *e)
{
    struct json *any = NULL;
    struct schema *s = NULL;
    int node = grammar_build_never(t->b);
    const struct schema_opts so = { .strict = o->strict, .relaxed = t->relaxed };
    int rc = o->schema ? 0 : json_parse(&any, STR("{\"type\": \"object\"}"), "schema", NULL, e);
    const struct json *root = o->schema ? o->schema : any;
    if (!rc)
        rc = schema_open(&s, t->b, root, &so, e);
    if (!rc)
        rc = schema_value(s, root, SCHEMA_ANY, &node, e);
    if (rc)
        grammar_build_fail(t->b, rc, "%s", e->msg);
    schema_free(s);
    json_free(any);
    return seq(t, t->space, node, t->space);
}

static int free_text(const struct grammar_tool *t, const struct grammar_tools_opts *o, const struct writer *w)
{
    int text = w->text(t), empty = grammar_build_empty(t->b);
    int more = seq(t, w->call(t, false), text, empty);
    return seq(t, text, grammar_build_repeat(t->b, more, 0, o->parallel ? SIZE_MAX : 1), empty);
}

/* *lost: it failed, and not for the tools. */
static int whole(const struct grammar_tool *t, const struct grammar_tools_opts *o, const struct writer *w, bool *lost,
                 struct err *e)
{
    *lost = false;
    if (o->mode == GRAMMAR_TOOLS_NONE)
        return grammar_tool_without(t->b, STR("<tool_call>|<function="));
    if (o->mode == GRAMMAR_TOOLS_REQUIRED)
        return calls(t, o, w);
    if (!o->schema && !o->any_json)
        return free_text(t, o, w);
    int json = answer(t, o, e);
    *lost = grammar_build_failed(t->b);
    const int either[] = { json, calls(t, o, w) };
    return grammar_build_alt(t->b, either, 2);
}

static int build(struct grammar **out, const struct grammar_tools_opts *o, int64_t time_ns,
                 struct grammar_tool_cost *costs, struct buf *relaxed, bool *lost, struct err *e)
{
    struct err inner = ERR_INIT;
    const struct grammar_build_limits limits = { .time_ns = time_ns };
    struct grammar_build *b = grammar_build_new(&limits);
    struct grammar_tool t = { .b = b, .tools = o->tools, .allowed = o->allowed, .costs = costs, .relaxed = relaxed };
    t.space = grammar_build_regex(b, STR("[ \\t\\r\\n]{0,8}"), false);
    int body = whole(&t, o, writer_of(o), lost, &inner);
    int root = seq(&t, thinking(&t, o), body, grammar_build_empty(b));
    if (o->opens_think && o->mode != GRAMMAR_TOOLS_REQUIRED && !o->schema && !o->any_json) {
        const int either[] = { root, grammar_build_until(b, STR("</think>"), false) }; /* reasoning alone */
        root = grammar_build_alt(b, either, 2);
    }
    for (size_t i = 0; i < o->tools->n; i++)
        if (costs[i].simple)
            grammar_tool_note(&t, i, STR(""), "the schemas of its parameters are too large and left out");
    int rc = grammar_build_finish(b, root, out, e);
    grammar_build_free(b);
    return rc;
}

/* The grammar was too much: the tools that cost most are made simple, all of them if none stands out. */
static void simplify(struct grammar_tool_cost *costs, size_t n, bool all)
{
    bool some = false;
    for (size_t i = 0; i < n; i++) {
        bool now = !costs[i].simple && (costs[i].failed || costs[i].ns > COST_MAX_NS);
        costs[i].simple = costs[i].simple || now || all;
        some = some || now;
    }
    for (size_t i = 0; i < n && !some; i++)
        costs[i].simple = true;
}

int grammar_tools(struct grammar **out, const struct grammar_tools_opts *o, struct buf *relaxed, struct err *e)
{
    struct buf notes = { 0 };
    struct err last = ERR_INIT;
    *out = NULL;
    if (!writer_of(o))
        return err_set(e, ERR_UNSUPPORTED, "the format of this model's tool calls has no grammar");
    struct grammar_tool_cost *costs = mem_try_calloc(o->tools->n + 1, sizeof *costs);
    if (!costs)
        return err_set(e, ERR_NOMEM, "no memory for the grammar of %zu tools", o->tools->n);
    bool lost;
    int rc = build(out, o, attempt_ns[0], costs, &notes, &lost, &last);
    /* A schema for the answer takes its time again in every attempt. */
    for (int attempt = o->schema ? ATTEMPTS - 1 : 1; rc && !lost && attempt < ATTEMPTS && o->tools->n; attempt++) {
        simplify(costs, o->tools->n, attempt + 1 == ATTEMPTS);
        err_clear(&last);
        buf_reset(&notes);
        rc = build(out, o, attempt_ns[attempt], costs, &notes, &lost, &last);
    }
    if (rc)
        err_set(e, rc, "%s", last.msg);
    else if (relaxed)
        buf_str(relaxed, buf_view(&notes));
    mem_free(costs);
    buf_deinit(&notes);
    return rc;
}
