/* constrain.h - what a request says about the form of its answer, made into a matcher for the engine.
 *
 *   response format, tools, tool choice --grammar.h--> grammar (the last 32 are kept, by what they were made of) --> matcher
 *
 * An agent sends the same tools with every request: their grammar, and all that was found out about it, is made once. What of their schemas is not
 * enforced is logged once for each set of tools. No tool refuses a request: where none can be made of them, the answer has no grammar. Any thread.
 * SPDX-License-Identifier: MIT */
#ifndef API_CONSTRAIN_H
#define API_CONSTRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api_error.h"
#include "api/api_request.h"
#include "base/base.h"
#include "base/err.h"
#include "text/grammar/matcher.h"
#include "text/tokenizer.h"
#include "text/toolcall/toolcall.h"
#include "text/toolcall/toolset.h"

struct constrain;

/* tok is borrowed and outlives it. */
MUST_CHECK int constrain_new(struct constrain **out, const struct tokenizer *tok, const int32_t *eos, size_t n_eos,
                             struct err *e);
void constrain_free(struct constrain *c); /* its matchers are gone by then */

struct constrain_ask {
    const struct api_request *request;
    const struct toolcall_format *format; /* NULL: calls are not known, tools count for nothing */
    const struct toolset *tools;          /* empty: none */
    bool reasoning;                       /* <think>...</think> may stand first */
    bool opens_think;                     /* the prompt ended inside <think> */
    struct str request_id;                /* for the log */
};

/* 0 and *out NULL: nothing is constrained. -1 with *x: the form of the answer that the request asks for cannot be kept to. */
MUST_CHECK int constrain_matcher(struct constrain *c, const struct constrain_ask *a, struct matcher **out,
                                 struct api_error *x);

struct constrain_stats {
    uint64_t n_compiled, n_reused;
};
void constrain_stats(struct constrain *c, struct constrain_stats *out);

#endif
