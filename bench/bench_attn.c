/* bench_attn.c - how fast attention over f16 pages computes and reads.
 *
 *   bench_attn [-t THREADS] [ref|avx2|avx512|neon]...    default: 1 and 2 threads, the best table
 *
 * Prefill: 512 rows that end at the given context, in 10^9 multiplications and additions a second (a product and its sum are two).
 * Decode: one row, in 10^9 bytes of keys and values a second; the pages of several layers are walked in turn, so that they do
 * not stay in the caches. Each figure is the best of several runs.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/rng.h"
#include "kernel/cpu.h"
#include "kernel/ops.h"

enum { PREFILL_ROWS = 512, CONTEXT_MAX = 16384, DECODE_LAYERS = 8, RUNS = 3 };

struct shape {
    int n_head, n_kv_head, d_head;
};

struct bench {
    struct op_ctx *ctx; /* owned */
    struct shape shape;
    struct kv_layer kv; /* of layer 0; layers lie behind each other in every page */
    size_t layer_bytes;
    int32_t *pages; /* owned by ctx */
    float *q, *o;   /* owned by ctx */
};

static void *must(void *p)
{
    if (!p) {
        fprintf(stderr, "bench_attn: out of memory\n");
        exit(1);
    }
    return p;
}

static void bench_open(struct bench *b, struct shape s, int n_threads, unsigned mask)
{
    struct err e = ERR_INIT;
    const int n_page = CONTEXT_MAX / KV_PAGE_TOK;
    size_t n_q = (size_t)PREFILL_ROWS * (size_t)s.n_head * (size_t)s.d_head;
    const struct op_dims dims = { .max_tok = PREFILL_ROWS,
                                  .max_out = 1,
                                  .n_embd = s.n_head * s.d_head,
                                  .n_head = s.n_head,
                                  .n_kv_head = s.n_kv_head,
                                  .d_head = s.d_head,
                                  .n_ff = 64 };
    struct rng rng;
    rng_init(&rng, 1);
    *b = (struct bench){ .shape = s, .layer_bytes = kv_layer_page_bytes(KV_F16, s.n_kv_head, s.d_head) };
    if (op_ctx_open_cpu(&b->ctx, n_threads, mask, PRECISION_INT8, &dims, &e)) {
        fprintf(stderr, "bench_attn: %s\n", e.msg);
        exit(1);
    }
    b->kv = (struct kv_layer){ must(op_alloc(b->ctx, DECODE_LAYERS * b->layer_bytes * (size_t)n_page)),
                               DECODE_LAYERS * b->layer_bytes, KV_F16, s.n_kv_head, s.d_head };
    for (size_t i = 0; i < DECODE_LAYERS * b->layer_bytes * (size_t)n_page; i += 2) {
        uint16_t h = num_to_f16((float)rng_unit(&rng) * 2 - 1);
        memcpy(b->kv.base + i, &h, sizeof h);
    }
    b->pages = must(op_alloc(b->ctx, (size_t)n_page * sizeof *b->pages));
    for (int p = 0; p < n_page; p++)
        b->pages[p] = p * 5 % n_page; /* out of order; 5 and n_page have no common divisor */
    b->q = must(op_alloc(b->ctx, n_q * sizeof *b->q));
    b->o = must(op_alloc(b->ctx, n_q * sizeof *b->o));
    for (size_t i = 0; i < n_q; i++)
        b->q[i] = rng_normal(&rng);
}

static void bench_close(struct bench *b)
{
    op_free(b->ctx, b->kv.base);
    op_free(b->ctx, b->pages);
    op_free(b->ctx, b->q);
    op_free(b->ctx, b->o);
    op_ctx_close(b->ctx);
}

/* Seconds of one layer: n_row rows that end at `context`. */
static double attend(const struct bench *b, int context, int n_row, int n_layer)
{
    const struct step_seq seq = { .row = 0, .n_row = n_row, .pos = context - n_row, .pages = b->pages };
    const struct step step = { .n_tok = n_row, .n_seq = 1, .seqs = &seq };
    double best = 1e9;
    for (int run = 0; run < RUNS; run++) {
        int64_t start = clock_ns();
        for (int l = 0; l < n_layer; l++) {
            struct kv_layer kv = b->kv;
            kv.base += (size_t)l * b->layer_bytes;
            op_attn(b->ctx, b->o, b->q, b->shape.n_head, 1 / sqrtf((float)b->shape.d_head), &kv, &step);
        }
        best = MIN(best, clock_seconds_since(start) / n_layer);
    }
    return best;
}

static void bench_shape(struct shape s, int n_threads, unsigned mask)
{
    struct bench b;
    bench_open(&b, s, n_threads, mask);
    printf("%s: %d query heads, %d key-value heads, %d features\n", op_ctx_name(b.ctx), s.n_head, s.n_kv_head,
           s.d_head);
    for (int context = PREFILL_ROWS; context <= CONTEXT_MAX; context *= context < 4096 ? 8 : 4) {
        double pairs = (double)PREFILL_ROWS * (context - PREFILL_ROWS) + PREFILL_ROWS * (PREFILL_ROWS + 1) / 2.0;
        double seconds = attend(&b, context, PREFILL_ROWS, 1);
        printf("  prefill at %5d   %8.2f ms   %7.1f GFLOP/s\n", context, seconds * 1e3,
               4e-9 * pairs * s.n_head * s.d_head / seconds);
    }
    for (int context = 4096; context <= CONTEXT_MAX; context *= 4) {
        double seconds = attend(&b, context, 1, DECODE_LAYERS);
        printf("  decode at  %5d   %8.3f ms   %7.1f GB/s\n", context, seconds * 1e3,
               4e-9 * context * s.n_kv_head * s.d_head / seconds);
    }
    bench_close(&b);
}

static void bench_table(unsigned mask, int n_threads)
{
    static const struct shape shapes[] = { { 8, 2, 64 }, { 32, 4, 128 } };
    for (int n = n_threads ? n_threads : 1; n <= (n_threads ? n_threads : 2); n++)
        for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
            bench_shape(shapes[i], n, mask);
}

int main(int argc, char **argv)
{
    int n_threads = 0, i = 1;
    if (argc > 2 && strcmp(argv[1], "-t") == 0) {
        n_threads = (int)strtol(argv[2], NULL, 10);
        i = 3;
    }
    if (i == argc)
        bench_table(CPU_ALL, n_threads);
    for (; i < argc; i++) {
        struct err e = ERR_INIT;
        unsigned mask;
        if (cpu_mask_parse(argv[i], &mask, &e)) {
            fprintf(stderr, "bench_attn: %s\n", e.msg);
            return 2;
        }
        bench_table(mask, n_threads);
    }
    return 0;
}
