/* test_prefix.c - the prefix tree against a list of all that was inserted.
 *
 * Pages here are arrays of hashes: slot pos % KV_PAGE_TOK of a page holds the hash of all tokens up to pos, so that a page that does not
 * belong to the tokens that it is found for shows at once.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "engine/prefix.h"

enum { MAX_TOK = 400, MAX_PAGE = MAX_TOK / KV_PAGE_TOK + 1, MAX_SEQ = 600, WINDOW = 100, PAGE_BYTES = 8 };

static const struct keep_plan full = { 1, { { KEEP_FULL, PAGE_BYTES, 0 } } };
static const struct keep_plan full_window = { 2, { { KEEP_FULL, PAGE_BYTES, 0 }, { KEEP_WINDOW, 6, WINDOW } } };
static const struct keep_plan full_state = { 2, { { KEEP_FULL, PAGE_BYTES, 0 }, { KEEP_STATE, 20, 0 } } };
static const struct keep_plan all_kinds = {
    3, { { KEEP_FULL, PAGE_BYTES, 0 }, { KEEP_WINDOW, 6, WINDOW }, { KEEP_STATE, 20, 0 } }
};

/* One insertion, for the list. */
struct known {
    int32_t ids[MAX_TOK];
    size_t n;
    bool held[PAGES_POOL_MAX][MAX_PAGE];
    bool snapshot;
};

struct world {
    struct keep_plan plan;
    struct pages *pages;
    struct prefix *x;
    uint64_t (*content[PAGES_POOL_MAX])[KV_PAGE_TOK];
    struct known *known;
    size_t n_known;
    struct rng rng;
};

static uint64_t hash(uint64_t h, int32_t id)
{
    return (h ^ (uint32_t)id) * 0x100000001b3u + 0x9e3779b97f4a7c15u;
}

static void world_init(struct world *w, const struct keep_plan *plan, size_t budget, uint64_t seed)
{
    struct err e = ERR_INIT;
    size_t bytes[PAGES_POOL_MAX];
    memset(w, 0, sizeof *w);
    w->plan = *plan;
    for (int p = 0; p < plan->n_pool; p++)
        bytes[p] = plan->pool[p].page_bytes;
    assert_int_equal(pages_new(&w->pages, bytes, plan->n_pool, budget, &e), 0);
    assert_int_equal(prefix_new(&w->x, w->pages, plan, &e), 0);
    for (int p = 0; p < plan->n_pool; p++)
        w->content[p] = xcalloc((size_t)pages_capacity(w->pages, p), sizeof *w->content[p]);
    w->known = xcalloc(MAX_SEQ, sizeof *w->known);
    rng_init(&w->rng, seed);
}

static void world_deinit(struct world *w)
{
    prefix_check(w->x);
    prefix_free(w->x);
    pages_check(w->pages);
    assert_int_equal(pages_used_bytes(w->pages), 0);
    pages_free(w->pages);
    for (int p = 0; p < w->plan.n_pool; p++)
        mem_free(w->content[p]);
    mem_free(w->known);
}

/* A sequence with pages of its own. */
struct seq {
    int32_t ids[MAX_TOK];
    size_t n;
    int32_t page[PAGES_POOL_MAX][MAX_PAGE];
    struct prefix_node *pin;
};

/* Pages for the first n tokens that it lacks. False if there are none. */
static bool seq_fill(struct world *w, struct seq *s, size_t n)
{
    for (int p = 0; p < w->plan.n_pool; p++) {
        bool is_state = w->plan.pool[p].kind == KEEP_STATE;
        size_t n_page = is_state ? 1 : (n + KV_PAGE_TOK - 1) / KV_PAGE_TOK;
        for (size_t i = 0; i < n_page; i++)
            if (s->page[p][i] == -2 && (s->page[p][i] = pages_take(w->pages, p)) < 0) {
                s->page[p][i] = -2;
                return false;
            }
        uint64_t h = 0;
        for (size_t pos = 0; pos < n; pos++) {
            h = hash(h, s->ids[pos]);
            if (is_state)
                w->content[p][s->page[p][0]][0] = h;
            else if (s->page[p][pos / KV_PAGE_TOK] >= 0)
                w->content[p][s->page[p][pos / KV_PAGE_TOK]][pos % KV_PAGE_TOK] = h;
        }
    }
    return true;
}

static void seq_init(struct seq *s)
{
    memset(s, 0, sizeof *s);
    for (int p = 0; p < PAGES_POOL_MAX; p++)
        for (size_t i = 0; i < MAX_PAGE; i++)
            s->page[p][i] = -2; /* not taken yet; -1: gone */
}

/* What lies before the window of n tokens goes. */
static void seq_slide(struct world *w, struct seq *s, size_t n)
{
    for (int p = 0; p < w->plan.n_pool; p++)
        for (size_t i = 0; w->plan.pool[p].kind == KEEP_WINDOW && (i + 1) * KV_PAGE_TOK + WINDOW <= n; i++)
            if (s->page[p][i] != -1) {
                if (s->page[p][i] >= 0)
                    pages_unref(w->pages, p, s->page[p][i]);
                s->page[p][i] = -1;
            }
}

static void seq_drop_page(struct world *w, struct seq *s, int p, size_t i)
{
    if (s->page[p][i] >= 0)
        pages_unref(w->pages, p, s->page[p][i]);
    s->page[p][i] = -2;
}

static void seq_deinit(struct world *w, struct seq *s)
{
    prefix_unpin(w->x, s->pin);
    for (int p = 0; p < w->plan.n_pool; p++)
        for (size_t i = 0; i < MAX_PAGE; i++)
            seq_drop_page(w, s, p, i);
}

static void seq_insert(struct world *w, struct seq *s, size_t n, bool snapshot)
{
    const int32_t *pages[PAGES_POOL_MAX];
    int32_t snaps[PAGES_POOL_MAX] = { -1, -1, -1 };
    struct known *k = &w->known[w->n_known++];
    assert_true(w->n_known <= MAX_SEQ);
    memcpy(k->ids, s->ids, n * sizeof *k->ids);
    k->n = n;
    k->snapshot = snapshot;
    for (int p = 0; p < w->plan.n_pool; p++) {
        pages[p] = s->page[p];
        for (size_t i = 0; i < MAX_PAGE; i++)
            k->held[p][i] = s->page[p][i] >= 0;
        if (snapshot && w->plan.pool[p].kind == KEEP_STATE)
            snaps[p] = s->page[p][0];
    }
    s->pin = prefix_insert(w->x, s->ids, n, pages, snaps, s->pin);
    assert_non_null(s->pin);
    for (int p = 0; p < w->plan.n_pool; p++)
        if (w->plan.pool[p].kind == KEEP_STATE)
            seq_drop_page(w, s, p, 0); /* the next token would overwrite it */
}

static size_t common(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b)
{
    size_t i = 0;
    while (i < n_a && i < n_b && a[i] == b[i])
        i++;
    return i;
}

/* Whether what one insertion left suffices to continue behind m tokens. */
static bool suffices(const struct world *w, const struct known *k, size_t m)
{
    for (int p = 0; p < w->plan.n_pool; p++) {
        if (w->plan.pool[p].kind == KEEP_STATE && !(k->snapshot && k->n == m))
            return false;
        size_t lo = m > WINDOW ? m - WINDOW : 0;
        for (size_t i = lo / KV_PAGE_TOK; w->plan.pool[p].kind == KEEP_WINDOW && i * KV_PAGE_TOK < m; i++)
            if (!k->held[p][i])
                return false;
    }
    return true;
}

static void expected(const struct world *w, const int32_t *ids, size_t n, size_t *matched, size_t *best)
{
    *matched = *best = 0;
    for (size_t i = 0; i < w->n_known; i++) {
        const struct known *k = &w->known[i];
        size_t m = common(ids, n, k->ids, k->n);
        *matched = MAX(*matched, m);
        m = MIN(m, n - 1);
        while (m > *best && !suffices(w, k, m))
            m--;
        *best = MAX(*best, m);
    }
}

/* Whether the pages of a hit hold its tokens. */
static void check_hit(const struct world *w, const struct prefix_hit *hit, const int32_t *ids)
{
    uint64_t h[MAX_TOK + 1] = { 0 };
    for (size_t i = 0; i < hit->n; i++)
        h[i + 1] = hash(h[i], ids[i]);
    for (int p = 0; p < w->plan.n_pool && hit->n; p++) {
        if (w->plan.pool[p].kind == KEEP_STATE) {
            assert_int_equal(w->content[p][prefix_hit_page(w->x, hit, p, hit->n - 1)][0], h[hit->n]);
            continue;
        }
        size_t lo = w->plan.pool[p].kind == KEEP_WINDOW && hit->n > WINDOW ? hit->n - WINDOW : 0;
        for (size_t i = lo; i < hit->n; i++) {
            int32_t page = prefix_hit_page(w->x, hit, p, i);
            assert_true(page >= 0);
            assert_int_equal(w->content[p][page][i % KV_PAGE_TOK], h[i + 1]);
        }
    }
}

/* Tokens that share a random beginning with a random insertion. */
static void make_ids(struct world *w, struct seq *s)
{
    size_t keep = 0;
    s->n = 1 + rng_below(&w->rng, MAX_TOK);
    if (w->n_known && rng_below(&w->rng, 8)) {
        const struct known *k = &w->known[rng_below(&w->rng, (uint32_t)w->n_known)];
        keep = MIN(s->n, rng_below(&w->rng, (uint32_t)k->n + 1));
        memcpy(s->ids, k->ids, keep * sizeof *k->ids);
    }
    for (size_t i = keep; i < s->n; i++)
        s->ids[i] = (int32_t)rng_below(&w->rng, 3) - 1;
}

static void look_up(struct world *w, bool nothing_evicted)
{
    struct seq s;
    size_t matched, best;
    seq_init(&s);
    make_ids(w, &s);
    expected(w, s.ids, s.n, &matched, &best);
    size_t probed = prefix_probe(w->x, s.ids, s.n);
    struct prefix_hit hit = prefix_lookup(w->x, s.ids, s.n);
    assert_int_equal(hit.n, probed);
    assert_true(hit.n < s.n && hit.n <= hit.n_matched && hit.n_matched <= matched);
    assert_int_equal(hit.n > 0, hit.node != NULL);
    if (nothing_evicted) {
        assert_int_equal(hit.n_matched, matched);
        assert_true(hit.n >= best);
        if (w->plan.n_pool == 1 || w->plan.pool[w->plan.n_pool - 1].kind == KEEP_STATE)
            assert_true(hit.n == best || w->plan.n_pool == 3);
    }
    check_hit(w, &hit, s.ids);
    prefix_unpin(w->x, hit.node);
}

/* One sequence from its first token to its last, published in pieces or at once. */
static void run_seq(struct world *w)
{
    struct seq s;
    seq_init(&s);
    make_ids(w, &s);
    for (size_t n = 0; n < s.n && w->n_known < MAX_SEQ;) {
        n = rng_below(&w->rng, 3) ? s.n : n + 1 + rng_below(&w->rng, (uint32_t)(s.n - n));
        if (!seq_fill(w, &s, n)) {
            prefix_evict(w->x, 200);
            if (!seq_fill(w, &s, n))
                break;
        }
        if (rng_below(&w->rng, 2))
            seq_slide(w, &s, n);
        seq_insert(w, &s, n, rng_below(&w->rng, 2));
        prefix_check(w->x);
    }
    seq_deinit(w, &s);
}

static void compare_with_the_list(const struct keep_plan *plan, size_t budget, bool evicts, uint64_t seed)
{
    struct world w;
    world_init(&w, plan, budget, seed);
    while (w.n_known < MAX_SEQ) {
        run_seq(&w);
        look_up(&w, !evicts);
        look_up(&w, !evicts);
        prefix_check(w.x);
        if (!evicts)
            assert_true(prefix_evictable(w.x) == prefix_stats(w.x).bytes);
    }
    assert_int_equal(prefix_stats(w.x).n_evicted_tokens > 0, evicts);
    world_deinit(&w);
}

static void lookups_agree_with_a_list_of_all_insertions(void **state)
{
    (void)state;
    const struct keep_plan *plans[] = { &full, &full_window, &full_state, &all_kinds };
    for (size_t i = 0; i < ARRAY_LEN(plans); i++)
        for (uint64_t seed = 1; seed <= 2; seed++)
            compare_with_the_list(plans[i], 1000000, false, seed);
}

static void what_is_left_after_evictions_is_right(void **state)
{
    (void)state;
    const struct keep_plan *plans[] = { &full, &full_window, &full_state, &all_kinds };
    for (size_t i = 0; i < ARRAY_LEN(plans); i++)
        for (uint64_t seed = 1; seed <= 2; seed++)
            compare_with_the_list(plans[i], 800, true, seed);
}

/* --- single properties ------------------------------------------------------------------------------------------------------------- */

static void count_up(struct seq *s, int32_t first, size_t from, size_t n)
{
    for (size_t i = from; i < n; i++)
        s->ids[i] = first + (int32_t)i;
    s->n = n;
}

static struct seq insert_new(struct world *w, int32_t first, size_t n)
{
    struct seq s;
    seq_init(&s);
    count_up(&s, first, 0, n);
    assert_true(seq_fill(w, &s, n));
    seq_insert(w, &s, n, false);
    return s;
}

static void a_leaf_grows_where_its_owner_goes_on(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &full, 1000, 1);
    struct seq s = insert_new(&w, 0, 100);
    count_up(&s, 0, 100, 300);
    assert_true(seq_fill(&w, &s, 300));
    seq_insert(&w, &s, 300, false);
    assert_int_equal(prefix_stats(w.x).n_node, 1);
    assert_int_equal(prefix_stats(w.x).bytes, 5 * PAGE_BYTES);
    seq_deinit(&w, &s);

    /* Another sequence with a copy of the last page: its copy takes the page's place. */
    seq_init(&s);
    count_up(&s, 0, 0, 310);
    assert_true(seq_fill(&w, &s, 310));
    seq_insert(&w, &s, 310, false);
    assert_int_equal(prefix_stats(w.x).n_node, 1);
    assert_int_equal(prefix_stats(w.x).n_token, 310);
    assert_int_equal(prefix_page_refs(w.x, 0, s.page[0][4]), 1);
    seq_deinit(&w, &s);
    assert_int_equal(pages_used_bytes(w.pages), 5 * PAGE_BYTES);
    world_deinit(&w);
}

static void a_pinned_leaf_grows_by_nobody_else(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &full, 1000, 1);
    struct seq a = insert_new(&w, 0, 100), b;
    seq_init(&b);
    count_up(&b, 0, 0, 200);
    assert_true(seq_fill(&w, &b, 200));
    seq_insert(&w, &b, 200, false);
    assert_int_equal(prefix_stats(w.x).n_node, 2);
    seq_deinit(&w, &b);
    /* Only what lies behind the pin goes. */
    prefix_clear(w.x);
    assert_int_equal(prefix_stats(w.x).n_token, 100);
    assert_int_equal(prefix_evictable(w.x), 0);
    seq_deinit(&w, &a);
    assert_int_equal(prefix_evictable(w.x), 2 * PAGE_BYTES);
    world_deinit(&w);
}

static void a_branch_in_the_middle_of_a_page_keeps_both_pages(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &full, 1000, 1);
    struct seq a = insert_new(&w, 0, 150), b;
    seq_init(&b);
    count_up(&b, 0, 0, 100);
    count_up(&b, 1000, 100, 150);
    assert_true(seq_fill(&w, &b, 150));
    seq_insert(&w, &b, 150, false);
    prefix_check(w.x);
    assert_int_equal(prefix_stats(w.x).n_node, 3);
    assert_int_equal(prefix_page_refs(w.x, 0, a.page[0][1]), 2); /* of both halves */
    assert_int_equal(prefix_page_refs(w.x, 0, b.page[0][1]), 1);
    assert_int_equal(prefix_page_refs(w.x, 0, b.page[0][0]), 0);
    const struct seq *all[] = { &a, &b };
    for (int i = 0; i < 2; i++) {
        struct prefix_hit hit = prefix_lookup(w.x, all[i]->ids, 150);
        assert_int_equal(hit.n, 149);
        assert_int_equal(hit.n_matched, 150);
        check_hit(&w, &hit, all[i]->ids);
        prefix_unpin(w.x, hit.node);
    }
    seq_deinit(&w, &a);
    seq_deinit(&w, &b);
    world_deinit(&w);
}

static void the_place_where_a_prompt_leaves_the_tree_is_known(void **state)
{
    (void)state;
    struct world w;
    int32_t next, ids[200];
    world_init(&w, &full, 1000, 1);
    struct seq a = insert_new(&w, 0, 150), b;
    seq_init(&b);
    count_up(&b, 0, 0, 100);
    count_up(&b, 1000, 100, 150);
    assert_true(seq_fill(&w, &b, 150));
    seq_insert(&w, &b, 150, false);
    for (int32_t i = 0; i < 200; i++)
        ids[i] = i;
    assert_int_equal(prefix_match(w.x, ids, 150, &next), 150);
    assert_int_equal(next, -1);
    assert_int_equal(prefix_match(w.x, ids, 200, &next), 150); /* behind the end there is nothing to differ from */
    assert_int_equal(next, -1);
    ids[120] = 7;
    assert_int_equal(prefix_match(w.x, ids, 150, &next), 120);
    assert_int_equal(next, 120);
    /* At a fork it is the branch that was used last. */
    const struct seq *all[] = { &a, &b };
    ids[100] = 7;
    for (int i = 0; i < 4; i++) {
        struct prefix_hit hit = prefix_lookup(w.x, all[i % 2]->ids, 150);
        prefix_unpin(w.x, hit.node);
        assert_int_equal(prefix_match(w.x, ids, 150, &next), 100);
        assert_int_equal(next, all[i % 2]->ids[100]);
    }
    seq_deinit(&w, &a);
    seq_deinit(&w, &b);
    world_deinit(&w);
}

static void what_was_used_longest_ago_goes_first_page_by_page(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &full, 6 * PAGE_BYTES, 1);
    struct seq a = insert_new(&w, 0, 192), b = insert_new(&w, 1000, 130);
    seq_deinit(&w, &a);
    seq_deinit(&w, &b);
    struct prefix_hit hit = prefix_lookup(w.x, a.ids, 192); /* b is older now */
    prefix_unpin(w.x, hit.node);
    assert_int_equal(prefix_evict(w.x, 0), 0);
    assert_int_equal(prefix_evict(w.x, PAGE_BYTES - 1), PAGE_BYTES);
    assert_int_equal(prefix_probe(w.x, b.ids, 130), 128);
    assert_int_equal(prefix_probe(w.x, a.ids, 192), 191);
    assert_int_equal(prefix_evict(w.x, 4 * PAGE_BYTES), 4 * PAGE_BYTES);
    assert_int_equal(prefix_probe(w.x, b.ids, 130), 0);
    assert_int_equal(prefix_probe(w.x, a.ids, 192), 64);
    assert_int_equal(prefix_stats(w.x).n_evicted_tokens, 130 + 128);
    world_deinit(&w);
}

static void what_others_hold_is_not_evicted(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &full, 1000, 1);
    struct seq a = insert_new(&w, 0, 128), b = insert_new(&w, 1000, 128);
    prefix_unpin(w.x, a.pin);
    a.pin = NULL;
    seq_deinit(&w, &b);
    assert_int_equal(prefix_evictable(w.x), 2 * PAGE_BYTES);
    assert_int_equal(prefix_evict(w.x, 1000), 2 * PAGE_BYTES);
    assert_int_equal(prefix_probe(w.x, a.ids, 128), 127);
    prefix_check(w.x);
    seq_deinit(&w, &a);
    assert_int_equal(prefix_evict(w.x, 1000), 2 * PAGE_BYTES);
    world_deinit(&w);
}

static void a_window_is_resumed_only_where_its_pages_are(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &full_window, 10000, 1);
    struct seq s;
    seq_init(&s);
    count_up(&s, 0, 0, 400);
    seq_slide(&w, &s, 400);
    assert_true(seq_fill(&w, &s, 400)); /* window pages 4 to 6: tokens 256 to 399 */
    seq_insert(&w, &s, 400, false);
    int32_t ids[401];
    memcpy(ids, s.ids, sizeof s.ids);
    ids[400] = -7;
    assert_int_equal(prefix_probe(w.x, ids, 401), 400);
    assert_int_equal(prefix_probe(w.x, ids, 357), 356); /* needs 256 */
    assert_int_equal(prefix_probe(w.x, ids, 356), 0);   /* needs 255 */
    seq_deinit(&w, &s);
    /* Another one that still has the pages makes them known. */
    seq_init(&s);
    count_up(&s, 0, 0, 200);
    assert_true(seq_fill(&w, &s, 200));
    seq_insert(&w, &s, 200, false);
    assert_int_equal(prefix_probe(w.x, ids, 356), 200);
    assert_int_equal(prefix_probe(w.x, ids, 401), 400);
    seq_deinit(&w, &s);
    world_deinit(&w);
}

static void a_state_is_resumed_from_its_last_snapshot(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &full_state, 10000, 1);
    struct seq s;
    seq_init(&s);
    count_up(&s, 0, 0, 400);
    for (size_t n = 100; n <= 400; n += 100) {
        assert_true(seq_fill(&w, &s, n));
        seq_insert(&w, &s, n, n != 300);
    }
    assert_int_equal(prefix_probe(w.x, s.ids, 400), 200);
    assert_int_equal(prefix_probe(w.x, s.ids, 250), 200);
    assert_int_equal(prefix_probe(w.x, s.ids, 200), 100);
    assert_int_equal(prefix_probe(w.x, s.ids, 100), 0);
    struct prefix_hit hit = prefix_lookup(w.x, s.ids, 400);
    assert_int_equal(hit.n, 200);
    assert_int_equal(hit.n_matched, 400);
    check_hit(&w, &hit, s.ids);
    prefix_unpin(w.x, hit.node);
    seq_deinit(&w, &s);
    world_deinit(&w);
}

static void ids_below_zero_are_ids(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &full, 1000, 1);
    struct seq a = insert_new(&w, INT32_MIN, 80), b = insert_new(&w, -40, 80);
    assert_int_equal(prefix_probe(w.x, a.ids, 80), 79);
    assert_int_equal(prefix_probe(w.x, b.ids, 80), 79);
    seq_deinit(&w, &a);
    seq_deinit(&w, &b);
    world_deinit(&w);
}

static void out_of_memory_costs_knowledge_alone(void **state)
{
    (void)state;
    for (long nth = 1; nth < 40; nth++) {
        struct world w;
        world_init(&w, &all_kinds, 100000, 7);
        for (int i = 0; i < 20; i++) {
            struct seq s;
            seq_init(&s);
            make_ids(&w, &s);
            assert_true(seq_fill(&w, &s, s.n));
            const int32_t *pages[] = { s.page[0], s.page[1], NULL }, snaps[] = { -1, -1, s.page[2][0] };
            mem_fail_after(nth);
            struct prefix_node *v = prefix_insert(w.x, s.ids, s.n, pages, snaps, NULL);
            struct prefix_hit hit = prefix_lookup(w.x, s.ids, s.n);
            mem_fail_after(0);
            prefix_check(w.x);
            check_hit(&w, &hit, s.ids);
            prefix_unpin(w.x, hit.node);
            prefix_unpin(w.x, v);
            seq_deinit(&w, &s);
        }
        world_deinit(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups_agree_with_a_list_of_all_insertions),
        cmocka_unit_test(what_is_left_after_evictions_is_right),
        cmocka_unit_test(a_leaf_grows_where_its_owner_goes_on),
        cmocka_unit_test(a_pinned_leaf_grows_by_nobody_else),
        cmocka_unit_test(a_branch_in_the_middle_of_a_page_keeps_both_pages),
        cmocka_unit_test(the_place_where_a_prompt_leaves_the_tree_is_known),
        cmocka_unit_test(what_was_used_longest_ago_goes_first_page_by_page),
        cmocka_unit_test(what_others_hold_is_not_evicted),
        cmocka_unit_test(a_window_is_resumed_only_where_its_pages_are),
        cmocka_unit_test(a_state_is_resumed_from_its_last_snapshot),
        cmocka_unit_test(ids_below_zero_are_ids),
        cmocka_unit_test(out_of_memory_costs_knowledge_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
