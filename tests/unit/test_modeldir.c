/* test_modeldir.c - opening directories that are models, and many that are not.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "format/modeldir.h"
#include "support/made.h"
#include "support/shared.h"

static void refuses(const char *path, int code, const char *message)
{
    struct modeldir *d = (struct modeldir *)1;
    struct err e = ERR_INIT;
    int rc = modeldir_open(&d, path, &e);
    assert_null(d);
    if (rc != code || !strstr(e.msg, message))
        fail_msg("code %d, message \"%s\" does not hold \"%s\"", rc, e.msg, message);
}

static void a_directory_of_shards_is_one_table(void **state)
{
    (void)state;
    struct made m;
    struct modeldir *d;
    struct err e = ERR_INIT;
    struct buf bytes[2] = { 0 };
    made_init(&m);
    made_qwen3_moe(&m);
    made_bytes(&m, 0, m.n / 2, &bytes[0]);
    made_bytes(&m, m.n / 2, m.n, &bytes[1]);
    made_file(&m, "model-00001-of-00002.safetensors", buf_view(&bytes[0]));
    made_file(&m, "model-00002-of-00002.safetensors", buf_view(&bytes[1]));
    made_file(&m, "generation_config.json", STR("{\"eos_token_id\": 7}"));
    made_file(&m, "mtp.safetensors", STR("not read"));
    if (modeldir_open(&d, m.dir, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(d->n_shards, 2);
    assert_string_equal(d->shard_names[1], "model-00002-of-00002.safetensors");
    assert_int_equal(d->tensors.n, m.n);
    assert_int_equal(d->weight_bytes, bytes[0].n + bytes[1].n);
    assert_non_null(json_get(d->generation_config, "eos_token_id"));
    for (size_t i = 0; i < m.n; i++) {
        const struct tensor *t = tensors_find(&d->tensors, m.v[i].name);
        assert_non_null(t);
        assert_int_equal(t->n_bytes, m.v[i].n_bytes);
        assert_int_equal(t->shard, i >= m.n / 2);
        for (size_t k = 0; k < t->n_bytes; k++)
            assert_int_equal(t->p[k], i % 256);
    }
    modeldir_close(d);
    buf_deinit(&bytes[0]);
    buf_deinit(&bytes[1]);
    made_deinit(&m);
}

static void what_is_no_model_directory_says_what_it_is(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    refuses("/nonexistent/model", ERR_IO, "/nonexistent/model: No such file or directory; a model directory holds");
    refuses("/dev/null/model", ERR_IO, "/dev/null/model: Not a directory; a model directory holds");
    refuses(m.dir, ERR_FORMAT, "no config.json; a model directory holds config.json, model*.safetensors");
    made_file(&m, "adapter_config.json", STR("{}"));
    refuses(m.dir, ERR_UNSUPPORTED, "adapter_config.json: this is no whole MLX checkpoint");
    made_file(&m, "aaa-q4.gguf", STR("GGUF"));
    refuses(m.dir, ERR_UNSUPPORTED, "no config.json, but aaa-q4.gguf: GGUF is not supported");
    made_file(&m, "config.json", str_from(made_config));
    refuses(m.dir, ERR_UNSUPPORTED, "no model*.safetensors, but aaa-q4.gguf");
    char *path = file_join(m.dir, "aaa-q4.gguf");
    refuses(path, ERR_UNSUPPORTED, "this is a GGUF file");
    mem_free(path);
    path = file_join(m.dir, "config.json");
    refuses(path, ERR_ARG, "give the directory, not the file");
    mem_free(path);
    made_deinit(&m);
}

static void missing_weights_say_why(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    made_file(&m, "config.json", str_from(made_config));
    refuses(m.dir, ERR_FORMAT, "no model*.safetensors; a model directory holds");
    made_file(&m, "model.safetensors.index.json", STR("{}"));
    refuses(m.dir, ERR_FORMAT, "the weights are not downloaded");
    made_file(&m, "pytorch_model.bin", STR(""));
    refuses(m.dir, ERR_UNSUPPORTED, "PyTorch checkpoint; convert it with mlx_lm.convert");
    made_deinit(&m);
}

static void a_missing_shard_is_named(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    made_qwen3_moe(&m);
    made_weights(&m, "model-00001-of-00003.safetensors");
    made_file(&m, "model-00003-of-00003.safetensors", STR(""));
    refuses(m.dir, ERR_FORMAT, "model-00002-of-00003.safetensors is missing: 2 of 3 files");
    made_deinit(&m);
}

static void broken_files_are_named_with_their_path(void **state)
{
    (void)state;
    static const char *const configs[][2] = { { "", "config.json: line 1, column 1: the text ends" },
                                              { "[]", "config.json: expected an object, found an array" },
                                              { "null", "config.json: expected an object, found null" },
                                              { "{\"a\": NaN}", "config.json: line 1, column 7: expected a value" },
                                              { "\x1f\x8b\x08", "config.json: line 1, column 1: expected a value" } };
    struct made m;
    made_init(&m);
    made_qwen3_moe(&m);
    made_weights(&m, "model.safetensors");
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        made_file(&m, "config.json", str_from(configs[i][0]));
        refuses(m.dir, ERR_FORMAT, configs[i][1]);
    }
    made_file(&m, "config.json", str_from(made_config));
    made_file(&m, "generation_config.json", STR("{"));
    refuses(m.dir, ERR_FORMAT, "generation_config.json: line 1, column 2");
    made_file(&m, "generation_config.json", STR("{}"));
    made_file(&m, "model.safetensors", STR(""));
    refuses(m.dir, ERR_FORMAT, "model.safetensors: 0 bytes are too few");
    made_file(&m, "model.safetensors", STR("version https://git-lfs.github.com/spec/v1\n"));
    refuses(m.dir, ERR_FORMAT, "model.safetensors: this is a Git LFS pointer");
    made_deinit(&m);
}

static void a_tensor_in_two_shards_is_refused(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    made_qwen3_moe(&m);
    made_weights(&m, "model-00001-of-00002.safetensors");
    made_weights(&m, "model-00002-of-00002.safetensors");
    refuses(m.dir, ERR_FORMAT, "is there already, in file 1 of the set");
    made_deinit(&m);
}

static void the_demonstration_model_opens(void **state)
{
    (void)state;
    const char *path = shared_path("demo/octet-mini");
    struct modeldir *d;
    struct err e = ERR_INIT;
    if (!path) {
        print_message("skipped: no shared test material\n");
        skip();
    }
    if (modeldir_open(&d, path, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(d->n_shards, 1);
    assert_non_null(d->generation_config);
    const struct tensor *t = tensors_find(&d->tensors, "model.layers.7.mlp.switch_mlp.down_proj.weight");
    assert_non_null(t);
    assert_int_equal(t->dtype, DTYPE_U32);
    assert_int_equal(t->n_dim, 3);
    assert_int_equal(t->dim[0], 16);
    modeldir_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_of_shards_is_one_table),
        cmocka_unit_test(what_is_no_model_directory_says_what_it_is),
        cmocka_unit_test(missing_weights_say_why),
        cmocka_unit_test(a_missing_shard_is_named),
        cmocka_unit_test(broken_files_are_named_with_their_path),
        cmocka_unit_test(a_tensor_in_two_shards_is_refused),
        cmocka_unit_test(the_demonstration_model_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
