/* accepts.c - whether a grammar derives a text.
 * SPDX-License-Identifier: MIT */
#include "support/accepts.h"

#include <stdlib.h>

#include "text/grammar_core.h"
#include "text/gstore.h"

enum { STORE_BYTES = 512 << 20 };

static struct gstore *open_store(const struct grammar *g)
{
    struct gstore *s = gstore_new(&g->def, 0, STORE_BYTES);
    if (!s)
        abort();
    return s;
}

bool accepts(const struct grammar *g, struct str text)
{
    struct gstore *s = open_store(g);
    uint32_t at = s->start;
    for (size_t i = 0; i < text.n && at != GSTATE_DEAD; i++)
        at = gstore_next(s, at, (uint8_t)text.p[i]);
    bool yes = at != GSTATE_DEAD && s->states[at].may_end;
    gstore_free(s);
    return yes;
}

/* Bytes that a text nears its end with: they are taken where they are allowed once it is late. */
static bool closes(int byte)
{
    return byte == '"' || byte == '}' || byte == ']';
}

static int draw(const struct gstate *x, struct rng *r, bool late)
{
    int live[256], n = 0;
    for (int byte = 0; byte < 256; byte++) {
        if (!(x->live[byte / 64] >> (byte % 64) & 1))
            continue;
        if (late && closes(byte) && rng_below(r, 4))
            return byte;
        live[n++] = byte;
    }
    return n ? live[rng_below(r, (uint32_t)n)] : -1;
}

bool accepts_walk(const struct grammar *g, struct rng *r, size_t hurry, size_t cut, struct buf *text)
{
    struct gstore *s = open_store(g);
    uint32_t at = s->start;
    bool ended = false;
    for (size_t i = 0; i < cut && !ended && at != GSTATE_DEAD; i++) {
        int byte = draw(&s->states[at], r, i >= hurry);
        if (s->states[at].may_end && (byte < 0 || i >= hurry || rng_below(r, 3) == 0)) {
            ended = true;
        } else if (byte < 0) {
            at = GSTATE_DEAD;
        } else {
            buf_char(text, (char)byte);
            at = gstore_next(s, at, (uint8_t)byte);
        }
    }
    gstore_free(s);
    return ended;
}
