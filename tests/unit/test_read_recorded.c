/* test_read_recorded.c - what coding agents sent, as it was recorded: every body is read, and a session's prompts only grow.
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

#include "api/prompt.h"
#include "api/read.h"
#include "base/base.h"
#include "base/mem.h"
#include "support/shared.h"

static const char *const agents[] = { "claude-code", "cline",     "codex",  "continue",      "opencode",
                                      "pi",          "qwen-code", "sdk-ai", "sdk-anthropic", "sdk-openai" };

static struct chat *chat;
static struct tokenizer *tok;
static struct prompt_maker *maker;
static struct api_defaults defaults = { .sampling = { .top_p = 1, .repetition_penalty = 1 }, .max_n = 16 };

static int open_model(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    if (chat_open(&chat, "models/octet-mini", &e) || tokenizer_open(&tok, "models/octet-mini", &e)) {
        print_error("%s\n", e.msg);
        return -1;
    }
    maker = prompt_maker_new(chat, tok);
    prompt_maker_defaults(maker, &defaults);
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    prompt_maker_free(maker);
    tokenizer_close(tok);
    chat_close(chat);
    return 0;
}

/* The API of a request; false: none that generates. */
static bool dialect_of(struct str target, enum api_dialect *out)
{
    static const struct {
        const char *path;
        enum api_dialect dialect;
    } paths[] = {
        { "/chat/completions", API_CHAT }, { "/completions", API_COMPLETIONS },        { "/responses", API_RESPONSES },
        { "/messages", API_MESSAGES },     { "/messages/count_tokens", API_MESSAGES },
    };
    struct str path;
    if (!str_cut(&target, '?', &path))
        path = target;
    if (str_starts(path, STR("/v1")))
        path = str_sub(path, 3, path.n);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (str_eqz(path, paths[i].path)) {
            *out = paths[i].dialect;
            return true;
        }
    return false;
}

struct tally {
    size_t bodies, with_history, grew;
    size_t tokens;
};

static size_t count_answers(const struct api_request *r)
{
    size_t n = 0;
    for (size_t i = 0; i < json_len(r->messages); i++)
        n += str_eqz(json_str(json_get(json_at(r->messages, i), "role")), "assistant");
    return n;
}

/* Prompts of one run so far. */
struct seen {
    struct ids v[128];
    size_t n;
};

static bool grew(const struct seen *s, const struct ids *ids)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].n < ids->n && ids_common(s->v[i].v, ids->v, s->v[i].n) == s->v[i].n)
            return true;
    return false;
}

static void check_body(const char *agent, struct str run, enum api_dialect d, const struct json *body,
                       struct seen *seen, struct tally *t)
{
    struct buf text = { 0 };
    struct api_request r;
    struct api_error x;
    struct err e = ERR_INIT;
    struct prompt_opts o = { 0 };
    struct prompt p;
    json_write(&text, body);
    if (read_request(&r, d, buf_view(&text), &defaults, &x))
        fail_msg("%s, run %.*s: %s", agent, (int)run.n, run.p, x.message);
    if (prompt_build(&p, maker, &r, &o, &e))
        fail_msg("%s, run %.*s: %s", agent, (int)run.n, run.p, e.msg);
    t->bodies++;
    t->tokens += p.ids.n;
    if (count_answers(&r)) {
        t->with_history++;
        t->grew += grew(seen, &p.ids);
    }
    assert_true(seen->n < ARRAY_LEN(seen->v));
    seen->v[seen->n++] = p.ids;
    p.ids = (struct ids){ 0 };
    prompt_deinit(&p);
    api_request_deinit(&r);
    buf_deinit(&text);
}

static void check_agent(const char *agent, const struct json *doc, struct tally *t)
{
    const struct json *runs = json_get(doc, "runs");
    struct seen *seen = xcalloc(1, sizeof *seen);
    for (size_t i = 0; i < json_len(runs); i++) {
        const struct json *requests = json_get(json_at(runs, i), "requests");
        for (size_t k = 0; k < json_len(requests); k++) {
            const struct json *q = json_at(requests, k), *body = json_get(q, "body");
            enum api_dialect d;
            if (json_type(body) == JSON_OBJECT && dialect_of(json_str(json_get(q, "target")), &d))
                check_body(agent, json_str(json_get(json_at(runs, i), "run")), d, body, seen, t);
        }
        for (size_t k = 0; k < seen->n; k++)
            ids_deinit(&seen->v[k]);
        seen->n = 0;
    }
    mem_free(seen);
}

static void every_recorded_body_is_read_and_sessions_grow(void **state)
{
    struct tally all = { 0 };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(agents); i++) {
        char rel[64];
        struct json *doc;
        struct err e = ERR_INIT;
        struct tally t = { 0 };
        (void)snprintf(rel, sizeof rel, "agents/%s.shape.json", agents[i]);
        const char *path = shared_path(rel);
        if (!path) {
            print_message("%s is not there: skipped\n", rel);
            skip();
        }
        if (json_read(&doc, path, NULL, &e))
            fail_msg("%s", e.msg);
        check_agent(agents[i], doc, &t);
        print_message("%-14s %3zu bodies, %7zu tokens; %3zu of %3zu with a history go on from an earlier prompt\n",
                      agents[i], t.bodies, t.tokens, t.grew, t.with_history);
        all.bodies += t.bodies;
        all.with_history += t.with_history;
        all.grew += t.grew;
        json_free(doc);
    }
    print_message("%zu bodies; %zu of %zu go on\n", all.bodies, all.grew, all.with_history);
    assert_int_equal(all.bodies, 336);
    /* The rest began anew on the agent's side: another set of tools, a compaction, a resumed session. */
    assert_int_equal(all.with_history - all.grew, 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_body_is_read_and_sessions_grow),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
