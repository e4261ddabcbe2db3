/* keep_plan.h - what a model keeps of a sequence, as the engine's page bookkeeping sees it: one pool for each kind of layer.
 *
 *   full     a page holds KV_PAGE_TOK consecutive tokens, aligned to absolute positions; a sequence of n tokens needs all of them.
 *            It can be continued from any token.
 *   window   pages likewise, but only those that hold one of the last `window` tokens are needed; older ones go back to the pool.
 *            It can be continued from a token whose window is still held.
 *   state    one page is a snapshot of everything that the layers of this kind hold after a token. A sequence has one page that it
 *            overwrites; it can be continued only from where a snapshot was taken.
 *
 * A sequence can be continued from a token where all pools of the model allow it.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_KEEP_PLAN_H
#define ENGINE_KEEP_PLAN_H

#include <stddef.h>

#include "engine/pages.h"
#include "model/kv.h"

struct keep_pool {
    enum keep_kind kind;
    size_t page_bytes;
    size_t window; /* tokens; KEEP_WINDOW */
};

struct keep_plan {
    int n_pool;
    struct keep_pool pool[PAGES_POOL_MAX];
};

#endif
