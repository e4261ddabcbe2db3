/* service_state.h - what is in a service: for the files of this layer that answer, and for nobody else.
 * SPDX-License-Identifier: MIT */
#ifndef API_SERVICE_STATE_H
#define API_SERVICE_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/api_request.h"
#include "api/constrain.h"
#include "api/metrics.h"
#include "api/prompt.h"
#include "api/replay.h"
#include "api/service.h"
#include "text/toolcall/toolcall.h"

/* The system prompt that was computed ahead last. */
struct service_warm {
    size_t n_tokens;
    char hash[17];      /* of its text, in hex; empty: none */
    int64_t updated_ms; /* since the epoch */
};

struct service {
    /* Constant once open. */
    struct service_opts o;
    struct api_defaults defaults;
    const int32_t *eos; /* borrowed from the engine's model */
    size_t n_eos;
    size_t context;                       /* most tokens of one sequence: the one number that clients are told */
    const struct toolcall_format *format; /* NULL: the model's calls are not known */
    bool reasons;                         /* its template knows <think> */
    int64_t created;                      /* seconds since the epoch */
    int64_t opened_ns;

    /* With locks of their own. */
    struct prompt_maker *prompts; /* owned; read-only */
    struct constrain *constrain;  /* owned */
    struct replay *replay;        /* owned */
    struct items *items;          /* owned */
    struct metrics metrics;
    atomic_bool draining, cut, image_logged;
    atomic_int n_running;
    atomic_ullong queued_bytes; /* prompts of requests that have no token yet */

    pthread_mutex_t mu;
    struct service_warm warm; /* guarded by mu */
};

/* Sets the refusal for what does not fit into the queue, with the time that one place is expected to take. */
void service_busy(const struct service *s, struct api_error *x, const char *what);
/* Whether nothing new begins because a drain does; *x says so. */
bool service_refuses(const struct service *s, struct api_error *x);
/* What a request's reader is told, with the items of whoever asks. */
struct api_defaults service_defaults(const struct service *s, struct str key_id);
/* Whether a request's model name means the model: any does, unless the service is strict. False: *x says so. */
bool service_knows_model(const struct service *s, struct str name, struct api_error *x);

#endif
