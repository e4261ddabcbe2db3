/* launch.c - how each agent is told to use this server.
 * SPDX-License-Identifier: MIT */
#include "cli/launch.h"

#include <string.h>

#include "base/base.h"
#include "format/json.h"

/* Most tokens of one answer that agents are told to ask for, and what they leave free for it before they compact. */
enum { MOST_OUTPUT = 8192, OUTPUT_SHARE = 4 };

static size_t output_tokens(const struct launch_server *s)
{
    return MIN((size_t)MOST_OUTPUT, s->context / OUTPUT_SHARE);
}

static size_t begin(struct launch_plan *p)
{
    return p->text.n;
}

static void end(struct launch_plan *p)
{
    buf_char(&p->text, '\0');
}

static void env_begin(struct launch_plan *p, const char *name)
{
    p->env[p->n_env++] = begin(p);
    buf_printf(&p->text, "%s=", name);
}

static void env(struct launch_plan *p, const char *name, const char *value)
{
    env_begin(p, name);
    buf_z(&p->text, value);
    end(p);
}

static void env_size(struct launch_plan *p, const char *name, size_t value)
{
    env_begin(p, name);
    buf_printf(&p->text, "%zu", value);
    end(p);
}

static void arg(struct launch_plan *p, const char *word)
{
    p->arg[p->n_arg++] = begin(p);
    buf_z(&p->text, word);
    end(p);
}

static void quoted(struct launch_plan *p, const char *value)
{
    json_write_str(&p->text, str_from(value));
}

/* -c NAME=VALUE, where VALUE is TOML; JSON's strings are TOML's too. */
static void codex_setting(struct launch_plan *p, const char *name, const char *value)
{
    arg(p, "-c");
    p->arg[p->n_arg++] = begin(p);
    buf_printf(&p->text, "%s=", name);
    quoted(p, value);
    end(p);
}

static void codex_number(struct launch_plan *p, const char *name, size_t value)
{
    arg(p, "-c");
    p->arg[p->n_arg++] = begin(p);
    buf_printf(&p->text, "%s=%zu", name, value);
    end(p);
}

static void plan_claude(struct launch_plan *p, const struct launch_server *s)
{
    env(p, "ANTHROPIC_BASE_URL", s->url);
    /* As a token: of a key it asks first whether to use it at all, and proposes no. One that is set already would be asked about, too. */
    env(p, "ANTHROPIC_AUTH_TOKEN", s->key);
    env(p, "ANTHROPIC_API_KEY", "");
    env(p, "ANTHROPIC_MODEL", s->model);
    env(p, "ANTHROPIC_DEFAULT_HAIKU_MODEL", s->model);
    env(p, "ANTHROPIC_DEFAULT_SONNET_MODEL", s->model);
    env(p, "ANTHROPIC_DEFAULT_OPUS_MODEL", s->model);
    env_size(p, "CLAUDE_CODE_MAX_CONTEXT_TOKENS", s->context);
    env_size(p, "CLAUDE_CODE_MAX_OUTPUT_TOKENS", output_tokens(s));
    env(p, "CLAUDE_CODE_ATTRIBUTION_HEADER", "0");
    env(p, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    env(p, "DISABLE_TELEMETRY", "1");
    env(p, "DISABLE_ERROR_REPORTING", "1");
    arg(p, "claude");
}

static void plan_codex(struct launch_plan *p, const struct launch_server *s)
{
    env(p, "OCTET_API_KEY", s->key);
    arg(p, "codex");
    codex_setting(p, "model", s->model);
    codex_setting(p, "model_provider", "octet");
    codex_setting(p, "model_providers.octet.name", "Octet");
    arg(p, "-c");
    p->arg[p->n_arg++] = begin(p);
    buf_printf(&p->text, "model_providers.octet.base_url=\"%s/v1\"", s->url);
    end(p);
    codex_setting(p, "model_providers.octet.wire_api", "responses");
    codex_setting(p, "model_providers.octet.env_key", "OCTET_API_KEY");
    codex_number(p, "model_context_window", s->context);
    codex_number(p, "model_auto_compact_token_limit", s->context - output_tokens(s));
}

static void opencode_model(struct launch_plan *p, const struct launch_server *s)
{
    struct buf name = { 0 };
    buf_printf(&name, "octet/%s", s->model);
    json_write_str(&p->text, buf_view(&name));
    buf_deinit(&name);
}

static void plan_opencode(struct launch_plan *p, const struct launch_server *s)
{
    env_begin(p, "OPENCODE_CONFIG_CONTENT");
    buf_z(&p->text, "{\"provider\": {\"octet\": {\"npm\": \"@ai-sdk/openai-compatible\", \"name\": \"Octet\", "
                    "\"options\": {\"baseURL\": ");
    buf_printf(&p->text, "\"%s/v1\", \"apiKey\": ", s->url);
    quoted(p, s->key);
    buf_z(&p->text, "}, \"models\": {");
    quoted(p, s->model);
    buf_printf(&p->text,
               ": {\"tool_call\": true, \"limit\": {\"context\": %zu, \"output\": %zu}}}}}, \"model\": ", s->context,
               output_tokens(s));
    opencode_model(p, s);
    buf_z(&p->text, ", \"small_model\": ");
    opencode_model(p, s);
    buf_z(&p->text, ", \"autoupdate\": false, \"share\": \"disabled\"}");
    end(p);
    env(p, "OPENCODE_DISABLE_AUTOUPDATE", "1");
    env(p, "OPENCODE_DISABLE_MODELS_FETCH", "1");
    arg(p, "opencode");
}

static void plan_qwen(struct launch_plan *p, const struct launch_server *s)
{
    env(p, "OPENAI_API_KEY", s->key);
    env_begin(p, "OPENAI_BASE_URL");
    buf_printf(&p->text, "%s/v1", s->url);
    end(p);
    env(p, "OPENAI_MODEL", s->model);
    /* Without it an answer that reaches its limit is asked for again with 64,000 tokens. */
    env_size(p, "QWEN_CODE_MAX_OUTPUT_TOKENS", output_tokens(s));
    arg(p, "qwen");
    arg(p, "--auth-type");
    arg(p, "openai");
}

static void plan_anyclaude(struct launch_plan *p, const struct launch_server *s)
{
    env_size(p, "LOCAL_CONTEXT_LENGTH", s->context);
    env_size(p, "CLAUDE_CODE_MAX_OUTPUT_TOKENS", output_tokens(s));
    p->file = ".anyclauderc.json";
    p->file_text = begin(p);
    buf_printf(&p->text,
               "{\n  \"backend\": \"local\",\n  \"backends\": {\n    \"local\": {\n      \"enabled\": true,\n"
               "      \"baseUrl\": \"%s/v1\",\n      \"apiKey\": ",
               s->url);
    quoted(p, s->key);
    /* A name with "qwen3" in it would have "/no_think" put behind every system prompt. */
    buf_z(&p->text, ",\n      \"model\": \"default\",\n      \"autoStartServer\": false,\n      \"safeSystemFilter\": "
                    "false\n    }\n  }\n}\n");
    end(p);
    arg(p, "anyclaude");
}

static const struct {
    const char *name;
    void (*plan)(struct launch_plan *p, const struct launch_server *s);
} agents[] = {
    { "claude", plan_claude }, { "codex", plan_codex },         { "opencode", plan_opencode },
    { "qwen", plan_qwen },     { "anyclaude", plan_anyclaude },
};

int launch_plan(struct launch_plan *p, const char *agent, const struct launch_server *s, struct err *e)
{
    *p = (struct launch_plan){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(agents); i++)
        if (strcmp(agents[i].name, agent) == 0) {
            agents[i].plan(p, s);
            return buf_check(&p->text, "the configuration", e);
        }
    return err_set(e, ERR_ARG, "agent: expected claude, codex, opencode, qwen or anyclaude, found \"%s\"", agent);
}

void launch_plan_deinit(struct launch_plan *p)
{
    buf_deinit(&p->text);
}

const char *launch_word(const struct launch_plan *p, size_t offset)
{
    return p->text.p + offset;
}

/* A word as a shell reads it back. */
static void shell(struct buf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@,+";
    if (*word && strspn(word, plain) == strlen(word)) {
        buf_z(out, word);
        return;
    }
    buf_char(out, '\'');
    for (; *word; word++)
        if (*word == '\'')
            buf_z(out, "'\\''");
        else
            buf_char(out, *word);
    buf_char(out, '\'');
}

void launch_plan_print(const struct launch_plan *p, const char *const *more, size_t n_more, struct buf *out)
{
    for (size_t i = 0; i < p->n_env; i++) {
        const char *word = launch_word(p, p->env[i]), *value = strchr(word, '=') + 1;
        buf_z(out, "export ");
        buf_add(out, word, (size_t)(value - word));
        shell(out, value);
        buf_char(out, '\n');
    }
    if (p->file)
        buf_printf(out, "(umask 077 && cat >%s) <<'END'\n%sEND\n", p->file, launch_word(p, p->file_text));
    for (size_t i = 0; i < p->n_arg; i++) {
        buf_z(out, i ? " " : "");
        shell(out, launch_word(p, p->arg[i]));
    }
    for (size_t i = 0; i < n_more; i++) {
        buf_char(out, ' ');
        shell(out, more[i]);
    }
    buf_char(out, '\n');
}
