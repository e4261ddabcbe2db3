/* grow.h - arrays that double.
 *
 *   if (!grow(&v, &cap, n + 1, sizeof *v)) return err_set(...);    v[n++] = x;
 *
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GROW_H
#define TEXT_GROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* Room for `need` objects of `size` bytes in the array that *array points to; false, and nothing changes, if memory is out. */
static inline bool grow(void *array, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return true;
    size_t n = *cap ? *cap : 8;
    while (n < need)
        n = n > SIZE_MAX / 2 ? need : n * 2;
    void *p;
    memcpy(&p, array, sizeof p);
    p = mem_try_realloc(p, n, size);
    if (!p)
        return false;
    memcpy(array, &p, sizeof p);
    *cap = n;
    return true;
}

#endif
