/* runner.h - the engine thread's work: requests through batch, model and answers, step by step.
 *
 *   runner_accept -> [batch: admit, plan] -> model_forward_in -> [batch: commit] -> answer_next, verify guesses -> request_emit
 *
 * A chunk of a long prompt is computed with pauses. At a pause the poll function brings in what arrived meanwhile, a cancelled chunk is
 * given up, and when the running streams have waited long enough a small step is computed in between (sched.h). Everything here belongs to
 * the engine thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_RUNNER_H
#define ENGINE_RUNNER_H

#include "engine/engine.h"
#include "engine/request.h"

struct runner;

struct runner_opts {
    struct engine_opts engine;
    struct batch_opts batch;
    /* Called at every pause: takes new requests in (runner_accept). True: the engine is to stop. */
    bool (*poll)(void *arg);
    /* Called when a step is planned, before it is computed: who runs and who waits (runner_stats) is so before anyone is told a token of it. */
    void (*planned)(void *arg);
    void (*on_store_event)(void *arg); /* called on the store's thread */
    void *arg;
};

/* Takes the model over, also on failure. */
MUST_CHECK int runner_new(struct runner **out, struct model *m, const struct runner_opts *o, struct err *e);
/* Cancels what lives. */
void runner_free(struct runner *r);
/* Takes one side of the request over: it is released when it is over. */
void runner_accept(struct runner *r, struct request *q);
void runner_end_cancelled(struct runner *r); /* before each step; at the pauses of one it is done inside */
/* Notes what the disk has done, computes one step. False: there was nothing to compute. */
bool runner_step(struct runner *r);
/* What a newcomer's wait can be told from. */
struct runner_load {
    int n_place; /* requests that run at once */
    int64_t
        hold_ns; /* how long a request holds its place, on average of late; while none has ended, how long the oldest has */
    int64_t prompt_ns; /* for the prompts that are not computed yet */
};
struct runner_load runner_load(const struct runner *r);
void runner_stats(const struct runner *r, struct engine_stats *out);
void runner_clear_cache(struct runner *r);
void runner_flush(struct runner *r); /* waits for writes to disk */

#endif
