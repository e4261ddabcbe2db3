/* jinja_parse.c - statements by recursive descent, after jinja2/parser.py.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_parse.h"

#include "base/base.h"
#include "base/utf8.h"
#include "text/template/jinja_parse_expr.h"

static int parse_body(struct jparser *p, const char *const *ends, struct jnode **out);

/* The body up to {% end %}, whose name is taken too. */
static int parse_until(struct jparser *p, const char *end, struct jnode **out)
{
    const char *const ends[] = { end, NULL };
    if (parse_body(p, ends, out) != 0)
        return p->r->code;
    jparser_next(p);
    return 0;
}

static int check_target(struct jparser *p, const struct jnode *n)
{
    if (n->type == JNODE_NAME || n->type == JNODE_NSREF)
        return 0;
    if (n->type != JNODE_TUPLE)
        return jrun_fail(p->r, ERR_FORMAT, "this cannot be assigned to");
    for (const struct jnode *k = n->list.items; k; k = k->next)
        if (check_target(p, k) != 0)
            return p->r->code;
    return 0;
}

static struct jnode *parse_nsref(struct jparser *p)
{
    struct jnode *n = jparser_node(p, JNODE_NSREF, p->t->line);
    struct str attr;
    if (!n || jparser_name_id(p, jparser_next(p)->text, &n->nsref.id) != 0)
        return NULL;
    jparser_note_use(p, n->nsref.id);
    jparser_next(p);
    if (jparser_expect_name(p, &attr) != 0)
        return NULL;
    n->nsref.attr = jparser_string(p, attr);
    return n->nsref.attr ? n : NULL;
}

/* `set a`, `set a, b`, `set ns.a`, `set ns.a, ns.b`. */
static struct jnode *parse_set_target(struct jparser *p)
{
    struct jparser_list l = { 0 };
    int line = p->t->line;
    bool tuple = false;
    do {
        struct jnode *n;
        if (tuple && !jparser_is(p, JTOKEN_NAME) && !jparser_is(p, JTOKEN_LPAREN))
            break;
        if (jparser_is(p, JTOKEN_NAME) && p->t[1].type == JTOKEN_DOT)
            n = parse_nsref(p);
        else
            n = jparse_expr_primary(p);
        if (!n || check_target(p, n) != 0)
            return NULL;
        jparser_add(&l, n);
        tuple |= jparser_is(p, JTOKEN_COMMA);
    } while (jparser_skip(p, JTOKEN_COMMA));
    if (!tuple)
        return l.first;
    struct jnode *n = jparser_node(p, JNODE_TUPLE, line);
    if (!n)
        return NULL;
    n->list.items = l.first;
    n->list.n = l.n;
    return n;
}

static struct jnode *parse_set(struct jparser *p, int line)
{
    struct jnode *target = parse_set_target(p);
    bool block = target && !jparser_is(p, JTOKEN_ASSIGN);
    struct jnode *n = target ? jparser_node(p, block ? JNODE_SET_BLOCK : JNODE_SET, line) : NULL;
    if (!n)
        return NULL;
    n->set.target = target;
    if (!block) {
        jparser_next(p);
        n->set.value = jparse_expr_tuple(p, 0, NULL);
        return n->set.value ? n : NULL;
    }
    while (jparser_skip(p, JTOKEN_PIPE)) {
        n->set.value = jparse_expr_filter(p, n->set.value);
        if (!n->set.value)
            return NULL;
    }
    return parse_until(p, "endset", &n->set.body) == 0 ? n : NULL;
}

static struct jnode *parse_for(struct jparser *p, int line)
{
    static const char *const ends[] = { "endfor", "else", NULL };
    struct jnode *n = jparser_node(p, JNODE_FOR, line);
    struct jnode *target = jparse_expr_tuple(p, JPARSE_EXPR_TARGET, "in");
    if (!n || !target || check_target(p, target) != 0)
        return NULL;
    n->loop.target = target;
    if (target->type == JNODE_NAME && target->name.id == JNAME_LOOP) {
        jrun_fail(p->r, ERR_FORMAT, "a loop cannot assign to its own variable 'loop'");
        return NULL;
    }
    if (!jparser_skip_name(p, "in")) {
        jparser_fail_found(p, "'in'");
        return NULL;
    }
    n->loop.in = jparse_expr_tuple(p, JPARSE_EXPR_NO_COND, "recursive");
    if (!n->loop.in)
        return NULL;
    if (jparser_skip_name(p, "if") && !(n->loop.test = jparse_expr(p)))
        return NULL;
    n->loop.recursive = jparser_skip_name(p, "recursive");
    p->loops++;
    int rc = parse_body(p, ends, &n->loop.body);
    p->loops--;
    if (rc != 0)
        return NULL;
    if (str_eqz(jparser_next(p)->text, "else") && parse_until(p, "endfor", &n->loop.otherwise) != 0)
        return NULL;
    return n;
}

static struct jnode *parse_if(struct jparser *p, int line)
{
    static const char *const ends[] = { "elif", "else", "endif", NULL };
    struct jnode *first = NULL, **to = &first;
    for (;;) { /* elif: an if alone in the else branch of the one before */
        struct jnode *n = jparser_node(p, JNODE_IF, line);
        if (!n)
            return NULL;
        *to = n;
        to = &n->cond.otherwise;
        n->cond.test = jparse_expr_tuple(p, JPARSE_EXPR_NO_COND, NULL);
        if (!n->cond.test || parse_body(p, ends, &n->cond.then) != 0)
            return NULL;
        line = p->t->line;
        struct str name = jparser_next(p)->text;
        if (str_eqz(name, "elif"))
            continue;
        if (str_eqz(name, "else") && parse_until(p, "endif", to) != 0)
            return NULL;
        return first;
    }
}

static int parse_signature(struct jparser *p, struct jsignature *sig)
{
    size_t cap = 0;
    if (jparser_expect(p, JTOKEN_LPAREN, "'('") != 0)
        return p->r->code;
    while (!jparser_is(p, JTOKEN_RPAREN)) {
        struct str name;
        if ((sig->n > 0 && jparser_expect(p, JTOKEN_COMMA, "','") != 0) || jparser_expect_name(p, &name) != 0)
            return p->r->code;
        if (sig->n == cap) {
            cap = cap ? 2 * cap : 8;
            uint32_t *params = jrun_alloc(p->r, cap, sizeof *params);
            struct jnode **defaults = jrun_alloc(p->r, cap, sizeof(struct jnode *));
            if (!params || !defaults)
                return p->r->code;
            for (size_t i = 0; i < sig->n; i++) {
                params[i] = sig->params[i];
                defaults[i] = sig->defaults[i];
            }
            sig->params = params;
            sig->defaults = defaults;
        }
        if (jparser_name_id(p, name, &sig->params[sig->n]) != 0)
            return p->r->code;
        if (jparser_skip(p, JTOKEN_ASSIGN)) {
            sig->defaults[sig->n] = jparse_expr(p);
            if (!sig->defaults[sig->n])
                return p->r->code;
        } else if (sig->n > 0 && sig->defaults[sig->n - 1]) {
            return jrun_fail(p->r, ERR_FORMAT, "a parameter without default follows one with a default");
        }
        sig->n++;
    }
    jparser_next(p);
    return 0;
}

/* Parameters (where there are any) are read by the caller of this: the body of a macro is a world of its own. */
static int parse_macro_body(struct jparser *p, struct jsignature *sig, const char *end)
{
    struct jsignature *outer = p->sig;
    int loops = p->loops;
    p->sig = sig;
    p->loops = 0;
    int rc = parse_until(p, end, &sig->body);
    p->sig = outer;
    p->loops = loops;
    if (outer) {
        outer->uses_caller |= sig->uses_caller;
        outer->uses_kwargs |= sig->uses_kwargs;
        outer->uses_varargs |= sig->uses_varargs;
    }
    return rc;
}

static struct jnode *new_macro(struct jparser *p, enum jnode_type type, int line)
{
    struct jnode *n = jparser_node(p, type, line);
    struct jsignature *sig = jrun_alloc(p->r, 1, sizeof *sig);
    if (!n || !sig)
        return NULL;
    n->macro.sig = sig;
    return n;
}

static struct jnode *parse_macro(struct jparser *p, int line)
{
    struct jnode *n = new_macro(p, JNODE_MACRO, line);
    if (!n || jparser_expect_name(p, &n->macro.sig->name) != 0 ||
        jparser_name_id(p, n->macro.sig->name, &n->macro.id) != 0)
        return NULL;
    if (parse_signature(p, n->macro.sig) != 0 || parse_macro_body(p, n->macro.sig, "endmacro") != 0)
        return NULL;
    return n;
}

static struct jnode *parse_call_block(struct jparser *p, int line)
{
    struct jnode *n = new_macro(p, JNODE_CALL_BLOCK, line);
    if (!n)
        return NULL;
    n->macro.sig->name = STR("caller");
    if (jparser_is(p, JTOKEN_LPAREN) && parse_signature(p, n->macro.sig) != 0)
        return NULL;
    n->macro.call = jparse_expr(p);
    if (n->macro.call && n->macro.call->type != JNODE_CALL)
        jrun_fail(p->r, ERR_FORMAT, "expected a call");
    if (p->r->code != 0 || parse_macro_body(p, n->macro.sig, "endcall") != 0)
        return NULL;
    return n;
}

static struct jnode *parse_filter_block(struct jparser *p, int line)
{
    struct jnode *n = jparser_node(p, JNODE_FILTER_BLOCK, line);
    if (!n)
        return NULL;
    do {
        n->set.value = jparse_expr_filter(p, n->set.value);
        if (!n->set.value)
            return NULL;
    } while (jparser_skip(p, JTOKEN_PIPE));
    return parse_until(p, "endfilter", &n->set.body) == 0 ? n : NULL;
}

static struct jnode *parse_with(struct jparser *p, int line)
{
    struct jparser_list targets = { 0 }, values = { 0 };
    struct jnode *n = jparser_node(p, JNODE_WITH, line);
    while (n && !jparser_is(p, JTOKEN_BLOCK_END)) {
        if (targets.n > 0 && jparser_expect(p, JTOKEN_COMMA, "','") != 0)
            return NULL;
        struct jnode *target = jparse_expr_primary(p);
        if (!target || check_target(p, target) != 0 || jparser_expect(p, JTOKEN_ASSIGN, "'='") != 0)
            return NULL;
        struct jnode *value = jparse_expr(p);
        if (!value)
            return NULL;
        jparser_add(&targets, target);
        jparser_add(&values, value);
    }
    if (!n || parse_until(p, "endwith", &n->with.body) != 0)
        return NULL;
    n->with.targets = targets.first;
    n->with.values = values.first;
    return n;
}

/* {% generation %} marks the answer for training; here it is a scope. Its body is a function in transformers, so that a break cannot
 * leave it. */
static struct jnode *parse_generation(struct jparser *p, int line)
{
    struct jnode *n = jparser_node(p, JNODE_SCOPE, line);
    int loops = p->loops;
    p->loops = 0;
    int rc = n ? parse_until(p, "endgeneration", &n->set.body) : p->r->code;
    p->loops = loops;
    return rc == 0 ? n : NULL;
}

static struct jnode *parse_print_tag(struct jparser *p)
{
    struct jparser_list l = { 0 };
    while (!jparser_is(p, JTOKEN_BLOCK_END)) {
        if (l.n > 0 && jparser_expect(p, JTOKEN_COMMA, "','") != 0)
            return NULL;
        struct jnode *n = jparser_node(p, JNODE_PRINT, p->t->line);
        if (!n || !(n->print = jparse_expr(p)))
            return NULL;
        jparser_add(&l, n);
    }
    return l.first ? l.first : jparser_node(p, JNODE_SCOPE, p->t->line); /* nothing to print: a scope without a body */
}

static struct jnode *parse_loop_control(struct jparser *p, enum jnode_type type, int line)
{
    if (p->loops > 0)
        return jparser_node(p, type, line);
    jrun_fail(p->r, ERR_FORMAT, "'%s' outside a loop", type == JNODE_BREAK ? "break" : "continue");
    return NULL;
}

/* One statement, or several in a list; NULL after a failure. */
static struct jnode *parse_statement(struct jparser *p)
{
    struct str name;
    int line = p->t->line;
    if (jparser_expect_name(p, &name) != 0)
        return NULL;
    static const struct {
        const char *name;
        struct jnode *(*parse)(struct jparser *p, int line);
    } tags[] = {
        { "set", parse_set },
        { "if", parse_if },
        { "for", parse_for },
        { "macro", parse_macro },
        { "with", parse_with },
        { "call", parse_call_block },
        { "filter", parse_filter_block },
        { "generation", parse_generation },
    };
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (str_eqz(name, tags[i].name))
            return tags[i].parse(p, line);
    if (str_eqz(name, "print"))
        return parse_print_tag(p);
    if (str_eqz(name, "break"))
        return parse_loop_control(p, JNODE_BREAK, line);
    if (str_eqz(name, "continue"))
        return parse_loop_control(p, JNODE_CONTINUE, line);
    static const char *const others[] = { "block", "extends", "include", "import", "from", "autoescape" };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_eqz(name, others[i]))
            jrun_fail(p->r, ERR_UNSUPPORTED, "the tag '%s' is not supported in chat templates", others[i]);
    p->r->line = line;
    jrun_fail(p->r, ERR_FORMAT, "unknown tag '%.*s'", (int)MIN(name.n, 60), name.p);
    return NULL;
}

static struct jnode *parse_output(struct jparser *p)
{
    struct jnode *n = jparser_node(p, jparser_is(p, JTOKEN_DATA) ? JNODE_DATA : JNODE_PRINT, p->t->line);
    if (!n)
        return NULL;
    if (jparser_is(p, JTOKEN_DATA)) {
        n->data = jparser_string(p, jparser_next(p)->text);
        return n->data ? n : NULL;
    }
    jparser_next(p);
    n->print = jparse_expr_tuple(p, 0, NULL);
    return n->print && jparser_expect(p, JTOKEN_PRINT_END, "'}}'") == 0 ? n : NULL;
}

static int body_statements(struct jparser *p, const char *const *ends, struct jnode **out)
{
    struct jparser_list l = { 0 };
    while (!jparser_is(p, JTOKEN_END)) {
        struct jnode *n;
        if (jparser_is(p, JTOKEN_BLOCK_BEGIN)) {
            jparser_next(p);
            if (ends && jparser_is_any(p, ends))
                break;
            n = parse_statement(p);
            if (!n || jparser_expect(p, JTOKEN_BLOCK_END, "'%}'") != 0)
                return p->r->code;
        } else {
            n = parse_output(p);
            if (!n)
                return p->r->code;
        }
        while (n) {
            struct jnode *rest = n->next;
            jparser_add(&l, n);
            n = rest;
        }
    }
    if (ends && jparser_is(p, JTOKEN_END))
        return jrun_fail(p->r, ERR_FORMAT, "the template ends where '%s' is expected", ends[0]);
    *out = l.first;
    return 0;
}

/* Statements up to a tag whose name is in `ends`, which becomes the current token; ends NULL: up to the end of the template. The end of the
 * tag that opened the body comes first. */
static int parse_body(struct jparser *p, const char *const *ends, struct jnode **out)
{
    if (ends && jparser_expect(p, JTOKEN_BLOCK_END, "'%}'") != 0)
        return p->r->code;
    if (jrun_enter(p->r) != 0)
        return p->r->code;
    int rc = body_statements(p, ends, out);
    jrun_leave(p->r);
    return rc;
}

/* The source with "\n" as its only line end and without the last one. */
static int normalise(struct jrun *r, struct str source, struct str *out)
{
    char *p = jrun_bytes(r, source.n + 1);
    size_t n = 0;
    *out = STR("");
    if (!p)
        return r->code;
    for (size_t i = 0; i < source.n; i++) {
        if (source.p[i] == '\r') {
            p[n++] = '\n';
            i += i + 1 < source.n && source.p[i + 1] == '\n';
        } else {
            p[n++] = source.p[i];
        }
    }
    if (n > 0 && p[n - 1] == '\n')
        n--;
    *out = (struct str){ p, n };
    return 0;
}

int jparse(struct jrun *r, struct str source, struct jast *out)
{
    static const char *const own[] = {
        [JNAME_LOOP] = "loop",
        [JNAME_CALLER] = "caller",
        [JNAME_KWARGS] = "kwargs",
        [JNAME_VARARGS] = "varargs",
    };
    struct jparser p = { .r = r };
    struct str text;
    uint32_t id;
    *out = (struct jast){ 0 };
    if (!utf8_valid(source))
        return jrun_fail(r, ERR_FORMAT, "the template is not valid UTF-8");
    if (normalise(r, source, &text) != 0 || jlex(r, text, &p.t) != 0)
        return r->code;
    r->line = p.t->line;
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(own) && rc == 0; i++)
        rc = jparser_name_id(&p, str_from(own[i]), &id);
    if (rc == 0 && parse_body(&p, NULL, &out->body) == 0) {
        out->names = p.names;
        out->n_names = p.n_names;
    }
    map_deinit(&p.ids);
    return r->code;
}
