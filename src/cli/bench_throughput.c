/* bench_throughput.c - octet bench throughput: many answers at once.
 *
 * All requests begin together with prompts of their own. Time is counted while all of them decode: from the last first token to the first
 * end. What a batch of n can give at best is bounded by the weights that a step reads: attention, head and routers once, and of the experts
 * those that any of the n rows is sent to. With rows that choose their k of E experts independently those are E (1 - (1 - k/E)^n).
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/bench.h"
#include "cli/summary.h"

struct stream {
    struct request *r;
    int64_t first_ns, last_ns;
};

struct measured {
    double tokens_per_s;
    struct bench_series gap_ms; /* between tokens of a stream */
};

/* Takes a token's event in; true once the stream is over. */
static bool take(struct stream *s, struct measured *m, int64_t now, const struct engine_event *ev)
{
    if (ev->kind != ENGINE_TOKEN)
        return ev->kind == ENGINE_FINISH || ev->kind == ENGINE_ERROR;
    if (!s->first_ns)
        s->first_ns = now;
    else
        bench_series_add(&m->gap_ms, (double)(now - s->last_ns) * 1e-6);
    s->last_ns = now;
    return false;
}

/* Reads all streams to their ends; tokens count between the time all have begun and the time the first ends. */
static void follow(struct stream *s, int n, struct measured *m)
{
    int n_begun = 0, n_over = 0;
    int64_t begin = 0, end = 0;
    uint64_t counted = 0;
    while (n_over < n)
        for (int i = 0; i < n; i++) {
            struct engine_event ev;
            if (!s[i].r || !request_next(s[i].r, &ev, 1))
                continue;
            int64_t now = clock_ns();
            bool begins = !s[i].first_ns;
            if (take(&s[i], m, now, &ev)) {
                request_close(s[i].r);
                s[i].r = NULL;
                n_over++;
                end = end ? end : now;
                continue;
            }
            n_begun += begins && s[i].first_ns;
            if (n_begun == n && !begin)
                begin = now;
            else if (n_begun == n && !end)
                counted++;
        }
    m->tokens_per_s = end > begin && begin ? (double)counted * 1e9 / (double)(end - begin) : 0;
}

static int measure(struct engine *g, const struct bench_throughput *c, int n, struct measured *m, struct err *e)
{
    struct stream *s = xcalloc((size_t)n, sizeof *s);
    int rc = 0;
    for (int i = 0; i < n && !rc; i++) {
        struct ids prompt = { 0 };
        bench_ids(&prompt, (size_t)c->n_prompt, (uint64_t)n * 1000 + (uint64_t)i,
                  model_config(engine_model(g))->n_vocab);
        const struct engine_request q = {
            .prompt = prompt.v,
            .n_prompt = prompt.n,
            .answer = { .sampling = { .temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = (uint64_t)i },
                        .max_tokens = (size_t)c->n_answer }
        };
        rc = engine_submit(g, &s[i].r, &q, e);
        ids_deinit(&prompt);
    }
    if (!rc)
        follow(s, n, m);
    for (int i = 0; i < n; i++)
        request_close(s[i].r);
    mem_free(s);
    return rc;
}

/* Bytes of weights that a step of n rows reads. */
static double step_bytes(const struct summary *s, const struct config *c, int n)
{
    double experts = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].kind == SUMMARY_EXPERTS)
            experts += (double)s->v[i].n_bytes;
    double part = c->n_expert ? (double)c->n_active / c->n_expert : 1;
    double rest = (double)s->read_bytes - experts * part;
    return rest + experts * (1 - pow(1 - part, n));
}

int bench_throughput(const struct bench_throughput *c, const struct bench_model *b, struct buf *out, struct err *e)
{
    struct engine *g;
    struct summary sum;
    struct str list = str_from(c->parallel), word;
    double one = 0;
    int rc = bench_open(&g, b, e);
    if (rc)
        return rc;
    const struct config *config = model_config(engine_model(g));
    summary_make(&sum, engine_model(g));
    buf_printf(out, "%s, prompts of %lld tokens, answers of %lld\n", model_backend(engine_model(g)),
               (long long)c->n_prompt, (long long)c->n_answer);
    buf_z(out, "parallel  tokens/s  of one  of the bound  gap ms: median     95 %     99 %      most\n");
    while (!rc && list.n) {
        int64_t n;
        if (!str_cut(&list, ',', &word)) {
            word = list;
            list.n = 0;
        }
        if (!str_to_i64(str_trim(word), &n) || n < 1 || n > 256) {
            rc = err_set(e, ERR_ARG, "--parallel: found \"%s\", expected numbers from 1 to 256 with commas between",
                         c->parallel);
            break;
        }
        struct measured m = { 0 };
        rc = measure(g, c, (int)n, &m, e);
        one = one > 0 ? one : m.tokens_per_s / (double)n;
        double bound = (double)n * step_bytes(&sum, config, 1) / step_bytes(&sum, config, (int)n);
        if (!rc)
            buf_printf(out, "%8lld  %8.1f  %6.2f  %5.2f (%3.0f %%)  %14.1f %8.1f %8.1f %9.1f\n", (long long)n,
                       m.tokens_per_s, m.tokens_per_s / one, bound, 100 * m.tokens_per_s / one / bound,
                       bench_series_at(&m.gap_ms, 0.5), bench_series_at(&m.gap_ms, 0.95),
                       bench_series_at(&m.gap_ms, 0.99), bench_series_at(&m.gap_ms, 1));
        bench_series_deinit(&m.gap_ms);
    }
    summary_deinit(&sum);
    engine_close(g);
    return rc;
}
