/* config.h - what config.json and generation_config.json say, checked.
 *
 * Holds the fields that most architectures share; an architecture reads its own from `json` with the typed getters of format/json.h.
 * Every field is checked for type and range, and fields against each other, so that the rest of the program computes sizes
 * from them without further checks: every count fits an int, and so do n_head * d_head and n_embd * 32. A wrong field gives one
 * message with its name, what was found and what was expected. Keys are those that transformers and mlx-lm write.
 *
 * As in mlx-lm, attention_bias is not read (an architecture asks for the biases that it has, any other is superfluous), and
 * rope_scaling and sliding windows are not applied (rope_scaling with a warning).
 *
 * Read once; constant afterwards, any thread may read.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/json.h"
#include "format/modeldir.h"

/* How generation_config.json wants tokens drawn; what it leaves out is neutral. */
struct config_sampling {
    bool do_sample;            /* false: greedy, also without a generation_config.json */
    double temperature;        /* 1 */
    int top_k;                 /* 0: all */
    double top_p;              /* 1 */
    double min_p;              /* 0 */
    double repetition_penalty; /* 1 */
};

struct config {
    const struct json
        *json;        /* borrowed from the modeldir, which outlives this: the object that holds the model's fields */
    char *model_type; /* owned */
    int n_layer;      /* num_hidden_layers */
    int n_embd;       /* hidden_size */
    int n_head, n_kv_head;  /* num_attention_heads, a multiple of num_key_value_heads */
    int d_head;             /* head_dim, even; where absent n_embd / n_head */
    int n_ff;               /* intermediate_size; 0 if absent, which no dense layer allows */
    int n_ff_expert;        /* moe_intermediate_size; 0 without experts */
    int n_expert, n_active; /* num_experts, num_experts_per_tok; 0, 0: a dense model */
    bool norm_topk;         /* norm_topk_prob */
    bool *is_sparse;        /* owned; [n_layer]: by mlp_only_layers and decoder_sparse_step */
    int n_vocab;            /* vocab_size */
    float rms_eps;          /* rms_norm_eps */
    double rope_theta;      /* also inside rope_parameters */
    int max_position;       /* max_position_embeddings */
    bool tie;               /* tie_word_embeddings: the head is the embedding */
    int32_t *eos; /* owned; [n_eos], each in the vocabulary; generation_config.json counts before config.json */
    size_t n_eos;
    int32_t bos; /* -1: none */
    struct config_sampling sampling;
};

/* The model_type alone, so that an unknown architecture is named before its fields are read. Borrowed from d. */
MUST_CHECK int config_model_type(const struct modeldir *d, struct str *out, struct err *e);

/* Fills *c. On failure *c holds nothing. `generation` of config_parse may be NULL. */
MUST_CHECK int config_read(struct config *c, const struct modeldir *d, struct err *e);
MUST_CHECK int config_parse(struct config *c, const struct json *config, const struct json *generation, struct err *e);
void config_deinit(struct config *c);

#endif
