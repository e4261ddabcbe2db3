/* byte_kind.c - kinds of bytes, and what an automaton does with them.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/byte_kind.h"

#include <string.h>

#include "base/base.h"

enum { PLACES = 8, PAIRS_MAX = 64, SHARED = 6, N_MARK = 36 };

/* Places in a character: between two; 1 to 3 more bytes of any value; behind E0, ED, F0, F4, which allow fewer. -1: not UTF-8. */
static int place_after(int place, uint8_t b)
{
    static const struct {
        uint8_t lo, hi;
        int8_t to;
    } inside[PLACES] = { { 0, 0, 0 },       { 0x80, 0xBF, 0 }, { 0x80, 0xBF, 1 }, { 0x80, 0xBF, 2 },
                         { 0xA0, 0xBF, 1 }, { 0x80, 0x9F, 1 }, { 0x90, 0xBF, 2 }, { 0x80, 0x8F, 2 } };
    if (place)
        return b >= inside[place].lo && b <= inside[place].hi ? inside[place].to : -1;
    if (b < 0x80)
        return 0;
    if (b < 0xC2 || b > 0xF4)
        return -1;
    if (b < 0xE0)
        return 1;
    if (b < 0xF0)
        return b == 0xE0 ? 4 : b == 0xED ? 5 : 2;
    return b == 0xF0 ? 6 : b == 0xF4 ? 7 : 3;
}

uint64_t byte_kind(uint8_t byte)
{
    static const char marks[] = "\t\n\r !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    _Static_assert(sizeof marks - 1 == N_MARK && SHARED + N_MARK < 62, "a bit for each mark");
    if (byte >= 0x80)
        return BYTE_KIND_BEYOND;
    if (byte >= '0' && byte <= '9')
        return UINT64_C(1) << 0;
    if (byte >= 'a' && byte <= 'z')
        return UINT64_C(1) << (byte <= 'f' ? 1 : 2);
    if (byte >= 'A' && byte <= 'Z')
        return UINT64_C(1) << (byte <= 'F' ? 3 : 4);
    const char *mark = byte ? strchr(marks, byte) : NULL;
    return UINT64_C(1) << (mark ? SHARED + (int)(mark - marks) : 5);
}

uint8_t byte_kind_before(uint8_t byte, uint8_t places)
{
    unsigned before = 0;
    if (byte < 0x80)
        return places & 1;
    for (int p = 0; p < PLACES; p++) {
        int to = place_after(p, byte);
        before |= to >= 0 && places >> to & 1 ? 1U << p : 0;
    }
    return (uint8_t)before;
}

/* Whether all characters beyond ASCII lead from the state back to it. False, too, where it takes many states to tell. */
static bool loops_beyond(const struct dfa *d, uint32_t state)
{
    struct {
        int place;
        uint32_t state;
    } v[PAIRS_MAX] = { { 0, state } };
    size_t n = 1;
    for (size_t i = 0; i < n; i++)
        for (int b = 0x80; b < 256; b++) {
            int place = place_after(v[i].place, (uint8_t)b);
            uint32_t to = dfa_next(d, v[i].state, (uint8_t)b);
            size_t k = 0;
            if (place < 0)
                continue;
            if (to == DFA_DEAD || (place == 0 && to != state))
                return false;
            while (k < n && (v[k].place != place || v[k].state != to))
                k++;
            if (k == PAIRS_MAX)
                return false;
            if (k == n) {
                v[n].place = place;
                v[n++].state = to;
            }
        }
    return true;
}

uint64_t byte_kind_loops(const struct dfa *d, uint32_t state)
{
    uint64_t leaves = 0;
    const uint32_t *row = d->next + (size_t)state * d->n_class;
    for (int b = 0; b < 256; b++)
        leaves |= row[d->class_of[b]] != state ? byte_kind((uint8_t)b) : 0;
    if (!(leaves & BYTE_KIND_BEYOND))
        return ~leaves;
    return ~(leaves | BYTE_KIND_BROKEN) | (loops_beyond(d, state) ? BYTE_KIND_BEYOND : 0);
}
