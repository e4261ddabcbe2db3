/* jinja_unicode.h - characters as Python's str sees them: white space, letter case, what repr() escapes.
 *
 * Categories and simple case mappings are utf8proc's; where a character's upper case is several characters (SpecialCasing.txt,
 * the unconditional part) a table here has them. Case and kind of number go by category: what
 * Python counts besides (Roman numerals have case, superscripts are digits, some ideographs are numbers) is not known here. Python's own
 * Unicode version may know a few characters more or less.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_UNICODE_H
#define TEXT_TEMPLATE_JINJA_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { JUNICODE_CASE_MAX = 3 };

/* The character at s.p[*at], which is moved behind it; a wrong byte counts as U+FFFD. *at < s.n. */
uint32_t junicode_next(struct str s, size_t *at);
/* The character that ends at *at, which is moved before it. *at > 0. */
uint32_t junicode_prev(struct str s, size_t *at);

bool junicode_space(uint32_t c);      /* str.isspace */
bool junicode_line_end(uint32_t c);   /* where str.splitlines splits */
bool junicode_alpha(uint32_t c);      /* str.isalpha */
bool junicode_decimal(uint32_t c);    /* str.isdecimal */
bool junicode_numeric(uint32_t c);    /* str.isnumeric */
bool junicode_upper_case(uint32_t c); /* an upper-case letter */
bool junicode_lower_case(uint32_t c);
bool junicode_title_case(uint32_t c);
bool junicode_cased(uint32_t c);     /* any of the three */
bool junicode_printable(uint32_t c); /* repr() leaves it as it is */

/* The mapping of one character: writes out and returns how many characters, 1 to JUNICODE_CASE_MAX. The final sigma is the caller's. */
int junicode_upper(uint32_t c, uint32_t out[JUNICODE_CASE_MAX]);
int junicode_lower(uint32_t c, uint32_t out[JUNICODE_CASE_MAX]);
int junicode_title(uint32_t c, uint32_t out[JUNICODE_CASE_MAX]);

#endif
