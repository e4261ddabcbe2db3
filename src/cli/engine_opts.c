/* engine_opts.c - the options of every command that runs the engine.
 * SPDX-License-Identifier: MIT */
#include "cli/engine_opts.h"

enum { MAX_RUNNING = 256, MAX_STALL_MS = 3600000 };

void engine_cli_init(struct engine_cli *c)
{
    *c = (struct engine_cli){
        .table = { OPT_BYTES(0, "kv-memory", &c->kv_memory, "SIZE",
                             "memory for keys and values (what is available, without the weights and 2 GiB)"),
                   OPT_STRING(0, "cache-dir", &c->cache_dir, "DIR",
                              "keep computed prefixes on disk, for the next start"),
                   OPT_BYTES(0, "cache-disk", &c->cache_disk, "SIZE", "most bytes in the cache directory (16 GiB)"),
                   OPT_INT(0, "max-running", &c->max_running, 1, MAX_RUNNING, "N",
                           "most answers computed at once (16)"),
                   OPT_INT(0, "stall-ms", &c->stall_ms, 1, MAX_STALL_MS, "N",
                           "longest pause of an answer for another's prompt (the larger of 200 and three steps)"),
                   OPT_FLAG(0, "no-prefix-cache", &c->no_cache, "compute every prompt anew"),
                   OPT_FLAG(0, "no-draft", &c->no_draft, "never guess tokens from the text so far") },
        .group = { "Engine", c->table, ENGINE_OPTS_N },
    };
}

void engine_cli_opts(struct engine_opts *out, const struct engine_cli *c)
{
    *out = (struct engine_opts){ .kv_memory = c->kv_memory,
                                 .max_running = (int)c->max_running,
                                 .stall_ns = c->stall_ms * 1000000,
                                 .cache_dir = c->cache_dir,
                                 .cache_disk = c->cache_disk,
                                 .no_prefix_cache = c->no_cache,
                                 .no_draft = c->no_draft };
}
