/* model_opts.h - the options that every command that runs a model shares.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_MODEL_OPTS_H
#define CLI_MODEL_OPTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/opts.h"
#include "model/model.h"

enum { MODEL_OPTS_N = 6 };

struct model_cli {
    int64_t n_threads; /* 0: one for each processor */
    int precision;     /* enum precision */
    int kv_type;       /* enum kv_type; KV_TYPE_N: by precision */
    const char *isa;   /* NULL: the best there is */
    int64_t chunk;     /* 0: MODEL_CHUNK */
    int64_t n_ctx;     /* 0: as the command chooses */
    struct opt table[MODEL_OPTS_N];
    struct opt_group group; /* one of the groups of a struct opts */
};

void model_cli_init(struct model_cli *c);
MUST_CHECK int model_cli_opts(struct model_opts *out, const struct model_cli *c, struct err *e);
/* The context that a command gets: what --context says, otherwise `want`, but not beyond the model's positions. */
size_t model_cli_context(const struct model_cli *c, const struct model *m, size_t want);

#endif
