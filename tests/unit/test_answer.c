/* test_answer.c - one answer: what ends it, that its pieces are the text of its tokens, and its log-probabilities.
 *
 * The tests choose the tokens: the logits make one of them all but certain.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "engine/answer.h"

static struct tokenizer *tok;
static int n_vocab;
static float *logits; /* all zeros between the tests */
static int32_t eos;

/* An answer, and what came of it. */
struct fixture {
    struct answer a;
    struct buf text;
};

static void open_with(struct fixture *f, const struct answer_opts *o)
{
    struct err e = ERR_INIT;
    memset(f, 0, sizeof *f);
    if (answer_init(&f->a, o, tok, n_vocab, NULL, 0, &e))
        fail_msg("%s", e.msg);
}

static void close_answer(struct fixture *f)
{
    answer_deinit(&f->a);
    buf_deinit(&f->text);
}

static void collect(struct fixture *f)
{
    assert_true(utf8_valid(buf_view(&f->a.piece)));
    buf_str(&f->text, buf_view(&f->a.piece));
}

/* The model says `id`. */
static void say(struct fixture *f, int32_t id)
{
    logits[id] = 1e6f;
    assert_int_equal(answer_next(&f->a, logits), id);
    logits[id] = 0;
    collect(f);
}

/* The model says a text, token by token, until the answer is over or the text is. Returns how many tokens it took. */
static size_t say_text(struct fixture *f, const char *text)
{
    struct ids ids = { 0 };
    struct err e = ERR_INIT;
    size_t n = 0;
    assert_int_equal(tokenizer_encode(tok, (struct str){ text, strlen(text) }, TOKENIZER_ADDED_ALL, &ids, &e), 0);
    while (n < ids.n && f->a.finish == ANSWER_OPEN)
        say(f, ids.v[n++]);
    ids_deinit(&ids);
    return n;
}

static void assert_text(struct fixture *f, const char *want)
{
    if (!str_eq(buf_view(&f->text), (struct str){ want, strlen(want) }))
        fail_msg("text \"%.*s\", expected \"%s\"", (int)f->text.n, f->text.p, want);
}

static const struct answer_opts *opts(struct answer_opts o)
{
    static struct answer_opts kept;
    kept = o;
    kept.sampling = sampling_greedy;
    kept.eos = &eos;
    kept.n_eos = 1;
    return &kept;
}

static void pieces_join_to_the_decode_of_the_ids(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 17);
    for (int round = 0; round < 60; round++) {
        struct fixture f;
        struct buf want = { 0 };
        struct answer_opts o = { .keep_special = round % 2, .max_tokens = 80 };
        if (round % 3 == 0) {
            /* A stop string of which beginnings appear, but never all. */
            static const struct str stop = { "\xc3\xa4\xc3\xb6\xe2\x82\xac never", 13 };
            o.stops = &stop;
            o.n_stop = 1;
        }
        open_with(&f, opts(o));
        say_text(&f, "Zo\xc3\xab \xc3\xa4\xc3\xb6\xe2\x82\xac nev \xf0\x9f\x8e\x89<think>\n\n</think>");
        /* Any tokens at all, with halves of characters and special ones. */
        while (f.a.finish == ANSWER_OPEN) {
            int32_t id = (int32_t)rng_below(&rng, (uint32_t)n_vocab);
            say(&f, id == eos ? 0 : id);
        }
        assert_int_equal(f.a.finish, ANSWER_LENGTH);
        assert_int_equal(f.a.ids.n, 80);
        tokenizer_decode(tok, f.a.ids.v, f.a.ids.n, !o.keep_special, &want);
        assert_true(str_eq(buf_view(&f.text), buf_view(&want)));
        assert_false(f.a.failed);
        buf_deinit(&want);
        close_answer(&f);
    }
}

static void the_end_of_sequence_is_no_part_of_it_and_gives_out_what_was_held_back(void **state)
{
    (void)state;
    struct fixture f;
    static const struct str stop = { "END", 3 };
    open_with(&f, opts((struct answer_opts){ .stops = &stop, .n_stop = 1, .keep_special = true }));
    size_t n = say_text(&f, "the EN");
    assert_text(&f, "the ");
    assert_int_equal(f.a.finish, ANSWER_OPEN);
    say(&f, eos);
    assert_int_equal(f.a.finish, ANSWER_EOS);
    assert_string_equal(answer_finish_name(f.a.finish), "stop");
    assert_int_equal(f.a.ids.n, n);
    assert_text(&f, "the EN");
    close_answer(&f);
}

static void a_stop_string_ends_it_before_the_string(void **state)
{
    (void)state;
    static const struct str stops[] = { { "nine hundred", 12 }, { "?\n", 2 } };
    static const struct {
        const char *said, *text;
        int hit;
    } cases[] = {
        { "one nine hundred two", "one ", 0 },
        { "one nine hundre two?\n\nthree", "one nine hundre two", 1 },
        { "?\n", "", 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        open_with(&f, opts((struct answer_opts){ .stops = stops, .n_stop = 2, .max_tokens = 100 }));
        size_t n = say_text(&f, cases[i].said);
        assert_int_equal(f.a.finish, ANSWER_STOP);
        assert_int_equal(f.a.stop.hit, cases[i].hit);
        assert_int_equal(f.a.ids.n, n); /* the token that completed the string was drawn */
        assert_text(&f, cases[i].text);
        close_answer(&f);
    }
}

/* Half a character is held back until the answer ends; what it becomes then completes the stop string. */
static void what_was_held_back_can_complete_a_stop_string(void **state)
{
    (void)state;
    static const struct str stop = { "\xef\xbf\xbd", 3 };
    int32_t half = -1;
    for (int32_t id = 0; id < n_vocab && half < 0; id++)
        half = str_eq(tokenizer_bytes(tok, id), STR("\xe2")) ? id : -1;
    assert_true(half >= 0);
    for (int by_length = 0; by_length < 2; by_length++) {
        struct fixture f;
        const struct answer_opts o = { .stops = &stop, .n_stop = 1, .max_tokens = by_length };
        open_with(&f, opts(o));
        say(&f, half);
        if (!by_length)
            say(&f, eos);
        assert_int_equal(f.a.finish, ANSWER_STOP);
        assert_text(&f, "");
        close_answer(&f);
    }
}

static void max_tokens_ends_it_behind_the_last(void **state)
{
    (void)state;
    struct fixture f;
    for (size_t max = 1; max < 9; max++) {
        open_with(&f, opts((struct answer_opts){ .max_tokens = max }));
        assert_int_equal(say_text(&f, "0123456789 0123456789 0123456789"), max);
        assert_int_equal(f.a.finish, ANSWER_LENGTH);
        assert_string_equal(answer_finish_name(f.a.finish), "length");
        struct buf want = { 0 };
        tokenizer_decode(tok, f.a.ids.v, max, true, &want);
        assert_true(str_eq(buf_view(&f.text), buf_view(&want)));
        buf_deinit(&want);
        close_answer(&f);
    }
    open_with(&f, opts((struct answer_opts){ 0 }));
    for (int i = 0; i < 3000; i++)
        say(&f, 300 + i % 7);
    assert_int_equal(f.a.finish, ANSWER_OPEN);
    close_answer(&f);
}

static void what_completes_a_stop_string_on_the_last_token_is_a_stop(void **state)
{
    (void)state;
    static const struct str stop = { "9", 1 };
    struct fixture f;
    open_with(&f, opts((struct answer_opts){ .stops = &stop, .n_stop = 1, .max_tokens = 1 }));
    say_text(&f, "9");
    assert_int_equal(f.a.finish, ANSWER_STOP);
    assert_text(&f, "");
    close_answer(&f);
}

static void repetition_ends_it_with_a_reason_of_its_own(void **state)
{
    (void)state;
    struct fixture f;
    open_with(&f, opts((struct answer_opts){ .repeat = { .max_period = 4, .times = 5, .min_tokens = 12 } }));
    say(&f, 400);
    for (int i = 0; f.a.finish == ANSWER_OPEN; i++)
        say(&f, 300 + i % 3);
    assert_int_equal(f.a.ids.n, 1 + 15);
    assert_int_equal(f.a.finish, ANSWER_REPEAT);
    assert_string_equal(answer_finish_name(f.a.finish), "repeat");
    struct buf want = { 0 };
    tokenizer_decode(tok, f.a.ids.v, f.a.ids.n, true, &want);
    assert_true(str_eq(buf_view(&f.text), buf_view(&want)));
    buf_deinit(&want);
    close_answer(&f);
}

static void cancelled_it_gives_nothing_more(void **state)
{
    (void)state;
    static const struct str stop = { "END", 3 };
    struct fixture f;
    open_with(&f, opts((struct answer_opts){ .stops = &stop, .n_stop = 1 }));
    say_text(&f, "the EN");
    answer_end(&f.a, ANSWER_CANCELLED);
    collect(&f);
    assert_int_equal(f.a.finish, ANSWER_CANCELLED);
    assert_string_equal(answer_finish_name(f.a.finish), "cancelled");
    assert_text(&f, "the ");
    /* The first reason stands. */
    answer_end(&f.a, ANSWER_LENGTH);
    assert_int_equal(f.a.finish, ANSWER_CANCELLED);
    close_answer(&f);
}

/* In double, by the definition. */
static double log_softmax(const float *x, int32_t id)
{
    double sum = 0;
    for (int i = 0; i < n_vocab; i++)
        sum += exp((double)x[i]);
    return (double)x[id] - log(sum);
}

static int by_rank(const void *a, const void *b)
{
    const int32_t *i = a, *k = b;
    return logits[*i] != logits[*k] ? (logits[*i] < logits[*k] ? 1 : -1) : *i - *k;
}

static void log_probabilities_are_those_of_a_plain_softmax(void **state)
{
    (void)state;
    enum { N_TOP = 7 };
    struct rng rng;
    struct fixture f;
    struct answer_opts o = { .n_top = N_TOP };
    o = *opts(o);
    o.sampling.temperature = 1.3;
    o.sampling.top_p = 0.9;
    open_with(&f, &o);
    int32_t *rank = xcalloc((size_t)n_vocab, sizeof *rank);
    rng_init(&rng, 23);
    for (int round = 0; round < 20 && f.a.finish == ANSWER_OPEN; round++) {
        for (int32_t i = 0; i < n_vocab; i++) {
            logits[i] = (float)(rng_unit(&rng) * 12 - 4);
            rank[i] = i;
        }
        int32_t id = answer_next(&f.a, logits);
        qsort(rank, (size_t)n_vocab, sizeof *rank, by_rank);
        assert_float_equal(f.a.logprob, log_softmax(logits, id), 1e-5);
        assert_int_equal(f.a.n_top, N_TOP);
        for (int k = 0; k < N_TOP; k++) {
            assert_int_equal(f.a.top[k].id, rank[k]);
            assert_float_equal(f.a.top[k].logprob, log_softmax(logits, rank[k]), 1e-5);
        }
    }
    memset(logits, 0, (size_t)n_vocab * sizeof *logits);
    mem_free(rank);
    close_answer(&f);
}

static void a_small_vocabulary_has_no_more_top_tokens_than_tokens(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct answer a;
    const float x[3] = { 1, 3, 2 };
    const struct answer_opts o = { .sampling = sampling_greedy, .n_top = SAMPLER_TOP_MAX };
    assert_int_equal(answer_init(&a, &o, NULL, 3, NULL, 0, &e), 0);
    assert_int_equal(answer_next(&a, x), 1);
    assert_int_equal(a.n_top, 3);
    assert_int_equal(a.top[0].id, 1);
    assert_int_equal(a.top[1].id, 2);
    assert_int_equal(a.top[2].id, 0);
    answer_deinit(&a);
}

static void without_a_tokenizer_there_are_ids_alone(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct answer a;
    const float x[3] = { 1, 3, 2 };
    const struct answer_opts o = { .sampling = sampling_greedy, .max_tokens = 2 };
    assert_int_equal(answer_init(&a, &o, NULL, 3, NULL, 0, &e), 0);
    answer_next(&a, x);
    assert_int_equal(a.finish, ANSWER_OPEN);
    answer_next(&a, x);
    assert_int_equal(a.finish, ANSWER_LENGTH);
    assert_int_equal(a.ids.n, 2);
    assert_int_equal(a.piece.n, 0);
    answer_deinit(&a);
}

static void the_prompt_counts_for_the_repetition_penalty(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct answer a;
    const float x[3] = { 1, 3, 2 };
    const int32_t prompt[] = { 1 };
    struct answer_opts o = { .sampling = sampling_greedy };
    o.sampling.repetition_penalty = 2;
    assert_int_equal(answer_init(&a, &o, NULL, 3, prompt, 1, &e), 0);
    assert_int_equal(answer_next(&a, x), 2);
    answer_deinit(&a);
}

/* Text, tokens and end are the script's; the logits want another token. */
static void a_script_is_followed_whatever_the_logits_say(void **state)
{
    (void)state;
    struct ids ids = { 0 };
    struct err e = ERR_INIT;
    struct fixture f;
    assert_int_equal(tokenizer_encode(tok, STR("Zo\xc3\xab <tool_call>"), TOKENIZER_ADDED_ALL, &ids, &e), 0);
    struct answer_opts o = *opts((struct answer_opts){ .script = ids.v, .n_script = ids.n, .logprobs = true });
    o.keep_special = true;
    for (int round = 0; round < 2; round++) {
        o.max_tokens = round ? 2 : 0;
        open_with(&f, &o);
        logits[7] = 20;
        while (f.a.finish == ANSWER_OPEN) {
            size_t at = f.a.ids.n;
            assert_int_equal(answer_next(&f.a, logits), at < ids.n ? ids.v[at] : eos);
            assert_true(f.a.logprob < -19);
            collect(&f);
        }
        logits[7] = 0;
        assert_int_equal(f.a.finish, round ? ANSWER_LENGTH : ANSWER_EOS);
        assert_int_equal(f.a.eos_drawn, !round);
        assert_int_equal(f.a.ids.n, round ? 2 : ids.n);
        if (!round)
            assert_text(&f, "Zo\xc3\xab <tool_call>");
        close_answer(&f);
    }
    ids_deinit(&ids);
}

static void a_script_may_contain_what_ends_other_answers(void **state)
{
    (void)state;
    struct fixture f;
    const int32_t script[] = { eos, 65 };
    open_with(&f, opts((struct answer_opts){ .script = script, .n_script = 2 }));
    assert_int_equal(answer_next(&f.a, logits), eos);
    assert_int_equal(answer_next(&f.a, logits), 65);
    assert_int_equal(f.a.finish, ANSWER_OPEN);
    assert_int_equal(answer_next(&f.a, logits), eos);
    assert_int_equal(f.a.finish, ANSWER_EOS);
    close_answer(&f);
}

static void a_full_context_is_told_from_a_limit_that_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        size_t max_tokens, window;
        enum answer_finish want;
    } cases[] = { { 3, 4, ANSWER_LENGTH }, { 4, 4, ANSWER_LENGTH }, { 0, 4, ANSWER_WINDOW }, { 9, 4, ANSWER_WINDOW } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        open_with(&f, opts((struct answer_opts){ .max_tokens = cases[i].max_tokens, .window = cases[i].window }));
        while (f.a.finish == ANSWER_OPEN)
            say(&f, 65);
        assert_int_equal(f.a.finish, cases[i].want);
        assert_int_equal(f.a.ids.n, cases[i].max_tokens == 3 ? 3 : 4);
        assert_string_equal(answer_finish_name(f.a.finish), "length");
        close_answer(&f);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct str empty = { "", 0 }, text = { "x", 1 };
    static const int32_t wrong_ids[] = { 3, -4 };
    static const struct {
        struct answer_opts o;
        bool no_tok;
        const char *msg;
    } cases[] = {
        { { .n_top = 21 }, false, "top logprobs: found 21, expected 0 to 20" },
        { { .n_top = -1 }, false, "top logprobs: found -1, expected 0 to 20" },
        { { .stops = &text, .n_stop = 1 }, true, "stop strings need a tokenizer" },
        { { .stops = &empty, .n_stop = 1 }, false, "stop string 1 is empty" },
        { { .repeat = { .max_period = -3 } },
          false,
          "repetition: found a period of -3 tokens, expected 0 (off) to 4096" },
        { { .script = wrong_ids, .n_script = 2 }, false, "a scripted answer needs a token that ends it" },
        { { .script = wrong_ids, .n_script = 2, .eos = wrong_ids, .n_eos = 1 },
          false,
          "token id -4 of the scripted answer is not in the vocabulary of " },
        { { .max_tokens = 1 }, false, "top_p: found 5, expected 0 to 1" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        struct answer a;
        struct answer_opts o = cases[i].o;
        o.sampling = sampling_greedy;
        o.sampling.top_p = o.max_tokens ? 5 : 1;
        assert_int_equal(answer_init(&a, &o, cases[i].no_tok ? NULL : tok, n_vocab, NULL, 0, &e), ERR_ARG);
        assert_memory_equal(e.msg, cases[i].msg, strlen(cases[i].msg));
    }
}

/* Every mem_try of an answer's life fails once: it is refused, or it says that its text is not whole. */
static void memory_that_runs_out_is_an_error_or_shows(void **state)
{
    (void)state;
    static const struct str stop = { "an END", 6 };
    static const char said[] = "an EN is held back, an EN is given out";
    struct answer_opts o = *opts((struct answer_opts){ .stops = &stop, .n_stop = 1 });
    o.sampling.temperature = 0.01;
    o.sampling.presence_penalty = 1;
    struct ids ids = { 0 };
    struct err e = ERR_INIT;
    int refused = 0, spoilt = 0;
    assert_int_equal(tokenizer_encode(tok, STR(said), TOKENIZER_ADDED_ALL, &ids, &e), 0);
    ids_add(&ids, eos);
    for (bool whole = false; !whole;) {
        struct fixture f = { 0 };
        assert_non_null(buf_room(&f.text, 1000));
        mem_fail_after(1 + refused + spoilt);
        int rc = answer_init(&f.a, &o, tok, n_vocab, NULL, 0, &e);
        for (size_t i = 0; !rc && i < ids.n && !f.a.failed; i++)
            say(&f, ids.v[i]);
        mem_fail_after(0);
        if (rc) {
            assert_int_equal(rc, ERR_NOMEM);
            err_clear(&e);
            refused++;
            buf_deinit(&f.text);
            continue;
        }
        spoilt += f.a.failed;
        whole = !f.a.failed;
        if (whole)
            assert_text(&f, said);
        close_answer(&f);
    }
    assert_int_equal(refused, 6);
    assert_true(spoilt >= 3);
    ids_deinit(&ids);
}

static int open_all(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    if (tokenizer_open(&tok, "models/octet-mini", &e)) {
        print_error("%s\n", e.msg);
        return -1;
    }
    n_vocab = tokenizer_size(tok);
    logits = xcalloc((size_t)n_vocab, sizeof *logits);
    eos = tokenizer_find_added(tok, STR("<|im_end|>"));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    mem_free(logits);
    tokenizer_close(tok);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_join_to_the_decode_of_the_ids),
        cmocka_unit_test(the_end_of_sequence_is_no_part_of_it_and_gives_out_what_was_held_back),
        cmocka_unit_test(a_stop_string_ends_it_before_the_string),
        cmocka_unit_test(what_was_held_back_can_complete_a_stop_string),
        cmocka_unit_test(max_tokens_ends_it_behind_the_last),
        cmocka_unit_test(what_completes_a_stop_string_on_the_last_token_is_a_stop),
        cmocka_unit_test(repetition_ends_it_with_a_reason_of_its_own),
        cmocka_unit_test(cancelled_it_gives_nothing_more),
        cmocka_unit_test(log_probabilities_are_those_of_a_plain_softmax),
        cmocka_unit_test(a_small_vocabulary_has_no_more_top_tokens_than_tokens),
        cmocka_unit_test(without_a_tokenizer_there_are_ids_alone),
        cmocka_unit_test(the_prompt_counts_for_the_repetition_penalty),
        cmocka_unit_test(a_script_is_followed_whatever_the_logits_say),
        cmocka_unit_test(a_script_may_contain_what_ends_other_answers),
        cmocka_unit_test(a_full_context_is_told_from_a_limit_that_was_asked_for),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(memory_that_runs_out_is_an_error_or_shows),
    };
    return cmocka_run_group_tests_name("answer", tests, open_all, close_all);
}
