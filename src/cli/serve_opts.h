/* serve_opts.h - the options of octet serve, from the command line, the environment and a file.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_SERVE_OPTS_H
#define CLI_SERVE_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/engine_opts.h"
#include "cli/model_opts.h"
#include "cli/opts.h"
#include "cli/sampling_opts.h"

enum { SERVE_NETWORK_N = 9, SERVE_SERVICE_N = 8, SERVE_LOG_N = 3, SERVE_GROUP_N = 6 };

struct serve_cli {
    const char *model_path, *config, *key_file, *log_file, *trace_dir, *script;
    struct opt_list hosts, given_keys, aliases, allowed_hosts, cors_origins;
    int64_t port, max_connections, max_queue, drain_s, max_n;
    bool insecure, strict_model, log_json;
    int tool_grammar; /* 0: on, 1: off */
    struct model_cli model;
    struct engine_cli engine;
    struct sampling_cli sampling;
    struct opt network[SERVE_NETWORK_N], service[SERVE_SERVICE_N], log[SERVE_LOG_N];
    struct opt_group groups[SERVE_GROUP_N];

    /* Made by serve_cli_keys. */
    struct buf key_text; /* the file's */
    struct str *keys;    /* owned array; borrows from the options and key_text */
    size_t n_key;
};

void serve_cli_init(struct serve_cli *c);
void serve_cli_deinit(struct serve_cli *c);
/* Collects the keys of --api-key and of the lines of --api-key-file. */
MUST_CHECK int serve_cli_keys(struct serve_cli *c, struct err *e);

#endif
