/* jinja_text.h - what Python's str methods and jinja2's text filters do to strings.
 *
 * Every byte of a result keeps the origin of the byte that it came from; what an operation itself puts in (padding, indentation,
 * entities) counts as template text, but entities and changed letters count as what they stand for. Functions that make a string
 * return NULL after a failure, those that make a list likewise. Positions are characters unless `bytes` is said.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_TEXT_H
#define TEXT_TEMPLATE_JINJA_TEXT_H

#include "text/template/jinja_string.h"
#include "text/template/jinja_value.h"

enum { JTEXT_LEFT = 1, JTEXT_RIGHT = 2, JTEXT_BOTH = 3 };

/* str.strip; chars NULL: white space. sides: where. */
const struct jstring *jtext_strip(struct jrun *r, const struct jstring *s, const struct jstring *chars, int sides);

/* Letter case. */
enum jtext_case { JTEXT_UPPER, JTEXT_LOWER, JTEXT_CAPITALIZE, JTEXT_TITLE, JTEXT_TITLE_FILTER, JTEXT_SWAPCASE };
const struct jstring *jtext_case(struct jrun *r, const struct jstring *s, enum jtext_case how);
/* Predicates; false, too, if fuel runs out. */
bool jtext_is_upper(struct jrun *r, const struct jstring *s);
bool jtext_is_lower(struct jrun *r, const struct jstring *s);
bool jtext_is_title(struct jrun *r, const struct jstring *s);

/* str.replace; max < 0: all. */
const struct jstring *jtext_replace(struct jrun *r, const struct jstring *s, const struct jstring *old,
                                    const struct jstring *with, int64_t max);

/* str.split and rsplit; sep NULL: runs of white space; max < 0: all. */
struct jlist *jtext_split(struct jrun *r, const struct jstring *s, const struct jstring *sep, int64_t max);
struct jlist *jtext_rsplit(struct jrun *r, const struct jstring *s, const struct jstring *sep, int64_t max);
struct jlist *jtext_split_lines(struct jrun *r, const struct jstring *s, bool keep_ends);

/* First or last occurrence within the bytes [from, to); SIZE_MAX if there is none. */
size_t jtext_find(struct jrun *r, const struct jstring *s, const struct jstring *what, size_t from_bytes,
                  size_t to_bytes);
size_t jtext_rfind(struct jrun *r, const struct jstring *s, const struct jstring *what, size_t from_bytes,
                   size_t to_bytes);

/* str.ljust, rjust (sides: where the padding goes) and center; `fill` is one character, NULL: a space. */
const struct jstring *jtext_pad(struct jrun *r, const struct jstring *s, int64_t width, const struct jstring *fill,
                                int sides);
const struct jstring *jtext_zfill(struct jrun *r, const struct jstring *s, int64_t width);
const struct jstring *jtext_expand_tabs(struct jrun *r, const struct jstring *s, int64_t size);

/* s[::-1] and other slices with a step; from, to and step as Python's slice.indices gives them. */
const struct jstring *jtext_slice(struct jrun *r, const struct jstring *s, int64_t from, int64_t to, int64_t step);

/* The filters: indent, escape. */
const struct jstring *jtext_indent(struct jrun *r, const struct jstring *s, const struct jstring *by, bool first,
                                   bool blank);
const struct jstring *jtext_escape(struct jrun *r, const struct jstring *s);

#endif
