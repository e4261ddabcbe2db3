/* test_weights.c - binding of tensors: every storage form, and what the report says about checkpoints that do not fit.
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

#include "model/arch.h"
#include "model/quant.h"
#include "support/made.h"
#include "support/shared.h"

/* A directory opened as model.c opens it, without a device. */
struct loaded {
    struct modeldir *dir;
    struct config config;
    struct weights *weights;
    const struct arch *arch;
    void *net;
};

static int load(struct loaded *m, const char *path, struct err *e)
{
    struct str type;
    *m = (struct loaded){ 0 };
    if (modeldir_open(&m->dir, path, e) || config_model_type(m->dir, &type, e))
        return e->code;
    m->arch = arch_find(type, e);
    if (!m->arch || config_read(&m->config, m->dir, e) || weights_new(&m->weights, m->dir, e))
        return e->code;
    m->net = m->arch->bind(&m->config, m->weights);
    return weights_finish(m->weights, e);
}

static void unload(struct loaded *m)
{
    if (m->net)
        m->arch->free(m->net);
    weights_free(m->weights);
    config_deinit(&m->config);
    modeldir_close(m->dir);
}

static const struct weight *bound(const struct loaded *m, const char *name)
{
    for (size_t i = 0; i < weights_len(m->weights); i++)
        if (!strcmp(weights_at(m->weights, i)->name, name))
            return weights_at(m->weights, i);
    fail_msg("%s is not bound", name);
    return NULL;
}

static void is(const struct loaded *m, const char *name, enum quant_mode mode, int bits, int group, enum dtype dtype)
{
    const struct mat *mat = &bound(m, name)->mat;
    if (mat->mode != mode || mat->bits != bits || mat->group != group || mat->dtype != dtype)
        fail_msg("%s: %s %d-bit, group %d, %s", name, quant_mode_name(mat->mode), mat->bits, mat->group,
                 dtype_name(mat->dtype));
    assert_non_null(mat->w);
    assert_int_equal(mat->s != NULL, mode != QUANT_PLAIN);
    assert_int_equal(mat->b != NULL, mode == QUANT_AFFINE);
}

static void accepts(struct made *made)
{
    struct loaded m;
    struct err e = ERR_INIT;
    made_weights(made, "model.safetensors");
    if (load(&m, made->dir, &e))
        fail_msg("%s", e.msg);
    unload(&m);
}

/* Loading fails with a message that holds each of the strings up to NULL, and the directory's name. */
static void refuses(struct made *made, ...)
{
    struct loaded m;
    struct err e = ERR_INIT;
    const char *part;
    va_list ap;
    made_weights(made, "model.safetensors");
    assert_true(load(&m, made->dir, &e) < 0);
    unload(&m);
    assert_non_null(strstr(e.msg, made->dir));
    va_start(ap, made);
    while ((part = va_arg(ap, const char *)))
        if (!strstr(e.msg, part))
            fail_msg("\"%s\" is not in the message:\n%s", part, e.msg);
    va_end(ap);
}

static void config_edit(struct made *made, const char *from, const char *to)
{
    char *text = made_edit(from, to);
    made_file(made, "config.json", str_from(text));
    mem_free(text);
}

static void *fresh(struct made *made)
{
    made_init(made);
    made_qwen3_moe(made);
    return made;
}

static void a_good_checkpoint_is_bound_where_it_lies(void **state)
{
    (void)state;
    struct made made;
    struct loaded m;
    struct err e = ERR_INIT;
    fresh(&made);
    made_weights(&made, "model.safetensors");
    if (load(&m, made.dir, &e))
        fail_msg("%s", e.msg);
    const struct mat *up = &bound(&m, "model.layers.1.mlp.switch_mlp.up_proj")->mat;
    is(&m, "model.layers.1.mlp.switch_mlp.up_proj", QUANT_AFFINE, 4, 32, DTYPE_BF16);
    assert_int_equal(up->n_mat, 4);
    assert_int_equal(up->n_out, 32);
    assert_int_equal(up->n_in, 64);
    const struct tensors *t = &m.dir->tensors;
    assert_ptr_equal(up->w, tensors_find(t, "model.layers.1.mlp.switch_mlp.up_proj.weight")->p);
    assert_ptr_equal(up->s, tensors_find(t, "model.layers.1.mlp.switch_mlp.up_proj.scales")->p);
    assert_ptr_equal(up->b, tensors_find(t, "model.layers.1.mlp.switch_mlp.up_proj.biases")->p);
    const struct weight *norm = bound(&m, "model.norm.weight");
    assert_true(norm->vec && norm->n_bytes == 128 && norm->mat.n_in == 64);
    size_t bytes = 0, stored = 0;
    for (size_t i = 0; i < weights_len(m.weights); i++)
        bytes += weights_at(m.weights, i)->n_bytes;
    for (size_t i = 0; i < t->n; i++)
        stored += t->v[i].n_bytes;
    assert_int_equal(bytes, stored);
    unload(&m);
    made_deinit(&made);
}

static void vectors_are_widened_to_f32(void **state)
{
    (void)state;
    static const struct {
        enum dtype dtype;
        const char *bytes;
        float value;
    } rows[] = { { DTYPE_BF16, "\xc0\x3f", 1.5f },
                 { DTYPE_F16, "\x00\xc1", -2.5f },
                 { DTYPE_F32, "\x00\x00\x20\x40", 2.5f } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct made made;
        struct modeldir *d;
        struct weights *w;
        struct mat mat;
        struct buf file = { 0 };
        struct err e = ERR_INIT;
        size_t size = dtype_bytes(rows[i].dtype);
        made_init(&made);
        made_file(&made, "config.json", STR("{}"));
        made_tensor(&made, "v", rows[i].dtype, 0, 0, 3);
        made_tensor(&made, "m.weight", DTYPE_F32, 0, 3, 1);
        made_tensor(&made, "m.bias", rows[i].dtype, 0, 0, 3);
        made_tensor(&made, "s.weight", DTYPE_F32, 2, 3, 1);
        made_tensor(&made, "s.bias", rows[i].dtype, 0, 2, 3);
        made_bytes(&made, 0, made.n, &file);
        /* The data of v is at the front, that of s.bias at the end. */
        size_t data = 3 * size + 12 + 3 * size + 24 + 6 * size;
        for (size_t k = 0; k < 3; k++)
            memcpy(file.p + file.n - data + k * size, rows[i].bytes, size);
        memcpy(file.p + file.n - size, rows[i].bytes, size);
        made_file(&made, "model.safetensors", buf_view(&file));
        assert_int_equal(modeldir_open(&d, made.dir, &e), 0);
        assert_int_equal(weights_new(&w, d, &e), 0);
        const float *v = weights_vec(w, 3, "%s", "v");
        assert_true(v && v[0] == rows[i].value && v[2] == rows[i].value);
        weights_mat(w, &mat, 1, 3, 1, "m");
        weights_bias(w, &mat, "m.bias");
        assert_non_null(mat.bias);
        weights_mat(w, &mat, 2, 3, 1, "s");
        weights_bias(w, &mat, "s.bias");
        assert_true(mat.bias && mat.bias[5] == rows[i].value);
        if (weights_finish(w, &e))
            fail_msg("%s", e.msg);
        weights_free(w);
        modeldir_close(d);
        buf_deinit(&file);
        made_deinit(&made);
    }
}

static void wrong_biases_of_layers_are_reported(void **state)
{
    (void)state;
    struct made made;
    struct modeldir *d;
    struct weights *w;
    struct mat mat;
    struct err e = ERR_INIT;
    made_init(&made);
    made_file(&made, "config.json", STR("{}"));
    made_tensor(&made, "m.weight", DTYPE_F32, 0, 3, 1);
    made_tensor(&made, "m.bias", DTYPE_F32, 0, 3, 1);
    made_weights(&made, "model.safetensors");
    assert_int_equal(modeldir_open(&d, made.dir, &e), 0);
    assert_int_equal(weights_new(&w, d, &e), 0);
    weights_mat(w, &mat, 1, 3, 1, "m");
    weights_bias(w, &mat, "m.bias");
    weights_bias(w, &mat, "n.bias");
    assert_null(mat.bias);
    assert_int_equal(weights_finish(w, &e), ERR_FORMAT);
    assert_non_null(strstr(e.msg, "m.bias: expected a float [3], found F32 [3, 1]"));
    assert_non_null(strstr(e.msg, "missing: n.bias"));
    weights_free(w);
    modeldir_close(d);
    made_deinit(&made);
}

static void missing_tensors_are_listed_with_near_names(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    made_rename(&made, "model.norm.weight", "model.nrom.weight");
    made_remove(&made, "model.layers.0.self_attn.q_norm.weight");
    made_remove(&made, "model.layers.1.mlp.gate.scales");
    made_tensor(&made, "model.layers.1.mlp.shared.weight", DTYPE_BF16, 0, 3, 3);
    refuses(&made, "tensors and config.json do not agree (tensors: 3 missing, 0 wrong, 2 superfluous)",
            "\n  missing: model.norm.weight (did you mean model.nrom.weight?)",
            "\n  missing: model.layers.0.self_attn.q_norm.weight\n", "\n  missing: model.layers.1.mlp.gate.scales",
            "\n  superfluous: model.layers.1.mlp.shared.weight BF16 [3, 3]", NULL);
    made_deinit(&made);
}

static void a_missing_head_points_at_tying(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    made_remove(&made, "lm_head.weight");
    made_remove(&made, "lm_head.scales");
    made_remove(&made, "lm_head.biases");
    refuses(&made, "missing: lm_head.weight (a tied head? config.json's tie_word_embeddings is false)", NULL);
    made_deinit(&made);
}

static void a_long_list_is_cut(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    for (int i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof name, "extra.%d", i);
        made_tensor(&made, name, DTYPE_F32, 0, 0, 1);
    }
    refuses(&made, "50 superfluous", "superfluous: extra.0 F32 [1]", "\n  and 30 more", NULL);
    made_deinit(&made);
}

static void wrong_types_and_shapes_are_listed(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    made_find(&made, "model.norm.weight")->dim[0] = 63;
    made_find(&made, "model.layers.0.input_layernorm.weight")->dtype = DTYPE_I32;
    made_find(&made, "model.layers.0.self_attn.q_proj.weight")->dim[0] = 65;
    made_find(&made, "model.layers.0.self_attn.k_proj.biases")->dim[1] = 3;
    made_find(&made, "model.layers.0.self_attn.v_proj.weight")->dtype = DTYPE_I32;
    made_find(&made, "model.layers.0.mlp.switch_mlp.up_proj.weight")->dim[0] = 5;
    made_find(&made, "model.layers.1.self_attn.q_proj.scales")->n_dim = 1;
    refuses(&made, "0 missing, 7 wrong, 0 superfluous", "model.norm.weight: expected a float [64], found BF16 [63]",
            "model.layers.0.input_layernorm.weight: expected a float [64], found I32 [64]",
            "model.layers.0.self_attn.q_proj: affine 4-bit, group 32 (config.json) of 64 inputs needs weight U32 [64, "
            "8] and "
            "scales [64, 2]; found weight U32 [65, 8] and scales BF16 [64, 2]\n",
            "model.layers.0.self_attn.k_proj.biases: expected BF16 [32, 2], found BF16 [32, 3]",
            "model.layers.0.self_attn.v_proj.weight: expected U32 [32, 8], found I32 [32, 8]",
            "needs weight U32 [4, 32, 8] and scales [4, 32, 2]; found weight U32 [5, 32, 8]",
            "model.layers.1.self_attn.q_proj.scales: expected BF16 [64, 2], found BF16 [64]", NULL);
    made_deinit(&made);
}

static void a_map_that_contradicts_the_shapes_is_reported(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    config_edit(&made, "\"bits\": 4",
                "\"bits\": 4, \"lm_head\": {\"bits\": 8, \"group_size\": 64}, \"model.embed_tokens\": false");
    refuses(&made, "lm_head: affine 8-bit, group 64 (config.json) of 64 inputs", "which would be 4-bit, group 32",
            "model.embed_tokens: has scales, but config.json says that it is not quantised", NULL);
    config_edit(&made, "\"group_size\": 32", "\"group_size\": 128");
    refuses(&made, "lm_head: 64 inputs are no multiple of the group size 128", NULL);
    config_edit(&made, "\"quantization\": {\"group_size\": 32, \"bits\": 4, \"mode\": \"affine\"}", "\"x\": 1");
    refuses(&made, "lm_head: has scales, but config.json has no \"quantization\"", NULL);
    made_deinit(&made);
}

static void scales_and_biases_must_belong_to_the_mode(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    made_find(&made, "lm_head.scales")->dtype = DTYPE_U8;
    made_remove(&made, "model.embed_tokens.biases");
    made_find(&made, "model.layers.0.mlp.gate.biases")->dtype = DTYPE_F32;
    made_find(&made, "model.layers.1.mlp.gate.scales")->dtype = DTYPE_I8;
    refuses(&made, "lm_head: scales are U8, as mxfp4, mxfp8 and nvfp4 have them; config.json says affine",
            "model.embed_tokens: biases are missing: mode affine needs them",
            "model.layers.0.mlp.gate: biases are F32, but scales BF16",
            "model.layers.1.mlp.gate: scales are I8, expected BF16, F16 or F32", NULL);
    made_deinit(&made);
    fresh(&made);
    config_edit(&made, "\"mode\": \"affine\"", "\"mode\": \"mxfp4\"");
    made_find(&made, "lm_head.scales")->dtype = DTYPE_U8;
    refuses(&made, "lm_head: biases are there, mode mxfp4 has none",
            "model.embed_tokens: scales are BF16, mode mxfp4 has U8", NULL);
    made_deinit(&made);
}

static void parts_of_a_quantised_module_may_not_be_missing(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    made_remove(&made, "lm_head.scales"); /* packed words without scales */
    made_remove(&made, "model.embed_tokens.weight");
    made_remove(&made, "model.layers.0.mlp.gate.weight");
    made_remove(&made, "model.layers.0.mlp.gate.scales");
    made_tensor(&made, "model.layers.0.mlp.gate.weight", DTYPE_BF16, 0, 4, 64); /* plain, with biases left over */
    refuses(&made, "missing: lm_head.scales", "missing: model.embed_tokens.weight",
            "model.layers.0.mlp.gate: has biases but no scales", NULL);
    made_deinit(&made);
    fresh(&made);
    config_edit(&made, "\"bits\": 4", "\"bits\": 4, \"lm_head\": true");
    made_remove(&made, "lm_head.weight");
    made_remove(&made, "lm_head.scales");
    made_remove(&made, "lm_head.biases");
    made_tensor(&made, "lm_head.weight", DTYPE_BF16, 0, 96, 64); /* the map says quantised */
    refuses(&made, "missing: lm_head.scales", NULL);
    made_deinit(&made);
}

static void a_doubled_prefix_is_named(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    made_rename_all(&made, ".switch_mlp.", ".switch_mlp.switch_mlp.");
    refuses(&made, "the prefix switch_mlp is doubled (model.layers.0.mlp.switch_mlp.switch_mlp.down_proj.biases)",
            "convert the model again with mlx_lm.convert", "6 missing, 0 wrong, 18 superfluous", "and 19 more", NULL);
    made_deinit(&made);
}

static void experts_stored_one_by_one_are_named(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    made_rename_all(&made, ".switch_mlp.up_proj.", ".experts.0.up_proj.");
    refuses(&made, "the experts are stored one by one", "(model.layers.0.mlp.experts.0.up_proj.biases)",
            "this is no MLX checkpoint", NULL);
    made_deinit(&made);
}

static void other_libraries_packings_are_named(void **state)
{
    (void)state;
    static const char *const rows[][2] = { { "lm_head.qweight", "AWQ or GPTQ" },
                                           { "lm_head.weight_packed", "compressed-tensors" },
                                           { "lm_head.weight_scale_inv", "FP8 and ModelOpt" } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct made made;
        fresh(&made);
        made_rename(&made, "lm_head.weight", rows[i][0]);
        refuses(&made, rows[i][0], rows[i][1], "this is no MLX checkpoint; convert it with mlx_lm.convert", NULL);
        made_deinit(&made);
    }
}

static void dense_layers_under_a_config_with_experts_are_named(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    made_rename_all(&made, ".switch_mlp.", ".");
    refuses(&made,
            "the checkpoint has dense layers (model.layers.0.mlp.gate_proj.biases) where config.json asks for experts "
            "(model.layers.0.mlp.switch_mlp.gate_proj.weight): see num_experts",
            NULL);
    made_deinit(&made);
    fresh(&made);
    config_edit(&made, "\"mlp_only_layers\": []", "\"mlp_only_layers\": [1]");
    refuses(&made,
            "the checkpoint has experts (model.layers.1.mlp.switch_mlp.down_proj.biases) where config.json asks for a "
            "dense "
            "layer (model.layers.1.mlp.gate_proj.weight)",
            NULL);
    made_deinit(&made);
}

static void a_wrappers_prefix_is_seen_through(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    for (size_t i = 0; i < made.n; i++) {
        struct buf name = { 0 };
        buf_printf(&name, "language_model.%s", made.v[i].name);
        mem_free(made.v[i].name);
        made.v[i].name = buf_take(&name);
    }
    made_tensor(&made, "vision_tower.blocks.0.weight", DTYPE_F32, 0, 0, 1);
    accepts(&made);
    made_remove(&made, "language_model.lm_head.scales");
    made_rename(&made, "language_model.model.norm.weight", "language_model.model.nrom.weight");
    refuses(&made, "missing: language_model.lm_head.scales",
            "missing: language_model.model.norm.weight (did you mean language_model.model.nrom.weight?)", NULL);
    made_deinit(&made);
}

static void tensors_of_no_use_are_passed_over(void **state)
{
    (void)state;
    static const char *const names[] = { "model.layers.0.self_attn.rotary_emb.inv_freq",
                                         "mtp.layers.0.weight",
                                         "model.mtp.x",
                                         "vision_tower.a.weight",
                                         "model.visual.b",
                                         "visual.c" };
    struct made made;
    fresh(&made);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        made_tensor(&made, names[i], DTYPE_F32, 0, 0, 1);
    accepts(&made);
    made_tensor(&made, "model.layers.0.nomtp.x", DTYPE_F32, 0, 0, 1);
    refuses(&made, "superfluous: model.layers.0.nomtp.x", NULL);
    made_deinit(&made);
}

static void a_tied_models_head_is_passed_over(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    made_tensor(&made, "lm_head.other", DTYPE_F32, 0, 0, 1);
    refuses(&made, "superfluous: lm_head.other", NULL);
    config_edit(&made, "\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
    accepts(&made);
    made_deinit(&made);
}

static void additive_biases_that_the_architecture_lacks_are_superfluous(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    made_tensor(&made, "model.layers.0.self_attn.q_proj.bias", DTYPE_BF16, 0, 0, 64);
    refuses(&made, "superfluous: model.layers.0.self_attn.q_proj.bias BF16 [64]", NULL);
    made_deinit(&made);
}

static void running_out_of_memory_is_an_error(void **state)
{
    (void)state;
    struct made made;
    int rc = -1;
    fresh(&made);
    made_weights(&made, "model.safetensors");
    for (long nth = 1; rc; nth++) {
        struct loaded m;
        struct err e = ERR_INIT;
        assert_in_range(nth, 1, 5000);
        mem_fail_after(nth);
        rc = load(&m, made.dir, &e);
        mem_fail_after(0);
        assert_int_equal(rc, e.code);
        unload(&m);
    }
    made_deinit(&made);
}

/* A copy of the path; the test skips if there is none. */
static char *shared_or_skip(const char *rel)
{
    const char *p = shared_path(rel);
    if (!p) {
        print_message("skipped: no %s in the shared test material\n", rel);
        skip();
    }
    return xstrdup(p);
}

/* The forms that make_quant.py wrote, by directory. */
static void check_form(const struct loaded *m, const char *name)
{
    static const char up[] = "model.layers.1.mlp.switch_mlp.up_proj", router[] = "model.layers.1.mlp.gate";
    int bits, group;
    char dtype[8] = "bf16";
    if (sscanf(name, "affine-%dbit-g%d-%7s", &bits, &group, dtype) >= 2) {
        enum dtype d = !strcmp(dtype, "bf16") ? DTYPE_BF16 : !strcmp(dtype, "f16") ? DTYPE_F16 : DTYPE_F32;
        is(m, up, QUANT_AFFINE, bits, group, d);
        is(m, "lm_head", QUANT_AFFINE, bits, group, d);
        is(m, router, QUANT_AFFINE, 8, 64, d);
    } else if (!strcmp(name, "mxfp4")) {
        is(m, up, QUANT_MXFP4, 4, 32, DTYPE_U8);
        is(m, router, QUANT_AFFINE, 8, 64, DTYPE_BF16);
    } else if (!strcmp(name, "mxfp8")) {
        is(m, up, QUANT_MXFP8, 8, 32, DTYPE_U8);
    } else if (!strcmp(name, "nvfp4")) {
        is(m, up, QUANT_NVFP4, 4, 16, DTYPE_U8);
    } else if (!strcmp(name, "plain-f16")) {
        is(m, up, QUANT_PLAIN, 16, 0, DTYPE_F16);
        is(m, router, QUANT_PLAIN, 16, 0, DTYPE_F16);
    } else if (!strcmp(name, "plain-f32")) {
        is(m, up, QUANT_PLAIN, 32, 0, DTYPE_F32);
    } else if (!strcmp(name, "router-plain")) {
        is(m, router, QUANT_PLAIN, 16, 0, DTYPE_BF16);
    } else if (!strcmp(name, "router-4bit")) {
        is(m, router, QUANT_AFFINE, 4, 64, DTYPE_BF16);
    } else if (!strcmp(name, "dense-layer-0")) {
        is(m, "model.layers.0.mlp.up_proj", QUANT_AFFINE, 4, 64, DTYPE_BF16);
        is(m, up, QUANT_AFFINE, 4, 64, DTYPE_BF16);
    } else if (!strcmp(name, "sharded")) {
        assert_int_equal(m->dir->n_shards, 3);
    } else if (!strcmp(name, "tied")) {
        assert_true(m->config.tie);
    }
}

static void every_storage_form_is_bound(void **state)
{
    (void)state;
    char *root = shared_or_skip("demo/quant"), **names;
    size_t n, loaded = 0;
    struct err e = ERR_INIT;
    assert_int_equal(file_list(&names, &n, root, &e), 0);
    for (size_t i = 0; i < n; i++) {
        struct loaded m;
        char *path = file_join(root, names[i]);
        if (load(&m, path, &e))
            fail_msg("%s", e.msg);
        size_t bytes = 0, stored = 0;
        for (size_t k = 0; k < weights_len(m.weights); k++)
            bytes += weights_at(m.weights, k)->n_bytes;
        for (size_t k = 0; k < m.dir->tensors.n; k++)
            stored += m.dir->tensors.v[k].n_bytes;
        assert_int_equal(bytes, stored);
        check_form(&m, names[i]);
        unload(&m);
        mem_free(path);
        loaded++;
    }
    file_list_free(names, n);
    mem_free(root);
    assert_int_equal(loaded, 35);
}

static void the_demonstration_model_is_bound(void **state)
{
    (void)state;
    char *path = shared_or_skip("demo/octet-mini");
    struct loaded m;
    struct err e = ERR_INIT;
    if (load(&m, path, &e))
        fail_msg("%s", e.msg);
    is(&m, "model.layers.7.mlp.gate", QUANT_AFFINE, 8, 64, DTYPE_BF16);
    is(&m, "model.layers.7.mlp.switch_mlp.down_proj", QUANT_AFFINE, 4, 64, DTYPE_BF16);
    assert_int_equal(m.config.n_eos, 2);
    assert_int_equal(m.config.n_vocab, 6144);
    assert_false(m.config.sampling.do_sample);
    unload(&m);
    mem_free(path);
}

static void a_model_type_cannot_upset_a_terminal(void **state)
{
    (void)state;
    struct made made;
    fresh(&made);
    config_edit(&made, "\"qwen3_moe\"", "\"a\\u001b[2Jb\"");
    made_weights(&made, "model.safetensors");
    struct loaded m;
    struct err e = ERR_INIT;
    assert_int_equal(load(&m, made.dir, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.msg, "config.json: model_type \"a\\u001b[2Jb\" is not supported; supported: qwen3_moe"));
    unload(&m);
    made_deinit(&made);
}

/* Architectures that are not built in are named as such, whatever fields their configs have. */
static void other_architectures_are_named(void **state)
{
    (void)state;
    char *root = shared_or_skip("demo/arch"), **names;
    size_t n, refused = 0;
    struct err e = ERR_INIT;
    assert_int_equal(file_list(&names, &n, root, &e), 0);
    for (size_t i = 0; i < n; i++) {
        struct loaded m;
        char *path = file_join(root, names[i]);
        if (file_is_dir(path)) {
            err_clear(&e);
            if (load(&m, path, &e)) {
                if (e.code != ERR_UNSUPPORTED || !strstr(e.msg, "is not supported; supported: qwen3_moe"))
                    fail_msg("%s: %s", path, e.msg);
                refused++;
            }
            unload(&m);
        }
        mem_free(path);
    }
    file_list_free(names, n);
    mem_free(root);
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_checkpoint_is_bound_where_it_lies),
        cmocka_unit_test(vectors_are_widened_to_f32),
        cmocka_unit_test(wrong_biases_of_layers_are_reported),
        cmocka_unit_test(missing_tensors_are_listed_with_near_names),
        cmocka_unit_test(a_missing_head_points_at_tying),
        cmocka_unit_test(a_long_list_is_cut),
        cmocka_unit_test(wrong_types_and_shapes_are_listed),
        cmocka_unit_test(a_map_that_contradicts_the_shapes_is_reported),
        cmocka_unit_test(scales_and_biases_must_belong_to_the_mode),
        cmocka_unit_test(parts_of_a_quantised_module_may_not_be_missing),
        cmocka_unit_test(a_doubled_prefix_is_named),
        cmocka_unit_test(experts_stored_one_by_one_are_named),
        cmocka_unit_test(other_libraries_packings_are_named),
        cmocka_unit_test(dense_layers_under_a_config_with_experts_are_named),
        cmocka_unit_test(a_wrappers_prefix_is_seen_through),
        cmocka_unit_test(tensors_of_no_use_are_passed_over),
        cmocka_unit_test(a_tied_models_head_is_passed_over),
        cmocka_unit_test(additive_biases_that_the_architecture_lacks_are_superfluous),
        cmocka_unit_test(running_out_of_memory_is_an_error),
        cmocka_unit_test(every_storage_form_is_bound),
        cmocka_unit_test(the_demonstration_model_is_bound),
        cmocka_unit_test(a_model_type_cannot_upset_a_terminal),
        cmocka_unit_test(other_architectures_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
