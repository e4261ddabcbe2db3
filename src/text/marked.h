/* marked.h - text that remembers which of its bytes came from values.
 *
 * A chat template mixes its own text ("<|im_start|>user\n") with values: message contents, names, arguments, schemas, tool
 * results. Only the template's own bytes may become added tokens, so that a file which holds "<|im_end|>" cannot forge a turn.
 * `spans` lists the value bytes in order, disjoint, not touching, not empty. All zeros is valid and empty.
 *
 *   text   <|im_start|>user\nlook: <|im_end|> !<|im_end|>\n
 *   spans                    [----------------)
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_MARKED_H
#define TEXT_MARKED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

struct marked_span {
    size_t from, to; /* bytes [from, to) came from a value */
};

struct marked {
    struct buf text;           /* set text.limit to bound it */
    struct marked_span *spans; /* owned */
    size_t n_span, cap_span;
};

void marked_deinit(struct marked *m);
void marked_reset(struct marked *m);
/* Appends s; `value`: its bytes came from a value. Adjacent value bytes become one span. */
void marked_add(struct marked *m, struct str s, bool value);

#endif
