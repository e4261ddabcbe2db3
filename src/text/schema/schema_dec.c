/* schema_dec.c - decimal numbers of any size, exact.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_dec.h"

#include <stdint.h>
#include <string.h>

bool schema_dec_parse(struct schema *s, struct str text, struct schema_dec *out)
{
    struct schema_dec d = { 0 };
    int64_t exp = 0;
    char *p = schema_core_alloc(s, text.n + 1, 1);
    size_t n = 0, i = 0;
    if (i < text.n && text.p[i] == '-') {
        d.neg = true;
        i++;
    }
    bool fraction = false;
    for (; i < text.n && text.p[i] != 'e' && text.p[i] != 'E'; i++) {
        if (text.p[i] == '.') {
            fraction = true;
            continue;
        }
        if (n || text.p[i] != '0')
            p[n++] = text.p[i];
        exp -= fraction;
    }
    if (i < text.n) {
        int64_t given;
        struct str e = str_sub(text, i + 1, text.n);
        if (e.n && e.p[0] == '+')
            e = str_sub(e, 1, e.n);
        if (!str_to_i64(e, &given) || given > 1000000 || given < -1000000)
            return false;
        exp += given;
    }
    for (; n && p[n - 1] == '0'; n--)
        exp++;
    if (n == 0) {
        *out = (struct schema_dec){ .digits = { p, 0 } };
        return true;
    }
    d.digits = (struct str){ p, n };
    d.exp = (int)exp;
    *out = d;
    return n <= SCHEMA_DEC_DIGITS && exp >= -SCHEMA_DEC_DIGITS && (int64_t)n + exp <= SCHEMA_DEC_DIGITS;
}

static int cmp_magnitude(struct schema_dec a, struct schema_dec b)
{
    if (!a.digits.n || !b.digits.n)
        return (a.digits.n > 0) - (b.digits.n > 0);
    int top_a = (int)a.digits.n + a.exp, top_b = (int)b.digits.n + b.exp;
    if (top_a != top_b)
        return top_a < top_b ? -1 : 1;
    return str_cmp(a.digits, b.digits);
}

int schema_dec_cmp(struct schema_dec a, struct schema_dec b)
{
    if (a.neg != b.neg)
        return a.neg ? -1 : 1;
    return a.neg ? cmp_magnitude(b, a) : cmp_magnitude(a, b);
}

bool schema_dec_is_int(struct schema_dec a)
{
    return a.digits.n == 0 || a.exp >= 0;
}

struct schema_dec schema_dec_neg(struct schema_dec a)
{
    a.neg = a.digits.n ? !a.neg : false;
    return a;
}

void schema_dec_whole(struct schema_dec a, struct buf *out)
{
    int whole = (int)a.digits.n + a.exp;
    if (a.digits.n == 0 || whole <= 0) {
        buf_char(out, '0');
        return;
    }
    buf_str(out, str_sub(a.digits, 0, (size_t)whole));
    for (int i = (int)a.digits.n; i < whole; i++)
        buf_char(out, '0');
}

void schema_dec_part(struct schema_dec a, struct buf *out)
{
    int whole = (int)a.digits.n + a.exp;
    if (a.digits.n == 0 || a.exp >= 0)
        return;
    for (int i = whole; i < 0; i++)
        buf_char(out, '0');
    buf_str(out, str_sub(a.digits, (size_t)MAX(whole, 0), a.digits.n));
}
