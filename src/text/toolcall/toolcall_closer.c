/* toolcall_closer.c - the end of a parameter's value.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/toolcall_closer.h"

#include <stdint.h>
#include <string.h>

#include "base/base.h"

/* How often, on average, a byte may be read again before remembered places decide at once. */
enum { AGAIN_MAX = 8 };

enum tag { CALL, FUNCTION, PARAMETER, N_TAG };

static const struct {
    struct str open, close;
} tags[N_TAG] = {
    [CALL] = { { "<tool_call>", 11 }, { "</tool_call>", 12 } },
    [FUNCTION] = { { "<function=", 10 }, { "</function>", 11 } },
    [PARAMETER] = { { "<parameter=", 11 }, { "</parameter>", 12 } },
};

static const struct toolcall_place nowhere = { .end = SIZE_MAX };

void toolcall_closer_begin(struct toolcall_closer *c, size_t start, bool framed)
{
    buf_reset(&c->stack);
    memset(c->open, 0, sizeof c->open);
    c->framed = framed;
    c->start = c->scan = c->nest = start;
    c->first = c->last = nowhere;
    c->closed_at = 0;
    c->settle = false;
}

void toolcall_closer_deinit(struct toolcall_closer *c)
{
    buf_deinit(&c->stack);
}

size_t toolcall_closer_decided(const struct toolcall_closer *c)
{
    return MIN(c->scan, MIN(c->first.end, c->last.end));
}

static void push(struct toolcall_closer *c, enum tag t)
{
    if (!c->stack.n)
        c->nest = c->scan;
    buf_char(&c->stack, (char)t);
    c->open[t]++;
}

/* Closes the innermost open tag of that kind and all inside it. */
static void pop(struct toolcall_closer *c, enum tag t)
{
    enum tag top;
    do {
        top = (enum tag)c->stack.p[c->stack.n - 1];
        c->open[top]--;
        buf_truncate(&c->stack, c->stack.n - 1);
    } while (top != t);
    c->settle = !c->stack.n;
}

static void remember(struct toolcall_place *p, size_t end, size_t resume, bool closed)
{
    if (p->end == SIZE_MAX)
        *p = (struct toolcall_place){ end, resume, closed };
}

static bool begins_line(const struct toolcall_closer *c, const struct toolcall_view *v, size_t at)
{
    return at == c->start || v->s.p[at - 1 - v->base] == '\n';
}

/* Whether tags that are not quoted count at `at`. */
static bool in_place(const struct toolcall_closer *c, const struct toolcall_view *v, size_t at)
{
    return !c->framed || begins_line(c, v, at);
}

enum step { GO_ON, WAIT, ENDED };

static enum step take(struct toolcall_closer *c, const struct toolcall_place *p, struct toolcall_place *end)
{
    if (c->scan > p->resume)
        c->again += c->scan - p->resume;
    *end = *p;
    return ENDED;
}

/* A place that may be the end was found: it is, if too much was read again. */
static enum step found(struct toolcall_closer *c, struct toolcall_place *end)
{
    return c->first.end != SIZE_MAX && c->again > AGAIN_MAX * c->scan ? take(c, &c->first, end) : GO_ON;
}

static enum step parameter_end(struct toolcall_closer *c, const struct toolcall_view *v, const struct toolcall_scope *s,
                               struct toolcall_place *end)
{
    size_t at = c->scan, behind = at + tags[PARAMETER].close.n;
    enum toolcall_follow f = toolcall_tag_follow(v, behind, s);
    bool ends = f == TOOLCALL_FOLLOW_FUNCTION_END || f == TOOLCALL_FOLLOW_CALL_END;
    if (f == TOOLCALL_FOLLOW_MORE)
        return WAIT;
    if (f != TOOLCALL_FOLLOW_TEXT) {
        if (!c->open[PARAMETER] && in_place(c, v, at)) {
            *end = (struct toolcall_place){ at, behind, ends };
            return ENDED;
        }
        remember(&c->first, at, behind, ends);
    }
    if (c->open[PARAMETER])
        pop(c, PARAMETER);
    c->scan = behind;
    return found(c, end);
}

/* </function> and </tool_call>. */
static enum step other_end(struct toolcall_closer *c, const struct toolcall_view *v, const struct toolcall_scope *s,
                           enum tag t, struct toolcall_place *end)
{
    size_t at = c->scan, behind = at + tags[t].close.n;
    enum toolcall_follow f = toolcall_tag_follow(v, behind, s);
    if (f == TOOLCALL_FOLLOW_MORE)
        return WAIT;
    bool quoted = c->open[t] > 0, likely = f != TOOLCALL_FOLLOW_TEXT && f != TOOLCALL_FOLLOW_PARAMETER;
    if (!quoted && in_place(c, v, at)) {
        remember(likely ? &c->first : &c->last, at, at, false);
        c->closed_at = behind;
    } else if (quoted && likely && in_place(c, v, at)) {
        remember(&c->last, at, at, false);
    }
    if (quoted)
        pop(c, t);
    c->scan = behind;
    return found(c, end);
}

static bool blank_between(const struct toolcall_view *v, size_t from, size_t to)
{
    return from >= v->base && from <= to && !str_trim(toolcall_view_sub(v, from, to)).n;
}

/* <tool_call> and <function=: of a quoted call, or of the next one. */
static enum step opening(struct toolcall_closer *c, const struct toolcall_view *v, const struct toolcall_scope *s,
                         enum tag t, struct toolcall_place *end)
{
    size_t at = c->scan, behind = at + tags[t].open.n, body = behind;
    struct toolcall_opener opener;
    if (!c->stack.n && in_place(c, v, at)) {
        enum toolcall_match m = toolcall_tag_opener(v, at, s->tools, &opener);
        if (m == TOOLCALL_MATCH_MORE)
            return WAIT;
        if (m == TOOLCALL_MATCH_YES) {
            remember(&c->first, at, at, false);
            if (c->closed_at && blank_between(v, c->closed_at, at))
                return take(c, &c->first, end);
        }
    }
    if (t == CALL) {
        enum toolcall_match m = toolcall_tag_space(v, &body);
        if (m == TOOLCALL_MATCH_YES)
            m = toolcall_tag_literal(v, &body, tags[FUNCTION].open);
        if (m == TOOLCALL_MATCH_MORE && !v->over)
            return WAIT;
        if (m != TOOLCALL_MATCH_YES) {
            c->scan = behind;
            return GO_ON;
        }
    }
    push(c, t);
    c->scan = behind;
    return found(c, end);
}

static enum step parameter_begin(struct toolcall_closer *c, const struct toolcall_view *v,
                                 const struct toolcall_scope *s, struct toolcall_place *end)
{
    size_t at = c->scan, behind;
    struct str name;
    enum toolcall_match m = toolcall_tag_parameter(v, at, false, &name, &behind);
    if (m == TOOLCALL_MATCH_MORE && !v->over)
        return WAIT;
    c->scan = at + 1;
    if (m != TOOLCALL_MATCH_YES)
        return GO_ON;
    bool quoted = c->stack.n > 0, here = in_place(c, v, at);
    bool next = !quoted && here && toolcall_tag_declared(s, name);
    if (next)
        remember(&c->first, at, at, false);
    c->scan = at;
    if (c->open[FUNCTION] || next || (here && c->framed))
        push(c, PARAMETER);
    c->scan = behind;
    return found(c, end);
}

/* Behind a quoted call: if text goes on after it, places inside it were not the end. */
static enum step settle(struct toolcall_closer *c, const struct toolcall_view *v, const struct toolcall_scope *s)
{
    enum toolcall_follow f = toolcall_tag_follow(v, c->scan, s);
    size_t at = c->scan;
    if (f == TOOLCALL_FOLLOW_MORE)
        return WAIT;
    toolcall_tag_space(v, &at);
    struct str rest = toolcall_view_sub(v, at, toolcall_view_end(v)), close = tags[PARAMETER].close;
    bool closer = rest.n && str_starts(close, str_sub(rest, 0, close.n));
    if (closer && rest.n < close.n && !v->over && !v->cut)
        return WAIT;
    c->settle = false;
    if (f != TOOLCALL_FOLLOW_TEXT || closer)
        return GO_ON;
    if (c->first.end >= c->nest)
        c->first = nowhere;
    if (c->last.end >= c->nest)
        c->last = nowhere;
    return GO_ON;
}

/* The tag at `scan`, where a '<' stands. */
static enum step step(struct toolcall_closer *c, const struct toolcall_view *v, const struct toolcall_scope *s,
                      struct toolcall_place *end)
{
    for (int i = 0; i < 2 * N_TAG; i++) {
        enum tag t = (enum tag)(i / 2);
        bool close = i % 2;
        size_t at = c->scan;
        enum toolcall_match m = toolcall_tag_literal(v, &at, close ? tags[t].close : tags[t].open);
        if (m == TOOLCALL_MATCH_MORE && !v->over)
            return WAIT;
        if (m != TOOLCALL_MATCH_YES)
            continue;
        if (!close)
            return t == PARAMETER ? parameter_begin(c, v, s, end) : opening(c, v, s, t, end);
        return t == PARAMETER ? parameter_end(c, v, s, end) : other_end(c, v, s, t, end);
    }
    c->scan++;
    return GO_ON;
}

bool toolcall_closer_find(struct toolcall_closer *c, const struct toolcall_view *v, const struct toolcall_scope *s,
                          struct toolcall_place *end)
{
    size_t stop = toolcall_view_end(v);
    enum step did = GO_ON;
    while (did == GO_ON && c->scan < stop) {
        if (c->settle && settle(c, v, s) == WAIT)
            break;
        const char *from = v->s.p + (c->scan - v->base), *lt = memchr(from, '<', stop - c->scan);
        c->scan = lt ? c->scan + (size_t)(lt - from) : stop;
        if (lt)
            did = step(c, v, s, end);
    }
    if (did == ENDED || !(v->over || v->cut))
        return did == ENDED;
    if (v->cut) {
        if (c->first.end != SIZE_MAX && c->first.closed)
            take(c, &c->first, end);
        return c->first.end != SIZE_MAX && c->first.closed;
    }
    struct toolcall_place all = { .end = stop, .resume = stop };
    take(c, c->first.end != SIZE_MAX ? &c->first : c->last.end != SIZE_MAX ? &c->last : &all, end);
    return true;
}
