/* test_determinism.c - a prompt's logits are the same bits in any chunking and on any number of threads, on both paths.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "engine/seq.h"
#include "kernel/cpu.h"

/* Long enough for several pages, a second attention split and a last chunk that is not full. */
enum { N_TOK = 700, N_WANT = 9 };
static const size_t want[N_WANT] = { 0, 1, 6, 63, 64, 255, 511, 512, N_TOK - 1 };

struct rows {
    float *v; /* [N_WANT][n_vocab] */
    size_t n, n_vocab;
};

static void keep_row(void *arg, size_t pos, const float *logits)
{
    struct rows *r = arg;
    assert_int_equal(pos, want[r->n]);
    memcpy(r->v + r->n++ * r->n_vocab, logits, r->n_vocab * sizeof *logits);
}

static struct rows run(const struct model_opts *o)
{
    struct err e = ERR_INIT;
    struct model *m = NULL;
    struct seq *s = NULL;
    struct rng rng;
    int32_t ids[N_TOK];
    if (model_open(&m, "models/octet-mini", o, &e))
        fail_msg("%s", e.msg);
    size_t n_vocab = (size_t)model_config(m)->n_vocab;
    rng_init(&rng, 7);
    for (int t = 0; t < N_TOK; t++)
        ids[t] = (int32_t)rng_below(&rng, (uint32_t)n_vocab);
    struct rows r = { .v = xcalloc(N_WANT * n_vocab, sizeof(float)), .n_vocab = n_vocab };
    const struct seq_feed f = {
        .ids = ids, .n = N_TOK, .want = want, .n_want = N_WANT, .on_logits = keep_row, .arg = &r
    };
    if (seq_new(&s, m, N_TOK, &e) || seq_feed(s, &f, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(r.n, N_WANT);
    seq_free(s);
    model_close(m);
    return r;
}

static void same_bits(const char *isa, enum precision precision)
{
    struct err e = ERR_INIT;
    struct model_opts o = model_opts_default;
    o.precision = precision;
    assert_int_equal(cpu_mask_parse(isa, &o.isa_mask, &e), 0);
    static const int chunks[] = { 512, 1, 7, 64, 512 };
    struct rows first = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        o.chunk = chunks[i];
        o.n_threads = i == 0 ? 1 : i == 3 ? 3 : 2;
        struct rows r = run(&o);
        if (!first.v) {
            first = r;
            continue;
        }
        if (memcmp(first.v, r.v, N_WANT * r.n_vocab * sizeof(float)) != 0)
            fail_msg("%s: chunks of %d on %d threads give other bits than chunks of 512 on one", isa, chunks[i],
                     o.n_threads);
        mem_free(r.v);
    }
    mem_free(first.v);
}

static const char *widest(void)
{
    unsigned f = cpu_flags();
    return f & CPU_AVX512VNNI ? "avx512" : f & CPU_AVX2 ? "avx2" : f & CPU_NEON ? "neon" : "ref";
}

static void int8_path_is_bit_identical(void **state)
{
    (void)state;
    same_bits(widest(), PRECISION_INT8);
}

static void exact_path_is_bit_identical(void **state)
{
    (void)state;
    same_bits(widest(), PRECISION_F32);
}

static void avx2_is_bit_identical(void **state)
{
    (void)state;
    if (!(cpu_flags() & CPU_AVX2))
        skip();
    same_bits("avx2", PRECISION_INT8);
    same_bits("avx2", PRECISION_F32);
}

static void sequence_goes_on_from_a_cut_with_the_same_bits(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct model *m = NULL;
    struct seq *s = NULL;
    struct rng rng;
    int32_t ids[N_TOK], other[N_TOK];
    if (model_open(&m, "models/octet-mini", &model_opts_default, &e) || seq_new(&s, m, N_TOK, &e))
        fail_msg("%s", e.msg);
    size_t n_vocab = (size_t)model_config(m)->n_vocab;
    rng_init(&rng, 8);
    for (int t = 0; t < N_TOK; t++) {
        ids[t] = (int32_t)rng_below(&rng, (uint32_t)n_vocab);
        other[t] = t < 300 ? ids[t] : (int32_t)rng_below(&rng, (uint32_t)n_vocab);
    }
    struct rows whole = { .v = xcalloc(N_WANT * n_vocab, sizeof(float)), .n_vocab = n_vocab };
    struct rows again = { .v = xcalloc(N_WANT * n_vocab, sizeof(float)), .n_vocab = n_vocab };
    struct seq_feed f = {
        .ids = ids, .n = N_TOK, .want = want, .n_want = N_WANT, .on_logits = keep_row, .arg = &whole
    };
    assert_int_equal(seq_feed(s, &f, &e), 0);
    seq_truncate(s, 0);
    assert_int_equal(seq_feed(s, &(struct seq_feed){ .ids = other, .n = N_TOK }, &e), 0);
    assert_int_equal(seq_common(s, ids, N_TOK), 300);
    seq_truncate(s, 300);
    again.n = 6; /* the first wanted position behind 300 is the seventh */
    f = (struct seq_feed){
        .ids = ids + 300, .n = N_TOK - 300, .want = want, .n_want = N_WANT, .on_logits = keep_row, .arg = &again
    };
    assert_int_equal(seq_feed(s, &f, &e), 0);
    assert_int_equal(again.n, N_WANT);
    assert_memory_equal(whole.v + 6 * n_vocab, again.v + 6 * n_vocab, 3 * n_vocab * sizeof(float));
    mem_free(whole.v);
    mem_free(again.v);
    seq_free(s);
    model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(int8_path_is_bit_identical),
        cmocka_unit_test(exact_path_is_bit_identical),
        cmocka_unit_test(avx2_is_bit_identical),
        cmocka_unit_test(sequence_goes_on_from_a_cut_with_the_same_bits),
    };
    return cmocka_run_group_tests_name("determinism", tests, NULL, NULL);
}
