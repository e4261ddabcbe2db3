/* stop.c - stop strings in a text that arrives in pieces: one Knuth-Morris-Pratt automaton for each string.
 *
 * After every byte an automaton's state is the length of the longest beginning of its string that the text ends with. The
 * largest state of all is thus how much must be held back.
 * SPDX-License-Identifier: MIT */
#include "engine/stop.h"

#include "base/base.h"
#include "base/mem.h"

struct stop_string {
    char *text; /* owned */
    size_t n;
    size_t *back; /* owned; [n + 1]: longest proper beginning of the first i bytes that they also end with */
    size_t state; /* bytes of text that the input ends with */
};

/* The state after byte c. */
static size_t advance(const struct stop_string *w, size_t state, char c)
{
    while (state && (state == w->n || w->text[state] != c))
        state = w->back[state];
    return w->text[state] == c ? state + 1 : 0;
}

static void string_init(struct stop_string *w, struct str s)
{
    w->text = xstrndup(s.p, s.n);
    w->n = s.n;
    w->state = 0;
    w->back = xcalloc(s.n + 1, sizeof *w->back);
    for (size_t i = 1; i < s.n; i++)
        w->back[i + 1] = advance(w, w->back[i], s.p[i]);
}

int stop_init(struct stop *s, const struct str *strings, size_t n, struct err *e)
{
    *s = (struct stop){ .hit = -1 };
    if (n > STOP_MAX_STRINGS)
        return err_set(e, ERR_LIMIT, "%zu stop strings: at most %d are possible", n, STOP_MAX_STRINGS);
    for (size_t i = 0; i < n; i++) {
        if (!strings[i].n)
            return err_set(e, ERR_ARG, "stop string %zu is empty", i + 1);
        if (strings[i].n > STOP_MAX_BYTES)
            return err_set(e, ERR_LIMIT, "stop string %zu has %zu bytes: at most %d are possible", i + 1, strings[i].n,
                           STOP_MAX_BYTES);
    }
    s->v = xcalloc(MAX(n, 1), sizeof *s->v);
    s->n = n;
    for (size_t i = 0; i < n; i++)
        string_init(&s->v[i], strings[i]);
    return 0;
}

void stop_deinit(struct stop *s)
{
    for (size_t i = 0; i < s->n; i++) {
        mem_free(s->v[i].text);
        mem_free(s->v[i].back);
    }
    mem_free(s->v);
    buf_deinit(&s->held);
    *s = (struct stop){ .hit = -1 };
}

/* One byte on. Returns how much of the text must be held back; sets s->hit if a string is complete. */
static size_t step(struct stop *s, char c)
{
    size_t hold = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct stop_string *w = &s->v[i];
        w->state = advance(w, w->state, c);
        hold = MAX(hold, w->state);
        if (w->state == w->n && (s->hit < 0 || w->n > s->v[s->hit].n))
            s->hit = (int)i;
    }
    return hold;
}

bool stop_push(struct stop *s, struct str piece, struct buf *out)
{
    if (!s->n)
        buf_str(out, piece);
    for (size_t i = 0; s->n && i < piece.n; i++) {
        buf_char(&s->held, piece.p[i]);
        size_t hold = step(s, piece.p[i]);
        if (s->hit >= 0)
            hold = s->v[s->hit].n;
        if (hold < s->held.n) {
            buf_add(out, s->held.p, s->held.n - hold);
            buf_drop(&s->held, s->held.n - hold);
        }
        if (s->hit >= 0)
            return true;
    }
    return false;
}

void stop_flush(struct stop *s, struct buf *out)
{
    buf_str(out, buf_view(&s->held));
    buf_reset(&s->held);
    for (size_t i = 0; i < s->n; i++)
        s->v[i].state = 0;
}
