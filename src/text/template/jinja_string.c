/* jinja_string.c - windows into shared bytes, spans of value bytes, and the builder of new strings.
 *
 * Spans are kept per store and looked up by binary search, clipped to the string's window. A span may therefore grow at the end of
 * its store (jstring_concat) without changing what the older strings see.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_string.h"

#include <string.h>

#include "base/base.h"
#include "base/utf8.h"
#include "text/template/jinja_unicode.h"

struct jstring *jstring_new(struct jrun *r, struct str s, enum jmark mark)
{
    struct jstring *v = jrun_spend(r, 1 + s.n / JRUN_COPY_BYTES) == 0 ? jrun_alloc(r, 1, sizeof *v) : NULL;
    if (!v)
        return NULL;
    *v = (struct jstring){ .p = s.p ? s.p : "", .n = s.n, .mark = (uint8_t)mark, .n_chars = SIZE_MAX };
    return v;
}

uint32_t jstring_hash_bytes(struct str s)
{
    uint32_t h = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619U;
    return h ? h : 1;
}

uint32_t jstring_hash(const struct jstring *s)
{
    if (s->hash == 0)
        ((struct jstring *)s)->hash = jstring_hash_bytes(jstring_str(s));
    return s->hash;
}

enum { SKIP_BYTES = 64 /* counted at once where an offset is looked for */ };

/* Characters in valid UTF-8: every byte but those that continue one. */
static size_t count_chars(const char *p, size_t n)
{
    size_t chars = 0;
    for (size_t i = 0; i < n; i++)
        chars += ((unsigned char)p[i] & 0xc0) != 0x80;
    return chars;
}

size_t jstring_len(const struct jstring *s)
{
    if (s->n_chars == SIZE_MAX)
        ((struct jstring *)s)->n_chars = count_chars(s->p, s->n);
    return s->n_chars;
}

void jstring_freeze(struct jstring *s)
{
    jstring_hash(s);
    jstring_len(s);
}

bool jstring_eq(const struct jstring *a, const struct jstring *b)
{
    return a == b || (a->n == b->n && (a->p == b->p || memcmp(a->p, b->p, a->n) == 0));
}

size_t jstring_offset(struct jrun *r, const struct jstring *s, size_t i)
{
    if (jstring_len(s) == s->n)
        return i;
    size_t at = 0;
    if (jrun_spend_scan(r, MIN(i, s->n)) != 0)
        return 0;
    for (; i >= SKIP_BYTES && s->n - at >= SKIP_BYTES;
         at += SKIP_BYTES) /* whole runs, which may end inside a character */
        i -= count_chars(s->p + at, SKIP_BYTES);
    while (at < s->n && ((unsigned char)s->p[at] & 0xc0) == 0x80)
        at++;
    while (i > 0 && at < s->n) {
        junicode_next(jstring_str(s), &at);
        i--;
    }
    return at;
}

size_t jstring_chars_before(struct jrun *r, const struct jstring *s, size_t n_bytes)
{
    if (jstring_len(s) == s->n || jrun_spend_copy(r, n_bytes) != 0)
        return n_bytes;
    return count_chars(s->p, n_bytes);
}

/* First span of the store that ends behind byte `at` of the store. */
static size_t span_behind(const struct jstore *st, size_t at)
{
    size_t lo = 0, hi = st->n_span;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (st->spans[mid].to <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* What the window [from, to) of a store consists of. */
static enum jmark window_mark(const struct jstore *st, size_t from, size_t to)
{
    size_t i = span_behind(st, from);
    if (i == st->n_span || st->spans[i].from >= to)
        return JMARK_TEMPLATE;
    return st->spans[i].from <= from && st->spans[i].to >= to ? JMARK_VALUE : JMARK_MIXED;
}

static struct jstring *window(struct jrun *r, struct jstore *st, size_t from, size_t to)
{
    struct jstring *v = jrun_alloc(r, 1, sizeof *v);
    if (!v)
        return NULL;
    *v = (struct jstring){ .p = st->p ? st->p + from : "", .n = to - from, .store = st, .n_chars = SIZE_MAX };
    v->mark = (uint8_t)window_mark(st, from, to);
    return v;
}

const struct jstring *jstring_sub(struct jrun *r, const struct jstring *s, size_t from_bytes, size_t to_bytes)
{
    if (from_bytes == 0 && to_bytes == s->n)
        return s;
    struct jstring *v;
    if (s->store && s->mark == JMARK_MIXED) {
        size_t base = (size_t)(s->p - s->store->p);
        if (jrun_spend(r, 1 + (to_bytes - from_bytes) / JRUN_COPY_BYTES) != 0)
            return NULL;
        v = window(r, s->store, base + from_bytes, base + to_bytes);
    } else {
        v = jstring_new(r, str_sub(jstring_str(s), from_bytes, to_bytes), s->mark);
        if (v)
            v->store = s->store;
    }
    if (!v)
        return NULL;
    v->markup = s->markup;
    if (s->n_chars == s->n)
        v->n_chars = v->n;
    return v;
}

const struct jstring *jstring_with_markup(struct jrun *r, const struct jstring *s, bool markup)
{
    if (s->markup == markup)
        return s;
    struct jstring *v = jrun_alloc(r, 1, sizeof *v);
    if (!v)
        return NULL;
    *v = *s;
    v->markup = markup;
    return v;
}

bool jstring_piece(const struct jstring *s, struct jpiece *piece)
{
    if (piece->next >= s->n)
        return false;
    size_t from = piece->next, to = s->n;
    if (s->mark != JMARK_MIXED) {
        piece->value = s->mark == JMARK_VALUE;
    } else {
        const struct jstore *st = s->store;
        size_t base = (size_t)(s->p - st->p);
        if (piece->span == 0)
            piece->span = 1 + span_behind(st, base + from);
        size_t i = piece->span - 1;
        piece->value = i < st->n_span && st->spans[i].from <= base + from;
        if (piece->value) {
            to = MIN(to, st->spans[i].to - base);
            piece->span++;
        } else if (i < st->n_span) {
            to = MIN(to, st->spans[i].from - base);
        }
    }
    piece->s = (struct str){ s->p + from, to - from };
    piece->next = to;
    return true;
}

bool jstring_value_at(const struct jstring *s, size_t i_bytes)
{
    if (s->mark != JMARK_MIXED)
        return s->mark == JMARK_VALUE;
    size_t at = (size_t)(s->p - s->store->p) + i_bytes;
    size_t i = span_behind(s->store, at);
    return i < s->store->n_span && s->store->spans[i].from <= at;
}

/* Room for n more bytes. */
static int store_reserve(struct jrun *r, struct jstore *st, size_t n)
{
    if (n <= st->cap - st->n)
        return 0;
    size_t limit = r->limits.output_bytes;
    if (n > limit || st->n > limit - n)
        return jrun_fail(r, ERR_LIMIT, "a string of more than %zu bytes (limit on output)", limit);
    size_t need = st->n + n;
    size_t cap = need + need / 2 + 32;
    char *p = jrun_bytes(r, cap);
    if (!p)
        return r->code;
    if (st->n > 0)
        memcpy(p, st->p, st->n);
    st->p = p;
    st->cap = cap;
    return 0;
}

static int store_mark(struct jrun *r, struct jstore *st, size_t from, size_t to)
{
    if (st->n_span > 0 && st->spans[st->n_span - 1].to == from) {
        st->spans[st->n_span - 1].to = to;
        return 0;
    }
    if (st->n_span == st->cap_span) {
        size_t cap = st->cap_span ? 2 * st->cap_span : 4;
        struct marked_span *v = jrun_alloc(r, cap, sizeof *v);
        if (!v)
            return r->code;
        if (st->n_span > 0)
            memcpy(v, st->spans, st->n_span * sizeof *v);
        st->spans = v;
        st->cap_span = cap;
    }
    st->spans[st->n_span++] = (struct marked_span){ from, to };
    return 0;
}

static void store_add(struct jrun *r, struct jstore *st, struct str s, bool value)
{
    if (s.n == 0 || jrun_spend(r, 1 + s.n / JRUN_COPY_BYTES) != 0 || store_reserve(r, st, s.n) != 0)
        return;
    if (value && store_mark(r, st, st->n, st->n + s.n) != 0)
        return;
    memcpy(st->p + st->n, s.p, s.n);
    st->n += s.n;
}

static void store_add_string(struct jrun *r, struct jstore *st, const struct jstring *s)
{
    struct jpiece piece = { .next = 0 };
    while (r->code == 0 && jstring_piece(s, &piece))
        store_add(r, st, piece.s, piece.value);
}

const struct jstring *jstring_concat(struct jrun *r, const struct jstring *a, const struct jstring *b)
{
    if (b->n == 0)
        return a;
    if (a->n == 0)
        return b;
    struct jstore *st = a->store;
    size_t from = st ? (size_t)(a->p - st->p) : 0;
    bool in_place = st && from + a->n == st->n && b->n <= st->cap - st->n && a->n + b->n <= r->limits.output_bytes;
    if (!in_place) {
        st = jrun_alloc(r, 1, sizeof *st);
        if (!st || store_reserve(r, st, a->n + b->n) != 0)
            return NULL;
        store_add_string(r, st, a);
        from = 0;
    }
    store_add_string(r, st, b);
    struct jstring *v = r->code == 0 ? window(r, st, from, st->n) : NULL;
    if (v) /* counted now: a string that grows bit by bit is not paid for as a whole each time */
        v->n_chars = jstring_len(a) + jstring_len(b);
    return v;
}

void jbuild_init(struct jbuild *b, struct jrun *r, size_t expected_bytes)
{
    b->r = r;
    b->store = jrun_alloc(r, 1, sizeof *b->store);
    if (b->store && expected_bytes > 0 && expected_bytes <= r->limits.output_bytes) {
        char *p = jrun_bytes(r, expected_bytes);
        if (p) {
            b->store->p = p;
            b->store->cap = expected_bytes;
        }
    }
}

void jbuild_bytes(struct jbuild *b, struct str s, bool value)
{
    if (b->r->code == 0)
        store_add(b->r, b->store, s, value);
}

void jbuild_z(struct jbuild *b, const char *z, bool value)
{
    jbuild_bytes(b, str_from(z), value);
}

void jbuild_char(struct jbuild *b, uint32_t c, bool value)
{
    char out[UTF8_MAX];
    int n = utf8_encode(out, c);
    jbuild_bytes(b, (struct str){ out, (size_t)n }, value);
}

void jbuild_string(struct jbuild *b, const struct jstring *s)
{
    if (b->r->code == 0)
        store_add_string(b->r, b->store, s);
}

void jbuild_repeat(struct jbuild *b, const struct jstring *s, size_t n)
{
    struct jrun *r = b->r;
    if (r->code != 0 || n == 0 || s->n == 0)
        return;
    if (n > r->limits.output_bytes / s->n) {
        jrun_fail(r, ERR_LIMIT, "a string of more than %zu bytes (limit on output)", r->limits.output_bytes);
        return;
    }
    if (s->mark == JMARK_MIXED) {
        for (size_t i = 0; i < n && r->code == 0 && jrun_spend(r, 1) == 0; i++)
            store_add_string(r, b->store, s);
        return;
    }
    size_t all = n * s->n, from = b->store->n, done = s->n;
    if (jrun_spend_copy(r, all) != 0 || store_reserve(r, b->store, all) != 0)
        return;
    if (s->mark == JMARK_VALUE && store_mark(r, b->store, from, from + all) != 0)
        return;
    char *p = b->store->p + from;
    memcpy(p, s->p, s->n);
    for (; done < all; done += MIN(done, all - done))
        memcpy(p + done, p, MIN(done, all - done));
    b->store->n += all;
}

void jbuild_fill(struct jbuild *b, uint32_t c, size_t n, bool value)
{
    char out[UTF8_MAX];
    const struct jstring one = { .p = out,
                                 .n = (size_t)utf8_encode(out, c),
                                 .mark = value ? JMARK_VALUE : JMARK_TEMPLATE };
    jbuild_repeat(b, &one, n);
}

void jbuild_sub(struct jbuild *b, const struct jstring *s, size_t from_bytes, size_t to_bytes)
{
    if (b->r->code != 0 || from_bytes >= to_bytes)
        return;
    if (s->mark != JMARK_MIXED) {
        store_add(b->r, b->store, str_sub(jstring_str(s), from_bytes, to_bytes), s->mark == JMARK_VALUE);
        return;
    }
    const struct jstring part = {
        .p = s->p + from_bytes, .n = to_bytes - from_bytes, .store = s->store, .mark = JMARK_MIXED
    };
    store_add_string(b->r, b->store, &part);
}

const struct jstring *jbuild_done(struct jbuild *b)
{
    if (b->r->code != 0)
        return NULL;
    return window(b->r, b->store, 0, b->store->n);
}
