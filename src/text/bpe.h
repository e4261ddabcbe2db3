/* bpe.h - byte pair encoding: the merges of a vocabulary, and what they make of one piece of text.
 *
 * A piece starts as one symbol a byte. Of all neighbouring pairs that a merge names, the one of lowest rank is joined, the leftmost
 * of equals first, until no merge applies:
 *
 *   merges 0: l+o  1: lo+w  2: e+r        l o w e r  ->  lo w e r  ->  low e r  ->  low er
 *
 * A byte without a token becomes the unknown token (runs of them one token, if the file says fuse_unk), or is left out where there
 * is none. As in tokenizers' models/bpe. No merge makes a token that is in `barred`: added tokens are never spelt out of text.
 * Read-only after bpe_init; any number of threads may encode, each with a bpe_work of its own.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_BPE_H
#define TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "text/ids.h"
#include "text/vocab.h"

struct bpe_merge {
    int32_t left, right; /* left < 0: free */
    uint32_t rank;
    int32_t id; /* what they become */
};

struct bpe {
    struct bpe_merge *merges; /* owned: open addressing by (left, right) */
    uint32_t mask;            /* slots - 1, a power of two */
    int32_t byte_id[256];     /* -1: no token */
    int32_t unk_id;           /* -1: none */
    bool fuse_unk;
    bool ignore_merges; /* a piece that is a token is that token, whatever the merges would make of it */
    struct map whole;   /* with ignore_merges: bytes to id */
    struct buf bytes;   /* keys of whole */
};

/* Memory that encoding reuses from piece to piece. All zeros is valid. */
struct bpe_work {
    void *symbols; /* owned */
    size_t cap_symbols;
    uint64_t *heap; /* owned */
    size_t n_heap, cap_heap;
};

/* Takes the merges of v. *b is all zeros before but for unk_id, fuse_unk and ignore_merges; call bpe_deinit also on failure.
 * ERR_FORMAT if a merge names a token that the vocabulary does not have. */
MUST_CHECK int bpe_init(struct bpe *b, const struct vocab *v, const bool *barred, const char *what, struct err *e);
void bpe_deinit(struct bpe *b);
bool bpe_has_all_bytes(const struct bpe *b);

/* Appends the ids of one piece. Takes O(n log n) time. ERR_NOMEM is the only failure. */
MUST_CHECK int bpe_encode(const struct bpe *b, struct bpe_work *w, struct str piece, struct ids *out, struct err *e);
void bpe_work_deinit(struct bpe_work *w);

#endif
