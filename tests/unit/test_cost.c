/* test_cost.c - what steps cost is learnt from steps of any size, and guesses are verified where they pay: on made-up machines, whose steps
 * take what a formula says and some noise.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/cost.h"
#include "engine/draft.h"
#include "text/tokenizer.h"

/* Time of a step of n rows, in ns. */
typedef double (*machine_fn)(int n_row);

/* Reads all weights for any number of rows. */
static double reads_weights(int n_row)
{
    return 1e6 + 2e4 * n_row;
}

/* Reads the experts that its rows choose, 8 of 128 each. */
static double reads_experts(int n_row)
{
    return 3e5 + 1e5 * 128 * (1 - pow(1 - 8 / 128.0, n_row)) / 8;
}

/* Every row costs the same. */
static double computes(int n_row)
{
    return 1e5 * n_row;
}

static const struct {
    const char *name;
    machine_fn time;
} machines[] = { { "reads weights", reads_weights }, { "reads experts", reads_experts }, { "computes", computes } };

static int64_t noisy(machine_fn time, int n_row, struct rng *rng)
{
    return (int64_t)(time(n_row) * (0.95 + 0.1 * rng_unit(rng)));
}

static void steps_of_any_size_teach_the_cost_of_all(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 5);
    for (size_t m = 0; m < ARRAY_LEN(machines); m++) {
        struct cost *c = cost_new();
        assert_int_equal(cost_ns(c, 1), 0);
        for (int i = 0; i < 2000; i++) {
            int n_row = 1 + (int)rng_below(&rng, 64);
            cost_step(c, n_row, noisy(machines[m].time, n_row, &rng));
        }
        for (int n_row = 1; n_row <= 64; n_row++) {
            double share = (double)cost_ns(c, n_row) / machines[m].time(n_row);
            if (!(share > 0.9 && share < 1.1))
                fail_msg("%s: %d rows are expected to take %.2f of their time", machines[m].name, n_row, share);
        }
        cost_free(c);
    }
}

/* One size alone, between the points of the table. */
static void one_size_is_known_after_few_steps_and_followed_when_it_changes(void **state)
{
    (void)state;
    for (int n_row = 1; n_row <= 64; n_row++) {
        struct cost *c = cost_new();
        cost_step(c, n_row, 1000000);
        assert_in_range(cost_ns(c, n_row), 999000, 1001000);
        for (int i = 0; i < 5; i++)
            cost_step(c, n_row, 1000000);
        assert_in_range(cost_ns(c, n_row), 999000, 1001000);
        /* What was not seen is taken to cost more with more rows, but not in proportion. */
        assert_true(cost_ns(c, 2 * n_row) > cost_ns(c, n_row));
        assert_true(cost_ns(c, 2 * n_row) < 2 * cost_ns(c, n_row));
        assert_true(cost_ns(c, MAX(n_row / 2, 1)) <= cost_ns(c, n_row));
        for (int i = 0; i < 40; i++)
            cost_step(c, n_row, 3000000);
        assert_in_range(cost_ns(c, n_row), 2850000, 3010000);
        cost_free(c);
    }
}

static void one_slow_step_does_not_make_the_average(void **state)
{
    (void)state;
    struct cost *c = cost_new();
    for (int i = 0; i < 50; i++)
        cost_step(c, 5, 1000000);
    cost_step(c, 5, 5000000);
    assert_true(cost_ns(c, 5) < 2000000);
    cost_free(c);
}

static void larger_steps_than_the_table_has_are_left_out(void **state)
{
    (void)state;
    struct cost *c = cost_new();
    cost_step(c, 257, 1000000);
    assert_int_equal(cost_ns(c, 64), 0);
    cost_free(c);
}

static void prompt_rows_fill_the_time_that_there_is(void **state)
{
    (void)state;
    struct cost *c = cost_new();
    assert_int_equal(cost_rows_within(c, 1000000000), 1);
    cost_step(c, 1, 2000000);
    assert_int_equal(cost_rows_within(c, 20000000), 10); /* no prompt seen: as a step of one row */
    cost_prompt(c, 1000, 100000000);
    assert_int_equal(cost_rows_within(c, 20000000), 200);
    for (int i = 0; i < 100; i++)
        cost_prompt(c, 1000, 200000000);
    assert_in_range(cost_rows_within(c, 20000000), 100, 101);
    assert_int_equal(cost_rows_within(c, 0), 1);
    assert_int_equal(cost_rows_within(c, -5), 1);
    assert_int_equal(cost_rows_within(c, INT64_MAX), 1 << 20);
    cost_free(c);
}

static void learn(struct cost *c, machine_fn time)
{
    for (int i = 0; i < 50; i++)
        for (int n_row = 1; n_row <= 64; n_row++)
            cost_step(c, n_row, (int64_t)time(n_row));
}

/* The best number to verify, by the definition: most tokens per time where a guessed token is right with chance a. */
static int best_number(machine_fn time, double a, int n_guess, int n_other, double *gain)
{
    double base = (n_other + 1) / time(n_other + 1), best = base, tokens = n_other + 1;
    int worth = 0;
    for (int g = 1; g <= n_guess; g++) {
        tokens += pow(a, g);
        if (tokens / time(n_other + 1 + g) > best) {
            best = tokens / time(n_other + 1 + g);
            worth = g;
        }
    }
    *gain = best / base;
    return worth;
}

/* With n_other rows besides; the shares of right tokens are those of guesses that were seen in great number. */
static void the_number_worth_verifying_gives_most_tokens_per_time(void **state)
{
    (void)state;
    static const double chances[] = { 0.05, 0.3, 0.5, 0.8, 0.95, 0.99 };
    for (size_t m = 0; m < ARRAY_LEN(machines); m++)
        for (size_t k = 0; k < ARRAY_LEN(chances); k++)
            for (int n_other = 0; n_other < 12; n_other += 4) {
                double a = chances[k], gain, tokens = n_other + 1;
                struct cost *c = cost_new();
                learn(c, machines[m].time);
                /* One token at a time: right with that chance. */
                for (int i = 0; i < 2000; i++)
                    cost_guess(c, 20, 1, i * 37 % 100 < (int)(a * 100));
                int got = cost_guess_worth(c, 20, 40, n_other);
                (void)best_number(machines[m].time, a, 40, n_other, &gain);
                for (int g = 1; g <= got; g++)
                    tokens += pow(a, g);
                double rate = tokens / machines[m].time(n_other + 1 + got);
                double base = (n_other + 1) / machines[m].time(n_other + 1);
                if (rate / base < gain * 0.9 || (got && rate < base))
                    fail_msg(
                        "%s, chance %.2f, %d others: %d guesses give %.2f of the rate of none, the best number %.2f",
                        machines[m].name, a, n_other, got, rate / base, gain);
                cost_free(c);
            }
}

static void nothing_is_verified_before_a_step_was_seen(void **state)
{
    (void)state;
    struct cost *c = cost_new();
    assert_int_equal(cost_guess_worth(c, 200, 48, 0), 0);
    cost_step(c, 1, 1000000);
    assert_true(cost_guess_worth(c, 200, 48, 0) > 0);
    assert_int_equal(cost_guess_worth(c, 200, 0, 0), 0);
    cost_free(c);
}

static void guesses_from_short_and_long_matches_are_judged_apart(void **state)
{
    (void)state;
    struct cost *c = cost_new();
    learn(c, reads_weights);
    for (int i = 0; i < 300; i++) {
        cost_guess(c, 4, 16, 0);
        cost_guess(c, 200, 16, 16);
    }
    assert_int_equal(cost_guess_worth(c, 4, 16, 0), 0);
    assert_int_equal(cost_guess_worth(c, 200, 16, 0), 16);
    cost_free(c);
}

/* --- traces ---------------------------------------------------------------------------------------------------------------------------- */

/* The tokens behind the first n_prompt are drawn, with as many guesses as pay. Returns the time as a share of that without guesses. */
static double run(machine_fn time, const struct ids *ids, size_t n_prompt, struct cost *c, struct rng *rng)
{
    struct draft *d = draft_new();
    double took = 0;
    for (size_t n = n_prompt; n < ids->n;) {
        int32_t guess[DRAFT_MAX];
        int match;
        draft_update(d, ids->v, n);
        int n_guess = draft_guess(d, guess, DRAFT_MAX, &match);
        n_guess = MIN(n_guess, cost_guess_worth(c, match, n_guess, 0));
        size_t n_right = ids_common(guess, ids->v + n, MIN((size_t)n_guess, ids->n - n));
        int64_t ns = noisy(time, n_guess + 1, rng);
        cost_step(c, n_guess + 1, ns);
        if (n_guess)
            cost_guess(c, match, n_guess, (int)n_right);
        took += (double)ns;
        n += n_right + 1;
    }
    draft_free(d);
    return took / (time(1) * (double)(ids->n - n_prompt));
}

static void encode_file(struct tokenizer *tok, const char *path, struct ids *out)
{
    struct err e = ERR_INIT;
    struct buf text = { 0 };
    if (file_read(&text, path, &e) || tokenizer_encode(tok, buf_view(&text), TOKENIZER_ADDED_NONE, out, &e))
        fail_msg("%s", e.msg);
    buf_deinit(&text);
}

static struct tokenizer *open_tokenizer(void)
{
    struct tokenizer *tok;
    struct err e = ERR_INIT;
    if (tokenizer_open(&tok, "models/octet-mini", &e))
        fail_msg("%s", e.msg);
    return tok;
}

static void guesses_pay_on_repeated_text_and_do_not_cost_on_ordinary_text(void **state)
{
    (void)state;
    static const char *const texts[] = { "docs/MODEL.md", "docs/TESTING.md", "README.md" };
    static const double most[] = { 0.1, 0.2, 1.02 }; /* of a text that was there before, by machine */
    struct tokenizer *tok = open_tokenizer();
    struct rng rng;
    rng_init(&rng, 9);
    for (size_t m = 0; m < ARRAY_LEN(machines); m++)
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
            struct ids ids = { 0 };
            struct cost *c = cost_new();
            encode_file(tok, texts[i], &ids);
            double once = run(machines[m].time, &ids, 10, c, &rng);
            size_t n = ids.n;
            encode_file(tok, texts[i], &ids);
            double again = run(machines[m].time, &ids, n, c, &rng);
            print_message("%s, %s: %.3f of the time without guesses, written once more %.3f\n", machines[m].name,
                          texts[i], once, again);
            assert_true(once < 1.02 && again < most[m]);
            ids_deinit(&ids);
            cost_free(c);
        }
    tokenizer_close(tok);
}

/* Weights that have to be read from disk first: every size that is tried then seems slow. Later guesses pay all the same. */
static void a_size_that_was_slow_once_is_tried_again(void **state)
{
    (void)state;
    struct tokenizer *tok = open_tokenizer();
    struct ids ids = { 0 };
    struct rng rng;
    struct cost *c = cost_new();
    rng_init(&rng, 9);
    encode_file(tok, "docs/TESTING.md", &ids);
    size_t n = ids.n;
    for (int n_row = 2; n_row <= 64; n_row++)
        cost_step(c, n_row, (int64_t)reads_weights(n_row) * 20);
    for (int i = 0; i < 2000; i++)
        cost_step(c, 1, (int64_t)reads_weights(1));
    encode_file(tok, "docs/TESTING.md", &ids);
    assert_true(run(reads_weights, &ids, n, c, &rng) < 0.5);
    cost_free(c);
    ids_deinit(&ids);
    tokenizer_close(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_any_size_teach_the_cost_of_all),
        cmocka_unit_test(one_size_is_known_after_few_steps_and_followed_when_it_changes),
        cmocka_unit_test(one_slow_step_does_not_make_the_average),
        cmocka_unit_test(larger_steps_than_the_table_has_are_left_out),
        cmocka_unit_test(prompt_rows_fill_the_time_that_there_is),
        cmocka_unit_test(the_number_worth_verifying_gives_most_tokens_per_time),
        cmocka_unit_test(nothing_is_verified_before_a_step_was_seen),
        cmocka_unit_test(guesses_from_short_and_long_matches_are_judged_apart),
        cmocka_unit_test(guesses_pay_on_repeated_text_and_do_not_cost_on_ordinary_text),
        cmocka_unit_test(a_size_that_was_slow_once_is_tried_again),
    };
    return cmocka_run_group_tests_name("cost", tests, NULL, NULL);
}
