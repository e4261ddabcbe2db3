/* figures.c - what an answer cost.
 * SPDX-License-Identifier: MIT */
#include "cli/figures.h"

#include "base/sys.h"

static double rate(size_t n, int64_t ns)
{
    return ns > 0 ? (double)n / ((double)ns * 1e-9) : 0;
}

struct figures figures_of(const struct generate_result *r, double load_seconds)
{
    uint64_t anonymous = sys_anonymous(), peak = sys_peak_rss();
    return (struct figures){
        .load_seconds = load_seconds,
        .n_prompt = r->n_prompt,
        .n_reused = r->n_reused,
        .prompt_per_second = rate(r->n_prompt - r->n_reused, r->prompt_ns),
        .first_seconds = (double)r->first_ns * 1e-9,
        .n_generated = r->ids.n,
        .generated_per_second = rate(r->n_step, r->decode_ns),
        .anonymous_bytes = anonymous,
        .mapped_bytes = peak > anonymous ? peak - anonymous : 0,
    };
}

void figures_print(FILE *out, const struct figures *f)
{
    const double mib = 1024 * 1024;
    fprintf(out, "load         %.3f s\n", f->load_seconds);
    fprintf(out, "prompt       %zu tokens", f->n_prompt);
    if (f->n_reused)
        fprintf(out, " (%zu held already)", f->n_reused);
    fprintf(out, ", %.1f tokens/s\n", f->prompt_per_second);
    fprintf(out, "first token  %.3f s\n", f->first_seconds);
    fprintf(out, "generated    %zu tokens, %.1f tokens/s\n", f->n_generated, f->generated_per_second);
    fprintf(out, "peak memory  %.1f MiB, and %.1f MiB of mapped files\n", (double)f->anonymous_bytes / mib,
            (double)f->mapped_bytes / mib);
}

void figures_write(struct buf *out, const struct figures *f)
{
    buf_printf(out,
               "{\"load_s\": %.6f, \"prompt_tokens\": %zu, \"reused_tokens\": %zu, \"prompt_tokens_per_s\": %.3f, ",
               f->load_seconds, f->n_prompt, f->n_reused, f->prompt_per_second);
    buf_printf(out, "\"first_token_s\": %.6f, \"generated_tokens\": %zu, \"generated_tokens_per_s\": %.3f, ",
               f->first_seconds, f->n_generated, f->generated_per_second);
    buf_printf(out, "\"anonymous_bytes\": %llu, \"mapped_bytes\": %llu}", (unsigned long long)f->anonymous_bytes,
               (unsigned long long)f->mapped_bytes);
}
