/* ids.c - growable array of token ids.
 * SPDX-License-Identifier: MIT */
#include "text/ids.h"

#include <string.h>

#include "base/base.h"
#include "base/mem.h"

static void reserve(struct ids *a, size_t n)
{
    if (a->cap - a->n >= n)
        return;
    size_t want, bytes;
    /* A text cannot have more tokens than bytes, so the sizes are already bounded by what is in memory. */
    if (!mem_add(a->n, n, &want) || !mem_mul(MAX(want, MAX(a->cap * 2, 64)), sizeof *a->v, &bytes))
        bytes = SIZE_MAX;
    a->v = xrealloc(a->v, bytes);
    a->cap = bytes / sizeof *a->v;
}

void ids_add(struct ids *a, int32_t id)
{
    if (a->n == a->cap)
        reserve(a, 1);
    a->v[a->n++] = id;
}

void ids_append(struct ids *a, const int32_t *v, size_t n)
{
    if (!n)
        return;
    reserve(a, n);
    memcpy(a->v + a->n, v, n * sizeof *v);
    a->n += n;
}

void ids_deinit(struct ids *a)
{
    mem_free(a->v);
    *a = (struct ids){ 0 };
}

size_t ids_common(const int32_t *a, const int32_t *b, size_t n)
{
    enum { STRIDE = 64 };
    size_t i = 0;
    while (i + STRIDE <= n && !memcmp(a + i, b + i, STRIDE * sizeof *a))
        i += STRIDE;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}
