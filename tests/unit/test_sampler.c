/* test_sampler.c - from logits to the next token: exact probabilities against many draws with a fixed seed.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/sampler.h"

static struct sampler *make(const struct sampling *set, int n_vocab)
{
    struct sampler *s = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(sampler_new(&s, set, n_vocab, NULL, &e), 0);
    return s;
}

/* The probabilities that the header's steps 5 to 8 define, by a full sort in double. */
struct ranked {
    double p;
    int id;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->p != y->p ? (x->p < y->p ? 1 : -1) : x->id - y->id;
}

static void exact_probabilities(double *p, const float *x, int n, const struct sampling *set)
{
    struct ranked *r = xcalloc((size_t)n, sizeof *r);
    double sum = 0, run = 0, best = -HUGE_VAL;
    for (int i = 0; i < n; i++)
        best = MAX(best, (double)x[i]);
    for (int i = 0; i < n; i++)
        r[i] = (struct ranked){ exp(((double)x[i] - best) / set->temperature), i };
    qsort(r, (size_t)n, sizeof *r, by_p);
    int kept = set->top_k ? MIN(set->top_k, n) : n;
    for (int i = 0; i < kept; i++)
        sum += r[i].p;
    int nucleus = 0;
    while (nucleus < kept && run < set->top_p * sum)
        run += r[nucleus++].p;
    kept = set->top_p < 1 ? MAX(nucleus, 1) : kept;
    while (kept > 1 && r[kept - 1].p < set->min_p * r[0].p)
        kept--;
    sum = 0;
    for (int i = 0; i < kept; i++)
        sum += r[i].p;
    for (int i = 0; i < n; i++)
        p[r[i].id] = i < kept ? r[i].p / sum : 0;
    mem_free(r);
}

/* Draws n_draw tokens: none that has no probability, and a chi-square that a right sampler exceeds once in a million seeds
 * (Wilson and Hilferty's approximation at 4.75 standard deviations). */
static void draws_match(const struct sampling *set, const float *x, int n, int n_draw)
{
    double *p = xcalloc((size_t)n, sizeof *p), chi = 0;
    int *count = xcalloc((size_t)n, sizeof *count), df = -1;
    struct sampler *s = make(set, n);
    exact_probabilities(p, x, n, set);
    for (int i = 0; i < n_draw; i++)
        count[sampler_next(s, x, NULL)]++;
    for (int i = 0; i < n; i++) {
        if (p[i] <= 0) {
            assert_int_equal(count[i], 0);
            continue;
        }
        if (p[i] * n_draw < 5)
            continue; /* too rare for the approximation */
        double d = count[i] - p[i] * n_draw;
        chi += d * d / (p[i] * n_draw);
        df++;
    }
    if (df > 0) {
        double v = 2.0 / (9.0 * df);
        assert_true(chi < df * pow(1 - v + 4.75 * sqrt(v), 3));
    }
    sampler_free(s);
    mem_free(p);
    mem_free(count);
}

static const float eight[] = { 1.0f, -0.5f, 2.0f, 2.0f, 0.25f, -3.0f, 1.5f, -INFINITY };

static void greedy_takes_the_largest_and_of_equals_the_first(void **state)
{
    (void)state;
    struct sampler *s = make(&sampling_greedy, 8);
    assert_int_equal(sampler_next(s, eight, NULL), 2);
    const float nans[8] = { NAN, 0, NAN, 1, 1, NAN, -INFINITY, NAN };
    assert_int_equal(sampler_next(s, nans, NULL), 3);
    const float infinite[8] = { 0, INFINITY, INFINITY, 0, 0, 0, 0, 0 };
    assert_int_equal(sampler_next(s, infinite, NULL), 1);
    sampler_free(s);
}

static void draws_follow_the_exact_probabilities(void **state)
{
    (void)state;
    static const struct sampling sets[] = {
        { .temperature = 1, .top_p = 1 },
        { .temperature = 0.4, .top_p = 1 },
        { .temperature = 3, .top_p = 1 },
        { .temperature = 1, .top_p = 1, .top_k = 3 },
        { .temperature = 1, .top_p = 1, .top_k = 1 },
        { .temperature = 1, .top_p = 1, .top_k = 100 },
        { .temperature = 1, .top_p = 0.5 },
        { .temperature = 1, .top_p = 0.9 },
        { .temperature = 1, .top_p = 0 },
        { .temperature = 1, .top_p = 1, .min_p = 0.3 },
        { .temperature = 1, .top_p = 1, .min_p = 1 },
        { .temperature = 2, .top_p = 0.9, .min_p = 0.2, .top_k = 6 },
        { .temperature = 0.7, .top_p = 0.8, .top_k = 20 },
    };
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct sampling set = sets[i];
        set.repetition_penalty = 1;
        set.seed = 100 + i;
        draws_match(&set, eight, 8, 40000);
    }
}

static void draws_from_a_large_vocabulary_with_ties_follow_them_too(void **state)
{
    (void)state;
    enum { N = 1000 };
    static float x[N];
    struct rng rng;
    rng_init(&rng, 9);
    for (int i = 0; i < N; i++)
        x[i] = roundf(8 * rng_normal(&rng)) / 4; /* many equal values, also at the edges of the cuts */
    static const struct sampling sets[] = {
        { .temperature = 1, .top_p = 1 },
        { .temperature = 1, .top_p = 0.95 },
        { .temperature = 1.5, .top_p = 0.5 },
        { .temperature = 1, .top_p = 1, .top_k = 40 },
        { .temperature = 1, .top_p = 0.9, .top_k = 333 },
        { .temperature = 1, .top_p = 0.999, .min_p = 0.05 },
    };
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct sampling set = sets[i];
        set.repetition_penalty = 1;
        set.seed = 200 + i;
        draws_match(&set, x, N, 6000);
    }
}

/* Draws often enough to see every token that can come, and returns them as bits. */
static unsigned support(const struct sampling *set, const float *x, int n)
{
    struct sampler *s = make(set, n);
    unsigned bits = 0;
    for (int i = 0; i < 5000; i++)
        bits |= 1u << sampler_next(s, x, NULL);
    sampler_free(s);
    return bits;
}

static void top_k_is_cut_before_top_p_and_temperature_before_both(void **state)
{
    (void)state;
    const float x[4] = { logf(0.4f), logf(0.3f), logf(0.2f), logf(0.1f) };
    struct sampling set = sampling_greedy;
    set.temperature = 1;
    set.top_p = 0.75;
    assert_int_equal(support(&set, x, 4), 0x7); /* 0.4 + 0.3 < 0.75 */
    set.top_k = 3;
    assert_int_equal(support(&set, x, 4), 0x3); /* 4/9 + 3/9 >= 0.75 */
    set.temperature = 4;
    assert_int_equal(support(&set, x, 4), 0x7); /* flatter: 0.364 + 0.339 < 0.75 */
}

static void the_same_seed_draws_the_same_tokens(void **state)
{
    (void)state;
    struct sampling set = sampling_greedy;
    set.temperature = 1;
    set.seed = 42;
    struct sampler *a = make(&set, 8), *b = make(&set, 8);
    set.seed = 43;
    struct sampler *c = make(&set, 8);
    int differ = 0;
    for (int i = 0; i < 200; i++) {
        int32_t t = sampler_next(a, eight, NULL);
        assert_int_equal(sampler_next(b, eight, NULL), t);
        differ += sampler_next(c, eight, NULL) != t;
    }
    assert_true(differ > 50);
    sampler_free(a);
    sampler_free(b);
    sampler_free(c);
}

/* log(softmax(x))[id]. */
static double log_softmax(const double *x, int n, int id)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += exp(x[i]);
    return x[id] - log(sum);
}

static void repetition_penalty_counts_prompt_and_answer_once(void **state)
{
    (void)state;
    const float x[4] = { 3, 2.5f, -1, 2.75f };
    struct sampling set = sampling_greedy;
    set.repetition_penalty = 1.5;
    struct sampler *s = make(&set, 4);
    const int32_t prompt[] = { 2, 0, 2, 2 };
    double got;
    sampler_prompt(s, prompt, ARRAY_LEN(prompt));
    assert_int_equal(sampler_next(s, x, &got), 3);
    double want[4] = { 2, 2.5, -1.5, 2.75 };
    assert_float_equal(got, log_softmax(want, 4, 3), 1e-5);
    assert_int_equal(sampler_next(s, x, &got), 1); /* 3 is now in the answer, too */
    want[3] = 2.75 / 1.5;
    assert_float_equal(got, log_softmax(want, 4, 1), 1e-5);
    assert_int_equal(sampler_next(s, x, &got), 0);
    sampler_free(s);
}

static void presence_and_frequency_penalties_count_the_answer_alone(void **state)
{
    (void)state;
    const float x[3] = { 3, 2, 1 };
    struct sampling set = sampling_greedy;
    set.presence_penalty = 0.25;
    set.frequency_penalty = 0.5;
    struct sampler *s = make(&set, 3);
    const int32_t prompt[] = { 0, 0, 0, 0, 0, 0, 0, 0 };
    double got;
    sampler_prompt(s, prompt, ARRAY_LEN(prompt));
    assert_int_equal(sampler_next(s, x, &got), 0); /* 3: the prompt does not count */
    assert_float_equal(got, log_softmax((double[]){ 3, 2, 1 }, 3, 0), 1e-5);
    assert_int_equal(sampler_next(s, x, &got), 0); /* 2.25 against 2 */
    assert_float_equal(got, log_softmax((double[]){ 2.25, 2, 1 }, 3, 0), 1e-5);
    assert_int_equal(sampler_next(s, x, &got), 1); /* 1.75 against 2 */
    assert_float_equal(got, log_softmax((double[]){ 1.75, 2, 1 }, 3, 1), 1e-5);
    assert_int_equal(sampler_next(s, x, &got), 0); /* 1.75 against 1.25 */
    sampler_free(s);
}

static void bias_moves_and_bars_tokens(void **state)
{
    (void)state;
    const struct sampling_bias bias[] = { { 2, -INFINITY }, { 5, 100 }, { 3, -1.5f } };
    struct sampling set = sampling_greedy;
    set.bias = bias;
    set.n_bias = 1;
    struct sampler *s = make(&set, 8);
    assert_int_equal(sampler_next(s, eight, NULL), 3);
    sampler_free(s);
    set.n_bias = 2;
    s = make(&set, 8);
    assert_int_equal(sampler_next(s, eight, NULL), 5);
    sampler_free(s);
    set.n_bias = 3;
    set.temperature = 1;
    assert_int_equal(support(&set, eight, 8) & 1u << 2, 0);
}

static void logprob_is_that_of_the_drawn_token_before_any_cut(void **state)
{
    (void)state;
    struct sampling set = sampling_greedy;
    set.temperature = 0.3;
    set.top_k = 4;
    struct sampler *s = make(&set, 7);
    double x[7];
    for (int i = 0; i < 7; i++)
        x[i] = (double)eight[i];
    for (int i = 0; i < 50; i++) {
        double got;
        int32_t id = sampler_next(s, eight, &got);
        assert_float_equal(got, log_softmax(x, 7, id), 1e-5);
    }
    sampler_free(s);
}

/* Against a plain softmax over logits with many ties, some barred. */
static void the_top_is_the_head_of_the_ranking_with_log_probabilities(void **state)
{
    (void)state;
    enum { N = 500 };
    float x[N];
    double wide[N], got;
    struct rng rng;
    rng_init(&rng, 11);
    struct sampling set = sampling_greedy;
    for (int round = 0; round < 40; round++) {
        struct sampler_top top[SAMPLER_TOP_MAX + 1];
        int n_top = round % (SAMPLER_TOP_MAX + 1);
        for (int i = 0; i < N; i++)
            wide[i] = (double)(x[i] = rng_below(&rng, 9) ? (float)rng_below(&rng, 60) / 8 : -INFINITY);
        set.temperature = round % 2 ? 0.7 : 0;
        set.top_k = 3;
        struct sampler *s = make(&set, N);
        sampler_next(s, x, &got);
        memset(top, 0x7f, sizeof top);
        const struct sampler_top untouched = top[n_top];
        sampler_top(s, top, n_top);
        assert_memory_equal(&top[n_top], &untouched, sizeof untouched);
        bool taken[N] = { false };
        for (int k = 0; k < n_top; k++) {
            int best = -1;
            for (int i = 0; i < N; i++)
                if (!taken[i] && (best < 0 || x[i] > x[best]))
                    best = i;
            taken[best] = true;
            assert_int_equal(top[k].id, best);
            assert_float_equal(top[k].logprob, log_softmax(wide, N, best), 1e-5);
        }
        sampler_free(s);
    }
}

/* Bias and penalties count, cuts do not; and a vocabulary smaller than what is asked for gives what it has. */
static void the_top_is_that_of_the_logits_as_changed(void **state)
{
    (void)state;
    static const struct sampling_bias bias[] = { { 5, 4.5f }, { 2, -INFINITY } };
    struct sampling set = sampling_greedy;
    struct sampler_top top[SAMPLER_TOP_MAX];
    double got;
    set.bias = bias;
    set.n_bias = 2;
    set.presence_penalty = 1;
    struct sampler *s = make(&set, 7);
    assert_int_equal(sampler_next(s, eight, &got), 3);
    assert_int_equal(sampler_next(s, eight, &got), 5);
    assert_int_equal(sampler_next(s, eight, &got), 6);
    sampler_top(s, top, SAMPLER_TOP_MAX);
    static const int32_t rank[] = { 6, 0, 3, 5, 4, 1, 2 };
    const double x[] = { 1, -0.5, -HUGE_VAL, 1, 0.25, 0.5, 1.5 };
    for (int i = 0; i < 6; i++) {
        assert_int_equal(top[i].id, rank[i]);
        assert_float_equal(top[i].logprob, log_softmax(x, 7, rank[i]), 1e-5);
    }
    assert_int_equal(top[6].id, 2);
    assert_true(isinf(top[6].logprob) && top[6].logprob < 0);
    sampler_free(s);
}

static void everything_barred_is_no_crash(void **state)
{
    (void)state;
    const float x[3] = { -INFINITY, NAN, -INFINITY };
    struct sampling set = sampling_greedy;
    double p;
    for (int i = 0; i < 2; i++) {
        set.temperature = i;
        set.top_p = 0.9;
        struct sampler *s = make(&set, 3);
        int32_t id = sampler_next(s, x, &p);
        assert_true(id >= 0 && id < 3);
        assert_float_equal(p, -log(3), 1e-9);
        sampler_free(s);
    }
}

static void settings_out_of_range_are_refused(void **state)
{
    (void)state;
    const struct sampling_bias bias[] = { { 8, 0 }, { 0, NAN } };
    struct sampling set[12];
    for (size_t i = 0; i < ARRAY_LEN(set); i++)
        set[i] = sampling_greedy;
    set[0].temperature = -0.1;
    set[1].temperature = (double)NAN;
    set[2].top_k = -1;
    set[3].top_p = 1.5;
    set[4].top_p = (double)NAN;
    set[5].min_p = -1;
    set[6].repetition_penalty = 0;
    set[7].presence_penalty = HUGE_VAL;
    set[8].frequency_penalty = (double)NAN;
    set[9].bias = bias;
    set[9].n_bias = 1;
    set[10].bias = bias + 1;
    set[10].n_bias = 1;
    static const char *const messages[] = {
        "temperature: found -0.1, expected 0 to 1e6",
        "temperature: found nan, expected 0 to 1e6",
        "top_k: found -1, expected 0 (off) or more",
        "top_p: found 1.5, expected 0 to 1",
        "top_p: found nan, expected 0 to 1",
        "min_p: found -1, expected 0 to 1",
        "repetition_penalty: found 0, expected more than 0, at most 1e6",
        "presence_penalty: found inf, expected -1e6 to 1e6",
        "frequency_penalty: found nan, expected -1e6 to 1e6",
        "logit_bias: token id 8 is not in the vocabulary of 8",
        "logit_bias: the value of token id 0 is not a number",
    };
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct sampler *s = NULL;
        struct err e = ERR_INIT;
        assert_int_equal(sampler_new(&s, &set[i], 8, NULL, &e), ERR_ARG);
        assert_string_equal(e.msg, messages[i]);
        assert_null(s);
    }
}

/* A masked sampler draws what one draws whose vocabulary has the allowed tokens alone. */
static void a_mask_leaves_what_a_smaller_vocabulary_would(void **state)
{
    (void)state;
    enum { N = 300, WORDS = (N + 31) / 32 };
    static const struct sampling sets[] = {
        { .temperature = 0, .top_p = 1, .repetition_penalty = 1 },
        { .temperature = 1, .top_p = 1, .repetition_penalty = 1 },
        { .temperature = 0.7, .top_p = 0.8, .repetition_penalty = 1.2 },
        { .temperature = 2, .top_k = 5, .top_p = 0.9, .repetition_penalty = 1, .presence_penalty = 0.5 },
        { .temperature = 1.5, .top_k = 40, .top_p = 1, .min_p = 0.1, .repetition_penalty = 1 },
    };
    struct rng rng;
    rng_init(&rng, 5);
    for (int round = 0; round < 200; round++) {
        const struct sampling *set = &sets[round % (int)ARRAY_LEN(sets)];
        uint32_t mask[WORDS] = { 0 };
        float x[N], few[N];
        int32_t id_of[N];
        int n_few = 0;
        uint32_t share = 1 + rng_below(&rng, 100);
        for (int i = 0; i < N; i++) {
            x[i] = (float)rng_below(&rng, 60) / 10;
            if (rng_below(&rng, 100) >= share && (n_few || i + 1 < N))
                continue;
            mask[i / 32] |= 1u << (i % 32);
            id_of[n_few] = i;
            few[n_few++] = x[i];
        }
        if (set->top_k >= n_few)
            continue; /* the smaller vocabulary would not be ranked, and drawn from in another order */
        struct sampler *masked = make(set, N), *small = make(set, n_few);
        for (int i = 0; i < 20; i++)
            assert_int_equal(sampler_next_of(masked, x, mask, NULL), id_of[sampler_next(small, few, NULL)]);
        sampler_free(masked);
        sampler_free(small);
    }
}

static void a_mask_changes_no_log_probability(void **state)
{
    (void)state;
    double got, free_got;
    struct sampler_top top[2];
    struct sampler *s = make(&sampling_greedy, 8);
    const uint32_t mask = 0x31; /* tokens 0, 4, 5 */
    assert_int_equal(sampler_next_of(s, eight, &mask, &got), 0);
    sampler_top(s, top, 2);
    assert_int_equal(top[0].id, 2);
    assert_int_equal(top[1].id, 3);
    sampler_take(s, 0, eight, &free_got);
    assert_true(got == free_got && got < top[0].logprob);
    const uint32_t none = 0;
    assert_int_equal(sampler_next_of(s, eight, &none, &got), -1);
    sampler_free(s);
}

static void barred_tokens_are_drawn_where_the_mask_has_nothing_else(void **state)
{
    (void)state;
    const float x[4] = { 5, -INFINITY, (float)NAN, 5 };
    const uint32_t mask = 0x6;
    struct sampling set = sampling_greedy;
    for (int round = 0; round < 2; round++) {
        set.temperature = round;
        struct sampler *s = make(&set, 4);
        for (int i = 0; i < 20; i++) {
            int32_t id = sampler_next_of(s, x, &mask, NULL);
            assert_true(id == 1 || id == 2);
        }
        sampler_free(s);
    }
}

static void a_token_that_was_chosen_counts_like_one_drawn(void **state)
{
    (void)state;
    struct sampling set = sampling_greedy;
    set.temperature = 1;
    set.frequency_penalty = 0.3;
    set.seed = 9;
    struct sampler *draws = make(&set, 8), *takes = make(&set, 8);
    for (int i = 0; i < 100; i++) {
        double p, q;
        int32_t id = sampler_next(draws, eight, &p);
        if (i % 3)
            sampler_take(takes, id, eight, &q);
        else
            assert_int_equal(sampler_next(takes, eight, &q), id);
        assert_true(p == q);
    }
    sampler_free(draws);
    sampler_free(takes);
}

/* Two samplers by turns in one scratch draw what each draws in its own. */
static void samplers_may_share_what_they_work_in(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct sampler_scratch *w;
    struct sampler *shared[2], *own[2];
    assert_int_equal(sampler_scratch_new(&w, 8, &e), 0);
    for (int i = 0; i < 2; i++) {
        struct sampling set = sampling_greedy;
        set.temperature = 1;
        set.seed = (uint64_t)i;
        set.presence_penalty = i;
        assert_int_equal(sampler_new(&shared[i], &set, 8, w, &e), 0);
        own[i] = make(&set, 8);
    }
    for (int i = 0; i < 100; i++) {
        double p, q;
        struct sampler_top a[3], b[3];
        assert_int_equal(sampler_next(shared[i % 2], eight, &p), sampler_next(own[i % 2], eight, &q));
        assert_true(p == q);
        sampler_top(shared[i % 2], a, 3);
        sampler_top(own[i % 2], b, 3);
        for (int k = 0; k < 3; k++)
            assert_true(a[k].id == b[k].id && a[k].logprob == b[k].logprob);
    }
    for (int i = 0; i < 2; i++) {
        sampler_free(shared[i]);
        sampler_free(own[i]);
    }
    sampler_scratch_free(w);
}

static void ids_without_a_token_are_never_drawn(void **state)
{
    (void)state;
    const float x[6] = { 1, 2, 1, 0, 50, 60 };
    struct sampling set = sampling_greedy;
    for (int round = 0; round < 3; round++) {
        set.temperature = round;
        set.top_k = round == 2 ? 4 : 0;
        struct sampler *s = make(&set, 6);
        sampler_limit(s, 4);
        for (int i = 0; i < 50; i++)
            assert_in_range(sampler_next(s, x, NULL), 0, 3);
        sampler_free(s);
    }
}

static void memory_that_runs_out_is_an_error(void **state)
{
    (void)state;
    struct sampling set = sampling_greedy;
    set.temperature = 1;
    set.repetition_penalty = 1.1;
    int failures = 0;
    for (long nth = 1;; nth++) {
        struct sampler *s = NULL;
        struct err e = ERR_INIT;
        mem_fail_after(nth);
        int rc = sampler_new(&s, &set, 100, NULL, &e);
        mem_fail_after(0);
        sampler_free(s);
        if (!rc)
            break;
        assert_int_equal(rc, ERR_NOMEM);
        assert_null(s);
        failures++;
    }
    assert_int_equal(failures, 5);
}

static void generation_config_gives_the_defaults(void **state)
{
    (void)state;
    struct config c = { .sampling = { .do_sample = true,
                                      .temperature = 0.7,
                                      .top_k = 20,
                                      .top_p = 0.8,
                                      .min_p = 0.01,
                                      .repetition_penalty = 1.05 } };
    struct sampling s = sampling_from_config(&c);
    assert_true(s.temperature == 0.7 && s.top_k == 20 && s.top_p == 0.8 && s.min_p == 0.01);
    assert_true(s.repetition_penalty == 1.05 && s.presence_penalty == 0 && s.n_bias == 0);
    c.sampling.do_sample = false;
    assert_true(sampling_from_config(&c).temperature == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_largest_and_of_equals_the_first),
        cmocka_unit_test(draws_follow_the_exact_probabilities),
        cmocka_unit_test(draws_from_a_large_vocabulary_with_ties_follow_them_too),
        cmocka_unit_test(top_k_is_cut_before_top_p_and_temperature_before_both),
        cmocka_unit_test(the_same_seed_draws_the_same_tokens),
        cmocka_unit_test(repetition_penalty_counts_prompt_and_answer_once),
        cmocka_unit_test(presence_and_frequency_penalties_count_the_answer_alone),
        cmocka_unit_test(bias_moves_and_bars_tokens),
        cmocka_unit_test(logprob_is_that_of_the_drawn_token_before_any_cut),
        cmocka_unit_test(the_top_is_the_head_of_the_ranking_with_log_probabilities),
        cmocka_unit_test(the_top_is_that_of_the_logits_as_changed),
        cmocka_unit_test(everything_barred_is_no_crash),
        cmocka_unit_test(settings_out_of_range_are_refused),
        cmocka_unit_test(a_mask_leaves_what_a_smaller_vocabulary_would),
        cmocka_unit_test(a_mask_changes_no_log_probability),
        cmocka_unit_test(barred_tokens_are_drawn_where_the_mask_has_nothing_else),
        cmocka_unit_test(a_token_that_was_chosen_counts_like_one_drawn),
        cmocka_unit_test(samplers_may_share_what_they_work_in),
        cmocka_unit_test(ids_without_a_token_are_never_drawn),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
        cmocka_unit_test(generation_config_gives_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
