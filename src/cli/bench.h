/* bench.h - the measurements of octet bench: made token ids through an engine, and what came of it.
 *
 * Ids are random, with a seed: what a model answers does not matter here, and end of sequence is ignored. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/opts.h"
#include "engine/engine.h"
#include "model/model.h"
#include "text/ids.h"

/* What opens an engine: the same again after a restart. */
struct bench_model {
    const char *path;
    struct model_opts model;
    struct engine_opts engine;
};

MUST_CHECK int bench_open(struct engine **out, const struct bench_model *b, struct err *e);
/* Appends n ids that depend on `seed` alone. */
void bench_ids(struct ids *out, size_t n, uint64_t seed, int n_vocab);
/* Runs one request to its end; appends the answer to `answer` unless it is NULL. */
MUST_CHECK int bench_ask(struct engine *g, const struct ids *prompt, size_t n_new, struct ids *answer,
                         struct engine_figures *out, struct err *e);

/* Values, and the p-th quantile of them (0 to 1). */
struct bench_series {
    double *v; /* owned */
    size_t n, cap;
};
void bench_series_add(struct bench_series *s, double v);
double bench_series_at(struct bench_series *s, double p);
void bench_series_deinit(struct bench_series *s);

/* --- octet bench cache ------------------------------------------------------------------------------------------------------------ */

struct bench_cache {
    int64_t n_agent, n_prefix, n_tail, n_turn, n_new, n_answer; /* agents; tokens of each part; turns */
};
/* Agents with a shared prefix take turns; then, with a cache directory, the engine is opened again. Appends a report. */
MUST_CHECK int bench_cache(const struct bench_cache *c, const struct bench_model *b, struct buf *out, struct err *e);

/* --- octet bench throughput ------------------------------------------------------------------------------------------------------- */

struct bench_throughput {
    const char *parallel; /* "1,2,4,8" */
    int64_t n_prompt, n_answer;
};
MUST_CHECK int bench_throughput(const struct bench_throughput *c, const struct bench_model *b, struct buf *out,
                                struct err *e);

/* --- octet bench serve ------------------------------------------------------------------------------------------------------------ */

struct bench_serve {
    const char *url, *key, *model, *prompts; /* model NULL: the first that the server lists; prompts NULL: made ones */
    double rate;                             /* arrivals a second; 0: n_stream at once, each followed by the next */
    int64_t n_request, n_stream, n_answer, n_shared, n_own, n_distinct, seed, timeout_s, pid;
    int64_t slo_first_ms, slo_between_ms;
    bool check, json, ignore_eos;
};
/* Asks an OpenAI-compatible server over HTTP. Appends a report. ERR_FORMAT if the check finds another answer, or a request failed under it. */
MUST_CHECK int bench_serve(const struct bench_serve *c, struct buf *out, struct err *e);

/* --- octet bench guesses ---------------------------------------------------------------------------------------------------------- */

struct bench_guesses {
    int64_t n_line, n_round;
};
/* The same answers with guesses and without; opens engines of its own. Appends a report. */
MUST_CHECK int bench_guesses(const struct bench_guesses *c, const struct bench_model *b, struct buf *out,
                             struct err *e);

#endif
