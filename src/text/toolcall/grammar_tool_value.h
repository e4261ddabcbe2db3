/* grammar_tool_value.h - the texts that toolcall_closer.h takes as one whole value, as an automaton.
 *
 * It follows the closer's reading: tags of quoted calls nest, and the text dies where a </parameter> that is nobody else's is followed by what
 * confirms it. It is a little wider: nesting beyond a few tags is followed no more, and then nothing dies.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_GRAMMAR_TOOL_VALUE_H
#define TEXT_TOOLCALL_GRAMMAR_TOOL_VALUE_H

#include "text/grammar/grammar_build.h"

/* A terminal: what may stand between <parameter=NAME> and its </parameter>. `framed`: the value behind a line feed, up to the closing tag, the line
 * feed before that included; else a value that begins with something else than a line feed. */
int grammar_tool_value(struct grammar_build *b, bool framed);

#endif
