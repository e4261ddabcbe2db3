/* synth_fill.c - words by a counter through the finaliser of splitmix64 (Steele, Lea and Flood 2014).
 * SPDX-License-Identifier: MIT */
#include "model/synth_fill.h"

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "base/num.h"

enum { WORD = 8 };

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t synth_fill_key(uint64_t seed, struct str name)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < name.n; i++)
        hash = (hash ^ (uint8_t)name.p[i]) * 0x100000001b3u;
    return mix(hash ^ mix(seed + 0x9e3779b97f4a7c15u));
}

static uint32_t bits_of(double x, enum dtype dtype)
{
    if (dtype == DTYPE_BF16)
        return num_to_bf16((float)x);
    return dtype == DTYPE_F16 ? num_to_f16((float)x) : num_to_bits((float)x);
}

static double rounded(double x, enum dtype dtype)
{
    uint32_t u = bits_of(x, dtype);
    if (dtype == DTYPE_BF16)
        return (double)num_bf16((uint16_t)u);
    return dtype == DTYPE_F16 ? (double)num_f16((uint16_t)u) : (double)num_from_bits(u);
}

static void raw(struct synth_fill *f, uint64_t keep, uint64_t set)
{
    f->elem_bytes = 0;
    f->keep = keep;
    f->set = set;
}

/* Entry k of a table of scales: 64 sizes between 3/4 and 5/4 of `mean`. */
static double varied(double mean, int k)
{
    return mean * (0.75 + 0.5 * ((k & 63) + 0.5) / 64);
}

/* Bit 6 of a table's index is the sign of the scale; bit 7 says which of the two middle codes stands for 0. Scales and biases
 * have the same key, hence the same indices. */
static void affine(struct synth_fill *s, struct synth_fill *b, int bits, enum dtype dtype, double sd)
{
    double n = (double)(1 << bits), code_var = (n * n - 1) / 12 + 0.25;
    s->elem_bytes = b->elem_bytes = (int)dtype_bytes(dtype);
    for (int k = 0; k < SYNTH_FILL_TABLE_N; k++) {
        double scale = rounded(varied(sd / sqrt(code_var), k) * (k & 64 ? -1 : 1), dtype);
        s->table[k] = bits_of(scale, dtype);
        b->table[k] = bits_of(-scale * (k & 128 ? n / 2 : n / 2 - 1), dtype);
    }
}

static double mean_square(const float *v, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    return sum / n;
}

/* Scales are powers of two: of the two that enclose `scale`, each as often as the mean square asks for. */
static void e8m0(struct synth_fill *s, double scale)
{
    int low = (int)floor(log2(scale));
    double r = scale / ldexp(1, low), share = (r * r - 1) / 3;
    s->elem_bytes = 1;
    for (int k = 0; k < SYNTH_FILL_TABLE_N; k++)
        s->table[k] = (uint32_t)(low + 127 + (k < share * SYNTH_FILL_TABLE_N));
}

static uint8_t nearest_e4m3(double x)
{
    int best = 1;
    for (int u = 2; u < 0x7f; u++)
        if (fabs((double)num_e4m3((uint8_t)u) - x) < fabs((double)num_e4m3((uint8_t)best) - x))
            best = u;
    return (uint8_t)best;
}

/* Any sign and mantissa with the exponents 8 to 11: magnitudes from 2 to 30, far from the code 0x7f that encoders avoid. */
static void mxfp8(struct synth_fill *w, struct synth_fill *s, double sd)
{
    float v[32];
    raw(w, 0x9f9f9f9f9f9f9f9fu, 0x4040404040404040u);
    for (int i = 0; i < 32; i++)
        v[i] = num_e4m3((uint8_t)(0x40 | i));
    e8m0(s, sd / sqrt(mean_square(v, 32)));
}

static void nvfp4(struct synth_fill *s, double sd)
{
    double scale = sd / sqrt(mean_square(num_e2m1, 16));
    s->elem_bytes = 1;
    for (int k = 0; k < SYNTH_FILL_TABLE_N; k++)
        s->table[k] = nearest_e4m3(varied(scale, k));
}

/* Unquantised weights: 256 evenly spaced values of the wanted deviation, none of them 0. */
static void plain(struct synth_fill *w, enum dtype dtype, double sd)
{
    w->elem_bytes = (int)dtype_bytes(dtype);
    for (int k = 0; k < SYNTH_FILL_TABLE_N; k++)
        w->table[k] = bits_of(sd * sqrt(3.0) * (2 * k + 1 - SYNTH_FILL_TABLE_N) / SYNTH_FILL_TABLE_N, dtype);
}

void synth_fill_matrix(struct synth_fill *w, struct synth_fill *s, struct synth_fill *b, enum quant_mode mode, int bits,
                       enum dtype dtype, double sd, uint64_t key)
{
    w->key = key;
    s->key = b->key = mix(key);
    raw(w, UINT64_MAX, 0);
    switch (mode) {
    case QUANT_AFFINE:
        affine(s, b, bits, dtype, sd);
        break;
    case QUANT_MXFP4:
        e8m0(s, sd / sqrt(mean_square(num_e2m1, 16)));
        break;
    case QUANT_MXFP8:
        mxfp8(w, s, sd);
        break;
    case QUANT_NVFP4:
        nvfp4(s, sd);
        break;
    default:
        plain(w, dtype, sd);
    }
}

void synth_fill_norm(struct synth_fill *f, enum dtype dtype, uint64_t key)
{
    f->key = key;
    f->elem_bytes = (int)dtype_bytes(dtype);
    for (int k = 0; k < SYNTH_FILL_TABLE_N; k++)
        f->table[k] = bits_of(0.9 + 0.2 * k / (SYNTH_FILL_TABLE_N - 1), dtype);
}

static uint64_t random_word(const struct synth_fill *f, uint64_t w)
{
    return mix(f->key + (w + 1) * 0x9e3779b97f4a7c15u);
}

static uint64_t word(const struct synth_fill *f, uint64_t w)
{
    uint64_t r = random_word(f, w), out = 0;
    if (!f->elem_bytes)
        return (r & f->keep) | f->set;
    for (int at = 0; at < WORD; at += f->elem_bytes, r >>= 8)
        out |= (uint64_t)f->table[r & 0xff] << 8 * at;
    return out;
}

/* Little-endian at any address; compilers make one store of it. */
static void store(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < WORD; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* Whole words. The two cases that fill nearly all of a file have loops of their own, without the tests of word(). */
static void words(const struct synth_fill *f, uint8_t *out, uint64_t w, uint64_t n)
{
    if (!f->elem_bytes) {
        for (uint64_t k = 0; k < n; k++)
            store(out + k * WORD, (random_word(f, w + k) & f->keep) | f->set);
    } else if (f->elem_bytes == 2) {
        for (uint64_t k = 0; k < n; k++) {
            uint64_t r = random_word(f, w + k);
            store(out + k * WORD, (uint64_t)f->table[r & 0xff] | (uint64_t)f->table[r >> 8 & 0xff] << 16 |
                                      (uint64_t)f->table[r >> 16 & 0xff] << 32 |
                                      (uint64_t)f->table[r >> 24 & 0xff] << 48);
        }
    } else {
        for (uint64_t k = 0; k < n; k++)
            store(out + k * WORD, word(f, w + k));
    }
}

void synth_fill_bytes(const struct synth_fill *f, uint8_t *out, uint64_t from, size_t n)
{
    uint8_t part[WORD];
    size_t skip = (size_t)(from % WORD);
    if (skip && n) {
        size_t head = MIN(n, WORD - skip);
        store(part, word(f, from / WORD));
        memcpy(out, part + skip, head);
        out += head;
        from += head;
        n -= head;
    }
    words(f, out, from / WORD, n / WORD);
    if (n % WORD) {
        store(part, word(f, from / WORD + n / WORD));
        memcpy(out + n / WORD * WORD, part, n % WORD);
    }
}
