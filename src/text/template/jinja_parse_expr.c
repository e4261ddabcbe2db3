/* jinja_parse_expr.c - expressions by recursive descent, after jinja2/parser.py: the same grammar, the same precedence.
 *
 * Every nesting passes through parse_unary, parse_not or the else branch of jparse_expr, which count it.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_parse_expr.h"

#include "base/base.h"
#include "text/template/jinja_literal.h"

static struct jnode *new_binary(struct jparser *p, enum jnode_type type, enum jop op, struct jnode *a, struct jnode *b)
{
    struct jnode *n = a ? jparser_node(p, type, a->line) : NULL;
    if (!n)
        return NULL;
    n->binary.op = op;
    n->binary.a = a;
    n->binary.b = b;
    return n;
}

static struct jnode *new_name(struct jparser *p, const struct jtoken *t)
{
    struct jnode *n = jparser_node(p, JNODE_NAME, t->line);
    if (!n || jparser_name_id(p, t->text, &n->name.id) != 0)
        return NULL;
    n->name.why = (struct jundefined){ JUNDEFINED_NAME, t->text };
    jparser_note_use(p, n->name.id);
    return n;
}

static struct jnode *parse_or(struct jparser *p);
static struct jnode *parse_unary(struct jparser *p, bool with_filter);

static bool is_tuple_end(const struct jparser *p, const char *end)
{
    return jparser_is(p, JTOKEN_PRINT_END) || jparser_is(p, JTOKEN_BLOCK_END) || jparser_is(p, JTOKEN_RPAREN) ||
           (end && jparser_is_name(p, end));
}

struct jnode *jparse_expr_tuple(struct jparser *p, int flags, const char *end)
{
    struct jparser_list l = { 0 };
    bool tuple = false;
    int line = p->t->line;
    for (;;) {
        if (l.n > 0 && jparser_expect(p, JTOKEN_COMMA, "','") != 0)
            return NULL;
        if (is_tuple_end(p, end))
            break;
        struct jnode *n = flags & JPARSE_EXPR_TARGET    ? jparse_expr_primary(p)
                          : flags & JPARSE_EXPR_NO_COND ? parse_or(p)
                                                        : jparse_expr(p);
        if (!n)
            return NULL;
        jparser_add(&l, n);
        if (!jparser_is(p, JTOKEN_COMMA))
            break;
        tuple = true;
    }
    if (!tuple && l.first)
        return l.first;
    if (!tuple && !(flags & JPARSE_EXPR_PARENS)) {
        jparser_fail_found(p, "an expression");
        return NULL;
    }
    struct jnode *n = jparser_node(p, JNODE_TUPLE, line);
    if (!n)
        return NULL;
    n->list.items = l.first;
    n->list.n = l.n;
    return n;
}

static struct jnode *parse_list(struct jparser *p)
{
    struct jparser_list l = { 0 };
    int line = jparser_next(p)->line;
    while (!jparser_is(p, JTOKEN_RBRACKET)) {
        if (l.n > 0 && jparser_expect(p, JTOKEN_COMMA, "','") != 0)
            return NULL;
        if (jparser_is(p, JTOKEN_RBRACKET))
            break;
        struct jnode *n = jparse_expr(p);
        if (!n)
            return NULL;
        jparser_add(&l, n);
    }
    jparser_next(p);
    struct jnode *n = jparser_node(p, JNODE_LIST, line);
    if (!n)
        return NULL;
    n->list.items = l.first;
    n->list.n = l.n;
    return n;
}

/* A list or tuple of constants is a constant. */
static struct jnode *fold(struct jparser *p, struct jnode *n)
{
    if (!n || (n->type != JNODE_LIST && n->type != JNODE_TUPLE))
        return n;
    for (const struct jnode *k = n->list.items; k; k = k->next)
        if (k->type != JNODE_CONST)
            return n;
    struct jlist *l = jlist_new(p->r, n->list.n);
    for (const struct jnode *k = n->list.items; l && k; k = k->next)
        if (jlist_push(p->r, l, k->value) != 0)
            return NULL;
    if (!l)
        return NULL;
    l->store->cap = l->store->n; /* a list that grows out of it is made anew: constants are shared between threads */
    return jparser_const(p, n->line, n->type == JNODE_LIST ? jvalue_list(l) : jvalue_tuple(l));
}

static struct jnode *parse_dict(struct jparser *p)
{
    struct jparser_list l = { 0 };
    int line = jparser_next(p)->line;
    while (!jparser_is(p, JTOKEN_RBRACE)) {
        if (l.n > 0 && jparser_expect(p, JTOKEN_COMMA, "','") != 0)
            return NULL;
        if (jparser_is(p, JTOKEN_RBRACE))
            break;
        struct jnode *key = jparse_expr(p);
        if (!key || jparser_expect(p, JTOKEN_COLON, "':'") != 0)
            return NULL;
        struct jnode *value = jparse_expr(p);
        if (!value)
            return NULL;
        jparser_add(&l, key);
        jparser_add(&l, value);
    }
    jparser_next(p);
    struct jnode *n = jparser_node(p, JNODE_DICT, line);
    if (!n)
        return NULL;
    n->list.items = l.first;
    n->list.n = l.n / 2;
    return n;
}

static struct jnode *parse_named(struct jparser *p)
{
    const struct jtoken *t = jparser_next(p);
    if (str_eqz(t->text, "true") || str_eqz(t->text, "True"))
        return jparser_const(p, t->line, jvalue_bool(true));
    if (str_eqz(t->text, "false") || str_eqz(t->text, "False"))
        return jparser_const(p, t->line, jvalue_bool(false));
    if (str_eqz(t->text, "none") || str_eqz(t->text, "None"))
        return jparser_const(p, t->line, jvalue_none());
    return new_name(p, t);
}

struct jnode *jparse_expr_primary(struct jparser *p)
{
    struct jnode *n;
    switch (p->t->type) {
    case JTOKEN_NAME:
        return parse_named(p);
    case JTOKEN_STRING:
        return jliteral_string(p);
    case JTOKEN_INT:
        return jliteral_int(p);
    case JTOKEN_FLOAT:
        return jliteral_float(p);
    case JTOKEN_LPAREN:
        jparser_next(p);
        n = jparse_expr_tuple(p, JPARSE_EXPR_PARENS, NULL);
        return n && jparser_expect(p, JTOKEN_RPAREN, "')'") == 0 ? fold(p, n) : NULL;
    case JTOKEN_LBRACKET:
        return fold(p, parse_list(p));
    case JTOKEN_LBRACE:
        return parse_dict(p);
    default:
        jparser_fail_found(p, "an expression");
        return NULL;
    }
}

static int parse_argument(struct jparser *p, struct jcall *args, struct jparser_list *pos, struct jparser_list *kw)
{
    struct jnode *n;
    if (jparser_is(p, JTOKEN_MUL) || jparser_is(p, JTOKEN_POW)) {
        bool star = jparser_next(p)->type == JTOKEN_MUL;
        struct jnode **to = star ? &args->star : &args->map;
        if (args->map || *to)
            return jrun_fail(p->r, ERR_FORMAT, "invalid syntax for a function call");
        *to = n = jparse_expr(p);
        return n ? 0 : p->r->code;
    }
    if (args->map)
        return jrun_fail(p->r, ERR_FORMAT, "invalid syntax for a function call");
    if (jparser_is(p, JTOKEN_NAME) && p->t[1].type == JTOKEN_ASSIGN) {
        n = jparser_node(p, JNODE_KEYWORD, p->t->line);
        if (!n)
            return p->r->code;
        n->keyword.name = jparser_string(p, jparser_next(p)->text);
        jparser_next(p);
        n->keyword.value = jparse_expr(p);
        jparser_add(kw, n);
        return p->r->code;
    }
    if (args->star || kw->n > 0)
        return jrun_fail(p->r, ERR_FORMAT, "a positional argument follows a keyword argument");
    jparser_add(pos, jparse_expr(p));
    return p->r->code;
}

static int parse_call_args(struct jparser *p, struct jcall *args)
{
    struct jparser_list pos = { 0 }, kw = { 0 };
    if (jparser_expect(p, JTOKEN_LPAREN, "'('") != 0)
        return p->r->code;
    for (bool first = true; !jparser_is(p, JTOKEN_RPAREN); first = false) {
        if (!first && jparser_expect(p, JTOKEN_COMMA, "',' or ')'") != 0)
            return p->r->code;
        if (jparser_is(p, JTOKEN_RPAREN))
            break;
        if (parse_argument(p, args, &pos, &kw) != 0)
            return p->r->code;
    }
    jparser_next(p);
    args->pos = pos.first;
    args->n_pos = pos.n;
    args->kw = kw.first;
    args->n_kw = kw.n;
    return 0;
}

static struct jnode *parse_call(struct jparser *p, struct jnode *of)
{
    struct jnode *n = jparser_node(p, JNODE_CALL, p->t->line);
    if (!n)
        return NULL;
    n->call.of = of;
    return parse_call_args(p, &n->call.args) == 0 ? n : NULL;
}

static struct jnode *parse_attr(struct jparser *p, struct jnode *of)
{
    int line = jparser_next(p)->line;
    if (jparser_is(p, JTOKEN_INT)) {
        struct jnode *n = jparser_node(p, JNODE_GETITEM, line);
        struct jnode *key = jliteral_int(p);
        if (!n || !key)
            return NULL;
        n->getitem.of = of;
        n->getitem.key = key;
        return n;
    }
    struct str name;
    struct jnode *n = jparser_node(p, JNODE_GETATTR, line);
    if (!n || jparser_expect_name(p, &name) != 0)
        return NULL;
    n->getattr.of = of;
    n->getattr.attr = jparser_string(p, name);
    n->getattr.method = jmethod_find(name);
    n->getattr.why = (struct jundefined){ JUNDEFINED_ATTR, name };
    return n->getattr.attr ? n : NULL;
}

static struct jnode *slice_part(struct jparser *p)
{
    return jparser_is(p, JTOKEN_COLON) || jparser_is(p, JTOKEN_RBRACKET) || jparser_is(p, JTOKEN_COMMA)
               ? NULL
               : jparse_expr(p);
}

static struct jnode *parse_subscript(struct jparser *p, struct jnode *of)
{
    int line = jparser_next(p)->line;
    struct jnode *from = slice_part(p);
    if (p->r->code != 0)
        return NULL;
    if (!jparser_is(p, JTOKEN_COLON)) {
        if (!from) {
            jparser_fail_found(p, "an expression");
            return NULL;
        }
        struct jnode *n = jparser_node(p, JNODE_GETITEM, line);
        if (!n || jparser_expect(p, JTOKEN_RBRACKET, "']'") != 0)
            return NULL;
        n->getitem.of = of;
        n->getitem.key = from;
        return n;
    }
    struct jnode *n = jparser_node(p, JNODE_SLICE, line);
    if (!n)
        return NULL;
    jparser_next(p);
    n->slice.of = of;
    n->slice.from = from;
    n->slice.to = slice_part(p);
    if (jparser_skip(p, JTOKEN_COLON))
        n->slice.step = slice_part(p);
    return p->r->code == 0 && jparser_expect(p, JTOKEN_RBRACKET, "']'") == 0 ? n : NULL;
}

static struct jnode *parse_postfix(struct jparser *p, struct jnode *n)
{
    while (n) {
        if (jparser_is(p, JTOKEN_DOT))
            n = parse_attr(p, n);
        else if (jparser_is(p, JTOKEN_LBRACKET))
            n = parse_subscript(p, n);
        else if (jparser_is(p, JTOKEN_LPAREN))
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

/* "name.name": the second part is kept in the source's text. */
static int dotted_name(struct jparser *p, struct str *name)
{
    struct str part = { NULL, 0 };
    if (jparser_expect_name(p, name) != 0)
        return p->r->code;
    while (jparser_skip(p, JTOKEN_DOT)) {
        if (jparser_expect_name(p, &part) != 0)
            return p->r->code;
        name->n = (size_t)(part.p + part.n - name->p);
    }
    return 0;
}

struct jnode *jparse_expr_filter(struct jparser *p, struct jnode *of)
{
    struct jnode *n = jparser_node(p, JNODE_FILTER, p->t->line);
    if (!n || dotted_name(p, &n->filter.name) != 0)
        return NULL;
    n->filter.of = of;
    n->filter.filter = jfilter_find(n->filter.name);
    if (jparser_is(p, JTOKEN_LPAREN) && parse_call_args(p, &n->filter.args) != 0)
        return NULL;
    return n;
}

static bool starts_test_argument(const struct jparser *p)
{
    static const char *const no[] = { "else", "or", "and", NULL };
    switch (p->t->type) {
    case JTOKEN_NAME:
        return !jparser_is_any(p, no);
    case JTOKEN_STRING:
    case JTOKEN_INT:
    case JTOKEN_FLOAT:
    case JTOKEN_LPAREN:
    case JTOKEN_LBRACKET:
    case JTOKEN_LBRACE:
        return true;
    default:
        return false;
    }
}

/* Behind `is`. */
static struct jnode *parse_test(struct jparser *p, struct jnode *of)
{
    bool negated = jparser_skip_name(p, "not");
    struct jnode *n = jparser_node(p, JNODE_TEST, p->t->line);
    if (!n || dotted_name(p, &n->filter.name) != 0)
        return NULL;
    n->filter.of = of;
    n->filter.test = jtest_find(n->filter.name);
    if (jparser_is(p, JTOKEN_LPAREN)) {
        if (parse_call_args(p, &n->filter.args) != 0)
            return NULL;
    } else if (starts_test_argument(p)) {
        if (jparser_is_name(p, "is")) {
            jrun_fail(p->r, ERR_FORMAT, "tests with 'is' cannot be chained");
            return NULL;
        }
        n->filter.args.pos = parse_postfix(p, jparse_expr_primary(p));
        n->filter.args.n_pos = 1;
        if (!n->filter.args.pos)
            return NULL;
    }
    return negated ? new_binary(p, JNODE_NOT, JOP_EQ, n, NULL) : n;
}

static struct jnode *parse_filters(struct jparser *p, struct jnode *n)
{
    while (n) {
        if (jparser_skip(p, JTOKEN_PIPE))
            n = jparse_expr_filter(p, n);
        else if (jparser_skip_name(p, "is"))
            n = parse_test(p, n);
        else if (jparser_is(p, JTOKEN_LPAREN))
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

static struct jnode *parse_signed(struct jparser *p, bool with_filter)
{
    struct jnode *n;
    if (jparser_is(p, JTOKEN_SUB) || jparser_is(p, JTOKEN_ADD)) {
        enum jop op = jparser_next(p)->type == JTOKEN_SUB ? JOP_NEG : JOP_POS;
        n = new_binary(p, JNODE_UNARY, op, parse_unary(p, false), NULL);
    } else {
        n = jparse_expr_primary(p);
    }
    n = parse_postfix(p, n);
    return with_filter ? parse_filters(p, n) : n;
}

/* Every nesting of expressions passes here or through parse_not. */
static struct jnode *parse_unary(struct jparser *p, bool with_filter)
{
    if (jrun_enter(p->r) != 0)
        return NULL;
    struct jnode *n = parse_signed(p, with_filter);
    jrun_leave(p->r);
    return n;
}

static struct jnode *parse_pow(struct jparser *p)
{
    struct jnode *n = parse_unary(p, true);
    while (n && jparser_skip(p, JTOKEN_POW)) {
        struct jnode *b = parse_unary(p, true);
        n = b ? new_binary(p, JNODE_BINARY, JOP_POW, n, b) : NULL;
    }
    return n;
}

static struct jnode *parse_product(struct jparser *p)
{
    struct jnode *n = parse_pow(p);
    while (n && (jparser_is(p, JTOKEN_MUL) || jparser_is(p, JTOKEN_DIV) || jparser_is(p, JTOKEN_FLOORDIV) ||
                 jparser_is(p, JTOKEN_MOD))) {
        enum jtoken_type t = jparser_next(p)->type;
        enum jop op = t == JTOKEN_MUL ? JOP_MUL : t == JTOKEN_DIV ? JOP_DIV : t == JTOKEN_MOD ? JOP_MOD : JOP_FLOORDIV;
        struct jnode *b = parse_pow(p);
        n = b ? new_binary(p, JNODE_BINARY, op, n, b) : NULL;
    }
    return n;
}

static struct jnode *parse_concat(struct jparser *p)
{
    struct jnode *n = parse_product(p);
    if (!n || !jparser_is(p, JTOKEN_TILDE))
        return n;
    struct jparser_list l = { 0 };
    jparser_add(&l, n);
    while (jparser_skip(p, JTOKEN_TILDE)) {
        n = parse_product(p);
        if (!n)
            return NULL;
        jparser_add(&l, n);
    }
    n = jparser_node(p, JNODE_CONCAT, l.first->line);
    if (!n)
        return NULL;
    n->list.items = l.first;
    n->list.n = l.n;
    return n;
}

static struct jnode *parse_sum(struct jparser *p)
{
    struct jnode *n = parse_concat(p);
    while (n && (jparser_is(p, JTOKEN_ADD) || jparser_is(p, JTOKEN_SUB))) {
        enum jop op = jparser_next(p)->type == JTOKEN_ADD ? JOP_ADD : JOP_SUB;
        struct jnode *b = parse_concat(p);
        n = b ? new_binary(p, JNODE_BINARY, op, n, b) : NULL;
    }
    return n;
}

static bool take_comparison(struct jparser *p, enum jop *op)
{
    static const struct {
        enum jtoken_type t;
        enum jop op;
    } ops[] = {
        { JTOKEN_EQ, JOP_EQ }, { JTOKEN_NE, JOP_NE }, { JTOKEN_LT, JOP_LT },
        { JTOKEN_LE, JOP_LE }, { JTOKEN_GT, JOP_GT }, { JTOKEN_GE, JOP_GE },
    };
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (jparser_skip(p, ops[i].t)) {
            *op = ops[i].op;
            return true;
        }
    }
    if (jparser_skip_name(p, "in")) {
        *op = JOP_IN;
        return true;
    }
    if (jparser_is_name(p, "not") && p->t[1].type == JTOKEN_NAME && str_eqz(p->t[1].text, "in")) {
        jparser_next(p);
        jparser_next(p);
        *op = JOP_NOT_IN;
        return true;
    }
    return false;
}

static struct jnode *parse_compare(struct jparser *p)
{
    struct jnode *first = parse_sum(p);
    struct jparser_list l = { 0 };
    enum jop op;
    while (first && take_comparison(p, &op)) {
        struct jnode *b = parse_sum(p);
        struct jnode *n = b ? new_binary(p, JNODE_OPERAND, op, b, NULL) : NULL;
        if (!n)
            return NULL;
        jparser_add(&l, n);
    }
    return l.first ? new_binary(p, JNODE_COMPARE, JOP_EQ, first, l.first) : first;
}

static struct jnode *parse_not(struct jparser *p)
{
    if (!jparser_skip_name(p, "not"))
        return parse_compare(p);
    if (jrun_enter(p->r) != 0)
        return NULL;
    struct jnode *n = parse_not(p);
    jrun_leave(p->r);
    return n ? new_binary(p, JNODE_NOT, JOP_EQ, n, NULL) : NULL;
}

static struct jnode *parse_and(struct jparser *p)
{
    struct jnode *n = parse_not(p);
    while (n && jparser_skip_name(p, "and")) {
        struct jnode *b = parse_not(p);
        n = b ? new_binary(p, JNODE_AND, JOP_EQ, n, b) : NULL;
    }
    return n;
}

static struct jnode *parse_or(struct jparser *p)
{
    struct jnode *n = parse_and(p);
    while (n && jparser_skip_name(p, "or")) {
        struct jnode *b = parse_and(p);
        n = b ? new_binary(p, JNODE_OR, JOP_EQ, n, b) : NULL;
    }
    return n;
}

struct jnode *jparse_expr(struct jparser *p)
{
    struct jnode *n = parse_or(p);
    while (n && jparser_skip_name(p, "if")) {
        struct jnode *cond = jparser_node(p, JNODE_COND, n->line);
        if (!cond)
            return NULL;
        cond->cond.then = n;
        cond->cond.test = parse_or(p);
        if (!cond->cond.test)
            return NULL;
        if (jparser_skip_name(p, "else")) {
            if (jrun_enter(p->r) != 0)
                return NULL;
            cond->cond.otherwise = jparse_expr(p);
            jrun_leave(p->r);
            if (!cond->cond.otherwise)
                return NULL;
        }
        n = cond;
    }
    return n;
}
