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

static void store_element(uint8_t *p, enum kv_type type, size_t i, float v)
{
    if (type == KV_F32) {
        memcpy(p + 4 * i, &v, sizeof v);
        return;
    }
    uint16_t h = num_to_f16(fmaxf(-65504, fminf(65504, v)));
    memcpy(p + 2 * i, &h, sizeof h);
}

static float load_element(const uint8_t *p, enum kv_type type, size_t i)
{
    return num_load(p, type == KV_F32 ? DTYPE_F32 : DTYPE_F16, i);
}

static void kv_append_ref(const struct kv_layer *kv, int p, int slot, const float *k, const float *v)
{
    size_t d_head = (size_t)kv->d_head;
    for (int h = 0; h < kv->n_kv_head; h++, k += d_head, v += d_head) {
        uint8_t *keys = kv_keys(kv, p, h), *values = kv_values(kv, p, h);
        for (size_t d = 0; d < d_head; d++) {
            store_element(keys, kv->type, d * KV_PAGE_TOK + (size_t)slot, k[d]);
            store_element(values, kv->type, (size_t)slot * d_head + d, v[d]);
        }
    }
}

/* One query over the split's tokens [j0, j1). */
static void attend(const struct attn_part *p, const float *q, int j0, int j1, float *m, float *l, float *o,
                   float *scores)
{
    const struct kv_layer *kv = p->kv;
    size_t d_head = (size_t)kv->d_head;
    double sum = 0;
    *m = -INFINITY;
    for (int j = j0; j < j1; j++) {
        const uint8_t *keys = kv_keys(kv, p->pages[j / KV_PAGE_TOK], p->h_kv);
        double dot = 0;
        for (size_t d = 0; d < d_head; d++)
            dot += (double)q[d] * (double)load_element(keys, kv->type, d * KV_PAGE_TOK + (size_t)(j % KV_PAGE_TOK));
        scores[j - j0] = (float)(dot * (double)p->scale);
        *m = fmaxf(*m, scores[j - j0]);
    }
    for (int j = j0; j < j1; j++) {
        scores[j - j0] = (float)exp((double)scores[j - j0] - (double)*m);
        sum += (double)scores[j - j0];
    }
    *l = (float)sum;
    for (size_t d = 0; d < d_head; d++) {
        double out = 0;
        for (int j = j0; j < j1; j++) {
            const uint8_t *values = kv_values(kv, p->pages[j / KV_PAGE_TOK], p->h_kv);
            size_t at = (size_t)(j % KV_PAGE_TOK) * d_head + d;
            out += (double)scores[j - j0] * (double)load_element(values, kv->type, at);
        }
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
