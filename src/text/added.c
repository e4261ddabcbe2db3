/* added.c - added tokens in a text.
 *
 * Text holds few of them, so what counts is to pass quickly over all that begins none. Where one may begin, the trie is walked as far
 * as the text goes along and the last end that was passed is the longest match.
 * SPDX-License-Identifier: MIT */
#include "text/added.h"

#include <string.h>

#include <utf8proc.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/utf8.h"

static uint32_t find_child(const struct added_trie *t, uint32_t node, unsigned char byte)
{
    uint32_t i = t->nodes[node].child;
    while (i && t->nodes[i].byte != byte)
        i = t->nodes[i].sibling;
    return i;
}

/* A node of its own for the byte, below `parent`; 0 if memory is out. */
static uint32_t add_node(struct added_trie *t, uint32_t parent, unsigned char byte)
{
    if (t->n + 1 >= t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 256;
        struct added_node *nodes = cap < UINT32_MAX ? mem_try_realloc(t->nodes, cap, sizeof *nodes) : NULL;
        if (!nodes)
            return 0;
        t->nodes = nodes;
        t->cap = cap;
    }
    if (!t->n)
        t->nodes[t->n++] = (struct added_node){ .token = -1 };
    t->nodes[t->n] = (struct added_node){ .sibling = t->nodes[parent].child, .token = -1, .byte = byte };
    t->nodes[parent].child = (uint32_t)t->n;
    return (uint32_t)t->n++;
}

int added_trie_add(struct added_trie *t, struct str content, int32_t token)
{
    uint32_t node = 0;
    for (size_t i = 0; i < content.n; i++) {
        unsigned char byte = (unsigned char)content.p[i];
        uint32_t child = t->n ? find_child(t, node, byte) : 0;
        if (!child)
            child = add_node(t, node, byte);
        if (!child)
            return -1;
        node = child;
    }
    if (!node || t->nodes[node].token >= 0)
        return 0;
    t->nodes[node].token = token;
    t->first[(unsigned char)content.p[0]] = true;
    int n_first = 0;
    for (int b = 0; b < 256; b++)
        if (t->first[b]) {
            n_first++;
            t->only = b;
        }
    if (n_first > 1)
        t->only = -1;
    return 0;
}

void added_trie_deinit(struct added_trie *t)
{
    mem_free(t->nodes);
    *t = (struct added_trie){ 0 };
}

/* White_Space (Unicode PropList). */
static bool is_space(uint32_t cp)
{
    return (cp >= 0x9 && cp <= 0xd) || cp == 0x20 || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f ||
           cp == 0x3000;
}

/* \w of Unicode Technical Standard 18: alphabetic, marks, decimal digits, connectors, joiners. */
static bool is_word(uint32_t cp)
{
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        /* The joiners, and the symbols with Other_Alphabetic: letters in circles and squares. */
        return cp == 0x200c || cp == 0x200d || (cp >= 0x24b6 && cp <= 0x24e9) || (cp >= 0x1f130 && cp <= 0x1f149) ||
               (cp >= 0x1f150 && cp <= 0x1f169) || (cp >= 0x1f170 && cp <= 0x1f189);
    }
}

/* The character that ends at byte `at` of s (at > 0, s valid UTF-8 up to there), and where it begins. */
static uint32_t char_before(struct str s, size_t at, size_t *begin)
{
    uint32_t cp = 0;
    *begin = at - 1;
    while (*begin > 0 && at - *begin < UTF8_MAX && ((unsigned char)s.p[*begin] & 0xc0) == 0x80)
        --*begin;
    return utf8_decode(str_sub(s, *begin, at), &cp) > 0 ? cp : 0;
}

static bool stands_alone(struct str s, size_t from, size_t to)
{
    uint32_t cp;
    size_t begin;
    if (from > 0 && is_word(char_before(s, from, &begin)))
        return false;
    return utf8_decode(str_sub(s, to, s.n), &cp) <= 0 || !is_word(cp);
}

static size_t strip_left(struct str s, size_t from, size_t limit)
{
    for (size_t begin; from > limit && is_space(char_before(s, from, &begin)); from = MAX(begin, limit))
        ;
    return from;
}

/* Tokens of white space that each swallow the rest of one run must not look at all of it each time. */
static size_t strip_right(struct added_scan *s, size_t to)
{
    uint32_t cp;
    if (to >= s->space_from && to < s->space_to)
        return s->space_to;
    s->space_from = to;
    for (int n; (n = utf8_decode(str_sub(s->text, to, s->text.n), &cp)) > 0 && is_space(cp); to += (size_t)n)
        ;
    s->space_to = to;
    return to;
}

/* The first place at or behind `at` where a token may begin. */
static size_t next_place(const struct added_trie *t, struct str s, size_t at)
{
    if (t->only >= 0 && at < s.n) {
        const char *p = memchr(s.p + at, t->only, s.n - at);
        return p ? (size_t)(p - s.p) : s.n;
    }
    while (at < s.n && !t->first[(unsigned char)s.p[at]])
        at++;
    return at;
}

/* The end of the longest token at byte `at` that ends at `limit` or before; 0 if there is none. */
static size_t longest(const struct added_trie *t, struct str s, size_t at, size_t limit, int32_t *token)
{
    size_t end = 0;
    for (uint32_t node = 0; at < limit && (node = find_child(t, node, (unsigned char)s.p[at])) != 0;) {
        at++;
        if (t->nodes[node].token >= 0) {
            end = at;
            *token = t->nodes[node].token;
        }
    }
    return end;
}

bool added_next(struct added_scan *s, struct added_match *out)
{
    if (!s->trie->n)
        return false;
    while ((s->at = next_place(s->trie, s->text, s->at)) < s->text.n) {
        size_t from = s->at;
        while (s->n_span && s->spans->to <= from) {
            s->spans++;
            s->n_span--;
        }
        size_t limit = s->n_span ? s->spans->from : s->text.n;
        if (limit <= from) {
            s->at = s->spans->to;
            continue;
        }
        int32_t token;
        size_t to = longest(s->trie, s->text, from, MIN(limit, s->text.n), &token);
        if (!to) {
            s->at++;
            continue;
        }
        s->at = to;
        const struct added_token *a = &s->token[token];
        if (a->single_word && !stands_alone(s->text, from, to))
            continue;
        if (a->lstrip)
            from = strip_left(s->text, from, MIN(s->done, from));
        if (a->rstrip)
            to = strip_right(s, to);
        *out = (struct added_match){ token, from, to };
        s->done = to;
        return true;
    }
    return false;
}
