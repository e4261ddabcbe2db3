/* pool.h - compute threads that run one function together.
 *
 * A pool of n threads counts the caller as thread 0 and keeps n - 1 workers. pool_run hands every thread the same function;
 * it returns when all have finished. Inside, pool_barrier waits for all of them, and pool_next hands out work items. Workers
 * spin for a short while after a run (a decode step is hundreds of runs) and then sleep. One thread, the owner, calls pool_run;
 * runs do not nest.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/base.h"
#include "base/err.h"

struct pool;

/* ith: 0 .. nth-1, this thread's number. */
typedef void pool_fn(void *arg, int ith, int nth);

MUST_CHECK int pool_new(struct pool **out, int n_threads, struct err *e); /* n_threads >= 1 */
void pool_free(struct pool *p);
int pool_threads(const struct pool *p);
void pool_run(struct pool *p, pool_fn *fn, void *arg);
/* Every thread of the pool, the caller too, lets a thread that waits for its processor go first, once. Not inside a run. */
void pool_yield(struct pool *p);
/* Inside a run: returns when every thread of the run has come here. All threads see what any wrote before. */
void pool_barrier(struct pool *p);
/* Inside a run: the next of the items 0, 1, 2, ... that no thread has yet taken since the run began or since
 * pool_next_reset. A pool_barrier must separate the last pool_next from the reset, and the reset from the next use. */
int pool_next(struct pool *p);
void pool_next_reset(struct pool *p);

#endif
