/* pool.c - compute threads that run one function together.
 *
 * A run is announced by raising `epoch`. Workers spin on it for SPIN_NS after their last run, because the next one usually follows
 * within microseconds, and then sleep on a condition variable; pool_run takes the mutex only if somebody sleeps. The end of a run is
 * a barrier, the same that pool_barrier is.
 * SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"

enum { SPIN_NS = 200000, SPINS_BEFORE_YIELD = 4000, CACHE_LINE = 64 };
/* Kernels keep up to 200 KB in arrays; there are systems that give a thread no more than 128 KB. */
enum { STACK_BYTES = 2 << 20 };

struct pool {
    int n;              /* threads, the caller's included */
    pthread_t *workers; /* owned; [n - 1] */
    int n_started;

    pool_fn *fn; /* of the run at hand; written before epoch is raised */
    void *arg;
    bool stop;

    _Alignas(CACHE_LINE) atomic_uint epoch;  /* runs announced so far */
    _Alignas(CACHE_LINE) atomic_int arrived; /* threads at the barrier */
    _Alignas(CACHE_LINE) atomic_uint phase;  /* barriers passed so far */
    _Alignas(CACHE_LINE) atomic_int item;    /* next work item */

    _Alignas(CACHE_LINE) atomic_int sleeping;
    pthread_mutex_t mu;
    pthread_cond_t wake;
};

struct worker {
    struct pool *pool;
    int ith;
};

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void pool_barrier(struct pool *p)
{
    if (p->n == 1)
        return;
    unsigned phase = atomic_load_explicit(&p->phase, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&p->arrived, 1, memory_order_acq_rel) == p->n - 1) {
        atomic_store_explicit(&p->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&p->phase, phase + 1, memory_order_release);
        return;
    }
    for (int spins = 0; atomic_load_explicit(&p->phase, memory_order_acquire) == phase; spins++) {
        relax();
        if (spins >= SPINS_BEFORE_YIELD) {
            sched_yield();
            spins = 0;
        }
    }
}

/* Waits until epoch differs from `seen`: spinning first, then asleep. */
static void await_run(struct pool *p, unsigned seen)
{
    int64_t t0 = clock_ns();
    for (int spins = 0;; spins++) {
        if (atomic_load_explicit(&p->epoch, memory_order_acquire) != seen)
            return;
        relax();
        if (spins % 256 == 255 && clock_ns() - t0 > SPIN_NS)
            break;
    }
    pthread_mutex_lock(&p->mu);
    atomic_fetch_add(&p->sleeping, 1);
    while (atomic_load(&p->epoch) == seen)
        pthread_cond_wait(&p->wake, &p->mu);
    atomic_fetch_sub(&p->sleeping, 1);
    pthread_mutex_unlock(&p->mu);
}

static void announce(struct pool *p)
{
    /* Sequentially consistent against await_run: either it sees the new epoch before it sleeps, or this sees it sleeping. */
    atomic_fetch_add(&p->epoch, 1);
    if (atomic_load(&p->sleeping)) {
        pthread_mutex_lock(&p->mu);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->mu);
    }
}

static void *work(void *arg)
{
    struct worker w = *(struct worker *)arg;
    mem_free(arg);
    sys_name_thread("pool");
    for (unsigned seen = 0;; seen++) {
        await_run(w.pool, seen);
        if (w.pool->stop)
            return NULL;
        w.pool->fn(w.pool->arg, w.ith, w.pool->n);
        pool_barrier(w.pool);
    }
}

static int start_worker(struct pool *p, int ith)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr))
        return -1;
    struct worker *w = xmalloc(sizeof *w);
    *w = (struct worker){ p, ith };
    int rc = pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (!rc)
        rc = pthread_create(&p->workers[p->n_started], &attr, work, w);
    pthread_attr_destroy(&attr);
    if (rc)
        mem_free(w);
    else
        p->n_started++;
    return rc;
}

int pool_new(struct pool **out, int n_threads, struct err *e)
{
    *out = NULL;
    if (n_threads < 1 || n_threads > 1024)
        return err_set(e, ERR_ARG, "%d threads: 1 to 1024 are possible", n_threads);
    struct pool *p = mem_try_aligned(sizeof *p, CACHE_LINE);
    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for a pool of threads");
    *p = (struct pool){ .n = n_threads };
    pthread_mutex_init(&p->mu, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->workers = xcalloc((size_t)n_threads, sizeof *p->workers);
    for (int i = 1; i < n_threads; i++) {
        if (start_worker(p, i)) {
            pool_free(p);
            return err_set(e, ERR_NOMEM, "thread %d of %d could not be started", i + 1, n_threads);
        }
    }
    *out = p;
    return 0;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    p->stop = true;
    announce(p);
    for (int i = 0; i < p->n_started; i++)
        pthread_join(p->workers[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->mu);
    mem_free(p->workers);
    mem_free(p);
}

int pool_threads(const struct pool *p)
{
    return p->n;
}

void pool_run(struct pool *p, pool_fn *fn, void *arg)
{
    p->fn = fn;
    p->arg = arg;
    pool_next_reset(p);
    if (p->n > 1)
        announce(p);
    fn(arg, 0, p->n);
    pool_barrier(p);
}

static void yield(void *arg, int ith, int nth)
{
    (void)arg;
    (void)ith;
    (void)nth;
    sched_yield();
}

void pool_yield(struct pool *p)
{
    pool_run(p, yield, NULL);
}

int pool_next(struct pool *p)
{
    return atomic_fetch_add_explicit(&p->item, 1, memory_order_relaxed);
}

void pool_next_reset(struct pool *p)
{
    atomic_store_explicit(&p->item, 0, memory_order_relaxed);
}
