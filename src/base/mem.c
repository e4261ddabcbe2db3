/* mem.c - allocation.
 * SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Test hook: mem_try calls left before they fail; 0: off, negative: failing. */
static atomic_long until_failure;

bool mem_made_to_fail(void)
{
    long left = atomic_load_explicit(&until_failure, memory_order_relaxed);
    if (left == 0)
        return false;
    if (left < 0)
        return true;
    left = atomic_fetch_sub(&until_failure, 1);
    if (left > 1)
        return false;
    atomic_store(&until_failure, -1);
    return true;
}

void mem_fail_after(long nth)
{
    atomic_store(&until_failure, nth);
}

static void *or_abort(void *p, size_t n)
{
    if (!p) {
        fprintf(stderr, "octet: out of memory (%zu bytes)\n", n);
        abort();
    }
    return p;
}

void *xmalloc(size_t n)
{
    return or_abort(malloc(n ? n : 1), n);
}

void *xcalloc(size_t n, size_t size)
{
    size_t total;
    if (!mem_mul(n, size, &total))
        total = SIZE_MAX;
    return or_abort(calloc(n ? n : 1, size ? size : 1), total);
}

void *xrealloc(void *p, size_t n)
{
    return or_abort(realloc(p, n ? n : 1), n);
}

char *xstrdup(const char *s)
{
    return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
    char *p = xmalloc(n + 1);
    if (n)
        memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

void *mem_try_calloc(size_t n, size_t size)
{
    size_t total;
    if (mem_made_to_fail() || !mem_mul(n, size, &total))
        return NULL;
    return calloc(n ? n : 1, size ? size : 1);
}

void *mem_try_realloc(void *p, size_t n, size_t size)
{
    size_t total;
    if (mem_made_to_fail() || !mem_mul(n, size, &total))
        return NULL;
    return realloc(p, total ? total : 1);
}

void *mem_try_aligned(size_t n, size_t align)
{
    size_t rounded;
    if (mem_made_to_fail() || !mem_add(n, align - 1, &rounded))
        return NULL;
    rounded &= ~(align - 1);
    return aligned_alloc(align, rounded ? rounded : align);
}

void mem_free(void *p)
{
    free(p);
}

bool mem_mul(size_t a, size_t b, size_t *out)
{
    if (a && b > SIZE_MAX / a)
        return false;
    *out = a * b;
    return true;
}

bool mem_add(size_t a, size_t b, size_t *out)
{
    if (b > SIZE_MAX - a)
        return false;
    *out = a + b;
    return true;
}
