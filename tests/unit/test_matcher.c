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
#include "base/mem.h"
#include "base/rng.h"
#include "format/json.h"
#include "text/grammar.h"
#include "text/grammar_build.h"
#include "text/matcher.h"
#include "text/token_trie.h"

static struct tokenizer *tok;
static struct token_trie *trie;
static int32_t eos;

static int setup(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(tokenizer_open(&tok, "models/octet-mini", &e), 0);
    eos = tokenizer_find_added(tok, STR("<|im_end|>"));
    assert_true(eos >= 0);
    assert_int_equal(token_trie_new(&trie, tok, &eos, 1, &e), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    token_trie_free(trie);
    tokenizer_close(tok);
    return 0;
}

static struct matcher *matcher(struct grammar *g)
{
    struct err e = ERR_INIT;
    struct matcher *m;
    assert_int_equal(matcher_new(&m, g, trie, &e), 0);
    return m;
}

static bool allowed(const uint32_t *mask, int32_t id)
{
    return !mask || (mask[id / 32] >> (id % 32) & 1);
}

/* The mask must be what accept says of every token. Returns how many are allowed. */
static size_t check_mask(struct matcher *m)
{
    const uint32_t *mask = matcher_mask(m);
    size_t n = 0;
    int32_t one = -1;
    uint32_t *copy = mask ? xmalloc(matcher_words((size_t)tokenizer_size(tok)) * sizeof *copy) : NULL;
    if (copy)
        memcpy(copy, mask, matcher_words((size_t)tokenizer_size(tok)) * sizeof *copy);
    for (int32_t id = 0; id < tokenizer_size(tok); id++) {
        bool yes = matcher_accept(m, id);
        if (yes) {
            matcher_rollback(m, 1);
            one = id;
            n++;
        }
        if (yes != allowed(copy, id))
            fail_msg("token %d \"%.*s\": accepted %d, in the mask %d", id, (int)tokenizer_bytes(tok, id).n,
                     tokenizer_bytes(tok, id).p, yes, !yes);
    }
    mem_free(copy);
    assert_true(n > 0);
    assert_int_equal(matcher_forced(m), n == 1 ? one : -1);
    return n;
}

/* Draws allowed tokens until the output ends; `hurry` tokens on, takes the end where it can. Appends the text. False: it was cut. */
static bool walk(struct matcher *m, struct rng *r, size_t hurry, size_t cut, bool check, struct buf *text)
{
    for (size_t i = 0; i < cut; i++) {
        if (check)
            check_mask(m);
        if (matcher_must_end(m) || (matcher_may_end(m) && (i >= hurry || rng_below(r, 4) == 0))) {
            assert_true(matcher_may_end(m));
            assert_true(matcher_accept(m, eos));
            assert_true(matcher_must_end(m));
            return true;
        }
        const uint32_t *mask = matcher_mask(m);
        int32_t id;
        size_t tries = 0;
        do {
            id = (int32_t)rng_below(r, (uint32_t)tokenizer_size(tok));
            if (++tries > 2000) /* few are allowed: take the next one there is */
                while (!allowed(mask, id))
                    id = (id + 1) % tokenizer_size(tok);
        } while (!allowed(mask, id) || id == eos);
        if (!matcher_accept(m, id))
            fail_msg("token %d \"%.*s\" is in the mask and not accepted", id, (int)tokenizer_bytes(tok, id).n,
                     tokenizer_bytes(tok, id).p);
        buf_str(text, tokenizer_bytes(tok, id));
    }
    return false;
}

/* Whether the grammar takes the text whole, byte-wise through single-byte tokens and as the tokenizer cuts it. */
static bool takes(struct grammar *g, const char *text)
{
    struct err e = ERR_INIT;
    struct ids ids = { 0 };
    struct matcher *m = matcher(g);
    bool ok = true;
    assert_int_equal(tokenizer_encode(tok, str_from(text), TOKENIZER_ADDED_NONE, &ids, &e), 0);
    for (size_t i = 0; i < ids.n && ok; i++)
        ok = allowed(matcher_mask(m), ids.v[i]) && matcher_accept(m, ids.v[i]);
    ok = ok && matcher_may_end(m);
    ids_deinit(&ids);
    matcher_free(m);
    return ok;
}

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
        if (!takes(g, good[i]))
            fail_msg("not taken: %s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (takes(g, bad[i]))
            fail_msg("taken: %s", bad[i]);
    grammar_release(g);
    assert_int_equal(grammar_json(&g, true, &e), 0);
    assert_true(takes(g, "{\"a\":1}"));
    assert_false(takes(g, "[1]"));
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
        struct matcher *m = matcher(g);
        struct json *doc;
        if (walk(m, &r, 20, 300, false, &text)) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_takes_json_and_nothing_else),
        cmocka_unit_test(test_random_json_parses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
