/* map.h - hash map from byte strings to 32-bit numbers, open addressing.
 *
 * Keys are copied unless the map was told to borrow them. A map that is all zeros is valid and empty. Lookups are far more
 * frequent than insertions (vocabulary, merges, tensor names). Owned by one thread while it is built; afterwards any number
 * of threads may look up.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/str.h"

struct map_slot {
    const char *key; /* owned by the map's key store, or borrowed; NULL: free */
    uint32_t n;      /* key length */
    uint32_t hash;
    uint32_t value;
};

struct map {
    struct map_slot *slots; /* owned */
    size_t n, cap;          /* cap is a power of two */
    bool borrow;            /* keys outlive the map and are not copied */
};

void map_deinit(struct map *m);
/* Room for n keys without growing again. -1 if memory is out. */
MUST_CHECK int map_reserve(struct map *m, size_t n);
/* Sets key to value, replacing an old value. 1: the key is new; 0: replaced; -1: memory is out. */
MUST_CHECK int map_set(struct map *m, struct str key, uint32_t value);
bool map_get(const struct map *m, struct str key, uint32_t *value);

#endif
