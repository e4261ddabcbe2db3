/* op_ctx.h - what a device gives to ops.c: a table with one function for each operation of ops.h, with the same meaning.
 *
 * A device embeds a struct op_ctx as its first member. For devices alone; models include ops.h.
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_OP_CTX_H
#define KERNEL_OP_CTX_H

#include "kernel/ops.h"

struct op_table {
    void (*close)(struct op_ctx *c);
    void (*yield)(struct op_ctx *c); /* NULL: its work takes no processor from anyone */
    void *(*alloc)(struct op_ctx *c, size_t n_bytes);
    void (*free)(struct op_ctx *c, void *p);
    void (*embed)(struct op_ctx *c, float *x, const struct mat *table, const struct step *s);
    void (*rope_table)(struct op_ctx *c, float *cs, const float *inv_freq, int n_freq, const struct step *s);
    void (*attn_in)(struct op_ctx *c, const struct op_attn_in *p, const struct step *s);
    void (*attn)(struct op_ctx *c, float *o, const float *q, int n_head, float scale, const struct kv_layer *kv,
                 const struct step *s);
    void (*linear_add)(struct op_ctx *c, float *x, const struct mat *w, const float *y, int n_tok);
    void (*norm)(struct op_ctx *c, float *y, const float *x, const float *norm, int n, float eps, int n_tok);
    void (*route)(struct op_ctx *c, struct routing *r, const struct mat *w, bool normalise, const float *y, int n_tok);
    void (*glu_up)(struct op_ctx *c, float *h, const struct mat *gate, const struct mat *up, const float *y,
                   const struct routing *r, int n_tok, int e0, int e1);
    void (*glu_down)(struct op_ctx *c, float *x, const struct mat *down, const float *h, const struct routing *r,
                     int n_tok, int o0, int o1);
    void (*head)(struct op_ctx *c, float *logits, const struct mat *w, const float *norm, float eps, const float *x,
                 const struct step *s);
};

struct op_ctx {
    const struct op_table *table;
    struct op_dims dims;
    char name[96];
    char numerics[64];
};

#endif
