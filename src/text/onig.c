/* onig.c - Oniguruma's pattern syntax rewritten for PCRE2.
 *
 * The pattern is copied token by token; a quantified interval needs to know where its atom began, which `atom` and the stack of
 * open groups remember. Sets are parsed, because Oniguruma's may hold sets: each becomes something that matches one character, a
 * PCRE2 class where that suffices, else an alternation of classes or a class behind a lookahead.
 * Source: Oniguruma's doc/RE; \w and \s were compared with Oniguruma 6.9 over all code points.
 * SPDX-License-Identifier: MIT */
#include "text/onig.h"

#include <string.h>

#define SPACE                                                                                                          \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define SET_WORD                                                                                                       \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{"    \
    "1f189}"
/* Outside of sets, Oniguruma looks characters below U+0100 up in a table that has six more. */
#define WORD SET_WORD "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"
#define HEX "0-9a-fA-F"

enum { GROUPS_MAX = 200, SETS_MAX = 20 };

struct rewrite {
    struct str s; /* what is still to be read */
    struct buf *out;
    size_t atom; /* where in out the last atom begins */
    size_t groups[GROUPS_MAX];
    int n_group;
    struct err *e;
};

static int peek(const struct rewrite *r, size_t i)
{
    return i < r->s.n ? (unsigned char)r->s.p[i] : -1;
}

static void skip(struct rewrite *r, size_t n)
{
    r->s = str_sub(r->s, n, r->s.n);
}

static void copy(struct rewrite *r, struct buf *out, size_t n)
{
    buf_str(out, str_sub(r->s, 0, n));
    skip(r, n);
}

/* Bytes of the character at the front; a pattern is valid UTF-8, since it comes from JSON. */
static size_t char_bytes(const struct rewrite *r)
{
    size_t n = 1;
    while (n < r->s.n && ((unsigned char)r->s.p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* What a set holds for one of \s \w \h and their capitals; NULL: not one of them. `set`: inside a set. */
static const char *members(int letter, bool set)
{
    switch (letter) {
    case 's':
    case 'S':
        return SPACE;
    case 'w':
    case 'W':
        return set ? SET_WORD : WORD;
    case 'h':
    case 'H':
        return HEX;
    default:
        return NULL;
    }
}

static bool is_hex(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* \p{...}: general categories stay, a longer name that could be a script is made to mean the script alone. */
static void property(struct rewrite *r, struct buf *out)
{
    static const char *const not_scripts[] = { "Any", "Xan", "Xps", "Xsp", "Xwd", "Xuc" };
    size_t end = 2;
    while (peek(r, end) >= 0 && peek(r, end) != '}')
        end++;
    struct str name = str_sub(r->s, 3, end);
    bool negated = str_starts(name, STR("^"));
    if (negated)
        name = str_sub(name, 1, name.n);
    bool script = peek(r, 2) == '{' && name.n > 2 && !memchr(name.p, ':', name.n) && !memchr(name.p, '=', name.n);
    for (size_t i = 0; i < ARRAY_LEN(not_scripts); i++)
        script = script && !str_eqz(name, not_scripts[i]);
    if (!script) {
        copy(r, out, MIN(end + 1, r->s.n));
        return;
    }
    copy(r, out, 3 + (size_t)negated);
    buf_z(out, "sc:");
    copy(r, out, MIN(name.n + 1, r->s.n));
}

/* An escape that is neither a set of characters nor a word boundary, inside a set or outside. */
static void escape(struct rewrite *r, struct buf *out)
{
    int c = peek(r, 1);
    if (c == 'p' || c == 'P') {
        property(r, out);
    } else if (c == 'v') {
        buf_z(out, "\\x0b");
        skip(r, 2);
    } else if (c == 'u' && is_hex(peek(r, 2)) && is_hex(peek(r, 3)) && is_hex(peek(r, 4)) && is_hex(peek(r, 5))) {
        buf_printf(out, "\\x{%.4s}", r->s.p + 2);
        skip(r, 6);
    } else {
        copy(r, out, 1);
        copy(r, out, char_bytes(r));
    }
}

static int set(struct rewrite *r, struct buf *out, int depth);

/* Items and inner sets up to the end of the set or "&&": their union, matching one character. */
static int set_union(struct rewrite *r, struct buf *out, bool first, int depth)
{
    struct buf items = { 0 }, inner = { 0 };
    int rc = 0;
    for (; !rc; first = false) {
        int c = peek(r, 0);
        if (c < 0) {
            rc = err_set(r->e, ERR_FORMAT, "a set has no closing bracket");
        } else if ((c == ']' && !first) || (c == '&' && peek(r, 1) == '&')) {
            break;
        } else if (c == '[' && peek(r, 1) == ':' && str_find(r->s, STR(":]")) > 0) {
            copy(r, &items, (size_t)str_find(r->s, STR(":]")) + 2);
        } else if (c == '[') {
            buf_char(&inner, '|');
            rc = set(r, &inner, depth + 1);
        } else if (c == '\\' && members(peek(r, 1), true)) {
            bool negated = peek(r, 1) < 'a';
            if (negated)
                buf_printf(&inner, "|[^%s]", members(peek(r, 1), true));
            else
                buf_z(&items, members(peek(r, 1), true));
            skip(r, 2);
        } else if (c == '\\') {
            escape(r, &items);
        } else {
            /* Both mean something only in the first place, and the items may come to stand elsewhere. */
            if (c == ']' || c == '^')
                buf_char(&items, '\\');
            copy(r, &items, char_bytes(r));
        }
    }
    /* An empty union matches nothing. */
    if (!items.n && !inner.n)
        buf_z(out, "(?!)");
    else if (!inner.n)
        buf_printf(out, "[%.*s]", (int)items.n, items.p);
    else if (!items.n)
        buf_printf(out, "(?:%.*s)", (int)inner.n - 1, inner.p + 1);
    else
        buf_printf(out, "(?:[%.*s]%.*s)", (int)items.n, items.p, (int)inner.n, inner.p);
    if (!rc)
        rc = buf_check(&items, "a set", r->e);
    if (!rc)
        rc = buf_check(&inner, "a set", r->e);
    buf_deinit(&items);
    buf_deinit(&inner);
    return rc;
}

/* [...]: appends a pattern that matches one character. */
static int set(struct rewrite *r, struct buf *out, int depth)
{
    struct buf body = { 0 };
    if (depth > SETS_MAX)
        return err_set(r->e, ERR_LIMIT, "more than %d sets inside each other", SETS_MAX);
    skip(r, 1);
    bool negated = peek(r, 0) == '^', several = false;
    if (negated)
        skip(r, 1);
    int rc = set_union(r, &body, true, depth);
    while (!rc && peek(r, 0) == '&') {
        struct buf left = body;
        body = (struct buf){ 0 };
        several = true;
        buf_printf(&body, "(?=%.*s)", (int)left.n, left.p);
        buf_deinit(&left);
        skip(r, 2);
        rc = set_union(r, &body, false, depth);
    }
    skip(r, 1);
    if (!rc)
        rc = buf_check(&body, "a set", r->e);
    if (negated && !several && body.n > 1 && body.p[0] == '[')
        buf_printf(out, "[^%.*s", (int)body.n - 1, body.p + 1);
    else if (negated)
        buf_printf(out, "(?:(?!%.*s)(?s:.))", (int)body.n, body.p);
    else if (several)
        buf_printf(out, "(?:%.*s)", (int)body.n, body.p);
    else
        buf_str(out, buf_view(&body));
    buf_deinit(&body);
    return rc;
}

/* "(" and what belongs to it; the options m (here: the dot matches line feeds) and x are the ones that differ. */
static int open_group(struct rewrite *r)
{
    if (peek(r, 1) == '*')
        return err_set(r->e, ERR_UNSUPPORTED, "\"(*\" is not supported");
    if (r->n_group == GROUPS_MAX)
        return err_set(r->e, ERR_LIMIT, "more than %d groups inside each other", GROUPS_MAX);
    r->groups[r->n_group++] = r->out->n;
    copy(r, r->out, 1);
    if (peek(r, 0) != '?')
        return 0;
    copy(r, r->out, 1);
    if (peek(r, 0) == '#')
        return err_set(r->e, ERR_UNSUPPORTED, "comments are not supported");
    for (int c; (c = peek(r, 0)) == 'i' || c == 'm' || c == 'x' || c == '-'; skip(r, 1)) {
        if (c == 'x')
            return err_set(r->e, ERR_UNSUPPORTED, "extended mode (?x) is not supported");
        buf_char(r->out, c == 'm' ? 's' : (char)c);
    }
    return 0;
}

/* {n}, {n,}, {,m} or {n,m} at the front: its length, 0 if the brace is none. */
static size_t interval(const struct rewrite *r)
{
    size_t i = 1, digits = 0;
    for (; peek(r, i) >= '0' && peek(r, i) <= '9'; i++)
        digits++;
    if (peek(r, i) == ',')
        for (i++; peek(r, i) >= '0' && peek(r, i) <= '9'; i++)
            digits++;
    return digits && peek(r, i) == '}' ? i + 1 : 0;
}

/* An interval of n bytes behind the atom. */
static void quantify(struct rewrite *r, size_t n)
{
    bool wrapped = peek(r, n) == '+';
    if (wrapped) {
        size_t atom_bytes = r->out->n - r->atom;
        buf_z(r->out, "(?:");
        if (r->out->failed)
            return;
        memmove(r->out->p + r->atom + 3, r->out->p + r->atom, atom_bytes);
        memcpy(r->out->p + r->atom, "(?:", 3);
    }
    buf_char(r->out, '{');
    if (peek(r, 1) == ',')
        buf_char(r->out, '0');
    skip(r, 1);
    copy(r, r->out, n - 1);
    if (wrapped)
        buf_char(r->out, ')');
}

/* \s \w \h \b and their capitals outside a set; false: none of them. */
static bool class_escape(struct rewrite *r)
{
    int c = peek(r, 1);
    if (members(c, false))
        buf_printf(r->out, c < 'a' ? "[^%s]" : "[%s]", members(c, false));
    else if (c == 'b')
        buf_z(r->out, "(?:(?<=[" WORD "])(?![" WORD "])|(?<![" WORD "])(?=[" WORD "]))");
    else if (c == 'B')
        buf_z(r->out, "(?:(?<=[" WORD "])(?=[" WORD "])|(?<![" WORD "])(?![" WORD "]))");
    else
        return false;
    skip(r, 2);
    return true;
}

static int element(struct rewrite *r)
{
    int c = peek(r, 0);
    size_t n;
    if (c == '{' && (n = interval(r)) > 0) {
        quantify(r, n);
        return 0;
    }
    if (c == '*' || c == '+' || c == '?') {
        copy(r, r->out, 1);
        return 0;
    }
    if (c == ')') {
        copy(r, r->out, 1);
        if (r->n_group)
            r->atom = r->groups[--r->n_group];
        return 0;
    }
    r->atom = r->out->n;
    if (c == '(')
        return open_group(r);
    if (c == '[')
        return set(r, r->out, 1);
    if (c == '{')
        buf_char(r->out, '\\');
    if (c != '\\')
        copy(r, r->out, char_bytes(r));
    else if (peek(r, 1) < 0)
        return err_set(r->e, ERR_FORMAT, "the pattern ends in a backslash");
    else if (!class_escape(r))
        escape(r, r->out);
    return 0;
}

int onig_rewrite(struct str pattern, struct buf *out, struct err *e)
{
    struct rewrite r = { .s = pattern, .out = out, .atom = out->n, .e = e };
    while (r.s.n) {
        int rc = element(&r);
        if (rc)
            return rc;
    }
    return buf_check(out, "a pattern", e);
}
