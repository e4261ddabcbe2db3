/* writer.h - an answer on its way to the client: what happens, told in the events or the one object of the API that was asked.
 *
 *   start, (progress | keepalive | reasoning | text | call_begin, call_args..., call_end)..., choice_finish for each choice, finish
 *                                                                                         or error, or nothing more (a cut)
 *
 * One table of functions for each dialect (writer_dialect.h). Choices are counted from 0 to n - 1; for completions to prompts * n - 1. With `stream` every call
 * appends complete events to `out`; without it they are collected and `finish` appends the one JSON object. Clock and ids are given, so
 * that a transcript is the same bytes every time. The writer never sees the engine. Where memory runs out for what is collected, `out` of the
 * next calls is marked as failed (buf_check). One thread.
 * SPDX-License-Identifier: MIT */
#ifndef API_WRITER_H
#define API_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api_error.h"
#include "api/api_request.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Unguessable names: 24 characters of [0-9A-Za-z], at least 128 random bits in all. Tests give a counter. */
typedef void writer_id_fn(void *arg, char out[25]);

struct writer_opts {
    const struct api_request *request; /* borrowed: outlives the writer */
    struct str
        request_id; /* the HTTP request's: borrowed; the answer's own id is made from it (chatcmpl-..., msg_..., resp_...) */
    struct str model; /* the name that answers give: the client's own, else the served one; borrowed */
    int64_t created;  /* seconds since the epoch */
    writer_id_fn *id; /* for calls, items, messages */
    void *id_arg;
    bool opens_think; /* reasoning may come: Anthropic's thinking blocks */
    struct str
        fingerprint; /* system_fingerprint of chat and completions; borrowed; empty: the program and its version */
};

/* What is known of the prompt when the stream begins: provisional, as far as n_cached goes. */
struct writer_prompt {
    size_t n_prompt, n_cached;
};

enum writer_finish {
    WRITER_STOP,     /* the model ended */
    WRITER_STOP_SEQ, /* a stop string, `stop` */
    WRITER_LENGTH,   /* max_tokens */
    WRITER_WINDOW,   /* the context is full */
    WRITER_CALLS,    /* it ended with tool calls */
};

struct writer_top {
    struct str token; /* its bytes */
    double logprob;
};
/* Logprobs of the tokens whose text a call of writer_text carries. */
struct writer_logprob {
    struct str token;             /* its bytes */
    double logprob;               /* NaN: none, as of the first token of a prompt that is echoed */
    const struct writer_top *top; /* borrowed; [n_top] */
    int n_top;
};

struct writer_usage {
    size_t n_prompt, n_cached; /* tokens */
    size_t n_completion;       /* generated, the stop token included */
    size_t n_reasoning;
    double prompt_s, completion_s, total_s, queue_s, ttft_s;
    size_t n_drafted, n_accepted;
};

struct writer;

MUST_CHECK int writer_new(struct writer **out, const struct writer_opts *o, struct err *e);
void writer_free(struct writer *w);

/* The first event(s): at once, before anything is computed. */
void writer_start(struct writer *w, const struct writer_prompt *p, struct buf *out);
void writer_progress(struct writer *w, size_t done, size_t total, size_t n_cached, double seconds, struct buf *out);
/* Something that resets every client's idle timer: ping, response.in_progress, or a comment. */
void writer_keepalive(struct writer *w, struct buf *out);
/* Dropped where the request refused to see it. */
void writer_reasoning(struct writer *w, int choice, struct str text, struct buf *out);
/* An empty text says nothing but its logprobs. */
void writer_text(struct writer *w, int choice, struct str text, const struct writer_logprob *lp, size_t n_lp,
                 struct buf *out);
/* Everything of a call, begin to end, comes without anything else of its choice between. `tool`: index into the request's tools. `id`: of the call, as the client gets it ("call_..." or "toolu_..."), from writer_call_id. */
void writer_call_begin(struct writer *w, int choice, int tool, struct str id, struct buf *out);
void writer_call_args(struct writer *w, int choice, struct str fragment, struct buf *out);
/* `complete`: its arguments parse. False only where the answer was cut inside it: nothing is added then. */
void writer_call_end(struct writer *w, int choice, bool complete, struct buf *out);
/* A fresh id of a call in the dialect's spelling; NUL-terminated. */
void writer_call_id(struct writer *w, char out[40]);
void writer_choice_finish(struct writer *w, int choice, enum writer_finish why, struct str stop, struct buf *out);
/* Tells f of the items of an answer that have ids (Responses): as JSON, whole. */
void writer_each_item(struct writer *w, void (*f)(void *arg, struct str id, struct str json), void *arg);
/* The end of the stream, or the whole object. */
void writer_finish(struct writer *w, const struct writer_usage *u, struct buf *out);
/* The stream ends with the dialect's error event. Only where something was sent already; before, the body of api_error.h is the answer. */
void writer_error(struct writer *w, const struct api_error *x, struct buf *out);

#endif
