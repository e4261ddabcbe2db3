/* grammar.c - a compiled grammar: its definition, counted, and the store of states that its matchers share.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/grammar_core.h"

#include "base/mem.h"
#include "text/grammar/token_trie.h"

enum { STORE_BYTES = 96 << 20 };

int grammar_new(struct grammar **out, struct gdef *d, struct err *e)
{
    struct grammar *g = xcalloc(1, sizeof *g);
    *out = NULL;
    if (pthread_mutex_init(&g->lock, NULL)) {
        mem_free(g);
        return err_set(e, ERR_NOMEM, "no memory for a lock");
    }
    atomic_init(&g->refs, 1);
    g->store_bytes = STORE_BYTES;
    g->def = *d;
    *d = (struct gdef){ 0 };
    *out = g;
    return 0;
}

struct grammar *grammar_hold(struct grammar *g)
{
    atomic_fetch_add(&g->refs, 1);
    return g;
}

void grammar_release(struct grammar *g)
{
    if (!g || atomic_fetch_sub(&g->refs, 1) != 1)
        return;
    gstore_free(g->store);
    pthread_mutex_destroy(&g->lock);
    gdef_deinit(&g->def);
    mem_free(g);
}

static void drop(struct gstore *s)
{
    if (s && --s->refs == 0)
        gstore_free(s);
}

struct gstore *grammar_store(struct grammar *g, const struct token_trie *t)
{
    pthread_mutex_lock(&g->lock);
    struct gstore *s = g->store;
    if (!s || s->trie != token_trie_serial(t) || gstore_full(s)) {
        s = gstore_new(&g->def, token_trie_serial(t), g->store_bytes);
        if (s) {
            s->refs = 1;
            drop(g->store);
            g->store = s;
        }
    }
    if (s)
        s->refs++;
    pthread_mutex_unlock(&g->lock);
    return s;
}

void grammar_drop(struct grammar *g, struct gstore *s)
{
    pthread_mutex_lock(&g->lock);
    drop(s);
    pthread_mutex_unlock(&g->lock);
}
