/* pattern.h - regular expressions of ECMA-262 as languages: parsed, and turned into a DFA over bytes.
 *
 * Unicode characters throughout, as with the flag u; the dot leaves out line ends. Lazy quantifiers mean the same language as greedy ones.
 * ^ and $ are the ends of the text. Not regular, or not understood, and refused with ERR_UNSUPPORTED that names it: look-around, back
 * references, \b and \B, scripts.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_PATTERN_H
#define TEXT_GRAMMAR_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "text/grammar/dfa.h"

enum pattern_flags {
    PATTERN_JSON = 1,   /* as spelt inside a JSON string */
    PATTERN_SEARCH = 2, /* texts that contain a match, else texts that match whole */
};

/* ERR_FORMAT with the place in the pattern for wrong syntax. */
MUST_CHECK int pattern_compile(struct dfa *out, struct str pattern, unsigned flags, struct work *w, struct err *e);
/* Texts of min to max (SIZE_MAX: no bound) characters. */
MUST_CHECK int pattern_chars(struct dfa *out, size_t min, size_t max, bool json, struct work *w, struct err *e);

#endif
