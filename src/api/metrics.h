/* metrics.h - what the server counts, and its text for Prometheus.
 *
 * Our own names begin with octet_; what routers and dashboards already read from vLLM stands beside them under vLLM's names, with the same
 * meaning. Counters only grow. Any thread; one lock, held for a few additions.
 * SPDX-License-Identifier: MIT */
#ifndef API_METRICS_H
#define API_METRICS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "engine/engine.h"

enum { METRICS_BUCKETS = 24, METRICS_ENDPOINTS = 40 };

/* Cumulative counts under fixed bounds. */
struct histogram {
    const double *bound; /* ascending; [n_bound] */
    int n_bound;
    uint64_t count[METRICS_BUCKETS + 1]; /* not cumulative; the last is beyond all bounds */
    uint64_t n;
    double sum;
};

void histogram_observe(struct histogram *h, double value);

enum metrics_finish { METRICS_STOP, METRICS_LENGTH, METRICS_CALLS, METRICS_GONE, METRICS_FAILED, METRICS_FINISHES };

struct metrics_answer { /* one request that generated */
    size_t n_prompt, n_cached, n_completion;
    double queue_s, ttft_s, total_s; /* ttft below 0: no token came */
    enum metrics_finish finish;
};

struct metrics_endpoint {
    const char *name;     /* of the route: a constant */
    uint64_t by_class[6]; /* by the first digit of the status */
};

struct metrics {
    pthread_mutex_t mu;
    struct metrics_endpoint endpoint[METRICS_ENDPOINTS];
    int n_endpoint;
    uint64_t finish[METRICS_FINISHES];
    uint64_t n_answer, prompt_tokens, cached_tokens, completion_tokens;
    uint64_t n_request, n_server_fault, faults_in_a_row; /* 5xx */
    struct histogram ttft, gap, total, queue, prompt, completion;
};

void metrics_init(struct metrics *m);
void metrics_deinit(struct metrics *m);
/* An exchange is over. `endpoint`: a constant string; beyond METRICS_ENDPOINTS of them they count as "other". */
void metrics_exchange(struct metrics *m, const char *endpoint, int status);
void metrics_answer(struct metrics *m, const struct metrics_answer *a);
void metrics_gap(struct metrics *m, double seconds); /* between two tokens of a stream */

/* What stands in the text beside the counters. */
struct metrics_facts {
    struct str model, version;
    double uptime_s;
    size_t context;
    int in_flight; /* exchanges that generate */
};
void metrics_write(struct metrics *m, const struct metrics_facts *f, const struct engine_stats *s, struct buf *out);

#endif
