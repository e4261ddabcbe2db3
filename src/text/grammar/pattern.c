/* pattern.c - a recursive-descent parser of regular expressions to a tree, which is turned into an NFA from its end to its beginning.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/pattern.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "text/grammar/charset.h"
#include "text/grammar/nfa.h"
#include "text/grow.h"

enum { DEPTH_MAX = 200, NODES_MAX = 100000, COUNT_MAX = 1000000, NO_BOUND = -1 };

enum node_kind { NODE_EMPTY, NODE_SET, NODE_CAT, NODE_ALT, NODE_REPEAT, NODE_BEGIN, NODE_END };

struct node {
    enum node_kind kind;
    int a, b; /* CAT, ALT: both; REPEAT: a; SET: set a */
    int min, max;
};

struct parser {
    struct str text;
    size_t at;
    int depth;
    struct node *nodes; /* owned */
    size_t n, cap;
    struct charset *sets; /* owned */
    size_t n_set, cap_set;
    struct work *w;
    struct err *e;
    int code;
};

static int fail(struct parser *p, int code, const char *what)
{
    if (!p->code)
        p->code = err_set(p->e, code, "pattern \"%.*s\": %s at byte %zu", (int)MIN(p->text.n, (size_t)200), p->text.p,
                          what, p->at + 1);
    return 0;
}

static int make(struct parser *p, struct node x)
{
    if (p->code)
        return 0;
    if (p->n >= NODES_MAX)
        return fail(p, ERR_LIMIT, "more than 100000 parts");
    if (!grow(&p->nodes, &p->cap, p->n + 1, sizeof *p->nodes))
        return fail(p, ERR_NOMEM, "no memory");
    p->nodes[p->n] = x;
    return (int)p->n++;
}

static int make_set(struct parser *p, struct charset *s)
{
    charset_norm(s);
    if (s->failed)
        fail(p, ERR_NOMEM, "no memory for a set of characters");
    if (p->code || !grow(&p->sets, &p->cap_set, p->n_set + 1, sizeof *p->sets)) {
        charset_deinit(s);
        return fail(p, ERR_NOMEM, "no memory");
    }
    p->sets[p->n_set++] = *s;
    *s = (struct charset){ 0 };
    return make(p, (struct node){ .kind = NODE_SET, .a = (int)p->n_set - 1 });
}

static bool more(const struct parser *p)
{
    return p->at < p->text.n && !p->code;
}

static bool next_is(const struct parser *p, const char *z)
{
    return !p->code && str_starts(str_sub(p->text, p->at, p->text.n), str_from(z));
}

static bool take(struct parser *p, const char *z)
{
    if (!next_is(p, z))
        return false;
    p->at += strlen(z);
    return true;
}

static uint32_t take_char(struct parser *p)
{
    uint32_t c = 0;
    int n = utf8_decode(str_sub(p->text, p->at, p->text.n), &c);
    if (n <= 0) {
        fail(p, ERR_FORMAT, p->at < p->text.n ? "wrong UTF-8" : "unexpected end");
        return 0;
    }
    p->at += (size_t)n;
    return c;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* `digits` hexadecimal digits; false, and nothing is read, if they are not there. */
static bool take_hex(struct parser *p, int digits, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < digits; i++) {
        int d = p->at + (size_t)i < p->text.n ? hex_value(p->text.p[p->at + (size_t)i]) : -1;
        if (d < 0)
            return false;
        v = v * 16 + (uint32_t)d;
    }
    p->at += (size_t)digits;
    *out = v;
    return true;
}

/* Behind "\u": XXXX, a pair of them, or {X...}. */
static uint32_t take_unicode(struct parser *p)
{
    uint32_t c = 0, low;
    if (take(p, "{")) {
        bool any = false;
        for (; more(p) && hex_value(p->text.p[p->at]) >= 0 && c <= CHARSET_LAST; any = true)
            c = c * 16 + (uint32_t)hex_value(p->text.p[p->at++]);
        if (!any || c > CHARSET_LAST || !take(p, "}"))
            fail(p, ERR_FORMAT, "wrong \\u{...}");
        return c;
    }
    if (!take_hex(p, 4, &c)) {
        fail(p, ERR_FORMAT, "\\u without four hexadecimal digits");
        return 0;
    }
    size_t at = p->at;
    if (c >= 0xD800 && c < 0xDC00 && take(p, "\\u") && take_hex(p, 4, &low) && low >= 0xDC00 && low < 0xE000)
        return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    p->at = at;
    return c;
}

static void add_property(struct parser *p, struct charset *s, bool negated)
{
    struct charset x = { 0 };
    size_t from = p->at + 1;
    if (!take(p, "{")) {
        fail(p, ERR_FORMAT, "\\p without {");
        return;
    }
    while (more(p) && p->text.p[p->at] != '}')
        p->at++;
    if (!charset_add_property(&x, str_sub(p->text, from, p->at)))
        fail(p, ERR_UNSUPPORTED, "a Unicode property that is no general category");
    if (!take(p, "}"))
        fail(p, ERR_FORMAT, "\\p{ without }");
    charset_norm(&x);
    if (negated)
        charset_negate(&x);
    charset_add_set(s, &x);
    charset_deinit(&x);
}

/* \d and the like added to s; false if the letter is none of them. */
static bool add_class(struct parser *p, struct charset *s, char letter)
{
    struct charset x = { 0 };
    switch (letter) {
    case 'd':
    case 'D':
        charset_add_digits(&x);
        break;
    case 'w':
    case 'W':
        charset_add_word(&x);
        break;
    case 's':
    case 'S':
        charset_add_space(&x);
        break;
    case 'p':
    case 'P':
        add_property(p, s, letter == 'P');
        return true;
    default:
        return false;
    }
    if (letter >= 'A' && letter <= 'Z')
        charset_negate(&x);
    charset_add_set(s, &x);
    charset_deinit(&x);
    return true;
}

/* The character that the escape behind a backslash stands for; `letter` was read. */
static uint32_t escaped_char(struct parser *p, uint32_t letter)
{
    uint32_t c;
    switch (letter) {
    case 't':
        return '\t';
    case 'n':
        return '\n';
    case 'v':
        return '\v';
    case 'f':
        return '\f';
    case 'r':
        return '\r';
    case '0':
        if (more(p) && p->text.p[p->at] >= '0' && p->text.p[p->at] <= '9')
            fail(p, ERR_UNSUPPORTED, "an octal escape");
        return 0;
    case 'c':
        c = more(p) ? (uint8_t)p->text.p[p->at] | 0x20U : 0;
        if (c < 'a' || c > 'z')
            fail(p, ERR_FORMAT, "\\c without a letter");
        p->at++;
        return c & 0x1F;
    case 'x':
        if (!take_hex(p, 2, &c)) {
            fail(p, ERR_FORMAT, "\\x without two hexadecimal digits");
            return 0;
        }
        return c;
    case 'u':
        return take_unicode(p);
    default:
        if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '1' && letter <= '9'))
            fail(p, letter <= '9' || letter == 'k' ? ERR_UNSUPPORTED : ERR_FORMAT,
                 letter <= '9' || letter == 'k' ? "a back reference" : "an unknown escape");
        return letter;
    }
}

/* One member of [...]: a class is added to s and -1 returned, a character is returned. */
static int64_t class_atom(struct parser *p, struct charset *s)
{
    uint32_t c = take_char(p);
    if (c != '\\' || p->code)
        return c;
    c = take_char(p);
    if (c < 0x80 && add_class(p, s, (char)c))
        return -1;
    return c == 'b' ? '\b' : escaped_char(p, c);
}

static int parse_set(struct parser *p)
{
    struct charset s = { 0 };
    bool negated = take(p, "^");
    while (more(p) && !next_is(p, "]")) {
        int64_t lo = class_atom(p, &s), hi = lo;
        if (next_is(p, "-") && p->at + 1 < p->text.n && p->text.p[p->at + 1] != ']') {
            p->at++;
            hi = class_atom(p, &s);
            if (lo < 0 || hi < 0) { /* [\w-x]: the hyphen is itself */
                charset_add(&s, '-', '-');
                lo = lo < 0 ? hi : lo;
                hi = lo;
            } else if (hi < lo) {
                fail(p, ERR_FORMAT, "a range out of order");
            }
        }
        if (lo >= 0)
            charset_add(&s, (uint32_t)lo, (uint32_t)hi);
    }
    if (!take(p, "]"))
        fail(p, ERR_FORMAT, "[ without ]");
    charset_norm(&s);
    if (negated)
        charset_negate(&s);
    else
        charset_minus(&s, 0xD800, 0xDFFF);
    return make_set(p, &s);
}

static int parse_escape(struct parser *p)
{
    struct charset s = { 0 };
    uint32_t c = take_char(p);
    if (c == 'b' || c == 'B')
        return fail(p, ERR_UNSUPPORTED, "a word boundary (\\b)");
    if (c >= 0x80 || !add_class(p, &s, (char)c)) {
        c = escaped_char(p, c);
        charset_add(&s, c, c);
    }
    charset_minus(&s, 0xD800, 0xDFFF);
    return make_set(p, &s);
}

static int parse_alt(struct parser *p);

static int parse_group(struct parser *p)
{
    if (next_is(p, "?=") || next_is(p, "?!") || next_is(p, "?<=") || next_is(p, "?<!"))
        return fail(p, ERR_UNSUPPORTED, "look-around");
    if (take(p, "?<")) {
        while (more(p) && p->text.p[p->at] != '>')
            p->at++;
        if (!take(p, ">"))
            return fail(p, ERR_FORMAT, "(?< without >");
    } else if (!take(p, "?:") && next_is(p, "?")) {
        return fail(p, ERR_UNSUPPORTED, "a group with flags");
    }
    if (++p->depth > DEPTH_MAX)
        return fail(p, ERR_LIMIT, "groups nested deeper than 200");
    int x = parse_alt(p);
    p->depth--;
    if (!take(p, ")"))
        return fail(p, ERR_FORMAT, "( without )");
    return x;
}

/* A number in a quantifier; -1: none. */
static int take_count(struct parser *p)
{
    int v = -1;
    for (; more(p) && p->text.p[p->at] >= '0' && p->text.p[p->at] <= '9'; p->at++)
        v = MIN((v < 0 ? 0 : v) * 10 + (p->text.p[p->at] - '0'), COUNT_MAX);
    return v;
}

/* Reads a quantifier; false: there is none. "{" that begins none is a character. */
static bool take_quantifier(struct parser *p, int *min, int *max)
{
    size_t at = p->at;
    if (take(p, "*")) {
        *min = 0;
        *max = NO_BOUND;
    } else if (take(p, "+")) {
        *min = 1;
        *max = NO_BOUND;
    } else if (take(p, "?")) {
        *min = 0;
        *max = 1;
    } else if (take(p, "{")) {
        *min = *max = take_count(p);
        if (*min >= 0 && take(p, ","))
            *max = take_count(p); /* -1: no bound */
        if (*min < 0 || !take(p, "}")) {
            p->at = at;
            return false;
        }
        if (*max >= 0 && *max < *min)
            fail(p, ERR_FORMAT, "a quantifier out of order");
        if (*min >= COUNT_MAX || *max >= COUNT_MAX)
            fail(p, ERR_LIMIT, "a count of a million or more");
    } else {
        return false;
    }
    take(p, "?");
    return true;
}

static int parse_atom(struct parser *p)
{
    struct charset s = { 0 };
    int min, max;
    if (take_quantifier(p, &min, &max))
        return fail(p, ERR_FORMAT, "nothing to repeat");
    if (take(p, "("))
        return parse_group(p);
    if (take(p, "["))
        return parse_set(p);
    if (take(p, "\\"))
        return parse_escape(p);
    if (take(p, "^"))
        return make(p, (struct node){ .kind = NODE_BEGIN });
    if (take(p, "$"))
        return make(p, (struct node){ .kind = NODE_END });
    if (take(p, ".")) {
        charset_add(&s, '\n', '\n');
        charset_add(&s, '\r', '\r');
        charset_add(&s, 0x2028, 0x2029);
        charset_negate(&s);
    } else {
        uint32_t c = take_char(p);
        charset_add(&s, c, c);
    }
    return make_set(p, &s);
}

static int parse_cat(struct parser *p)
{
    int whole = -1;
    while (more(p) && !next_is(p, "|") && !next_is(p, ")")) {
        int x = parse_atom(p), min, max;
        if (take_quantifier(p, &min, &max))
            x = make(p, (struct node){ .kind = NODE_REPEAT, .a = x, .min = min, .max = max });
        whole = whole < 0 ? x : make(p, (struct node){ .kind = NODE_CAT, .a = whole, .b = x });
    }
    return whole < 0 ? make(p, (struct node){ .kind = NODE_EMPTY }) : whole;
}

static int parse_alt(struct parser *p)
{
    int whole = parse_cat(p);
    while (take(p, "|")) {
        int x = parse_cat(p);
        whole = make(p, (struct node){ .kind = NODE_ALT, .a = whole, .b = x });
    }
    return whole;
}

/* --- to an NFA ---------------------------------------------------------------------------------------------------------------- */

static int32_t build(const struct parser *p, struct nfa *n, int at, int32_t next);

static int32_t build_repeat(const struct parser *p, struct nfa *n, const struct node *x, int32_t next)
{
    int32_t s = next;
    if (x->max == NO_BOUND) {
        s = nfa_split(n, -1, next);
        nfa_set_split(n, s, build(p, n, x->a, s));
    }
    for (int i = x->min; i < x->max && !n->code; i++)
        s = nfa_split(n, build(p, n, x->a, s), next);
    for (int i = 0; i < x->min && !n->code; i++)
        s = build(p, n, x->a, s);
    return s;
}

/* Left-leaning chains of CAT and ALT are walked in a loop, so that only groups recurse. */
static int32_t build(const struct parser *p, struct nfa *n, int at, int32_t next)
{
    int32_t also = -1;
    const struct node *x = &p->nodes[at];
    for (; (x->kind == NODE_CAT || x->kind == NODE_ALT) && !n->code; x = &p->nodes[x->a]) {
        int32_t b = build(p, n, x->b, next);
        if (x->kind == NODE_CAT)
            next = b;
        else
            also = also < 0 ? b : nfa_split(n, b, also);
        if (x->kind == NODE_ALT && p->nodes[x->a].kind != NODE_ALT)
            return nfa_split(n, build(p, n, x->a, next), also);
    }
    switch (x->kind) {
    case NODE_SET:
        return nfa_chars(n, &p->sets[x->a], next);
    case NODE_REPEAT:
        return build_repeat(p, n, x, next);
    case NODE_BEGIN:
        return nfa_begin(n, next);
    case NODE_END:
        return nfa_end(n, next);
    default:
        return next;
    }
}

/* Any characters, any number of them, then `next`. */
static int32_t any_text(struct nfa *n, int32_t next)
{
    struct charset all = { 0 };
    charset_negate(&all);
    int32_t s = nfa_split(n, -1, next);
    nfa_set_split(n, s, nfa_chars(n, &all, s));
    charset_deinit(&all);
    return s;
}

int pattern_compile(struct dfa *out, struct str pattern, unsigned flags, struct work *w, struct err *e)
{
    struct parser p = { .text = pattern, .w = w, .e = e };
    struct nfa n;
    *out = (struct dfa){ 0 };
    int root = parse_alt(&p);
    if (more(&p))
        fail(&p, ERR_FORMAT, ") without (");
    nfa_init(&n, flags & PATTERN_JSON, w, e);
    n.code = p.code;
    int32_t s = nfa_match(&n);
    if (flags & PATTERN_SEARCH)
        s = any_text(&n, s);
    if (!n.code)
        s = build(&p, &n, root, s);
    if (flags & PATTERN_SEARCH)
        s = any_text(&n, s);
    int code = nfa_determine(&n, s, out);
    nfa_deinit(&n);
    for (size_t i = 0; i < p.n_set; i++)
        charset_deinit(&p.sets[i]);
    mem_free(p.sets);
    mem_free(p.nodes);
    return code;
}

int pattern_chars(struct dfa *out, size_t min, size_t max, bool json, struct work *w, struct err *e)
{
    struct nfa n;
    struct dfa one;
    struct charset all = { 0 };
    *out = (struct dfa){ 0 };
    nfa_init(&n, json, w, e);
    charset_negate(&all);
    if (max == SIZE_MAX && json && min == 0)
        charset_add(&all, 0xD800, 0xDFFF); /* readers take half a pair for a character, and here nothing is counted */
    charset_norm(&all);
    int32_t end = nfa_match(&n);
    int code = nfa_determine(&n, nfa_chars(&n, &all, end), &one);
    charset_deinit(&all);
    nfa_deinit(&n);
    if (!code)
        code = dfa_chain(out, &one, min, max, w, e);
    dfa_deinit(&one);
    return code;
}
