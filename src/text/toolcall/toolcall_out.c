/* toolcall_out.c - events of the tool-call parsers, gathered and in order.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/toolcall_out.h"

#include <assert.h>
#include <string.h>

void toolcall_out_deinit(struct toolcall_out *o)
{
    buf_deinit(&o->piece);
    buf_deinit(&o->space);
}

bool toolcall_out_may_begin(const struct toolcall_out *o)
{
    return !o->max_calls || o->n_calls < o->max_calls;
}

void toolcall_out_flush(struct toolcall_out *o)
{
    if (!o->piece.n)
        return;
    struct toolcall_event ev = { .kind = o->kind, .text = buf_view(&o->piece), .call = o->n_calls - 1 };
    o->sink(o->arg, &ev);
    buf_reset(&o->piece);
}

static struct buf *gather(struct toolcall_out *o, enum toolcall_kind kind)
{
    if (o->kind != kind)
        toolcall_out_flush(o);
    o->kind = kind;
    return &o->piece;
}

static size_t blank(struct str s)
{
    size_t n = 0;
    while (n < s.n && memchr(" \t\r\n", s.p[n], 4))
        n++;
    return n;
}

void toolcall_out_text(struct toolcall_out *o, struct str s)
{
    if (!o->solid) {
        size_t n = blank(s);
        buf_add(&o->space, s.p, n);
        if (n == s.n)
            return;
        s = str_sub(s, n, s.n);
        buf_str(gather(o, TOOLCALL_TEXT), buf_view(&o->space));
        buf_reset(&o->space);
        o->solid = true;
    }
    buf_str(gather(o, TOOLCALL_TEXT), s);
}

void toolcall_out_reasoning(struct toolcall_out *o, struct str s)
{
    buf_str(gather(o, TOOLCALL_REASONING), s);
}

void toolcall_out_begin(struct toolcall_out *o, int tool)
{
    assert(!o->open);
    toolcall_out_flush(o);
    buf_reset(&o->space);
    o->solid = false;
    o->open = true;
    struct toolcall_event ev = { .kind = TOOLCALL_BEGIN, .call = o->n_calls++, .tool = tool };
    o->sink(o->arg, &ev);
}

struct buf *toolcall_out_args(struct toolcall_out *o)
{
    assert(o->open);
    return gather(o, TOOLCALL_ARGS);
}

void toolcall_out_end(struct toolcall_out *o, bool complete)
{
    assert(o->open);
    toolcall_out_flush(o);
    o->open = false;
    struct toolcall_event ev = { .kind = TOOLCALL_END, .call = o->n_calls - 1, .complete = complete };
    o->sink(o->arg, &ev);
}

void toolcall_out_finish(struct toolcall_out *o)
{
    if (!o->n_calls && o->space.n)
        buf_str(gather(o, TOOLCALL_TEXT), buf_view(&o->space));
    buf_reset(&o->space);
    toolcall_out_flush(o);
}
