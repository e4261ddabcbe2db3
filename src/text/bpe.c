/* bpe.c - byte pair encoding.
 *
 * Most pieces are words of a few bytes: for these the pairs lie in a small array that is searched for the lowest rank each time. A long
 * piece (a run of spaces, base64, Chinese without spaces) would take quadratic time that way: its symbols are a linked list, and a
 * heap of (rank, position) finds the next merge. An entry of the heap is not removed when its pair goes away; it is recognised
 * when it comes up, because the pair at its position then has another rank or none.
 * SPDX-License-Identifier: MIT */
#include "text/bpe.h"

#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/bytelevel.h"

enum {
    SHORT_PIECE = 48, /* bytes up to which searching the array beats the heap: measured, docs/PERF.md */
};

#define NO_RANK UINT32_MAX
#define NOWHERE UINT32_MAX

static uint32_t hash_of(int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32);
}

/* The slot of the pair, or the free one where it would be. */
static struct bpe_merge *slot(const struct bpe *b, int32_t left, int32_t right)
{
    for (uint32_t i = hash_of(left, right) & b->mask;; i = (i + 1) & b->mask) {
        struct bpe_merge *m = &b->merges[i];
        if (m->left < 0 || (m->left == left && m->right == right))
            return m;
    }
}

/* The rank of the pair, NO_RANK if no merge joins it. */
static uint32_t rank_of(const struct bpe *b, int32_t left, int32_t right, int32_t *id)
{
    const struct bpe_merge *m = slot(b, left, right);
    *id = m->id;
    return m->left < 0 ? NO_RANK : m->rank;
}

static int unknown(const char *what, size_t rank, struct str token, struct err *e)
{
    return err_set(e, ERR_FORMAT, "%s: model.merges: merge %zu: %s is not in the vocabulary", what, rank,
                   vocab_quote(token).text);
}

/* The ids of merge r: the tokens it joins, and what they become. */
static int resolve(const struct vocab *v, size_t r, struct buf *scratch, struct bpe_merge *out, const char *what,
                   struct err *e)
{
    struct str left = vocab_str(v, v->merges[r].left), right = vocab_str(v, v->merges[r].right);
    *out = (struct bpe_merge){ vocab_find(v, left), vocab_find(v, right), (uint32_t)r, -1 };
    if (out->left < 0)
        return unknown(what, r, left, e);
    if (out->right < 0)
        return unknown(what, r, right, e);
    buf_reset(scratch);
    buf_str(scratch, left);
    buf_str(scratch, right);
    out->id = vocab_find(v, buf_view(scratch));
    return out->id < 0 ? unknown(what, r, buf_view(scratch), e) : 0;
}

static int add_merges(struct bpe *b, const struct vocab *v, const bool *barred, const char *what, struct err *e)
{
    struct buf scratch = { 0 };
    int rc = 0;
    for (size_t r = 0; r < v->n_merge && !rc; r++) {
        struct bpe_merge m = { 0 };
        rc = resolve(v, r, &scratch, &m, what, e);
        if (!rc && !barred[m.id])
            *slot(b, m.left, m.right) = m;
    }
    buf_deinit(&scratch);
    return rc;
}

/* Tokens whose spelling stands for bytes, so that a piece can be looked up whole. */
static int add_whole(struct bpe *b, const struct vocab *v, const bool *barred, const char *what, struct err *e)
{
    b->whole.borrow = true;
    /* The keys must not move: bytes are fewer than the characters that stand for them. */
    size_t cap = v->chars.n;
    if (!buf_room(&b->bytes, cap + 1) || map_reserve(&b->whole, v->n_token))
        return err_set(e, ERR_NOMEM, "%s: no memory for its vocabulary", what);
    for (size_t i = 0; i < v->n_token; i++) {
        size_t at = b->bytes.n;
        int32_t id = v->tokens[i].id;
        if (barred[id] || !bytelevel_bytes(vocab_str(v, v->tokens[i].text), &b->bytes))
            continue;
        if (map_set(&b->whole, (struct str){ b->bytes.p + at, b->bytes.n - at }, (uint32_t)id) < 0)
            return err_set(e, ERR_NOMEM, "%s: no memory for its vocabulary", what);
    }
    return 0;
}

int bpe_init(struct bpe *b, const struct vocab *v, const bool *barred, const char *what, struct err *e)
{
    for (int i = 0; i < 256; i++) {
        char spelling[UTF8_MAX];
        int n = utf8_encode(spelling, bytelevel_char((unsigned char)i));
        b->byte_id[i] = vocab_find(v, (struct str){ spelling, (size_t)n });
    }
    size_t n_slot = 2;
    while (n_slot < v->n_merge * 2)
        n_slot *= 2;
    if (n_slot > (size_t)1 << 31)
        return err_set(e, ERR_LIMIT, "%s: model.merges: %zu merges are too many", what, v->n_merge);
    b->mask = (uint32_t)(n_slot - 1);
    b->merges = mem_try_calloc(n_slot, sizeof *b->merges);
    if (!b->merges)
        return err_set(e, ERR_NOMEM, "%s: no memory for %zu merges", what, v->n_merge);
    for (size_t i = 0; i < n_slot; i++)
        b->merges[i].left = -1;
    int rc = add_merges(b, v, barred, what, e);
    return !rc && b->ignore_merges ? add_whole(b, v, barred, what, e) : rc;
}

void bpe_deinit(struct bpe *b)
{
    mem_free(b->merges);
    map_deinit(&b->whole);
    buf_deinit(&b->bytes);
    *b = (struct bpe){ 0 };
}

bool bpe_has_all_bytes(const struct bpe *b)
{
    for (int i = 0; i < 256; i++)
        if (b->byte_id[i] < 0)
            return false;
    return true;
}

void bpe_work_deinit(struct bpe_work *w)
{
    mem_free(w->symbols);
    mem_free(w->heap);
    *w = (struct bpe_work){ 0 };
}

/* The next symbol of s, -1 at its end; bytes without a token are unknown tokens or left out. */
static int32_t next_symbol(const struct bpe *b, struct str *s)
{
    while (s->n) {
        int32_t id = b->byte_id[(unsigned char)s->p[0]];
        *s = str_sub(*s, 1, s->n);
        if (id >= 0)
            return id;
        if (b->unk_id < 0)
            continue;
        while (b->fuse_unk && s->n && b->byte_id[(unsigned char)s->p[0]] < 0)
            *s = str_sub(*s, 1, s->n);
        return b->unk_id;
    }
    return -1;
}

static void encode_short(const struct bpe *b, struct str piece, struct ids *out)
{
    int32_t id[SHORT_PIECE + 1], joined[SHORT_PIECE];
    uint32_t rank[SHORT_PIECE]; /* of symbols i and i + 1 */
    size_t n = 0;
    for (int32_t s; (s = next_symbol(b, &piece)) >= 0;)
        id[n++] = s;
    for (size_t i = 0; i + 1 < n; i++)
        rank[i] = rank_of(b, id[i], id[i + 1], &joined[i]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (rank[i] < rank[best])
                best = i;
        if (rank[best] == NO_RANK)
            break;
        id[best] = joined[best];
        n--;
        for (size_t i = best + 1; i < n; i++)
            id[i] = id[i + 1];
        for (size_t i = best + 1; i + 1 < n; i++) {
            rank[i] = rank[i + 1];
            joined[i] = joined[i + 1];
        }
        if (best + 1 < n)
            rank[best] = rank_of(b, id[best], id[best + 1], &joined[best]);
        if (best > 0)
            rank[best - 1] = rank_of(b, id[best - 1], id[best], &joined[best - 1]);
    }
    ids_append(out, id, n);
}

/* A symbol of a long piece. */
struct symbol {
    int32_t id;          /* -1: joined to the one before */
    uint32_t prev, next; /* NOWHERE: none */
};

static void heap_push(struct bpe_work *w, uint64_t key)
{
    size_t i = w->n_heap++;
    while (i > 0 && w->heap[(i - 1) / 2] > key) {
        w->heap[i] = w->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->heap[i] = key;
}

static uint64_t heap_pop(struct bpe_work *w)
{
    uint64_t top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0;
    for (size_t child = 1; child < w->n_heap; child = 2 * i + 1) {
        if (child + 1 < w->n_heap && w->heap[child + 1] < w->heap[child])
            child++;
        if (last <= w->heap[child])
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    if (w->n_heap)
        w->heap[i] = last;
    return top;
}

static void push_pair(const struct bpe *b, struct bpe_work *w, const struct symbol *s, uint32_t at)
{
    int32_t id;
    if (at == NOWHERE || s[at].next == NOWHERE)
        return;
    uint32_t rank = rank_of(b, s[at].id, s[s[at].next].id, &id);
    if (rank != NO_RANK)
        heap_push(w, (uint64_t)rank << 32 | at);
}

/* Joins the pair at position `at`, if it still has that rank. */
static void join(const struct bpe *b, struct bpe_work *w, struct symbol *s, uint32_t at, uint32_t rank)
{
    int32_t id;
    uint32_t next = s[at].next;
    if (s[at].id < 0 || next == NOWHERE || rank_of(b, s[at].id, s[next].id, &id) != rank)
        return;
    s[at].id = id;
    s[at].next = s[next].next;
    s[next].id = -1;
    if (s[at].next != NOWHERE)
        s[s[at].next].prev = at;
    push_pair(b, w, s, s[at].prev);
    push_pair(b, w, s, at);
}

static int reserve(struct bpe_work *w, size_t n, struct err *e)
{
    /* A merge takes one entry from the heap, adds at most two, and leaves one symbol fewer. */
    if (n > w->cap_symbols) {
        void *symbols = mem_try_realloc(w->symbols, n, sizeof(struct symbol));
        if (!symbols)
            return err_set(e, ERR_NOMEM, "no memory to encode a word of %zu bytes", n);
        w->symbols = symbols;
        w->cap_symbols = n;
    }
    if (n * 2 > w->cap_heap) {
        uint64_t *heap = mem_try_realloc(w->heap, n * 2, sizeof *heap);
        if (!heap)
            return err_set(e, ERR_NOMEM, "no memory to encode a word of %zu bytes", n);
        w->heap = heap;
        w->cap_heap = n * 2;
    }
    return 0;
}

static int encode_long(const struct bpe *b, struct bpe_work *w, struct str piece, struct ids *out, struct err *e)
{
    int rc = reserve(w, piece.n, e);
    if (rc)
        return rc;
    struct symbol *s = w->symbols;
    uint32_t n = 0;
    for (int32_t id; (id = next_symbol(b, &piece)) >= 0; n++)
        s[n] = (struct symbol){ id, n ? n - 1 : NOWHERE, n + 1 };
    if (!n)
        return 0;
    s[n - 1].next = NOWHERE;
    w->n_heap = 0;
    for (uint32_t i = 0; i < n; i++)
        push_pair(b, w, s, i);
    while (w->n_heap) {
        uint64_t key = heap_pop(w);
        join(b, w, s, (uint32_t)key, (uint32_t)(key >> 32));
    }
    for (uint32_t i = 0; i != NOWHERE; i = s[i].next)
        ids_add(out, s[i].id);
    return 0;
}

int bpe_encode(const struct bpe *b, struct bpe_work *w, struct str piece, struct ids *out, struct err *e)
{
    uint32_t id;
    if (b->ignore_merges && map_get(&b->whole, piece, &id)) {
        ids_add(out, (int32_t)id);
        return 0;
    }
    if (piece.n > SHORT_PIECE)
        return encode_long(b, w, piece, out, e);
    encode_short(b, piece, out);
    return 0;
}
