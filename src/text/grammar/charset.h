/* charset.h - sets of Unicode characters, as sorted ranges.
 *
 * A set that is all zeros is valid and empty. Adding does not keep order: charset_norm sorts and merges; the other functions want and give
 * sets in that form. `failed`: memory was out, or there were more than CHARSET_MAX ranges.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_CHARSET_H
#define TEXT_GRAMMAR_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { CHARSET_MAX = 100000, CHARSET_LAST = 0x10FFFF };

struct charset_range {
    uint32_t lo, hi; /* inclusive */
};

struct charset {
    struct charset_range *v; /* owned */
    size_t n, cap;
    bool failed;
};

void charset_deinit(struct charset *s);
void charset_add(struct charset *s, uint32_t lo, uint32_t hi);
void charset_add_set(struct charset *s, const struct charset *o);
void charset_norm(struct charset *s);
void charset_negate(struct charset *s); /* within 0 to U+10FFFF without surrogates */
void charset_minus(struct charset *s, uint32_t lo, uint32_t hi);
bool charset_equal(const struct charset *a, const struct charset *b);

/* \d, \w, \s as ECMA-262 has them. */
void charset_add_digits(struct charset *s);
void charset_add_word(struct charset *s);
void charset_add_space(struct charset *s);
/* The characters of a general category by its short or long name (L, Lu, Letter, Uppercase_Letter), or Any, ASCII, Assigned. False: unknown. */
bool charset_add_property(struct charset *s, struct str name);

#endif
