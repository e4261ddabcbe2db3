/* read_tool.c - declared tools: what the model sees of them, which may be called, and which must.
 * SPDX-License-Identifier: MIT */
#include "api/read_common.h"
#include "base/mem.h"

void read_shown_name(struct buf *out, struct str space, struct str name)
{
    buf_str(out, space);
    if (space.n)
        buf_z(out, "__");
    buf_str(out, name);
}

void read_add_tool(struct reader *rd, const struct reader_tool *t)
{
    rd->tool = read_grow(rd->tool, rd->n_tool, &rd->cap_tool, sizeof *rd->tool);
    rd->tool[rd->n_tool++] = *t;
}

int read_function_tool(struct reader *rd, const struct json *tool, const char *at, struct str space)
{
    char prefix[READ_PATH_BYTES];
    struct reader_tool t = { .kind = API_TOOL_FUNCTION, .space = space };
    const struct json *inner = NULL;
    struct str description = { 0 };
    read_path(prefix, "%s.", at);
    if (read_object(rd, tool, prefix, "function", &inner))
        return -1;
    if (inner)
        read_path(prefix, "%s.function.", at);
    else
        inner = tool;
    if (read_str(rd, inner, prefix, "name", &t.name) || read_str(rd, inner, prefix, "description", &description) ||
        read_object(rd, inner, prefix, "parameters", &t.parameters) ||
        read_bool(rd, tool, read_path(prefix, "%s.", at), "defer_loading", &t.deferred))
        return -1;
    if (!t.name.n) {
        char path[READ_PATH_BYTES];
        return read_bad(rd, read_path(path, "%s%sname", prefix, inner == tool ? "" : "function."),
                        "the name of the function", json_get(inner, "name"));
    }
    t.description = json_get(inner, "description");
    read_add_tool(rd, &t);
    return 0;
}

static void custom_description(const struct reader_tool *t, struct buf *out)
{
    if (t->description)
        buf_str(out, json_str(t->description));
    if (json_type(t->format) != JSON_OBJECT || json_type(json_get(t->format, "definition")) != JSON_STRING)
        return;
    const struct json *syntax = json_get(t->format, "syntax");
    if (out->n)
        buf_z(out, "\n\n");
    buf_z(out, "The input follows this grammar");
    if (json_type(syntax) == JSON_STRING)
        buf_printf(out, " (%.*s)", (int)MIN(json_str(syntax).n, 40), json_str(syntax).p);
    buf_z(out, ":\n");
    buf_str(out, json_str(json_get(t->format, "definition")));
}

static struct json *parse_text(const struct buf *text)
{
    struct json *v = NULL;
    return json_parse(&v, buf_view(text), "tool", NULL, NULL) == 0 ? v : NULL;
}

static struct json *string_node(struct str s)
{
    struct buf text = { 0 };
    json_write_str(&text, s);
    struct json *v = parse_text(&text);
    buf_deinit(&text);
    return v;
}

static struct json *input_schema(void)
{
    struct json *v = NULL;
    return json_parse(&v,
                      STR("{\"type\": \"object\", \"properties\": {\"input\": {\"type\": \"string\", "
                          "\"description\": \"The input of the tool, as plain text\"}}, \"required\": [\"input\"]}"),
                      "tool", NULL, NULL) == 0
               ? v
               : NULL;
}

/* {"type": "function", "function": {...}}: description and schema are the body's own nodes. */
static struct json *tool_node(const struct reader_tool *t)
{
    struct buf text = { 0 };
    struct json_member function[3];
    size_t n = 0;
    read_shown_name(&text, t->space, t->name);
    struct json *name = string_node(buf_view(&text)), *description = NULL, *schema = NULL;
    buf_reset(&text);
    if (t->kind == API_TOOL_CUSTOM) {
        custom_description(t, &text);
        description = text.n || t->description ? string_node(buf_view(&text)) : NULL;
        schema = input_schema();
    }
    function[n++] = (struct json_member){ "name", name };
    if (description || t->description)
        function[n++] = (struct json_member){ "description", description ? description : t->description };
    if (schema || t->parameters)
        function[n++] = (struct json_member){ "parameters", schema ? schema : t->parameters };
    struct json *type = string_node(STR("function")), *inner = json_join_object(function, n);
    const struct json_member outer[] = { { "type", type }, { "function", inner } };
    struct json *v = type && name && inner ? json_join_object(outer, 2) : NULL;
    /* What was made here lives on in v; none of it is a part of something else. */
    json_free(type);
    json_free(inner);
    json_free(name);
    json_free(description);
    json_free(schema);
    buf_deinit(&text);
    return v;
}

void read_tool_reference(struct reader *rd, struct str name, struct buf *out)
{
    for (size_t i = 0; i < rd->n_tool; i++) {
        if (!str_eq(rd->tool[i].name, name))
            continue;
        rd->tool[i].wanted = true;
        /* One that is listed needs no second definition. */
        if (!rd->tool[i].deferred) {
            buf_str(out, name);
            return;
        }
        struct json *v = tool_node(&rd->tool[i]);
        json_write(out, v);
        json_free(v);
        return;
    }
    buf_str(out, name);
}

/* The declared tool of that name, as the client or as the model knows it, may be called; -1: there is none, and rd->x says so. */
static int allow(struct reader *rd, struct str name, const char *at)
{
    struct buf shown = { 0 };
    size_t i = 0;
    for (; i < rd->n_tool; i++) {
        buf_reset(&shown);
        read_shown_name(&shown, rd->tool[i].space, rd->tool[i].name);
        if (str_eq(rd->tool[i].name, name) || str_eq(buf_view(&shown), name))
            break;
    }
    buf_deinit(&shown);
    if (i == rd->n_tool) {
        api_error_set(rd->x, API_ERR_INVALID, at, "%s: the request declares no tool \"%.*s\"", at,
                      (int)MIN(name.n, 100), name.p);
        return -1;
    }
    rd->tool[i].wanted = true;
    rd->tool[i].allowed = true;
    rd->some_allowed = true;
    return 0;
}

int read_named_tool(struct reader *rd, struct str name, const char *at)
{
    rd->r->tool_choice = API_TOOLS_NAMED;
    return allow(rd, name, at);
}

/* Allows what `node` names: a function or a custom tool, which chat keeps in a member called for its type. *found: it is one of these, not a
 * tool of the vendor's own servers. `at`: where node stands; `inside`: the same with a dot. */
static int allow_node(struct reader *rd, const struct json *node, const char *at, const char *inside, bool *found)
{
    struct str type = STR("function"), name = { 0 };
    const struct json *inner = NULL;
    if (read_str(rd, node, inside, "type", &type))
        return -1;
    bool custom = str_eqz(type, "custom");
    *found = custom || str_eqz(type, "function");
    if (!*found)
        return 0;
    if (read_object(rd, node, inside, custom ? "custom" : "function", &inner) ||
        read_str(rd, inner ? inner : node, inside, "name", &name))
        return -1;
    return name.n ? allow(rd, name, at) : read_bad(rd, at, "the name of a tool", NULL);
}

static int choose_by_word(struct reader *rd, struct str word, const char *at, const struct json *found)
{
    if (str_eqz(word, "auto"))
        rd->r->tool_choice = API_TOOLS_AUTO;
    else if (str_eqz(word, "none"))
        rd->r->tool_choice = API_TOOLS_NONE;
    else if (str_eqz(word, "required") || str_eqz(word, "any"))
        rd->r->tool_choice = API_TOOLS_REQUIRED;
    else
        return read_bad(rd, at, "\"auto\", \"none\", \"required\" or a tool", found);
    return 0;
}

/* {"type": "allowed_tools", "mode": "auto" | "required", "tools": [...]}: the prompt shows all tools, as ever, and the list says which may be
 * called; an empty one says nothing. */
static int choose_allowed(struct reader *rd, const struct json *choice)
{
    static const char at[] = "tool_choice.tools";
    const struct json *inner = NULL, *tools = NULL;
    struct str mode = STR("auto");
    if (read_object(rd, choice, "tool_choice.", "allowed_tools", &inner))
        return -1;
    inner = inner ? inner : choice;
    if (read_str(rd, inner, "tool_choice.", "mode", &mode) ||
        choose_by_word(rd, mode, "tool_choice.mode", json_get(inner, "mode")) ||
        read_array(rd, inner, "tool_choice.", "tools", &tools))
        return -1;
    for (size_t i = 0; tools && i < json_len(tools); i++) {
        bool found;
        if (json_type(json_at(tools, i)) != JSON_OBJECT)
            return read_bad(rd, at, "an array of objects", json_at(tools, i));
        if (allow_node(rd, json_at(tools, i), at, "tool_choice.tools.", &found))
            return -1;
        rd->some_allowed = true;
    }
    return 0;
}

int read_tool_choice(struct reader *rd)
{
    const struct json *choice = json_get(rd->r->body, "tool_choice");
    struct str type = { 0 };
    bool found;
    if (!choice)
        return 0;
    if (json_type(choice) == JSON_STRING)
        return choose_by_word(rd, json_str(choice), "tool_choice", choice);
    if (json_type(choice) != JSON_OBJECT)
        return read_bad(rd, "tool_choice", "a string or an object", choice);
    if (read_str(rd, choice, "tool_choice.", "type", &type))
        return -1;
    if (str_eqz(type, "allowed_tools"))
        return choose_allowed(rd, choice);
    if (allow_node(rd, choice, "tool_choice", "tool_choice.", &found))
        return -1;
    if (found)
        rd->r->tool_choice = API_TOOLS_NAMED;
    return 0;
}

/* The place among the callable tools of one that the model sees under the same name, which is `next` for a new name; *fresh says which. */
static uint32_t place_of(struct map *seen, const struct reader_tool *t, uint32_t next, bool *fresh)
{
    struct buf name = { 0 };
    uint32_t at = next;
    read_shown_name(&name, t->space, t->name);
    *fresh = !map_get(seen, buf_view(&name), &at);
    if (*fresh && map_set(seen, buf_view(&name), next) < 0)
        *fresh = false;
    buf_deinit(&name);
    return at;
}

int read_make_tools(struct reader *rd, struct json **all, struct json **shown)
{
    struct api_request *r = rd->r;
    size_t n_shown = 0, n_made = 0;
    struct map seen = { 0 };
    struct json **made = xcalloc(rd->n_tool, sizeof(struct json *));
    const struct json **listed = xcalloc(rd->n_tool, sizeof(struct json *));
    r->tool = xcalloc(rd->n_tool, sizeof *r->tool);
    for (size_t i = 0; i < rd->n_tool; i++) {
        const struct reader_tool *t = &rd->tool[i];
        if (t->deferred && !t->wanted)
            continue;
        bool fresh;
        uint32_t at = place_of(&seen, t, (uint32_t)r->n_tool, &fresh);
        bool allowed = !rd->some_allowed || t->allowed;
        if (!fresh) {
            r->tool[at].allowed |= allowed;
            continue;
        }
        r->tool[r->n_tool++] =
            (struct api_tool){ .kind = t->kind, .name = t->name, .space = t->space, .allowed = allowed };
        made[n_made] = tool_node(t);
        if (!t->deferred)
            listed[n_shown++] = made[n_made];
        n_made++;
    }
    map_deinit(&seen);
    *all = n_made ? json_join_array((const struct json *const *)made, n_made) : NULL;
    *shown = n_shown ? json_join_array(listed, n_shown) : NULL;
    int rc = (n_made && !*all) || (n_shown && !*shown) ? -1 : 0;
    for (size_t i = 0; i < n_made; i++) {
        rc = made[i] ? rc : -1;
        json_free(made[i]);
    }
    mem_free(made);
    mem_free((void *)listed);
    if (rc != 0)
        api_error_set(rd->x, API_ERR_INTERNAL, "tools", "tools: no memory for %zu tools", rd->n_tool);
    return rc;
}
