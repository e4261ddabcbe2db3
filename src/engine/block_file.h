/* block_file.h - one block of pages as a file, and the directory that holds such files.
 *
 *   DIR/ab/abcdef...kv   header (magic, version, identity, key, parent, sizes, checksum) | token ids | pages, pool by pool
 *
 * Numbers are little-endian. The checksum (XXH3, 128 bits) covers everything but itself. A file is written beside its name, synced and
 * renamed; whatever else lies in the directory is left alone. Functions here block on the disk and belong to the store's thread, but for
 * opening.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_BLOCK_FILE_H
#define ENGINE_BLOCK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "engine/keep_plan.h"
#include "engine/store.h"

/* What every block of a store looks like. */
struct block_form {
    uint8_t identity[STORE_ID_BYTES];
    int n_pool, n_page[PAGES_POOL_MAX]; /* pages of each pool in a block */
    size_t page_bytes[PAGES_POOL_MAX];
    size_t n_token;
    uint64_t file_bytes;
};

void block_form_init(struct block_form *f, const struct keep_plan *keep, const uint8_t identity[STORE_ID_BYTES]);
/* `parent`: NULL for the first block; ids [n_token]. */
struct store_key block_key(const struct block_form *f, const struct store_key *parent, const int32_t *ids);

struct block_dir {
    char *path;     /* owned */
    bool read_only; /* blocks can be read, not written or removed */
};

/* Makes the directory if it is missing. One that cannot be written is opened for reading, with a warning. */
MUST_CHECK int block_dir_open(struct block_dir *d, const char *path, struct err *e);
void block_dir_close(struct block_dir *d);

/* What a file's header says. */
struct block_info {
    uint8_t identity[STORE_ID_BYTES];
    struct store_key key, parent;
    bool has_parent;
    uint64_t bytes;
    int64_t changed_ns; /* when it was last written or read */
};
typedef void block_found_fn(void *arg, const struct block_info *info);
/* Every block in the directory, of whatever identity. Removed with a warning: what has the name of a block but not its header. Leftovers of
 * writes that were killed are removed if nobody has touched them for an hour. */
MUST_CHECK int block_dir_scan(struct block_dir *d, block_found_fn *fn, void *arg, struct err *e);

struct block {
    const struct block_form *form;
    struct store_key key, parent;
    bool has_parent;
    const int32_t *ids;
    uint8_t *page[PAGES_POOL_MAX * STORE_BLOCK_PAGES]; /* page i of pool p: [p * STORE_BLOCK_PAGES + i] */
};

/* Fills the pages. ERR_FORMAT: the file is damaged or not this block; ERR_IO: it cannot be read. The pages may hold anything then. */
MUST_CHECK int block_read(const struct block_dir *d, const struct block *b, struct err *e);
/* ERR_LIMIT: the disk is full. */
MUST_CHECK int block_write(const struct block_dir *d, const struct block *b, struct err *e);
void block_remove(const struct block_dir *d, const struct store_key *key);

#endif
