/* holding.c - page tables of a sequence, pool by pool.
 * SPDX-License-Identifier: MIT */
#include "engine/holding.h"

static size_t pages_for(size_t n_tok)
{
    return (n_tok + KV_PAGE_TOK - 1) / KV_PAGE_TOK;
}

/* First page that a sequence of n tokens still needs of a pool with pages. */
static size_t first_needed(const struct keep_pool *k, size_t n)
{
    return k->kind == KEEP_WINDOW && n > k->window ? (n - k->window) / KV_PAGE_TOK : 0;
}

static size_t step_rows(const struct batch_opts *o)
{
    return (size_t)MAX(o->limits.chunk_rows, o->limits.small_rows);
}

/* Pages of the pool that a sequence with n_done tokens has in its table when it is to compute tokens up to n. */
static size_t table_for(const struct batch_opts *o, int pool, size_t n_done, size_t n)
{
    switch (o->keep.pool[pool].kind) {
    case KEEP_FULL:
        return pages_for(n);
    case KEEP_WINDOW:
        return pages_for(MIN(n, n_done + step_rows(o)));
    case KEEP_STATE:
        break;
    }
    return 1;
}

uint64_t holding_most(const struct batch_opts *o, size_t n)
{
    uint64_t all = 0;
    for (int p = 0; p < o->keep.n_pool; p++) {
        const struct keep_pool *k = &o->keep.pool[p];
        size_t n_page = k->kind == KEEP_STATE ? 1 : pages_for(n);
        if (k->kind == KEEP_WINDOW)
            n_page = MIN(n_page, pages_for(k->window + step_rows(o)) + 1);
        all += (uint64_t)n_page * k->page_bytes;
    }
    return all;
}

size_t holding_to_admit(const struct holding *h, size_t n_hit, size_t n)
{
    size_t bytes = 0;
    for (int p = 0; p < h->o->keep.n_pool; p++) {
        bool is_state = h->o->keep.pool[p].kind == KEEP_STATE;
        size_t shared = is_state ? 0 : n_hit / KV_PAGE_TOK;
        bytes += (table_for(h->o, p, n_hit, n) - shared) * h->o->keep.pool[p].page_bytes;
    }
    return bytes;
}

size_t holding_missing(const struct holding *h, const struct batch_seq *s, size_t n)
{
    size_t bytes = 0;
    for (int p = 0; p < h->o->keep.n_pool; p++) {
        size_t want = table_for(h->o, p, s->n_done, n);
        bytes += (want - MIN(want, s->n_page[p])) * h->o->keep.pool[p].page_bytes;
    }
    return bytes;
}

static void add(struct batch_seq *s, int pool, int32_t page)
{
    s->page[pool][s->n_page[pool]++] = page;
}

/* Entry i becomes a page whose reference is handed over (-1: none); what was there goes back. */
static void set(const struct holding *h, struct batch_seq *s, int pool, size_t i, int32_t page)
{
    if (s->page[pool][i] >= 0)
        pages_unref(h->pages, pool, s->page[pool][i]);
    s->page[pool][i] = page;
}

/* A page of its own; its bytes are those of page `from` (-1: nobody's; a state begins anew). */
static bool add_own(const struct holding *h, struct batch_seq *s, int pool, int32_t from)
{
    int32_t page = pages_take(h->pages, pool);
    if (page < 0)
        return false;
    if (h->o->copy && (from >= 0 || h->o->keep.pool[pool].kind == KEEP_STATE))
        h->o->copy(h->o->arg, pool, from, page);
    add(s, pool, page);
    return true;
}

bool holding_grow(const struct holding *h, struct batch_seq *s, size_t n)
{
    for (int p = 0; p < h->o->keep.n_pool; p++)
        for (size_t want = table_for(h->o, p, s->n_done, n); s->n_page[p] < want;)
            if (!add_own(h, s, p, -1))
                return false;
    return true;
}

bool holding_adopt(const struct holding *h, struct batch_seq *s, const struct prefix_hit *hit)
{
    size_t whole = hit->n / KV_PAGE_TOK;
    s->n_done = hit->n;
    for (int p = 0; p < h->o->keep.n_pool && hit->n; p++) {
        const struct keep_pool *k = &h->o->keep.pool[p];
        bool is_state = k->kind == KEEP_STATE;
        for (size_t i = 0; i < whole && !is_state; i++) {
            int32_t page = i < first_needed(k, hit->n) ? -1 : prefix_hit_page(h->prefix, hit, p, i * KV_PAGE_TOK);
            if (page >= 0)
                pages_ref(h->pages, p, page);
            add(s, p, page);
        }
        if ((is_state || hit->n % KV_PAGE_TOK) && !add_own(h, s, p, prefix_hit_page(h->prefix, hit, p, hit->n - 1)))
            return false;
    }
    return true;
}

/* Whether entry i is a page that nobody else holds. */
static bool is_own(const struct holding *h, const struct batch_seq *s, int pool, size_t i)
{
    int32_t page = i < s->n_page[pool] ? s->page[pool][i] : -1;
    return page >= 0 && pages_refs(h->pages, pool, page) == 1;
}

size_t holding_to_reserve(const struct holding *h, const struct batch_seq *s, size_t from, size_t n)
{
    size_t bytes = 0;
    for (int p = 0; p < h->o->keep.n_pool; p++) {
        const struct keep_pool *k = &h->o->keep.pool[p];
        for (size_t i = MAX(from / KV_PAGE_TOK, first_needed(k, n)); k->kind != KEEP_STATE && i < pages_for(n); i++)
            bytes += is_own(h, s, p, i) ? 0 : k->page_bytes;
    }
    return bytes;
}

/* Makes entry i, of those that the table has or the one behind them, a page of its own. */
static bool make_own(const struct holding *h, struct batch_seq *s, int pool, size_t i)
{
    if (is_own(h, s, pool, i))
        return true;
    int32_t page = pages_take(h->pages, pool);
    if (page < 0)
        return false;
    if (i == s->n_page[pool])
        add(s, pool, -1);
    set(h, s, pool, i, page);
    return true;
}

bool holding_reserve(const struct holding *h, struct batch_seq *s, size_t from, size_t n)
{
    s->n_done = MIN(s->n_done, from);
    for (int p = 0; p < h->o->keep.n_pool; p++) {
        const struct keep_pool *k = &h->o->keep.pool[p];
        if (k->kind == KEEP_STATE)
            continue; /* a page of its own already */
        size_t i = from / KV_PAGE_TOK;
        for (; i < first_needed(k, n); i++) {
            if (i == s->n_page[p])
                add(s, p, -1);
            set(h, s, p, i, -1);
        }
        for (; i < pages_for(n); i++)
            if (!make_own(h, s, p, i))
                return false;
    }
    return true;
}

void holding_slide(const struct holding *h, struct batch_seq *s)
{
    for (int p = 0; p < h->o->keep.n_pool; p++) {
        if (h->o->keep.pool[p].kind != KEEP_WINDOW)
            continue;
        size_t end = MIN(first_needed(&h->o->keep.pool[p], s->n_done), s->n_page[p]);
        for (size_t i = 0; i < end; i++)
            set(h, s, p, i, -1);
    }
}

void holding_release(const struct holding *h, struct batch_seq *s)
{
    for (int p = 0; p < h->o->keep.n_pool; p++) {
        const int32_t *page = s->page[p]; /* NULL: it could not be had */
        for (size_t i = 0; page && i < s->n_page[p]; i++)
            if (page[i] >= 0)
                pages_unref(h->pages, p, page[i]);
        s->n_page[p] = 0;
    }
    s->n_done = 0;
}
