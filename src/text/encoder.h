/* encoder.h - text to token ids: added tokens, normaliser, pre-tokeniser and byte pair encoding, one behind the other.
 *
 *   text --raw trie--> segments --normalise, normal trie--> segments --pretok--> pieces --bpe--> ids
 *              \                               \
 *               added tokens                    added tokens with `normalized`
 *
 * Read-only once its parts are made (text/tokenizer.c makes them); any number of threads may encode.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_ENCODER_H
#define TEXT_ENCODER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "text/added.h"
#include "text/bpe.h"
#include "text/ids.h"
#include "text/marked.h"
#include "text/normalise.h"
#include "text/pretok.h"

struct encoder {
    struct added_token *added; /* owned, and so are their contents */
    size_t n_added;
    struct added_trie raw, normal; /* of the added tokens without and with `normalized` */
    struct normalise normalise;
    struct pretok pretok;
    struct bpe bpe;
};

/* Appends the ids of text; on failure `out` is as it was. Wrong UTF-8 counts as U+FFFD. With `added`, added tokens are matched, though
 * none that touches one of the spans. */
MUST_CHECK int encoder_encode(const struct encoder *c, struct str text, const struct marked_span *spans, size_t n_span,
                              bool added, struct ids *out, struct err *e);
void encoder_deinit(struct encoder *c);

#endif
