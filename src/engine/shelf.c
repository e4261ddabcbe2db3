/* shelf.c - reading before, writing behind: jobs that hold pages while the store's thread works on them.
 * SPDX-License-Identifier: MIT */
#include "engine/shelf.h"

#include "base/mem.h"

/* One block on its way. It holds references on its pages, so that nobody else is given them. */
struct job {
    struct job *next;
    struct batch_seq *seq; /* a read; NULL once the sequence has gone */
    size_t at, n;          /* tokens [at, at + n) */
    bool done, ok;
    int32_t pages[STORE_BLOCK_PAGES];
};

struct shelf {
    struct store *store; /* owned */
    struct batch *batch;
    struct kv *kv;
    struct job *reads; /* owned; under way, by sequence in ascending order of `at` */
    int n_write;       /* under way */
};

int shelf_new(struct shelf **out, const struct store_opts *o, struct batch *b, struct kv *kv, struct err *e)
{
    *out = NULL;
    struct shelf *x = xcalloc(1, sizeof *x);
    x->batch = b;
    x->kv = kv;
    int rc = store_open(&x->store, o, e);
    if (rc) {
        mem_free(x);
        return rc;
    }
    *out = x;
    return 0;
}

static struct job *take_pages(struct shelf *x, const struct batch_seq *s, size_t at, uint8_t **bytes)
{
    struct job *j = xcalloc(1, sizeof *j);
    j->at = at;
    j->n = store_block_tokens(x->store);
    for (int i = 0; i < STORE_BLOCK_PAGES; i++) {
        j->pages[i] = s->page[0][at / KV_PAGE_TOK + (size_t)i];
        pages_ref(batch_pages(x->batch), 0, j->pages[i]);
        bytes[i] = kv_page(x->kv, j->pages[i]);
    }
    return j;
}

static void drop(struct shelf *x, struct job *j)
{
    for (int i = 0; i < STORE_BLOCK_PAGES; i++)
        pages_unref(batch_pages(x->batch), 0, j->pages[i]);
    mem_free(j);
}

/* Names of the whole blocks of ids[0..n); the caller frees them. */
static struct store_key *block_keys(const struct shelf *x, const int32_t *ids, size_t n)
{
    struct store_key *keys = xcalloc(n / store_block_tokens(x->store) + 1, sizeof *keys);
    store_keys(x->store, ids, n, keys);
    return keys;
}

/* Where the blocks on disk, whose names are `keys`, end that go on from `from`, of a prompt of n tokens. At least one token is left to evaluate. */
static size_t known_to(const struct shelf *x, const struct store_key *keys, size_t from, size_t n)
{
    size_t block = store_block_tokens(x->store), end = from / block * block;
    while (end + block < n && store_has(x->store, &keys[end / block]))
        end += block;
    return end;
}

/* Begins to read tokens [from, n), whole blocks. */
static void read_blocks(struct shelf *x, struct batch_seq *s, const struct store_key *keys, size_t from, size_t n)
{
    size_t block = store_block_tokens(x->store);
    batch_set_loading(s, true);
    if (!batch_reserve(x->batch, s, from, n)) {
        batch_set_loading(s, false);
        return;
    }
    struct job **tail = &x->reads;
    while (*tail)
        tail = &(*tail)->next;
    for (size_t at = from; at < n; at += block) {
        uint8_t *bytes[STORE_BLOCK_PAGES], *const *dst[] = { bytes };
        struct job *j = take_pages(x, s, at, bytes);
        j->seq = s;
        *tail = j;
        tail = &j->next;
        store_read(x->store, &keys[at / block], s->ids.v + at, dst, j);
    }
}

void shelf_admitted(struct shelf *x, struct batch_seq *s)
{
    size_t block = store_block_tokens(x->store);
    struct store_key *keys = block_keys(x, s->ids.v, s->n_target - 1);
    size_t n = known_to(x, keys, s->n_done, s->n_target);
    if (n > s->n_done)
        read_blocks(x, s, keys, s->n_done / block * block, n);
    mem_free(keys);
}

size_t shelf_probe(struct shelf *x, const int32_t *ids, size_t n, size_t from)
{
    struct store_key *keys = block_keys(x, ids, n - 1);
    size_t end = known_to(x, keys, from, n);
    mem_free(keys);
    return end - MIN(from, end);
}

void shelf_save(struct shelf *x, const struct batch_seq *s)
{
    size_t block = store_block_tokens(x->store);
    if (s->n_done < SHELF_MIN_BLOCKS * block)
        return;
    struct store_key *keys = block_keys(x, s->ids.v, s->n_done);
    for (size_t at = 0; at + block <= s->n_done; at += block) {
        const struct store_key *key = &keys[at / block];
        if (store_has(x->store, key))
            continue;
        uint8_t *bytes[STORE_BLOCK_PAGES], *const *src[] = { bytes };
        struct job *j = take_pages(x, s, at, bytes);
        if (store_write(x->store, key, at ? key - 1 : NULL, s->ids.v + at, src, j))
            x->n_write++;
        else
            drop(x, j);
    }
    mem_free(keys);
}

/* What the finished reads of s, in order, come to; once none is missing in between it goes on. */
static void finish_reads(struct shelf *x, struct batch_seq *s, shelf_read_fn *on_read, void *arg)
{
    size_t end = SIZE_MAX, first = SIZE_MAX;
    for (struct job *j = x->reads; j; j = j->next) {
        if (j->seq != s)
            continue;
        if (!j->done)
            return;
        if (first == SIZE_MAX)
            end = first = j->at;
        if (j->ok && j->at == end)
            end += j->n;
    }
    for (struct job **at = &x->reads; *at;) {
        struct job *j = *at;
        if (j->seq != s) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        drop(x, j);
    }
    size_t before = s->n_done;
    batch_loaded(x->batch, s, end);
    batch_set_loading(s, false);
    if (on_read)
        on_read(arg, s, end > before ? end - before : 0);
}

void shelf_poll(struct shelf *x, shelf_read_fn *on_read, void *arg)
{
    struct store_done d;
    while (store_poll(x->store, &d)) {
        struct job *j = d.tag;
        if (d.write) {
            x->n_write--;
            drop(x, j);
            continue;
        }
        j->done = true;
        j->ok = d.ok;
        finish_reads(x, j->seq, on_read, arg);
    }
}

static bool is_reading(const struct shelf *x, const struct batch_seq *s)
{
    for (const struct job *j = x->reads; j; j = j->next)
        if (j->seq == s)
            return true;
    return false;
}

void shelf_forget(struct shelf *x, struct batch_seq *s)
{
    while (is_reading(x, s)) {
        store_drain(x->store);
        shelf_poll(x, NULL, NULL);
    }
}

void shelf_drain(struct shelf *x)
{
    store_drain(x->store);
    shelf_poll(x, NULL, NULL);
}

void shelf_clear(struct shelf *x)
{
    store_clear(x->store);
}

struct store_stats shelf_stats(struct shelf *x)
{
    return store_stats(x->store);
}

void shelf_free(struct shelf *x)
{
    if (!x)
        return;
    while (x->reads || x->n_write) {
        store_drain(x->store);
        shelf_poll(x, NULL, NULL);
    }
    store_close(x->store);
    mem_free(x);
}
