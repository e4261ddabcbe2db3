/* toolcall_literal.c - JSON and Python's repr in, JSON out: recursive descent over a text that is there whole.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/toolcall_literal.h"

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "base/utf8.h"

void toolcall_literal_escape(struct buf *out, struct str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, s.p + from, i - from);
        from = i + 1;
        const char *at = c ? strchr("\"\\\b\f\n\r\t", c) : NULL;
        if (at) {
            buf_char(out, '\\');
            buf_char(out, "\"\\bfnrt"[at - strchr("\"\\\b\f\n\r\t", '"')]);
        } else {
            buf_printf(out, "\\u%04x", c);
        }
    }
    buf_add(out, s.p + from, s.n - from);
}

enum { EXPONENT_MAX = 1 << 20 };

struct reader {
    struct str s;
    size_t at;
    struct buf *out;
    int depth;
};

static int peek(const struct reader *r)
{
    return r->at < r->s.n ? (unsigned char)r->s.p[r->at] : -1;
}

static bool digit(int c)
{
    return c >= '0' && c <= '9';
}

static void space(struct reader *r)
{
    while (r->at < r->s.n && memchr(" \t\r\n", r->s.p[r->at], 4))
        r->at++;
}

static size_t digits(struct reader *r)
{
    size_t from = r->at;
    while (digit(peek(r)))
        r->at++;
    return r->at - from;
}

/* Whether the digits that stand before point * 10 are followed by zeros alone: s is digits, a point or none, digits. */
static bool whole_at(struct str s, int64_t exponent)
{
    ptrdiff_t point = str_find(s, STR("."));
    int64_t places = point < 0 ? 0 : (int64_t)s.n - point - 1;
    for (size_t i = s.n; i > 0 && places > exponent; i--) {
        if (s.p[i - 1] == '.')
            continue;
        if (s.p[i - 1] != '0')
            return false;
        places--;
    }
    return true;
}

/* Of a number: the sign, whole part, fraction, exponent; written in JSON's spelling. */
static bool number(struct reader *r, bool *integral)
{
    size_t from = r->out->n;
    if (peek(r) == '-')
        buf_char(r->out, '-');
    if (peek(r) == '-' || peek(r) == '+')
        r->at++;
    while (peek(r) == '0' && r->at + 1 < r->s.n && digit((unsigned char)r->s.p[r->at + 1]))
        r->at++;
    size_t whole = r->at, n = digits(r), n_fraction = 0;
    buf_str(r->out, n ? str_sub(r->s, whole, r->at) : STR("0"));
    *integral = true;
    if (peek(r) == '.') {
        size_t point = r->at++;
        n_fraction = digits(r);
        buf_str(r->out, n_fraction ? str_sub(r->s, point, r->at) : STR(".0"));
        *integral = false;
    }
    if (!n && !n_fraction)
        return false;
    size_t end = r->out->n;
    int64_t exponent = 0;
    if (peek(r) == 'e' || peek(r) == 'E') {
        size_t e = r->at++;
        bool small = peek(r) == '-';
        if (peek(r) == '-' || peek(r) == '+')
            r->at++;
        size_t first = r->at;
        if (!digits(r))
            return false;
        buf_str(r->out, str_sub(r->s, e, r->at));
        if (!str_to_i64(str_sub(r->s, first, r->at), &exponent))
            exponent = EXPONENT_MAX; /* of zero, or a number that is as good as zero */
        exponent = small ? -exponent : exponent;
        *integral = false;
    }
    double x;
    if (!*integral) {
        struct str all = str_sub(buf_view(r->out), from, r->out->n), mantissa = str_sub(buf_view(r->out), from, end);
        if (!str_to_double(all, &x) || !isfinite(x))
            return false;
        *integral = whole_at(str_sub(mantissa, mantissa.p[0] == '-', mantissa.n), exponent);
    }
    return true;
}

static bool hex(struct reader *r, int n, uint32_t *cp)
{
    *cp = 0;
    if (r->s.n - r->at < (size_t)n)
        return false;
    for (int i = 0; i < n; i++) {
        char c = r->s.p[r->at++];
        const char *at = c ? strchr("0123456789abcdefABCDEF", c) : NULL;
        if (!at)
            return false;
        int v = (int)(at - strchr("0123456789abcdefABCDEF", '0'));
        *cp = *cp << 4 | (uint32_t)(v < 16 ? v : v - 6);
    }
    return true;
}

static bool put_char(struct buf *out, uint32_t cp)
{
    char c[UTF8_MAX];
    int n = utf8_encode(c, cp);
    toolcall_literal_escape(out, (struct str){ c, (size_t)n });
    return n > 0;
}

/* Behind a backslash. What neither JSON nor Python knows is a backslash and that character, as in Python. */
static bool escape(struct reader *r, char quote)
{
    int c = peek(r);
    uint32_t cp;
    if (c < 0)
        return false;
    r->at++;
    if (c && strchr("\"\\bfnrt", c)) {
        buf_char(r->out, '\\');
        buf_char(r->out, (char)c);
        return true;
    }
    if (c == '\'' || (c == '/' && quote == '"')) {
        buf_char(r->out, (char)c);
        return true;
    }
    if (c == 'u') {
        size_t from = r->at;
        buf_z(r->out, "\\u");
        bool good = hex(r, 4, &cp);
        buf_str(r->out, str_sub(r->s, from, r->at));
        return good;
    }
    if (c == 'x')
        return hex(r, 2, &cp) && put_char(r->out, cp);
    if (c == 'U')
        return hex(r, 8, &cp) && put_char(r->out, cp);
    buf_z(r->out, "\\\\");
    r->at--;
    return true;
}

static bool string(struct reader *r)
{
    char quote = r->s.p[r->at++];
    buf_char(r->out, '"');
    for (;;) {
        size_t from = r->at;
        while (r->at < r->s.n && r->s.p[r->at] != quote && r->s.p[r->at] != '\\')
            r->at++;
        toolcall_literal_escape(r->out, str_sub(r->s, from, r->at));
        int c = peek(r);
        r->at++;
        if (c < 0)
            return false;
        if (c == quote)
            break;
        if (!escape(r, quote))
            return false;
    }
    buf_char(r->out, '"');
    return true;
}

static bool word(struct reader *r)
{
    static const struct {
        const char *from, *to;
    } words[] = { { "true", "true" }, { "false", "false" }, { "null", "null" },
                  { "True", "true" }, { "False", "false" }, { "None", "null" } };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_starts(str_sub(r->s, r->at, r->s.n), str_from(words[i].from))) {
            r->at += strlen(words[i].from);
            buf_z(r->out, words[i].to);
            return true;
        }
    return false;
}

static bool value(struct reader *r);

static bool scalar(struct reader *r)
{
    bool integral;
    int c = peek(r);
    if (c == '"' || c == '\'')
        return string(r);
    return digit(c) || c == '-' || c == '.' ? number(r, &integral) : word(r);
}

static bool key(struct reader *r)
{
    int c = peek(r);
    bool quoted = c == '"' || c == '\'';
    if (!quoted)
        buf_char(r->out, '"');
    bool good = scalar(r);
    if (!quoted)
        buf_char(r->out, '"');
    space(r);
    good = good && peek(r) == ':';
    r->at++;
    buf_z(r->out, ": ");
    space(r);
    return good;
}

/* Elements or members up to `close`. `*comma`: a comma was read. */
static bool elements(struct reader *r, char close, bool *comma)
{
    *comma = false;
    for (;;) {
        space(r);
        if (peek(r) == close)
            break;
        if (*comma)
            buf_z(r->out, ", ");
        if ((close == '}' && !key(r)) || !value(r))
            return false;
        space(r);
        if (peek(r) == close)
            break;
        if (peek(r) != ',')
            return false;
        r->at++;
        *comma = true;
    }
    r->at++;
    return true;
}

static bool value(struct reader *r)
{
    int c = peek(r);
    bool comma;
    if (c != '{' && c != '[' && c != '(')
        return scalar(r);
    if (++r->depth > TOOLCALL_LITERAL_DEPTH)
        return false;
    size_t from = r->at++;
    buf_char(r->out, c == '{' ? '{' : '[');
    char close = c == '{' ? '}' : c == '[' ? ']' : ')';
    bool good = elements(r, close, &comma);
    buf_char(r->out, c == '{' ? '}' : ']');
    r->depth--;
    /* (1) is a number in brackets, () and (1,) are tuples. */
    return good && (c != '(' || comma || !str_trim(str_sub(r->s, from + 1, r->at - 1)).n);
}

bool toolcall_literal(struct buf *out, struct str s)
{
    struct reader r = { .s = str_trim(s), .out = out };
    size_t n = out->n;
    int c = peek(&r);
    if ((c == '{' || c == '[' || c == '(') && value(&r) && r.at == r.s.n)
        return true;
    buf_truncate(out, n);
    return false;
}

bool toolcall_literal_number(struct buf *out, struct str s, bool *integral)
{
    struct reader r = { .s = s, .out = out };
    size_t n = out->n;
    if (number(&r, integral) && r.at == s.n)
        return true;
    buf_truncate(out, n);
    return false;
}
