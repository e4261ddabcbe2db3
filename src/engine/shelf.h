/* shelf.h - what the engine does with its store: which blocks are worth writing, and which sequences wait for blocks to be read.
 *
 * A prompt of at least SHELF_MIN_BLOCKS blocks is worth keeping once it is computed, and so is the answer behind it: they are written in the
 * background, pages held until that is done. A sequence whose prompt goes on on disk where memory ends waits while its pages are read,
 * and others are computed meanwhile. Owned by the engine thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_SHELF_H
#define ENGINE_SHELF_H

#include "engine/batch.h"
#include "engine/store.h"
#include "model/kv.h"

struct shelf;

enum { SHELF_MIN_BLOCKS = 2 };

/* Opens the store. `batch` and `kv` are borrowed and outlive the shelf. */
MUST_CHECK int shelf_new(struct shelf **out, const struct store_opts *o, struct batch *b, struct kv *kv, struct err *e);
/* Ends what is under way; writes that were begun are finished. */
void shelf_free(struct shelf *x);

/* A sequence was admitted: begins to read what the disk has beyond what memory had. */
void shelf_admitted(struct shelf *x, struct batch_seq *s);
/* Tokens of ids[0..n) beyond the first `from` that would be read from disk now. */
size_t shelf_probe(struct shelf *x, const int32_t *ids, size_t n, size_t from);
/* The sequence is about to end. Reads for it are awaited, since they fill its pages. */
void shelf_forget(struct shelf *x, struct batch_seq *s);
/* Writes the blocks of what the sequence has computed, as far as they are not on disk. */
void shelf_save(struct shelf *x, const struct batch_seq *s);
/* Takes note of what is done. `on_read`, once for each sequence whose reading is over, tells how many tokens it brought. */
typedef void shelf_read_fn(void *arg, struct batch_seq *s, size_t n_token);
void shelf_poll(struct shelf *x, shelf_read_fn *on_read, void *arg);
/* Waits for everything under way. */
void shelf_drain(struct shelf *x);
void shelf_clear(struct shelf *x);
struct store_stats shelf_stats(struct shelf *x);

#endif
