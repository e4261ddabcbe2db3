/* accepts.c - whether a grammar derives a text.
 * SPDX-License-Identifier: MIT */
#include "support/accepts.h"

#include <stdlib.h>

#include "text/grammar/grammar_core.h"
#include "text/grammar/gstore.h"

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

static bool live(const struct gstate *x, int byte)
{
    return x->live[byte / 64] >> (byte % 64) & 1;
}

/* The byte that brings a JSON text nearest to its end, -1: none is allowed. */
static int closing(const struct gstate *x, bool in_string)
{
    static const char outside[] = "]}";
    if (in_string)
        return live(x, '"') ? '"' : -1;
    for (int i = 0; outside[i]; i++)
        if (live(x, outside[i]))
            return outside[i];
    return -1;
}

static int draw(const struct gstate *x, struct rng *r)
{
    int v[256], n = 0;
    for (int byte = 0; byte < 256; byte++)
        if (live(x, byte))
            v[n++] = byte;
    return n ? v[rng_below(r, (uint32_t)n)] : -1;
}

/* Whether the text ends inside a JSON string. */
static bool in_string(struct str text)
{
    bool in = false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            in = !in;
        else if (in && text.p[i] == '\\')
            i++;
    }
    return in;
}

bool accepts_walk(const struct grammar *g, struct rng *r, size_t hurry, size_t cut, struct buf *text)
{
    struct gstore *s = open_store(g);
    uint32_t at = s->start;
    bool ended = false;
    for (size_t i = 0; i < cut && !ended && at != GSTATE_DEAD; i++) {
        int byte = i >= hurry ? closing(&s->states[at], in_string(buf_view(text))) : -1;
        byte = byte < 0 ? draw(&s->states[at], r) : byte;
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
