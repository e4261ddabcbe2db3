/* sched.h - what to compute next: a pure function from the state of all requests to a plan. No clock, no memory, no model.
 *
 * Two sizes of step exist. A SMALL step is short: the decode rows of every running sequence, and beside them as many prompt rows as
 * fit the time that a running stream may be stalled. A CHUNK is a long run of prompt rows of one sequence (MoE prefill is
 * efficient only in thousands of rows) that the engine suspends at its pause points to run small steps in between; while one is
 * suspended, only small steps are planned.
 *
 * Fairness: prompts share prompt work by virtual time: the one that has been given least (weighted by priority) goes next, and a
 * newcomer begins at the least of those present. A prompt whose rest fits a small step goes before a chunk of another.
 * Requests wait for admission in order of priority, then arrival; nobody overtakes within a priority, so nobody starves.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_SCHED_H
#define ENGINE_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sched_phase {
    SCHED_WAITING,
    SCHED_PROMPT,
    SCHED_DECODE,
    SCHED_IDLE /* loading from disk, or its chunk is suspended */
};

struct sched_seq {
    enum sched_phase phase;
    int priority;   /* higher goes first */
    uint64_t order; /* of arrival; unique */
    size_t n_left;  /* prompt rows still to compute */
    int n_draft;    /* rows it would like to verify beside its next one */
    double served;  /* prompt rows given so far by virtual time */
    bool held;      /* waiting: not to be admitted now */
};

struct sched_limits {
    int small_rows;   /* most rows of a small step */
    int small_prompt; /* prompt rows that a small step has time for beside the decode rows */
    int chunk_rows;   /* most rows of a chunk */
    int max_running;  /* sequences in prompt or decode */
    int max_out;      /* rows with logits in one step */
};

enum { SCHED_MAX_PARTS = 256 };

struct sched_part {
    int seq;   /* index into the states */
    int n_row; /* decode: 1 + drafts granted; prompt: rows of the prompt */
};

struct sched_plan {
    int n_part;
    struct sched_part part[SCHED_MAX_PARTS];
    bool chunk; /* the only part is a chunk of prompt rows */
};

/* Plans one step over n sequences. `suspended`: a chunk is suspended, so only a small step may be planned. An empty plan means that there is
 * nothing to do. */
void sched_plan(struct sched_plan *out, const struct sched_seq *v, int n, const struct sched_limits *l, bool suspended);

/* The waiting sequence to admit next; -1 if none waits or max_running are running. */
int sched_admit(const struct sched_seq *v, int n, const struct sched_limits *l);
/* The running sequence that gives way when memory is out: lowest priority, then youngest; never `not`. -1: none. */
int sched_victim(const struct sched_seq *v, int n, int not_this);
/* `served` of a newcomer. */
double sched_newcomer(const struct sched_seq *v, int n);

#endif
