/* grammar_tool.c - what the formats' grammars of tool calls share.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/grammar_tool.h"

#include <string.h>

#include "base/clock.h"

void grammar_tool_enter(const struct grammar_tool *t, size_t i)
{
    t->costs[i].failed = grammar_build_failed(t->b);
    t->costs[i].ns = clock_thread_ns();
}

void grammar_tool_leave(const struct grammar_tool *t, size_t i)
{
    t->costs[i].failed = !t->costs[i].failed && grammar_build_failed(t->b);
    t->costs[i].ns = clock_thread_ns() - t->costs[i].ns;
}

void grammar_tool_quote(struct buf *pattern, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] && strchr("\\^$.*+?()[]{}|/", s.p[i]))
            buf_char(pattern, '\\');
        buf_char(pattern, s.p[i]);
    }
}

int grammar_tool_without(struct grammar_build *b, struct str pattern)
{
    int found = grammar_build_search(b, pattern, false);
    return grammar_build_minus(b, grammar_build_chars(b, 0, SIZE_MAX, false), found);
}

void grammar_tool_note(const struct grammar_tool *t, size_t tool, struct str parameter, const char *why)
{
    struct str name = t->tools->v[tool].name;
    if (!t->relaxed)
        return;
    buf_printf(t->relaxed, "tool %.*s", (int)name.n, name.p);
    if (parameter.n)
        buf_printf(t->relaxed, ", parameter %.*s", (int)parameter.n, parameter.p);
    buf_printf(t->relaxed, ": %s\n", why);
}
