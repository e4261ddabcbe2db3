/* read_responses.c - the body of /v1/responses and /v1/responses/input_tokens.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "api/items.h"
#include "api/read_common.h"
#include "engine/sampler.h"

/* --- input --- */

typedef int item_fn(struct reader *rd, const struct json *item, const char *at);

static int plain_message(struct reader *rd, const char *role, const struct json *content, const char *at)
{
    struct buf text = { .limit = rd->text.limit };
    int rc = read_content(rd, content, at, "\n", &text);
    if (rc == 0)
        read_message(rd, role, buf_view(&text));
    rd->messages.failed |= text.failed;
    buf_deinit(&text);
    return rc;
}

static int item_message(struct reader *rd, const struct json *item, const char *at)
{
    char path[READ_PATH_BYTES];
    const struct json *role = json_get(item, "role"), *content = json_get(item, "content");
    struct str s = json_type(role) == JSON_STRING ? json_str(role) : STR("");
    read_path(path, "%s.content", at);
    if (str_eqz(s, "user") || str_eqz(s, "system"))
        return plain_message(rd, str_eqz(s, "user") ? "user" : "system", content, path);
    if (str_eqz(s, "developer"))
        return plain_message(rd, rd->def->developer_role ? "developer" : "system", content, path);
    if (!str_eqz(s, "assistant"))
        return read_bad(rd, read_path(path, "%s.role", at), "\"user\", \"assistant\", \"system\" or \"developer\"",
                        role);
    /* Text behind other text begins a turn of its own; behind a call it belongs to the same answer. */
    if (rd->text.n && !rd->calls.n)
        read_turn_close(rd);
    read_turn(rd);
    return read_content(rd, content, path, "", &rd->text);
}

/* Names of a call or a result; `id` of the item itself is not the call's. */
struct call_names {
    struct str id, space, name;
};

static int read_names(struct reader *rd, const struct json *item, const char *at, bool named, struct call_names *out)
{
    char path[READ_PATH_BYTES];
    read_path(path, "%s.", at);
    *out = (struct call_names){ .id = STR("") };
    if (read_str(rd, item, path, "call_id", &out->id) || read_str(rd, item, path, "namespace", &out->space) ||
        read_str(rd, item, path, "name", &out->name))
        return -1;
    if (named && !out->name.n)
        return read_bad(rd, read_path(path, "%s.name", at), "the name of a tool", json_get(item, "name"));
    return 0;
}

static int item_call(struct reader *rd, const struct json *item, const char *at)
{
    struct call_names c;
    if (read_names(rd, item, at, true, &c))
        return -1;
    read_turn_call(rd, c.id, c.space, c.name, json_get(item, "arguments"));
    return 0;
}

static int item_custom_call(struct reader *rd, const struct json *item, const char *at)
{
    char path[READ_PATH_BYTES];
    struct call_names c;
    struct str input = { 0 };
    if (read_names(rd, item, at, true, &c) || read_str(rd, item, read_path(path, "%s.", at), "input", &input))
        return -1;
    read_turn_custom_call(rd, c.id, c.space, c.name, input);
    return 0;
}

static int item_result(struct reader *rd, const struct json *item, const char *at)
{
    char path[READ_PATH_BYTES];
    struct call_names c;
    size_t from = rd->result_text.n;
    if (read_names(rd, item, at, false, &c) ||
        read_result_content(rd, json_get(item, "output"), read_path(path, "%s.output", at), &rd->result_text))
        return -1;
    read_result(rd, c.id, c.name, from);
    return 0;
}

/* The content if there is one, else the summary. */
static int item_reasoning(struct reader *rd, const struct json *item, const char *at)
{
    char path[READ_PATH_BYTES];
    const struct json *content = json_get(item, "content");
    bool whole = content && json_len(content);
    const char *key = whole ? "content" : "summary";
    if (rd->calls.n || rd->text.n)
        read_turn_close(rd);
    read_turn(rd);
    return read_content(rd, json_get(item, key), read_path(path, "%s.%s", at, key), "\n", &rd->reasoning);
}

static int read_item(struct reader *rd, const struct json *item, const char *at);

/* The item of an earlier answer; what was read of it points into it until the end. NULL: it is not known. */
static const struct json *find_known(struct reader *rd, struct str id)
{
    uint32_t i;
    struct buf text = { 0 };
    if (map_get(&rd->known_at, id, &i))
        return rd->known[i];
    if (!rd->def->items || !items_get(rd->def->items, rd->def->key_id, id, &text))
        return NULL;
    struct json *v = read_inside(rd, buf_view(&text));
    buf_deinit(&text);
    if (!v || map_set(&rd->known_at, id, (uint32_t)rd->n_known) < 0) {
        json_free(v);
        return NULL;
    }
    rd->known = read_grow(rd->known, rd->n_known, &rd->cap_known, sizeof(struct json *));
    return rd->known[rd->n_known++] = v;
}

static int item_reference(struct reader *rd, const struct json *item, const char *at)
{
    char path[READ_PATH_BYTES];
    struct str id = { 0 };
    if (read_str(rd, item, read_path(path, "%s.", at), "id", &id))
        return -1;
    const struct json *known = find_known(rd, id);
    if (known)
        return read_item(rd, known, at);
    api_error_set(rd->x, API_ERR_INVALID, at, "%s: the item \"%.*s\" is not known here (any more); send it itself", at,
                  (int)MIN(id.n, 100), id.p);
    return -1;
}

/* Its tools are read before the input. */
static int item_tools(struct reader *rd, const struct json *item, const char *at)
{
    (void)rd;
    (void)item;
    (void)at;
    return 0;
}

static const struct item_type {
    const char *type;
    item_fn *read;
} item_types[] = {
    { "message", item_message },
    { "function_call", item_call },
    { "function_call_output", item_result },
    { "custom_tool_call", item_custom_call },
    { "custom_tool_call_output", item_result },
    { "reasoning", item_reasoning },
    { "item_reference", item_reference },
    { "additional_tools", item_tools },
};

/* What this server does not know stays visible to the model as text. */
static int item_unknown(struct reader *rd, const struct json *item, const char *at)
{
    char path[READ_PATH_BYTES];
    struct buf text = { .limit = rd->text.limit };
    int rc = 0;
    const struct json *content = json_get(item, "content");
    if (json_type(content) == JSON_STRING || json_type(content) == JSON_ARRAY)
        rc = read_content(rd, content, read_path(path, "%s.content", at), "\n", &text);
    else
        json_write(&text, item);
    if (rc == 0)
        read_message(rd, "user", buf_view(&text));
    rd->messages.failed |= text.failed;
    buf_deinit(&text);
    return rc;
}

static int read_item(struct reader *rd, const struct json *item, const char *at)
{
    char path[READ_PATH_BYTES];
    struct str type = { 0 };
    if (json_type(item) != JSON_OBJECT)
        return read_bad(rd, at, "an object", item);
    if (read_str(rd, item, read_path(path, "%s.", at), "type", &type))
        return -1;
    if (!type.n && !json_get(item, "role") && json_get(item, "id"))
        return item_reference(rd, item, at); /* its type may be left out */
    if (!type.n)
        return item_message(rd, item, at);
    for (size_t i = 0; i < ARRAY_LEN(item_types); i++)
        if (str_eqz(type, item_types[i].type))
            return item_types[i].read(rd, item, at);
    return item_unknown(rd, item, at);
}

static int read_input(struct reader *rd)
{
    const struct json *input = json_get(rd->r->body, "input");
    char path[READ_PATH_BYTES];
    if (read_str(rd, rd->r->body, "", "instructions", &rd->r->instructions))
        return -1;
    if (rd->r->instructions.n)
        read_message(rd, "system", rd->r->instructions);
    if (json_type(input) == JSON_STRING) {
        read_message(rd, "user", json_str(input));
        return 0;
    }
    if (json_type(input) != JSON_ARRAY)
        return read_bad(rd, "input", "a string or a list of items", input);
    for (size_t i = 0; i < json_len(input); i++)
        if (read_item(rd, json_at(input, i), read_path(path, "input[%zu]", i)))
            return -1;
    if (!rd->messages.n && !rd->turn_open && !rd->n_result)
        return read_bad(rd, "input", "at least one item", NULL);
    return 0;
}

/* --- tools --- */

static int read_tools(struct reader *rd, const struct json *tools, const char *at, struct str space);

static int read_custom_tool(struct reader *rd, const struct json *tool, const char *at, struct str space)
{
    char path[READ_PATH_BYTES], prefix[READ_PATH_BYTES];
    struct reader_tool t = { .kind = API_TOOL_CUSTOM, .space = space };
    struct str description = { 0 };
    read_path(prefix, "%s.", at);
    if (read_str(rd, tool, prefix, "name", &t.name) || read_str(rd, tool, prefix, "description", &description) ||
        read_object(rd, tool, prefix, "format", &t.format))
        return -1;
    if (!t.name.n)
        return read_bad(rd, read_path(path, "%s.name", at), "the name of a tool", json_get(tool, "name"));
    t.description = json_get(tool, "description");
    read_add_tool(rd, &t);
    return 0;
}

static int read_namespace(struct reader *rd, const struct json *tool, const char *at)
{
    char path[READ_PATH_BYTES], prefix[READ_PATH_BYTES];
    const struct json *inner = NULL;
    struct str name = { 0 };
    read_path(prefix, "%s.", at);
    if (read_str(rd, tool, prefix, "name", &name) || read_array(rd, tool, prefix, "tools", &inner))
        return -1;
    if (!name.n)
        return read_bad(rd, read_path(path, "%s.name", at), "the name of a namespace", json_get(tool, "name"));
    return inner ? read_tools(rd, inner, read_path(path, "%s.tools", at), name) : 0;
}

/* Types beside function, custom and namespace are the vendor's own tools: ignored. A namespace has none inside. */
static int read_tool(struct reader *rd, const struct json *tool, const char *at, struct str space)
{
    char prefix[READ_PATH_BYTES];
    struct str type = STR("function");
    if (json_type(tool) != JSON_OBJECT)
        return read_bad(rd, at, "an object", tool);
    if (read_str(rd, tool, read_path(prefix, "%s.", at), "type", &type))
        return -1;
    if (str_eqz(type, "function"))
        return read_function_tool(rd, tool, at, space);
    if (str_eqz(type, "custom"))
        return read_custom_tool(rd, tool, at, space);
    if (str_eqz(type, "namespace") && !space.n)
        return read_namespace(rd, tool, at);
    return 0;
}

static int read_tools(struct reader *rd, const struct json *tools, const char *at, struct str space)
{
    char path[READ_PATH_BYTES];
    for (size_t i = 0; i < json_len(tools); i++)
        if (read_tool(rd, json_at(tools, i), read_path(path, "%s[%zu]", at, i), space))
            return -1;
    return 0;
}

static int read_all_tools(struct reader *rd)
{
    const struct json *tools = NULL, *input = json_get(rd->r->body, "input");
    char path[READ_PATH_BYTES];
    if (read_array(rd, rd->r->body, "", "tools", &tools) || (tools && read_tools(rd, tools, "tools", STR(""))))
        return -1;
    for (size_t i = 0; json_type(input) == JSON_ARRAY && i < json_len(input); i++) {
        const struct json *item = json_at(input, i);
        const struct json *type = json_type(item) == JSON_OBJECT ? json_get(item, "type") : NULL;
        if (json_type(type) != JSON_STRING || !str_eqz(json_str(type), "additional_tools"))
            continue;
        const struct json *more = NULL;
        read_path(path, "input[%zu].", i);
        if (read_array(rd, item, path, "tools", &more))
            return -1;
        read_path(path, "input[%zu].tools", i);
        if (more && read_tools(rd, more, path, STR("")))
            return -1;
    }
    return 0;
}

/* --- fields --- */

/* What would need a store on the server is refused aloud: an answer that ignores it would be wrong without a sign. */
static int refuse_stored(struct reader *rd)
{
    static const char *const keys[] = { "previous_response_id", "conversation", "prompt" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (!json_get(rd->r->body, keys[i]))
            continue;
        api_error_set(rd->x, API_ERR_INVALID, keys[i],
                      "%s: nothing is stored here between requests; send the whole conversation as input", keys[i]);
        return -1;
    }
    bool background = false;
    if (read_bool(rd, rd->r->body, "", "background", &background))
        return -1;
    return background ? read_bad(rd, "background", "false: answers are not kept", json_get(rd->r->body, "background"))
                      : 0;
}

static int read_text(struct reader *rd)
{
    const struct json *text = NULL, *format = NULL;
    if (read_object(rd, rd->r->body, "", "text", &text) || read_object(rd, text, "text.", "format", &format))
        return -1;
    return format ? read_format(rd, format, "text.format") : 0;
}

static int read_reasoning(struct reader *rd)
{
    const struct json *reasoning = NULL;
    struct str effort = { 0 };
    if (read_object(rd, rd->r->body, "", "reasoning", &reasoning) ||
        read_str(rd, reasoning, "reasoning.", "effort", &effort))
        return -1;
    if (str_eqz(effort, "none"))
        rd->r->thinking = false;
    return 0;
}

/* Whether the list `include` names it; what else stands there is not this server's to give. */
static bool includes(const struct json *body, const char *what)
{
    const struct json *list = json_get(body, "include");
    if (json_type(list) != JSON_ARRAY)
        return false;
    for (size_t i = 0; i < json_len(list); i++)
        if (json_type(json_at(list, i)) == JSON_STRING && str_eqz(json_str(json_at(list, i)), what))
            return true;
    return false;
}

int read_responses(struct reader *rd)
{
    struct api_request *r = rd->r;
    int64_t top = 0;
    r->echo_fields = r->body;
    if (refuse_stored(rd) || read_shared_fields(rd) || read_stream_options(rd) ||
        read_count(rd, r->body, "", "max_output_tokens", 1, &r->max_tokens) ||
        read_bool(rd, r->body, "", "parallel_tool_calls", &r->parallel_calls) ||
        read_int(rd, r->body, "", "top_logprobs", 0, SAMPLER_TOP_MAX, &top) || read_stops(rd, "stop") ||
        read_text(rd) || read_reasoning(rd) || read_all_tools(rd) || read_tool_choice(rd))
        return -1;
    const struct json *store = json_get(r->body, "store");
    r->kept = !(json_type(store) == JSON_BOOL && !json_bool(store));
    r->top_logprobs = (int)top;
    r->logprobs = top > 0 || includes(r->body, "message.output_text.logprobs");
    return read_input(rd);
}
