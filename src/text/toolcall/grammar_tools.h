/* grammar_tools.h - the grammar of an output that may call tools: free text or JSON, and calls that keep to the tools' schemas.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_GRAMMAR_TOOLS_H
#define TEXT_TOOLCALL_GRAMMAR_TOOLS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/json.h"
#include "text/grammar/grammar.h"
#include "text/toolcall/toolcall.h"
#include "text/toolcall/toolset.h"

enum grammar_tools_mode {
    GRAMMAR_TOOLS_AUTO, /* free text; once a call is open (after <tool_call> + white space + <function=, or <function=DECLARED) it keeps to its tool */
    GRAMMAR_TOOLS_REQUIRED, /* at least one call, from the first token (reasoning before it is free) */
    GRAMMAR_TOOLS_NONE, /* text without a tag that opens a call: a model that was shown tools would write calls that nobody reads */
};

struct grammar_tools_opts {
    const struct toolcall_format *format;
    const struct toolset *tools;
    enum grammar_tools_mode mode;
    const bool *allowed;       /* [tools->n]: which may be called, at least one; NULL: all */
    bool parallel;             /* more than one call may follow */
    const struct json *schema; /* AUTO: what is not calls is JSON under this schema; NULL: free text */
    bool strict; /* what cannot be enforced of `schema` is ERR_UNSUPPORTED, as in grammar_schema; else it is left out */
    bool any_json;    /* the same with any JSON object */
    bool reasoning;   /* <think>...</think> may stand first */
    bool opens_think; /* the prompt ended inside <think> */
};

/* Never fails for what a tool's schema says: a parameter whose schema cannot be compiled, or too large, is free text (named in `relaxed`). With
 * schemas attempts stop after 90 ms of the processor, a pattern that is being compiled after its own time (150 ms were seen), then there are none. */
MUST_CHECK int grammar_tools(struct grammar **out, const struct grammar_tools_opts *o, struct buf *relaxed,
                             struct err *e);

#endif
