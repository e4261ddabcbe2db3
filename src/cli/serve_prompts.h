/* serve_prompts.h - what octet bench serve asks: conversations as the text of a JSON array of messages.
 *
 * Made ones are coding agents: all share a long system text, each has a task of its own. They depend on the seed alone.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_SERVE_PROMPTS_H
#define CLI_SERVE_PROMPTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

struct serve_prompts {
    char **v; /* owned, with what they point to */
    size_t n;
};

/* n conversations with n_shared words in common and n_own of their own. */
void serve_prompts_make(struct serve_prompts *p, size_t n, size_t n_shared, size_t n_own, uint64_t seed);
/* A JSON array of texts, of objects with "messages", or of objects with "prompt"; at most `most` of them. */
MUST_CHECK int serve_prompts_read(struct serve_prompts *p, const char *path, size_t most, struct err *e);
void serve_prompts_deinit(struct serve_prompts *p);

#endif
