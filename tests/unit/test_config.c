/* test_config.c - config.json and generation_config.json: every field missing, of the wrong type, too small, too large.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "base/log.h"
#include "model/config.h"
#include "support/made.h"

static int parse(struct config *c, const char *config, const char *generation, struct err *e)
{
    struct json *j = NULL, *g = NULL;
    assert_int_equal(json_parse(&j, str_from(config), "config.json", NULL, e), 0);
    if (generation)
        assert_int_equal(json_parse(&g, str_from(generation), "generation_config.json", NULL, e), 0);
    int rc = config_parse(c, j, g, e);
    if (!rc)
        assert_ptr_equal(c->json, j);
    c->json = NULL;
    json_free(j);
    json_free(g);
    return rc;
}

static void accepts(struct config *c, const char *config, const char *generation)
{
    struct err e = ERR_INIT;
    if (parse(c, config, generation, &e))
        fail_msg("%s: %s", config, e.msg);
}

static void refuses(const char *config, const char *generation, const char *message)
{
    struct config c;
    struct err e = ERR_INIT;
    int rc = parse(&c, config, generation, &e);
    if ((rc != ERR_FORMAT && rc != ERR_UNSUPPORTED) || rc != e.code || !strstr(e.msg, message))
        fail_msg("code %d: message \"%s\" does not hold \"%s\"", rc, e.msg, message);
    assert_true(!c.model_type && !c.is_sparse && !c.eos);
}

/* made_config with one member replaced is refused with that message. */
static void refuses_edit(const char *from, const char *to, const char *message)
{
    char *text = made_edit(from, to);
    refuses(text, NULL, message);
    mem_free(text);
}

static void a_good_config_is_read(void **state)
{
    (void)state;
    struct config c;
    accepts(&c, made_config, NULL);
    assert_string_equal(c.model_type, "qwen3_moe");
    assert_int_equal(c.n_layer, 2);
    assert_int_equal(c.n_embd, 64);
    assert_int_equal(c.n_ff, 128);
    assert_int_equal(c.n_head, 2);
    assert_int_equal(c.n_kv_head, 1);
    assert_int_equal(c.d_head, 32);
    assert_int_equal(c.n_vocab, 96);
    assert_int_equal(c.n_expert, 4);
    assert_int_equal(c.n_active, 2);
    assert_int_equal(c.n_ff_expert, 32);
    assert_int_equal(c.max_position, 4096);
    assert_true(c.norm_topk && !c.tie && c.is_sparse[0] && c.is_sparse[1]);
    assert_true(c.rms_eps == 1e-6f);
    assert_true(c.rope_theta == 1e6);
    assert_int_equal(c.n_eos, 1);
    assert_int_equal(c.eos[0], 95);
    assert_int_equal(c.bos, -1);
    assert_false(c.sampling.do_sample);
    assert_true(c.sampling.temperature == 1 && c.sampling.top_p == 1 && c.sampling.repetition_penalty == 1);
    config_deinit(&c);
    assert_null(c.model_type);
}

static const struct {
    const char *key, *member; /* as made_config has it, with the comma behind */
    bool required;
    const char *min, *max; /* one too small, one too large */
} fields[] = {
    { "num_hidden_layers", "\"num_hidden_layers\": 2, ", true, "0", "4097" },
    { "hidden_size", "\"hidden_size\": 64, ", true, "0", "1048577" },
    { "intermediate_size", "\"intermediate_size\": 128, ", false, "0", "4194305" },
    { "num_attention_heads", "\"num_attention_heads\": 2, ", true, "0", "4097" },
    { "num_key_value_heads", "\"num_key_value_heads\": 1, ", false, "0", "4097" },
    { "head_dim", "\"head_dim\": 32, ", false, "0", "4098" },
    { "vocab_size", "\"vocab_size\": 96, ", true, "0", "16777217" },
    { "num_experts", "\"num_experts\": 4, ", false, "-1", "65537" },
    { "num_experts_per_tok", "\"num_experts_per_tok\": 2, ", true, "0", "5" },
    { "moe_intermediate_size", "\"moe_intermediate_size\": 32, ", true, "0", "4194305" },
    { "decoder_sparse_step", "\"decoder_sparse_step\": 1, ", false, "0", "2147483648" },
    { "rms_norm_eps", "\"rms_norm_eps\": 1e-06, ", true, "0", "1.5" },
    { "rope_theta", "\"rope_theta\": 1000000, ", true, "0", "1e16" },
    { "max_position_embeddings", "\"max_position_embeddings\": 4096, ", true, "0", "2147483648" },
};

static void every_number_is_checked_for_presence_type_and_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const char *bad[] = { "-5",
                              "1e400",
                              "99999999999999999999999",
                              "-9223372036854775809",
                              "\"2\"",
                              "[2]",
                              "true",
                              "{}",
                              fields[i].min,
                              fields[i].max };
        char expected[128];
        snprintf(expected, sizeof expected, "config.json: %s: expected ", fields[i].key);
        for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
            char to[128];
            snprintf(to, sizeof to, "\"%s\": %s, ", fields[i].key, bad[k]);
            refuses_edit(fields[i].member, to, expected);
        }
        if (!fields[i].required)
            continue;
        refuses_edit(fields[i].member, "", expected);
        char to[128];
        snprintf(to, sizeof to, "\"%s\": null, ", fields[i].key);
        refuses_edit(fields[i].member, to, "found null");
    }
}

static void flags_and_names_are_checked(void **state)
{
    (void)state;
    refuses_edit("\"norm_topk_prob\": true", "\"norm_topk_prob\": 1",
                 "norm_topk_prob: expected true or false, found 1");
    refuses_edit("\"norm_topk_prob\": true, ", "", "norm_topk_prob: expected true or false, found nothing");
    refuses_edit("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": \"no\"",
                 "tie_word_embeddings: expected true or");
    refuses_edit("\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"",
                 "hidden_act: expected \"silu\", found \"gelu\"");
    refuses_edit("\"hidden_act\": \"silu\"", "\"hidden_act\": 5", "hidden_act: expected a string, found 5");
    refuses_edit("\"model_type\": \"qwen3_moe\"", "\"model_type\": 3", "model_type: expected a string, found 3");
    refuses_edit("\"model_type\": \"qwen3_moe\"", "\"model_type\": \"\"", "model_type: expected the name");
    refuses_edit("\"model_type\": \"qwen3_moe\", ", "", "model_type: expected a string, found nothing");
}

static void fields_must_fit_each_other(void **state)
{
    (void)state;
    refuses_edit("\"num_key_value_heads\": 1", "\"num_key_value_heads\": 3",
                 "a divisor of num_attention_heads, found 3");
    refuses_edit("\"num_key_value_heads\": 1", "\"num_key_value_heads\": 4", "a divisor of num_attention_heads");
    refuses_edit("\"head_dim\": 32", "\"head_dim\": 33", "head_dim: expected an even number");
    refuses_edit("\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"head_dim\": 32",
                 "\"num_attention_heads\": 4096, \"head_dim\": 4096", "at most 1048576 / head_dim");
    refuses_edit("\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"head_dim\": 32",
                 "\"num_attention_heads\": 3", "num_attention_heads does not divide hidden_size");
    refuses_edit("\"mlp_only_layers\": []", "\"mlp_only_layers\": 5", "mlp_only_layers: expected an array, found 5");
    refuses_edit("\"mlp_only_layers\": []", "\"mlp_only_layers\": [0, \"1\"]",
                 "mlp_only_layers[1]: expected the number of a layer, found \"1\"");
    refuses_edit("\"mlp_only_layers\": []", "\"mlp_only_layers\": [-1]", "mlp_only_layers[0]: expected the number");
    char *text = made_edit("\"intermediate_size\": 128, ", "");
    struct config c;
    accepts(&c, text, NULL); /* no layer is dense */
    config_deinit(&c);
    mem_free(text);
    text = made_edit("\"intermediate_size\": 128, \"num_attention_heads\"",
                     "\"decoder_sparse_step\": 2, \"num_attention_heads\"");
    char *at = strstr(text, "\"decoder_sparse_step\": 1");
    at[strlen("\"decoder_sparse_step\": ")] = '2';
    refuses(text, NULL, "intermediate_size: expected an integer of at least 1, since some layers are dense");
    mem_free(text);
}

static void head_dim_follows_from_the_width(void **state)
{
    (void)state;
    struct config c;
    char *text = made_edit("\"num_key_value_heads\": 1, \"head_dim\": 32, ", "");
    accepts(&c, text, NULL);
    assert_int_equal(c.n_kv_head, 2);
    assert_int_equal(c.d_head, 32);
    config_deinit(&c);
    mem_free(text);
}

static void sparse_layers_follow_step_and_list(void **state)
{
    (void)state;
    static const struct {
        const char *edit;
        const char *layers; /* 's' sparse, 'd' dense */
    } rows[] = {
        { "\"decoder_sparse_step\": 1, \"mlp_only_layers\": []", "ssssss" },
        { "\"decoder_sparse_step\": 2, \"mlp_only_layers\": []", "dsdsds" },
        { "\"decoder_sparse_step\": 3, \"mlp_only_layers\": [5]", "ddsddd" },
        { "\"mlp_only_layers\": [0, 3, 700]", "dssdss" },
        { "\"decoder_sparse_step\": 7, \"mlp_only_layers\": null", "dddddd" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config c;
        char *text = made_edit("\"decoder_sparse_step\": 1, \"mlp_only_layers\": []", rows[i].edit);
        *(strstr(text, "_layers\": 2") + strlen("_layers\": ")) = '6';
        accepts(&c, text, NULL);
        for (int l = 0; l < 6; l++)
            assert_int_equal(c.is_sparse[l], rows[i].layers[l] == 's');
        config_deinit(&c);
        mem_free(text);
    }
}

static void without_experts_every_layer_is_dense(void **state)
{
    (void)state;
    struct config c;
    char *text = made_edit("\"num_experts\": 4, \"num_experts_per_tok\": 2, ", "\"num_experts\": 0, ");
    accepts(&c, text, NULL);
    assert_int_equal(c.n_expert + c.n_active + c.n_ff_expert, 0);
    assert_false(c.is_sparse[0] || c.is_sparse[1]);
    config_deinit(&c);
    mem_free(text);
}

static void theta_may_stand_in_rope_parameters(void **state)
{
    (void)state;
    struct config c;
    char *text =
        made_edit("\"rope_theta\": 1000000", "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"default\"}");
    accepts(&c, text, NULL);
    assert_true(c.rope_theta == 5e5);
    config_deinit(&c);
    mem_free(text);
    refuses_edit("\"rope_theta\": 1000000", "\"rope_parameters\": {\"rope_theta\": \"x\"}",
                 "rope_parameters.rope_theta: expected a number from 1 to 1e+15, found \"x\"");
    refuses_edit("\"rope_theta\": 1000000", "\"rope_parameters\": 5", "rope_parameters: expected an object");
    /* Not applied, as in mlx-lm, and no error. */
    enum log_level level = log_get_level();
    log_set_level(LOG_ERROR);
    text = made_edit("\"rope_theta\": 1000000",
                     "\"rope_theta\": 1000000, \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4}");
    accepts(&c, text, NULL);
    config_deinit(&c);
    mem_free(text);
    log_set_level(level);
}

static void eos_ids_come_as_number_or_list_and_generation_config_counts_first(void **state)
{
    (void)state;
    static const struct {
        const char *config, *generation;
        size_t n;
        int first, last;
    } rows[] = {
        { "95", NULL, 1, 95, 95 },
        { "[3, 5, 7]", NULL, 3, 3, 7 },
        { "null", NULL, 0, 0, 0 },
        { "95", "{}", 1, 95, 95 },
        { "95", "{\"eos_token_id\": null}", 1, 95, 95 },
        { "95", "{\"eos_token_id\": [1, 2]}", 2, 1, 2 },
        { "null", "{\"eos_token_id\": 4}", 1, 4, 4 },
        { "[]", NULL, 0, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config c;
        char to[64];
        snprintf(to, sizeof to, "\"eos_token_id\": %s", rows[i].config);
        char *text = made_edit("\"eos_token_id\": 95", to);
        accepts(&c, text, rows[i].generation);
        assert_int_equal(c.n_eos, rows[i].n);
        if (c.n_eos) {
            assert_int_equal(c.eos[0], rows[i].first);
            assert_int_equal(c.eos[c.n_eos - 1], rows[i].last);
        }
        config_deinit(&c);
        mem_free(text);
    }
    refuses_edit("\"eos_token_id\": 95", "\"eos_token_id\": 96",
                 "eos_token_id: expected a token id below vocab_size, found 96");
    refuses_edit("\"eos_token_id\": 95", "\"eos_token_id\": -1", "eos_token_id: expected a token id");
    refuses_edit("\"eos_token_id\": 95", "\"eos_token_id\": \"</s>\"", "eos_token_id: expected a token id");
    refuses_edit("\"eos_token_id\": 95", "\"eos_token_id\": [1, 1.5]", "eos_token_id[1]: expected a token id");
    refuses(made_config, "{\"eos_token_id\": [1, 4096]}",
            "generation_config.json: eos_token_id[1]: expected a token id");
    refuses(made_config, "{\"bos_token_id\": 96}",
            "generation_config.json: bos_token_id: expected an integer from 0 to 95");
}

static void sampling_comes_from_generation_config(void **state)
{
    (void)state;
    struct config c;
    accepts(&c, made_config,
            "{\"do_sample\": true, \"temperature\": 0.7, \"top_k\": 20, \"top_p\": 0.8, \"min_p\": 0.05, "
            "\"repetition_penalty\": 1.05, \"bos_token_id\": 1, \"transformers_version\": \"4\"}");
    assert_true(c.sampling.do_sample);
    assert_true(c.sampling.temperature == 0.7 && c.sampling.top_p == 0.8 && c.sampling.min_p == 0.05);
    assert_true(c.sampling.repetition_penalty == 1.05);
    assert_int_equal(c.sampling.top_k, 20);
    assert_int_equal(c.bos, 1);
    config_deinit(&c);
    accepts(&c, made_config, "{\"top_k\": -1, \"temperature\": null}");
    assert_int_equal(c.sampling.top_k, 0);
    config_deinit(&c);
    static const char *const bad[][2] = {
        { "{\"temperature\": -0.1}", "temperature: expected a number from 0 to 100" },
        { "{\"temperature\": 1e999}", "temperature: expected a number" },
        { "{\"temperature\": \"hot\"}", "temperature: expected a number" },
        { "{\"top_p\": 1.1}", "top_p: expected a number from 0 to 1" },
        { "{\"min_p\": -1}", "min_p: expected" },
        { "{\"top_k\": 1e10}", "top_k: expected an integer from -1" },
        { "{\"top_k\": 2.5}", "top_k: expected an integer" },
        { "{\"repetition_penalty\": 0}", "repetition_penalty: expected a number from 0.01" },
        { "{\"do_sample\": 1}", "do_sample: expected true or false" },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        refuses(made_config, bad[i][0], bad[i][1]);
}

static void a_wrappers_fields_are_found_in_text_config(void **state)
{
    (void)state;
    struct config c;
    struct err e = ERR_INIT;
    struct json *j;
    struct buf text = { 0 };
    buf_printf(&text, "{\"model_type\": \"wrapper\", \"text_config\": %s, \"eos_token_id\": 9}", made_config);
    assert_int_equal(json_parse(&j, buf_view(&text), "config.json", NULL, &e), 0);
    if (config_parse(&c, j, NULL, &e))
        fail_msg("%s", e.msg);
    assert_string_equal(c.model_type, "wrapper");
    assert_int_equal(c.n_embd, 64);
    assert_int_equal(c.eos[0], 95);
    assert_ptr_equal(c.json, json_get(j, "text_config"));
    config_deinit(&c);
    json_free(j);
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_config_is_read),
        cmocka_unit_test(every_number_is_checked_for_presence_type_and_range),
        cmocka_unit_test(flags_and_names_are_checked),
        cmocka_unit_test(fields_must_fit_each_other),
        cmocka_unit_test(head_dim_follows_from_the_width),
        cmocka_unit_test(sparse_layers_follow_step_and_list),
        cmocka_unit_test(without_experts_every_layer_is_dense),
        cmocka_unit_test(theta_may_stand_in_rope_parameters),
        cmocka_unit_test(eos_ids_come_as_number_or_list_and_generation_config_counts_first),
        cmocka_unit_test(sampling_comes_from_generation_config),
        cmocka_unit_test(a_wrappers_fields_are_found_in_text_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
