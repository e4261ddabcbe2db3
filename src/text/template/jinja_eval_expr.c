/* jinja_eval_expr.c - walks the tree of an expression.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_eval_expr.h"

#include "base/base.h"
#include "text/template/jinja_call.h"
#include "text/template/jinja_global.h"
#include "text/template/jinja_loop.h"
#include "text/template/jinja_macro.h"
#include "text/template/jinja_print.h"

static int call_value(struct jinterp *x, struct jvalue f, const struct jargs *a, struct jvalue *out)
{
    switch (f.type) {
    case JTYPE_FUNCTION:
        return f.u.function->fn(x->r, a, out);
    case JTYPE_MACRO:
        return jmacro_call(x, f.u.macro, a, out);
    case JTYPE_METHOD:
        return f.u.bound->method->fn(x->r, f.u.bound->self, a, out);
    case JTYPE_LOOP:
        return jloop_call(x, f.u.loop, a, out);
    case JTYPE_JOINER:
        return jglobal_join(x->r, f.u.joiner, out);
    case JTYPE_UNDEFINED:
        return jvalue_fail_undefined(x->r, f);
    default:
        return jrun_fail(x->r, ERR_FORMAT, "'%s' object is not callable", jvalue_type_name(f));
    }
}

/* obj.method(...) without making a value of the method. *done is false if it is something else. */
static int call_method(struct jinterp *x, const struct jnode *n, struct jvalue obj, const struct jargs *a, bool *done,
                       struct jvalue *out)
{
    const struct jnode *callee = n->call.of;
    if (obj.type == JTYPE_LOOP)
        return jloop_method(x, obj.u.loop, jstring_str(callee->getattr.attr), a, done, out);
    const struct jmethod *m = jmethod_of(callee->getattr.method, obj);
    *done = m && m->fn;
    return *done ? m->fn(x->r, obj, a, out) : 0;
}

static int get_attr(struct jinterp *x, const struct jnode *n, struct jvalue obj, struct jvalue *out)
{
    if (obj.type == JTYPE_LOOP) {
        if (jloop_attr(x, obj.u.loop, jstring_str(n->getattr.attr), out) != 0 || out->type != JTYPE_MISSING)
            return x->r->code;
    }
    return jops_getattr(x->r, obj, n->getattr.attr, n->getattr.method, &n->getattr.why, out);
}

int jeval_expr_call(struct jinterp *x, const struct jnode *n, const struct jkeyword *extra, struct jvalue *out)
{
    struct jvalue obj, f;
    struct jcall_args args;
    const struct jnode *callee = n->call.of;
    bool attr = callee->type == JNODE_GETATTR, done;
    *out = jvalue_missing();
    if (jeval_expr(x, attr ? callee->getattr.of : callee, &obj) != 0)
        return x->r->code;
    if (attr && obj.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(x->r, obj);
    if (jcall_eval(x, &n->call.args, extra, &args) != 0)
        return x->r->code;
    x->r->line = n->line;
    f = obj;
    if (attr) {
        if (call_method(x, n, obj, &args.a, &done, out) != 0 || done)
            return x->r->code;
        if (get_attr(x, callee, obj, &f) != 0)
            return x->r->code;
    }
    return call_value(x, f, &args.a, out);
}

static int filter_input(struct jinterp *x, const struct jnode *of, const struct jvalue *text, struct jvalue *out)
{
    if (of && of->type != JNODE_FILTER)
        return jeval_expr(x, of, out);
    if (!of) {
        *out = text ? *text : jvalue_missing();
        return 0;
    }
    if (jrun_enter(x->r) != 0)
        return x->r->code;
    int rc = jeval_expr_filter(x, of, text, out);
    jrun_leave(x->r);
    return rc;
}

int jeval_expr_filter(struct jinterp *x, const struct jnode *n, const struct jvalue *text, struct jvalue *out)
{
    struct jvalue v = jvalue_missing();
    struct jcall_args args;
    if (filter_input(x, n->filter.of, text, &v) != 0 || jcall_eval(x, &n->filter.args, NULL, &args) != 0)
        return x->r->code;
    x->r->line = n->line;
    if (!n->filter.filter)
        return jrun_fail(x->r, ERR_FORMAT, "there is no filter named '%.*s'", (int)MIN(n->filter.name.n, 100),
                         n->filter.name.p);
    return jfilter_call(x->r, n->filter.filter, v, &args.a, out);
}

static int eval_test(struct jinterp *x, const struct jnode *n, struct jvalue *out)
{
    struct jvalue v;
    struct jcall_args args;
    bool yes = false;
    if (jeval_expr(x, n->filter.of, &v) != 0 || jcall_eval(x, &n->filter.args, NULL, &args) != 0)
        return x->r->code;
    x->r->line = n->line;
    if (!n->filter.test)
        return jrun_fail(x->r, ERR_FORMAT, "there is no test named '%.*s'", (int)MIN(n->filter.name.n, 100),
                         n->filter.name.p);
    int rc = jtest_call(x->r, n->filter.test, v, &args.a, &yes);
    *out = jvalue_bool(yes);
    return rc;
}

static int eval_items(struct jinterp *x, const struct jnode *n, struct jvalue *out)
{
    struct jlist *l = jlist_new(x->r, n->list.n);
    for (const struct jnode *k = n->list.items; l && k; k = k->next) {
        struct jvalue v;
        if (jeval_expr(x, k, &v) != 0 || jlist_push(x->r, l, v) != 0)
            return x->r->code;
    }
    *out = n->type == JNODE_LIST ? jvalue_list(l) : jvalue_tuple(l);
    return l ? 0 : x->r->code;
}

static int eval_dict(struct jinterp *x, const struct jnode *n, struct jvalue *out)
{
    struct jdict *d = jdict_new(x->r, n->list.n);
    for (const struct jnode *k = n->list.items; d && k; k = k->next->next) {
        struct jvalue key, v;
        if (jeval_expr(x, k, &key) != 0 || jeval_expr(x, k->next, &v) != 0 || jdict_set(x->r, d, key, v) != 0)
            return x->r->code;
    }
    *out = jvalue_dict(d);
    return d ? 0 : x->r->code;
}

/* One after the other, so that `ns.out ~ more` adds to the bytes of ns.out where they are (jinja_string.h). */
static int eval_concat(struct jinterp *x, const struct jnode *n, struct jvalue *out)
{
    const struct jstring *all = NULL;
    for (const struct jnode *k = n->list.items; k; k = k->next) {
        struct jvalue v;
        if (jeval_expr(x, k, &v) != 0)
            return x->r->code;
        const struct jstring *s = jprint_string(x->r, v);
        if (s && all)
            s = jstring_concat(x->r, all, s);
        if (!s)
            return x->r->code;
        all = s;
    }
    return jvalue_done(x->r, jstring_with_markup(x->r, all, false), out);
}

/* a < b < c: each operand once, and no further than the first that is false. */
static int eval_compare(struct jinterp *x, const struct jnode *n, struct jvalue *out)
{
    struct jvalue a, b;
    bool yes = true;
    if (jeval_expr(x, n->binary.a, &a) != 0)
        return x->r->code;
    for (const struct jnode *k = n->binary.b; k && yes; k = k->next) {
        if (jeval_expr(x, k->binary.a, &b) != 0)
            return x->r->code;
        x->r->line = n->line;
        if (jops_compare(x->r, k->binary.op, a, b, &yes) != 0)
            return x->r->code;
        a = b;
    }
    *out = jvalue_bool(yes);
    return 0;
}

static int eval_cond(struct jinterp *x, const struct jnode *n, struct jvalue *out)
{
    static const struct jundefined why = {
        JUNDEFINED_HINT, { "the inline if-expression evaluated to false and no else section was defined", 75 }
    };
    struct jvalue test;
    if (jeval_expr(x, n->cond.test, &test) != 0)
        return x->r->code;
    if (jvalue_true(test))
        return jeval_expr(x, n->cond.then, out);
    if (n->cond.otherwise)
        return jeval_expr(x, n->cond.otherwise, out);
    *out = jvalue_undefined(&why);
    return 0;
}

static int eval_name(struct jinterp *x, const struct jnode *n, struct jvalue *out)
{
    if (jinterp_get(x, n->name.id, out) != 0)
        return x->r->code;
    if (out->type == JTYPE_MISSING)
        *out = jvalue_undefined(&n->name.why);
    return 0;
}

static int eval_slice(struct jinterp *x, const struct jnode *n, struct jvalue *out)
{
    struct jvalue of, from = jvalue_none(), to = jvalue_none(), by = jvalue_none();
    if (jeval_expr(x, n->slice.of, &of) != 0 || (n->slice.from && jeval_expr(x, n->slice.from, &from) != 0) ||
        (n->slice.to && jeval_expr(x, n->slice.to, &to) != 0) ||
        (n->slice.step && jeval_expr(x, n->slice.step, &by) != 0))
        return x->r->code;
    x->r->line = n->line;
    return jops_slice(x->r, of, from, to, by, out);
}

static int eval_two(struct jinterp *x, const struct jnode *a, const struct jnode *b, int line, struct jvalue out[2])
{
    if (jeval_expr(x, a, &out[0]) != 0 || jeval_expr(x, b, &out[1]) != 0)
        return x->r->code;
    x->r->line = line;
    return 0;
}

static int eval_node(struct jinterp *x, const struct jnode *n, struct jvalue *out)
{
    struct jvalue v[2];
    switch (n->type) {
    case JNODE_CONST:
        *out = n->value;
        return 0;
    case JNODE_NAME:
        return eval_name(x, n, out);
    case JNODE_LIST:
    case JNODE_TUPLE:
        return eval_items(x, n, out);
    case JNODE_DICT:
        return eval_dict(x, n, out);
    case JNODE_COND:
        return eval_cond(x, n, out);
    case JNODE_AND:
    case JNODE_OR:
        if (jeval_expr(x, n->binary.a, out) != 0)
            return x->r->code;
        return jvalue_true(*out) == (n->type == JNODE_AND) ? jeval_expr(x, n->binary.b, out) : 0;
    case JNODE_NOT:
        if (jeval_expr(x, n->binary.a, &v[0]) != 0)
            return x->r->code;
        *out = jvalue_bool(!jvalue_true(v[0]));
        return 0;
    case JNODE_BINARY:
        if (eval_two(x, n->binary.a, n->binary.b, n->line, v) != 0)
            return x->r->code;
        return jops_binary(x->r, n->binary.op, v[0], v[1], out);
    case JNODE_UNARY:
        if (jeval_expr(x, n->binary.a, &v[0]) != 0)
            return x->r->code;
        return jops_unary(x->r, n->binary.op, v[0], out);
    case JNODE_COMPARE:
        return eval_compare(x, n, out);
    case JNODE_CONCAT:
        return eval_concat(x, n, out);
    case JNODE_GETATTR:
        if (jeval_expr(x, n->getattr.of, &v[0]) != 0)
            return x->r->code;
        x->r->line = n->line;
        return get_attr(x, n, v[0], out);
    case JNODE_GETITEM:
        if (eval_two(x, n->getitem.of, n->getitem.key, n->line, v) != 0)
            return x->r->code;
        return jops_getitem(x->r, v[0], v[1], out);
    case JNODE_SLICE:
        return eval_slice(x, n, out);
    case JNODE_CALL:
        return jeval_expr_call(x, n, NULL, out);
    case JNODE_FILTER:
        return jeval_expr_filter(x, n, NULL, out);
    case JNODE_TEST:
        return eval_test(x, n, out);
    default:
        return jrun_fail(x->r, ERR_FORMAT, "a statement stands where an expression should");
    }
}

int jeval_expr(struct jinterp *x, const struct jnode *n, struct jvalue *out)
{
    struct jrun *r = x->r;
    r->line = n->line;
    *out = jvalue_missing();
    if (jrun_spend(r, 1) != 0 || jrun_enter(r) != 0)
        return r->code;
    int rc = eval_node(x, n, out);
    jrun_leave(r);
    return rc;
}
