/* grammar_try.c - see grammar_try.h.
 * SPDX-License-Identifier: MIT */
#include "support/grammar_try.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "text/grammar/token_trie.h"

struct tokenizer *try_tok;
struct token_trie *try_trie;
int32_t try_eos;

int try_setup(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(tokenizer_open(&try_tok, "models/octet-mini", &e), 0);
    try_eos = tokenizer_find_added(try_tok, STR("<|im_end|>"));
    assert_true(try_eos >= 0);
    assert_int_equal(token_trie_new(&try_trie, try_tok, &try_eos, 1, &e), 0);
    return 0;
}

int try_teardown(void **state)
{
    (void)state;
    token_trie_free(try_trie);
    tokenizer_close(try_tok);
    return 0;
}

struct matcher *try_matcher(struct grammar *g)
{
    struct err e = ERR_INIT;
    struct matcher *m;
    assert_int_equal(matcher_new(&m, g, try_trie, &e), 0);
    return m;
}

static bool allowed(const uint32_t *mask, int32_t id)
{
    return !mask || (mask[id / 32] >> (id % 32) & 1);
}

size_t try_mask(struct matcher *m)
{
    const uint32_t *mask = matcher_mask(m);
    size_t n = 0;
    int32_t one = -1;
    uint32_t *copy = mask ? xmalloc(matcher_words((size_t)tokenizer_size(try_tok)) * sizeof *copy) : NULL;
    if (copy)
        memcpy(copy, mask, matcher_words((size_t)tokenizer_size(try_tok)) * sizeof *copy);
    for (int32_t id = 0; id < tokenizer_size(try_tok); id++) {
        bool yes = matcher_accept(m, id);
        if (yes) {
            matcher_rollback(m, 1);
            one = id;
            n++;
        }
        if (yes != allowed(copy, id))
            fail_msg("token %d \"%.*s\": accepted %d, in the mask %d", id, (int)tokenizer_bytes(try_tok, id).n,
                     tokenizer_bytes(try_tok, id).p, yes, !yes);
    }
    mem_free(copy);
    assert_true(n > 0);
    assert_int_equal(matcher_forced(m), n == 1 ? one : -1);
    return n;
}

bool try_walk(struct matcher *m, struct rng *r, size_t hurry, size_t cut, bool check, struct buf *text)
{
    for (size_t i = 0; i < cut; i++) {
        if (check)
            try_mask(m);
        if (matcher_must_end(m) || (matcher_may_end(m) && (i >= hurry || rng_below(r, 4) == 0))) {
            assert_true(matcher_may_end(m));
            assert_true(matcher_accept(m, try_eos));
            assert_true(matcher_must_end(m));
            return true;
        }
        const uint32_t *mask = matcher_mask(m);
        int32_t id;
        size_t tries = 0;
        do {
            id = (int32_t)rng_below(r, (uint32_t)tokenizer_size(try_tok));
            if (++tries > 2000) /* few are allowed: take the next one there is */
                while (!allowed(mask, id))
                    id = (id + 1) % tokenizer_size(try_tok);
        } while (!allowed(mask, id) || id == try_eos);
        if (!matcher_accept(m, id))
            fail_msg("token %d \"%.*s\" is in the mask and not accepted", id, (int)tokenizer_bytes(try_tok, id).n,
                     tokenizer_bytes(try_tok, id).p);
        buf_str(text, tokenizer_bytes(try_tok, id));
    }
    return false;
}

/* The token of one byte; -1: there is none. */
static int32_t byte_token(uint8_t byte)
{
    static int32_t of[256];
    static bool known;
    for (int32_t id = 0; id < tokenizer_size(try_tok) && !known; id++) {
        struct str s = tokenizer_bytes(try_tok, id);
        if (s.n == 1)
            of[(uint8_t)s.p[0]] = id + 1;
    }
    known = true;
    return of[byte] - 1;
}

static bool takes_ids(struct grammar *g, const int32_t *ids, size_t n)
{
    struct matcher *m = try_matcher(g);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        ok = allowed(matcher_mask(m), ids[i]);
        assert_int_equal(ok, matcher_accept(m, ids[i]));
    }
    ok = ok && matcher_may_end(m);
    matcher_free(m);
    return ok;
}

bool try_takes(struct grammar *g, struct str text)
{
    struct err e = ERR_INIT;
    struct ids ids = { 0 };
    bool valid = true;
    assert_int_equal(tokenizer_encode(try_tok, text, TOKENIZER_ADDED_NONE, &ids, &e), 0);
    size_t whole = ids.n;
    for (size_t i = 0; i < text.n && valid; i++) {
        valid = byte_token((uint8_t)text.p[i]) >= 0;
        ids_add(&ids, byte_token((uint8_t)text.p[i]));
    }
    assert_true(valid);
    bool ok = takes_ids(g, ids.v + whole, ids.n - whole);
    if (utf8_valid(text)) /* else the tokenizer changes it */
        assert_int_equal(takes_ids(g, ids.v, whole), ok);
    ids_deinit(&ids);
    return ok;
}
