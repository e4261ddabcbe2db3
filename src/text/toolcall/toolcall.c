/* toolcall.c - the frame around the formats: whole characters, reasoning, the list of formats.
 *
 *   bytes --whole characters--> [at the start: <think>?] --reasoning--> events
 *                                          \--content--> format's parser --> events
 *
 * A call inside reasoning is reasoning, if </think> follows. A model that forgot to close its reasoning before it calls would lose the call,
 * so from the first framed call on reasoning is held until </think> comes (all was reasoning) or the output ends (the call is one).
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/toolcall.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "text/toolcall/toolcall_format.h"

static const struct toolcall_format *const formats[] = { &toolcall_xml_format, &toolcall_json_format };

/* White space before <think>, and line feeds before </think>, that are taken for part of the frame. */
enum { SPACE_MAX = 512, LINE_FEEDS_MAX = 16 };

enum stage { AT_START, IN_THINK, AFTER_THINK, IN_CONTENT };

struct toolcall {
    const struct toolcall_format *format; /* borrowed; NULL: no calls */
    void *parser;                         /* owned, of the format */
    struct toolcall_out out;
    enum stage stage;
    bool think_began;  /* reasoning holds more than line feeds */
    struct buf bytes;  /* half a character */
    struct buf held;   /* text whose stage is not decided */
    size_t seen;       /* of `held`: looked at already */
    ptrdiff_t pending; /* in `held`: where a call inside reasoning begins, or -1 */
    struct buf clean;  /* scratch */
};

const struct toolcall_format *toolcall_format_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (str_eqz(name, formats[i]->name))
            return formats[i];
    return NULL;
}

static bool is_called(const struct toolcall_format *f, struct str tool_parser_type)
{
    for (const char *const *a = f->aliases; *a; a++)
        if (str_eqz(tool_parser_type, *a))
            return true;
    return str_eqz(tool_parser_type, f->name);
}

const struct toolcall_format *toolcall_format_detect(struct str tool_parser_type, struct str chat_template)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (is_called(formats[i], tool_parser_type))
            return formats[i];
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i]->shown_in(chat_template))
            return formats[i];
    return NULL;
}

const char *toolcall_format_name(const struct toolcall_format *f)
{
    return f->name;
}

int toolcall_new(struct toolcall **out, const struct toolcall_opts *o, toolcall_sink_fn *sink, void *arg, struct err *e)
{
    struct toolcall *t = mem_try_calloc(1, sizeof *t);
    *out = NULL;
    if (!t)
        return err_set(e, ERR_NOMEM, "no memory for a parser of tool calls");
    t->out = (struct toolcall_out){ .sink = sink, .arg = arg, .max_calls = o->max_calls };
    t->stage = o->opens_think ? IN_THINK : AT_START;
    t->pending = -1;
    if (o->format && o->tools && o->tools->n) {
        t->format = o->format;
        t->parser = t->format->new_parser(o->tools, &t->out);
    } else {
        t->out.solid = true; /* no call can come, so no white space is held for one */
    }
    *out = t;
    return 0;
}

void toolcall_free(struct toolcall *t)
{
    if (!t)
        return;
    if (t->format)
        t->format->free_parser(t->parser);
    toolcall_out_deinit(&t->out);
    buf_deinit(&t->bytes);
    buf_deinit(&t->held);
    buf_deinit(&t->clean);
    mem_free(t);
}

bool toolcall_in_call(const struct toolcall *t)
{
    return t->out.open;
}

static void content(struct toolcall *t, struct str s)
{
    if (!s.n)
        return;
    t->stage = IN_CONTENT;
    if (t->format)
        t->format->feed(t->parser, s);
    else
        toolcall_out_text(&t->out, s);
}

static size_t line_feeds(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] == '\n')
        n++;
    return n;
}

/* Reasoning without the line feeds that frame it: the chat templates add them again. */
static void reasoning(struct toolcall *t, struct str s)
{
    if (!t->think_began)
        s = str_sub(s, line_feeds(s), s.n);
    t->think_began = t->think_began || s.n;
    toolcall_out_reasoning(&t->out, s);
}

static struct str without_line_feeds(struct str s)
{
    for (int i = 0; i < LINE_FEEDS_MAX && s.n && s.p[s.n - 1] == '\n'; i++)
        s.n--;
    return s;
}

/* Gives what `held` has before `end` as reasoning, and goes on behind `next`. */
static void leave_think(struct toolcall *t, size_t end, size_t next)
{
    reasoning(t, without_line_feeds(str_sub(buf_view(&t->held), 0, end)));
    buf_drop(&t->held, next);
    t->seen = 0;
    t->stage = AFTER_THINK;
}

static void content_of_held(struct toolcall *t)
{
    struct buf whole = t->held;
    t->held = (struct buf){ 0 };
    content(t, buf_view(&whole));
    buf_deinit(&whole);
}

static bool starts_like(struct str s, struct str whole)
{
    return s.n < whole.n && memcmp(s.p, whole.p, s.n) == 0;
}

/* One '<' at `seen`. False: more text decides. */
static bool think_tag(struct toolcall *t, bool over)
{
    struct str rest = str_sub(buf_view(&t->held), t->seen, t->held.n);
    if (str_starts(rest, STR("</think>"))) {
        leave_think(t, t->seen, t->seen + strlen("</think>"));
        return true;
    }
    enum toolcall_match call = TOOLCALL_MATCH_NO;
    if (t->format && t->pending < 0)
        call = t->format->begins(t->parser, rest, over);
    if (!over && (call == TOOLCALL_MATCH_MORE || starts_like(rest, STR("</think>"))))
        return false;
    if (call == TOOLCALL_MATCH_YES)
        t->pending = (ptrdiff_t)t->seen;
    t->seen++;
    return true;
}

static void in_think(struct toolcall *t, bool over)
{
    while (t->stage == IN_THINK && t->seen < t->held.n) {
        const char *lt = memchr(t->held.p + t->seen, '<', t->held.n - t->seen);
        t->seen = lt ? (size_t)(lt - t->held.p) : t->held.n;
        if (lt && !think_tag(t, over))
            break;
    }
    if (t->stage != IN_THINK || t->pending >= 0)
        return;
    struct str s = str_sub(buf_view(&t->held), 0, t->seen);
    if (!over)
        s = without_line_feeds(s);
    reasoning(t, s);
    buf_drop(&t->held, s.n);
    t->seen -= s.n;
}

static void at_start(struct toolcall *t, bool over)
{
    struct str s = buf_view(&t->held);
    size_t n = 0;
    while (n < s.n && n < SPACE_MAX && memchr(" \t\r\n", s.p[n], 4))
        n++;
    struct str rest = str_sub(s, n, s.n);
    if (str_starts(rest, STR("<think>"))) {
        buf_drop(&t->held, n + strlen("<think>"));
        t->stage = IN_THINK;
        t->seen = 0;
    } else if (over || !starts_like(rest, STR("<think>"))) {
        content_of_held(t);
    }
}

static void after_think(struct toolcall *t)
{
    buf_drop(&t->held, line_feeds(buf_view(&t->held)));
    if (t->held.n)
        content_of_held(t);
}

static void stages(struct toolcall *t, bool over)
{
    if (t->stage == AT_START && t->held.n)
        at_start(t, over);
    if (t->stage == IN_THINK)
        in_think(t, over);
    if (t->stage == AFTER_THINK)
        after_think(t);
}

static void feed_whole(struct toolcall *t, struct str s)
{
    if (!utf8_valid(s)) {
        buf_reset(&t->clean);
        utf8_clean(&t->clean, s);
        s = buf_view(&t->clean);
    }
    if (t->stage == IN_CONTENT) {
        content(t, s);
        return;
    }
    buf_str(&t->held, s);
    stages(t, false);
}

void toolcall_feed(struct toolcall *t, struct str text)
{
    if (t->bytes.n) {
        buf_str(&t->bytes, text);
        text = buf_view(&t->bytes);
    }
    size_t n = utf8_whole(text);
    feed_whole(t, str_sub(text, 0, n));
    char rest[UTF8_MAX];
    size_t n_rest = text.n - n;
    memcpy(rest, text.p + n, n_rest);
    buf_reset(&t->bytes);
    buf_add(&t->bytes, rest, n_rest);
    toolcall_out_flush(&t->out);
}

/* Reasoning that never ended: a call in it that is complete enough to be one counts, unless the output was cut. */
static void end_think(struct toolcall *t, bool truncated)
{
    if (t->pending >= 0 && !truncated) {
        leave_think(t, (size_t)t->pending, (size_t)t->pending);
        return;
    }
    t->pending = -1;
    reasoning(t, buf_view(&t->held));
    buf_reset(&t->held);
}

void toolcall_end(struct toolcall *t, bool truncated)
{
    if (t->bytes.n)
        feed_whole(t, buf_view(&t->bytes));
    buf_reset(&t->bytes);
    stages(t, true);
    if (t->stage == IN_THINK)
        end_think(t, truncated);
    stages(t, true);
    if (t->format)
        t->format->end(t->parser, truncated);
    toolcall_out_finish(&t->out);
}
