/* test_token_trie.c - the vocabulary laid out by bytes, and slices of it.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "support/grammar_try.h"
#include "text/grammar/pattern.h"
#include "text/grammar/token_trie.h"

enum { PATH_MAX_BYTES = 4096 };

/* Counts in seen[id] the tokens of a trie, each checked against its path. */
static void visit(const struct trie_node *v, size_t n, uint8_t *seen)
{
    static char path[PATH_MAX_BYTES];
    static uint32_t end[PATH_MAX_BYTES];
    size_t depth = 0;
    const int32_t *same = token_trie_same(try_trie);
    end[0] = (uint32_t)n;
    assert_int_equal(v[0].end, n);
    assert_int_equal(v[0].token, -1);
    for (uint32_t i = 1; i < n; i++) {
        while (i >= end[depth])
            depth--;
        assert_true(v[i].end > i && v[i].end <= end[depth]);
        if (i < end[depth] && v[i].end < end[depth]) /* the next of the same parent: in order, so each byte once */
            assert_true(v[v[i].end].byte > v[i].byte);
        path[depth] = (char)v[i].byte;
        end[++depth] = v[i].end;
        for (int32_t id = v[i].token; id >= 0; id = same ? same[id] : -1) {
            assert_true(str_eq(tokenizer_bytes(try_tok, id), (struct str){ path, depth }));
            seen[id]++;
        }
        if (v[i].token < 0)
            assert_true(v[i].end > i + 1); /* no leaf without a token */
    }
}

static void test_every_token_with_text_is_in_it_once(void **state)
{
    (void)state;
    size_t n, count = 0;
    const struct trie_node *v = token_trie_nodes(try_trie, &n);
    uint8_t *seen = xcalloc((size_t)tokenizer_size(try_tok), 1);
    visit(v, n, seen);
    for (int32_t id = 0; id < tokenizer_size(try_tok); id++) {
        bool in = tokenizer_bytes(try_tok, id).n && !tokenizer_is_special(try_tok, id) && id != try_eos;
        assert_int_equal(seen[id], in);
        assert_true(str_eq(token_trie_bytes(try_trie, id), in ? tokenizer_bytes(try_tok, id) : (struct str){ 0 }));
        count += in;
    }
    assert_int_equal(token_trie_count(try_trie), count);
    assert_true(token_trie_is_eos(try_trie, try_eos));
    assert_false(token_trie_is_eos(try_trie, try_eos == 0));
    mem_free(seen);
}

static struct work plenty(void)
{
    return (struct work){ .max_states = 1000000, .deadline = INT64_MAX, .time_ns = INT64_MAX };
}

static bool reads(const struct dfa *d, uint32_t state, struct str s)
{
    for (size_t i = 0; i < s.n && state; i++)
        state = dfa_next(d, state, (uint8_t)s.p[i]);
    return state != DFA_DEAD;
}

static void test_a_slice_settles_what_the_automaton_reads_and_leaves_the_rest(void **state)
{
    (void)state;
    static const char *const patterns[] = { "[a-z ]*", "[^\"\\\\]*", "(?:ab|.c){2,5}x", "<[^>]{0,6}>", "" };
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct work w = plenty();
        struct err e = ERR_INIT;
        struct dfa d;
        assert_int_equal(pattern_compile(&d, str_from(patterns[i]), 0, &w, &e), 0);
        for (uint32_t s = 1; s < MIN(d.n, 4U); s++) {
            const uint64_t key[2] = { 100 * i + s, 1 };
            const struct trie_slice *slice = token_trie_slice(try_trie, key, &d, s);
            assert_ptr_equal(slice, token_trie_slice(try_trie, key, &d, s));
            token_trie_drop(try_trie, slice);
            uint8_t *rest = xcalloc((size_t)tokenizer_size(try_tok), 1);
            visit(slice->nodes, slice->n_node, rest);
            for (int32_t id = 0; id < tokenizer_size(try_tok); id++) {
                struct str bytes = token_trie_bytes(try_trie, id);
                bool settled = bytes.n && bytes.n <= SLICE_BYTES && reads(&d, s, bytes);
                assert_int_equal(slice->words[id / 32] >> (id % 32) & 1, settled);
                assert_int_equal(rest[id], bytes.n && !settled);
            }
            mem_free(rest);
            token_trie_drop(try_trie, slice);
        }
        dfa_deinit(&d);
    }
}

static void test_slices_that_are_held_are_not_forgotten(void **state)
{
    (void)state;
    struct work w = plenty();
    struct err e = ERR_INIT;
    struct dfa d;
    assert_int_equal(pattern_compile(&d, STR("a*"), 0, &w, &e), 0);
    const struct trie_slice *held = token_trie_slice(try_trie, (const uint64_t[]){ 1, 2 }, &d, DFA_START);
    for (uint64_t i = 0; i < 200; i++)
        token_trie_drop(try_trie, token_trie_slice(try_trie, (const uint64_t[]){ i, 3 }, &d, DFA_START));
    token_trie_forget(try_trie);
    assert_ptr_equal(held, token_trie_slice(try_trie, (const uint64_t[]){ 1, 2 }, &d, DFA_START));
    token_trie_drop(try_trie, held);
    token_trie_drop(try_trie, held);
    token_trie_forget(try_trie);
    dfa_deinit(&d);
}

static void test_memory_that_runs_out(void **state)
{
    (void)state;
    bool done = false;
    for (long nth = 1; nth < 200 && !done; nth++) {
        struct err e = ERR_INIT;
        struct token_trie *t;
        mem_fail_after(nth);
        int code = token_trie_new(&t, try_tok, &try_eos, 1, &e);
        mem_fail_after(0);
        done = code == 0;
        if (code) {
            assert_int_equal(code, ERR_NOMEM);
            assert_null(t);
        }
        token_trie_free(t);
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_token_with_text_is_in_it_once),
        cmocka_unit_test(test_a_slice_settles_what_the_automaton_reads_and_leaves_the_rest),
        cmocka_unit_test(test_slices_that_are_held_are_not_forgotten),
        cmocka_unit_test(test_memory_that_runs_out),
    };
    return cmocka_run_group_tests(tests, try_setup, try_teardown);
}
