/* jinja_global.c - global functions.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_global.h"

#include <string.h>
#include <time.h>

#include "base/base.h"
#include "text/template/jinja_print.h"

enum {
    RANGE_MAX = 100000, /* items: jinja2's sandbox */
    TIME_BYTES_MAX = 4096,
};

static int fn_range(struct jrun *r, const struct jargs *args, struct jvalue *out)
{
    int64_t v[3] = { 0, 0, 1 };
    const int64_t far = INT64_MAX / 4;
    if (args->n_pos < 1 || args->n_pos > 3 || args->n_kw > 0)
        return jrun_fail(r, ERR_FORMAT, "range() takes 1 to 3 arguments");
    for (size_t i = 0; i < args->n_pos; i++) {
        int64_t *to = &v[args->n_pos == 1 ? 1 : i];
        if (jargs_i64(r, "range", "limit", args->pos[i], 0, to) != 0)
            return r->code;
        if (*to < -far || *to > far)
            return jrun_fail(r, ERR_LIMIT, "range(): a bound beyond 61 bits");
    }
    if (v[2] == 0)
        return jrun_fail(r, ERR_FORMAT, "range(): the step must not be zero");
    int64_t span = v[2] > 0 ? v[1] - v[0] : v[0] - v[1], step = v[2] > 0 ? v[2] : -v[2];
    int64_t n = span > 0 ? (span - 1) / step + 1 : 0;
    if (n > RANGE_MAX)
        return jrun_fail(r, ERR_LIMIT, "range() of more than %d items (limit on ranges)", RANGE_MAX);
    struct jrange *g = jrun_alloc(r, 1, sizeof *g);
    if (!g)
        return r->code;
    *g = (struct jrange){ v[0], v[1], v[2], (size_t)n };
    *out = (struct jvalue){ .type = JTYPE_RANGE, .u.range = g };
    return 0;
}

/* dict(mapping or pairs, **kw), and namespace with the same arguments. */
static int fill_dict(struct jrun *r, const char *fn, const struct jargs *args, struct jdict **out)
{
    struct jdict *d = jdict_new(r, args->n_kw);
    if (!d)
        return r->code;
    if (args->n_pos > 1)
        return jrun_fail(r, ERR_FORMAT, "%s() takes at most 1 positional argument", fn);
    if (args->n_pos == 1 && (args->pos[0].type == JTYPE_DICT || args->pos[0].type == JTYPE_NAMESPACE)) {
        const struct jdict *from = args->pos[0].u.dict;
        for (size_t i = 0; i < from->n; i++)
            if (jdict_set(r, d, from->v[i].key, from->v[i].value) != 0)
                return r->code;
    } else if (args->n_pos == 1) {
        struct jiter it;
        struct jvalue pair;
        if (jiter_init(r, &it, args->pos[0]) != 0)
            return r->code;
        while (jiter_next(r, &it, &pair)) {
            const struct jlist *l = pair.type == JTYPE_LIST || pair.type == JTYPE_TUPLE ? pair.u.list : NULL;
            if (!l || l->n != 2)
                return jrun_fail(r, ERR_FORMAT, "%s(): expected pairs of key and value", fn);
            if (jdict_set(r, d, l->v[0], l->v[1]) != 0)
                return r->code;
        }
    }
    *out = d;
    return jargs_keywords(r, args->kw, args->n_kw, d);
}

static int fn_dict(struct jrun *r, const struct jargs *args, struct jvalue *out)
{
    struct jdict *d = NULL;
    int rc = fill_dict(r, "dict", args, &d);
    *out = jvalue_dict(d);
    return rc;
}

static int fn_namespace(struct jrun *r, const struct jargs *args, struct jvalue *out)
{
    struct jdict *d = NULL;
    int rc = fill_dict(r, "namespace", args, &d);
    *out = (struct jvalue){ .type = JTYPE_NAMESPACE, .u.dict = d };
    return rc;
}

static int fn_cycler(struct jrun *r, const struct jargs *args, struct jvalue *out)
{
    struct jcycler *c = jrun_alloc(r, 1, sizeof *c);
    struct jvalue l;
    if (!c || jargs_rest(r, args, 0, &l) != 0)
        return r->code;
    if (args->n_pos == 0 || args->n_kw > 0)
        return jrun_fail(r, ERR_FORMAT, "cycler(): at least one item is needed");
    c->items = l.u.list;
    *out = (struct jvalue){ .type = JTYPE_CYCLER, .u.cycler = c };
    return 0;
}

static int fn_joiner(struct jrun *r, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "sep" };
    struct jvalue sep;
    struct jjoiner *j = jrun_alloc(r, 1, sizeof *j);
    if (!j || jargs_bind(r, "joiner", args, names, 1, 0, &sep) != 0)
        return r->code;
    j->sep = sep.type == JTYPE_MISSING ? jstring_new(r, STR(", "), JMARK_TEMPLATE) : jprint_string(r, sep);
    *out = (struct jvalue){ .type = JTYPE_JOINER, .u.joiner = j };
    return r->code;
}

int jglobal_join(struct jrun *r, struct jjoiner *j, struct jvalue *out)
{
    if (!j->used) {
        j->used = true;
        return jvalue_text(r, STR(""), JMARK_TEMPLATE, out);
    }
    *out = jvalue_string(j->sep);
    return 0;
}

static int fn_raise_exception(struct jrun *r, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "message" };
    struct jvalue v;
    *out = jvalue_none();
    if (jargs_bind(r, "raise_exception", args, names, 1, 1, &v) != 0)
        return r->code;
    const struct jstring *s = jprint_string(r, v);
    return s ? jrun_fail(r, ERR_ARG, "%.*s", (int)MIN(s->n, ERR_MSG_BYTES), s->p) : r->code;
}

/* A format for strftime: what Python's datetime fills in itself (%f, and %z and %Z of a time without zone) is put in first, and a last
 * "%" stands for itself. NULL after a failure. */
static char *time_format(struct jrun *r, struct str fmt)
{
    char *out = jrun_bytes(r, 6 * fmt.n + 3), *p = out;
    for (size_t i = 0; out && i < fmt.n; i++) {
        char c = fmt.p[i], next = i + 1 < fmt.n ? fmt.p[i + 1] : 0;
        if (c != '%' || (next != 'f' && next != 'z' && next != 'Z')) {
            *p++ = c ? c : ' ';
            if (c == '%')
                *p++ = next && i + 1 < fmt.n ? fmt.p[++i] : '%';
            continue;
        }
        if (next == 'f') {
            memcpy(p, "000000", 6);
            p += 6;
        }
        i++;
    }
    if (out) {
        *p++ = '.'; /* so that an empty result can be told from a failure */
        *p = 0;
    }
    return out;
}

static int fn_strftime_now(struct jrun *r, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "format" };
    struct jvalue v;
    const struct jstring *fmt = NULL;
    time_t now = (time_t)r->now;
    struct tm tm;
    if (jargs_bind(r, "strftime_now", args, names, 1, 1, &v) != 0 ||
        jargs_string(r, "strftime_now", "format", v, &fmt) != 0)
        return r->code;
    char *text = jrun_bytes(r, TIME_BYTES_MAX), *format = time_format(r, jstring_str(fmt));
    if (!text || !format)
        return r->code;
    if (!localtime_r(&now, &tm))
        return jrun_fail(r, ERR_FORMAT, "strftime_now(): the time is out of range");
    size_t n = strftime(text, TIME_BYTES_MAX, format, &tm);
    if (n == 0)
        return jrun_fail(r, ERR_LIMIT, "strftime_now(): more than %d bytes", TIME_BYTES_MAX);
    return jvalue_text(r, (struct str){ text, n - 1 }, fmt->mark == JMARK_TEMPLATE ? JMARK_TEMPLATE : JMARK_VALUE, out);
}

static const struct jfunction functions[] = {
    { "cycler", fn_cycler },
    { "dict", fn_dict },
    { "joiner", fn_joiner },
    { "namespace", fn_namespace },
    { "raise_exception", fn_raise_exception },
    { "range", fn_range },
    { "strftime_now", fn_strftime_now },
};

struct jvalue jglobal_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (str_eqz(name, functions[i].name))
            return (struct jvalue){ .type = JTYPE_FUNCTION, .u.function = &functions[i] };
    return jvalue_missing();
}
