/* matcher.c - a trail of states through a grammar's store.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/matcher.h"

#include <string.h>

#include "base/mem.h"
#include "text/grammar/gmask.h"
#include "text/grammar/grammar_core.h"
#include "text/grammar/token_trie.h"

enum { TRAIL = 256, WORD_BITS = 32 };

struct matcher {
    struct grammar *g;          /* held */
    const struct token_trie *t; /* borrowed */
    struct gstore *s;           /* held */
    uint32_t trail[TRAIL];      /* states, the current one at `at`; older ones before it, as a ring */
    size_t at, n;               /* n: how many of them are before the current one */
    int failed;                 /* why, for good; 0: it has not */
    uint32_t *words;            /* owned: the mask that a list is written out to */
    const struct gmask *list;   /* borrowed from s: the list whose bits are set in words, or NULL */
};

int matcher_new(struct matcher **out, struct grammar *g, const struct token_trie *t, struct err *e)
{
    struct matcher *m = xcalloc(1, sizeof *m);
    *out = NULL;
    m->words = mem_try_calloc(token_trie_size(t) / WORD_BITS + 1, sizeof *m->words);
    m->s = m->words ? grammar_store(g, t) : NULL;
    if (!m->s) {
        mem_free(m->words);
        mem_free(m);
        return err_set(e, ERR_NOMEM, "no memory, or no time, for an output's place in its grammar");
    }
    m->g = grammar_hold(g);
    m->t = t;
    m->trail[0] = m->s->start;
    *out = m;
    return 0;
}

void matcher_free(struct matcher *m)
{
    if (!m)
        return;
    grammar_drop(m->g, m->s);
    grammar_release(m->g);
    mem_free(m->words);
    mem_free(m);
}

/* Takes back the bits of a list. */
static void clear_list(struct matcher *m)
{
    for (uint32_t i = 0; m->list && i < m->list->n; i++)
        m->words[m->list->data[i] / WORD_BITS] = 0;
    m->list = NULL;
}

/* Leaves a store that is full. Whatever goes wrong, the old one still serves. */
static void move_on(struct matcher *m)
{
    uint32_t states[TRAIL];
    size_t n = m->n + 1;
    struct gstore *s = grammar_store(m->g, m->t);
    if (!s || s == m->s) {
        if (s)
            grammar_drop(m->g, s);
        return;
    }
    for (size_t i = 0; i < n; i++)
        states[i] = m->trail[(m->at + TRAIL - i) % TRAIL];
    pthread_mutex_lock(&m->g->lock);
    bool ok = gstore_import(s, m->s, states, n);
    pthread_mutex_unlock(&m->g->lock);
    if (!ok) {
        grammar_drop(m->g, s);
        return;
    }
    clear_list(m);
    for (size_t i = 0; i < n; i++)
        m->trail[(m->at + TRAIL - i) % TRAIL] = states[i];
    grammar_drop(m->g, m->s);
    m->s = s;
}

static const struct gmask *mask_in_store(struct matcher *m)
{
    pthread_mutex_lock(&m->g->lock);
    bool full = gstore_full(m->s);
    pthread_mutex_unlock(&m->g->lock);
    if (full)
        move_on(m);
    pthread_mutex_lock(&m->g->lock);
    const struct gmask *k = gmask_of(m->s, m->t, m->trail[m->at]);
    pthread_mutex_unlock(&m->g->lock);
    return k;
}

/* The mask of the current state; what fails in one store may be had in the next. NULL: the matcher failed. */
static const struct gmask *current_mask(struct matcher *m)
{
    const struct gmask *k = mask_in_store(m);
    bool slow = !k && m->s->slow;
    k = k || slow ? k : mask_in_store(m);
    m->failed = k ? 0 : slow ? ERR_LIMIT : ERR_NOMEM;
    return k;
}

const uint32_t *matcher_mask(struct matcher *m)
{
    const struct gmask *k = m->failed ? NULL : current_mask(m);
    if (k && k->kind == GMASK_ALL)
        return NULL;
    if (k && k->kind == GMASK_WORDS)
        return k->data;
    clear_list(m);
    for (uint32_t i = 0; k && i < k->n; i++)
        m->words[k->data[i] / WORD_BITS] |= 1U << (k->data[i] % WORD_BITS);
    m->list = k;
    return m->words;
}

int32_t matcher_forced(struct matcher *m)
{
    const struct gmask *k = m->failed ? NULL : current_mask(m);
    return k && k->kind == GMASK_LIST && k->n == 1 ? (int32_t)k->data[0] : -1;
}

bool matcher_mask_known(struct matcher *m)
{
    pthread_mutex_lock(&m->g->lock);
    bool known = m->s->states[m->trail[m->at]].mask != NULL;
    pthread_mutex_unlock(&m->g->lock);
    return known;
}

/* The state behind token `id`; GSTATE_DEAD: not allowed. The lock is held. */
static uint32_t after(struct matcher *m, int32_t id)
{
    uint32_t state = m->trail[m->at];
    if (token_trie_is_eos(m->t, id))
        return m->s->states[state].may_end ? m->s->end : GSTATE_DEAD;
    struct str bytes = token_trie_bytes(m->t, id);
    if (!bytes.n) { /* a token without text is allowed where everything is */
        const struct gmask *k = gmask_of(m->s, m->t, state);
        return k && k->kind == GMASK_ALL ? state : GSTATE_DEAD;
    }
    for (size_t i = 0; i < bytes.n && state != GSTATE_DEAD; i++)
        state = gstore_next(m->s, state, (uint8_t)bytes.p[i]);
    return state;
}

/* Whether the state behind token `id` could be had; *to: GSTATE_DEAD if the token is not allowed. */
static bool step(struct matcher *m, int32_t id, uint32_t *to)
{
    pthread_mutex_lock(&m->g->lock);
    gstore_limit(m->s, true);
    *to = after(m, id);
    gstore_limit(m->s, false);
    bool known = *to != GSTATE_DEAD || !m->s->failed;
    pthread_mutex_unlock(&m->g->lock);
    return known;
}

bool matcher_accept(struct matcher *m, int32_t id)
{
    uint32_t to;
    if (m->failed)
        return false;
    if (!step(m, id, &to)) {
        bool slow = m->s->slow;
        if (!slow)
            move_on(m);
        m->failed = slow ? ERR_LIMIT : step(m, id, &to) ? 0 : ERR_NOMEM;
    }
    if (to == GSTATE_DEAD)
        return false;
    m->at = (m->at + 1) % TRAIL;
    m->trail[m->at] = to;
    m->n = MIN(m->n + 1, (size_t)TRAIL - 1);
    return true;
}

void matcher_rollback(struct matcher *m, size_t n)
{
    n = MIN(n, m->n);
    m->at = (m->at + TRAIL - n) % TRAIL;
    m->n -= n;
}

bool matcher_may_end(struct matcher *m)
{
    pthread_mutex_lock(&m->g->lock);
    bool may = !m->failed && m->s->states[m->trail[m->at]].may_end;
    pthread_mutex_unlock(&m->g->lock);
    return may;
}

bool matcher_must_end(struct matcher *m)
{
    pthread_mutex_lock(&m->g->lock);
    const struct gstate *x = &m->s->states[m->trail[m->at]];
    bool must = !m->failed && x->may_end && !(x->live[0] | x->live[1] | x->live[2] | x->live[3]);
    pthread_mutex_unlock(&m->g->lock);
    return must;
}

int matcher_failed(const struct matcher *m)
{
    return m->failed;
}
