/* grammar_tool_json.c - Hermes' calls as a grammar: {"name": NAME, "arguments": ...} in <tool_call>, the arguments under the tool's schema.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/grammar_tool.h"

#include <stdint.h>

#include "base/mem.h"
#include "text/schema/schema.h"

/* Any JSON object. */
static int any_object(const struct grammar_tool *t)
{
    struct json *j = NULL;
    struct schema *s = NULL;
    int node = grammar_build_never(t->b);
    const struct schema_opts o = { 0 };
    int rc = json_parse(&j, STR("{\"type\": \"object\"}"), "schema", NULL, NULL);
    if (!rc)
        rc = schema_open(&s, t->b, j, &o, NULL);
    if (!rc)
        rc = schema_value(s, j, SCHEMA_OBJECT, &node, NULL);
    if (rc)
        grammar_build_fail(t->b, rc, "the arguments of a call");
    schema_free(s);
    json_free(j);
    return node;
}

static int arguments(const struct grammar_tool *t, size_t tool)
{
    const struct json *root = t->tools->v[tool].parameters;
    const struct schema_opts o = { .relaxed = t->relaxed };
    struct schema *s = NULL;
    struct err e = ERR_INIT;
    int node = -1;
    int rc = root && !t->costs[tool].simple ? schema_open(&s, t->b, root, &o, &e) : 0;
    if (!rc && s)
        rc = schema_value(s, root, SCHEMA_OBJECT, &node, &e);
    schema_free(s);
    if (rc)
        grammar_tool_note(t, tool, STR(""), e.msg);
    return node < 0 || rc || grammar_build_is_never(t->b, node) ? any_object(t) : node;
}

/* "name": NAME and, unless nothing is required, "arguments": {...}. */
static int members(const struct grammar_tool *t, size_t tool)
{
    struct buf name = { 0 };
    struct grammar_build *b = t->b;
    json_write_str(&name, t->tools->v[tool].name);
    const int keys[] = { grammar_build_literal(b, STR("\"arguments\"")),
                         grammar_build_literal(b, STR("\"parameters\"")) };
    const int args[] = { t->space, grammar_build_literal(b, STR(",")), t->space, grammar_build_alt(b, keys, 2),
                         t->space, grammar_build_literal(b, STR(":")), t->space, arguments(t, tool) };
    int given = grammar_build_seq(b, args, 8);
    bool needed = json_len(json_get(t->tools->v[tool].parameters, "required")) > 0;
    const int parts[] = { grammar_build_literal(b, buf_view(&name)), grammar_build_repeat(b, given, needed, 1) };
    buf_deinit(&name);
    return grammar_build_seq(b, parts, 2);
}

int grammar_tool_json_call(const struct grammar_tool *t, bool strict)
{
    struct grammar_build *b = t->b;
    int *named = xmalloc((t->tools->n + 1) * sizeof *named), n = 0;
    (void)strict;
    for (size_t i = 0; i < t->tools->n; i++) {
        if (!grammar_tool_may_call(t, i))
            continue;
        grammar_tool_enter(t, i);
        named[n++] = members(t, i);
        grammar_tool_leave(t, i);
    }
    const int parts[] = {
        grammar_build_literal(b, STR("<tool_call>")), t->space, grammar_build_literal(b, STR("{")), t->space,
        grammar_build_literal(b, STR("\"name\"")),    t->space, grammar_build_literal(b, STR(":")), t->space,
        grammar_build_alt(b, named, (size_t)n),       t->space, grammar_build_literal(b, STR("}")), t->space,
        grammar_build_literal(b, STR("</tool_call>"))
    };
    mem_free(named);
    return grammar_build_seq(b, parts, ARRAY_LEN(parts));
}

int grammar_tool_json_text(const struct grammar_tool *t)
{
    return grammar_tool_without(t->b, STR("<tool_call>[ \\t\\r\\n]*\\{[ \\t\\r\\n]*\"name\""));
}
