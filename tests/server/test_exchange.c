/* test_exchange.c - requests and answers without HTTP, on the demonstration model: every endpoint, streams, errors, lengths, tools, schemas,
 * conversations that come back.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/script.h"
#include "base/base.h"
#include "base/file.h"
#include "base/log.h"
#include "server/ask.h"

/* One for most tests; others open their own beside it. */
static struct ask_world whole, own, *world = &whole;

static int open_world(void **state)
{
    (void)state;
    ask_open(&whole, NULL, NULL);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    ask_close(&whole);
    return 0;
}

static void open_own(const struct service_opts *so, const struct engine_opts *eo)
{
    ask_open(&own, so, eo);
    world = &own;
}

static void close_own(void)
{
    ask_close(&own);
    world = &whole;
}

/* A test that failed may have left its own behind. */
static int use_whole(void **state)
{
    (void)state;
    world = &whole;
    return 0;
}

#define SUM "What is 2+2? Answer in one short sentence."
#define REVERSE "Write a Python function to reverse a string. Just the code, no explanation."
#define FILES "What files are in the current directory?"
#define LIST_FILES_SCHEMA                                                                                              \
    "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\",\"description\":\"Directory path\"}},"         \
    "\"required\":[\"path\"]}"
#define LIST_FILES                                                                                                     \
    "{\"type\":\"function\",\"function\":{\"name\":\"list_files\",\"description\":\"List files in a "                  \
    "directory\",\"parameters\":" LIST_FILES_SCHEMA "}}"
#define LIST_FILES_MESSAGES                                                                                            \
    "{\"name\":\"list_files\",\"description\":\"List files in a directory\",\"input_schema\":" LIST_FILES_SCHEMA "}"
#define LIST_FILES_RESPONSES                                                                                           \
    "{\"type\":\"function\",\"name\":\"list_files\",\"description\":\"List files in a "                                \
    "directory\",\"parameters\":" LIST_FILES_SCHEMA ",\"strict\":false}"

/* One question in the body of each API, with what more the body has. */
PRINTF_LIKE(3, 4) static struct ask_reply put(enum api_dialect d, const char *question, const char *more, ...)
{
    static const char *const paths[] = { [API_CHAT] = "/v1/chat/completions",
                                         [API_COMPLETIONS] = "/v1/completions",
                                         [API_RESPONSES] = "/v1/responses",
                                         [API_MESSAGES] = "/v1/messages" };
    struct buf b = { 0 };
    va_list ap;
    if (d == API_COMPLETIONS)
        buf_z(&b, "{\"prompt\": ");
    else
        buf_z(&b, d == API_RESPONSES ? "{\"input\": " : "{\"messages\": [{\"role\": \"user\", \"content\": ");
    json_write_str(&b, str_from(question));
    if (d == API_CHAT || d == API_MESSAGES)
        buf_z(&b, "}]");
    if (d == API_MESSAGES && !strstr(more, "max_tokens"))
        buf_z(&b, ", \"max_tokens\": 1000");
    va_start(ap, more);
    buf_vprintf(&b, more, ap);
    va_end(ap);
    buf_char(&b, '}');
    struct ask_reply r = ask(world, "POST", paths[d], b.p);
    buf_deinit(&b);
    return r;
}

static struct json *answer_of(struct ask_reply r)
{
    if (r.status != 200)
        fail_msg("%d %s", r.status, r.body.p);
    assert_string_equal(r.type, "application/json");
    assert_false(r.streamed);
    return ask_json(&r);
}

static struct ask_gathered stream_of(struct ask_reply r, enum api_dialect d)
{
    struct ask_gathered g;
    if (r.status != 200)
        fail_msg("%d %s", r.status, r.body.p);
    assert_true(r.streamed);
    assert_int_equal(r.end, EXCHANGE_END);
    assert_true(strncmp(r.type, "text/event-stream", 17) == 0);
    ask_gather(&g, d, buf_view(&r.body));
    buf_deinit(&r.body);
    return g;
}

/* --- the plain endpoints ---------------------------------------------------------------------------------------------------------------- */

static void models_are_listed_for_openai_anthropic_and_lm_studio(void **state)
{
    static const struct ask anthropic = { .method = "GET",
                                          .path = "/v1/models",
                                          .header = { { "anthropic-version", "2023-06-01" } } };
    static const char *const lengths[] = { "context_length", "loaded_context_length", "max_context_length",
                                           "max_model_len" };
    int64_t n = (int64_t)engine_context(world->engine);
    (void)state;
    struct ask_reply r = ask(world, "GET", "/v1/models", "");
    struct json *j = answer_of(r);
    assert_at(j, "object", "list");
    assert_at(j, "data.0.id", "octet-mini");
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        assert_int_equal(ask_int(ask_at(j, "data.0"), lengths[i]), n);
    json_free(j);
    j = answer_of(ask_with(world, &anthropic));
    assert_at(j, "data.0.type", "model");
    assert_at(j, "data.0.display_name", "octet-mini");
    assert_at(j, "first_id", "octet-mini");
    assert_int_equal(ask_int(j, "data.0.max_input_tokens"), n);
    assert_int_equal(ask_int(j, "data.0.max_tokens"), n);
    json_free(j);
    for (int i = 0; i < 2; i++) {
        j = answer_of(ask(world, "GET", i ? "/v1/api/v0/models" : "/api/v0/models", ""));
        assert_at(j, "data.0.state", "loaded");
        assert_int_equal(ask_int(j, "data.0.loaded_context_length"), n);
        assert_int_equal(ask_int(j, "data.0.max_context_length"), n);
        json_free(j);
    }
    j = answer_of(ask(world, "GET", "/v1/models/octet-mini", ""));
    assert_at(j, "id", "octet-mini");
    json_free(j);
    r = ask(world, "GET", "/v1/models/other", "");
    assert_int_equal(r.status, 404);
    buf_deinit(&r.body);
}

static void health_readiness_version_and_the_page_answer(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct json *j = answer_of(ask(world, "GET", i ? "/v1/health" : "/health", ""));
        assert_at(j, "status", "ok");
        assert_true(ask_int(j, "health.lastCheck") > 0);
        assert_int_equal(ask_int(j, "health.consecutiveFailures"), 0);
        assert_non_null(ask_at(j, "metrics.requestsInFlight"));
        assert_non_null(ask_at(j, "cache.tokens"));
        json_free(j);
    }
    struct json *j = answer_of(ask(world, "GET", "/ready", ""));
    assert_at(j, "status", "ready");
    json_free(j);
    j = answer_of(ask(world, "GET", "/version", ""));
    assert_at(j, "version", "1.2.3");
    json_free(j);
    struct ask_reply r = ask(world, "GET", "/", "");
    assert_true(strncmp(r.type, "text/html", 9) == 0);
    assert_non_null(strstr(r.body.p, "octet-mini"));
    assert_null(strstr(r.body.p, "<script"));
    assert_non_null(ask_reply_header(&r, "Content-Security-Policy"));
    buf_deinit(&r.body);
    r = ask(world, "GET", "/v1/metrics", "");
    assert_true(strncmp(r.type, "text/plain; version=0.0.4", 25) == 0);
    assert_non_null(strstr(r.body.p, "vllm:num_requests_running{model_name=\"octet-mini\"} "));
    buf_deinit(&r.body);
}

static void probes_of_agents_are_answered(void **state)
{
    static const char *const probes[][2] = { { "HEAD", "/" },
                                             { "HEAD", "/api/hello" },
                                             { "POST", "/api/event_logging/batch" },
                                             { "POST", "/api/event_logging/v2/batch" },
                                             { "HEAD", "/v1/models" },
                                             { "HEAD", "/health" } };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        struct ask_reply r = ask(world, probes[i][0], probes[i][1], "{\"events\": []}");
        assert_int_equal(r.status, 200);
        buf_deinit(&r.body);
    }
}

static void unknown_paths_and_methods_are_told_in_the_paths_own_language(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
        const char *allow, *member, *want;
    } v[] = {
        { "GET", "/nothing", 404, NULL, "error.type", "invalid_request_error" },
        { "POST", "/v1/messages/batches", 404, NULL, "error.type", "not_found_error" },
        { "GET", "/v1/messages", 405, "POST", "type", "error" },
        { "GET", "/v1/chat/completions", 405, "POST", "error.code", "method_not_allowed" },
        { "POST", "/v1/models", 405, "GET, HEAD", "error.code", "method_not_allowed" },
        { "PUT", "/cache", 405, "GET, HEAD, DELETE", "error.code", "method_not_allowed" },
        { "POST", "/v1/embeddings", 501, NULL, "error.code", "not_implemented" },
        { "POST", "/v1/responses/nothing", 404, NULL, "error.code", "not_found" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        const struct exchange_head h = { .method = str_from(v[i].method), .path = str_from(v[i].path) };
        struct exchange_route route;
        exchange_route(&route, &h);
        assert_int_equal(route.status, v[i].status);
        struct ask_reply r = ask(world, v[i].method, v[i].path, "{}");
        assert_int_equal(r.status, v[i].status);
        if (v[i].allow)
            assert_string_equal(ask_reply_header(&r, "Allow"), v[i].allow);
        struct json *j = ask_json(&r);
        assert_at(j, v[i].member, v[i].want);
        json_free(j);
    }
}

static void routes_say_what_is_public_and_what_has_a_body(void **state)
{
    static const struct {
        const char *method, *path;
        bool is_public, has_body;
    } v[] = {
        { "GET", "/health", true, false },
        { "GET", "/v1/health", true, false },
        { "GET", "/ready", true, false },
        { "HEAD", "/", true, false },
        { "GET", "/", false, false },
        { "GET", "/metrics", false, false },
        { "POST", "/v1/messages", false, true },
        { "GET", "/v1/models", false, false },
        { "DELETE", "/cache", false, false },
        { "POST", "/cache/warm", false, true },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        const struct exchange_head h = { .method = str_from(v[i].method), .path = str_from(v[i].path) };
        struct exchange_route route;
        exchange_route(&route, &h);
        assert_int_equal(route.status, 200);
        assert_int_equal(route.is_public, v[i].is_public);
        assert_int_equal(route.has_body, v[i].has_body);
    }
}

/* What is posted there is a 400 that names the field at fault; NULL: none. */
static void assert_refused(const char *path, const char *body, const char *param)
{
    struct ask_reply r = ask(world, "POST", path, body);
    if (r.status != 400)
        fail_msg("%s %s: %d %s", path, body, r.status, r.body.p);
    struct json *j = ask_json(&r);
    if (param)
        assert_at(j, "error.param", param);
    else
        assert_null(ask_at(j, "error.param"));
    json_free(j);
}

/* --- texts and counts ------------------------------------------------------------------------------------------------------------------- */

static void text_becomes_tokens_and_tokens_become_the_text(void **state)
{
    struct buf ids = { 0 };
    (void)state;
    struct json *j = answer_of(ask(world, "POST", "/tokenize", "{\"content\": \"Hello, w\\u00f6rld! <|im_end|>\"}"));
    const struct json *tokens = json_get(j, "tokens");
    assert_int_equal(ask_int(j, "count"), (int64_t)json_len(tokens));
    buf_z(&ids, "{\"tokens\": ");
    json_write(&ids, tokens);
    buf_char(&ids, '}');
    int64_t with = ask_int(j, "count");
    json_free(j);
    j = answer_of(ask(world, "POST", "/detokenize", ids.p));
    assert_at(j, "content", "Hello, w\303\266rld! <|im_end|>");
    json_free(j);
    buf_deinit(&ids);
    j = answer_of(ask(world, "POST", "/tokenize",
                      "{\"prompt\": \"Hello, w\\u00f6rld! <|im_end|>\", \"parse_special\": false, "
                      "\"return_token_strs\": true}"));
    assert_true(ask_int(j, "count") > with);
    assert_int_equal(json_len(json_get(j, "token_strs")), json_len(json_get(j, "tokens")));
    json_free(j);
    /* A piece that is no text by itself is a list of its bytes. */
    j = answer_of(ask(world, "POST", "/tokenize", "{\"content\": \"a\n\u4e16\", \"with_pieces\": true}"));
    struct buf bytes = { 0 };
    tokens = json_get(j, "tokens");
    for (size_t i = 0; i < json_len(tokens); i++) {
        const struct json *piece = json_get(json_at(tokens, i), "piece");
        buf_str(&bytes, json_str(piece));
        for (size_t k = 0; json_type(piece) == JSON_ARRAY && k < json_len(piece); k++) {
            int64_t byte = -1;
            assert_true(json_i64(json_at(piece, k), &byte) && byte >= 0x80 && byte <= 0xff);
            buf_char(&bytes, (char)byte);
        }
    }
    assert_true(str_eqz(buf_view(&bytes), "a\n\344\270\226"));
    buf_deinit(&bytes);
    json_free(j);
    assert_refused("/detokenize", "{\"tokens\": [1, 99999999]}", "tokens");
    assert_refused("/tokenize", "[1]", NULL);
    assert_refused("/tokenize", "{\"content\": \"a\", \"with_pieces\": 1}", "with_pieces");
    assert_refused("/tokenize", "{\"content\": \"a\", \"return_token_strs\": 1}", "return_token_strs");
    assert_refused("/tokenize", "{\"content\": \"a\", \"parse_special\": 1}", "parse_special");
    assert_refused("/tokenize", "{}", "prompt");
    assert_refused("/v1/completions", "{\"prompt\": \"\"}", "prompt");
    assert_refused("/v1/completions", "{\"prompt\": [\"a\", \"\"], \"max_tokens\": 0}", "prompt");
}

static void counting_gives_what_the_generation_then_counts(void **state)
{
    const char *messages = "{\"messages\": [{\"role\": \"user\", \"content\": \"" SUM "\"}], \"max_tokens\": 4}";
    (void)state;
    struct json *j = answer_of(ask(world, "POST", "/v1/messages/count_tokens", messages));
    assert_int_equal(ask_int(j, "input_tokens"), 21);
    assert_int_equal(json_len(j), 1);
    json_free(j);
    j = answer_of(ask(world, "POST", "/v1/messages", messages));
    assert_int_equal(ask_int(j, "usage.input_tokens") + ask_int(j, "usage.cache_read_input_tokens") +
                         ask_int(j, "usage.cache_creation_input_tokens"),
                     21);
    assert_int_equal(ask_int(j, "usage.output_tokens"), 4);
    assert_at(j, "stop_reason", "max_tokens");
    json_free(j);
    j = answer_of(ask(world, "POST", "/v1/responses/input_tokens", "{\"input\": \"" SUM "\"}"));
    assert_int_equal(ask_int(j, "input_tokens"), 21);
    json_free(j);
    j = answer_of(ask(world, "POST", "/apply-template", messages));
    assert_at(j, "prompt", "<|im_start|>user\n" SUM "<|im_end|>\n<|im_start|>assistant\n");
    json_free(j);
    j = answer_of(ask(world, "POST", "/tokenize", messages));
    assert_int_equal(ask_int(j, "count"), 21);
    json_free(j);
}

/* --- answers ---------------------------------------------------------------------------------------------------------------------------- */

static void the_three_prompts_give_their_answers_and_their_counts(void **state)
{
    (void)state;
    struct json *j = answer_of(put(API_CHAT, SUM, ", \"model\": \"qwen3moe\", \"max_tokens\": 50, \"temperature\": 0"));
    assert_at(j, "choices.0.message.content", "2 + 2 = 4.");
    assert_at(j, "choices.0.finish_reason", "stop");
    assert_at(j, "model", "qwen3moe");
    assert_int_equal(ask_int(j, "usage.prompt_tokens"), 21);
    assert_int_equal(ask_int(j, "usage.completion_tokens"), 8 + 1);
    assert_int_equal(ask_int(j, "usage.total_tokens"), 30);
    json_free(j);
    j = answer_of(put(API_CHAT, REVERSE, ", \"temperature\": 0"));
    struct str code = json_str(ask_at(j, "choices.0.message.content"));
    assert_true(str_find(code, STR("def reverse_string(s)")) >= 0);
    assert_true(str_find(code, STR("return s[::-1]")) >= 0);
    json_free(j);
    j = answer_of(put(API_CHAT, FILES, ", \"max_tokens\": 100, \"tools\": [" LIST_FILES "]"));
    assert_at(j, "choices.0.message.tool_calls.0.function.name", "list_files");
    assert_at(j, "choices.0.finish_reason", "tool_calls");
    struct json *args = NULL;
    struct err e = ERR_INIT;
    struct str text = json_str(ask_at(j, "choices.0.message.tool_calls.0.function.arguments"));
    assert_int_equal(json_parse(&args, text, "arguments", NULL, &e), 0);
    assert_at(args, "path", ".");
    json_free(args);
    json_free(j);
}

static void a_good_answer_has_nothing_called_error_in_it(void **state)
{
    (void)state;
    for (int d = API_CHAT; d <= API_MESSAGES; d++) {
        struct ask_reply r = put((enum api_dialect)d, SUM, ", \"max_tokens\": 20, \"stream\": true");
        if (d != API_RESPONSES) /* there the object itself has such a member, null */
            assert_null(strstr(r.body.p, "error"));
        buf_deinit(&r.body);
    }
}

static void a_stream_tells_what_one_object_tells(void **state)
{
    (void)state;
    struct ask_gathered g =
        stream_of(put(API_CHAT, SUM, ", \"stream\": true, \"stream_options\": {\"include_usage\": true}"), API_CHAT);
    assert_string_equal(g.text.p, "2 + 2 = 4.");
    assert_string_equal(g.finish, "stop");
    assert_int_equal(g.n_prompt, 21);
    assert_int_equal(g.n_completion, 9);
    ask_gathered_deinit(&g);
    g = stream_of(put(API_MESSAGES, SUM, ", \"stream\": true"), API_MESSAGES);
    assert_string_equal(g.text.p, "2 + 2 = 4.");
    assert_string_equal(g.finish, "end_turn");
    assert_int_equal(g.n_prompt, 21);
    assert_int_equal(g.n_completion, 9);
    ask_gathered_deinit(&g);
    g = stream_of(put(API_RESPONSES, SUM, ", \"stream\": true"), API_RESPONSES);
    assert_string_equal(g.text.p, "2 + 2 = 4.");
    assert_string_equal(g.finish, "completed");
    assert_int_equal(g.n_prompt, 21);
    assert_int_equal(g.n_completion, 9);
    ask_gathered_deinit(&g);
    g = stream_of(put(API_COMPLETIONS, "<|im_start|>user\n" SUM "<|im_end|>\n<|im_start|>assistant\n",
                      ", \"stream\": true, \"stream_options\": {\"include_usage\": true}"),
                  API_COMPLETIONS);
    assert_string_equal(g.text.p, "2 + 2 = 4.");
    assert_int_equal(g.n_prompt, 21);
    ask_gathered_deinit(&g);
}

static void calls_arrive_over_the_three_apis_streamed_and_not(void **state)
{
    (void)state;
    struct ask_gathered g =
        stream_of(put(API_CHAT, FILES, ", \"stream\": true, \"tools\": [" LIST_FILES "]"), API_CHAT);
    assert_string_equal(g.calls.p, "list_files {\"path\": \".\"}");
    assert_string_equal(g.finish, "tool_calls");
    assert_string_equal(g.text.p, "");
    ask_gathered_deinit(&g);
    g = stream_of(put(API_MESSAGES, FILES, ", \"stream\": true, \"tools\": [" LIST_FILES_MESSAGES "]"), API_MESSAGES);
    assert_string_equal(g.calls.p, "list_files {\"path\": \".\"}");
    assert_string_equal(g.finish, "tool_use");
    ask_gathered_deinit(&g);
    g = stream_of(put(API_RESPONSES, FILES, ", \"stream\": true, \"tools\": [" LIST_FILES_RESPONSES "]"),
                  API_RESPONSES);
    assert_string_equal(g.calls.p, "list_files {\"path\": \".\"}");
    ask_gathered_deinit(&g);
    struct json *j = answer_of(put(API_MESSAGES, FILES, ", \"tools\": [" LIST_FILES_MESSAGES "]"));
    assert_at(j, "content.0.type", "tool_use");
    assert_at(j, "content.0.name", "list_files");
    assert_at(j, "content.0.input.path", ".");
    assert_at(j, "stop_reason", "tool_use");
    json_free(j);
    j = answer_of(put(API_RESPONSES, FILES, ", \"tools\": [" LIST_FILES_RESPONSES "]"));
    assert_at(j, "output.0.type", "function_call");
    assert_at(j, "output.0.name", "list_files");
    json_free(j);
}

/* The status of a conversation with that item behind the question, and its tokens. */
static int tokens_with(const char *question, struct str item, const char *key, int64_t *n)
{
    struct buf body = { 0 };
    buf_printf(&body,
               "{\"input\": [{\"role\": \"user\", \"content\": \"%s\"}, %.*s, {\"role\": \"user\", \"content\": "
               "\"Thanks.\"}], \"tools\": [" LIST_FILES_RESPONSES "]}",
               question, (int)item.n, item.p);
    const struct ask a = {
        .method = "POST", .path = "/v1/responses/input_tokens", .body = buf_view(&body), .key = key
    };
    struct ask_reply r = ask_with(world, &a);
    struct json *j = ask_json(&r);
    if (r.status == 200)
        *n = ask_int(j, "input_tokens");
    else
        assert_at(j, "error.param", "input[1]");
    json_free(j);
    buf_deinit(&body);
    return r.status;
}

/* Text, and a call, in one object and in a stream: a reference is read as the item itself is. */
static void an_item_of_an_answer_may_be_referred_to(void **state)
{
    static const char *const questions[] = { SUM, FILES };
    (void)state;
    for (int i = 0; i < 4; i++) {
        const char *question = questions[i % 2];
        int64_t whole_item = 0, reference = 0;
        struct ask_reply r = put(API_RESPONSES, question, ", \"stream\": %s, \"tools\": [" LIST_FILES_RESPONSES "]",
                                 i < 2 ? "false" : "true");
        const char *last = strstr(r.body.p, "\"type\":\"response.completed\"");
        struct json *j = NULL;
        struct str text = i < 2 ? buf_view(&r.body) : str_from(last ? last - 1 : "");
        if (i >= 2)
            text.n = strcspn(text.p, "\n");
        assert_int_equal(json_parse(&j, text, "answer", NULL, NULL), 0);
        const struct json *item = ask_at(j, i < 2 ? "output.0" : "response.output.0");
        struct buf inline_item = { 0 }, ref = { 0 };
        json_write(&inline_item, item);
        buf_printf(&ref, "{%s\"id\": \"%s\"}", i < 3 ? "\"type\": \"item_reference\", " : "",
                   json_str(json_get(item, "id")).p);
        assert_int_equal(tokens_with(question, buf_view(&inline_item), NULL, &whole_item), 200);
        assert_int_equal(tokens_with(question, buf_view(&ref), NULL, &reference), 200);
        assert_int_equal(reference, whole_item);
        /* Who has another key has other items. */
        assert_int_equal(tokens_with(question, buf_view(&ref), "somebody else", &reference), 400);
        buf_deinit(&inline_item);
        buf_deinit(&ref);
        buf_deinit(&r.body);
        json_free(j);
    }
    struct json *j = answer_of(put(API_RESPONSES, SUM, ", \"store\": false"));
    struct buf ref = { 0 };
    int64_t n;
    buf_printf(&ref, "{\"type\": \"item_reference\", \"id\": \"%s\"}", json_str(ask_at(j, "output.0.id")).p);
    assert_int_equal(tokens_with(SUM, buf_view(&ref), NULL, &n), 400);
    buf_deinit(&ref);
    json_free(j);
}

/* Begun by the client with the model's own words, an answer ends as it does without: in both APIs that know this, streamed too. */
static void an_answer_goes_on_from_what_the_client_began(void **state)
{
    (void)state;
    struct json *j = answer_of(put(API_MESSAGES, SUM, ", \"max_tokens\": 40"));
    struct buf full = { 0 }, begun = { 0 }, body = { 0 };
    buf_str(&full, json_str(ask_at(j, "content.0.text")));
    json_free(j);
    assert_true(full.n > 4);
    json_write_str(&begun, (struct str){ full.p, 3 });
    for (int i = 0; i < 4; i++) {
        bool stream = i % 2;
        enum api_dialect d = i < 2 ? API_MESSAGES : API_CHAT;
        buf_reset(&body);
        buf_printf(&body,
                   "{\"messages\": [{\"role\": \"user\", \"content\": \"" SUM "\"}, {\"role\": \"assistant\", "
                   "\"content\": %s}], \"max_tokens\": 40, \"stream\": %s%s}",
                   begun.p, stream ? "true" : "false", d == API_CHAT ? ", \"continue_final_message\": true" : "");
        struct ask_reply r = ask(world, "POST", d == API_CHAT ? "/v1/chat/completions" : "/v1/messages", body.p);
        if (stream) {
            struct ask_gathered g = stream_of(r, d);
            assert_string_equal(g.text.p, full.p + 3);
            ask_gathered_deinit(&g);
            continue;
        }
        j = answer_of(r);
        struct str text = json_str(ask_at(j, d == API_CHAT ? "choices.0.message.content" : "content.0.text"));
        assert_true(str_eqz(text, full.p + 3));
        json_free(j);
    }
    buf_deinit(&full);
    buf_deinit(&begun);
    buf_deinit(&body);
}

static void tool_choice_is_obeyed(void **state)
{
    (void)state;
    /* Nothing in this question wants a tool. */
    struct json *j = answer_of(
        put(API_CHAT, SUM, ", \"tool_choice\": \"required\", \"max_tokens\": 200, \"tools\": [" LIST_FILES "]"));
    assert_at(j, "choices.0.message.tool_calls.0.function.name", "list_files");
    json_free(j);
    j = answer_of(put(API_MESSAGES, SUM,
                      ", \"tool_choice\": {\"type\": \"tool\", \"name\": \"list_files\"}, \"tools\": "
                      "[" LIST_FILES_MESSAGES "], \"max_tokens\": 200"));
    assert_at(j, "content.0.name", "list_files");
    json_free(j);
    /* What stands behind a tool that was declared twice is still called by its own name. */
    j = answer_of(put(API_MESSAGES, SUM,
                      ", \"tool_choice\": {\"type\": \"tool\", \"name\": \"b\"}, \"max_tokens\": 200, \"tools\": "
                      "[" LIST_FILES_MESSAGES "," LIST_FILES_MESSAGES ", {\"name\": \"b\"}]"));
    assert_at(j, "content.0.name", "b");
    json_free(j);
    j = answer_of(put(API_CHAT, FILES, ", \"tool_choice\": \"none\", \"max_tokens\": 60, \"tools\": [" LIST_FILES "]"));
    assert_null(ask_at(j, "choices.0.message.tool_calls"));
    struct str text = json_str(ask_at(j, "choices.0.message.content")); /* which the model would fill with a call */
    assert_true(text.n && str_find(text, STR("<tool_call>")) < 0);
    json_free(j);
}

/* The model would rarely do this: its words are laid down. */
static void only_one_call_is_made_where_parallel_calls_are_refused(void **state)
{
#define CALL(path)                                                                                                     \
    "<tool_call>\\n<function=list_files>\\n<parameter=path>\\n" path "\\n</parameter>\\n</function>\\n</tool_call>"
    static const char rules[] = "{\"text\": \"" CALL("src") "\\n" CALL("docs") " and so on\"}\n";
    char path[] = "/tmp/octet-script-XXXXXX";
    struct script *script = NULL;
    struct err e = ERR_INIT;
    (void)state;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, rules, sizeof rules - 1), sizeof rules - 1);
    close(fd);
    if (script_open(&script, path, whole.tok, &e))
        fail_msg("%s", e.msg);
    unlink(path);
    const struct service_opts so = { .script = script };
    open_own(&so, NULL);
    /* What was dropped of an answer is not put back into it on the next turn: it counts as if it had been written anew. */
    int64_t counts[2];
    for (int fresh = 0; fresh < 2; fresh++) {
        struct buf body = { 0 };
        struct json *j = answer_of(put(
            API_CHAT, FILES, ", \"parallel_tool_calls\": false, \"tool_grammar\": false, \"tools\": [" LIST_FILES "]"));
        int64_t n = ask_int(j, "usage.prompt_tokens");
        buf_z(&body,
              "{\"tools\": [" LIST_FILES "], \"max_tokens\": 2, \"messages\": [{\"role\": \"user\", \"content\": "
              "\"" FILES "\"}, {\"role\": \"assistant\", \"content\": null, \"tool_calls\": ");
        json_write(&body, ask_at(j, "choices.0.message.tool_calls"));
        buf_z(&body, "}, {\"role\": \"tool\", \"content\": \"a.c\"}]}");
        json_free(j);
        if (fresh)
            json_free(answer_of(ask(world, "DELETE", "/cache", "")));
        j = answer_of(ask(world, "POST", "/v1/chat/completions", body.p));
        counts[fresh] = ask_int(j, "usage.prompt_tokens");
        if (!fresh)
            assert_true(ask_int(j, "usage.prompt_tokens_details.cached_tokens") > n + 10);
        json_free(j);
        buf_deinit(&body);
    }
    assert_int_equal(counts[0], counts[1]);
    for (int parallel = 0; parallel < 2; parallel++) {
        struct ask_gathered g =
            stream_of(put(API_CHAT, FILES,
                          ", \"stream\": true, \"parallel_tool_calls\": %s, \"tool_grammar\": false, \"tools\": "
                          "[" LIST_FILES "]",
                          parallel ? "true" : "false"),
                      API_CHAT);
        assert_string_equal(g.calls.p, parallel ? "list_files {\"path\": \"src\"}\nlist_files {\"path\": \"docs\"}"
                                                : "list_files {\"path\": \"src\"}");
        if (!parallel)
            assert_string_equal(g.text.p, "");
        assert_string_equal(g.finish, "tool_calls");
        ask_gathered_deinit(&g);
    }
    close_own();
    script_close(script);
#undef CALL
}

static void an_answer_keeps_to_its_schema(void **state)
{
    const char *schema = "{\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\"}, \"ok\": {\"type\": "
                         "\"boolean\"}}, \"required\": [\"n\", \"ok\"], \"additionalProperties\": false}";
    struct err e = ERR_INIT;
    (void)state;
    struct json *j = answer_of(put(API_CHAT, SUM,
                                   ", \"max_tokens\": 200, \"response_format\": {\"type\": \"json_schema\", "
                                   "\"json_schema\": {\"name\": \"x\", \"strict\": true, \"schema\": %s}}",
                                   schema));
    struct json *value = NULL;
    assert_int_equal(json_parse(&value, json_str(ask_at(j, "choices.0.message.content")), "answer", NULL, &e), 0);
    assert_int_equal(json_type(ask_at(value, "n")), JSON_INT);
    assert_int_equal(json_type(ask_at(value, "ok")), JSON_BOOL);
    assert_int_equal(json_len(value), 2);
    json_free(value);
    json_free(j);
    j = answer_of(put(API_CHAT, SUM, ", \"max_tokens\": 40, \"regex\": \"(yes|no), [0-9]{3}\""));
    struct str text = json_str(ask_at(j, "choices.0.message.content"));
    assert_true(text.n == 8 || text.n == 7);
    assert_true(str_starts(text, STR("yes, ")) || str_starts(text, STR("no, ")));
    json_free(j);
    j = answer_of(put(API_CHAT, SUM, ", \"max_tokens\": 300, \"response_format\": {\"type\": \"json_object\"}"));
    if (ask_is(j, "choices.0.finish_reason", "stop")) {
        assert_int_equal(json_parse(&value, json_str(ask_at(j, "choices.0.message.content")), "answer", NULL, &e), 0);
        assert_int_equal(json_type(value), JSON_OBJECT);
        json_free(value);
    }
    json_free(j);
}

static void a_strict_schema_that_cannot_be_enforced_is_refused_by_name(void **state)
{
    const char *format = ", \"max_tokens\": 20, \"response_format\": {\"type\": \"json_schema\", \"json_schema\": "
                         "{\"name\": \"x\", \"strict\": %s, \"schema\": {\"type\": \"object\", \"properties\": {\"a\": "
                         "{\"type\": \"array\", \"uniqueItems\": true, \"items\": {}}}, \"unevaluatedProperties\": "
                         "{\"$dynamicRef\": \"#x\"}}}}%s";
    static const char *const tools[] = { "", ", \"tools\": [" LIST_FILES "]",
                                         ", \"tool_choice\": \"required\", \"tools\": [" LIST_FILES "]",
                                         ", \"tool_choice\": \"none\", \"tools\": [" LIST_FILES "]" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
        struct ask_reply r = put(API_CHAT, SUM, format, "true", tools[i]);
        assert_int_equal(r.status, 400);
        struct json *j = ask_json(&r);
        assert_at(j, "error.param", "response_format");
        struct str text = json_str(ask_at(j, "error.message"));
        assert_true(str_find(text, STR("uniqueItems")) >= 0 || str_find(text, STR("$dynamicRef")) >= 0 ||
                    str_find(text, STR("unevaluatedProperties")) >= 0);
        json_free(j);
    }
}

static void stop_strings_end_an_answer_and_are_not_in_it(void **state)
{
    (void)state;
    struct json *j = answer_of(put(API_CHAT, SUM, ", \"stop\": [\"never\", \" =\"]"));
    assert_at(j, "choices.0.message.content", "2 + 2");
    assert_at(j, "choices.0.finish_reason", "stop");
    json_free(j);
    j = answer_of(put(API_MESSAGES, SUM, ", \"stop_sequences\": [\"never\", \" =\"]"));
    assert_at(j, "content.0.text", "2 + 2");
    assert_at(j, "stop_reason", "stop_sequence");
    assert_at(j, "stop_sequence", " =");
    json_free(j);
}

static void several_choices_differ_by_seed_and_come_again_with_it(void **state)
{
    const char *more = ", \"n\": 3, \"temperature\": 1.5, \"seed\": 7, \"max_tokens\": 12";
    struct buf first[3] = { { 0 } };
    (void)state;
    for (int again = 0; again < 2; again++) {
        struct json *j = answer_of(put(API_CHAT, "Tell me something.", "%s", more));
        assert_int_equal(json_len(json_get(j, "choices")), 3);
        for (int i = 0; i < 3; i++) {
            char path[64];
            snprintf(path, sizeof path, "choices.%d.index", i);
            assert_int_equal(ask_int(j, path), i);
            snprintf(path, sizeof path, "choices.%d.message.content", i);
            if (again)
                assert_true(str_eq(json_str(ask_at(j, path)), buf_view(&first[i])));
            else
                buf_str(&first[i], json_str(ask_at(j, path)));
        }
        json_free(j);
    }
    assert_false(str_eq(buf_view(&first[0]), buf_view(&first[1])) && str_eq(buf_view(&first[1]), buf_view(&first[2])));
    for (int i = 0; i < 3; i++)
        buf_deinit(&first[i]);
}

static void log_probabilities_belong_to_the_tokens_of_the_text(void **state)
{
    (void)state;
    struct json *j = answer_of(put(API_CHAT, SUM, ", \"logprobs\": true, \"top_logprobs\": 2"));
    const struct json *content = ask_at(j, "choices.0.logprobs.content");
    struct buf text = { 0 };
    assert_int_equal(json_len(content), 8);
    for (size_t i = 0; i < json_len(content); i++) {
        const struct json *t = json_at(content, i);
        buf_str(&text, json_str(json_get(t, "token")));
        assert_true(json_double(json_get(t, "logprob")) <= 0);
        assert_int_equal(json_len(json_get(t, "top_logprobs")), 2);
    }
    assert_string_equal(text.p, "2 + 2 = 4.");
    buf_deinit(&text);
    json_free(j);
}

static void completions_take_lists_of_prompts_and_echo_them(void **state)
{
    (void)state;
    struct json *j =
        answer_of(ask(world, "POST", "/v1/completions",
                      "{\"prompt\": [\"1, 2, 3,\", \"a, b, c,\"], \"n\": 2, \"max_tokens\": 4, \"echo\": true}"));
    assert_int_equal(json_len(json_get(j, "choices")), 4);
    for (int i = 0; i < 4; i++) {
        char path[64];
        snprintf(path, sizeof path, "choices.%d.text", i);
        assert_true(str_starts(json_str(ask_at(j, path)), i < 2 ? STR("1, 2, 3,") : STR("a, b, c,")));
    }
    json_free(j);
    j = answer_of(
        ask(world, "POST", "/v1/completions", "{\"prompt\": \"1, 2, 3,\", \"max_tokens\": 0, \"echo\": true}"));
    assert_at(j, "choices.0.text", "1, 2, 3,");
    assert_int_equal(ask_int(j, "usage.completion_tokens"), 0);
    json_free(j);
}

/* The lists of a choice's log-probabilities agree with its text: tokens in their places, the first with no probability. */
static void check_lists(const struct json *choice, const char *text, int n_top)
{
    const struct json *tokens = ask_at(choice, "logprobs.tokens"), *values = ask_at(choice, "logprobs.token_logprobs"),
                      *tops = ask_at(choice, "logprobs.top_logprobs"),
                      *offsets = ask_at(choice, "logprobs.text_offset");
    struct str all = json_str(json_get(choice, "text"));
    struct buf joined = { 0 };
    assert_true(str_starts(all, str_from(text)));
    assert_true(json_len(tokens) > 0);
    assert_int_equal(json_len(values), json_len(tokens));
    assert_int_equal(json_len(tops), n_top ? json_len(tokens) : 0);
    for (size_t i = 0; i < json_len(tokens); i++) {
        int64_t offset = -1;
        assert_true(json_i64(json_at(offsets, i), &offset));
        assert_int_equal(offset, joined.n); /* the text is ASCII */
        buf_str(&joined, json_str(json_at(tokens, i)));
        if (i == 0) {
            assert_int_equal(json_type(json_at(values, i)), JSON_NULL);
            continue;
        }
        assert_true(json_double(json_at(values, i)) <= 0);
        size_t n = json_len(json_at(tops, i));
        assert_true(!n_top || n == (size_t)n_top || n == (size_t)n_top + 1);
    }
    assert_true(str_eq(buf_view(&joined), all));
    buf_deinit(&joined);
}

/* Of every list of the choices of a stream's events: what is in them, behind each other. */
static void gather_lists(const struct ask_reply *r, const char *list, struct buf *out)
{
    struct str rest = buf_view(&r->body), line;
    while (str_cut(&rest, '\n', &line)) {
        struct json *j;
        struct err e = ERR_INIT;
        if (!str_starts(line, STR("data: {")))
            continue;
        assert_int_equal(json_parse(&j, str_sub(line, 6, line.n), "event", NULL, &e), 0);
        const struct json *v = ask_at(j, list);
        for (size_t i = 0; i < json_len(v); i++) {
            buf_char(out, ',');
            json_write(out, json_at(v, i));
        }
        json_free(j);
    }
}

/* The way in which programs that evaluate models ask for the likelihood of a text. */
static void an_echo_has_the_log_probabilities_of_the_prompt(void **state)
{
    static const char *const lists[] = { "tokens", "token_logprobs", "top_logprobs", "text_offset" };
    struct buf value[2] = { { 0 } };
    char *text = NULL, path[64];
    struct buf b = { 0 };
    (void)state;
    /* Long enough for several events. */
    for (int i = 0; i < 60; i++)
        buf_printf(&b, "Line %d of a text. ", i);
    text = buf_take(&b);
    for (int max = 0; max < 3; max += 2) {
        char more[120];
        snprintf(more, sizeof more, ", \"max_tokens\": %d, \"echo\": true, \"logprobs\": 2", max);
        struct json *j = answer_of(put(API_COMPLETIONS, text, "%s", more));
        const struct json *choice = ask_at(j, "choices.0");
        check_lists(choice, text, 2);
        assert_int_equal(ask_int(j, "usage.completion_tokens"), max);
        assert_int_equal(ask_int(j, "usage.prompt_tokens") + max, json_len(ask_at(choice, "logprobs.tokens")));
        assert_at(j, "choices.0.finish_reason", "length");
        if (max == 0)
            assert_true(str_eqz(json_str(json_get(choice, "text")), text));
        struct ask_reply r = put(API_COMPLETIONS, text, "%s, \"stream\": true", more);
        assert_true(r.status == 200 && r.end == EXCHANGE_END);
        for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
            snprintf(path, sizeof path, "choices.0.logprobs.%s", lists[i]);
            buf_reset(&value[0]);
            gather_lists(&r, path, &value[0]);
            buf_reset(&value[1]);
            for (size_t k = 0; k < json_len(ask_at(j, path)); k++) {
                buf_char(&value[1], ',');
                json_write(&value[1], json_at(ask_at(j, path), k));
            }
            assert_string_equal(value[0].p, value[1].p);
        }
        struct ask_gathered g = stream_of(r, API_COMPLETIONS);
        assert_true(str_eq(buf_view(&g.text), json_str(json_get(choice, "text"))));
        ask_gathered_deinit(&g);
        json_free(j);
    }
    mem_free(text);
    buf_deinit(&value[0]);
    buf_deinit(&value[1]);
}

static void log_probabilities_of_several_prompts_are_those_of_each(void **state)
{
    struct buf alone = { 0 }, beside = { 0 };
    char path[64];
    (void)state;
    struct json *j =
        answer_of(put(API_COMPLETIONS, "a, b, c,", ", \"max_tokens\": 0, \"echo\": true, \"logprobs\": 1"));
    json_write(&alone, ask_at(j, "choices.0.logprobs.token_logprobs"));
    json_free(j);
    j = answer_of(ask(world, "POST", "/v1/completions",
                      "{\"prompt\": [\"1, 2, 3,\", \"a, b, c,\"], \"n\": 2, \"max_tokens\": 0, \"echo\": true, "
                      "\"logprobs\": 0}"));
    assert_int_equal(json_len(json_get(j, "choices")), 4);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "choices.%d", i);
        check_lists(ask_at(j, path), i < 2 ? "1, 2, 3," : "a, b, c,", 0);
        buf_reset(&beside);
        json_write(&beside, ask_at(ask_at(j, path), "logprobs.token_logprobs"));
        assert_int_equal(strcmp(beside.p, alone.p) == 0, i >= 2);
    }
    json_free(j);
    /* What is not echoed is not told, and nothing is computed for it. */
    j = answer_of(put(API_COMPLETIONS, "a, b, c,", ", \"max_tokens\": 0, \"logprobs\": 1"));
    assert_at(j, "choices.0.text", "");
    assert_int_equal(json_len(ask_at(j, "choices.0.logprobs.tokens")), 0);
    json_free(j);
    buf_deinit(&alone);
    buf_deinit(&beside);
}

/* --- errors and limits -------------------------------------------------------------------------------------------------------------------- */

static void what_is_wrong_is_told_before_any_stream(void **state)
{
    static const struct {
        const char *path, *body, *member, *want;
    } v[] = {
        { "/v1/chat/completions", "{", "error.type", "invalid_request_error" },
        { "/v1/chat/completions", "[]", "error.type", "invalid_request_error" },
        { "/v1/chat/completions", "{\"messages\": 3, \"stream\": true}", "error.param", "messages" },
        { "/v1/chat/completions",
          "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"temperature\": \"hot\", \"stream\": true}",
          "error.param", "temperature" },
        { "/v1/messages", "{\"max_tokens\": 4, \"messages\": 3}", "error.type", "invalid_request_error" },
        { "/v1/responses", "{\"input\": 3}", "error.param", "input" },
        { "/v1/completions", "{\"prompt\": {}}", "error.param", "prompt" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct ask_reply r = ask(world, "POST", v[i].path, v[i].body);
        assert_int_equal(r.status, 400);
        assert_false(r.streamed);
        struct json *j = ask_json(&r);
        assert_at(j, v[i].member, v[i].want);
        json_free(j);
    }
}

/* A prompt of that many tokens, about: each word is at least one. */
static char *long_text(size_t n)
{
    struct buf b = { 0 };
    for (size_t i = 0; i < n; i++)
        buf_z(&b, " a");
    return buf_take(&b);
}

static void over_length_is_a_400_in_the_words_that_agents_know(void **state)
{
    const struct engine_opts eo = { .n_ctx = 1024 };
    char want[300];
    (void)state;
    open_own(NULL, &eo);
    char *text = long_text(1100);
    struct buf body = { 0 };
    buf_printf(&body, "{\"messages\": [{\"role\": \"user\", \"content\": \"%s\"}]}", text);
    struct json *j = answer_of(ask(world, "POST", "/v1/messages/count_tokens", body.p));
    int64_t n = ask_int(j, "input_tokens");
    json_free(j);
    assert_true(n > 1024);
    for (int stream = 0; stream < 2; stream++) {
        struct ask_reply r = put(API_MESSAGES, text, ", \"stream\": %s", stream ? "true" : "false");
        assert_int_equal(r.status, 400);
        j = ask_json(&r);
        snprintf(want, sizeof want, "prompt is too long: %lld tokens > 1024 maximum", (long long)n);
        assert_at(j, "error.message", want);
        assert_at(j, "error.type", "invalid_request_error");
        json_free(j);
        r = put(API_CHAT, text, ", \"stream\": %s", stream ? "true" : "false");
        assert_int_equal(r.status, 400);
        j = ask_json(&r);
        snprintf(want, sizeof want,
                 "This model's maximum context length is 1024 tokens. However, your messages resulted in %lld tokens. "
                 "Please reduce the length of the messages.",
                 (long long)n);
        assert_at(j, "error.message", want);
        assert_at(j, "error.code", "context_length_exceeded");
        assert_at(j, "error.param", "messages");
        assert_at(j, "error.type", "invalid_request_error");
        json_free(j);
    }
    mem_free(text);
    buf_deinit(&body);
    close_own();
}

static void a_request_that_leaves_little_room_is_refused_and_a_small_one_is_not(void **state)
{
    const struct engine_opts eo = { .n_ctx = 1024 };
    (void)state;
    open_own(NULL, &eo);
    struct json *j = answer_of(put(API_CHAT, "", ", \"max_tokens\": 1"));
    size_t frame = (size_t)ask_int(j, "usage.prompt_tokens");
    json_free(j);
    char *one = long_text(100);
    j = answer_of(put(API_CHAT, one, ", \"max_tokens\": 1"));
    assert_int_equal(ask_int(j, "usage.prompt_tokens"), frame + 100);
    json_free(j);
    /* A sixteenth of the context is 64 tokens: 63 left are too few, unless no more are wanted. */
    char *text = long_text(1024 - frame - 63);
    struct ask_reply r = put(API_CHAT, text, ", \"ignore_eos\": true");
    assert_int_equal(r.status, 400);
    buf_deinit(&r.body);
    r = put(API_CHAT, text, ", \"max_tokens\": 64");
    assert_int_equal(r.status, 400);
    buf_deinit(&r.body);
    j = answer_of(put(API_CHAT, text, ", \"max_tokens\": 63, \"ignore_eos\": true"));
    assert_int_equal(ask_int(j, "usage.completion_tokens"), 63);
    assert_at(j, "choices.0.finish_reason", "length");
    json_free(j);
    mem_free(text);
    /* With 64 left all is well, and what is asked beyond them is cut to them. */
    text = long_text(1024 - frame - 64);
    j = answer_of(put(API_CHAT, text, ", \"max_tokens\": 32000, \"ignore_eos\": true"));
    assert_int_equal(ask_int(j, "usage.total_tokens"), 1024);
    assert_at(j, "choices.0.finish_reason", "length");
    json_free(j);
    j = answer_of(put(API_MESSAGES, text, ", \"max_tokens\": 32000, \"ignore_eos\": true"));
    assert_at(j, "stop_reason", "model_context_window_exceeded");
    json_free(j);
    mem_free(text);
    mem_free(one);
    close_own();
}

static void only_known_models_are_served_where_that_is_asked(void **state)
{
    static const struct str aliases[] = { { "claude-local", 12 } };
    const struct service_opts so = { .strict_model = true, .aliases = aliases, .n_alias = 1 };
    (void)state;
    open_own(&so, NULL);
    struct ask_reply r = put(API_CHAT, SUM, ", \"model\": \"gpt-5\"");
    assert_int_equal(r.status, 404);
    struct json *j = ask_json(&r);
    assert_at(j, "error.param", "model");
    assert_at(j, "error.code", "model_not_found");
    json_free(j);
    static const char *const counts[] = { "/v1/messages/count_tokens", "/apply-template", "/tokenize" };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        r = ask(world, "POST", counts[i], "{\"model\": \"gpt-5\", \"messages\": [{\"role\": \"user\"}]}");
        assert_int_equal(r.status, 404);
        buf_deinit(&r.body);
    }
    r = ask(world, "POST", "/v1/responses/input_tokens", "{\"model\": \"gpt-5\", \"input\": \"x\"}");
    assert_int_equal(r.status, 404);
    buf_deinit(&r.body);
    r = ask(world, "GET", "/v1/models/gpt-5", "");
    assert_int_equal(r.status, 404);
    j = ask_json(&r);
    assert_at(j, "error.code", "model_not_found");
    json_free(j);
    j = answer_of(put(API_CHAT, SUM, ", \"model\": \"claude-local\", \"max_tokens\": 2"));
    json_free(j);
    j = answer_of(put(API_CHAT, SUM, ", \"max_tokens\": 2"));
    json_free(j);
    j = answer_of(ask(world, "GET", "/v1/models", ""));
    assert_at(j, "data.1.id", "claude-local");
    json_free(j);
    close_own();
}

static void more_bytes_than_may_wait_are_a_429_with_a_time(void **state)
{
    const struct service_opts so = { .queue_bytes = 200 };
    (void)state;
    open_own(&so, NULL);
    /* A request alone always goes; while it waits for its first token a second one does not fit. */
    char *text = long_text(4000);
    struct buf body = { 0 };
    buf_printf(&body, "{\"messages\": [{\"role\": \"user\", \"content\": \"%s\"}], \"max_tokens\": 4}", text);
    const struct ask a = { .method = "POST", .path = "/v1/chat/completions", .body = buf_view(&body) };
    struct exchange *x = ask_begin(world, &a);
    struct ask_reply r = put(API_CHAT, SUM, ", \"max_tokens\": 2");
    assert_int_equal(r.status, 429);
    const char *after = ask_reply_header(&r, "Retry-After");
    uint64_t seconds = 0;
    assert_non_null(after);
    assert_true(str_to_u64(str_from(after), &seconds));
    assert_true(seconds >= 5 && seconds <= 60);
    buf_deinit(&r.body);
    ask_finish(x, &r);
    assert_int_equal(r.status, 200);
    buf_deinit(&r.body);
    struct json *j = answer_of(put(API_CHAT, SUM, ", \"max_tokens\": 2"));
    json_free(j);
    mem_free(text);
    buf_deinit(&body);
    close_own();
}

/* --- conversations that come back ----------------------------------------------------------------------------------------------------------- */

static int64_t cached_of(const struct json *j)
{
    return ask_int(j, "usage.prompt_tokens_details.cached_tokens");
}

static void the_same_prompt_is_found_again(void **state)
{
    (void)state;
    struct ask_reply r = put(API_CHAT, "How many grams does a kilogram have? Please say it.", ", \"max_tokens\": 8");
    buf_deinit(&r.body);
    r = put(API_CHAT, "How many grams does a kilogram have? Please say it.", ", \"max_tokens\": 8");
    assert_string_equal(ask_reply_header(&r, "X-Cache-Hit"), "true");
    struct json *j = answer_of(r);
    assert_true(cached_of(j) >= ask_int(j, "usage.prompt_tokens") - 2);
    json_free(j);
}

static void where_a_prompt_leaves_what_is_known_is_told_in_the_log(void **state)
{
    static const char *const colours[] = { "red", "blue", "green" };
    char path[] = "/tmp/octet-log-XXXXXX";
    struct buf text = { 0 };
    struct err e = ERR_INIT;
    (void)state;
    int fd = mkstemp(path);
    log_set_output(fd, false);
    for (int i = 0; i < 3; i++) {
        char question[100];
        snprintf(question, sizeof question, "The parrot of my neighbour is %s. Say its colour.", colours[i]);
        struct ask_reply r =
            put(API_CHAT, question, ", \"max_tokens\": 4, \"n\": 2, \"stream\": %s", i == 2 ? "true" : "false");
        buf_deinit(&r.body);
    }
    log_set_output(STDERR_FILENO, false);
    close(fd);
    assert_int_equal(file_read(&text, path, &e), 0);
    unlink(path);
    for (int i = 1; i < 3; i++) { /* one object, and a stream */
        char first[32];
        snprintf(first, sizeof first, "neighbour is\" + \" %s", colours[i]);
        const char *at = strstr(text.p, first);
        if (!at)
            fail_msg("no %s in %s", first, text.p);
        if (strstr(at + 1, first))
            fail_msg("%s more than once in %s", first, text.p);
    }
    buf_deinit(&text);
}

static void a_call_that_comes_back_respelled_costs_only_the_new_turn(void **state)
{
    struct buf body = { 0 };
    (void)state;
    struct json *first = answer_of(put(API_CHAT, FILES, ", \"tools\": [" LIST_FILES "]"));
    int64_t n = ask_int(first, "usage.prompt_tokens"), made = ask_int(first, "usage.completion_tokens");
    const struct json *call = ask_at(first, "choices.0.message.tool_calls.0");
    buf_z(&body,
          "{\"tools\": [" LIST_FILES "], \"max_tokens\": 8, \"messages\": [{\"role\": \"user\", \"content\": \"" FILES
          "\"}, {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": ");
    json_write(&body, json_get(call, "id"));
    /* As JavaScript spells it: no white space. */
    buf_z(&body, ", \"type\": \"function\", \"function\": {\"name\": \"list_files\", \"arguments\": "
                 "\"{\\\"path\\\":\\\".\\\"}\"}}]}, {\"role\": \"tool\", \"tool_call_id\": ");
    json_write(&body, json_get(call, "id"));
    buf_z(&body, ", \"content\": \"a.txt\\nb.txt\"}]}");
    struct json *second = answer_of(ask(world, "POST", "/v1/chat/completions", body.p));
    assert_true(cached_of(second) >= n + made - 2);
    json_free(first);
    json_free(second);
    buf_deinit(&body);
}

/* Everything that could forge a turn, in every field that is text: the number of control tokens stays. */
static void control_tokens_cannot_be_forged(void **state)
{
    static const char *const bodies[] = {
        "{\"messages\": [{\"role\": \"user\", \"content\": \"%s\"}]}",
        "{\"messages\": [{\"role\": \"system\", \"content\": \"%s\"}, {\"role\": \"user\", \"content\": \"x\"}]}",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"assistant\", \"tool_calls\": [{\"id\": "
        "\"1\", \"type\": \"function\", \"function\": {\"name\": \"f%s\", \"arguments\": \"{\\\"a%s\\\": "
        "\\\"%s\\\"}\"}}]}, {\"role\": \"tool\", \"tool_call_id\": \"1\", \"content\": \"%s\"}]}",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"tools\": [{\"type\": \"function\", \"function\": "
        "{\"name\": \"f%s\", \"description\": \"%s\", \"parameters\": {\"type\": \"object\", \"properties\": "
        "{\"a%s\": {\"type\": \"string\", \"enum\": [\"%s\"]}}}}}]}",
    };
    static const char *const forged[] = {
        "", "<|im_end|>", "<|im_start|>", "<tool_call>", "</tool_call>", "<|endoftext|>"
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        int64_t control[ARRAY_LEN(forged)];
        for (size_t k = 0; k < ARRAY_LEN(forged); k++) {
            struct buf b = { 0 };
            struct str rest = str_from(bodies[i]), part;
            while (str_cut(&rest, '%', &part)) {
                buf_str(&b, part);
                buf_z(&b, forged[k]);
                rest = str_sub(rest, 1, rest.n);
            }
            buf_str(&b, rest);
            struct json *j = answer_of(ask(world, "POST", "/tokenize", b.p));
            const struct json *tokens = json_get(j, "tokens");
            control[k] = 0;
            for (size_t t = 0; t < json_len(tokens); t++) {
                int64_t id = 0;
                json_i64(json_at(tokens, t), &id);
                control[k] += tokenizer_is_added(world->tok, (int32_t)id);
            }
            assert_int_equal(control[k], control[0]);
            json_free(j);
            buf_deinit(&b);
        }
        assert_true(control[0] > 0);
    }
}

static void a_system_prompt_can_be_computed_ahead(void **state)
{
    struct buf system = { 0 }, body = { 0 };
    (void)state;
    for (int i = 0; i < 100; i++)
        buf_z(&system, "You are a helpful assistant. ");
    struct json *j = answer_of(ask(world, "DELETE", "/cache", ""));
    json_free(j);
    j = answer_of(ask(world, "GET", "/cache", ""));
    assert_int_equal(ask_int(j, "tokens"), 0);
    assert_int_equal(ask_int(j, "answers.count"), 0);
    assert_false(json_bool(ask_at(j, "warmed")));
    json_free(j);
    buf_printf(&body, "{\"system_prompt\": \"%s\"}", system.p);
    j = answer_of(ask(world, "POST", "/cache/warm", body.p));
    int64_t n = ask_int(j, "tokens");
    assert_true(n > 400);
    json_free(j);
    for (int i = 0;; i++) { /* the engine's figures come a moment later */
        j = answer_of(ask(world, "GET", "/cache", ""));
        if (ask_int(j, "tokens") >= n)
            break;
        assert_true(i < 200);
        json_free(j);
        nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
    }
    assert_true(json_bool(ask_at(j, "warmed")));
    assert_int_equal(json_str(ask_at(j, "systemPromptHash")).n, 16);
    json_free(j);
    buf_reset(&body);
    buf_printf(&body,
               "{\"messages\": [{\"role\": \"system\", \"content\": \"%s\"}, {\"role\": \"user\", \"content\": \"Say "
               "hello\"}], \"max_tokens\": 4}",
               system.p);
    j = answer_of(ask(world, "POST", "/v1/chat/completions", body.p));
    assert_true(cached_of(j) >= n - 2);
    json_free(j);
    assert_refused("/cache/warm", "{\"system_prompt\": 7}", "system_prompt");
    assert_refused("/cache/warm", "{\"systemPrompt\": \"x\", \"tools\": 7}", "tools");
    assert_refused("/cache/warm", "[]", NULL);
    /* A newline without its escape, as scripts send it. */
    j = answer_of(ask(world, "POST", "/cache/warm", "{\"system_prompt\": \"a\nb\"}"));
    json_free(j);
    buf_deinit(&system);
    buf_deinit(&body);
}

/* --- ends ----------------------------------------------------------------------------------------------------------------------------------- */

static struct exchange *begin_endless(struct ask_world *w, bool stream)
{
    static const char body[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Count.\"}], \"ignore_eos\": true, "
                               "\"stream\": true}",
                      object[] =
                          "{\"messages\": [{\"role\": \"user\", \"content\": \"Count.\"}], \"ignore_eos\": true}";
    const struct ask a = { .method = "POST",
                           .path = "/v1/chat/completions",
                           .body = stream ? str_from(body) : str_from(object) };
    return ask_begin(w, &a);
}

static void a_client_that_leaves_ends_its_request(void **state)
{
    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        struct engine_stats before, after;
        struct buf out = { 0 };
        engine_stats(world->engine, &before);
        struct exchange *x = begin_endless(world, stream);
        assert_int_equal(exchange_next(x, &out, 300), EXCHANGE_MORE);
        assert_int_equal(service_running(world->service), 1);
        exchange_close(x, true);
        assert_int_equal(service_running(world->service), 0);
        for (int i = 0; i < 200; i++) {
            engine_stats(world->engine, &after);
            if (after.n_cancelled > before.n_cancelled)
                break;
            nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
        }
        assert_int_equal(after.n_cancelled, before.n_cancelled + 1);
        assert_non_null(strstr(world->line, "finish=gone"));
        buf_deinit(&out);
    }
}

static void an_abandoned_exchange_returns_at_once(void **state)
{
    struct buf out = { 0 };
    (void)state;
    struct exchange *x = begin_endless(world, false);
    exchange_abandon(x);
    /* Ends by itself, though nobody asked for its end. */
    enum exchange_state state_of = EXCHANGE_MORE;
    for (int i = 0; i < 100 && state_of == EXCHANGE_MORE; i++)
        state_of = exchange_next(x, &out, 100);
    assert_int_equal(state_of, EXCHANGE_END);
    assert_int_equal(exchange_status(x), 503);
    exchange_close(x, true);
    buf_deinit(&out);
}

static void a_drain_refuses_what_is_new_and_cuts_what_does_not_end(void **state)
{
    struct buf out = { 0 };
    (void)state;
    open_own(NULL, NULL);
    struct exchange *stream = begin_endless(world, true), *object = begin_endless(world, false);
    assert_int_equal(exchange_next(stream, &out, 1000), EXCHANGE_MORE);
    service_drain(world->service);
    struct ask_reply r = ask(world, "GET", "/ready", "");
    assert_int_equal(r.status, 503);
    buf_deinit(&r.body);
    r = put(API_CHAT, SUM, ", \"max_tokens\": 2");
    assert_int_equal(r.status, 503);
    buf_deinit(&r.body);
    r = ask(world, "POST", "/cache/warm", "{\"system_prompt\": \"a\"}");
    assert_int_equal(r.status, 503);
    buf_deinit(&r.body);
    r = ask(world, "GET", "/health", "");
    assert_int_equal(r.status, 200);
    buf_deinit(&r.body);
    service_cut(world->service);
    enum exchange_state end = EXCHANGE_MORE;
    for (int i = 0; i < 1000 && end == EXCHANGE_MORE; i++)
        end = exchange_next(stream, &out, 1000);
    assert_int_equal(end, EXCHANGE_CUT);
    assert_null(strstr(out.p, "[DONE]"));
    assert_null(strstr(out.p, "\"finish_reason\": \"")); /* nothing after a failure says that it ended well */
    exchange_close(stream, false);
    ask_finish(object, &r);
    assert_int_equal(r.end, EXCHANGE_END);
    assert_int_equal(r.status, 503);
    assert_string_equal(ask_reply_header(&r, "Retry-After"), "5");
    buf_deinit(&r.body);
    buf_deinit(&out);
    close_own();
}

static void the_line_about_an_exchange_has_its_figures(void **state)
{
    const struct ask a = { .method = "POST",
                           .path = "/v1/chat/completions",
                           .body = STR("{\"messages\": [{\"role\": \"user\", \"content\": \"" SUM "\"}]}"),
                           .header = { { "X-Session-Id", "abc\r\nX-Evil: 1" } } };
    struct err e = ERR_INIT;
    struct json *j = NULL;
    (void)state;
    struct ask_reply r = ask_with(world, &a);
    assert_string_equal(ask_reply_header(&r, "X-Session-Id"), "abcX-Evil: 1");
    assert_null(ask_reply_header(&r, "X-Evil"));
    buf_deinit(&r.body);
    assert_non_null(strstr(world->line, "req_test 127.0.0.1 POST /v1/chat/completions 200 in=21 cached="));
    assert_non_null(strstr(world->line, " out=9 "));
    assert_non_null(strstr(world->line, " finish=stop"));
    assert_int_equal(json_parse(&j, str_from(world->json), "line", NULL, &e), 0);
    assert_int_equal(ask_int(j, "prompt_tokens"), 21);
    assert_int_equal(ask_int(j, "completion_tokens"), 9);
    json_free(j);
    char name[400] = { 0 };
    memset(name, 's', sizeof name - 1);
    const struct ask longer = { .method = "GET", .path = "/health", .header = { { "X-Session-Id", name } } };
    struct ask_reply health = ask_with(world, &longer);
    assert_null(ask_reply_header(&health, "X-Session-Id"));
    buf_deinit(&health.body);
    r = ask(world, "POST", "/v1/chat/completions", "{\"messages\": 3}");
    assert_non_null(strstr(world->line, " 400 "));
    assert_non_null(strstr(world->line, " error=\"messages: "));
    assert_int_equal(json_parse(&j, str_from(world->json), "line", NULL, &e), 0);
    struct json *told = ask_json(&r);
    assert_true(ask_is(j, "error", json_str(ask_at(told, "error.message")).p));
    json_free(told);
    json_free(j);
}

static void assert_private(const char *path, mode_t want)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, want);
}

static void a_trace_holds_the_request_and_what_the_model_saw_and_said(void **state)
{
    static const char *const files[] = { "request.json", "prompt.txt", "tokens.json",
                                         "output.txt",   "answer.txt", "replay.sh" };
    static const char *const want[] = {
        "\"content\": \"" SUM "\"",
        "<|im_start|>user\n" SUM "<|im_end|>\n<|im_start|>assistant\n",
        "{\"of\": \"answer\", \"ids\": [",
        "2 + 2 = 4.",
        "\"content\":\"2 + 2 = 4.\"",
        "--data-binary @request.json \"${1:-http://127.0.0.1:8082}\"'/v1/chat/completions'",
    };
    char dir[] = "/tmp/octet-trace-XXXXXX", path[200];
    struct err e = ERR_INIT;
    (void)state;
    assert_non_null(mkdtemp(dir));
    char *inside = file_join(dir, "t");
    const struct service_opts so = { .trace_dir = inside };
    open_own(&so, NULL);
    struct json *j = answer_of(put(API_CHAT, SUM, ", \"temperature\": 0"));
    json_free(j);
    assert_private(inside, 0700);
    char *of = file_join(inside, "req_test");
    assert_private(of, 0700);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof path, "%s/%s", of, files[i]);
        assert_private(path, 0600);
        struct buf b = { 0 };
        assert_int_equal(file_read(&b, path, &e), 0);
        assert_non_null(strstr(b.p, want[i]));
        if (i == 1 || i == 3)
            assert_string_equal(b.p, want[i]);
        buf_deinit(&b);
        unlink(path);
    }
    j = answer_of(ask(world, "POST", "/v1/completions", "{\"prompt\": [\"one, two\", \"three\"], \"max_tokens\": 0}"));
    json_free(j);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct buf b = { 0 };
        snprintf(path, sizeof path, "%s/%s", of, files[i]);
        assert_int_equal(file_read(&b, path, &e), 0);
        if (i == 1)
            assert_string_equal(b.p, "one, two\nthree");
        buf_deinit(&b);
        unlink(path);
    }
    /* A refusal is an answer, too. */
    struct ask_reply refused = ask(world, "POST", "/v1/messages", "{\"messages\": [], \"max_tokens\": 0}");
    assert_int_equal(refused.status, 400);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct buf b = { 0 };
        snprintf(path, sizeof path, "%s/%s", of, files[i]);
        if (strcmp(files[i], "answer.txt") == 0) {
            assert_int_equal(file_read(&b, path, &e), 0);
            assert_string_equal(b.p, refused.body.p);
        }
        buf_deinit(&b);
        unlink(path);
    }
    buf_deinit(&refused.body);
    rmdir(of);
    rmdir(inside);
    rmdir(dir);
    mem_free(of);
    mem_free(inside);
    close_own();
}

/* --- many at once ----------------------------------------------------------------------------------------------------------------------------- */

static void *ask_again_and_again(void *arg)
{
    (void)arg;
    for (int i = 0; i < 6; i++) {
        const struct ask a = { .method = "POST",
                               .path = i % 2 ? "/v1/messages" : "/v1/chat/completions",
                               .body = STR("{\"messages\": [{\"role\": \"user\", \"content\": \"" SUM
                                           "\"}], \"max_tokens\": 30, \"stream\": true}") };
        struct ask_reply r;
        struct exchange *x = ask_begin(world, &a);
        ask_finish(x, &r);
        if (r.status != 200 || r.end != EXCHANGE_END)
            return "a request failed";
        struct ask_gathered g;
        ask_gather(&g, i % 2 ? API_MESSAGES : API_CHAT, buf_view(&r.body));
        bool right = strcmp(g.text.p, "2 + 2 = 4.") == 0;
        ask_gathered_deinit(&g);
        buf_deinit(&r.body);
        if (!right)
            return "an answer is another one";
    }
    return NULL;
}

static void threads_share_a_service(void **state)
{
    pthread_t t[8];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, ask_again_and_again, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        void *wrong;
        pthread_join(t[i], &wrong);
        if (wrong)
            fail_msg("%s", (const char *)wrong);
    }
    assert_int_equal(service_running(world->service), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(models_are_listed_for_openai_anthropic_and_lm_studio, use_whole),
        cmocka_unit_test_setup(health_readiness_version_and_the_page_answer, use_whole),
        cmocka_unit_test_setup(probes_of_agents_are_answered, use_whole),
        cmocka_unit_test_setup(unknown_paths_and_methods_are_told_in_the_paths_own_language, use_whole),
        cmocka_unit_test_setup(routes_say_what_is_public_and_what_has_a_body, use_whole),
        cmocka_unit_test_setup(text_becomes_tokens_and_tokens_become_the_text, use_whole),
        cmocka_unit_test_setup(counting_gives_what_the_generation_then_counts, use_whole),
        cmocka_unit_test_setup(the_three_prompts_give_their_answers_and_their_counts, use_whole),
        cmocka_unit_test_setup(a_good_answer_has_nothing_called_error_in_it, use_whole),
        cmocka_unit_test_setup(a_stream_tells_what_one_object_tells, use_whole),
        cmocka_unit_test_setup(calls_arrive_over_the_three_apis_streamed_and_not, use_whole),
        cmocka_unit_test_setup(an_item_of_an_answer_may_be_referred_to, use_whole),
        cmocka_unit_test_setup(an_answer_goes_on_from_what_the_client_began, use_whole),
        cmocka_unit_test_setup(tool_choice_is_obeyed, use_whole),
        cmocka_unit_test_setup(only_one_call_is_made_where_parallel_calls_are_refused, use_whole),
        cmocka_unit_test_setup(an_answer_keeps_to_its_schema, use_whole),
        cmocka_unit_test_setup(a_strict_schema_that_cannot_be_enforced_is_refused_by_name, use_whole),
        cmocka_unit_test_setup(stop_strings_end_an_answer_and_are_not_in_it, use_whole),
        cmocka_unit_test_setup(several_choices_differ_by_seed_and_come_again_with_it, use_whole),
        cmocka_unit_test_setup(log_probabilities_belong_to_the_tokens_of_the_text, use_whole),
        cmocka_unit_test_setup(completions_take_lists_of_prompts_and_echo_them, use_whole),
        cmocka_unit_test_setup(an_echo_has_the_log_probabilities_of_the_prompt, use_whole),
        cmocka_unit_test_setup(log_probabilities_of_several_prompts_are_those_of_each, use_whole),
        cmocka_unit_test_setup(what_is_wrong_is_told_before_any_stream, use_whole),
        cmocka_unit_test_setup(over_length_is_a_400_in_the_words_that_agents_know, use_whole),
        cmocka_unit_test_setup(a_request_that_leaves_little_room_is_refused_and_a_small_one_is_not, use_whole),
        cmocka_unit_test_setup(only_known_models_are_served_where_that_is_asked, use_whole),
        cmocka_unit_test_setup(more_bytes_than_may_wait_are_a_429_with_a_time, use_whole),
        cmocka_unit_test_setup(the_same_prompt_is_found_again, use_whole),
        cmocka_unit_test_setup(where_a_prompt_leaves_what_is_known_is_told_in_the_log, use_whole),
        cmocka_unit_test_setup(a_call_that_comes_back_respelled_costs_only_the_new_turn, use_whole),
        cmocka_unit_test_setup(control_tokens_cannot_be_forged, use_whole),
        cmocka_unit_test_setup(a_system_prompt_can_be_computed_ahead, use_whole),
        cmocka_unit_test_setup(a_client_that_leaves_ends_its_request, use_whole),
        cmocka_unit_test_setup(an_abandoned_exchange_returns_at_once, use_whole),
        cmocka_unit_test_setup(a_drain_refuses_what_is_new_and_cuts_what_does_not_end, use_whole),
        cmocka_unit_test_setup(the_line_about_an_exchange_has_its_figures, use_whole),
        cmocka_unit_test_setup(a_trace_holds_the_request_and_what_the_model_saw_and_said, use_whole),
        cmocka_unit_test_setup(threads_share_a_service, use_whole),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
