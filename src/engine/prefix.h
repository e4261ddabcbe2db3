/* prefix.h - radix tree from token ids to the pages that hold what was computed for them, with LRU eviction.
 *
 * A path from the root spells a sequence of tokens; a node's edge is a run of them, any length. A node holds, for every page that its run
 * touches, one reference. Pages are aligned to absolute positions, runs are not: where a branch leaves a run in the middle of a page,
 * its own first page is a copy that holds the whole page's tokens, so that the page of a position is always that of the deepest node of
 * the path that touches it.
 *
 *   [system + tools: 0..18000)  pages 0..281
 *        |-- [18000..18050)  page 281'  (a copy: slots 0..15 repeat page 281)  282'
 *        `-- [18000..18900)  page 281'' 282'' ...
 *
 * Lookup takes time in the length of the prompt, whatever the number of branches (children are found by hash). At least one token
 * is always left to evaluate. Of a window pool a node keeps what its run still had; of a state pool it holds snapshots at some of its
 * positions, and a hit goes back to the nearest one. Ids below 0 stand for items that are no tokens: the caller interns their contents.
 *
 * Eviction takes pages from the tail of the leaf that was used longest ago; pinned nodes and what lies above them stay.
 * Knows no model. Owned by the engine thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_PREFIX_H
#define ENGINE_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "engine/keep_plan.h"
#include "engine/pages.h"

struct prefix;
struct prefix_node;

/* `pages` is borrowed and outlives the tree. */
MUST_CHECK int prefix_new(struct prefix **out, struct pages *pages, const struct keep_plan *plan, struct err *e);
void prefix_free(struct prefix *x); /* gives every reference back; nothing may be pinned */

/* The longest known beginning of ids[0..n). Pins its node until prefix_unpin. */
struct prefix_hit {
    size_t n;                 /* tokens to continue behind; at most n - 1 */
    size_t n_matched;         /* tokens that the tree knows, >= n: what a window or a state cannot resume is lost */
    struct prefix_node *node; /* pinned; NULL where n is 0 */
};
struct prefix_hit prefix_lookup(struct prefix *x, const int32_t *ids, size_t n);
/* How many tokens a lookup would find, without pinning or counting as a use. */
size_t prefix_probe(const struct prefix *x, const int32_t *ids, size_t n);
/* How many of ids[0..n) the tree spells, whether or not a sequence could go on there. *next: what it has instead of the next of them; -1:
 * nothing, or they are all there. */
size_t prefix_match(const struct prefix *x, const int32_t *ids, size_t n, int32_t *next);
/* The page of the hit that holds position pos of the pool (pos < hit->n, within the window), or the snapshot at hit->n. */
int32_t prefix_hit_page(const struct prefix *x, const struct prefix_hit *hit, int pool, size_t pos);
void prefix_unpin(struct prefix *x, struct prefix_node *node); /* NULL is fine */

/* Makes ids[0..n) known, with the pages that hold them: pages[pool][pos / KV_PAGE_TOK] for full pools and windows (-1 where a window
 * has let go of it); takes references of its own. What the tree knows already stays as it is. `snapshot[pool]`: of state pools, the
 * page with the state after n tokens, -1: none. Returns the node where ids ends, pinned; `pin`, the one of an earlier call for the same
 * sequence (or NULL), is unpinned. Where memory for the records is out the tree learns less: the node may end earlier, or be NULL. */
struct prefix_node *prefix_insert(struct prefix *x, const int32_t *ids, size_t n, const int32_t *const *pages,
                                  const int32_t *snapshot, struct prefix_node *pin);

/* Evicts until at least `bytes` more are free, or nothing is left whose eviction frees anything; returns the bytes that became free. What a
 * running sequence holds, too, stays. */
size_t prefix_evict(struct prefix *x, size_t bytes);
/* Bytes that eviction could free now; more than it would where somebody else holds a page behind others. Walks the tree. */
size_t prefix_evictable(struct prefix *x);
void prefix_clear(struct prefix *x); /* evicts everything unpinned */

struct prefix_stats {
    size_t n_node, n_token;
    size_t bytes; /* of pages that it holds, alone or with others */
    uint64_t n_lookup, n_hit_tokens, n_asked_tokens, n_evicted_tokens;
};
struct prefix_stats prefix_stats(const struct prefix *x);

/* For tests: walks the whole tree and aborts where an invariant is broken. */
void prefix_check(struct prefix *x);
int prefix_page_refs(const struct prefix *x, int pool, int32_t page); /* references on a page that are the tree's */

#endif
