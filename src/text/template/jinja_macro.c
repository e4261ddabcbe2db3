/* jinja_macro.c - parameters with defaults, caller, varargs and kwargs, after jinja2's Macro.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_macro.h"

#include <string.h>

#include "base/base.h"

int jmacro_new(struct jinterp *x, const struct jsignature *sig, struct jvalue *out)
{
    struct jmacro *m = jrun_alloc(x->r, 1, sizeof *m);
    if (!m)
        return x->r->code;
    jinterp_keep(x);
    *m = (struct jmacro){ sig->name, sig, x->scope };
    *out = (struct jvalue){ .type = JTYPE_MACRO, .u.macro = m };
    return 0;
}

/* Keyword arguments that no parameter has taken yet. */
struct keywords {
    struct jkeyword *v;
    size_t n;
};

/* The one of that name, taken out of those that are left; MISSING if there is none. */
static int take_keyword(struct jrun *r, struct keywords *kw, const char *name, struct jvalue *out)
{
    *out = jvalue_missing();
    if (jrun_spend(r, kw->n) != 0)
        return r->code;
    for (size_t i = 0; i < kw->n; i++) {
        if (!str_eqz(jstring_str(kw->v[i].name), name))
            continue;
        *out = kw->v[i].v;
        memmove(kw->v + i, kw->v + i + 1, (kw->n - i - 1) * sizeof *kw->v);
        kw->n--;
        return 0;
    }
    return 0;
}

static int bind_caller(struct jinterp *x, struct keywords *kw)
{
    static const struct jundefined no_caller = { JUNDEFINED_HINT, { "No caller defined", 17 } };
    struct jvalue v;
    if (take_keyword(x->r, kw, "caller", &v) != 0)
        return x->r->code;
    if (v.type == JTYPE_MISSING)
        v = jvalue_undefined(&no_caller);
    return jinterp_set(x, JNAME_CALLER, v);
}

static int bind_kwargs(struct jinterp *x, const struct keywords *kw)
{
    struct jdict *d = jdict_new(x->r, kw->n);
    if (!d || jargs_keywords(x->r, kw->v, kw->n, d) != 0)
        return x->r->code;
    return jinterp_set(x, JNAME_KWARGS, jvalue_dict(d));
}

/* What is left when the parameters have theirs. */
static int bind_rest(struct jinterp *x, const struct jsignature *sig, const struct jargs *a, struct keywords *kw)
{
    struct jrun *r = x->r;
    struct jvalue v;
    int n_name = (int)MIN(sig->name.n, 100);
    if (sig->uses_caller && bind_caller(x, kw) != 0)
        return r->code;
    if (!sig->uses_kwargs && kw->n > 0)
        return jrun_fail(r, ERR_FORMAT, "the macro '%.*s' takes no keyword argument '%.*s'", n_name, sig->name.p,
                         (int)MIN(kw->v[0].name->n, 100), kw->v[0].name->p);
    if (!sig->uses_varargs && a->n_pos > sig->n)
        return jrun_fail(r, ERR_FORMAT, "the macro '%.*s' takes not more than %zu arguments", n_name, sig->name.p,
                         sig->n);
    if (sig->uses_kwargs && bind_kwargs(x, kw) != 0)
        return r->code;
    if (sig->uses_varargs && (jargs_rest(r, a, sig->n, &v) != 0 || jinterp_set(x, JNAME_VARARGS, v) != 0))
        return r->code;
    return 0;
}

static int undefined_param(struct jrun *r, const char *name, struct jvalue *out)
{
    struct jundefined *why = jrun_alloc(r, 1, sizeof *why);
    if (!why)
        return r->code;
    *why = (struct jundefined){ JUNDEFINED_NAME, str_from(name) };
    *out = jvalue_undefined(why);
    return 0;
}

/* Defaults are evaluated in the macro's scope, after the parameters before them. */
static int bind_params(struct jinterp *x, const struct jsignature *sig, const struct jargs *a)
{
    struct jrun *r = x->r;
    struct keywords kw = { jrun_alloc(r, a->n_kw, sizeof *kw.v), a->n_kw };
    if (!kw.v)
        return r->code;
    if (a->n_kw > 0)
        memcpy(kw.v, a->kw, a->n_kw * sizeof *kw.v);
    for (size_t i = 0; i < sig->n; i++) {
        struct jvalue v;
        const char *name = x->ast->names[sig->params[i]];
        if (i < a->n_pos)
            v = a->pos[i];
        else if (take_keyword(r, &kw, name, &v) != 0)
            return r->code;
        if (v.type == JTYPE_MISSING) {
            int rc = sig->defaults[i] ? x->eval(x, sig->defaults[i], &v) : undefined_param(r, name, &v);
            if (rc != 0)
                return rc;
        }
        if (jinterp_set(x, sig->params[i], v) != 0)
            return r->code;
    }
    return bind_rest(x, sig, a, &kw);
}

int jmacro_call(struct jinterp *x, const struct jmacro *m, const struct jargs *a, struct jvalue *out)
{
    struct jscope *caller = x->scope, *s = jinterp_push(x, m->scope);
    const struct jstring *text = NULL;
    if (!s)
        return x->r->code;
    int rc = bind_params(x, m->sig, a);
    if (rc == 0)
        rc = jinterp_capture(x, m->sig->body, &text);
    jinterp_pop(x, s, caller);
    return rc != 0 ? rc : jvalue_done(x->r, text, out);
}
