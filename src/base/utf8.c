/* utf8.c - UTF-8, strictly (Unicode 15, table 3-7).
 * SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <string.h>

/* Bytes of the character that begins with `lead`, 0 if none does, and the range of the second byte. */
static int expect(unsigned char lead, unsigned char *lo, unsigned char *hi)
{
    *lo = 0x80;
    *hi = 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0)
            *lo = 0xa0;
        if (lead == 0xed)
            *hi = 0x9f;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0)
            *lo = 0x90;
        if (lead == 0xf4)
            *hi = 0x8f;
        return 4;
    }
    return 0;
}

/* How many leading bytes of s begin a right character, and how many that character has (0: none begins here). */
static size_t right_bytes(struct str s, int *length)
{
    unsigned char lo, hi;
    const unsigned char *p = (const unsigned char *)s.p;
    *length = expect(p[0], &lo, &hi);
    if (*length == 0)
        return 0;
    size_t i = 1;
    for (; i < (size_t)*length && i < s.n; i++) {
        if (p[i] < lo || p[i] > hi)
            break;
        lo = 0x80;
        hi = 0xbf;
    }
    return i;
}

int utf8_decode(struct str s, uint32_t *cp)
{
    if (s.n == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)s.p;
    if (p[0] < 0x80) {
        *cp = p[0];
        return 1;
    }
    int length;
    size_t right = right_bytes(s, &length);
    if (length == 0)
        return -1;
    if (right < (size_t)length)
        return right == s.n ? -2 : -1;
    static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = p[0] & mask[length];
    for (int i = 1; i < length; i++)
        c = c << 6 | (p[i] & 0x3f);
    *cp = c;
    return length;
}

int utf8_encode(char *out, uint32_t cp)
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        if (cp >= 0xd800 && cp <= 0xdfff)
            return 0;
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    if (cp > 0x10ffff)
        return 0;
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

/* How many of the first bytes of s are ASCII, in steps of eight. */
static size_t ascii_run(struct str s)
{
    size_t n = 0;
    for (uint64_t v; n + sizeof v <= s.n; n += sizeof v) {
        memcpy(&v, s.p + n, sizeof v);
        if (v & 0x8080808080808080u)
            break;
    }
    return n;
}

bool utf8_valid(struct str s)
{
    uint32_t cp;
    for (;;) {
        size_t run = ascii_run(s);
        s = str_sub(s, run, s.n);
        if (!s.n)
            break;
        int n = utf8_decode(s, &cp);
        if (n <= 0)
            return false;
        s = str_sub(s, (size_t)n, s.n);
    }
    return true;
}

size_t utf8_whole(struct str s)
{
    /* Only the last three bytes can belong to a character that is not there whole. */
    for (size_t back = 1; back <= 3 && back <= s.n; back++) {
        uint32_t cp;
        struct str tail = str_sub(s, s.n - back, s.n);
        if (((unsigned char)tail.p[0] & 0xc0) == 0x80)
            continue;
        return utf8_decode(tail, &cp) == -2 ? s.n - back : s.n;
    }
    return s.n;
}

void utf8_clean(struct buf *out, struct str s)
{
    while (s.n) {
        uint32_t cp;
        int n = utf8_decode(s, &cp);
        if (n > 0) {
            buf_add(out, s.p, (size_t)n);
            s = str_sub(s, (size_t)n, s.n);
            continue;
        }
        int length;
        size_t wrong = right_bytes(s, &length);
        buf_add(out, "\xef\xbf\xbd", 3);
        s = str_sub(s, wrong ? wrong : 1, s.n);
    }
}

size_t utf8_count(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}
