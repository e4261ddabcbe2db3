/* toolcall_xml.c - the calls of Qwen3-Coder:
 *
 *   <tool_call>
 *   <function=NAME>
 *   <parameter=KEY>
 *   VALUE
 *   </parameter>
 *   </function>
 *   </tool_call>
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "text/toolcall/toolcall_closer.h"
#include "text/toolcall/toolcall_format.h"
#include "text/toolcall/toolcall_tag.h"
#include "text/toolcall/toolcall_value.h"

enum state {
    IN_TEXT,
    IN_CALL,    /* before a parameter or the end of the function */
    IN_VALUE,   /* behind <parameter=KEY> */
    BEHIND_CALL /* an end of the frame may follow */
};

struct parser {
    struct toolcall_out *out; /* borrowed */
    struct toolcall_scope scope;
    struct buf in;   /* what is not yet used up */
    size_t base, at; /* positions: of in's first byte, of what is looked at next */
    enum state state;
    struct buf key; /* JSON before the value: {"key": */
    struct toolcall_value value;
    struct toolcall_closer closer;
    bool value_began; /* the byte behind the opening tag was seen */
    bool has_args;    /* a value was sent whole or in part */
};

static void *new_parser(const struct toolset *tools, struct toolcall_out *out)
{
    struct parser *p = xcalloc(1, sizeof *p);
    p->out = out;
    p->scope.tools = tools;
    return p;
}

static void free_parser(void *parser)
{
    struct parser *p = parser;
    map_deinit(&p->scope.seen);
    buf_deinit(&p->in);
    buf_deinit(&p->key);
    toolcall_value_deinit(&p->value);
    toolcall_closer_deinit(&p->closer);
    mem_free(p);
}

static void text_up_to(struct parser *p, const struct toolcall_view *v, size_t to)
{
    if (to > p->at)
        toolcall_out_text(p->out, toolcall_view_sub(v, p->at, to));
    p->at = to;
}

static void end_call(struct parser *p, size_t resume)
{
    struct buf *args = toolcall_out_args(p->out);
    buf_z(args, p->has_args ? "}" : "{}");
    toolcall_out_end(p->out, true);
    map_deinit(&p->scope.seen);
    p->state = BEHIND_CALL;
    p->at = resume;
}

/* Text up to the next call. False: no more can be said. */
static bool in_text(struct parser *p, const struct toolcall_view *v)
{
    size_t stop = toolcall_view_end(v), scan = p->at;
    struct toolcall_opener opener;
    enum toolcall_match m = TOOLCALL_MATCH_NO;
    while (scan < stop && m == TOOLCALL_MATCH_NO) {
        const char *from = v->s.p + (scan - v->base), *lt = memchr(from, '<', stop - scan);
        scan = lt ? scan + (size_t)(lt - from) : stop;
        if (lt && toolcall_out_may_begin(p->out))
            m = toolcall_tag_opener(v, scan, p->scope.tools, &opener);
        scan += m == TOOLCALL_MATCH_NO && lt;
    }
    text_up_to(p, v, scan);
    if (m != TOOLCALL_MATCH_YES)
        return false;
    toolcall_out_begin(p->out, opener.tool);
    p->scope.tool = opener.tool;
    p->has_args = false;
    p->at = opener.body;
    p->state = IN_CALL;
    return true;
}

static void begin_value(struct parser *p, struct str name, size_t end)
{
    struct toolcall_param param = toolcall_schema_param(p->scope.tools->v[p->scope.tool].parameters, name);
    if (map_set(&p->scope.seen, name, 0) < 0)
        param.types = TOOLCALL_ANY; /* out of memory: the worst is a name that comes twice */
    buf_reset(&p->key);
    buf_z(&p->key, p->has_args ? ", " : "{");
    json_write_str(&p->key, name);
    buf_z(&p->key, ": ");
    toolcall_value_begin(&p->value, &param);
    p->value_began = false;
    p->at = end;
    p->state = IN_VALUE;
}

static bool in_call(struct parser *p, const struct toolcall_view *v)
{
    size_t at = p->at, end;
    struct str name;
    enum toolcall_match m = toolcall_tag_space(v, &at);
    if (m == TOOLCALL_MATCH_YES) {
        m = toolcall_tag_literal(v, &at, STR("</function>"));
        if (m == TOOLCALL_MATCH_YES) {
            end_call(p, at);
            return true;
        }
        enum toolcall_match param = toolcall_tag_parameter(v, at, true, &name, &end);
        if (param == TOOLCALL_MATCH_YES) {
            begin_value(p, name, end);
            return true;
        }
        if (param == TOOLCALL_MATCH_MORE)
            m = param;
    }
    if (m == TOOLCALL_MATCH_MORE && !v->over)
        return false;
    /* A call that lacks its end: what comes is the frame's end, the next call, or nothing. */
    end_call(p, m == TOOLCALL_MATCH_MORE ? toolcall_view_end(v) : p->at);
    return true;
}

static bool begin_text_of_value(struct parser *p, const struct toolcall_view *v)
{
    if (p->at == toolcall_view_end(v) && !v->over)
        return false;
    bool framed = p->at < toolcall_view_end(v) && v->s.p[p->at - v->base] == '\n';
    p->at += framed;
    toolcall_closer_begin(&p->closer, p->at, framed);
    p->value_began = true;
    return true;
}

static void put_value(struct parser *p, const struct toolcall_view *v, size_t to)
{
    if (to > p->at)
        toolcall_value_put(&p->value, toolcall_view_sub(v, p->at, to), buf_view(&p->key), toolcall_out_args(p->out));
    p->at = MAX(p->at, to);
}

static bool in_value(struct parser *p, const struct toolcall_view *v)
{
    struct toolcall_place end;
    if (!p->value_began && !begin_text_of_value(p, v))
        return false;
    bool ended = toolcall_closer_find(&p->closer, v, &p->scope, &end);
    put_value(p, v, ended ? end.end : toolcall_closer_decided(&p->closer));
    if (!ended)
        return false;
    toolcall_value_end(&p->value, buf_view(&p->key), toolcall_out_args(p->out));
    p->has_args = true;
    p->at = end.resume;
    p->state = IN_CALL;
    return true;
}

static bool behind_call(struct parser *p, const struct toolcall_view *v)
{
    size_t at = p->at;
    enum toolcall_match m = toolcall_tag_space(v, &at);
    if (m == TOOLCALL_MATCH_YES)
        m = toolcall_tag_literal(v, &at, STR("</tool_call>"));
    if (m == TOOLCALL_MATCH_MORE && !v->over && !v->cut)
        return false;
    if (m != TOOLCALL_MATCH_NO) /* also half a tag that is the last of the output */
        p->at = m == TOOLCALL_MATCH_YES ? at : toolcall_view_end(v);
    p->state = IN_TEXT;
    return true;
}

static void run(struct parser *p, bool over, bool cut)
{
    struct toolcall_view v = { .s = buf_view(&p->in), .base = p->base, .over = over, .cut = cut };
    bool more = true;
    if (!v.s.p)
        v.s.p = "";
    while (more) {
        switch (p->state) {
        case IN_TEXT:
            more = in_text(p, &v);
            break;
        case IN_CALL:
            more = in_call(p, &v);
            break;
        case IN_VALUE:
            more = in_value(p, &v);
            break;
        case BEHIND_CALL:
            more = behind_call(p, &v);
            break;
        }
    }
    /* The byte before what is looked at next stays: it tells whether a line begins. */
    size_t keep = p->at > p->base ? p->at - 1 : p->at;
    buf_drop(&p->in, keep - p->base);
    p->base = keep;
}

static void feed(void *parser, struct str text)
{
    struct parser *p = parser;
    buf_str(&p->in, text);
    run(p, false, false);
}

static void end(void *parser, bool truncated)
{
    struct parser *p = parser;
    run(p, !truncated, truncated);
    if (p->out->open)
        toolcall_out_end(p->out, false);
}

static enum toolcall_match begins(const void *parser, struct str s, bool over)
{
    const struct parser *p = parser;
    struct toolcall_view v = { .s = s, .over = over };
    struct toolcall_opener opener;
    enum toolcall_match m = toolcall_tag_opener(&v, 0, p->scope.tools, &opener);
    return m == TOOLCALL_MATCH_YES && !opener.framed ? TOOLCALL_MATCH_NO : m;
}

static bool shown_in(struct str chat_template)
{
    return str_find(chat_template, STR("<function=")) >= 0 && str_find(chat_template, STR("<parameter=")) >= 0;
}

static const char *const aliases[] = { "qwen3_coder", "qwen3_xml", "qwen3_coder_xml", NULL };

const struct toolcall_format toolcall_xml_format = {
    .name = "qwen3-coder-xml",
    .aliases = aliases,
    .shown_in = shown_in,
    .new_parser = new_parser,
    .free_parser = free_parser,
    .feed = feed,
    .end = end,
    .begins = begins,
};
