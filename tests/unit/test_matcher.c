/* test_matcher.c - masks of grammars over the demonstration model's vocabulary, against trying every token's bytes.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "format/json.h"
#include "support/grammar_try.h"
#include "text/grammar/grammar.h"
#include "text/grammar/grammar_build.h"
#include "text/grammar/grammar_core.h"
#include "text/grammar/matcher.h"

static void test_json_takes_json_and_nothing_else(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{}",
        "{\"a\": [1, 2.5e-3, true, null, \"x\\u00e9\\n\"]}",
        "[]",
        "[[[[[[]]]]]]",
        "-0",
        "\"\\ud83d\\ude00 \xF0\x9F\x98\x80\"",
        "  {\n  \"k\" : { \"l\":[ ] }\n}",
    };
    static const char *const bad[] = {
        "", "{", "{]", "01", "{\"a\" 1}", "[1,]", "\"\n\"", "tru", "{} ", "nul l", "'a'"
    };
    struct err e = ERR_INIT;
    struct grammar *g;
    assert_int_equal(grammar_json(&g, false, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!try_takes(g, str_from(good[i])))
            fail_msg("not taken: %s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (try_takes(g, str_from(bad[i])))
            fail_msg("taken: %s", bad[i]);
    grammar_release(g);
    assert_int_equal(grammar_json(&g, true, &e), 0);
    assert_true(try_takes(g, STR("{\"a\":1}")));
    assert_false(try_takes(g, STR("[1]")));
    grammar_release(g);
}

static void test_random_json_parses(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct rng r;
    struct grammar *g;
    size_t ended = 0;
    rng_init(&r, 7);
    assert_int_equal(grammar_json(&g, false, &e), 0);
    for (int i = 0; i < 150; i++) {
        struct buf text = { 0 };
        struct matcher *m = try_matcher(g);
        struct json *doc;
        if (try_walk(m, &r, 20, 300, false, &text)) {
            ended++;
            if (json_parse(&doc, buf_view(&text), "output", NULL, &e))
                fail_msg("%s\n%s", e.msg, text.p);
            json_free(doc);
        }
        matcher_free(m);
        buf_deinit(&text);
    }
    grammar_release(g);
    assert_true(ended > 20);
}

static int lit(struct grammar_build *b, const char *z)
{
    return grammar_build_literal(b, str_from(z));
}

static struct grammar *finish(struct grammar_build *b, int root)
{
    struct err e = ERR_INIT;
    struct grammar *g;
    if (grammar_build_finish(b, root, &g, &e))
        fail_msg("%s", e.msg);
    grammar_build_free(b);
    return g;
}

static struct grammar *any_json(void)
{
    struct err e = ERR_INIT;
    struct grammar *g;
    assert_int_equal(grammar_json(&g, false, &e), 0);
    return g;
}

/* Free text; behind a trigger one of two words and a bounded string follow. */
static struct grammar *triggered(void)
{
    struct grammar_build *b = grammar_build_new(NULL);
    int words = grammar_build_alt(b, (const int[]){ lit(b, "list_files"), lit(b, "read") }, 2);
    const int call[] = { grammar_build_until(b, STR("<function="), true),
                         words,
                         lit(b, ">\""),
                         grammar_build_chars(b, 0, 12, true),
                         lit(b, "\"</function>"),
                         grammar_build_until(b, STR("<function="), false) };
    int whole = grammar_build_seq(b, call, 6);
    return finish(b, grammar_build_alt(b, (const int[]){ grammar_build_until(b, STR("<function="), false), whole }, 2));
}

static struct grammar *members(void)
{
    struct grammar_build *b = grammar_build_new(NULL);
    const struct grammar_member v[] = {
        { grammar_build_seq(b, (const int[]){ lit(b, "\"path\": "), grammar_build_regex(b, STR("[a-z/.]+"), true) }, 2),
          true },
        { grammar_build_seq(b, (const int[]){ lit(b, "\"pattern\": "), grammar_build_search(b, STR("[0-9]x"), true) },
                            2),
          false },
        { grammar_build_seq(b, (const int[]){ lit(b, "\"n\": "), grammar_build_regex(b, STR("-?\\d{1,4}"), true) }, 2),
          true },
    };
    int other = grammar_build_regex(b, STR("_[\\w\\s]{1,6}"), false);
    return finish(b, grammar_build_members(b, v, 3, other, lit(b, ", "), 0, 6));
}

static struct grammar *(*const grammars[])(void) = { any_json, triggered, members };

static void test_masks_are_what_trying_every_token_gives(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(grammars); i++) {
        struct grammar *g = grammars[i]();
        struct rng r;
        rng_init(&r, i);
        for (int k = 0; k < 6; k++) {
            struct buf text = { 0 };
            struct matcher *m = try_matcher(g);
            try_walk(m, &r, 10, 25, true, &text);
            buf_deinit(&text);
            matcher_free(m);
        }
        grammar_release(g);
    }
}

/* Along a written call, where random walks seldom come. */
static void test_masks_along_a_call(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct ids ids = { 0 };
    struct grammar *g = triggered();
    struct matcher *m = try_matcher(g);
    static const char text[] = "I look: <function=list_files>\"src \\u00e9\"</function> then";
    assert_int_equal(tokenizer_encode(try_tok, str_from(text), TOKENIZER_ADDED_ALL, &ids, &e), 0);
    for (size_t i = 0; i < ids.n; i++) {
        try_mask(m);
        assert_true(matcher_accept(m, ids.v[i]));
    }
    try_mask(m);
    assert_true(matcher_may_end(m));
    assert_false(matcher_must_end(m));
    ids_deinit(&ids);
    matcher_free(m);
    grammar_release(g);
}

static void test_free_text_has_no_mask_until_a_trigger(void **state)
{
    (void)state;
    struct grammar *g = triggered();
    struct matcher *m = try_matcher(g);
    assert_null(matcher_mask(m));
    assert_int_equal(matcher_forced(m), -1);
    /* Tokens without text may be drawn there, and change nothing. */
    int32_t special = tokenizer_find_added(try_tok, STR("<|im_start|>"));
    assert_true(special >= 0 && matcher_accept(m, special));
    assert_null(matcher_mask(m));
    struct err e = ERR_INIT;
    struct ids ids = { 0 };
    assert_int_equal(tokenizer_encode(try_tok, STR("text <function="), TOKENIZER_ADDED_NONE, &ids, &e), 0);
    for (size_t i = 0; i < ids.n; i++)
        assert_true(matcher_accept(m, ids.v[i]));
    assert_non_null(matcher_mask(m));
    assert_false(matcher_may_end(m));
    assert_false(matcher_accept(m, special));
    assert_false(matcher_accept(m, try_eos));
    ids_deinit(&ids);
    matcher_free(m);
    grammar_release(g);
}

static void test_an_output_that_must_end_allows_the_end_alone(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    struct grammar *g = finish(b, lit(b, "a"));
    struct matcher *m = try_matcher(g);
    assert_false(matcher_accept(m, try_eos));
    int32_t a = -1;
    for (int32_t id = 0; id < tokenizer_size(try_tok); id++)
        if (str_eqz(tokenizer_bytes(try_tok, id), "a"))
            a = id;
    assert_int_equal(matcher_forced(m), a);
    assert_true(matcher_accept(m, a));
    assert_true(matcher_must_end(m));
    assert_int_equal(matcher_forced(m), try_eos);
    assert_int_equal(try_mask(m), 1);
    assert_true(matcher_accept(m, try_eos));
    assert_true(matcher_must_end(m));
    assert_false(matcher_accept(m, a));
    assert_false(matcher_accept(m, -1));
    assert_false(matcher_accept(m, tokenizer_size(try_tok)));
    matcher_rollback(m, 2);
    assert_int_equal(matcher_forced(m), a);
    matcher_free(m);
    grammar_release(g);
}

/* Memory that is out does not end an output: an end would say that it is whole. */
static void test_a_matcher_without_memory_allows_nothing(void **state)
{
    (void)state;
    for (long nth = 1; nth < 40; nth++) {
        struct err e = ERR_INIT;
        struct grammar *g;
        assert_int_equal(grammar_json(&g, true, &e), 0);
        struct matcher *m = try_matcher(g);
        int32_t brace = -1;
        for (int32_t id = 0; id < tokenizer_size(try_tok); id++)
            if (str_eqz(tokenizer_bytes(try_tok, id), "{"))
                brace = id;
        mem_fail_after(nth);
        bool in = matcher_accept(m, brace);
        const uint32_t *mask = matcher_mask(m);
        bool end = mask && (mask[try_eos / 32] >> (try_eos % 32) & 1);
        mem_fail_after(0);
        assert_false(end);
        assert_true(in || matcher_failed(m));
        assert_false(matcher_may_end(m));
        assert_false(matcher_must_end(m));
        assert_false(matcher_accept(m, try_eos));
        if (nth == 1)
            assert_true(matcher_failed(m));
        if (matcher_failed(m)) {
            mask = matcher_mask(m);
            for (size_t i = 0; i < matcher_words((size_t)tokenizer_size(try_tok)); i++)
                assert_int_equal(mask[i], 0);
            assert_int_equal(matcher_forced(m), -1);
            assert_false(matcher_accept(m, brace));
        }
        matcher_free(m);
        grammar_release(g);
    }
}

/* A grammar that may be read in thousands of ways at every byte: others do not wait for its masks for ever. */
static void test_a_mask_that_takes_too_long_is_given_up(void **state)
{
    (void)state;
    struct grammar_build *b = grammar_build_new(NULL);
    static int many[1500];
    int rule = grammar_build_rule(b);
    grammar_build_define(b, rule, grammar_build_repeat(b, lit(b, "x"), 0, SIZE_MAX));
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = rule;
    struct grammar *g = finish(b, grammar_build_seq(b, many, ARRAY_LEN(many)));
    struct matcher *m = try_matcher(g);
    int64_t from = clock_thread_ns();
    const uint32_t *mask = matcher_mask(m);
    assert_true(clock_thread_ns() - from < INT64_C(1500000000));
    assert_int_equal(matcher_failed(m), ERR_LIMIT);
    for (size_t i = 0; i < matcher_words((size_t)tokenizer_size(try_tok)); i++)
        assert_int_equal(mask[i], 0);
    matcher_free(m);
    grammar_release(g);
}

/* A copy of the mask, all ones where there is none. */
static uint32_t *mask_copy(struct matcher *m)
{
    size_t n = matcher_words((size_t)tokenizer_size(try_tok));
    uint32_t *copy = xmalloc(n * sizeof *copy);
    const uint32_t *mask = matcher_mask(m);
    memset(copy, 0xFF, n * sizeof *copy);
    if (mask)
        memcpy(copy, mask, n * sizeof *copy);
    return copy;
}

static int32_t draw(struct matcher *m, struct rng *r)
{
    const uint32_t *mask = matcher_mask(m);
    int32_t n = tokenizer_size(try_tok), id = (int32_t)rng_below(r, (uint32_t)n);
    for (int32_t i = 0; i < n; i++, id = (id + 1) % n)
        if (id != try_eos && (!mask || (mask[id / 32] >> (id % 32) & 1)) && tokenizer_bytes(try_tok, id).n)
            return id;
    return -1;
}

/* Goes `n` tokens on. Returns how many there were. */
static size_t go_on(struct matcher *m, struct rng *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int32_t id = draw(m, r);
        if (id < 0)
            return i;
        assert_true(matcher_accept(m, id));
    }
    return n;
}

static void check_rollback(struct grammar *g, uint64_t seed)
{
    size_t n = matcher_words((size_t)tokenizer_size(try_tok));
    struct rng r;
    rng_init(&r, seed);
    struct matcher *m = try_matcher(g);
    for (int i = 0; i < 60; i++) {
        go_on(m, &r, rng_below(&r, 4));
        uint32_t *before = mask_copy(m);
        bool may = matcher_may_end(m), must = matcher_must_end(m);
        matcher_rollback(m, go_on(m, &r, 64));
        uint32_t *after = mask_copy(m);
        assert_memory_equal(before, after, n * sizeof *before);
        assert_int_equal(may, matcher_may_end(m));
        assert_int_equal(must, matcher_must_end(m));
        mem_free(before);
        mem_free(after);
    }
    matcher_free(m);
}

static void test_rolling_back_is_never_having_been_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(grammars); i++) {
        struct grammar *g = grammars[i]();
        check_rollback(g, 3);
        grammar_release(g);
    }
}

static void test_stores_that_are_full_are_left_behind(void **state)
{
    (void)state;
    static const size_t small[] = { 60000, 12000, 60000 }; /* a random walk in free text sees few states */
    for (size_t i = 0; i < ARRAY_LEN(grammars); i++) {
        struct grammar *g = grammars[i](), *roomy = grammars[i]();
        g->store_bytes = small[i];
        struct matcher *old = try_matcher(g), *m = try_matcher(roomy);
        const struct gstore *first = g->store; /* old keeps it */
        uint32_t *start = mask_copy(m);
        for (int k = 0; k < 50 && g->store == first; k++)
            check_rollback(g, (uint64_t)k);
        if (g->store == first)
            fail_msg("grammar %zu: one store of %zu bytes was enough", i, first->bytes);
        /* One that stayed behind still says the same, and so does one that moved. */
        uint32_t *again = mask_copy(old);
        assert_memory_equal(start, again, matcher_words((size_t)tokenizer_size(try_tok)) * sizeof *start);
        try_mask(old);
        mem_free(start);
        mem_free(again);
        matcher_free(old);
        matcher_free(m);
        grammar_release(g);
        grammar_release(roomy);
    }
}

struct walker {
    struct grammar *g;
    uint64_t seed;
    struct buf text;
};

static void *walk_thread(void *arg)
{
    struct walker *w = arg;
    struct rng r;
    rng_init(&r, w->seed);
    for (int i = 0; i < 12; i++) {
        struct err e = ERR_INIT;
        struct matcher *m;
        if (matcher_new(&m, w->g, try_trie, &e))
            return arg;
        for (int k = 0; k < 40; k++) {
            int32_t id = draw(m, &r);
            if (id < 0)
                break;
            if (!matcher_accept(m, id))
                return arg;
            buf_str(&w->text, tokenizer_bytes(try_tok, id));
        }
        matcher_free(m);
    }
    return NULL;
}

static void test_threads_share_a_grammar(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(grammars); i++) {
        struct grammar *g = grammars[i](), *alone = grammars[i]();
        g->store_bytes = 400000; /* full now and then */
        struct walker w[4];
        pthread_t t[ARRAY_LEN(w)];
        for (size_t k = 0; k < ARRAY_LEN(w); k++) {
            w[k] = (struct walker){ .g = g, .seed = k / 2 };
            assert_int_equal(pthread_create(&t[k], NULL, walk_thread, &w[k]), 0);
        }
        for (size_t k = 0; k < ARRAY_LEN(w); k++) {
            void *failed;
            pthread_join(t[k], &failed);
            assert_null(failed);
            struct walker same = { .g = alone, .seed = k / 2 };
            assert_null(walk_thread(&same));
            assert_int_equal(same.text.n, w[k].text.n);
            assert_memory_equal(same.text.p, w[k].text.p, same.text.n);
            buf_deinit(&same.text);
            buf_deinit(&w[k].text);
        }
        grammar_release(g);
        grammar_release(alone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_takes_json_and_nothing_else),
        cmocka_unit_test(test_random_json_parses),
        cmocka_unit_test(test_masks_are_what_trying_every_token_gives),
        cmocka_unit_test(test_masks_along_a_call),
        cmocka_unit_test(test_free_text_has_no_mask_until_a_trigger),
        cmocka_unit_test(test_an_output_that_must_end_allows_the_end_alone),
        cmocka_unit_test(test_a_matcher_without_memory_allows_nothing),
        cmocka_unit_test(test_a_mask_that_takes_too_long_is_given_up),
        cmocka_unit_test(test_rolling_back_is_never_having_been_there),
        cmocka_unit_test(test_stores_that_are_full_are_left_behind),
        cmocka_unit_test(test_threads_share_a_grammar),
    };
    return cmocka_run_group_tests(tests, try_setup, try_teardown);
}
