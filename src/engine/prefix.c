/* prefix.c - the radix tree: nodes, one hash table for all children, trimming of leaves.
 *
 * Expected: prompts of 10^3 to 10^5 tokens, tens to thousands of branches, paths of a few to a few dozen nodes (every place where two
 * prompts part or where one ended is a node's end). A lookup hashes once a node and compares tokens with memcmp in between. Eviction looks at
 * all leaves for the one that was used longest ago: it is rare, and thousands of them take microseconds.
 * SPDX-License-Identifier: MIT */
#include "engine/prefix.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* The state of a pool after `pos` tokens. */
struct snapshot {
    size_t pos;
    int pool;
    int32_t page;
};

struct prefix_node {
    struct prefix_node *parent; /* NULL: the root */
    struct prefix_node *hash_next;
    struct prefix_node *all_prev, *all_next;
    int n_child, n_pin;
    uint64_t last_used;
    size_t start, n; /* the run is tokens [start, start + n) of its path */
    size_t cap;
    int32_t *ids; /* owned; [n] */
    /* Pages start / KV_PAGE_TOK to (start + n - 1) / KV_PAGE_TOK of pools with pages; -1: none. Owned, and a reference each. */
    int32_t *page[PAGES_POOL_MAX];
    struct snapshot *snaps; /* owned; ascending by pos, each with a reference */
    size_t n_snap;
};

struct prefix {
    struct pages *pages; /* borrowed: outlives the tree */
    struct keep_plan plan;
    struct prefix_node root;
    struct prefix_node **buckets; /* owned; [mask + 1] */
    size_t mask, n_node;
    uint64_t clock;
    struct prefix_stats stats;
};

enum { BUCKETS_MIN = 256 };

/* --- nodes ------------------------------------------------------------------------------------------------------------------------------- */

static size_t end_of(const struct prefix_node *x)
{
    return x->start + x->n;
}

static size_t first_page(const struct prefix_node *x)
{
    return x->start / KV_PAGE_TOK;
}

/* Pages that tokens [start, end) touch; end > start. */
static size_t n_pages(size_t start, size_t end)
{
    return (end - 1) / KV_PAGE_TOK + 1 - start / KV_PAGE_TOK;
}

static bool has_pages(const struct prefix *x, int pool)
{
    return x->plan.pool[pool].kind != KEEP_STATE;
}

static size_t bucket_of(const struct prefix *x, const struct prefix_node *parent, int32_t first)
{
    uint64_t h = ((uint64_t)(uintptr_t)parent >> 4) * 0x9e3779b97f4a7c15 ^ (uint32_t)first;
    h *= 0xff51afd7ed558ccd;
    return (size_t)(h >> 32) & x->mask;
}

static struct prefix_node *find_child(const struct prefix *x, const struct prefix_node *parent, int32_t first)
{
    struct prefix_node *c = x->buckets[bucket_of(x, parent, first)];
    while (c && (c->parent != parent || c->ids[0] != first))
        c = c->hash_next;
    return c;
}

static void hash_in(struct prefix *x, struct prefix_node *c)
{
    struct prefix_node **b = &x->buckets[bucket_of(x, c->parent, c->ids[0])];
    c->hash_next = *b;
    *b = c;
}

static void hash_out(struct prefix *x, struct prefix_node *c)
{
    struct prefix_node **b = &x->buckets[bucket_of(x, c->parent, c->ids[0])];
    while (*b != c)
        b = &(*b)->hash_next;
    *b = c->hash_next;
}

static void grow_table(struct prefix *x)
{
    mem_free(x->buckets);
    x->mask = 2 * x->mask + 1;
    x->buckets = xcalloc(x->mask + 1, sizeof *x->buckets);
    for (struct prefix_node *c = x->root.all_next; c != &x->root; c = c->all_next)
        hash_in(x, c);
}

static void link_node(struct prefix *x, struct prefix_node *c)
{
    c->all_next = x->root.all_next;
    c->all_prev = &x->root;
    c->all_next->all_prev = c;
    x->root.all_next = c;
    x->n_node++;
    c->parent->n_child++;
    hash_in(x, c);
    if (x->n_node > x->mask)
        grow_table(x);
}

static void take_ref(struct prefix *x, int pool, int32_t page)
{
    if (page < 0)
        return;
    pages_ref(x->pages, pool, page);
    x->stats.bytes += x->plan.pool[pool].page_bytes;
}

/* Bytes that became free. */
static size_t drop_ref(struct prefix *x, int pool, int32_t page)
{
    if (page < 0)
        return 0;
    x->stats.bytes -= x->plan.pool[pool].page_bytes;
    return pages_unref(x->pages, pool, page) ? x->plan.pool[pool].page_bytes : 0;
}

/* Lengthens the run of x to n tokens of a sequence with these pages. */
static void extend(struct prefix *x, struct prefix_node *c, const int32_t *ids, size_t n, const int32_t *const *pages)
{
    size_t old = c->n ? n_pages(c->start, end_of(c)) : 0, all = n_pages(c->start, n), from = first_page(c);
    size_t run = n - c->start;
    if (run > c->cap) {
        c->cap = MAX(run, c->cap + c->cap / 2);
        c->ids = xrealloc(c->ids, c->cap * sizeof *c->ids);
    }
    memcpy(c->ids + c->n, ids + end_of(c), (run - c->n) * sizeof *ids);
    for (int p = 0; p < x->plan.n_pool; p++) {
        if (!has_pages(x, p))
            continue;
        c->page[p] = xrealloc(c->page[p], all * sizeof *c->page[p]);
        for (size_t i = old; i < all; i++) {
            c->page[p][i] = pages[p][from + i];
            take_ref(x, p, c->page[p][i]);
        }
    }
    x->stats.n_token += run - c->n;
    c->n = run;
}

/* A new node takes the run of c up to token `at` and stands above it; c keeps the rest, its children and its pins. Returns the new one. */
static struct prefix_node *split(struct prefix *x, struct prefix_node *c, size_t at)
{
    struct prefix_node *up = xcalloc(1, sizeof *up);
    size_t keep = at - c->start, from = at / KV_PAGE_TOK - first_page(c), n_up = n_pages(c->start, at);
    hash_out(x, c);
    up->parent = c->parent;
    up->parent->n_child--; /* c, which link_node makes good with up */
    up->start = c->start;
    up->n = up->cap = keep;
    up->last_used = c->last_used;
    up->ids = xmalloc(keep * sizeof *up->ids);
    memcpy(up->ids, c->ids, keep * sizeof *up->ids);
    memmove(c->ids, c->ids + keep, (c->n - keep) * sizeof *c->ids);
    for (int p = 0; p < x->plan.n_pool; p++) {
        size_t n_rest = n_pages(at, end_of(c));
        if (!has_pages(x, p))
            continue;
        up->page[p] = xmalloc(n_up * sizeof *up->page[p]);
        memcpy(up->page[p], c->page[p], n_up * sizeof *up->page[p]);
        memmove(c->page[p], c->page[p] + from, n_rest * sizeof *c->page[p]);
        /* The page that the cut goes through belongs to both. */
        if (at % KV_PAGE_TOK)
            take_ref(x, p, c->page[p][0]);
    }
    size_t k = 0;
    while (k < c->n_snap && c->snaps[k].pos <= at)
        k++;
    if (k) {
        up->snaps = xmalloc(k * sizeof *up->snaps);
        memcpy(up->snaps, c->snaps, k * sizeof *up->snaps);
        memmove(c->snaps, c->snaps + k, (c->n_snap - k) * sizeof *c->snaps);
    }
    up->n_snap = k;
    c->n_snap -= k;
    c->start = at;
    c->n -= keep;
    c->parent = up;
    up->n_child = 1;
    hash_in(x, c); /* before link_node, which may build the table anew from all nodes */
    link_node(x, up);
    return up;
}

static void free_node(struct prefix_node *c)
{
    for (int p = 0; p < PAGES_POOL_MAX; p++)
        mem_free(c->page[p]);
    mem_free(c->ids);
    mem_free(c->snaps);
    mem_free(c);
}

/* Cuts a leaf back to end at `at`, and takes it out if nothing is left. Returns the bytes that became free. */
static size_t trim(struct prefix *x, struct prefix_node *c, size_t at)
{
    size_t freed = 0, all = n_pages(c->start, end_of(c)), left = at > c->start ? n_pages(c->start, at) : 0;
    for (int p = 0; p < x->plan.n_pool; p++)
        for (size_t i = left; has_pages(x, p) && i < all; i++)
            freed += drop_ref(x, p, c->page[p][i]);
    while (c->n_snap && c->snaps[c->n_snap - 1].pos > MAX(at, c->start)) {
        const struct snapshot *s = &c->snaps[--c->n_snap];
        freed += drop_ref(x, s->pool, s->page);
    }
    size_t n = left ? at - c->start : 0;
    x->stats.n_token -= c->n - n;
    x->stats.n_evicted_tokens += c->n - n;
    if (n) {
        c->n = n;
        return freed;
    }
    hash_out(x, c);
    c->all_prev->all_next = c->all_next;
    c->all_next->all_prev = c->all_prev;
    c->parent->n_child--;
    c->parent->last_used = MAX(c->parent->last_used, c->last_used);
    x->n_node--;
    free_node(c);
    return freed;
}

/* --- making and unmaking ------------------------------------------------------------------------------------------------------- */

int prefix_new(struct prefix **out, struct pages *pages, const struct keep_plan *plan, struct err *e)
{
    struct prefix *x = xcalloc(1, sizeof *x);
    x->pages = pages;
    x->plan = *plan;
    x->root.all_next = x->root.all_prev = &x->root;
    x->root.n_pin = 1;
    x->mask = BUCKETS_MIN - 1;
    x->buckets = xcalloc(BUCKETS_MIN, sizeof *x->buckets);
    *out = x;
    (void)e;
    return 0;
}

void prefix_clear(struct prefix *x)
{
    for (bool again = true; again;) {
        again = false;
        for (struct prefix_node *c = x->root.all_next, *next; c != &x->root; c = next) {
            next = c->all_next;
            if (c->n_child || c->n_pin)
                continue;
            trim(x, c, c->start);
            again = true;
        }
    }
}

void prefix_free(struct prefix *x)
{
    if (!x)
        return;
    prefix_clear(x);
    assert(x->n_node == 0);
    mem_free(x->buckets);
    mem_free(x);
}

/* --- lookup -------------------------------------------------------------------------------------------------------------------------- */

static size_t common(const int32_t *a, const int32_t *b, size_t n)
{
    enum { STRIDE = 32 };
    size_t i = 0;
    while (i + STRIDE <= n && memcmp(a + i, b + i, STRIDE * sizeof *a) == 0)
        i += STRIDE;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

/* Follows ids as far as the tree knows them; *at tokens. The last of them is in the run of the node returned. */
static struct prefix_node *walk(const struct prefix *x, const int32_t *ids, size_t n, size_t *at)
{
    const struct prefix_node *node = &x->root;
    *at = 0;
    while (*at < n) {
        const struct prefix_node *c = find_child(x, node, ids[*at]);
        if (!c)
            break;
        *at += common(c->ids, ids + *at, MIN(c->n, n - *at));
        node = c;
        if (*at < end_of(c))
            break;
    }
    return (struct prefix_node *)node;
}

/* The node of the path to `node` whose run holds token pos. */
static const struct prefix_node *holder(const struct prefix_node *node, size_t pos)
{
    while (node->start > pos)
        node = node->parent;
    return node;
}

/* Page of token pos on the path to `node`, of which n tokens count: that of the deepest run that touches it. */
static int32_t page_at(const struct prefix_node *node, int pool, size_t pos, size_t n)
{
    size_t last = MIN(pos / KV_PAGE_TOK * KV_PAGE_TOK + KV_PAGE_TOK, n) - 1;
    const struct prefix_node *c = holder(node, last);
    return c->page[pool][pos / KV_PAGE_TOK - first_page(c)];
}

static int32_t snapshot_at(const struct prefix_node *node, int pool, size_t pos)
{
    const struct prefix_node *c = holder(node, pos - 1);
    for (size_t i = 0; i < c->n_snap; i++)
        if (c->snaps[i].pos == pos && c->snaps[i].pool == pool)
            return c->snaps[i].page;
    return -1;
}

/* Whether a sequence can go on behind n tokens of the path: windows held, states there. */
static bool is_resumable(const struct prefix *x, const struct prefix_node *node, size_t n)
{
    for (int p = 0; p < x->plan.n_pool; p++) {
        const struct keep_pool *k = &x->plan.pool[p];
        if (k->kind == KEEP_STATE && snapshot_at(node, p, n) < 0)
            return false;
        size_t from = k->kind == KEEP_WINDOW && n > k->window ? n - k->window : 0;
        for (size_t pos = from; k->kind == KEEP_WINDOW && pos < n; pos = (pos / KV_PAGE_TOK + 1) * KV_PAGE_TOK)
            if (page_at(node, p, pos, n) < 0)
                return false;
    }
    return true;
}

/* The largest number of tokens, at most n, from which a sequence can go on: n itself, a snapshot, or the end of a run. */
static size_t resumable(const struct prefix *x, const struct prefix_node *node, size_t n)
{
    if (n && is_resumable(x, node, n))
        return n;
    for (const struct prefix_node *c = node; c->parent; c = c->parent) {
        if (end_of(c) < n && is_resumable(x, c, end_of(c)))
            return end_of(c);
        for (size_t i = c->n_snap; i-- > 0;)
            if (c->snaps[i].pos < n && is_resumable(x, c, c->snaps[i].pos))
                return c->snaps[i].pos;
    }
    return 0;
}

size_t prefix_probe(const struct prefix *x, const int32_t *ids, size_t n)
{
    size_t at;
    const struct prefix_node *node = walk(x, ids, n ? n - 1 : 0, &at);
    return resumable(x, node, at);
}

/* The node of the path to `node` that ends at token `at` > 0, after a cut if need be. */
static struct prefix_node *node_ending(struct prefix *x, struct prefix_node *node, size_t at)
{
    while (node->start >= at)
        node = node->parent;
    return end_of(node) > at ? split(x, node, at) : node;
}

static void touch(struct prefix *x, struct prefix_node *node)
{
    node->last_used = ++x->clock;
    node->n_pin++;
}

struct prefix_hit prefix_lookup(struct prefix *x, const int32_t *ids, size_t n)
{
    struct prefix_hit hit = { 0 };
    struct prefix_node *node = walk(x, ids, n ? n - 1 : 0, &hit.n_matched);
    hit.n = resumable(x, node, hit.n_matched);
    x->stats.n_lookup++;
    x->stats.n_asked_tokens += n;
    x->stats.n_hit_tokens += hit.n;
    if (!hit.n)
        return hit;
    /* A node that ends where the hit does: what lies behind it can be evicted while this is pinned. */
    hit.node = node_ending(x, node, hit.n);
    touch(x, hit.node);
    return hit;
}

int32_t prefix_hit_page(const struct prefix *x, const struct prefix_hit *hit, int pool, size_t pos)
{
    return has_pages(x, pool) ? page_at(hit->node, pool, pos, hit->n) : snapshot_at(hit->node, pool, hit->n);
}

void prefix_unpin(struct prefix *x, struct prefix_node *node)
{
    (void)x;
    if (node)
        node->n_pin--;
}

/* --- insertion ----------------------------------------------------------------------------------------------------------------------- */

/* Whether the run can simply grow: a leaf whose last page is the sequence's own, so that both write the same. */
static bool can_extend(const struct prefix *x, const struct prefix_node *c, const int32_t *const *pages)
{
    if (!c->parent || c->n_child)
        return false;
    size_t last = (end_of(c) - 1) / KV_PAGE_TOK;
    for (int p = 0; p < x->plan.n_pool; p++)
        if (has_pages(x, p) && c->page[p][last - first_page(c)] != pages[p][last])
            return false;
    return true;
}

static void add_snapshot(struct prefix *x, struct prefix_node *c, int pool, int32_t page)
{
    if (page < 0 || snapshot_at(c, pool, end_of(c)) >= 0)
        return;
    c->snaps = xrealloc(c->snaps, (c->n_snap + 1) * sizeof *c->snaps);
    c->snaps[c->n_snap++] = (struct snapshot){ end_of(c), pool, page };
    take_ref(x, pool, page);
}

struct prefix_node *prefix_insert(struct prefix *x, const int32_t *ids, size_t n, const int32_t *const *pages,
                                  const int32_t *snapshot, struct prefix_node *pin)
{
    size_t at;
    struct prefix_node *node = walk(x, ids, n, &at);
    if (at)
        node = node_ending(x, node, at);
    if (at < n && can_extend(x, node, pages)) {
        extend(x, node, ids, n, pages);
    } else if (at < n) {
        struct prefix_node *c = xcalloc(1, sizeof *c);
        c->parent = node;
        c->start = at;
        extend(x, c, ids, n, pages);
        link_node(x, c);
        node = c;
    }
    for (int p = 0; p < x->plan.n_pool; p++)
        if (!has_pages(x, p))
            add_snapshot(x, node, p, snapshot[p]);
    touch(x, node);
    prefix_unpin(x, pin);
    return node;
}

/* --- eviction ------------------------------------------------------------------------------------------------------------------------ */

/* Whether taking the leaf's last page away can free it: nobody holds it but this node, and perhaps its parent, whose run ends in the same page. */
static bool frees_something(const struct prefix *x, const struct prefix_node *c)
{
    size_t i = n_pages(c->start, end_of(c)) - 1;
    bool is_parents = i == 0 && c->start % KV_PAGE_TOK;
    for (int p = 0; p < x->plan.n_pool; p++)
        if (has_pages(x, p) && c->page[p][i] >= 0 && pages_refs(x->pages, p, c->page[p][i]) <= 1 + is_parents)
            return true;
    for (size_t k = 0; k < c->n_snap; k++)
        if (pages_refs(x->pages, c->snaps[k].pool, c->snaps[k].page) == 1)
            return true;
    return false;
}

static struct prefix_node *oldest_leaf(const struct prefix *x)
{
    struct prefix_node *old = NULL;
    for (struct prefix_node *c = x->root.all_next; c != &x->root; c = c->all_next)
        if (!c->n_child && !c->n_pin && (!old || c->last_used < old->last_used) && frees_something(x, c))
            old = c;
    return old;
}

size_t prefix_evict(struct prefix *x, size_t bytes)
{
    size_t freed = 0;
    struct prefix_node *c;
    while (freed < bytes && (c = oldest_leaf(x))) {
        /* Page by page, as long as it is this leaf's turn. */
        for (bool gone = false; freed < bytes && !gone;) {
            size_t at = (end_of(c) - 1) / KV_PAGE_TOK * KV_PAGE_TOK;
            gone = at <= c->start;
            freed += trim(x, c, at);
        }
    }
    return freed;
}

/* --- the rest ---------------------------------------------------------------------------------------------------------------------- */

struct prefix_stats prefix_stats(const struct prefix *x)
{
    struct prefix_stats s = x->stats;
    s.n_node = x->n_node;
    return s;
}

/* Every page once for each run that touches it. */
static void check_node(const struct prefix *x, const struct prefix_node *c)
{
    assert(c->n > 0 && c->start == end_of(c->parent) && c->n_pin >= 0);
    assert(find_child(x, c->parent, c->ids[0]) == c);
    for (int p = 0; p < x->plan.n_pool; p++)
        for (size_t i = 0; has_pages(x, p) && i < n_pages(c->start, end_of(c)); i++)
            assert(c->page[p][i] < 0 ? x->plan.pool[p].kind == KEEP_WINDOW
                                     : pages_refs(x->pages, p, c->page[p][i]) > 0);
    for (size_t i = 0; i < c->n_snap; i++)
        assert(c->snaps[i].pos > c->start && c->snaps[i].pos <= end_of(c));
}

void prefix_check(const struct prefix *x)
{
    size_t n_node = 0, n_token = 0, n_child = 0;
    for (const struct prefix_node *c = x->root.all_next; c != &x->root; c = c->all_next) {
        check_node(x, c);
        n_node++;
        n_token += c->n;
        n_child += (size_t)c->n_child;
    }
    assert(n_node == x->n_node && n_token == x->stats.n_token && n_child + (size_t)x->root.n_child == n_node);
    (void)n_token;
    (void)n_child;
}
