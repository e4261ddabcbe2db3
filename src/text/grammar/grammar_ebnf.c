/* grammar_ebnf.c - a recursive-descent parser straight to nodes of a grammar.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/grammar_ebnf.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/grammar/grammar.h"
#include "text/grammar/grammar_build.h"
#include "text/grow.h"

struct rule {
    int node;
    struct str name; /* borrowed from the text */
    size_t used;     /* where it is first mentioned */
    bool defined;
};

struct ebnf {
    struct str text;
    size_t at;
    int depth;
    bool gbnf; /* the current rule was begun with ::= */
    struct grammar_build *b;
    struct map names;
    struct rule *rules; /* owned */
    size_t n, cap;
    struct buf scratch;
};

/* Nodes of a list in the making. */
struct nodes {
    int *v; /* owned */
    size_t n, cap;
};

static int fail_at(struct ebnf *p, size_t at, int code, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < p->text.n; i++) {
        line += p->text.p[i] == '\n';
        column = p->text.p[i] == '\n' ? 1 : column + 1;
    }
    grammar_build_fail(p->b, code, "grammar: line %zu, column %zu: %s", line, column, what);
    return grammar_build_never(p->b);
}

static int fail(struct ebnf *p, const char *what)
{
    return fail_at(p, p->at, ERR_FORMAT, what);
}

static bool ok(const struct ebnf *p)
{
    return !grammar_build_failed(p->b);
}

static void nodes_add(struct ebnf *p, struct nodes *l, int node)
{
    if (grow(&l->v, &l->cap, l->n + 1, sizeof *l->v))
        l->v[l->n++] = node;
    else
        grammar_build_fail(p->b, ERR_NOMEM, "no memory for the grammar");
}

static char peek(const struct ebnf *p)
{
    return p->at < p->text.n ? p->text.p[p->at] : '\0';
}

static bool next_is(const struct ebnf *p, const char *z)
{
    return str_starts(str_sub(p->text, p->at, p->text.n), str_from(z));
}

static void skip_space(struct ebnf *p)
{
    while (p->at < p->text.n) {
        char c = peek(p);
        if (c == '#' || next_is(p, "//"))
            while (p->at < p->text.n && peek(p) != '\n')
                p->at++;
        else if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            p->at++;
        else
            return;
    }
}

static bool take(struct ebnf *p, const char *z)
{
    skip_space(p);
    if (!ok(p) || !next_is(p, z))
        return false;
    p->at += strlen(z);
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct str take_name(struct ebnf *p)
{
    skip_space(p);
    size_t from = p->at;
    if (is_letter(peek(p)))
        while (is_letter(peek(p)) || is_digit(peek(p)) || (peek(p) == '-' && !next_is(p, "->")))
            p->at++;
    return str_sub(p->text, from, p->at);
}

/* A rule begins here: name and : or ::=. Nothing is read. */
static bool at_rule(struct ebnf *p)
{
    size_t from = p->at;
    skip_space(p);
    if (peek(p) == '?' || peek(p) == '!')
        p->at++;
    bool is = take_name(p).n > 0;
    skip_space(p);
    is = is && peek(p) == ':';
    p->at = from;
    return is;
}

static struct rule *find_rule(struct ebnf *p, struct str name, size_t at)
{
    uint32_t i;
    if (map_get(&p->names, name, &i))
        return &p->rules[i];
    if (p->n >= EBNF_RULES_MAX) {
        fail_at(p, at, ERR_LIMIT, "more than 10000 rules");
        return NULL;
    }
    if (map_set(&p->names, name, (uint32_t)p->n) < 0 || !grow(&p->rules, &p->cap, p->n + 1, sizeof *p->rules)) {
        grammar_build_fail(p->b, ERR_NOMEM, "no memory for the grammar");
        return NULL;
    }
    p->rules[p->n] = (struct rule){ .node = grammar_build_rule(p->b), .name = name, .used = at };
    return &p->rules[p->n++];
}

static bool take_hex(struct ebnf *p, size_t max, uint32_t *out)
{
    size_t n = 0;
    for (*out = 0; n < max; n++, p->at++) {
        char c = peek(p);
        int d = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0)
            break;
        *out = *out * 16 + (uint32_t)d;
    }
    return n > 0 && (n == max || max > 4);
}

/* Appends what the escape behind a backslash stands for. */
static void take_escape(struct ebnf *p)
{
    static const char letters[] = "nrtbfv0\"'\\/[]-^", bytes[] = "\n\r\t\b\f\v\0\"'\\/[]-^";
    char c = peek(p), utf8[UTF8_MAX];
    const char *known = c ? strchr(letters, c) : NULL;
    uint32_t v = 0;
    bool right = true;
    p->at++;
    if (known) {
        buf_char(&p->scratch, bytes[known - letters]);
        return;
    }
    if (c == 'x') {
        right = take_hex(p, 2, &v);
    } else if (c == 'u' && peek(p) == '{') {
        p->at++;
        right = take_hex(p, 6, &v) && peek(p) == '}';
        p->at++;
    } else if (c == 'u') {
        right = take_hex(p, 4, &v);
    } else {
        right = false;
    }
    int n = right ? utf8_encode(utf8, v) : 0;
    if (!n)
        fail(p, "an unknown or wrong escape");
    buf_add(&p->scratch, utf8, (size_t)n);
}

/* Reads a quoted text into scratch. */
static void take_quoted(struct ebnf *p)
{
    char quote = peek(p);
    size_t from = p->at++;
    buf_reset(&p->scratch);
    while (p->at < p->text.n && peek(p) != quote && ok(p)) {
        char c = p->text.p[p->at++];
        if (c == '\\')
            take_escape(p);
        else
            buf_char(&p->scratch, c);
    }
    if (p->at >= p->text.n)
        fail_at(p, from, ERR_FORMAT, "a quote that is not closed");
    p->at++;
    if (ok(p) && !utf8_valid(buf_view(&p->scratch)))
        fail_at(p, from, ERR_FORMAT, "wrong UTF-8");
}

/* Either case of the letters of scratch. */
static int any_case(struct ebnf *p)
{
    struct nodes l = { 0 };
    for (size_t i = 0; i < p->scratch.n && ok(p); i++) {
        char c = p->scratch.p[i], lower = (char)(c | 0x20), upper = (char)(c & ~0x20);
        bool letter = lower >= 'a' && lower <= 'z';
        const int both[] = { grammar_build_literal(p->b, (struct str){ letter ? &lower : &c, 1 }),
                             grammar_build_literal(p->b, (struct str){ letter ? &upper : &c, 1 }) };
        nodes_add(p, &l, grammar_build_alt(p->b, both, 2));
    }
    int node = grammar_build_seq(p->b, l.v, l.n);
    mem_free(l.v);
    return node;
}

/* The single character in scratch, for a range. */
static uint32_t one_char(struct ebnf *p)
{
    uint32_t c = 0;
    int n = utf8_decode(buf_view(&p->scratch), &c);
    if (n <= 0 || (size_t)n != p->scratch.n)
        fail(p, "a range of something else than two characters");
    return c;
}

static int parse_literal(struct ebnf *p)
{
    take_quoted(p);
    size_t behind = p->at;
    if (peek(p) == 'i' && !is_letter(p->at + 1 < p->text.n ? p->text.p[p->at + 1] : ' ')) {
        p->at++;
        return any_case(p);
    }
    if (!take(p, "..")) {
        p->at = behind;
        return grammar_build_literal(p->b, buf_view(&p->scratch));
    }
    uint32_t lo = one_char(p);
    skip_space(p);
    if (peek(p) != '"' && peek(p) != '\'')
        return fail(p, "expected the last character of a range");
    take_quoted(p);
    uint32_t hi = one_char(p);
    buf_reset(&p->scratch);
    buf_printf(&p->scratch, "[\\u{%x}-\\u{%x}]", lo, hi);
    return grammar_build_regex(p->b, buf_view(&p->scratch), false);
}

/* From `from` up to the `close` that is not escaped; a slash in brackets needs no escape. */
static int parse_regex(struct ebnf *p, size_t from, char close)
{
    bool in_set = false;
    for (; p->at < p->text.n; p->at++) {
        char c = peek(p);
        if (c == '\\')
            p->at++;
        else if (close == '/' && c == '[')
            in_set = true;
        else if (close == '/' && c == ']')
            in_set = false;
        else if (c == close && !in_set)
            break;
    }
    if (p->at >= p->text.n)
        return fail_at(p, from, ERR_FORMAT, close == ']' ? "[ without ]" : "a regular expression without its second /");
    p->at++;
    struct str pattern = str_sub(p->text, from, p->at - (close == '/'));
    if (close == '/' && is_letter(peek(p)))
        return fail_at(p, p->at, ERR_UNSUPPORTED, "flags of a regular expression");
    return grammar_build_regex(p->b, pattern, false);
}

static int parse_alternatives(struct ebnf *p);

static int parse_group(struct ebnf *p, const char *close, const char *without)
{
    size_t from = p->at;
    if (++p->depth > EBNF_DEPTH_MAX)
        return fail_at(p, from, ERR_LIMIT, "groups nested deeper than 200");
    int node = parse_alternatives(p);
    p->depth--;
    return take(p, close) ? node : fail_at(p, from, ERR_FORMAT, without);
}

static int parse_atom(struct ebnf *p)
{
    skip_space(p);
    size_t from = p->at;
    char c = peek(p);
    if (c == '"' || c == '\'')
        return parse_literal(p);
    if (take(p, "/"))
        return parse_regex(p, p->at, '/');
    if (c == '[' && p->gbnf) {
        p->at++;
        return parse_regex(p, from, ']');
    }
    if (c == '.' && p->gbnf) {
        p->at++;
        return grammar_build_chars(p->b, 1, 1, false);
    }
    if (take(p, "["))
        return grammar_build_repeat(p->b, parse_group(p, "]", "[ without ]"), 0, 1);
    if (take(p, "("))
        return parse_group(p, ")", "( without )");
    struct str name = take_name(p);
    if (!name.n)
        return fail(p, c == '%' ? "directives (%ignore, %import) are not supported"
                                : "expected a name, a literal, a regular expression or a group");
    const struct rule *r = find_rule(p, name, from);
    return r ? r->node : grammar_build_never(p->b);
}

/* A number; false: there is none. */
static bool take_number(struct ebnf *p, size_t *out)
{
    skip_space(p);
    size_t from = p->at;
    for (*out = 0; is_digit(peek(p)); p->at++)
        *out = MIN(*out * 10 + (size_t)(peek(p) - '0'), (size_t)UINT32_MAX);
    return p->at > from;
}

static bool take_count(struct ebnf *p, size_t *min, size_t *max)
{
    bool braces = take(p, "{");
    if (!braces && !take(p, "~"))
        return false;
    bool low = take_number(p, min);
    *max = *min;
    if (take(p, braces ? "," : "..") && !take_number(p, max)) {
        *max = SIZE_MAX;
        low = low && braces;
    } else {
        low = low || (braces && *max > 0);
    }
    if (!low || (braces && !take(p, "}")) || *max < *min)
        fail(p, "a wrong count");
    return true;
}

static int parse_item(struct ebnf *p)
{
    int node = parse_atom(p);
    for (size_t min, max; ok(p);) {
        if (at_rule(p)) /* "?name:" begins a rule */
            break;
        if (take(p, "?"))
            node = grammar_build_repeat(p->b, node, 0, 1);
        else if (take(p, "*"))
            node = grammar_build_repeat(p->b, node, 0, SIZE_MAX);
        else if (take(p, "+"))
            node = grammar_build_repeat(p->b, node, 1, SIZE_MAX);
        else if (take_count(p, &min, &max))
            node = grammar_build_repeat(p->b, node, min, max);
        else
            break;
    }
    return node;
}

static int parse_sequence(struct ebnf *p)
{
    struct nodes l = { 0 };
    while (ok(p)) {
        skip_space(p);
        if (p->at >= p->text.n || strchr("|)];", peek(p)) || at_rule(p) || next_is(p, "->"))
            break;
        nodes_add(p, &l, parse_item(p));
    }
    if (take(p, "->") && !take_name(p).n)
        fail(p, "expected a name behind ->");
    int node = grammar_build_seq(p->b, l.v, l.n);
    mem_free(l.v);
    return node;
}

static int parse_alternatives(struct ebnf *p)
{
    struct nodes l = { 0 };
    size_t from = p->at;
    skip_space(p);
    /* A bar that begins a line may stand before the first; otherwise the first is empty. */
    if (str_find(str_sub(p->text, from, p->at), STR("\n")) >= 0)
        take(p, "|");
    do
        nodes_add(p, &l, parse_sequence(p));
    while (take(p, "|"));
    int node = grammar_build_alt(p->b, l.v, l.n);
    mem_free(l.v);
    return node;
}

static void parse_rule(struct ebnf *p)
{
    if (!take(p, "?"))
        take(p, "!");
    skip_space(p);
    size_t from = p->at;
    struct str name = take_name(p);
    if (!name.n) {
        fail(p, peek(p) == '%' ? "directives (%ignore, %import) are not supported" : "expected a rule");
        return;
    }
    p->gbnf = take(p, "::=");
    if (!p->gbnf && !take(p, ":")) {
        fail(p, "expected : or ::= behind the name of a rule");
        return;
    }
    const struct rule *r = find_rule(p, name, from);
    if (!r)
        return;
    if (r->defined) {
        fail_at(p, from, ERR_FORMAT, "a rule that is defined already");
        return;
    }
    size_t i = (size_t)(r - p->rules);
    p->rules[i].defined = true;
    int node = parse_alternatives(p);
    take(p, ";");
    grammar_build_define(p->b, p->rules[i].node, node);
}

/* The rule that is the whole output. */
static int find_start(struct ebnf *p)
{
    uint32_t i = 0;
    if (!p->n)
        return fail(p, "no rule");
    if (!map_get(&p->names, STR("start"), &i))
        map_get(&p->names, STR("root"), &i);
    return p->rules[i].node;
}

int grammar_ebnf(struct grammar **out, struct str text, struct err *e)
{
    struct ebnf p = { .text = text, .b = grammar_build_new(NULL) };
    if (text.n > EBNF_BYTES_MAX)
        fail_at(&p, 0, ERR_LIMIT, "more than a megabyte");
    else if (!utf8_valid(text))
        fail_at(&p, 0, ERR_FORMAT, "wrong UTF-8");
    for (skip_space(&p); p.at < text.n && ok(&p); skip_space(&p))
        parse_rule(&p);
    for (size_t i = 0; i < p.n && ok(&p); i++)
        if (!p.rules[i].defined)
            fail_at(&p, p.rules[i].used, ERR_FORMAT, "a rule that is not defined");
    int code = grammar_build_finish(p.b, find_start(&p), out, e);
    grammar_build_free(p.b);
    map_deinit(&p.names);
    buf_deinit(&p.scratch);
    mem_free(p.rules);
    return code;
}
