/* jinja_lex.c - source to tokens.
 *
 * Follows the regular expressions of jinja2/lexer.py. Between tags: a tag that begins with "{%-" or the like takes the white space
 * before it; a block or comment that is alone at the beginning of its line takes the indentation (lstrip_blocks), unless it begins
 * with "{%+". Behind a block or comment: "-%}" takes all white space, "%}" one newline (trim_blocks), "+%}" nothing.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_lex.h"

#include <stdbool.h>
#include <string.h>

#include "base/base.h"
#include "text/template/jinja_unicode.h"

enum { BRACES_MAX = 256 };

struct lexer {
    struct jrun *r;
    struct str src;
    size_t at;
    bool line_starting; /* the last match ended with a newline, or this is the start */
    struct jtoken *v;
    size_t n, cap;
    char braces[BRACES_MAX]; /* open ones, by their closing character */
    size_t n_brace;
};

static bool at_text(const struct lexer *x, size_t at, const char *z)
{
    size_t n = strlen(z);
    return at + n <= x->src.n && memcmp(x->src.p + at, z, n) == 0;
}

static char byte_at(const struct lexer *x, size_t at)
{
    return at < x->src.n ? x->src.p[at] : 0;
}

static int push(struct lexer *x, enum jtoken_type type, struct str text)
{
    if (x->n == x->cap) {
        size_t cap = x->cap ? 2 * x->cap : 64;
        struct jtoken *v = jrun_alloc(x->r, cap, sizeof *v);
        if (!v)
            return x->r->code;
        if (x->n > 0)
            memcpy(v, x->v, x->n * sizeof *v);
        x->v = v;
        x->cap = cap;
    }
    x->v[x->n++] = (struct jtoken){ type, x->r->line, text };
    return 0;
}

/* Moves to `to`, counting lines. */
static void advance(struct lexer *x, size_t to)
{
    for (const char *p = x->src.p + x->at, *end = x->src.p + to; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        x->r->line++;
    x->line_starting = to > x->at ? x->src.p[to - 1] == '\n' : x->line_starting;
    x->at = to;
}

static size_t skip_space(struct str s, size_t at)
{
    while (at < s.n) {
        size_t next = at;
        if (!junicode_space(junicode_next(s, &next)))
            break;
        at = next;
    }
    return at;
}

static size_t skip_space_back(struct str s, size_t from, size_t at)
{
    while (at > from) {
        size_t prev = at;
        if (!junicode_space(junicode_prev(s, &prev)))
            break;
        at = prev;
    }
    return at;
}

/* The data before a tag, cut as the tag's sign asks. */
static int push_data(struct lexer *x, size_t to, char sign, bool block)
{
    size_t from = x->at, end = to;
    if (sign == '-') {
        end = skip_space_back(x->src, from, to);
    } else if (sign != '+' && block) {
        size_t line = to;
        while (line > from && x->src.p[line - 1] != '\n')
            line--;
        if ((line > from || x->line_starting) && skip_space_back(x->src, line, to) == line)
            end = line;
    }
    if (end > from && push(x, JTOKEN_DATA, str_sub(x->src, from, end)) != 0)
        return x->r->code;
    advance(x, to);
    return 0;
}

static char sign_at(const struct lexer *x, size_t at)
{
    char c = byte_at(x, at);
    return c == '-' || c == '+' ? c : 0;
}

/* Length of the end of a tag at `at` (with what it takes behind it), 0 if there is none: "%}", "-%}" or "+%}" for close "%}". */
static size_t tag_end(const struct lexer *x, size_t at, const char *close, bool trim, bool plus)
{
    size_t end = at + strlen(close);
    char sign = sign_at(x, at);
    if (sign == '-' && at_text(x, at + 1, close))
        return skip_space(x->src, end + 1) - at;
    if (sign == '+' && plus && at_text(x, at + 1, close))
        return end + 1 - at;
    if (!at_text(x, at, close))
        return 0;
    return end - at + (trim && byte_at(x, end) == '\n' ? 1 : 0);
}

static int lex_comment(struct lexer *x)
{
    size_t from = x->at + 2 + (sign_at(x, x->at + 2) != 0), at = from;
    while (at < x->src.n && !at_text(x, at, "#}"))
        at++;
    if (at >= x->src.n)
        return jrun_fail(x->r, ERR_FORMAT, "missing end of comment tag");
    if (at > from && sign_at(x, at - 1))
        at--;
    advance(x, at + tag_end(x, at, "#}", true, true));
    return 0;
}

/* Whether "{%" at `at` opens the tag `name` without arguments; *end is behind "name" and the white space that follows. */
static bool opens(const struct lexer *x, size_t at, const char *name, size_t *end)
{
    if (!at_text(x, at, "{%"))
        return false;
    size_t p = skip_space(x->src, at + 2 + (sign_at(x, at + 2) != 0));
    if (!at_text(x, p, name))
        return false;
    *end = skip_space(x->src, p + strlen(name));
    return tag_end(x, *end, "%}", false, true) > 0;
}

static int lex_raw(struct lexer *x, size_t name_end)
{
    advance(x, name_end + tag_end(x, name_end, "%}", false, false));
    size_t at = x->at, end;
    while (at < x->src.n && !opens(x, at, "endraw", &end))
        at++;
    if (at >= x->src.n)
        return jrun_fail(x->r, ERR_FORMAT, "missing end of raw directive");
    if (push_data(x, at, sign_at(x, at + 2), true) != 0)
        return x->r->code;
    advance(x, end + tag_end(x, end, "%}", true, true));
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Behind digits with single underscores between them. */
static size_t skip_digits(const struct lexer *x, size_t at)
{
    while (is_digit(byte_at(x, at)))
        at += 1 + (byte_at(x, at + 1) == '_' && is_digit(byte_at(x, at + 2)));
    return at;
}

static size_t skip_based(const struct lexer *x, size_t at, const char *figures)
{
    for (;;) {
        size_t p = at + (byte_at(x, at) == '_');
        char c = byte_at(x, p);
        if (!c || !strchr(figures, c))
            return at;
        at = p + 1;
    }
}

static int lex_number(struct lexer *x)
{
    size_t from = x->at, whole = skip_digits(x, from), end = whole;
    bool after_dot = from > 0 && x->src.p[from - 1] == '.';
    if (byte_at(x, end) == '.' && is_digit(byte_at(x, end + 1)))
        end = skip_digits(x, end + 1);
    if ((byte_at(x, end) | 0x20) == 'e') {
        size_t exponent = end + 1 + (sign_at(x, end + 1) != 0);
        if (is_digit(byte_at(x, exponent)))
            end = skip_digits(x, exponent);
    }
    if (end > whole && !after_dot) {
        x->at = end;
        return push(x, JTOKEN_FLOAT, str_sub(x->src, from, end));
    }
    static const char *const figures[] = { "01", "01234567", "0123456789abcdefABCDEF" };
    const char *base =
        x->src.p[from] == '0' ? strchr("bBoOxX", byte_at(x, from + 1) ? byte_at(x, from + 1) : ' ') : NULL;
    if (base) {
        const char *kind = strchr("boxBOX", *base);
        size_t based = skip_based(x, from + 2, figures[(kind - "boxBOX") % 3]);
        x->at = based > from + 2 ? based : from + 1;
    } else if (x->src.p[from] == '0') {
        x->at = skip_based(x, from + 1, "0"); /* 012 is 0 and 12 */
    } else {
        x->at = whole;
    }
    return push(x, JTOKEN_INT, str_sub(x->src, from, x->at));
}

static int lex_string(struct lexer *x)
{
    char quote = x->src.p[x->at];
    size_t from = x->at + 1, at = from;
    while (at < x->src.n && x->src.p[at] != quote)
        at += x->src.p[at] == '\\' ? 2 : 1;
    if (at >= x->src.n)
        return jrun_fail(x->r, ERR_FORMAT, "a string has no end");
    if (push(x, JTOKEN_STRING, str_sub(x->src, from, at)) != 0)
        return x->r->code;
    advance(x, at + 1);
    return 0;
}

static bool is_name_char(const struct lexer *x, size_t at, size_t *next)
{
    *next = at;
    if (at >= x->src.n)
        return false;
    uint32_t c = junicode_next(x->src, next);
    return c == '_' || junicode_alpha(c) || junicode_numeric(c);
}

static int lex_name(struct lexer *x)
{
    size_t from = x->at, end = from, next;
    while (is_name_char(x, end, &next))
        end = next;
    x->at = end;
    return push(x, JTOKEN_NAME, str_sub(x->src, from, end));
}

static int track_brace(struct lexer *x, char c)
{
    char close = c == '(' ? ')' : c == '[' ? ']' : c == '{' ? '}' : 0;
    if (close) {
        if (x->n_brace == BRACES_MAX)
            return jrun_fail(x->r, ERR_LIMIT, "more than %d open brackets", BRACES_MAX);
        x->braces[x->n_brace++] = close;
    } else if (c == ')' || c == ']' || c == '}') {
        if (x->n_brace == 0)
            return jrun_fail(x->r, ERR_FORMAT, "unexpected '%c'", c);
        if (x->braces[--x->n_brace] != c)
            return jrun_fail(x->r, ERR_FORMAT, "unexpected '%c', expected '%c'", c, x->braces[x->n_brace]);
    }
    return 0;
}

static int lex_operator(struct lexer *x)
{
    /* Longer ones first. */
    static const struct {
        const char *z;
        enum jtoken_type type;
    } ops[] = {
        { "//", JTOKEN_FLOORDIV }, { "**", JTOKEN_POW },      { "==", JTOKEN_EQ },    { "!=", JTOKEN_NE },
        { ">=", JTOKEN_GE },       { "<=", JTOKEN_LE },       { "+", JTOKEN_ADD },    { "-", JTOKEN_SUB },
        { "/", JTOKEN_DIV },       { "*", JTOKEN_MUL },       { "%", JTOKEN_MOD },    { "~", JTOKEN_TILDE },
        { "[", JTOKEN_LBRACKET },  { "]", JTOKEN_RBRACKET },  { "(", JTOKEN_LPAREN }, { ")", JTOKEN_RPAREN },
        { "{", JTOKEN_LBRACE },    { "}", JTOKEN_RBRACE },    { ">", JTOKEN_GT },     { "<", JTOKEN_LT },
        { "=", JTOKEN_ASSIGN },    { ".", JTOKEN_DOT },       { ":", JTOKEN_COLON },  { "|", JTOKEN_PIPE },
        { ",", JTOKEN_COMMA },     { ";", JTOKEN_SEMICOLON },
    };
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (!at_text(x, x->at, ops[i].z))
            continue;
        if (track_brace(x, ops[i].z[0]) != 0)
            return x->r->code;
        size_t from = x->at;
        x->at += strlen(ops[i].z);
        return push(x, ops[i].type, str_sub(x->src, from, x->at));
    }
    size_t end = x->at;
    uint32_t c = junicode_next(x->src, &end);
    return jrun_fail(x->r, ERR_FORMAT, "unexpected character '%.*s' (U+%04X)", (int)(end - x->at), x->src.p + x->at,
                     (unsigned)c);
}

static int lex_token(struct lexer *x)
{
    char c = x->src.p[x->at];
    size_t next;
    if (is_digit(c))
        return lex_number(x);
    if (c == '"' || c == '\'')
        return lex_string(x);
    return is_name_char(x, x->at, &next) ? lex_name(x) : lex_operator(x);
}

/* The inside of "{{ }}" or "{% %}". Brackets that are open hide the end: {{ {'a': {}} }}. */
static int lex_tag(struct lexer *x, bool block)
{
    enum jtoken_type begin = block ? JTOKEN_BLOCK_BEGIN : JTOKEN_PRINT_BEGIN;
    x->n_brace = 0;
    size_t from = x->at;
    x->at += 2 + (sign_at(x, x->at + 2) != 0);
    if (push(x, begin, str_sub(x->src, from, x->at)) != 0)
        return x->r->code;
    for (;;) {
        advance(x, skip_space(x->src, x->at));
        if (x->at >= x->src.n)
            return jrun_fail(x->r, ERR_FORMAT, "the template ends inside a tag");
        size_t n = x->n_brace > 0 ? 0 : tag_end(x, x->at, block ? "%}" : "}}", block, block);
        if (n > 0) {
            if (push(x, block ? JTOKEN_BLOCK_END : JTOKEN_PRINT_END, str_sub(x->src, x->at, x->at + n)) != 0)
                return x->r->code;
            advance(x, x->at + n);
            return 0;
        }
        if (lex_token(x) != 0)
            return x->r->code;
    }
}

/* Offset of the next "{{", "{%" or "{#". */
static size_t find_tag(const struct lexer *x)
{
    for (size_t at = x->at; at < x->src.n; at++) {
        const char *p = memchr(x->src.p + at, '{', x->src.n - at);
        if (!p)
            break;
        at = (size_t)(p - x->src.p);
        char c = byte_at(x, at + 1);
        if (c == '{' || c == '%' || c == '#')
            return at;
    }
    return x->src.n;
}

int jlex(struct jrun *r, struct str source, const struct jtoken **out)
{
    struct lexer x = { .r = r, .src = source, .line_starting = true };
    while (x.at < source.n) {
        size_t tag = find_tag(&x), name_end;
        char kind = byte_at(&x, tag + 1), sign = sign_at(&x, tag + 2);
        if (push_data(&x, tag, tag < source.n ? sign : '+', kind != '{') != 0)
            return r->code;
        if (tag >= source.n)
            break;
        int rc;
        if (kind == '#')
            rc = lex_comment(&x);
        else if (opens(&x, tag, "raw", &name_end) && tag_end(&x, name_end, "%}", false, false) > 0)
            rc = lex_raw(&x, name_end);
        else
            rc = lex_tag(&x, kind == '%');
        if (rc != 0)
            return rc;
    }
    if (push(&x, JTOKEN_END, STR("")) != 0)
        return r->code;
    *out = x.v;
    return 0;
}
