/* buf.h - growable bytes with a maximum.
 *
 * A buf that is all zeros is valid and empty (limit 0 means BUF_LIMIT_DEFAULT). `p` is NULL while nothing was ever
 * stored; otherwise p[n] is NUL, so that the content can be read as a C string. Growing beyond the limit, or out of
 * memory, sets `failed`: the content stays as it was, further writes do nothing, and the caller checks once at the end
 * (buf_check). Owned by one thread.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

#define BUF_LIMIT_DEFAULT ((size_t)1 << 30)

struct buf {
    char *p; /* owned */
    size_t n, cap;
    size_t limit; /* largest n; 0: BUF_LIMIT_DEFAULT */
    bool failed;
};

#define BUF_INIT(max) ((struct buf){ .limit = (max) })

void buf_deinit(struct buf *b); /* frees; b is empty and usable again, with its limit */
void buf_reset(struct buf *b);  /* empties, keeps the memory; clears `failed` */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_z(struct buf *b, const char *z);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* n bytes of room behind the content, to be written by the caller and counted with buf_commit; NULL if it failed. */
MUST_CHECK char *buf_room(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
void buf_drop(struct buf *b, size_t n); /* removes the first n bytes */
void buf_truncate(struct buf *b, size_t n);
struct str buf_view(const struct buf *b); /* borrowed: until the next write */
/* The content as a NUL-terminated string that the caller frees (never NULL); b is empty afterwards. */
char *buf_take(struct buf *b);
/* 0, or ERR_LIMIT with a message that names `what` and the limit, if a write failed. */
MUST_CHECK int buf_check(const struct buf *b, const char *what, struct err *e);

#endif
