/* bytelevel.c - the alphabet of byte-level BPE.
 *
 * The 68 bytes without a character of their own are 0x00..0x20, 0x7f..0xa0 and 0xad: U+0100 + their rank.
 * SPDX-License-Identifier: MIT */
#include "text/bytelevel.h"

#include "base/utf8.h"

enum { N_LOW = 0x21, N_MIDDLE = 0xa1 - 0x7f, FIRST = 0x100, LAST = FIRST + N_LOW + N_MIDDLE };

static bool is_itself(uint32_t cp)
{
    return (cp > 0x20 && cp < 0x7f) || (cp > 0xa0 && cp < 0x100 && cp != 0xad);
}

uint32_t bytelevel_char(unsigned char byte)
{
    if (is_itself(byte))
        return byte;
    if (byte == 0xad)
        return LAST;
    return byte < N_LOW ? FIRST + (uint32_t)byte : FIRST + N_LOW + (uint32_t)byte - 0x7f;
}

/* The byte that cp stands for, or -1. */
static int byte_of(uint32_t cp)
{
    if (is_itself(cp))
        return (int)cp;
    if (cp < FIRST || cp > LAST)
        return -1;
    if (cp == LAST)
        return 0xad;
    return (int)(cp < FIRST + N_LOW ? cp - FIRST : cp - FIRST - N_LOW + 0x7f);
}

bool bytelevel_bytes(struct str s, struct buf *out)
{
    size_t start = out->n;
    while (s.n) {
        uint32_t cp;
        int n = utf8_decode(s, &cp), byte = n > 0 ? byte_of(cp) : -1;
        if (byte < 0) {
            buf_truncate(out, start);
            return false;
        }
        buf_char(out, (char)byte);
        s = str_sub(s, (size_t)n, s.n);
    }
    return true;
}
