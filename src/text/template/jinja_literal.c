/* jinja_literal.c - escapes in strings, integers with a base, floats.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_literal.h"

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "base/utf8.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* \xhh, \uhhhh, \Uhhhhhhhh: n digits at s[*at]. */
static int hex_escape(struct jparser *p, struct str s, size_t *at, int n, uint32_t *c)
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
static int unescape(struct jparser *p, struct str s, size_t *at, char *out, size_t *n)
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

struct jnode *jliteral_string(struct jparser *p)
{
    int line = p->t->line;
    size_t room = 0, n = 0;
    for (const struct jtoken *t = p->t; t->type == JTOKEN_STRING; t++)
        room += t->text.n;
    char *out = jrun_bytes(p->r, room + 1);       /* no escape is shorter than what it stands for */
    while (out && jparser_is(p, JTOKEN_STRING)) { /* neighbours become one string */
        struct str s = jparser_next(p)->text;
        for (size_t at = 0; at < s.n;) {
            if (s.p[at] != '\\')
                out[n++] = s.p[at++];
            else if (++at, unescape(p, s, &at, out, &n) != 0)
                return NULL;
        }
    }
    const struct jstring *v = out ? jparser_string(p, (struct str){ out, n }) : NULL;
    return v ? jparser_const(p, line, jvalue_string(v)) : NULL;
}

struct jnode *jliteral_int(struct jparser *p)
{
    const struct jtoken *t = jparser_next(p);
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
    return jparser_const(p, t->line, jvalue_int(x));
}

struct jnode *jliteral_float(struct jparser *p)
{
    const struct jtoken *t = jparser_next(p);
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
    return clean ? jparser_const(p, t->line, jvalue_float(x)) : NULL;
}
