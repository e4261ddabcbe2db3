/* test_mini_golden.c - the demonstration model against mlx-lm's logits: all short golden sequences and one long one for each path.
 * With OCTET_TEST_FULL set, every golden sequence; with OCTET_TEST_SHORT, no long one (an emulator would take hours).
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/golden.h"

/* Sequences of at most SHORT tokens are all run; of the longer ones the first with more than LONG. */
enum { N_GOLDEN = 50, SHORT = 1000, LONG = 3000, NLL_TOKENS = 100 };
/* Nats per predicted token of the 24 sequences of at most NLL_TOKENS tokens, in float32 arithmetic (golden/report.json has it per
 * position: 0.42854631 * 987 / 963). */
#define NLL 0.43923

/* mean KL, top-1 share: what the stored figures of the model allow each path (docs/MODEL.md, numerics). */
struct bound {
    double mean_kl, top1;
};

struct sums {
    double kl, top1, nll;
    size_t n, n_nll, n_files;
};

static bool wanted(size_t n_tok, bool *long_done)
{
    if (n_tok <= SHORT || getenv("OCTET_TEST_FULL"))
        return true;
    if (getenv("OCTET_TEST_SHORT"))
        return false;
    bool first = !*long_done && n_tok > LONG;
    *long_done |= first;
    return first;
}

static void add_file(struct sums *s, struct model *m, int id, bool *long_done)
{
    struct golden g;
    char path[100];
    snprintf(path, sizeof path, "tests/data/golden/logits-%02d.safetensors", id);
    golden_open(&g, path);
    if (wanted(g.n_tok, long_done)) {
        struct divergence d = golden_compare(&g, m, g.n_tok <= NLL_TOKENS);
        print_message("%02d: %5zu tokens, mean KL %.2e, max KL %.2e, top-1 %.4f\n", id, g.n_tok, d.mean_kl, d.max_kl,
                      d.top1);
        s->kl += d.mean_kl * (double)d.n;
        s->top1 += d.top1 * (double)d.n;
        s->n += d.n;
        s->n_files++;
        if (g.n_tok <= NLL_TOKENS) {
            s->nll += d.nll * (double)d.n_nll;
            s->n_nll += d.n_nll;
        }
    }
    golden_close(&g);
}

static void agrees(enum precision precision, struct bound bound)
{
    struct err e = ERR_INIT;
    struct model *m = NULL;
    struct sums s = { 0 };
    bool long_done = false;
    if (getenv("OCTET_TEST_SHORT"))
        print_message("OCTET_TEST_SHORT: no sequence of more than %d tokens\n", SHORT);
    struct model_opts o = model_opts_default;
    o.precision = precision;
    if (model_open(&m, "models/octet-mini", &o, &e))
        fail_msg("%s", e.msg);
    for (int id = 0; id < N_GOLDEN; id++)
        add_file(&s, m, id, &long_done);
    model_close(m);
    double kl = s.kl / (double)s.n, top1 = s.top1 / (double)s.n;
    print_message("%zu sequences, %zu positions: mean KL %.3e, top-1 %.5f\n", s.n_files, s.n, kl, top1);
    double nll = s.nll / (double)s.n_nll;
    print_message("%zu tokens of short sequences: nll %.5f\n", s.n_nll, nll);
    assert_true(kl <= bound.mean_kl);
    assert_true(top1 >= bound.top1);
    assert_true(fabs(nll - NLL) <= 0.002 * NLL);
}

static void exact_path_agrees_with_mlx_lm(void **state)
{
    (void)state;
    agrees(PRECISION_F32, (struct bound){ .mean_kl = 1e-5, .top1 = 0.999 });
}

static void int8_path_agrees_with_mlx_lm(void **state)
{
    (void)state;
    agrees(PRECISION_INT8, (struct bound){ .mean_kl = 2e-4, .top1 = 0.995 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_path_agrees_with_mlx_lm),
        cmocka_unit_test(int8_path_agrees_with_mlx_lm),
    };
    return cmocka_run_group_tests_name("demonstration model", tests, NULL, NULL);
}
