/* grammar_tool_xml.c - Qwen3-Coder's calls as a grammar.
 *
 * A call's parameters come in any order, each at most once, the required ones all. A string is any text that the parser takes as one value, or
 * one of those that an enum, a constant or a pattern allows; other types are JSON under their schema. Undeclared parameters are possible where
 * the schema asks for more than it declares, or declares nothing.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/grammar_tool.h"

#include <stdint.h>

#include "base/mem.h"
#include "text/schema/schema.h"
#include "text/toolcall/grammar_tool_text.h"
#include "text/toolcall/grammar_tool_value.h"
#include "text/toolcall/toolcall_schema.h"

/* One tool's parameters in the making. */
struct body {
    const struct grammar_tool *t;
    size_t tool;
    struct schema *schema; /* owned; NULL: none, or none that can be read */
    int framed, unframed;  /* free values, made once for all tools */
    struct grammar_member *v;
    size_t n, cap;
    struct buf names; /* a pattern: declared names */
    bool any;         /* undeclared parameters may come */
};

static int literal(const struct body *m, const char *text)
{
    return grammar_build_literal(m->t->b, str_from(text));
}

/* value, with one line feed at either end or none. */
static int maybe_framed(const struct body *m, int value)
{
    int line_feed = grammar_build_repeat(m->t->b, literal(m, "\n"), 0, 1);
    const int parts[] = { line_feed, value, line_feed };
    return grammar_build_seq(m->t->b, parts, 3);
}

static int any_text(const struct body *m)
{
    const int framed[] = { literal(m, "\n"), m->framed };
    const int either[] = { grammar_build_seq(m->t->b, framed, 2), m->unframed };
    return grammar_build_alt(m->t->b, either, 2);
}

/* Whether the strings of a schema are worth following: lengths alone are not, they cost more than they tell. */
static bool chosen(const struct json *schema)
{
    static const char *const keywords[] = { "enum", "const", "pattern", "$ref", "anyOf", "oneOf", "allOf" };
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (json_has(schema, keywords[i]))
            return true;
    return false;
}

static void note_lengths(const struct body *m, struct str name, const struct json *schema)
{
    if (json_has(schema, "minLength") || json_has(schema, "maxLength") || json_has(schema, "format"))
        grammar_tool_note(m->t, m->tool, name, "minLength, maxLength and format of text are left out");
}

static int text_value(const struct body *m, struct str name, const struct toolcall_param *p)
{
    int strings = -1;
    if (!m->schema || !p->schema || !chosen(p->schema) || schema_raw_string(m->schema, p->schema, &strings, NULL))
        strings = -1;
    if (strings >= 0)
        return maybe_framed(m, strings);
    if (p->schema)
        note_lengths(m, name, p->schema);
    return any_text(m);
}

static unsigned json_types(unsigned t)
{
    unsigned types = 0;
    types |= t & TOOLCALL_NULL ? SCHEMA_NULL : 0;
    types |= t & TOOLCALL_BOOL ? SCHEMA_BOOLEAN : 0;
    types |= t & (TOOLCALL_INTEGER | TOOLCALL_NUMBER) ? SCHEMA_NUMBER : 0;
    types |= t & TOOLCALL_ARRAY ? SCHEMA_ARRAY : 0;
    return types | (t & TOOLCALL_OBJECT ? SCHEMA_OBJECT : 0);
}

static int value_of(const struct body *m, struct str name, const struct toolcall_param *p)
{
    unsigned types = p->types & TOOLCALL_UNTYPED ? 0 : json_types(p->types);
    struct err e = ERR_INIT;
    int json, either[3], n = 0;
    if (!types || !m->schema)
        return text_value(m, name, p);
    if (schema_value(m->schema, p->schema, types, &json, &e)) {
        grammar_tool_note(m->t, m->tool, name, e.msg);
        return any_text(m);
    }
    const int spaced[] = { m->t->space, json, m->t->space };
    either[n++] = grammar_build_seq(m->t->b, spaced, 3);
    if (json_bool(json_get(p->schema, "nullable"))) /* OpenAPI's word, unknown to JSON Schema */
        either[n++] = maybe_framed(m, literal(m, "null"));
    if (p->types & TOOLCALL_STRING)
        either[n++] = text_value(m, name, p);
    int value = grammar_build_alt(m->t->b, either, (size_t)n);
    return grammar_build_is_never(m->t->b, value) ? any_text(m) : value;
}

static int parameter(const struct body *m, int name, int value)
{
    const int parts[] = { literal(m, "<parameter="), name, literal(m, ">"), value, literal(m, "</parameter>") };
    return grammar_build_seq(m->t->b, parts, 5);
}

static void add_member(void *arg, struct str name, bool required)
{
    struct body *m = arg;
    struct toolcall_param p = toolcall_schema_param(m->t->tools->v[m->tool].parameters, name);
    if (m->n == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 16;
        m->v = xrealloc(m->v, m->cap * sizeof *m->v);
    }
    int node = parameter(m, grammar_build_literal(m->t->b, name), value_of(m, name, &p));
    m->v[m->n++] = (struct grammar_member){ .node = node, .required = required };
    buf_z(&m->names, m->n > 1 ? "|" : "");
    grammar_tool_quote(&m->names, name);
}

/* A parameter that is not declared, -1: there can be none. */
static int extra(const struct body *m)
{
    const struct json *root = m->t->tools->v[m->tool].parameters, *more = json_get(root, "additionalProperties");
    bool asked = json_type(more) == JSON_OBJECT || (json_type(more) == JSON_BOOL && json_bool(more));
    if (!asked && root && json_has(root, "properties"))
        return -1;
    struct toolcall_param p = toolcall_schema_param(root, STR(""));
    int name = grammar_build_regex(m->t->b, STR("[A-Za-z_][A-Za-z0-9_.$:@-]{0,63}"), false);
    if (m->n)
        name = grammar_build_minus(m->t->b, name, grammar_build_regex(m->t->b, buf_view(&m->names), false));
    return parameter(m, name, value_of(m, STR(""), &p));
}

/* What follows <function=NAME>, its end included. */
static int body_of(const struct grammar_tool *t, size_t tool, int framed, int unframed)
{
    struct body m = { .t = t, .tool = tool, .framed = framed, .unframed = unframed };
    const struct json *root = t->tools->v[tool].parameters;
    const struct schema_opts o = { .relaxed = t->relaxed };
    struct err e = ERR_INIT;
    if (root && !t->costs[tool].simple && schema_open(&m.schema, t->b, root, &o, &e))
        grammar_tool_note(t, tool, STR(""), e.msg);
    toolcall_schema_each(root, add_member, &m);
    int params = grammar_build_members(t->b, m.v, m.n, extra(&m), t->space, 0, SIZE_MAX);
    const int parts[] = { t->space, params, t->space, literal(&m, "</function>") };
    int node = grammar_build_seq(t->b, parts, 4);
    schema_free(m.schema);
    buf_deinit(&m.names);
    mem_free(m.v);
    return node;
}

int grammar_tool_xml_call(const struct grammar_tool *t, bool strict)
{
    size_t n = t->tools->n;
    int *named = xmalloc((n + 1) * sizeof *named), n_named = 0;
    int framed = grammar_tool_value(t->b, true), unframed = grammar_tool_value(t->b, false);
    for (size_t i = 0; i < n; i++) {
        if (!grammar_tool_may_call(t, i))
            continue;
        grammar_tool_enter(t, i);
        const int parts[] = { grammar_build_literal(t->b, t->tools->v[i].name), grammar_build_literal(t->b, STR(">")),
                              body_of(t, i, framed, unframed) };
        grammar_tool_leave(t, i);
        named[n_named++] = grammar_build_seq(t->b, parts, 3);
    }
    const int open[] = { grammar_build_literal(t->b, STR("<tool_call>")), t->space };
    int frame = grammar_build_seq(t->b, open, 2);
    const int call[] = { strict ? frame : grammar_build_repeat(t->b, frame, 0, 1),
                         grammar_build_literal(t->b, STR("<function=")),
                         grammar_build_alt(t->b, named, (size_t)n_named) };
    const int closed[] = { grammar_build_seq(t->b, call, 3), t->space,
                           grammar_build_literal(t->b, STR("</tool_call>")) };
    mem_free(named);
    return strict ? grammar_build_seq(t->b, closed, 3) : closed[0];
}

int grammar_tool_xml_text(const struct grammar_tool *t)
{
    return grammar_tool_text(t->b, t->tools);
}
