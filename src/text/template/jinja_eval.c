/* jinja_eval.c - walks the tree of statements.
 *
 * jinja2 decides while compiling which scope a name belongs to. It hides a variable of the caller's from a loop or macro if the
 * template's own level sets the same name further down; here it is visible until then.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_eval.h"

#include "text/template/jinja_eval_expr.h"
#include "text/template/jinja_loop.h"
#include "text/template/jinja_macro.h"

static int exec(struct jinterp *x, const struct jnode *n);

/* The text of a body that has a scope of its own. */
static int capture_scoped(struct jinterp *x, const struct jnode *body, const struct jstring **out)
{
    struct jscope *outer = x->scope, *s = jinterp_push(x, outer);
    if (!s)
        return x->r->code;
    int flow = jinterp_capture(x, body, out);
    jinterp_pop(x, s, outer);
    return flow;
}

static int exec_for(struct jinterp *x, const struct jnode *n)
{
    struct jvalue source;
    if (jeval_expr(x, n->loop.in, &source) != 0)
        return x->r->code;
    return jloop_run(x, n, source, 0);
}

static int exec_set_block(struct jinterp *x, const struct jnode *n)
{
    const struct jstring *text = NULL;
    int flow = capture_scoped(x, n->set.body, &text);
    if (flow != JINTERP_NEXT)
        return flow;
    struct jvalue v = jvalue_string(text);
    if (n->set.value && jeval_expr_filter(x, n->set.value, &v, &v) != 0)
        return x->r->code;
    return n->type == JNODE_FILTER_BLOCK ? jinterp_emit(x, v) : jinterp_assign(x, n->set.target, v);
}

static int exec_with(struct jinterp *x, const struct jnode *n)
{
    struct jrun *r = x->r;
    struct jlist *values = jlist_new(r, 0); /* all are evaluated outside */
    struct jvalue v;
    for (const struct jnode *k = n->with.values; values && k; k = k->next)
        if (jeval_expr(x, k, &v) != 0 || jlist_push(r, values, v) != 0)
            return r->code;
    struct jscope *outer = x->scope, *s = values ? jinterp_push(x, outer) : NULL;
    if (!s)
        return r->code;
    size_t i = 0;
    int flow = 0;
    for (const struct jnode *k = n->with.targets; k && flow == 0; k = k->next)
        flow = jinterp_assign(x, k, values->v[i++]);
    if (flow == 0)
        flow = exec(x, n->with.body);
    jinterp_pop(x, s, outer);
    return flow;
}

static int exec_scope(struct jinterp *x, const struct jnode *n)
{
    struct jscope *outer = x->scope, *s = jinterp_push(x, outer);
    if (!s)
        return x->r->code;
    int flow = exec(x, n->set.body);
    jinterp_pop(x, s, outer);
    return flow;
}

static int exec_call_block(struct jinterp *x, const struct jnode *n)
{
    struct jkeyword caller = { jstring_new(x->r, STR("caller"), JMARK_TEMPLATE), jvalue_none() };
    struct jvalue v;
    if (!caller.name || jmacro_new(x, n->macro.sig, &caller.v) != 0 ||
        jeval_expr_call(x, n->macro.call, &caller, &v) != 0)
        return x->r->code;
    return jinterp_emit(x, v);
}

static int exec_macro(struct jinterp *x, const struct jnode *n)
{
    struct jvalue v;
    if (jmacro_new(x, n->macro.sig, &v) != 0)
        return x->r->code;
    return jinterp_set(x, n->macro.id, v);
}

/* The branch of an if to be taken; NULL if none. An elif is an if alone in the else branch. */
static int choose_branch(struct jinterp *x, const struct jnode *n, const struct jnode **out)
{
    struct jvalue test;
    for (;;) {
        if (jeval_expr(x, n->cond.test, &test) != 0)
            return x->r->code;
        *out = jvalue_true(test) ? n->cond.then : n->cond.otherwise;
        bool elif = *out && *out == n->cond.otherwise && (*out)->type == JNODE_IF && !(*out)->next;
        if (!elif)
            return 0;
        n = *out;
    }
}

static int exec_node(struct jinterp *x, const struct jnode *n)
{
    struct jvalue v;
    const struct jnode *branch = NULL;
    switch (n->type) {
    case JNODE_DATA:
        return jinterp_emit_string(x, n->data);
    case JNODE_PRINT:
        return jeval_expr(x, n->print, &v) != 0 ? x->r->code : jinterp_emit(x, v);
    case JNODE_IF:
        return choose_branch(x, n, &branch) != 0 ? x->r->code : exec(x, branch);
    case JNODE_FOR:
        return exec_for(x, n);
    case JNODE_SET:
        return jeval_expr(x, n->set.value, &v) != 0 ? x->r->code : jinterp_assign(x, n->set.target, v);
    case JNODE_SET_BLOCK:
    case JNODE_FILTER_BLOCK:
        return exec_set_block(x, n);
    case JNODE_MACRO:
        return exec_macro(x, n);
    case JNODE_CALL_BLOCK:
        return exec_call_block(x, n);
    case JNODE_WITH:
        return exec_with(x, n);
    case JNODE_SCOPE:
        return exec_scope(x, n);
    case JNODE_BREAK:
        return JINTERP_BREAK;
    case JNODE_CONTINUE:
        return JINTERP_CONTINUE;
    default:
        return jrun_fail(x->r, ERR_FORMAT, "an expression stands where a statement should");
    }
}

/* A list of statements, up to the first that does not end normally. */
static int exec(struct jinterp *x, const struct jnode *n)
{
    struct jrun *r = x->r;
    int flow = JINTERP_NEXT;
    if (jrun_enter(r) != 0)
        return r->code;
    for (; n && flow == JINTERP_NEXT; n = n->next) {
        r->line = n->line;
        flow = jrun_spend(r, 1) != 0 ? r->code : exec_node(x, n);
    }
    jrun_leave(r);
    return flow;
}

int jeval(struct jrun *r, const struct jast *ast, struct jvalue *vars, struct marked *out)
{
    struct jinterp x = { .r = r, .ast = ast, .vars = vars, .out = out, .eval = jeval_expr, .exec = exec };
    return exec(&x, ast->body);
}
