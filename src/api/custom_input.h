/* custom_input.h - the free text of a custom tool, out of the JSON arguments in which the model wrote it.
 *
 * The model sees a custom tool as a function with one string, {"input": "..."}. The fragments of that JSON text go in; what the string says comes
 * out, decoded as far as it is certain. Where the arguments have no such string their JSON text is the input, so that nothing
 * is lost. Fragments may be cut anywhere between bytes. All zeros is a fresh one.
 * SPDX-License-Identifier: MIT */
#ifndef API_CUSTOM_INPUT_H
#define API_CUSTOM_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct custom_input {
    int state;       /* private, as all here */
    int depth;       /* of containers inside a value that is skipped */
    bool in_string;  /* of a value that is skipped */
    bool escaped;    /* the last byte was a backslash */
    bool found;      /* the string has begun */
    size_t n_key;    /* bytes of the key so far; beyond its name: another key */
    int n_hex;       /* digits of \u still to come */
    uint32_t code;   /* of \u */
    uint32_t high;   /* first half of a surrogate pair; 0: none */
    struct buf json; /* owned: the arguments, as long as the string has not begun */
};

void custom_input_deinit(struct custom_input *c);
/* Appends to `out` what the fragment adds to the text. */
void custom_input_feed(struct custom_input *c, struct str fragment, struct buf *out);
/* The arguments are over. */
void custom_input_end(struct custom_input *c, struct buf *out);

#endif
