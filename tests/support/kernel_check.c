/* kernel_check.c - helpers of the kernels' tests.
 * SPDX-License-Identifier: MIT */
#include "support/kernel_check.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/num.h"
#include "kernel/cpu.h"

int kernel_tables(struct kernels k[KERNEL_TABLES_MAX])
{
    static const unsigned masks[] = { 0, CPU_AVX2, CPU_AVX2 | CPU_AVX512VNNI, CPU_NEON };
    static bool said;
    int n = 0;
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        if ((masks[i] & cpu_flags()) == masks[i])
            kernels_init(&k[n++], masks[i]);
    }
    for (int i = 0; i < n && !said; i++)
        print_message("table: %s\n", k[i].name);
    said = true;
    return n;
}

void kernel_rng(struct rng *r)
{
    static bool said;
    const char *text = getenv("OCTET_TEST_SEED");
    unsigned long long seed = text ? strtoull(text, NULL, 10) : 20260711;
    if (!said)
        print_message("seed: %llu ($OCTET_TEST_SEED)\n", seed);
    said = true;
    rng_init(r, seed);
}

void kernel_random(struct rng *r, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = rng_normal(r) * (rng_below(r, 50) == 0 ? 20.0f : 1.0f);
}

double kernel_stored(const struct kv_layer *kv, int page, bool values, int h, int slot, int d)
{
    uint8_t *at = values ? kv_values(kv, page, h) : kv_keys(kv, page, h);
    size_t i = (size_t)(values ? slot * kv->d_head + d : d * KV_PAGE_TOK + slot),
           n_group = ((size_t)kv->d_head + 31) / 32;
    if (kv->type == KV_Q8) {
        size_t g = (size_t)d / 32, s = values ? (size_t)slot * n_group + g : g * KV_PAGE_TOK + (size_t)slot;
        return (double)(int8_t)at[i] * (double)num_load(at + KV_PAGE_TOK * kv->d_head, DTYPE_F16, s);
    }
    return (double)num_load(at, kv->type == KV_F32 ? DTYPE_F32 : kv->type == KV_BF16 ? DTYPE_BF16 : DTYPE_F16, i);
}

static float rounded_to_f16(float x)
{
    return num_f16(num_to_f16(fmaxf(-65504, fminf(65504, x))));
}

double kernel_as_stored(enum kv_type type, const float *x, int d_head, int d)
{
    float most = 0;
    if (type != KV_Q8)
        return (double)(type == KV_F32 ? x[d] : type == KV_BF16 ? num_bf16(num_to_bf16(x[d])) : rounded_to_f16(x[d]));
    for (int i = d / 32 * 32; i < MIN(d / 32 * 32 + 32, d_head); i++)
        most = fmaxf(most, fabsf(x[i]));
    float scale = rounded_to_f16(most / 127);
    return scale > 0 ? (double)scale * fmax(-127, fmin(127, nearbyint((double)(x[d] / scale)))) : 0;
}

double kernel_nmse(const float *got, const float *want, size_t n)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(got[i]) || !isfinite(want[i]))
            return (double)INFINITY;
        double d = (double)got[i] - (double)want[i];
        error += d * d;
        size += (double)want[i] * (double)want[i];
    }
    return error == 0 ? 0 : error / size;
}

void kernel_check_nmse(const char *what, const float *got, const float *want, size_t n, double bound)
{
    double e = kernel_nmse(got, want, n);
    if (!(e <= bound))
        fail_msg("%s: nmse %.3g of %zu values, allowed %.3g; first got %.9g, want %.9g", what, e, n, bound,
                 (double)got[0], (double)want[0]);
}
