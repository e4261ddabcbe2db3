/* grammar_tool.h - the formats' part of a grammar of tool calls: one file for each format.
 *
 * A format says what free text is, so that it never holds the beginning of a call, and what a call is from that beginning on. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_GRAMMAR_TOOL_H
#define TEXT_TOOLCALL_GRAMMAR_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "text/grammar/grammar_build.h"
#include "text/toolcall/toolset.h"

/* What a tool's schemas cost, and whether they are left out: names and requirements alone. */
struct grammar_tool_cost {
    int64_t ns;  /* of the processor, in this attempt */
    bool failed; /* the builder failed here */
    bool simple;
};

struct grammar_tool {
    struct grammar_build *b;         /* borrowed */
    const struct toolset *tools;     /* borrowed */
    const bool *allowed;             /* borrowed: [tools->n], which may be called; NULL: all */
    struct grammar_tool_cost *costs; /* borrowed: [tools->n] */
    struct buf *relaxed;             /* borrowed, may be NULL */
    int space;                       /* white space between parts, may be empty */
};

/* Free text: any that opens no call. */
int grammar_tool_xml_text(const struct grammar_tool *t);
int grammar_tool_json_text(const struct grammar_tool *t);
/* One call. `strict`: in its frame, as the model is taught to write it; otherwise as free text goes over into it. */
int grammar_tool_xml_call(const struct grammar_tool *t, bool strict);
int grammar_tool_json_call(const struct grammar_tool *t, bool strict);

static inline bool grammar_tool_may_call(const struct grammar_tool *t, size_t i)
{
    return !t->allowed || t->allowed[i];
}

/* Begins and ends the measuring of tool i. */
void grammar_tool_enter(const struct grammar_tool *t, size_t i);
void grammar_tool_leave(const struct grammar_tool *t, size_t i);
/* Appends s to a pattern, so that it stands for itself. */
void grammar_tool_quote(struct buf *pattern, struct str s);
/* Any text but those in which `pattern` is found. */
int grammar_tool_without(struct grammar_build *b, struct str pattern);
/* Appends "tool NAME, parameter NAME: why" to what was relaxed; `parameter` may be empty. */
void grammar_tool_note(const struct grammar_tool *t, size_t tool, struct str parameter, const char *why);

#endif
