/* vec.c - the definition of norms, rope, activations and attention: plain C, sums and functions in double.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "base/num.h"
#include "kernel/kernel.h"

static void rms_norm_ref(float *y, const float *x, const float *w, int n, float eps)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    double scale = 1 / sqrt(sum / n + (double)eps);
    for (int i = 0; i < n; i++)
        y[i] = (float)((double)x[i] * scale * (double)w[i]);
}

static void rope_ref(float *x, const float *cs, int n_rot)
{
    size_t half = (size_t)n_rot / 2;
    for (size_t i = 0; i < half; i++) {
        double u = (double)x[i], v = (double)x[i + half];
        double c = (double)cs[2 * i], s = (double)cs[2 * i + 1];
        x[i] = (float)(u * c - v * s);
        x[i + half] = (float)(v * c + u * s);
    }
}

static void swiglu_ref(float *y, const float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i++) {
        double z = (double)gate[i];
        y[i] = (float)(z / (1 + exp(-z)) * (double)up[i]);
    }
}

static void softmax_ref(float *x, int n)
{
    double largest = (double)x[0], sum = 0;
    for (int i = 0; i < n; i++)
        largest = fmax(largest, (double)x[i]);
    for (int i = 0; i < n; i++)
        sum += exp((double)x[i] - largest);
    for (int i = 0; i < n; i++)
        x[i] = (float)(exp((double)x[i] - largest) / sum);
}

static void axpy_ref(float *y, float w, const float *x, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = (float)((double)y[i] + (double)w * (double)x[i]);
}

static float saturated_f16(float v)
{
    return fmaxf(-65504, fminf(65504, v));
}

static void store_u16(uint8_t *p, size_t i, uint16_t h)
{
    memcpy(p + 2 * i, &h, sizeof h);
}

static void store_element(uint8_t *p, enum kv_type type, size_t i, float v)
{
    if (type == KV_F32)
        memcpy(p + 4 * i, &v, sizeof v);
    else
        store_u16(p, i, type == KV_BF16 ? num_to_bf16(v) : num_to_f16(saturated_f16(v)));
}

/* One token's head x [d_head] as q8: element d at q[d * stride], the scale of group g at index g * scale_stride. */
static void store_q8(uint8_t *q, size_t stride, uint8_t *scales, size_t scale_stride, const float *x, int d_head)
{
    for (int g = 0; g < kv_q8_groups(d_head); g++) {
        int end = MIN((g + 1) * KV_Q8_GROUP, d_head);
        float most = 0;
        for (int d = g * KV_Q8_GROUP; d < end; d++)
            most = fmaxf(most, fabsf(x[d]));
        uint16_t h = num_to_f16(saturated_f16(most / 127));
        float scale = num_f16(h);
        store_u16(scales, (size_t)g * scale_stride, h);
        for (int d = g * KV_Q8_GROUP; d < end; d++) {
            float level = scale > 0 ? rintf(fmaxf(-127, fminf(127, x[d] / scale))) : 0;
            q[(size_t)d * stride] = (uint8_t)(int8_t)level;
        }
    }
}

static void kv_append_ref(const struct kv_layer *kv, int p, int slot, const float *k, const float *v)
{
    const size_t d_head = (size_t)kv->d_head, n_group = (size_t)kv_q8_groups(kv->d_head), at = (size_t)slot;
    for (int h = 0; h < kv->n_kv_head; h++, k += d_head, v += d_head) {
        uint8_t *keys = kv_keys(kv, p, h), *values = kv_values(kv, p, h);
        if (kv->type == KV_Q8) {
            store_q8(keys + at, KV_PAGE_TOK, kv_scales(kv, keys) + 2 * at, KV_PAGE_TOK, k, kv->d_head);
            store_q8(values + at * d_head, 1, kv_scales(kv, values) + 2 * at * n_group, 1, v, kv->d_head);
            continue;
        }
        for (size_t d = 0; d < d_head; d++) {
            store_element(keys, kv->type, d * KV_PAGE_TOK + at, k[d]);
            store_element(values, kv->type, at * d_head + d, v[d]);
        }
    }
}

static double element(const uint8_t *p, enum kv_type type, size_t i)
{
    if (type == KV_Q8)
        return (double)(int8_t)p[i];
    return (double)num_load(p, type == KV_F32 ? DTYPE_F32 : type == KV_BF16 ? DTYPE_BF16 : DTYPE_F16, i);
}

/* Feature d of the key or value of the token at position j. */
static double key_at(const struct attn_part *p, int j, int d)
{
    uint8_t *keys = kv_keys(p->kv, p->pages[j / KV_PAGE_TOK], p->h_kv);
    size_t slot = (size_t)(j % KV_PAGE_TOK);
    double x = element(keys, p->kv->type, (size_t)d * KV_PAGE_TOK + slot);
    if (p->kv->type == KV_Q8)
        x *= (double)num_load(kv_scales(p->kv, keys), DTYPE_F16, (size_t)(d / KV_Q8_GROUP) * KV_PAGE_TOK + slot);
    return x;
}

static double value_at(const struct attn_part *p, int j, int d)
{
    uint8_t *values = kv_values(p->kv, p->pages[j / KV_PAGE_TOK], p->h_kv);
    size_t slot = (size_t)(j % KV_PAGE_TOK), n_group = (size_t)kv_q8_groups(p->kv->d_head);
    double x = element(values, p->kv->type, slot * (size_t)p->kv->d_head + (size_t)d);
    if (p->kv->type == KV_Q8)
        x *= (double)num_load(kv_scales(p->kv, values), DTYPE_F16, slot * n_group + (size_t)(d / KV_Q8_GROUP));
    return x;
}

/* One query over the split's tokens [j0, j1). */
static void attend(const struct attn_part *p, const float *q, int j0, int j1, float *m, float *l, float *o,
                   float *scores)
{
    int d_head = p->kv->d_head;
    double sum = 0;
    *m = -INFINITY;
    for (int j = j0; j < j1; j++) {
        double dot = 0;
        for (int d = 0; d < d_head; d++)
            dot += (double)q[d] * key_at(p, j, d);
        scores[j - j0] = (float)(dot * (double)p->scale);
        *m = fmaxf(*m, scores[j - j0]);
    }
    for (int j = j0; j < j1; j++) {
        scores[j - j0] = (float)exp((double)scores[j - j0] - (double)*m);
        sum += (double)scores[j - j0];
    }
    *l = (float)sum;
    for (int d = 0; d < d_head; d++) {
        double out = 0;
        for (int j = j0; j < j1; j++)
            out += (double)scores[j - j0] * value_at(p, j, d);
        o[d] = (float)out;
    }
}

static void attn_part_ref(const struct attn_part *p)
{
    int d_head = p->kv->d_head, j0 = p->split * ATTN_SPLIT_TOK;
    for (int r = 0; r < p->n_row; r++) {
        int j1 = MIN(p->pos0 + r + 1, j0 + ATTN_SPLIT_TOK);
        for (int c = 0; c < p->n_group; c++) {
            int at = r * p->n_group + c;
            attend(p, p->q + (size_t)r * p->q_stride + (size_t)c * (size_t)d_head, j0, j1, &p->m[at], &p->l[at],
                   p->o + (size_t)at * (size_t)d_head, p->scratch + (size_t)at * ATTN_SPLIT_TOK);
        }
    }
}

static void attn_merge_ref(float *m, float *l, float *o, float m1, float l1, const float *o1, int d_head)
{
    float largest = fmaxf(*m, m1);
    double old = *m == -INFINITY ? 0 : exp((double)*m - (double)largest), new = exp((double)m1 - (double)largest);
    for (int d = 0; d < d_head; d++)
        o[d] = (float)((double)o[d] * old + (double)o1[d] * new);
    *l = (float)((double)*l * old + (double)l1 * new);
    *m = largest;
}

void kernels_init_ref_vec(struct kernels *k)
{
    k->rms_norm = rms_norm_ref;
    k->rope = rope_ref;
    k->swiglu = swiglu_ref;
    k->softmax = softmax_ref;
    k->axpy = axpy_ref;
    k->kv_append = kv_append_ref;
    k->attn_part = attn_part_ref;
    k->attn_merge = attn_merge_ref;
}
