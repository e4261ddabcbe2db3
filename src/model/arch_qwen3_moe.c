/* arch_qwen3_moe.c - Qwen3-MoE: Qwen3-30B-A3B, Qwen3-Coder-30B-A3B and their sizes.
 *
 * As mlx-lm's qwen3_moe computes it, with an f32 residual stream and f32 logits (docs/MODEL.md): every layer is attention with q/k
 * norm by head and full rotary positions, then a mixture of experts or, where mlp_only_layers or decoder_sparse_step say so, a
 * dense block. rope_scaling is not applied, as in mlx-lm.
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "base/mem.h"
#include "model/arch_list.h"
#include "model/block_attn.h"
#include "model/block_ffn.h"

struct layer {
    struct block_attn attn;
    struct block_ffn ffn;
};

struct qwen3_moe {
    int n_layer, n_freq;
    float eps;
    struct mat embed, head; /* head: a copy of embed's view where the two are tied */
    const float *norm;      /* borrowed from the weights; [n_embd] */
    float *inv_freq;        /* owned; [n_freq] */
    struct layer *layers;   /* owned; [n_layer] */
};

/* inv_freq[i] = theta^(-2 i / d), rounded once from double. */
static float *rope_frequencies(double theta, int d_head)
{
    int n = d_head / 2;
    float *inv = xcalloc((size_t)n, sizeof *inv);
    for (int i = 0; i < n; i++)
        inv[i] = (float)pow(theta, -2.0 * i / d_head);
    return inv;
}

static void *qwen3_moe_bind(const struct config *c, struct weights *w)
{
    struct qwen3_moe *a = xcalloc(1, sizeof *a);
    a->n_layer = c->n_layer;
    a->n_freq = c->d_head / 2;
    a->eps = c->rms_eps;
    a->inv_freq = rope_frequencies(c->rope_theta, c->d_head);
    a->layers = xcalloc((size_t)c->n_layer, sizeof *a->layers);
    weights_mat(w, &a->embed, 1, c->n_vocab, c->n_embd, "model.embed_tokens");
    for (int l = 0; l < c->n_layer; l++) {
        block_attn_bind(&a->layers[l].attn, c, w, l);
        block_ffn_bind(&a->layers[l].ffn, c, w, l);
    }
    a->norm = weights_vec(w, c->n_embd, "model.norm.weight");
    if (c->tie)
        a->head = a->embed;
    else
        weights_mat(w, &a->head, 1, c->n_vocab, c->n_embd, "lm_head");
    return a;
}

static void qwen3_moe_free(void *self)
{
    struct qwen3_moe *a = self;
    mem_free(a->inv_freq);
    mem_free(a->layers);
    mem_free(a);
}

static void qwen3_moe_keep(const struct config *c, struct keep *keep)
{
    for (int l = 0; l < c->n_layer; l++)
        keep[l] = (struct keep){ .kind = KEEP_FULL, .n_kv_head = c->n_kv_head, .d_head = c->d_head };
}

static void qwen3_moe_dims(const struct config *c, struct op_dims *d)
{
    bool sparse = false, dense = false;
    for (int l = 0; l < c->n_layer; l++)
        *(c->is_sparse[l] ? &sparse : &dense) = true;
    d->n_embd = c->n_embd;
    d->n_head = c->n_head;
    d->n_kv_head = c->n_kv_head;
    d->d_head = c->d_head;
    d->n_ff = MAX(sparse ? c->n_ff_expert : 0, dense ? c->n_ff : 0);
    d->n_expert = sparse ? c->n_expert : 0;
    d->n_active = sparse ? c->n_active : 0;
}

static void qwen3_moe_forward(const void *self, struct pass *p, float *logits)
{
    const struct qwen3_moe *a = self;
    op_embed(p->ctx, p->x, &a->embed, p->step);
    op_rope_table(p->ctx, p->cs, a->inv_freq, a->n_freq, p->step);
    for (int l = 0; l < a->n_layer && !p->given_up; l++) {
        block_attn_run(&a->layers[l].attn, p, l);
        if (!p->given_up)
            block_ffn_run(&a->layers[l].ffn, p);
    }
    if (p->step->n_out > 0 && !p->given_up)
        op_head(p->ctx, logits, &a->head, a->norm, a->eps, p->x, p->step);
}

const struct arch arch_qwen3_moe = {
    .model_type = "qwen3_moe",
    .bind = qwen3_moe_bind,
    .free = qwen3_moe_free,
    .keep = qwen3_moe_keep,
    .dims = qwen3_moe_dims,
    .forward = qwen3_moe_forward,
};
