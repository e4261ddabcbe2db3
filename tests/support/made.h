/* made.h - checkpoints that a test makes: a list of tensors, changed at will, written into a directory of its own.
 *
 *   struct made m;
 *   made_init(&m);                                   an empty directory below $TMPDIR or /tmp
 *   made_qwen3_moe(&m);                              tensors of a tiny model, and its config.json
 *   made_rename(&m, "lm_head.weight", "head");       ... whatever shall be wrong
 *   made_weights(&m, "model.safetensors");
 *   ... modeldir_open(&d, m.dir, &e) ...
 *   made_deinit(&m);                                 removes the directory
 *
 * The helpers end the test (cmocka's fail) if the system refuses. The data of tensor i is bytes of value i.
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_MADE_H
#define TESTS_MADE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/dtype.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/safetensors.h"

enum { MADE_MAX_TENSORS = 256 };

struct made {
    char dir[512];
    struct tensor v[MADE_MAX_TENSORS]; /* names are owned */
    size_t n;
};

static inline void made_init(struct made *m)
{
    const char *tmp = getenv("TMPDIR");
    memset(m, 0, sizeof *m);
    snprintf(m->dir, sizeof m->dir, "%s/octet-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(m->dir))
        fail_msg("cannot make a directory like %s", m->dir);
}

static inline void made_clear(struct made *m)
{
    for (size_t i = 0; i < m->n; i++)
        mem_free(m->v[i].name);
    m->n = 0;
}

static inline void made_deinit(struct made *m)
{
    char **names;
    size_t n;
    if (!file_list(&names, &n, m->dir, NULL)) {
        for (size_t i = 0; i < n; i++) {
            char *path = file_join(m->dir, names[i]);
            unlink(path);
            mem_free(path);
        }
        file_list_free(names, n);
    }
    rmdir(m->dir);
    made_clear(m);
}

static inline void made_file(const struct made *m, const char *name, struct str content)
{
    struct err e = ERR_INIT;
    char *path = file_join(m->dir, name);
    if (file_write(path, content, &e))
        fail_msg("%s", e.msg);
    mem_free(path);
}

/* dim[0] is left out where it is 0. */
static inline struct tensor *made_tensor(struct made *m, const char *name, enum dtype dtype, size_t d0, size_t d1,
                                         size_t d2)
{
    const size_t dim[] = { d0, d1, d2 };
    if (m->n == MADE_MAX_TENSORS)
        fail_msg("too many tensors");
    struct tensor *t = &m->v[m->n++];
    *t = (struct tensor){ .name = xstrdup(name), .dtype = dtype };
    for (size_t i = 0; i < 3; i++)
        if (dim[i])
            t->dim[t->n_dim++] = dim[i];
    return t;
}

static inline struct tensor *made_find(struct made *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (!strcmp(m->v[i].name, name))
            return &m->v[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static inline void made_rename(struct made *m, const char *name, const char *to)
{
    struct tensor *t = made_find(m, name);
    mem_free(t->name);
    t->name = xstrdup(to);
}

static inline void made_remove(struct made *m, const char *name)
{
    struct tensor *t = made_find(m, name);
    mem_free(t->name);
    *t = m->v[--m->n];
}

/* Replaces `from` by `to` in every name that holds it. */
static inline void made_rename_all(struct made *m, const char *from, const char *to)
{
    for (size_t i = 0; i < m->n; i++) {
        char *at = strstr(m->v[i].name, from), *old = m->v[i].name;
        if (!at)
            continue;
        struct buf name = { 0 };
        buf_printf(&name, "%.*s%s%s", (int)(at - old), old, to, at + strlen(from));
        m->v[i].name = buf_take(&name);
        mem_free(old);
    }
}

/* Appends the bytes of a file with tensors [from, to). */
static inline void made_bytes(struct made *m, size_t from, size_t to, struct buf *out)
{
    struct err e = ERR_INIT;
    if (safetensors_header(out, m->v + from, to - from, &e))
        fail_msg("%s", e.msg);
    for (size_t i = from; i < to; i++)
        for (size_t k = 0; k < m->v[i].n_bytes; k++)
            buf_char(out, (char)i);
}

static inline void made_weights(struct made *m, const char *file)
{
    struct buf bytes = { 0 };
    made_bytes(m, 0, m->n, &bytes);
    made_file(m, file, buf_view(&bytes));
    buf_deinit(&bytes);
}

/* A module as mlx-lm stores it: affine, BF16 scales; bits 0: plain BF16. n_mat 0: one matrix. */
static inline void made_module(struct made *m, const char *name, size_t n_mat, size_t n_out, size_t n_in, size_t bits,
                               size_t group)
{
    char part[256];
    snprintf(part, sizeof part, "%s.weight", name);
    made_tensor(m, part, bits ? DTYPE_U32 : DTYPE_BF16, n_mat, n_out, bits ? n_in * bits / 32 : n_in);
    for (int i = 0; i < 2 && bits; i++) {
        snprintf(part, sizeof part, "%s.%s", name, i ? "biases" : "scales");
        made_tensor(m, part, DTYPE_BF16, n_mat, n_out, n_in / group);
    }
}

/* Two layers, hidden 64, 2 query heads and 1 key-value head of 32, 4 experts of 32, 2 a token, vocabulary 96; affine 4-bit, group 32. */
static const char made_config[] =
    "{\"model_type\": \"qwen3_moe\", \"num_hidden_layers\": 2, \"hidden_size\": 64, \"intermediate_size\": 128, "
    "\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"head_dim\": 32, \"vocab_size\": 96, \"num_experts\": 4, "
    "\"num_experts_per_tok\": 2, \"moe_intermediate_size\": 32, \"norm_topk_prob\": true, \"decoder_sparse_step\": 1, "
    "\"mlp_only_layers\": [], \"rms_norm_eps\": 1e-06, \"rope_theta\": 1000000, \"max_position_embeddings\": 4096, "
    "\"tie_word_embeddings\": false, \"hidden_act\": \"silu\", \"eos_token_id\": 95, "
    "\"quantization\": {\"group_size\": 32, \"bits\": 4, \"mode\": \"affine\"}}";

static inline void made_qwen3_moe(struct made *m)
{
    static const struct {
        const char *name;
        size_t n_mat, n_out, n_in;
    } modules[] = {
        { "self_attn.q_proj", 0, 64, 64 },
        { "self_attn.k_proj", 0, 32, 64 },
        { "self_attn.v_proj", 0, 32, 64 },
        { "self_attn.o_proj", 0, 64, 64 },
        { "mlp.gate", 0, 4, 64 },
        { "mlp.switch_mlp.gate_proj", 4, 32, 64 },
        { "mlp.switch_mlp.up_proj", 4, 32, 64 },
        { "mlp.switch_mlp.down_proj", 4, 64, 32 },
    };
    static const struct {
        const char *name;
        size_t n;
    } norms[] = { { "input_layernorm", 64 },
                  { "post_attention_layernorm", 64 },
                  { "self_attn.q_norm", 32 },
                  { "self_attn.k_norm", 32 } };
    char name[160];
    made_module(m, "model.embed_tokens", 0, 96, 64, 4, 32);
    for (int l = 0; l < 2; l++) {
        for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
            snprintf(name, sizeof name, "model.layers.%d.%s", l, modules[i].name);
            made_module(m, name, modules[i].n_mat, modules[i].n_out, modules[i].n_in, 4, 32);
        }
        for (size_t i = 0; i < ARRAY_LEN(norms); i++) {
            snprintf(name, sizeof name, "model.layers.%d.%s.weight", l, norms[i].name);
            made_tensor(m, name, DTYPE_BF16, 0, 0, norms[i].n);
        }
    }
    made_tensor(m, "model.norm.weight", DTYPE_BF16, 0, 0, 64);
    made_module(m, "lm_head", 0, 96, 64, 4, 32);
    made_file(m, "config.json", str_from(made_config));
}

/* made_config with the first occurrence of `from` replaced; to be freed. */
static inline char *made_edit(const char *from, const char *to)
{
    struct buf text = { 0 };
    const char *at = strstr(made_config, from);
    if (!at)
        fail_msg("the config holds no %s", from);
    buf_printf(&text, "%.*s%s%s", (int)(at - made_config), made_config, to, at + strlen(from));
    return buf_take(&text);
}

#endif
