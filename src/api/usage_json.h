/* usage_json.h - what an answer cost, as each API counts it.
 *
 * OpenAI's prompt tokens are all of the prompt, with the cached ones told beside; Anthropic's input tokens are those that no cache had. Rates are
 * tokens that were computed over the seconds that it took, 0 where no time passed. Numbers have three decimals.
 * SPDX-License-Identifier: MIT */
#ifndef API_USAGE_JSON_H
#define API_USAGE_JSON_H

#include "api/writer.h"
#include "base/buf.h"

/* The `usage` object of chat and completions, with the members that mistral.rs has. */
void usage_json_chat(struct buf *out, const struct writer_usage *u);
/* The `usage` object of a response, with the same. */
void usage_json_responses(struct buf *out, const struct writer_usage *u);
/* Anthropic's. */
void usage_json_messages(struct buf *out, size_t n_prompt, size_t n_cached, size_t n_output);
/* The `timings` object of llama.cpp. */
void usage_json_timings(struct buf *out, const struct writer_usage *u);

#endif
