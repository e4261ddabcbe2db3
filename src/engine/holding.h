/* holding.h - the pages that one sequence holds: how many it needs, how it takes them over from the tree, grows, and lets go.
 *
 *   n_done = 200, window 100, rows for tokens up to 330 ahead:
 *
 *     full     | page 0 | page 1 | page 2 | page 3 | page 4 | page 5 |     all of them; before n_done / 64 they may be shared
 *     window   |   -1   | page 1 | page 2 | page 3 | page 4 | page 5 |     page 0 lies before token 100: given back
 *     state    | one page, which every token overwrites |
 *
 * Of what the tree has, whole pages are shared; what the sequence will write on (a page that is partly filled, a state) is copied when it is
 * taken over. Pages that it took itself are written by it alone, also after the tree has learnt of them.
 * No policy: whether room is made, and at whose cost, is batch.c's. Owned by the engine thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_HOLDING_H
#define ENGINE_HOLDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "engine/batch.h"
#include "engine/pages.h"
#include "engine/prefix.h"

/* What pages are taken from, and how. */
struct holding {
    struct pages *pages; /* borrowed, as the tree: the batch's */
    const struct prefix *prefix;
    const struct batch_opts *o;
};

/* Bytes of the pages that a sequence holds at most on its way to n tokens. Reads constants alone. */
uint64_t holding_most(const struct batch_opts *o, size_t n);
/* Bytes of the pages to be taken for a sequence that continues behind n_hit tokens of the tree and has n to compute. */
size_t holding_to_admit(const struct holding *h, size_t n_hit, size_t n);
/* Bytes of the pages that it lacks to compute tokens up to n. */
size_t holding_missing(const struct holding *h, const struct batch_seq *s, size_t n);
/* Takes these pages; false if one could not be had, what was taken by then stays. A window grows no further than one step's rows. */
MUST_CHECK bool holding_grow(const struct holding *h, struct batch_seq *s, size_t n);
/* Takes over what the tree has, to a sequence that holds nothing; false, and some of it taken, if a page for a copy could not be had. */
MUST_CHECK bool holding_adopt(const struct holding *h, struct batch_seq *s, const struct prefix_hit *hit);
/* Cuts it back to `from` tokens, a multiple of KV_PAGE_TOK, and gives it pages of its own for tokens up to n that somebody else will fill: of a
 * window those that are needed behind n. False if they could not be had. */
size_t holding_to_reserve(const struct holding *h, const struct batch_seq *s, size_t from,
                          size_t n); /* bytes for that */
MUST_CHECK bool holding_reserve(const struct holding *h, struct batch_seq *s, size_t from, size_t n);
void holding_slide(const struct holding *h, struct batch_seq *s); /* gives back what windows have moved past */
void holding_release(const struct holding *h, struct batch_seq *s);

#endif
