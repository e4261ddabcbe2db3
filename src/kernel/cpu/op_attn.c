/* op_attn.c - what comes before attention, and attention over pages.
 *
 * Attention is dealt out in one of two ways that compute the same. With many rows, an item is a block of rows of one sequence and
 * one key-value head, which walks the splits in order. With few rows and long contexts (decode), an item is one split of one row and head;
 * the parts are merged afterwards, in the same order.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "kernel/cpu/products.h"

/* --- before attention ---------------------------------------------------------------------------------------------------------- */

struct attn_in {
    struct cpu_ctx *c;
    const struct op_attn_in *p;
    const struct step *s;
    float *y, *k, *v; /* normed rows, keys, values: in the scratch rows */
    struct act act;
    struct product product[3];
};

static void norm_and_rotate(const struct attn_in *a, float *head, const float *norm, int t)
{
    const struct op_attn_in *p = a->p;
    if (norm)
        a->c->k.rms_norm(head, head, norm, p->kv->d_head, p->eps);
    a->c->k.rope(head, p->cs + (size_t)t * (size_t)p->n_rot, p->n_rot);
}

/* Key heads of row t, which stands at `pos`, and its place in the pages. */
static void finish_keys(const struct attn_in *a, const struct step_seq *seq, int t, int pos)
{
    const struct kv_layer *kv = a->p->kv;
    size_t n_kv = (size_t)kv->n_kv_head * (size_t)kv->d_head;
    float *k = a->k + (size_t)t * n_kv;
    for (int h = 0; h < kv->n_kv_head; h++)
        norm_and_rotate(a, k + (size_t)h * (size_t)kv->d_head, a->p->k_norm, t);
    a->c->k.kv_append(kv, seq->pages[pos / KV_PAGE_TOK], pos % KV_PAGE_TOK, k, a->v + (size_t)t * n_kv);
}

/* A row has n_head + 1 items: its query heads, and its keys and values. Shares are contiguous, because the keys of neighbouring tokens lie
 * in the same cache lines. */
static void finish_rows(const struct attn_in *a, int ith, int nth)
{
    const struct op_attn_in *p = a->p;
    const struct step_seq *seq = a->s->seqs;
    int n_item = a->s->n_tok * (p->n_head + 1), end = cpu_share(n_item, ith + 1, nth);
    for (int item = cpu_share(n_item, ith, nth); item < end; item++) {
        int t = item / (p->n_head + 1), h = item % (p->n_head + 1);
        while (t >= seq->row + seq->n_row)
            seq++;
        if (h == p->n_head)
            finish_keys(a, seq, t, seq->pos + t - seq->row);
        else
            norm_and_rotate(a, p->q + ((size_t)t * (size_t)p->n_head + (size_t)h) * (size_t)p->kv->d_head, p->q_norm,
                            t);
    }
}

static void attn_in_run(void *arg, int ith, int nth)
{
    const struct attn_in *a = arg;
    size_t n = (size_t)a->act.n_in;
    int n_tok = a->s->n_tok;
    for (int t = cpu_share(n_tok, ith, nth); t < cpu_share(n_tok, ith + 1, nth); t++) {
        a->c->k.rms_norm(a->y + (size_t)t * n, a->p->x + (size_t)t * n, a->p->norm, (int)n, a->p->eps);
        act_quantize(&a->act, a->c, t);
    }
    pool_barrier(a->c->pool);
    products_run(a->product, 3, a->c);
    pool_barrier(a->c->pool);
    finish_rows(a, ith, nth);
}

void cpu_attn_in(struct op_ctx *base, const struct op_attn_in *p, const struct step *s)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    size_t n_tok = (size_t)s->n_tok, n_q = (size_t)p->wq->n_out, n_kv = (size_t)p->wk->n_out;
    struct attn_in a = { .c = c, .p = p, .s = s, .y = c->rows };
    a.k = a.y + n_tok * (size_t)p->wq->n_in;
    a.v = a.k + n_tok * n_kv;
    act_init(&a.act, c, a.y, s->n_tok, (const struct mat *const[]){ p->wq, p->wk, p->wv }, 3);
    a.product[0] = (struct product){ p->wq, &a.act, p->q, n_q, false };
    a.product[1] = (struct product){ p->wk, &a.act, a.k, n_kv, false };
    a.product[2] = (struct product){ p->wv, &a.act, a.v, n_kv, false };
    pool_run(c->pool, attn_in_run, &a);
}

/* --- attention ------------------------------------------------------------------------------------------------------------------ */

struct attn {
    struct cpu_ctx *c;
    float *o;
    const float *q;
    int n_head, n_group;
    float scale;
    const struct kv_layer *kv;
    const struct step *s;
};

static int n_splits(int pos)
{
    return pos / ATTN_SPLIT_TOK + 1;
}

/* The running (m, l) of an output that no part has been merged into. */
static void begin(float *m, float *l, float *o, int d_head)
{
    *m = -INFINITY;
    *l = 0;
    memset(o, 0, (size_t)d_head * sizeof *o);
}

static void finish(float l, float *o, int d_head)
{
    for (int d = 0; d < d_head; d++)
        o[d] /= l;
}

/* Where query i of a block begins that starts at row `row` and has the heads of key-value head h, in q and in o. */
static size_t query_at(const struct attn *a, int row, int h, int i)
{
    size_t head = (size_t)(row + i / a->n_group) * (size_t)a->n_head + (size_t)(h * a->n_group + i % a->n_group);
    return head * (size_t)a->kv->d_head;
}

/* Rows [r0, r0 + n_row) of a sequence, one key-value head: all splits in order, merged into o as they come. */
static void attend_block(const struct attn *a, float *own, const struct step_seq *seq, int h, int r0, int n_row)
{
    int d = a->kv->d_head, pos0 = seq->pos + r0, row = seq->row + r0, n = n_row * a->n_group;
    float *part_o = own + attn_scratch(ATTN_MAX_ROWS, a->n_group, d);
    float *m = part_o + (size_t)n * (size_t)d, *l = m + n, *part_m = l + n, *part_l = part_m + n;
    for (int i = 0; i < n; i++)
        begin(&m[i], &l[i], a->o + query_at(a, row, h, i), d);
    for (int split = 0; split < n_splits(pos0 + n_row - 1); split++) {
        int first = MAX(0, split * ATTN_SPLIT_TOK - pos0); /* rows before it have no token in this split */
        const struct attn_part p = { .kv = a->kv,
                                     .pages = seq->pages,
                                     .h_kv = h,
                                     .split = split,
                                     .scale = a->scale,
                                     .q = a->q + query_at(a, row + first, h, 0),
                                     .q_stride = (size_t)a->n_head * (size_t)d,
                                     .n_row = n_row - first,
                                     .n_group = a->n_group,
                                     .pos0 = pos0 + first,
                                     .m = part_m,
                                     .l = part_l,
                                     .o = part_o,
                                     .scratch = own };
        a->c->k.attn_part(&p);
        for (int i = first * a->n_group, j = 0; i < n; i++, j++)
            a->c->k.attn_merge(&m[i], &l[i], a->o + query_at(a, row, h, i), part_m[j], part_l[j],
                               part_o + (size_t)j * (size_t)d, d);
    }
    for (int i = 0; i < n; i++)
        finish(l[i], a->o + query_at(a, row, h, i), d);
}

static void attn_by_rows(void *arg, int ith, int nth)
{
    (void)nth;
    const struct attn *a = arg;
    struct cpu_ctx *c = a->c;
    int first = 0, i = 0, n_kv = a->kv->n_kv_head; /* items before sequence i */
    for (int item = pool_next(c->pool);; item = pool_next(c->pool)) {
        int blocks = 0;
        for (; i < a->s->n_seq; i++) {
            blocks = (a->s->seqs[i].n_row + ATTN_MAX_ROWS - 1) / ATTN_MAX_ROWS;
            if (item < first + blocks * n_kv)
                break;
            first += blocks * n_kv;
        }
        if (i == a->s->n_seq)
            return;
        /* The last block of a sequence sees most tokens: it goes first, so that no thread begins it last. */
        const struct step_seq *seq = &a->s->seqs[i];
        int r0 = (blocks - 1 - (item - first) / n_kv) * ATTN_MAX_ROWS;
        attend_block(a, cpu_own(c, ith), seq, (item - first) % n_kv, r0, MIN(ATTN_MAX_ROWS, seq->n_row - r0));
    }
}

/* Some splits of one row, all heads: a wave of as many as the scratch holds. */
struct wave {
    const struct attn *a;
    const struct step_seq *seq;
    int row, pos;
    int split0, n_split;
    bool last;
};

/* A part in the scratch: o [n_group][d_head], then m and l [n_group]. */
static void attend_split(const struct wave *w, int h, int split, float *part, float *own)
{
    const struct attn *a = w->a;
    int d = a->kv->d_head;
    float *m = part + (size_t)a->n_group * (size_t)d;
    const struct attn_part p = { .kv = a->kv,
                                 .pages = w->seq->pages,
                                 .h_kv = h,
                                 .split = split,
                                 .scale = a->scale,
                                 .q = a->q + query_at(a, w->row, h, 0),
                                 .q_stride = (size_t)a->n_head * (size_t)d,
                                 .n_row = 1,
                                 .n_group = a->n_group,
                                 .pos0 = w->pos,
                                 .m = m,
                                 .l = m + a->n_group,
                                 .o = part,
                                 .scratch = own };
    a->c->k.attn_part(&p);
}

/* Query head i: its parts of this wave in order. Between waves m and l wait in the scratch rows. */
static void merge_head(const struct wave *w, int i)
{
    const struct attn *a = w->a;
    struct cpu_ctx *c = a->c;
    int d = a->kv->d_head, n_kv = a->kv->n_kv_head;
    size_t g = (size_t)(i % a->n_group), n_group = (size_t)a->n_group, d_head = (size_t)d;
    float *o = a->o + ((size_t)w->row * (size_t)a->n_head + (size_t)i) * d_head, *m = c->rows + 2 * (size_t)i,
          *l = m + 1;
    if (w->split0 == 0)
        begin(m, l, o, d);
    for (int s = 0; s < w->n_split; s++) {
        const float *part = c->parts + (size_t)(s * n_kv + i / a->n_group) * c->part_floats;
        c->k.attn_merge(m, l, o, part[n_group * d_head + g], part[n_group * (d_head + 1) + g], part + g * d_head, d);
    }
    if (w->last)
        finish(*l, o, d);
}

static void attn_wave(void *arg, int ith, int nth)
{
    const struct wave *w = arg;
    struct cpu_ctx *c = w->a->c;
    int n_kv = w->a->kv->n_kv_head, n_head = w->a->n_head;
    for (int item; (item = pool_next(c->pool)) < w->n_split * n_kv;)
        attend_split(w, item % n_kv, w->split0 + item / n_kv, c->parts + (size_t)item * c->part_floats,
                     cpu_own(c, ith));
    pool_barrier(c->pool);
    for (int i = cpu_share(n_head, ith, nth); i < cpu_share(n_head, ith + 1, nth); i++)
        merge_head(w, i);
}

static void attn_by_splits(const struct attn *a, const struct step_seq *seq, int r)
{
    int pos = seq->pos + r, n = n_splits(pos), wave = PART_WAVE / a->kv->n_kv_head;
    for (int split = 0; split < n; split += wave) {
        struct wave w = { a, seq, seq->row + r, pos, split, MIN(wave, n - split), split + wave >= n };
        pool_run(a->c->pool, attn_wave, &w);
    }
}

/* Whether blocks of rows would leave threads without work that splits can give them. */
static bool wants_splits(const struct cpu_ctx *c, const struct kv_layer *kv, const struct step *s)
{
    int n_block = 0, longest = 0, n_threads = pool_threads(c->pool);
    for (int i = 0; i < s->n_seq; i++) {
        n_block += (s->seqs[i].n_row + ATTN_MAX_ROWS - 1) / ATTN_MAX_ROWS;
        longest = MAX(longest, s->seqs[i].pos + s->seqs[i].n_row);
    }
    /* A row in a block shares what is read with 15 others: splits, which take row by row, are for steps of a few rows only. */
    return n_threads > 1 && n_block * kv->n_kv_head < 4 * n_threads && s->n_tok <= 4 * s->n_seq &&
           longest > ATTN_SPLIT_TOK && kv->n_kv_head <= PART_WAVE;
}

void cpu_attn(struct op_ctx *base, float *o, const float *q, int n_head, float scale, const struct kv_layer *kv,
              const struct step *s)
{
    struct cpu_ctx *c = (struct cpu_ctx *)base;
    struct attn a = { c, o, q, n_head, n_head / kv->n_kv_head, scale, kv, s };
    if (!wants_splits(c, kv, s)) {
        pool_run(c->pool, attn_by_rows, &a);
        return;
    }
    for (int i = 0; i < s->n_seq; i++)
        for (int r = 0; r < s->seqs[i].n_row; r++)
            attn_by_splits(&a, &s->seqs[i], r);
}
