/* err.h - how a function says why it failed.
 *
 * A function that can fail returns int, 0 or a negative enum err_code, and takes a `struct err *` last. The message is
 * complete as it stands: which file, which field, what was found, what was expected. The first failure wins: filling an
 * err that already holds one changes nothing, so calls can be chained and checked once. `e` may be NULL where the caller
 * wants the code alone. A struct err belongs to one thread and needs no clean-up.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

#include "base/base.h"

enum err_code {
    ERR_IO = -1,          /* the operating system refused: open, read, map */
    ERR_FORMAT = -2,      /* bytes from outside are not what they should be */
    ERR_UNSUPPORTED = -3, /* well formed, but not something Octet does */
    ERR_LIMIT = -4,       /* larger than a stated limit */
    ERR_NOMEM = -5,       /* a size that came from outside could not be allocated */
    ERR_DEVICE = -6,      /* an accelerator failed */
    ERR_CANCELLED = -7,   /* the caller asked to stop */
    ERR_ARG = -8,         /* an option or argument is wrong */
    ERR_BUSY = -9,        /* nothing wrong with it, but no room now: later it may go */
};

enum { ERR_MSG_BYTES = 8192 };

struct err {
    int code; /* 0: no failure yet */
    char msg[ERR_MSG_BYTES];
};

/* An err that holds no failure yet. */
#define ERR_INIT ((struct err){ .code = 0 })

/* Fills *e with `code` and the formatted message unless it holds a failure already; a message too long ends in "...".
 * Returns `code` (or the code of the first failure), so that callers can write `return err_set(e, ERR_IO, ...)`. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* err_set for a caller that has a va_list. */
int err_vset(struct err *e, int code, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);

/* As err_set with ERR_IO, and ": " and the text of errno behind the message. */
int err_errno(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts "context: " before the message of a failure that *e holds. Returns e->code (0 if e is NULL or holds none). */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Forgets a failure. */
void err_clear(struct err *e);

#endif
