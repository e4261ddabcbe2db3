/* choice.h - one answer of a request: the engine's events in, the writer's calls out.
 *
 *   engine_event --text--> [toolcall parser] --text, reasoning, calls--> writer
 *                --ids---> what is remembered for the next turn (api/replay.h)
 *
 * One thread.
 * SPDX-License-Identifier: MIT */
#ifndef API_CHOICE_H
#define API_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api_request.h"
#include "api/replay.h"
#include "api/writer.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "engine/engine.h"
#include "text/ids.h"
#include "text/tokenizer.h"
#include "text/toolcall/toolcall.h"

struct choice_opts {
    int index;
    const struct api_request *request;    /* borrowed, as all here: outlives the choice */
    const struct toolcall_format *format; /* NULL: no calls */
    const struct toolset *tools;          /* NULL: no calls */
    const struct tokenizer *tok;
    struct writer *writer;
    const struct ids *prompt; /* what /v1/completions echoes */
    bool opens_think;
    bool to_the_end; /* its limit of tokens is the context's, not the client's */
};

/* A call as the client gets it. */
struct choice_call {
    char id[40];
    int tool;        /* index into the request's tools */
    struct buf args; /* owned */
    bool complete;
};

/* A token's log-probabilities until the text that it is part of goes out. */
struct choice_logprob {
    struct str token; /* borrowed from the tokenizer */
    double logprob;
    int n_top;
    struct sampler_top top[SAMPLER_TOP_MAX];
};

struct choice {
    struct choice_opts o;
    struct request *run;     /* owned; NULL: nothing is generated */
    struct toolcall *parser; /* owned; NULL: all is text */
    struct buf *out;         /* where the writer appends; set while an event is taken */

    struct ids sampled;         /* owned */
    struct buf text, reasoning; /* owned: as sent */
    struct choice_call *call;   /* owned; [n_call] */
    size_t n_call;
    struct choice_logprob *logprob; /* owned; [n_logprob], room for cap_logprob */
    size_t n_logprob, cap_logprob;

    bool thinking; /* the last text was reasoning */
    bool sated;    /* it has the one call that was allowed; what follows is dropped */
    int n_after;   /* tokens since then */
    size_t n_said; /* and up to then */
    bool over, failed;
    enum writer_finish finish;     /* once over */
    struct engine_figures figures; /* of the last event that had some */
    size_t n_reasoning;            /* tokens of it */
    struct err err;                /* once failed */
};

/* On failure there is nothing to deinit. */
MUST_CHECK int choice_init(struct choice *c, const struct choice_opts *o, struct err *e);
void choice_deinit(struct choice *c); /* closes the run */
/* The prompt as text before the answer, special tokens included; `scores`: with their log-probabilities, unless NULL. */
void choice_echo(struct choice *c, const struct engine_scores *scores, struct buf *out);
/* Takes one event of c->run (PROMPT: echoes the prompt); afterwards c->over or c->failed may be set. */
void choice_take(struct choice *c, const struct engine_event *ev, struct buf *out);
/* Ends a choice that generates nothing. */
void choice_end_empty(struct choice *c, struct buf *out);
/* Remembers how the answer was sampled, if it can come back as it went out. */
void choice_remember(const struct choice *c, struct replay *r, struct str key_id);

#endif
