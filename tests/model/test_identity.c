/* test_identity.c - whatever changes the bytes of a page changes a model's identity; its place and the way it is run do not.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "kernel/cpu.h"
#include "model/identity.h"
#include "model/synth_write.h"
#include "support/made.h"

struct identity {
    uint8_t b[IDENTITY_BYTES];
};

static struct identity identity_of(const char *dir, const struct model_opts *o)
{
    struct model *m;
    struct err e = ERR_INIT;
    struct identity id;
    if (model_open(&m, dir, o, &e))
        fail_msg("%s", e.msg);
    model_identity(m, id.b);
    model_close(m);
    return id;
}

static bool same(const struct identity *x, const struct identity *y)
{
    return memcmp(x, y, sizeof *x) == 0;
}

static struct model_opts one_thread(void)
{
    struct model_opts o = model_opts_default;
    o.n_threads = 1;
    o.chunk = 16;
    return o;
}

static void make(struct made *m, const char *text, uint64_t seed, uint64_t shard_bytes)
{
    struct json *config = NULL;
    struct synth_plan *p = NULL;
    struct synth_opts o = { .n_threads = 1 };
    struct err e = ERR_INIT;
    made_init(m);
    if (json_parse(&config, str_from(text), "config.json", &json_limits_default, &e) ||
        synth_plan_new(&p, config, seed, shard_bytes, &e) || synth_write(p, m->dir, &o, &e))
        fail_msg("%s", e.msg);
    made_file(m, "config.json", str_from(text));
    synth_plan_free(p);
    json_free(config);
}

static void files_decide_not_their_place_or_the_run(void **state)
{
    (void)state;
    struct made m[2];
    struct model_opts o = one_thread();
    make(&m[0], made_config, 7, SYNTH_SHARD_BYTES);
    make(&m[1], made_config, 7, 20000); /* several files */
    struct identity first = identity_of(m[0].dir, &o), again = identity_of(m[0].dir, &o);
    struct identity moved = identity_of(m[1].dir, &o);
    o.n_threads = 3;
    o.chunk = 100;
    struct identity other_run = identity_of(m[0].dir, &o);
    assert_true(same(&first, &again) && same(&first, &moved) && same(&first, &other_run));
    for (int i = 0; i < 2; i++)
        made_deinit(&m[i]);
}

static void seed_and_config_change_it(void **state)
{
    (void)state;
    static const char *const edits[][2] = { { "\"rope_theta\": 1000000", "\"rope_theta\": 1000001" },
                                            { "\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 1" },
                                            { "\"norm_topk_prob\": true", "\"norm_topk_prob\": false" },
                                            { "\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": 1e-05" } };
    struct made m;
    struct model_opts o = one_thread();
    make(&m, made_config, 7, SYNTH_SHARD_BYTES);
    struct identity first = identity_of(m.dir, &o);
    made_deinit(&m);
    make(&m, made_config, 8, SYNTH_SHARD_BYTES);
    struct identity other = identity_of(m.dir, &o);
    assert_false(same(&first, &other));
    made_deinit(&m);
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        char *text = made_edit(edits[i][0], edits[i][1]);
        make(&m, text, 7, SYNTH_SHARD_BYTES);
        other = identity_of(m.dir, &o);
        if (same(&first, &other))
            fail_msg("%s does not change it", edits[i][1]);
        made_deinit(&m);
        mem_free(text);
    }
}

/* Flips a bit of the model's only weight file. */
static void flip(const struct made *m, size_t at)
{
    char *path = file_join(m->dir, "model.safetensors");
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    int ch = getc(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    assert_int_equal(putc(ch ^ 1, f), ch ^ 1);
    assert_int_equal(fclose(f), 0);
    mem_free(path);
}

/* Fine-tunes have the same config and headers. */
static void a_bit_in_any_tensor_changes_it(void **state)
{
    (void)state;
    struct made m;
    struct modeldir *d;
    struct err e = ERR_INIT;
    struct model_opts o = one_thread();
    make(&m, made_config, 7, SYNTH_SHARD_BYTES);
    struct identity first = identity_of(m.dir, &o), now;
    assert_int_equal(modeldir_open(&d, m.dir, &e), 0);
    assert_int_equal(d->n_shards, 1);
    for (size_t i = 0; i < d->tensors.n; i++) {
        const struct tensor *t = &d->tensors.v[i];
        const size_t at[] = { 0, t->n_bytes / 2, t->n_bytes - 1 };
        for (size_t k = 0; k < ARRAY_LEN(at); k++) {
            size_t byte = (size_t)(t->p - d->maps[0].p) + at[k];
            flip(&m, byte);
            now = identity_of(m.dir, &o);
            if (same(&first, &now))
                fail_msg("byte %zu of %zu of %s does not change it", at[k], t->n_bytes, t->name);
            flip(&m, byte);
        }
    }
    now = identity_of(m.dir, &o);
    assert_true(same(&first, &now));
    modeldir_close(d);
    made_deinit(&m);
}

/* Of the instruction sets those that this processor has. */
static void each_way_to_compute_has_its_own(void **state)
{
    (void)state;
    static const char *const sets[] = { "ref", "avx2", "avx512", "neon" };
    static const unsigned needs[] = { 0, CPU_AVX2, CPU_AVX512VNNI, CPU_NEON };
    struct identity seen[ARRAY_LEN(sets) * 2 * KV_TYPE_N];
    size_t n = 0;
    struct made m;
    struct err e = ERR_INIT;
    make(&m, made_config, 7, SYNTH_SHARD_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        if ((cpu_flags() & needs[i]) != needs[i])
            continue;
        for (int precision = 0; precision < 2; precision++)
            for (int type = 0; type < KV_TYPE_N; type++) {
                struct model_opts o = one_thread();
                assert_int_equal(cpu_mask_parse(sets[i], &o.isa_mask, &e), 0);
                o.precision = precision ? PRECISION_F32 : PRECISION_INT8;
                o.kv_type = (enum kv_type)type;
                seen[n] = identity_of(m.dir, &o);
                for (size_t k = 0; k < n; k++)
                    if (same(&seen[k], &seen[n]))
                        fail_msg("%s, precision %d, keys and values %s: as another", sets[i], precision,
                                 kv_type_name(o.kv_type));
                n++;
            }
    }
    made_deinit(&m);
}

static void the_default_storage_has_the_identity_of_its_type(void **state)
{
    (void)state;
    struct made m;
    struct model_opts o = one_thread();
    make(&m, made_config, 7, SYNTH_SHARD_BYTES);
    struct identity by_default = identity_of(m.dir, &o);
    o.kv_type = KV_F16;
    struct identity by_name = identity_of(m.dir, &o);
    assert_true(same(&by_default, &by_name));
    made_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_decide_not_their_place_or_the_run),
        cmocka_unit_test(seed_and_config_change_it),
        cmocka_unit_test(a_bit_in_any_tensor_changes_it),
        cmocka_unit_test(each_way_to_compute_has_its_own),
        cmocka_unit_test(the_default_storage_has_the_identity_of_its_type),
    };
    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
