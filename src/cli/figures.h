/* figures.h - what an answer cost, for people and for programs.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_FIGURES_H
#define CLI_FIGURES_H

#include <stdio.h>

#include "base/buf.h"
#include "engine/generate.h"

struct figures {
    double load_seconds;
    size_t n_prompt, n_reused; /* tokens of the prompt, and those that the sequence held already */
    double prompt_per_second;  /* new prompt tokens a second; 0: nothing to measure */
    double first_seconds;      /* to the first token */
    size_t n_generated;
    double generated_per_second; /* after the first token; 0: nothing to measure */
    uint64_t anonymous_bytes;    /* private memory now: weights, being mapped, are not in it */
    uint64_t mapped_bytes;       /* of the largest resident size so far, the rest: mapped files */
};

struct figures figures_of(const struct generate_result *r, double load_seconds);
/* Five lines, a title before each. */
void figures_print(FILE *out, const struct figures *f);
/* Appends a JSON object. */
void figures_write(struct buf *out, const struct figures *f);

#endif
