/* buf.c - growable bytes with a maximum.
 * SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static size_t limit_of(const struct buf *b)
{
    return b->limit ? b->limit : BUF_LIMIT_DEFAULT;
}

void buf_deinit(struct buf *b)
{
    mem_free(b->p);
    *b = BUF_INIT(b->limit);
}

void buf_reset(struct buf *b)
{
    b->failed = false;
    buf_truncate(b, 0);
}

char *buf_room(struct buf *b, size_t n)
{
    size_t limit = limit_of(b);
    if (b->failed || n > limit - MIN(b->n, limit)) {
        b->failed = true;
        return NULL;
    }
    size_t need = b->n + n + 1;
    if (need > b->cap) {
        size_t cap = MAX(need, MIN(MAX(b->cap * 2, 64), limit + 1));
        char *p = mem_try_realloc(b->p, cap, 1);
        if (!p) {
            b->failed = true;
            return NULL;
        }
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_commit(struct buf *b, size_t n)
{
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    char *room = buf_room(b, n);
    if (!room)
        return;
    if (n)
        memcpy(room, p, n);
    buf_commit(b, n);
}

void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_z(struct buf *b, const char *z)
{
    buf_add(b, z, strlen(z));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *room = n < 0 ? NULL : buf_room(b, (size_t)n);
    if (room) {
        vsnprintf(room, (size_t)n + 1, fmt, again);
        buf_commit(b, (size_t)n);
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_drop(struct buf *b, size_t n)
{
    n = MIN(n, b->n);
    if (!n)
        return;
    memmove(b->p, b->p + n, b->n - n);
    buf_truncate(b, b->n - n);
}

void buf_truncate(struct buf *b, size_t n)
{
    b->n = MIN(n, b->n);
    if (b->p)
        b->p[b->n] = '\0';
}

struct str buf_view(const struct buf *b)
{
    return (struct str){ b->p ? b->p : "", b->n };
}

char *buf_take(struct buf *b)
{
    char *p = b->p ? b->p : xstrdup("");
    *b = BUF_INIT(b->limit);
    return p;
}

int buf_check(const struct buf *b, const char *what, struct err *e)
{
    if (!b->failed)
        return 0;
    return err_set(e, ERR_LIMIT, "%s: more than the limit of %zu bytes, or out of memory", what, limit_of(b));
}
