/* toolcall_value.h - the text of one parameter, in pieces, as JSON that fits its schema.
 *
 * Where only a string is possible the text streams, escaped. Otherwise it is gathered: as soon as what was seen cannot begin a value of
 * another type it streams too, else its type is found when it is whole, in the order null, boolean, number, container, string. What does not
 * convert stays text. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_TOOLCALL_VALUE_H
#define TEXT_TOOLCALL_TOOLCALL_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "text/toolcall/toolcall_schema.h"

struct toolcall_value {
    struct toolcall_param param;
    struct buf held;  /* owned: gathered text */
    int shape;        /* what the text may still be */
    size_t word;      /* where in `held` its first character stands */
    bool blank_after; /* white space followed it */
    bool line_feed;   /* one that is dropped if the value ends here */
};

void toolcall_value_begin(struct toolcall_value *v,
                          const struct toolcall_param *p); /* all zeros before the first time */
void toolcall_value_deinit(struct toolcall_value *v);
/* Appends to `out` what is decided; before the first byte of it, `key`. */
void toolcall_value_put(struct toolcall_value *v, struct str text, struct str key, struct buf *out);
/* The value is over: without one line feed at its end. */
void toolcall_value_end(struct toolcall_value *v, struct str key, struct buf *out);

#endif
