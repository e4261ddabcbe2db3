/* draft.c - guesses from the sequence's own text: a hash table from the last DRAFT_MIN_MATCH tokens to where they stood before.
 *
 * Every position is entered once, under the hash of the tokens before it, and replaces an older one with the same hash: of several earlier
 * occurrences the latest is the likeliest to go on alike. A guess verifies the tokens themselves, and looks how far the match reaches back.
 * SPDX-License-Identifier: MIT */
#include "engine/draft.h"

#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "text/ids.h"

enum { SLOTS_MIN = 1024, MATCH_MAX = 255 };

struct draft {
    struct ids ids;
    uint32_t *slots; /* owned; [mask + 1]: position behind the tokens hashed, 0: free */
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
    ids_deinit(&d->ids);
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

/* Enters positions up to n. The last position is not entered before a token stands behind it: it would find itself. */
static void enter(struct draft *d, size_t n)
{
    for (size_t i = MAX(d->n_entered, DRAFT_MIN_MATCH); i < n; i++)
        d->slots[hash(d->ids.v + i - DRAFT_MIN_MATCH) & d->mask] = (uint32_t)i;
    d->n_entered = n;
}

void draft_update(struct draft *d, const int32_t *ids, size_t n)
{
    if (n < d->ids.n) {
        d->ids.n = 0;
        d->n_entered = 0;
        memset(d->slots, 0, ((size_t)d->mask + 1) * sizeof *d->slots);
    }
    ids_append(&d->ids, ids + d->ids.n, n - d->ids.n);
    if (d->ids.n > d->mask / 2) {
        while (d->ids.n > d->mask / 2)
            d->mask = 2 * d->mask + 1;
        mem_free(d->slots);
        d->slots = xcalloc((size_t)d->mask + 1, sizeof *d->slots);
        d->n_entered = 0;
    }
    enter(d, d->ids.n);
}

int draft_guess(const struct draft *d, int32_t *out, int max, int *match)
{
    const int32_t *v = d->ids.v;
    size_t n = d->ids.n;
    *match = 0;
    if (n <= DRAFT_MIN_MATCH)
        return 0;
    size_t at = d->slots[hash(v + n - DRAFT_MIN_MATCH) & d->mask];
    if (!at)
        return 0;
    size_t same = 0;
    while (same < MATCH_MAX && same < at && v[at - 1 - same] == v[n - 1 - same])
        same++;
    if (same < DRAFT_MIN_MATCH)
        return 0;
    *match = (int)same;
    int n_out = 0;
    /* A guess may run into the tokens that it itself repeats: what follows then is the guess. */
    for (size_t i = at; n_out < MIN(max, DRAFT_MAX); i++, n_out++)
        out[n_out] = i < n ? v[i] : out[i - n];
    return n_out;
}
