/* str.h - slices of bytes: a pointer and a length, never NUL-terminated, always borrowed.
 *
 * A slice may hold any bytes. The parsers advance the slice behind what they read and leave it untouched on failure.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *p; /* borrowed */
    size_t n;
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })

struct str str_from(const char *s); /* of a C string; NULL gives an empty slice */
bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *z);
int str_cmp(struct str a, struct str b); /* bytewise order, as memcmp, shorter first */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
ptrdiff_t str_find(struct str s, struct str needle);      /* offset of the first occurrence, or -1 */
struct str str_sub(struct str s, size_t from, size_t to); /* clamped to the slice */
struct str str_trim(struct str s);                        /* without ASCII white space at both ends */
/* *head = the bytes before the first `sep`, *s = those behind it; false if there is none. */
bool str_cut(struct str *s, char sep, struct str *head);

/* The whole slice as a number, nothing before or behind it; false if it is not one or out of range. */
bool str_to_i64(struct str s, int64_t *out);
bool str_to_u64(struct str s, uint64_t *out);
bool str_to_double(struct str s, double *out); /* decimal, finite, "." whatever the locale */

/* Damerau-Levenshtein distance of two names, at most `limit` + 1: for "did you mean". */
int str_distance(struct str a, struct str b, int limit);

#endif
