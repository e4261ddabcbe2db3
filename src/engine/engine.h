/* engine.h - many conversations at once through one model. This is all that servers and commands see of it.
 *
 * The engine owns the model and one thread, which alone touches model, pages, prefix tree and scheduler. Any other thread may open requests,
 * cancel them and receive their events; a request itself is used by one thread at a time.
 *
 *   engine_submit --inbox--> [engine thread: admit, plan, compute, draw, detokenise] --bounded queue--> request_next
 *
 * What a request costs is its new tokens: everything computed before, by whichever request, is found again in the prefix tree while
 * memory lasts, and on disk if there is a cache directory. Nothing that a request does changes the logits of another, bit for bit.
 *
 * The engine thread never waits for a receiver: a request whose queue is full is cancelled.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "engine/answer.h"
#include "model/model.h"
#include "text/grammar/matcher.h"
#include "text/tokenizer.h"

/* The chunk to open a model with (model_opts.chunk): MoE prefill is efficient in thousands of rows. */
enum { ENGINE_CHUNK = 2048 };

struct engine;
struct request;

struct engine_opts {
    size_t n_ctx;       /* most tokens of one sequence; 0: the model's, as far as kv_memory holds them */
    uint64_t kv_memory; /* bytes for keys and values; 0: available memory - the weights - 2 GiB */
    int max_running;    /* 0: 16 */
    int max_queued;     /* requests that wait; 0: 512 */
    int64_t
        stall_ns; /* longest pause of a running stream for a prompt; 0: the larger of 200 ms and three decode steps */
    const char *cache_dir; /* NULL: nothing on disk */
    uint64_t cache_disk;   /* bytes on disk; 0: 16 GiB */
    bool no_prefix_cache;  /* every prompt is computed anew: to measure, and to test against */
    bool no_draft;         /* no speculation */
    bool draft_always;     /* verify every guess, whatever it costs: for tests */
    size_t max_events;     /* bound of a request's queue; 0: 4096 */
    bool log_figures;      /* a log line every five seconds with activity */
};

struct engine_request {
    const int32_t *prompt; /* copied, as everything here */
    size_t n_prompt;
    struct answer_opts answer; /* max_tokens 0: until the context is full */
    int priority;              /* higher goes first; 0 */
    bool no_cache_write;       /* leaves nothing in the prefix tree */
    bool progress;             /* wants events about the prompt */
    /* A PROMPT event tells the log-probability of each token of the prompt and the answer.n_top most probable in its place: those of the model alone,
     * neither biased nor penalised. Such a prompt is computed from its beginning, whatever is cached, in chunks of at most MODEL_OUT_ROWS. */
    bool prompt_logprobs;
    bool
        prompt_only; /* nothing is drawn: it ends behind its prompt, with ANSWER_LENGTH; answer.max_tokens means nothing */
    /* The answer is these tokens, in order, then the first of answer.eos, whatever the logits say (the model runs all the same): recorded answers
     * through the real detokeniser. NULL: none. */
    const int32_t *script;
    size_t n_script;
    /* The grammar that the answer keeps to: taken over by engine_submit, also when it fails; NULL: none. Log-probabilities stay those of
     * the model alone. An answer that nothing may follow ends with ANSWER_EOS. */
    struct matcher *matcher;
};

/* QUEUED comes first and once, PROMPT (where asked for, once) before any TOKEN, TOKEN for each token of the answer but the one that ends it, FINISH or
 * ERROR last. */
enum engine_event_kind { ENGINE_QUEUED, ENGINE_PROGRESS, ENGINE_PROMPT, ENGINE_TOKEN, ENGINE_FINISH, ENGINE_ERROR };

/* The log-probabilities of a prompt of n tokens. */
struct engine_scores {
    size_t n;
    int n_top;
    const double *logprob;         /* [n]: of each token behind those before it; of the first, which has none, NaN */
    const struct sampler_top *top; /* [n][n_top]: the most probable in its place, best first; of the first: nothing */
};

/* What a request cost. */
struct engine_figures {
    /* Tokens of the prompt; of these found in the tree; of these read from disk besides. In QUEUED the last two are what a lookup gave then: what is
     * computed or evicted until the request is admitted changes them. */
    size_t n_prompt, n_cached, n_disk;
    /* How many tokens the prompt had in common with the tree when it was submitted, and the token that the tree had next: where a prompt that was to
     * be found again became another one. -1: the tree had nothing there, or all of the prompt. */
    size_t n_match;
    int32_t match_next;
    size_t n_token;     /* of the answer */
    size_t n_generated; /* the same and, if a token ended it, that one */
    size_t n_step;      /* model steps that its answer took */
    size_t n_drafted, n_accepted;
    int n_preempted;
    int64_t queued_ns, prompt_ns, decode_ns, first_ns; /* first: from submission to the first token */
    int64_t prompt_step_ns;                            /* of the steps that computed its prompt */
};

struct engine_event {
    enum engine_event_kind kind;
    size_t done, total; /* PROGRESS: prompt tokens; TOKEN: done, tokens of the answer so far */
    int32_t id;         /* TOKEN */
    struct str
        text; /* TOKEN, FINISH: text completed by it, may be empty; borrowed until the next call for this request */
    const struct engine_scores *scores; /* PROMPT; borrowed until request_close */
    double logprob;                     /* TOKEN, where asked for */
    int n_top;
    const struct sampler_top *top;
    enum answer_finish finish;     /* FINISH */
    int stop;                      /* FINISH: index of the stop string that ended it; -1: none did */
    struct engine_figures figures; /* QUEUED, FINISH, ERROR */
    const struct err *err;         /* ERROR */
};

/* Takes the model over, also on failure. `tok` is borrowed, outlives the engine, and may be NULL if no request wants text (no stop strings). */
MUST_CHECK int engine_open(struct engine **out, struct model *m, const struct tokenizer *tok,
                           const struct engine_opts *o, struct err *e);
/* Cancels what runs, writes to disk what is worth it, ends the thread, closes the model. Requests must be closed before. */
void engine_close(struct engine *g);

/* ERR_LIMIT if it can never fit, ERR_ARG for what is wrong with it, ERR_BUSY if the queue is full: all before any work. QUEUED follows within
 * one step, or one pause of a chunk. */
MUST_CHECK int engine_submit(struct engine *g, struct request **out, const struct engine_request *r, struct err *e);
/* Any thread. A FINISH event with ANSWER_CANCELLED follows: at once while the request waits, after the step under way while it decodes, at the
 * next pause (some 40 ms apart, within layers) while a chunk of its prompt is computed. */
void request_cancel(struct request *r);
/* The next event; waits at most timeout_ms (< 0: as long as it takes). False: none came in time. After FINISH or ERROR none comes. */
bool request_next(struct request *r, struct engine_event *out, int timeout_ms);
void request_close(struct request *r); /* cancels if it is not over */

size_t engine_context(const struct engine *g); /* most tokens of one sequence: the least of model, option and memory */
const struct model *engine_model(const struct engine *g); /* for its constant getters */
/* Tells this checkpoint from any other (model/identity.h), for what is kept on disk beside the cache. Reads the weights' beginnings: not for every
 * request. */
enum { ENGINE_IDENTITY_BYTES = 16 };
void engine_identity(const struct engine *g, uint8_t out[ENGINE_IDENTITY_BYTES]);

struct engine_stats {
    uint64_t n_request, n_finished, n_cancelled, n_failed, n_preempted;
    uint64_t prompt_tokens, cached_tokens, disk_tokens, computed_prompt_tokens, decode_tokens;
    uint64_t n_step, drafted_tokens, accepted_tokens;
    int n_running, n_waiting;
    uint64_t kv_bytes, kv_used_bytes, kv_tree_bytes, tree_tokens, tree_evicted_tokens, disk_bytes, disk_read_bytes,
        disk_write_bytes;
    int64_t disk_read_ns;
};
/* How long a request that came now would wait before its prompt is begun, from what is queued and what requests took so far; 0 while there is
 * room. Any thread. */
int64_t engine_expected_wait_ns(struct engine *g);
/* A snapshot; any thread. */
void engine_stats(struct engine *g, struct engine_stats *out);
/* Forgets every prefix in memory that no running sequence holds, and on disk. Any thread; returns when it is done. */
void engine_clear_cache(struct engine *g);
/* Waits until background writes are done. Any thread. */
void engine_flush(struct engine *g);

#endif
