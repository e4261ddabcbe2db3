/* guard.c - bytes before a forbidden page.
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#define _DARWIN_C_SOURCE
#include "support/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void guard_init(struct guard *g, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), usable = (n + page - 1) / page * page;
    g->n = n;
    g->map_bytes = usable + page;
    g->map = mmap(NULL, g->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->map == MAP_FAILED || mprotect((uint8_t *)g->map + usable, page, PROT_NONE) != 0) {
        perror("guard_init");
        abort();
    }
    g->p = (uint8_t *)g->map + usable - n;
}

void guard_deinit(struct guard *g)
{
    if (g->map)
        munmap(g->map, g->map_bytes);
    *g = (struct guard){ .map = NULL };
}
