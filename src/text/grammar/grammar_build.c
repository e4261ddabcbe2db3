/* grammar_build.c - nodes of a grammar in the making: simplified as they are made, terminals compiled at once.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/grammar_build.h"

#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "text/grammar/gdef.h"
#include "text/grammar/grammar_core.h"
#include "text/grammar/pattern.h"
#include "text/grow.h"

enum { DEFAULT_NODES = 200000, DEFAULT_STATES = 400000, DEFAULT_MS = 100, TEXT_MAX = 16 << 20 };
enum { CHARS_BLOCK = 512, CHARS_WHOLE = 2 * CHARS_BLOCK };

struct grammar_build {
    struct gdef d;
    struct work w;
    size_t max_nodes;
    struct map known; /* terminals by what they were made from */
    struct buf key;
    struct err e; /* the first failure */
};

enum { NODE_NEVER, NODE_EMPTY };

static int node_at(struct grammar_build *b, struct gnode x)
{
    if (b->e.code)
        return NODE_NEVER;
    if (b->d.n >= b->max_nodes)
        return err_set(&b->e, ERR_LIMIT, "the grammar needs more than %zu nodes", b->max_nodes), NODE_NEVER;
    if (work_tick(&b->w, &b->e))
        return NODE_NEVER;
    if (!grow(&b->d.nodes, &b->d.cap, b->d.n + 1, sizeof *b->d.nodes))
        return err_set(&b->e, ERR_NOMEM, "no memory for the grammar"), NODE_NEVER;
    b->d.nodes[b->d.n] = x;
    return (int)b->d.n++;
}

struct grammar_build *grammar_build_new(const struct grammar_build_limits *l)
{
    const struct grammar_build_limits none = { 0 };
    struct grammar_build *b = xcalloc(1, sizeof *b);
    l = l ? l : &none;
    b->max_nodes = MIN(l->nodes ? l->nodes : DEFAULT_NODES, (size_t)INT32_MAX);
    b->w.max_states = MIN(l->states ? l->states : DEFAULT_STATES, (size_t)INT32_MAX);
    b->w.time_ns = l->time_ns ? l->time_ns : DEFAULT_MS * INT64_C(1000000);
    b->w.deadline = clock_thread_ns() + b->w.time_ns;
    node_at(b, (struct gnode){ .kind = G_NEVER });
    node_at(b, (struct gnode){ .kind = G_EMPTY });
    return b;
}

void grammar_build_free(struct grammar_build *b)
{
    if (!b)
        return;
    gdef_deinit(&b->d);
    map_deinit(&b->known);
    buf_deinit(&b->key);
    mem_free(b);
}

void grammar_build_fail(struct grammar_build *b, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_vset(&b->e, code, fmt, ap);
    va_end(ap);
}

bool grammar_build_failed(const struct grammar_build *b)
{
    return b->e.code != 0;
}

static bool valid(struct grammar_build *b, int node)
{
    if (!b->e.code && (node < 0 || (size_t)node >= b->d.n))
        err_set(&b->e, ERR_ARG, "the grammar has no node %d", node);
    return !b->e.code;
}

/* --- terminals ---------------------------------------------------------------------------------------------------------------- */

/* Whether a terminal of this kind and text was made before; *node: which. Else b->key is what remember() takes. */
static bool known(struct grammar_build *b, char kind, struct str text, size_t x, size_t y, int *node)
{
    uint32_t v = 0;
    buf_reset(&b->key);
    buf_char(&b->key, kind);
    buf_add(&b->key, &x, sizeof x);
    buf_add(&b->key, &y, sizeof y);
    buf_str(&b->key, text);
    if (b->key.failed)
        err_set(&b->e, ERR_NOMEM, "no memory for the grammar");
    if (b->e.code || !map_get(&b->known, buf_view(&b->key), &v))
        return false;
    *node = (int)v;
    return true;
}

static int remember(struct grammar_build *b, int node)
{
    if (!b->e.code && map_set(&b->known, buf_view(&b->key), (uint32_t)node) < 0)
        err_set(&b->e, ERR_NOMEM, "no memory for the grammar");
    return node;
}

/* The DFA becomes the builder's. */
static int dfa_node(struct grammar_build *b, struct dfa *d)
{
    if (b->e.code || !grow(&b->d.dfas, &b->d.cap_dfa, b->d.n_dfa + 1, sizeof *b->d.dfas)) {
        dfa_deinit(d);
        return err_set(&b->e, ERR_NOMEM, "no memory for the grammar"), NODE_NEVER;
    }
    if (dfa_empty(d)) {
        dfa_deinit(d);
        return NODE_NEVER;
    }
    b->d.dfas[b->d.n_dfa++] = (struct gdfa){ .dfa = *d };
    return node_at(b, (struct gnode){ .kind = G_DFA, .a = (uint32_t)b->d.n_dfa - 1 });
}

static int literal_node(struct grammar_build *b, struct str text)
{
    size_t at = b->d.n_text;
    if (text.n == 0)
        return NODE_EMPTY;
    if (b->e.code || text.n > TEXT_MAX - at)
        return err_set(&b->e, ERR_LIMIT, "the grammar's literals are longer than %d bytes", TEXT_MAX), NODE_NEVER;
    if (!grow(&b->d.text, &b->d.cap_text, at + text.n, 1))
        return err_set(&b->e, ERR_NOMEM, "no memory for the grammar"), NODE_NEVER;
    memcpy(b->d.text + at, text.p, text.n);
    b->d.n_text += text.n;
    return node_at(b, (struct gnode){ .kind = G_LITERAL, .a = (uint32_t)at, .b = (uint32_t)text.n });
}

int grammar_build_literal(struct grammar_build *b, struct str text)
{
    int node = NODE_NEVER;
    return b->e.code || known(b, 'l', text, 0, 0, &node) ? node : remember(b, literal_node(b, text));
}

static int pattern_node(struct grammar_build *b, struct str pattern, unsigned flags)
{
    struct dfa d;
    int node = NODE_NEVER;
    if (b->e.code || known(b, 'r', pattern, flags, 0, &node))
        return node;
    if (pattern_compile(&d, pattern, flags, &b->w, &b->e))
        return NODE_NEVER;
    return remember(b, dfa_node(b, &d));
}

int grammar_build_regex(struct grammar_build *b, struct str pattern, bool json)
{
    return pattern_node(b, pattern, json ? PATTERN_JSON : 0);
}

int grammar_build_search(struct grammar_build *b, struct str pattern, bool json)
{
    return pattern_node(b, pattern, PATTERN_SEARCH | (json ? PATTERN_JSON : 0));
}

static int chars_terminal(struct grammar_build *b, size_t min, size_t max, bool json)
{
    struct dfa d;
    int node = NODE_NEVER;
    if (b->e.code || known(b, json ? 'j' : 'c', (struct str){ 0 }, min, max, &node))
        return node;
    if (pattern_chars(&d, min, max, json, &b->w, &b->e))
        return NODE_NEVER;
    return remember(b, dfa_node(b, &d));
}

/* At most n characters, in blocks that are counted: full ones and then a part, or all of them and the rest. */
static int many_chars(struct grammar_build *b, size_t n, bool json)
{
    if (n <= CHARS_WHOLE)
        return chars_terminal(b, 0, n, json);
    int block = chars_terminal(b, CHARS_BLOCK, CHARS_BLOCK, json);
    const int some[] = { grammar_build_repeat(b, block, 0, n / CHARS_BLOCK - 1),
                         chars_terminal(b, 0, CHARS_BLOCK - 1, json) };
    const int all[] = { grammar_build_repeat(b, block, n / CHARS_BLOCK, n / CHARS_BLOCK),
                        chars_terminal(b, 0, n % CHARS_BLOCK, json) };
    const int either[] = { grammar_build_seq(b, some, 2), grammar_build_seq(b, all, 2) };
    return grammar_build_alt(b, either, 2);
}

int grammar_build_chars(struct grammar_build *b, size_t min, size_t max, bool json)
{
    if (min > max)
        return NODE_NEVER;
    if ((max == SIZE_MAX ? min : max) <= CHARS_WHOLE)
        return chars_terminal(b, min, max, json);
    int block = chars_terminal(b, CHARS_BLOCK, CHARS_BLOCK, json);
    const int parts[] = { chars_terminal(b, min % CHARS_BLOCK, min % CHARS_BLOCK, json),
                          grammar_build_repeat(b, block, min / CHARS_BLOCK, min / CHARS_BLOCK),
                          max == SIZE_MAX ? chars_terminal(b, 0, SIZE_MAX, json) : many_chars(b, max - min, json) };
    return grammar_build_seq(b, parts, 3);
}

/* The automaton of a terminal: a literal's is made in *own. NULL if the node is no terminal. */
static const struct dfa *terminal(struct grammar_build *b, int node, struct dfa *own)
{
    const struct gnode *x = valid(b, node) ? &b->d.nodes[node] : NULL;
    *own = (struct dfa){ 0 };
    if (!x)
        return NULL;
    if (x->kind == G_DFA)
        return &b->d.dfas[x->a].dfa;
    if (x->kind == G_LITERAL || x->kind == G_EMPTY) {
        struct str text = x->kind == G_EMPTY ? STR("") : (struct str){ b->d.text + x->a, x->b };
        return dfa_literal(own, text, &b->w, &b->e) ? NULL : own;
    }
    err_set(&b->e, ERR_UNSUPPORTED, "an intersection or difference of what is no terminal");
    return NULL;
}

static int product(struct grammar_build *b, int x, int y, bool minus)
{
    struct dfa d, own_x, own_y = { 0 };
    int node = NODE_NEVER;
    if (x == NODE_NEVER || (y == NODE_NEVER && !minus))
        return NODE_NEVER;
    if (y == NODE_NEVER)
        return x;
    if (b->e.code || known(b, minus ? 'm' : 'a', (struct str){ 0 }, (size_t)x, (size_t)y, &node))
        return node;
    const struct dfa *dx = terminal(b, x, &own_x), *dy = dx ? terminal(b, y, &own_y) : NULL;
    if (dy && !dfa_product(&d, dx, dy, minus, &b->w, &b->e))
        node = remember(b, dfa_node(b, &d));
    dfa_deinit(&own_x);
    dfa_deinit(&own_y);
    return node;
}

int grammar_build_and(struct grammar_build *b, int a, int b_)
{
    return product(b, a, b_, false);
}

int grammar_build_minus(struct grammar_build *b, int a, int b_)
{
    return product(b, a, b_, true);
}

int grammar_build_automaton(struct grammar_build *b, const uint8_t class_of[256], size_t n_class, const int32_t *next,
                            const bool *accept, size_t n)
{
    struct dfa d;
    if (b->e.code || dfa_table(&d, class_of, n_class, next, accept, n, &b->w, &b->e))
        return NODE_NEVER;
    return dfa_node(b, &d);
}

bool grammar_build_is_never(struct grammar_build *b, int node)
{
    return !valid(b, node) || node == NODE_NEVER;
}

int grammar_build_until(struct grammar_build *b, struct str stop, bool with)
{
    struct dfa d;
    int node = NODE_NEVER;
    if (b->e.code || known(b, with ? 'w' : 'u', stop, 0, 0, &node))
        return node;
    if (dfa_until(&d, stop, with, &b->w, &b->e))
        return NODE_NEVER;
    return remember(b, dfa_node(b, &d));
}

/* --- rules -------------------------------------------------------------------------------------------------------------------- */

int grammar_build_empty(struct grammar_build *b)
{
    (void)b;
    return NODE_EMPTY;
}

int grammar_build_never(struct grammar_build *b)
{
    (void)b;
    return NODE_NEVER;
}

static bool add_kid(struct grammar_build *b, uint32_t node)
{
    if (b->d.n_kid >= UINT32_MAX / 2 || !grow(&b->d.kids, &b->d.cap_kid, b->d.n_kid + 1, sizeof *b->d.kids)) {
        err_set(&b->e, ERR_NOMEM, "no memory for the grammar");
        return false;
    }
    b->d.kids[b->d.n_kid++] = node;
    return true;
}

/* Kids [first, now) become a node of `kind`; none or one need no node. */
static int list_node(struct grammar_build *b, enum gnode_kind kind, size_t first)
{
    size_t n = b->d.n_kid - first;
    if (b->e.code)
        return NODE_NEVER;
    if (n > 1)
        return node_at(b, (struct gnode){ .kind = kind, .a = (uint32_t)first, .b = (uint32_t)n });
    b->d.n_kid = first;
    return n ? (int)b->d.kids[first] : kind == G_SEQ ? NODE_EMPTY : NODE_NEVER;
}

int grammar_build_seq(struct grammar_build *b, const int *nodes, size_t n)
{
    size_t first = b->d.n_kid;
    for (size_t i = 0; i < n && !b->e.code; i++) {
        if (!valid(b, nodes[i]) || nodes[i] == NODE_NEVER) {
            b->d.n_kid = first;
            return NODE_NEVER;
        }
        if (nodes[i] != NODE_EMPTY)
            add_kid(b, (uint32_t)nodes[i]);
    }
    return list_node(b, G_SEQ, first);
}

int grammar_build_alt(struct grammar_build *b, const int *nodes, size_t n)
{
    size_t first = b->d.n_kid;
    for (size_t i = 0; i < n && !b->e.code; i++) {
        bool again = n > 64; /* long lists are not searched: equal alternatives do no harm */
        for (size_t k = first; k < b->d.n_kid && n <= 64 && !again; k++)
            again = b->d.kids[k] == (uint32_t)nodes[i];
        if (valid(b, nodes[i]) && nodes[i] != NODE_NEVER && (!again || n > 64))
            add_kid(b, (uint32_t)nodes[i]);
    }
    return list_node(b, G_ALT, first);
}

int grammar_build_repeat(struct grammar_build *b, int node, size_t min, size_t max)
{
    if (!valid(b, node) || min > max)
        return NODE_NEVER;
    if (max == 0 || node == NODE_EMPTY || (node == NODE_NEVER && min == 0))
        return NODE_EMPTY;
    if (node == NODE_NEVER || (min == 1 && max == 1))
        return node;
    if (min >= UINT32_MAX)
        return err_set(&b->e, ERR_LIMIT, "a count of %zu", min), NODE_NEVER;
    return node_at(b, (struct gnode){ .kind = G_REPEAT,
                                      .a = (uint32_t)node,
                                      .min = (uint32_t)min,
                                      .max = max >= UINT32_MAX ? GDEF_NONE : (uint32_t)max });
}

int grammar_build_rule(struct grammar_build *b)
{
    return node_at(b, (struct gnode){ .kind = G_RULE, .a = GDEF_NONE });
}

/* The kids of node x that rule r's alternatives are made of: itself or, of an ALT, its kids. */
static size_t alternatives(const struct grammar_build *b, uint32_t x)
{
    return b->d.nodes[x].kind == G_ALT ? b->d.nodes[x].b : 1;
}

static uint32_t alternative(const struct grammar_build *b, uint32_t x, size_t i)
{
    return b->d.nodes[x].kind == G_ALT ? gdef_kid(&b->d, &b->d.nodes[x], (uint32_t)i) : x;
}

static bool begins_with(const struct grammar_build *b, uint32_t x, uint32_t rule)
{
    return x == rule || (b->d.nodes[x].kind == G_SEQ && gdef_kid(&b->d, &b->d.nodes[x], 0) == rule);
}

/* r: r x | y  becomes  r: y x*. */
static int without_left_recursion(struct grammar_build *b, uint32_t rule, uint32_t def)
{
    size_t n = alternatives(b, def), n_left = 0, n_other = 0;
    for (size_t i = 0; i < n; i++)
        n_left += begins_with(b, alternative(b, def, i), rule);
    if (!n_left)
        return (int)def;
    int *left = mem_try_calloc(n, sizeof *left), *other = mem_try_calloc(n, sizeof *other);
    if (!left || !other)
        err_set(&b->e, ERR_NOMEM, "no memory for the grammar");
    n_left = 0;
    for (size_t i = 0; i < n && left && other && !b->e.code; i++) {
        uint32_t x = alternative(b, def, i);
        if (!begins_with(b, x, rule)) {
            other[n_other++] = (int)x;
        } else if (x != rule) {
            size_t first = b->d.n_kid;
            for (uint32_t k = 1; k < b->d.nodes[x].b && !b->e.code; k++)
                add_kid(b, gdef_kid(&b->d, &b->d.nodes[x], k));
            left[n_left++] = list_node(b, G_SEQ, first);
        }
    }
    int parts[2] = { NODE_NEVER, NODE_NEVER };
    if (!b->e.code) {
        parts[0] = grammar_build_alt(b, other, n_other);
        parts[1] = grammar_build_repeat(b, grammar_build_alt(b, left, n_left), 0, SIZE_MAX);
    }
    mem_free(left);
    mem_free(other);
    return grammar_build_seq(b, parts, 2);
}

void grammar_build_define(struct grammar_build *b, int rule, int node)
{
    if (!valid(b, rule) || !valid(b, node))
        return;
    if (b->d.nodes[rule].kind != G_RULE || b->d.nodes[rule].a != GDEF_NONE) {
        err_set(&b->e, ERR_ARG, "node %d is no rule, or defined already", rule);
        return;
    }
    node = without_left_recursion(b, (uint32_t)rule, (uint32_t)node);
    if (!b->e.code)
        b->d.nodes[rule].a = (uint32_t)node;
}

static uint32_t bound(size_t n)
{
    return n >= UINT32_MAX ? GDEF_NONE : (uint32_t)n;
}

int grammar_build_members(struct grammar_build *b, const struct grammar_member *v, size_t n, int extra, int sep,
                          size_t min, size_t max)
{
    struct gmembers m = { .first = (uint32_t)b->d.n_kid,
                          .n = (uint32_t)n,
                          .required = (uint32_t)b->d.n_required,
                          .extra = extra < 0 || extra == NODE_NEVER ? GDEF_NONE : (uint32_t)extra,
                          .sep = sep < 0 || sep == NODE_EMPTY ? GDEF_NONE : (uint32_t)sep,
                          .min = bound(min),
                          .max = bound(max) };
    for (size_t i = 0; i < n; i++)
        if (v[i].node == NODE_NEVER && v[i].required)
            return NODE_NEVER;
    if ((extra >= 0 && !valid(b, extra)) || (sep >= 0 && !valid(b, sep)))
        return NODE_NEVER;
    for (size_t i = 0; i < n; i++)
        if (!valid(b, v[i].node) || !add_kid(b, (uint32_t)v[i].node))
            return NODE_NEVER;
    if (b->e.code || !grow(&b->d.required, &b->d.cap_required, b->d.n_required + n, 1) ||
        !grow(&b->d.members, &b->d.cap_members, b->d.n_members + 1, sizeof *b->d.members))
        return err_set(&b->e, ERR_NOMEM, "no memory for the grammar"), NODE_NEVER;
    for (size_t i = 0; i < n; i++) {
        b->d.required[b->d.n_required++] = v[i].required;
        m.n_required += v[i].required;
    }
    b->d.members[b->d.n_members++] = m;
    return node_at(b, (struct gnode){ .kind = G_MEMBERS, .a = (uint32_t)b->d.n_members - 1 });
}

int grammar_build_finish(struct grammar_build *b, int root, struct grammar **out, struct err *e)
{
    *out = NULL;
    if (valid(b, root)) {
        b->d.root = (uint32_t)root;
        if (!gdef_finish(&b->d, &b->w, &b->e) && !grammar_new(out, &b->d, &b->e))
            return 0;
    }
    return err_set(e, b->e.code, "%s", b->e.msg);
}
