/* schema_dec.h - decimal numbers of any size, exact: the bounds, divisors and constants of schemas.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_DEC_H
#define TEXT_SCHEMA_SCHEMA_DEC_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "text/schema/schema_core.h"

enum { SCHEMA_DEC_DIGITS = 400 }; /* before and behind the point */

/* digits * 10^exp; digits neither begin nor end with 0; zero has none and is not negative. */
struct schema_dec {
    bool neg;
    struct str digits; /* borrowed from the arena */
    int exp;
};

/* A JSON number. False: more than SCHEMA_DEC_DIGITS digits. */
bool schema_dec_parse(struct schema *s, struct str text, struct schema_dec *out);
int schema_dec_cmp(struct schema_dec a, struct schema_dec b); /* below, at or above 0 */
bool schema_dec_is_int(struct schema_dec a);
struct schema_dec schema_dec_neg(struct schema_dec a);
/* Appends the digits before the point ("0" if there are none) and behind it of the magnitude. */
void schema_dec_whole(struct schema_dec a, struct buf *out);
void schema_dec_part(struct schema_dec a, struct buf *out);

#endif
