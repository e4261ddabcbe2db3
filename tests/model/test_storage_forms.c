/* test_storage_forms.c - every storage form that mlx-lm writes loads and agrees with its golden logits, on both paths.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "base/file.h"
#include "base/mem.h"
#include "support/golden.h"

#define FORMS "tests/data/quant"

static struct divergence compare(const char *form, enum precision precision)
{
    struct err e = ERR_INIT;
    struct model *m = NULL;
    struct golden g;
    char *dir = file_join(FORMS, form), *file = file_join(dir, "golden.safetensors");
    struct model_opts o = model_opts_default;
    o.precision = precision;
    o.n_threads = 2;
    if (model_open(&m, dir, &o, &e))
        fail_msg("%s", e.msg);
    golden_open(&g, file);
    struct divergence d = golden_compare(&g, m, false);
    golden_close(&g);
    model_close(m);
    mem_free(file);
    mem_free(dir);
    return d;
}

static void each_form(enum precision precision, void (*check)(const char *form, const struct divergence *d))
{
    struct err e = ERR_INIT;
    char **forms = NULL;
    size_t n = 0;
    if (file_list(&forms, &n, FORMS, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(n, 35);
    for (size_t i = 0; i < n; i++) {
        struct divergence d = compare(forms[i], precision);
        print_message("%-20s max |logit difference| %.2e  median KL %.2e  mean KL %.2e  top-1 %.3f\n", forms[i],
                      d.max_abs, d.median_kl, d.mean_kl, d.top1);
        check(forms[i], &d);
    }
    file_list_free(forms, n);
}

static void exact_bound(const char *form, const struct divergence *d)
{
    if (d->max_abs > 1e-3)
        fail_msg("%s: a logit differs by %g, at most 1e-3 is right", form, d->max_abs);
}

/* The median: a near-tie of a random router may flip single positions. */
static void int8_bound(const char *form, const struct divergence *d)
{
    if (d->median_kl > 1e-3)
        fail_msg("%s: median KL %g, at most 1e-3 is right", form, d->median_kl);
}

static void exact_path_agrees_in_every_form(void **state)
{
    (void)state;
    each_form(PRECISION_F32, exact_bound);
}

static void int8_path_agrees_in_every_form(void **state)
{
    (void)state;
    each_form(PRECISION_INT8, int8_bound);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_path_agrees_in_every_form),
        cmocka_unit_test(int8_path_agrees_in_every_form),
    };
    return cmocka_run_group_tests_name("storage forms", tests, NULL, NULL);
}
