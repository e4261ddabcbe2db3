/* ops.h - what blocks are made of: coarse operations over all rows of a step, on a device.
 *
 * An architecture calls blocks, blocks call these, and these call the device's table; today the CPU fills it (kernel/cpu/),
 * with threads of its own and the inner loops of kernel.h. No caller reads a tensor's contents: embedding, routing and grouping are
 * operations too. All buffers are f32, row-major, allocated once by the model (fixed addresses), and hold `n_tok` rows.
 *
 * ops.c checks shapes with assert (they follow from a validated config); what can fail from outside was refused before. One thread,
 * the engine's, calls.
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_OPS_H
#define KERNEL_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "kernel/kv.h"
#include "kernel/mat.h"

/* int8: affine matrices meet int8 activations; the router and all else f32. f32: everything f32, the exact path. */
enum precision { PRECISION_INT8, PRECISION_F32 };

/* Consecutive tokens of one sequence within a step: rows [row, row + n_row) are its positions pos, pos + 1, ... */
struct step_seq {
    int row, n_row;
    int pos;
    const int32_t *pages; /* borrowed for the step: the sequence's pages from its position 0 to its last */
};

/* One step through the model: rows of one or many sequences. Borrowed for the call. */
struct step {
    int n_tok;
    const int32_t *ids; /* [n_tok], each below the vocabulary's size */
    int n_seq;
    const struct step_seq *seqs; /* cover all rows, in order; a sequence occurs once */
    int n_out;
    const int32_t *out_rows; /* [n_out] rows whose logits are wanted */
};

/* The largest sizes that ops of one device will meet: they bound its scratch memory. */
struct op_dims {
    int max_tok, max_out; /* rows of a step, and rows with logits */
    int n_embd, n_head, n_kv_head, d_head;
    int n_ff;               /* the widest inner size of a gated layer */
    int n_expert, n_active; /* 0, 0 for dense models */
};

/* Which experts each row goes to, and the same sorted by expert. */
struct routing {
    int n_expert, n_active;
    int32_t *expert; /* [n_tok][n_active], best first; equal probabilities: lower index first */
    float *weight;   /* [n_tok][n_active] */
    int32_t *order;  /* [n_tok * n_active] pairs t * n_active + rank, sorted by expert, then by t */
    int32_t *start;  /* [n_expert + 1]: expert e has order[start[e] .. start[e + 1]) */
};

struct op_ctx; /* a device, its threads or streams, its scratch */

/* The CPU. `isa_mask`: kernel/cpu.h. Threads start here. */
MUST_CHECK int op_ctx_open_cpu(struct op_ctx **out, int n_threads, unsigned isa_mask, enum precision precision,
                               const struct op_dims *dims, struct err *e);
void op_ctx_close(struct op_ctx *c);
const char *op_ctx_name(const struct op_ctx *c); /* "cpu avx512vnni, 2 threads, int8" */
/* What decides the bits of the results: "cpu avx512vnni int8". */
const char *op_ctx_numerics(const struct op_ctx *c);
/* Where threads of other things wait for the processors that operations run on, they go first, once. */
void op_yield(struct op_ctx *c);
/* Memory that ops can use: zeroed, aligned to 64; NULL if there is none left. */
MUST_CHECK void *op_alloc(struct op_ctx *c, size_t n_bytes);
void op_free(struct op_ctx *c, void *p);

/* x[t] = row ids[t] of the embedding matrix. x [n_tok][n_in of table]. */
void op_embed(struct op_ctx *c, float *x, const struct mat *table, const struct step *s);

/* cs[t][2 * i], cs[t][2 * i + 1] = cosine and sine of (float)pos(t) * inv_freq[i], the product rounded to f32. cs [n_tok][2 * n_freq]. */
void op_rope_table(struct op_ctx *c, float *cs, const float *inv_freq, int n_freq, const struct step *s);

/* Everything before attention: n = rms_norm(x, norm); q, k, v = W n; per head rms_norm of q and k (q_norm, k_norm [d_head], NULL:
 * none); rope on q and k; k and v appended to the pages: docs/MODEL.md, 4, steps 2.1 to 2.5. */
struct op_attn_in {
    const float *x; /* [n_tok][n_embd] */
    const float *norm;
    float eps;
    const struct mat *wq, *wk, *wv;
    const float *q_norm, *k_norm;
    const float *cs; /* of op_rope_table */
    int n_rot;       /* features rotated */
    int n_head;
    const struct kv_layer *kv;
    float *q; /* out: [n_tok][n_head * d_head] */
};
void op_attn_in(struct op_ctx *c, const struct op_attn_in *p, const struct step *s);

/* o[t] = attention of q[t] over its sequence's tokens up to itself, softmax(scale * q k) v; query head h reads key-value head
 * h * n_kv_head / n_head. q, o [n_tok][n_head * d_head]. */
void op_attn(struct op_ctx *c, float *o, const float *q, int n_head, float scale, const struct kv_layer *kv,
             const struct step *s);

/* x[t] += W y[t]. x [n_tok][n_out], y [n_tok][n_in]. */
void op_linear_add(struct op_ctx *c, float *x, const struct mat *w, const float *y, int n_tok);

/* y[t] = rms_norm(x[t], norm). */
void op_norm(struct op_ctx *c, float *y, const float *x, const float *norm, int n, float eps, int n_tok);

/* p = softmax(W y) over all experts, the n_active best, their weights p (divided by their sum if `normalise`); then the grouping. f32
 * always. */
void op_route(struct op_ctx *c, struct routing *r, const struct mat *w, bool normalise, const float *y, int n_tok);

/* h[pair] = silu(gate y) * (up y) for every pair of row and expert e0 <= e < e1; `r` NULL: one matrix, pair = t, e0 0, e1 1.
 * h [n_tok * n_active][n_ff]. */
void op_glu_up(struct op_ctx *c, float *h, const struct mat *gate, const struct mat *up, const float *y,
               const struct routing *r, int n_tok, int e0, int e1);
/* x[t][o] += sum over ranks, in order, of weight * (down h[pair])[o] for o0 <= o < o1; `r` NULL: x[t] += down h[t], o0 0, o1 n_out.
 * A layer may be computed range by range, with the same bits. */
void op_glu_down(struct op_ctx *c, float *x, const struct mat *down, const float *h, const struct routing *r, int n_tok,
                 int o0, int o1);

/* logits[i] = W rms_norm(x[out_rows[i]], norm). logits [n_out][n_vocab]. */
void op_head(struct op_ctx *c, float *logits, const struct mat *w, const float *norm, float eps, const float *x,
             const struct step *s);

#endif
