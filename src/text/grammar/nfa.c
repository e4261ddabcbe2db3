/* nfa.c - automata of characters, and their subset construction.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/nfa.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/grow.h"

enum { STATES_MAX = 2000000, WINDOW_MAX = 64 };

void nfa_init(struct nfa *n, bool json, struct work *w, struct err *e)
{
    *n = (struct nfa){ .json = json, .w = w, .e = e };
}

void nfa_deinit(struct nfa *n)
{
    for (size_t i = 0; i < n->n_spelling; i++) {
        charset_deinit(&n->spellings[i].set);
        mem_free(n->spellings[i].nodes);
        mem_free(n->spellings[i].edges);
    }
    mem_free(n->spellings);
    mem_free(n->states);
    mem_free(n->edges);
    *n = (struct nfa){ 0 };
}

static int no_memory(struct nfa *n)
{
    return n->code = err_set(n->e, ERR_NOMEM, "no memory for the grammar");
}

static int32_t add_state(struct nfa *n, enum nfa_kind kind, int32_t a, int32_t b)
{
    if (n->code || (n->code = work_tick(n->w, n->e)))
        return -1;
    if (n->n >= STATES_MAX) {
        n->code = err_set(n->e, ERR_LIMIT, "a pattern is too large (limit: %d states)", STATES_MAX);
        return -1;
    }
    if (!grow(&n->states, &n->cap, n->n + 1, sizeof *n->states)) {
        no_memory(n);
        return -1;
    }
    n->states[n->n] = (struct nfa_state){ kind, a, b };
    return (int32_t)n->n++;
}

int32_t nfa_match(struct nfa *n)
{
    return add_state(n, NFA_MATCH, -1, -1);
}

int32_t nfa_split(struct nfa *n, int32_t a, int32_t b)
{
    return add_state(n, NFA_SPLIT, a, b);
}

void nfa_set_split(struct nfa *n, int32_t split, int32_t a)
{
    if (!n->code)
        n->states[split].a = a;
}

int32_t nfa_begin(struct nfa *n, int32_t next)
{
    return add_state(n, NFA_BEGIN, next, -1);
}

int32_t nfa_end(struct nfa *n, int32_t next)
{
    return add_state(n, NFA_END, next, -1);
}

/* --- spelling sets of characters --------------------------------------------------------------------------------------------- */

enum { NO_NODE = -1, END_NODE = 0 };

/* A node with these edges: an old one if there is one. NO_NODE for none, or if memory is out. */
static int32_t spelling_node(struct nfa *n, struct spelling *s, const struct nfa_edge *v, size_t count)
{
    if (!count || n->code)
        return NO_NODE;
    for (size_t i = 1; i < s->n_node; i++) {
        if (s->nodes[i].n != count)
            continue;
        const struct nfa_edge *o = s->edges + s->nodes[i].first;
        size_t k = 0;
        while (k < count && o[k].lo == v[k].lo && o[k].hi == v[k].hi && o[k].to == v[k].to)
            k++;
        if (k == count)
            return (int32_t)i;
    }
    if (!grow(&s->nodes, &s->cap_node, s->n_node + 1, sizeof *s->nodes) ||
        !grow(&s->edges, &s->cap_edge, s->n_edge + count, sizeof *s->edges)) {
        no_memory(n);
        return NO_NODE;
    }
    s->nodes[s->n_node] = (struct spelling_node){ (uint32_t)s->n_edge, (uint32_t)count };
    memcpy(s->edges + s->n_edge, v, count * sizeof *v);
    s->n_edge += count;
    return (int32_t)s->n_node++;
}

/* Appends byte -> to, joined to the edge before it where that is possible. */
static size_t add_edge(struct nfa_edge *v, size_t count, uint8_t byte, int32_t to)
{
    if (to == NO_NODE)
        return count;
    if (count && v[count - 1].to == to && v[count - 1].hi + 1 == byte)
        v[count - 1].hi = byte;
    else
        v[count++] = (struct nfa_edge){ byte, byte, to };
    return count;
}

/* Ranges of a set that meet [base, base + width), found from index `at` on. */
static size_t skip_below(const struct charset *set, size_t at, uint32_t base)
{
    while (at < set->n && set->v[at].hi < base)
        at++;
    return at;
}

static bool meets(const struct charset *set, size_t at, uint32_t base, uint32_t width)
{
    return at < set->n && set->v[at].lo < base + width && set->v[at].hi >= base;
}

/* All of [base, base + width) is in the set. */
static bool covers(const struct charset *set, size_t at, uint32_t base, uint32_t width)
{
    return at < set->n && set->v[at].lo <= base && set->v[at].hi >= base + width - 1;
}

/* The last `levels` UTF-8 bytes of the characters in [base, base + 64^levels). */
static int32_t utf8_tail(struct nfa *n, struct spelling *s, const struct charset *set, size_t at, uint32_t base,
                         int levels)
{
    at = skip_below(set, at, base);
    uint32_t width = 1U << (6 * levels);
    if (!meets(set, at, base, width))
        return NO_NODE;
    if (!levels)
        return END_NODE;
    bool all = covers(set, at, base, width);
    if (all && s->all_utf8[levels])
        return s->all_utf8[levels];
    struct nfa_edge v[WINDOW_MAX];
    size_t count = 0;
    for (uint32_t d = 0; d < 64; d++)
        count = add_edge(v, count, (uint8_t)(0x80 + d), utf8_tail(n, s, set, at, base + d * (width / 64), levels - 1));
    int32_t node = spelling_node(n, s, v, count);
    if (all && node > 0)
        s->all_utf8[levels] = node;
    return node;
}

/* Appends the edges of the UTF-8 spelling of a set. */
static size_t utf8_edges(struct nfa *n, struct spelling *s, const struct charset *set, struct nfa_edge *v, size_t count)
{
    for (uint32_t c = 0; c < 0x80; c++)
        if (meets(set, skip_below(set, 0, c), c, 1))
            count = add_edge(v, count, (uint8_t)c, END_NODE);
    for (uint32_t b = 0xC2; b <= 0xF4; b++) {
        int levels = b < 0xE0 ? 1 : b < 0xF0 ? 2 : 3;
        uint32_t base = (b & (0x3FU >> levels)) << (6 * levels);
        /* Overlong forms: none of the low characters are left in the set that is asked for. */
        struct charset part = { 0 };
        charset_add_set(&part, set);
        uint32_t least = levels == 1 ? 0x80 : levels == 2 ? 0x800 : 0x10000;
        if (base < least)
            charset_minus(&part, 0, least - 1);
        count = add_edge(v, count, (uint8_t)b, utf8_tail(n, s, &part, 0, base, levels));
        if (part.failed)
            no_memory(n);
        charset_deinit(&part);
    }
    return count;
}

/* `levels` hexadecimal digits of the numbers in [base, base + 16^levels). */
static int32_t hex_tail(struct nfa *n, struct spelling *s, const struct charset *set, size_t at, uint32_t base,
                        int levels)
{
    at = skip_below(set, at, base);
    uint32_t width = 1U << (4 * levels);
    if (!meets(set, at, base, width))
        return NO_NODE;
    if (!levels)
        return END_NODE;
    bool all = covers(set, at, base, width);
    if (all && s->all_hex[levels])
        return s->all_hex[levels];
    int32_t to[16];
    struct nfa_edge v[WINDOW_MAX];
    size_t count = 0;
    for (uint32_t d = 0; d < 16; d++)
        to[d] = hex_tail(n, s, set, at, base + d * (width / 16), levels - 1);
    for (uint32_t d = 0; d < 10; d++)
        count = add_edge(v, count, (uint8_t)('0' + d), to[d]);
    for (uint32_t d = 10; d < 16; d++)
        count = add_edge(v, count, (uint8_t)('A' + d - 10), to[d]);
    for (uint32_t d = 10; d < 16; d++)
        count = add_edge(v, count, (uint8_t)('a' + d - 10), to[d]);
    int32_t node = spelling_node(n, s, v, count);
    if (all && node > 0)
        s->all_hex[levels] = node;
    return node;
}

/* \uXXXX behind the "\u" of a leading half, for characters [base, base + 0x400). */
static int32_t low_half(struct nfa *n, struct spelling *s, const struct charset *set, uint32_t base)
{
    struct charset low = { 0 };
    bool all = covers(set, skip_below(set, 0, base), base, 0x400);
    if (all && s->all_low)
        return s->all_low;
    for (size_t i = skip_below(set, 0, base); meets(set, i, base, 0x400); i++)
        charset_add(&low, 0xDC00 + MAX(set->v[i].lo, base) - base, 0xDC00 + MIN(set->v[i].hi, base + 0x3FF) - base);
    int32_t digits = hex_tail(n, s, &low, 0, 0, 4);
    if (low.failed)
        no_memory(n);
    charset_deinit(&low);
    if (digits == NO_NODE)
        return NO_NODE;
    int32_t u = spelling_node(n, s, &(struct nfa_edge){ 'u', 'u', digits }, 1);
    int32_t node = u == NO_NODE ? u : spelling_node(n, s, &(struct nfa_edge){ '\\', '\\', u }, 1);
    if (all && node > 0)
        s->all_low = node;
    return node;
}

/* The four digits behind "\u": one 16-bit unit, or the leading half of a pair. `prefix` of `levels` digits was read. */
static int32_t units(struct nfa *n, struct spelling *s, const struct charset *set, uint32_t base, int levels,
                     bool pairs)
{
    uint32_t width = 1U << (4 * levels);
    bool in_high = pairs && base < 0xDC00 && base + width > 0xD800;
    if (!in_high)
        return hex_tail(n, s, set, 0, base, levels);
    if (!levels)
        return low_half(n, s, set, 0x10000 + ((base - 0xD800) << 10));
    int32_t to[16];
    struct nfa_edge v[WINDOW_MAX];
    size_t count = 0;
    for (uint32_t d = 0; d < 16; d++)
        to[d] = units(n, s, set, base + d * (width / 16), levels - 1, pairs);
    for (uint32_t d = 0; d < 22; d++) {
        static const char digits[] = "0123456789ABCDEFabcdef";
        count = add_edge(v, count, (uint8_t)digits[d], to[d < 16 ? d : d - 6]);
    }
    return spelling_node(n, s, v, count);
}

static int32_t json_escape(struct nfa *n, struct spelling *s, const struct charset *set)
{
    static const struct {
        char letter;
        uint8_t c;
    } shorts[] = { { '"', '"' },  { '/', '/' },  { '\\', '\\' }, { 'b', '\b' },
                   { 'f', '\f' }, { 'n', '\n' }, { 'r', '\r' },  { 't', '\t' } };
    struct nfa_edge v[WINDOW_MAX];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(shorts); i++)
        if (meets(set, skip_below(set, 0, shorts[i].c), shorts[i].c, 1))
            count = add_edge(v, count, (uint8_t)shorts[i].letter, END_NODE);
    bool surrogates = meets(set, skip_below(set, 0, 0xD800), 0xD800, 0x800);
    count = add_edge(v, count, 'u', units(n, s, set, 0, 4, !surrogates));
    return spelling_node(n, s, v, count);
}

static void spell(struct nfa *n, struct spelling *s)
{
    struct nfa_edge v[256];
    size_t count = 0;
    struct charset raw = { 0 };
    charset_add_set(&raw, &s->set);
    charset_minus(&raw, 0xD800, 0xDFFF);
    if (n->json) {
        charset_minus(&raw, 0, 0x1F);
        charset_minus(&raw, '"', '"');
        charset_minus(&raw, '\\', '\\');
    }
    count = utf8_edges(n, s, &raw, v, count);
    if (n->json)
        count = add_edge(v, count, '\\', json_escape(n, s, &s->set));
    int32_t root = spelling_node(n, s, v, count);
    s->root = root == NO_NODE ? UINT32_MAX : (uint32_t)root;
    if (raw.failed)
        no_memory(n);
    charset_deinit(&raw);
}

static const struct spelling *find_spelling(struct nfa *n, const struct charset *set)
{
    for (size_t i = 0; i < n->n_spelling; i++)
        if (charset_equal(&n->spellings[i].set, set))
            return &n->spellings[i];
    if (!grow(&n->spellings, &n->cap_spelling, n->n_spelling + 1, sizeof *n->spellings)) {
        no_memory(n);
        return NULL;
    }
    struct spelling *s = &n->spellings[n->n_spelling++];
    *s = (struct spelling){ 0 };
    charset_add_set(&s->set, set);
    if (s->set.failed || !grow(&s->nodes, &s->cap_node, 1, sizeof *s->nodes))
        no_memory(n);
    s->n_node = 1;
    if (!n->code)
        spell(n, s);
    return n->code ? NULL : s;
}

int32_t nfa_chars(struct nfa *n, const struct charset *set, int32_t next)
{
    const struct spelling *s = n->code ? NULL : find_spelling(n, set);
    if (!s)
        return -1;
    if (s->root == UINT32_MAX)
        return add_state(n, NFA_BYTES, 0, 0); /* no character: no way on */
    int32_t base = (int32_t)n->n - 1;         /* node i becomes state base + i */
    for (size_t i = 1; i < s->n_node; i++) {
        const struct spelling_node *node = &s->nodes[i];
        if (!grow(&n->edges, &n->cap_edge, n->n_edge + node->n, sizeof *n->edges)) {
            no_memory(n);
            return -1;
        }
        for (size_t k = 0; k < node->n; k++) {
            struct nfa_edge x = s->edges[node->first + k];
            x.to = x.to == END_NODE ? next : base + x.to;
            n->edges[n->n_edge + k] = x;
        }
        if (add_state(n, NFA_BYTES, (int32_t)n->n_edge, (int32_t)node->n) < 0)
            return -1;
        n->n_edge += node->n;
    }
    return base + (int32_t)s->root;
}

/* --- subset construction ------------------------------------------------------------------------------------------------------ */

/* Sets of NFA states, each sorted: set i is items[first[i], first[i + 1]). */
struct subsets {
    struct nfa *n;
    int32_t *items; /* owned */
    size_t n_item, cap_item;
    size_t *first; /* owned */
    size_t count, cap_first;
    uint32_t *slots; /* owned: set + 1 */
    size_t n_slot;
    uint32_t *mark; /* owned: stamp of each NFA state */
    uint32_t stamp;
    int32_t *stack; /* owned */
    size_t cap_stack;
    int32_t *targets; /* owned */
    size_t n_target, cap_target;
    uint32_t *set_of; /* owned: 1 + the set that an NFA state alone leads to; 0: not known */
    uint8_t class_of[256], byte_of[256];
    size_t n_class;
    uint32_t *next; /* owned */
    size_t cap_next;
    uint8_t *accept; /* owned */
    size_t cap_accept;
};

static void find_classes(struct subsets *s)
{
    bool cut[257] = { [0] = true };
    for (size_t i = 0; i < s->n->n_edge; i++) {
        cut[s->n->edges[i].lo] = true;
        cut[s->n->edges[i].hi + 1] = true;
    }
    for (int b = 0; b < 256; b++) {
        if (cut[b])
            s->byte_of[s->n_class++] = (uint8_t)b;
        s->class_of[b] = (uint8_t)(s->n_class - 1);
    }
}

/* Appends to the set in the making what `from` leads to without a byte. Returns whether a match can be reached at the end of the text. */
static int closure(struct subsets *s, int32_t from, bool at_begin)
{
    struct nfa *n = s->n;
    size_t depth = 0;
    if (!grow(&s->stack, &s->cap_stack, 2, sizeof *s->stack))
        return no_memory(n);
    s->stack[depth++] = from;
    while (depth) {
        int32_t at = s->stack[--depth];
        if (at < 0 || s->mark[at] == s->stamp)
            continue;
        s->mark[at] = s->stamp;
        const struct nfa_state *x = &n->states[at];
        if (!grow(&s->stack, &s->cap_stack, depth + 2, sizeof *s->stack) ||
            !grow(&s->items, &s->cap_item, s->n_item + 1, sizeof *s->items))
            return no_memory(n);
        if (x->kind == NFA_SPLIT) {
            s->stack[depth++] = x->a;
            s->stack[depth++] = x->b;
        } else if (x->kind == NFA_BEGIN) {
            if (at_begin)
                s->stack[depth++] = x->a;
        } else {
            s->items[s->n_item++] = at;
        }
    }
    return 0;
}

/* Whether set i matches where the text ends: END states are passed there. */
static bool matches(struct subsets *s, size_t i)
{
    size_t n_item = s->n_item;
    bool match = false;
    s->stamp++;
    for (size_t k = s->first[i]; k < s->first[i + 1]; k++)
        s->mark[s->items[k]] = s->stamp;
    /* What closures add lies behind all sets: walk this set, then that. */
    for (size_t k = s->first[i]; k < s->n_item && !match && !s->n->code; k++) {
        if (k == s->first[i + 1])
            k = n_item;
        if (k == s->n_item)
            break;
        const struct nfa_state x = s->n->states[s->items[k]];
        match = x.kind == NFA_MATCH;
        if (x.kind == NFA_END)
            closure(s, x.a, false);
    }
    s->n_item = n_item;
    return match;
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

static size_t hash_items(const int32_t *v, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (uint32_t)v[i]) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 29;
    }
    return (size_t)h;
}

static int grow_slots(struct subsets *s)
{
    size_t n = s->n_slot ? s->n_slot * 2 : 64;
    uint32_t *slots = mem_try_calloc(n, sizeof *slots);
    if (!slots)
        return no_memory(s->n);
    for (size_t i = 0; i < s->count; i++) {
        size_t at = hash_items(s->items + s->first[i], s->first[i + 1] - s->first[i]) & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = (uint32_t)i + 1;
    }
    mem_free(s->slots);
    s->slots = slots;
    s->n_slot = n;
    return 0;
}

/* The number of the set that was put behind the others: an old one's, or a new one's. */
static int take_set(struct subsets *s, uint32_t *out)
{
    size_t from = s->first[s->count], len = s->n_item - from;
    if (2 * s->count >= s->n_slot && grow_slots(s))
        return s->n->code;
    if (len > 1)
        qsort(s->items + from, len, sizeof *s->items, by_number);
    size_t at = hash_items(s->items + from, len) & (s->n_slot - 1);
    for (; s->slots[at]; at = (at + 1) & (s->n_slot - 1)) {
        size_t i = s->slots[at] - 1;
        if (s->first[i + 1] - s->first[i] == len &&
            !memcmp(s->items + s->first[i], s->items + from, len * sizeof *s->items)) {
            s->n_item = from;
            *out = (uint32_t)i;
            return 0;
        }
    }
    if ((s->n->code = work_states(s->n->w, 1, s->n->e)))
        return s->n->code;
    if (!grow(&s->first, &s->cap_first, s->count + 2, sizeof *s->first))
        return no_memory(s->n);
    s->slots[at] = (uint32_t)s->count + 1;
    *out = (uint32_t)s->count++;
    s->first[s->count] = s->n_item;
    return 0;
}

/* The states that class c leads to from set i, each once. */
static int collect_targets(struct subsets *s, size_t i, size_t c)
{
    uint8_t byte = s->byte_of[c];
    s->stamp++;
    s->n_target = 0;
    for (size_t k = s->first[i]; k < s->first[i + 1]; k++) {
        const struct nfa_state x = s->n->states[s->items[k]];
        for (int32_t j = x.a; x.kind == NFA_BYTES && j < x.a + x.b; j++) {
            const struct nfa_edge *edge = &s->n->edges[j];
            if (byte < edge->lo || byte > edge->hi || s->mark[edge->to] == s->stamp)
                continue;
            s->mark[edge->to] = s->stamp;
            if (!grow(&s->targets, &s->cap_target, s->n_target + 1, sizeof *s->targets))
                return no_memory(s->n);
            s->targets[s->n_target++] = edge->to;
        }
    }
    return s->n->code = work_tick(s->n->w, s->n->e);
}

static int subset_row(struct subsets *s, size_t i)
{
    if (!grow(&s->next, &s->cap_next, (i + 1) * s->n_class, sizeof *s->next))
        return no_memory(s->n);
    for (size_t c = 0; c < s->n_class; c++) {
        uint32_t to = 0;
        if (collect_targets(s, i, c))
            return s->n->code;
        /* Most often it is one state, and often the same. */
        bool single = s->n_target == 1;
        if (single && s->set_of[s->targets[0]]) {
            to = s->set_of[s->targets[0]] - 1;
        } else if (s->n_target) {
            s->stamp++;
            for (size_t k = 0; k < s->n_target; k++)
                if (closure(s, s->targets[k], false))
                    return s->n->code;
            if (s->n_item > s->first[s->count] && take_set(s, &to))
                return s->n->code;
            if (single)
                s->set_of[s->targets[0]] = to + 1;
        }
        s->next[i * s->n_class + c] = to;
    }
    return 0;
}

/* Set 0 is empty, set 1 the start. */
static int subsets_find(struct subsets *s, int32_t start)
{
    struct nfa *n = s->n;
    uint32_t number;
    find_classes(s);
    s->mark = mem_try_calloc(n->n, sizeof *s->mark);
    s->set_of = mem_try_calloc(n->n, sizeof *s->set_of);
    if (!s->mark || !s->set_of || !grow(&s->first, &s->cap_first, 2, sizeof *s->first) ||
        !grow(&s->items, &s->cap_item, 1, sizeof *s->items))
        return no_memory(n);
    s->first[0] = 0;
    if (take_set(s, &number))
        return n->code;
    s->stamp = 1;
    if (closure(s, start, true) || take_set(s, &number))
        return n->code;
    for (size_t i = 0; i < s->count; i++) {
        if (!grow(&s->accept, &s->cap_accept, i + 1, 1))
            return no_memory(n);
        s->accept[i] = matches(s, i) ? DFA_ACCEPT : 0;
        if (subset_row(s, i))
            return n->code;
    }
    return 0;
}

int nfa_determine(struct nfa *n, int32_t start, struct dfa *out)
{
    *out = (struct dfa){ 0 };
    if (n->code)
        return n->code;
    struct subsets s = { .n = n };
    subsets_find(&s, start);
    if (!n->code && s.count < 2)
        n->code = dfa_init(out, 2, 1, n->w, n->e); /* nothing matches */
    else if (!n->code) {
        *out =
            (struct dfa){ .n = (uint32_t)s.count, .n_class = (uint32_t)s.n_class, .next = s.next, .flags = s.accept };
        memcpy(out->class_of, s.class_of, sizeof s.class_of);
        s.next = NULL;
        s.accept = NULL;
    }
    mem_free(s.items);
    mem_free(s.first);
    mem_free(s.slots);
    mem_free(s.mark);
    mem_free(s.stack);
    mem_free(s.targets);
    mem_free(s.set_of);
    mem_free(s.next);
    mem_free(s.accept);
    if (n->code) {
        dfa_deinit(out);
        return n->code;
    }
    return n->code = dfa_finish(out, n->w, n->e);
}
