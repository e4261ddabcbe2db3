/* toolset.c - the tools that a request declares.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/toolset.h"

#include "base/mem.h"

static bool read_tool(struct toolset_tool *t, const struct json *entry)
{
    const struct json *f = json_get(entry, "function");
    const struct json *name = json_get(f ? f : entry, "name"), *parameters = json_get(f ? f : entry, "parameters");
    *t = (struct toolset_tool){ .name = json_str(name) };
    if (json_type(parameters) == JSON_OBJECT)
        t->parameters = parameters;
    return json_type(name) == JSON_STRING && t->name.n > 0;
}

int toolset_init(struct toolset *s, const struct json *tools, struct err *e)
{
    size_t n = json_len(tools);
    *s = (struct toolset){ 0 };
    if (tools && json_type(tools) != JSON_ARRAY)
        return json_expected(tools, NULL, "an array of tools", e);
    if (n && !(s->v = mem_try_calloc(n, sizeof *s->v)))
        return err_set(e, ERR_NOMEM, "tools: no memory for %zu of them", n);
    for (size_t i = 0; i < n; i++) {
        struct toolset_tool t;
        const struct json *entry = json_at(tools, i);
        if (json_type(entry) != JSON_OBJECT || !read_tool(&t, entry)) {
            toolset_deinit(s);
            return json_expected_at(tools, i, "a tool with a name", e);
        }
        if (toolset_find(s, t.name) < 0)
            s->v[s->n++] = t;
    }
    return 0;
}

void toolset_deinit(struct toolset *s)
{
    mem_free(s->v);
    *s = (struct toolset){ 0 };
}

int toolset_find(const struct toolset *s, struct str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->v[i].name, name))
            return (int)i;
    return -1;
}
