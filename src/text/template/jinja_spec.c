/* jinja_spec.c - the fields of Python's format mini-language.
 *
 * A number is sign, prefix ("0x"), whole digits and what follows them (".50", "e+10", "%"); C's printf makes the digits of floats.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_spec.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/utf8.h"
#include "text/template/jinja_print.h"
#include "text/template/jinja_unicode.h"

enum {
    FLOAT_DIGITS_MAX = 330,  /* before the point of the largest double, with room */
    PRECISION_MAX = 1 << 16, /* no double has that many digits */
};
#define NUMBER_MAX ((int64_t)1 << 40) /* widths and precisions are clamped here: far beyond the limit of output */

int64_t jspec_number(struct str s, size_t *at)
{
    int64_t n = JSPEC_NOT_GIVEN;
    for (; *at < s.n && isdigit((unsigned char)s.p[*at]); ++*at)
        n = MIN(MAX(n, 0) * 10 + (s.p[*at] - '0'), NUMBER_MAX);
    return n;
}

static bool take(struct str s, size_t *at, char c)
{
    if (*at >= s.n || s.p[*at] != c)
        return false;
    ++*at;
    return true;
}

static bool is_align(struct str s, size_t at)
{
    return at < s.n && s.p[at] && strchr("<>^=", s.p[at]) != NULL;
}

/* [[fill]align] */
static void parse_align(const struct jstring *text, size_t *at, struct jspec *out)
{
    struct str s = jstring_str(text);
    size_t second = 0;
    if (s.n == 0)
        return;
    uint32_t first = junicode_next(s, &second);
    if (is_align(s, second)) {
        out->fill = first;
        out->fill_value = jstring_value_at(text, 0);
        out->align = s.p[second];
        *at = second + 1;
    } else if (is_align(s, 0)) {
        out->align = s.p[0];
        *at = 1;
    }
}

int jspec_parse(struct jrun *r, const struct jstring *text, struct jspec *out)
{
    struct str s = jstring_str(text);
    size_t at = 0;
    *out = jspec_none();
    parse_align(text, &at, out);
    bool fill_given = at > 1;
    if (at < s.n && s.p[at] && strchr("+- ", s.p[at]))
        out->sign = s.p[at++];
    out->alt = take(s, &at, '#');
    if (!fill_given && take(s, &at, '0')) {
        out->fill = '0';
        out->zero = true;
    }
    out->width = jspec_number(s, &at);
    if (at < s.n && (s.p[at] == ',' || s.p[at] == '_'))
        out->group = s.p[at++];
    if (take(s, &at, '.')) {
        out->precision = jspec_number(s, &at);
        if (out->precision == JSPEC_NOT_GIVEN)
            return jrun_fail(r, ERR_FORMAT, "format(): the specification lacks its precision");
    }
    if (at < s.n)
        out->type = s.p[at++];
    if (at < s.n)
        return jrun_fail(r, ERR_FORMAT, "format(): invalid format specification");
    return 0;
}

static void fill(struct jbuild *b, const struct jspec *sp, size_t n)
{
    jbuild_fill(b, sp->fill, n, sp->fill_value);
}

/* Characters to be filled in beside n of them. */
static size_t padding(const struct jspec *sp, size_t n)
{
    return sp->width > 0 && (uint64_t)sp->width > n ? (size_t)sp->width - n : 0;
}

static void put_padded(struct jbuild *b, const struct jspec *sp, char align, const struct jstring *s)
{
    size_t pad = padding(sp, jstring_len(s));
    size_t left = align == '>' ? pad : align == '^' ? pad / 2 : 0;
    fill(b, sp, left);
    jbuild_string(b, s);
    fill(b, sp, pad - left);
}

void jspec_put_string(struct jbuild *b, const struct jspec *sp, const struct jstring *s)
{
    if (sp->precision >= 0 && (uint64_t)sp->precision < jstring_len(s))
        s = jstring_sub(b->r, s, 0, jstring_offset(b->r, s, (size_t)sp->precision));
    if (s)
        put_padded(b, sp, sp->align ? sp->align : '<', s);
}

/* At least `min` digits in groups, zeros in front, until they fill `room` characters; the first is never a separator. */
static struct str group_digits(struct jrun *r, struct str digits, size_t min, size_t room, char separator, size_t every)
{
    size_t n = MAX(digits.n, min);
    if (!separator)
        n = MAX(n, room);
    else if (room > 0)
        for (n = MAX(n, room * every / (every + 1)); n + (n - 1) / every < room;)
            n++;
    size_t separators = separator && n > 0 ? (n - 1) / every : 0;
    if (n > r->limits.output_bytes)
        jrun_fail(r, ERR_LIMIT, "a string of more than %zu bytes (limit on output)", r->limits.output_bytes);
    char *out = jrun_bytes(r, n + separators);
    if (!out || jrun_spend_copy(r, n) != 0)
        return STR("");
    char *p = out;
    for (size_t i = 0; i < n; i++) {
        if (separators > 0 && i > 0 && (n - i) % every == 0)
            *p++ = separator;
        *p++ = i < n - digits.n ? '0' : digits.p[i - (n - digits.n)];
    }
    return (struct str){ out, (size_t)(p - out) };
}

struct number {
    bool minus, value;
    bool digits; /* not inf or nan */
    const char *prefix;
    struct str whole, rest;
};

static void put_number(struct jbuild *b, const struct jspec *sp, struct number x)
{
    const char *sign = x.minus ? "-" : sp->sign == '+' ? "+" : sp->sign == ' ' ? " " : "";
    char align = sp->align ? sp->align : sp->zero ? '=' : '>';
    size_t around = strlen(sign) + strlen(x.prefix) + x.rest.n;
    bool based = sp->type && strchr("boxX", sp->type);
    if (x.digits && (sp->group || sp->min_digits > 0)) {
        bool zeros = align == '=' && sp->fill == '0' && sp->width > 0;
        size_t room = zeros && (uint64_t)sp->width > around ? (size_t)sp->width - around : 0;
        x.whole = group_digits(b->r, x.whole, (size_t)sp->min_digits, room, sp->group, based ? 4 : 3);
    }
    size_t pad = padding(sp, around + x.whole.n), left = align == '>' ? pad : align == '^' ? pad / 2 : 0;
    fill(b, sp, left);
    jbuild_z(b, sign, x.value);
    jbuild_z(b, x.prefix, x.value);
    if (align == '=')
        fill(b, sp, pad);
    jbuild_bytes(b, x.whole, x.value);
    jbuild_bytes(b, x.rest, x.value);
    if (align != '=')
        fill(b, sp, pad - left);
}

static void put_bigint(struct jbuild *b, const struct jspec *sp, struct jvalue v)
{
    struct str text = jstring_str(v.u.s);
    bool minus = str_starts(text, STR("-"));
    if (sp->type && sp->type != 'd' && sp->type != 'n')
        jrun_fail(b->r, ERR_LIMIT, "format(): an integer beyond 64 bits has only the type 'd'");
    else
        put_number(b, sp,
                   (struct number){ .minus = minus,
                                    .digits = true,
                                    .value = v.marked,
                                    .prefix = "",
                                    .whole = str_sub(text, minus, text.n),
                                    .rest = STR("") });
}

void jspec_put_int(struct jbuild *b, const struct jspec *sp, struct jvalue v)
{
    char digits[72], *p = digits + sizeof digits;
    if (v.type == JTYPE_BIGINT) {
        put_bigint(b, sp, v);
        return;
    }
    int64_t i = jvalue_i64(v);
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    unsigned base = sp->type == 'b' ? 2 : sp->type == 'o' ? 8 : sp->type == 'x' || sp->type == 'X' ? 16 : 10;
    const char *figures = sp->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    do {
        *--p = figures[u % base];
        u /= base;
    } while (u > 0);
    const char *prefix = !sp->alt          ? ""
                         : base == 2       ? "0b"
                         : base == 8       ? "0o"
                         : sp->type == 'x' ? "0x"
                         : sp->type == 'X' ? "0X"
                                           : "";
    put_number(b, sp,
               (struct number){ .minus = i < 0,
                                .digits = true,
                                .value = v.marked,
                                .prefix = prefix,
                                .whole = { p, (size_t)(digits + sizeof digits - p) },
                                .rest = STR("") });
}

/* What printf writes of x >= 0, with room for two bytes more behind it; *n is its length. NULL after a failure. */
static char *print_double(struct jrun *r, char type, bool alt, int precision, double x, size_t *n)
{
    char conversion[] = { '%', '#', '.', '*', type, 0 };
    if (!alt)
        memmove(conversion + 1, conversion + 2, 4);
    size_t room = (size_t)precision + FLOAT_DIGITS_MAX;
    char *out = jrun_bytes(r, room + 2);
    if (!out || jrun_spend_scan(r, room) != 0)
        return NULL;
    int written = snprintf(out, room, conversion, precision, x);
    *n = written < 0 ? 0 : MIN((size_t)written, room - 1);
    char *comma = memchr(out, ',', *n); /* a locale's point */
    if (comma)
        *comma = '.';
    return out;
}

/* Without the zeros behind the point: "1.50e+10" is "1.5e+10". */
static size_t strip_zeros(char *text, size_t n)
{
    char *e = memchr(text, 'e', n);
    size_t end = e ? (size_t)(e - text) : n, to = end;
    while (to > 0 && text[to - 1] == '0')
        to--;
    to -= to > 0 && text[to - 1] == '.';
    memmove(text + to, text + end, n - end);
    return to + (n - end);
}

/* No type, but a precision: as 'g', except that a digit stands behind the point, and that the exponent comes one power of ten sooner. */
static char *print_short(struct jrun *r, bool alt, int precision, double x, size_t *n)
{
    int digits = MAX(precision, 1);
    int64_t exponent = 0;
    char *text = print_double(r, 'e', alt, digits - 1, x, n);
    const char *e = text ? memchr(text, 'e', *n) : NULL;
    if (e && e[1] == '+' && str_to_i64((struct str){ e + 2, *n - (size_t)(e + 2 - text) }, &exponent) &&
        exponent == digits - 1) {
        if (!alt && digits > 1)
            *n = strip_zeros(text, *n);
        return text;
    }
    text = print_double(r, 'g', alt, precision, x, n);
    if (text && isfinite(x) && !memchr(text, '.', *n) && !memchr(text, 'e', *n)) {
        memcpy(text + *n, ".0", 2);
        *n += 2;
    }
    return text;
}

void jspec_put_float(struct jbuild *b, const struct jspec *sp, struct jvalue v)
{
    double x = jvalue_double(v), size = fabs(x);
    char scalar[JPRINT_SCALAR_BYTES], *out = NULL;
    struct str text = STR("");
    size_t n = 0;
    int precision = (int)(sp->precision < 0 ? 6 : sp->precision);
    if (sp->precision > PRECISION_MAX)
        jrun_fail(b->r, ERR_LIMIT, "format: a precision of more than %d digits", PRECISION_MAX);
    if (b->r->code != 0)
        return;
    if (!sp->type && sp->precision < 0) {
        jprint_scalar(b->r, jvalue_float(size), scalar, &text);
    } else {
        out = sp->type ? print_double(b->r,
                                      sp->type == '%'   ? 'f'
                                      : sp->type == 'n' ? 'g'
                                                        : sp->type,
                                      sp->alt, precision, sp->type == '%' ? size * 100 : size, &n)
                       : print_short(b->r, sp->alt, precision, size, &n);
        if (!out)
            return;
        text = (struct str){ out, n };
    }
    size_t whole = 0;
    while (whole < text.n && isdigit((unsigned char)text.p[whole]))
        whole++;
    bool digits = whole > 0;
    if (!digits)
        whole = text.n;
    if (out && sp->type == '%')
        out[text.n++] = '%';
    put_number(b, sp,
               (struct number){ .minus = signbit(x) && !isnan(x),
                                .digits = digits,
                                .value = v.marked,
                                .prefix = "",
                                .whole = str_sub(text, 0, whole),
                                .rest = str_sub(text, whole, text.n) });
}

const struct jstring *jspec_char(struct jrun *r, struct jvalue v)
{
    char out[UTF8_MAX];
    int64_t c = v.type == JTYPE_BIGINT ? -1 : jvalue_i64(v);
    if (c < 0 || c > 0x10ffff || utf8_encode(out, (uint32_t)c) == 0) {
        jrun_fail(r, ERR_FORMAT, "%%c: the number is no character");
        return NULL;
    }
    struct jbuild b;
    jbuild_init(&b, r, 0);
    jbuild_char(&b, (uint32_t)c, true);
    return jbuild_done(&b);
}

static bool is_float_type(char type)
{
    return type && strchr("eEfFgG%", type) != NULL;
}

static void put_any_number(struct jbuild *b, const struct jspec *sp, struct jvalue v)
{
    bool as_float = v.type == JTYPE_FLOAT || is_float_type(sp->type);
    bool known = is_float_type(sp->type) || sp->type == 'n' || sp->type == 0 ||
                 (!as_float && strchr("bdoxXc", sp->type) != NULL);
    bool groups = !sp->group || (sp->type != 'n' && sp->type != 'c' && (sp->group == '_' || !strchr("boxX", sp->type)));
    if (!known)
        jrun_fail(b->r, ERR_FORMAT, "format(): unknown format code '%c' for %s", sp->type, jvalue_type_name(v));
    else if (sp->group && sp->type && !groups)
        jrun_fail(b->r, ERR_FORMAT, "format(): cannot specify '%c' with '%c'", sp->group, sp->type);
    else if (as_float)
        jspec_put_float(b, sp, v);
    else if (sp->precision >= 0 || (sp->type == 'c' && (sp->sign || sp->alt)))
        jrun_fail(b->r, ERR_FORMAT, "format(): a precision is not allowed for integers, nor sign and '#' with 'c'");
    else if (sp->type != 'c')
        jspec_put_int(b, sp, v);
    else {
        const struct jstring *s = jspec_char(b->r, v);
        if (s)
            put_padded(b, sp, sp->align ? sp->align : '>', s);
    }
}

static void put_any_string(struct jbuild *b, const struct jspec *sp, const struct jstring *s)
{
    if (sp->type && sp->type != 's')
        jrun_fail(b->r, ERR_FORMAT, "format(): unknown format code '%c' for str", sp->type);
    else if (sp->sign || sp->alt || sp->group || sp->align == '=')
        jrun_fail(b->r, ERR_FORMAT, "format(): sign, '#', grouping and '=' are not allowed for strings");
    else
        jspec_put_string(b, sp, s);
}

void jspec_put(struct jbuild *b, const struct jspec *sp, struct jvalue v)
{
    bool plain = !sp->type && !sp->align && !sp->sign && !sp->zero && sp->width < 0 && sp->precision < 0 &&
                 !sp->group && !sp->alt;
    if (plain)
        jprint_str(b, v); /* format(v, "") is str(v) for every type */
    else if (v.type == JTYPE_UNDEFINED)
        jvalue_fail_undefined(b->r, v);
    else if (jvalue_is_number(v))
        put_any_number(b, sp, v);
    else if (v.type == JTYPE_STRING)
        put_any_string(b, sp, v.u.s);
    else
        jrun_fail(b->r, ERR_FORMAT, "format(): a specification for %s is not supported", jvalue_type_name(v));
}
