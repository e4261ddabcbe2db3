/* config.c - reads and checks config.json and generation_config.json.
 * SPDX-License-Identifier: MIT */
#include "model/config.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* Far above any model, and low enough that products of two of them fit what is computed from them. */
enum {
    MAX_LAYERS = 4096,
    MAX_WIDTH = 1 << 20, /* hidden_size, n_head * d_head */
    MAX_INNER = 1 << 22,
    MAX_HEADS = 4096,
    MAX_HEAD_DIM = 4096,
    MAX_EXPERTS = 1 << 16,
    MAX_VOCAB = 1 << 24,
    MAX_EOS = 1024,
};

static int req_int(const struct json *j, const char *key, int min, int max, int *out, struct err *e)
{
    int64_t i = 0;
    int rc = json_req_i64(j, key, min, max, &i, e);
    if (!rc)
        *out = (int)i;
    return rc;
}

static int opt_int(const struct json *j, const char *key, int min, int max, int *out, struct err *e)
{
    return json_get(j, key) ? req_int(j, key, min, max, out, e) : 0;
}

static int read_sizes(struct config *c, struct err *e)
{
    const struct json *j = c->json;
    if (req_int(j, "num_hidden_layers", 1, MAX_LAYERS, &c->n_layer, e) ||
        req_int(j, "hidden_size", 1, MAX_WIDTH, &c->n_embd, e) ||
        req_int(j, "vocab_size", 1, MAX_VOCAB, &c->n_vocab, e) ||
        opt_int(j, "intermediate_size", 1, MAX_INNER, &c->n_ff, e) ||
        req_int(j, "max_position_embeddings", 1, INT32_MAX, &c->max_position, e) ||
        json_opt_bool(j, "tie_word_embeddings", &c->tie, e))
        return e->code;
    double eps = 0;
    if (json_req_double(j, "rms_norm_eps", 1e-30, 1, &eps, e))
        return e->code;
    c->rms_eps = (float)eps;
    struct str act = STR("silu");
    if (json_opt_str(j, "hidden_act", &act, e))
        return e->code;
    if (!str_eqz(act, "silu") && !str_eqz(act, "swish"))
        return json_unsupported(j, "hidden_act", "\"silu\"", e);
    return 0;
}

static int read_heads(struct config *c, struct err *e)
{
    const struct json *j = c->json;
    if (req_int(j, "num_attention_heads", 1, MAX_HEADS, &c->n_head, e))
        return e->code;
    c->n_kv_head = c->n_head;
    if (opt_int(j, "num_key_value_heads", 1, MAX_HEADS, &c->n_kv_head, e))
        return e->code;
    if (c->n_head % c->n_kv_head)
        return json_expected(j, "num_key_value_heads", "a divisor of num_attention_heads", e);
    if (json_get(j, "head_dim")) {
        if (req_int(j, "head_dim", 2, MAX_HEAD_DIM, &c->d_head, e))
            return e->code;
    } else {
        if (c->n_embd % c->n_head)
            return json_expected(j, "head_dim", "a number, since num_attention_heads does not divide hidden_size", e);
        c->d_head = c->n_embd / c->n_head;
    }
    if (c->d_head % 2 || c->d_head > MAX_HEAD_DIM)
        return json_expected(j, "head_dim", "an even number up to 4096", e);
    if (c->n_head > MAX_WIDTH / c->d_head)
        return json_expected(j, "num_attention_heads", "at most 1048576 / head_dim", e);
    return 0;
}

static bool wants_scaling(const struct json *rope)
{
    const struct json *type = json_get(rope, "rope_type");
    if (!type)
        type = json_get(rope, "type");
    return json_type(rope) == JSON_OBJECT && json_len(rope) && !str_eqz(json_str(type), "default");
}

/* rope_theta stands beside the other fields, or, as transformers 5 writes it, inside rope_parameters. */
static int read_rope(struct config *c, struct err *e)
{
    const struct json *holder = c->json, *parameters = json_get(c->json, "rope_parameters");
    if (parameters && json_req_object(c->json, "rope_parameters", &parameters, e))
        return e->code;
    if (!json_get(holder, "rope_theta") && json_get(parameters, "rope_theta"))
        holder = parameters;
    if (json_req_double(holder, "rope_theta", 1, 1e15, &c->rope_theta, e))
        return e->code;
    if (wants_scaling(json_get(c->json, "rope_scaling")) ||
        (json_get(parameters, "rope_type") && wants_scaling(parameters)))
        log_warn("config.json asks for scaled rope positions, which mlx-lm does not apply to %s; neither does Octet",
                 c->model_type);
    return 0;
}

/* A layer is sparse unless mlp_only_layers lists it; of the others every decoder_sparse_step-th is. */
static int read_sparse(struct config *c, struct err *e)
{
    const struct json *j = c->json, *dense = NULL;
    int step = 1;
    if (opt_int(j, "decoder_sparse_step", 1, INT32_MAX, &step, e) ||
        (json_get(j, "mlp_only_layers") && json_req_array(j, "mlp_only_layers", &dense, e)))
        return e->code;
    c->is_sparse = xcalloc((size_t)c->n_layer, sizeof *c->is_sparse);
    for (int l = 0; l < c->n_layer; l++)
        c->is_sparse[l] = c->n_expert > 0 && (l + 1) % step == 0;
    for (size_t i = 0; i < json_len(dense); i++) {
        int64_t l = -1;
        if (!json_i64(json_at(dense, i), &l) || l < 0)
            return json_expected_at(dense, i, "the number of a layer", e);
        if (l < c->n_layer)
            c->is_sparse[l] = false;
    }
    for (int l = 0; l < c->n_layer; l++)
        if (!c->is_sparse[l] && !c->n_ff)
            return json_expected(j, "intermediate_size", "an integer of at least 1, since some layers are dense", e);
    return 0;
}

static int read_experts(struct config *c, struct err *e)
{
    const struct json *j = c->json;
    if (opt_int(j, "num_experts", 0, MAX_EXPERTS, &c->n_expert, e))
        return e->code;
    if (c->n_expert) {
        if (req_int(j, "num_experts_per_tok", 1, c->n_expert, &c->n_active, e) ||
            req_int(j, "moe_intermediate_size", 1, MAX_INNER, &c->n_ff_expert, e))
            return e->code;
        /* Its default differs between architectures: a guess would be silently wrong. */
        if (!json_get(j, "norm_topk_prob"))
            return json_expected(j, "norm_topk_prob", "true or false", e);
        if (json_opt_bool(j, "norm_topk_prob", &c->norm_topk, e))
            return e->code;
    }
    return read_sparse(c, e);
}

static int read_eos(struct config *c, const struct json *j, struct err *e)
{
    static const char key[] = "eos_token_id";
    const struct json *v = json_get(j, key);
    size_t n = json_type(v) == JSON_ARRAY ? json_len(v) : 1;
    if (!v)
        return 0;
    if (n > MAX_EOS)
        return json_expected(j, key, "a token id or a list of at most 1024", e);
    c->eos = xcalloc(n + 1, sizeof *c->eos);
    for (; c->n_eos < n; c->n_eos++) {
        int64_t id = -1;
        bool list = json_type(v) == JSON_ARRAY;
        if (!json_i64(list ? json_at(v, c->n_eos) : v, &id) || id < 0 || id >= c->n_vocab) {
            char expected[64] = "a token id below vocab_size";
            return list ? json_expected_at(v, c->n_eos, expected, e) : json_expected(j, key, expected, e);
        }
        c->eos[c->n_eos] = (int32_t)id;
    }
    return 0;
}

static int read_special_tokens(struct config *c, const struct json *config, const struct json *generation,
                               struct err *e)
{
    const struct json *eos = json_get(generation, "eos_token_id") ? generation : c->json;
    if (!json_get(eos, "eos_token_id"))
        eos = config;
    if (read_eos(c, eos, e))
        return e->code;
    const struct json *bos = json_get(generation, "bos_token_id") ? generation : c->json;
    int id = -1;
    if (opt_int(bos, "bos_token_id", 0, c->n_vocab - 1, &id, e))
        return e->code;
    c->bos = id;
    return 0;
}

static int read_sampling(struct config_sampling *s, const struct json *j, struct err *e)
{
    *s = (struct config_sampling){ .temperature = 1, .top_p = 1, .repetition_penalty = 1 };
    if (json_opt_bool(j, "do_sample", &s->do_sample, e) ||
        json_opt_double(j, "temperature", 0, 100, &s->temperature, e) ||
        opt_int(j, "top_k", -1, INT32_MAX, &s->top_k, e) || json_opt_double(j, "top_p", 0, 1, &s->top_p, e) ||
        json_opt_double(j, "min_p", 0, 1, &s->min_p, e) ||
        json_opt_double(j, "repetition_penalty", 0.01, 100, &s->repetition_penalty, e))
        return e->code;
    s->top_k = MAX(s->top_k, 0);
    return 0;
}

static int read_model_type(const struct json *config, struct str *out, struct err *e)
{
    int rc = json_req_str(config, "model_type", out, e);
    return rc || out->n ? rc : json_expected(config, "model_type", "the name of an architecture", e);
}

int config_model_type(const struct modeldir *d, struct str *out, struct err *e)
{
    return read_model_type(d->config, out, e);
}

static int read_all(struct config *c, const struct json *config, const struct json *generation, struct err *e)
{
    struct str type;
    if (read_model_type(config, &type, e))
        return e->code;
    c->model_type = xstrndup(type.p, type.n);
    /* Wrappers (vision and text) keep the text model's fields in an object of their own. */
    const struct json *text = json_get(config, "text_config");
    c->json = json_type(text) == JSON_OBJECT && !json_has(config, "hidden_size") ? text : config;
    if (read_sizes(c, e) || read_heads(c, e) || read_rope(c, e) || read_experts(c, e) ||
        read_special_tokens(c, config, generation, e) || read_sampling(&c->sampling, generation, e))
        return e->code;
    return 0;
}

int config_parse(struct config *c, const struct json *config, const struct json *generation, struct err *e)
{
    struct err local = ERR_INIT;
    *c = (struct config){ .bos = -1 };
    if (!read_all(c, config, generation, &local))
        return 0;
    config_deinit(c);
    return err_set(e, local.code, "%s", local.msg);
}

int config_read(struct config *c, const struct modeldir *d, struct err *e)
{
    return config_parse(c, d->config, d->generation_config, e);
}

void config_deinit(struct config *c)
{
    mem_free(c->model_type);
    mem_free(c->is_sparse);
    mem_free(c->eos);
    *c = (struct config){ 0 };
}
