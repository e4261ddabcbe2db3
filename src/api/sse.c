/* sse.c - the frame around an event of a stream.
 * SPDX-License-Identifier: MIT */
#include "api/sse.h"

#include <stddef.h>

void sse_begin(struct buf *out, const char *name)
{
    if (name) {
        buf_z(out, "event: ");
        buf_z(out, name);
        buf_char(out, '\n');
    }
    buf_z(out, "data: ");
}

void sse_end(struct buf *out)
{
    buf_z(out, "\n\n");
}

void sse_comment(struct buf *out, const char *text)
{
    buf_z(out, ": ");
    buf_z(out, text);
    buf_z(out, "\n\n");
}

void sse_done(struct buf *out)
{
    buf_z(out, "data: [DONE]\n\n");
}
