/* bench_cache.c - octet bench cache: agents that share a long prefix take turns, as coding agents do.
 *
 * Every agent's prompt is the shared prefix (system text and tools), a tail of its own, and its turns so far: each adds new tokens and an
 * answer. Turns go round, one request at a time, so that every agent comes back when all others have been there. The ideal is what a cache
 * without limit would find: of each prompt everything that any request has computed before.
 * SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/bench.h"

struct agents {
    const struct bench_cache *c;
    struct ids *talk; /* owned; [n_agent]: the prompt so far */
    int n_vocab;
    uint64_t asked, hit, ideal; /* tokens of prompts; found; what could be found */
    size_t shared;              /* tokens that some agent has computed of the shared prefix */
    size_t *own;                /* owned; [n_agent]: tokens of each talk that were computed */
    struct bench_series first_ms, over_ms;
    double slowest_over_ms, bound_ms;
};

static void agents_init(struct agents *a, const struct bench_cache *c, int n_vocab)
{
    struct ids prefix = { 0 };
    *a = (struct agents){ .c = c, .n_vocab = n_vocab };
    a->talk = xcalloc((size_t)c->n_agent, sizeof *a->talk);
    a->own = xcalloc((size_t)c->n_agent, sizeof *a->own);
    bench_ids(&prefix, (size_t)c->n_prefix, 1, n_vocab);
    for (int64_t i = 0; i < c->n_agent; i++) {
        ids_append(&a->talk[i], prefix.v, prefix.n);
        bench_ids(&a->talk[i], (size_t)c->n_tail, 1000 + (uint64_t)i, n_vocab);
    }
    ids_deinit(&prefix);
}

static void agents_deinit(struct agents *a)
{
    for (int64_t i = 0; i < a->c->n_agent; i++)
        ids_deinit(&a->talk[i]);
    mem_free(a->talk);
    mem_free(a->own);
    bench_series_deinit(&a->first_ms);
    bench_series_deinit(&a->over_ms);
}

/* One turn of one agent. What it takes beyond the computation itself is the engine's own: lookup, copies, waiting. */
static int turn(struct agents *a, struct engine *g, int64_t i, int64_t k, struct err *e)
{
    struct engine_figures f;
    struct ids *t = &a->talk[i];
    if (k)
        bench_ids(t, (size_t)a->c->n_new, (uint64_t)(100000 + i * 1000 + k), a->n_vocab);
    size_t n = t->n, known = MAX(a->own[i], MIN(a->shared, (size_t)a->c->n_prefix));
    int rc = bench_ask(g, t, (size_t)a->c->n_answer, t, &f, e);
    if (rc)
        return rc;
    a->asked += n;
    a->hit += f.n_cached + f.n_disk;
    a->ideal += MIN(known, n - 1);
    /* The answer's last token was drawn and never computed. */
    a->own[i] = t->n - 1;
    a->shared = (size_t)a->c->n_prefix;
    if (k) {
        bench_series_add(&a->first_ms, (double)f.first_ns * 1e-6);
        bench_series_add(&a->over_ms, (double)(f.first_ns - f.prompt_step_ns) * 1e-6);
        double step_ms = f.n_step ? (double)f.decode_ns * 1e-6 / (double)f.n_step : 0;
        a->bound_ms = MAX(a->bound_ms, 2 * step_ms + 2);
    }
    return 0;
}

static int rounds(struct agents *a, struct engine *g, int64_t from, int64_t to, struct err *e)
{
    for (int64_t k = from; k < to; k++)
        for (int64_t i = 0; i < a->c->n_agent; i++) {
            int rc = turn(a, g, i, k, e);
            if (rc)
                return rc;
        }
    return 0;
}

/* Reads every file below `dir` once; returns the bytes. With `forget` the page cache gives them up instead. */
static uint64_t read_plainly(const char *dir, bool forget)
{
    static char bytes[1 << 20];
    char **names;
    size_t n_name;
    uint64_t all = 0;
    struct err e = ERR_INIT;
    if (file_list(&names, &n_name, dir, &e))
        return 0;
    for (size_t i = 0; i < n_name; i++) {
        char *path = file_join(dir, names[i]);
        int fd = file_is_dir(path) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        if (file_is_dir(path))
            all += read_plainly(path, forget);
        if (fd >= 0 && forget)
            posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        for (ssize_t k; fd >= 0 && !forget && (k = read(fd, bytes, sizeof bytes)) > 0;)
            all += (uint64_t)k;
        if (fd >= 0)
            close(fd);
        mem_free(path);
    }
    file_list_free(names, n_name);
    return all;
}

/* The first turn after a restart: time, and how fast the disk was read, beside a plain reading of the same files. */
static int restart(struct agents *a, const struct bench_model *b, double cold_first_ms, struct buf *out, struct err *e)
{
    struct engine *g;
    struct engine_figures f;
    struct engine_stats s;
    read_plainly(b->engine.cache_dir, true);
    int64_t start = clock_ns();
    uint64_t all = read_plainly(b->engine.cache_dir, false);
    double plain = (double)all * 1e3 / (double)(clock_ns() - start);
    read_plainly(b->engine.cache_dir, true);
    int rc = bench_open(&g, b, e);
    if (rc)
        return rc;
    bench_ids(&a->talk[0], (size_t)a->c->n_new, 7, a->n_vocab);
    rc = bench_ask(g, &a->talk[0], 1, NULL, &f, e);
    if (!rc) {
        engine_stats(g, &s);
        double rate = s.disk_read_ns ? (double)s.disk_read_bytes * 1e3 / (double)s.disk_read_ns : 0;
        buf_printf(out, "after a restart        %zu of %zu prompt tokens from disk, first token %.1f ms\n", f.n_disk,
                   f.n_prompt, (double)f.first_ns * 1e-6);
        buf_printf(out, "computed anew          first token %.1f ms: %.1f times as long\n", cold_first_ms,
                   cold_first_ms * 1e6 / (double)f.first_ns);
        buf_printf(out, "read from disk         %.0f MB/s; plain sequential reading of the same files %.0f MB/s\n",
                   rate, plain);
    }
    engine_close(g);
    return rc;
}

int bench_cache(const struct bench_cache *c, const struct bench_model *b, struct buf *out, struct err *e)
{
    struct engine *g;
    struct agents a;
    struct engine_figures cold = { 0 };
    int rc = bench_open(&g, b, e);
    if (rc)
        return rc;
    size_t longest = (size_t)(c->n_prefix + c->n_tail + c->n_turn * (c->n_new + c->n_answer));
    struct engine_stats s;
    engine_stats(g, &s);
    uint64_t page = model_kv_bytes_per_token(engine_model(g));
    uint64_t need = ((uint64_t)c->n_prefix + (uint64_t)c->n_agent * (longest - (size_t)c->n_prefix)) * page;
    agents_init(&a, c, model_config(engine_model(g))->n_vocab);
    buf_printf(out, "%lld agents, shared prefix %lld, tails %lld, %lld turns of %lld new and %lld answered tokens\n",
               (long long)c->n_agent, (long long)c->n_prefix, (long long)c->n_tail, (long long)c->n_turn,
               (long long)c->n_new, (long long)c->n_answer);
    buf_printf(out, "memory for keys and values %.2f GB, all of it together needs %.2f GB\n", (double)s.kv_bytes * 1e-9,
               (double)need * 1e-9);
    rc = bench_ask(g, &a.talk[0], 1, NULL, &cold, e);
    engine_clear_cache(g);
    if (!rc)
        rc = rounds(&a, g, 0, c->n_turn, e);
    engine_flush(g);
    engine_close(g);
    if (!rc) {
        buf_printf(out, "hit rate               %.2f %% of prompt tokens; an ideal cache %.2f %%; ratio %.4f\n",
                   100.0 * (double)a.hit / (double)a.asked, 100.0 * (double)a.ideal / (double)a.asked,
                   a.ideal ? (double)a.hit / (double)a.ideal : 1);
        buf_printf(out, "first token on a hit   median %.2f ms, 95 %% %.2f ms (%lld new tokens)\n",
                   bench_series_at(&a.first_ms, 0.5), bench_series_at(&a.first_ms, 0.95), (long long)c->n_new);
        buf_printf(out, "  beyond computing     median %.3f ms, most %.3f ms; two decode steps and 2 ms are %.2f ms\n",
                   bench_series_at(&a.over_ms, 0.5), bench_series_at(&a.over_ms, 1), a.bound_ms);
    }
    if (!rc && b->engine.cache_dir)
        rc = restart(&a, b, (double)cold.first_ns * 1e-6, out, e);
    agents_deinit(&a);
    return rc;
}
