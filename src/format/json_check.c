/* json_check.c - a recursive descent over JSON that builds nothing.
 *
 * Most bytes of most texts are plain characters of strings, so scan_string is the loop that counts.
 * SPDX-License-Identifier: MIT */
#include "format/json_check.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/utf8.h"

enum { DEPTH_MAX = 1000 };

struct scan {
    const char *begin, *p, *end;
    const char *what;
    const struct json_limits *limits;
    struct err *e;
    struct buf *respelled; /* borrowed; empty while nothing is respelled */
    const char *copied;    /* what lies before is in respelled */
    uint64_t n_objects;
    struct map keys; /* with limits->unique: object number and key */
};

static int scan_fail(const struct scan *s, const char *problem)
{
    int line = 1;
    const char *start = s->begin;
    for (const char *q = s->begin; q < s->p; q++)
        if (*q == '\n') {
            line++;
            start = q + 1;
        }
    size_t column = utf8_count((struct str){ start, (size_t)(s->p - start) }) + 1;
    return err_set(s->e, ERR_FORMAT, "%s: line %d, column %zu: %s", s->what, line, column, problem);
}

static void scan_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

static bool scan_char(struct scan *s, char c)
{
    scan_space(s);
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The value of "\uHHHH" at p, -1 if that is not what stands there. */
static int32_t code_unit(const char *p, const char *end)
{
    int32_t value = 0;
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The character of the pair of surrogates at p, 0 if there is none. */
static uint32_t surrogate_pair(const char *p, const char *end)
{
    int32_t high = code_unit(p, end), low = high < 0 ? -1 : code_unit(p + 6, end);
    if (high < 0xd800 || high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return 0;
    return 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
}

/* s->p is behind the backslash of a pair of surrogates that stands for cp. */
static void respell_pair(struct scan *s, uint32_t cp)
{
    char text[UTF8_MAX];
    int n = utf8_encode(text, cp);
    buf_add(s->respelled, s->copied, (size_t)(s->p - 1 - s->copied));
    buf_add(s->respelled, text, (size_t)n);
    s->p += 11;
    s->copied = s->p;
}

/* Behind a backslash. */
static int scan_escape(struct scan *s, bool key)
{
    if (s->p == s->end)
        return scan_fail(s, "the text ends inside a string");
    char c = *s->p;
    if (c == 'u') {
        int32_t value = code_unit(s->p - 1, s->end);
        uint32_t pair = surrogate_pair(s->p - 1, s->end);
        if (value < 0)
            return scan_fail(s, "\\u needs four hexadecimal digits");
        if (key && value == 0)
            return scan_fail(s, "a key holds a NUL character");
        if (pair)
            respell_pair(s, pair);
        else
            s->p += 5;
        return 0;
    }
    if (!c || !strchr("\"\\/bfnrt", c))
        return scan_fail(s, "unknown escape in a string");
    s->p++;
    return 0;
}

static int scan_string(struct scan *s, bool key)
{
    for (s->p++; s->p < s->end;) {
        unsigned char c = (unsigned char)*s->p;
        if (c == '"') {
            s->p++;
            return 0;
        }
        if (c < 0x20 && (!c || !s->limits->raw))
            return scan_fail(s, "a control character in a string must be escaped");
        if (c == '\\') {
            s->p++;
            if (scan_escape(s, key))
                return s->e->code;
        } else if (c < 0x80) {
            s->p++;
        } else {
            uint32_t cp;
            int n = utf8_decode((struct str){ s->p, (size_t)(s->end - s->p) }, &cp);
            if (n <= 0)
                return scan_fail(s, "not UTF-8");
            s->p += n;
        }
    }
    return scan_fail(s, "the text ends inside a string");
}

static bool scan_digits(struct scan *s)
{
    const char *start = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > start;
}

static void respell_big(struct scan *s, const char *start)
{
    bool minus = *start == '-';
    buf_add(s->respelled, s->copied, (size_t)(start - s->copied));
    buf_z(s->respelled, minus ? "-0" : "0");
    buf_add(s->respelled, start + minus, (size_t)(s->p - start) - minus);
    buf_z(s->respelled, ".0");
    s->copied = s->p;
}

static int scan_number(struct scan *s)
{
    const char *start = s->p;
    bool integer = true;
    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (!scan_digits(s))
        return scan_fail(s, "expected a value");
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        integer = false;
        if (!scan_digits(s))
            return scan_fail(s, "expected a digit behind the decimal point");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        integer = false;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!scan_digits(s))
            return scan_fail(s, "expected a digit in the exponent");
    }
    struct str digits = { start, (size_t)(s->p - start) };
    int64_t i;
    uint64_t u;
    if (integer && !str_to_i64(digits, &i) && (*start == '-' || !str_to_u64(digits, &u)))
        respell_big(s, start);
    return 0;
}

static int scan_word(struct scan *s, struct str word)
{
    if (!str_starts((struct str){ s->p, (size_t)(s->end - s->p) }, word))
        return scan_fail(s, "expected a value");
    s->p += word.n;
    return 0;
}

/* Appends what a checked string stands for, so that keys can be compared; half a pair of surrogates as U+FFFD. */
static void unescape(struct buf *out, const char *p, const char *end)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    while (p < end) {
        if (*p != '\\') {
            buf_char(out, *p++);
        } else if (p[1] != 'u') {
            const char *at = strchr(from, p[1]);
            buf_char(out, at ? to[at - from] : p[1]);
            p += 2;
        } else {
            char text[UTF8_MAX];
            uint32_t pair = surrogate_pair(p, end);
            int n = utf8_encode(text, pair ? pair : (uint32_t)code_unit(p, end));
            p += pair ? 12 : 6;
            if (n)
                buf_add(out, text, (size_t)n);
            else
                buf_z(out, "\xef\xbf\xbd");
        }
    }
}

/* `quoted`: a checked key with its quotes. */
static int check_unique(struct scan *s, uint64_t object, struct str quoted)
{
    struct buf key = BUF_INIT(0);
    int rc = 0;
    buf_add(&key, &object, sizeof object);
    unescape(&key, quoted.p + 1, quoted.p + quoted.n - 1);
    int added = key.failed ? -1 : map_set(&s->keys, buf_view(&key), 0);
    if (added < 0) {
        rc = err_set(s->e, ERR_NOMEM, "%s: no memory for its keys", s->what);
    } else if (!added) {
        char problem[256];
        struct str cut = str_sub(quoted, 0, 200);
        snprintf(problem, sizeof problem, "the key %.*s occurs twice", (int)utf8_whole(cut), quoted.p);
        rc = scan_fail(s, problem);
    }
    buf_deinit(&key);
    return rc;
}

static int scan_value(struct scan *s, int depth);

static int scan_member(struct scan *s, uint64_t object, int depth)
{
    scan_space(s);
    const char *key = s->p;
    if (s->p == s->end || *s->p != '"')
        return scan_fail(s, "expected a key in double quotes");
    if (scan_string(s, true))
        return s->e->code;
    if (s->limits->unique && check_unique(s, object, (struct str){ key, (size_t)(s->p - key) }))
        return s->e->code;
    if (!scan_char(s, ':'))
        return scan_fail(s, "expected ':' behind a key");
    return scan_value(s, depth);
}

static int scan_container(struct scan *s, bool object, int depth)
{
    uint64_t number = s->n_objects++;
    char close = object ? '}' : ']';
    s->p++;
    if (depth > s->limits->depth) {
        s->p--;
        return err_set(s->e, ERR_LIMIT, "%s: nested more than %d deep at byte %zu", s->what, s->limits->depth,
                       (size_t)(s->p - s->begin));
    }
    if (scan_char(s, close))
        return 0;
    do {
        if (object ? scan_member(s, number, depth) : scan_value(s, depth))
            return s->e->code;
    } while (scan_char(s, ','));
    if (!scan_char(s, close))
        return scan_fail(s, object ? "expected ',' or '}'" : "expected ',' or ']'");
    return 0;
}

static int scan_value(struct scan *s, int depth)
{
    scan_space(s);
    if (s->p == s->end)
        return scan_fail(s, "the text ends where a value is expected");
    switch (*s->p) {
    case '{':
    case '[':
        return scan_container(s, *s->p == '{', depth + 1);
    case '"':
        return scan_string(s, false);
    case 't':
        return scan_word(s, STR("true"));
    case 'f':
        return scan_word(s, STR("false"));
    case 'n':
        return scan_word(s, STR("null"));
    default:
        return scan_number(s);
    }
}

int json_check(struct str text, const char *what, const struct json_limits *limits, struct buf *respelled,
               struct err *e)
{
    if (text.n > limits->bytes || text.n > INT32_MAX / 2)
        return err_set(e, ERR_LIMIT, "%s: %zu bytes of JSON, more than the limit of %zu", what, text.n, limits->bytes);
    if (limits->depth > DEPTH_MAX)
        return err_set(e, ERR_ARG, "%s: depth limit %d, at most %d is possible", what, limits->depth, DEPTH_MAX);
    struct err local = ERR_INIT;
    struct scan s = { .begin = text.p, .p = text.p, .end = text.p + text.n, .copied = text.p };
    s.what = what;
    s.limits = limits;
    s.e = &local;
    s.respelled = respelled;
    int rc = scan_value(&s, 0);
    if (!rc) {
        scan_space(&s);
        if (s.p != s.end)
            rc = scan_fail(&s, "the text goes on behind its value");
    }
    if (!rc && s.copied != s.begin) {
        buf_add(respelled, s.copied, (size_t)(s.end - s.copied));
        rc = buf_check(respelled, what, &local);
    }
    map_deinit(&s.keys);
    return rc ? err_set(e, rc, "%s", local.msg) : 0;
}
