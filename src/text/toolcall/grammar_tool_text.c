/* grammar_tool_text.c - an automaton of free text: a tree of tags, and what stood before the tag that is being read.
 *
 * '<' stands only where a tag begins, so a byte that does not go on a tag leads back to plain text or to the beginning of another.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/grammar_tool_text.h"

#include <string.h>

#include "base/mem.h"

enum { NAMES_MAX = 8192 }; /* bytes of all names that are followed */

/* What white space alone separates from here. */
enum before { NOTHING, FRAME, NAME, N_BEFORE };

/* What the last byte of a tag completes. */
enum whole { PART, FRAME_TAG, FUNCTION_TAG, NAME_TAG, BODY_TAG };

struct node {
    uint32_t child, sibling; /* 0: none */
    unsigned char byte;
    uint8_t whole;
};

struct tree {
    struct node *v; /* owned; v[0]: the root, before "<" */
    size_t n, cap;
    size_t fixed; /* nodes beyond are of names, where nothing stands before */
};

static uint32_t child(const struct tree *t, uint32_t at, unsigned char byte)
{
    uint32_t c = t->v[at].child;
    while (c && t->v[c].byte != byte)
        c = t->v[c].sibling;
    return c;
}

static uint32_t add(struct tree *t, uint32_t at, struct str s, enum whole whole)
{
    for (size_t i = 0; i < s.n; i++) {
        uint32_t c = child(t, at, (unsigned char)s.p[i]);
        if (!c) {
            if (t->n == t->cap) {
                t->cap *= 2;
                t->v = xrealloc(t->v, t->cap * sizeof *t->v);
            }
            c = (uint32_t)t->n++;
            t->v[c] = (struct node){ .sibling = t->v[at].child, .byte = (unsigned char)s.p[i] };
            t->v[at].child = c;
        }
        at = c;
    }
    t->v[at].whole = (uint8_t)whole;
    return at;
}

static void make_tree(struct tree *t, const struct toolset *tools)
{
    size_t bytes = 0;
    *t = (struct tree){ .n = 1, .cap = 256 };
    t->v = xcalloc(t->cap, sizeof *t->v);
    add(t, 0, STR("<tool_call>"), FRAME_TAG);
    uint32_t function = add(t, 0, STR("<function="), FUNCTION_TAG);
    add(t, 0, STR("<parameter="), BODY_TAG);
    add(t, 0, STR("</function>"), BODY_TAG);
    t->fixed = t->n;
    for (size_t i = 0; i < tools->n; i++)
        bytes += tools->v[i].name.n;
    for (size_t i = 0; i < tools->n && bytes <= NAMES_MAX; i++)
        add(t, add(t, function, tools->v[i].name, PART), STR(">"), NAME_TAG);
}

static int32_t state(const struct tree *t, uint32_t node, enum before before)
{
    return (int32_t)(node < t->fixed ? node * N_BEFORE + before : node + t->fixed * (N_BEFORE - 1));
}

/* Behind the byte that leads to `node`; -1: it opens a call. */
static int32_t entered(const struct tree *t, uint32_t node, enum before before)
{
    switch ((enum whole)t->v[node].whole) {
    case FRAME_TAG:
        return state(t, 0, FRAME);
    case FUNCTION_TAG:
        return before == FRAME ? -1 : state(t, node, NOTHING);
    case NAME_TAG:
        return state(t, 0, NAME);
    case BODY_TAG:
        return before == NAME ? -1 : state(t, 0, NOTHING);
    case PART:
        break;
    }
    return state(t, node, before);
}

/* Every byte of a tag or name has a class of its own, white space too; the others share class 0. Names are UTF-8, which has not all bytes. */
static size_t find_classes(const struct tree *t, uint8_t class_of[256])
{
    size_t n = 1;
    for (const char *blank = " \t\r\n"; *blank; blank++)
        class_of[(unsigned char)*blank] = (uint8_t)n++;
    for (uint32_t i = 1; i < t->n; i++)
        if (!class_of[t->v[i].byte])
            class_of[t->v[i].byte] = (uint8_t)n++;
    return n;
}

static void fill_row(const struct tree *t, uint32_t node, enum before before, const uint8_t class_of[256],
                     size_t n_class, int32_t *row)
{
    uint32_t first = child(t, 0, '<');
    for (size_t c = 0; c < n_class; c++)
        row[c] = state(t, 0, NOTHING);
    row[class_of['<']] = state(t, first, node ? NOTHING : before);
    for (const char *blank = " \t\r\n"; *blank && !node; blank++)
        row[class_of[(unsigned char)*blank]] = state(t, 0, before);
    for (uint32_t c = t->v[node].child; c; c = t->v[c].sibling)
        row[class_of[t->v[c].byte]] = entered(t, c, before);
}

int grammar_tool_text(struct grammar_build *b, const struct toolset *tools)
{
    struct tree t;
    uint8_t class_of[256] = { 0 };
    make_tree(&t, tools);
    size_t n = t.n + t.fixed * (N_BEFORE - 1), n_class = find_classes(&t, class_of);
    int32_t *next = xmalloc(n * n_class * sizeof *next);
    bool *accept = xmalloc(n);
    memset(accept, true, n);
    for (uint32_t node = 0; node < t.n; node++)
        for (int before = NOTHING; before < (node < t.fixed ? N_BEFORE : FRAME); before++)
            fill_row(&t, node, (enum before)before, class_of, n_class,
                     next + (size_t)state(&t, node, (enum before)before) * n_class);
    int id = grammar_build_automaton(b, class_of, n_class, next, accept, n);
    mem_free(accept);
    mem_free(next);
    mem_free(t.v);
    return id;
}
