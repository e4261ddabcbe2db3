/* pages.h - who holds which pages: reference counts over pools of fixed pages, within one budget of bytes.
 *
 * A pool is what one kind of layers keeps (model/kv.h): pages of keys and values of every token, pages of a window, or snapshots of a
 * state, each a page of that pool's size. A page is a number; where its bytes lie is the caller's business. Whoever holds a page holds
 * one reference: a running sequence, the prefix tree, a disk write under way. A page is free when nobody does.
 *
 *   budget  |== pool 0: 0 1 2 3 . 5 ==|== pool 1: 0 1 ==|............ free: for pages of any pool ............|
 *
 * Knows no model. Owned by the engine thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_PAGES_H
#define ENGINE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

enum { PAGES_POOL_MAX = 3 };

struct pages;

/* n_pool pools with pages of page_bytes[i]; all pages in use never exceed `budget` bytes together. Numbers of a pool run from 0 to
 * budget / page_bytes[i] - 1. */
MUST_CHECK int pages_new(struct pages **out, const size_t *page_bytes, int n_pool, size_t budget, struct err *e);
void pages_free(struct pages *p);

int pages_capacity(const struct pages *p, int pool); /* most pages of that pool that can ever be in use */
size_t pages_page_bytes(const struct pages *p, int pool);
size_t pages_budget(const struct pages *p);
size_t pages_used_bytes(const struct pages *p);
size_t pages_free_bytes(const struct pages *p); /* budget - used: pages of any pool can be taken from these */

/* A free page with one reference; -1 if there is none within the budget. The lowest numbers first, so that memory which was touched
 * is touched again. */
MUST_CHECK int32_t pages_take(struct pages *p, int pool);
void pages_ref(struct pages *p, int pool, int32_t page);
/* Gives one reference back; true if the page is free now. */
bool pages_unref(struct pages *p, int pool, int32_t page);
int pages_refs(const struct pages *p, int pool, int32_t page);

/* Test hook: pages_take fails at the nth call from now on (1 is the next) and at all after it; 0 turns it off. */
void pages_fail_after(struct pages *p, long nth);
/* For tests: aborts where counts, bitmaps and the sum of bytes disagree. */
void pages_check(const struct pages *p);

#endif
