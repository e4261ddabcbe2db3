/* test_metrics.c - counters and histograms in Prometheus' text.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>

#include "api/metrics.h"
#include "base/base.h"

static const struct metrics_facts facts = {
    .model = { "a \"b\" \\c\nd", 10 }, .version = { "9", 1 }, .uptime_s = 2.5, .context = 1000, .in_flight = 3
};

static struct buf text_of(struct metrics *m, const struct engine_stats *s)
{
    struct buf out = { 0 };
    metrics_write(m, &facts, s, &out);
    return out;
}

static void assert_line(const struct buf *text, const char *line)
{
    struct buf want = { 0 };
    buf_printf(&want, "\n%s\n", line);
    if (!strstr(text->p, want.p))
        fail_msg("no line \"%s\" in\n%s", line, text->p);
    buf_deinit(&want);
}

static void a_histogram_counts_each_value_once_under_its_bound(void **state)
{
    static const double bounds[] = { 1, 2, 5 };
    struct histogram h = { .bound = bounds, .n_bound = 3 };
    (void)state;
    histogram_observe(&h, 0.5);
    histogram_observe(&h, 1); /* a bound belongs to what is below it */
    histogram_observe(&h, 1.5);
    histogram_observe(&h, 7);
    assert_int_equal(h.count[0], 2);
    assert_int_equal(h.count[1], 1);
    assert_int_equal(h.count[2], 0);
    assert_int_equal(h.count[3], 1);
    assert_int_equal(h.n, 4);
    assert_true(h.sum == 10);
}

static void every_line_is_a_comment_or_a_sample(void **state)
{
    struct metrics m;
    const struct engine_stats s = { .n_running = 2, .kv_bytes = 100, .kv_used_bytes = 60, .kv_tree_bytes = 10 };
    (void)state;
    metrics_init(&m);
    struct buf text = text_of(&m, &s);
    struct str rest = buf_view(&text), line;
    int n = 0;
    while (str_cut(&rest, '\n', &line)) {
        if (str_starts(line, STR("# HELP ")) || str_starts(line, STR("# TYPE ")))
            continue;
        double value;
        size_t space = line.n;
        while (space && line.p[space - 1] != ' ')
            space--;
        assert_true(space > 1);
        assert_true(str_to_double(str_sub(line, space, line.n), &value));
        n++;
    }
    assert_int_equal(rest.n, 0);
    assert_true(n > 100);
    buf_deinit(&text);
    metrics_deinit(&m);
}

static void names_of_vllm_stand_beside_our_own(void **state)
{
    struct metrics m;
    const struct engine_stats s = { .n_running = 2,
                                    .n_waiting = 5,
                                    .prompt_tokens = 300,
                                    .cached_tokens = 120,
                                    .disk_tokens = 30,
                                    .kv_bytes = 100,
                                    .kv_used_bytes = 60,
                                    .kv_tree_bytes = 10 };
    const char *label = "{model_name=\"a \\\"b\\\" \\\\c\\nd\"}";
    char line[200];
    (void)state;
    metrics_init(&m);
    struct buf text = text_of(&m, &s);
    const struct {
        const char *name, *value;
    } want[] = { { "vllm:num_requests_running", "2" },
                 { "vllm:num_requests_waiting", "5" },
                 { "vllm:kv_cache_usage_perc", "0.5" },
                 { "vllm:prefix_cache_queries_total", "300" },
                 { "vllm:prefix_cache_hits_total", "150" } };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        snprintf(line, sizeof line, "%s%s %s", want[i].name, label, want[i].value);
        assert_line(&text, line);
    }
    assert_line(&text, "octet_requests_running 2");
    assert_line(&text, "octet_context_tokens 1000");
    assert_line(&text, "octet_exchanges_generating 3");
    buf_deinit(&text);
    metrics_deinit(&m);
}

static void answers_are_counted_by_their_end_and_spread_over_buckets(void **state)
{
    struct metrics m;
    const struct engine_stats s = { 0 };
    const struct metrics_answer a = {
        .n_prompt = 21, .n_completion = 9, .queue_s = 0, .ttft_s = 0.3, .total_s = 1.5, .finish = METRICS_CALLS
    };
    (void)state;
    metrics_init(&m);
    m.ttft.sum = 0;
    metrics_answer(&m, &a);
    metrics_answer(&m, &(struct metrics_answer){ .ttft_s = -1, .finish = METRICS_GONE });
    struct buf text = text_of(&m, &s);
    const char *model = "model_name=\"a \\\"b\\\" \\\\c\\nd\"";
    char line[300];
    snprintf(line, sizeof line, "vllm:request_success_total{%s,finished_reason=\"tool_calls\"} 1", model);
    assert_line(&text, line);
    snprintf(line, sizeof line, "vllm:time_to_first_token_seconds_bucket{%s,le=\"0.25\"} 0", model);
    assert_line(&text, line);
    snprintf(line, sizeof line, "vllm:time_to_first_token_seconds_bucket{%s,le=\"0.5\"} 1", model);
    assert_line(&text, line);
    /* No token came for the second: it has no time to its first. */
    snprintf(line, sizeof line, "vllm:time_to_first_token_seconds_count{%s} 1", model);
    assert_line(&text, line);
    snprintf(line, sizeof line, "vllm:e2e_request_latency_seconds_count{%s} 2", model);
    assert_line(&text, line);
    snprintf(line, sizeof line, "vllm:generation_tokens_total{%s} 9", model);
    assert_line(&text, line);
    buf_deinit(&text);
    metrics_deinit(&m);
}

static void requests_are_counted_by_endpoint_and_class_of_status(void **state)
{
    static char names[METRICS_ENDPOINTS + 4][8];
    struct metrics m;
    const struct engine_stats s = { 0 };
    (void)state;
    metrics_init(&m);
    metrics_exchange(&m, "/chat/completions", 200);
    metrics_exchange(&m, "/chat/completions", 200);
    metrics_exchange(&m, "/chat/completions", 429);
    metrics_exchange(&m, "/chat/completions", 503);
    assert_int_equal(m.faults_in_a_row, 1);
    metrics_exchange(&m, "/chat/completions", 200);
    assert_int_equal(m.faults_in_a_row, 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(names[i], sizeof names[i], "/%zu", i);
        metrics_exchange(&m, names[i], 200);
    }
    struct buf text = text_of(&m, &s);
    assert_line(&text, "octet_http_requests_total{endpoint=\"/chat/completions\",status=\"2xx\"} 3");
    assert_line(&text, "octet_http_requests_total{endpoint=\"/chat/completions\",status=\"4xx\"} 1");
    assert_line(&text, "octet_http_requests_total{endpoint=\"/chat/completions\",status=\"5xx\"} 1");
    assert_line(&text, "octet_http_requests_total{endpoint=\"other\",status=\"2xx\"} 6");
    assert_int_equal(m.n_request, 5 + ARRAY_LEN(names));
    buf_deinit(&text);
    metrics_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_histogram_counts_each_value_once_under_its_bound),
        cmocka_unit_test(every_line_is_a_comment_or_a_sample),
        cmocka_unit_test(names_of_vllm_stand_beside_our_own),
        cmocka_unit_test(answers_are_counted_by_their_end_and_spread_over_buckets),
        cmocka_unit_test(requests_are_counted_by_endpoint_and_class_of_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
