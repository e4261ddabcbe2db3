/* qmm.c - the definition of the matrix kernels: plain C, one element at a time, sums in double.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "kernel/kernel.h"

/* Element i of a packed row: bits [i * bits, (i + 1) * bits) of a little-endian stream; at most two bytes hold it. */
static unsigned element(const uint8_t *row, int i, int bits)
{
    size_t at = (size_t)i * (size_t)bits;
    unsigned v = row[at / 8], shift = (unsigned)(at % 8);
    if (shift + (unsigned)bits > 8)
        v |= (unsigned)row[at / 8 + 1] << 8;
    return v >> shift & ((1u << bits) - 1);
}

/* Weight i of row o as f32. */
static float weight(const struct mat *m, const uint8_t *row, size_t scales, int i)
{
    if (m->mode == QUANT_PLAIN)
        return num_load(row, m->dtype, (size_t)i);
    size_t g = (size_t)(i / m->group);
    unsigned q = element(row, i, m->bits);
    switch (m->mode) {
    case QUANT_MXFP4:
        return num_e8m0(m->s[scales + g]) * num_e2m1[q];
    case QUANT_MXFP8:
        return num_e8m0(m->s[scales + g]) * num_e4m3((uint8_t)q);
    case QUANT_NVFP4:
        return num_e4m3(m->s[scales + g]) * num_e2m1[q];
    default:
        return num_load(m->s + scales, m->dtype, g) * (float)q + num_load(m->b + scales, m->dtype, g);
    }
}

static void dequant_ref(float *y, const struct mat *m, int e, int o, int i0, int n)
{
    const uint8_t *row = mat_row(m, e, o);
    size_t scales = mat_scale_at(m, e, o);
    for (int i = 0; i < n; i++)
        y[i] = weight(m, row, scales, i0 + i);
}

static void quantize_ref(const struct q8_rows *dst, int row, const float *x)
{
    int8_t *q = dst->q + (size_t)row * dst->q_stride;
    float *a = dst->a + (size_t)row * dst->g_stride, *sums = dst->x + (size_t)row * dst->g_stride;
    memset(q, 0, dst->q_stride);
    memset(a, 0, dst->g_stride * sizeof *a);
    memset(sums, 0, dst->g_stride * sizeof *sums);
    for (int g = 0; g < dst->n_in / dst->group; g++) {
        const float *xg = x + (size_t)g * (size_t)dst->group;
        float largest = 0;
        int sum = 0;
        for (int i = 0; i < dst->group; i++)
            largest = fmaxf(largest, fabsf(xg[i]));
        a[g] = largest / 127;
        for (int i = 0; i < dst->group && a[g] > 0; i++) {
            /* a subnormal scale has few bits, and the quotient may exceed 127 */
            int v = (int)fmaxf(-127, fminf(127, rintf(xg[i] / a[g])));
            q[g * dst->group + i] = (int8_t)v;
            sum += v;
        }
        sums[g] = a[g] * (float)sum;
    }
}

static void store(const struct qmm *p, int r, int o, double sum)
{
    if (p->m->bias)
        sum += (double)p->m->bias[(size_t)p->e * (size_t)p->m->n_out + (size_t)o];
    float *y = p->y + (size_t)(p->yrow ? p->yrow[r] : r) * p->y_stride + o;
    *y = p->add ? *y + (float)sum : (float)sum;
}

static void qmm_q8_ref(const struct qmm *p)
{
    const struct mat *m = p->m;
    const struct q8_rows *x = p->q8;
    for (int o = p->o0; o < p->o1; o++) {
        const uint8_t *row = mat_row(m, p->e, o);
        size_t scales = mat_scale_at(m, p->e, o);
        for (int r = 0; r < p->n_row; r++) {
            size_t xr = (size_t)(p->xrow ? p->xrow[r] : r);
            const int8_t *q = x->q + xr * x->q_stride;
            double sum = 0;
            for (int g = 0; g < mat_groups(m); g++) {
                int32_t dot = 0;
                for (int i = g * m->group; i < (g + 1) * m->group; i++)
                    dot += (int32_t)element(row, i, m->bits) * q[i];
                double s = (double)num_load(m->s + scales, m->dtype, (size_t)g);
                double b = (double)num_load(m->b + scales, m->dtype, (size_t)g);
                sum += s * (double)x->a[xr * x->g_stride + (size_t)g] * dot +
                       b * (double)x->x[xr * x->g_stride + (size_t)g];
            }
            store(p, r, o, sum);
        }
    }
}

static void qmm_f32_ref(const struct qmm *p)
{
    const struct mat *m = p->m;
    for (int o = p->o0; o < p->o1; o++) {
        const uint8_t *row = mat_row(m, p->e, o);
        size_t scales = mat_scale_at(m, p->e, o);
        for (int r = 0; r < p->n_row; r++) {
            const float *x = p->x + (size_t)(p->xrow ? p->xrow[r] : r) * p->x_stride;
            double sum = 0;
            for (int i = 0; i < m->n_in; i++)
                sum += (double)weight(m, row, scales, i) * (double)x[i];
            store(p, r, o, sum);
        }
    }
}

void kernels_init_ref_qmm(struct kernels *k)
{
    k->name = "ref";
    k->quantize = quantize_ref;
    k->qmm_q8 = qmm_q8_ref;
    k->qmm_f32 = qmm_f32_ref;
    k->dequant = dequant_ref;
}
