/* prefix_node.c - nodes, the table of children, the heap of what may be evicted.
 *
 * Runs are cut often (wherever a branch leaves one, or a lookup ends) and grown often (a prompt is published after every step), so arrays
 * grow by halves. A cut makes a new node above and leaves the old one where it was, so that its children, whose keys have its serial number,
 * and who pinned it, stay right.
 * SPDX-License-Identifier: MIT */
#include "engine/prefix_node.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_BUCKETS = 64, FIRST_HEAP = 64 };

/* --- the heap of unpinned leaves ------------------------------------------------------------------------------------------------ */

static bool is_older(const struct prefix_node *a, const struct prefix_node *b)
{
    return a->last_used != b->last_used ? a->last_used < b->last_used : a->serial < b->serial;
}

static void heap_put(struct prefix *x, size_t i, struct prefix_node *v)
{
    x->heap[i] = v;
    v->heap_at = i + 1;
}

static void heap_up(struct prefix *x, size_t i, struct prefix_node *v)
{
    for (; i && is_older(v, x->heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap_put(x, i, x->heap[(i - 1) / 2]);
    heap_put(x, i, v);
}

static void heap_down(struct prefix *x, size_t i, struct prefix_node *v)
{
    for (;;) {
        size_t c = 2 * i + 1;
        if (c + 1 < x->n_heap && is_older(x->heap[c + 1], x->heap[c]))
            c++;
        if (c >= x->n_heap || !is_older(x->heap[c], v))
            break;
        heap_put(x, i, x->heap[c]);
        i = c;
    }
    heap_put(x, i, v);
}

static void heap_remove(struct prefix *x, struct prefix_node *v)
{
    size_t i = v->heap_at - 1;
    struct prefix_node *last = x->heap[--x->n_heap];
    v->heap_at = 0;
    if (last == v)
        return;
    if (i && is_older(last, x->heap[(i - 1) / 2]))
        heap_up(x, i, last);
    else
        heap_down(x, i, last);
}

/* Puts v into the heap or takes it out, as it is an unpinned leaf or not. */
static void heap_settle(struct prefix *x, struct prefix_node *v)
{
    bool wanted = v != &x->root && !v->first_child && !v->n_pin;
    if (wanted == (v->heap_at > 0))
        return;
    if (!wanted) {
        heap_remove(x, v);
        return;
    }
    if (x->n_heap == x->cap_heap) {
        x->cap_heap = MAX(x->cap_heap * 2, FIRST_HEAP);
        x->heap = xrealloc(x->heap, x->cap_heap * sizeof(struct prefix_node *));
    }
    heap_up(x, x->n_heap++, v);
}

struct prefix_node *node_oldest(const struct prefix *x)
{
    return x->n_heap ? x->heap[0] : NULL;
}

void node_set_aside(struct prefix *x, struct prefix_node *v, struct prefix_node **list)
{
    heap_remove(x, v);
    v->aside = *list;
    *list = v;
}

void node_put_back(struct prefix *x, struct prefix_node *list)
{
    for (; list; list = list->aside)
        heap_settle(x, list);
}

/* --- children ----------------------------------------------------------------------------------------------------------------------- */

static size_t bucket_of(const struct prefix *x, uint64_t serial, int32_t first)
{
    uint64_t h = (serial << 32 ^ (uint32_t)first) * 0x9e3779b97f4a7c15u;
    return (size_t)((h ^ h >> 29) * 0xbf58476d1ce4e5b9u >> 32) & (x->n_bucket - 1);
}

static void table_add(struct prefix *x, struct prefix_node *v)
{
    struct prefix_node **b = &x->buckets[bucket_of(x, v->parent->serial, v->ids[0])];
    v->hash_next = *b;
    *b = v;
}

static void table_remove(struct prefix *x, const struct prefix_node *v)
{
    struct prefix_node **b = &x->buckets[bucket_of(x, v->parent->serial, v->ids[0])];
    while (*b != v)
        b = &(*b)->hash_next;
    *b = v->hash_next;
}

static void table_grow(struct prefix *x)
{
    if (x->buckets && x->stats.n_node < x->n_bucket)
        return;
    mem_free(x->buckets);
    x->n_bucket = MAX(x->n_bucket * 2, FIRST_BUCKETS);
    x->buckets = xcalloc(x->n_bucket, sizeof(struct prefix_node *));
    for (struct prefix_node *v = node_next(x, &x->root); v; v = node_next(x, v))
        table_add(x, v);
}

static void link_child(struct prefix *x, struct prefix_node *parent, struct prefix_node *v)
{
    v->parent = parent;
    v->prev = NULL;
    v->next = parent->first_child;
    if (v->next)
        v->next->prev = v;
    parent->first_child = v;
    table_add(x, v);
    heap_settle(x, parent);
}

static void unlink_child(struct prefix *x, struct prefix_node *v)
{
    table_remove(x, v);
    *(v->prev ? &v->prev->next : &v->parent->first_child) = v->next;
    if (v->next)
        v->next->prev = v->prev;
}

struct prefix_node *node_child(const struct prefix *x, const struct prefix_node *parent, int32_t first)
{
    if (!x->buckets)
        return NULL;
    struct prefix_node *v = x->buckets[bucket_of(x, parent->serial, first)];
    while (v && !(v->parent == parent && v->ids[0] == first))
        v = v->hash_next;
    return v;
}

struct prefix_node *node_next(const struct prefix *x, const struct prefix_node *v)
{
    if (v->first_child)
        return v->first_child;
    while (v != &x->root && !v->next)
        v = v->parent;
    return v == &x->root ? NULL : v->next;
}

struct prefix_node *node_with(struct prefix_node *v, size_t pos)
{
    while (v->from >= pos)
        v = v->parent;
    return v;
}

/* --- pages -------------------------------------------------------------------------------------------------------------------------- */

static void hold(struct prefix *x, int pool, int32_t page)
{
    if (page < 0)
        return;
    pages_ref(x->pages, pool, page);
    if (!x->held[pool][page]++)
        x->stats.bytes += pages_page_bytes(x->pages, pool);
}

static void let_go(struct prefix *x, int pool, int32_t page)
{
    if (page < 0)
        return;
    if (!--x->held[pool][page])
        x->stats.bytes -= pages_page_bytes(x->pages, pool);
    pages_unref(x->pages, pool, page);
}

int32_t node_page(struct prefix_node *v, int pool, size_t index, size_t m)
{
    v = node_with(v, MIN(m, (index + 1) * KV_PAGE_TOK));
    return v->page[pool][index - v->from / KV_PAGE_TOK];
}

void node_set_page(struct prefix *x, struct prefix_node *v, int pool, size_t index, int32_t page)
{
    int32_t *at = &v->page[pool][index - v->from / KV_PAGE_TOK];
    if (*at == page)
        return;
    hold(x, pool, page);
    let_go(x, pool, *at);
    *at = page;
}

static void drop_snapshots(struct prefix *x, struct prefix_node *v, size_t from_index)
{
    for (size_t i = from_index; i < v->n_snap; i++)
        for (int p = 0; p < x->plan.n_pool; p++)
            let_go(x, p, v->snaps[i].page[p]);
    v->n_snap = MIN(v->n_snap, from_index);
}

void node_add_snapshot(struct prefix *x, struct prefix_node *v, const int32_t *page)
{
    if (v->n_snap && v->snaps[v->n_snap - 1].pos == node_end(v))
        return;
    struct prefix_snapshot s = { .pos = node_end(v) };
    bool any = false;
    for (int p = 0; p < PAGES_POOL_MAX; p++) {
        s.page[p] = p < x->plan.n_pool && pool_is_state(x, p) ? page[p] : -1;
        any |= s.page[p] >= 0;
        hold(x, p, s.page[p]);
    }
    if (!any)
        return;
    v->snaps = xrealloc(v->snaps, (v->n_snap + 1) * sizeof *v->snaps);
    v->snaps[v->n_snap++] = s;
}

const struct prefix_snapshot *node_snapshot(const struct prefix_node *v, int pool, size_t pos)
{
    for (size_t i = v->n_snap; i-- > 0;)
        if (v->snaps[i].pos <= pos && v->snaps[i].page[pool] >= 0)
            return &v->snaps[i];
    return NULL;
}

/* --- making, growing, cutting ------------------------------------------------------------------------------------------------------- */

static void node_free(struct prefix_node *v)
{
    mem_free(v->ids);
    for (int p = 0; p < PAGES_POOL_MAX; p++)
        mem_free(v->page[p]);
    mem_free(v->snaps);
    mem_free(v);
}

/* Room for a run of n tokens. */
static bool reserve(struct prefix *x, struct prefix_node *v, size_t n)
{
    if (n > v->cap) {
        size_t cap = MAX(n, v->cap + v->cap / 2);
        int32_t *ids = mem_try_realloc(v->ids, cap, sizeof *ids);
        if (!ids)
            return false;
        v->ids = ids;
        v->cap = cap;
    }
    size_t n_page = v->cap / KV_PAGE_TOK + 2;
    if (n_page <= v->cap_page)
        return true;
    for (int p = 0; p < x->plan.n_pool; p++) {
        if (pool_is_state(x, p))
            continue;
        int32_t *page = mem_try_realloc(v->page[p], n_page, sizeof *page);
        if (!page)
            return false;
        v->page[p] = page;
    }
    v->cap_page = n_page;
    return true;
}

static struct prefix_node *node_new(struct prefix *x, size_t from, size_t n)
{
    struct prefix_node *v = xcalloc(1, sizeof *v);
    v->from = from;
    if (!reserve(x, v, n)) {
        node_free(v);
        return NULL;
    }
    v->serial = ++x->serial;
    x->stats.n_node++;
    table_grow(x);
    return v;
}

/* Copies what lies behind the end of v's run, which has room: up to n tokens of the path. */
static void append(struct prefix *x, struct prefix_node *v, const int32_t *ids, size_t n, const int32_t *const *pages)
{
    size_t old_n_page = node_n_page(v), end = node_end(v);
    memcpy(v->ids + v->n, ids + end, (n - end) * sizeof *ids);
    x->stats.n_token += n - end;
    v->n = n - v->from;
    for (int p = 0; p < x->plan.n_pool; p++) {
        if (pool_is_state(x, p))
            continue;
        size_t first = v->from / KV_PAGE_TOK;
        /* The page that the old end lies in now has to hold what is behind it as well. */
        if (old_n_page && end % KV_PAGE_TOK)
            node_set_page(x, v, p, end / KV_PAGE_TOK, pages[p][end / KV_PAGE_TOK]);
        for (size_t i = old_n_page; i < node_n_page(v); i++) {
            v->page[p][i] = pages[p][first + i];
            hold(x, p, v->page[p][i]);
        }
    }
}

struct prefix_node *node_add(struct prefix *x, struct prefix_node *parent, const int32_t *ids, size_t n,
                             const int32_t *const *pages)
{
    struct prefix_node *v = node_new(x, node_end(parent), n - node_end(parent));
    if (!v)
        return NULL;
    append(x, v, ids, n, pages);
    link_child(x, parent, v);
    heap_settle(x, v);
    return v;
}

bool node_extend(struct prefix *x, struct prefix_node *v, const int32_t *ids, size_t n, const int32_t *const *pages)
{
    if (!reserve(x, v, n - v->from))
        return false;
    append(x, v, ids, n, pages);
    return true;
}

/* Moves the snapshots of v that lie at or before its new beginning to the node above. */
static void split_snapshots(struct prefix_node *v, struct prefix_node *upper)
{
    size_t n = 0;
    while (n < v->n_snap && v->snaps[n].pos <= node_end(upper))
        n++;
    if (!n)
        return;
    upper->snaps = xcalloc(n, sizeof *upper->snaps);
    memcpy(upper->snaps, v->snaps, n * sizeof *v->snaps);
    upper->n_snap = n;
    v->n_snap -= n;
    memmove(v->snaps, v->snaps + n, v->n_snap * sizeof *v->snaps);
}

struct prefix_node *node_split(struct prefix *x, struct prefix_node *v, size_t k)
{
    assert(k > 0 && k < v->n);
    struct prefix_node *upper = node_new(x, v->from, k);
    if (!upper)
        return NULL;
    size_t n_page = node_n_page(v), skip = (v->from + k) / KV_PAGE_TOK - v->from / KV_PAGE_TOK;
    upper->n = k;
    memcpy(upper->ids, v->ids, k * sizeof *v->ids);
    for (int p = 0; p < x->plan.n_pool; p++) {
        if (pool_is_state(x, p))
            continue;
        memcpy(upper->page[p], v->page[p], node_n_page(upper) * sizeof *v->page[p]);
        memmove(v->page[p], v->page[p] + skip, (n_page - skip) * sizeof *v->page[p]);
        /* A page that the cut goes through belongs to both. */
        if ((v->from + k) % KV_PAGE_TOK)
            hold(x, p, v->page[p][0]);
    }
    upper->last_used = v->last_used;
    upper->n_pin_below = v->n_pin_below;
    split_snapshots(v, upper);
    unlink_child(x, v);
    link_child(x, v->parent, upper);
    v->n -= k;
    v->from += k;
    memmove(v->ids, v->ids + k, v->n * sizeof *v->ids);
    link_child(x, upper, v);
    return upper;
}

void node_trim(struct prefix *x, struct prefix_node *v, size_t k)
{
    assert(!v->first_child && k > 0 && k <= v->n);
    size_t old_n_page = node_n_page(v), n_snap = 0;
    x->stats.n_token -= v->n - k;
    v->n = k;
    for (int p = 0; p < x->plan.n_pool; p++)
        for (size_t i = node_n_page(v); i < old_n_page && !pool_is_state(x, p); i++)
            let_go(x, p, v->page[p][i]);
    while (n_snap < v->n_snap && v->snaps[n_snap].pos <= node_end(v))
        n_snap++;
    drop_snapshots(x, v, n_snap);
}

void node_remove(struct prefix *x, struct prefix_node *v)
{
    assert(!v->first_child && !v->n_pin);
    for (int p = 0; p < x->plan.n_pool; p++)
        for (size_t i = 0; i < node_n_page(v) && !pool_is_state(x, p); i++)
            let_go(x, p, v->page[p][i]);
    drop_snapshots(x, v, 0);
    x->stats.n_token -= v->n;
    x->stats.n_node--;
    if (v->heap_at)
        heap_remove(x, v);
    unlink_child(x, v);
    heap_settle(x, v->parent);
    node_free(v);
}

/* --- use ------------------------------------------------------------------------------------------------------------------------------ */

void node_pin(struct prefix *x, struct prefix_node *v)
{
    v->n_pin++;
    heap_settle(x, v);
    for (; v; v = v->parent)
        v->n_pin_below++;
}

void node_unpin(struct prefix *x, struct prefix_node *v)
{
    assert(v->n_pin > 0);
    v->n_pin--;
    heap_settle(x, v);
    for (; v; v = v->parent)
        v->n_pin_below--;
}

void node_touch(struct prefix *x, struct prefix_node *v)
{
    x->now++;
    for (; v; v = v->parent) {
        assert(!v->heap_at); /* pinned, or above it: the heap's order is not disturbed */
        v->last_used = x->now;
    }
}
