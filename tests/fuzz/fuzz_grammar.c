/* fuzz_grammar.c - regular expressions and EBNF: compiled or refused within the limits, and what is compiled runs.
 *
 * The first byte chooses the notation: e EBNF, r a regular expression, s and j one that is searched for, plain and as JSON.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "text/grammar/grammar_build.h"
#include "text/grammar/grammar_core.h"
#include "text/grammar/gstore.h"

enum { STEPS = 200, CPU_MS_MAX = 2000 };

static void check(bool ok)
{
    if (!ok)
        abort();
}

static int compile(struct grammar **g, char kind, struct str text, struct err *e)
{
    if (kind == 'e')
        return grammar_ebnf(g, text, e);
    if (kind == 'r')
        return grammar_regex(g, text, e);
    struct grammar_build *b = grammar_build_new(NULL);
    int code = grammar_build_finish(b, grammar_build_search(b, text, kind == 'j'), g, e);
    grammar_build_free(b);
    return code;
}

/* Takes some bytes that are allowed. Every state that is not dead goes on or may end. */
static void run(const struct grammar *g)
{
    struct gstore *s = gstore_new(&g->def, 1, 64 << 20);
    check(s != NULL);
    uint32_t state = s->start, seed = 1;
    for (int i = 0; i < STEPS && !gstore_full(s); i++) {
        const struct gstate *x = &s->states[state];
        bool goes_on = x->live[0] | x->live[1] | x->live[2] | x->live[3];
        check(goes_on || x->may_end);
        if (!goes_on)
            break;
        seed = seed * 1664525 + 1013904223;
        uint8_t byte = (uint8_t)(seed >> 24);
        while (!(x->live[byte / 64] >> (byte % 64) & 1))
            byte++;
        state = gstore_next(s, state, byte);
        check(state != GSTATE_DEAD || s->failed);
    }
    gstore_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;
    struct grammar *g;
    if (!size)
        return 0;
    int64_t t0 = clock_thread_ns();
    int code = compile(&g, (char)data[0], (struct str){ (const char *)data + 1, size - 1 }, &e);
    check(clock_thread_ns() - t0 < CPU_MS_MAX * INT64_C(1000000)); /* 100 ms are the limit; sanitizers are slow */
    check(code ? !g && e.msg[0] && code < 0 : g != NULL);
    if (!code)
        run(g);
    grammar_release(g);
    return 0;
}
