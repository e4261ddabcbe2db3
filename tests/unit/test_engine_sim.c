/* test_engine_sim.c - scheduler, pages, prefix tree and batch under random events, without a model.
 *
 * Memory is made of hashes: slot pos % KV_PAGE_TOK of a page holds the hash of all tokens up to pos, a state the hash of all its tokens. Before
 * a step the toy model looks at every earlier token of every sequence in it; a page that is shared, copied, evicted or given away wrongly holds
 * another hash. The toy's next token depends on the hash alone, so that equal prompts get equal answers.
 *
 * Events: requests with shared beginnings, cancels, steps that are computed or given up, guesses right and wrong, chunks with small steps and
 * all of the above in their pauses, pages that cannot be had, pages read from disk well or badly, pages held while they are written.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "engine/batch.h"

enum {
    N_EVENT = 100000, /* of each toy */
    WINDOW = 150,
    N_CTX = 900,
    MAX_PAGE = N_CTX / KV_PAGE_TOK + 2,
    MAX_LIVE = 20,
    MAX_GUESS = 6,
    N_TOPIC = 6,  /* beginnings that requests share */
    MAX_HELD = 8, /* page writes under way */
    CHECK_EVERY = 32,
    MAX_STEPS = 3000, /* that a request may take, whatever goes on beside it; lower priorities wait until it is calm */
};

struct toy {
    const char *name;
    struct keep_plan keep;
};

static const struct toy toys[] = {
    { "full", { 1, { { KEEP_FULL, 4, 0 } } } },
    { "full and window", { 2, { { KEEP_FULL, 4, 0 }, { KEEP_WINDOW, 3, WINDOW } } } },
    { "full and state", { 2, { { KEEP_FULL, 4, 0 }, { KEEP_STATE, 5, 0 } } } },
};

/* A request, as the engine would keep it. */
struct client {
    struct batch_seq *seq; /* NULL: none */
    size_t n_new, n_drawn;
    int32_t guess[MAX_GUESS];
    bool in_step;
    size_t load_to; /* reading pages for tokens up to here; 0: not */
    size_t load_from;
    int priority;
    long born; /* in steps */
};

/* A page that is being written to disk. */
struct held {
    int32_t page;
    uint64_t content[KV_PAGE_TOK];
};

struct sim {
    struct batch *b;
    struct keep_plan keep;
    uint64_t (*mem[PAGES_POOL_MAX])[KV_PAGE_TOK];
    int *others[PAGES_POOL_MAX];
    struct client client[MAX_LIVE];
    struct held held[MAX_HELD];
    int n_held;
    int32_t topic[N_TOPIC][N_CTX];
    struct rng rng;
    bool failing, draining;
    struct batch_step small, chunk;
    const struct batch_step *suspended; /* the chunk; NULL: none */
    long n_step, n_done, n_cancelled, n_abort, n_load, n_hit, n_rejected, n_accepted, longest, n_idle;
    size_t budget;
};

static uint32_t below(struct sim *m, uint32_t n)
{
    return rng_below(&m->rng, n);
}

static uint64_t hash(uint64_t h, int32_t id)
{
    return (h ^ (uint32_t)id) * 0x100000001b3u + 0x9e3779b97f4a7c15u;
}

static int32_t next_token(uint64_t h)
{
    return (int32_t)(h >> 40) & 3;
}

static bool is_state(const struct sim *m, int p)
{
    return m->keep.pool[p].kind == KEEP_STATE;
}

/* --- the toy model -------------------------------------------------------------------------------------------------------------------- */

static void copy(void *arg, int pool, int32_t from, int32_t to)
{
    struct sim *m = arg;
    if (from >= 0)
        memcpy(m->mem[pool][to], m->mem[pool][from], sizeof m->mem[pool][to]);
    else
        memset(m->mem[pool][to], 0, sizeof m->mem[pool][to]);
}

/* Every earlier token that row n of the sequence looks at is where it should be. Returns its hash. */
static uint64_t check_held(const struct sim *m, const struct batch_seq *s, size_t n)
{
    uint64_t h = 0;
    for (size_t pos = 0; pos < n; pos++) {
        h = hash(h, s->ids.v[pos]);
        for (int p = 0; p < m->keep.n_pool; p++) {
            if (is_state(m, p) || (m->keep.pool[p].kind == KEEP_WINDOW && pos + WINDOW < n))
                continue;
            assert_true(pos / KV_PAGE_TOK < s->n_page[p]);
            int32_t page = s->page[p][pos / KV_PAGE_TOK];
            assert_true(page >= 0);
            assert_true(m->mem[p][page][pos % KV_PAGE_TOK] == h);
        }
    }
    return h;
}

/* Writes what rows [from, from + n_row) leave behind. */
static void write_rows(struct sim *m, const struct batch_part *part, bool done)
{
    const struct batch_seq *s = part->seq;
    const struct client *c = s->owner;
    uint64_t h = check_held(m, s, part->from);
    for (size_t i = 0; i < (size_t)part->n_row; i++) {
        size_t pos = part->from + i, n_known = (size_t)(part->n_row - part->n_draft);
        h = hash(h, i < n_known ? s->ids.v[pos] : c->guess[i - n_known]);
        for (int p = 0; p < m->keep.n_pool; p++) {
            assert_true(is_state(m, p) || pos / KV_PAGE_TOK < s->n_page[p]);
            if (!is_state(m, p))
                m->mem[p][s->page[p][pos / KV_PAGE_TOK]][pos % KV_PAGE_TOK] = done ? h : h ^ 1;
            else
                m->mem[p][s->page[p][0]][0] = done ? h : h ^ 1;
        }
    }
}

/* What a step may not begin without. A chunk that was suspended must still find its own rows. */
static void compute(struct sim *m, const struct batch_step *st, bool done)
{
    for (int k = 0; k < st->n_part; k++) {
        const struct batch_part *part = &st->part[k];
        uint64_t h = check_held(m, part->seq, part->from);
        for (int p = 0; p < m->keep.n_pool; p++)
            if (is_state(m, p) && part->seq != (m->suspended ? m->suspended->part[0].seq : NULL))
                assert_true(m->mem[p][part->seq->page[p][0]][0] == h);
        write_rows(m, part, done);
    }
}

/* --- clients ---------------------------------------------------------------------------------------------------------------------------- */

static void end_client(struct sim *m, struct client *c)
{
    if (c->priority >= 0)
        m->longest = MAX(m->longest, m->n_step - c->born);
    batch_end(m->b, c->seq, below(m, 16) != 0);
    c->seq = NULL;
    c->load_to = 0;
}

static void submit(struct sim *m)
{
    int32_t ids[N_CTX];
    struct client *c = m->client;
    while (c < m->client + MAX_LIVE && c->seq)
        c++;
    if (c == m->client + MAX_LIVE)
        return;
    size_t n = 1 + below(m, below(m, 3) ? 500 : 60), topic = below(m, N_TOPIC);
    size_t shared = below(m, 4) ? MIN(n, 40 + below(m, 500)) : 0;
    for (size_t i = 0; i < n; i++)
        ids[i] = i < shared ? m->topic[topic][i] : (int32_t)below(m, 3);
    *c = (struct client){ .n_new = 1 + below(m, below(m, 3) ? 30 : 500), .born = m->n_step };
    struct err e = ERR_INIT;
    c->priority = below(m, 8) ? 0 : (int)below(m, 3) - 1;
    if (batch_add(m->b, &c->seq, ids, n, c->n_new, c->priority, below(m, 10) == 0, c, &e)) {
        assert_int_equal(e.code, ERR_LIMIT);
        assert_null(c->seq);
        m->n_rejected++;
    }
}

/* A running request, or any if there is none after a few tries; NULL: none. */
static struct client *any_client(struct sim *m)
{
    struct client *c = &m->client[below(m, MAX_LIVE)];
    return c->seq ? c : NULL;
}

static bool is_in_step(const struct sim *m, const struct client *c)
{
    return c->in_step || (m->suspended && m->suspended->part[0].seq == c->seq);
}

static void cancel(struct sim *m)
{
    struct client *c = any_client(m);
    if (!c || is_in_step(m, c) || c->load_to)
        return;
    end_client(m, c);
    m->n_cancelled++;
}

/* --- disk ------------------------------------------------------------------------------------------------------------------------------- */

static void hold_for_load(struct sim *m, const struct client *c, int by)
{
    for (int p = 0; p < m->keep.n_pool; p++)
        for (size_t i = c->load_from / KV_PAGE_TOK; !is_state(m, p) && i < c->load_to / KV_PAGE_TOK; i++) {
            int32_t page = c->seq->page[p][i];
            if (page < 0)
                continue;
            m->others[p][page] += by;
            if (by > 0)
                pages_ref(batch_pages(m->b), p, page);
            else
                pages_unref(batch_pages(m->b), p, page);
        }
}

static void on_admit(void *arg, struct batch_seq *s)
{
    struct sim *m = arg;
    struct client *c = s->owner;
    m->n_hit += s->n_cached > 0;
    if (m->draining || below(m, 6) || s->n_preempted)
        return;
    size_t from = s->n_done / KV_PAGE_TOK * KV_PAGE_TOK, most = (s->n_target - 1) / KV_PAGE_TOK * KV_PAGE_TOK;
    if (most <= s->n_done)
        return;
    size_t to = from + (1 + below(m, (uint32_t)((most - from) / KV_PAGE_TOK))) * KV_PAGE_TOK;
    batch_set_loading(s, true);
    if (to <= s->n_done || !batch_reserve(m->b, s, from, to)) {
        batch_set_loading(s, false);
        return;
    }
    c->load_from = from;
    c->load_to = to;
    hold_for_load(m, c, 1);
}

/* What was being read for a client is there, or only the first part of it. */
static void finish_load(struct sim *m, struct client *c)
{
    struct batch_seq *s = c->seq;
    size_t n = below(m, 4) ? c->load_to : c->load_from + below(m, 2) * KV_PAGE_TOK;
    uint64_t h = 0;
    for (size_t pos = 0; pos < n; pos++) {
        h = hash(h, s->ids.v[pos]);
        for (int p = 0; p < m->keep.n_pool; p++) {
            if (is_state(m, p))
                m->mem[p][s->page[p][0]][0] = h;
            else if (pos >= c->load_from && s->page[p][pos / KV_PAGE_TOK] >= 0)
                m->mem[p][s->page[p][pos / KV_PAGE_TOK]][pos % KV_PAGE_TOK] = h;
        }
    }
    hold_for_load(m, c, -1);
    c->load_to = 0;
    batch_loaded(m->b, s, n);
    batch_set_loading(s, false);
    m->n_load++;
}

static void hold_page(struct sim *m)
{
    struct client *c = any_client(m);
    if (!c || m->n_held == MAX_HELD || c->load_to || c->seq->n_done < KV_PAGE_TOK)
        return;
    int32_t page = c->seq->page[0][below(m, (uint32_t)(c->seq->n_done / KV_PAGE_TOK))];
    struct held *x = &m->held[m->n_held++];
    x->page = page;
    memcpy(x->content, m->mem[0][page], sizeof x->content);
    pages_ref(batch_pages(m->b), 0, page);
    m->others[0][page]++;
}

static void drop_page(struct sim *m)
{
    if (!m->n_held)
        return;
    struct held *x = &m->held[below(m, (uint32_t)m->n_held)];
    assert_memory_equal(x->content, m->mem[0][x->page], sizeof x->content);
    pages_unref(batch_pages(m->b), 0, x->page);
    m->others[0][x->page]--;
    *x = m->held[--m->n_held];
}

static void finish_some_load(struct sim *m)
{
    struct client *c = any_client(m);
    if (c && c->load_to)
        finish_load(m, c);
}

/* --- steps ------------------------------------------------------------------------------------------------------------------------------ */

static void make_guesses(struct sim *m)
{
    for (struct client *c = m->client; c < m->client + MAX_LIVE; c++) {
        if (!c->seq || c->seq->phase != SCHED_DECODE)
            continue;
        uint64_t h = 0;
        for (size_t i = 0; i < c->seq->ids.n; i++)
            h = hash(h, c->seq->ids.v[i]);
        int n = (int)below(m, MAX_GUESS + 1);
        for (int i = 0; i < n; i++) {
            c->guess[i] = below(m, 4) ? next_token(h) : (int32_t)below(m, 4);
            h = hash(h, c->guess[i]);
        }
        batch_want_draft(c->seq, n);
    }
}

/* Draws as the engine does; the request may be over then. */
static void draw(struct sim *m, const struct batch_part *part)
{
    struct client *c = part->seq->owner;
    uint64_t h = 0;
    for (size_t i = 0; i < part->seq->ids.n; i++)
        h = hash(h, part->seq->ids.v[i]);
    for (int k = 0;; k++) {
        int32_t id = next_token(h);
        bool guessed = k < part->n_draft && id == c->guess[k];
        h = hash(h, id);
        m->n_accepted += guessed;
        if (++c->n_drawn == c->n_new || below(m, 200) == 0) {
            end_client(m, c);
            m->n_done++;
            return;
        }
        batch_push(m->b, part->seq, id, guessed);
        if (!guessed)
            return;
    }
}

static void check_part(const struct sim *m, const struct batch_part *p)
{
    const struct batch_seq *s = p->seq;
    assert_true(p->n_row > 0 && p->from == s->n_done);
    assert_true(p->from + (size_t)p->n_row <= s->n_max);
    assert_true(p->from + (size_t)(p->n_row - p->n_draft) <= s->ids.n);
    assert_true(p->n_draft <= MAX_GUESS && (!p->n_draft || m->keep.pool[m->keep.n_pool - 1].kind != KEEP_STATE));
    assert_true(((struct client *)s->owner)->load_to == 0);
}

static void set_in_step(const struct batch_step *st, bool in)
{
    for (int k = 0; k < st->n_part; k++)
        ((struct client *)st->part[k].seq->owner)->in_step = in;
}

static void conclude(struct sim *m, const struct batch_step *st, bool computed)
{
    set_in_step(st, false);
    m->n_step++;
    if (!computed) {
        m->n_abort++;
        batch_abort(m->b, st);
        return;
    }
    batch_commit(m->b, st);
    for (int k = 0; k < st->n_part; k++)
        if (st->part[k].draws)
            draw(m, &st->part[k]);
}

static void event(struct sim *m);

/* The chunk is suspended now and then. */
static void run_chunk(struct sim *m)
{
    bool done = below(m, 12) != 0;
    m->chunk = m->small;
    compute(m, &m->chunk, false);
    m->suspended = &m->chunk;
    for (uint32_t i = below(m, 6); i > 0; i--)
        event(m);
    if (done) {
        for (int p = 0; p < m->keep.n_pool; p++)
            assert_true(m->chunk.part[0].seq->n_page[p] > 0);
        compute(m, &m->chunk, true);
    }
    m->suspended = NULL;
    conclude(m, &m->chunk, done);
}

/* Whether nothing but steps can happen to what there is. */
static bool must_go_on(const struct sim *m)
{
    bool any = false;
    for (const struct client *c = m->client; c < m->client + MAX_LIVE; c++) {
        any |= c->seq != NULL;
        if (c->seq && c->load_to)
            return false;
    }
    return any && !m->suspended && !m->n_held && !m->failing;
}

static void step(struct sim *m)
{
    make_guesses(m);
    batch_plan(m->b, &m->small, m->suspended != NULL);
    if (!m->small.n_part) {
        m->n_idle++;
        assert_false(must_go_on(m));
        return;
    }
    for (int k = 0; k < m->small.n_part; k++)
        check_part(m, &m->small.part[k]);
    set_in_step(&m->small, true);
    if (m->small.chunk) {
        assert_null(m->suspended);
        run_chunk(m);
        return;
    }
    bool done = below(m, 30) != 0;
    compute(m, &m->small, done);
    conclude(m, &m->small, done);
}

static void toggle_failing(struct sim *m)
{
    m->failing = !m->failing && below(m, 4) == 0;
    pages_fail_after(batch_pages(m->b), m->failing ? 1 + (long)below(m, 20) : 0);
}

static void check(struct sim *m)
{
    batch_check(m->b, (const int *const *)m->others);
    assert_true(pages_used_bytes(batch_pages(m->b)) <= m->budget);
    for (const struct client *c = m->client; c < m->client + MAX_LIVE; c++)
        if (c->seq && c->priority >= 0)
            assert_true(m->n_step - c->born < MAX_STEPS);
}

static void event(struct sim *m)
{
    uint32_t what = m->draining ? 99 : below(m, 100);
    if (what < 14)
        submit(m);
    else if (what < 15)
        cancel(m);
    else if (what < 18)
        toggle_failing(m);
    else if (what < 28)
        finish_some_load(m);
    else if (what < 31)
        hold_page(m);
    else if (what < 36)
        drop_page(m);
    else
        step(m);
}

/* --- runs ------------------------------------------------------------------------------------------------------------------------------- */

static void sim_init(struct sim *m, const struct keep_plan *keep, size_t budget, uint64_t seed)
{
    struct err e = ERR_INIT;
    memset(m, 0, sizeof *m);
    rng_init(&m->rng, seed);
    m->keep = *keep;
    m->budget = budget;
    struct batch_opts o = {
        .keep = *keep,
        .budget = budget,
        .limits = { .small_rows = 12, .small_prompt = 8, .chunk_rows = 200, .max_running = 6, .max_out = 10 },
        .n_ctx = N_CTX,
        .copy = copy,
        .on_admit = on_admit,
        .arg = m
    };
    assert_int_equal(batch_new(&m->b, &o, &e), 0);
    for (int p = 0; p < keep->n_pool; p++) {
        size_t n = (size_t)pages_capacity(batch_pages(m->b), p);
        m->mem[p] = xcalloc(n, sizeof *m->mem[p]);
        m->others[p] = xcalloc(n, sizeof *m->others[p]);
    }
    for (int t = 0; t < N_TOPIC; t++)
        for (size_t i = 0; i < N_CTX; i++)
            m->topic[t][i] = t && i < 100 ? m->topic[t / 2][i] : (int32_t)below(m, 4);
}

/* Nothing new comes: everything finishes. */
static void drain(struct sim *m)
{
    pages_fail_after(batch_pages(m->b), 0);
    m->failing = false;
    m->draining = true;
    while (m->n_held)
        drop_page(m);
    for (struct client *c = m->client; c < m->client + MAX_LIVE; c++)
        if (c->seq && c->load_to)
            finish_load(m, c);
    for (long left = 20000;; left--) {
        bool any = false;
        for (struct client *c = m->client; c < m->client + MAX_LIVE; c++)
            any |= c->seq != NULL;
        if (!any)
            break;
        assert_true(left > 0);
        step(m);
    }
    m->draining = false;
}

static void sim_deinit(struct sim *m)
{
    assert_int_equal(batch_n_running(m->b) + batch_n_waiting(m->b), 0);
    batch_check(m->b, NULL);
    prefix_clear(batch_prefix(m->b));
    assert_int_equal(pages_used_bytes(batch_pages(m->b)), 0);
    batch_free(m->b);
    for (int p = 0; p < m->keep.n_pool; p++) {
        mem_free(m->mem[p]);
        mem_free(m->others[p]);
    }
}

static void run(const struct toy *toy, size_t budget, uint64_t seed)
{
    static struct sim m;
    print_message("%s: seed %llu\n", toy->name, (unsigned long long)seed);
    sim_init(&m, &toy->keep, budget, seed);
    for (int i = 0; i < N_EVENT; i++) {
        event(&m);
        if (i % CHECK_EVERY == 0)
            check(&m);
        if (i % 5000 == 4999) {
            drain(&m);
        }
    }
    drain(&m);
    uint64_t n_preempted = batch_n_preempted(m.b);
    uint64_t n_evicted = prefix_stats(batch_prefix(m.b)).n_evicted_tokens;
    print_message("  %ld steps, %ld given up; %ld requests done, %ld cancelled, %ld refused; %ld hits, %ld loads, %llu "
                  "preempted, %llu "
                  "tokens evicted, %ld guesses right; the longest took %ld steps\n",
                  m.n_step, m.n_abort, m.n_done, m.n_cancelled, m.n_rejected, m.n_hit, m.n_load,
                  (unsigned long long)n_preempted, (unsigned long long)n_evicted, m.n_accepted, m.longest);
    /* Everything that the simulation is for has happened. */
    assert_true(m.n_done > 500 && m.n_cancelled > 20 && m.n_abort > 200 && m.n_hit > 500 && m.n_load > 20);
    assert_true(n_preempted > 20 && n_evicted > 10000 && m.n_rejected > 0);
    sim_deinit(&m);
}

static uint64_t seed(void)
{
    const char *s = getenv("OCTET_TEST_SEED");
    return s ? strtoull(s, NULL, 10) : 20240;
}

static void full_pages(void **state)
{
    (void)state;
    run(&toys[0], 4 * 26, seed());
}

static void full_pages_and_a_window(void **state)
{
    (void)state;
    run(&toys[1], 4 * 22 + 3 * 16, seed() + 1);
}

static void full_pages_and_a_state(void **state)
{
    (void)state;
    run(&toys[2], 4 * 24 + 5 * 8, seed() + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_pages),
        cmocka_unit_test(full_pages_and_a_window),
        cmocka_unit_test(full_pages_and_a_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
