/* conversation.c - messages so far, and the prompt that they make.
 * SPDX-License-Identifier: MIT */
#include "cli/conversation.h"

#include <time.h>

#include "base/mem.h"
#include "format/json.h"

void conversation_deinit(struct conversation *c)
{
    mem_free(c->system);
    mem_free(c->tools);
    buf_deinit(&c->turns);
    *c = (struct conversation){ 0 };
}

void conversation_set_system(struct conversation *c, const char *text)
{
    mem_free(c->system);
    c->system = text && *text ? xstrdup(text) : NULL;
}

int conversation_read_tools(struct conversation *c, const char *path, struct err *e)
{
    struct json *tools = NULL;
    if (json_read(&tools, path, &json_limits_default, e))
        return e->code;
    int rc = 0;
    if (json_type(tools) != JSON_ARRAY)
        rc = err_set(e, ERR_FORMAT, "%s: expected an array of tools, found %s", path, json_type_name(json_type(tools)));
    for (size_t i = 0; !rc && i < json_len(tools); i++)
        if (json_type(json_at(tools, i)) != JSON_OBJECT)
            rc = err_set(e, ERR_FORMAT, "%s: tool %zu: expected an object, found %s", path, i + 1,
                         json_type_name(json_type(json_at(tools, i))));
    if (!rc) {
        struct buf text = { 0 };
        json_write(&text, tools);
        mem_free(c->tools);
        c->tools = buf_take(&text);
        buf_deinit(&text);
    }
    json_free(tools);
    return rc;
}

static void write_message(struct buf *out, const char *role, struct str content)
{
    buf_z(out, "{\"role\": ");
    json_write_str(out, str_from(role));
    buf_z(out, ", \"content\": ");
    json_write_str(out, content);
    buf_char(out, '}');
}

void conversation_add(struct conversation *c, const char *role, struct str content)
{
    c->before_last = c->turns.n;
    if (c->turns.n)
        buf_z(&c->turns, ", ");
    write_message(&c->turns, role, content);
}

void conversation_drop_last(struct conversation *c)
{
    buf_truncate(&c->turns, c->before_last);
}

void conversation_reset(struct conversation *c)
{
    buf_reset(&c->turns);
    c->before_last = 0;
}

void conversation_write(const struct conversation *c, struct buf *out)
{
    buf_char(out, '[');
    if (c->system)
        write_message(out, "system", str_from(c->system));
    if (c->system && c->turns.n)
        buf_z(out, ", ");
    buf_str(out, buf_view(&c->turns));
    buf_char(out, ']');
}

int conversation_ids(const struct conversation *c, const struct chat *chat, const struct tokenizer *tok,
                     struct ids *out, struct err *e)
{
    struct buf text = { 0 };
    struct json *vars = NULL;
    struct marked prompt = { 0 };
    buf_z(&text, "{\"messages\": ");
    conversation_write(c, &text);
    if (c->tools)
        buf_printf(&text, ", \"tools\": %s", c->tools);
    buf_z(&text, ", \"add_generation_prompt\": true}");
    int rc = buf_check(&c->turns, "the conversation", e);
    if (!rc)
        rc = buf_check(&text, "the conversation", e);
    if (!rc)
        rc = json_parse(&vars, buf_view(&text), "the conversation", &json_limits_default, e);
    if (!rc)
        rc = chat_render(chat, vars, (int64_t)time(NULL), &prompt, e);
    if (!rc)
        rc = tokenizer_encode_marked(tok, &prompt, out, e);
    json_free(vars);
    marked_deinit(&prompt);
    buf_deinit(&text);
    return rc;
}
