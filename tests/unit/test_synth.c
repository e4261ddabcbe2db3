/* test_synth.c - made checkpoints: their tensors, their bytes, their values.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "format/modeldir.h"
#include "model/synth_plan.h"
#include "model/synth_write.h"
#include "support/made.h"

#define FORMS "tests/data/quant"

static struct json *parse(const char *text)
{
    struct json *j = NULL;
    struct err e = ERR_INIT;
    if (json_parse(&j, str_from(text), "config.json", &json_limits_default, &e))
        fail_msg("%s", e.msg);
    return j;
}

static struct synth_plan *plan_of(const struct json *config, uint64_t seed, uint64_t shard_bytes)
{
    struct synth_plan *p = NULL;
    struct err e = ERR_INIT;
    if (synth_plan_new(&p, config, seed, shard_bytes, &e))
        fail_msg("%s", e.msg);
    return p;
}

static void write_plan(const struct synth_plan *p, const char *dir, int n_threads)
{
    struct synth_opts o = { .n_threads = n_threads };
    struct err e = ERR_INIT;
    if (synth_write(p, dir, &o, &e))
        fail_msg("%s", e.msg);
}

static void assert_same_file(const char *a, const char *b, const char *name, bool same)
{
    struct buf x = { 0 }, y = { 0 };
    char *path_a = file_join(a, name), *path_b = file_join(b, name);
    assert_int_equal(file_read(&x, path_a, NULL), 0);
    assert_int_equal(file_read(&y, path_b, NULL), 0);
    assert_int_equal(x.n, y.n);
    assert_true(x.n > 0 && (memcmp(x.p, y.p, x.n) == 0) == same);
    mem_free(path_a);
    mem_free(path_b);
    buf_deinit(&x);
    buf_deinit(&y);
}

/* Does the plan for the config of a checkpoint that mlx-lm made have exactly its tensors? */
static void compare_with(const char *dir, const char *dtype)
{
    struct modeldir *d = NULL;
    struct err e = ERR_INIT;
    struct buf text = { 0 };
    if (modeldir_open(&d, dir, &e))
        fail_msg("%s", e.msg);
    json_write(&text, d->config);
    buf_truncate(&text, text.n - 1);
    buf_printf(&text, ", \"torch_dtype\": \"%s\"}", dtype);
    struct json *config = parse(text.p);
    struct synth_plan *p = plan_of(config, 1, SYNTH_SHARD_BYTES);
    for (size_t i = 0; i < p->n; i++) {
        const struct tensor *want = tensors_find(&d->tensors, p->v[i].t.name), *got = &p->v[i].t;
        if (!want)
            fail_msg("%s has no %s", dir, got->name);
        if (want->dtype != got->dtype || want->n_dim != got->n_dim || want->n_bytes != got->n_bytes ||
            memcmp(want->dim, got->dim, (size_t)got->n_dim * sizeof *got->dim) != 0)
            fail_msg("%s: %s differs in type or shape", dir, got->name);
    }
    assert_int_equal(p->n, d->tensors.n);
    synth_plan_free(p);
    json_free(config);
    buf_deinit(&text);
    modeldir_close(d);
}

static void tensors_are_those_that_mlx_lm_writes(void **state)
{
    (void)state;
    char **forms = NULL;
    size_t n = 0;
    assert_int_equal(file_list(&forms, &n, FORMS, NULL), 0);
    assert_true(n >= 35);
    for (size_t i = 0; i < n; i++) {
        char *dir = file_join(FORMS, forms[i]);
        struct str name = str_from(forms[i]);
        /* Its config.json does not say that the routers are plain; only the lack of scales does. */
        if (!str_eqz(name, "router-plain"))
            compare_with(dir, str_ends(name, STR("-f16"))   ? "float16"
                              : str_ends(name, STR("-f32")) ? "float32"
                                                            : "bfloat16");
        mem_free(dir);
    }
    file_list_free(forms, n);
    compare_with("models/octet-mini", "bfloat16");
}

static void same_seed_gives_same_files_on_any_number_of_threads(void **state)
{
    (void)state;
    struct json *config = parse(made_config);
    struct made m[3];
    for (int i = 0; i < 3; i++) {
        struct synth_plan *p = plan_of(config, i < 2 ? 7 : 8, SYNTH_SHARD_BYTES);
        made_init(&m[i]);
        write_plan(p, m[i].dir, i + 1);
        synth_plan_free(p);
    }
    assert_same_file(m[0].dir, m[1].dir, "model.safetensors", true);
    assert_same_file(m[0].dir, m[1].dir, "model.safetensors.index.json", true);
    assert_same_file(m[0].dir, m[2].dir, "model.safetensors", false);
    for (int i = 0; i < 3; i++)
        made_deinit(&m[i]);
    json_free(config);
}

static void written_files_open_and_hold_the_plan(void **state)
{
    (void)state;
    struct json *config = parse(made_config);
    struct synth_plan *p = plan_of(config, 1, 20000);
    struct modeldir *d = NULL;
    struct err e = ERR_INIT;
    struct made m;
    made_init(&m);
    write_plan(p, m.dir, 2);
    made_file(&m, "config.json", str_from(made_config));
    if (modeldir_open(&d, m.dir, &e))
        fail_msg("%s", e.msg);
    assert_true(p->n_shard > 1);
    assert_int_equal(d->n_shards, p->n_shard);
    assert_int_equal(d->weight_bytes, p->bytes);
    assert_int_equal(d->tensors.n, p->n);
    for (size_t i = 0; i < p->n; i++) {
        const struct synth_item *it = &p->v[i];
        const struct tensor *t = tensors_find(&d->tensors, it->t.name);
        uint8_t *want = xmalloc(it->t.n_bytes);
        synth_fill_bytes(&it->fill, want, 0, it->t.n_bytes);
        assert_non_null(t);
        assert_int_equal(t->shard, it->t.shard);
        assert_memory_equal(t->p, want, t->n_bytes);
        mem_free(want);
    }
    for (int i = 0; i < p->n_shard; i++)
        assert_true(p->shards[i].bytes <= 20000);
    modeldir_close(d);
    made_deinit(&m);
    synth_plan_free(p);
    json_free(config);
}

static void index_names_the_file_of_every_tensor(void **state)
{
    (void)state;
    struct json *config = parse(made_config), *index = NULL;
    struct synth_plan *p = plan_of(config, 1, 20000);
    struct err e = ERR_INIT;
    struct made m;
    int64_t n = 0;
    made_init(&m);
    write_plan(p, m.dir, 1);
    char *path = file_join(m.dir, "model.safetensors.index.json");
    if (json_read(&index, path, &json_limits_default, &e))
        fail_msg("%s", e.msg);
    const struct json *map = json_get(index, "weight_map"), *meta = json_get(index, "metadata");
    assert_int_equal(json_len(map), p->n);
    for (size_t i = 0; i < p->n; i++) {
        char *file = synth_plan_shard_name(p, p->v[i].t.shard);
        assert_true(str_eqz(json_str(json_get(map, p->v[i].t.name)), file));
        mem_free(file);
    }
    assert_true(json_i64(json_get(meta, "total_parameters"), &n) && (uint64_t)n == p->n_parameter);
    json_free(index);
    mem_free(path);
    made_deinit(&m);
    synth_plan_free(p);
    json_free(config);
}

static void any_part_of_a_tensor_has_the_bytes_of_the_whole(void **state)
{
    (void)state;
    struct synth_fill f[3];
    uint8_t whole[100], part[100];
    synth_fill_matrix(&f[0], &f[1], &f[2], QUANT_AFFINE, 4, DTYPE_BF16, 1, 5);
    for (int k = 0; k < 3; k++) {
        synth_fill_bytes(&f[k], whole, 0, sizeof whole);
        for (size_t from = 0; from < sizeof whole; from++)
            for (size_t to = from; to <= sizeof whole; to++) {
                memset(part, 0, sizeof part);
                synth_fill_bytes(&f[k], part, from, to - from);
                assert_memory_equal(part, whole + from, to - from);
            }
    }
}

static unsigned code_at(const uint8_t *p, size_t i, int bits)
{
    unsigned q = 0;
    for (int b = 0; b < bits; b++) {
        size_t at = i * (size_t)bits + (size_t)b;
        q |= (unsigned)(p[at / 8] >> at % 8 & 1) << b;
    }
    return q;
}

enum { N_SAMPLE = 1 << 14 };

static double value(const uint8_t *w, const uint8_t *s, const uint8_t *b, enum quant_mode mode, int bits, int group,
                    enum dtype dtype, size_t i)
{
    if (mode == QUANT_PLAIN)
        return (double)num_load(w, dtype, i);
    unsigned q = code_at(w, i, bits);
    size_t g = i / (size_t)group;
    if (mode == QUANT_AFFINE)
        return (double)num_load(s, dtype, g) * q + (double)num_load(b, dtype, g);
    if (mode == QUANT_NVFP4)
        return (double)num_e4m3(s[g]) * (double)num_e2m1[q];
    return (double)num_e8m0(s[g]) * (double)(mode == QUANT_MXFP4 ? num_e2m1[q] : num_e4m3((uint8_t)q));
}

/* Mean near 0 and the wanted deviation, whatever the storage. */
static void check_values(enum quant_mode mode, int bits, int group, enum dtype dtype)
{
    static uint8_t w[N_SAMPLE * 4], s[N_SAMPLE], b[N_SAMPLE];
    struct synth_fill fw, fs, fb;
    double sd = 1 / sqrt(2048), sum = 0, squares = 0;
    size_t negative = 0;
    synth_fill_matrix(&fw, &fs, &fb, mode, bits, dtype, sd, 99);
    synth_fill_bytes(&fw, w, 0, sizeof w);
    if (mode != QUANT_PLAIN)
        synth_fill_bytes(&fs, s, 0, sizeof s);
    if (mode == QUANT_AFFINE)
        synth_fill_bytes(&fb, b, 0, sizeof b);
    for (size_t i = 0; i < N_SAMPLE; i++) {
        double x = value(w, s, b, mode, bits, group, dtype, i);
        sum += x;
        squares += x * x;
        negative += mode == QUANT_AFFINE && num_load(s, dtype, i / (size_t)group) < 0;
    }
    double mean = sum / N_SAMPLE, deviation = sqrt(squares / N_SAMPLE);
    if (fabs(mean) > 0.1 * sd || deviation < 0.93 * sd || deviation > 1.07 * sd)
        fail_msg("mode %d, %d bits: mean %g, deviation %g, wanted %g", (int)mode, bits, mean, deviation, sd);
    if (mode == QUANT_AFFINE && (negative < N_SAMPLE / 4 || negative > N_SAMPLE / 4 * 3))
        fail_msg("%zu of %d weights have a negative scale", negative, N_SAMPLE);
}

static void weights_have_the_wanted_deviation_in_every_storage(void **state)
{
    (void)state;
    static const int widths[] = { 2, 3, 4, 5, 6, 8 };
    static const enum dtype types[] = { DTYPE_BF16, DTYPE_F16, DTYPE_F32 };
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        for (size_t i = 0; i < ARRAY_LEN(widths); i++)
            check_values(QUANT_AFFINE, widths[i], 64, types[t]);
        check_values(QUANT_PLAIN, 0, 0, types[t]);
    }
    check_values(QUANT_MXFP4, 4, 32, DTYPE_U8);
    check_values(QUANT_MXFP8, 8, 32, DTYPE_U8);
    check_values(QUANT_NVFP4, 4, 16, DTYPE_U8);
}

/* Zero is one of the values of every affine group: the bias is a whole multiple of the scale, but for the rounding of its type. */
static void zero_is_a_value_of_every_affine_group(void **state)
{
    (void)state;
    struct synth_fill w, s, b;
    synth_fill_matrix(&w, &s, &b, QUANT_AFFINE, 4, DTYPE_BF16, 0.02, 3);
    for (int k = 0; k < SYNTH_FILL_TABLE_N; k++) {
        double ratio = (double)num_bf16((uint16_t)b.table[k]) / (double)num_bf16((uint16_t)s.table[k]);
        assert_true(fabs(ratio + 7) < 0.03 || fabs(ratio + 8) < 0.03);
    }
}

static void refuse(const char *from, const char *to, int code, const char *part)
{
    struct synth_plan *p = NULL;
    struct err e = ERR_INIT;
    char *text = made_edit(from, to);
    struct json *config = parse(text);
    assert_int_equal(synth_plan_new(&p, config, 1, SYNTH_SHARD_BYTES, &e), code);
    assert_null(p);
    if (!strstr(e.msg, part))
        fail_msg("the message \"%s\" does not say \"%s\"", e.msg, part);
    json_free(config);
    mem_free(text);
}

static void what_cannot_be_made_is_refused_by_name(void **state)
{
    (void)state;
    refuse("qwen3_moe", "llama", ERR_UNSUPPORTED, "found \"llama\"");
    refuse("\"mode\": \"affine\"", "\"mode\": \"affine\", \"lm_head\": {\"bits\": 4, \"group_size\": 128}", ERR_ARG,
           "quantization.lm_head: group_size 128 does not divide the module's 64 inputs");
    refuse("\"num_experts\": 4, \"num_experts_per_tok\": 2, \"moe_intermediate_size\": 32",
           "\"num_experts\": 65536, \"num_experts_per_tok\": 2, \"moe_intermediate_size\": 4194304", ERR_LIMIT,
           "64 TiB");
    refuse("\"bits\": 4", "\"bits\": 7", ERR_UNSUPPORTED, "bits");
    refuse("\"hidden_size\": 64", "\"hidden_size\": \"wide\"", ERR_FORMAT, "hidden_size");
    refuse("\"hidden_act\": \"silu\"", "\"torch_dtype\": \"int8\"", ERR_FORMAT, "bfloat16, float16 or float32");
}

static void module_whose_rows_the_global_group_does_not_divide_is_plain(void **state)
{
    (void)state;
    char *text = made_edit("\"group_size\": 32", "\"group_size\": 64");
    struct json *config = parse(text);
    struct synth_plan *p = plan_of(config, 1, SYNTH_SHARD_BYTES);
    for (size_t i = 0; i < p->n; i++) {
        const struct tensor *t = &p->v[i].t;
        struct str name = str_from(t->name);
        if (str_ends(name, STR("weight")) && str_find(name, STR("norm")) < 0)
            assert_int_equal(t->dtype, str_find(name, STR("switch_mlp.down_proj")) >= 0 ? DTYPE_BF16 : DTYPE_U32);
    }
    synth_plan_free(p);
    json_free(config);
    mem_free(text);
}

static bool stop_at_once(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
    (void)arg;
    return done_bytes <= total_bytes;
}

static void writing_stops_when_progress_says_so(void **state)
{
    (void)state;
    struct json *config = parse(made_config);
    struct synth_plan *p = plan_of(config, 1, SYNTH_SHARD_BYTES);
    struct synth_opts o = { .n_threads = 1, .on_progress = stop_at_once };
    struct err e = ERR_INIT;
    struct made m;
    made_init(&m);
    assert_int_equal(synth_write(p, m.dir, &o, &e), ERR_CANCELLED);
    made_deinit(&m);
    synth_plan_free(p);
    json_free(config);
}

static void directory_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct json *config = parse(made_config);
    struct synth_plan *p = plan_of(config, 1, SYNTH_SHARD_BYTES);
    struct synth_opts o = { .n_threads = 1 };
    struct err e = ERR_INIT;
    assert_int_equal(synth_write(p, "/no/such/directory", &o, &e), ERR_IO);
    assert_non_null(strstr(e.msg, "/no/such/directory/model.safetensors"));
    synth_plan_free(p);
    json_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_those_that_mlx_lm_writes),
        cmocka_unit_test(same_seed_gives_same_files_on_any_number_of_threads),
        cmocka_unit_test(written_files_open_and_hold_the_plan),
        cmocka_unit_test(index_names_the_file_of_every_tensor),
        cmocka_unit_test(any_part_of_a_tensor_has_the_bytes_of_the_whole),
        cmocka_unit_test(weights_have_the_wanted_deviation_in_every_storage),
        cmocka_unit_test(zero_is_a_value_of_every_affine_group),
        cmocka_unit_test(what_cannot_be_made_is_refused_by_name),
        cmocka_unit_test(module_whose_rows_the_global_group_does_not_divide_is_plain),
        cmocka_unit_test(writing_stops_when_progress_says_so),
        cmocka_unit_test(directory_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests_name("synth", tests, NULL, NULL);
}
