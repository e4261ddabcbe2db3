/* toolcall_tag.c - the tags of Qwen3-Coder's calls.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/toolcall_tag.h"

#include <string.h>

#include "base/base.h"
#include "base/utf8.h"
#include "text/toolcall/toolcall_schema.h"

/* Bytes of white space between two tags, and of a name. */
enum { SPACE_MAX = 512, NAME_MAX_BYTES = 512 };

static int byte(const struct toolcall_view *v, size_t at)
{
    return at < toolcall_view_end(v) ? (unsigned char)v->s.p[at - v->base] : -1;
}

static bool blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum toolcall_match toolcall_tag_literal(const struct toolcall_view *v, size_t *at, struct str tag)
{
    struct str rest = toolcall_view_sub(v, *at, toolcall_view_end(v));
    if (memcmp(rest.p, tag.p, MIN(rest.n, tag.n)) != 0)
        return TOOLCALL_MATCH_NO;
    if (rest.n < tag.n)
        return TOOLCALL_MATCH_MORE;
    *at += tag.n;
    return TOOLCALL_MATCH_YES;
}

enum toolcall_match toolcall_tag_space(const struct toolcall_view *v, size_t *at)
{
    size_t from = *at;
    while (blank(byte(v, *at)) && *at - from < SPACE_MAX)
        ++*at;
    if (*at - from == SPACE_MAX)
        return TOOLCALL_MATCH_NO;
    return byte(v, *at) < 0 ? TOOLCALL_MATCH_MORE : TOOLCALL_MATCH_YES;
}

static bool begins_tool(const struct toolset *tools, struct str s)
{
    for (size_t i = 0; i < tools->n; i++)
        if (str_starts(tools->v[i].name, s))
            return true;
    return false;
}

/* The name of a declared tool behind "<function=", up to ">", a line feed or the next tag. */
static enum toolcall_match tool_name(const struct toolcall_view *v, size_t *at, const struct toolset *tools, int *tool,
                                     bool *closed)
{
    while (byte(v, *at) == ' ')
        ++*at;
    size_t from = *at;
    int c;
    while ((c = byte(v, *at)) >= 0 && c != '>' && c != '\n' && c != '<') {
        ++*at;
        if (*at - from > NAME_MAX_BYTES || !begins_tool(tools, str_trim(toolcall_view_sub(v, from, *at))))
            return TOOLCALL_MATCH_NO;
    }
    if (c < 0)
        return TOOLCALL_MATCH_MORE;
    *closed = c == '>';
    *tool = toolset_find(tools, str_trim(toolcall_view_sub(v, from, *at)));
    *at += *closed;
    return *tool < 0 ? TOOLCALL_MATCH_NO : TOOLCALL_MATCH_YES;
}

/* Whether what follows an opener makes it one. `sure`: it stands in a frame and is closed. */
static enum toolcall_match opener_body(const struct toolcall_view *v, size_t at, bool sure)
{
    static const char *const tags[] = { "<parameter=", "</function>", "</tool_call>", "<tool_call>", "<function=" };
    enum toolcall_match space = toolcall_tag_space(v, &at);
    bool last = v->over || v->cut;
    if (space == TOOLCALL_MATCH_NO)
        return TOOLCALL_MATCH_NO;
    for (size_t i = 0; space == TOOLCALL_MATCH_YES && i < (sure ? ARRAY_LEN(tags) : 2); i++) {
        size_t p = at;
        enum toolcall_match m = toolcall_tag_literal(v, &p, str_from(tags[i]));
        if (m == TOOLCALL_MATCH_YES)
            return m;
        if (m == TOOLCALL_MATCH_MORE)
            space = m;
    }
    if (space == TOOLCALL_MATCH_YES)
        return TOOLCALL_MATCH_NO;
    return !last ? TOOLCALL_MATCH_MORE : sure ? TOOLCALL_MATCH_YES : TOOLCALL_MATCH_NO;
}

enum toolcall_match toolcall_tag_opener(const struct toolcall_view *v, size_t at, const struct toolset *tools,
                                        struct toolcall_opener *out)
{
    bool closed = false;
    enum toolcall_match m = toolcall_tag_literal(v, &at, STR("<tool_call>"));
    out->framed = m == TOOLCALL_MATCH_YES;
    if (out->framed)
        m = toolcall_tag_space(v, &at);
    if (m != TOOLCALL_MATCH_MORE && (m == TOOLCALL_MATCH_YES || !out->framed))
        m = toolcall_tag_literal(v, &at, STR("<function="));
    if (m == TOOLCALL_MATCH_YES)
        m = tool_name(v, &at, tools, &out->tool, &closed);
    out->body = at;
    if (m == TOOLCALL_MATCH_YES)
        m = opener_body(v, at, out->framed && closed);
    return m == TOOLCALL_MATCH_MORE && (v->over || v->cut) ? TOOLCALL_MATCH_NO : m;
}

enum toolcall_match toolcall_tag_parameter(const struct toolcall_view *v, size_t at, bool lenient, struct str *name,
                                           size_t *end)
{
    enum toolcall_match m = toolcall_tag_literal(v, &at, STR("<parameter="));
    if (m != TOOLCALL_MATCH_YES)
        return m;
    size_t from = at;
    int c;
    while ((c = byte(v, at)) >= 0 && c != '>' && c != '\n' && c != '<' && at - from < NAME_MAX_BYTES)
        at++;
    if (c < 0)
        return TOOLCALL_MATCH_MORE;
    struct str s = toolcall_view_sub(v, from, at);
    s.n = utf8_whole(s);
    *end = from + s.n + (c == '>');
    *name = str_trim(s);
    return c == '>' || lenient ? TOOLCALL_MATCH_YES : TOOLCALL_MATCH_NO;
}

static bool seen(const struct toolcall_scope *c, struct str name)
{
    uint32_t unused;
    return map_get(&c->seen, name, &unused);
}

bool toolcall_tag_declared(const struct toolcall_scope *c, struct str name)
{
    return !seen(c, name) && toolcall_schema_param(c->tools->v[c->tool].parameters, name).declared;
}

/* Letters, digits and what stands in identifiers and paths of other languages. */
static bool proper(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        bool letter = (ch | 0x20) >= 'a' && (ch | 0x20) <= 'z';
        if (!letter && !(ch >= '0' && ch <= '9') && ch < 0x80 && !(ch && strchr("_-.$:@", ch)))
            return false;
    }
    return s.n > 0;
}

bool toolcall_tag_expected(const struct toolcall_scope *c, struct str name)
{
    return !seen(c, name) && (proper(name) || toolcall_tag_declared(c, name));
}

static enum toolcall_follow parameter(const struct toolcall_view *v, size_t at, const struct toolcall_scope *c)
{
    struct str name;
    size_t end;
    switch (toolcall_tag_parameter(v, at, true, &name, &end)) {
    case TOOLCALL_MATCH_MORE:
        return v->over ? TOOLCALL_FOLLOW_TEXT : TOOLCALL_FOLLOW_MORE;
    case TOOLCALL_MATCH_YES:
        /* Without its ">" only a name that is known. */
        if (v->s.p[end - v->base - 1] == '>' ? toolcall_tag_expected(c, name) : toolcall_tag_declared(c, name))
            return TOOLCALL_FOLLOW_PARAMETER;
        return TOOLCALL_FOLLOW_TEXT;
    default:
        return TOOLCALL_FOLLOW_TEXT;
    }
}

enum toolcall_follow toolcall_tag_follow(const struct toolcall_view *v, size_t at, const struct toolcall_scope *c)
{
    static const struct {
        const char *tag;
        enum toolcall_follow follow;
    } ends[] = { { "</function>", TOOLCALL_FOLLOW_FUNCTION_END }, { "</tool_call>", TOOLCALL_FOLLOW_CALL_END } };
    struct toolcall_opener opener;
    switch (toolcall_tag_space(v, &at)) {
    case TOOLCALL_MATCH_NO:
        return TOOLCALL_FOLLOW_TEXT;
    case TOOLCALL_MATCH_MORE:
        return v->over ? TOOLCALL_FOLLOW_END : TOOLCALL_FOLLOW_MORE;
    case TOOLCALL_MATCH_YES:
        break;
    }
    if (byte(v, at) != '<')
        return TOOLCALL_FOLLOW_TEXT;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        size_t p = at;
        enum toolcall_match m = toolcall_tag_literal(v, &p, str_from(ends[i].tag));
        if (m == TOOLCALL_MATCH_YES)
            return ends[i].follow;
        if (m == TOOLCALL_MATCH_MORE)
            return v->over ? TOOLCALL_FOLLOW_END : TOOLCALL_FOLLOW_MORE;
    }
    enum toolcall_follow f = parameter(v, at, c);
    if (f != TOOLCALL_FOLLOW_TEXT)
        return f;
    switch (toolcall_tag_opener(v, at, c->tools, &opener)) {
    case TOOLCALL_MATCH_YES:
        return TOOLCALL_FOLLOW_CALL;
    case TOOLCALL_MATCH_MORE:
        return TOOLCALL_FOLLOW_MORE;
    default:
        return TOOLCALL_FOLLOW_TEXT;
    }
}
