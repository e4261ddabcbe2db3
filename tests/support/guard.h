/* guard.h - bytes that end at a page nobody may touch, so that a read beyond the end crashes.
 * SPDX-License-Identifier: MIT */
#ifndef SUPPORT_GUARD_H
#define SUPPORT_GUARD_H

#include <stddef.h>
#include <stdint.h>

struct guard {
    uint8_t *p; /* n bytes, zeroed; p + n is the forbidden page */
    size_t n;
    void *map; /* owned */
    size_t map_bytes;
};

void guard_init(struct guard *g, size_t n); /* aborts if the system refuses */
void guard_deinit(struct guard *g);

#endif
