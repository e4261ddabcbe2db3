/* engine_opts.h - the options of every command that runs the engine.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_ENGINE_OPTS_H
#define CLI_ENGINE_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/opts.h"
#include "engine/engine.h"

enum { ENGINE_OPTS_N = 7 };

struct engine_cli {
    uint64_t kv_memory, cache_disk; /* 0: the engine's default */
    const char *cache_dir;
    int64_t max_running; /* 0: the engine's default */
    int64_t stall_ms;    /* 0: the engine's default */
    bool no_cache, no_draft;
    struct opt table[ENGINE_OPTS_N];
    struct opt_group group; /* one of the groups of a struct opts */
};

void engine_cli_init(struct engine_cli *c);
/* Borrows from c. */
void engine_cli_opts(struct engine_opts *out, const struct engine_cli *c);

#endif
