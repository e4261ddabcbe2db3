/* gstore.h - the states that outputs of a grammar are in, found as they are needed and never twice.
 *
 * A state is where all derivations of the bytes so far stand: a sorted list of (terminal, its state, what may follow). What follows is a
 * set of cells; a cell is a place inside a node (behind the i-th part of a sequence, after n repeats, with these members written) and the
 * set that follows that node in turn. Sets, cells and states are interned, so that equal ones are one: derivations share what they have in
 * common, and a state is a small number whose successors and mask are worked out once.
 *
 * Every cell in a set consumes bytes or is popped when it is reached: empty derivations are skipped over, so that one byte never runs in
 * circles. Nodes that begin in the same byte are expanded by rank, each once with all that may follow it.
 *
 * State 0 is dead. A store belongs to whoever holds its grammar's lock. Where memory runs out or a limit is met, `failed` is set
 * and transitions lead to the dead state.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_GSTORE_H
#define TEXT_GRAMMAR_GSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "text/grammar/gdef.h"

enum { GSTATE_DEAD = 0, GSTATE_NEAR = 4, GSTORE_WALK_MAX = 256 };
#define GSTATE_UNKNOWN UINT32_MAX

/* The tokens that a state allows. */
enum gmask_kind { GMASK_ALL, GMASK_LIST, GMASK_WORDS };
struct gmask {
    enum gmask_kind kind;
    uint32_t n;      /* tokens in it; of GMASK_ALL not counted */
    uint32_t data[]; /* LIST: n ids; WORDS: bits */
};

struct gstate {
    uint32_t object;
    bool may_end;
    uint8_t n_near;
    uint8_t near_byte[GSTATE_NEAR];
    uint32_t near[GSTATE_NEAR];
    uint64_t live[4];   /* bytes that lead on */
    uint32_t *table;    /* owned: successor of each byte once there are more than a few, or NULL */
    struct gmask *mask; /* owned; NULL: not worked out */
};

/* (terminal, its state, the set that follows) of a state. */
struct gconfig {
    uint32_t node, at, set;
};

struct gstore {
    const struct gdef *def;
    uint64_t trie;    /* serial number of the vocabulary that masks are over */
    int refs;         /* under the lock */
    bool failed;      /* memory was out, or: */
    bool slow;        /* steps were still worked out when `deadline` had passed */
    int64_t deadline; /* of clock_thread_ns, for steps; 0: none */
    unsigned ticks;
    size_t max_bytes; /* full beyond this */
    size_t bytes;
    uint32_t start, end;   /* states: nothing written; an end token was drawn */
    struct gstate *states; /* owned */
    size_t n_state, cap_state;
    uint64_t **keys; /* owned: of slices (text/grammar/gmask.c): [dfas], NULL or a few words for each state */
    struct gstore_parts *parts; /* owned: objects and scratch */
};

struct gstore *gstore_new(const struct gdef *d, uint64_t trie, size_t max_bytes); /* NULL: out of memory */
void gstore_free(struct gstore *s);
bool gstore_full(const struct gstore *s);

/* Between on and off, what is worked out may take a second of the processor; then the store is `failed` and `slow`. */
void gstore_limit(struct gstore *s, bool on);
/* Works out a successor. */
uint32_t gstore_step(struct gstore *s, uint32_t state, uint8_t byte);

static inline uint32_t gstore_next(struct gstore *s, uint32_t state, uint8_t byte)
{
    const struct gstate *x = &s->states[state];
    if (!(x->live[byte / 64] >> (byte % 64) & 1))
        return GSTATE_DEAD;
    if (x->table) {
        if (x->table[byte] != GSTATE_UNKNOWN)
            return x->table[byte];
    } else {
        for (unsigned i = 0; i < x->n_near; i++)
            if (x->near_byte[i] == byte)
                return x->near[i];
    }
    return gstore_step(s, state, byte);
}

/* The configurations of a state, borrowed until the next step. */
const struct gconfig *gstore_configs(const struct gstore *s, uint32_t state, size_t *n);

/* states[i] of another store of the same grammar as numbers of this one; false (and states unchanged) if memory is out. */
bool gstore_import(struct gstore *s, const struct gstore *from, uint32_t *states, size_t n);

#endif
