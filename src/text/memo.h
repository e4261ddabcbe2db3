/* memo.h - what short pieces of one text became, so that a word that comes again is not merged again.
 *
 * A table with one place for each hash value: a piece replaces what lay there. Pieces and results beyond the limits below are not kept.
 * Belongs to one call of the encoder, so no lock guards it.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_MEMO_H
#define TEXT_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "text/ids.h"

/* One place is one cache line. */
enum { MEMO_PIECE_MAX = 30, MEMO_IDS_MAX = 8 };

struct memo_place {
    int32_t id[MEMO_IDS_MAX];
    char piece[MEMO_PIECE_MAX];
    unsigned char n_piece, n_id; /* n_piece 0: free */
};

struct memo {
    struct memo_place *places; /* owned; NULL: remembers nothing */
    uint32_t mask;
};

/* As many places as a text of so many bytes is worth; none for a short one, or if memory is out. */
void memo_init(struct memo *m, size_t text_bytes);
void memo_deinit(struct memo *m);
/* The place of the piece; NULL if it is not one to remember. */
struct memo_place *memo_place(const struct memo *m, struct str piece);
bool memo_holds(const struct memo_place *p, struct str piece);
void memo_store(struct memo_place *p, struct str piece, const int32_t *id, size_t n);

#endif
