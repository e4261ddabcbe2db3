/* batch.h - all sequences of the engine and the pages they hold, from plan to commit; knows no model, no clock, no thread.
 *
 *   batch_add -> waiting --admit: prefix hit, pages for the prompt--> prompt --last row--> decode --batch_end--> gone
 *                   ^                                                    |                     |
 *                   '------------------ preempted: pages go back, its tokens become its prompt '
 *
 * The engine calls batch_plan, computes the plan's rows, and calls batch_commit; what was computed is known
 * to the prefix tree from then on (prompts after every chunk, answers when they end), so that another request shares it at once. A
 * sequence's own last page is written by it alone; what it got from the tree it copies before it writes there.
 *
 * Memory, in the order in which it is found: what is free; what only the tree holds, used longest ago; the pages of the youngest sequence of
 * the lowest priority, which waits until it is resumed from what the tree still has. A request that could not be computed alone is
 * refused by batch_add. One that could is admitted when the pages for its whole prompt can be had, and one for each running sequence besides;
 * it takes them at once, and then one at a time as its answer grows. So nothing that was admitted fails for memory, and the oldest
 * of the highest priority always goes on.
 *
 * Sharing before there is anything to share: a request whose beginning a running one is about to compute waits until that is done or given up,
 * instead of computing it again; later ones may be admitted meanwhile.
 * Owned by the engine thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_BATCH_H
#define ENGINE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "engine/keep_plan.h"
#include "engine/prefix.h"
#include "engine/sched.h"
#include "text/ids.h"

struct batch;
struct batch_seq;

struct batch_opts {
    struct keep_plan keep;
    size_t budget; /* bytes of pages */
    struct sched_limits limits;
    size_t n_ctx;  /* most tokens of one sequence */
    bool no_share; /* nothing is put into the tree, and nothing looked up */
    /* Copies a page's bytes, at once; from -1: makes the page a fresh state. NULL where pages have no bytes. */
    void (*copy)(void *arg, int pool, int32_t from, int32_t to);
    /* A sequence was admitted: the engine may begin to read pages for it (batch_reserve). May be NULL. */
    void (*on_admit)(void *arg, struct batch_seq *s);
    void *arg;
};

/* One sequence. The engine reads it; only batch.c writes. */
struct batch_seq {
    void *owner; /* the engine's own, as given to batch_add */
    enum sched_phase phase;
    struct ids ids; /* prompt and answer so far; while it decodes, the last one is not computed yet */
    size_t
        n_prompt;  /* of the request; what a resumed sequence must compute again counts as prompt work, not as prompt */
    size_t n_done; /* tokens whose keys and values are held */
    size_t n_target; /* prompt phase: tokens to compute before the first (or, resumed, the next) draw */
    size_t n_max;    /* most tokens that are ever computed */
    size_t n_cached; /* tokens of the prompt that were found at the first admission */
    int n_preempted;
    int32_t *page[PAGES_POOL_MAX]; /* owned; by page number of the sequence (state: one); -1: not held */
    size_t n_page[PAGES_POOL_MAX];
    int n_want_draft; /* set by batch_want_draft, for the next plan */
    size_t n_score;   /* positions whose logits are wanted besides: the first of its prompt; 0: none */
    size_t n_scored;  /* of these, how many were computed */
    /* private to batch.c from here */
    struct prefix_node *pin;
    int priority;
    uint64_t order;
    double served;
    bool admitted;    /* before, if not now */
    bool private_ids; /* leaves nothing in the tree */
    bool stuck;       /* no page could be had for it in this plan */
    bool held;        /* not to be admitted in this plan */
    size_t n_loading; /* tokens that its pages are being filled up to */
    /* The running sequence whose computing of the first waits_until tokens this one waits for; NULL: none. */
    const struct batch_seq *waits_for;
    size_t waits_until;
};

/* Rows of one sequence in a step: tokens [from, from + n_row) of its ids; drafted tokens lie behind ids and are the engine's. */
struct batch_part {
    struct batch_seq *seq; /* borrowed until batch_commit or batch_abort */
    size_t from;
    int n_row, n_draft; /* n_draft of the rows are drafts */
    int score, n_score; /* rows from `score` on, n_score of them, want logits too, before those that are drawn from */
    bool draws;         /* its last row (and every draft row) wants logits */
};

struct batch_step {
    int n_part;
    struct batch_part part[SCHED_MAX_PARTS];
    bool chunk; /* the only part is a chunk: run it with pauses */
};

/* Whether a prompt of n tokens and an answer of n_new could be computed at all: ERR_LIMIT, with the numbers, if they exceed n_ctx or the
 * budget; ERR_ARG for an empty prompt. Reads constants alone: any thread. */
MUST_CHECK int batch_fits(const struct batch_opts *o, size_t n, size_t n_new, struct err *e);

MUST_CHECK int batch_new(struct batch **out, const struct batch_opts *o, struct err *e);
void batch_free(struct batch *b); /* ends what is left */

/* A new sequence: copies ids. n_new: most tokens of the answer. Fails as batch_fits does, and with ERR_NOMEM. */
MUST_CHECK int batch_add(struct batch *b, struct batch_seq **out, const int32_t *ids, size_t n, size_t n_new,
                         int priority, bool private_ids, void *owner, struct err *e);
/* Of a new sequence the logits behind each token of the prompt are wanted, not only behind the last: nothing that somebody else computed is
 * taken over for it, but what it had itself when it gave way. */
void batch_score(struct batch_seq *s);
/* The sequence is over, in any phase: what it computed stays in the tree (`keep`), its pages go back. Not while it is part of a step. */
void batch_end(struct batch *b, struct batch_seq *s, bool keep);

/* Admits, preempts, and plans the next step into *out (n_part 0: nothing to do now). `suspended`: a chunk is suspended (sched.h); its
 * sequence is left alone. */
void batch_plan(struct batch *b, struct batch_step *out, bool suspended);
/* The step was computed: its rows but for guessed ones count as done. The engine then appends what it draws with batch_push. */
void batch_commit(struct batch *b, const struct batch_step *s);
/* The step was given up (cancelled): its rows count as not computed. Where there is a state, which they have spoilt, the sequence begins again
 * from what the tree has. */
void batch_abort(struct batch *b, const struct batch_step *s);

/* A token was drawn behind the last computed one; it becomes the next row. `computed`: its keys and values are there already (a guess
 * that was right). Not for the last token of an answer, which nothing follows; a sequence that draws and is given none waits. */
void batch_push(struct batch *b, struct batch_seq *s, int32_t id, bool computed);
/* For the next plan: rows for n guessed tokens would be welcome. Where there is a state, which cannot go back, none are given. */
void batch_want_draft(struct batch_seq *s, int n);

/* A sequence in prompt phase waits for pages from disk (the engine reads into them), or goes on. It does not give way to others meanwhile. */
void batch_set_loading(struct batch_seq *s, bool loading);
/* Cuts a sequence that is loading back to `from` tokens (a multiple of KV_PAGE_TOK) and gives it pages of its own for tokens up to n, for the
 * reader to fill; false if they cannot be had. After the read, batch_loaded says that tokens up to n are computed. */
MUST_CHECK bool batch_reserve(struct batch *b, struct batch_seq *s, size_t from, size_t n);
void batch_loaded(struct batch *b, struct batch_seq *s, size_t n);

/* Prompt rows that small steps have time for, from now on (sched_limits). */
void batch_set_small_prompt(struct batch *b, int n_row);

uint64_t batch_cached_tokens(const struct batch *b); /* of prompts, found in the tree at the first admission */
uint64_t batch_n_preempted(const struct batch *b);
struct prefix *batch_prefix(struct batch *b);
struct pages *batch_pages(struct batch *b);
int batch_n_running(const struct batch *b); /* admitted, whatever they do */
int batch_n_waiting(const struct batch *b);
/* Every sequence in order of arrival: i from 0; NULL at the end. */
struct batch_seq *batch_at(struct batch *b, int i);

/* For tests: aborts where a page is leaked, held twice, or the budget exceeded. others[pool][page]: references that somebody else holds; NULL:
 * none. */
void batch_check(struct batch *b, const int *const *others);

#endif
