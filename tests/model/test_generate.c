/* test_generate.c - answers of the demonstration model: what they hold, what ends them, what a second turn costs.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/utf8.h"
#include "engine/generate.h"
#include "format/json.h"

#define MODEL "models/octet-mini"
#define GREEDY "tests/data/golden/greedy.jsonl"

/* Prompts of at most this many tokens are asked here; longer ones belong to tests of their own. */
enum { SHORT = 350, CONTEXT = 600 };

static struct {
    struct model *model;
    struct tokenizer *tok;
    struct seq *seq;
} world;

static const char prompt_text[] = "<|im_start|>user\nSay the numbers from 1 to 9.<|im_end|>\n<|im_start|>assistant\n";

/* What the callbacks saw, and when they are to stop. */
struct watch {
    struct buf text;
    int n_call, stop_after; /* 0: never */
    bool stop_prompt;
};

static bool watch_text(void *arg, struct str piece)
{
    struct watch *w = arg;
    assert_true(utf8_valid(piece));
    buf_str(&w->text, piece);
    return ++w->n_call == w->stop_after;
}

static bool watch_prompt(void *arg, size_t done, size_t total)
{
    const struct watch *w = arg;
    assert_true(done > 0 && done <= total);
    return w->stop_prompt;
}

static struct generate_request request(struct watch *w, const struct ids *prompt)
{
    const struct config *c = model_config(world.model);
    return (struct generate_request){ .prompt = prompt->v,
                                      .n_prompt = prompt->n,
                                      .answer.sampling = sampling_greedy,
                                      .answer.eos = c->eos,
                                      .answer.n_eos = c->n_eos,
                                      .answer.max_tokens = 160,
                                      .on_text = watch_text,
                                      .on_progress = watch_prompt,
                                      .arg = w };
}

static struct ids encode(struct str text)
{
    struct ids ids = { 0 };
    struct err e = ERR_INIT;
    assert_int_equal(tokenizer_encode(world.tok, text, TOKENIZER_ADDED_ALL, &ids, &e), 0);
    return ids;
}

/* Generates anew, whatever the sequence holds. */
static struct generate_result fresh(const struct generate_request *req)
{
    struct generate_result r;
    struct err e = ERR_INIT;
    seq_truncate(world.seq, 0);
    assert_int_equal(generate(&r, world.seq, world.tok, req, &e), 0);
    return r;
}

static int open_world(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    if (model_open(&world.model, MODEL, &model_opts_default, &e) || tokenizer_open(&world.tok, MODEL, &e) ||
        seq_new(&world.seq, world.model, CONTEXT, &e)) {
        print_error("%s\n", e.msg);
        return -1;
    }
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    seq_free(world.seq);
    tokenizer_close(world.tok);
    model_close(world.model);
    return 0;
}

static void answers_are_those_of_the_reference(void **state)
{
    (void)state;
    struct buf file = { 0 };
    struct err e = ERR_INIT;
    int asked = 0;
    assert_int_equal(file_read(&file, GREEDY, &e), 0);
    struct str rest = buf_view(&file), line;
    while (str_cut(&rest, '\n', &line)) {
        struct json *doc = NULL;
        struct str text = { 0 };
        assert_int_equal(json_parse(&doc, line, GREEDY, &json_limits_default, &e), 0);
        const struct json *tokens = json_get(doc, "tokens"), *greedy = json_get(doc, "greedy");
        assert_int_equal(json_req_str(doc, "text", &text, &e), 0);
        if (json_len(tokens) <= SHORT) {
            struct watch w = { 0 };
            struct ids prompt = encode(json_str(json_get(doc, "prompt")));
            struct generate_request req = request(&w, &prompt);
            req.answer.keep_special = true;
            struct generate_result r = fresh(&req);
            assert_int_equal(prompt.n, json_len(tokens));
            assert_int_equal(r.finish, ANSWER_EOS);
            assert_int_equal(r.ids.n, json_len(greedy));
            for (size_t i = 0; i < r.ids.n; i++) {
                int64_t want = -1;
                assert_true(json_i64(json_at(greedy, i), &want));
                assert_int_equal(r.ids.v[i], want);
            }
            assert_true(str_eq(buf_view(&w.text), text));
            generate_result_deinit(&r);
            ids_deinit(&prompt);
            buf_deinit(&w.text);
            asked++;
        }
        json_free(doc);
    }
    assert_true(asked > 30);
    buf_deinit(&file);
}

static void an_answer_ends_at_max_tokens(void **state)
{
    (void)state;
    struct watch w = { 0 };
    struct ids prompt = encode(str_from(prompt_text));
    struct generate_request req = request(&w, &prompt);
    req.answer.max_tokens = 5;
    struct generate_result r = fresh(&req);
    assert_int_equal(r.finish, ANSWER_LENGTH);
    assert_string_equal(answer_finish_name(r.finish), "length");
    assert_int_equal(r.ids.n, 5);
    assert_int_equal(r.n_step, 4);
    assert_int_equal(r.n_prompt, prompt.n);
    assert_int_equal(r.n_reused, 0);
    assert_int_equal(seq_len(world.seq), prompt.n + 4);
    generate_result_deinit(&r);
    ids_deinit(&prompt);
    buf_deinit(&w.text);
}

/* A stop string at every place of the answer, however the tokens fall. */
static void an_answer_ends_before_a_stop_string(void **state)
{
    (void)state;
    struct watch whole = { 0 };
    struct ids prompt = encode(str_from(prompt_text));
    struct generate_request req = request(&whole, &prompt);
    struct generate_result r = fresh(&req);
    assert_int_equal(r.finish, ANSWER_EOS);
    assert_int_equal(r.stop, -1);
    generate_result_deinit(&r);
    assert_true(whole.text.n > 10);
    for (size_t n = 1; n <= 4; n++) {
        for (size_t from = 0; from + n <= whole.text.n; from += 3) {
            struct str stops[] = { STR("not in the answer"), { whole.text.p + from, n } };
            size_t want = (size_t)str_find(buf_view(&whole.text), stops[1]);
            struct watch w = { 0 };
            req = request(&w, &prompt);
            req.answer.stops = stops;
            req.answer.n_stop = 2;
            r = fresh(&req);
            assert_int_equal(r.finish, ANSWER_STOP);
            assert_int_equal(r.stop, 1);
            assert_true(str_eq(buf_view(&w.text), str_sub(buf_view(&whole.text), 0, want)));
            generate_result_deinit(&r);
            buf_deinit(&w.text);
        }
    }
    ids_deinit(&prompt);
    buf_deinit(&whole.text);
}

static void text_held_back_for_a_stop_string_comes_at_the_end(void **state)
{
    (void)state;
    struct watch whole = { 0 }, w = { 0 };
    struct ids prompt = encode(str_from(prompt_text));
    struct generate_request req = request(&whole, &prompt);
    struct generate_result r = fresh(&req);
    generate_result_deinit(&r);
    struct buf longer = { 0 };
    buf_str(&longer, str_sub(buf_view(&whole.text), 3, whole.text.n));
    buf_z(&longer, "and more");
    struct str stop = buf_view(&longer);
    req = request(&w, &prompt);
    req.answer.stops = &stop;
    req.answer.n_stop = 1;
    r = fresh(&req);
    assert_int_equal(r.finish, ANSWER_EOS);
    assert_true(str_eq(buf_view(&w.text), buf_view(&whole.text)));
    generate_result_deinit(&r);
    buf_deinit(&longer);
    buf_deinit(&w.text);
    buf_deinit(&whole.text);
    ids_deinit(&prompt);
}

static void a_callback_stops_the_answer_or_the_prompt(void **state)
{
    (void)state;
    struct watch w = { .stop_after = 3 };
    struct ids prompt = encode(str_from(prompt_text));
    struct generate_request req = request(&w, &prompt);
    struct generate_result r = fresh(&req);
    assert_int_equal(r.finish, ANSWER_CANCELLED);
    assert_int_equal(r.ids.n, 3);
    assert_int_equal(w.n_call, 3);
    generate_result_deinit(&r);
    buf_deinit(&w.text);
    ids_deinit(&prompt);

    /* Only between chunks can a prompt be stopped: one of more than a chunk. */
    struct ids longer = { 0 };
    for (int i = 0; i < model_max_rows(world.model) + 1; i++)
        ids_add(&longer, i % 100);
    struct watch p = { .stop_prompt = true };
    req = request(&p, &longer);
    r = fresh(&req);
    assert_int_equal(r.finish, ANSWER_CANCELLED);
    assert_int_equal(r.ids.n, 0);
    assert_int_equal(p.n_call, 0);
    assert_int_equal(seq_len(world.seq), model_max_rows(world.model));
    generate_result_deinit(&r);
    ids_deinit(&longer);
}

static void a_second_turn_costs_only_its_new_tokens(void **state)
{
    (void)state;
    struct watch w = { 0 }, again = { 0 };
    struct ids prompt = encode(str_from(prompt_text));
    struct generate_request req = request(&w, &prompt);
    struct generate_result first = fresh(&req), second, alone;
    struct err e = ERR_INIT;
    size_t held = seq_len(world.seq);
    assert_int_equal(held, prompt.n + first.ids.n);

    ids_append(&prompt, first.ids.v, first.ids.n);
    struct ids more = encode(STR("<|im_end|>\n<|im_start|>user\nWhat is 2 + 3?<|im_end|>\n<|im_start|>assistant\n"));
    ids_append(&prompt, more.v, more.n);
    req = request(&again, &prompt);
    assert_int_equal(generate(&second, world.seq, world.tok, &req, &e), 0);
    assert_int_equal(second.n_reused, held);
    assert_int_equal(second.n_prompt, prompt.n);
    alone = fresh(&req);
    assert_int_equal(alone.n_reused, 0);
    assert_int_equal(alone.ids.n, second.ids.n);
    assert_memory_equal(alone.ids.v, second.ids.v, alone.ids.n * sizeof *alone.ids.v);

    /* The same prompt once more: only its last token is computed again. */
    generate_result_deinit(&second);
    assert_int_equal(generate(&second, world.seq, world.tok, &req, &e), 0);
    assert_int_equal(second.n_reused, prompt.n - 1);
    assert_int_equal(second.ids.n, alone.ids.n);

    generate_result_deinit(&first);
    generate_result_deinit(&second);
    generate_result_deinit(&alone);
    ids_deinit(&prompt);
    ids_deinit(&more);
    buf_deinit(&w.text);
    buf_deinit(&again.text);
}

static void the_same_seed_gives_the_same_text(void **state)
{
    (void)state;
    struct ids prompt = encode(STR("<|im_start|>user\nName 3 colours.<|im_end|>\n<|im_start|>assistant\n"));
    struct buf texts[3] = { { 0 }, { 0 }, { 0 } };
    for (int i = 0; i < 3; i++) {
        struct watch w = { 0 };
        struct generate_request req = request(&w, &prompt);
        req.answer.sampling.temperature = 3; /* hot enough that another seed cannot give the same 40 tokens */
        req.answer.sampling.seed = i < 2 ? 11 : 12;
        req.answer.max_tokens = 40;
        req.answer.n_eos = 0;
        struct generate_result r = fresh(&req);
        assert_int_equal(r.finish, ANSWER_LENGTH);
        assert_int_equal(r.ids.n, 40);
        generate_result_deinit(&r);
        texts[i] = w.text;
    }
    assert_true(str_eq(buf_view(&texts[0]), buf_view(&texts[1])));
    assert_false(str_eq(buf_view(&texts[0]), buf_view(&texts[2])));
    for (int i = 0; i < 3; i++)
        buf_deinit(&texts[i]);
    ids_deinit(&prompt);
}

static void the_context_bounds_prompt_and_answer(void **state)
{
    (void)state;
    struct seq *tight = NULL;
    struct watch w = { 0 };
    struct err e = ERR_INIT;
    struct ids prompt = encode(str_from(prompt_text));
    struct generate_request req = request(&w, &prompt);
    struct generate_result r;
    req.answer.max_tokens = 0;
    assert_int_equal(seq_new(&tight, world.model, prompt.n + 4, &e), 0);
    assert_int_equal(generate(&r, tight, world.tok, &req, &e), 0);
    assert_int_equal(r.finish, ANSWER_WINDOW);
    assert_int_equal(r.ids.n, 5); /* the last one needs no place of its own */
    generate_result_deinit(&r);
    seq_free(tight);

    char want[100];
    snprintf(want, sizeof want, "the prompt has %zu tokens, but the context holds %zu", prompt.n, prompt.n - 1);
    assert_int_equal(seq_new(&tight, world.model, prompt.n - 1, &e), 0);
    assert_int_equal(generate(&r, tight, world.tok, &req, &e), ERR_LIMIT);
    assert_string_equal(e.msg, want);
    seq_free(tight);

    err_clear(&e);
    req.n_prompt = 0;
    assert_int_equal(generate(&r, world.seq, world.tok, &req, &e), ERR_ARG);
    err_clear(&e);
    req.n_prompt = prompt.n;
    req.answer.sampling.top_p = 2;
    assert_int_equal(generate(&r, world.seq, world.tok, &req, &e), ERR_ARG);
    ids_deinit(&prompt);
    buf_deinit(&w.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_reference),
        cmocka_unit_test(an_answer_ends_at_max_tokens),
        cmocka_unit_test(an_answer_ends_before_a_stop_string),
        cmocka_unit_test(text_held_back_for_a_stop_string_comes_at_the_end),
        cmocka_unit_test(a_callback_stops_the_answer_or_the_prompt),
        cmocka_unit_test(a_second_turn_costs_only_its_new_tokens),
        cmocka_unit_test(the_same_seed_gives_the_same_text),
        cmocka_unit_test(the_context_bounds_prompt_and_answer),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
