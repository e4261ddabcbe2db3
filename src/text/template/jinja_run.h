/* jinja_run.h - what one parse or one rendering of a template may spend, where it stands, and why it stopped.
 *
 * Everything that a template makes lives in the run's memory, an arena that is given back at once by jrun_deinit; nothing in it is
 * freed alone. Every operation of a template takes the run. The first failure is kept, with the template's name and the line, and
 * stays: what fails returns a negative code (or NULL, or false) and the callers return at once.
 * Owned by one thread.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_RUN_H
#define TEXT_TEMPLATE_JINJA_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "text/template/jinja.h"

struct jrun_chunk;

struct jrun {
    const char *what;           /* borrowed: names the template in messages */
    int line;                   /* of what is being parsed or evaluated */
    struct err *e;              /* borrowed; may be NULL */
    int code;                   /* of the first failure; 0: none yet */
    uint64_t fuel;              /* steps left */
    int depth;                  /* levels left */
    struct jinja_limits limits; /* as given */
    int64_t now;                /* what strftime_now formats: seconds since the epoch */
    struct jrun_chunk *chunks;  /* owned */
    char *at;                   /* free bytes of the newest chunk */
    size_t room;                /* how many */
    size_t memory;              /* bytes in all chunks */
};

void jrun_init(struct jrun *r, const char *what, const struct jinja_limits *limits, struct err *e);
void jrun_deinit(struct jrun *r);

/* Room for n objects of `size` bytes, zeroed, or for n bytes as they are; NULL after jrun_fail if the limit is reached. */
MUST_CHECK void *jrun_alloc(struct jrun *r, size_t n, size_t size);
MUST_CHECK void *jrun_bytes(struct jrun *r, size_t n);
/* Counts n bytes that lie elsewhere against the limit of memory. */
MUST_CHECK int jrun_count(struct jrun *r, size_t n);

/* Notes a failure unless there is one already: "NAME: line N: message". Returns the code of the first failure. */
int jrun_fail(struct jrun *r, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Takes n steps of fuel. A step pays for one evaluation of a node, for so many bytes copied, compared or hashed, or for so many
 * looked at character by character: whatever an operation does costs fuel in proportion. */
enum { JRUN_COPY_BYTES = 256, JRUN_SCAN_BYTES = 8 };
MUST_CHECK int jrun_spend(struct jrun *r, uint64_t n);
MUST_CHECK static inline int jrun_spend_copy(struct jrun *r, size_t bytes)
{
    return jrun_spend(r, bytes / JRUN_COPY_BYTES);
}
MUST_CHECK static inline int jrun_spend_scan(struct jrun *r, size_t bytes)
{
    return jrun_spend(r, 1 + bytes / JRUN_SCAN_BYTES);
}
/* One level deeper, and back. jrun_leave follows only a jrun_enter that returned 0. */
MUST_CHECK int jrun_enter(struct jrun *r);
static inline void jrun_leave(struct jrun *r)
{
    r->depth++;
}

#endif
