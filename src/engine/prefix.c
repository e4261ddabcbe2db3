/* prefix.c - lookup, insertion and eviction over the nodes of prefix_node.h.
 *
 * A lookup walks down comparing runs, then goes back to where all pools can continue: for a window, over pages from the end down until
 * none is missing; for a state, to a snapshot. It cuts the node where it ends, so that a pin protects exactly what was found.
 *
 * An insertion begins at the pin of the one before, so that publishing a prompt step by step costs what is new. Where a leaf ends and its
 * owner goes on, the leaf grows; anywhere else a child is added.
 * SPDX-License-Identifier: MIT */
#include "engine/prefix.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "engine/prefix_node.h"
#include "text/ids.h"

int prefix_new(struct prefix **out, struct pages *pages, const struct keep_plan *plan, struct err *e)
{
    *out = NULL;
    struct prefix *x = xcalloc(1, sizeof *x);
    x->pages = pages;
    x->plan = *plan;
    for (int p = 0; p < plan->n_pool; p++) {
        size_t n = (size_t)MAX(pages_capacity(pages, p), 1);
        x->held[p] = mem_try_calloc(n, sizeof *x->held[p]);
        x->mark[p] = mem_try_calloc(n, sizeof *x->mark[p]);
        if (!x->held[p] || !x->mark[p]) {
            prefix_free(x);
            return err_set(e, ERR_NOMEM, "no memory for the prefix tree's records of %zu pages", n);
        }
    }
    *out = x;
    return 0;
}

void prefix_free(struct prefix *x)
{
    if (!x)
        return;
    assert(!x->root.n_pin_below);
    for (struct prefix_node *v = x->root.first_child, *up; v; v = up) {
        while (v->first_child)
            v = v->first_child;
        up = v->parent;
        node_remove(x, v);
        if (up == &x->root)
            up = up->first_child;
    }
    for (int p = 0; p < PAGES_POOL_MAX; p++) {
        mem_free(x->held[p]);
        mem_free(x->mark[p]);
    }
    mem_free(x->buckets);
    mem_free(x->heap);
    mem_free(x);
}

/* --- lookup ------------------------------------------------------------------------------------------------------------------------- */

/* How many of ids[0..n) the tree spells; *node: where that ends, in the middle of its run or at its end. */
static size_t match(const struct prefix *x, const int32_t *ids, size_t n, struct prefix_node **node)
{
    struct prefix_node *v = (struct prefix_node *)&x->root;
    size_t pos = 0;
    while (pos < n && pos == node_end(v)) {
        struct prefix_node *child = node_child(x, v, ids[pos]);
        if (!child)
            break;
        pos += ids_common(child->ids, ids + pos, MIN(child->n, n - pos));
        v = child;
    }
    *node = v;
    return pos;
}

/* The last position at or before m whose window is held. A page that is missing is no obstacle to what lies before it, nor to where the node that
 * lacks it begins: the one above may have it. */
static size_t window_point(struct prefix_node *v, int pool, size_t window, size_t m)
{
    for (bool whole = false; m && !whole;) {
        size_t first = (m > window ? m - window : 0) / KV_PAGE_TOK;
        whole = true;
        for (size_t end = (m - 1) / KV_PAGE_TOK + 1; whole && end > first; end--) {
            if (node_page(v, pool, end - 1, m) >= 0)
                continue;
            m = MAX((end - 1) * KV_PAGE_TOK, node_with(v, MIN(m, end * KV_PAGE_TOK))->from);
            whole = false;
        }
    }
    return m;
}

static size_t snapshot_point(const struct prefix_node *v, int pool, size_t m)
{
    for (; v->n; v = v->parent) {
        const struct prefix_snapshot *s = node_snapshot(v, pool, m);
        if (s)
            return s->pos;
    }
    return 0;
}

/* The last position at or before m that a sequence can continue from, on the path that ends with v. */
static size_t resume_point(const struct prefix *x, struct prefix_node *v, size_t m)
{
    for (size_t before = m + 1; m && m != before;) {
        before = m;
        for (int p = 0; p < x->plan.n_pool && m; p++) {
            const struct keep_pool *pool = &x->plan.pool[p];
            v = node_with(v, m);
            if (pool->kind == KEEP_WINDOW)
                m = window_point(v, p, pool->window, m);
            else if (pool->kind == KEEP_STATE)
                m = snapshot_point(v, p, m);
        }
    }
    return m;
}

size_t prefix_probe(const struct prefix *x, const int32_t *ids, size_t n)
{
    struct prefix_node *v;
    size_t m = match(x, ids, n, &v);
    return resume_point(x, v, n ? MIN(m, n - 1) : 0);
}

size_t prefix_match(const struct prefix *x, const int32_t *ids, size_t n, int32_t *next)
{
    struct prefix_node *v;
    size_t m = match(x, ids, n, &v);
    *next = -1;
    if (m == n)
        return m;
    if (m < node_end(v)) {
        *next = v->ids[m - v->from];
    } else if (v->first_child) {
        /* Several branches: the one that was used last is the likeliest to have been meant. */
        const struct prefix_node *last = v->first_child;
        for (const struct prefix_node *c = last->next; c; c = c->next)
            last = c->last_used > last->last_used ? c : last;
        *next = last->ids[0];
    }
    return m;
}

struct prefix_hit prefix_lookup(struct prefix *x, const int32_t *ids, size_t n)
{
    struct prefix_node *v;
    struct prefix_hit hit = { .n_matched = match(x, ids, n, &v) };
    size_t m = resume_point(x, v, n ? MIN(hit.n_matched, n - 1) : 0);
    x->stats.n_lookup++;
    x->stats.n_asked_tokens += n;
    if (!m)
        return hit;
    v = node_with(v, m);
    if (m < node_end(v))
        v = node_split(x, v, m - v->from);
    if (!v)
        return hit;
    hit.n = m;
    hit.node = v;
    x->stats.n_hit_tokens += m;
    node_pin(x, v);
    node_touch(x, v);
    return hit;
}

int32_t prefix_hit_page(const struct prefix *x, const struct prefix_hit *hit, int pool, size_t pos)
{
    if (pool_is_state(x, pool))
        return node_snapshot(hit->node, pool, hit->n)->page[pool];
    return node_page(hit->node, pool, pos / KV_PAGE_TOK, hit->n);
}

void prefix_unpin(struct prefix *x, struct prefix_node *node)
{
    if (node)
        node_unpin(x, node);
}

/* --- insertion ---------------------------------------------------------------------------------------------------------------------- */

/* Whether the leaf v may grow by what its inserter has: nobody else relies on where it ends, and the page that it ends in can be replaced
 * by the inserter's. */
static bool can_extend(const struct prefix *x, const struct prefix_node *v, const struct prefix_node *pin,
                       const int32_t *const *pages)
{
    size_t end = node_end(v);
    if (v == &x->root || v->first_child || v->n_pin != (v == pin))
        return false;
    for (int p = 0; p < x->plan.n_pool && end % KV_PAGE_TOK; p++) {
        size_t index = end / KV_PAGE_TOK;
        if (!pool_is_state(x, p) && pages[p][index] < 0 && v->page[p][index - v->from / KV_PAGE_TOK] >= 0)
            return false;
    }
    return true;
}

/* Gives a known node the window pages that it lacks and the inserter still has. */
static void fill_windows(struct prefix *x, struct prefix_node *v, const int32_t *const *pages)
{
    for (int p = 0; p < x->plan.n_pool; p++) {
        if (x->plan.pool[p].kind != KEEP_WINDOW)
            continue;
        for (size_t i = 0, first = v->from / KV_PAGE_TOK; i < node_n_page(v); i++)
            if (v->page[p][i] < 0 && pages[p][first + i] >= 0)
                node_set_page(x, v, p, first + i, pages[p][first + i]);
    }
}

/* Walks down from v along ids[0..n) as far as the tree knows them, and cuts the last node where that ends. False if memory is out. */
static bool descend(struct prefix *x, struct prefix_node **at, const int32_t *ids, size_t n,
                    const int32_t *const *pages)
{
    while (node_end(*at) < n) {
        size_t pos = node_end(*at);
        struct prefix_node *child = node_child(x, *at, ids[pos]);
        if (!child)
            return true;
        size_t k = ids_common(child->ids, ids + pos, MIN(child->n, n - pos));
        if (k < child->n)
            child = node_split(x, child, k);
        if (!child)
            return false;
        fill_windows(x, child, pages);
        *at = child;
    }
    return true;
}

struct prefix_node *prefix_insert(struct prefix *x, const int32_t *ids, size_t n, const int32_t *const *pages,
                                  const int32_t *snapshot, struct prefix_node *pin)
{
    struct prefix_node *v = pin && node_end(pin) <= n ? pin : &x->root;
    if (descend(x, &v, ids, n, pages) && node_end(v) < n) {
        struct prefix_node *child = NULL;
        if (can_extend(x, v, pin, pages))
            child = node_extend(x, v, ids, n, pages) ? v : NULL;
        else
            child = node_add(x, v, ids, n, pages);
        v = child ? child : v;
    }
    if (v == &x->root) {
        prefix_unpin(x, pin);
        return NULL;
    }
    if (snapshot && node_end(v) == n)
        node_add_snapshot(x, v, snapshot);
    node_pin(x, v);
    node_touch(x, v);
    prefix_unpin(x, pin);
    return v;
}

/* --- eviction ----------------------------------------------------------------------------------------------------------------------- */

/* Whether anybody but the tree holds every page that cutting the leaf's last page away would give back. */
static bool is_held(const struct prefix *x, const struct prefix_node *v)
{
    for (int p = 0; p < x->plan.n_pool; p++) {
        int32_t page = pool_is_state(x, p) ? -1 : v->page[p][node_n_page(v) - 1];
        if (page >= 0 && x->held[p][page] == pages_refs(x->pages, p, page))
            return false;
        for (size_t i = 0; i < v->n_snap; i++)
            if (v->snaps[i].page[p] >= 0 && pages_refs(x->pages, p, v->snaps[i].page[p]) == 1)
                return false;
    }
    return true;
}

/* Cuts the last page of a leaf away, and the leaf if that is all it has. */
static void cut_page(struct prefix *x, struct prefix_node *v)
{
    size_t at = (node_end(v) - 1) / KV_PAGE_TOK * KV_PAGE_TOK, n_token = x->stats.n_token;
    if (at > v->from)
        node_trim(x, v, at - v->from);
    else
        node_remove(x, v);
    x->stats.n_evicted_tokens += n_token - x->stats.n_token;
}

size_t prefix_evict(struct prefix *x, size_t bytes)
{
    size_t before = pages_free_bytes(x->pages);
    struct prefix_node *v, *aside = NULL;
    while (pages_free_bytes(x->pages) - before < bytes && (v = node_oldest(x))) {
        if (is_held(x, v))
            node_set_aside(x, v, &aside);
        else
            cut_page(x, v);
    }
    node_put_back(x, aside);
    return pages_free_bytes(x->pages) - before;
}

void prefix_clear(struct prefix *x)
{
    for (struct prefix_node *v; (v = node_oldest(x));) {
        x->stats.n_evicted_tokens += v->n;
        node_remove(x, v);
    }
}

/* Calls fn for every page that the node holds. */
typedef void page_fn(struct prefix *x, int pool, int32_t page, size_t *sum);
static void each_page(struct prefix *x, const struct prefix_node *v, page_fn *fn, size_t *sum)
{
    for (int p = 0; p < x->plan.n_pool; p++) {
        for (size_t i = 0; !pool_is_state(x, p) && i < node_n_page(v); i++)
            if (v->page[p][i] >= 0)
                fn(x, p, v->page[p][i], sum);
        for (size_t i = 0; i < v->n_snap; i++)
            if (v->snaps[i].page[p] >= 0)
                fn(x, p, v->snaps[i].page[p], sum);
    }
}

static void count_page(struct prefix *x, int pool, int32_t page, size_t *sum)
{
    (void)sum;
    x->mark[pool][page]++;
}

/* A page becomes free if all its references are among those counted. */
static void settle_page(struct prefix *x, int pool, int32_t page, size_t *sum)
{
    if (x->mark[pool][page] && x->mark[pool][page] == pages_refs(x->pages, pool, page))
        *sum += pages_page_bytes(x->pages, pool);
    x->mark[pool][page] = 0;
}

size_t prefix_evictable(struct prefix *x)
{
    size_t bytes = 0;
    for (const struct prefix_node *v = node_next(x, &x->root); v; v = node_next(x, v))
        if (!v->n_pin_below)
            each_page(x, v, count_page, NULL);
    for (const struct prefix_node *v = node_next(x, &x->root); v; v = node_next(x, v))
        if (!v->n_pin_below)
            each_page(x, v, settle_page, &bytes);
    return bytes;
}

/* --- looking at it ------------------------------------------------------------------------------------------------------------------ */

struct prefix_stats prefix_stats(const struct prefix *x)
{
    return x->stats;
}

int prefix_page_refs(const struct prefix *x, int pool, int32_t page)
{
    return x->held[pool][page];
}

static void check_node(const struct prefix *x, const struct prefix_node *v)
{
    assert(v->n > 0 && v->from == node_end(v->parent) && v->n <= v->cap && node_n_page(v) <= v->cap_page);
    assert(node_child(x, v->parent, v->ids[0]) == v);
    assert(v->last_used <= v->parent->last_used || v->parent == &x->root);
    assert((v->heap_at > 0) == (!v->first_child && !v->n_pin));
    assert(!v->heap_at || x->heap[v->heap_at - 1] == v);
    size_t pos = v->from;
    for (size_t i = 0; i < v->n_snap; i++) {
        assert(v->snaps[i].pos > pos && v->snaps[i].pos <= node_end(v));
        pos = v->snaps[i].pos;
    }
    int n_pin = v->n_pin;
    for (const struct prefix_node *c = v->first_child; c; c = c->next) {
        assert(c->parent == v && (c->prev ? c->prev->next : v->first_child) == c);
        n_pin += c->n_pin_below;
    }
    assert(n_pin == v->n_pin_below);
    for (int p = 0; p < x->plan.n_pool; p++)
        for (size_t i = 0; x->plan.pool[p].kind == KEEP_FULL && i < node_n_page(v); i++)
            assert(v->page[p][i] >= 0);
}

static void check_page(struct prefix *x, int pool, int32_t page, size_t *sum)
{
    assert(x->mark[pool][page] == x->held[pool][page]);
    assert(x->held[pool][page] <= pages_refs(x->pages, pool, page));
    (void)sum;
}

static void clear_page(struct prefix *x, int pool, int32_t page, size_t *sum)
{
    if (x->mark[pool][page])
        *sum += pages_page_bytes(x->pages, pool);
    x->mark[pool][page] = 0;
}

void prefix_check(struct prefix *x)
{
    size_t n_node = 0, n_token = 0, n_leaf = 0, bytes = 0;
    for (const struct prefix_node *v = node_next(x, &x->root); v; v = node_next(x, v)) {
        check_node(x, v);
        n_node++;
        n_token += v->n;
        n_leaf += v->heap_at > 0;
        each_page(x, v, count_page, NULL);
    }
    for (const struct prefix_node *v = node_next(x, &x->root); v; v = node_next(x, v))
        each_page(x, v, check_page, NULL);
    for (const struct prefix_node *v = node_next(x, &x->root); v; v = node_next(x, v))
        each_page(x, v, clear_page, &bytes);
    assert(n_node == x->stats.n_node && n_token == x->stats.n_token && bytes == x->stats.bytes);
    assert(n_leaf == x->n_heap && !x->root.n_pin);
    for (size_t i = 1; i < x->n_heap; i++) {
        const struct prefix_node *a = x->heap[(i - 1) / 2], *b = x->heap[i];
        assert(a->last_used < b->last_used || (a->last_used == b->last_used && a->serial < b->serial));
    }
}
