/* service.h - what all exchanges share: the engine and the model's texts, names, limits, counters.
 *
 * Opened once before the first exchange, closed after the last. Constant but for counters and the remembered turns, which have their own locks; any
 * thread may use it.
 * SPDX-License-Identifier: MIT */
#ifndef API_SERVICE_H
#define API_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "engine/engine.h"
#include "text/ids.h"
#include "text/template/chat.h"
#include "text/tokenizer.h"

struct service;
struct script;

struct service_opts {
    struct engine *engine; /* borrowed, as all here: outlives the service */
    const struct tokenizer *tok;
    const struct chat *chat;
    const char *model_dir; /* read for tokenizer_config.json and generation_config.json when it is opened */
    struct str model_name; /* what /v1/models shows first */
    const struct str *aliases;
    size_t n_alias;
    bool strict_model;        /* unknown model names are refused */
    bool tool_grammar;        /* calls keep to their schemas unless the request says otherwise */
    int max_n;                /* choices of a request; 0: 16 */
    struct sampling sampling; /* defaults */
    const char *cache_dir;    /* remembered turns are kept there; NULL: only in memory */
    const char *trace_dir;    /* every exchange is stored there; NULL: none */
    struct script *script;    /* answers come from it, where a rule fits (api/script.h); NULL: none */
    uint64_t queue_bytes;     /* of waiting requests together; 0: 256 MiB */
    void (*access)(void *arg, const char *line, const char *json); /* the access line in both spellings; NULL: none */
    void *access_arg;
    const char *version;
    double load_s, warm_s; /* for the status page */
};

MUST_CHECK int service_open(struct service **out, const struct service_opts *o, struct err *e);
void service_close(struct service *s);
/* Not ready (a drain has begun): /ready says 503 and new generations are refused. Any thread. */
void service_drain(struct service *s);
/* The drain's deadline: every exchange still running is cut. Any thread. */
void service_cut(struct service *s);
int service_running(struct service *s); /* exchanges that generate */

#endif
