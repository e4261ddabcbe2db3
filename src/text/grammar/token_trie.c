/* token_trie.c - tokens sorted by bytes, laid out depth first; slices of them.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/token_trie.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/grammar/byte_kind.h"
#include "text/grow.h"

enum { SLICES_MAX = 64, WORD_BITS = 32 };

/* What is below a node: what settles a whole subtree at once. */
struct below {
    uint64_t kinds;  /* of the texts that lead to the nodes below it, from here (text/grammar/byte_kind.h) */
    uint32_t first;  /* token of the node or behind it, as an index to `order` */
    uint32_t height; /* bytes of the longest of those texts */
};

struct token_trie {
    uint64_t serial;
    const struct tokenizer *tok; /* borrowed */
    size_t n_vocab, n_token, depth;
    struct trie_node *nodes; /* owned */
    size_t n_node, cap_node;
    struct below *below; /* owned: [n_node + 1] */
    int32_t *order;      /* owned: the tokens as they lie in the trie: those of a subtree in a row */
    uint32_t *all;       /* owned: bits of all of them */
    uint32_t weights[256];
    int32_t *same; /* owned: [n_vocab] */
    bool any_same;
    uint8_t *in;  /* owned: [n_vocab]: it is in the trie */
    int32_t *eos; /* owned */
    size_t n_eos;
    struct slices {
        pthread_mutex_t lock;
        struct trie_slice *v[SLICES_MAX]; /* owned */
        size_t n;
        uint64_t now;
    } * slices; /* owned */
};

/* A token for sorting. */
struct entry {
    struct str bytes;
    int32_t id;
};

static int by_bytes(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = str_cmp(x->bytes, y->bytes);
    return c ? c : x->id < y->id ? -1 : 1;
}

static int no_memory(struct err *e)
{
    err_set(e, ERR_NOMEM, "no memory for the vocabulary of a grammar");
    return ERR_NOMEM;
}

static bool add_node(struct token_trie *t, uint8_t byte)
{
    if (t->n_node >= UINT32_MAX || !grow(&t->nodes, &t->cap_node, t->n_node + 1, sizeof *t->nodes))
        return false;
    t->nodes[t->n_node++] = (struct trie_node){ .token = -1, .byte = byte };
    return true;
}

/* Lays out the sorted tokens. `path`: the node of each depth on the way to the last token, room for the longest. */
static int lay_out(struct token_trie *t, const struct entry *v, size_t n, uint32_t *path, struct err *e)
{
    struct str before = { 0 };
    if (!add_node(t, 0))
        return no_memory(e);
    path[0] = 0;
    for (size_t i = 0; i < n; i++) {
        struct str s = v[i].bytes;
        size_t k = 0;
        while (k < before.n && k < s.n && before.p[k] == s.p[k])
            k++;
        for (size_t x = before.n; x > k; x--)
            t->nodes[path[x]].end = (uint32_t)t->n_node;
        for (size_t x = k; x < s.n; x++) {
            if (!add_node(t, (uint8_t)s.p[x]))
                return no_memory(e);
            path[x + 1] = (uint32_t)t->n_node - 1;
        }
        struct trie_node *node = &t->nodes[path[s.n]];
        if (node->token >= 0)
            t->any_same = (t->same[v[i].id] = node->token) >= 0;
        node->token = v[i].id;
        before = s;
    }
    for (size_t x = before.n + 1; x-- > 0;)
        t->nodes[path[x]].end = (uint32_t)t->n_node;
    return 0;
}

/* The tokens in order, and how many come before each node. v: sorted. */
static void number(struct token_trie *t, const struct entry *v, size_t n)
{
    uint32_t k = 0;
    for (size_t i = 0; i < n; i++) {
        t->order[i] = v[i].id;
        t->all[v[i].id / WORD_BITS] |= 1U << (v[i].id % WORD_BITS);
    }
    for (size_t i = 0; i < t->n_node; i++) {
        t->below[i].first = k;
        for (int32_t id = t->nodes[i].token; id >= 0; id = t->same[id])
            k++;
    }
    t->below[t->n_node].first = k;
}

/* places: room for a byte for each node: where in a character the texts below it may begin. */
static void sum_up(struct token_trie *t, uint8_t *places)
{
    uint64_t kind_of[256];
    for (int b = 0; b < 256; b++)
        kind_of[b] = byte_kind((uint8_t)b);
    for (uint32_t i = (uint32_t)t->n_node; i-- > 0;) {
        struct below *x = &t->below[i];
        places[i] = 0xFF;
        for (uint32_t kid = i + 1; kid < t->nodes[i].end; kid = t->nodes[kid].end) {
            uint8_t byte = t->nodes[kid].byte;
            x->kinds |= kind_of[byte] | (t->below[kid].kinds & ~BYTE_KIND_BROKEN);
            x->height = MAX(x->height, t->below[kid].height + 1);
            places[i] &= byte_kind_before(byte, places[kid]);
        }
        x->kinds |= places[i] & 1 ? 0 : BYTE_KIND_BROKEN;
    }
}

static int describe(struct token_trie *t, const struct entry *v, size_t n, struct err *e)
{
    uint8_t *places = mem_try_calloc(t->n_node, 1);
    t->below = mem_try_calloc(t->n_node + 1, sizeof *t->below);
    t->order = mem_try_calloc(n + 1, sizeof *t->order);
    t->all = mem_try_calloc(t->n_vocab / WORD_BITS + 1, sizeof *t->all);
    bool ok = places && t->below && t->order && t->all;
    if (ok) {
        number(t, v, n);
        sum_up(t, places);
    }
    mem_free(places);
    return ok ? 0 : no_memory(e);
}

static int fill(struct token_trie *t, struct err *e)
{
    struct entry *v = mem_try_calloc(t->n_vocab + 1, sizeof *v);
    if (!v)
        return no_memory(e);
    size_t n = 0;
    for (size_t i = 0; i < t->n_vocab; i++) {
        struct str s = tokenizer_bytes(t->tok, (int32_t)i);
        t->same[i] = -1;
        if (!s.n || tokenizer_is_special(t->tok, (int32_t)i) || token_trie_is_eos(t, (int32_t)i))
            continue;
        t->in[i] = 1;
        t->depth = MAX(t->depth, s.n);
        v[n++] = (struct entry){ s, (int32_t)i };
    }
    t->n_token = n;
    if (n)
        qsort(v, n, sizeof *v, by_bytes);
    uint32_t *path = mem_try_calloc(t->depth + 1, sizeof *path);
    int code = path ? lay_out(t, v, n, path, e) : no_memory(e);
    if (!code)
        code = describe(t, v, n, e);
    for (uint32_t i = 1; !code && i < t->n_node; i = t->nodes[i].end)
        t->weights[t->nodes[i].byte] = t->nodes[i].end - i;
    mem_free(path);
    mem_free(v);
    return code;
}

int token_trie_new(struct token_trie **out, const struct tokenizer *tok, const int32_t *eos, size_t n_eos,
                   struct err *e)
{
    static atomic_ullong serials;
    struct token_trie *t = xcalloc(1, sizeof *t);
    *out = NULL;
    t->serial = atomic_fetch_add(&serials, 1) + 1;
    t->tok = tok;
    t->n_vocab = (size_t)MAX(tokenizer_size(tok), 0);
    t->same = mem_try_calloc(t->n_vocab + 1, sizeof *t->same);
    t->in = mem_try_calloc(t->n_vocab + 1, 1);
    t->eos = mem_try_calloc(n_eos + 1, sizeof *t->eos);
    t->slices = xcalloc(1, sizeof *t->slices);
    pthread_mutex_init(&t->slices->lock, NULL);
    int code = t->same && t->in && t->eos ? 0 : no_memory(e);
    for (size_t i = 0; i < n_eos && !code; i++) {
        if (eos[i] < 0 || (size_t)eos[i] >= t->n_vocab || token_trie_is_eos(t, eos[i]))
            continue;
        t->eos[t->n_eos++] = eos[i];
    }
    if (!code)
        code = fill(t, e);
    if (code)
        token_trie_free(t);
    else
        *out = t;
    return code;
}

static void slice_free(struct trie_slice *s)
{
    if (!s)
        return;
    mem_free(s->words);
    mem_free(s->nodes);
    mem_free(s);
}

void token_trie_free(struct token_trie *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->slices->n; i++)
        slice_free(t->slices->v[i]);
    pthread_mutex_destroy(&t->slices->lock);
    mem_free(t->slices);
    mem_free(t->nodes);
    mem_free(t->below);
    mem_free(t->order);
    mem_free(t->all);
    mem_free(t->same);
    mem_free(t->in);
    mem_free(t->eos);
    mem_free(t);
}

uint64_t token_trie_serial(const struct token_trie *t)
{
    return t->serial;
}

size_t token_trie_size(const struct token_trie *t)
{
    return t->n_vocab;
}

size_t token_trie_depth(const struct token_trie *t)
{
    return t->depth;
}

size_t token_trie_count(const struct token_trie *t)
{
    return t->n_token;
}

const struct trie_node *token_trie_nodes(const struct token_trie *t, size_t *n)
{
    *n = t->n_node;
    return t->nodes;
}

const uint32_t *token_trie_weights(const struct token_trie *t)
{
    return t->weights;
}

const int32_t *token_trie_same(const struct token_trie *t)
{
    return t->any_same ? t->same : NULL;
}

struct str token_trie_bytes(const struct token_trie *t, int32_t id)
{
    if (id < 0 || (size_t)id >= t->n_vocab || !t->in[id])
        return (struct str){ 0 };
    return tokenizer_bytes(t->tok, id);
}

bool token_trie_is_eos(const struct token_trie *t, int32_t id)
{
    for (size_t i = 0; i < t->n_eos; i++)
        if (t->eos[i] == id)
            return true;
    return false;
}

const int32_t *token_trie_eos(const struct token_trie *t, size_t *n)
{
    *n = t->n_eos;
    return t->eos;
}

/* --- slices ---------------------------------------------------------------------------------------------------------------------- */

/* A node on the way down: where its subtree ends, the automaton's state there, and its copy in the rest (0: not copied yet). */
struct level {
    uint32_t end, state, node, copy;
};

/* Tokens [from, to) of the trie's order. */
struct range {
    uint32_t from, to;
};

/* A slice in the making. */
struct slicer {
    const struct token_trie *t;
    const struct dfa *d;
    struct trie_slice *s;
    size_t cap;           /* of its nodes */
    struct level *path;   /* owned */
    struct range *ranges; /* owned: what is settled, in order */
    size_t n_range, cap_range;
    uint64_t *loops; /* owned: [states of d] */
};

/* Kinds of bytes that never move; 0 stands for "not worked out", so a bit that no kind has is always set. */
#define LOOPS_KNOWN (UINT64_C(1) << 61)

static uint64_t loops(struct slicer *x, uint32_t state)
{
    if (!x->loops[state])
        x->loops[state] = byte_kind_loops(x->d, state) | LOOPS_KNOWN;
    return x->loops[state];
}

/* Copies to the rest the nodes of the path that are not there yet. The copies' ends are set when the path leaves them. */
static bool copy_path(struct slicer *x, size_t depth)
{
    struct trie_slice *s = x->s;
    if (!grow(&s->nodes, &x->cap, s->n_node + depth + 1, sizeof *s->nodes))
        return false;
    for (size_t i = 1; i <= depth; i++) {
        if (x->path[i].copy)
            continue;
        x->path[i].copy = (uint32_t)s->n_node;
        s->nodes[s->n_node++] = (struct trie_node){ .token = -1, .byte = x->t->nodes[x->path[i].node].byte };
    }
    return true;
}

/* The tokens of nodes [from, to) are settled. */
static bool settle(struct slicer *x, uint32_t from, uint32_t to)
{
    struct range r = { x->t->below[from].first, x->t->below[to].first };
    if (r.from == r.to)
        return true;
    x->s->n_token += r.to - r.from;
    if (x->n_range && x->ranges[x->n_range - 1].to == r.from) {
        x->ranges[x->n_range - 1].to = r.to;
        return true;
    }
    if (!grow(&x->ranges, &x->cap_range, x->n_range + 1, sizeof *x->ranges))
        return false;
    x->ranges[x->n_range++] = r;
    return true;
}

static void flip(const struct token_trie *t, uint32_t *words, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        words[t->order[i] / WORD_BITS] ^= 1U << (t->order[i] % WORD_BITS);
}

/* The ranges as bits: set one by one, or what lies between them cleared where that is less. */
static void write_words(const struct slicer *x)
{
    const struct token_trie *t = x->t;
    uint32_t at = 0, *words = x->s->words;
    bool most = x->s->n_token > t->n_token / 2;
    if (most)
        memcpy(words, t->all, (t->n_vocab / WORD_BITS + 1) * sizeof *words);
    for (size_t i = 0; i < x->n_range; i++) {
        flip(t, words, most ? at : x->ranges[i].from, most ? x->ranges[i].from : x->ranges[i].to);
        at = x->ranges[i].to;
    }
    if (most)
        flip(t, words, at, (uint32_t)t->n_token);
}

/* The subtree of node i goes to the rest as it is. Room for the path is there. */
static bool copy_subtree(struct slicer *x, uint32_t i)
{
    struct trie_slice *s = x->s;
    uint32_t n = x->t->nodes[i].end - i, to = (uint32_t)s->n_node;
    if (!grow(&s->nodes, &x->cap, s->n_node + n, sizeof *s->nodes))
        return false;
    memcpy(s->nodes + to, x->t->nodes + i, n * sizeof *s->nodes);
    for (uint32_t k = to; k < to + n; k++)
        s->nodes[k].end = s->nodes[k].end - i + to;
    s->n_node += n;
    return true;
}

static void leave(struct slicer *x, const struct level *level)
{
    if (level->copy)
        x->s->nodes[level->copy].end = (uint32_t)x->s->n_node;
}

/* Goes through the vocabulary with the automaton in `state` at the root. A subtree is settled as a whole where all texts in it leave the
 * automaton in one state. */
static bool slice_fill(struct slicer *x, uint32_t state)
{
    size_t depth = 0;
    const struct token_trie *t = x->t;
    struct level *path = x->path;
    if (!grow(&x->s->nodes, &x->cap, 1, sizeof *x->s->nodes))
        return false;
    x->s->nodes[x->s->n_node++] = (struct trie_node){ .token = -1 };
    path[0] = (struct level){ (uint32_t)t->n_node, state, 0, 0 };
    for (uint32_t i = 1; i < t->n_node;) {
        const struct trie_node *node = &t->nodes[i];
        while (i >= path[depth].end)
            leave(x, &path[depth--]);
        uint32_t to = depth < SLICE_BYTES ? dfa_next(x->d, path[depth].state, node->byte) : DFA_DEAD;
        if (to == DFA_DEAD) {
            if (!copy_path(x, depth) || !copy_subtree(x, i))
                return false;
            i = node->end;
            continue;
        }
        bool whole = depth + 1 + t->below[i].height <= SLICE_BYTES && !(t->below[i].kinds & ~loops(x, to));
        uint32_t next = whole ? node->end : i + 1;
        if (!settle(x, i, next))
            return false;
        if (next < node->end)
            path[++depth] = (struct level){ node->end, to, i, 0 };
        i = next;
    }
    for (; depth; depth--)
        leave(x, &path[depth]);
    x->s->nodes[0].end = (uint32_t)x->s->n_node;
    write_words(x);
    return true;
}

static struct trie_slice *slice_new(const struct token_trie *t, const uint64_t key[2], const struct dfa *d,
                                    uint32_t state)
{
    struct trie_slice *s = xcalloc(1, sizeof *s);
    struct slicer x = { .t = t, .d = d, .s = s };
    memcpy(s->key, key, sizeof s->key);
    x.path = mem_try_calloc(t->depth + 2, sizeof *x.path);
    x.loops = mem_try_calloc(d->n, sizeof *x.loops);
    s->words = mem_try_calloc(t->n_vocab / WORD_BITS + 1, sizeof *s->words);
    bool ok = x.path && x.loops && s->words && slice_fill(&x, state);
    mem_free(x.path);
    mem_free(x.loops);
    mem_free(x.ranges);
    if (!ok) {
        slice_free(s);
        return NULL;
    }
    return s;
}

/* Room for one more: the slice that was used longest ago, and is held by nobody, goes. False: all are held. */
static bool make_room(struct slices *c)
{
    size_t oldest = SLICES_MAX;
    if (c->n < SLICES_MAX)
        return true;
    for (size_t i = 0; i < c->n; i++)
        if (!c->v[i]->refs && (oldest == SLICES_MAX || c->v[i]->used < c->v[oldest]->used))
            oldest = i;
    if (oldest == SLICES_MAX)
        return false;
    slice_free(c->v[oldest]);
    c->v[oldest] = c->v[--c->n];
    return true;
}

const struct trie_slice *token_trie_slice(const struct token_trie *t, const uint64_t key[2], const struct dfa *d,
                                          uint32_t state)
{
    struct slices *c = t->slices;
    struct trie_slice *s = NULL;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->n && !s; i++)
        if (c->v[i]->key[0] == key[0] && c->v[i]->key[1] == key[1])
            s = c->v[i];
    if (!s && make_room(c) && (s = slice_new(t, key, d, state)))
        c->v[c->n++] = s;
    if (s) {
        s->refs++;
        s->used = ++c->now;
    }
    pthread_mutex_unlock(&c->lock);
    return s;
}

void token_trie_drop(const struct token_trie *t, const struct trie_slice *s)
{
    struct slices *c = t->slices;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->n; i++)
        if (c->v[i] == s)
            c->v[i]->refs--;
    pthread_mutex_unlock(&c->lock);
}

void token_trie_forget(const struct token_trie *t)
{
    struct slices *c = t->slices;
    pthread_mutex_lock(&c->lock);
    for (size_t i = c->n; i-- > 0;)
        if (!c->v[i]->refs) {
            slice_free(c->v[i]);
            c->v[i] = c->v[--c->n];
        }
    pthread_mutex_unlock(&c->lock);
}
