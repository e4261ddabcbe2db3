/* sse.h - the frame around an event of a stream (WHATWG HTML, "Server-sent events").
 *
 *   sse_begin(out, "ping"); the JSON, on one line; sse_end(out)      event: ping \n data: {...} \n \n
 *
 * JSON that json_write_str and json_write made has no line break outside escapes, so an event is always one data line.
 * SPDX-License-Identifier: MIT */
#ifndef API_SSE_H
#define API_SSE_H

#include "base/buf.h"

/* `name` NULL: an event without a name, as OpenAI's chat has them. */
void sse_begin(struct buf *out, const char *name);
void sse_end(struct buf *out);
/* A line that clients skip, but that shows them and everything between that the stream lives. */
void sse_comment(struct buf *out, const char *text);
/* The line that ends OpenAI's streams of chunks. */
void sse_done(struct buf *out);

#endif
