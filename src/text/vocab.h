/* vocab.h - the two large parts of a tokenizer.json, `model.vocab` and `model.merges`, as the file spells them.
 *
 * They make up nearly all of the file, so they are read in one pass without a tree; what remains is a small JSON text
 * (`rest`) in which both are empty, to be read with format/json.h. Owned by one thread.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_VOCAB_H
#define TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/str.h"

/* Largest id of a token; the largest vocabularies known have 262,144. Bounds tables indexed by id. */
enum { VOCAB_ID_MAX = (1 << 22) - 1 };

struct vocab_text {
    uint32_t at, n; /* in `chars` */
};

struct vocab_token {
    struct vocab_text text;
    int32_t id;
};

struct vocab_merge {
    struct vocab_text left, right;
};

struct vocab {
    struct buf chars;
    struct vocab_token *tokens; /* owned; in the order of the file */
    size_t n_token, cap_token;
    struct vocab_merge *merges; /* owned; by rank */
    size_t n_merge, cap_merge;
    bool has_merges;
    struct map ids; /* spelling to id; its keys lie in chars */
    struct buf rest;
};

/* Reads `json`; `what` names it in messages. *v is all zeros before; call vocab_deinit also on failure. A spelling or an id that occurs
 * twice is ERR_FORMAT, an id beyond VOCAB_ID_MAX ERR_LIMIT. */
MUST_CHECK int vocab_read(struct vocab *v, struct str json, const char *what, struct err *e);
void vocab_deinit(struct vocab *v);
struct str vocab_str(const struct vocab *v, struct vocab_text t); /* borrowed from chars */
/* The id of a spelling, -1 if there is none. */
int32_t vocab_find(const struct vocab *v, struct str spelling);

/* A spelling as messages show it: in quotes, control characters escaped, not too long. */
struct vocab_quoted {
    char text[640];
};
struct vocab_quoted vocab_quote(struct str spelling);

#endif
