/* grammar_regex.c - one regular expression as a grammar.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/grammar.h"

#include "text/grammar/grammar_build.h"

int grammar_regex(struct grammar **out, struct str pattern, struct err *e)
{
    struct grammar_build *b = grammar_build_new(NULL);
    int code = grammar_build_finish(b, grammar_build_regex(b, pattern, false), out, e);
    grammar_build_free(b);
    return code;
}
