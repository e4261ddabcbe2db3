/* synth_plan.c - lists the tensors in the order of the modules, then cuts the list into files.
 * SPDX-License-Identifier: MIT */
#include "model/synth_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct synth_item *add_tensor(struct synth_plan *p, const char *module, const char *suffix, enum dtype dtype,
                                     int n_dim, const size_t *dim)
{
    if (p->n == p->cap) {
        p->cap = MAX(2 * p->cap, (size_t)256);
        p->v = xrealloc(p->v, p->cap * sizeof *p->v);
    }
    struct synth_item *it = &p->v[p->n++];
    struct buf name = BUF_INIT(0);
    buf_printf(&name, "%s.%s", module, suffix);
    *it = (struct synth_item){ .t = { .name = buf_take(&name), .dtype = dtype, .n_dim = n_dim } };
    it->t.n_bytes = dtype_bytes(dtype);
    for (int d = 0; d < n_dim; d++) {
        it->t.dim[d] = dim[d];
        it->t.n_bytes *= dim[d];
    }
    it->order = synth_fill_key(0, str_from(it->t.name));
    return it;
}

static void add_norm(struct synth_plan *p, const char *module, int n)
{
    struct synth_item *it = add_tensor(p, module, "weight", p->dtype, 1, (size_t[]){ (size_t)n });
    synth_fill_norm(&it->fill, p->dtype, synth_fill_key(p->seed, str_from(it->t.name)));
    p->n_parameter += (uint64_t)n;
}

static int params_of(const struct synth_plan *p, const char *module, int n_in, struct quant_params *out, struct err *e)
{
    const struct quant_params *entry = quant_find(&p->quant, str_from(module));
    *out = entry ? *entry : p->quant.global;
    if (out->mode == QUANT_PLAIN || n_in % out->group == 0)
        return 0;
    if (entry)
        return err_set(e, ERR_ARG, "config.json: quantization.%s: group_size %d does not divide the module's %d inputs",
                       module, out->group, n_in);
    *out = (struct quant_params){ .mode = QUANT_PLAIN };
    return 0;
}

/* A matrix, or a stack of n_mat > 0 of them, with the deviation sd. */
static int add_matrix(struct synth_plan *p, const char *module, int n_mat, int n_out, int n_in, double sd,
                      struct err *e)
{
    struct quant_params q;
    struct synth_fill w, s, b;
    size_t dim[3] = { (size_t)n_mat, (size_t)n_out, (size_t)n_in };
    size_t *d = n_mat ? dim : dim + 1, *row = &dim[2];
    int n_dim = n_mat ? 3 : 2;
    if (params_of(p, module, n_in, &q, e))
        return e->code;
    bool is_plain = q.mode == QUANT_PLAIN;
    synth_fill_matrix(&w, &s, &b, q.mode, q.bits, p->dtype, sd, synth_fill_key(p->seed, str_from(module)));
    if (!is_plain)
        *row = (size_t)n_in * (size_t)q.bits / 32;
    add_tensor(p, module, "weight", is_plain ? p->dtype : DTYPE_U32, n_dim, d)->fill = w;
    p->n_parameter += (uint64_t)MAX(n_mat, 1) * (uint64_t)n_out * (uint64_t)n_in;
    if (is_plain)
        return 0;
    *row = (size_t)(n_in / q.group);
    add_tensor(p, module, "scales", q.mode == QUANT_AFFINE ? p->dtype : DTYPE_U8, n_dim, d)->fill = s;
    if (q.mode == QUANT_AFFINE)
        add_tensor(p, module, "biases", p->dtype, n_dim, d)->fill = b;
    return 0;
}

static double unit(int n_in)
{
    return 1 / sqrt((double)n_in);
}

enum { NAME_MAX_BYTES = 128 };

/* "model.layers.3.self_attn.q_proj" */
static const char *in_layer(char *name, int l, const char *rest)
{
    struct buf b = BUF_INIT(NAME_MAX_BYTES - 1);
    buf_printf(&b, "model.layers.%d.%s", l, rest);
    memcpy(name, b.p, b.n + 1);
    buf_deinit(&b);
    return name;
}

static int add_attention(struct synth_plan *p, int l, struct err *e)
{
    const struct config *c = &p->config;
    int n_q = c->n_head * c->d_head, n_kv = c->n_kv_head * c->d_head;
    char name[NAME_MAX_BYTES];
    if (add_matrix(p, in_layer(name, l, "self_attn.q_proj"), 0, n_q, c->n_embd, unit(c->n_embd), e) ||
        add_matrix(p, in_layer(name, l, "self_attn.k_proj"), 0, n_kv, c->n_embd, unit(c->n_embd), e) ||
        add_matrix(p, in_layer(name, l, "self_attn.v_proj"), 0, n_kv, c->n_embd, unit(c->n_embd), e) ||
        add_matrix(p, in_layer(name, l, "self_attn.o_proj"), 0, c->n_embd, n_q, unit(n_q), e))
        return e->code;
    add_norm(p, in_layer(name, l, "self_attn.q_norm"), c->d_head);
    add_norm(p, in_layer(name, l, "self_attn.k_norm"), c->d_head);
    add_norm(p, in_layer(name, l, "input_layernorm"), c->n_embd);
    add_norm(p, in_layer(name, l, "post_attention_layernorm"), c->n_embd);
    return 0;
}

static int add_inner(struct synth_plan *p, int l, struct err *e)
{
    const struct config *c = &p->config;
    bool sparse = c->is_sparse[l];
    int n_ff = sparse ? c->n_ff_expert : c->n_ff, n_mat = sparse ? c->n_expert : 0;
    static const char *const names[2][3] = {
        { "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj" },
        { "mlp.switch_mlp.gate_proj", "mlp.switch_mlp.up_proj", "mlp.switch_mlp.down_proj" },
    };
    char name[NAME_MAX_BYTES];
    if (sparse && add_matrix(p, in_layer(name, l, "mlp.gate"), 0, c->n_expert, c->n_embd, 2.5 * unit(c->n_embd), e))
        return e->code;
    if (add_matrix(p, in_layer(name, l, names[sparse][0]), n_mat, n_ff, c->n_embd, unit(c->n_embd), e) ||
        add_matrix(p, in_layer(name, l, names[sparse][1]), n_mat, n_ff, c->n_embd, unit(c->n_embd), e) ||
        add_matrix(p, in_layer(name, l, names[sparse][2]), n_mat, c->n_embd, n_ff, unit(n_ff), e))
        return e->code;
    return 0;
}

static int add_all(struct synth_plan *p, struct err *e)
{
    const struct config *c = &p->config;
    double head = 2.5 * unit(c->n_embd);
    if (add_matrix(p, "model.embed_tokens", 0, c->n_vocab, c->n_embd, c->tie ? head : 1, e))
        return e->code;
    for (int l = 0; l < c->n_layer; l++)
        if (add_attention(p, l, e) || add_inner(p, l, e))
            return e->code;
    add_norm(p, "model.norm", c->n_embd);
    return c->tie ? 0 : add_matrix(p, "lm_head", 0, c->n_vocab, c->n_embd, head, e);
}

static int by_order(const void *a, const void *b)
{
    const struct synth_item *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return strcmp(x->t.name, y->t.name);
}

static int make_shard(struct synth_plan *p, size_t from, size_t to, struct err *e)
{
    p->shards = xrealloc(p->shards, (size_t)(p->n_shard + 1) * sizeof *p->shards);
    struct synth_shard *s = &p->shards[p->n_shard++];
    *s = (struct synth_shard){ .from = from, .to = to };
    qsort(p->v + from, to - from, sizeof *p->v, by_order);
    struct tensor *list = xcalloc(to - from, sizeof *list);
    for (size_t i = from; i < to; i++) {
        list[i - from] = p->v[i].t;
        p->v[i].t.shard = p->n_shard - 1;
        p->v[i].start = s->bytes;
        s->bytes += p->v[i].t.n_bytes;
    }
    int rc = safetensors_header(&s->header, list, to - from, e);
    mem_free(list);
    p->bytes += s->bytes + s->header.n;
    return rc;
}

/* As mlx-lm does: a file is full when the next tensor would take it over the limit. */
static int make_shards(struct synth_plan *p, uint64_t limit, struct err *e)
{
    uint64_t bytes = 0;
    size_t from = 0;
    for (size_t i = 0; i < p->n; i++) {
        uint64_t n_bytes = p->v[i].t.n_bytes;
        if (i > from && bytes + n_bytes > limit) {
            if (make_shard(p, from, i, e))
                return e->code;
            from = i;
            bytes = 0;
        }
        bytes += n_bytes;
    }
    return make_shard(p, from, p->n, e);
}

static int read_dtype(const struct json *config, enum dtype *out, struct err *e)
{
    static const struct {
        const char *name;
        enum dtype dtype;
    } known[] = { { "bfloat16", DTYPE_BF16 }, { "float16", DTYPE_F16 }, { "float32", DTYPE_F32 } };
    const char *key = json_get(config, "torch_dtype") ? "torch_dtype" : "dtype";
    struct str name = STR("bfloat16");
    if (json_opt_str(config, key, &name, e))
        return e->code;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eqz(name, known[i].name)) {
            *out = known[i].dtype;
            return 0;
        }
    return json_expected(config, key, "bfloat16, float16 or float32", e);
}

/* Keeps the sum over all tensors of the most layers within 64 bits. config.h bounds widths and counts one by one. */
static int check_size(const struct config *c, struct err *e)
{
    double widest = MAX(MAX(c->n_ff, c->n_ff_expert), MAX(c->n_vocab, c->n_head * c->d_head));
    if (widest * c->n_embd * MAX(c->n_expert, 1) * 8 > 0x1p46)
        return err_set(e, ERR_LIMIT, "config.json describes tensors of more than 64 TiB");
    return 0;
}

static int plan(struct synth_plan *p, const struct json *config, uint64_t shard_bytes, struct err *e)
{
    if (config_parse(&p->config, config, NULL, e) || quant_read(&p->quant, config, e) ||
        read_dtype(config, &p->dtype, e) || check_size(&p->config, e))
        return e->code;
    if (strcmp(p->config.model_type, "qwen3_moe") != 0)
        return json_unsupported(config, "model_type", "\"qwen3_moe\"", e);
    if (add_all(p, e))
        return e->code;
    return make_shards(p, shard_bytes, e);
}

int synth_plan_new(struct synth_plan **out, const struct json *config, uint64_t seed, uint64_t shard_bytes,
                   struct err *e)
{
    struct err own = ERR_INIT;
    e = e ? e : &own;
    struct synth_plan *p = xcalloc(1, sizeof *p);
    p->seed = seed;
    *out = NULL;
    if (plan(p, config, shard_bytes, e)) {
        synth_plan_free(p);
        return e->code;
    }
    *out = p;
    return 0;
}

void synth_plan_free(struct synth_plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        mem_free(p->v[i].t.name);
    for (int i = 0; i < p->n_shard; i++)
        buf_deinit(&p->shards[i].header);
    mem_free(p->v);
    mem_free(p->shards);
    quant_deinit(&p->quant);
    config_deinit(&p->config);
    mem_free(p);
}

char *synth_plan_shard_name(const struct synth_plan *p, int shard)
{
    struct buf b = BUF_INIT(0);
    if (p->n_shard == 1)
        buf_z(&b, "model.safetensors");
    else
        buf_printf(&b, "model-%05d-of-%05d.safetensors", shard + 1, p->n_shard);
    return buf_take(&b);
}
