/* bench_kernels.c - how fast the matrix kernels read memory and multiply.
 *
 *   bench_kernels [-t THREADS] [-b BITS] [-g GROUP] [ref|avx2|avx512|neon]...    default: 1 and 2 threads, 4 bits, group 64, all fast tables
 *
 * Decode: one row of activations, weights far larger than the caches, in GB/s of weights, scales and biases, beside a plain
 * read of the same memory, one, two or four streams a thread, whichever is fastest. Prefill: many rows, in 10^9 multiplications a second. Each figure is the best of several runs.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/pool.h"
#include "base/rng.h"
#include "kernel/cpu.h"
#include "kernel/kernel.h"

enum { MAX_ROW = 512, RUNS = 5 };

struct bench {
    struct kernels k;
    bool int8;
    struct mat m;
    size_t n_bytes;
    uint8_t *memory; /* owned: all weights, then scales, then biases */
    float *x, *y;    /* owned */
    struct q8_rows q8;
    int n_row, n_stream;
    uint64_t sink[64];
};

static void *must(void *p)
{
    if (!p) {
        fprintf(stderr, "bench_kernels: out of memory\n");
        exit(1);
    }
    return p;
}

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static void bench_init(struct bench *b, int n_mat, int n_out, int n_in, int bits, int group)
{
    struct rng r;
    rng_init(&r, 1);
    *b = (struct bench){ .m = { QUANT_AFFINE, bits, group, DTYPE_BF16, n_mat, n_out, n_in, NULL, NULL, NULL, NULL } };
    b->m.b = (const uint8_t *)"";
    b->n_bytes = mat_bytes(&b->m);
    b->memory = must(mem_try_aligned(b->n_bytes + 8, 64));
    size_t n_w = (size_t)n_mat * (size_t)n_out * mat_row_bytes(&b->m), n_s = (b->n_bytes - n_w) / 2;
    for (size_t i = 0; i < n_w; i += 8) {
        uint64_t v = rng_next(&r);
        memcpy(b->memory + i, &v, 8);
    }
    for (size_t i = 0; i < 2 * n_s; i += 2) {
        uint16_t h = num_to_bf16(0.01f + (float)(i % 64) * 1e-4f);
        memcpy(b->memory + n_w + i, &h, 2);
    }
    b->m.w = b->memory;
    b->m.s = b->memory + n_w;
    b->m.b = b->m.s + n_s;
    size_t q_stride = round_up((size_t)n_in, Q8_ALIGN_IN), g_stride = round_up((size_t)(n_in / group), Q8_ALIGN_G);
    b->q8 = (struct q8_rows){ must(mem_try_aligned(MAX_ROW * q_stride, 64)),
                              must(mem_try_aligned(MAX_ROW * g_stride * sizeof(float), 64)),
                              must(mem_try_aligned(MAX_ROW * g_stride * sizeof(float), 64)),
                              q_stride,
                              g_stride,
                              n_in,
                              group,
                              bits };
    b->x = must(mem_try_aligned(MAX_ROW * (size_t)n_in * sizeof(float), 64));
    b->y = must(mem_try_aligned(MAX_ROW * (size_t)n_out * sizeof(float), 64));
    for (size_t i = 0; i < MAX_ROW * (size_t)n_in; i++)
        b->x[i] = rng_normal(&r);
}

static void bench_deinit(struct bench *b)
{
    mem_free(b->memory);
    mem_free(b->x);
    mem_free(b->y);
    mem_free(b->q8.q);
    mem_free(b->q8.a);
    mem_free(b->q8.x);
}

static void multiply_share(void *arg, int ith, int nth)
{
    struct bench *b = arg;
    struct qmm p = { .m = &b->m,
                     .q8 = &b->q8,
                     .x = b->x,
                     .x_stride = (size_t)b->m.n_in,
                     .n_row = b->n_row,
                     .y = b->y,
                     .y_stride = (size_t)b->m.n_out };
    p.o0 = (int)((int64_t)b->m.n_out * ith / nth / 16 * 16);
    p.o1 = ith + 1 == nth ? b->m.n_out : (int)((int64_t)b->m.n_out * (ith + 1) / nth / 16 * 16);
    for (p.e = 0; p.e < b->m.n_mat; p.e++)
        (b->int8 ? b->k.qmm_q8 : b->k.qmm_f32)(&p);
}

/* Reads this thread's part in n_stream places at once. */
static void read_share(void *arg, int ith, int nth)
{
    typedef uint64_t vector __attribute__((vector_size(64)));
    struct bench *b = arg;
    size_t n = b->n_bytes / (size_t)nth / 1024 * 1024, n_each = n / (size_t)b->n_stream / 256 * 256;
    const uint8_t *p = b->memory + n * (size_t)ith;
    vector sum[4] = { { 0 } };
    for (size_t i = 0; i < n_each; i += 256) {
        for (int stream = 0; stream < b->n_stream; stream++) {
            vector v[4];
            memcpy(v, p + (size_t)stream * n_each + i, sizeof v);
            for (int j = 0; j < 4; j++)
                sum[j] += v[j];
        }
    }
    sum[0] += sum[1] + sum[2] + sum[3];
    b->sink[ith] = sum[0][0] + sum[0][1] + sum[0][2] + sum[0][3] + sum[0][4] + sum[0][5] + sum[0][6] + sum[0][7];
}

/* Seconds of the fastest of RUNS runs, each at least 20 ms. */
static double best(struct pool *pool, pool_fn *fn, struct bench *b)
{
    double fastest = 1e30;
    int n = 1;
    for (int run = 0; run < RUNS;) {
        int64_t t0 = clock_ns();
        for (int i = 0; i < n; i++)
            pool_run(pool, fn, b);
        double seconds = clock_seconds_since(t0);
        if (seconds < 0.02) {
            n *= 2;
            continue;
        }
        fastest = MIN(fastest, seconds / n);
        run++;
    }
    return fastest;
}

static void quantize_rows(struct bench *b)
{
    int64_t t0 = clock_ns();
    for (int row = 0; row < MAX_ROW; row++)
        b->k.quantize(&b->q8, row, b->x + (size_t)row * (size_t)b->m.n_in);
    double ns = clock_seconds_since(t0) * 1e9 / MAX_ROW / b->m.n_in;
    printf("  %-38s %8.3f ns/element\n", "quantize", ns);
}

static void decode(struct bench *b, struct pool *pool, const char *what)
{
    double read = 0;
    for (b->n_stream = 1; b->n_stream <= 4; b->n_stream *= 2)
        read = MAX(read, (double)b->n_bytes / best(pool, read_share, b) * 1e-9);
    b->n_row = 1;
    double rate = (double)b->n_bytes / best(pool, multiply_share, b) * 1e-9;
    printf("  %-38s %8.1f GB/s, plain read %5.1f: %.2f\n", what, rate, read, rate / read);
}

static void prefill(struct bench *b, struct pool *pool, const char *what, int n_row)
{
    b->n_row = n_row;
    double macs = (double)b->m.n_mat * b->m.n_out * b->m.n_in * n_row;
    printf("  %-28s %4d rows %9.1f GMAC/s\n", what, n_row, macs / best(pool, multiply_share, b) * 1e-9);
}

static void bench_table(unsigned mask, struct pool *pool, int bits, int group)
{
    static const struct {
        const char *name;
        int n_mat, n_out, n_in;
    } stream[] = { { "head 151936 x 2048", 1, 151936, 2048 },
                   { "experts 768 x 2048", 256, 768, 2048 },
                   { "experts 2048 x 768", 256, 2048, 768 },
                   { "projections 2048 x 4096", 48, 2048, 4096 } },
      block[] = { { "projection 2048 x 4096", 1, 2048, 4096 },
                  { "expert 768 x 2048", 4, 768, 2048 },
                  { "expert 2048 x 768", 4, 2048, 768 } };
    struct bench b;
    for (size_t i = 0; i < ARRAY_LEN(stream); i++) {
        bench_init(&b, stream[i].n_mat, stream[i].n_out, stream[i].n_in, bits, group);
        kernels_init(&b.k, mask);
        if (i == 0)
            printf("%s, %d threads, %d bits, group %d\n", b.k.name, pool_threads(pool), bits, group);
        b.int8 = true;
        for (int row = 0; row < MAX_ROW; row++)
            b.k.quantize(&b.q8, row, b.x + (size_t)row * (size_t)b.m.n_in);
        decode(&b, pool, stream[i].name);
        bench_deinit(&b);
    }
    for (size_t i = 0; i < ARRAY_LEN(block); i++) {
        static const int rows[] = { 4, 8, 32, 128, 512 };
        bench_init(&b, block[i].n_mat, block[i].n_out, block[i].n_in, bits, group);
        kernels_init(&b.k, mask);
        quantize_rows(&b);
        for (b.int8 = true;; b.int8 = false) {
            for (size_t j = 0; j < ARRAY_LEN(rows); j++) {
                char what[64];
                snprintf(what, sizeof what, "%s %s", block[i].name, b.int8 ? "int8" : "f32");
                prefill(&b, pool, what, rows[j]);
            }
            if (!b.int8)
                break;
        }
        bench_deinit(&b);
    }
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    int threads = 0, bits = 4, group = 64;
    unsigned masks[8];
    size_t n_masks = 0;
    for (int i = 1; i < argc; i++) {
        int *number = strcmp(argv[i], "-t") == 0   ? &threads
                      : strcmp(argv[i], "-b") == 0 ? &bits
                      : strcmp(argv[i], "-g") == 0 ? &group
                                                   : NULL;
        if (number && i + 1 < argc) {
            *number = atoi(argv[++i]);
        } else if (n_masks == ARRAY_LEN(masks) || cpu_mask_parse(argv[i], &masks[n_masks++], &e) != 0) {
            fprintf(stderr, "bench_kernels: %s\n", e.msg);
            return 2;
        }
    }
    if (n_masks == 0) {
        static const unsigned known[] = { CPU_AVX2 | CPU_AVX512VNNI, CPU_AVX2, CPU_NEON };
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            if ((cpu_flags() & known[i]) == known[i])
                masks[n_masks++] = known[i];
    }
    for (int n = threads ? threads : 1; n <= (threads ? threads : 2); n++) {
        struct pool *pool;
        if (pool_new(&pool, n, &e) != 0) {
            fprintf(stderr, "bench_kernels: %s\n", e.msg);
            return 1;
        }
        for (size_t i = 0; i < n_masks; i++)
            bench_table(masks[i], pool, bits, group);
        pool_free(pool);
    }
    return 0;
}
