/* toolcall_json.c - the calls of Hermes and Qwen 2.5: <tool_call>{"name": NAME, "arguments": {...}}</tool_call>.
 *
 * The end of a call is the end of its JSON, whatever strings inside it hold. What turns out not to be JSON, or to call nothing that is
 * declared, is text; to be able to say so, a call is held until it is whole. A long one is not: behind HOLD_MAX bytes of its arguments the call
 * begins and they stream, as far as closing strings and brackets would make JSON of them. If the model ends its output in it they are closed; if its
 * JSON breaks later it stays visibly unfinished, for what is no JSON must not be run.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "format/json.h"
#include "text/toolcall/toolcall_format.h"
#include "text/toolcall/toolcall_literal.h"

enum { HOLD_MAX = 1024, SPACE_MAX = 512, DEPTH_MAX = TOOLCALL_LITERAL_DEPTH };

/* ---- JSON, a byte at a time */

enum expect { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, COMMA_OR_END, DONE, BROKEN };
enum inside { NOTHING, STRING, ESCAPE, HEX, WORD };

struct scan {
    char stack[DEPTH_MAX]; /* '{' or '[' */
    int depth;
    enum expect expect;
    enum inside inside;
    int n_hex;
    int number;   /* WORD: the state of a number, or -1: a literal */
    char word[6]; /* the literal so far */
    size_t n_word;
    bool key;                    /* the string is a key */
    bool ended_before, ended_at; /* a member's value at the top ended before, or with, the byte scanned last */
};

/* States of a number: -, 0, digits, ., fraction, e, sign, exponent; -1: not one. */
static int number_step(int state, char c)
{
    bool digit = c >= '0' && c <= '9', e = c == 'e' || c == 'E';
    switch (state) {
    case 0: /* nothing yet */
        return c == '-' ? 1 : c == '0' ? 2 : digit ? 3 : -1;
    case 1:
        return c == '0' ? 2 : digit ? 3 : -1;
    case 2:
    case 3:
        return c == '.' ? 4 : e ? 6 : digit && state == 3 ? 3 : -1;
    case 4:
    case 5:
        return digit ? 5 : e && state == 5 ? 6 : -1;
    case 6:
        return c == '+' || c == '-' ? 7 : digit ? 8 : -1;
    default:
        return digit ? 8 : -1;
    }
}

static bool number_ends(int state)
{
    return state == 2 || state == 3 || state == 5 || state == 8;
}

static void after_value(struct scan *s)
{
    s->inside = NOTHING;
    s->expect = s->depth ? COMMA_OR_END : DONE;
    s->ended_at = s->depth == 1;
}

static void word_begin(struct scan *s, char c)
{
    s->inside = WORD;
    s->number = number_step(0, c);
    s->word[0] = c;
    s->n_word = 1;
    if (s->number < 0 && c != 't' && c != 'f' && c != 'n')
        s->expect = BROKEN;
}

static bool word_takes(struct scan *s, char c)
{
    static const char *const words[] = { "true", "false", "null" };
    if (s->number >= 0) {
        int next = number_step(s->number, c);
        s->number = next < 0 ? s->number : next;
        return next >= 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strncmp(words[i], s->word, s->n_word) == 0 && words[i][s->n_word] == c && c) {
            s->word[s->n_word++] = c;
            return true;
        }
    return false;
}

static bool word_whole(const struct scan *s)
{
    return s->number >= 0 ? number_ends(s->number) : s->n_word == (s->word[0] == 'f' ? 5 : 4);
}

static void open_container(struct scan *s, char c)
{
    if (s->depth == DEPTH_MAX) {
        s->expect = BROKEN;
        return;
    }
    s->stack[s->depth++] = c;
    s->expect = c == '{' ? KEY_OR_END : VALUE_OR_END;
}

static void in_string(struct scan *s, char c)
{
    if (s->inside == HEX) {
        if (!c || !strchr("0123456789abcdefABCDEF", c))
            s->expect = BROKEN;
        if (++s->n_hex == 4)
            s->inside = STRING;
    } else if (s->inside == ESCAPE) {
        if (!c || !strchr("\"\\/bfnrtu", c))
            s->expect = BROKEN;
        s->inside = c == 'u' ? HEX : STRING;
        s->n_hex = 0;
    } else if (c == '\\') {
        s->inside = ESCAPE;
    } else if (c == '"') {
        if (!s->key) {
            after_value(s);
            return;
        }
        s->inside = NOTHING;
        s->expect = COLON;
    }
}

static void scan_byte(struct scan *s, char c)
{
    bool end = c == '}' || c == ']';
    s->ended_before = s->ended_at = false;
    if (s->inside == WORD) {
        if (word_takes(s, c))
            return;
        if (!word_whole(s)) {
            s->expect = BROKEN;
            return;
        }
        after_value(s);
        s->ended_before = s->ended_at;
        s->ended_at = false;
    }
    if (s->inside != NOTHING) {
        in_string(s, c);
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        return;
    } else if (end && s->depth && (s->expect == COMMA_OR_END || s->expect == KEY_OR_END || s->expect == VALUE_OR_END)) {
        bool pair = s->stack[--s->depth] == (c == '}' ? '{' : '[');
        after_value(s);
        s->expect = pair ? s->expect : BROKEN;
    } else if (s->expect == COLON || s->expect == COMMA_OR_END) {
        bool good = c == (s->expect == COLON ? ':' : ',');
        s->expect = !good ? BROKEN : s->expect == COLON || s->stack[s->depth - 1] == '[' ? VALUE : KEY;
    } else if (s->expect == KEY || s->expect == KEY_OR_END) {
        s->key = true;
        s->inside = STRING;
        s->expect = c == '"' ? s->expect : BROKEN;
    } else if (c == '"') {
        s->key = false;
        s->inside = STRING;
    } else if (c == '{' || c == '[') {
        open_container(s, c);
    } else {
        word_begin(s, c);
    }
}

/* ---- the same JSON, spelt with ", " and ": " */

struct respell {
    bool string, escaped;
};

static void respell(struct respell *r, struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (r->string) {
            if ((unsigned char)c < 0x20)
                toolcall_literal_escape(out, (struct str){ &c, 1 }); /* models write line feeds as they are */
            else
                buf_char(out, c);
            r->string = r->escaped || c != '"';
            r->escaped = !r->escaped && c == '\\';
        } else if (c == '"') {
            buf_char(out, c);
            r->string = true;
        } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            buf_char(out, c);
            if (c == ',' || c == ':')
                buf_char(out, ' ');
        }
    }
}

/* ---- calls */

/* A member at the top of a call: where its value begins and ends in `in`; SIZE_MAX: not yet. */
struct member {
    size_t from, to;
};

static const struct member absent = { SIZE_MAX, SIZE_MAX };

enum state { IN_TEXT, IN_JSON, BEHIND_CALL };

struct parser {
    const struct toolset *tools; /* borrowed */
    struct toolcall_out *out;    /* borrowed */
    struct buf in;               /* what is not yet used up, in a call from its <tool_call> on */
    size_t call, at;             /* of `in`: the call's <tool_call>, what is looked at next */
    int tool;                    /* that `name` names, or -1 */
    enum state state;
    struct scan scan;
    size_t key_from;       /* of the last key at the top, its quotes included */
    struct member *member; /* whose value is read; NULL: of no interest */
    struct member name, args;
    bool began;  /* the call was told and its arguments stream */
    size_t sent; /* of the arguments */
    size_t safe; /* up to here they are JSON but for closing quotes and brackets */
    struct respell respell;
};

static void *new_parser(const struct toolset *tools, struct toolcall_out *out)
{
    struct parser *p = xcalloc(1, sizeof *p);
    p->tools = tools;
    p->out = out;
    return p;
}

static void free_parser(void *parser)
{
    struct parser *p = parser;
    buf_deinit(&p->in);
    mem_free(p);
}

static const struct str opening = { "<tool_call>", 11 };

/* <tool_call> and the first brace; *end behind the brace. */
static enum toolcall_match opener(struct str s, bool over, size_t *end)
{
    size_t n = MIN(s.n, opening.n);
    if (memcmp(s.p, opening.p, n) != 0)
        return TOOLCALL_MATCH_NO;
    while (n < s.n && n < opening.n + SPACE_MAX && memchr(" \t\r\n", s.p[n], 4))
        n++;
    *end = n + 1;
    if (n == s.n)
        return over ? TOOLCALL_MATCH_NO : TOOLCALL_MATCH_MORE;
    return s.p[n] == '{' ? TOOLCALL_MATCH_YES : TOOLCALL_MATCH_NO;
}

static struct str of(const struct parser *p, const struct member *m)
{
    return str_sub(buf_view(&p->in), m->from, m->to);
}

/* The string that `text` is in JSON, appended to out. */
static bool decode(struct str text, struct buf *out)
{
    struct respell r = { 0 };
    struct buf clean = { 0 };
    struct json *j = NULL;
    respell(&r, &clean, text);
    bool good = json_parse(&j, buf_view(&clean), "string", NULL, NULL) == 0 && json_type(j) == JSON_STRING;
    if (good)
        buf_str(out, json_str(j));
    json_free(j);
    buf_deinit(&clean);
    return good;
}

/* The name is whole. */
static void look_up(struct parser *p)
{
    struct buf name = { 0 };
    if (decode(of(p, &p->name), &name))
        p->tool = toolset_find(p->tools, buf_view(&name));
    buf_deinit(&name);
}

static bool in_text(struct parser *p, bool over)
{
    struct str s = buf_view(&p->in);
    enum toolcall_match m = TOOLCALL_MATCH_NO;
    size_t scan = p->at, end = 0;
    while (scan < s.n && m == TOOLCALL_MATCH_NO) {
        const char *lt = memchr(s.p + scan, '<', s.n - scan);
        scan = lt ? (size_t)(lt - s.p) : s.n;
        if (lt && toolcall_out_may_begin(p->out))
            m = opener(str_sub(s, scan, s.n), over, &end);
        scan += m == TOOLCALL_MATCH_NO && lt;
    }
    if (scan > p->at)
        toolcall_out_text(p->out, str_sub(s, p->at, scan));
    p->at = scan;
    if (m != TOOLCALL_MATCH_YES)
        return false;
    memset(&p->scan, 0, sizeof p->scan);
    scan_byte(&p->scan, '{');
    p->call = scan;
    p->at = scan + end;
    p->tool = -1;
    p->name = p->args = absent;
    p->member = NULL;
    p->began = false;
    p->state = IN_JSON;
    return true;
}

/* Is text after all: the tag is, and what follows is looked at anew. */
static void not_a_call(struct parser *p)
{
    toolcall_out_text(p->out, opening);
    p->at = p->call + opening.n;
    p->state = IN_TEXT;
}

static void finish_call(struct parser *p, bool complete)
{
    toolcall_out_end(p->out, complete);
    p->state = complete ? BEHIND_CALL : IN_TEXT;
}

/* Streams the arguments up to `to`. */
static void stream(struct parser *p, size_t to)
{
    if (to <= p->sent)
        return;
    respell(&p->respell, toolcall_out_args(p->out), str_sub(buf_view(&p->in), p->sent, to));
    p->sent = to;
}

static void begin_streaming(struct parser *p)
{
    toolcall_out_begin(p->out, p->tool);
    p->began = true;
    p->sent = p->args.from; /* `safe` is behind it */
    p->respell = (struct respell){ 0 };
}

/* The arguments of a whole call, appended; false if they are no object. */
static bool whole_args(const struct parser *p, struct buf *out)
{
    struct str s = str_trim(of(p, &p->args));
    struct respell r = { 0 };
    struct buf text = { 0 };
    bool good = true;
    if (p->args.from == SIZE_MAX || str_eq(s, STR("null"))) {
        buf_z(out, "{}");
    } else if (s.p[0] == '{') {
        respell(&r, out, s);
    } else {
        good = s.p[0] == '"' && decode(s, &text);
        struct str inner = str_trim(buf_view(&text));
        if (good && !inner.n)
            buf_z(out, "{}");
        else
            good = good && inner.p[0] == '{' && toolcall_literal(out, inner);
    }
    buf_deinit(&text);
    return good;
}

static void json_done(struct parser *p)
{
    if (p->began) {
        stream(p, p->args.to);
        finish_call(p, true);
        return;
    }
    struct buf args = { 0 };
    if (p->tool < 0 || !whole_args(p, &args)) {
        not_a_call(p);
    } else {
        toolcall_out_begin(p->out, p->tool);
        buf_str(toolcall_out_args(p->out), buf_view(&args));
        finish_call(p, true);
    }
    buf_deinit(&args);
}

/* A value at the top of the call begins at `at`: which member's is it? The first of each name counts. */
static void top_value(struct parser *p, size_t at)
{
    struct buf key = { 0 };
    p->member = NULL;
    if (decode(str_sub(buf_view(&p->in), p->key_from, at), &key)) {
        struct str k = buf_view(&key);
        if (str_eqz(k, "name") && p->name.from == SIZE_MAX)
            p->member = &p->name;
        else if ((str_eqz(k, "arguments") || str_eqz(k, "parameters")) && p->args.from == SIZE_MAX)
            p->member = &p->args;
    }
    buf_deinit(&key);
}

/* The byte before `at` was scanned; `word`: it was looked at as part of a number or literal. */
static void note_safe(struct parser *p, bool word)
{
    const struct scan *s = &p->scan;
    bool text = s->inside == STRING && !s->key;
    bool value =
        s->inside == NOTHING && (s->expect == COMMA_OR_END || s->expect == KEY_OR_END || s->expect == VALUE_OR_END);
    if (text || value)
        p->safe = p->at;
    else if (word && s->inside != WORD && s->expect != BROKEN)
        p->safe = p->at - 1;
}

/* One more byte of a call's JSON, with what it means at the top. */
static void json_byte(struct parser *p)
{
    struct scan *s = &p->scan;
    size_t at = p->at++;
    char c = p->in.p[at];
    bool between = s->depth == 1 && s->inside == NOTHING, in_key = s->depth == 1 && s->key && s->inside == STRING;
    bool word = s->inside == WORD;
    enum expect expected = s->expect;
    scan_byte(s, c);
    note_safe(p, word);
    if (between && (expected == KEY || expected == KEY_OR_END) && s->inside == STRING)
        p->key_from = at;
    else if (in_key && s->expect == COLON)
        top_value(p, at + 1);
    else if (between && expected == VALUE && p->member && p->member->from == SIZE_MAX &&
             (s->inside != NOTHING || s->depth == 2))
        p->member->from = at;
    if (p->member && (s->ended_before || s->ended_at)) {
        p->member->to = s->ended_at ? at + 1 : at;
        if (p->member == &p->name)
            look_up(p);
        p->member = NULL;
    }
}

static bool in_json(struct parser *p)
{
    while (p->at < p->in.n && p->scan.expect < DONE) {
        json_byte(p);
        bool object = p->args.from != SIZE_MAX && p->in.p[p->args.from] == '{';
        if (!p->began && object && p->args.to == SIZE_MAX && p->at - p->args.from > HOLD_MAX && p->tool >= 0)
            begin_streaming(p);
    }
    if (p->began)
        stream(p, p->args.to != SIZE_MAX ? p->args.to - 1 : p->safe);
    if (p->scan.expect == BROKEN && p->began) {
        p->at = p->sent; /* the rest is text */
        finish_call(p, false);
    } else if (p->scan.expect == BROKEN) {
        not_a_call(p);
    } else if (p->scan.expect == DONE) {
        json_done(p);
    }
    return p->state != IN_JSON;
}

/* An end of the frame may follow. */
static bool behind_call(struct parser *p, bool over)
{
    static const struct str closing = { "</tool_call>", 12 };
    struct str rest = str_sub(buf_view(&p->in), p->at, p->in.n);
    size_t n = 0;
    while (n < rest.n && n < SPACE_MAX && memchr(" \t\r\n", rest.p[n], 4))
        n++;
    struct str tag = str_sub(rest, n, rest.n);
    bool half = tag.n < closing.n && memcmp(tag.p, closing.p, tag.n) == 0;
    if (half && !over)
        return false;
    p->at += half ? rest.n : str_starts(tag, closing) ? n + closing.n : 0;
    p->state = IN_TEXT;
    return true;
}

static void shift(struct member *m, size_t n)
{
    m->from -= m->from == SIZE_MAX ? 0 : n;
    m->to -= m->to == SIZE_MAX ? 0 : n;
}

/* Forgets the first n bytes of `in`. */
static void drop(struct parser *p, size_t n)
{
    buf_drop(&p->in, n);
    p->at -= n;
    if (p->state != IN_JSON)
        return;
    p->call -= n;
    p->key_from -= MIN(n, p->key_from);
    p->sent -= MIN(n, p->sent);
    p->safe -= MIN(n, p->safe);
    shift(&p->name, n);
    shift(&p->args, n);
}

static void run(struct parser *p, bool over)
{
    bool more = true;
    while (more) {
        switch (p->state) {
        case IN_TEXT:
            more = in_text(p, over);
            break;
        case IN_JSON:
            more = in_json(p);
            break;
        case BEHIND_CALL:
            more = behind_call(p, over);
            break;
        }
    }
    drop(p, p->state == IN_JSON ? p->call : p->at);
}

static void feed(void *parser, struct str text)
{
    struct parser *p = parser;
    buf_str(&p->in, text);
    run(p, false);
}

/* The model ended its output in a call that streams: what is open is closed, and what cannot be part of it is text. */
static void close_call(struct parser *p)
{
    if (p->args.to == SIZE_MAX && p->scan.inside == WORD && word_whole(&p->scan))
        p->safe = p->at;
    if (p->args.to != SIZE_MAX)
        p->safe = p->args.to;
    stream(p, p->safe);
    struct buf *args = toolcall_out_args(p->out);
    if (p->respell.string)
        buf_char(args, '"');
    for (int i = p->args.to == SIZE_MAX ? p->scan.depth : 0; i > 1; i--)
        buf_char(args, p->scan.stack[i - 1] == '{' ? '}' : ']');
    toolcall_out_end(p->out, true);
    p->at = p->safe;
    p->state = IN_TEXT;
}

/* What the cut call says so far: its name must be known. */
static void show_cut(struct parser *p)
{
    bool object = p->args.from != SIZE_MAX && p->in.p[p->args.from] == '{';
    if (!p->began && object)
        begin_streaming(p);
    else if (!p->began)
        toolcall_out_begin(p->out, p->tool);
    if (object)
        stream(p, p->args.to != SIZE_MAX ? p->args.to - 1 : p->at);
    toolcall_out_end(p->out, false);
    p->at = p->in.n;
    p->state = IN_TEXT;
}

static void end_inside(struct parser *p, bool truncated)
{
    if (p->began && !truncated)
        close_call(p);
    else if (p->tool >= 0 && truncated)
        show_cut(p);
    else
        not_a_call(p);
}

static void end(void *parser, bool truncated)
{
    struct parser *p = parser;
    run(p, true);
    while (p->state == IN_JSON) {
        end_inside(p, truncated);
        run(p, true);
    }
}

static enum toolcall_match begins(const void *parser, struct str s, bool over)
{
    size_t unused;
    (void)parser;
    return opener(s, over, &unused);
}

static bool shown_in(struct str chat_template)
{
    return str_find(chat_template, opening) >= 0 && str_find(chat_template, STR("\"name\"")) >= 0 &&
           str_find(chat_template, STR("arguments")) >= 0 && str_find(chat_template, STR("<arg_key>")) < 0;
}

static const char *const aliases[] = { "hermes", "json_tools", "qwen25", "qwen2_5", NULL };

const struct toolcall_format toolcall_json_format = {
    .name = "hermes-json",
    .aliases = aliases,
    .shown_in = shown_in,
    .new_parser = new_parser,
    .free_parser = free_parser,
    .feed = feed,
    .end = end,
    .begins = begins,
};
