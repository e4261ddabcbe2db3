/* jinja_parse.c - recursive descent, after jinja2/parser.py: the same grammar, the same precedence.
 *
 * A failure is the run's; functions that make nodes then return NULL and whoever called them returns too.
 * SPDX-License-Identifier: MIT */
#include "text/jinja_parse.h"

#include <string.h>

#include "base/base.h"
#include "base/map.h"
#include "base/utf8.h"
#include "text/jinja_lex.h"

struct parser {
    struct jrun *r;
    const struct jtoken *t; /* the current token */
    struct map ids;         /* name -> number */
    const char **names;
    size_t n_names, cap_names;
    struct jsignature *sig; /* of the macro around this place, NULL: none */
    int loops;              /* loops around this place, within the macro */
    int conditions;         /* ifs around it: an unknown filter there is an error only when it is reached */
};

/* Tokens */

static bool is(const struct parser *p, enum jtoken_type type)
{
    return p->t->type == type;
}

static bool is_name(const struct parser *p, const char *name)
{
    return p->t->type == JTOKEN_NAME && str_eqz(p->t->text, name);
}

static bool is_any_name(const struct parser *p, const char *const *names)
{
    for (; *names; names++)
        if (is_name(p, *names))
            return true;
    return false;
}

static const struct jtoken *next(struct parser *p)
{
    const struct jtoken *t = p->t;
    if (t->type != JTOKEN_END)
        p->t++;
    p->r->line = p->t->line;
    return t;
}

static bool skip_if(struct parser *p, enum jtoken_type type)
{
    if (!is(p, type))
        return false;
    next(p);
    return true;
}

static bool skip_name(struct parser *p, const char *name)
{
    if (!is_name(p, name))
        return false;
    next(p);
    return true;
}

static int fail_found(struct parser *p, const char *expected)
{
    if (is(p, JTOKEN_END))
        return jrun_fail(p->r, ERR_FORMAT, "expected %s, found the end of the template", expected);
    return jrun_fail(p->r, ERR_FORMAT, "expected %s, found '%.*s'", expected, (int)MIN(p->t->text.n, 60), p->t->text.p);
}

static int expect(struct parser *p, enum jtoken_type type, const char *what)
{
    return skip_if(p, type) ? 0 : fail_found(p, what);
}

static int expect_name(struct parser *p, struct str *name)
{
    *name = STR("");
    if (!is(p, JTOKEN_NAME))
        return fail_found(p, "a name");
    *name = next(p)->text;
    return 0;
}

/* Nodes */

static struct jnode *new_node(struct parser *p, enum jnode_type type, int line)
{
    struct jnode *n = jrun_alloc(p->r, 1, sizeof *n);
    if (!n)
        return NULL;
    n->type = type;
    n->line = line;
    return n;
}

static struct jnode *new_binary(struct parser *p, enum jnode_type type, enum jop op, struct jnode *a, struct jnode *b)
{
    struct jnode *n = a ? new_node(p, type, a->line) : NULL;
    if (!n)
        return NULL;
    n->binary.op = op;
    n->binary.a = a;
    n->binary.b = b;
    return n;
}

/* A list of nodes under construction. */
struct nodes {
    struct jnode *first, **end;
    size_t n;
};

static void add(struct nodes *l, struct jnode *n)
{
    if (!n)
        return;
    if (!l->end)
        l->end = &l->first;
    *l->end = n;
    l->end = &n->next;
    l->n++;
}

static const struct jstring *template_string(struct parser *p, struct str s)
{
    struct jstring *v = jstring_new(p->r, s, JMARK_TEMPLATE);
    if (v)
        jstring_freeze(v);
    return v;
}

static int name_id(struct parser *p, struct str name, uint32_t *id)
{
    if (map_get(&p->ids, name, id))
        return 0;
    if (p->n_names == p->cap_names) {
        size_t cap = p->cap_names ? 2 * p->cap_names : 32;
        const char **v = jrun_alloc(p->r, cap, sizeof *v);
        if (!v)
            return p->r->code;
        if (p->n_names > 0)
            memcpy(v, p->names, p->n_names * sizeof *v);
        p->names = v;
        p->cap_names = cap;
    }
    char *z = jrun_bytes(p->r, name.n + 1);
    if (!z)
        return p->r->code;
    memcpy(z, name.p, name.n);
    z[name.n] = 0;
    *id = (uint32_t)p->n_names;
    p->names[p->n_names++] = z;
    return map_set(&p->ids, name, *id) < 0 ? jrun_fail(p->r, ERR_NOMEM, "no memory for the template's names") : 0;
}

/* A macro whose body mentions caller, kwargs or varargs takes them as arguments. */
static void note_use(struct parser *p, uint32_t id)
{
    if (!p->sig)
        return;
    p->sig->uses_caller |= id == JNAME_CALLER;
    p->sig->uses_kwargs |= id == JNAME_KWARGS;
    p->sig->uses_varargs |= id == JNAME_VARARGS;
}

static struct jnode *new_name(struct parser *p, const struct jtoken *t)
{
    struct jnode *n = new_node(p, JNODE_NAME, t->line);
    if (!n || name_id(p, t->text, &n->name.id) != 0)
        return NULL;
    n->name.why = (struct jundefined){ JUNDEFINED_NAME, t->text };
    note_use(p, n->name.id);
    return n;
}

static struct jnode *new_const(struct parser *p, int line, struct jvalue v)
{
    struct jnode *n = new_node(p, JNODE_CONST, line);
    if (n)
        n->value = v;
    return n;
}

/* Literals */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* \xhh, \uhhhh, \Uhhhhhhhh: n digits at s[*at]. */
static int hex_escape(struct parser *p, struct str s, size_t *at, int n, uint32_t *c)
{
    *c = 0;
    for (int i = 0; i < n; i++) {
        int d = *at < s.n ? hex_digit(s.p[*at]) : -1;
        if (d < 0)
            return jrun_fail(p->r, ERR_FORMAT, "a string has an escape with fewer than %d hexadecimal digits", n);
        *c = *c << 4 | (uint32_t)d;
        ++*at;
    }
    char unused[UTF8_MAX];
    if (utf8_encode(unused, *c) == 0)
        return jrun_fail(p->r, ERR_FORMAT, "a string has an escape that is no character");
    return 0;
}

/* What stands behind a backslash at s[*at]; unknown escapes stay as they are. */
static int unescape(struct parser *p, struct str s, size_t *at, char *out, size_t *n)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    char c = s.p[(*at)++];
    const char *known = c ? strchr(from, c) : NULL;
    uint32_t code = 0;
    if (c == '\n')
        return 0;
    if (known) {
        out[(*n)++] = to[known - from];
        return 0;
    }
    if (c == 'x' || c == 'u' || c == 'U') {
        if (hex_escape(p, s, at, c == 'x' ? 2 : c == 'u' ? 4 : 8, &code) != 0)
            return p->r->code;
    } else if (c >= '0' && c <= '7') {
        code = (uint32_t)(c - '0');
        for (int i = 0; i < 2 && *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '7'; i++)
            code = code << 3 | (uint32_t)(s.p[(*at)++] - '0');
    } else if (c == 'N') {
        return jrun_fail(p->r, ERR_UNSUPPORTED, "a string names a character (\\N{...}), which is not supported");
    } else {
        out[(*n)++] = '\\';
        out[(*n)++] = c;
        return 0;
    }
    *n += (size_t)utf8_encode(out + *n, code);
    return 0;
}

static struct jnode *parse_string(struct parser *p)
{
    int line = p->t->line;
    size_t room = 0, n = 0;
    for (const struct jtoken *t = p->t; t->type == JTOKEN_STRING; t++)
        room += t->text.n;
    char *out = jrun_bytes(p->r, room + 1); /* no escape is shorter than what it stands for */
    while (out && is(p, JTOKEN_STRING)) {   /* neighbours become one string */
        struct str s = next(p)->text;
        for (size_t at = 0; at < s.n;) {
            if (s.p[at] != '\\')
                out[n++] = s.p[at++];
            else if (++at, unescape(p, s, &at, out, &n) != 0)
                return NULL;
        }
    }
    const struct jstring *v = out ? template_string(p, (struct str){ out, n }) : NULL;
    return v ? new_const(p, line, jvalue_string(v)) : NULL;
}

static struct jnode *parse_int(struct parser *p)
{
    const struct jtoken *t = next(p);
    struct str s = t->text;
    int base = 10;
    if (s.n > 2 && s.p[0] == '0' && hex_digit(s.p[1]) != 0 && s.p[1] != '_') {
        base = (s.p[1] | 0x20) == 'x' ? 16 : (s.p[1] | 0x20) == 'o' ? 8 : 2;
        s = str_sub(s, 2, s.n);
    }
    int64_t x = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_')
            continue;
        if (__builtin_mul_overflow(x, base, &x) || __builtin_add_overflow(x, hex_digit(s.p[i]), &x)) {
            jrun_fail(p->r, ERR_LIMIT, "the integer %.*s is beyond 64 bits", (int)MIN(s.n, 60), s.p);
            return NULL;
        }
    }
    return new_const(p, t->line, jvalue_int(x));
}

static struct jnode *parse_float(struct parser *p)
{
    const struct jtoken *t = next(p);
    char *clean = jrun_bytes(p->r, t->text.n + 1);
    size_t n = 0;
    double x;
    for (size_t i = 0; clean && i < t->text.n; i++)
        if (t->text.p[i] != '_')
            clean[n++] = t->text.p[i];
    if (clean && !str_to_double((struct str){ clean, n }, &x)) {
        jrun_fail(p->r, ERR_FORMAT, "the number %.*s is out of range", (int)MIN(n, 60), clean);
        return NULL;
    }
    return clean ? new_const(p, t->line, jvalue_float(x)) : NULL;
}

/* Expressions */

static struct jnode *parse_expr(struct parser *p);
static struct jnode *parse_or(struct parser *p);
static struct jnode *parse_unary(struct parser *p, bool with_filter);

enum tuple_flags { TUPLE_NO_COND = 1, TUPLE_TARGET = 2, TUPLE_PARENS = 4 };

static struct jnode *parse_primary(struct parser *p);

static bool is_tuple_end(const struct parser *p, const char *end)
{
    return is(p, JTOKEN_PRINT_END) || is(p, JTOKEN_BLOCK_END) || is(p, JTOKEN_RPAREN) || (end && is_name(p, end));
}

/* Expressions separated by commas: one of them alone is itself. `end`: a name that ends the list. */
static struct jnode *parse_tuple(struct parser *p, int flags, const char *end)
{
    struct nodes l = { 0 };
    bool tuple = false;
    int line = p->t->line;
    for (;;) {
        if (l.n > 0 && expect(p, JTOKEN_COMMA, "','") != 0)
            return NULL;
        if (is_tuple_end(p, end))
            break;
        struct jnode *n = flags & TUPLE_TARGET ? parse_primary(p) : flags & TUPLE_NO_COND ? parse_or(p) : parse_expr(p);
        if (!n)
            return NULL;
        add(&l, n);
        if (!is(p, JTOKEN_COMMA))
            break;
        tuple = true;
    }
    if (!tuple && l.first)
        return l.first;
    if (!tuple && !(flags & TUPLE_PARENS)) {
        fail_found(p, "an expression");
        return NULL;
    }
    struct jnode *n = new_node(p, JNODE_TUPLE, line);
    if (!n)
        return NULL;
    n->list.items = l.first;
    n->list.n = l.n;
    return n;
}

static struct jnode *parse_list(struct parser *p)
{
    struct nodes l = { 0 };
    int line = next(p)->line;
    while (!is(p, JTOKEN_RBRACKET)) {
        if (l.n > 0 && expect(p, JTOKEN_COMMA, "','") != 0)
            return NULL;
        if (is(p, JTOKEN_RBRACKET))
            break;
        struct jnode *n = parse_expr(p);
        if (!n)
            return NULL;
        add(&l, n);
    }
    next(p);
    struct jnode *n = new_node(p, JNODE_LIST, line);
    if (!n)
        return NULL;
    n->list.items = l.first;
    n->list.n = l.n;
    return n;
}

/* A list or tuple of constants is a constant. */
static struct jnode *fold(struct parser *p, struct jnode *n)
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
    return new_const(p, n->line, n->type == JNODE_LIST ? jvalue_list(l) : jvalue_tuple(l));
}

static struct jnode *parse_dict(struct parser *p)
{
    struct nodes l = { 0 };
    int line = next(p)->line;
    while (!is(p, JTOKEN_RBRACE)) {
        if (l.n > 0 && expect(p, JTOKEN_COMMA, "','") != 0)
            return NULL;
        if (is(p, JTOKEN_RBRACE))
            break;
        struct jnode *key = parse_expr(p);
        if (!key || expect(p, JTOKEN_COLON, "':'") != 0)
            return NULL;
        struct jnode *value = parse_expr(p);
        if (!value)
            return NULL;
        add(&l, key);
        add(&l, value);
    }
    next(p);
    struct jnode *n = new_node(p, JNODE_DICT, line);
    if (!n)
        return NULL;
    n->list.items = l.first;
    n->list.n = l.n / 2;
    return n;
}

static struct jnode *parse_named(struct parser *p)
{
    const struct jtoken *t = next(p);
    if (str_eqz(t->text, "true") || str_eqz(t->text, "True"))
        return new_const(p, t->line, jvalue_bool(true));
    if (str_eqz(t->text, "false") || str_eqz(t->text, "False"))
        return new_const(p, t->line, jvalue_bool(false));
    if (str_eqz(t->text, "none") || str_eqz(t->text, "None"))
        return new_const(p, t->line, jvalue_none());
    return new_name(p, t);
}

static struct jnode *parse_primary(struct parser *p)
{
    struct jnode *n;
    switch (p->t->type) {
    case JTOKEN_NAME:
        return parse_named(p);
    case JTOKEN_STRING:
        return parse_string(p);
    case JTOKEN_INT:
        return parse_int(p);
    case JTOKEN_FLOAT:
        return parse_float(p);
    case JTOKEN_LPAREN:
        next(p);
        n = parse_tuple(p, TUPLE_PARENS, NULL);
        return n && expect(p, JTOKEN_RPAREN, "')'") == 0 ? fold(p, n) : NULL;
    case JTOKEN_LBRACKET:
        return fold(p, parse_list(p));
    case JTOKEN_LBRACE:
        return parse_dict(p);
    default:
        fail_found(p, "an expression");
        return NULL;
    }
}

static int parse_argument(struct parser *p, struct jcall *args, struct nodes *pos, struct nodes *kw)
{
    struct jnode *n;
    if (is(p, JTOKEN_MUL) || is(p, JTOKEN_POW)) {
        bool star = next(p)->type == JTOKEN_MUL;
        struct jnode **to = star ? &args->star : &args->map;
        if (args->map || *to)
            return jrun_fail(p->r, ERR_FORMAT, "invalid syntax for a function call");
        *to = n = parse_expr(p);
        return n ? 0 : p->r->code;
    }
    if (args->map)
        return jrun_fail(p->r, ERR_FORMAT, "invalid syntax for a function call");
    if (is(p, JTOKEN_NAME) && p->t[1].type == JTOKEN_ASSIGN) {
        n = new_node(p, JNODE_KEYWORD, p->t->line);
        if (!n)
            return p->r->code;
        n->keyword.name = next(p)->text;
        next(p);
        n->keyword.value = parse_expr(p);
        add(kw, n);
        return p->r->code;
    }
    if (args->star || kw->n > 0)
        return jrun_fail(p->r, ERR_FORMAT, "a positional argument follows a keyword argument");
    add(pos, parse_expr(p));
    return p->r->code;
}

static int parse_call_args(struct parser *p, struct jcall *args)
{
    struct nodes pos = { 0 }, kw = { 0 };
    if (expect(p, JTOKEN_LPAREN, "'('") != 0)
        return p->r->code;
    for (bool first = true; !is(p, JTOKEN_RPAREN); first = false) {
        if (!first && expect(p, JTOKEN_COMMA, "',' or ')'") != 0)
            return p->r->code;
        if (is(p, JTOKEN_RPAREN))
            break;
        if (parse_argument(p, args, &pos, &kw) != 0)
            return p->r->code;
    }
    next(p);
    args->pos = pos.first;
    args->n_pos = pos.n;
    args->kw = kw.first;
    args->n_kw = kw.n;
    return 0;
}

static struct jnode *parse_call(struct parser *p, struct jnode *of)
{
    struct jnode *n = new_node(p, JNODE_CALL, p->t->line);
    if (!n)
        return NULL;
    n->call.of = of;
    return parse_call_args(p, &n->call.args) == 0 ? n : NULL;
}

static struct jnode *parse_attr(struct parser *p, struct jnode *of)
{
    int line = next(p)->line;
    if (is(p, JTOKEN_INT)) {
        struct jnode *n = new_node(p, JNODE_GETITEM, line);
        struct jnode *key = parse_int(p);
        if (!n || !key)
            return NULL;
        n->getitem.of = of;
        n->getitem.key = key;
        return n;
    }
    struct str name;
    struct jnode *n = new_node(p, JNODE_GETATTR, line);
    if (!n || expect_name(p, &name) != 0)
        return NULL;
    n->getattr.of = of;
    n->getattr.attr = template_string(p, name);
    n->getattr.method = jmethod_find(name);
    n->getattr.why = (struct jundefined){ JUNDEFINED_ATTR, name };
    return n->getattr.attr ? n : NULL;
}

static struct jnode *slice_part(struct parser *p)
{
    return is(p, JTOKEN_COLON) || is(p, JTOKEN_RBRACKET) || is(p, JTOKEN_COMMA) ? NULL : parse_expr(p);
}

static struct jnode *parse_subscript(struct parser *p, struct jnode *of)
{
    int line = next(p)->line;
    struct jnode *from = slice_part(p);
    if (p->r->code != 0)
        return NULL;
    if (!is(p, JTOKEN_COLON)) {
        if (!from) {
            fail_found(p, "an expression");
            return NULL;
        }
        struct jnode *n = new_node(p, JNODE_GETITEM, line);
        if (!n || expect(p, JTOKEN_RBRACKET, "']'") != 0)
            return NULL;
        n->getitem.of = of;
        n->getitem.key = from;
        return n;
    }
    struct jnode *n = new_node(p, JNODE_SLICE, line);
    if (!n)
        return NULL;
    next(p);
    n->slice.of = of;
    n->slice.from = from;
    n->slice.to = slice_part(p);
    if (skip_if(p, JTOKEN_COLON))
        n->slice.step = slice_part(p);
    return p->r->code == 0 && expect(p, JTOKEN_RBRACKET, "']'") == 0 ? n : NULL;
}

static struct jnode *parse_postfix(struct parser *p, struct jnode *n)
{
    while (n) {
        if (is(p, JTOKEN_DOT))
            n = parse_attr(p, n);
        else if (is(p, JTOKEN_LBRACKET))
            n = parse_subscript(p, n);
        else if (is(p, JTOKEN_LPAREN))
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

/* "name.name": the second part is kept in the source's text. */
static int dotted_name(struct parser *p, struct str *name)
{
    struct str part = { NULL, 0 };
    if (expect_name(p, name) != 0)
        return p->r->code;
    while (skip_if(p, JTOKEN_DOT)) {
        if (expect_name(p, &part) != 0)
            return p->r->code;
        name->n = (size_t)(part.p + part.n - name->p);
    }
    return 0;
}

/* Behind the '|'. `of` NULL: the text of a block. */
static struct jnode *parse_filter(struct parser *p, struct jnode *of)
{
    struct jnode *n = new_node(p, JNODE_FILTER, p->t->line);
    if (!n || dotted_name(p, &n->filter.name) != 0)
        return NULL;
    n->filter.of = of;
    n->filter.filter = jfilter_find(n->filter.name);
    if (!n->filter.filter && p->conditions == 0) {
        jrun_fail(p->r, ERR_FORMAT, "there is no filter named '%.*s'", (int)MIN(n->filter.name.n, 100),
                  n->filter.name.p);
        return NULL;
    }
    if (is(p, JTOKEN_LPAREN) && parse_call_args(p, &n->filter.args) != 0)
        return NULL;
    return n;
}

static bool starts_test_argument(const struct parser *p)
{
    static const char *const no[] = { "else", "or", "and", NULL };
    switch (p->t->type) {
    case JTOKEN_NAME:
        return !is_any_name(p, no);
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
static struct jnode *parse_test(struct parser *p, struct jnode *of)
{
    bool negated = skip_name(p, "not");
    struct jnode *n = new_node(p, JNODE_TEST, p->t->line);
    if (!n || dotted_name(p, &n->filter.name) != 0)
        return NULL;
    n->filter.of = of;
    n->filter.test = jtest_find(n->filter.name);
    if (!n->filter.test && p->conditions == 0) {
        jrun_fail(p->r, ERR_FORMAT, "there is no test named '%.*s'", (int)MIN(n->filter.name.n, 100), n->filter.name.p);
        return NULL;
    }
    if (is(p, JTOKEN_LPAREN)) {
        if (parse_call_args(p, &n->filter.args) != 0)
            return NULL;
    } else if (starts_test_argument(p)) {
        if (is_name(p, "is")) {
            jrun_fail(p->r, ERR_FORMAT, "tests with 'is' cannot be chained");
            return NULL;
        }
        n->filter.args.pos = parse_postfix(p, parse_primary(p));
        n->filter.args.n_pos = 1;
        if (!n->filter.args.pos)
            return NULL;
    }
    return negated ? new_binary(p, JNODE_NOT, JOP_EQ, n, NULL) : n;
}

static struct jnode *parse_filters(struct parser *p, struct jnode *n)
{
    while (n) {
        if (skip_if(p, JTOKEN_PIPE))
            n = parse_filter(p, n);
        else if (skip_name(p, "is"))
            n = parse_test(p, n);
        else if (is(p, JTOKEN_LPAREN))
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

static struct jnode *parse_signed(struct parser *p, bool with_filter)
{
    struct jnode *n;
    if (is(p, JTOKEN_SUB) || is(p, JTOKEN_ADD)) {
        enum jop op = next(p)->type == JTOKEN_SUB ? JOP_NEG : JOP_POS;
        n = new_binary(p, JNODE_UNARY, op, parse_unary(p, false), NULL);
    } else {
        n = parse_primary(p);
    }
    n = parse_postfix(p, n);
    return with_filter ? parse_filters(p, n) : n;
}

/* Every nesting of expressions passes here or through parse_not. */
static struct jnode *parse_unary(struct parser *p, bool with_filter)
{
    if (jrun_enter(p->r) != 0)
        return NULL;
    struct jnode *n = parse_signed(p, with_filter);
    jrun_leave(p->r);
    return n;
}

static struct jnode *parse_pow(struct parser *p)
{
    struct jnode *n = parse_unary(p, true);
    while (n && skip_if(p, JTOKEN_POW)) {
        struct jnode *b = parse_unary(p, true);
        n = b ? new_binary(p, JNODE_BINARY, JOP_POW, n, b) : NULL;
    }
    return n;
}

static struct jnode *parse_product(struct parser *p)
{
    struct jnode *n = parse_pow(p);
    while (n && (is(p, JTOKEN_MUL) || is(p, JTOKEN_DIV) || is(p, JTOKEN_FLOORDIV) || is(p, JTOKEN_MOD))) {
        enum jtoken_type t = next(p)->type;
        enum jop op = t == JTOKEN_MUL ? JOP_MUL : t == JTOKEN_DIV ? JOP_DIV : t == JTOKEN_MOD ? JOP_MOD : JOP_FLOORDIV;
        struct jnode *b = parse_pow(p);
        n = b ? new_binary(p, JNODE_BINARY, op, n, b) : NULL;
    }
    return n;
}

static struct jnode *parse_concat(struct parser *p)
{
    struct jnode *n = parse_product(p);
    if (!n || !is(p, JTOKEN_TILDE))
        return n;
    struct nodes l = { 0 };
    add(&l, n);
    while (skip_if(p, JTOKEN_TILDE)) {
        n = parse_product(p);
        if (!n)
            return NULL;
        add(&l, n);
    }
    n = new_node(p, JNODE_CONCAT, l.first->line);
    if (!n)
        return NULL;
    n->list.items = l.first;
    n->list.n = l.n;
    return n;
}

static struct jnode *parse_sum(struct parser *p)
{
    struct jnode *n = parse_concat(p);
    while (n && (is(p, JTOKEN_ADD) || is(p, JTOKEN_SUB))) {
        enum jop op = next(p)->type == JTOKEN_ADD ? JOP_ADD : JOP_SUB;
        struct jnode *b = parse_concat(p);
        n = b ? new_binary(p, JNODE_BINARY, op, n, b) : NULL;
    }
    return n;
}

static bool take_comparison(struct parser *p, enum jop *op)
{
    static const struct {
        enum jtoken_type t;
        enum jop op;
    } ops[] = {
        { JTOKEN_EQ, JOP_EQ }, { JTOKEN_NE, JOP_NE }, { JTOKEN_LT, JOP_LT },
        { JTOKEN_LE, JOP_LE }, { JTOKEN_GT, JOP_GT }, { JTOKEN_GE, JOP_GE },
    };
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (skip_if(p, ops[i].t)) {
            *op = ops[i].op;
            return true;
        }
    }
    if (skip_name(p, "in")) {
        *op = JOP_IN;
        return true;
    }
    if (is_name(p, "not") && p->t[1].type == JTOKEN_NAME && str_eqz(p->t[1].text, "in")) {
        next(p);
        next(p);
        *op = JOP_NOT_IN;
        return true;
    }
    return false;
}

static struct jnode *parse_compare(struct parser *p)
{
    struct jnode *first = parse_sum(p);
    struct nodes l = { 0 };
    enum jop op;
    while (first && take_comparison(p, &op)) {
        struct jnode *b = parse_sum(p);
        struct jnode *n = b ? new_binary(p, JNODE_OPERAND, op, b, NULL) : NULL;
        if (!n)
            return NULL;
        add(&l, n);
    }
    return l.first ? new_binary(p, JNODE_COMPARE, JOP_EQ, first, l.first) : first;
}

static struct jnode *parse_not(struct parser *p)
{
    if (!skip_name(p, "not"))
        return parse_compare(p);
    if (jrun_enter(p->r) != 0)
        return NULL;
    struct jnode *n = parse_not(p);
    jrun_leave(p->r);
    return n ? new_binary(p, JNODE_NOT, JOP_EQ, n, NULL) : NULL;
}

static struct jnode *parse_and(struct parser *p)
{
    struct jnode *n = parse_not(p);
    while (n && skip_name(p, "and")) {
        struct jnode *b = parse_not(p);
        n = b ? new_binary(p, JNODE_AND, JOP_EQ, n, b) : NULL;
    }
    return n;
}

static struct jnode *parse_or(struct parser *p)
{
    struct jnode *n = parse_and(p);
    while (n && skip_name(p, "or")) {
        struct jnode *b = parse_and(p);
        n = b ? new_binary(p, JNODE_OR, JOP_EQ, n, b) : NULL;
    }
    return n;
}

/* a if b else c if d else e: what is evaluated at most once counts as a condition for unknown filters. */
static struct jnode *parse_expr(struct parser *p)
{
    struct jnode *n = parse_or(p);
    while (n && skip_name(p, "if")) {
        struct jnode *cond = new_node(p, JNODE_COND, n->line);
        if (!cond)
            return NULL;
        cond->cond.then = n;
        cond->cond.test = parse_or(p);
        if (!cond->cond.test)
            return NULL;
        if (skip_name(p, "else")) {
            if (jrun_enter(p->r) != 0)
                return NULL;
            p->conditions++;
            cond->cond.otherwise = parse_expr(p);
            p->conditions--;
            jrun_leave(p->r);
            if (!cond->cond.otherwise)
                return NULL;
        }
        n = cond;
    }
    return n;
}

/* Statements */

static int parse_body(struct parser *p, const char *const *ends, struct jnode **out);

/* The body up to {% end %}, whose name is taken too. */
static int parse_until(struct parser *p, const char *end, struct jnode **out)
{
    const char *const ends[] = { end, NULL };
    if (parse_body(p, ends, out) != 0)
        return p->r->code;
    next(p);
    return 0;
}

static int check_target(struct parser *p, const struct jnode *n)
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

static struct jnode *parse_nsref(struct parser *p)
{
    struct jnode *n = new_node(p, JNODE_NSREF, p->t->line);
    struct str attr;
    if (!n || name_id(p, next(p)->text, &n->nsref.id) != 0)
        return NULL;
    note_use(p, n->nsref.id);
    next(p);
    if (expect_name(p, &attr) != 0)
        return NULL;
    n->nsref.attr = template_string(p, attr);
    return n->nsref.attr ? n : NULL;
}

/* `set a`, `set a, b`, `set ns.a`, `set ns.a, ns.b`. */
static struct jnode *parse_set_target(struct parser *p)
{
    struct nodes l = { 0 };
    int line = p->t->line;
    bool tuple = false;
    do {
        struct jnode *n;
        if (tuple && !is(p, JTOKEN_NAME) && !is(p, JTOKEN_LPAREN))
            break;
        if (is(p, JTOKEN_NAME) && p->t[1].type == JTOKEN_DOT)
            n = parse_nsref(p);
        else
            n = parse_primary(p);
        if (!n || check_target(p, n) != 0)
            return NULL;
        add(&l, n);
        tuple |= is(p, JTOKEN_COMMA);
    } while (skip_if(p, JTOKEN_COMMA));
    if (!tuple)
        return l.first;
    struct jnode *n = new_node(p, JNODE_TUPLE, line);
    if (!n)
        return NULL;
    n->list.items = l.first;
    n->list.n = l.n;
    return n;
}

static struct jnode *parse_set(struct parser *p, int line)
{
    struct jnode *target = parse_set_target(p);
    bool block = target && !is(p, JTOKEN_ASSIGN);
    struct jnode *n = target ? new_node(p, block ? JNODE_SET_BLOCK : JNODE_SET, line) : NULL;
    if (!n)
        return NULL;
    n->set.target = target;
    if (!block) {
        next(p);
        n->set.value = parse_tuple(p, 0, NULL);
        return n->set.value ? n : NULL;
    }
    while (skip_if(p, JTOKEN_PIPE)) {
        n->set.value = parse_filter(p, n->set.value);
        if (!n->set.value)
            return NULL;
    }
    return parse_until(p, "endset", &n->set.body) == 0 ? n : NULL;
}

static struct jnode *parse_for(struct parser *p, int line)
{
    static const char *const ends[] = { "endfor", "else", NULL };
    struct jnode *n = new_node(p, JNODE_FOR, line);
    struct jnode *target = parse_tuple(p, TUPLE_TARGET, "in");
    if (!n || !target || check_target(p, target) != 0)
        return NULL;
    n->loop.target = target;
    if (target->type == JNODE_NAME && target->name.id == JNAME_LOOP) {
        jrun_fail(p->r, ERR_FORMAT, "a loop cannot assign to its own variable 'loop'");
        return NULL;
    }
    if (!skip_name(p, "in")) {
        fail_found(p, "'in'");
        return NULL;
    }
    n->loop.in = parse_tuple(p, TUPLE_NO_COND, "recursive");
    if (!n->loop.in)
        return NULL;
    if (skip_name(p, "if") && !(n->loop.test = parse_expr(p)))
        return NULL;
    n->loop.recursive = skip_name(p, "recursive");
    p->loops++;
    int rc = parse_body(p, ends, &n->loop.body);
    p->loops--;
    if (rc != 0)
        return NULL;
    if (str_eqz(next(p)->text, "else") && parse_until(p, "endfor", &n->loop.otherwise) != 0)
        return NULL;
    return n;
}

static struct jnode *parse_if(struct parser *p, int line)
{
    static const char *const ends[] = { "elif", "else", "endif", NULL };
    struct jnode *first = NULL, **to = &first;
    p->conditions++;
    for (;;) { /* elif: an if alone in the else branch of the one before */
        struct jnode *n = new_node(p, JNODE_IF, line);
        if (!n)
            return NULL;
        *to = n;
        to = &n->cond.otherwise;
        n->cond.test = parse_tuple(p, TUPLE_NO_COND, NULL);
        if (!n->cond.test || parse_body(p, ends, &n->cond.then) != 0)
            return NULL;
        line = p->t->line;
        struct str name = next(p)->text;
        if (str_eqz(name, "elif"))
            continue;
        if (str_eqz(name, "else") && parse_until(p, "endif", to) != 0)
            return NULL;
        p->conditions--;
        return first;
    }
}

static int parse_signature(struct parser *p, struct jsignature *sig)
{
    size_t cap = 0;
    if (expect(p, JTOKEN_LPAREN, "'('") != 0)
        return p->r->code;
    while (!is(p, JTOKEN_RPAREN)) {
        struct str name;
        if ((sig->n > 0 && expect(p, JTOKEN_COMMA, "','") != 0) || expect_name(p, &name) != 0)
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
        if (name_id(p, name, &sig->params[sig->n]) != 0)
            return p->r->code;
        if (skip_if(p, JTOKEN_ASSIGN)) {
            sig->defaults[sig->n] = parse_expr(p);
            if (!sig->defaults[sig->n])
                return p->r->code;
        } else if (sig->n > 0 && sig->defaults[sig->n - 1]) {
            return jrun_fail(p->r, ERR_FORMAT, "a parameter without default follows one with a default");
        }
        sig->n++;
    }
    next(p);
    return 0;
}

/* Parameters (where there are any) are read by the caller of this: the body of a macro is a world of its own. */
static int parse_macro_body(struct parser *p, struct jsignature *sig, const char *end)
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

static struct jnode *new_macro(struct parser *p, enum jnode_type type, int line)
{
    struct jnode *n = new_node(p, type, line);
    struct jsignature *sig = jrun_alloc(p->r, 1, sizeof *sig);
    if (!n || !sig)
        return NULL;
    n->macro.sig = sig;
    return n;
}

static struct jnode *parse_macro(struct parser *p, int line)
{
    struct jnode *n = new_macro(p, JNODE_MACRO, line);
    if (!n || expect_name(p, &n->macro.sig->name) != 0 || name_id(p, n->macro.sig->name, &n->macro.id) != 0)
        return NULL;
    if (parse_signature(p, n->macro.sig) != 0 || parse_macro_body(p, n->macro.sig, "endmacro") != 0)
        return NULL;
    return n;
}

static struct jnode *parse_call_block(struct parser *p, int line)
{
    struct jnode *n = new_macro(p, JNODE_CALL_BLOCK, line);
    if (!n)
        return NULL;
    n->macro.sig->name = STR("caller");
    if (is(p, JTOKEN_LPAREN) && parse_signature(p, n->macro.sig) != 0)
        return NULL;
    n->macro.call = parse_expr(p);
    if (n->macro.call && n->macro.call->type != JNODE_CALL)
        jrun_fail(p->r, ERR_FORMAT, "expected a call");
    if (p->r->code != 0 || parse_macro_body(p, n->macro.sig, "endcall") != 0)
        return NULL;
    return n;
}

static struct jnode *parse_filter_block(struct parser *p, int line)
{
    struct jnode *n = new_node(p, JNODE_FILTER_BLOCK, line);
    if (!n)
        return NULL;
    do {
        n->set.value = parse_filter(p, n->set.value);
        if (!n->set.value)
            return NULL;
    } while (skip_if(p, JTOKEN_PIPE));
    return parse_until(p, "endfilter", &n->set.body) == 0 ? n : NULL;
}

static struct jnode *parse_with(struct parser *p, int line)
{
    struct nodes targets = { 0 }, values = { 0 };
    struct jnode *n = new_node(p, JNODE_WITH, line);
    while (n && !is(p, JTOKEN_BLOCK_END)) {
        if (targets.n > 0 && expect(p, JTOKEN_COMMA, "','") != 0)
            return NULL;
        struct jnode *target = parse_primary(p);
        if (!target || check_target(p, target) != 0 || expect(p, JTOKEN_ASSIGN, "'='") != 0)
            return NULL;
        struct jnode *value = parse_expr(p);
        if (!value)
            return NULL;
        add(&targets, target);
        add(&values, value);
    }
    if (!n || parse_until(p, "endwith", &n->with.body) != 0)
        return NULL;
    n->with.targets = targets.first;
    n->with.values = values.first;
    return n;
}

/* {% generation %} marks the answer for training; here it is a scope. Its body is a function in transformers, so that a break cannot
 * leave it. */
static struct jnode *parse_generation(struct parser *p, int line)
{
    struct jnode *n = new_node(p, JNODE_SCOPE, line);
    int loops = p->loops;
    p->loops = 0;
    int rc = n ? parse_until(p, "endgeneration", &n->set.body) : p->r->code;
    p->loops = loops;
    return rc == 0 ? n : NULL;
}

static struct jnode *parse_print_tag(struct parser *p)
{
    struct nodes l = { 0 };
    while (!is(p, JTOKEN_BLOCK_END)) {
        if (l.n > 0 && expect(p, JTOKEN_COMMA, "','") != 0)
            return NULL;
        struct jnode *n = new_node(p, JNODE_PRINT, p->t->line);
        if (!n || !(n->print = parse_expr(p)))
            return NULL;
        add(&l, n);
    }
    if (!l.first)
        fail_found(p, "an expression");
    return l.first;
}

static struct jnode *parse_loop_control(struct parser *p, enum jnode_type type, int line)
{
    if (p->loops > 0)
        return new_node(p, type, line);
    jrun_fail(p->r, ERR_FORMAT, "'%s' outside a loop", type == JNODE_BREAK ? "break" : "continue");
    return NULL;
}

/* One statement, or several in a list; NULL after a failure. */
static struct jnode *parse_statement(struct parser *p)
{
    struct str name;
    int line = p->t->line;
    if (expect_name(p, &name) != 0)
        return NULL;
    static const struct {
        const char *name;
        struct jnode *(*parse)(struct parser *p, int line);
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

static struct jnode *parse_output(struct parser *p)
{
    struct jnode *n = new_node(p, is(p, JTOKEN_DATA) ? JNODE_DATA : JNODE_PRINT, p->t->line);
    if (!n)
        return NULL;
    if (is(p, JTOKEN_DATA)) {
        n->data = template_string(p, next(p)->text);
        return n->data ? n : NULL;
    }
    next(p);
    n->print = parse_tuple(p, 0, NULL);
    return n->print && expect(p, JTOKEN_PRINT_END, "'}}'") == 0 ? n : NULL;
}

static int body_statements(struct parser *p, const char *const *ends, struct jnode **out)
{
    struct nodes l = { 0 };
    while (!is(p, JTOKEN_END)) {
        struct jnode *n;
        if (is(p, JTOKEN_BLOCK_BEGIN)) {
            next(p);
            if (ends && is_any_name(p, ends))
                break;
            n = parse_statement(p);
            if (!n || expect(p, JTOKEN_BLOCK_END, "'%}'") != 0)
                return p->r->code;
        } else {
            n = parse_output(p);
            if (!n)
                return p->r->code;
        }
        while (n) {
            struct jnode *rest = n->next;
            add(&l, n);
            n = rest;
        }
    }
    if (ends && is(p, JTOKEN_END))
        return jrun_fail(p->r, ERR_FORMAT, "the template ends where '%s' is expected", ends[0]);
    *out = l.first;
    return 0;
}

/* Statements up to a tag whose name is in `ends`, which becomes the current token; ends NULL: up to the end of the template. The end of the
 * tag that opened the body comes first. */
static int parse_body(struct parser *p, const char *const *ends, struct jnode **out)
{
    if (ends && expect(p, JTOKEN_BLOCK_END, "'%}'") != 0)
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
    struct parser p = { .r = r };
    struct str text;
    uint32_t id;
    *out = (struct jast){ 0 };
    if (!utf8_valid(source))
        return jrun_fail(r, ERR_FORMAT, "the template is not valid UTF-8");
    if (normalise(r, source, &text) != 0 || jlex(r, text, &p.t) != 0)
        return r->code;
    r->line = p.t->line;
    for (size_t i = 0; i < ARRAY_LEN(own) && r->code == 0; i++)
        (void)name_id(&p, str_from(own[i]), &id); /* the failure is the run's */
    if (r->code == 0 && parse_body(&p, NULL, &out->body) == 0) {
        out->names = p.names;
        out->n_names = p.n_names;
    }
    map_deinit(&p.ids);
    return r->code;
}
