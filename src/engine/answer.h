/* answer.h - one answer in the making: logits in, pieces of text out, until something ends it.
 *
 *   logits -> sampler (what the grammar allows) -> [end of sequence?] -> detokeniser -> stop strings -> text
 *
 * Shared by whatever runs a model: one sequence (generate.h) or many (engine.h). One thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_ANSWER_H
#define ENGINE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "engine/repeat.h"
#include "engine/sampler.h"
#include "engine/stop.h"
#include "text/detok.h"
#include "text/grammar/matcher.h"
#include "text/ids.h"
#include "text/tokenizer.h"

enum answer_finish {
    ANSWER_OPEN,      /* not over yet */
    ANSWER_EOS,       /* the model ended its answer */
    ANSWER_STOP,      /* a stop string */
    ANSWER_LENGTH,    /* max_tokens */
    ANSWER_WINDOW,    /* the context is full */
    ANSWER_REPEAT,    /* it repeats itself without end */
    ANSWER_CANCELLED, /* the caller wants no more */
};

const char *answer_finish_name(
    enum answer_finish f); /* "stop" for the first two ends, "length" for the next two, "repeat", "cancelled" */

struct answer_opts {
    struct sampling sampling;
    struct sampler_scratch
        *scratch;       /* of the thread that will draw; borrowed, outlives the answer; NULL: it has its own */
    const int32_t *eos; /* borrowed for answer_init: copied */
    size_t n_eos;
    const struct str *stops; /* texts that end the answer and are not part of it; copied */
    size_t n_stop;
    size_t max_tokens; /* 0: no limit of its own */
    size_t window;     /* tokens that the context has room for; 0: not known */
    /* The answer is these tokens and then the first of `eos`, whatever the logits say; copied. NULL: none. */
    const int32_t *script;
    size_t n_script;
    struct matcher *
        matcher; /* the grammar that it keeps to; taken over by answer_init, also on failure; NULL: none. A script goes before it. */
    bool keep_special; /* special tokens appear in the text */
    int n_top;         /* top logprobs wanted: 0 to SAMPLER_TOP_MAX; more than the vocabulary has are not given */
    bool logprobs;
    struct repeat_opts repeat; /* all zeros: off */
};

struct answer {
    struct sampler *sampler; /* owned */
    struct detok detok;
    struct stop stop;
    struct repeat repeat;
    int32_t *eos; /* owned */
    size_t n_eos, max_tokens, window;
    int32_t *script; /* owned; NULL: none */
    size_t n_script;
    struct matcher *matcher; /* owned; NULL: none */
    bool eos_drawn;          /* a token ended the answer; it is not among ids */
    struct ids ids;          /* the answer's tokens, without the one that ended it */
    enum answer_finish finish;
    struct buf piece; /* text that the last call completed; valid UTF-8 in whole characters */
    bool failed;      /* it cannot go on: see answer_error */
    bool refused;     /* private: because of its grammar */
    struct buf text;  /* private: of the last token, before the stop strings */
    double logprob;   /* of the token drawn last */
    int n_top;
    struct sampler_top top[SAMPLER_TOP_MAX]; /* the n_top most probable beside it */
    bool logprobs;
};

/* On failure there is nothing to deinit. */
MUST_CHECK int answer_init(struct answer *a, const struct answer_opts *o, const struct tokenizer *tok, int n_vocab,
                           const int32_t *prompt, size_t n_prompt, struct err *e);
void answer_deinit(struct answer *a);

/* Draws the next token from logits [n_vocab] and makes it part of the answer, or ends the answer; a->piece has the text that this
 * completed, at the end also what was held back. Returns the token; -1, with a->failed, if the grammar allows none. A guess of the next tokens needs nothing more: where the token
 * drawn is the one guessed, the logits behind the guess are those behind the token. */
int32_t answer_next(struct answer *a, const float *logits);
/* Of the guess ids[0..n) of the next tokens, room for `max`, at most 64: what the grammar allows. Where it leaves no choice, what it says stands first
 * (*n_forced tokens), whatever was guessed. Returns how many there are. */
int answer_guess(struct answer *a, int32_t *ids, int n, int max, int *n_forced);
/* Why it failed: memory ran out for the text, so that some of it is missing for good, or for following its grammar (ERR_NOMEM); or its grammar
 * allowed nothing. */
int answer_error(const struct answer *a, struct err *e);
/* The answer is over for a reason of the caller's (length, cancelled): a->piece has what was held back, which may even complete a stop string. */
void answer_end(struct answer *a, enum answer_finish why);

#endif
