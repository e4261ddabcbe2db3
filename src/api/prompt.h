/* prompt.h - from a request to the token ids that the model sees.
 *
 *   messages, tools --chat template--> marked text --tokenizer--> ids
 *                                          |                       ^
 *                                          +-- answers that this server sampled: their own ids (api/replay.h)
 *
 * What came from the request never yields an added token ("<|im_end|>", "<tool_call>"): its bytes are marked as values through the
 * template. Only /v1/completions may turn text into added tokens.
 *
 * A remembered answer is put in for its rendering: the k-th place where the template begins an answer belongs to the k-th message of the
 * assistant, and it ends at the template's next end-of-turn token. Nothing else of the rendering changes, so the ids before and behind are those of the plain
 * rendering. Where headers and messages do not pair, or the template shows another reasoning than was sampled, the rendering stays.
 *
 * A prompt_maker finds out once what a template can do, is read-only afterwards and may be shared by threads.
 * SPDX-License-Identifier: MIT */
#ifndef API_PROMPT_H
#define API_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api_request.h"
#include "api/replay.h"
#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "text/ids.h"
#include "text/marked.h"
#include "text/template/chat.h"
#include "text/tokenizer.h"

struct prompt_maker;

/* chat and tok are borrowed and outlive it. A model without a chat template makes prompts of /v1/completions only. */
struct prompt_maker *prompt_maker_new(const struct chat *chat, const struct tokenizer *tok);
void prompt_maker_free(struct prompt_maker *m);
/* Sets n_vocab, has_fim and developer_role; the rest is the service's. */
void prompt_maker_defaults(const struct prompt_maker *m, struct api_defaults *def);

struct prompt_opts {
    size_t which;          /* API_COMPLETIONS: index of the prompt; else 0 */
    struct replay *replay; /* borrowed; NULL: every answer is rendered */
    struct str key_id;     /* whose remembered answers may be used */
    int64_t now;           /* seconds since the epoch, for templates that write the date */
};

/* All zeros is valid and empty. */
struct prompt {
    struct ids ids;     /* owned */
    struct marked text; /* owned: as rendered, for traces; empty for a prompt of ids */
    bool opens_think;   /* it ends inside <think>: the answer begins with reasoning */
    int n_replayed;     /* answers whose sampled ids stand in it */
};

/* ERR_ARG for a message that the template refuses, ERR_UNSUPPORTED without a template, ERR_LIMIT for a text too long, ERR_NOMEM. *out is empty on
 * failure. */
MUST_CHECK int prompt_build(struct prompt *out, const struct prompt_maker *m, const struct api_request *r,
                            const struct prompt_opts *o, struct err *e);
void prompt_deinit(struct prompt *p);

#endif
