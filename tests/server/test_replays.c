/* test_replays.c - what seven agents and three SDKs really sent, against one service that keeps its cache: every request is accepted, every
 * stream is valid, and what an earlier request had in common with a later one is found again.
 *
 * The recordings lie in $OCTET_SHARED/agents or ../shared/agents; without them these tests are skipped. Prose in them is replaced word by word,
 * so sizes and common beginnings are the true ones. Answers are cut after a few tokens. OCTET_TEST_FULL=1 sends all of them.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>

#include "api/prompt.h"
#include "api/read.h"
#include "base/base.h"
#include "base/file.h"
#include "server/ask.h"

enum {
    N_OUT = 8,       /* tokens of an answer */
    SLACK = 64,      /* tokens of a common beginning that may be computed again */
    KEPT_MAX = 1000, /* prompts */
};

/* With how many of its requests are sent, unless all are. */
static const struct {
    const char *name;
    size_t n;
} agents[] = {
    { "pi", 4 },          { "continue", 3 }, { "cline", 2 },         { "opencode", 2 },   { "codex", 2 },
    { "claude-code", 2 }, { "sdk-ai", 4 },   { "sdk-anthropic", 3 }, { "sdk-openai", 3 }, { "qwen-code", 0 }
};

static struct {
    struct ask_world w;
    struct prompt_maker *prompts;
    struct api_defaults defaults;
    struct ids seen[KEPT_MAX];
    size_t n_seen;
    size_t n_sent, n_tokens, n_cached, n_common;
    bool full;
} world;

static char *agent_file(const char *agent)
{
    const char *shared = getenv("OCTET_SHARED");
    struct buf path = { 0 };
    buf_printf(&path, "%s/agents/%s.shape.json", shared && *shared ? shared : "../shared", agent);
    return buf_take(&path);
}

static int open_world(void **state)
{
    (void)state;
    const char *full = getenv("OCTET_TEST_FULL");
    world.full = full && *full;
    const struct engine_opts eo = { .kv_memory = (uint64_t)(world.full ? 4 : 1) << 30 };
    ask_open(&world.w, NULL, &eo);
    world.prompts = prompt_maker_new(world.w.chat, world.w.tok);
    world.defaults = (struct api_defaults){ .sampling = sampling_greedy, .max_n = 16, .tool_grammar = true };
    prompt_maker_defaults(world.prompts, &world.defaults);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    for (size_t i = 0; i < world.n_seen; i++)
        ids_deinit(&world.seen[i]);
    prompt_maker_free(world.prompts);
    ask_close(&world.w);
    return 0;
}

/* --- one request ------------------------------------------------------------------------------------------------------------------------- */

static int dialect_of(struct str path)
{
    static const char *const paths[] = { [API_CHAT] = "/v1/chat/completions",
                                         [API_COMPLETIONS] = "/v1/completions",
                                         [API_RESPONSES] = "/v1/responses",
                                         [API_MESSAGES] = "/v1/messages" };
    for (int d = API_CHAT; d <= API_MESSAGES; d++) {
        if (str_eqz(path, paths[d]))
            return d;
    }
    return -1;
}

static bool is_limit(struct str key)
{
    return str_eqz(key, "max_tokens") || str_eqz(key, "max_completion_tokens") || str_eqz(key, "max_output_tokens");
}

/* The body with its limit of tokens replaced where it stands, or added at the end. */
static void capped(struct buf *out, const struct json *body, int d)
{
    struct json_iter it;
    bool first = true, done = false;
    buf_char(out, '{');
    for (bool more = json_first(&it, body); more; more = json_next(&it)) {
        buf_z(out, first ? "" : ", ");
        first = false;
        json_write_str(out, it.key);
        buf_z(out, ": ");
        if (is_limit(it.key)) {
            buf_printf(out, "%d", N_OUT);
            done = true;
        } else {
            json_write(out, it.value);
        }
    }
    if (!done)
        buf_printf(out, ", \"%s\": %d", d == API_RESPONSES ? "max_output_tokens" : "max_tokens", N_OUT);
    buf_char(out, '}');
}

/* The prompt's ids, remembered; *common: how many of them an earlier one began with. */
static size_t prompt_of(struct str body, int d, size_t *common)
{
    struct api_request r;
    struct api_error x;
    struct prompt p = { 0 };
    struct err e = ERR_INIT;
    const struct prompt_opts o = { 0 };
    if (read_request(&r, (enum api_dialect)d, body, &world.defaults, &x))
        fail_msg("%s", x.message);
    if (prompt_build(&p, world.prompts, &r, &o, &e))
        fail_msg("%s", e.msg);
    *common = 0;
    for (size_t i = 0; i < world.n_seen; i++)
        *common = MAX(*common, ids_common(world.seen[i].v, p.ids.v, MIN(world.seen[i].n, p.ids.n)));
    assert_true(world.n_seen < KEPT_MAX);
    ids_append(&world.seen[world.n_seen++], p.ids.v, p.ids.n);
    size_t n = p.ids.n;
    prompt_deinit(&p);
    api_request_deinit(&r);
    return n;
}

/* The usage of an answer that is one object, in the form of a stream's. */
static void gather_object(struct ask_gathered *g, int d, struct str bytes)
{
    struct err e = ERR_INIT;
    struct json *j = NULL;
    *g = (struct ask_gathered){ 0 };
    if (json_parse(&j, bytes, "reply", NULL, &e))
        fail_msg("%s", e.msg);
    const struct json *u = json_get(j, "usage");
    if (d == API_MESSAGES) {
        ask_messages_usage(g, u);
    } else if (d == API_RESPONSES) {
        g->n_prompt = ask_int(u, "input_tokens");
        g->n_cached = ask_int(u, "input_tokens_details.cached_tokens");
    } else {
        ask_usage(g, u);
    }
    json_free(j);
}

/* What a stream that was not asked for its usage does not tell stands in the line about it. */
static int64_t cached_in_line(void)
{
    const char *at = strstr(world.w.line, " cached=");
    struct str rest, number;
    int64_t v = -1;
    assert_non_null(at);
    rest = str_from(at + strlen(" cached="));
    assert_true(str_cut(&rest, ' ', &number));
    assert_true(str_to_i64(number, &v));
    return v;
}

static void send(const char *name, struct str path, const struct json *body)
{
    int d = dialect_of(path);
    struct buf text = { 0 };
    size_t common;
    char at[100];
    snprintf(at, sizeof at, "%.*s", (int)path.n, path.p);
    capped(&text, body, d);
    size_t n = prompt_of(buf_view(&text), d, &common);
    const struct ask a = { .method = "POST", .path = at, .body = buf_view(&text) };
    struct ask_reply r = ask_with(&world.w, &a);
    if (r.status != 200)
        fail_msg("%s: request of %zu tokens: %d %s", name, n, r.status, r.body.p);
    assert_int_equal(r.end, EXCHANGE_END);
    assert_int_equal(r.streamed, json_bool(json_get(body, "stream")));
    struct ask_gathered g;
    if (r.streamed)
        ask_gather(&g, (enum api_dialect)d, buf_view(&r.body));
    else
        gather_object(&g, d, buf_view(&r.body));
    int64_t cached = cached_in_line();
    if (g.n_prompt >= 0) {
        assert_int_equal(g.n_prompt, n);
        assert_int_equal(g.n_cached, cached);
    }
    assert_false(g.errored);
    if (cached + SLACK < (int64_t)common)
        fail_msg("%s: of %zu tokens %zu were known and %lld were found", name, n, common, (long long)cached);
    world.n_sent++;
    world.n_tokens += n;
    world.n_cached += (size_t)cached;
    world.n_common += common;
    ask_gathered_deinit(&g);
    buf_deinit(&r.body);
    buf_deinit(&text);
}

/* --- recordings -------------------------------------------------------------------------------------------------------------------------- */

static void send_plain(struct str method, struct str path, const struct json *body)
{
    char m[16], p[200];
    struct buf text = { 0 };
    snprintf(m, sizeof m, "%.*s", (int)method.n, method.p);
    snprintf(p, sizeof p, "%.*s", (int)path.n, path.p);
    json_write(&text, body);
    const struct ask a = { .method = m, .path = p, .body = buf_view(&text) };
    struct ask_reply r = ask_with(&world.w, &a);
    /* Another server's own endpoints are none of ours. */
    bool foreign = str_eqz(path, "/api/version") || str_eqz(path, "/api/tags") || str_eqz(path, "/api/pull") ||
                   str_eqz(path, "/v1/props") || str_eqz(path, "/props");
    assert_int_equal(r.status, foreign ? 404 : 200);
    buf_deinit(&r.body);
    buf_deinit(&text);
}

/* True: it was one that generates. */
static bool send_recorded(const char *name, const struct json *q)
{
    struct str target = json_str(json_get(q, "target")), path = target;
    struct str method = json_str(json_get(q, "method"));
    str_cut(&target, '?', &path);
    if (!str_eqz(method, "POST") || dialect_of(path) < 0) {
        if (world.full)
            send_plain(method, path, json_get(q, "body"));
        return false;
    }
    send(name, path, json_get(q, "body"));
    return true;
}

static void replay_agent(const char *agent, size_t n)
{
    char *path = agent_file(agent);
    struct err e = ERR_INIT;
    struct json *j = NULL;
    size_t sent = 0;
    if (json_read(&j, path, NULL, &e))
        fail_msg("%s", e.msg);
    const struct json *runs = json_get(j, "runs");
    for (size_t i = 0; i < json_len(runs); i++) {
        const struct json *run = json_at(runs, i), *requests = json_get(run, "requests");
        struct str run_name = json_str(json_get(run, "run"));
        for (size_t k = 0; k < json_len(requests) && (world.full || sent < n); k++) {
            char name[200];
            snprintf(name, sizeof name, "%s, %.*s, %zu", agent, (int)run_name.n, run_name.p, k + 1);
            sent += send_recorded(name, json_at(requests, k));
        }
    }
    assert_true(sent > 0 || !n);
    json_free(j);
    mem_free(path);
}

static void agents_are_accepted_and_what_they_share_is_computed_once(void **state)
{
    (void)state;
    char *path = agent_file(agents[0].name);
    bool there = file_exists(path);
    mem_free(path);
    if (!there) {
        print_message("skipped: no recordings of agents in $OCTET_SHARED or ../shared\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(agents); i++)
        replay_agent(agents[i].name, agents[i].n);
    print_message("%zu requests, %zu tokens of prompts, %zu of them known before, %zu found\n", world.n_sent,
                  world.n_tokens, world.n_common, world.n_cached);
}

/* --- anyclaude --------------------------------------------------------------------------------------------------------------------------- */

#define ANYCLAUDE_HEAD                                                                                                 \
    "{\"model\": \"default\", \"temperature\": 1, \"messages\": [{\"role\": \"system\", \"content\": \"You are a "     \
    "coding agent.\\nUse the tools that you have.\\n\\n/no_think\"}, {\"role\": \"user\", \"content\": [{\"type\": "   \
    "\"text\", \"text\": \"<system-reminder>\\nToday is Monday.\\n</system-reminder>\"}, {\"type\": \"text\", "        \
    "\"text\": \"Read the file README.md\"}]}"
#define ANYCLAUDE_TAIL                                                                                                 \
    "], \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"Bash\", \"description\": \"Run a command.\", " \
    "\"parameters\": {\"$schema\": \"http://json-schema.org/draft-07/schema#\", \"type\": \"object\", "                \
    "\"properties\": {\"command\": {\"type\": \"string\"}, \"timeout\": {\"anyOf\": [{\"type\": \"number\"}, "         \
    "{\"type\": \"null\"}]}}, \"required\": [\"command\"], \"additionalProperties\": false}, \"strict\": false}}, "    \
    "{\"type\": \"function\", \"function\": {\"name\": \"Read\", \"description\": \"Read a file.\", \"parameters\": "  \
    "{\"type\": \"object\", \"properties\": {\"file_path\": {\"type\": \"string\"}}, \"required\": [\"file_path\"], "  \
    "\"additionalProperties\": false}, \"strict\": false}}], \"tool_choice\": \"auto\", \"stream\": true, "            \
    "\"stream_options\": {\"include_usage\": true}, \"max_completion_tokens\": 32000, \"parallel_tool_calls\": "       \
    "false, \"cache_prompt\": true}"

static struct ask_gathered ask_anyclaude(const char *between)
{
    struct buf body = { 0 };
    struct ask_gathered g;
    buf_printf(&body, "%s%s%s", ANYCLAUDE_HEAD, between, ANYCLAUDE_TAIL);
    const struct ask a = { .method = "POST", .path = "/v1/chat/completions", .body = buf_view(&body) };
    struct ask_reply r = ask_with(&world.w, &a);
    if (r.status != 200)
        fail_msg("%d %s", r.status, r.body.p);
    assert_true(r.streamed);
    ask_gather(&g, API_CHAT, buf_view(&r.body));
    buf_deinit(&r.body);
    buf_deinit(&body);
    return g;
}

static void what_anyclaude_sends_is_answered_and_its_second_turn_costs_what_is_new(void **state)
{
    (void)state;
    struct ask_gathered first = ask_anyclaude("");
    struct str args = buf_view(&first.calls), name;
    assert_string_equal(first.finish, "tool_calls");
    assert_true(str_cut(&args, ' ', &name));
    assert_true(str_eqz(name, "Read"));
    assert_null(strchr(first.calls.p, '\n')); /* one call, since parallel ones are not wanted */
    /* The call comes back as JavaScript spells it, and its result as the JSON of blocks. */
    struct json *value = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(json_parse(&value, args, "arguments", NULL, &e), 0);
    struct buf spelled = { 0 }, between = { 0 };
    buf_z(&spelled, "{\"file_path\":");
    json_write(&spelled, json_get(value, "file_path"));
    buf_char(&spelled, '}');
    struct str ids = buf_view(&first.ids), id;
    assert_true(str_cut(&ids, '\n', &id));
    buf_printf(&between,
               ", {\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"id\": \"%.*s\", \"type\": "
               "\"function\", \"function\": {\"name\": \"Read\", \"arguments\": ",
               (int)id.n, id.p);
    json_write_str(&between, buf_view(&spelled));
    buf_printf(&between,
               "}}]}, {\"role\": \"tool\", \"tool_call_id\": \"%.*s\", \"content\": "
               "\"[{\\\"type\\\":\\\"text\\\",\\\"text\\\":\\\"# Title\\\\nSome words.\\\"}]\"}",
               (int)id.n, id.p);
    struct ask_gathered second = ask_anyclaude(between.p);
    assert_true(second.n_cached >= first.n_prompt + first.n_completion - 2);
    json_free(value);
    buf_deinit(&spelled);
    buf_deinit(&between);
    ask_gathered_deinit(&first);
    ask_gathered_deinit(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_anyclaude_sends_is_answered_and_its_second_turn_costs_what_is_new),
        cmocka_unit_test(agents_are_accepted_and_what_they_share_is_computed_once),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
