/* usage_json.c - what an answer cost, as each API counts it.
 * SPDX-License-Identifier: MIT */
#include "api/usage_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>

static void count(struct buf *out, const char *name, size_t n)
{
    buf_printf(out, "\"%s\":%zu", name, n);
}

/* Three decimals in any locale; what is not a sensible number is 0. */
static void number(struct buf *out, const char *name, double x)
{
    int64_t thousandths = x > 0 && x < 1e12 ? (int64_t)llround(x * 1000) : 0;
    buf_printf(out, ",\"%s\":%" PRId64 ".%03d", name, thousandths / 1000, (int)(thousandths % 1000));
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static size_t uncached(size_t n_prompt, size_t n_cached)
{
    return n_cached < n_prompt ? n_prompt - n_cached : 0;
}

static void add_common(struct buf *out, const struct writer_usage *u)
{
    size_t n_new = uncached(u->n_prompt, u->n_cached);
    buf_char(out, ',');
    count(out, "cache_read_input_tokens", u->n_cached);
    buf_char(out, ',');
    count(out, "cache_creation_input_tokens", n_new);
    number(out, "avg_tok_per_sec", ratio((double)(n_new + u->n_completion), u->total_s));
    number(out, "avg_prompt_tok_per_sec", ratio((double)n_new, u->prompt_s));
    number(out, "avg_compl_tok_per_sec", ratio((double)u->n_completion, u->completion_s));
    number(out, "total_time_sec", u->total_s);
    number(out, "total_prompt_time_sec", u->prompt_s);
    number(out, "total_completion_time_sec", u->completion_s);
}

static void add_details(struct buf *out, const char *input, const char *output, const struct writer_usage *u)
{
    buf_printf(out, ",\"%s\":{", input);
    count(out, "cached_tokens", u->n_cached);
    buf_char(out, ',');
    count(out, "cache_write_tokens", uncached(u->n_prompt, u->n_cached));
    buf_printf(out, "},\"%s\":{", output);
    count(out, "reasoning_tokens", u->n_reasoning);
    buf_char(out, '}');
}

static void openai(struct buf *out, const char *const name[4], const struct writer_usage *u)
{
    buf_char(out, '{');
    count(out, name[0], u->n_prompt);
    buf_char(out, ',');
    count(out, name[1], u->n_completion);
    buf_char(out, ',');
    count(out, "total_tokens", u->n_prompt + u->n_completion);
    add_details(out, name[2], name[3], u);
    add_common(out, u);
    buf_char(out, '}');
}

void usage_json_chat(struct buf *out, const struct writer_usage *u)
{
    openai(out,
           (const char *const[4]){ "prompt_tokens", "completion_tokens", "prompt_tokens_details",
                                   "completion_tokens_details" },
           u);
}

void usage_json_responses(struct buf *out, const struct writer_usage *u)
{
    openai(out,
           (const char *const[4]){ "input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details" },
           u);
}

void usage_json_messages(struct buf *out, size_t n_prompt, size_t n_cached, size_t n_output)
{
    buf_char(out, '{');
    count(out, "input_tokens", uncached(n_prompt, n_cached));
    buf_z(out, ",\"cache_creation_input_tokens\":0,");
    count(out, "cache_read_input_tokens", n_cached);
    buf_char(out, ',');
    count(out, "output_tokens", n_output);
    buf_char(out, '}');
}

void usage_json_timings(struct buf *out, const struct writer_usage *u)
{
    size_t n_new = uncached(u->n_prompt, u->n_cached);
    double prompt_ms = u->prompt_s * 1000, ms = u->completion_s * 1000;
    buf_char(out, '{');
    count(out, "cache_n", u->n_cached);
    buf_char(out, ',');
    count(out, "prompt_n", n_new);
    number(out, "prompt_ms", prompt_ms);
    number(out, "prompt_per_token_ms", ratio(prompt_ms, (double)n_new));
    number(out, "prompt_per_second", ratio((double)n_new, u->prompt_s));
    buf_char(out, ',');
    count(out, "predicted_n", u->n_completion);
    number(out, "predicted_ms", ms);
    number(out, "predicted_per_token_ms", ratio(ms, (double)u->n_completion));
    number(out, "predicted_per_second", ratio((double)u->n_completion, u->completion_s));
    if (u->n_drafted) {
        buf_char(out, ',');
        count(out, "draft_n", u->n_drafted);
        buf_char(out, ',');
        count(out, "draft_n_accepted", u->n_accepted);
    }
    number(out, "queue_ms", u->queue_s * 1000);
    number(out, "ttft_ms", u->ttft_s * 1000);
    buf_char(out, '}');
}
