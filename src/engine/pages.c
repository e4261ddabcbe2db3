/* pages.c - reference counts, and for each pool a tree of bitmaps that finds the lowest free page.
 *
 * Level 0 has one bit for each page, set while it is in use; a bit of level k + 1 is set where a whole word of level k is. Looking for the
 * lowest clear bit from the top takes one word for each level: four levels hold 16 million pages.
 * SPDX-License-Identifier: MIT */
#include "engine/pages.h"

#include <assert.h>

#include "base/mem.h"

enum { WORD_BITS = 64, MAX_LEVELS = 6 };

struct pool {
    size_t page_bytes;
    int32_t capacity;
    size_t n_used;
    int32_t *refs; /* owned; [capacity] */
    int n_level;
    uint64_t *used[MAX_LEVELS]; /* owned */
};

struct pages {
    struct pool pool[PAGES_POOL_MAX];
    int n_pool;
    size_t budget, used_bytes;
    long fail_after; /* 1: every take fails; n: after n - 1 more; 0: off */
};

static bool pool_init(struct pool *p, size_t page_bytes, size_t budget)
{
    p->page_bytes = page_bytes;
    p->capacity = (int32_t)MIN(budget / page_bytes, (size_t)INT32_MAX);
    p->refs = mem_try_calloc(MAX((size_t)p->capacity, 1), sizeof *p->refs);
    if (!p->refs)
        return false;
    size_t n = (size_t)p->capacity;
    do {
        n = (n + WORD_BITS - 1) / WORD_BITS;
        uint64_t *words = mem_try_calloc(MAX(n, 1), sizeof *words);
        if (!words)
            return false;
        p->used[p->n_level++] = words;
    } while (n > 1);
    return true;
}

int pages_new(struct pages **out, const size_t *page_bytes, int n_pool, size_t budget, struct err *e)
{
    *out = NULL;
    assert(n_pool >= 1 && n_pool <= PAGES_POOL_MAX);
    struct pages *p = xcalloc(1, sizeof *p);
    p->budget = budget;
    for (int i = 0; i < n_pool; i++) {
        assert(page_bytes[i] > 0);
        p->n_pool++;
        if (!pool_init(&p->pool[i], page_bytes[i], budget)) {
            pages_free(p);
            return err_set(e, ERR_NOMEM, "no memory for the records of pages of %zu bytes within %zu bytes",
                           page_bytes[i], budget);
        }
    }
    *out = p;
    return 0;
}

void pages_free(struct pages *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n_pool; i++) {
        mem_free(p->pool[i].refs);
        for (int k = 0; k < p->pool[i].n_level; k++)
            mem_free(p->pool[i].used[k]);
    }
    mem_free(p);
}

int pages_capacity(const struct pages *p, int pool)
{
    return p->pool[pool].capacity;
}

size_t pages_page_bytes(const struct pages *p, int pool)
{
    return p->pool[pool].page_bytes;
}

size_t pages_budget(const struct pages *p)
{
    return p->budget;
}

size_t pages_used_bytes(const struct pages *p)
{
    return p->used_bytes;
}

size_t pages_free_bytes(const struct pages *p)
{
    return p->budget - p->used_bytes;
}

/* The lowest page whose bit is clear; there is one. Bits behind the last page are clear too, but never the lowest. */
static size_t lowest_free(const struct pool *p)
{
    size_t at = 0;
    for (int k = p->n_level - 1; k >= 0; k--)
        at = at * WORD_BITS + (size_t)__builtin_ctzll(~p->used[k][at]);
    return at;
}

static void mark(struct pool *p, size_t at, bool used)
{
    for (int k = 0; k < p->n_level; k++) {
        uint64_t *word = &p->used[k][at / WORD_BITS], bit = (uint64_t)1 << at % WORD_BITS;
        bool was_full = *word == UINT64_MAX;
        *word = used ? *word | bit : *word & ~bit;
        if (was_full == (*word == UINT64_MAX))
            return;
        at /= WORD_BITS;
    }
}

int32_t pages_take(struct pages *p, int pool)
{
    struct pool *q = &p->pool[pool];
    if (p->fail_after == 1)
        return -1;
    if (p->fail_after)
        p->fail_after--;
    if (q->n_used == (size_t)q->capacity || q->page_bytes > pages_free_bytes(p))
        return -1;
    size_t at = lowest_free(q);
    mark(q, at, true);
    q->refs[at] = 1;
    q->n_used++;
    p->used_bytes += q->page_bytes;
    return (int32_t)at;
}

void pages_ref(struct pages *p, int pool, int32_t page)
{
    assert(pages_refs(p, pool, page) > 0);
    p->pool[pool].refs[page]++;
}

bool pages_unref(struct pages *p, int pool, int32_t page)
{
    struct pool *q = &p->pool[pool];
    assert(pages_refs(p, pool, page) > 0);
    if (--q->refs[page])
        return false;
    mark(q, (size_t)page, false);
    q->n_used--;
    p->used_bytes -= q->page_bytes;
    return true;
}

int pages_refs(const struct pages *p, int pool, int32_t page)
{
    assert(pool >= 0 && pool < p->n_pool && page >= 0 && page < p->pool[pool].capacity);
    return p->pool[pool].refs[page];
}

void pages_fail_after(struct pages *p, long nth)
{
    p->fail_after = nth;
}

static void check_pool(const struct pool *p)
{
    size_t n_used = 0;
    for (size_t at = 0; at < (size_t)p->capacity; at++) {
        bool used = p->refs[at] > 0;
        assert(p->refs[at] >= 0);
        assert(used == (p->used[0][at / WORD_BITS] >> at % WORD_BITS & 1));
        n_used += used;
    }
    assert(n_used == p->n_used);
    size_t n = ((size_t)p->capacity + WORD_BITS - 1) / WORD_BITS;
    for (int k = 0; k + 1 < p->n_level; k++) {
        for (size_t i = 0; i < n; i++)
            assert((p->used[k][i] == UINT64_MAX) == (p->used[k + 1][i / WORD_BITS] >> i % WORD_BITS & 1));
        n = (n + WORD_BITS - 1) / WORD_BITS;
    }
}

void pages_check(const struct pages *p)
{
    size_t bytes = 0;
    for (int i = 0; i < p->n_pool; i++) {
        check_pool(&p->pool[i]);
        bytes += p->pool[i].n_used * p->pool[i].page_bytes;
    }
    assert(bytes == p->used_bytes && bytes <= p->budget);
}
