/* toolcall_out.h - what the parsers of tool calls say, as events in order.
 *
 * Pieces of one kind are gathered until another kind begins or toolcall_out_flush is called. A stretch of text that is only white space,
 * next to a call, separates calls and is no content; it is held until something else than a call follows. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_TOOLCALL_OUT_H
#define TEXT_TOOLCALL_TOOLCALL_OUT_H

#include "base/buf.h"
#include "text/toolcall/toolcall.h"

struct toolcall_out {
    toolcall_sink_fn *sink;
    void *arg;        /* borrowed */
    struct buf piece; /* of `kind`, not yet said */
    enum toolcall_kind kind;
    struct buf space;       /* white space that the text stretch began with, while there is nothing else in it */
    bool solid;             /* the text stretch holds more than white space */
    bool open;              /* a call has begun and is not over */
    int n_calls, max_calls; /* max_calls 0: no limit */
};

void toolcall_out_deinit(struct toolcall_out *o);
bool toolcall_out_may_begin(const struct toolcall_out *o); /* one more call is allowed */
void toolcall_out_text(struct toolcall_out *o, struct str s);
void toolcall_out_reasoning(struct toolcall_out *o, struct str s);
void toolcall_out_begin(struct toolcall_out *o, int tool);
/* Where arguments are appended: JSON text of the open call. Borrowed until the next call of another function here. */
struct buf *toolcall_out_args(struct toolcall_out *o);
void toolcall_out_end(struct toolcall_out *o, bool complete);
void toolcall_out_flush(struct toolcall_out *o);  /* says what was gathered */
void toolcall_out_finish(struct toolcall_out *o); /* the output is over: white space is settled, all is said */

#endif
