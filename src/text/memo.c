/* memo.c - what short pieces of one text became.
 * SPDX-License-Identifier: MIT */
#include "text/memo.h"

#include <string.h>

#include "base/base.h"
#include "base/mem.h"

enum {
    TEXT_MIN = 1024,   /* bytes; below, hardly a word comes twice */
    BYTES_A_PLACE = 8, /* of text */
    PLACES_MAX = 1 << 14,
};

_Static_assert(sizeof(struct memo_place) == 64, "a place fills a cache line");

void memo_init(struct memo *m, size_t text_bytes)
{
    *m = (struct memo){ 0 };
    if (text_bytes < TEXT_MIN)
        return;
    size_t n = TEXT_MIN / BYTES_A_PLACE;
    while (n < PLACES_MAX && n * BYTES_A_PLACE < text_bytes)
        n *= 2;
    m->places = mem_try_calloc(n, sizeof *m->places);
    m->mask = (uint32_t)(n - 1);
}

void memo_deinit(struct memo *m)
{
    mem_free(m->places);
    *m = (struct memo){ 0 };
}

struct memo_place *memo_place(const struct memo *m, struct str piece)
{
    if (!m->places || piece.n > MEMO_PIECE_MAX)
        return NULL;
    uint64_t h = piece.n, word;
    size_t i = 0;
    for (; i + 8 <= piece.n; i += 8) {
        memcpy(&word, piece.p + i, 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    for (word = 0; i < piece.n; i++)
        word = word << 8 | (unsigned char)piece.p[i];
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    return &m->places[(uint32_t)(h >> 32) & m->mask];
}

bool memo_holds(const struct memo_place *p, struct str piece)
{
    return p->n_piece == piece.n && memcmp(p->piece, piece.p, piece.n) == 0;
}

void memo_store(struct memo_place *p, struct str piece, const int32_t *id, size_t n)
{
    if (n > MEMO_IDS_MAX || piece.n > MEMO_PIECE_MAX)
        return;
    memcpy(p->piece, piece.p, piece.n);
    memcpy(p->id, id, n * sizeof *id);
    p->n_piece = (unsigned char)piece.n;
    p->n_id = (unsigned char)n;
}
