/* draft.c - guesses from the sequence's own text: a hash table from DRAFT_MIN_MATCH tokens to where they stood last.
 *
 * Every position is entered once, under the tokens before it, and replaces an older one under the same tokens: of several earlier occurrences
 * the latest is the likeliest to go on alike. The table is at most half full, collisions are resolved by linear probing, and nothing is ever
 * removed; the tokens themselves stand in the sequence. A guess looks how far the match reaches back.
 * SPDX-License-Identifier: MIT */
#include "engine/draft.h"

#include <stdbool.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "text/ids.h"

enum { SLOTS_MIN = 1024, MATCH_MAX = 255 };

struct draft {
    const int32_t *ids; /* borrowed until the next update; [n] */
    size_t n;
    uint32_t *slots; /* owned; [mask + 1]: position behind the tokens, 0: free */
    uint32_t mask;
    size_t n_entered; /* positions below this are in the table */
};

struct draft *draft_new(void)
{
    struct draft *d = xcalloc(1, sizeof *d);
    d->slots = xcalloc(SLOTS_MIN, sizeof *d->slots);
    d->mask = SLOTS_MIN - 1;
    return d;
}

void draft_free(struct draft *d)
{
    if (!d)
        return;
    mem_free(d->slots);
    mem_free(d);
}

static uint32_t hash(const int32_t *ids)
{
    uint64_t h = 0x9e3779b97f4a7c15;
    for (int i = 0; i < DRAFT_MIN_MATCH; i++)
        h = (h ^ (uint32_t)ids[i]) * 0xff51afd7ed558ccd;
    return (uint32_t)(h >> 32);
}

/* The slot of the tokens before position `at`, or the free one where they belong. */
static uint32_t *find(const struct draft *d, size_t at)
{
    const int32_t *key = d->ids + at - DRAFT_MIN_MATCH;
    uint32_t i = hash(key) & d->mask;
    while (d->slots[i] && ids_common(d->ids + d->slots[i] - DRAFT_MIN_MATCH, key, DRAFT_MIN_MATCH) < DRAFT_MIN_MATCH)
        i = (i + 1) & d->mask;
    return &d->slots[i];
}

/* Room for n positions; all have to be entered again. */
static bool grow(struct draft *d, size_t n)
{
    uint32_t mask = d->mask;
    while (n > mask / 2)
        mask = 2 * mask + 1;
    uint32_t *slots = mem_try_calloc((size_t)mask + 1, sizeof *slots);
    if (!slots)
        return false;
    mem_free(d->slots);
    d->slots = slots;
    d->mask = mask;
    d->n_entered = 0;
    return true;
}

void draft_update(struct draft *d, const int32_t *ids, size_t n)
{
    if (n < d->n) {
        d->n_entered = 0;
        memset(d->slots, 0, ((size_t)d->mask + 1) * sizeof *d->slots);
    }
    d->ids = ids;
    d->n = n;
    /* The guesses are no worse than before where memory is short. */
    if (n > d->mask / 2 && !grow(d, n))
        return;
    /* The last position is not entered before a token stands behind it: it would find itself. */
    for (size_t i = MAX(d->n_entered, DRAFT_MIN_MATCH); i < n; i++)
        *find(d, i) = (uint32_t)i;
    d->n_entered = n;
}

int draft_guess(const struct draft *d, int32_t *out, int max, int *match)
{
    const int32_t *v = d->ids;
    size_t n = d->n;
    *match = 0;
    if (n <= DRAFT_MIN_MATCH)
        return 0;
    size_t at = *find(d, n), same = 0;
    while (same < MATCH_MAX && same < at && v[at - 1 - same] == v[n - 1 - same])
        same++;
    *match = (int)same;
    int n_out = 0;
    /* A guess may run into the tokens that it itself repeats: what follows then is the guess. */
    for (size_t i = at; at && n_out < MIN(max, DRAFT_MAX); i++, n_out++)
        out[n_out] = i < n ? v[i] : out[i - n];
    return n_out;
}
