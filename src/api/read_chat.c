/* read_chat.c - the body of /v1/chat/completions.
 * SPDX-License-Identifier: MIT */
#include "api/read_common.h"

#include "engine/sampler.h"

/* A call in a turn of the assistant: {"id", "function": {"name", "arguments"}}, or "custom" with "input". */
static int read_call(struct reader *rd, const struct json *call, const char *at)
{
    char path[READ_PATH_BYTES], inner_path[READ_PATH_BYTES];
    const struct json *function = NULL, *custom = NULL;
    struct str id = { 0 }, name = { 0 }, input = { 0 };
    if (json_type(call) != JSON_OBJECT)
        return read_bad(rd, at, "an object", call);
    read_path(path, "%s.", at);
    if (read_str(rd, call, path, "id", &id) || read_object(rd, call, path, "function", &function) ||
        read_object(rd, call, path, "custom", &custom))
        return -1;
    const struct json *inner = function ? function : custom;
    if (!inner)
        return read_bad(rd, read_path(inner_path, "%s.function", at), "an object", NULL);
    read_path(inner_path, "%s.%s.", at, function ? "function" : "custom");
    if (read_str(rd, inner, inner_path, "name", &name) || (custom && read_str(rd, custom, inner_path, "input", &input)))
        return -1;
    if (!name.n)
        return read_bad(rd, read_path(path, "%sname", inner_path), "the name of the function", json_get(inner, "name"));
    if (function)
        read_turn_call(rd, id, STR(""), name, json_get(function, "arguments"));
    else
        read_turn_custom_call(rd, id, STR(""), name, input);
    return 0;
}

static void read_reasoning(struct reader *rd, const struct json *message)
{
    const struct json *v = json_get(message, "reasoning_content");
    if (json_type(v) != JSON_STRING)
        v = json_get(message, "reasoning");
    if (json_type(v) == JSON_STRING)
        buf_str(&rd->reasoning, json_str(v));
}

static int read_assistant(struct reader *rd, const struct json *message, const char *at)
{
    char path[READ_PATH_BYTES], call_path[READ_PATH_BYTES];
    const struct json *calls = NULL, *legacy = NULL;
    read_turn_close(rd); /* two turns of the assistant in a row stay two */
    read_turn(rd);
    read_reasoning(rd, message);
    if (read_content(rd, json_get(message, "content"), read_path(path, "%s.content", at), "", &rd->text))
        return -1;
    read_path(path, "%s.", at);
    if (read_array(rd, message, path, "tool_calls", &calls) || read_object(rd, message, path, "function_call", &legacy))
        return -1;
    for (size_t i = 0; calls && i < json_len(calls); i++)
        if (read_call(rd, json_at(calls, i), read_path(call_path, "%s.tool_calls[%zu]", at, i)))
            return -1;
    if (legacy && json_type(json_get(legacy, "name")) == JSON_STRING)
        read_turn_call(rd, STR(""), STR(""), json_str(json_get(legacy, "name")), json_get(legacy, "arguments"));
    return 0;
}

static int read_tool_message(struct reader *rd, const struct json *message, const char *at)
{
    char path[READ_PATH_BYTES];
    struct str id = { 0 }, name = { 0 };
    size_t from = rd->result_text.n;
    read_path(path, "%s.", at);
    if (read_str(rd, message, path, "tool_call_id", &id) || read_str(rd, message, path, "name", &name) ||
        read_result_content(rd, json_get(message, "content"), read_path(path, "%s.content", at), &rd->result_text))
        return -1;
    read_result(rd, id, name, from);
    return 0;
}

static int read_plain(struct reader *rd, const struct json *message, const char *role, const char *at)
{
    char path[READ_PATH_BYTES];
    struct buf text = { .limit = rd->text.limit };
    int rc = read_content(rd, json_get(message, "content"), read_path(path, "%s.content", at), "\n", &text);
    if (rc == 0)
        read_message(rd, role, buf_view(&text));
    rd->messages.failed |= text.failed;
    buf_deinit(&text);
    return rc;
}

static int read_one(struct reader *rd, const struct json *message, const char *at)
{
    char path[READ_PATH_BYTES];
    if (json_type(message) != JSON_OBJECT)
        return read_bad(rd, at, "an object", message);
    const struct json *role = json_get(message, "role");
    read_path(path, "%s.role", at);
    if (json_type(role) != JSON_STRING)
        return read_bad(rd, path, "\"system\", \"user\", \"assistant\" or \"tool\"", role);
    struct str s = json_str(role);
    if (str_eqz(s, "user"))
        return read_plain(rd, message, "user", at);
    if (str_eqz(s, "assistant"))
        return read_assistant(rd, message, at);
    if (str_eqz(s, "tool") || str_eqz(s, "function"))
        return read_tool_message(rd, message, at);
    if (str_eqz(s, "system"))
        return read_plain(rd, message, "system", at);
    if (str_eqz(s, "developer"))
        return read_plain(rd, message, rd->def->developer_role ? "developer" : "system", at);
    return read_bad(rd, path, "\"system\", \"user\", \"assistant\" or \"tool\"", role);
}

static int read_conversation(struct reader *rd)
{
    char path[READ_PATH_BYTES];
    const struct json *messages = NULL;
    if (read_array(rd, rd->r->body, "", "messages", &messages))
        return -1;
    if (!messages || !json_len(messages))
        return read_bad(rd, "messages", "a list with at least one message", messages);
    for (size_t i = 0; i < json_len(messages); i++)
        if (read_one(rd, json_at(messages, i), read_path(path, "messages[%zu]", i)))
            return -1;
    bool more = false;
    if (read_bool(rd, rd->r->body, "", "continue_final_message", &more))
        return -1;
    rd->r->prefill = more && rd->turn_open && !rd->calls.n;
    if (more && !rd->r->prefill)
        return read_bad(rd, "continue_final_message", "a last message of the assistant without calls", NULL);
    return 0;
}

static int read_tools(struct reader *rd)
{
    char path[READ_PATH_BYTES], prefix[READ_PATH_BYTES];
    const struct json *tools = NULL;
    if (read_array(rd, rd->r->body, "", "tools", &tools))
        return -1;
    for (size_t i = 0; tools && i < json_len(tools); i++) {
        const struct json *tool = json_at(tools, i), *custom = NULL;
        struct str type = STR("function");
        read_path(path, "tools[%zu]", i);
        read_path(prefix, "tools[%zu].", i);
        if (json_type(tool) != JSON_OBJECT)
            return read_bad(rd, path, "an object", tool);
        if (read_str(rd, tool, prefix, "type", &type) || read_object(rd, tool, prefix, "custom", &custom))
            return -1;
        if (str_eqz(type, "function") && read_function_tool(rd, tool, path, STR("")))
            return -1;
    }
    return 0;
}

static int read_limits(struct reader *rd)
{
    struct api_request *r = rd->r;
    const struct json *body = r->body;
    int64_t n = 1, top = 0;
    if (read_max(rd, "max_tokens", 1) || read_max(rd, "max_completion_tokens", 1) ||
        read_int(rd, body, "", "n", 1, rd->def->max_n, &n) || read_bool(rd, body, "", "logprobs", &r->logprobs) ||
        read_int(rd, body, "", "top_logprobs", 0, SAMPLER_TOP_MAX, &top) || read_stops(rd, "stop"))
        return -1;
    r->n = (int)n;
    r->top_logprobs = (int)top;
    r->logprobs |= top > 0;
    return 0;
}

/* Reasoning is refused by reasoning_effort "none", or thinking {"type": "disabled"}. */
static int read_effort(struct reader *rd)
{
    struct str effort = { 0 }, type = { 0 };
    const struct json *thinking = NULL;
    if (read_str(rd, rd->r->body, "", "reasoning_effort", &effort) ||
        read_object(rd, rd->r->body, "", "thinking", &thinking) || read_str(rd, thinking, "thinking.", "type", &type))
        return -1;
    if (str_eqz(effort, "none") || str_eqz(type, "disabled"))
        rd->r->thinking = false;
    return 0;
}

int read_chat(struct reader *rd)
{
    const struct json *format = NULL;
    if (read_shared_fields(rd) || read_stream_options(rd) || read_limits(rd) || read_effort(rd) ||
        read_bool(rd, rd->r->body, "", "parallel_tool_calls", &rd->r->parallel_calls) ||
        read_object(rd, rd->r->body, "", "response_format", &format) ||
        (format && read_format(rd, format, "response_format")))
        return -1;
    if (read_tools(rd) || read_tool_choice(rd))
        return -1;
    return read_conversation(rd);
}
