/* warm.h - a system prompt computed ahead, so that the first request that begins with it has it in the cache.
 *
 * It is rendered as a conversation that has nothing but this prompt (and the tools, if any), and one token is computed behind it. One thread, but
 * for warm_abandon.
 * SPDX-License-Identifier: MIT */
#ifndef API_WARM_H
#define API_WARM_H

#include <stdbool.h>

#include "api/api_error.h"
#include "api/service.h"
#include "base/buf.h"
#include "base/str.h"

struct warm;

/* The body: {"system_prompt": string, "tools"?: [...]}; "systemPrompt" is the same. -1 with *x: refused. */
MUST_CHECK int warm_open(struct warm **out, struct service *s, struct str body, struct api_error *x);
/* Waits at most timeout_ms. 1: done, and the answer is appended; 0: not yet; -1 with *x: failed. */
int warm_next(struct warm *w, struct buf *out, int timeout_ms, struct api_error *x);
void warm_abandon(struct warm *w); /* any thread */
void warm_close(struct warm *w);   /* cancels what runs; NULL is fine */

#endif
