/* items.c - two generations of items, each with an index by key and id.
 * SPDX-License-Identifier: MIT */
#include "api/items.h"

#include <pthread.h>
#include <stdint.h>

#include "base/map.h"
#include "base/mem.h"

enum { OVERHEAD = 200 }; /* bytes of an item beside its text: index, key, allocation */

struct age {
    struct map index; /* API key and id: a place in v */
    struct str *v;    /* owned, with the texts */
    size_t n, cap, bytes;
};

struct items {
    size_t max_bytes; /* of one generation */
    pthread_mutex_t mu;
    struct age young, old; /* guarded by mu */
};

struct items *items_new(size_t max_bytes)
{
    struct items *t = xcalloc(1, sizeof *t);
    t->max_bytes = max_bytes / 2;
    pthread_mutex_init(&t->mu, NULL);
    return t;
}

static void forget(struct age *g)
{
    for (size_t i = 0; i < g->n; i++)
        mem_free((void *)(uintptr_t)g->v[i].p);
    mem_free(g->v);
    map_deinit(&g->index);
    *g = (struct age){ 0 };
}

void items_free(struct items *t)
{
    if (!t)
        return;
    forget(&t->young);
    forget(&t->old);
    pthread_mutex_destroy(&t->mu);
    mem_free(t);
}

static void make_key(struct buf *key, struct str key_id, struct str id)
{
    buf_str(key, key_id);
    buf_char(key, '\n');
    buf_str(key, id);
}

static void add(struct items *t, struct str key, struct str json)
{
    size_t bytes = key.n + json.n + OVERHEAD;
    if (bytes > t->max_bytes)
        return;
    if (t->young.bytes + bytes > t->max_bytes) {
        forget(&t->old);
        t->old = t->young;
        t->young = (struct age){ 0 };
    }
    struct age *g = &t->young;
    if (map_set(&g->index, key, (uint32_t)g->n) < 0)
        return;
    if (g->n == g->cap) {
        g->cap = g->cap ? 2 * g->cap : 64;
        g->v = xrealloc(g->v, g->cap * sizeof *g->v);
    }
    g->v[g->n++] = (struct str){ xstrndup(json.p, json.n), json.n };
    g->bytes += bytes;
}

void items_put(struct items *t, struct str key_id, struct str id, struct str json)
{
    struct buf key = { 0 };
    make_key(&key, key_id, id);
    pthread_mutex_lock(&t->mu);
    add(t, buf_view(&key), json);
    pthread_mutex_unlock(&t->mu);
    buf_deinit(&key);
}

bool items_get(struct items *t, struct str key_id, struct str id, struct buf *out)
{
    struct buf key = { 0 };
    uint32_t i;
    make_key(&key, key_id, id);
    pthread_mutex_lock(&t->mu);
    bool young = map_get(&t->young.index, buf_view(&key), &i),
         old = !young && map_get(&t->old.index, buf_view(&key), &i);
    if (young)
        buf_str(out, t->young.v[i]);
    if (old) {
        buf_str(out, t->old.v[i]);
        /* Asked for again, it stays; `out` has it even if this makes the old ones go. */
        struct str again = str_sub(buf_view(out), out->n - t->old.v[i].n, out->n);
        add(t, buf_view(&key), again);
    }
    pthread_mutex_unlock(&t->mu);
    buf_deinit(&key);
    return young || old;
}
