/* body.c - the bodies of requests while they are read.
 * SPDX-License-Identifier: MIT */
#include "server/body.h"

#include <stdbool.h>

enum { FIRST = 16 << 10 };

/* Counts the memory that n bytes need, by powers of two as the buffer grows. False: the others have it. */
static bool hold(struct body *b, size_t n)
{
    size_t want = b->held ? b->held : FIRST;
    while (want < n)
        want *= 2;
    size_t more = want - b->held;
    if (more && atomic_fetch_add(&b->of->held, more) + more > b->of->together) {
        atomic_fetch_sub(&b->of->held, more);
        return false;
    }
    b->held = want;
    return true;
}

enum body_result body_add(struct body *b, const void *p, size_t n)
{
    if (n > b->of->each || b->bytes.n > b->of->each - n)
        return BODY_TOO_LARGE;
    if (!hold(b, b->bytes.n + n + 1))
        return BODY_NO_ROOM;
    buf_add(&b->bytes, p, n);
    return b->bytes.failed ? BODY_NO_ROOM : BODY_OK;
}

void body_drop(struct body *b)
{
    buf_deinit(&b->bytes);
    atomic_fetch_sub(&b->of->held, b->held);
    b->held = 0;
}
