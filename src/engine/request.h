/* request.h - one request between the thread that asked and the engine thread: what was asked, and the events on their way back.
 *
 * The asking thread makes it (everything that can be wrong with it is found there), the engine thread then owns what is marked so, and
 * the queue lies between. The queue is bounded: where it is full, request_emit fails and the engine cancels the request. Freed when both
 * sides have let go.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_REQUEST_H
#define ENGINE_REQUEST_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/batch.h"
#include "engine/draft.h"
#include "engine/engine.h"

/* An event with what its pointers point to. */
struct request_event {
    struct engine_event e;
    char *text;              /* owned; NULL: none */
    struct sampler_top *top; /* owned; NULL: none */
    struct err *err;         /* owned; NULL but for ERROR */
};

/* What a guess of the next tokens was made of, from plan to commit. */
struct request_guess {
    int n, match;
    int n_forced; /* the first of them are not guessed: the answer's grammar allows nothing else */
    int32_t ids[DRAFT_MAX];
};

struct request {
    /* Constant once made. */
    struct engine *engine; /* borrowed: outlives the request */
    size_t n_new;          /* most tokens of the answer */
    int priority;
    bool no_cache_write, progress, prompt_only;
    int64_t submitted_ns;

    atomic_bool cancelled; /* set by the asking thread */

    /* Of the asking thread until it is submitted, then of the engine thread. */
    struct request *next; /* in the inbox, then among those that live */
    struct ids prompt;
    struct answer answer;
    struct sampling_bias *bias; /* owned: what answer's sampler borrows */
    struct batch_seq *seq;      /* owned by the batch; NULL before and after */
    struct draft *draft;        /* owned; NULL: no guesses */
    struct sampler *scorer;     /* owned; NULL: no log-probabilities of the prompt are wanted */
    double *score;              /* owned; as engine_scores has them, and constant once PROMPT was queued */
    struct sampler_top *top;    /* owned; NULL: none are wanted */
    struct engine_scores scores;
    struct request_guess guess;
    struct engine_figures figures;
    size_t provisional;            /* tokens of its prompt that were known when it came */
    int64_t admitted_ns, first_ns; /* 0: not yet */
    bool in_step;                  /* its rows are being computed */
    bool scores_told;              /* PROMPT was queued */
    bool unread;                   /* when its last event was queued, one before it had not been fetched */

    /* Guarded by mu. */
    pthread_mutex_t mu;
    pthread_cond_t ready;
    struct request_event *queue; /* owned; [cap], a ring that grows to most */
    size_t head, n, cap, most;
    bool over;  /* its last event was queued */
    int n_held; /* sides that have not let go */

    struct request_event current; /* of the asking thread: what request_next gave out last */
};

/* Copies *r, but takes its matcher over, also on failure. `max_tokens`: of the answer, as far as the context allows. */
MUST_CHECK int request_new(struct request **out, struct engine *g, const struct engine_request *r, size_t max_tokens,
                           const struct tokenizer *tok, int n_vocab, struct sampler_scratch *scratch, size_t max_events,
                           struct err *e);
void request_release(struct request *r); /* one side lets go */

/* Engine thread: queues *ev, copying what it points to. FINISH and ERROR always fit; false: the queue is full. Progress that nobody has
 * fetched yet is replaced. */
bool request_emit(struct request *r, const struct engine_event *ev);

#endif
