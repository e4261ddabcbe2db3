/* jinja_loop.c - the items of a loop one by one, and the variable `loop`.
 *
 * Items are fetched as they are needed, one ahead where the template asks for loop.last or loop.nextitem. Only loop.length of
 * something without a length takes all that is left, into a list through which the loop then goes on.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_loop.h"

#include "base/base.h"

/* What a loop goes through, and the variable `loop`. */
struct jloop {
    const struct jnode *node;
    struct jscope *outer; /* where the loop stands: the filter sees it, and a recursive call */
    struct jiter it;
    struct jvalue source;          /* what it goes through */
    struct jvalue before, current; /* MISSING: none */
    struct jvalue after;           /* looked up already, if `peeked` */
    struct jvalue changed;         /* last arguments of loop.changed */
    const struct jnode *test;      /* the filter; NULL: none, or the items left have passed it */
    int64_t index0;
    int64_t length; /* -1: not known yet */
    int depth0;
    bool peeked;
    bool completed; /* an iteration ran to the end of the body */
    bool active;    /* the statement is being run: `loop`, kept in a namespace, may outlive it, but its scopes do not */
};

/* The next item that the loop's filter lets pass; *out is MISSING at the end. */
static int fetch(struct jinterp *x, struct jloop *l, struct jvalue *out)
{
    struct jvalue yes;
    while (l->active && jiter_next(x->r, &l->it, out)) {
        if (jrun_spend(x->r, 1) != 0)
            return x->r->code;
        if (!l->test)
            return 0;
        struct jscope *back = x->scope, *s = jinterp_push(x, l->outer);
        if (!s)
            return x->r->code;
        int rc = jinterp_assign(x, l->node->loop.target, *out);
        if (rc == 0)
            rc = x->eval(x, l->test, &yes);
        jinterp_pop(x, s, back);
        if (rc != 0)
            return rc;
        if (jvalue_true(yes))
            return 0;
    }
    *out = jvalue_missing();
    return x->r->code;
}

static int peek(struct jinterp *x, struct jloop *l, struct jvalue *out)
{
    *out = jvalue_missing();
    if (!l->peeked) {
        if (fetch(x, l, &l->after) != 0)
            return x->r->code;
        l->peeked = true;
    }
    *out = l->after;
    return 0;
}

/* The next item becomes the current one; it is MISSING at the end. */
static int step(struct jinterp *x, struct jloop *l)
{
    struct jvalue item = l->after;
    if (!l->peeked && fetch(x, l, &item) != 0)
        return x->r->code;
    l->peeked = false;
    l->index0++;
    l->before = l->current;
    l->current = item;
    return 0;
}

/* The number of items: that of the sequence, or, of a generator or a filtered loop, by taking the rest of them now. */
static int loop_length(struct jinterp *x, struct jloop *l)
{
    size_t n;
    if (l->length >= 0)
        return 0;
    if (!l->test && jvalue_len(l->source, &n)) {
        l->length = (int64_t)n;
        return 0;
    }
    struct jvalue v = l->after;
    struct jlist *rest = jlist_new(x->r, 0);
    if (!rest)
        return x->r->code;
    if (l->peeked && v.type != JTYPE_MISSING && jlist_push(x->r, rest, v) != 0)
        return x->r->code;
    while (!(l->peeked && v.type == JTYPE_MISSING)) {
        if (fetch(x, l, &v) != 0)
            return x->r->code;
        if (v.type == JTYPE_MISSING)
            break;
        if (jlist_push(x->r, rest, v) != 0)
            return x->r->code;
    }
    l->test = NULL;
    l->it = (struct jiter){ .of = jvalue_list(rest) };
    l->peeked = false;
    l->length = l->index0 + 1 + (int64_t)rest->n;
    return 0;
}

static struct jvalue item_or(struct jvalue v, const struct jundefined *why)
{
    return v.type == JTYPE_MISSING ? jvalue_undefined(why) : v;
}

int jloop_attr(struct jinterp *x, struct jloop *l, struct str name, struct jvalue *out)
{
    static const struct jundefined no_previous = { JUNDEFINED_HINT, { "there is no previous item", 25 } };
    static const struct jundefined no_next = { JUNDEFINED_HINT, { "there is no next item", 21 } };
    struct jvalue v;
    *out = jvalue_missing();
    if (str_eqz(name, "index0"))
        *out = jvalue_int(l->index0);
    else if (str_eqz(name, "index"))
        *out = jvalue_int(l->index0 + 1);
    else if (str_eqz(name, "first"))
        *out = jvalue_bool(l->index0 == 0);
    else if (str_eqz(name, "depth"))
        *out = jvalue_int(l->depth0 + 1);
    else if (str_eqz(name, "depth0"))
        *out = jvalue_int(l->depth0);
    else if (str_eqz(name, "previtem"))
        *out = item_or(l->before, &no_previous);
    else if (str_eqz(name, "last") || str_eqz(name, "nextitem")) {
        if (peek(x, l, &v) != 0)
            return x->r->code;
        *out = name.p[0] == 'n' ? item_or(v, &no_next) : jvalue_bool(v.type == JTYPE_MISSING);
    } else if (str_eqz(name, "length") || str_eqz(name, "revindex") || str_eqz(name, "revindex0")) {
        if (loop_length(x, l) != 0)
            return x->r->code;
        *out = jvalue_int(name.p[0] == 'l' ? l->length : l->length - l->index0 - (name.n > 8));
    }
    return 0;
}

static int loop_cycle(struct jinterp *x, const struct jloop *l, const struct jargs *a, struct jvalue *out)
{
    if (a->n_pos == 0 || a->n_kw > 0)
        return jrun_fail(x->r, ERR_FORMAT, "loop.cycle(): no items for cycling given");
    *out = a->pos[(size_t)l->index0 % a->n_pos];
    return 0;
}

static int loop_changed(struct jinterp *x, struct jloop *l, const struct jargs *a, struct jvalue *out)
{
    struct jvalue now;
    if (jargs_rest(x->r, a, 0, &now) != 0)
        return x->r->code;
    bool same = l->changed.type != JTYPE_MISSING && jvalue_eq(x->r, l->changed, now);
    if (!same)
        l->changed = now;
    *out = jvalue_bool(!same);
    return x->r->code;
}

/* The body once for every item. */
static int iterate(struct jinterp *x, struct jloop *l)
{
    const struct jnode *node = l->node;
    struct jvalue self = { .type = JTYPE_LOOP, .u.loop = l };
    int flow = JINTERP_NEXT;
    while (flow != JINTERP_BREAK && step(x, l) == 0 && l->current.type != JTYPE_MISSING) {
        struct jscope *s = jinterp_push(x, l->outer);
        if (!s)
            break;
        flow = jinterp_set(x, JNAME_LOOP, self);
        if (flow == 0)
            flow = jinterp_assign(x, node->loop.target, l->current);
        if (flow == 0)
            flow = x->exec(x, node->loop.body);
        jinterp_pop(x, s, l->outer);
        if (flow < 0)
            break;
        l->completed |= flow == JINTERP_NEXT;
    }
    return x->r->code;
}

int jloop_run(struct jinterp *x, const struct jnode *n, struct jvalue source, int depth0)
{
    struct jloop *l = jrun_alloc(x->r, 1, sizeof *l); /* the variable `loop` may outlive the statement */
    if (!l)
        return x->r->code;
    *l = (struct jloop){ .node = n,
                         .outer = x->scope,
                         .source = source,
                         .test = n->loop.test,
                         .index0 = -1,
                         .length = -1,
                         .depth0 = depth0,
                         .active = true };
    if (jiter_init(x->r, &l->it, source) != 0 || iterate(x, l) != 0)
        return x->r->code;
    l->active = false;
    if (l->completed || !n->loop.otherwise) /* jinja2: break and continue leave before an iteration is noted */
        return 0;
    struct jscope *outer = x->scope, *s = jinterp_push(x, outer);
    if (!s)
        return x->r->code;
    int flow = x->exec(x, n->loop.otherwise);
    jinterp_pop(x, s, outer);
    return flow;
}

int jloop_call(struct jinterp *x, struct jloop *l, const struct jargs *a, struct jvalue *out)
{
    if (!l->active)
        return jrun_fail(x->r, ERR_FORMAT, "a loop that has ended cannot be called");
    if (!l->node->loop.recursive)
        return jrun_fail(x->r, ERR_FORMAT, "the loop must be marked 'recursive' to be called");
    if (a->n_pos != 1 || a->n_kw > 0)
        return jrun_fail(x->r, ERR_FORMAT, "loop() takes one argument");
    struct jbuild b, *sink = x->sink;
    struct jscope *scope = x->scope;
    jbuild_init(&b, x->r, 0);
    x->sink = &b;
    x->scope = l->outer;
    int rc = x->r->code == 0 ? jloop_run(x, l->node, a->pos[0], l->depth0 + 1) : x->r->code;
    x->sink = sink;
    x->scope = scope;
    return rc < 0 ? rc : jvalue_done(x->r, jbuild_done(&b), out);
}

int jloop_method(struct jinterp *x, struct jloop *l, struct str name, const struct jargs *a, bool *done,
                 struct jvalue *out)
{
    *done = true;
    if (str_eqz(name, "cycle"))
        return loop_cycle(x, l, a, out);
    if (str_eqz(name, "changed"))
        return loop_changed(x, l, a, out);
    *done = false;
    return 0;
}
