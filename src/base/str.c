/* str.c - slices of bytes.
 * SPDX-License-Identifier: MIT */
#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

struct str str_from(const char *s)
{
    return (struct str){ s ? s : "", s ? strlen(s) : 0 };
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eqz(struct str a, const char *z)
{
    return str_eq(a, str_from(z));
}

int str_cmp(struct str a, struct str b)
{
    size_t n = MIN(a.n, b.n);
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq((struct str){ s.p, prefix.n }, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq((struct str){ s.p + (s.n - suffix.n), suffix.n }, suffix);
}

ptrdiff_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0)
        return 0;
    for (size_t i = 0; i + needle.n <= s.n; i++) {
        const char *p = memchr(s.p + i, needle.p[0], s.n - needle.n - i + 1);
        if (!p)
            return -1;
        i = (size_t)(p - s.p);
        if (memcmp(p, needle.p, needle.n) == 0)
            return (ptrdiff_t)i;
    }
    return -1;
}

struct str str_sub(struct str s, size_t from, size_t to)
{
    to = MIN(to, s.n);
    from = MIN(from, to);
    return (struct str){ s.p ? s.p + from : s.p, to - from };
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_cut(struct str *s, char sep, struct str *head)
{
    const char *p = s->n ? memchr(s->p, sep, s->n) : NULL;
    if (!p)
        return false;
    *head = (struct str){ s->p, (size_t)(p - s->p) };
    *s = (struct str){ p + 1, s->n - head->n - 1 };
    return true;
}

bool str_to_u64(struct str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9 || v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
    bool negative = s.n && s.p[0] == '-';
    uint64_t v;
    if (!str_to_u64(str_sub(s, negative, s.n), &v) || v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative && v ? -(int64_t)(v - 1) - 1 : (int64_t)v;
    return true;
}

/* Only digits, one point and an exponent: what strtod takes beyond that (hex, inf, leading space) is refused. */
static bool is_decimal(struct str s)
{
    bool digits = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        digits |= c >= '0' && c <= '9';
        if (!(c >= '0' && c <= '9') && !strchr("+-.eE", c))
            return false;
        if (c == '\0')
            return false;
    }
    return digits;
}

bool str_to_double(struct str s, double *out)
{
    char text[400];
    if (s.n == 0 || s.n >= sizeof text || !is_decimal(s))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    /* strtod wants the locale's decimal point. */
    char *point = strchr(text, '.');
    const char *local = localeconv()->decimal_point;
    if (point && local[0] && !local[1])
        *point = local[0];
    char *end;
    double v = strtod(text, &end);
    if (*end || end == text || !isfinite(v))
        return false;
    *out = v;
    return true;
}

int str_distance(struct str a, struct str b, int limit)
{
    enum { MAX_NAME = 200 };
    int rows[3][MAX_NAME + 1];
    if (a.n > MAX_NAME || b.n > MAX_NAME || (a.n > b.n ? a.n - b.n : b.n - a.n) > (size_t)limit)
        return limit + 1;
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= a.n; i++) {
        int *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = a.p[i - 1] == b.p[j - 1];
            row[j] = MIN(MIN(above[j], row[j - 1]) + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                row[j] = MIN(row[j], above2[j - 2] + 1);
        }
    }
    return MIN(rows[a.n % 3][b.n], limit + 1);
}
