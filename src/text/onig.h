/* onig.h - the patterns of tokenizer.json, written for Oniguruma, rewritten for PCRE2.
 *
 * The two agree on nearly all that tokenizers use. What means something else is spelt out:
 *   \s \S        the White_Space characters (PCRE2 leaves out U+0085)
 *   \w \W \b \B  letters, marks, decimal and letter numbers, connectors, and the others that Oniguruma counts in
 *   \h \H        hexadecimal digits
 *   \v           U+000B
 *   \uHHHH       a code point
 *   x{1,3}+      (?:x{1,3})+; PCRE2 reads a possessive quantifier
 *   x{,3}        x{0,3}
 *   (?m)         the dot matches line feeds
 *   \p{Han}      the script, not the script extensions
 *   [a[bc]]      union, and [a-z&&[^b]] intersection of sets
 * POSIX brackets ([[:alpha:]]) stay as PCRE2 reads them. Extended mode (?x), comments and "(*" are refused. The result is for PCRE2_UTF, PCRE2_UCP and PCRE2_MULTILINE.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_ONIG_H
#define TEXT_ONIG_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends the rewritten pattern. ERR_FORMAT or ERR_UNSUPPORTED says what in the pattern is wrong, without its place. */
MUST_CHECK int onig_rewrite(struct str pattern, struct buf *out, struct err *e);

#endif
