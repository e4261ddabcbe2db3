/* stored.h - a store in a directory of its own, with made blocks, for tests of store.c and block_file.c.
 *
 * The bytes of a block's pages follow from its key, so that what is read can be told from anything else. The helpers end the test
 * (cmocka's fail) if the system refuses.
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_STORED_H
#define TESTS_STORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "engine/store.h"

enum { STORED_BLOCK_TOK = STORE_BLOCK_PAGES * KV_PAGE_TOK, CHAIN_BLOCKS = 12 };

struct stored {
    char dir[512];
    struct store_opts
        o;           /* dir, no limit to speak of, an identity, one pool of each kind: to be changed before opening */
    struct store *s; /* NULL: closed */
};

/* Makes the directory; opens nothing. */
void stored_init(struct stored *d);
void stored_deinit(struct stored *d); /* closes, and removes the directory */
void stored_open(struct stored *d);
void stored_close(struct stored *d);
void stored_reopen(struct stored *d);

/* Blocks that follow one another. */
struct chain {
    int32_t ids[CHAIN_BLOCKS * STORED_BLOCK_TOK];
    struct store_key keys[CHAIN_BLOCKS];
};
/* The ids of the first `shared` blocks are the same for every seed. The store is open. */
void chain_init(struct chain *c, const struct stored *d, uint32_t seed, size_t shared);
static inline const struct store_key *chain_parent(const struct chain *c, size_t i)
{
    return i ? &c->keys[i - 1] : NULL;
}

/* Gives a write of block i to the store, whose pages are then not touched until stored_settle; the store's own answer. */
bool stored_submit(struct stored *d, const struct chain *c, size_t i);
/* Waits for the writes that were submitted; returns how many are on disk now. */
size_t stored_settle(struct stored *d);
/* One block at once: whether it was taken and is on disk. */
bool stored_write(struct stored *d, const struct chain *c, size_t i);
/* Blocks [0, n), each of which must succeed. */
void stored_write_all(struct stored *d, const struct chain *c, size_t n);
/* False if the store refuses; fails the test if it gives other bytes than were written. */
bool stored_read(struct stored *d, const struct chain *c, size_t i);
/* How many leading blocks the store has; fails the test if it has one without its parent, or one that it cannot read. */
size_t stored_check(struct stored *d, const struct chain *c);

/* "DIR/0a/0a3f...kv" of a block with `end` for ".kv", to be freed. */
char *stored_path(const struct stored *d, const struct store_key *key, const char *end);
/* Files in the directory and below whose names end so; their bytes in *bytes unless that is NULL. */
size_t stored_files(const struct stored *d, const char *end, uint64_t *bytes);

/* Between the two what is logged goes to a file of its own; the end gives back the number of lines. */
void stored_log_begin(void);
size_t stored_log_end(void);

#endif
