/* test_quant.c - the quantisation map of config.json, rule by rule.
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

#include "base/mem.h"
#include "model/quant.h"

static int read(struct quant *q, const char *config, struct err *e)
{
    struct json *j;
    assert_int_equal(json_parse(&j, str_from(config), "config.json", NULL, e), 0);
    int rc = quant_read(q, j, e);
    json_free(j);
    return rc;
}

static void accepts(struct quant *q, const char *config)
{
    struct err e = ERR_INIT;
    if (read(q, config, &e))
        fail_msg("%s: %s", config, e.msg);
}

static void refuses(const char *config, int code, const char *message)
{
    struct quant q;
    struct err e = ERR_INIT;
    int rc = read(&q, config, &e);
    if (rc != code || !strstr(e.msg, message))
        fail_msg("%s: code %d, message \"%s\" does not hold \"%s\"", config, rc, e.msg, message);
    assert_true(!q.v && !q.n);
}

static void is(const struct quant_params *p, enum quant_mode mode, int bits, int group)
{
    assert_non_null(p);
    assert_int_equal(p->mode, mode);
    assert_int_equal(p->bits, bits);
    assert_int_equal(p->group, group);
}

static void a_config_without_a_map_is_plain(void **state)
{
    (void)state;
    struct quant q;
    static const char *const configs[] = { "{}", "{\"quantization\": null}",
                                           "{\"quantization\": null, \"text_config\": 5}" };
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        accepts(&q, configs[i]);
        is(&q.global, QUANT_PLAIN, 0, 0);
        assert_null(quant_find(&q, STR("lm_head")));
        quant_deinit(&q);
    }
}

static void the_global_parameters_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        enum quant_mode mode;
        int bits, group;
    } rows[] = {
        { "{\"quantization\": {\"group_size\": 64, \"bits\": 4, \"mode\": \"affine\"}}", QUANT_AFFINE, 4, 64 },
        { "{\"quantization\": {\"group_size\": 128, \"bits\": 3}}", QUANT_AFFINE, 3, 128 },
        { "{\"quantization\": {\"group_size\": 32, \"bits\": 4, \"mode\": \"mxfp4\"}}", QUANT_MXFP4, 4, 32 },
        { "{\"quantization\": {\"group_size\": 32, \"bits\": 8, \"mode\": \"mxfp8\"}}", QUANT_MXFP8, 8, 32 },
        { "{\"quantization\": {\"group_size\": 16, \"bits\": 4, \"mode\": \"nvfp4\"}}", QUANT_NVFP4, 4, 16 },
        { "{\"quantization_config\": {\"group_size\": 64, \"bits\": 6}}", QUANT_AFFINE, 6, 64 },
        { "{\"text_config\": {\"quantization\": {\"group_size\": 32, \"bits\": 5}}}", QUANT_AFFINE, 5, 32 },
        { "{\"quantization\": {\"group_size\": 64, \"bits\": 8}, \"quantization_config\": {\"quant_method\": \"awq\"}}",
          QUANT_AFFINE, 8, 64 },
        { "{\"text_config\": {\"quantization\": {\"group_size\": 64, \"bits\": 2}}, \"quantization_config\": "
          "{\"group_size\": 32, \"bits\": 8}}",
          QUANT_AFFINE, 2, 64 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct quant q;
        accepts(&q, rows[i].config);
        is(&q.global, rows[i].mode, rows[i].bits, rows[i].group);
        quant_deinit(&q);
    }
}

static void entries_are_objects_or_booleans(void **state)
{
    (void)state;
    struct quant q;
    accepts(
        &q,
        "{\"quantization\": {\"group_size\": 32, \"bits\": 4, \"mode\": \"mxfp4\", \"quantize_activations\": true,"
        " \"a\": {\"group_size\": 64, \"bits\": 8}, \"b\": true, \"c\": false, \"d\": {}, \"e\": {\"mode\": \"nvfp4\"},"
        " \"f\": {\"bits\": 6, \"mode\": null}, \"g\": 5, \"h\": \"x\"}}");
    is(quant_find(&q, STR("a")), QUANT_AFFINE, 8, 64);
    is(quant_find(&q, STR("b")), QUANT_MXFP4, 4, 32);
    is(quant_find(&q, STR("c")), QUANT_PLAIN, 0, 0);
    is(quant_find(&q, STR("d")), QUANT_AFFINE, 4, 64);
    is(quant_find(&q, STR("e")), QUANT_NVFP4, 4, 16);
    is(quant_find(&q, STR("f")), QUANT_AFFINE, 6, 64);
    assert_null(quant_find(&q, STR("g")));
    assert_null(quant_find(&q, STR("quantize_activations")));
    assert_int_equal(q.n, 6);
    quant_deinit(&q);
}

static void keys_match_whole_and_then_by_suffix(void **state)
{
    (void)state;
    struct quant q;
    accepts(&q,
            "{\"quantization\": {\"group_size\": 64, \"bits\": 4, \"language_model.model.layers.1.mlp.gate\": "
            "{\"bits\": 8},"
            " \"model.layers.1.mlp.gate\": {\"bits\": 6}, \"language_model.model.layers.2.mlp.gate\": {\"bits\": 5},"
            " \"lm_head\": false}}");
    is(quant_find(&q, STR("model.layers.1.mlp.gate")), QUANT_AFFINE, 6, 64);
    is(quant_find(&q, STR("language_model.model.layers.1.mlp.gate")), QUANT_AFFINE, 8, 64);
    is(quant_find(&q, STR("model.layers.2.mlp.gate")), QUANT_AFFINE, 5, 64);
    is(quant_find(&q, STR("language_model.lm_head")), QUANT_PLAIN, 0, 0);
    /* A suffix begins at a dot. */
    assert_null(quant_find(&q, STR("odel.layers.2.mlp.gate")));
    assert_null(quant_find(&q, STR("xlm_head")));
    assert_null(quant_find(&q, STR("model.layers.12.mlp.gate")));
    quant_deinit(&q);
}

static void what_no_mode_allows_is_refused(void **state)
{
    (void)state;
#define MAP(text) "{\"quantization\": " text "}"
    refuses(MAP("5"), ERR_FORMAT, "quantization: expected an object, found 5");
    refuses(MAP("{}"), ERR_FORMAT, "quantization.bits: expected an integer from 1 to 64, found nothing");
    refuses(MAP("{\"bits\": 4}"), ERR_FORMAT, "quantization.group_size: expected an integer");
    refuses(MAP("{\"bits\": \"4\", \"group_size\": 64}"), ERR_FORMAT, "quantization.bits: expected an integer");
    refuses(MAP("{\"bits\": 1e99, \"group_size\": 64}"), ERR_FORMAT, "quantization.bits: expected an integer");
    refuses(MAP("{\"bits\": 1, \"group_size\": 64}"), ERR_UNSUPPORTED,
            "quantization.bits: expected 2, 3, 4, 5, 6 or 8, found 1");
    refuses(MAP("{\"bits\": 7, \"group_size\": 64}"), ERR_UNSUPPORTED, "2, 3, 4, 5, 6 or 8, found 7");
    refuses(MAP("{\"bits\": 16, \"group_size\": 64}"), ERR_UNSUPPORTED, "2, 3, 4, 5, 6 or 8, found 16");
    refuses(MAP("{\"bits\": 4, \"group_size\": 16}"), ERR_UNSUPPORTED,
            "quantization.group_size: expected 32, 64 or 128, found 16");
    refuses(MAP("{\"bits\": 4, \"group_size\": 64, \"mode\": \"q4_k\"}"), ERR_UNSUPPORTED,
            "quantization.mode: expected affine, mxfp4, mxfp8 or nvfp4, found \"q4_k\"");
    refuses(MAP("{\"bits\": 4, \"group_size\": 64, \"mode\": 4}"), ERR_FORMAT, "quantization.mode: expected a string");
    refuses(MAP("{\"bits\": 4, \"group_size\": 64, \"mode\": \"mxfp4\"}"), ERR_UNSUPPORTED,
            "quantization.group_size: expected 32, the only one of mode mxfp4, found 64");
    refuses(MAP("{\"bits\": 8, \"group_size\": 16, \"mode\": \"nvfp4\"}"), ERR_UNSUPPORTED,
            "quantization.bits: expected 4, the only one of mode nvfp4, found 8");
    refuses(MAP("{\"bits\": 4, \"group_size\": 64, \"lm_head\": {\"bits\": 9}}"), ERR_UNSUPPORTED,
            "quantization.lm_head.bits: expected 2, 3, 4, 5, 6 or 8, found 9");
    refuses(MAP("{\"bits\": 4, \"group_size\": 64, \"lm_head\": {\"mode\": \"mxfp8\", \"group_size\": 64}}"),
            ERR_UNSUPPORTED, "quantization.lm_head.group_size: expected 32");
}

static void formats_of_other_libraries_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const methods[] = {
        "bitnet", "mxfp4", "compressed-tensors", "awq", "gptq", "fp8", "bitsandbytes"
    };
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        char config[200], expected[100];
        snprintf(config, sizeof config,
                 "{\"quantization_config\": {\"quant_method\": \"%s\", \"bits\": 4, \"group_size\": 64}}", methods[i]);
        snprintf(expected, sizeof expected, "convert the model with mlx_lm.convert, found \"%s\"", methods[i]);
        refuses(config, ERR_UNSUPPORTED, expected);
    }
}

static void parameters_are_described(void **state)
{
    (void)state;
    struct buf text = { 0 };
    quant_describe(&text, &(struct quant_params){ QUANT_AFFINE, 4, 64 });
    buf_z(&text, "; ");
    quant_describe(&text, &(struct quant_params){ .mode = QUANT_PLAIN });
    assert_string_equal(text.p, "affine 4-bit, group 64; plain");
    buf_deinit(&text);
}

static void running_out_of_memory_is_an_error(void **state)
{
    (void)state;
    struct json *j;
    int rc = -1;
    assert_int_equal(json_parse(&j,
                                STR("{\"quantization\": {\"bits\": 4, \"group_size\": 64, \"a\": true, \"b\": false}}"),
                                "c", NULL, NULL),
                     0);
    for (long nth = 1; rc; nth++) {
        struct quant q;
        struct err e = ERR_INIT;
        assert_in_range(nth, 1, 50);
        mem_fail_after(nth);
        rc = quant_read(&q, j, &e);
        mem_fail_after(0);
        assert_true(rc == 0 || rc == ERR_NOMEM);
        quant_deinit(&q);
    }
    json_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_config_without_a_map_is_plain),
        cmocka_unit_test(the_global_parameters_are_read),
        cmocka_unit_test(entries_are_objects_or_booleans),
        cmocka_unit_test(keys_match_whole_and_then_by_suffix),
        cmocka_unit_test(what_no_mode_allows_is_refused),
        cmocka_unit_test(formats_of_other_libraries_are_refused_by_name),
        cmocka_unit_test(parameters_are_described),
        cmocka_unit_test(running_out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
