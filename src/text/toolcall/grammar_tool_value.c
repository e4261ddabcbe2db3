/* grammar_tool_value.c - an automaton of values, made by walking all states that a small reader of tags can be in.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/grammar_tool_value.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *const tags[] = { "<function=", "</function>", "<parameter=", "</parameter>", "</tool_call>" };
enum tag { FUNCTION, FUNCTION_END, PARAMETER, PARAMETER_END, CALL_END, N_TAG };

/* What was read last. IN_TAG: the first `n` bytes of tag `tag` (of all tags that begin alike, the first). */
enum where { IN_TEXT, IN_TAG, IN_NAME, AT_START, ANYTHING };

/* Open tags of quoted calls, innermost in the lowest bit: 1 a parameter, 0 a function; above them a 1. */
enum { STACK_MAX = 2 };

struct state {
    uint8_t where;
    uint8_t tag, n;
    bool line;     /* IN_TEXT: a line begins here; IN_TAG, IN_NAME: the tag began one */
    bool follows;  /* only white space and this tag stand behind a </parameter> that may be the value's */
    uint8_t stack; /* 1: empty */
};

struct maker {
    bool framed;
    struct state *v;                     /* owned */
    int32_t *next;                       /* owned; [cap * n_class] */
    uint8_t class_of[256], byte_of[256]; /* bytes that no state tells apart share a class; a byte of each */
    size_t n_class;
    size_t n, cap;
    int16_t known[5 * N_TAG * 16 * 4 << (STACK_MAX + 1)]; /* index + 1 by state */
};

static size_t key(const struct state *s)
{
    size_t k = s->where;
    k = k * N_TAG + s->tag;
    k = k * 16 + s->n;
    k = k * 4 + (size_t)(s->line * 2 + s->follows);
    return (k << (STACK_MAX + 1)) + s->stack;
}

static bool is_open(const struct state *s, unsigned kind)
{
    for (unsigned k = s->stack; k > 1; k >>= 1)
        if ((k & 1) == kind)
            return true;
    return false;
}

/* Where a line begins makes no difference where no tag asks for it. */
static bool line_counts(const struct maker *m, const struct state *s)
{
    return m->framed && s->where != ANYTHING && !(is_open(s, 0) && is_open(s, 1));
}

static int32_t index_of(struct maker *m, struct state s)
{
    s.line = s.line && line_counts(m, &s);
    int16_t *known = &m->known[key(&s)];
    if (*known)
        return *known - 1;
    if (m->n == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 256;
        m->v = xrealloc(m->v, m->cap * sizeof *m->v);
        m->next = xrealloc(m->next, m->cap * m->n_class * sizeof *m->next);
    }
    m->v[m->n++] = s;
    *known = (int16_t)m->n;
    return (int32_t)m->n - 1;
}

static struct state pushed(struct state s, unsigned kind)
{
    if (s.stack >> STACK_MAX)
        return (struct state){ .where = ANYTHING, .stack = 1 };
    s.stack = (uint8_t)(s.stack << 1 | kind);
    return s;
}

static struct state popped(struct state s, unsigned kind)
{
    bool found = !is_open(&s, kind);
    while (!found) {
        found = (s.stack & 1) == kind;
        s.stack >>= 1;
    }
    return s;
}

static struct state text_in(struct state s, bool line, bool follows)
{
    return (struct state){ .where = IN_TEXT, .line = line, .follows = follows, .stack = s.stack };
}

/* A byte that belongs to no tag; `line`, `follows`: where it stands. */
static struct state plain(struct state s, unsigned char c, bool line, bool follows)
{
    bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (c == '<')
        return (struct state){ .where = IN_TAG, .n = 1, .line = line, .follows = follows, .stack = s.stack };
    return text_in(s, c == '\n', follows && blank);
}

/* A tag is whole. False: the value ended before it. */
static bool whole_tag(const struct maker *m, struct state *s)
{
    struct state t = text_in(*s, false, false);
    bool counts = s->line || !m->framed;
    switch ((enum tag)s->tag) {
    case FUNCTION:
        *s = pushed(t, 0);
        return true;
    case FUNCTION_END:
    case CALL_END: {
        bool dead = s->follows;
        *s = s->tag == FUNCTION_END ? popped(t, 0) : t;
        return !dead;
    }
    case PARAMETER:
        *s = (struct state){ .where = IN_NAME, .line = s->line, .follows = s->follows, .stack = s->stack };
        return true;
    default:
        if (is_open(s, 1))
            *s = popped(t, 1);
        else
            *s = text_in(t, false, counts);
        return true;
    }
}

static bool in_tag(const struct maker *m, struct state *s, unsigned char c)
{
    for (int t = s->tag; t < N_TAG; t++) {
        if (strncmp(tags[t], tags[s->tag], s->n) != 0 || (unsigned char)tags[t][s->n] != c)
            continue;
        s->tag = (uint8_t)t;
        s->n++;
        return tags[t][s->n] || whole_tag(m, s);
    }
    *s = plain(*s, c, false, false);
    return true;
}

static bool in_name(const struct maker *m, struct state *s, unsigned char c)
{
    bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if (c == '\n' || c == '<') {
        *s = plain(*s, c, false, false);
    } else if (c == '>') {
        struct state t = text_in(*s, false, false);
        bool dead = s->follows;
        *s = is_open(s, 0) || (m->framed && s->line) ? pushed(t, 1) : t;
        return !dead;
    } else if (!letter && c < 0x80 && !(c && strchr("0123456789_-.$:@", c))) {
        s->follows = false;
    }
    return true;
}

static bool step(const struct maker *m, struct state *s, unsigned char c)
{
    switch ((enum where)s->where) {
    case AT_START:
        *s = plain(*s, c, false, false);
        return c != '\n';
    case IN_TEXT:
        *s = plain(*s, c, s->line, s->follows);
        return true;
    case IN_TAG:
        return in_tag(m, s, c);
    case IN_NAME:
        return in_name(m, s, c);
    default:
        return true;
    }
}

static void find_classes(struct maker *m)
{
    uint8_t shared[3] = {
        0
    }; /* class + 1 of the bytes that no tag has: what names have not, what they have, beyond ASCII */
    for (unsigned c = 0; c < 256; c++) {
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z',
             name = letter || (c && strchr("0123456789_-.$:@", (int)c));
        bool own = c && strchr("<>=/ \t\r\n_", (int)c);
        for (int t = 0; t < N_TAG && c && !own; t++)
            own = strchr(tags[t], (int)c);
        uint8_t *group = &shared[c >= 0x80 ? 2 : name];
        if (own || !*group)
            m->byte_of[m->n_class++] = (uint8_t)c;
        if (!own && !*group)
            *group = (uint8_t)m->n_class;
        m->class_of[c] = (uint8_t)((own ? m->n_class : *group) - 1);
    }
}

int grammar_tool_value(struct grammar_build *b, bool framed)
{
    struct maker *m = xcalloc(1, sizeof *m);
    m->framed = framed;
    find_classes(m);
    struct state start = { .where = framed ? IN_TEXT : AT_START, .line = framed, .stack = 1 };
    index_of(m, start);
    for (size_t i = 0; i < m->n; i++)
        for (size_t c = 0; c < m->n_class; c++) {
            struct state s = m->v[i];
            int32_t to = step(m, &s, m->byte_of[c]) ? index_of(m, s) : -1;
            m->next[i * m->n_class + c] = to;
        }
    bool *accept = xmalloc(m->n);
    memset(accept, true, m->n);
    int node = grammar_build_automaton(b, m->class_of, m->n_class, m->next, accept, m->n);
    mem_free(accept);
    mem_free(m->v);
    mem_free(m->next);
    mem_free(m);
    return node;
}
