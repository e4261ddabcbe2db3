/* route_status.c - is it alive, is it ready, what has it done: for load balancers, Prometheus, and people with a browser.
 * SPDX-License-Identifier: MIT */
#include <time.h>

#include "api/routes.h"
#include "api/service_state.h"
#include "base/clock.h"
#include "format/json.h"

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static double ratio(uint64_t a, uint64_t b)
{
    return b ? (double)a / (double)b : 0;
}

bool route_health(struct service *s, const struct exchange_head *h, struct str rest, struct str body, struct reply *out,
                  struct api_error *x)
{
    (void)h, (void)rest, (void)body, (void)x;
    struct engine_stats e;
    struct buf *b = &out->body;
    engine_stats(s->o.engine, &e);
    pthread_mutex_lock(&s->metrics.mu);
    uint64_t n = s->metrics.n_request, faults = s->metrics.n_server_fault, row = s->metrics.faults_in_a_row;
    double mean_ms = s->metrics.total.n ? 1000 * s->metrics.total.sum / (double)s->metrics.total.n : 0;
    pthread_mutex_unlock(&s->metrics.mu);
    pthread_mutex_lock(&s->mu);
    struct service_warm warm = s->warm;
    pthread_mutex_unlock(&s->mu);
    buf_z(b, "{\"status\": \"ok\", \"model\": ");
    json_write_str(b, s->o.model_name);
    buf_printf(b,
               ", \"health\": {\"lastCheck\": %lld, \"consecutiveFailures\": %llu, \"avgResponseTime\": %.1f, "
               "\"errorRate\": %.6f}",
               (long long)now_ms(), (unsigned long long)row, mean_ms, ratio(faults, n));
    buf_printf(
        b, ", \"cache\": {\"tokens\": %llu, \"systemPromptHash\": \"%s\", \"lastUpdated\": %lld, \"warmed\": %s}",
        (unsigned long long)e.tree_tokens, warm.hash, (long long)warm.updated_ms, warm.hash[0] ? "true" : "false");
    buf_printf(b,
               ", \"metrics\": {\"requestsInFlight\": %d, \"totalRequests\": %llu, \"cacheHitRate\": %.4f, "
               "\"avgLatency\": %.1f}}",
               atomic_load(&s->n_running), (unsigned long long)n,
               ratio(e.cached_tokens + e.disk_tokens, e.prompt_tokens), mean_ms);
    return true;
}

bool route_ready(struct service *s, const struct exchange_head *h, struct str rest, struct str body, struct reply *out,
                 struct api_error *x)
{
    (void)h, (void)rest, (void)body;
    if (atomic_load(&s->draining)) {
        api_error_set(x, API_ERR_UNAVAILABLE, NULL, "the server is shutting down");
        return false;
    }
    buf_z(&out->body, "{\"status\": \"ready\"}");
    return true;
}

bool route_metrics(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                   struct reply *out, struct api_error *x)
{
    (void)h, (void)rest, (void)body, (void)x;
    struct engine_stats e;
    engine_stats(s->o.engine, &e);
    const struct metrics_facts f = { .model = s->o.model_name,
                                     .version = str_from(s->o.version),
                                     .uptime_s = clock_seconds_since(s->opened_ns),
                                     .context = s->context,
                                     .in_flight = atomic_load(&s->n_running) };
    out->type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(&s->metrics, &f, &e, &out->body);
    return true;
}

bool route_version(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                   struct reply *out, struct api_error *x)
{
    (void)h, (void)rest, (void)body, (void)x;
    buf_z(&out->body, "{\"version\": ");
    json_write_str(&out->body, str_from(s->o.version));
    buf_z(&out->body, ", \"server\": \"octet\"}");
    return true;
}

bool route_nothing(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                   struct reply *out, struct api_error *x)
{
    (void)s, (void)h, (void)rest, (void)body, (void)x;
    buf_z(&out->body, "{}");
    return true;
}

bool route_embeddings(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                      struct reply *out, struct api_error *x)
{
    (void)s, (void)h, (void)rest, (void)body, (void)out;
    api_error_set(x, API_ERR_UNSUPPORTED, NULL, "this server generates text and has no embeddings");
    return false;
}

/* --- the page ------------------------------------------------------------------------------------------------------------------------- */

static void html(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        switch (text.p[i]) {
        case '<':
            buf_z(out, "&lt;");
            break;
        case '>':
            buf_z(out, "&gt;");
            break;
        case '&':
            buf_z(out, "&amp;");
            break;
        case '"':
            buf_z(out, "&quot;");
            break;
        case '\'':
            buf_z(out, "&#39;");
            break;
        default:
            buf_char(out, text.p[i]);
        }
    }
}

PRINTF_LIKE(3, 4) static void row(struct buf *out, const char *name, const char *fmt, ...)
{
    struct buf value = { 0 };
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&value, fmt, ap);
    va_end(ap);
    buf_printf(out, "<tr><th>%s</th><td>", name);
    html(out, buf_view(&value));
    buf_z(out, "</td></tr>\n");
    buf_deinit(&value);
}

static void rows(const struct service *s, const struct engine_stats *e, struct buf *b)
{
    const double mib = 1.0 / (1 << 20);
    row(b, "Model", "%.*s", (int)s->o.model_name.n, s->o.model_name.p);
    row(b, "Version", "%s", s->o.version);
    row(b, "State", "%s", atomic_load(&s->draining) ? "shutting down" : "ready");
    row(b, "Context", "%zu tokens", s->context);
    row(b, "Tool calls", "%s", s->format ? toolcall_format_name(s->format) : "format not known");
    row(b, "Up", "%.0f s; loaded in %.2f s, warmed up in %.2f s", clock_seconds_since(s->opened_ns), s->o.load_s,
        s->o.warm_s);
    row(b, "Requests", "%llu; %d running, %d waiting, %llu cancelled, %llu failed", (unsigned long long)e->n_request,
        e->n_running, e->n_waiting, (unsigned long long)e->n_cancelled, (unsigned long long)e->n_failed);
    row(b, "Tokens", "%llu of prompts, of which %llu were remembered and %llu read from disk; %llu generated",
        (unsigned long long)e->prompt_tokens, (unsigned long long)e->cached_tokens, (unsigned long long)e->disk_tokens,
        (unsigned long long)e->decode_tokens);
    row(b, "Keys and values", "%.1f of %.1f MiB in use, %.1f MiB of it for later prompts",
        (double)e->kv_used_bytes * mib, (double)e->kv_bytes * mib, (double)e->kv_tree_bytes * mib);
    row(b, "On disk", "%.1f MiB", (double)e->disk_bytes * mib);
}

bool route_page(struct service *s, const struct exchange_head *h, struct str rest, struct str body, struct reply *out,
                struct api_error *x)
{
    (void)h, (void)rest, (void)body, (void)x;
    struct engine_stats e;
    struct buf *b = &out->body;
    engine_stats(s->o.engine, &e);
    out->type = "text/html; charset=utf-8";
    reply_header(out, "Content-Security-Policy", STR("default-src 'none'; style-src 'unsafe-inline'"));
    reply_header(out, "X-Content-Type-Options", STR("nosniff"));
    buf_z(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Octet</title>\n"
             "<meta name=\"viewport\" content=\"width=device-width\">\n"
             "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}"
             "th{text-align:left;padding-right:1.5rem;vertical-align:top;white-space:nowrap}</style>\n"
             "</head><body><h1>Octet</h1>\n<table>\n");
    rows(s, &e, b);
    buf_z(b, "</table>\n<p>APIs: <code>/v1/chat/completions</code>, <code>/v1/responses</code>, "
             "<code>/v1/messages</code>, <code>/v1/completions</code>, <code>/v1/models</code>; figures: "
             "<code>/metrics</code>, <code>/health</code>, <code>/cache</code>.</p>\n</body></html>\n");
    return true;
}
