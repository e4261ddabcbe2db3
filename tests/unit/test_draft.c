/* test_draft.c - guesses from the sequence's own text against a plain search, and how many steps they save on a file that is written anew.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/draft.h"
#include "text/tokenizer.h"

/* What the header promises, by looking at every place. */
static int search(const int32_t *v, size_t n, int32_t *out, int max, int *match)
{
    *match = 0;
    for (size_t at = n - 1; n > DRAFT_MIN_MATCH && at >= DRAFT_MIN_MATCH; at--) {
        size_t same = 0;
        while (same < at && same < 255 && v[at - 1 - same] == v[n - 1 - same])
            same++;
        if (same < DRAFT_MIN_MATCH)
            continue;
        *match = (int)same;
        int n_out = 0;
        for (; n_out < MIN(max, DRAFT_MAX); n_out++)
            out[n_out] = at + (size_t)n_out < n ? v[at + (size_t)n_out] : out[at + (size_t)n_out - n];
        return n_out;
    }
    return 0;
}

static int assert_as_searched(const struct draft *d, const int32_t *v, size_t n, int max)
{
    int32_t got[DRAFT_MAX], want[DRAFT_MAX];
    int got_match = -1, want_match = -1;
    int n_got = draft_guess(d, got, max, &got_match), n_want = search(v, n, want, max, &want_match);
    if (n_got != n_want || got_match != want_match || memcmp(got, want, (size_t)n_got * sizeof *got))
        fail_msg("behind %zu tokens: %d guessed from a match of %d, a plain search finds %d from %d", n, n_got,
                 got_match, n_want, want_match);
    return n_got;
}

/* Ids that repeat what was there before, again and again, with something new in between. */
static int32_t *make_ids(size_t n, uint64_t seed, uint32_t n_vocab)
{
    struct rng rng;
    rng_init(&rng, seed);
    int32_t *v = xcalloc(n, sizeof *v);
    for (size_t i = 0; i < n;) {
        size_t end = i + 1 + rng_below(&rng, 60), from = i ? rng_below(&rng, (uint32_t)i) : 0;
        bool copy = i && rng_below(&rng, 2);
        for (; i < MIN(end, n); i++)
            v[i] = copy ? v[from++] : (int32_t)rng_below(&rng, n_vocab);
    }
    return v;
}

static void guesses_are_those_of_a_plain_search(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        enum { N = 700 };
        int32_t *v = make_ids(N, seed, seed % 4 ? 3000 : 3);
        struct draft *d = draft_new();
        int guessed = 0;
        for (size_t n = 0; n <= N; n += 1 + seed % 3) {
            draft_update(d, v, n);
            guessed += assert_as_searched(d, v, n, (int)(n % (DRAFT_MAX + 9))) > 0;
        }
        assert_true(guessed > 20);
        draft_free(d);
        mem_free(v);
    }
}

static void the_table_grows_and_forgets_nothing(void **state)
{
    (void)state;
    enum { N = 40000 };
    int32_t *v = make_ids(N, 7, 100000);
    struct draft *d = draft_new();
    /* By one token and by thousands; the second half of the table's life is checked as closely as the first. */
    for (size_t n = 0; n <= N; n += n % 5000 == 37 ? 4963 : 1) {
        draft_update(d, v, n);
        if (n % 397 == 0 || n % 5000 == 0)
            assert_as_searched(d, v, n, DRAFT_MAX);
    }
    draft_free(d);
    /* The same at once. */
    d = draft_new();
    draft_update(d, v, N);
    assert_as_searched(d, v, N, DRAFT_MAX);
    draft_free(d);
    mem_free(v);
}

static void a_shorter_sequence_starts_anew(void **state)
{
    (void)state;
    enum { N = 3000 };
    int32_t *a = make_ids(N, 1, 50), *b = make_ids(N, 2, 50);
    struct draft *d = draft_new();
    draft_update(d, a, N);
    for (size_t n = 10; n < N; n += 7) {
        draft_update(d, b, n);
        assert_as_searched(d, b, n, DRAFT_MAX);
    }
    draft_free(d);
    mem_free(a);
    mem_free(b);
}

static void a_sequence_that_moves_in_memory_is_the_same(void **state)
{
    (void)state;
    enum { N = 600 };
    int32_t *v = make_ids(N, 3, 40);
    struct draft *d = draft_new();
    for (size_t n = 1; n < N; n++) {
        int32_t *copy = xcalloc(n, sizeof *copy);
        memcpy(copy, v, n * sizeof *copy);
        draft_update(d, copy, n);
        assert_as_searched(d, v, n, DRAFT_MAX);
        mem_free(copy);
        draft_update(d, v, n);
    }
    draft_free(d);
    mem_free(v);
}

static void a_run_is_guessed_to_go_on(void **state)
{
    (void)state;
    int32_t v[300], out[DRAFT_MAX];
    int match;
    for (int period = 1; period <= 7; period++) {
        struct draft *d = draft_new();
        for (int i = 0; i < 300; i++)
            v[i] = i % period;
        draft_update(d, v, 4);
        assert_int_equal(draft_guess(d, out, DRAFT_MAX, &match), 0);
        draft_update(d, v, 300);
        assert_int_equal(draft_guess(d, out, 1000, &match), DRAFT_MAX);
        assert_int_equal(match, 255);
        for (int i = 0; i < DRAFT_MAX; i++)
            assert_int_equal(out[i], (300 + i) % period);
        assert_int_equal(draft_guess(d, out, 0, &match), 0);
        draft_free(d);
    }
}

static void a_table_that_cannot_grow_leaves_the_latest_out(void **state)
{
    (void)state;
    enum { N = 5000 };
    int32_t *v = xcalloc(N, sizeof *v), out[DRAFT_MAX];
    int match;
    struct draft *d = draft_new();
    for (int i = 0; i < N; i++)
        v[i] = i;
    for (size_t n = 1; n < 400; n++)
        draft_update(d, v, n);
    mem_fail_after(1);
    draft_update(d, v, N);
    memcpy(v + N - 10, v + 100, 10 * sizeof *v);
    assert_int_equal(draft_guess(d, out, 20, &match), 20);
    assert_int_equal(match, 10);
    assert_memory_equal(out, v + 110, 20 * sizeof *v);
    mem_fail_after(0);
    draft_update(d, v, N);
    assert_as_searched(d, v, N, DRAFT_MAX);
    draft_free(d);
    mem_free(v);
}

/* --- traces ---------------------------------------------------------------------------------------------------------------------------- */

static struct tokenizer *open_tokenizer(void)
{
    struct tokenizer *t;
    struct err e = ERR_INIT;
    if (tokenizer_open(&t, "models/octet-mini", &e))
        fail_msg("%s", e.msg);
    return t;
}

static void encode(const struct tokenizer *t, struct str text, struct ids *out)
{
    struct err e = ERR_INIT;
    assert_int_equal(tokenizer_encode(t, text, TOKENIZER_ADDED_NONE, out, &e), 0);
}

/* The first n lines of a file of the repository; all if n is 0. */
static void read_lines(struct buf *out, const char *path, int n)
{
    struct err e = ERR_INIT;
    if (file_read(out, path, &e))
        fail_msg("%s", e.msg);
    size_t end = 0;
    for (int line = 0; n && line < n; end++) {
        assert_true(end < out->n);
        line += out->p[end] == '\n';
    }
    if (n)
        out->n = end;
}

/* The text with every twentieth line changed: by turns a line more, a line less, a word replaced in it. */
static int edit(struct str text, struct buf *out)
{
    int line = 0, n_edit = 0;
    for (size_t from = 0, end; from < text.n; from = end, line++) {
        const char *newline = memchr(text.p + from, '\n', text.n - from);
        end = newline ? (size_t)(newline - text.p) + 1 : text.n;
        struct str s = { text.p + from, end - from };
        if (line % 20 != 11) {
            buf_str(out, s);
            continue;
        }
        switch (n_edit++ % 3) {
        case 0:
            buf_str(out, s);
            buf_printf(out, "    log_debug(\"line %d was reached\");\n", line);
            break;
        case 1:
            break;
        default:
            buf_printf(out, "    other_%d(%.*s", line, (int)MIN(s.n, 30), s.p);
            buf_str(out, (struct str){ s.p + MIN(s.n, 30), s.n - MIN(s.n, 30) });
        }
    }
    return n_edit;
}

/* Steps that the tokens behind the first n_prompt take: each verifies a guess and draws one token more. */
static size_t steps_of(const struct ids *ids, size_t n_prompt)
{
    struct draft *d = draft_new();
    size_t n_step = 0;
    for (size_t n = n_prompt; n < ids->n; n_step++) {
        int32_t guess[DRAFT_MAX];
        int match;
        draft_update(d, ids->v, n);
        size_t n_guess = (size_t)draft_guess(d, guess, DRAFT_MAX, &match);
        n += ids_common(guess, ids->v + n, MIN(n_guess, ids->n - n)) + 1;
    }
    draft_free(d);
    return n_step;
}

static void a_file_written_anew_takes_half_the_steps(void **state)
{
    (void)state;
    struct tokenizer *t = open_tokenizer();
    struct buf before = { 0 }, after = { 0 };
    struct ids ids = { 0 };
    read_lines(&before, "src/engine/batch.c", 200);
    assert_int_equal(edit(buf_view(&before), &after), 10);
    encode(t, buf_view(&before), &ids);
    encode(t, STR("\nThe same with the changes:\n"), &ids);
    size_t n_prompt = ids.n;
    encode(t, buf_view(&after), &ids);
    size_t n_token = ids.n - n_prompt, n_step = steps_of(&ids, n_prompt);
    print_message("%zu tokens of a file with ten changes: %zu steps\n", n_token, n_step);
    assert_true(n_step * 2 <= n_token);
    ids_deinit(&ids);
    buf_deinit(&before);
    buf_deinit(&after);
    tokenizer_close(t);
}

static void ordinary_text_takes_no_more_steps_than_tokens(void **state)
{
    (void)state;
    static const char *const paths[] = { "docs/MODEL.md", "docs/TESTING.md", "docs/PERF.md" };
    struct tokenizer *t = open_tokenizer();
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct buf text = { 0 };
        struct ids ids = { 0 };
        read_lines(&text, paths[i], 0);
        encode(t, buf_view(&text), &ids);
        size_t n_step = steps_of(&ids, 100);
        print_message("%zu tokens of %s: %zu steps\n", ids.n - 100, paths[i], n_step);
        assert_true(n_step <= ids.n - 100);
        ids_deinit(&ids);
        buf_deinit(&text);
    }
    tokenizer_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guesses_are_those_of_a_plain_search),
        cmocka_unit_test(the_table_grows_and_forgets_nothing),
        cmocka_unit_test(a_shorter_sequence_starts_anew),
        cmocka_unit_test(a_sequence_that_moves_in_memory_is_the_same),
        cmocka_unit_test(a_run_is_guessed_to_go_on),
        cmocka_unit_test(a_table_that_cannot_grow_leaves_the_latest_out),
        cmocka_unit_test(a_file_written_anew_takes_half_the_steps),
        cmocka_unit_test(ordinary_text_takes_no_more_steps_than_tokens),
    };
    return cmocka_run_group_tests_name("draft", tests, NULL, NULL);
}
