/* generate.h - one answer: prompt in, pieces of text out, until something ends it.
 *
 *   seq_feed(prompt) -> answer_next -> on_text
 *        ^                  |
 *        +------ token -----+
 *
 * Of the prompt only what the sequence does not hold yet is computed; what the sequence holds beyond that is dropped. Afterwards it
 * holds the prompt and the answer but for its last token, so that a later prompt that begins with them costs only what is new.
 * One thread, the engine's.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_GENERATE_H
#define ENGINE_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "engine/answer.h"
#include "engine/seq.h"
#include "text/ids.h"
#include "text/tokenizer.h"

/* Called once for each token with the text that it completed, which may be empty, and at the end with what was held back. Valid
 * UTF-8 in whole characters, special tokens left out. True: stop here. */
typedef bool generate_text_fn(void *arg, struct str piece);

struct generate_request {
    const int32_t *prompt; /* borrowed, as all pointers here, for the call */
    size_t n_prompt;
    struct answer_opts answer;    /* max_tokens 0: until the context is full */
    generate_text_fn *on_text;    /* may be NULL */
    seq_progress_fn *on_progress; /* of the prompt; may be NULL */
    void *arg;                    /* given to both */
};

struct generate_result {
    enum answer_finish finish;
    int stop;          /* which stop string ended it; -1 if none did */
    struct ids ids;    /* the answer's tokens, without the one that ended it */
    size_t n_prompt;   /* tokens of the prompt, */
    size_t n_reused;   /* of which the sequence held so many already */
    size_t n_step;     /* tokens computed one by one, after the first */
    int64_t prompt_ns; /* time for the prompt's new tokens */
    int64_t first_ns;  /* from the call to the first token */
    int64_t decode_ns; /* time of the n_step steps */
};

/* On failure (a prompt that is empty or does not fit: ERR_ARG, ERR_LIMIT; sampling out of range: ERR_ARG) *out holds nothing.
 * A cancel is no failure. generate_result_deinit releases *out. */
MUST_CHECK int generate(struct generate_result *out, struct seq *s, const struct tokenizer *tok,
                        const struct generate_request *req, struct err *e);
void generate_result_deinit(struct generate_result *r);

#endif
