/* test_launch.c - what agents are told about a server.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cli/launch.h"
#include "format/json.h"

static const struct launch_server server = { "http://127.0.0.1:8082", "it's \"quoted\"", "k y", 32768 };

static const char *env_of(const struct launch_plan *p, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < p->n_env; i++)
        if (strncmp(launch_word(p, p->env[i]), name, n) == 0 && launch_word(p, p->env[i])[n] == '=')
            return launch_word(p, p->env[i]) + n + 1;
    fail_msg("no %s", name);
    return NULL;
}

static void plan(struct launch_plan *p, const char *agent)
{
    struct err e = ERR_INIT;
    assert_int_equal(launch_plan(p, agent, &server, &e), 0);
}

static void claude_is_told_address_model_and_context(void **state)
{
    (void)state;
    struct launch_plan p;
    plan(&p, "claude");
    assert_string_equal(env_of(&p, "ANTHROPIC_BASE_URL"), "http://127.0.0.1:8082");
    assert_string_equal(env_of(&p, "ANTHROPIC_DEFAULT_HAIKU_MODEL"), server.model);
    assert_string_equal(env_of(&p, "ANTHROPIC_AUTH_TOKEN"), "k y");
    assert_string_equal(env_of(&p, "ANTHROPIC_API_KEY"), "");
    assert_string_equal(env_of(&p, "CLAUDE_CODE_MAX_CONTEXT_TOKENS"), "32768");
    assert_string_equal(env_of(&p, "CLAUDE_CODE_MAX_OUTPUT_TOKENS"), "8192");
    assert_string_equal(launch_word(&p, p.arg[0]), "claude");
    launch_plan_deinit(&p);
}

static void opencode_gets_a_configuration_that_parses(void **state)
{
    (void)state;
    struct launch_plan p;
    struct err e = ERR_INIT;
    struct json *j;
    plan(&p, "opencode");
    assert_int_equal(json_parse(&j, str_from(env_of(&p, "OPENCODE_CONFIG_CONTENT")), "config", NULL, &e), 0);
    assert_true(str_eqz(json_str(json_get(j, "model")), "octet/it's \"quoted\""));
    const struct json *octet = json_get(json_get(j, "provider"), "octet");
    assert_true(str_eqz(json_str(json_get(json_get(octet, "options"), "baseURL")), "http://127.0.0.1:8082/v1"));
    int64_t context = 0;
    const struct json *model = json_get(json_get(octet, "models"), server.model);
    assert_true(json_i64(json_get(json_get(model, "limit"), "context"), &context));
    assert_int_equal(context, 32768);
    json_free(j);
    launch_plan_deinit(&p);
}

static void codex_compacts_before_the_context_is_full(void **state)
{
    (void)state;
    struct launch_plan p;
    bool window = false, compact = false;
    plan(&p, "codex");
    for (size_t i = 0; i < p.n_arg; i++) {
        window |= strcmp(launch_word(&p, p.arg[i]), "model_context_window=32768") == 0;
        compact |= strcmp(launch_word(&p, p.arg[i]), "model_auto_compact_token_limit=24576") == 0;
    }
    assert_true(window && compact);
    assert_string_equal(env_of(&p, "OCTET_API_KEY"), "k y");
    launch_plan_deinit(&p);
}

static void qwen_is_told_address_model_and_output(void **state)
{
    (void)state;
    struct launch_plan p;
    plan(&p, "qwen");
    assert_string_equal(env_of(&p, "OPENAI_BASE_URL"), "http://127.0.0.1:8082/v1");
    assert_string_equal(env_of(&p, "OPENAI_MODEL"), server.model);
    assert_string_equal(env_of(&p, "QWEN_CODE_MAX_OUTPUT_TOKENS"), "8192");
    launch_plan_deinit(&p);
}

/* What is printed is run by a real shell: words arrive whole, whatever is in them. */
static void a_shell_reads_the_printed_plan_back(void **state)
{
    (void)state;
    static const char *const agents[] = { "claude", "codex", "opencode", "qwen", "anyclaude" };
    for (size_t i = 0; i < ARRAY_LEN(agents); i++) {
        struct launch_plan p;
        struct buf script = { 0 };
        char got[8192] = "";
        plan(&p, agents[i]);
        p.file = NULL;
        buf_printf(&script, "%s() { printf '%%s\\n' \"$@\"; }\n", agents[i]);
        launch_plan_print(&p, NULL, 0, &script);
        for (size_t k = 0; k < p.n_env; k++) {
            const char *word = launch_word(&p, p.env[k]);
            buf_printf(&script, "printf '%%s\\n' \"$%.*s\"\n", (int)strcspn(word, "="), word);
        }
        char path[] = "/tmp/test_launch.XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        FILE *f = fdopen(fd, "w");
        fwrite(script.p, 1, script.n, f);
        fclose(f);
        char command[64];
        snprintf(command, sizeof command, "sh %s", path);
        f = popen(command, "r");
        got[fread(got, 1, sizeof got - 1, f)] = '\0';
        pclose(f);
        remove(path);
        struct buf want = { 0 };
        for (size_t k = 1; k < p.n_arg; k++)
            buf_printf(&want, "%s\n", launch_word(&p, p.arg[k]));
        if (p.n_arg == 1)
            buf_z(&want, "\n");
        for (size_t k = 0; k < p.n_env; k++)
            buf_printf(&want, "%s\n", strchr(launch_word(&p, p.env[k]), '=') + 1);
        assert_string_equal(got, want.p);
        buf_deinit(&want);
        buf_deinit(&script);
        launch_plan_deinit(&p);
    }
}

static void anyclaude_gets_a_file_that_parses(void **state)
{
    (void)state;
    struct launch_plan p;
    struct err e = ERR_INIT;
    struct json *j;
    plan(&p, "anyclaude");
    assert_string_equal(p.file, ".anyclauderc.json");
    assert_int_equal(json_parse(&j, str_from(launch_word(&p, p.file_text)), p.file, NULL, &e), 0);
    const struct json *local = json_get(json_get(j, "backends"), "local");
    assert_true(str_eqz(json_str(json_get(local, "baseUrl")), "http://127.0.0.1:8082/v1"));
    assert_true(str_eqz(json_str(json_get(local, "model")), "default"));
    json_free(j);
    launch_plan_deinit(&p);
}

static void an_unknown_agent_is_refused_with_the_known_names(void **state)
{
    (void)state;
    struct launch_plan p;
    struct err e = ERR_INIT;
    assert_int_equal(launch_plan(&p, "cursor", &server, &e), ERR_ARG);
    assert_string_equal(e.msg, "agent: expected claude, codex, opencode, qwen or anyclaude, found \"cursor\"");
    launch_plan_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claude_is_told_address_model_and_context),
        cmocka_unit_test(opencode_gets_a_configuration_that_parses),
        cmocka_unit_test(codex_compacts_before_the_context_is_full),
        cmocka_unit_test(qwen_is_told_address_model_and_output),
        cmocka_unit_test(a_shell_reads_the_printed_plan_back),
        cmocka_unit_test(anyclaude_gets_a_file_that_parses),
        cmocka_unit_test(an_unknown_agent_is_refused_with_the_known_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
