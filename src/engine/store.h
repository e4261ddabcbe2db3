/* store.h - prefixes on disk: pages that outlive the process, found by their token ids.
 *
 * A block is STORE_BLOCK_PAGES full pages of every pool of kind full (and, with a window or a state, the pages that a sequence needs
 * to go on behind it), in one file. Its name is a hash of the checkpoint's identity, the tokens before the block and its own; the file
 * repeats all of these, and a checksum over everything: a file with such a name that is damaged, or of another length or model, is
 * ignored with one log line and removed; what has another name is left alone. Files are written under another name, flushed and renamed,
 * so that a kill at any moment leaves a usable directory.
 *
 *   DIR/0a/0a3f...e1.kv   header | token ids of the block | pages
 *
 * Blocks are dropped least recently used first, a parent never before its children. One thread of the store reads and writes; the engine
 * thread submits and polls, and keeps references on the pages until it is told that they are done. Several processes may share a directory.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_STORE_H
#define ENGINE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "engine/keep_plan.h"

enum { STORE_BLOCK_PAGES = 4, STORE_ID_BYTES = 16 };

struct store;

struct store_opts {
    const char *dir; /* made if it is missing */
    uint64_t limit;  /* bytes on disk */
    uint8_t identity
        [STORE_ID_BYTES]; /* of checkpoint, storage of keys and values, precision, instruction set (model/identity.h) */
    struct keep_plan keep;
    void (*on_event)(
        void *arg); /* something was done: called on the store's thread, to wake the engine's; may be NULL */
    void *arg;
};

/* Opens the directory and reads the files' headers. A directory that cannot be used is an error here, never later. */
MUST_CHECK int store_open(struct store **out, const struct store_opts *o, struct err *e);
void store_close(struct store *s); /* finishes writes that were begun, drops those that were not */

/* The name of a block: a hash of the identity, of all tokens before it and of its own. */
struct store_key {
    uint8_t b[16];
};
size_t store_block_tokens(const struct store *s);
/* Names of the whole blocks of ids[0..n): out [n / store_block_tokens]; returns how many. */
size_t store_keys(const struct store *s, const int32_t *ids, size_t n, struct store_key *out);
/* Whether the block is on disk, as far as this process knows. Touches no file. */
bool store_has(struct store *s, const struct store_key *key);

/* Reads a block, whose tokens are `ids`, into the pages' bytes: dst[pool][i] for page i of the block (the arrays are copied). Later,
 * store_poll gives `tag` back with the result. */
void store_read(struct store *s, const struct store_key *key, const int32_t *ids, uint8_t *const *const *dst,
                void *tag);
/* Writes it likewise. `parent`: the block before it; NULL: none. False, and nothing will be polled: it is there already, its parent neither
 * is nor is being written, or the queue is full. A block for which only those before it could make room is polled with ok false. */
MUST_CHECK bool store_write(struct store *s, const struct store_key *key, const struct store_key *parent,
                            const int32_t *ids, uint8_t *const *const *src, void *tag);

struct store_done {
    void *tag;
    bool ok; /* a read: the pages are filled; a write: it is on disk */
    bool write;
    size_t bytes;
};
/* The next finished read or write; false if there is none. */
bool store_poll(struct store *s, struct store_done *out);
/* Waits until all that was submitted is done; it can be polled then. */
void store_drain(struct store *s);

struct store_stats {
    uint64_t n_block, bytes; /* on disk now */
    uint64_t read_bytes, write_bytes, n_damaged, n_failed;
    int64_t read_ns, write_ns;
};
struct store_stats store_stats(struct store *s);
void store_clear(struct store *s); /* removes every block of this identity */

#endif
