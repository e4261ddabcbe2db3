/* sampling_opts.h - the options that say how tokens are drawn and where an answer ends.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_SAMPLING_OPTS_H
#define CLI_SAMPLING_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "cli/opts.h"
#include "engine/answer.h"
#include "model/model.h"

enum { SAMPLING_OPTS_N = 12, SAMPLING_OPTS_DRAW = 1, SAMPLING_OPTS_DRAW_N = 7 };

/* What was not given (NAN, -1) is taken from the model's generation_config.json. */
struct sampling_cli {
    double temperature, top_p, min_p, repetition, presence, frequency;
    int64_t top_k, seed, max_tokens;
    struct opt_list stop, bias;
    bool ignore_eos;
    struct opt table[SAMPLING_OPTS_N];
    struct opt_group group;
    struct opt_group draw;        /* the part of it that says how tokens are drawn: defaults of a server */
    struct sampling_bias *biases; /* owned; made by sampling_cli_answer */
    struct str *stops;            /* owned; likewise */
};

void sampling_cli_init(struct sampling_cli *c);
void sampling_cli_deinit(struct sampling_cli *c);
/* How tokens are drawn where a request does not say. */
struct sampling sampling_cli_defaults(const struct sampling_cli *c, const struct config *config);
/* Fills sampling, stops, eos and max_tokens of *o for model m; they borrow from c and m. */
MUST_CHECK int sampling_cli_answer(struct answer_opts *o, struct sampling_cli *c, const struct model *m, struct err *e);

#endif
