/* sched.h - what to compute next: a pure function from the state of all requests to a plan. No clock, no memory, no model.
 *
 * Two sizes of step exist. A SMALL step is short: one row of every decoding sequence, and beside them as many prompt rows as fit the time
 * that a running stream may be stalled. A CHUNK is a long run of prompt rows of one sequence (MoE prefill is efficient only in thousands of
 * rows) that the engine suspends at its pause points to run small steps in between.
 *
 *   time ->   small | chunk of A ......|small|...........|small|.. | small | chunk of B ...|small|..........
 *                                      `- at the chunk's pauses -'
 *
 * A small step, of at most small_rows rows of which max_out have logits:
 *   1. one row for every decoding sequence;
 *   2. rests of prompts that are short: at most `room` rows all together, where room is small_prompt if anything decodes (its stream waits),
 *      else small_rows. A prompt counts as short if its rest is at most room. In order of virtual time; the last one may get a part.
 *   3. with what is left, guesses: one row in turn to each sequence that wants more.
 * A chunk: of the prompts that are not short, the one with the least virtual time gets min(n_left, chunk_rows) rows; one whose rows may all
 * want logits no more than scored_rows. (In a small step max_out is enough for them, if it is no less than small_rows.)
 *
 * While a chunk is suspended only small steps are planned. Otherwise small steps and chunks take turns, where there is work for
 * both: so neither a stream of short prompts can hold a long one up, nor can chunks that are too short to be suspended hold up streams.
 *
 * Virtual time: a prompt's `served` grows by rows / 2^priority with every step; least goes first, then the earlier arrival. A newcomer begins at
 * the least of the prompts present: it is owed nothing for the time before it came, and cannot be overtaken for ever by later ones.
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
    SCHED_IDLE /* admitted, but loading from disk, or its chunk is suspended */
};

struct sched_seq {
    enum sched_phase phase;
    int priority;   /* higher goes first */
    uint64_t order; /* of arrival; unique */
    size_t n_left;  /* prompt rows still to compute */
    int n_draft;    /* rows it would like to verify beside its next one */
    double served;  /* virtual time */
    bool held;      /* waiting: not to be admitted now */
    bool scored;    /* prompt: all its rows may want logits */
};

struct sched_limits {
    int small_rows;   /* most rows of a small step */
    int small_prompt; /* prompt rows that a small step has time for beside the decode rows */
    int chunk_rows;   /* most rows of a chunk */
    int max_running; /* admitted sequences; never more than small_rows or max_out, so that all can decode in one step */
    int max_out;     /* rows with logits in one step */
    int scored_rows; /* most rows of a chunk that may all want logits */
};

enum { SCHED_MAX_PARTS = 256 };

struct sched_part {
    int seq;   /* index into the states */
    int n_row; /* decode: 1 + guesses granted; prompt: rows of the prompt */
};

struct sched_plan {
    int n_part;
    struct sched_part part[SCHED_MAX_PARTS];
    bool chunk; /* the only part is a chunk of prompt rows */
};

/* Whose turn it is. */
enum sched_turn {
    SCHED_SMALL_FIRST, /* the step before was a chunk */
    SCHED_CHUNK_FIRST, /* the step before was small */
    SCHED_SMALL_ONLY   /* a chunk is suspended */
};

/* Plans one step over n sequences. An empty plan means that there is nothing to do. */
void sched_plan(struct sched_plan *out, const struct sched_seq *v, int n, const struct sched_limits *l,
                enum sched_turn turn);

/* The waiting sequence to admit next; -1 if none waits or max_running are admitted. */
int sched_admit(const struct sched_seq *v, int n, const struct sched_limits *l);
/* The running sequence that gives way when memory is out: lowest priority, then youngest; never `not_this` (-1: any). -1: none. */
int sched_victim(const struct sched_seq *v, int n, int not_this);
/* `served` of a newcomer. */
double sched_newcomer(const struct sched_seq *v, int n);
/* By how much `served` grows with n_row rows. */
double sched_cost(int priority, int n_row);

#endif
