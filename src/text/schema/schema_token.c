/* schema_token.c - the punctuation of JSON texts, with the white space that may stand beside it.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_token.h"

#include "base/str.h"

/* Compact, as json.dumps writes, or indented: a line break and as much indentation as people use. */
#define SPACE "(?: {0,2}|\\r?\\n(?: {0,48}|\\t{0,16}))"

int schema_token_space(struct grammar_build *b)
{
    return grammar_build_regex(b, STR(SPACE), false);
}

int schema_token_comma(struct grammar_build *b)
{
    return grammar_build_regex(b, STR("," SPACE), false);
}

int schema_token_open(struct grammar_build *b, char c)
{
    return grammar_build_regex(b, c == '{' ? STR("\\{" SPACE) : STR("\\[" SPACE), false);
}

int schema_token_close(struct grammar_build *b, char c)
{
    return grammar_build_regex(b, c == '}' ? STR(SPACE "\\}") : STR(SPACE "\\]"), false);
}
