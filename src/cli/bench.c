/* bench.c - what the measurements share.
 * SPDX-License-Identifier: MIT */
#include "cli/bench.h"

#include <stdlib.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/rng.h"

int bench_open(struct engine **out, const struct bench_model *b, struct err *e)
{
    struct model *m;
    *out = NULL;
    int rc = model_open(&m, b->path, &b->model, e);
    return rc ? rc : engine_open(out, m, NULL, &b->engine, e);
}

void bench_ids(struct ids *out, size_t n, uint64_t seed, int n_vocab)
{
    struct rng r;
    rng_init(&r, seed);
    for (size_t i = 0; i < n; i++)
        ids_add(out, (int32_t)rng_below(&r, (uint32_t)n_vocab));
}

int bench_ask(struct engine *g, const struct ids *prompt, size_t n_new, struct ids *answer, struct engine_figures *out,
              struct err *e)
{
    const struct engine_request q = { .prompt = prompt->v,
                                      .n_prompt = prompt->n,
                                      .answer = { .sampling = sampling_greedy, .max_tokens = n_new } };
    struct request *r;
    struct engine_event ev;
    int rc = engine_submit(g, &r, &q, e);
    if (rc)
        return rc;
    while (request_next(r, &ev, -1) && ev.kind != ENGINE_FINISH && ev.kind != ENGINE_ERROR)
        if (ev.kind == ENGINE_TOKEN && answer)
            ids_add(answer, ev.id);
    if (ev.kind == ENGINE_FINISH)
        *out = ev.figures;
    else
        rc = err_set(e, ev.err->code, "%s", ev.err->msg);
    request_close(r);
    return rc;
}

void bench_series_add(struct bench_series *s, double v)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->v = xrealloc(s->v, s->cap * sizeof *s->v);
    }
    s->v[s->n++] = v;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_series_at(struct bench_series *s, double p)
{
    if (!s->n)
        return 0;
    qsort(s->v, s->n, sizeof *s->v, ascending);
    return s->v[(size_t)(p * (double)(s->n - 1) + 0.5)];
}

void bench_series_deinit(struct bench_series *s)
{
    mem_free(s->v);
    *s = (struct bench_series){ 0 };
}
