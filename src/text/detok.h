/* detok.h - token ids to text while they arrive, never half a character.
 *
 * Concatenating everything that push and flush append gives exactly tokenizer_decode of all ids. Bytes that may still become a
 * character are held back (at most 3). All of it belongs to one thread.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_DETOK_H
#define TEXT_DETOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "text/tokenizer.h"

struct detok {
    const struct tokenizer *tok; /* borrowed: outlives the detok */
    bool skip_special;
    unsigned char held[4];
    int n_held;
};

void detok_init(struct detok *d, const struct tokenizer *t, bool skip_special);
void detok_push(struct detok *d, int32_t id, struct buf *out);
void detok_flush(struct detok *d, struct buf *out); /* held bytes become U+FFFD; the detok starts anew */

#endif
