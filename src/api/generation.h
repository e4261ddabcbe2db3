/* generation.h - a request on its way: read, rendered, given to the engine, and its answers told by a writer.
 *
 *   body --read.h--> request --prompt.h--> ids --constrain.h--> matcher --> engine: n choices of each prompt --choice.h--> writer.h
 *
 * One thread, but for generation_abandon.
 * SPDX-License-Identifier: MIT */
#ifndef API_GENERATION_H
#define API_GENERATION_H

#include <stdbool.h>
#include <stddef.h>

#include "api/api_error.h"
#include "api/exchange.h"
#include "base/buf.h"

struct generation;

/* -1 with *x: refused, and nothing runs. Returns when the engine has taken the request in and, for a stream, has looked its prompt up, which takes no
 * longer than a step. */
MUST_CHECK int generation_open(struct generation **out, struct service *s, const struct exchange_head *h,
                               enum api_dialect d, struct str body, struct api_error *x);
bool generation_streams(const struct generation *g);

enum generation_state {
    GENERATION_MORE,
    GENERATION_END,    /* all bytes are out */
    GENERATION_CUT,    /* stream: to be cut */
    GENERATION_FAILED, /* no stream: *x says why, nothing was appended */
};

enum generation_state generation_next(struct generation *g, struct buf *out, int timeout_ms, struct api_error *x);
void generation_abandon(struct generation *g); /* any thread */

/* The client has left: cancels what runs, and waits a moment for what it cost. */
void generation_settle(struct generation *g);

/* Figures so far. */
struct generation_facts {
    size_t n_prompt, n_cached, n_completion;
    double queue_s, ttft_s, total_s; /* ttft_s below 0: no token yet */
    const char *finish;              /* of the first choice, or what happened; a constant */
    struct str model, cache_key;     /* borrowed */
};
void generation_facts(const struct generation *g, struct generation_facts *out);
/* `gone`: the client left. Counts, and cancels what runs. */
void generation_close(struct generation *g, bool gone);

#endif
