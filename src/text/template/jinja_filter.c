/* jinja_filter.c - the table of filters, and those that are not about sequences (jinja_seq.c); map, select and reject are here, since
 * they call filters and tests by name.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_filter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "text/template/jinja_format.h"
#include "text/template/jinja_ops.h"
#include "text/template/jinja_print.h"
#include "text/template/jinja_seq.h"
#include "text/template/jinja_test.h"
#include "text/template/jinja_text.h"
#include "text/template/jinja_unicode.h"

struct jfilter {
    const char *name;
    jseq_fn *fn;
};

/* Text */

static int case_filter(struct jrun *r, const char *fn, struct jvalue v, const struct jargs *args, enum jtext_case how,
                       struct jvalue *out)
{
    const struct jstring *s = jprint_string(r, v);
    if (!s || jargs_none(r, fn, args) != 0)
        return r->code;
    return jvalue_done(r, jtext_case(r, s, how), out);
}

static int filter_upper(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    return case_filter(r, "upper", v, args, JTEXT_UPPER, out);
}

static int filter_lower(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    return case_filter(r, "lower", v, args, JTEXT_LOWER, out);
}

static int filter_title(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    return case_filter(r, "title", v, args, JTEXT_TITLE_FILTER, out);
}

static int filter_capitalize(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    return case_filter(r, "capitalize", v, args, JTEXT_CAPITALIZE, out);
}

static int filter_trim(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "chars" };
    struct jvalue a;
    const struct jstring *chars = NULL, *s = jprint_string(r, v);
    if (!s || jargs_bind(r, "trim", args, names, 1, 0, &a) != 0)
        return r->code;
    if (a.type != JTYPE_NONE && jargs_string(r, "trim", "chars", a, &chars) != 0)
        return r->code;
    return jvalue_done(r, jtext_strip(r, s, chars, JTEXT_BOTH), out);
}

static int filter_replace(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "old", "new", "count" };
    struct jvalue a[3];
    int64_t max;
    if (jargs_bind(r, "replace", args, names, 3, 2, a) != 0)
        return r->code;
    if (a[2].type == JTYPE_NONE)
        a[2] = jvalue_missing();
    const struct jstring *s = jprint_string(r, v), *old = jprint_string(r, a[0]), *with = jprint_string(r, a[1]);
    if (!s || !old || !with || jargs_i64(r, "replace", "count", a[2], -1, &max) != 0)
        return r->code;
    return jvalue_done(r, jtext_replace(r, s, old, with, max), out);
}

static int filter_indent(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "width", "first", "blank" };
    struct jvalue a[3];
    int64_t width = 0;
    if (jargs_bind(r, "indent", args, names, 3, 0, a) != 0)
        return r->code;
    if (v.type != JTYPE_STRING)
        return v.type == JTYPE_UNDEFINED
                   ? jvalue_fail_undefined(r, v)
                   : jrun_fail(r, ERR_FORMAT, "indent: expected a string, found %s", jvalue_type_name(v));
    const struct jstring *by = NULL;
    if (a[0].type == JTYPE_STRING) {
        by = a[0].u.s;
    } else {
        struct jbuild b;
        jbuild_init(&b, r, 0);
        if (jargs_i64(r, "indent", "width", a[0], 4, &width) != 0)
            return r->code;
        jbuild_fill(&b, ' ', width > 0 ? (size_t)width : 0, false);
        by = jbuild_done(&b);
    }
    if (!by)
        return r->code;
    return jvalue_done(r, jtext_indent(r, v.u.s, by, jargs_bool(a[1], false), jargs_bool(a[2], false)), out);
}

static int filter_center(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "width" };
    struct jvalue a;
    int64_t width;
    const struct jstring *s = jprint_string(r, v);
    if (!s || jargs_bind(r, "center", args, names, 1, 0, &a) != 0 ||
        jargs_i64(r, "center", "width", a, 80, &width) != 0)
        return r->code;
    return jvalue_done(r, jtext_pad(r, s, width, NULL, JTEXT_BOTH), out);
}

static int filter_string(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    if (jargs_none(r, "string", args) != 0)
        return r->code;
    return jvalue_done(r, jprint_string(r, v), out);
}

static int filter_safe(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    const struct jstring *s = jprint_string(r, v);
    if (!s || jargs_none(r, "safe", args) != 0)
        return r->code;
    return jvalue_done(r, jstring_with_markup(r, s, true), out);
}

static int filter_forceescape(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    const struct jstring *s = jprint_string(r, v);
    if (!s || jargs_none(r, "escape", args) != 0)
        return r->code;
    return jvalue_done(r, jtext_escape(r, s), out);
}

static int filter_escape(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    if (v.type == JTYPE_STRING && v.u.s->markup) {
        *out = v;
        return 0;
    }
    return filter_forceescape(r, v, args, out);
}

static int filter_format(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    const struct jstring *s = jprint_string(r, v);
    if (!s)
        return r->code;
    if (args->n_pos > 0 && args->n_kw > 0)
        return jrun_fail(r, ERR_FORMAT, "format: positional and keyword arguments at the same time");
    struct jvalue with;
    if (args->n_kw > 0) {
        struct jdict *d = jdict_new(r, args->n_kw);
        if (!d || jargs_keywords(r, args->kw, args->n_kw, d) != 0)
            return r->code;
        with = jvalue_dict(d);
    } else if (jargs_rest(r, args, 0, &with) != 0) {
        return r->code;
    }
    return r->code != 0 ? r->code : jvalue_done(r, jformat_percent(r, s, with), out);
}

static int json_separators(struct jrun *r, struct jvalue v, struct jprint_json *o)
{
    o->item_sep = o->multiline ? STR(",") : STR(", ");
    o->key_sep = STR(": ");
    if (v.type == JTYPE_MISSING || v.type == JTYPE_NONE)
        return 0;
    bool pair = (v.type == JTYPE_LIST || v.type == JTYPE_TUPLE) && v.u.list->n == 2 &&
                v.u.list->v[0].type == JTYPE_STRING && v.u.list->v[1].type == JTYPE_STRING;
    if (!pair)
        return jrun_fail(r, ERR_FORMAT, "tojson: separators must be two strings");
    o->item_sep = jstring_str(v.u.list->v[0].u.s);
    o->key_sep = jstring_str(v.u.list->v[1].u.s);
    return 0;
}

static int json_indent(struct jrun *r, struct jvalue v, struct jprint_json *o)
{
    int64_t width;
    if (v.type == JTYPE_MISSING || v.type == JTYPE_NONE)
        return 0;
    o->multiline = true;
    if (v.type == JTYPE_STRING) {
        o->indent = v.u.s;
        return 0;
    }
    if (jargs_i64(r, "tojson", "indent", v, 0, &width) != 0)
        return r->code;
    struct jbuild b;
    jbuild_init(&b, r, 0);
    jbuild_fill(&b, ' ', width > 0 ? (size_t)width : 0, false);
    o->indent = jbuild_done(&b);
    return r->code;
}

static int filter_tojson(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "ensure_ascii", "indent", "separators", "sort_keys" };
    struct jvalue a[4];
    struct jprint_json o = { .ensure_ascii = false };
    if (jargs_bind(r, "tojson", args, names, 4, 0, a) != 0 || json_indent(r, a[1], &o) != 0 ||
        json_separators(r, a[2], &o) != 0)
        return r->code;
    o.ensure_ascii = jargs_bool(a[0], false);
    o.sort_keys = jargs_bool(a[3], false);
    o.marked = jvalue_any_marked(r, a[1]) || jvalue_any_marked(r, a[2]);
    struct jbuild b;
    jbuild_init(&b, r, 0);
    jprint_json(&b, v, &o);
    return jvalue_done(r, jbuild_done(&b), out);
}

/* Numbers */

/* Digits with single underscores between them, after Python's int(text, base). */
static bool parse_int(struct str s, int base, bool *overflow, int64_t *out)
{
    bool minus = s.n > 0 && s.p[0] == '-';
    size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
    char prefix = base == 16 ? 'x' : base == 8 ? 'o' : base == 2 ? 'b' : 0;
    if (prefix && i + 1 < s.n && s.p[i] == '0' && (s.p[i + 1] | 0x20) == prefix) {
        i += 2;
        i += i < s.n && s.p[i] == '_';
    }
    int64_t x = 0;
    bool digit_before = false;
    for (; i < s.n; i++) {
        int c = (unsigned char)s.p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10 : 99;
        if (c == '_' && digit_before && i + 1 < s.n) {
            digit_before = false;
            continue;
        }
        if (d >= base)
            return false;
        if (__builtin_mul_overflow(x, base, &x) || __builtin_sub_overflow(x, d, &x))
            *overflow = true;
        digit_before = true;
    }
    if (!minus && __builtin_sub_overflow(0, x, &x))
        *overflow = true;
    *out = x;
    return digit_before;
}

/* Python's float(text). */
static bool parse_float(struct str s, double *out)
{
    char clean[400], word[12];
    size_t n = 0, k = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0, w = 0;
    for (size_t i = k; i < s.n && w + 1 < sizeof word; i++)
        word[w++] = (char)(s.p[i] | 0x20);
    struct str name = { word, w };
    if (str_eqz(name, "inf") || str_eqz(name, "infinity") || str_eqz(name, "nan")) {
        *out = name.p[0] == 'n' ? (double)NAN : s.p[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    for (size_t i = 0; i < s.n && n < sizeof clean; i++) {
        bool between = s.p[i] == '_' && i > 0 && i + 1 < s.n && s.p[i - 1] >= '0' && s.p[i - 1] <= '9';
        if (!between)
            clean[n++] = s.p[i];
    }
    size_t from = n > 0 && clean[0] == '+' ? 1 : 0;
    return n < sizeof clean && str_to_double((struct str){ clean + from, n - from }, out);
}

static struct str strip_text(struct jrun *r, const struct jstring *s)
{
    const struct jstring *t = jtext_strip(r, s, NULL, JTEXT_BOTH);
    return t ? jstring_str(t) : STR("");
}

static int int_of_double(struct jrun *r, double x, int64_t *out)
{
    if (!(fabs(x) < 9223372036854775808.0))
        return jrun_fail(r, ERR_LIMIT, "int: the number is beyond 64 bits");
    *out = (int64_t)x;
    return 0;
}

static int filter_int(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "default", "base" };
    struct jvalue a[2];
    int64_t base, i = 0;
    double x;
    bool overflow = false;
    if (jargs_bind(r, "int", args, names, 2, 0, a) != 0 || jargs_i64(r, "int", "base", a[1], 10, &base) != 0)
        return r->code;
    if (v.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, v);
    if (base < 2 || base > 36)
        return jrun_fail(r, ERR_FORMAT, "int: the base must be from 2 to 36");
    *out = a[0].type == JTYPE_MISSING ? jvalue_int(0) : a[0];
    bool marked = v.marked || (v.type == JTYPE_STRING && v.u.s->mark != JMARK_TEMPLATE);
    if (v.type == JTYPE_STRING) {
        struct str s = strip_text(r, v.u.s);
        if (jrun_spend_scan(r, s.n) != 0)
            return r->code;
        if (!parse_int(s, (int)base, &overflow, &i)) {
            if (!parse_float(s, &x) || !isfinite(x))
                return r->code;
            if (int_of_double(r, x, &i) != 0)
                return r->code;
        } else if (overflow) {
            return jrun_fail(r, ERR_LIMIT, "int: the number is beyond 64 bits");
        }
    } else if (v.type == JTYPE_BIGINT) {
        *out = v;
        return 0;
    } else if (v.type == JTYPE_FLOAT) {
        if (isnan(v.u.f))
            return 0;
        if (int_of_double(r, v.u.f, &i) != 0)
            return r->code;
    } else if (jvalue_is_int(v)) {
        i = jvalue_i64(v);
    } else {
        return 0;
    }
    *out = jvalue_int(i);
    out->marked = marked;
    return r->code;
}

static int filter_float(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "default" };
    struct jvalue a;
    double x = 0;
    if (jargs_bind(r, "float", args, names, 1, 0, &a) != 0)
        return r->code;
    if (v.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, v);
    *out = a.type == JTYPE_MISSING ? jvalue_float(0) : a;
    if (jvalue_is_number(v))
        x = jvalue_double(v);
    else if (v.type != JTYPE_STRING || !parse_float(strip_text(r, v.u.s), &x))
        return r->code;
    *out = jvalue_float(x);
    out->marked = v.marked || (v.type == JTYPE_STRING && v.u.s->mark != JMARK_TEMPLATE);
    return r->code;
}

static int filter_abs(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    if (jargs_none(r, "abs", args) != 0)
        return r->code;
    bool minus = v.type == JTYPE_FLOAT ? signbit(v.u.f) != 0 : jvalue_is_int(v) && jvalue_i64(v) < 0;
    return jops_unary(r, minus ? JOP_NEG : JOP_POS, v, out);
}

/* Python's round(x, digits): correctly rounded, ties to even on the exact value. */
static double round_double(double x, int64_t digits)
{
    char text[700];
    double y = x;
    if (!isfinite(x) || digits > 300)
        return x;
    if (digits >= 0) {
        int n = snprintf(text, sizeof text, "%.*f", (int)digits, x);
        char *comma = memchr(text, ',', (size_t)n); /* a locale's point */
        if (comma)
            *comma = '.';
        return str_to_double((struct str){ text, (size_t)n }, &y) ? y : x;
    }
    double unit = pow(10, -(double)digits);
    return isfinite(unit) ? nearbyint(x / unit) * unit : copysign(0, x);
}

static int round_int(struct jrun *r, int64_t i, int64_t digits, struct jvalue *out)
{
    int64_t unit = 1;
    for (int64_t k = 0; k > digits; k--) {
        if (__builtin_mul_overflow(unit, 10, &unit)) {
            *out = jvalue_int(0);
            return 0;
        }
    }
    int64_t rest = i % unit, low = i - rest; /* towards 0 */
    int64_t beyond = rest < 0 ? -rest : rest, half = unit / 2;
    bool up = unit > 1 && (beyond > half || (beyond == half && low / unit % 2 != 0));
    if (up && __builtin_add_overflow(low, rest < 0 ? -unit : unit, &low))
        return jrun_fail(r, ERR_LIMIT, "an integer beyond 64 bits");
    *out = jvalue_int(low);
    return 0;
}

static int filter_round(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "precision", "method" };
    struct jvalue a[2];
    int64_t digits;
    const struct jstring *method = NULL;
    if (jargs_bind(r, "round", args, names, 2, 0, a) != 0 ||
        jargs_i64(r, "round", "precision", a[0], 0, &digits) != 0 ||
        jargs_string(r, "round", "method", a[1], &method) != 0)
        return r->code;
    if (v.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, v);
    if (!jvalue_is_int(v) && v.type != JTYPE_FLOAT)
        return jrun_fail(r, ERR_FORMAT, "round: a number is required, not %s", jvalue_type_name(v));
    struct str how = method ? jstring_str(method) : STR("common");
    if (str_eqz(how, "common")) {
        if (v.type == JTYPE_FLOAT)
            *out = jvalue_float(round_double(v.u.f, digits));
        else if (round_int(r, jvalue_i64(v), digits, out) != 0)
            return r->code;
    } else if (str_eqz(how, "ceil") || str_eqz(how, "floor")) {
        double unit = pow(10, (double)digits), x = jvalue_double(v) * unit;
        *out = jvalue_float((how.p[0] == 'c' ? ceil(x) : floor(x)) / unit);
    } else {
        return jrun_fail(r, ERR_FORMAT, "round: the method must be common, ceil or floor");
    }
    out->marked = v.marked;
    return 0;
}

/* Others */

static int filter_default(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "default_value", "boolean" };
    struct jvalue a[2];
    if (jargs_bind(r, "default", args, names, 2, 0, a) != 0)
        return r->code;
    bool use = v.type == JTYPE_UNDEFINED || (jargs_bool(a[1], false) && !jvalue_true(v));
    if (use && a[0].type == JTYPE_MISSING)
        return jvalue_text(r, STR(""), JMARK_TEMPLATE, out);
    *out = use ? a[0] : v;
    return 0;
}

static int filter_attr(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "name" };
    struct jvalue a;
    const struct jstring *name = NULL;
    if (jargs_bind(r, "attr", args, names, 1, 1, &a) != 0 || jargs_string(r, "attr", "name", a, &name) != 0)
        return r->code;
    return jops_attr(r, v, name, out);
}

/* The first argument names a filter or test; *rest are those behind it. */
static int named(struct jrun *r, const char *fn, const struct jargs *args, size_t at, struct str *name,
                 struct jargs *rest)
{
    const struct jstring *s = NULL;
    *name = STR("");
    if (args->n_pos <= at)
        return jrun_fail(r, ERR_FORMAT, "%s: an argument is missing", fn);
    if (jargs_string(r, fn, "name", args->pos[at], &s) != 0)
        return r->code;
    *name = jstring_str(s);
    *rest = (struct jargs){ args->pos + at + 1, args->n_pos - at - 1, args->kw, args->n_kw };
    return 0;
}

static int filter_map(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "attribute", "default" };
    struct jvalue a[2] = { jvalue_missing(), jvalue_missing() }, item;
    struct jargs rest = { .n_pos = 0 };
    const struct jfilter *f = NULL;
    struct str name;
    struct jiter it;
    struct jlist *l = jlist_new(r, 0);
    if (args->n_pos == 0 && args->n_kw > 0) {
        if (jargs_bind(r, "map", args, names, 2, 1, a) != 0)
            return r->code;
    } else if (named(r, "map", args, 0, &name, &rest) != 0) {
        return r->code;
    } else if (!(f = jfilter_find(name))) {
        return jrun_fail(r, ERR_FORMAT, "map: there is no filter named '%.*s'", (int)MIN(name.n, 100), name.p);
    }
    if (!l || !jvalue_true(v))
        return jvalue_generator(r, l, out);
    if (jiter_init(r, &it, v) != 0)
        return r->code;
    while (jiter_next(r, &it, &item)) {
        int rc = f ? jfilter_call(r, f, item, &rest, &item) : jseq_follow(r, a[0], a[1], item, &item);
        if (rc != 0 || jlist_push(r, l, item) != 0)
            return r->code;
    }
    return r->code != 0 ? r->code : jvalue_generator(r, l, out);
}

/* select, reject, selectattr and rejectattr: keeps the items for which the test (or the truth) is `want`. */
static int choose(struct jrun *r, const char *fn, struct jvalue v, const struct jargs *args, bool attr, bool want,
                  struct jvalue *out)
{
    size_t at = attr ? 1 : 0;
    struct jargs rest = { .n_pos = 0 };
    const struct jtest *t = NULL;
    struct str name;
    struct jiter it;
    struct jvalue item, subject;
    struct jlist *l = jlist_new(r, 0);
    if (attr && args->n_pos == 0)
        return jrun_fail(r, ERR_FORMAT, "%s: the name of an attribute is missing", fn);
    if (args->n_pos > at) {
        if (named(r, fn, args, at, &name, &rest) != 0)
            return r->code;
        t = jtest_find(name);
        if (!t)
            return jrun_fail(r, ERR_FORMAT, "%s: there is no test named '%.*s'", fn, (int)MIN(name.n, 100), name.p);
    }
    if (!l || !jvalue_true(v))
        return jvalue_generator(r, l, out);
    if (jiter_init(r, &it, v) != 0)
        return r->code;
    while (jiter_next(r, &it, &item) && jrun_spend(r, 1) == 0) {
        bool yes;
        if (jseq_follow(r, attr ? args->pos[0] : jvalue_missing(), jvalue_missing(), item, &subject) != 0)
            return r->code;
        if (!t)
            yes = jvalue_true(subject);
        else if (jtest_call(r, t, subject, &rest, &yes) != 0)
            return r->code;
        if (yes == want && jlist_push(r, l, item) != 0)
            return r->code;
    }
    return r->code != 0 ? r->code : jvalue_generator(r, l, out);
}

static int filter_select(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    return choose(r, "select", v, args, false, true, out);
}

static int filter_reject(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    return choose(r, "reject", v, args, false, false, out);
}

static int filter_selectattr(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    return choose(r, "selectattr", v, args, true, true, out);
}

static int filter_rejectattr(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    return choose(r, "rejectattr", v, args, true, false, out);
}

static const struct jfilter filters[] = {
    { "abs", filter_abs },
    { "attr", filter_attr },
    { "batch", jseq_batch },
    { "capitalize", filter_capitalize },
    { "center", filter_center },
    { "count", jseq_length },
    { "d", filter_default },
    { "default", filter_default },
    { "dictsort", jseq_dictsort },
    { "e", filter_escape },
    { "escape", filter_escape },
    { "first", jseq_first },
    { "float", filter_float },
    { "forceescape", filter_forceescape },
    { "format", filter_format },
    { "groupby", jseq_groupby },
    { "indent", filter_indent },
    { "int", filter_int },
    { "items", jseq_items },
    { "join", jseq_join },
    { "last", jseq_last },
    { "length", jseq_length },
    { "list", jseq_list },
    { "lower", filter_lower },
    { "map", filter_map },
    { "max", jseq_max },
    { "min", jseq_min },
    { "reject", filter_reject },
    { "rejectattr", filter_rejectattr },
    { "replace", filter_replace },
    { "reverse", jseq_reverse },
    { "round", filter_round },
    { "safe", filter_safe },
    { "select", filter_select },
    { "selectattr", filter_selectattr },
    { "slice", jseq_slice },
    { "sort", jseq_sort },
    { "string", filter_string },
    { "sum", jseq_sum },
    { "title", filter_title },
    { "tojson", filter_tojson },
    { "trim", filter_trim },
    { "unique", jseq_unique },
    { "upper", filter_upper },
};

const struct jfilter *jfilter_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        if (str_eqz(name, filters[i].name))
            return &filters[i];
    return NULL;
}

int jfilter_call(struct jrun *r, const struct jfilter *f, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    if (jrun_spend(r, 1) != 0 || jrun_enter(r) != 0)
        return r->code;
    struct jvalue result = jvalue_none();
    int rc = f->fn(r, v, args, &result);
    jrun_leave(r);
    *out = result;
    return rc;
}
