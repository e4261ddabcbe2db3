/* jinja_format.c - printf-style and brace-style formatting.
 *
 * Both are read into a struct spec, the fields of Python's format mini-language, and put out by the same functions.
 * SPDX-License-Identifier: MIT */
#include "text/jinja_format.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "text/jinja_print.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

enum { NOT_GIVEN = -1, FLOAT_DIGITS_MAX = 330 /* before the point of the largest double, with room */ };

struct spec {
    uint32_t fill;
    char align; /* '<' '>' '^' '=', 0: as the type likes */
    char sign;  /* '-' '+' ' ' */
    char type;  /* 0: not given */
    char group; /* ',' '_' or 0 */
    bool alt;
    int64_t width, precision; /* NOT_GIVEN */
};

struct formatter {
    struct jbuild *b;
    struct jrun *r;
    const struct jstring *fmt;
    size_t at; /* byte of fmt */
};

static void put_padded(struct formatter *f, const struct spec *sp, const struct jstring *s)
{
    size_t n = jstring_len(s), pad = sp->width > 0 && (uint64_t)sp->width > n ? (size_t)sp->width - n : 0;
    size_t left = sp->align == '>' ? pad : sp->align == '^' ? pad / 2 : 0;
    jbuild_fill(f->b, sp->fill, left, false);
    jbuild_string(f->b, s);
    jbuild_fill(f->b, sp->fill, pad - left, false);
}

static void format_string(struct formatter *f, const struct spec *sp, const struct jstring *s)
{
    if (sp->precision >= 0 && (uint64_t)sp->precision < jstring_len(s))
        s = jstring_sub(f->r, s, 0, jstring_offset(s, (size_t)sp->precision));
    if (s)
        put_padded(f, sp, s);
}

/* Digits in groups of three (or four, for other bases than ten), as "," and "_" ask. */
static struct str group_digits(struct jrun *r, struct str digits, char group, size_t every)
{
    char *out = jrun_bytes(r, 2 * digits.n);
    size_t n = 0;
    if (!out)
        return STR("");
    for (size_t i = 0; i < digits.n; i++) {
        if (i > 0 && (digits.n - i) % every == 0)
            out[n++] = group;
        out[n++] = digits.p[i];
    }
    return (struct str){ out, n };
}

/* sign, prefix ("0x"), whole digits, and what follows them (".50", "e+10", "%"). */
static void put_number(struct formatter *f, const struct spec *sp, bool minus, const char *prefix, struct str whole,
                       struct str rest, bool value)
{
    if (sp->group)
        whole = group_digits(f->r, whole, sp->group, *prefix || strchr("bxX", sp->type ? sp->type : 'd') ? 4 : 3);
    const char *sign = minus ? "-" : sp->sign == '+' ? "+" : sp->sign == ' ' ? " " : "";
    size_t n = strlen(sign) + strlen(prefix) + whole.n + rest.n;
    size_t pad = sp->width > 0 && (uint64_t)sp->width > n ? (size_t)sp->width - n : 0;
    char align = sp->align ? sp->align : '>';
    size_t left = align == '>' ? pad : align == '^' ? pad / 2 : 0;
    jbuild_fill(f->b, sp->fill, left, false);
    jbuild_z(f->b, sign, value);
    jbuild_z(f->b, prefix, value);
    if (align == '=')
        jbuild_fill(f->b, sp->fill, pad, false);
    jbuild_bytes(f->b, whole, value);
    jbuild_bytes(f->b, rest, value);
    if (align != '=')
        jbuild_fill(f->b, sp->fill, pad - left, false);
}

static void format_int(struct formatter *f, const struct spec *sp, struct jvalue v)
{
    char digits[72], *p = digits + sizeof digits;
    if (v.type == JTYPE_BIGINT) {
        struct str text = jstring_str(v.u.s);
        bool minus = str_starts(text, STR("-"));
        if (sp->type && sp->type != 'd' && sp->type != 'n')
            jrun_fail(f->r, ERR_LIMIT, "format(): an integer beyond 64 bits has only the type 'd'");
        else
            put_number(f, sp, minus, "", str_sub(text, minus, text.n), STR(""), v.marked);
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
    struct str whole = { p, (size_t)(digits + sizeof digits - p) };
    const char *prefix = !sp->alt          ? ""
                         : base == 2       ? "0b"
                         : base == 8       ? "0o"
                         : sp->type == 'x' ? "0x"
                         : sp->type == 'X' ? "0X"
                                           : "";
    put_number(f, sp, i < 0, prefix, whole, STR(""), v.marked);
}

static void format_float(struct formatter *f, const struct spec *sp, struct jvalue v)
{
    double x = jvalue_double(v);
    bool percent = sp->type == '%', short_form = !sp->type || sp->type == 'n';
    int precision = (int)MIN(sp->precision < 0 ? 6 : sp->precision, (int64_t)1 << 30);
    struct str text;
    char scalar[JPRINT_SCALAR_BYTES];
    if (short_form && sp->precision < 0) {
        jprint_scalar(jvalue_float(fabs(x)), scalar, &text);
    } else {
        char conversion[8] = { '%', sp->alt ? '#' : '.', sp->alt ? '.' : '*', sp->alt ? '*' : 0, 0 };
        conversion[strlen(conversion)] = percent ? 'f' : short_form ? 'g' : sp->type;
        size_t room = (size_t)precision + FLOAT_DIGITS_MAX;
        char *out = jrun_bytes(f->r, room + 2);
        if (!out)
            return;
        size_t n = (size_t)snprintf(out, room, conversion, precision, percent ? fabs(x) * 100 : fabs(x));
        char *comma = memchr(out, ',', n); /* a locale's point */
        if (comma)
            *comma = '.';
        if (short_form && isfinite(x) && !memchr(out, '.', n) && !memchr(out, 'e', n)) {
            memcpy(out + n, ".0", 2);
            n += 2;
        }
        text = (struct str){ out, n };
    }
    size_t whole = 0;
    while (whole < text.n && isdigit((unsigned char)text.p[whole]))
        whole++;
    if (whole == 0)
        whole = text.n; /* inf, nan */
    char *rest = jrun_bytes(f->r, text.n - whole + 1);
    if (!rest)
        return;
    memcpy(rest, text.p + whole, text.n - whole);
    size_t n_rest = text.n - whole;
    if (percent)
        rest[n_rest++] = '%';
    put_number(f, sp, signbit(x) && !isnan(x), "", str_sub(text, 0, whole), (struct str){ rest, n_rest }, v.marked);
}

static bool is_float_type(char type)
{
    return type && strchr("eEfFgG%", type) != NULL;
}

/* format(v, spec). */
static void format_value(struct formatter *f, struct spec *sp, struct jvalue v)
{
    bool number = jvalue_is_number(v) && !(v.type == JTYPE_BOOL && !sp->type);
    if (v.type == JTYPE_UNDEFINED) {
        jvalue_fail_undefined(f->r, v);
    } else if (number && (v.type == JTYPE_FLOAT || is_float_type(sp->type))) {
        if (sp->type && !is_float_type(sp->type) && sp->type != 'n')
            jrun_fail(f->r, ERR_FORMAT, "format(): unknown format code '%c' for a float", sp->type);
        else
            format_float(f, sp, v);
    } else if (number && sp->type == 'c') {
        struct jbuild one;
        jbuild_init(&one, f->r, 0);
        jbuild_char(&one, v.type == JTYPE_BIGINT ? UINT32_MAX : (uint32_t)jvalue_i64(v), v.marked);
        const struct jstring *s = jbuild_done(&one);
        if (s)
            put_padded(f, sp, s);
    } else if (number) {
        if (sp->type && !strchr("bdoxXn", sp->type))
            jrun_fail(f->r, ERR_FORMAT, "format(): unknown format code '%c' for an int", sp->type);
        else
            format_int(f, sp, v);
    } else if (sp->type && sp->type != 's') {
        jrun_fail(f->r, ERR_FORMAT, "format(): unknown format code '%c' for %s", sp->type, jvalue_type_name(v));
    } else {
        const struct jstring *s = jprint_string(f->r, v);
        if (s)
            format_string(f, sp, s);
    }
}

static int peek(const struct formatter *f)
{
    return f->at < f->fmt->n ? (unsigned char)f->fmt->p[f->at] : -1;
}

static bool take(struct formatter *f, char c)
{
    if (peek(f) != (unsigned char)c)
        return false;
    f->at++;
    return true;
}

/* Decimal digits at the place, NOT_GIVEN if there are none. */
static int64_t take_number(struct formatter *f)
{
    int64_t n = NOT_GIVEN;
    for (int c = peek(f); c >= '0' && c <= '9'; c = peek(f)) {
        n = MIN(MAX(n, 0) * 10 + (c - '0'), (int64_t)1 << 40);
        f->at++;
    }
    return n;
}

/* fmt % args */

struct percent {
    struct formatter f;
    struct jvalue args;
    size_t next; /* positional argument */
};

static int next_argument(struct percent *p, struct jvalue *out)
{
    bool tuple = p->args.type == JTYPE_TUPLE;
    if (p->next >= (tuple ? p->args.u.list->n : 1))
        return jrun_fail(p->f.r, ERR_FORMAT, "not enough arguments for format string");
    *out = tuple ? p->args.u.list->v[p->next] : p->args;
    p->next++;
    return 0;
}

static int named_argument(struct percent *p, struct jvalue *out)
{
    struct jrun *r = p->f.r;
    size_t from = p->f.at;
    if (p->args.type != JTYPE_DICT)
        return jrun_fail(r, ERR_FORMAT, "format requires a mapping");
    while (peek(&p->f) != ')')
        if (p->f.at++ >= p->f.fmt->n)
            return jrun_fail(r, ERR_FORMAT, "incomplete format key");
    struct str key = str_sub(jstring_str(p->f.fmt), from, p->f.at++);
    *out = jdict_get_str(p->args.u.dict, key, jstring_hash_bytes(key));
    if (out->type == JTYPE_MISSING)
        return jrun_fail(r, ERR_FORMAT, "the format names '%.*s', which the mapping does not have",
                         (int)MIN(key.n, 100), key.p);
    return 0;
}

static int star_argument(struct percent *p, int64_t *out)
{
    struct jvalue v;
    if (next_argument(p, &v) != 0)
        return p->f.r->code;
    if (!jvalue_is_int(v))
        return jrun_fail(p->f.r, ERR_FORMAT, "* wants int");
    *out = jvalue_i64(v);
    return 0;
}

static int read_percent_spec(struct percent *p, struct spec *sp)
{
    bool zero = false, left = false;
    for (int c = peek(&p->f); c > 0 && strchr("-+ #0", c); c = peek(&p->f)) {
        left |= c == '-';
        zero |= c == '0';
        sp->alt |= c == '#';
        if (c == '+' || (c == ' ' && sp->sign != '+'))
            sp->sign = (char)c;
        p->f.at++;
    }
    if (take(&p->f, '*')) {
        if (star_argument(p, &sp->width) != 0)
            return p->f.r->code;
        left |= sp->width < 0;
        sp->width = sp->width < 0 ? -MAX(sp->width, -INT64_MAX) : sp->width;
    } else {
        sp->width = take_number(&p->f);
    }
    if (take(&p->f, '.')) {
        if (take(&p->f, '*')) {
            if (star_argument(p, &sp->precision) != 0)
                return p->f.r->code;
        } else {
            sp->precision = take_number(&p->f);
        }
        sp->precision = MAX(sp->precision, 0);
    }
    sp->align = left ? '<' : '>';
    if (zero && !left) {
        sp->align = '=';
        sp->fill = '0';
    }
    return 0;
}

static int convert_text(struct percent *p, struct spec *sp, struct jvalue v, char type)
{
    struct jrun *r = p->f.r;
    const struct jstring *s = NULL;
    if (sp->align == '=') { /* the flag 0 is for numbers */
        sp->align = '>';
        sp->fill = ' ';
    }
    if (type == 'c' && jvalue_is_int(v)) {
        struct jbuild b;
        jbuild_init(&b, r, 0);
        jbuild_char(&b, (uint32_t)jvalue_i64(v), v.marked);
        s = jbuild_done(&b);
    } else if (type == 'c' && (v.type != JTYPE_STRING || jstring_len(v.u.s) != 1)) {
        return jrun_fail(r, ERR_FORMAT, "%%c requires int or char");
    } else if (type == 'r' || type == 'a') {
        struct jbuild b;
        jbuild_init(&b, r, 0);
        jprint_repr(&b, v);
        s = jbuild_done(&b);
    } else {
        s = jprint_string(r, v);
    }
    if (s)
        format_string(&p->f, sp, s);
    return r->code;
}

static int convert_number(struct percent *p, struct spec *sp, struct jvalue v, char type)
{
    struct jrun *r = p->f.r;
    if (v.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, v);
    bool whole = strchr("diuxXo", type) != NULL;
    if (!jvalue_is_number(v) || (v.type == JTYPE_FLOAT && strchr("xXo", type)))
        return jrun_fail(r, ERR_FORMAT, "%%%c format: a number is required, not %s", type, jvalue_type_name(v));
    sp->type = type == 'i' || type == 'u' ? 'd' : type;
    if (!whole) {
        format_float(&p->f, sp, v);
        return r->code;
    }
    if (v.type == JTYPE_FLOAT) {
        if (!(fabs(v.u.f) < 9.2e18))
            return jrun_fail(r, ERR_LIMIT, "%%%c format: the number is beyond 64 bits", type);
        bool marked = v.marked;
        v = jvalue_int((int64_t)v.u.f);
        v.marked = marked;
    }
    if (sp->precision > 0) { /* at least so many digits */
        sp->fill = '0';
        sp->align = '=';
        sp->width = MAX(sp->width, sp->precision + (jvalue_is_int(v) && jvalue_i64(v) < 0));
    }
    format_int(&p->f, sp, v);
    return r->code;
}

/* Behind a '%'. */
static int convert(struct percent *p)
{
    struct jrun *r = p->f.r;
    struct spec sp = { .fill = ' ', .sign = '-', .width = NOT_GIVEN, .precision = NOT_GIVEN };
    struct jvalue v = jvalue_missing();
    if (take(&p->f, '(') && named_argument(p, &v) != 0)
        return r->code;
    if (read_percent_spec(p, &sp) != 0)
        return r->code;
    while (peek(&p->f) == 'h' || peek(&p->f) == 'l' || peek(&p->f) == 'L')
        p->f.at++;
    int type = peek(&p->f);
    if (type <= 0)
        return jrun_fail(r, ERR_FORMAT, "incomplete format");
    if (take(&p->f, '%')) {
        jbuild_z(p->f.b, "%", jstring_value_at(p->f.fmt, p->f.at - 1));
        return r->code;
    }
    if (!strchr("sracdiuoxXeEfFgG", type))
        return jrun_fail(r, ERR_FORMAT, "unsupported format character 0x%02x", (unsigned)type);
    p->f.at++;
    if (v.type == JTYPE_MISSING && next_argument(p, &v) != 0)
        return r->code;
    return strchr("srac", type) ? convert_text(p, &sp, v, (char)type) : convert_number(p, &sp, v, (char)type);
}

const struct jstring *jformat_percent(struct jrun *r, const struct jstring *fmt, struct jvalue args)
{
    struct jbuild b;
    struct percent p = { .f = { .b = &b, .r = r, .fmt = fmt }, .args = args };
    jbuild_init(&b, r, fmt->n);
    while (p.f.at < fmt->n && r->code == 0 && jrun_spend(r, 1) == 0) {
        const char *hit = memchr(fmt->p + p.f.at, '%', fmt->n - p.f.at);
        size_t end = hit ? (size_t)(hit - fmt->p) : fmt->n;
        jbuild_sub(&b, fmt, p.f.at, end);
        p.f.at = end + 1;
        if (hit)
            (void)convert(&p); /* the failure is the run's */
    }
    /* What can be subscripted counts as a mapping, of which nothing need be used. */
    bool mapping =
        args.type == JTYPE_DICT || args.type == JTYPE_LIST || args.type == JTYPE_RANGE || args.type == JTYPE_UNDEFINED;
    if (!mapping && p.next < (args.type == JTYPE_TUPLE ? args.u.list->n : 1))
        jrun_fail(r, ERR_FORMAT, "not all arguments converted during string formatting");
    return jbuild_done(&b);
}

/* fmt.format(...) */

struct braces {
    struct formatter f;
    const struct jargs *args;
    int64_t next;  /* automatic field number */
    bool numbered; /* a number was given */
    int nested;    /* 1 inside a format specification */
};

static int positional(struct braces *p, int64_t i, struct jvalue *out)
{
    if (i < 0 || (uint64_t)i >= p->args->n_pos)
        return jrun_fail(p->f.r, ERR_FORMAT, "format(): replacement index %" PRId64 " is out of range", i);
    *out = p->args->pos[i];
    return 0;
}

static int field_argument(struct braces *p, struct str name, struct jvalue *out)
{
    struct jrun *r = p->f.r;
    int64_t i;
    bool number = str_to_i64(name, &i);
    *out = jvalue_missing();
    if (name.n == 0 || number) {
        if (name.n == 0 ? p->numbered : p->next > 0)
            return jrun_fail(r, ERR_FORMAT, "format(): automatic and given field numbers cannot be mixed");
        p->numbered |= name.n > 0;
        return positional(p, name.n == 0 ? p->next++ : i, out);
    }
    for (size_t k = 0; k < p->args->n_kw; k++) {
        if (str_eq(jstring_str(p->args->kw[k].name), name)) {
            *out = p->args->kw[k].v;
            return 0;
        }
    }
    return jrun_fail(r, ERR_FORMAT, "format(): there is no argument '%.*s'", (int)MIN(name.n, 100), name.p);
}

/* One ".name" or "[key]" behind a field's name. */
static int field_item(struct braces *p, struct str key, bool bracket, struct jvalue *v)
{
    struct jrun *r = p->f.r;
    int64_t i;
    struct jvalue found = jvalue_missing();
    if (v->type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, *v);
    if (v->type == JTYPE_DICT || v->type == JTYPE_NAMESPACE)
        found = jdict_get_str(v->u.dict, key, jstring_hash_bytes(key));
    else if (bracket && str_to_i64(key, &i) && jvalue_item(r, *v, jvalue_int(i), &found) != 0)
        return r->code;
    if (found.type == JTYPE_MISSING)
        return jrun_fail(r, ERR_FORMAT, "format(): %s has no item '%.*s'", jvalue_type_name(*v), (int)MIN(key.n, 100),
                         key.p);
    *v = found;
    return 0;
}

static int field_value(struct braces *p, struct jvalue *out)
{
    struct str all = jstring_str(p->f.fmt);
    size_t from = p->f.at;
    for (int c = peek(&p->f); c >= 0 && !strchr(".[!:}{", c); c = peek(&p->f))
        p->f.at++;
    if (field_argument(p, str_sub(all, from, p->f.at), out) != 0)
        return p->f.r->code;
    for (int c = peek(&p->f); c == '.' || c == '['; c = peek(&p->f)) {
        from = ++p->f.at;
        for (int k = peek(&p->f); k >= 0 && !strchr(c == '[' ? "]" : ".[!:}{", k); k = peek(&p->f))
            p->f.at++;
        struct str key = str_sub(all, from, p->f.at);
        if (c == '[' && !take(&p->f, ']'))
            return jrun_fail(p->f.r, ERR_FORMAT, "format(): expected ']'");
        if (field_item(p, key, c == '[', out) != 0)
            return p->f.r->code;
    }
    return 0;
}

static int read_brace_spec(struct jrun *r, const struct jstring *text, struct spec *sp)
{
    struct formatter f = { .r = r, .fmt = text };
    struct str all = jstring_str(text);
    size_t second = 0;
    if (text->n > 0) {
        uint32_t fill = junicode_next(all, &second);
        if (second < text->n && strchr("<>^=", text->p[second]) && text->p[second]) {
            sp->fill = fill;
            sp->align = text->p[second];
            f.at = second + 1;
        } else if (fill && fill < 0x80 && strchr("<>^=", (int)fill)) {
            sp->align = (char)fill;
            f.at = 1;
        }
    }
    for (int c = peek(&f); c > 0 && strchr("+- ", c) && sp->sign == 0; c = peek(&f)) {
        sp->sign = (char)c;
        f.at++;
    }
    sp->alt = take(&f, '#');
    if (take(&f, '0') && !sp->align) {
        sp->fill = '0';
        sp->align = '=';
    }
    sp->width = take_number(&f);
    if (peek(&f) == ',' || peek(&f) == '_')
        sp->group = text->p[f.at++];
    if (take(&f, '.')) {
        sp->precision = take_number(&f);
        if (sp->precision == NOT_GIVEN)
            return jrun_fail(r, ERR_FORMAT, "format(): the specification lacks its precision");
    }
    if (f.at < text->n)
        sp->type = text->p[f.at++];
    if (f.at < text->n)
        return jrun_fail(r, ERR_FORMAT, "format(): invalid format specification");
    return 0;
}

static int format_text(struct braces *p, struct jbuild *b, bool spec);

static int format_field(struct braces *p, struct jbuild *b)
{
    struct jrun *r = p->f.r;
    struct spec sp = { .fill = ' ', .width = NOT_GIVEN, .precision = NOT_GIVEN };
    struct jvalue v;
    int conversion = 0;
    if (field_value(p, &v) != 0)
        return r->code;
    if (take(&p->f, '!')) {
        conversion = peek(&p->f);
        if (conversion != 's' && conversion != 'r' && conversion != 'a')
            return jrun_fail(r, ERR_FORMAT, "format(): unknown conversion");
        p->f.at++;
    }
    if (take(&p->f, ':')) {
        struct jbuild inner;
        jbuild_init(&inner, r, 0);
        if (p->nested > 0)
            return jrun_fail(r, ERR_FORMAT, "format(): fields are nested too deeply");
        p->nested++;
        if (format_text(p, &inner, true) != 0)
            return r->code;
        p->nested--;
        const struct jstring *text = jbuild_done(&inner);
        if (!text || read_brace_spec(r, text, &sp) != 0)
            return r->code;
    }
    if (!take(&p->f, '}'))
        return jrun_fail(r, ERR_FORMAT, "format(): expected '}'");
    if (conversion) {
        struct jbuild text;
        jbuild_init(&text, r, 0);
        if (conversion == 's')
            jprint_str(&text, v);
        else
            jprint_repr(&text, v);
        if (jvalue_done(r, jbuild_done(&text), &v) != 0)
            return r->code;
    }
    struct formatter out = p->f;
    out.b = b;
    bool plain = !sp.type && !sp.align && !sp.sign && sp.width < 0 && sp.precision < 0 && !sp.group && !sp.alt;
    if (plain)
        jprint_str(b, v); /* format(v, "") is str(v) for every type */
    else
        format_value(&out, &sp, v);
    return r->code;
}

/* Text with fields up to its end; a specification ends before its '}'. */
static int format_text(struct braces *p, struct jbuild *b, bool spec)
{
    struct jrun *r = p->f.r;
    const struct jstring *fmt = p->f.fmt;
    while (p->f.at < fmt->n && r->code == 0 && jrun_spend(r, 1) == 0) {
        size_t from = p->f.at;
        while (p->f.at < fmt->n && fmt->p[p->f.at] != '{' && fmt->p[p->f.at] != '}')
            p->f.at++;
        jbuild_sub(b, fmt, from, p->f.at);
        if (p->f.at == fmt->n || (spec && fmt->p[p->f.at] == '}'))
            break;
        char c = fmt->p[p->f.at++];
        if (!spec && take(&p->f, c))
            jbuild_sub(b, fmt, p->f.at - 1, p->f.at);
        else if (c == '}')
            return jrun_fail(r, ERR_FORMAT, "format(): single '}' in the format");
        else if (p->f.at == fmt->n)
            return jrun_fail(r, ERR_FORMAT, "format(): single '{' in the format");
        else if (format_field(p, b) != 0)
            break;
    }
    return r->code;
}

const struct jstring *jformat_braces(struct jrun *r, const struct jstring *fmt, const struct jargs *args)
{
    struct jbuild b;
    struct braces p = { .f = { .r = r, .fmt = fmt }, .args = args };
    jbuild_init(&b, r, fmt->n);
    if (format_text(&p, &b, false) != 0)
        return NULL;
    return jbuild_done(&b);
}
