/* prefix_node.h - nodes of the prefix tree (prefix.h): how they hang together, which pages they hold, how they are cut and grown.
 *
 *   run of tokens     from                                   from + n
 *                      |                                      |
 *   pages      |===64===|===64===|===64===|===64===|===64===|===64===|     page[pool][0] holds position from, aligned to 64
 *                                    ^ snapshots lie behind a token: from < pos <= from + n
 *
 * A node holds a reference for every entry of `page` that is not -1 and for every page of its snapshots. Children are found by a hash
 * of the parent's serial number and their first token, all in one table. Unpinned leaves stand in a heap, the one used longest ago
 * first. Private to prefix.c.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_PREFIX_NODE_H
#define ENGINE_PREFIX_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "engine/keep_plan.h"
#include "engine/pages.h"
#include "engine/prefix.h"

struct prefix_snapshot {
    size_t pos;                   /* tokens that went into it */
    int32_t page[PAGES_POOL_MAX]; /* of state pools; -1: none */
};

struct prefix_node {
    struct prefix_node *parent, *first_child, *prev, *next; /* prev, next: siblings */
    struct prefix_node *hash_next;                          /* in the same bucket */
    uint64_t serial;
    size_t from, n;                /* the run: positions [from, from + n) */
    int32_t *ids;                  /* owned; [cap] */
    int32_t *page[PAGES_POOL_MAX]; /* owned; [cap_page]; of full and window pools */
    size_t cap, cap_page;
    struct prefix_snapshot *snaps; /* owned; [n_snap] in ascending order */
    size_t n_snap;
    int n_pin, n_pin_below; /* of the node; of it and all below it */
    int64_t last_used;
    size_t heap_at;            /* place in the heap + 1; 0: not in it */
    struct prefix_node *aside; /* see node_set_aside */
};

struct prefix {
    struct pages *pages; /* borrowed: outlives the tree */
    struct keep_plan plan;
    struct prefix_node root; /* no run */
    struct prefix_node **buckets;
    size_t n_bucket; /* a power of two */
    struct prefix_node **heap;
    size_t n_heap, cap_heap;
    uint64_t serial;
    int64_t now;                   /* counts uses */
    int32_t *held[PAGES_POOL_MAX]; /* owned; references of the tree by page */
    int32_t *mark[PAGES_POOL_MAX]; /* owned; all 0 between calls */
    struct prefix_stats stats;
};

static inline size_t node_end(const struct prefix_node *v)
{
    return v->from + v->n;
}
/* Entries of page[pool]. */
static inline size_t node_n_page(const struct prefix_node *v)
{
    return v->n ? (node_end(v) - 1) / KV_PAGE_TOK - v->from / KV_PAGE_TOK + 1 : 0;
}
static inline bool pool_is_state(const struct prefix *x, int pool)
{
    return x->plan.pool[pool].kind == KEEP_STATE;
}

/* The next node in an order that has parents first; begins at the root, NULL at the end. */
struct prefix_node *node_next(const struct prefix *x, const struct prefix_node *v);
struct prefix_node *node_child(const struct prefix *x, const struct prefix_node *parent, int32_t first);
/* Of the path that ends with v, the node that holds position pos - 1; pos > 0. */
struct prefix_node *node_with(struct prefix_node *v, size_t pos);
/* The page that holds position `index * KV_PAGE_TOK` and those behind it, for the first m tokens of the path; v is on it, at or below that. */
int32_t node_page(struct prefix_node *v, int pool, size_t index, size_t m);

/* A child for ids[parent's end .. n) with the pages that hold them; NULL if memory is out. */
struct prefix_node *node_add(struct prefix *x, struct prefix_node *parent, const int32_t *ids, size_t n,
                             const int32_t *const *pages);
/* Lengthens the run of a leaf to n tokens, and takes the pages over from where it ended. False, and nothing changed, if memory is out. */
bool node_extend(struct prefix *x, struct prefix_node *v, const int32_t *ids, size_t n, const int32_t *const *pages);
/* Cuts the run behind its first k tokens: they become a new node above v, which is returned; NULL if memory is out. */
struct prefix_node *node_split(struct prefix *x, struct prefix_node *v, size_t k);
/* Cuts a leaf to its first k tokens, k > 0. */
void node_trim(struct prefix *x, struct prefix_node *v, size_t k);
void node_remove(struct prefix *x, struct prefix_node *v); /* a leaf */

/* Sets the page at an index, with a reference of the tree's own; the old one goes back. -1: none. */
void node_set_page(struct prefix *x, struct prefix_node *v, int pool, size_t index, int32_t page);
/* Keeps a snapshot behind the node's last token, unless there is one. */
void node_add_snapshot(struct prefix *x, struct prefix_node *v, const int32_t *page);
/* The last snapshot of the node that lies at or before pos and has a page of the pool; NULL: none. */
const struct prefix_snapshot *node_snapshot(const struct prefix_node *v, int pool, size_t pos);

void node_pin(struct prefix *x, struct prefix_node *v);
void node_unpin(struct prefix *x, struct prefix_node *v);
/* It and all above it were used now. */
void node_touch(struct prefix *x, struct prefix_node *v);
/* The unpinned leaf that was used longest ago; NULL: none. */
struct prefix_node *node_oldest(const struct prefix *x);
/* Takes the oldest leaf out of the heap and into a list, until node_put_back. */
void node_set_aside(struct prefix *x, struct prefix_node *v, struct prefix_node **list);
void node_put_back(struct prefix *x, struct prefix_node *list);

#endif
