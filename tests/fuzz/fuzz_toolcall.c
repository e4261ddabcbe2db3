/* fuzz_toolcall.c - any bytes as a model's output, whole and in pieces: the same text, reasoning and calls, arguments that parse exactly if
 * the call is complete, and valid UTF-8. The first byte chooses the format, the end and the pieces.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "format/json.h"
#include "text/toolcall/toolcall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char tools_text[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"object\", \"properties\": {"
    "\"s\": {\"type\": \"string\"}, \"i\": {\"type\": \"integer\"}, \"o\": {\"type\": \"object\"}, \"u\": {\"anyOf\": "
    "[{\"type\": \"string\"}, {\"type\": \"null\"}, {\"type\": \"array\"}, {\"type\": \"number\"}]}}}}}, {\"type\": "
    "\"function\", \"function\": {\"name\": \"fg\"}}]";

struct told {
    struct buf all; /* everything that was said, without the bounds of pieces */
    struct buf args;
    enum toolcall_kind last;
};

static void on_event(void *arg, const struct toolcall_event *ev)
{
    struct told *t = arg;
    struct json *j = NULL;
    bool text = ev->kind == TOOLCALL_TEXT || ev->kind == TOOLCALL_REASONING || ev->kind == TOOLCALL_ARGS;
    if (text && (!ev->text.n || !utf8_valid(ev->text)))
        abort();
    if (ev->kind != t->last || !text)
        buf_printf(&t->all, "\n%d %d %d: ", ev->kind, ev->kind == TOOLCALL_BEGIN ? ev->tool : 0, ev->complete);
    t->last = ev->kind;
    if (text)
        buf_str(&t->all, ev->text);
    if (ev->kind == TOOLCALL_ARGS)
        buf_str(&t->args, ev->text);
    if (ev->kind != TOOLCALL_END)
        return;
    /* Arguments with a zero byte in a name are JSON that format/json.h does not take: its names end at one. */
    bool nul = str_find(buf_view(&t->args), STR("\\u0000")) >= 0;
    bool parses = json_parse(&j, buf_view(&t->args), "arguments", NULL, NULL) == 0;
    if ((parses != ev->complete && !nul) || (parses && json_type(j) != JSON_OBJECT))
        abort();
    json_free(j);
    buf_reset(&t->args);
}

static void tell(struct told *t, const struct toolcall_opts *o, struct str text, size_t piece, bool truncated)
{
    struct toolcall *p;
    *t = (struct told){ .last = TOOLCALL_END };
    if (toolcall_new(&p, o, on_event, t, NULL))
        abort();
    for (; text.n; text = str_sub(text, piece, text.n))
        toolcall_feed(p, str_sub(text, 0, piece));
    toolcall_end(p, truncated);
    toolcall_free(p);
    buf_deinit(&t->args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *j = NULL;
    struct toolset tools;
    struct told whole, pieces;
    if (!size)
        return 0;
    if (json_parse(&j, (struct str){ tools_text, sizeof tools_text - 1 }, "tools", NULL, NULL) ||
        toolset_init(&tools, j, NULL))
        abort();
    struct str text = { (const char *)data + 1, size - 1 };
    struct toolcall_opts o = { .format =
                                   toolcall_format_find(data[0] & 1 ? STR("hermes-json") : STR("qwen3-coder-xml")),
                               .tools = &tools,
                               .opens_think = data[0] >> 2 & 1 };
    bool truncated = data[0] >> 1 & 1;
    tell(&whole, &o, text, size, truncated);
    tell(&pieces, &o, text, 1 + (data[0] >> 3 & 7), truncated);
    if (!str_eq(buf_view(&whole.all), buf_view(&pieces.all)))
        abort();
    buf_deinit(&whole.all);
    buf_deinit(&pieces.all);
    toolset_deinit(&tools);
    json_free(j);
    return 0;
}
