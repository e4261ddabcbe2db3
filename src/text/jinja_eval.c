/* jinja_eval.c - walks the tree.
 *
 * Variables: the template's own level is a table by name; every loop iteration, macro call, block and `with` has a scope above it, a short
 * list that is searched from the innermost outwards. Assigning sets the innermost, as jinja2 has it (an `if` has no scope). A macro keeps the
 * scopes around its definition; scopes that no macro keeps are used again. (jinja2 decides while compiling: it hides a variable of the
 * caller's from a loop or macro if the template's own level sets the same name further down. Here it is visible until then.)
 *
 * Text goes to the sink: the rendering itself, or a builder where the text becomes a value (macros, set blocks, filter blocks).
 * SPDX-License-Identifier: MIT */
#include "text/jinja_eval.h"

#include <string.h>

#include "base/base.h"
#include "text/jinja_global.h"
#include "text/jinja_print.h"

enum { ARGS_LOCAL = 6 /* arguments of a call that need no memory of their own */ };

struct binding {
    uint32_t id;
    struct jvalue v;
};

struct jscope {
    struct jscope *parent;
    struct binding *v;
    size_t n, cap;
    bool kept; /* a macro refers to it */
};

/* What a loop goes through, and the variable `loop`. */
struct jloop {
    const struct jnode *node;
    struct jscope *outer; /* where the loop stands: the filter sees it, and a recursive call */
    struct jiter it;
    struct jvalue source;          /* what it goes through */
    struct jvalue before, current; /* MISSING: none */
    struct jvalue after;           /* looked up already, if `peeked` */
    struct jvalue changed;         /* last arguments of loop.changed */
    int64_t index0;
    int64_t length; /* -1: not known yet */
    int depth0;
    bool peeked;
    bool active; /* the statement is being run: `loop`, kept in a namespace, may outlive it, but its scopes do not */
};

struct eval {
    struct jrun *r;
    const struct jast *ast;
    struct jvalue *vars;
    struct jscope *scope; /* innermost; NULL: the template's own level */
    struct jscope *spare; /* for use again */
    struct jbuild *sink;  /* NULL: the rendering */
    struct marked *out;
    size_t out_bytes; /* rendered so far */
};

/* How a statement ended, beside a negative code. */
enum { FLOW_NEXT = 0, FLOW_BREAK = 1, FLOW_CONTINUE = 2 };

static int eval(struct eval *x, const struct jnode *n, struct jvalue *out);
static int exec(struct eval *x, const struct jnode *n);

/* Scopes */

static struct jscope *push_scope(struct eval *x, struct jscope *parent)
{
    struct jscope *s = x->spare;
    if (s) {
        x->spare = s->parent;
        s->n = 0;
    } else {
        s = jrun_alloc(x->r, 1, sizeof *s);
        if (!s)
            return NULL;
    }
    s->parent = parent;
    x->scope = s;
    return s;
}

static void pop_scope(struct eval *x, struct jscope *s, struct jscope *back)
{
    x->scope = back;
    if (s->kept)
        return;
    s->parent = x->spare;
    x->spare = s;
}

static void keep_scopes(struct jscope *s)
{
    for (; s && !s->kept; s = s->parent)
        s->kept = true;
}

static int set_var(struct eval *x, uint32_t id, struct jvalue v)
{
    struct jscope *s = x->scope;
    if (!s) {
        x->vars[id] = v;
        return 0;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].id == id) {
            s->v[i].v = v;
            return 0;
        }
    }
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 8;
        struct binding *p = jrun_alloc(x->r, cap, sizeof *p);
        if (!p)
            return x->r->code;
        if (s->n > 0)
            memcpy(p, s->v, s->n * sizeof *p);
        s->v = p;
        s->cap = cap;
    }
    s->v[s->n++] = (struct binding){ id, v };
    return 0;
}

static struct jvalue get_var(const struct eval *x, uint32_t id)
{
    for (const struct jscope *s = x->scope; s; s = s->parent)
        for (size_t i = 0; i < s->n; i++)
            if (s->v[i].id == id)
                return s->v[i].v;
    return x->vars[id];
}

/* Output */

static int count_output(struct eval *x, size_t n)
{
    if (n > x->r->limits.output_bytes - x->out_bytes)
        return jrun_fail(x->r, ERR_LIMIT, "a rendering of more than %zu bytes (limit on output)",
                         x->r->limits.output_bytes);
    x->out_bytes += n;
    return 0;
}

static int emit_bytes(struct eval *x, struct str s, bool value)
{
    if (x->sink) {
        jbuild_bytes(x->sink, s, value);
        return x->r->code;
    }
    if (count_output(x, s.n) != 0)
        return x->r->code;
    marked_add(x->out, s, value);
    return 0;
}

static int emit_string(struct eval *x, const struct jstring *s)
{
    if (x->sink) {
        jbuild_string(x->sink, s);
        return x->r->code;
    }
    struct jpiece piece = { .next = 0 };
    while (jstring_piece(s, &piece))
        if (emit_bytes(x, piece.s, piece.value) != 0)
            return x->r->code;
    return 0;
}

static int emit_value(struct eval *x, struct jvalue v)
{
    char text[JPRINT_SCALAR_BYTES];
    struct str s;
    if (v.type == JTYPE_STRING)
        return emit_string(x, v.u.s);
    if (jprint_scalar(v, text, &s))
        return emit_bytes(x, s, v.marked);
    const struct jstring *string = jprint_string(x->r, v);
    return string ? emit_string(x, string) : x->r->code;
}

/* Runs statements with their text going into a new string. */
static int capture(struct eval *x, const struct jnode *body, const struct jstring **out)
{
    struct jbuild b, *outer = x->sink;
    jbuild_init(&b, x->r, 0);
    x->sink = &b;
    int flow = x->r->code == 0 ? exec(x, body) : x->r->code;
    x->sink = outer;
    if (flow == FLOW_NEXT)
        *out = jbuild_done(&b);
    return x->r->code != 0 ? x->r->code : flow;
}

/* The same in a scope of its own. */
static int capture_scoped(struct eval *x, const struct jnode *body, const struct jstring **out)
{
    struct jscope *outer = x->scope, *s = push_scope(x, outer);
    if (!s)
        return x->r->code;
    int flow = capture(x, body, out);
    pop_scope(x, s, outer);
    return flow;
}

/* Arguments */

struct args {
    struct jargs a;
    struct jvalue pos[ARGS_LOCAL];
    struct jkeyword kw[ARGS_LOCAL];
};

static int star_args(struct eval *x, const struct jcall *c, const struct jlist **star, const struct jdict **map)
{
    struct jvalue v;
    if (c->star) {
        if (eval(x, c->star, &v) != 0 || !(*star = jvalue_to_list(x->r, v)))
            return x->r->code;
    }
    if (c->map) {
        if (eval(x, c->map, &v) != 0)
            return x->r->code;
        if (v.type != JTYPE_DICT)
            return jrun_fail(x->r, ERR_FORMAT, "the argument after ** must be a mapping, not %s", jvalue_type_name(v));
        *map = v.u.dict;
    }
    return 0;
}

/* `extra`: one more keyword argument (caller), or NULL. */
static int eval_args(struct eval *x, const struct jcall *c, const struct jkeyword *extra, struct args *out)
{
    const struct jlist *star = NULL;
    const struct jdict *map = NULL;
    struct jvalue *pos = out->pos;
    struct jkeyword *kw = out->kw;
    size_t n = 0, k = 0;
    if (star_args(x, c, &star, &map) != 0)
        return x->r->code;
    size_t n_pos = c->n_pos + (star ? star->n : 0), n_kw = c->n_kw + (map ? map->n : 0) + (extra != NULL);
    if (n_pos > ARGS_LOCAL && !(pos = jrun_alloc(x->r, n_pos, sizeof *pos)))
        return x->r->code;
    if (n_kw > ARGS_LOCAL && !(kw = jrun_alloc(x->r, n_kw, sizeof *kw)))
        return x->r->code;
    for (const struct jnode *a = c->pos; a; a = a->next)
        if (eval(x, a, &pos[n++]) != 0)
            return x->r->code;
    for (size_t i = 0; star && i < star->n; i++)
        pos[n++] = star->v[i];
    for (const struct jnode *a = c->kw; a; a = a->next) {
        kw[k].name = a->keyword.name;
        if (eval(x, a->keyword.value, &kw[k++].v) != 0)
            return x->r->code;
    }
    for (size_t i = 0; map && i < map->n; i++) {
        if (map->v[i].key.type != JTYPE_STRING)
            return jrun_fail(x->r, ERR_FORMAT, "keywords must be strings");
        kw[k++] = (struct jkeyword){ jstring_str(map->v[i].key.u.s), map->v[i].value };
    }
    if (extra)
        kw[k++] = *extra;
    out->a = (struct jargs){ pos, n, kw, k };
    return 0;
}

/* Macros */

/* The keyword argument of that name, taken out of the list that is left. */
static bool take_keyword(struct jkeyword *kw, size_t *n, const char *name, struct jvalue *out)
{
    for (size_t i = 0; i < *n; i++) {
        if (!str_eqz(kw[i].name, name))
            continue;
        *out = kw[i].v;
        memmove(kw + i, kw + i + 1, (*n - i - 1) * sizeof *kw);
        --*n;
        return true;
    }
    return false;
}

static int bind_rest(struct eval *x, const struct jsignature *sig, const struct jargs *a, struct jkeyword *kw,
                     size_t n_kw)
{
    struct jrun *r = x->r;
    struct jvalue v;
    static const struct jundefined no_caller = { JUNDEFINED_HINT, { "No caller defined", 17 } };
    if (sig->uses_caller) {
        if (!take_keyword(kw, &n_kw, "caller", &v))
            v = jvalue_undefined(&no_caller);
        if (set_var(x, JNAME_CALLER, v) != 0)
            return r->code;
    }
    if (!sig->uses_kwargs && n_kw > 0)
        return jrun_fail(r, ERR_FORMAT, "the macro '%.*s' takes no keyword argument '%.*s'", (int)MIN(sig->name.n, 100),
                         sig->name.p, (int)MIN(kw[0].name.n, 100), kw[0].name.p);
    if (!sig->uses_varargs && a->n_pos > sig->n)
        return jrun_fail(r, ERR_FORMAT, "the macro '%.*s' takes not more than %zu arguments",
                         (int)MIN(sig->name.n, 100), sig->name.p, sig->n);
    if (sig->uses_kwargs) {
        struct jdict *d = jdict_new(r, n_kw);
        for (size_t i = 0; d && i < n_kw; i++) {
            struct jvalue key;
            if (jvalue_text(r, kw[i].name, JMARK_TEMPLATE, &key) != 0 || jdict_set(r, d, key, kw[i].v) != 0)
                return r->code;
        }
        if (!d || set_var(x, JNAME_KWARGS, jvalue_dict(d)) != 0)
            return r->code;
    }
    if (sig->uses_varargs) {
        struct jlist *l = jlist_new(r, 0);
        for (size_t i = sig->n; l && i < a->n_pos; i++)
            if (jlist_push(r, l, a->pos[i]) != 0)
                return r->code;
        if (!l || set_var(x, JNAME_VARARGS, jvalue_tuple(l)) != 0)
            return r->code;
    }
    return 0;
}

/* Defaults are evaluated in the macro's scope, after the parameters before them. */
static int bind_params(struct eval *x, const struct jsignature *sig, const struct jargs *a)
{
    struct jrun *r = x->r;
    struct jkeyword *kw = jrun_alloc(r, a->n_kw, sizeof *kw);
    size_t n_kw = a->n_kw;
    if (!kw)
        return r->code;
    if (n_kw > 0)
        memcpy(kw, a->kw, n_kw * sizeof *kw);
    for (size_t i = 0; i < sig->n; i++) {
        struct jvalue v = jvalue_missing();
        const char *name = x->ast->names[sig->params[i]];
        if (i < a->n_pos)
            v = a->pos[i];
        else if (!take_keyword(kw, &n_kw, name, &v) && sig->defaults[i] && eval(x, sig->defaults[i], &v) != 0)
            return r->code;
        if (v.type == JTYPE_MISSING) {
            struct jundefined *why = jrun_alloc(r, 1, sizeof *why);
            if (!why)
                return r->code;
            *why = (struct jundefined){ JUNDEFINED_NAME, str_from(name) };
            v = jvalue_undefined(why);
        }
        if (set_var(x, sig->params[i], v) != 0)
            return r->code;
    }
    return bind_rest(x, sig, a, kw, n_kw);
}

static int call_macro(struct eval *x, const struct jmacro *m, const struct jargs *a, struct jvalue *out)
{
    struct jscope *caller = x->scope, *s = push_scope(x, m->scope);
    const struct jstring *text = NULL;
    if (!s)
        return x->r->code;
    int rc = bind_params(x, m->sig, a);
    if (rc == 0)
        rc = capture(x, m->sig->body, &text);
    pop_scope(x, s, caller);
    return rc != 0 ? rc : jvalue_done(x->r, text, out);
}

static int new_macro(struct eval *x, const struct jsignature *sig, struct jvalue *out)
{
    struct jmacro *m = jrun_alloc(x->r, 1, sizeof *m);
    if (!m)
        return x->r->code;
    keep_scopes(x->scope);
    *m = (struct jmacro){ sig->name, sig, x->scope };
    *out = (struct jvalue){ .type = JTYPE_MACRO, .u.macro = m };
    return 0;
}

/* Loops */

static int assign(struct eval *x, const struct jnode *target, struct jvalue v);

/* The next item that the loop's filter lets pass; *out is MISSING at the end. */
static int fetch(struct eval *x, struct jloop *l, struct jvalue *out)
{
    struct jvalue yes;
    while (l->active && jiter_next(x->r, &l->it, out)) {
        if (jrun_spend(x->r, 1) != 0)
            return x->r->code;
        if (!l->node->loop.test)
            return 0;
        struct jscope *back = x->scope, *s = push_scope(x, l->outer);
        if (!s)
            return x->r->code;
        int rc = assign(x, l->node->loop.target, *out);
        if (rc == 0)
            rc = eval(x, l->node->loop.test, &yes);
        pop_scope(x, s, back);
        if (rc != 0)
            return rc;
        if (jvalue_true(yes))
            return 0;
    }
    *out = jvalue_missing();
    return x->r->code;
}

static int peek(struct eval *x, struct jloop *l, struct jvalue *out)
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
static int step(struct eval *x, struct jloop *l)
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
static int loop_length(struct eval *x, struct jloop *l)
{
    size_t n;
    if (l->length >= 0)
        return 0;
    if (!l->node->loop.test && jvalue_len(l->source, &n)) {
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
    /* The loop goes on through the list; its items have passed the filter. */
    struct jnode *plain = jrun_alloc(x->r, 1, sizeof *plain);
    if (!plain)
        return x->r->code;
    *plain = *l->node;
    plain->loop.test = NULL;
    l->node = plain;
    l->it = (struct jiter){ .of = jvalue_list(rest) };
    l->peeked = false;
    l->length = l->index0 + 1 + (int64_t)rest->n;
    return 0;
}

static struct jvalue item_or(struct jvalue v, const struct jundefined *why)
{
    return v.type == JTYPE_MISSING ? jvalue_undefined(why) : v;
}

/* loop.name; MISSING if there is no such attribute. */
static int loop_attr(struct eval *x, struct jloop *l, struct str name, struct jvalue *out)
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

static int loop_cycle(struct eval *x, const struct jloop *l, const struct jargs *a, struct jvalue *out)
{
    if (a->n_pos == 0 || a->n_kw > 0)
        return jrun_fail(x->r, ERR_FORMAT, "loop.cycle(): no items for cycling given");
    *out = a->pos[(size_t)l->index0 % a->n_pos];
    return 0;
}

static int loop_changed(struct eval *x, struct jloop *l, const struct jargs *a, struct jvalue *out)
{
    struct jlist *now = jlist_new(x->r, a->n_pos);
    for (size_t i = 0; now && i < a->n_pos; i++)
        if (jlist_push(x->r, now, a->pos[i]) != 0)
            return x->r->code;
    if (!now)
        return x->r->code;
    bool same = l->changed.type != JTYPE_MISSING && jvalue_eq(x->r, l->changed, jvalue_tuple(now));
    if (!same)
        l->changed = jvalue_tuple(now);
    *out = jvalue_bool(!same);
    return x->r->code;
}

/* The body once for every item. */
static int iterate(struct eval *x, struct jloop *l)
{
    const struct jnode *node = l->node;
    struct jvalue self = { .type = JTYPE_LOOP, .u.loop = l };
    int flow = FLOW_NEXT;
    while (flow != FLOW_BREAK && step(x, l) == 0 && l->current.type != JTYPE_MISSING) {
        struct jscope *s = push_scope(x, l->outer);
        if (!s)
            break;
        flow = set_var(x, JNAME_LOOP, self);
        if (flow == 0)
            flow = assign(x, node->loop.target, l->current);
        if (flow == 0)
            flow = exec(x, node->loop.body);
        pop_scope(x, s, l->outer);
        if (flow < 0)
            break;
    }
    return x->r->code;
}

static int run_loop(struct eval *x, const struct jnode *n, struct jvalue source, int depth0)
{
    struct jloop *l = jrun_alloc(x->r, 1, sizeof *l); /* the variable `loop` may outlive the statement */
    if (!l)
        return x->r->code;
    *l = (struct jloop){
        .node = n, .outer = x->scope, .source = source, .index0 = -1, .length = -1, .depth0 = depth0, .active = true
    };
    if (jiter_init(x->r, &l->it, source) != 0 || iterate(x, l) != 0)
        return x->r->code;
    l->active = false;
    if (l->index0 > 0 || !n->loop.otherwise) /* the last step, which found nothing, counted too */
        return 0;
    if (l->current.type != JTYPE_MISSING) /* left by a break in the first iteration */
        return 0;
    struct jscope *outer = x->scope, *s = push_scope(x, outer);
    if (!s)
        return x->r->code;
    int flow = exec(x, n->loop.otherwise);
    pop_scope(x, s, outer);
    return flow;
}

static int exec_for(struct eval *x, const struct jnode *n)
{
    struct jvalue source;
    if (eval(x, n->loop.in, &source) != 0)
        return x->r->code;
    return run_loop(x, n, source, 0);
}

/* loop(items): the body of a recursive loop again, one level deeper, as a string. */
static int call_loop(struct eval *x, struct jloop *l, const struct jargs *a, struct jvalue *out)
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
    int rc = x->r->code == 0 ? run_loop(x, l->node, a->pos[0], l->depth0 + 1) : x->r->code;
    x->sink = sink;
    x->scope = scope;
    return rc < 0 ? rc : jvalue_done(x->r, jbuild_done(&b), out);
}

/* Calls */

static int call_value(struct eval *x, struct jvalue f, const struct jargs *a, struct jvalue *out)
{
    switch (f.type) {
    case JTYPE_FUNCTION:
        return f.u.function->fn(x->r, a, out);
    case JTYPE_MACRO:
        return call_macro(x, f.u.macro, a, out);
    case JTYPE_METHOD:
        return jmethod_call(x->r, f.u.bound->method, f.u.bound->self, a, out);
    case JTYPE_LOOP:
        return call_loop(x, f.u.loop, a, out);
    case JTYPE_JOINER:
        return jglobal_join(x->r, f.u.joiner, out);
    case JTYPE_UNDEFINED:
        return jvalue_fail_undefined(x->r, f);
    default:
        return jrun_fail(x->r, ERR_FORMAT, "'%s' object is not callable", jvalue_type_name(f));
    }
}

/* obj.method(...) without making a value of the method. *done is false if it is something else. */
static int call_method(struct eval *x, const struct jnode *n, struct jvalue obj, const struct jargs *a, bool *done,
                       struct jvalue *out)
{
    const struct jnode *callee = n->call.of;
    struct str name = jstring_str(callee->getattr.attr);
    *done = true;
    if (obj.type == JTYPE_LOOP && str_eqz(name, "cycle"))
        return loop_cycle(x, obj.u.loop, a, out);
    if (obj.type == JTYPE_LOOP && str_eqz(name, "changed"))
        return loop_changed(x, obj.u.loop, a, out);
    const struct jmethod *m = jmethod_of(callee->getattr.method, obj);
    *done = m && !m->unsafe;
    return *done ? jmethod_call(x->r, m, obj, a, out) : 0;
}

static int get_attr(struct eval *x, const struct jnode *n, struct jvalue obj, struct jvalue *out)
{
    if (obj.type == JTYPE_LOOP) {
        if (loop_attr(x, obj.u.loop, jstring_str(n->getattr.attr), out) != 0 || out->type != JTYPE_MISSING)
            return x->r->code;
    }
    return jops_getattr(x->r, obj, n->getattr.attr, n->getattr.method, &n->getattr.why, out);
}

static int eval_call(struct eval *x, const struct jnode *n, const struct jkeyword *extra, struct jvalue *out)
{
    struct jvalue obj, f;
    struct args args;
    const struct jnode *callee = n->call.of;
    bool attr = callee->type == JNODE_GETATTR, done;
    *out = jvalue_missing();
    if (eval(x, attr ? callee->getattr.of : callee, &obj) != 0)
        return x->r->code;
    if (attr && obj.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(x->r, obj);
    if (eval_args(x, &n->call.args, extra, &args) != 0)
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

static int eval_filter(struct eval *x, const struct jnode *n, const struct jvalue *text, struct jvalue *out);

static int filter_input(struct eval *x, const struct jnode *of, const struct jvalue *text, struct jvalue *out)
{
    if (of && of->type != JNODE_FILTER)
        return eval(x, of, out);
    if (!of) {
        *out = *text;
        return 0;
    }
    if (jrun_enter(x->r) != 0)
        return x->r->code;
    int rc = eval_filter(x, of, text, out);
    jrun_leave(x->r);
    return rc;
}

/* A filter, or a chain of them, around a value that is given where the chain begins (`of` NULL). */
static int eval_filter(struct eval *x, const struct jnode *n, const struct jvalue *text, struct jvalue *out)
{
    struct jvalue v;
    struct args args;
    if (filter_input(x, n->filter.of, text, &v) != 0 || eval_args(x, &n->filter.args, NULL, &args) != 0)
        return x->r->code;
    x->r->line = n->line;
    if (!n->filter.filter)
        return jrun_fail(x->r, ERR_FORMAT, "there is no filter named '%.*s'", (int)MIN(n->filter.name.n, 100),
                         n->filter.name.p);
    return jfilter_call(x->r, n->filter.filter, v, &args.a, out);
}

static int eval_test(struct eval *x, const struct jnode *n, struct jvalue *out)
{
    struct jvalue v;
    struct args args;
    bool yes = false;
    if (eval(x, n->filter.of, &v) != 0 || eval_args(x, &n->filter.args, NULL, &args) != 0)
        return x->r->code;
    x->r->line = n->line;
    if (!n->filter.test)
        return jrun_fail(x->r, ERR_FORMAT, "there is no test named '%.*s'", (int)MIN(n->filter.name.n, 100),
                         n->filter.name.p);
    int rc = jtest_call(x->r, n->filter.test, v, &args.a, &yes);
    *out = jvalue_bool(yes);
    return rc;
}

/* Expressions */

static int eval_items(struct eval *x, const struct jnode *n, struct jvalue *out)
{
    struct jlist *l = jlist_new(x->r, n->list.n);
    for (const struct jnode *k = n->list.items; l && k; k = k->next) {
        struct jvalue v;
        if (eval(x, k, &v) != 0 || jlist_push(x->r, l, v) != 0)
            return x->r->code;
    }
    *out = n->type == JNODE_LIST ? jvalue_list(l) : jvalue_tuple(l);
    return l ? 0 : x->r->code;
}

static int eval_dict(struct eval *x, const struct jnode *n, struct jvalue *out)
{
    struct jdict *d = jdict_new(x->r, n->list.n);
    for (const struct jnode *k = n->list.items; d && k; k = k->next->next) {
        struct jvalue key, v;
        if (eval(x, k, &key) != 0 || eval(x, k->next, &v) != 0 || jdict_set(x->r, d, key, v) != 0)
            return x->r->code;
    }
    *out = jvalue_dict(d);
    return d ? 0 : x->r->code;
}

/* One after the other, so that `ns.out ~ more` adds to the bytes of ns.out where they are (jinja_string.h). */
static int eval_concat(struct eval *x, const struct jnode *n, struct jvalue *out)
{
    const struct jstring *all = NULL;
    for (const struct jnode *k = n->list.items; k; k = k->next) {
        struct jvalue v;
        if (eval(x, k, &v) != 0)
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
static int eval_compare(struct eval *x, const struct jnode *n, struct jvalue *out)
{
    struct jvalue a, b;
    bool yes = true;
    if (eval(x, n->binary.a, &a) != 0)
        return x->r->code;
    for (const struct jnode *k = n->binary.b; k && yes; k = k->next) {
        if (eval(x, k->binary.a, &b) != 0)
            return x->r->code;
        x->r->line = n->line;
        if (jops_compare(x->r, k->binary.op, a, b, &yes) != 0)
            return x->r->code;
        a = b;
    }
    *out = jvalue_bool(yes);
    return 0;
}

static int eval_cond(struct eval *x, const struct jnode *n, struct jvalue *out)
{
    static const struct jundefined why = {
        JUNDEFINED_HINT, { "the inline if-expression evaluated to false and no else section was defined", 75 }
    };
    struct jvalue test;
    if (eval(x, n->cond.test, &test) != 0)
        return x->r->code;
    if (jvalue_true(test))
        return eval(x, n->cond.then, out);
    if (n->cond.otherwise)
        return eval(x, n->cond.otherwise, out);
    *out = jvalue_undefined(&why);
    return 0;
}

static int eval_name(struct eval *x, const struct jnode *n, struct jvalue *out)
{
    *out = get_var(x, n->name.id);
    if (out->type == JTYPE_MISSING)
        *out = jvalue_undefined(&n->name.why);
    return 0;
}

static int eval_slice(struct eval *x, const struct jnode *n, struct jvalue *out)
{
    struct jvalue of, from = jvalue_none(), to = jvalue_none(), by = jvalue_none();
    if (eval(x, n->slice.of, &of) != 0 || (n->slice.from && eval(x, n->slice.from, &from) != 0) ||
        (n->slice.to && eval(x, n->slice.to, &to) != 0) || (n->slice.step && eval(x, n->slice.step, &by) != 0))
        return x->r->code;
    x->r->line = n->line;
    return jops_slice(x->r, of, from, to, by, out);
}

static int eval_two(struct eval *x, const struct jnode *a, const struct jnode *b, int line, struct jvalue out[2])
{
    if (eval(x, a, &out[0]) != 0 || eval(x, b, &out[1]) != 0)
        return x->r->code;
    x->r->line = line;
    return 0;
}

static int eval_node(struct eval *x, const struct jnode *n, struct jvalue *out)
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
        if (eval(x, n->binary.a, out) != 0)
            return x->r->code;
        return jvalue_true(*out) == (n->type == JNODE_AND) ? eval(x, n->binary.b, out) : 0;
    case JNODE_NOT:
        if (eval(x, n->binary.a, &v[0]) != 0)
            return x->r->code;
        *out = jvalue_bool(!jvalue_true(v[0]));
        return 0;
    case JNODE_BINARY:
        if (eval_two(x, n->binary.a, n->binary.b, n->line, v) != 0)
            return x->r->code;
        return jops_binary(x->r, n->binary.op, v[0], v[1], out);
    case JNODE_UNARY:
        if (eval(x, n->binary.a, &v[0]) != 0)
            return x->r->code;
        return jops_unary(x->r, n->binary.op, v[0], out);
    case JNODE_COMPARE:
        return eval_compare(x, n, out);
    case JNODE_CONCAT:
        return eval_concat(x, n, out);
    case JNODE_GETATTR:
        if (eval(x, n->getattr.of, &v[0]) != 0)
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
        return eval_call(x, n, NULL, out);
    case JNODE_FILTER:
        return eval_filter(x, n, NULL, out);
    case JNODE_TEST:
        return eval_test(x, n, out);
    default:
        return jrun_fail(x->r, ERR_FORMAT, "a statement stands where an expression should");
    }
}

static int eval(struct eval *x, const struct jnode *n, struct jvalue *out)
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

/* Statements */

static int assign_tuple(struct eval *x, const struct jnode *target, struct jvalue v)
{
    const struct jlist *l = jvalue_to_list(x->r, v);
    if (!l)
        return x->r->code;
    if (l->n != target->list.n)
        return jrun_fail(x->r, ERR_FORMAT, "cannot unpack %zu values into %zu names", l->n, target->list.n);
    size_t i = 0;
    for (const struct jnode *k = target->list.items; k; k = k->next)
        if (assign(x, k, l->v[i++]) != 0)
            return x->r->code;
    return 0;
}

static int assign(struct eval *x, const struct jnode *target, struct jvalue v)
{
    if (target->type == JNODE_NAME)
        return set_var(x, target->name.id, v);
    if (target->type == JNODE_TUPLE)
        return assign_tuple(x, target, v);
    struct jvalue ns = get_var(x, target->nsref.id);
    if (ns.type != JTYPE_NAMESPACE)
        return jrun_fail(x->r, ERR_FORMAT, "cannot assign attribute on non-namespace object");
    return jdict_set(x->r, ns.u.dict, jvalue_string(target->nsref.attr), v);
}

static int exec_set_block(struct eval *x, const struct jnode *n)
{
    const struct jstring *text = NULL;
    int flow = capture_scoped(x, n->set.body, &text);
    if (flow != FLOW_NEXT)
        return flow;
    struct jvalue v = jvalue_string(text);
    if (n->set.value && eval_filter(x, n->set.value, &v, &v) != 0)
        return x->r->code;
    return n->type == JNODE_FILTER_BLOCK ? emit_value(x, v) : assign(x, n->set.target, v);
}

static int exec_with(struct eval *x, const struct jnode *n)
{
    struct jrun *r = x->r;
    struct jlist *values = jlist_new(r, 0); /* all are evaluated outside */
    struct jvalue v;
    for (const struct jnode *k = n->with.values; values && k; k = k->next)
        if (eval(x, k, &v) != 0 || jlist_push(r, values, v) != 0)
            return r->code;
    struct jscope *outer = x->scope, *s = values ? push_scope(x, outer) : NULL;
    if (!s)
        return r->code;
    size_t i = 0;
    int flow = 0;
    for (const struct jnode *k = n->with.targets; k && flow == 0; k = k->next)
        flow = assign(x, k, values->v[i++]);
    if (flow == 0)
        flow = exec(x, n->with.body);
    pop_scope(x, s, outer);
    return flow;
}

static int exec_scope(struct eval *x, const struct jnode *n)
{
    struct jscope *outer = x->scope, *s = push_scope(x, outer);
    if (!s)
        return x->r->code;
    int flow = exec(x, n->set.body);
    pop_scope(x, s, outer);
    return flow;
}

static int exec_call_block(struct eval *x, const struct jnode *n)
{
    struct jkeyword caller = { STR("caller"), jvalue_none() };
    struct jvalue v;
    if (new_macro(x, n->macro.sig, &caller.v) != 0 || eval_call(x, n->macro.call, &caller, &v) != 0)
        return x->r->code;
    return emit_value(x, v);
}

static int exec_macro(struct eval *x, const struct jnode *n)
{
    struct jvalue v;
    if (new_macro(x, n->macro.sig, &v) != 0)
        return x->r->code;
    return set_var(x, n->macro.id, v);
}

/* The branch of an if to be taken; NULL if none. An elif is an if alone in the else branch. */
static int choose_branch(struct eval *x, const struct jnode *n, const struct jnode **out)
{
    struct jvalue test;
    for (;;) {
        if (eval(x, n->cond.test, &test) != 0)
            return x->r->code;
        *out = jvalue_true(test) ? n->cond.then : n->cond.otherwise;
        bool elif = *out && *out == n->cond.otherwise && (*out)->type == JNODE_IF && !(*out)->next;
        if (!elif)
            return 0;
        n = *out;
    }
}

static int exec_node(struct eval *x, const struct jnode *n)
{
    struct jvalue v;
    const struct jnode *branch = NULL;
    switch (n->type) {
    case JNODE_DATA:
        return emit_string(x, n->data);
    case JNODE_PRINT:
        return eval(x, n->print, &v) != 0 ? x->r->code : emit_value(x, v);
    case JNODE_IF:
        return choose_branch(x, n, &branch) != 0 ? x->r->code : exec(x, branch);
    case JNODE_FOR:
        return exec_for(x, n);
    case JNODE_SET:
        return eval(x, n->set.value, &v) != 0 ? x->r->code : assign(x, n->set.target, v);
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
        return FLOW_BREAK;
    case JNODE_CONTINUE:
        return FLOW_CONTINUE;
    default:
        return jrun_fail(x->r, ERR_FORMAT, "an expression stands where a statement should");
    }
}

/* A list of statements, up to the first that does not end normally. */
static int exec(struct eval *x, const struct jnode *n)
{
    struct jrun *r = x->r;
    int flow = FLOW_NEXT;
    if (jrun_enter(r) != 0)
        return r->code;
    for (; n && flow == FLOW_NEXT; n = n->next) {
        r->line = n->line;
        flow = jrun_spend(r, 1) != 0 ? r->code : exec_node(x, n);
    }
    jrun_leave(r);
    return flow;
}

int jeval(struct jrun *r, const struct jast *ast, struct jvalue *vars, struct marked *out)
{
    struct eval x = { .r = r, .ast = ast, .vars = vars, .out = out };
    return exec(&x, ast->body);
}
