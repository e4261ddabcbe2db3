/* utf8.h - UTF-8 in and out, strictly: no surrogates, no overlong forms, nothing above U+10FFFF.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum { UTF8_MAX = 4 };

/* Decodes the first character of s. Returns its length 1..4 and sets *cp; 0 if s is empty; -1 if the bytes are wrong;
 * -2 if s ends inside a character that may still become right. */
int utf8_decode(struct str s, uint32_t *cp);
/* Writes cp to out (room for UTF8_MAX) and returns its length; 0 for what is not a character. */
int utf8_encode(char *out, uint32_t cp);
bool utf8_valid(struct str s);
/* Length of the longest prefix of s that does not end inside a character; wrong bytes count as whole. */
size_t utf8_whole(struct str s);
/* Appends s with every maximal wrong part replaced by U+FFFD, as Python's errors="replace" does. */
void utf8_clean(struct buf *out, struct str s);
size_t utf8_count(struct str s); /* characters in valid UTF-8 */

#endif
