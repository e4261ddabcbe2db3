/* test_synth_forward.c - made checkpoints run, and their activations stay in range.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>

#include "engine/seq.h"
#include "model/synth_write.h"
#include "support/made.h"

enum { N_TOK = 48, N_VOCAB = 384 };

/* Twelve layers, so that a drift of the residual stream would show. */
static const char shape[] =
    "\"model_type\": \"qwen3_moe\", \"num_hidden_layers\": 12, \"hidden_size\": 256, \"intermediate_size\": 512, "
    "\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"head_dim\": 64, \"vocab_size\": 384, \"num_experts\": "
    "8, "
    "\"num_experts_per_tok\": 2, \"moe_intermediate_size\": 128, \"norm_topk_prob\": true, \"decoder_sparse_step\": 1, "
    "\"rms_norm_eps\": 1e-06, \"rope_theta\": 1000000, \"max_position_embeddings\": 4096, \"hidden_act\": \"silu\"";

struct spread {
    size_t n;
    double sum, squares;
    int n_vocab;
};

static void add_logits(void *arg, size_t pos, const float *logits)
{
    struct spread *s = arg;
    (void)pos;
    for (int i = 0; i < s->n_vocab; i++) {
        assert_true(isfinite(logits[i]));
        s->sum += (double)logits[i];
        s->squares += (double)logits[i] * (double)logits[i];
        s->n++;
    }
}

static void make(struct made *m, const char *members)
{
    struct buf text = { 0 };
    struct json *config = NULL;
    struct synth_plan *p = NULL;
    struct synth_opts o = { .n_threads = 2 };
    struct err e = ERR_INIT;
    buf_printf(&text, "{%s%s}", shape, members);
    made_init(m);
    if (json_parse(&config, buf_view(&text), "config.json", &json_limits_default, &e) ||
        synth_plan_new(&p, config, 1, SYNTH_SHARD_BYTES, &e) || synth_write(p, m->dir, &o, &e))
        fail_msg("%s", e.msg);
    made_file(m, "config.json", buf_view(&text));
    synth_plan_free(p);
    json_free(config);
    buf_deinit(&text);
}

static double logits_deviation(const char *dir, enum precision precision)
{
    struct model *m = NULL;
    struct seq *s = NULL;
    struct err e = ERR_INIT;
    struct model_opts o = model_opts_default;
    struct spread spread = { .n_vocab = N_VOCAB };
    int32_t ids[N_TOK];
    size_t want[N_TOK];
    for (int t = 0; t < N_TOK; t++) {
        ids[t] = (t * 37 + 11) % N_VOCAB;
        want[t] = (size_t)t;
    }
    struct seq_feed f = {
        .ids = ids, .n = N_TOK, .want = want, .n_want = N_TOK, .on_logits = add_logits, .arg = &spread
    };
    o.precision = precision;
    o.n_threads = 2;
    if (model_open(&m, dir, &o, &e) || seq_new(&s, m, N_TOK, &e) || seq_feed(s, &f, &e))
        fail_msg("%s", e.msg);
    seq_free(s);
    model_close(m);
    assert_int_equal(spread.n, N_TOK * N_VOCAB);
    double n = (double)spread.n, mean = spread.sum / n;
    return sqrt(spread.squares / n - mean * mean);
}

static void logits_of_every_storage_are_finite_and_spread(void **state)
{
    (void)state;
    static const char *const storages[] = {
        ", \"quantization\": {\"group_size\": 64, \"bits\": 4, \"model.layers.0.mlp.gate\": {\"bits\": 8}}",
        ", \"quantization\": {\"group_size\": 32, \"bits\": 2}",
        ", \"quantization\": {\"group_size\": 128, \"bits\": 3}",
        ", \"quantization\": {\"group_size\": 64, \"bits\": 5}, \"torch_dtype\": \"float16\"",
        ", \"quantization\": {\"group_size\": 64, \"bits\": 6}, \"torch_dtype\": \"float32\"",
        ", \"quantization\": {\"group_size\": 64, \"bits\": 8}, \"tie_word_embeddings\": true",
        ", \"quantization\": {\"group_size\": 32, \"bits\": 4, \"mode\": \"mxfp4\"}",
        ", \"quantization\": {\"group_size\": 32, \"bits\": 8, \"mode\": \"mxfp8\"}",
        ", \"quantization\": {\"group_size\": 16, \"bits\": 4, \"mode\": \"nvfp4\"}",
        ", \"mlp_only_layers\": [0, 5]",
    };
    for (size_t i = 0; i < ARRAY_LEN(storages); i++) {
        struct made m;
        make(&m, storages[i]);
        double exact = logits_deviation(m.dir, PRECISION_F32), fast = logits_deviation(m.dir, PRECISION_INT8);
        made_deinit(&m);
        if (!(exact > 1.5 && exact < 4) || !(fast > 1.5 && fast < 4))
            fail_msg("%s: logits deviate by %.2f (f32) and %.2f (int8), about 2.5 is right", storages[i], exact, fast);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_of_every_storage_are_finite_and_spread),
    };
    return cmocka_run_group_tests_name("synth forward", tests, NULL, NULL);
}
