/* err.c - error messages: the first failure wins.
 * SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Marks a message that did not fit. */
static void end_with_dots(struct err *e)
{
    memcpy(e->msg + ERR_MSG_BYTES - 4, "...", 4);
}

int err_vset(struct err *e, int code, const char *fmt, va_list ap)
{
    if (!e)
        return code;
    if (e->code)
        return e->code;
    e->code = code;
    int n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    if (n >= ERR_MSG_BYTES)
        end_with_dots(e);
    return code;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = err_vset(e, code, fmt, ap);
    va_end(ap);
    return rc;
}

int err_errno(struct err *e, const char *fmt, ...)
{
    int number = errno;
    char what[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return err_set(e, ERR_IO, "%s: %s", what, strerror(number));
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e || !e->code)
        return 0;
    char context[1024], old[ERR_MSG_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof context, fmt, ap);
    va_end(ap);
    memcpy(old, e->msg, sizeof old);
    size_t n = strlen(context), room = sizeof e->msg - n - 3;
    memcpy(e->msg, context, n);
    memcpy(e->msg + n, ": ", 2);
    size_t keep = strnlen(old, sizeof old - 1);
    memcpy(e->msg + n + 2, old, keep < room ? keep : room);
    e->msg[n + 2 + (keep < room ? keep : room)] = '\0';
    if (keep > room)
        end_with_dots(e);
    return e->code;
}

void err_clear(struct err *e)
{
    e->code = 0;
    e->msg[0] = '\0';
}
