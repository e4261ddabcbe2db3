/* map.c - open addressing with linear probing, at most three quarters full; FNV-1a with a final mix.
 * SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <string.h>

#include "base/mem.h"

static uint32_t hash_of(struct str key)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ (unsigned char)key.p[i]) * 0x100000001b3u;
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32);
}

/* An empty key may come without a pointer, which would look like a free slot. */
static struct str with_pointer(struct str key)
{
    return key.p ? key : STR("");
}

/* The slot that holds key, or the free one where it would go. */
static struct map_slot *find(const struct map *m, struct str key, uint32_t hash)
{
    size_t mask = m->cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_slot *s = &m->slots[i];
        if (!s->key || (s->hash == hash && s->n == key.n && memcmp(s->key, key.p, key.n) == 0))
            return s;
    }
}

static int resize(struct map *m, size_t cap)
{
    struct map_slot *slots = mem_try_calloc(cap, sizeof *slots);
    if (!slots)
        return -1;
    struct map old = *m;
    m->slots = slots;
    m->cap = cap;
    for (size_t i = 0; i < old.cap; i++) {
        const struct map_slot *s = &old.slots[i];
        if (s->key)
            *find(m, (struct str){ s->key, s->n }, s->hash) = *s;
    }
    mem_free(old.slots);
    return 0;
}

void map_deinit(struct map *m)
{
    for (size_t i = 0; i < m->cap && !m->borrow; i++)
        mem_free((char *)m->slots[i].key);
    mem_free(m->slots);
    *m = (struct map){ .borrow = m->borrow };
}

int map_reserve(struct map *m, size_t n)
{
    size_t cap = m->cap ? m->cap : 16;
    while (cap / 4 * 3 < n) {
        if (cap > SIZE_MAX / 2 / sizeof *m->slots)
            return -1;
        cap *= 2;
    }
    return cap == m->cap ? 0 : resize(m, cap);
}

int map_set(struct map *m, struct str key, uint32_t value)
{
    key = with_pointer(key);
    if (key.n > UINT32_MAX || map_reserve(m, m->n + 1))
        return -1;
    uint32_t hash = hash_of(key);
    struct map_slot *s = find(m, key, hash);
    if (s->key) {
        s->value = value;
        return 0;
    }
    const char *own = key.p;
    if (!m->borrow) {
        char *copy = mem_try_realloc(NULL, key.n + 1, 1);
        if (!copy)
            return -1;
        if (key.n)
            memcpy(copy, key.p, key.n);
        own = copy;
    }
    *s = (struct map_slot){ .key = own, .n = (uint32_t)key.n, .hash = hash, .value = value };
    m->n++;
    return 1;
}

bool map_get(const struct map *m, struct str key, uint32_t *value)
{
    key = with_pointer(key);
    if (!m->n)
        return false;
    const struct map_slot *s = find(m, key, hash_of(key));
    if (!s->key)
        return false;
    *value = s->value;
    return true;
}
