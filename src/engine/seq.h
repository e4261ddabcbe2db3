/* seq.h - one sequence: its tokens and the pages that hold their keys and values.
 *
 * Tokens are fed in chunks; a sequence can be cut back to any prefix and continued from there, which is how a chat pays only for its
 * new tokens. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_SEQ_H
#define ENGINE_SEQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/model.h"

struct seq;

/* Called between chunks with the tokens done and their total; a return of true stops (ERR_CANCELLED). */
typedef bool seq_progress_fn(void *arg, size_t done, size_t total);
/* Called with the logits [n_vocab] after token number `pos` of the sequence; borrowed for the call. */
typedef void seq_logits_fn(void *arg, size_t pos, const float *logits);

struct seq_feed {
    const int32_t *ids; /* tokens behind those that the sequence holds */
    size_t n;
    const size_t *want; /* ascending positions whose logits are wanted; NULL: the last token's alone */
    size_t n_want;
    seq_logits_fn *on_logits;     /* may be NULL */
    seq_progress_fn *on_progress; /* may be NULL */
    void *arg;                    /* given to both */
};

/* A sequence of at most n_ctx tokens. */
MUST_CHECK int seq_new(struct seq **out, struct model *m, size_t n_ctx, struct err *e);
void seq_free(struct seq *s);
/* Appends tokens. ERR_LIMIT if they do not fit n_ctx. After an error or a cancel the sequence holds the chunks that were done. */
MUST_CHECK int seq_feed(struct seq *s, const struct seq_feed *f, struct err *e);
void seq_truncate(struct seq *s, size_t n); /* keeps the first n tokens */
size_t seq_len(const struct seq *s);
size_t seq_context(const struct seq *s); /* the n_ctx that it was made with */
const struct model *seq_model(const struct seq *s);
const int32_t *seq_ids(const struct seq *s);
/* How many leading tokens of ids the sequence holds already. */
size_t seq_common(const struct seq *s, const int32_t *ids, size_t n);

#endif
