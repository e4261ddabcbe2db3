/* metrics.c - counters and histograms, and the Prometheus text format 0.0.4.
 * SPDX-License-Identifier: MIT */
#include "api/metrics.h"

#include <math.h>
#include <string.h>

#include "base/base.h"

static const double seconds_bounds[] = { 0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
                                         1,     2.5,   5,    7.5,  10,   20,   40,   80,  160,  320, 640 };
static const double gap_bounds[] = { 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2,
                                     0.3,   0.4,    0.5,   0.75, 1,    2.5,  5,    10,   20,    40,  80 };
static const double token_bounds[] = { 1,    2,    5,    10,    20,    50,    100,    200,    500,
                                       1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000 };
static const char *const finish_names[METRICS_FINISHES] = { "stop", "length", "tool_calls", "abort", "error" };

static struct histogram made_of(const double *bound, size_t n)
{
    return (struct histogram){ .bound = bound, .n_bound = (int)n };
}

void metrics_init(struct metrics *m)
{
    *m = (struct metrics){ 0 };
    pthread_mutex_init(&m->mu, NULL);
    m->ttft = made_of(seconds_bounds, ARRAY_LEN(seconds_bounds));
    m->total = m->queue = m->ttft;
    m->gap = made_of(gap_bounds, ARRAY_LEN(gap_bounds));
    m->prompt = made_of(token_bounds, ARRAY_LEN(token_bounds));
    m->completion = m->prompt;
}

void metrics_deinit(struct metrics *m)
{
    pthread_mutex_destroy(&m->mu);
}

void histogram_observe(struct histogram *h, double value)
{
    int i = 0;
    while (i < h->n_bound && value > h->bound[i])
        i++;
    h->count[i]++;
    h->n++;
    h->sum += value;
}

static struct metrics_endpoint *endpoint_of(struct metrics *m, const char *name)
{
    for (int i = 0; i < m->n_endpoint; i++) {
        if (strcmp(m->endpoint[i].name, name) == 0)
            return &m->endpoint[i];
    }
    if (m->n_endpoint == METRICS_ENDPOINTS - 1)
        name = "other"; /* the last place, from then on found for all that is new */
    if (m->n_endpoint == METRICS_ENDPOINTS)
        return &m->endpoint[METRICS_ENDPOINTS - 1];
    m->endpoint[m->n_endpoint].name = name;
    return &m->endpoint[m->n_endpoint++];
}

void metrics_exchange(struct metrics *m, const char *endpoint, int status)
{
    pthread_mutex_lock(&m->mu);
    endpoint_of(m, endpoint)->by_class[MIN(MAX(status / 100, 0), 5)]++;
    m->n_request++;
    m->n_server_fault += status >= 500 && status != 501;
    m->faults_in_a_row = status >= 500 && status != 501 ? m->faults_in_a_row + 1 : 0;
    pthread_mutex_unlock(&m->mu);
}

void metrics_answer(struct metrics *m, const struct metrics_answer *a)
{
    pthread_mutex_lock(&m->mu);
    m->n_answer++;
    m->finish[a->finish]++;
    m->prompt_tokens += a->n_prompt;
    m->cached_tokens += a->n_cached;
    m->completion_tokens += a->n_completion;
    if (a->ttft_s >= 0)
        histogram_observe(&m->ttft, a->ttft_s);
    histogram_observe(&m->queue, a->queue_s);
    histogram_observe(&m->total, a->total_s);
    histogram_observe(&m->prompt, (double)a->n_prompt);
    histogram_observe(&m->completion, (double)a->n_completion);
    pthread_mutex_unlock(&m->mu);
}

void metrics_gap(struct metrics *m, double seconds)
{
    pthread_mutex_lock(&m->mu);
    histogram_observe(&m->gap, seconds);
    pthread_mutex_unlock(&m->mu);
}

/* --- the text ------------------------------------------------------------------------------------------------------------------------- */

/* A label's value: backslash, quote and line feed are escaped. */
static void label(struct buf *out, struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '\n') {
            buf_z(out, "\\n");
            continue;
        }
        if (c == '\\' || c == '"')
            buf_char(out, '\\');
        buf_char(out, c);
    }
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* vLLM's metrics carry the model's name. */
static void vllm_labels(struct buf *out, struct str model, const char *more)
{
    buf_z(out, "{model_name=\"");
    label(out, model);
    buf_printf(out, "\"%s}", more);
}

static void number(struct buf *out, double v)
{
    if (v == floor(v) && fabs(v) < 9e15)
        buf_printf(out, " %.0f\n", v);
    else
        buf_printf(out, " %.9g\n", v);
}

static void vllm_value(struct buf *out, struct str model, const char *name, const char *type, const char *help,
                       double v)
{
    head(out, name, type, help);
    buf_z(out, name);
    vllm_labels(out, model, "");
    number(out, v);
}

static void own_value(struct buf *out, const char *name, const char *type, const char *help, double v)
{
    head(out, name, type, help);
    buf_z(out, name);
    number(out, v);
}

static void vllm_histogram(struct buf *out, struct str model, const char *name, const char *help,
                           const struct histogram *h)
{
    uint64_t below = 0;
    head(out, name, "histogram", help);
    for (int i = 0; i < h->n_bound; i++) {
        struct buf more = { 0 };
        below += h->count[i];
        buf_printf(&more, ",le=\"%g\"", h->bound[i]);
        buf_printf(out, "%s_bucket", name);
        vllm_labels(out, model, more.p);
        number(out, (double)below);
        buf_deinit(&more);
    }
    buf_printf(out, "%s_bucket", name);
    vllm_labels(out, model, ",le=\"+Inf\"");
    number(out, (double)h->n);
    buf_printf(out, "%s_sum", name);
    vllm_labels(out, model, "");
    number(out, h->sum);
    buf_printf(out, "%s_count", name);
    vllm_labels(out, model, "");
    number(out, (double)h->n);
}

static void write_requests(const struct metrics *m, struct buf *out)
{
    const char *name = "octet_http_requests_total";
    head(out, name, "counter", "Requests answered, by endpoint and class of status.");
    for (int i = 0; i < m->n_endpoint; i++) {
        for (int k = 1; k <= 5; k++) {
            if (m->endpoint[i].by_class[k])
                buf_printf(out, "%s{endpoint=\"%s\",status=\"%dxx\"} %llu\n", name, m->endpoint[i].name, k,
                           (unsigned long long)m->endpoint[i].by_class[k]);
        }
    }
}

static void write_engine(const struct metrics_facts *f, const struct engine_stats *s, struct buf *out)
{
    own_value(out, "octet_uptime_seconds", "gauge", "Seconds since the server was ready.", f->uptime_s);
    own_value(out, "octet_context_tokens", "gauge", "Most tokens of one sequence.", (double)f->context);
    own_value(out, "octet_exchanges_generating", "gauge", "Exchanges that wait for or receive an answer.",
              f->in_flight);
    own_value(out, "octet_requests_running", "gauge", "Sequences in the batch.", s->n_running);
    own_value(out, "octet_requests_waiting", "gauge", "Sequences that wait for room.", s->n_waiting);
    own_value(out, "octet_requests_cancelled_total", "counter", "Requests given up by their clients.",
              (double)s->n_cancelled);
    own_value(out, "octet_requests_failed_total", "counter", "Requests that the engine failed.", (double)s->n_failed);
    own_value(out, "octet_preemptions_total", "counter", "Sequences that gave their memory to others.",
              (double)s->n_preempted);
    own_value(out, "octet_steps_total", "counter", "Steps of the model.", (double)s->n_step);
    own_value(out, "octet_prompt_tokens_computed_total", "counter", "Tokens of prompts that were computed.",
              (double)s->computed_prompt_tokens);
    own_value(out, "octet_prompt_tokens_cached_total", "counter", "Tokens of prompts found in memory.",
              (double)s->cached_tokens);
    own_value(out, "octet_prompt_tokens_disk_total", "counter", "Tokens of prompts read from disk.",
              (double)s->disk_tokens);
    own_value(out, "octet_decode_tokens_total", "counter", "Tokens generated.", (double)s->decode_tokens);
    own_value(out, "octet_draft_tokens_total", "counter", "Tokens guessed.", (double)s->drafted_tokens);
    own_value(out, "octet_draft_tokens_accepted_total", "counter", "Guesses that were right.",
              (double)s->accepted_tokens);
    own_value(out, "octet_kv_bytes", "gauge", "Memory for keys and values.", (double)s->kv_bytes);
    own_value(out, "octet_kv_used_bytes", "gauge", "Of it in use.", (double)s->kv_used_bytes);
    own_value(out, "octet_kv_tree_bytes", "gauge", "Of it held for later prompts alone.", (double)s->kv_tree_bytes);
    own_value(out, "octet_cache_disk_bytes", "gauge", "Size of the cache on disk.", (double)s->disk_bytes);
    own_value(out, "octet_cache_disk_read_bytes_total", "counter", "Read from the cache on disk.",
              (double)s->disk_read_bytes);
    own_value(out, "octet_cache_disk_written_bytes_total", "counter", "Written to the cache on disk.",
              (double)s->disk_write_bytes);
}

static void write_vllm(const struct metrics *m, const struct metrics_facts *f, const struct engine_stats *s,
                       struct buf *out)
{
    struct str model = f->model;
    /* What only the tree holds is free for whoever needs it, as vLLM counts it. */
    double used =
        s->kv_bytes ? (double)(s->kv_used_bytes - MIN(s->kv_used_bytes, s->kv_tree_bytes)) / (double)s->kv_bytes : 0;
    vllm_value(out, model, "vllm:num_requests_running", "gauge", "Sequences in the batch.", s->n_running);
    vllm_value(out, model, "vllm:num_requests_waiting", "gauge", "Sequences that wait for room.", s->n_waiting);
    vllm_value(out, model, "vllm:kv_cache_usage_perc", "gauge",
               "Part of the memory for keys and values in use, 0 to 1.", used);
    vllm_value(out, model, "vllm:prefix_cache_queries_total", "counter", "Tokens of prompts looked up.",
               (double)s->prompt_tokens);
    vllm_value(out, model, "vllm:prefix_cache_hits_total", "counter", "Tokens of prompts found.",
               (double)(s->cached_tokens + s->disk_tokens));
    vllm_value(out, model, "vllm:num_preemptions_total", "counter", "Sequences that gave their memory to others.",
               (double)s->n_preempted);
    vllm_value(out, model, "vllm:prompt_tokens_total", "counter", "Tokens of prompts.", (double)m->prompt_tokens);
    vllm_value(out, model, "vllm:generation_tokens_total", "counter", "Tokens generated.",
               (double)m->completion_tokens);
    head(out, "vllm:request_success_total", "counter", "Answers by the reason that ended them.");
    for (int i = 0; i < METRICS_FINISHES; i++) {
        struct buf more = { 0 };
        buf_printf(&more, ",finished_reason=\"%s\"", finish_names[i]);
        buf_z(out, "vllm:request_success_total");
        vllm_labels(out, model, more.p);
        number(out, (double)m->finish[i]);
        buf_deinit(&more);
    }
    vllm_histogram(out, model, "vllm:time_to_first_token_seconds", "From the request to its first token.", &m->ttft);
    vllm_histogram(out, model, "vllm:inter_token_latency_seconds", "Between two tokens of an answer.", &m->gap);
    vllm_histogram(out, model, "vllm:e2e_request_latency_seconds", "From the request to the end of its answer.",
                   &m->total);
    vllm_histogram(out, model, "vllm:request_queue_time_seconds", "Waiting for room.", &m->queue);
    vllm_histogram(out, model, "vllm:request_prompt_tokens", "Tokens of a prompt.", &m->prompt);
    vllm_histogram(out, model, "vllm:request_generation_tokens", "Tokens of an answer.", &m->completion);
}

void metrics_write(struct metrics *m, const struct metrics_facts *f, const struct engine_stats *s, struct buf *out)
{
    head(out, "octet_build_info", "gauge", "Version and model.");
    buf_z(out, "octet_build_info{version=\"");
    label(out, f->version);
    buf_z(out, "\",model=\"");
    label(out, f->model);
    buf_z(out, "\"} 1\n");
    pthread_mutex_lock(&m->mu);
    struct metrics now = *m;
    pthread_mutex_unlock(&m->mu);
    write_requests(&now, out);
    write_engine(f, s, out);
    write_vllm(&now, f, s, out);
}
