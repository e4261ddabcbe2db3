/* synth_tokenizer.h - a made byte-level BPE tokenizer of any size, and a chat template, for checkpoints with random weights.
 *
 * Tokens: the 256 bytes, then pieces of up to four letters, with and without a space before them, the likeliest letters of English
 * first, then the added tokens of ChatML and of tool calls, which end the vocabulary. Text becomes some two to three bytes a token.
 * Split pattern and files are those of Qwen's tokenizers, so that whatever reads these reads it. Pure; any thread may call.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SYNTH_TOKENIZER_H
#define TEXT_SYNTH_TOKENIZER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* The added tokens, at the ids n_vocab - SYNTH_TOKENIZER_N_ADDED + these. */
enum synth_tokenizer_added {
    SYNTH_TOKENIZER_ENDOFTEXT,
    SYNTH_TOKENIZER_IM_START,
    SYNTH_TOKENIZER_IM_END,
    SYNTH_TOKENIZER_TOOL_CALL,
    SYNTH_TOKENIZER_TOOL_CALL_END,
    SYNTH_TOKENIZER_TOOL_RESPONSE,
    SYNTH_TOKENIZER_TOOL_RESPONSE_END,
    SYNTH_TOKENIZER_THINK,
    SYNTH_TOKENIZER_THINK_END,
    SYNTH_TOKENIZER_N_ADDED
};

int32_t synth_tokenizer_id(enum synth_tokenizer_added token, int n_vocab);

/* Appends tokenizer.json with n_vocab tokens, added ones included. ERR_UNSUPPORTED for sizes that cannot be made. */
MUST_CHECK int synth_tokenizer_json(struct buf *out, int n_vocab, struct err *e);
/* Appends tokenizer_config.json. */
void synth_tokenizer_config(struct buf *out, int max_position);
/* The content of chat_template.jinja: ChatML, tools and calls as JSON. */
extern const char synth_tokenizer_template[];

#endif
