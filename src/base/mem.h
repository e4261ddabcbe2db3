/* mem.h - the only place that allocates.
 *
 * Small sizes that the program itself chooses use the x-functions, which abort when memory is out. A size that comes from
 * a file, a request or a model uses the mem_try functions, which return NULL: the caller reports ERR_NOMEM. Tests make
 * the Nth mem_try call fail. Everything returned here is released with mem_free. Any thread may call.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size); /* zeroed */
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n); /* n bytes and a NUL */

/* n objects of `size` bytes, zeroed; NULL if memory is out or n * size overflows. */
MUST_CHECK void *mem_try_calloc(size_t n, size_t size);
/* p grown or shrunk to n objects of `size` bytes; NULL (and p untouched) if memory is out or the product overflows. */
MUST_CHECK void *mem_try_realloc(void *p, size_t n, size_t size);
/* n bytes aligned to `align` (a power of two), not zeroed; NULL if memory is out. Released with mem_free. */
MUST_CHECK void *mem_try_aligned(size_t n, size_t align);

void mem_free(void *p); /* NULL is fine */

/* *out = a * b or a + b; false on overflow. */
MUST_CHECK bool mem_mul(size_t a, size_t b, size_t *out);
MUST_CHECK bool mem_add(size_t a, size_t b, size_t *out);

/* Test hook: the nth mem_try call from now on (1 is the next) and all after it return NULL; 0 turns it off. */
void mem_fail_after(long nth);
/* Whether a call that allocates by other means, and counts as one of those, has to fail. */
bool mem_made_to_fail(void);

#endif
