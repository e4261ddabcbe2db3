/* model.c - opens a checkpoint and runs steps through it.
 * SPDX-License-Identifier: MIT */
#include "model/model.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"
#include "kernel/cpu.h"
#include "model/arch.h"
#include "model/pass.h"
#include "model/weights.h"

struct model {
    struct modeldir *dir; /* owned; outlives the weights */
    struct config config;
    struct weights *weights; /* owned */
    const struct arch *arch;
    void *net;          /* owned: the architecture's bound tensors */
    struct op_ctx *ctx; /* owned */
    struct op_dims dims;
    enum kv_type kv_type;
    int64_t part_ns;
    char backend[128], numerics[96];
    struct keep *keep;       /* owned; [n_layer] */
    struct model_pass *pass; /* owned: of model_forward */
};

struct model_pass {
    struct model *m;  /* borrowed: outlives the pass */
    struct pass pass; /* its buffers are owned */
    int n_row;
};

const struct model_opts model_opts_default = { .precision = PRECISION_INT8, .kv_type = KV_TYPE_N, .isa_mask = CPU_ALL };

static int read_checkpoint(struct model *m, const char *path, struct err *e)
{
    struct str model_type;
    if (modeldir_open(&m->dir, path, e) || config_model_type(m->dir, &model_type, e))
        return e->code;
    m->arch = arch_find(model_type, e);
    if (!m->arch)
        return err_wrap(e, "%s", path);
    if (config_read(&m->config, m->dir, e))
        return e->code;
    if (weights_new(&m->weights, m->dir, e))
        return e->code;
    m->net = m->arch->bind(&m->config, m->weights);
    return weights_finish(m->weights, e);
}

static int start_device(struct model *m, const struct model_opts *o, struct err *e)
{
    int n_threads = o->n_threads > 0 ? o->n_threads : sys_cpus();
    m->dims.max_tok = o->chunk > 0 ? o->chunk : MODEL_CHUNK;
    m->dims.max_out = MODEL_OUT_ROWS;
    m->part_ns = o->part_ns > 0 ? o->part_ns : PASS_PART_NS;
    m->arch->dims(&m->config, &m->dims);
    m->kv_type = o->kv_type;
    if (o->kv_type == KV_TYPE_N)
        m->kv_type = o->precision == PRECISION_F32 ? KV_F32 : KV_F16;
    m->keep = xcalloc((size_t)m->config.n_layer, sizeof *m->keep);
    m->arch->keep(&m->config, m->keep);
    if (op_ctx_open_cpu(&m->ctx, n_threads, o->isa_mask, o->precision, &m->dims, e))
        return e->code;
    const char *kv = kv_type_name(m->kv_type);
    snprintf(m->backend, sizeof m->backend, "%s, %s keys and values", op_ctx_name(m->ctx), kv);
    snprintf(m->numerics, sizeof m->numerics, "%s kv %s", op_ctx_numerics(m->ctx), kv);
    return 0;
}

/* n_row rows of n_col elements; NULL also where their product overflows. */
static void *alloc_rows(struct model *m, size_t n_row, size_t n_col, size_t size)
{
    size_t n = 0;
    if (!mem_mul(n_row, n_col, &n) || !mem_mul(n, size, &n))
        return NULL;
    return op_alloc(m->ctx, n);
}

void model_pass_free(struct model_pass *b)
{
    if (!b)
        return;
    struct pass *p = &b->pass;
    void *all[] = { p->x,           p->y,          p->q, p->o, p->cs, p->h, p->route.expert, p->route.weight,
                    p->route.order, p->route.start };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        op_free(b->m->ctx, all[i]);
    mem_free(b);
}

int model_pass_new(struct model_pass **out, struct model *m, int n_row, struct err *e)
{
    const struct op_dims *d = &m->dims;
    size_t n_tok = (size_t)n_row, n_pair = n_tok * (size_t)MAX(d->n_active, 1);
    size_t n_q = (size_t)d->n_head * (size_t)d->d_head;
    struct model_pass *b = xcalloc(1, sizeof *b);
    struct pass *p = &b->pass;
    *out = NULL;
    b->m = m;
    b->n_row = n_row;
    p->ctx = m->ctx;
    p->part_ns = m->part_ns;
    p->x = alloc_rows(m, n_tok, (size_t)d->n_embd, sizeof *p->x);
    p->y = alloc_rows(m, n_tok, (size_t)d->n_embd, sizeof *p->y);
    p->q = alloc_rows(m, n_tok, n_q, sizeof *p->q);
    p->o = alloc_rows(m, n_tok, n_q, sizeof *p->o);
    p->cs = alloc_rows(m, n_tok, (size_t)d->d_head, sizeof *p->cs);
    p->h = alloc_rows(m, n_pair, (size_t)d->n_ff, sizeof *p->h);
    p->route.n_expert = d->n_expert;
    p->route.n_active = d->n_active;
    p->route.expert = alloc_rows(m, n_pair, 1, sizeof *p->route.expert);
    p->route.weight = alloc_rows(m, n_pair, 1, sizeof *p->route.weight);
    p->route.order = alloc_rows(m, n_pair, 1, sizeof *p->route.order);
    p->route.start = alloc_rows(m, (size_t)d->n_expert + 1, 1, sizeof *p->route.start);
    if (!p->x || !p->y || !p->q || !p->o || !p->cs || !p->h || !p->route.expert || !p->route.weight ||
        !p->route.order || !p->route.start) {
        model_pass_free(b);
        return err_set(e, ERR_NOMEM, "no memory for the activations of %d rows", n_row);
    }
    *out = b;
    return 0;
}

int model_open(struct model **out, const char *path, const struct model_opts *opts, struct err *e)
{
    struct err own = ERR_INIT;
    e = e ? e : &own;
    struct model *m = xcalloc(1, sizeof *m);
    *out = NULL;
    if (read_checkpoint(m, path, e) || start_device(m, opts, e) || model_pass_new(&m->pass, m, m->dims.max_tok, e)) {
        model_close(m);
        return e->code;
    }
    *out = m;
    return 0;
}

void model_close(struct model *m)
{
    if (!m)
        return;
    model_pass_free(m->pass);
    op_ctx_close(m->ctx);
    if (m->net)
        m->arch->free(m->net);
    weights_free(m->weights);
    config_deinit(&m->config);
    modeldir_close(m->dir);
    mem_free(m->keep);
    mem_free(m);
}

void model_yield(struct model *m)
{
    op_yield(m->ctx);
}

const struct config *model_config(const struct model *m)
{
    return &m->config;
}

const struct modeldir *model_dir(const struct model *m)
{
    return m->dir;
}

const struct weights *model_weights(const struct model *m)
{
    return m->weights;
}

const char *model_backend(const struct model *m)
{
    return m->backend;
}

const char *model_numerics(const struct model *m)
{
    return m->numerics;
}

enum kv_type model_kv_type(const struct model *m)
{
    return m->kv_type;
}

int model_max_rows(const struct model *m)
{
    return m->dims.max_tok;
}

size_t model_kv_bytes_per_token(const struct model *m)
{
    return kv_page_bytes(m->keep, m->config.n_layer, m->kv_type) / KV_PAGE_TOK;
}

int model_kv_new(struct kv **out, struct model *m, int n_pages, struct err *e)
{
    return kv_new(out, m->ctx, m->keep, m->config.n_layer, m->kv_type, n_pages, e);
}

/* What a caller can get wrong; everything else about a step is the engine's own bookkeeping. */
static int check_step(const struct model *m, const struct step *s, int n_row, struct err *e)
{
    if (s->n_tok < 1 || s->n_tok > n_row || s->n_out < 0 || s->n_out > m->dims.max_out)
        return err_set(e, ERR_ARG, "a step of %d rows, %d with logits: 1 to %d rows, at most %d with logits", s->n_tok,
                       s->n_out, n_row, m->dims.max_out);
    for (int t = 0; t < s->n_tok; t++)
        if (s->ids[t] < 0 || s->ids[t] >= m->config.n_vocab)
            return err_set(e, ERR_ARG, "token id %d is not in the vocabulary of %d", (int)s->ids[t], m->config.n_vocab);
    return 0;
}

int model_forward_in(struct model *m, struct model_pass *b, struct kv *kv, const struct step *s, float *logits,
                     model_pause_fn *pause, void *arg, struct err *e)
{
    if (check_step(m, s, b->n_row, e))
        return ERR_ARG;
    struct pass *p = &b->pass;
    p->step = s;
    p->kv = kv;
    p->pause = pause;
    p->pause_arg = arg;
    p->given_up = false;
    p->part_start_ns = pause ? clock_ns() : 0;
    m->arch->forward(m->net, p, logits);
    return p->given_up ? err_set(e, ERR_CANCELLED, "a step of %d rows was given up", s->n_tok) : 0;
}

int model_forward(struct model *m, struct kv *kv, const struct step *s, float *logits, struct err *e)
{
    return model_forward_in(m, m->pass, kv, s, logits, NULL, NULL, e);
}
