/* detok.c - token ids to text while they arrive.
 * SPDX-License-Identifier: MIT */
#include "text/detok.h"

#include "base/str.h"
#include "base/utf8.h"

#define REPLACEMENT STR("\xef\xbf\xbd")

void detok_init(struct detok *d, const struct tokenizer *t, bool skip_special)
{
    *d = (struct detok){ .tok = t, .skip_special = skip_special };
}

/* Completes the held character with bytes from the front of *s, until nothing is held or *s is used up. */
static void complete(struct detok *d, struct str *s, struct buf *out)
{
    uint32_t cp;
    while (d->n_held && s->n) {
        d->held[d->n_held++] = (unsigned char)s->p[0];
        struct str held = { (const char *)d->held, (size_t)d->n_held };
        int n = utf8_decode(held, &cp);
        if (n == -1) {
            /* The byte does not continue what is held: that ends as one wrong part, and the byte begins something else. */
            buf_str(out, REPLACEMENT);
            d->n_held = 0;
            continue;
        }
        *s = str_sub(*s, 1, s->n);
        if (n > 0) {
            buf_str(out, held);
            d->n_held = 0;
        }
    }
}

void detok_push(struct detok *d, int32_t id, struct buf *out)
{
    if (d->skip_special && tokenizer_is_special(d->tok, id))
        return;
    struct str s = tokenizer_bytes(d->tok, id);
    complete(d, &s, out);
    size_t whole = utf8_whole(s);
    utf8_clean(out, str_sub(s, 0, whole));
    for (size_t i = whole; i < s.n; i++)
        d->held[d->n_held++] = (unsigned char)s.p[i];
}

void detok_flush(struct detok *d, struct buf *out)
{
    if (d->n_held)
        buf_str(out, REPLACEMENT);
    d->n_held = 0;
}
