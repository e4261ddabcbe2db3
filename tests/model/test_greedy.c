/* test_greedy.c - the demonstration model's greedy answers against those that mlx-lm gave, on both paths: the same tokens, the same text.
 * Prompts of at most SHORT tokens and one long one; with OCTET_TEST_FULL set, every prompt; with OCTET_TEST_SHORT, every fourth short one.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/generate.h"
#include "format/json.h"

enum { N_PROMPTS = 50, SHORT = 1000, LONG = 3000 };

struct reader {
    struct model *model;
    struct tokenizer *tok;
    bool long_done;
    int n_seen;
    int n_asked;
};

static bool wanted(struct reader *r, size_t n_tok)
{
    if (getenv("OCTET_TEST_SHORT"))
        return n_tok <= SHORT && r->n_seen++ % 4 == 0;
    if (n_tok <= SHORT || getenv("OCTET_TEST_FULL"))
        return true;
    bool first = !r->long_done && n_tok > LONG;
    r->long_done |= first;
    return first;
}

static void read_ids(struct ids *out, const struct json *row, const char *key)
{
    const struct json *list = json_get(row, key);
    int64_t id = -1;
    for (size_t i = 0; i < json_len(list); i++) {
        assert_true(json_i64(json_at(list, i), &id));
        ids_add(out, (int32_t)id);
    }
}

static bool on_text(void *arg, struct str piece)
{
    buf_str(arg, piece);
    return false;
}

static void same_ids(const char *what, const char *name, const struct ids *got, const struct ids *want)
{
    for (size_t i = 0; i < got->n && i < want->n; i++)
        if (got->v[i] != want->v[i])
            fail_msg("prompt %s: %s: token %zu is %d, expected %d", name, what, i, (int)got->v[i], (int)want->v[i]);
    if (got->n != want->n)
        fail_msg("prompt %s: %s: %zu tokens, expected %zu", name, what, got->n, want->n);
}

static void ask(struct reader *r, const struct json *row, const struct ids *prompt)
{
    struct err e = ERR_INIT;
    struct ids want = { 0 };
    struct seq *seq = NULL;
    struct generate_result res;
    struct buf text = { 0 };
    const struct config *c = model_config(r->model);
    struct str name = json_str(json_get(row, "id"));
    read_ids(&want, row, "greedy");
    const struct generate_request req = { .prompt = prompt->v,
                                          .n_prompt = prompt->n,
                                          .answer.sampling = sampling_greedy,
                                          .answer.eos = c->eos,
                                          .answer.n_eos = c->n_eos,
                                          .answer.max_tokens = want.n + (json_bool(json_get(row, "stopped")) ? 1 : 0),
                                          .on_text = on_text,
                                          .arg = &text };
    if (seq_new(&seq, r->model, prompt->n + want.n + 1, &e) || generate(&res, seq, r->tok, &req, &e))
        fail_msg("%s", e.msg);
    same_ids("answer", name.p, &res.ids, &want);
    assert_int_equal(res.finish == ANSWER_EOS, json_bool(json_get(row, "stopped")));
    assert_string_equal(buf_view(&text).p, json_str(json_get(row, "text")).p);
    print_message("%s: %5zu tokens, answer of %zu\n", name.p, prompt->n, want.n);
    r->n_asked++;
    generate_result_deinit(&res);
    seq_free(seq);
    buf_deinit(&text);
    ids_deinit(&want);
}

/* The prompt's tokens are those of the stored text, too. */
static void check_row(struct reader *r, struct str line)
{
    struct err e = ERR_INIT;
    struct json *row = NULL;
    struct ids prompt = { 0 }, encoded = { 0 };
    if (json_parse(&row, line, "greedy.jsonl", NULL, &e))
        fail_msg("%s", e.msg);
    read_ids(&prompt, row, "tokens");
    if (tokenizer_encode(r->tok, json_str(json_get(row, "prompt")), TOKENIZER_ADDED_ALL, &encoded, &e))
        fail_msg("%s", e.msg);
    same_ids("prompt", json_str(json_get(row, "id")).p, &encoded, &prompt);
    if (wanted(r, prompt.n))
        ask(r, row, &prompt);
    ids_deinit(&prompt);
    ids_deinit(&encoded);
    json_free(row);
}

static void answers_are_the_same(enum precision precision)
{
    struct err e = ERR_INIT;
    struct reader r = { 0 };
    struct buf all = { 0 };
    struct model_opts o = model_opts_default;
    struct str rest, line;
    int n_rows = 0;
    o.precision = precision;
    if (model_open(&r.model, "models/octet-mini", &o, &e) || tokenizer_open(&r.tok, "models/octet-mini", &e) ||
        file_read(&all, "tests/data/golden/greedy.jsonl", &e))
        fail_msg("%s", e.msg);
    for (rest = buf_view(&all); str_cut(&rest, '\n', &line); n_rows++)
        check_row(&r, line);
    assert_int_equal(n_rows, N_PROMPTS);
    print_message("%d answers\n", r.n_asked);
    buf_deinit(&all);
    tokenizer_close(r.tok);
    model_close(r.model);
}

static void exact_path_answers_as_mlx_lm(void **state)
{
    (void)state;
    answers_are_the_same(PRECISION_F32);
}

static void int8_path_answers_as_mlx_lm(void **state)
{
    (void)state;
    answers_are_the_same(PRECISION_INT8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_path_answers_as_mlx_lm),
        cmocka_unit_test(int8_path_answers_as_mlx_lm),
    };
    return cmocka_run_group_tests_name("greedy answers", tests, NULL, NULL);
}
