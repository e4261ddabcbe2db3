/* test_pool.c - threads that run one function together: each once, barriers, work items, sleep and wake.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/pool.h"

enum { MAX_THREADS = 9, RUNS = 200, ITEMS = 1000, ROUNDS = 50 };

static const int sizes[] = { 1, 2, 3, MAX_THREADS };

static struct pool *make(int n)
{
    struct err e = ERR_INIT;
    struct pool *p = NULL;
    assert_int_equal(pool_new(&p, n, &e), 0);
    assert_int_equal(pool_threads(p), n);
    return p;
}

/* What the runs of a test write; the plain members are ordered by runs and barriers alone, as the thread sanitizer checks. */
struct shared {
    struct pool *pool;
    int calls[MAX_THREADS]; /* by thread */
    int stage[MAX_THREADS];
    atomic_int wrong;
    int taken[ITEMS]; /* by item */
    int sum;
};

static void call_once(void *arg, int ith, int nth)
{
    struct shared *s = arg;
    s->calls[ith]++;
    if (nth != pool_threads(s->pool))
        atomic_fetch_add(&s->wrong, 1);
}

static void every_thread_runs_once(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        struct shared s = { .pool = make(sizes[k]) };
        for (int run = 1; run <= RUNS; run++) {
            pool_run(s.pool, call_once, &s);
            for (int i = 0; i < MAX_THREADS; i++)
                assert_int_equal(s.calls[i], i < sizes[k] ? run : 0);
        }
        assert_int_equal(s.wrong, 0);
        pool_free(s.pool);
    }
}

/* In each round all write, and behind the barrier each reads what its neighbours wrote. */
static void pass_on(void *arg, int ith, int nth)
{
    struct shared *s = arg;
    for (int round = 1; round <= ROUNDS; round++) {
        s->stage[ith] = round;
        pool_barrier(s->pool);
        for (int i = 0; i < nth; i++)
            if (s->stage[i] != round)
                atomic_fetch_add(&s->wrong, 1);
        pool_barrier(s->pool);
    }
}

static void barriers_wait_for_all(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        struct shared s = { .pool = make(sizes[k]) };
        for (int run = 0; run < 5; run++)
            pool_run(s.pool, pass_on, &s);
        assert_int_equal(s.wrong, 0);
        pool_free(s.pool);
    }
}

static void take_items(void *arg, int ith, int nth)
{
    struct shared *s = arg;
    (void)nth;
    for (int pass = 0; pass < 2; pass++) {
        for (int i; (i = pool_next(s->pool)) < ITEMS;)
            s->taken[i]++;
        pool_barrier(s->pool);
        if (ith == 0)
            pool_next_reset(s->pool);
        pool_barrier(s->pool);
    }
}

static void each_item_is_taken_by_one(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        struct shared s = { .pool = make(sizes[k]) };
        pool_run(s.pool, take_items, &s);
        pool_run(s.pool, take_items, &s);
        for (int i = 0; i < ITEMS; i++)
            assert_int_equal(s.taken[i], 4);
        pool_free(s.pool);
    }
}

static void count(void *arg, int ith, int nth)
{
    struct shared *s = arg;
    s->calls[ith]++;
    pool_barrier(s->pool);
    if (ith == nth - 1)
        s->sum++;
}

/* Pauses around the time after which workers go to sleep, so that runs meet them spinning, falling asleep and asleep. */
static void sleeping_workers_wake(void **state)
{
    (void)state;
    static const long pauses_ns[] = { 0, 100000, 190000, 200000, 210000, 300000, 5000000 };
    struct shared s = { .pool = make(3) };
    int runs = 0;
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < ARRAY_LEN(pauses_ns); i++) {
            nanosleep(&(struct timespec){ .tv_nsec = pauses_ns[i] }, NULL);
            pool_run(s.pool, count, &s);
            runs++;
        }
    for (int i = 0; i < 3; i++)
        assert_int_equal(s.calls[i], runs);
    assert_int_equal(s.sum, runs);
    pool_free(s.pool);
}

static void pools_that_never_ran_and_asleep_ones_end(void **state)
{
    (void)state;
    struct shared s = { 0 };
    for (int i = 0; i < 50; i++)
        pool_free(make(MAX_THREADS));
    s.pool = make(MAX_THREADS);
    pool_run(s.pool, count, &s);
    nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    pool_free(s.pool);
    pool_free(NULL);
}

/* Between runs, whether the workers spin or sleep. */
static void yielding_disturbs_no_run(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        struct shared s = { .pool = make(sizes[k]) };
        pool_yield(s.pool);
        for (int run = 1; run <= ROUNDS; run++) {
            pool_run(s.pool, call_once, &s);
            pool_yield(s.pool);
            for (int i = 0; i < MAX_THREADS; i++)
                assert_int_equal(s.calls[i], i < sizes[k] ? run : 0);
        }
        assert_int_equal(s.wrong, 0);
        pool_free(s.pool);
    }
}

static void impossible_pools_are_refused(void **state)
{
    (void)state;
    static const int wrong[] = { 0, -1, 1025 };
    struct pool *p = NULL;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct err e = ERR_INIT;
        assert_int_equal(pool_new(&p, wrong[i], &e), ERR_ARG);
        assert_null(p);
        assert_non_null(strstr(e.msg, "1 to 1024"));
    }
    struct err e = ERR_INIT;
    mem_fail_after(1);
    assert_int_equal(pool_new(&p, 2, &e), ERR_NOMEM);
    mem_fail_after(0);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_thread_runs_once),
        cmocka_unit_test(barriers_wait_for_all),
        cmocka_unit_test(each_item_is_taken_by_one),
        cmocka_unit_test(sleeping_workers_wake),
        cmocka_unit_test(pools_that_never_ran_and_asleep_ones_end),
        cmocka_unit_test(yielding_disturbs_no_run),
        cmocka_unit_test(impossible_pools_are_refused),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
