/* jinja_format.c - printf-style and brace-style formatting: fields are read here and put out by jinja_spec.c.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_format.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "text/template/jinja_print.h"
#include "text/template/jinja_spec.h"

struct formatter {
    struct jbuild *b;
    struct jrun *r;
    const struct jstring *fmt;
    size_t at; /* byte of fmt */
};

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

/* A width or precision: digits, or '*' for the next argument. */
static int read_number(struct percent *p, int64_t *out)
{
    const int64_t far = (int64_t)1 << 40; /* beyond every limit */
    struct jvalue v;
    if (!take(&p->f, '*')) {
        *out = jspec_number(jstring_str(p->f.fmt), &p->f.at);
        return 0;
    }
    if (next_argument(p, &v) != 0)
        return p->f.r->code;
    if (!jvalue_is_int(v))
        return jrun_fail(p->f.r, ERR_FORMAT, "* wants int");
    *out = MAX(-far, MIN(far, jvalue_i64(v)));
    return 0;
}

static int read_percent_spec(struct percent *p, struct jspec *sp)
{
    bool left = false;
    for (int c = peek(&p->f); c > 0 && strchr("-+ #0", c); c = peek(&p->f)) {
        left |= c == '-';
        sp->zero |= c == '0';
        sp->alt |= c == '#';
        if (c == '+' || (c == ' ' && sp->sign != '+'))
            sp->sign = (char)c;
        p->f.at++;
    }
    if (read_number(p, &sp->width) != 0)
        return p->f.r->code;
    if (sp->width < JSPEC_NOT_GIVEN) {
        left = true;
        sp->width = -sp->width;
    }
    if (take(&p->f, '.')) {
        if (read_number(p, &sp->precision) != 0)
            return p->f.r->code;
        sp->precision = MAX(sp->precision, 0);
    }
    sp->align = left ? '<' : '>';
    return 0;
}

static int convert_text(struct percent *p, struct jspec *sp, struct jvalue v, char type)
{
    struct jrun *r = p->f.r;
    const struct jstring *s = NULL;
    if (type == 'c')
        sp->precision = JSPEC_NOT_GIVEN;
    if (type == 'c' && jvalue_is_number(v) && v.type != JTYPE_FLOAT) {
        s = jspec_char(r, v);
    } else if (type == 'c' && (v.type != JTYPE_STRING || jstring_len(v.u.s) != 1)) {
        return jrun_fail(r, ERR_FORMAT, "%%c requires int or char");
    } else if (type == 'r' || type == 'a') {
        s = jprint_repr_string(r, v, type == 'a');
    } else {
        s = jprint_string(r, v);
    }
    if (s)
        jspec_put_string(p->f.b, sp, s);
    return r->code;
}

static int convert_number(struct percent *p, struct jspec *sp, struct jvalue v, char type)
{
    struct jrun *r = p->f.r;
    if (v.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, v);
    bool whole = strchr("diuxXo", type) != NULL;
    if (!jvalue_is_number(v) || (v.type == JTYPE_FLOAT && strchr("xXo", type)))
        return jrun_fail(r, ERR_FORMAT, "%%%c format: a number is required, not %s", type, jvalue_type_name(v));
    sp->type = type == 'i' || type == 'u' ? 'd' : type;
    if (sp->zero && sp->align == '>') {
        sp->align = '=';
        sp->fill = '0';
    }
    if (!whole) {
        jspec_put_float(p->f.b, sp, v);
        return r->code;
    }
    if (v.type == JTYPE_FLOAT) {
        if (!(fabs(v.u.f) < 9.2e18))
            return jrun_fail(r, ERR_LIMIT, "%%%c format: the number is beyond 64 bits", type);
        bool marked = v.marked;
        v = jvalue_int((int64_t)v.u.f);
        v.marked = marked;
    }
    sp->min_digits = MAX(sp->precision, 0);
    jspec_put_int(p->f.b, sp, v);
    return r->code;
}

/* Behind a '%'. */
static int convert(struct percent *p)
{
    struct jrun *r = p->f.r;
    struct jspec sp = jspec_none();
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
    if (jrun_spend_scan(r, fmt->n) != 0)
        return NULL;
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
    int nested;    /* format specifications around this place */
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
    bool number = name.n > 0 && name.p[0] >= '0' && name.p[0] <= '9' && str_to_i64(name, &i);
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
    else if (bracket && key.n > 0 && key.p[0] >= '0' && key.p[0] <= '9' && str_to_i64(key, &i) &&
             jvalue_item(r, *v, jvalue_int(i), &found) != 0)
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

static int format_text(struct braces *p, struct jbuild *b, bool spec);

/* Behind the ':' of a field; fields within it are filled in first. */
static int read_field_spec(struct braces *p, struct jspec *sp)
{
    struct jrun *r = p->f.r;
    struct jbuild inner;
    jbuild_init(&inner, r, 0);
    if (p->nested > 1)
        return jrun_fail(r, ERR_FORMAT, "format(): fields are nested too deeply");
    p->nested++;
    if (format_text(p, &inner, true) != 0)
        return r->code;
    p->nested--;
    const struct jstring *text = jbuild_done(&inner);
    return text ? jspec_parse(r, text, sp) : r->code;
}

/* Behind the '!' of a field: s, r or a. */
static int convert_field(struct braces *p, struct jvalue *v)
{
    struct jrun *r = p->f.r;
    int how = peek(&p->f);
    if (how != 's' && how != 'r' && how != 'a')
        return jrun_fail(r, ERR_FORMAT, "format(): unknown conversion");
    p->f.at++;
    return jvalue_done(r, how == 's' ? jprint_string(r, *v) : jprint_repr_string(r, *v, how == 'a'), v);
}

static int format_field(struct braces *p, struct jbuild *b)
{
    struct jrun *r = p->f.r;
    struct jspec sp = jspec_none();
    struct jvalue v;
    if (field_value(p, &v) != 0 || (take(&p->f, '!') && convert_field(p, &v) != 0))
        return r->code;
    if (take(&p->f, ':') && read_field_spec(p, &sp) != 0)
        return r->code;
    if (!take(&p->f, '}'))
        return jrun_fail(r, ERR_FORMAT, "format(): expected '}'");
    jspec_put(b, &sp, v);
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
    if (jrun_spend_scan(r, fmt->n) != 0)
        return NULL;
    if (format_text(&p, &b, false) != 0)
        return NULL;
    return jbuild_done(&b);
}
