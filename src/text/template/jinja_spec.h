/* jinja_spec.h - one value put out as a format specification asks: width, fill, sign, base, precision, groups of digits.
 *
 * Shared by `fmt % args` and fmt.format(...) (jinja_format.h). Strings keep the origin of their bytes; a number's digits count as the
 * number does, a fill character as its place in the specification, what else is put in as template text.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_SPEC_H
#define TEXT_TEMPLATE_JINJA_SPEC_H

#include "text/template/jinja_string.h"
#include "text/template/jinja_value.h"

enum { JSPEC_NOT_GIVEN = -1 };

struct jspec {
    uint32_t fill;
    bool fill_value;    /* the fill character came from a value */
    char align;         /* '<' '>' '^' '='; 0: as the type likes */
    char sign;          /* '-' '+' ' '; 0: not given */
    char type;          /* 0: not given */
    char group;         /* ',' '_' or 0 */
    bool alt;           /* '#' */
    bool zero;          /* '0' before the width: numbers are filled behind their sign */
    int64_t width;      /* JSPEC_NOT_GIVEN */
    int64_t precision;  /* JSPEC_NOT_GIVEN */
    int64_t min_digits; /* of an integer: what a precision means behind % */
};

/* Nothing asked for. */
static inline struct jspec jspec_none(void)
{
    return (struct jspec){ .fill = ' ', .width = JSPEC_NOT_GIVEN, .precision = JSPEC_NOT_GIVEN };
}

/* Python's format mini-language: [[fill]align][sign][#][0][width][group][.precision][type]. */
MUST_CHECK int jspec_parse(struct jrun *r, const struct jstring *text, struct jspec *out);
/* Decimal digits at s[*at], which moves behind them; clamped far beyond any limit; JSPEC_NOT_GIVEN if there are none. */
int64_t jspec_number(struct str s, size_t *at);

/* format(v, spec). A failure is the run's, here and below. */
void jspec_put(struct jbuild *b, const struct jspec *sp, struct jvalue v);
/* A string, by default to the left, cut to the precision. */
void jspec_put_string(struct jbuild *b, const struct jspec *sp, const struct jstring *s);
/* A number in the type of the specification: an integer in d, b, o, x, X; any number in e, f, g and their like. */
void jspec_put_int(struct jbuild *b, const struct jspec *sp, struct jvalue v);
void jspec_put_float(struct jbuild *b, const struct jspec *sp, struct jvalue v);
/* chr(v) of an integer; it counts as a value. NULL after a failure. */
const struct jstring *jspec_char(struct jrun *r, struct jvalue v);

#endif
