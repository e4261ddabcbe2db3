/* grammar_tool_text.h - free text beside Qwen3-Coder's calls, as an automaton: all but what opens a call.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_GRAMMAR_TOOL_TEXT_H
#define TEXT_TOOLCALL_GRAMMAR_TOOL_TEXT_H

#include "text/grammar/grammar_build.h"
#include "text/toolcall/toolset.h"

/* A terminal: texts that hold neither <tool_call>, white space, <function= nor <function=DECLARED>, white space and <parameter= or </function>.
 * Of sets with very long lists of names only the first counts. */
int grammar_tool_text(struct grammar_build *b, const struct toolset *tools);

#endif
