/* toolcall_literal.h - values as models write them, read as JSON or as Python's repr, and spelt as json.dumps spells JSON.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_TOOLCALL_LITERAL_H
#define TEXT_TOOLCALL_TOOLCALL_LITERAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* Deepest nesting that is read. */
enum { TOOLCALL_LITERAL_DEPTH = 100 };

/* Appends the list, tuple or dict that `s` is, whole, as JSON with ", " and ": ". Read are JSON, and what Python's repr writes: quotes of
 * either kind, True, False, None, tuples, keys that are numbers; also a comma behind the last element and raw control characters in strings.
 * Numbers keep their digits. False, and out is as it was, if s is something else, holds a number that is not finite, or nests deeper. */
bool toolcall_literal(struct buf *out, struct str s);
/* Appends the number that s is, whole, as JSON: digits as they are, without "+", with a digit on both sides of a point. False if s is none
 * or not finite. `*integral`: it is a whole number. */
bool toolcall_literal_number(struct buf *out, struct str s, bool *integral);
/* Appends s, a piece of a string's value, escaped for JSON, without quotes. */
void toolcall_literal_escape(struct buf *out, struct str s);

#endif
