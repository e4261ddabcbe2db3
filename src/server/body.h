/* body.h - the bodies of requests while they are read: each has a limit, and all together have one.
 *
 * Memory is counted as bytes come in, never by what a client announces. Any thread may share a struct bodies; a body has one thread.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_BODY_H
#define SERVER_BODY_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/buf.h"

struct bodies {
    atomic_size_t held;    /* bytes of memory of all bodies */
    size_t each, together; /* most bytes */
};

/* All zeros but `of` is empty. */
struct body {
    struct bodies *of; /* borrowed */
    struct buf bytes;
    size_t held; /* its share of of->held */
};

enum body_result { BODY_OK, BODY_TOO_LARGE, BODY_NO_ROOM };

/* Appends; what does not fit is not kept, and nothing after it. */
enum body_result body_add(struct body *b, const void *p, size_t n);
void body_drop(struct body *b); /* empties, and gives its share back */

#endif
