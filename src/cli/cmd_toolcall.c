/* cmd_toolcall.c - octet toolcall: what the tool-call parsers make of a recorded output.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/lines.h"
#include "cli/opts.h"
#include "format/json.h"
#include "text/toolcall/toolcall.h"

static const char usual_format[] = "qwen3-coder-xml";

/* A call as it was told. */
struct call {
    int tool;
    bool over, complete;
    struct buf args; /* owned */
};

struct replay {
    struct toolset tools;
    struct buf content, reasoning, events;
    struct call *calls; /* owned */
    size_t n_call;
};

static void replay_deinit(struct replay *r)
{
    toolset_deinit(&r->tools);
    buf_deinit(&r->content);
    buf_deinit(&r->reasoning);
    buf_deinit(&r->events);
    for (size_t i = 0; i < r->n_call; i++)
        buf_deinit(&r->calls[i].args);
    mem_free(r->calls);
}

static void text_event(struct replay *r, const char *type, struct str text)
{
    buf_printf(&r->events, "{\"type\": \"%s\", \"text\": ", type);
    json_write_str(&r->events, text);
}

static void on_begin(struct replay *r, const struct toolcall_event *ev)
{
    r->calls = xrealloc(r->calls, (r->n_call + 1) * sizeof *r->calls);
    r->calls[r->n_call++] = (struct call){ .tool = ev->tool };
    buf_z(&r->events, "{\"type\": \"begin\", \"name\": ");
    json_write_str(&r->events, r->tools.v[ev->tool].name);
}

static void on_event(void *arg, const struct toolcall_event *ev)
{
    struct replay *r = arg;
    if (r->events.n)
        buf_z(&r->events, ", ");
    switch (ev->kind) {
    case TOOLCALL_TEXT:
        buf_str(&r->content, ev->text);
        text_event(r, "text", ev->text);
        break;
    case TOOLCALL_REASONING:
        buf_str(&r->reasoning, ev->text);
        text_event(r, "reasoning", ev->text);
        break;
    case TOOLCALL_BEGIN:
        on_begin(r, ev);
        break;
    case TOOLCALL_ARGS:
        buf_str(&r->calls[ev->call].args, ev->text);
        text_event(r, "arguments", ev->text);
        break;
    case TOOLCALL_END:
        r->calls[ev->call].over = true;
        r->calls[ev->call].complete = ev->complete;
        buf_printf(&r->events, "{\"type\": \"end\", \"complete\": %s", ev->complete ? "true" : "false");
        break;
    }
    if (ev->kind != TOOLCALL_TEXT && ev->kind != TOOLCALL_REASONING)
        buf_printf(&r->events, ", \"index\": %d", ev->call);
    buf_char(&r->events, '}');
}

static void write_call(struct buf *out, const struct replay *r, const struct call *c)
{
    buf_z(out, "{\"name\": ");
    json_write_str(out, r->tools.v[c->tool].name);
    buf_z(out, ", \"arguments\": ");
    json_write_str(out, buf_view(&c->args));
    buf_char(out, '}');
}

static void write_replay(struct buf *out, const struct replay *r, bool truncated)
{
    size_t n = 0;
    buf_z(out, "{\"content\": ");
    json_write_str(out, buf_view(&r->content));
    buf_z(out, ", \"reasoning\": ");
    json_write_str(out, buf_view(&r->reasoning));
    buf_z(out, ", \"calls\": [");
    for (size_t i = 0; i < r->n_call; i++) {
        if (!r->calls[i].complete)
            continue;
        buf_z(out, n++ ? ", " : "");
        write_call(out, r, &r->calls[i]);
    }
    buf_char(out, ']');
    for (size_t i = 0; i < r->n_call; i++)
        if (!r->calls[i].complete) {
            buf_z(out, ", \"unfinished\": ");
            write_call(out, r, &r->calls[i]);
            break;
        }
    buf_printf(out, ", \"finish\": \"%s\", \"events\": [", truncated ? "length" : n ? "tool_calls" : "stop");
    buf_str(out, buf_view(&r->events));
    buf_z(out, "]}");
}

static int feed_chunks(struct toolcall *t, const struct json *chunks, struct err *e)
{
    for (size_t i = 0; i < json_len(chunks); i++) {
        if (json_type(json_at(chunks, i)) != JSON_STRING)
            return json_expected_at(chunks, i, "a string", e);
        toolcall_feed(t, json_str(json_at(chunks, i)));
    }
    return 0;
}

struct recorded {
    const struct json *in, *chunks, *tools; /* borrowed */
    struct str format, text;
    bool truncated, opens_think;
};

static int read_recorded(struct recorded *o, const struct json *in, struct err *e)
{
    *o = (struct recorded){ .in = in, .format = STR(usual_format) };
    int rc = json_type(in) == JSON_OBJECT ? 0 : json_expected(in, NULL, "an object", e);
    if (!rc)
        rc = json_opt_str(in, "format", &o->format, e);
    if (!rc && json_has(in, "tools"))
        rc = json_req_array(in, "tools", &o->tools, e);
    if (!rc && json_has(in, "chunks"))
        rc = json_req_array(in, "chunks", &o->chunks, e);
    else if (!rc)
        rc = json_req_str(in, "text", &o->text, e);
    if (!rc)
        rc = json_opt_bool(in, "truncated", &o->truncated, e);
    if (!rc)
        rc = json_opt_bool(in, "prompt_opens_think", &o->opens_think, e);
    return rc;
}

static int replay(const struct json *in, struct buf *out, struct err *e)
{
    struct recorded o;
    struct replay r = { 0 };
    struct toolcall *t = NULL;
    int rc = read_recorded(&o, in, e);
    if (!rc)
        rc = toolset_init(&r.tools, o.tools, e);
    struct toolcall_opts opts = { .tools = &r.tools, .opens_think = o.opens_think };
    if (!rc && !(opts.format = toolcall_format_find(o.format)))
        opts.format = toolcall_format_detect(o.format, STR(""));
    if (!rc && !opts.format)
        rc = json_expected(in, "format", "\"qwen3-coder-xml\" or \"hermes-json\"", e);
    if (!rc)
        rc = toolcall_new(&t, &opts, on_event, &r, e);
    if (!rc && o.chunks)
        rc = feed_chunks(t, o.chunks, e);
    else if (!rc)
        toolcall_feed(t, o.text);
    if (!rc) {
        toolcall_end(t, o.truncated);
        write_replay(out, &r, o.truncated);
    }
    toolcall_free(t);
    replay_deinit(&r);
    return rc;
}

static int on_line(void *arg, struct str line, struct buf *out, struct err *e)
{
    struct json *in = NULL;
    (void)arg;
    int rc = json_parse(&in, line, "the output", NULL, e);
    if (!rc)
        rc = replay(in, out, e);
    json_free(in);
    return rc;
}

static int one(const char *path, struct err *e)
{
    struct buf text = { 0 }, out = { 0 };
    struct json *in = NULL;
    int rc = file_read(&text, path, e);
    if (!rc)
        rc = json_parse(&in, buf_view(&text), path, NULL, e);
    if (!rc)
        rc = replay(in, &out, e);
    if (!rc) {
        buf_char(&out, '\n');
        rc = buf_check(&out, "the output", e);
    }
    if (!rc)
        fwrite(out.p, 1, out.n, stdout);
    json_free(in);
    buf_deinit(&text);
    buf_deinit(&out);
    return rc;
}

int cmd_toolcall(int argc, char **argv)
{
    struct opts_parsed got;
    struct err e = ERR_INIT;
    bool lines = false;
    int code = CMD_OK, rc;
    const struct opt table[] = {
        OPT_FLAG(0, "lines", &lines, "each line of standard input is such an object, answered by a line at once"),
    };
    const struct opt_group groups[] = { { NULL, table, ARRAY_LEN(table) } };
    const struct opts opts = {
        "toolcall",
        "toolcall [FILE.json] [OPTION]...",
        "Tells the text, reasoning and tool calls of a model's output apart, as the server does. FILE (otherwise\n"
        "standard input) holds {\"tools\": [...], \"text\": \"...\"}, or \"chunks\": [\"...\", ...] instead of the "
        "text, as\n"
        "it arrived; also \"format\" (qwen3-coder-xml or hermes-json), \"truncated\": true if a limit cut the output,\n"
        "and \"prompt_opens_think\": true if the prompt ended with <think>. Prints content, reasoning, calls, the "
        "call\n"
        "that was unfinished, the reason of the end, and the events in their order.",
        groups,
        ARRAY_LEN(groups),
    };
    if (!opts_begin(&got, &opts, argc, argv, &code))
        return code;
    if (got.args.n > 1 || (got.args.n && lines))
        rc = err_set(&e, ERR_ARG, "expected at most one FILE, and none with --lines; see octet help toolcall");
    else
        rc = lines ? lines_run(on_line, NULL, &e) : one(got.args.n ? got.args.v[0] : "-", &e);
    code = rc ? cmd_fail("toolcall", &e) : cmd_finish("toolcall");
    opts_end(&got);
    return code;
}
