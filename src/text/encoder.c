/* encoder.c - text to token ids.
 * SPDX-License-Identifier: MIT */
#include "text/encoder.h"

#include <stdint.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "text/memo.h"

/* One call. */
struct run {
    const struct encoder *c; /* borrowed */
    struct ids *out;         /* borrowed */
    struct pretok_run pretok;
    struct bpe_work bpe;
    struct memo memo;
};

static int on_piece(void *arg, struct str piece, struct err *e)
{
    struct run *r = arg;
    struct memo_place *place = memo_place(&r->memo, piece);
    if (place && memo_holds(place, piece)) {
        ids_append(r->out, place->id, place->n_id);
        return 0;
    }
    size_t start = r->out->n;
    int rc = bpe_encode(&r->c->bpe, &r->bpe, piece, r->out, e);
    if (!rc && place)
        memo_store(place, piece, r->out->v + start, r->out->n - start);
    return rc;
}

/* A normalised segment: its added tokens with `normalized`, and the pieces of what lies between. */
static int encode_normal(struct run *r, struct str text, const struct marked_span *spans, size_t n_span, bool added,
                         struct err *e)
{
    struct added_scan scan = {
        .trie = &r->c->normal, .token = r->c->added, .text = text, .spans = spans, .n_span = n_span
    };
    struct added_match m;
    size_t done = 0;
    int rc = 0;
    while (!rc && added && added_next(&scan, &m)) {
        rc = pretok_cut(&r->pretok, str_sub(text, done, m.from), e);
        ids_add(r->out, r->c->added[m.token].id);
        done = m.to;
    }
    return rc ? rc : pretok_cut(&r->pretok, str_sub(text, done, text.n), e);
}

/* Bytes [from, to) of the text, which hold no added token without `normalized`. */
static int encode_segment(struct run *r, struct str text, size_t from, size_t to, const struct marked_span *spans,
                          size_t n_span, bool added, struct err *e)
{
    if (from >= to)
        return 0;
    struct str s = str_sub(text, from, to);
    /* Spans count from the start of the text; only where they matter is the segment copied for spans of its own. */
    bool guarded = added && r->c->normal.n && n_span;
    if (!guarded && normalise_is_normal(&r->c->normalise, s))
        return encode_normal(r, s, NULL, 0, added, e);
    struct marked normal = { .text = BUF_INIT(SIZE_MAX / 2) };
    int rc = normalise_run(&r->c->normalise, s, from, (struct normalise_spans){ spans, n_span }, &normal, e);
    if (!rc)
        rc = encode_normal(r, buf_view(&normal.text), normal.spans, normal.n_span, added, e);
    marked_deinit(&normal);
    return rc;
}

static int encode(struct run *r, struct str text, const struct marked_span *spans, size_t n_span, bool added,
                  struct err *e)
{
    struct added_scan scan = {
        .trie = &r->c->raw, .token = r->c->added, .text = text, .spans = spans, .n_span = n_span
    };
    struct added_match m;
    size_t done = 0;
    int rc = 0;
    while (!rc && added && added_next(&scan, &m)) {
        rc = encode_segment(r, text, done, m.from, spans, n_span, added, e);
        ids_add(r->out, r->c->added[m.token].id);
        done = m.to;
    }
    return rc ? rc : encode_segment(r, text, done, text.n, spans, n_span, added, e);
}

/* The text with wrong UTF-8 replaced, part by part, so that a wrong byte at the edge of a value stays on its side. */
static int clean(struct str text, const struct marked_span *spans, size_t n_span, struct marked *out, struct err *e)
{
    struct buf part = BUF_INIT(SIZE_MAX / 2);
    size_t at = 0;
    int rc = 0;
    for (size_t i = 0; i <= n_span && !rc; i++) {
        size_t from = i < n_span ? spans[i].from : text.n, to = i < n_span ? spans[i].to : text.n;
        buf_reset(&part);
        utf8_clean(&part, str_sub(text, at, from));
        marked_add(out, buf_view(&part), false);
        rc = buf_check(&part, "a text", e);
        buf_reset(&part);
        utf8_clean(&part, str_sub(text, from, to));
        marked_add(out, buf_view(&part), true);
        if (!rc)
            rc = buf_check(&part, "a text", e);
        at = to;
    }
    buf_deinit(&part);
    return rc ? rc : buf_check(&out->text, "a text", e);
}

int encoder_encode(const struct encoder *c, struct str text, const struct marked_span *spans, size_t n_span, bool added,
                   struct ids *out, struct err *e)
{
    if (text.n > INT32_MAX)
        return err_set(e, ERR_LIMIT, "a text of %zu bytes, more than can be encoded", text.n);
    size_t start = out->n;
    struct marked cleaned = { .text = BUF_INIT(SIZE_MAX / 2) };
    struct run r = { .c = c, .out = out, .pretok = { .pretok = &c->pretok, .fn = on_piece } };
    r.pretok.arg = &r;
    memo_init(&r.memo, text.n);
    int rc = 0;
    if (utf8_valid(text)) {
        rc = encode(&r, text, spans, n_span, added, e);
    } else {
        rc = clean(text, spans, n_span, &cleaned, e);
        if (!rc)
            rc = encode(&r, buf_view(&cleaned.text), cleaned.spans, cleaned.n_span, added, e);
    }
    if (rc)
        out->n = start;
    marked_deinit(&cleaned);
    memo_deinit(&r.memo);
    bpe_work_deinit(&r.bpe);
    pretok_run_deinit(&r.pretok);
    return rc;
}

void encoder_deinit(struct encoder *c)
{
    for (size_t i = 0; i < c->n_added; i++)
        mem_free((char *)c->added[i].content.p);
    mem_free(c->added);
    added_trie_deinit(&c->raw);
    added_trie_deinit(&c->normal);
    pretok_deinit(&c->pretok);
    bpe_deinit(&c->bpe);
    *c = (struct encoder){ 0 };
}
