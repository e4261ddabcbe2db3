/* read_messages.c - the body of Anthropic's /v1/messages and /v1/messages/count_tokens.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "api/read_common.h"

/* Appends text without the lines that a client puts there for its vendor's bills: they change from conversation to conversation and stand before
 * everything else. */
static void add_system_text(struct buf *out, struct str text)
{
    struct buf kept = { 0 };
    while (text.n) {
        const char *nl = memchr(text.p, '\n', text.n);
        struct str line = str_sub(text, 0, nl ? (size_t)(nl - text.p) + 1 : text.n);
        if (!str_starts(line, STR("x-anthropic-billing-header")))
            buf_str(&kept, line);
        text = str_sub(text, line.n, text.n);
    }
    if (out->n && kept.n)
        buf_char(out, '\n');
    buf_str(out, buf_view(&kept));
    buf_deinit(&kept);
}

static int read_system_parts(struct reader *rd, const struct json *parts, struct buf *out)
{
    char path[READ_PATH_BYTES];
    for (size_t i = 0; i < json_len(parts); i++) {
        struct buf one = { 0 };
        int rc = read_part(rd, json_at(parts, i), read_path(path, "system[%zu]", i), "", &one);
        if (rc == 0)
            add_system_text(out, buf_view(&one));
        buf_deinit(&one);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_system(struct reader *rd)
{
    const struct json *v = json_get(rd->r->body, "system");
    struct buf text = { 0 };
    int rc = 0;
    if (json_type(v) == JSON_STRING)
        add_system_text(&text, json_str(v));
    else if (json_type(v) == JSON_ARRAY)
        rc = read_system_parts(rd, v, &text);
    else if (v)
        rc = read_bad(rd, "system", "a string or a list of text blocks", v);
    if (rc == 0 && text.n)
        read_message(rd, "system", buf_view(&text));
    buf_deinit(&text);
    return rc;
}

static struct str block_type(const struct json *block)
{
    const struct json *type = json_type(block) == JSON_OBJECT ? json_get(block, "type") : NULL;
    return json_type(type) == JSON_STRING ? json_str(type) : STR("");
}

static int read_tool_use(struct reader *rd, const struct json *block, const char *at)
{
    char path[READ_PATH_BYTES];
    struct str id = { 0 }, name = { 0 };
    read_path(path, "%s.", at);
    if (read_str(rd, block, path, "id", &id) || read_str(rd, block, path, "name", &name))
        return -1;
    if (!name.n)
        return read_bad(rd, read_path(path, "%s.name", at), "the name of a tool", json_get(block, "name"));
    read_turn_call(rd, id, STR(""), name, json_get(block, "input"));
    return 0;
}

static int read_assistant_block(struct reader *rd, const struct json *block, const char *at)
{
    struct str type = block_type(block);
    if (str_eqz(type, "tool_use"))
        return read_tool_use(rd, block, at);
    if (str_eqz(type, "thinking")) {
        if (json_type(json_get(block, "thinking")) == JSON_STRING)
            buf_str(&rd->reasoning, json_str(json_get(block, "thinking")));
        return 0;
    }
    return read_part(rd, block, at, "", &rd->text);
}

static int read_assistant(struct reader *rd, const struct json *content, const char *at)
{
    char path[READ_PATH_BYTES];
    read_turn(rd); /* messages of the assistant in a row are one turn, as the API says */
    if (json_type(content) != JSON_ARRAY)
        return read_content(rd, content, at, "", &rd->text);
    for (size_t i = 0; i < json_len(content); i++)
        if (read_assistant_block(rd, json_at(content, i), read_path(path, "%s[%zu]", at, i)))
            return -1;
    return 0;
}

/* A failed result whose text does not say so itself gets a word for it. */
static void mark_error(struct reader *rd, size_t from)
{
    struct str text = str_sub(buf_view(&rd->result_text), from, rd->result_text.n);
    if (str_starts(text, STR("<")) || str_starts(text, STR("Error")) || str_starts(text, STR("error")))
        return;
    struct buf marked = { .limit = rd->result_text.limit };
    buf_z(&marked, text.n ? "Error: " : "Error");
    buf_str(&marked, text);
    buf_truncate(&rd->result_text, from);
    buf_str(&rd->result_text, buf_view(&marked));
    buf_deinit(&marked);
}

static int read_tool_result(struct reader *rd, const struct json *block, const char *at)
{
    char path[READ_PATH_BYTES];
    struct str id = { 0 };
    bool failed = false;
    size_t from = rd->result_text.n;
    read_path(path, "%s.", at);
    if (read_str(rd, block, path, "tool_use_id", &id) || read_bool(rd, block, path, "is_error", &failed) ||
        read_result_content(rd, json_get(block, "content"), read_path(path, "%s.content", at), &rd->result_text))
        return -1;
    if (failed)
        mark_error(rd, from);
    read_result(rd, id, STR(""), from);
    return 0;
}

/* A user's blocks: results of tools first, then the rest as one text, as the API demands it. */
static int read_user_blocks(struct reader *rd, const char *role, const struct json *content, const char *at)
{
    char path[READ_PATH_BYTES];
    struct buf text = { .limit = rd->text.limit };
    size_t n_result = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < json_len(content); i++) {
        const struct json *block = json_at(content, i);
        bool is_result = str_eqz(block_type(block), "tool_result");
        n_result += is_result;
        read_path(path, "%s[%zu]", at, i);
        rc = is_result ? read_tool_result(rd, block, path) : read_part(rd, block, path, "\n", &text);
    }
    if (rc == 0 && (text.n || !n_result))
        read_message(rd, role, buf_view(&text));
    rd->messages.failed |= text.failed;
    buf_deinit(&text);
    return rc;
}

static int read_other(struct reader *rd, const char *role, const struct json *content, const char *at)
{
    if (json_type(content) == JSON_ARRAY)
        return read_user_blocks(rd, role, content, at);
    struct buf text = { .limit = rd->text.limit };
    int rc = read_content(rd, content, at, "\n", &text);
    if (rc == 0)
        read_message(rd, role, buf_view(&text));
    buf_deinit(&text);
    return rc;
}

static int read_one(struct reader *rd, const struct json *message, const char *at)
{
    char path[READ_PATH_BYTES];
    if (json_type(message) != JSON_OBJECT)
        return read_bad(rd, at, "an object", message);
    const struct json *role = json_get(message, "role"), *content = json_get(message, "content");
    struct str s = json_type(role) == JSON_STRING ? json_str(role) : STR("");
    read_path(path, "%s.content", at);
    if (str_eqz(s, "user"))
        return read_other(rd, "user", content, path);
    if (str_eqz(s, "assistant"))
        return read_assistant(rd, content, path);
    if (str_eqz(s, "system"))
        return read_other(rd, "system", content, path);
    return read_bad(rd, read_path(path, "%s.role", at), "\"user\", \"assistant\" or \"system\"", role);
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
    rd->r->prefill = rd->turn_open && !rd->calls.n;
    return 0;
}

/* A tool with a schema, or of type "custom", is the client's; all others run on the vendor's servers, and are ignored. */
static int read_tool(struct reader *rd, const struct json *tool, const char *at)
{
    char path[READ_PATH_BYTES], prefix[READ_PATH_BYTES];
    struct reader_tool t = { .kind = API_TOOL_FUNCTION };
    struct str type = STR("custom"), description = { 0 };
    if (json_type(tool) != JSON_OBJECT)
        return read_bad(rd, at, "an object", tool);
    read_path(prefix, "%s.", at);
    if (read_str(rd, tool, prefix, "type", &type))
        return -1;
    if (!str_eqz(type, "custom") && !json_get(tool, "input_schema"))
        return 0;
    if (read_str(rd, tool, prefix, "name", &t.name) || read_str(rd, tool, prefix, "description", &description) ||
        read_object(rd, tool, prefix, "input_schema", &t.parameters) ||
        read_bool(rd, tool, prefix, "defer_loading", &t.deferred))
        return -1;
    if (!t.name.n)
        return read_bad(rd, read_path(path, "%s.name", at), "the name of a tool", json_get(tool, "name"));
    t.description = json_get(tool, "description");
    read_add_tool(rd, &t);
    return 0;
}

static int read_tools(struct reader *rd)
{
    char path[READ_PATH_BYTES];
    const struct json *tools = NULL;
    if (read_array(rd, rd->r->body, "", "tools", &tools))
        return -1;
    for (size_t i = 0; tools && i < json_len(tools); i++)
        if (read_tool(rd, json_at(tools, i), read_path(path, "tools[%zu]", i)))
            return -1;
    return 0;
}

static int read_choice(struct reader *rd)
{
    const struct json *choice = NULL;
    struct str type = STR("auto"), name = { 0 };
    bool one_call = false;
    if (read_object(rd, rd->r->body, "", "tool_choice", &choice) ||
        read_str(rd, choice, "tool_choice.", "type", &type) || read_str(rd, choice, "tool_choice.", "name", &name) ||
        read_bool(rd, choice, "tool_choice.", "disable_parallel_tool_use", &one_call))
        return -1;
    rd->r->parallel_calls = !one_call;
    if (str_eqz(type, "any"))
        rd->r->tool_choice = API_TOOLS_REQUIRED;
    else if (str_eqz(type, "none"))
        rd->r->tool_choice = API_TOOLS_NONE;
    else if (str_eqz(type, "tool"))
        return read_named_tool(rd, name, "tool_choice.name");
    else if (!str_eqz(type, "auto"))
        return read_bad(rd, "tool_choice.type", "\"auto\", \"any\", \"tool\" or \"none\"", json_get(choice, "type"));
    return 0;
}

/* The format stands in output_config; older clients have it in output_format. */
static int read_output(struct reader *rd)
{
    const struct json *config = NULL, *format = NULL, *old = NULL;
    if (read_object(rd, rd->r->body, "", "output_config", &config) ||
        read_object(rd, config, "output_config.", "format", &format) ||
        read_object(rd, rd->r->body, "", "output_format", &old))
        return -1;
    if (format)
        return read_format(rd, format, "output_config.format");
    return old ? read_format(rd, old, "output_format") : 0;
}

static int read_thinking(struct reader *rd)
{
    const struct json *thinking = NULL;
    struct str type = { 0 };
    if (read_object(rd, rd->r->body, "", "thinking", &thinking) || read_str(rd, thinking, "thinking.", "type", &type))
        return -1;
    if (str_eqz(type, "disabled"))
        rd->r->thinking = false;
    return 0;
}

int read_messages(struct reader *rd)
{
    struct api_request *r = rd->r;
    const struct json *metadata = NULL;
    if (read_shared_fields(rd) || read_count(rd, r->body, "", "max_tokens", 1, &r->max_tokens) ||
        read_stops(rd, "stop_sequences") || read_object(rd, r->body, "", "metadata", &metadata) ||
        read_str(rd, metadata, "metadata.", "user_id", &r->cache_key) || read_thinking(rd) || read_output(rd) ||
        read_tools(rd) || read_choice(rd) || read_system(rd))
        return -1;
    return read_conversation(rd);
}
