/* logprob_json.h - logprobs of tokens, in the three shapes that OpenAI's APIs have for them.
 *
 * Each function appends elements without the brackets around them, with a comma first where `out` is not empty, so that a list can grow call by call. A
 * token whose bytes are not UTF-8 alone is spelled with \xNN; the exact bytes stand beside it where the shape has room for them.
 * Minus infinity is -9999, since JSON has none; what is not known is null.
 * SPDX-License-Identifier: MIT */
#ifndef API_LOGPROB_JSON_H
#define API_LOGPROB_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "api/writer.h"
#include "base/buf.h"

/* {"token", "logprob", "bytes", "top_logprobs": [{"token", "logprob", "bytes"}]} for each token: chat and Responses. */
void logprob_json_chat(struct buf *out, const struct writer_logprob *lp, size_t n);

/* The four lists of a completion. */
struct logprob_lists {
    struct buf token, value, top, offset; /* owned */
};

/* `n_char`: characters of the text before; counted on. */
void logprob_json_lists(struct logprob_lists *l, const struct writer_logprob *lp, size_t n, size_t *n_char);
/* Appends the object; `tops`: most probable tokens were asked for. */
void logprob_json_object(struct buf *out, const struct logprob_lists *l, bool tops);
void logprob_lists_reset(struct logprob_lists *l);
void logprob_lists_deinit(struct logprob_lists *l);

#endif
