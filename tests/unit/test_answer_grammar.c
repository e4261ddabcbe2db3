/* test_answer_grammar.c - an answer that keeps to a grammar: what is drawn, what is guessed, and what ends it.
 *
 * The grammar is a toy of this file, in the place of text/grammar/matcher.c: for each position of the output the tokens that may stand there.
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

#include "base/mem.h"
#include "engine/answer.h"

enum { MASK_WORDS = 8192, MAX_SLOT = 12 };

/* --- the toy ----------------------------------------------------------------------------------------------------------------------- */

struct slot {
    int n; /* 0: any token, and an end */
    int32_t ids[3];
};

struct matcher {
    struct slot v[MAX_SLOT];
    size_t n, at;
    int32_t eos;
    uint32_t mask[MASK_WORDS];
    int n_mask; /* masks that were asked for */
    bool failed;
};

static int n_alive; /* matchers */

static struct matcher *toy(const struct slot *v, size_t n, int32_t eos)
{
    struct matcher *m = xcalloc(1, sizeof *m);
    memcpy(m->v, v, n * sizeof *v);
    m->n = n;
    m->eos = eos;
    n_alive++;
    return m;
}

void matcher_free(struct matcher *m)
{
    mem_free(m);
    n_alive--;
}

static bool is_allowed(const struct matcher *m, int32_t id)
{
    if (m->failed)
        return false;
    if (m->at == m->n || (m->v[m->at].n == 0 && id == m->eos))
        return id == m->eos;
    const struct slot *s = &m->v[m->at];
    for (int i = 0; i < s->n; i++)
        if (s->ids[i] == id)
            return true;
    return s->n == 0;
}

const uint32_t *matcher_mask(struct matcher *m)
{
    m->n_mask++;
    if (m->at < m->n && !m->v[m->at].n)
        return NULL;
    for (int32_t id = 0; id < MASK_WORDS * 32; id++) {
        uint32_t bit = 1u << (id % 32);
        m->mask[id / 32] = is_allowed(m, id) ? m->mask[id / 32] | bit : m->mask[id / 32] & ~bit;
    }
    return m->mask;
}

int32_t matcher_forced(struct matcher *m)
{
    if (m->failed)
        return -1;
    if (m->at == m->n)
        return m->eos;
    return m->v[m->at].n == 1 ? m->v[m->at].ids[0] : -1;
}

bool matcher_accept(struct matcher *m, int32_t id)
{
    if (!is_allowed(m, id))
        return false;
    m->at++;
    return true;
}

void matcher_rollback(struct matcher *m, size_t n)
{
    assert_true(n <= m->at);
    m->at -= n;
}

int matcher_failed(const struct matcher *m)
{
    return m->failed ? ERR_NOMEM : 0;
}

bool matcher_may_end(struct matcher *m)
{
    return m->at == m->n || !m->v[m->at].n;
}

bool matcher_must_end(struct matcher *m)
{
    return m->at == m->n;
}

/* --- the tests --------------------------------------------------------------------------------------------------------------------- */

static struct tokenizer *tok;
static int n_vocab;
static float *logits; /* all zeros between the tests but for token 500, which the model wants */
static int32_t eos;

static void open_answer(struct answer *a, const struct slot *v, size_t n, struct answer_opts o)
{
    struct err e = ERR_INIT;
    o.eos = &eos;
    o.n_eos = 1;
    o.sampling = o.sampling.top_p > 0 ? o.sampling : sampling_greedy;
    o.matcher = toy(v, n, eos);
    if (answer_init(a, &o, tok, n_vocab, NULL, 0, &e))
        fail_msg("%s", e.msg);
}

static void only_what_the_grammar_allows_is_drawn(void **state)
{
    (void)state;
    static const struct slot v[] = { { 2, { 65, 70 } }, { 1, { 71 } }, { 3, { 80, 81, 82 } }, { 0 }, { 2, { 9, 7 } } };
    for (int seed = 0; seed < 20; seed++) {
        struct answer a;
        struct sampling set = { .temperature = 1, .top_p = 0.9, .repetition_penalty = 1, .seed = (uint64_t)seed };
        open_answer(&a, v, ARRAY_LEN(v), (struct answer_opts){ .sampling = set, .logprobs = true });
        for (size_t i = 0; i < ARRAY_LEN(v); i++) {
            assert_int_equal(a.finish, ANSWER_OPEN);
            int32_t id = answer_next(&a, logits);
            bool found = v[i].n == 0 && id == 500;
            for (int k = 0; k < v[i].n; k++)
                found |= v[i].ids[k] == id;
            assert_true(found);
            /* As if there were no grammar. */
            assert_true(id == 500 ? a.logprob > -0.001 : a.logprob < -100);
        }
        /* Nothing may follow: the answer is over without another token. */
        assert_int_equal(a.finish, ANSWER_EOS);
        assert_false(a.eos_drawn);
        assert_int_equal(a.ids.n, ARRAY_LEN(v));
        assert_int_equal(a.matcher->n_mask, 4); /* the second token needed none */
        answer_deinit(&a);
    }
    assert_int_equal(n_alive, 0);
}

/* Tokens drawn with one number of the generator each do not depend on which of them were forced. */
static void a_forced_token_changes_no_later_draw(void **state)
{
    (void)state;
    static const struct slot one[] = { { 1, { 71 } }, { 3, { 80, 81, 82 } }, { 3, { 80, 81, 82 } } };
    static const struct slot two[] = { { 2, { 71, 71 } }, { 3, { 80, 81, 82 } }, { 3, { 80, 81, 82 } } };
    for (int seed = 0; seed < 20; seed++) {
        struct answer a, b;
        struct sampling set = { .temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = (uint64_t)seed };
        open_answer(&a, one, 3, (struct answer_opts){ .sampling = set });
        open_answer(&b, two, 3, (struct answer_opts){ .sampling = set });
        for (int i = 0; i < 3; i++)
            assert_int_equal(answer_next(&a, logits), answer_next(&b, logits));
        answer_deinit(&a);
        answer_deinit(&b);
    }
}

static void an_end_is_drawn_only_where_the_grammar_may_end(void **state)
{
    (void)state;
    static const struct slot v[] = { { 1, { 65 } }, { 0 }, { 1, { 66 } } };
    struct answer a;
    open_answer(&a, v, ARRAY_LEN(v), (struct answer_opts){ 0 });
    logits[eos] = 2e6f;
    assert_int_equal(answer_next(&a, logits), 65);
    assert_int_equal(a.finish, ANSWER_OPEN);
    assert_int_equal(answer_next(&a, logits), eos);
    assert_int_equal(a.finish, ANSWER_EOS);
    assert_true(a.eos_drawn);
    logits[eos] = 0;
    answer_deinit(&a);
}

static void a_guess_is_cut_where_the_grammar_refuses_it(void **state)
{
    (void)state;
    static const struct slot v[] = { { 2, { 65, 66 } }, { 2, { 67, 68 } }, { 0 }, { 2, { 70, 71 } }, { 0 } };
    struct answer a;
    int n_forced;
    open_answer(&a, v, ARRAY_LEN(v), (struct answer_opts){ 0 });
    int32_t whole[] = { 65, 68, 1234, 71 }, wrong[] = { 65, 69, 1 }, ends[] = { 66, 67, eos, 70 };
    assert_int_equal(answer_guess(&a, whole, 4, 48, &n_forced), 4);
    assert_int_equal(answer_guess(&a, wrong, 3, 48, &n_forced), 1);
    assert_int_equal(answer_guess(&a, ends, 4, 48, &n_forced), 2);
    assert_int_equal(n_forced, 0);
    assert_int_equal(a.matcher->at, 0);
    answer_deinit(&a);
}

static void forced_tokens_are_guessed_whatever_else_was(void **state)
{
    (void)state;
    static const struct slot v[] = { { 1, { 65 } }, { 1, { 66 } }, { 2, { 67, 68 } }, { 1, { 69 } } };
    struct answer a;
    int n_forced;
    open_answer(&a, v, ARRAY_LEN(v), (struct answer_opts){ 0 });
    int32_t none[8] = { 0 }, other[8] = { 65, 7, 67 }, same[8] = { 65, 66, 68, 69 }, little[8] = { 0 };
    assert_int_equal(answer_guess(&a, none, 0, 8, &n_forced), 2);
    assert_int_equal(n_forced, 2);
    assert_int_equal(none[0], 65);
    assert_int_equal(none[1], 66);
    assert_int_equal(answer_guess(&a, other, 3, 8, &n_forced), 2);
    assert_int_equal(other[1], 66);
    assert_int_equal(answer_guess(&a, same, 4, 8, &n_forced), 4);
    assert_int_equal(n_forced, 2);
    assert_int_equal(answer_guess(&a, little, 0, 1, &n_forced), 1);
    assert_int_equal(a.matcher->at, 0);
    answer_deinit(&a);
}

static void limits_hold_beside_a_grammar(void **state)
{
    (void)state;
    static const struct slot v[] = { { 0 }, { 0 }, { 1, { 65 } } };
    struct answer a;
    open_answer(&a, v, ARRAY_LEN(v), (struct answer_opts){ .max_tokens = 2 });
    answer_next(&a, logits);
    answer_next(&a, logits);
    assert_int_equal(a.finish, ANSWER_LENGTH);
    answer_deinit(&a);
    /* Where both end it, it is whole. */
    open_answer(&a, v, ARRAY_LEN(v), (struct answer_opts){ .max_tokens = 3 });
    for (int i = 0; i < 3; i++)
        answer_next(&a, logits);
    assert_int_equal(a.finish, ANSWER_EOS);
    answer_deinit(&a);
}

static void a_grammar_that_allows_no_token_is_an_error(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    const struct slot v[] = { { 2, { n_vocab + 5, n_vocab + 6 } } };
    struct answer a;
    open_answer(&a, v, 1, (struct answer_opts){ 0 });
    assert_int_equal(answer_next(&a, logits), -1);
    assert_true(a.failed);
    assert_int_equal(answer_error(&a, &e), ERR_LIMIT);
    assert_string_equal(e.msg, "the answer's grammar allows nothing behind its 0 tokens, not even an end");
    answer_deinit(&a);
}

/* An answer whose grammar is lost on the way is no whole answer. */
static void a_grammar_that_cannot_be_followed_is_an_error(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    const struct slot v[] = { { 1, { 65 } }, { 2, { 66, 67 } } };
    struct answer a;
    open_answer(&a, v, ARRAY_LEN(v), (struct answer_opts){ 0 });
    assert_int_equal(answer_next(&a, logits), 65);
    a.matcher->failed = true;
    assert_int_equal(answer_next(&a, logits), -1);
    assert_true(a.failed);
    assert_int_equal(a.finish, ANSWER_OPEN);
    assert_int_equal(answer_error(&a, &e), ERR_NOMEM);
    assert_string_equal(e.msg, "no memory to follow the answer's grammar behind its 1 tokens");
    answer_deinit(&a);
}

static void a_grammar_is_taken_over_also_where_the_answer_is_refused(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct answer a;
    const struct slot v[] = { { 0 } };
    struct answer_opts o = { .sampling = sampling_greedy, .n_top = 99, .matcher = toy(v, 1, eos) };
    assert_int_equal(answer_init(&a, &o, tok, n_vocab, NULL, 0, &e), ERR_ARG);
    err_clear(&e);
    o.n_top = 0;
    o.matcher = toy(v, 1, eos);
    assert_int_equal(answer_init(&a, &o, NULL, n_vocab, NULL, 0, &e), ERR_ARG);
    assert_string_equal(e.msg, "a grammar needs a tokenizer");
    assert_int_equal(n_alive, 0);
}

static int open_all(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    if (tokenizer_open(&tok, "models/octet-mini", &e))
        return -1;
    n_vocab = (int)tokenizer_size(tok);
    eos = n_vocab - 1;
    logits = xcalloc((size_t)n_vocab, sizeof *logits);
    logits[500] = 1e3f;
    return n_vocab > 1300 && n_vocab <= MASK_WORDS * 32 ? 0 : -1;
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
        cmocka_unit_test(only_what_the_grammar_allows_is_drawn),
        cmocka_unit_test(a_forced_token_changes_no_later_draw),
        cmocka_unit_test(an_end_is_drawn_only_where_the_grammar_may_end),
        cmocka_unit_test(a_guess_is_cut_where_the_grammar_refuses_it),
        cmocka_unit_test(forced_tokens_are_guessed_whatever_else_was),
        cmocka_unit_test(limits_hold_beside_a_grammar),
        cmocka_unit_test(a_grammar_that_allows_no_token_is_an_error),
        cmocka_unit_test(a_grammar_that_cannot_be_followed_is_an_error),
        cmocka_unit_test(a_grammar_is_taken_over_also_where_the_answer_is_refused),
    };
    return cmocka_run_group_tests_name("answer_grammar", tests, open_all, close_all);
}
