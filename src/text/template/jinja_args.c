/* jinja_args.c - arguments by position and by name.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_args.h"

#include "base/base.h"

static int bind_keyword(struct jrun *r, const char *fn, const struct jkeyword *kw, const char *const *names,
                        size_t n_names, struct jvalue *out)
{
    for (size_t i = 0; i < n_names; i++) {
        if (!str_eqz(jstring_str(kw->name), names[i]))
            continue;
        if (out[i].type != JTYPE_MISSING)
            return jrun_fail(r, ERR_FORMAT, "%s() got multiple values for argument '%s'", fn, names[i]);
        out[i] = kw->v;
        return 0;
    }
    return jrun_fail(r, ERR_FORMAT, "%s() got an unexpected keyword argument '%.*s'", fn, (int)MIN(kw->name->n, 100),
                     kw->name->p);
}

int jargs_bind(struct jrun *r, const char *fn, const struct jargs *a, const char *const *names, size_t n_names,
               size_t n_required, struct jvalue *out)
{
    if (a->n_pos > n_names)
        return jrun_fail(r, ERR_FORMAT, "%s() takes at most %zu arguments, %zu were given", fn, n_names, a->n_pos);
    for (size_t i = 0; i < n_names; i++)
        out[i] = i < a->n_pos ? a->pos[i] : jvalue_missing();
    for (size_t i = 0; i < a->n_kw; i++)
        if (bind_keyword(r, fn, &a->kw[i], names, n_names, out) != 0)
            return r->code;
    for (size_t i = 0; i < n_required; i++)
        if (out[i].type == JTYPE_MISSING)
            return jrun_fail(r, ERR_FORMAT, "%s() is missing its argument '%s'", fn, names[i]);
    return 0;
}

int jargs_i64(struct jrun *r, const char *fn, const char *name, struct jvalue v, int64_t def, int64_t *out)
{
    if (v.type == JTYPE_MISSING) {
        *out = def;
        return 0;
    }
    if (v.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, v);
    if (!jvalue_is_int(v))
        return jrun_fail(r, ERR_FORMAT, "%s(): argument '%s' must be an integer, not %s", fn, name,
                         jvalue_type_name(v));
    *out = jvalue_i64(v);
    return 0;
}

int jargs_string(struct jrun *r, const char *fn, const char *name, struct jvalue v, const struct jstring **out)
{
    if (v.type == JTYPE_MISSING)
        return 0;
    if (v.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, v);
    if (v.type != JTYPE_STRING)
        return jrun_fail(r, ERR_FORMAT, "%s(): argument '%s' must be a string, not %s", fn, name, jvalue_type_name(v));
    *out = v.u.s;
    return 0;
}

bool jargs_bool(struct jvalue v, bool def)
{
    return v.type == JTYPE_MISSING ? def : jvalue_true(v);
}

int jargs_none(struct jrun *r, const char *fn, const struct jargs *a)
{
    return jargs_bind(r, fn, a, NULL, 0, 0, NULL);
}

int jargs_keywords(struct jrun *r, const struct jkeyword *kw, size_t n, struct jdict *into)
{
    for (size_t i = 0; i < n; i++)
        if (jdict_set(r, into, jvalue_string(kw[i].name), kw[i].v) != 0)
            return r->code;
    return r->code;
}

int jargs_rest(struct jrun *r, const struct jargs *a, size_t from, struct jvalue *out)
{
    struct jlist *l = jlist_new(r, a->n_pos > from ? a->n_pos - from : 0);
    for (size_t i = from; l && i < a->n_pos; i++)
        if (jlist_push(r, l, a->pos[i]) != 0)
            return r->code;
    *out = jvalue_tuple(l);
    return l ? 0 : r->code;
}
