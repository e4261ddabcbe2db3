/* test_bad_input.c - files that are not what they should be, given to the program itself: one clear message that names what, where, the
 * finding and what was expected; nothing on standard output; exit code 2.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/made.h"
#include "support/program.h"

static const char tiny[] = "tests/data/tokenizer/tiny.json";

/* Runs the program with words[0 ..] up to NULL, "@" standing for the made directory. */
static void run(struct program_result *r, const struct made *m, const char *const *words)
{
    char text[16][1024], *argv[17] = { NULL };
    size_t n = 1;
    for (; words[n - 1]; n++) {
        const char *at = strchr(words[n - 1], '@');
        snprintf(text[n - 1], sizeof text[0], "%.*s%s%s", (int)(at ? at - words[n - 1] : 0), words[n - 1],
                 at ? m->dir : "", at ? at + 1 : words[n - 1]);
        argv[n] = text[n - 1];
    }
    program_run(r, argv, n);
}

/* The command must refuse with a message that holds `message`; what `name` says is wrong shall be told from failures of this test. */
static void refused(const struct made *m, const char *name, const char *const *words, const char *message)
{
    struct program_result r;
    char start[100];
    run(&r, m, words);
    struct str err = buf_view(&r.err);
    print_message("%s\n    %s", name, err.p);
    snprintf(start, sizeof start, "octet %s: ", words[0]);
    if (r.status != 2)
        fail_msg("%s: exit code %d, expected 2", name, r.status);
    if (r.out.n)
        fail_msg("%s: on standard output: %s", name, r.out.p);
    if (!str_starts(err, str_from(start)) || !str_ends(err, STR("\n")) ||
        str_find(str_sub(err, strlen(start), err.n), STR("octet ")) >= 0)
        fail_msg("%s: expected one message of octet %s, found: %s", name, words[0], err.p);
    if (str_find(err, str_from(m->dir)) < 0 && !strcmp(words[0], "inspect") && *words[1])
        fail_msg("%s: the message does not say where: %s", name, err.p);
    if (str_find(err, str_from(message)) < 0)
        fail_msg("%s: the message lacks \"%s\": %s", name, message, err.p);
    program_result_deinit(&r);
}

static const char *const inspect[] = { "inspect", "@", NULL };
static const char *const ask[] = { "run", "@", "-p", "hi", "--raw", "--max-tokens", "1", NULL };

static void accepted(const struct made *m, const char *const *words)
{
    struct program_result r;
    run(&r, m, words);
    if (r.status != 0)
        fail_msg("exit code %d: %s", r.status, buf_view(&r.err).p);
    program_result_deinit(&r);
}

static void copy_tokenizer(const struct made *m)
{
    struct err e = ERR_INIT;
    struct buf text = { 0 };
    if (file_read(&text, tiny, &e))
        fail_msg("%s", e.msg);
    made_file(m, "tokenizer.json", buf_view(&text));
    buf_deinit(&text);
}

/* The ground on which all others stand: without a fault nothing is refused. */
static void what_is_right_is_accepted(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    made_qwen3_moe(&m);
    made_weights(&m, "model.safetensors");
    accepted(&m, inspect);
    made_deinit(&m);
}

/* ---- safetensors */

static void put_safetensors(const struct made *m, uint64_t length, struct str header, size_t n_data)
{
    struct buf file = { 0 };
    for (int i = 0; i < 8; i++)
        buf_char(&file, (char)(length >> (8 * i)));
    buf_str(&file, header);
    for (size_t i = 0; i < n_data; i++)
        buf_char(&file, 0);
    made_file(m, "model.safetensors", buf_view(&file));
    buf_deinit(&file);
}

#define TENSOR(name, dtype, shape, from, to)                                                                           \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #from "," #to "]}"

static void headers_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *header;
        size_t n_data;
        const char *message;
    } cases[] = {
        { "no JSON", "xx", 0, "/model.safetensors: line 1, column 1: " },
        { "cut JSON", "{\"a\":", 0, "/model.safetensors: line 1, column 6: " },
        { "an array", "[]", 0, "the header is an array, expected an object" },
        { "a number for a tensor", "{\"a\":1}", 0, "a: expected an object with dtype, shape and data_offsets, found" },
        { "no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
          "a.dtype: expected a string, found nothing" },
        { "unknown dtype", "{" TENSOR("a", "F7", "1", 0, 4) "}", 4,
          "a.dtype: expected a safetensors type such as BF16 or U32, found \"F7\"" },
        { "no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4,
          "a.shape: expected an array, found nothing" },
        { "negative size", "{" TENSOR("a", "F32", "-1", 0, 4) "}", 4,
          "a.shape[0]: expected a size of at least 0, found -1" },
        { "size with a fraction", "{" TENSOR("a", "F32", "1.5", 0, 4) "}", 4, "a.shape[0]: expected a size" },
        { "too many dimensions", "{" TENSOR("a", "F32", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, "a: 9 dimensions, at most" },
        { "a product beyond 64 bits", "{" TENSOR("a", "F32", "4294967296,4294967296", 0, 4) "}", 4,
          "a: the product of its shape overflows" },
        { "offsets reversed", "{" TENSOR("a", "F32", "1", 4, 0) "}", 4, "a: ends at byte 0, before its start at 4" },
        { "one offset", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]}}", 4,
          "a.data_offsets: expected two byte offsets, found an array of 1" },
        { "negative offset", "{" TENSOR("a", "F32", "1", -4, 0) "}", 4, "expected a byte offset, found -4" },
        { "beyond the file", "{" TENSOR("a", "F32", "2", 0, 8) "}", 4,
          "a: ends at byte 8 of the data, but the file holds only 4; it is cut short" },
        { "beyond 2^63", "{" TENSOR("a", "F32", "1", 9223372036854775808, 9223372036854775812) "}", 4,
          "expected a byte offset, found 9223372036854775808" },
        { "too few bytes", "{" TENSOR("a", "F32", "2", 0, 4) "}", 4,
          "a: F32 [2] needs 8 bytes, data_offsets give it 4" },
        { "overlap", "{" TENSOR("a", "F32", "2", 0, 8) "," TENSOR("b", "F32", "2", 4, 12) "}", 12,
          "tensors a and b overlap at byte 4 of the data" },
        { "the same bytes twice", "{" TENSOR("a", "F32", "1", 0, 4) "," TENSOR("b", "F32", "1", 0, 4) "}", 4,
          "overlap at byte 0 of the data" },
        { "a gap", "{" TENSOR("a", "F32", "1", 0, 4) "," TENSOR("b", "F32", "1", 8, 12) "}", 12,
          "bytes 4 to 8 of the data, before b, belong to no tensor" },
        { "bytes behind", "{" TENSOR("a", "F32", "1", 0, 4) "}", 9, "5 bytes behind the last tensor belong to none" },
        { "a name twice", "{" TENSOR("a", "F32", "1", 0, 4) "," TENSOR("a", "F32", "1", 4, 8) "}", 8, "\"a\"" },
        { "a name with a space", "{" TENSOR("a b", "F32", "1", 0, 4) "}", 4, "\"a b\" is no tensor name" },
        { "an empty name", "{" TENSOR("", "F32", "1", 0, 4) "}", 4, "\"\" is no tensor name" },
    };
    struct made m;
    made_init(&m);
    made_file(&m, "config.json", str_from(made_config));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put_safetensors(&m, strlen(cases[i].header), str_from(cases[i].header), cases[i].n_data);
        refused(&m, cases[i].name, inspect, cases[i].message);
    }
    made_deinit(&m);
}

static void header_lengths_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        const char *message;
    } cases[] = {
        { 0, "the header's length is 0 bytes, expected 2 to 100000000" },
        { 1, "the header's length is 1 bytes, expected 2 to 100000000" },
        { 1000, "the header's length is 1000 bytes, but the file has only 16" },
        { 100000000, "the header's length is 100000000 bytes, but the file has only 16" },
        { 100000001, "the header's length is 100000001 bytes, expected 2 to 100000000" },
        { (uint64_t)1 << 63, "the header's length is 9223372036854775808 bytes, expected 2 to 100000000" },
        { UINT64_MAX, "the header's length is 18446744073709551615 bytes, expected 2 to 100000000" },
        { UINT64_MAX - 7, "the header's length is 18446744073709551608 bytes, expected 2 to 100000000" },
    };
    struct made m;
    made_init(&m);
    made_file(&m, "config.json", str_from(made_config));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put_safetensors(&m, cases[i].length, STR("{}      "), 0);
        refused(&m, "header length", inspect, cases[i].message);
    }
    made_deinit(&m);
}

static void headers_that_are_too_deep_or_large_are_refused(void **state)
{
    (void)state;
    struct made m;
    struct buf deep = { 0 };
    made_init(&m);
    made_file(&m, "config.json", str_from(made_config));
    for (int i = 0; i < 100000; i++)
        buf_char(&deep, '[');
    put_safetensors(&m, deep.n, buf_view(&deep), 0);
    refused(&m, "a deep header", inspect, "nested more than 8 deep");
    buf_deinit(&deep);
    made_deinit(&m);
}

/* A good file, cut at many places: in the length, the header and the data. */
static void files_cut_short_are_refused(void **state)
{
    (void)state;
    struct made m;
    struct buf whole = { 0 };
    made_init(&m);
    made_qwen3_moe(&m);
    made_bytes(&m, 0, m.n, &whole);
    size_t cuts[] = { 0, 1, 7, 8, 9, 100, 4000, whole.n / 2, whole.n - 1000, whole.n - 1 };
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        made_file(&m, "model.safetensors", str_sub(buf_view(&whole), 0, cuts[i]));
        refused(&m, "cut short", inspect, "/model.safetensors: ");
    }
    buf_deinit(&whole);
    made_deinit(&m);
}

static void a_tensor_in_two_files_is_refused(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    made_qwen3_moe(&m);
    made_weights(&m, "model-00001-of-00002.safetensors");
    refused(&m, "a missing file of two", inspect,
            "model-00002-of-00002.safetensors is missing: 1 of 2 files of weights are there");
    made_weights(&m, "model-00002-of-00002.safetensors");
    refused(&m, "the same in both", inspect, "model.embed_tokens.weight is there already, in file 1 of the set");
    made_deinit(&m);
}

/* ---- config.json */

static void fields_of_the_config_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        { "\"model_type\": \"qwen3_moe\", ", "", "config.json: model_type: expected a string, found nothing" },
        { "\"qwen3_moe\"", "7", "config.json: model_type: expected a string, found 7" },
        { "\"qwen3_moe\"", "\"abacus\"", "config.json: model_type \"abacus\" is not supported; supported: " },
        { "\"num_hidden_layers\": 2, ", "", "config.json: num_hidden_layers: expected an integer" },
        { "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 0",
          "num_hidden_layers: expected an integer from 1 to 4096, found 0" },
        { "\"num_hidden_layers\": 2", "\"num_hidden_layers\": -1",
          "num_hidden_layers: expected an integer from 1 to 4096, found -1" },
        { "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1e30",
          "num_hidden_layers: expected an integer from 1 to 4096, found 1e+30" },
        { "\"hidden_size\": 64", "\"hidden_size\": \"64\"",
          "hidden_size: expected an integer from 1 to 1048576, found \"64\"" },
        { "\"hidden_size\": 64", "\"hidden_size\": 64.5",
          "hidden_size: expected an integer from 1 to 1048576, found 64.5" },
        { "\"hidden_size\": 64", "\"hidden_size\": null",
          "hidden_size: expected an integer from 1 to 1048576, found null" },
        { "\"hidden_size\": 64", "\"hidden_size\": [64]",
          "hidden_size: expected an integer from 1 to 1048576, found an array" },
        { "\"vocab_size\": 96", "\"vocab_size\": 99999999999999999999",
          "vocab_size: expected an integer from 1 to 16777216, found 99999999999999999999" },
        { "\"vocab_size\": 96", "\"vocab_size\": 97", "model.embed_tokens: " },
        { "\"num_attention_heads\": 2", "\"num_attention_heads\": 0",
          "num_attention_heads: expected an integer from 1 to 4096, found 0" },
        { "\"num_key_value_heads\": 1", "\"num_key_value_heads\": 3",
          "num_key_value_heads: expected a divisor of num_attention_heads, found 3" },
        { "\"head_dim\": 32", "\"head_dim\": 33", "head_dim: expected an even number up to 4096, found 33" },
        { "\"num_experts\": 4", "\"num_experts\": 4294967296",
          "num_experts: expected an integer from 0 to 65536, found 4294967296" },
        { "\"num_experts\": 4", "\"num_experts\": 8", "tensors and config.json do not agree" },
        { "\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 5",
          "num_experts_per_tok: expected an integer from 1 to 4, found 5" },
        { "\"norm_topk_prob\": true, ", "", "norm_topk_prob: expected true or false, found nothing" },
        { "\"norm_topk_prob\": true", "\"norm_topk_prob\": \"yes\"",
          "norm_topk_prob: expected true or false, found \"yes\"" },
        { "\"decoder_sparse_step\": 1", "\"decoder_sparse_step\": 0",
          "decoder_sparse_step: expected an integer from 1 to 2147483647, found 0" },
        { "\"mlp_only_layers\": []", "\"mlp_only_layers\": [-1]",
          "mlp_only_layers[0]: expected the number of a layer, found -1" },
        { "\"mlp_only_layers\": []", "\"mlp_only_layers\": 0", "mlp_only_layers: expected an array, found 0" },
        { "1e-06", "-1", "rms_norm_eps: expected a number from 1e-30 to 1, found -1" },
        { "\"rope_theta\": 1000000, ", "", "rope_theta: expected a number" },
        { "\"rope_theta\": 1000000", "\"rope_theta\": 1e400", "rope_theta: " },
        { "\"max_position_embeddings\": 4096", "\"max_position_embeddings\": 1e15",
          "max_position_embeddings: expected an integer" },
        { "\"silu\"", "\"gelu\"", "hidden_act: expected \"silu\", found \"gelu\"" },
        { "\"eos_token_id\": 95", "\"eos_token_id\": 96",
          "eos_token_id: expected a token id below vocab_size, found 96" },
        { "\"eos_token_id\": 95", "\"eos_token_id\": [1, \"2\"]",
          "eos_token_id[1]: expected a token id below vocab_size, found \"2\"" },
        { "\"tie_word_embeddings\": false", "\"tie_word_embeddings\": 0",
          "tie_word_embeddings: expected true or false, found 0" },
        { "{\"group_size\": 32, \"bits\": 4, \"mode\": \"affine\"}", "4", "quantization: expected an object, found 4" },
        { "\"bits\": 4", "\"bits\": 7", "quantization.bits: expected 2, 3, 4, 5, 6 or 8, found 7" },
        { "\"bits\": 4", "\"bits\": -4", "quantization.bits: expected an integer from 1 to 64, found -4" },
        { "\"bits\": 4", "\"bits\": 8", "which would be 4-bit, group 32" },
        { "\"group_size\": 32, ", "", "quantization.group_size: expected an integer" },
        { "\"group_size\": 32", "\"group_size\": 48", "quantization.group_size: expected 32, 64 or 128, found 48" },
        { "\"affine\"", "\"nf4\"", "quantization.mode: expected affine, mxfp4, mxfp8 or nvfp4, found \"nf4\"" },
        { "\"mode\": \"affine\"}", "\"mode\": \"affine\", \"lm_head\": {\"bits\": 9}}",
          "quantization.lm_head.bits: expected 2, 3, 4, 5, 6 or 8, found 9" },
        { "\"quantization\": {", "\"quantization_config\": {\"quant_method\": \"awq\", ",
          "quant_method: expected none: MLX's own format" },
        { "\"quantization\": {\"group_size\": 32, \"bits\": 4, \"mode\": \"affine\"}", "\"x\": 1",
          "has scales, but config.json has no \"quantization\"" },
        { "\"hidden_size\"", "\"hidden_size\": 64 \"hidden_size\"", "config.json: line 1, column " },
        { "\"hidden_size\": 64", "\"hidden_size\": NaN", "config.json: line 1, column " },
        { "{\"model_type\"", "[\"model_type\"", "config.json: line 1, column " },
    };
    struct made m;
    made_init(&m);
    made_qwen3_moe(&m);
    made_weights(&m, "model.safetensors");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = made_edit(cases[i].from, cases[i].to);
        made_file(&m, "config.json", str_from(text));
        refused(&m, cases[i].to, inspect, cases[i].message);
        mem_free(text);
    }
    static const struct {
        const char *text, *message;
    } whole[] = {
        { "", "config.json: " },
        { "[]", "config.json: expected an object, found an array" },
        { "{}", "config.json: model_type: expected a string, found nothing" },
        { "\xff\xfe{}", "config.json: line 1, column 1: " },
        { "{\"model_type\": \"llama\"}", "\"llama\"" },
    };
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        made_file(&m, "config.json", str_from(whole[i].text));
        refused(&m, "the whole config", inspect, whole[i].message);
    }
    made_file(&m, "config.json", str_from(made_config));
    made_file(&m, "generation_config.json", STR("{\"temperature\": -1}"));
    refused(&m, "a temperature", inspect,
            "generation_config.json: temperature: expected a number from 0 to 100, found -1");
    made_deinit(&m);
}

/* ---- tensors that do not fit the config */

static void cut_dimension(struct made *m)
{
    made_find(m, "model.layers.1.self_attn.o_proj.weight")->dim[1]--;
}
static void retype_weight(struct made *m)
{
    made_find(m, "lm_head.weight")->dtype = DTYPE_I32;
}
static void retype_scales(struct made *m)
{
    made_find(m, "lm_head.scales")->dtype = DTYPE_I16;
}
static void retype_norm(struct made *m)
{
    made_find(m, "model.norm.weight")->dtype = DTYPE_U16;
}
static void lengthen_norm(struct made *m)
{
    made_find(m, "model.norm.weight")->dim[0] = 65;
}
static void drop_scales(struct made *m)
{
    made_remove(m, "model.layers.0.self_attn.q_proj.scales");
}
static void drop_head(struct made *m)
{
    made_remove(m, "lm_head.weight");
    made_remove(m, "lm_head.scales");
    made_remove(m, "lm_head.biases");
}
static void misspell(struct made *m)
{
    made_rename(m, "model.norm.weight", "model.nrom.weight");
}
static void add_tensor(struct made *m)
{
    made_tensor(m, "model.layers.2.self_attn.q_proj.weight", DTYPE_U32, 0, 64, 8);
}
static void double_prefix(struct made *m)
{
    made_rename_all(m, "switch_mlp", "switch_mlp.switch_mlp");
}
static void unstack(struct made *m)
{
    static const char *const parts[] = { "gate_proj", "up_proj", "down_proj" };
    for (int l = 0; l < 2; l++)
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
            char name[200];
            for (int k = 0; k < 3; k++) {
                snprintf(name, sizeof name, "model.layers.%d.mlp.switch_mlp.%s.%s", l, parts[i],
                         k == 0   ? "weight"
                         : k == 1 ? "scales"
                                  : "biases");
                made_remove(m, name);
            }
            for (int e = 0; e < 4; e++) {
                snprintf(name, sizeof name, "model.layers.%d.mlp.experts.%d.%s", l, e, parts[i]);
                made_module(m, name, 0, i == 2 ? 64 : 32, i == 2 ? 32 : 64, 4, 32);
            }
        }
}
static void make_dense(struct made *m)
{
    made_rename_all(m, "mlp.switch_mlp", "mlp");
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].n_dim == 3) {
            m->v[i].dim[0] = m->v[i].dim[1];
            m->v[i].dim[1] = m->v[i].dim[2];
            m->v[i].n_dim = 2;
        }
}

static void tensors_that_do_not_fit_are_listed(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*change)(struct made *m);
        const char *message;
    } cases[] = {
        { "a shape", cut_dimension,
          "model.layers.1.self_attn.o_proj: affine 4-bit, group 32 (config.json) of 64 inputs needs weight U32 [64, "
          "8]" },
        { "the type of a weight", retype_weight, "wrong: lm_head.weight: expected U32 [96, 8], found I32 [96, 8]" },
        { "the type of scales", retype_scales, "wrong: lm_head: scales are I16, expected BF16, F16 or F32" },
        { "the type of a norm", retype_norm, "wrong: model.norm.weight: expected a float [64], found U16 [64]" },
        { "the length of a norm", lengthen_norm, "wrong: model.norm.weight: expected a float [64], found BF16 [65]" },
        { "no scales", drop_scales, "missing: model.layers.0.self_attn.q_proj.scales" },
        { "no head", drop_head, "missing: lm_head.weight (a tied head? config.json's tie_word_embeddings is false)" },
        { "a misspelt name", misspell, "missing: model.norm.weight (did you mean model.nrom.weight?)" },
        { "one tensor too many", add_tensor, "superfluous: model.layers.2.self_attn.q_proj.weight U32 [64, 8]" },
        { "a doubled prefix", double_prefix,
          "the prefix switch_mlp is doubled (model.layers.0.mlp.switch_mlp.switch_mlp." },
        { "experts one by one", unstack,
          "the experts are stored one by one or fused as transformers stores them (model.layers.0.mlp.experts.0." },
        { "dense layers", make_dense, "the checkpoint has dense layers (model.layers.0.mlp.gate_proj." },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct made m;
        made_init(&m);
        made_qwen3_moe(&m);
        cases[i].change(&m);
        made_weights(&m, "model.safetensors");
        refused(&m, cases[i].name, inspect, cases[i].message);
        made_deinit(&m);
    }
}

/* ---- directories and files */

static void what_is_no_model_says_what_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *file, *content, *message;
    } cases[] = {
        { "readme.txt", "hello", ": no config.json; a model directory holds config.json, model*.safetensors" },
        { "model.gguf", "GGUF", "no config.json, but model.gguf: GGUF is not supported" },
        { "pytorch_model.bin", "x", "no config.json, but pytorch_model.bin: this is a PyTorch checkpoint" },
        { "model.safetensors.index.json", "{}",
          "no config.json, but model.safetensors.index.json: the weights are not downloaded" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct made m;
        made_init(&m);
        made_file(&m, cases[i].file, str_from(cases[i].content));
        refused(&m, cases[i].file, inspect, cases[i].message);
        made_deinit(&m);
    }
    struct made m;
    made_init(&m);
    refused(&m, "an empty directory", inspect, ": no config.json; a model directory holds");
    refused(&m, "nothing", (const char *const[]){ "inspect", "@/none", NULL }, "/none: No such file or directory");
    refused(&m, "an empty name", (const char *const[]){ "inspect", "", NULL }, "No such file or directory");
    made_file(&m, "x.gguf", STR("GGUF"));
    refused(&m, "a GGUF file", (const char *const[]){ "run", "@/x.gguf", "-p", "hi", NULL },
            "x.gguf: this is a GGUF file; Octet reads MLX checkpoints");
    made_file(&m, "x.safetensors", STR("x"));
    refused(&m, "a file of weights", (const char *const[]){ "inspect", "@/x.safetensors", NULL },
            "x.safetensors: give the directory, not the file");
    made_file(&m, "config.json", str_from(made_config));
    refused(&m, "no weights", inspect, "no model*.safetensors, but x.gguf: GGUF is not supported");
    made_file(&m, "model.safetensors", STR("GGUF\3\0\0\0\0\0\0\0"));
    refused(&m, "GGUF under another name", inspect, "/model.safetensors: this is a GGUF file");
    made_file(&m, "model.safetensors", STR("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"));
    refused(&m, "a pointer of Git LFS", inspect, "this is a Git LFS pointer, not the weights: run \"git lfs pull\"");
    made_deinit(&m);
}

static void files_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    char *config = file_join(m.dir, "config.json"), *weights = file_join(m.dir, "model.safetensors");
    assert_int_equal(mkdir(config, 0755), 0);
    made_file(&m, "model.safetensors", STR("x"));
    refused(&m, "a directory for config.json", inspect, "/config.json: ");
    assert_int_equal(rmdir(config) | unlink(weights), 0);
    made_file(&m, "config.json", str_from(made_config));
    assert_int_equal(symlink("/nowhere/at/all", weights), 0);
    refused(&m, "a link to nothing", inspect, "/model.safetensors: No such file or directory");
    assert_int_equal(unlink(weights) | mkdir(weights, 0755), 0);
    refused(&m, "a directory for weights", inspect, "/model.safetensors: not a regular file");
    assert_int_equal(rmdir(weights) | mkfifo(weights, 0644), 0);
    refused(&m, "a pipe for weights", inspect, "/model.safetensors: not a regular file");
    assert_int_equal(unlink(weights), 0);
    if (getuid() != 0) { /* root may read everything */
        made_file(&m, "model.safetensors", STR("x"));
        assert_int_equal(chmod(weights, 0), 0);
        refused(&m, "weights without permission", inspect, "/model.safetensors: Permission denied");
        assert_int_equal(chmod(config, 0), 0);
        refused(&m, "a config without permission", inspect, "/config.json: Permission denied");
    }
    mem_free(config);
    mem_free(weights);
    made_deinit(&m);
}

/* ---- tokenizer and template */

static void tokenizers_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        { "\"merges\"", "\"mergers\"", "tokenizer.json: model.merges" },
        { "\"vocab\"", "\"vocabulary\"", "tokenizer.json: model.vocab" },
        { "[\"h\",\"e\"]", "[\"h\",\"\xe2\x82\xac\"]", "model.merges: merge 0: " },
        { "[\"h\",\"e\"]", "[\"h\"]", "model.merges" },
        { "[\"h\",\"e\"]", "7", "model.merges" },
        { "\"he\":256", "\"he\":-256", "model.vocab: \"he\" has id -256, expected an integer from 0" },
        { "\"he\":256", "\"he\":99999999999", "model.vocab: \"he\" has id 99999999999" },
        { "\"he\":256", "\"he\":255", "model.vocab: id 255 is given twice" },
        { "\"he\":256", "\"he\":\"256\"", "model.vocab" },
        { "\"type\":\"BPE\"", "\"type\":\"Unigram\"", "model.type: expected \"BPE\", found \"Unigram\"" },
        { "\"id\":284", "\"id\":1", "added_tokens" },
        { "\"id\":284", "\"id\":1e99", "added_tokens" },
        { "\"added_tokens\":[", "\"added_tokens\":[1,", "added_tokens[0]: expected an object" },
        { "\"version\"", "version", "tokenizer.json: line 1, column " },
    };
    struct err e = ERR_INIT;
    struct made m;
    struct buf whole = { 0 };
    static const char *const words[] = { "tokenize", "@", "x", NULL };
    made_init(&m);
    if (file_read(&whole, tiny, &e))
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text = { 0 };
        const char *at = strstr(whole.p, cases[i].from);
        assert_non_null(at);
        buf_printf(&text, "%.*s%s%s", (int)(at - whole.p), whole.p, cases[i].to, at + strlen(cases[i].from));
        made_file(&m, "tokenizer.json", buf_view(&text));
        refused(&m, cases[i].to, words, cases[i].message);
        buf_deinit(&text);
    }
    for (size_t cut = 0; cut < whole.n; cut += whole.n / 7) {
        made_file(&m, "tokenizer.json", str_sub(buf_view(&whole), 0, cut));
        refused(&m, "cut short", words, "/tokenizer.json: ");
    }
    buf_deinit(&whole);
    made_deinit(&m);
}

static void a_model_needs_text_that_fits(void **state)
{
    (void)state;
    static const char *const chat[] = { "run", "@", "-p", "hi", NULL };
    struct made m;
    made_init(&m);
    made_qwen3_moe(&m);
    made_weights(&m, "model.safetensors");
    refused(&m, "no tokenizer", ask, "/tokenizer.json: No such file or directory");
    copy_tokenizer(&m);
    refused(&m, "more tokens than the model has", ask,
            "token id 104 of the prompt is not in the model's vocabulary of 96");
    refused(&m, "no template", chat, "has no chat template");
    made_file(&m, "chat_template.jinja", STR("{% for m in messages %}"));
    refused(&m, "a template that does not end", chat, "/chat_template.jinja: ");
    made_file(&m, "chat_template.jinja", STR("{{ raise_exception('not like this') }}"));
    refused(&m, "a template that raises", chat, "not like this");
    made_file(&m, "chat_template.jinja",
              STR("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}"));
    refused(&m, "a template without end", chat, "/chat_template.jinja");
    made_file(&m, "chat_template.jinja", STR(""));
    refused(&m, "a template that gives nothing", chat, "the prompt is empty");
    made_file(&m, "tokenizer_config.json", STR("{\"bos_token\": "));
    refused(&m, "a broken tokenizer_config.json", chat, "/tokenizer_config.json: line 1, column ");
    made_deinit(&m);
}

int main(int argc, char **argv)
{
    (void)argc;
    program_init(argv[0]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_is_accepted),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(header_lengths_that_lie_are_refused),
        cmocka_unit_test(headers_that_are_too_deep_or_large_are_refused),
        cmocka_unit_test(files_cut_short_are_refused),
        cmocka_unit_test(a_tensor_in_two_files_is_refused),
        cmocka_unit_test(fields_of_the_config_are_checked),
        cmocka_unit_test(tensors_that_do_not_fit_are_listed),
        cmocka_unit_test(what_is_no_model_says_what_it_is),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
        cmocka_unit_test(tokenizers_are_checked),
        cmocka_unit_test(a_model_needs_text_that_fits),
    };
    return cmocka_run_group_tests_name("bad input", tests, NULL, NULL);
}
