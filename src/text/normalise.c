/* normalise.c - Unicode's normalisation forms.
 *
 * The text is cut into clusters: a character that never joins what precedes it, and all that may join it. A cluster is normalised
 * alone, so most of a text (ASCII, and what is its own decomposition) is only looked at, and the origin of a change is known to
 * the cluster. What Unicode 9 does not know is never part of one. Long runs of marks are sorted by counting: utf8proc's own sort takes quadratic time on them.
 * SPDX-License-Identifier: MIT */
#include "text/normalise.h"

#include <string.h>

#include <utf8proc.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode9.h"

enum {
    ASCII_END = 0x80,
    /* No character below changes, or joins what precedes it. */
    NFC_SAFE = 0x300,
    NFD_SAFE = 0xc0,
    NFK_SAFE = 0xa0,
    DECOMPOSITION_MAX = 32, /* code points; the longest has 18 */
    SHORT_RUN = 16,         /* marks that are sorted by insertion */
};

struct cluster {
    int32_t *v; /* owned */
    size_t n, cap;
};

int normalise_parse(struct normalise *n, const struct json *spec, struct err *e)
{
    static const char expected[] = "\"NFC\", \"NFD\", \"NFKC\", \"NFKD\" or \"Sequence\"";
    struct str type;
    *n = (struct normalise){ 0 };
    if (!spec)
        return 0;
    int rc = json_req_str(spec, "type", &type, e);
    if (rc)
        return rc;
    if (!str_eqz(type, "Sequence")) {
        if (!str_eqz(type, "NFC") && !str_eqz(type, "NFD") && !str_eqz(type, "NFKC") && !str_eqz(type, "NFKD"))
            return json_unsupported(spec, "type", expected, e);
        *n = (struct normalise){ .on = true, .compat = type.n == 4, .compose = type.p[type.n - 1] == 'C' };
        return 0;
    }
    const struct json *list = NULL;
    rc = json_req_array(spec, "normalizers", &list, e);
    for (size_t i = 0; i < json_len(list) && !rc; i++) {
        struct normalise one;
        const struct json *item = json_at(list, i);
        if (json_type(item) != JSON_OBJECT)
            return json_expected_at(list, i, "an object", e);
        rc = normalise_parse(&one, item, e);
        /* One form after another is the last one, of compatibility characters if any of them was. */
        if (!rc && one.on)
            *n = (struct normalise){ .on = true, .compat = n->compat || one.compat, .compose = one.compose };
    }
    return rc;
}

static uint32_t safe_below(const struct normalise *n)
{
    return n->compat ? NFK_SAFE : n->compose ? NFC_SAFE : NFD_SAFE;
}

/* May the character, or the first of its decomposition, join or be sorted before what precedes it? All that do are marks, vowels
 * and final consonants of Hangul, and compatibility forms of such; tests compare this with the whole text normalised at once. */
static bool joins(uint32_t cp)
{
    if (cp < NFC_SAFE)
        return false;
    /* U+11A7, just below the final consonants, is none, though utf8proc 2.8 would drop it behind a syllable. */
    if (cp == 0x11a7)
        return false;
    if ((cp >= 0x1160 && cp <= 0x11ff) || (cp >= 0x3130 && cp <= 0x318f) || (cp >= 0xff9e && cp <= 0xffdc))
        return true;
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return (c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC || c == UTF8PROC_CATEGORY_ME) && !unicode9_lacks(cp);
}

static int options_of(const struct normalise *n)
{
    return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (n->compat ? UTF8PROC_COMPAT : 0);
}

static bool is_own_decomposition(const struct normalise *n, uint32_t cp)
{
    utf8proc_int32_t v[DECOMPOSITION_MAX];
    int class = 0;
    if (unicode9_lacks(cp))
        return true;
    utf8proc_ssize_t got = utf8proc_decompose_char((utf8proc_int32_t)cp, v, DECOMPOSITION_MAX, options_of(n), &class);
    return got == 1 && v[0] == (utf8proc_int32_t)cp;
}

/* The length of s up to the first byte >= 0x80. */
static size_t ascii_bytes(struct str s)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= s.n; i += sizeof word) {
        memcpy(&word, s.p + i, sizeof word);
        if (word & 0x8080808080808080u)
            break;
    }
    while (i < s.n && (unsigned char)s.p[i] < ASCII_END)
        i++;
    return i;
}

/* The next cluster of s, from `at` on, that must be normalised to know whether it changes: [*start, *end). False: there is none. */
static bool next_cluster(const struct normalise *n, struct str s, size_t at, size_t *start, size_t *end)
{
    uint32_t safe = safe_below(n), cp;
    size_t previous = at; /* where the last character began: marks behind it join it */
    while (at < s.n) {
        size_t ascii = ascii_bytes(str_sub(s, at, s.n));
        if (ascii) {
            at += ascii;
            previous = at - 1;
            continue;
        }
        int bytes = utf8_decode(str_sub(s, at, s.n), &cp);
        bool joined = joins(cp);
        size_t behind = at + (size_t)bytes;
        if (!joined && (cp < safe || is_own_decomposition(n, cp))) {
            previous = unicode9_lacks(cp) ? behind : at;
            at = behind;
            continue;
        }
        *start = joined ? previous : at;
        while (behind < s.n && (bytes = utf8_decode(str_sub(s, behind, s.n), &cp)) > 0 && joins(cp))
            behind += (size_t)bytes;
        *end = behind;
        return true;
    }
    return false;
}

static int reserve(struct cluster *c, size_t n, struct err *e)
{
    if (n <= c->cap)
        return 0;
    size_t cap = MAX(n, MAX(c->cap * 2, 64));
    int32_t *v = mem_try_realloc(c->v, cap, sizeof *v);
    if (!v)
        return err_set(e, ERR_NOMEM, "no memory to normalise a run of %zu combining marks", n);
    c->v = v;
    c->cap = cap;
    return 0;
}

static int class_of(int32_t cp)
{
    return utf8proc_get_property(cp)->combining_class;
}

/* Sorts v[0 .. n), all marks, by combining class, equals in their order. `room` has n places. */
static void sort_run(int32_t *v, size_t n, int32_t *room)
{
    if (n <= SHORT_RUN) {
        for (size_t i = 1; i < n; i++) {
            int32_t cp = v[i];
            size_t k = i;
            for (; k > 0 && class_of(v[k - 1]) > class_of(cp); k--)
                v[k] = v[k - 1];
            v[k] = cp;
        }
        return;
    }
    size_t start[257] = { 0 };
    for (size_t i = 0; i < n; i++)
        start[class_of(v[i]) + 1]++;
    for (int k = 1; k <= 256; k++)
        start[k] += start[k - 1];
    for (size_t i = 0; i < n; i++)
        room[start[class_of(v[i])]++] = v[i];
    memcpy(v, room, n * sizeof *v);
}

/* Canonical ordering (Unicode 3.11, D109). */
static int sort_marks(struct cluster *c, struct err *e)
{
    int rc = reserve(c, c->n * 2, e);
    for (size_t from = 0, to; from < c->n && !rc; from = to + 1) {
        for (to = from; to < c->n && class_of(c->v[to]); to++)
            ;
        sort_run(c->v + from, to - from, c->v + c->n);
    }
    return rc;
}

/* Fills c with the normal form of s. */
static int normal_form(const struct normalise *n, struct str s, struct cluster *c, struct err *e)
{
    uint32_t cp;
    int rc = 0, class = 0;
    c->n = 0;
    for (int bytes; (bytes = utf8_decode(s, &cp)) > 0; s = str_sub(s, (size_t)bytes, s.n)) {
        rc = reserve(c, c->n + DECOMPOSITION_MAX, e);
        if (rc)
            return rc;
        utf8proc_ssize_t got =
            utf8proc_decompose_char((utf8proc_int32_t)cp, c->v + c->n, DECOMPOSITION_MAX, options_of(n), &class);
        if (got > 0)
            c->n += (size_t)got;
    }
    rc = sort_marks(c, e);
    if (rc || !n->compose)
        return rc;
    utf8proc_ssize_t got = utf8proc_normalize_utf32(c->v, (utf8proc_ssize_t)c->n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (got >= 0)
        c->n = (size_t)got;
    return 0;
}

/* Does c spell s? */
static bool is_same(const struct cluster *c, struct str s)
{
    for (size_t i = 0; i < c->n; i++) {
        uint32_t cp = 0;
        int bytes = utf8_decode(s, &cp);
        if (bytes <= 0 || (int32_t)cp != c->v[i])
            return false;
        s = str_sub(s, (size_t)bytes, s.n);
    }
    return s.n == 0;
}

bool normalise_is_normal(const struct normalise *n, struct str s)
{
    if (!n->on)
        return true;
    struct cluster c = { 0 };
    bool normal = true;
    for (size_t at = 0, start; normal && next_cluster(n, s, at, &start, &at);) {
        struct str part = str_sub(s, start, at);
        /* Out of memory: normalise_run will say so. */
        normal = !normal_form(n, part, &c, NULL) && is_same(&c, part);
    }
    mem_free(c.v);
    return normal;
}

/* Appends s, whose first byte is byte `at` of the text, as it is. *i is the first span that may end behind `at`. */
static void add_unchanged(struct str s, size_t at, struct normalise_spans spans, size_t *i, struct marked *out)
{
    while (s.n) {
        while (*i < spans.n && spans.v[*i].to <= at)
            ++*i;
        bool value = *i < spans.n && spans.v[*i].from <= at;
        size_t to = *i == spans.n ? at + s.n : value ? spans.v[*i].to : spans.v[*i].from;
        size_t n = MIN(s.n, to - at);
        marked_add(out, str_sub(s, 0, n), value);
        s = str_sub(s, n, s.n);
        at += n;
    }
}

static void add_cluster(const struct cluster *c, bool value, struct marked *out)
{
    for (size_t i = 0; i < c->n; i++) {
        char bytes[UTF8_MAX];
        int n = utf8_encode(bytes, (uint32_t)c->v[i]);
        marked_add(out, (struct str){ bytes, (size_t)n }, value);
    }
}

int normalise_run(const struct normalise *n, struct str s, size_t at, struct normalise_spans spans, struct marked *out,
                  struct err *e)
{
    struct cluster c = { 0 };
    size_t done = 0, start, end, i = 0;
    int rc = 0;
    while (n->on && next_cluster(n, s, done, &start, &end)) {
        rc = normal_form(n, str_sub(s, start, end), &c, e);
        if (rc)
            break;
        add_unchanged(str_sub(s, done, start), at + done, spans, &i, out);
        while (i < spans.n && spans.v[i].to <= at + start)
            i++;
        if (is_same(&c, str_sub(s, start, end)))
            add_unchanged(str_sub(s, start, end), at + start, spans, &i, out);
        else
            add_cluster(&c, i < spans.n && spans.v[i].from < at + end, out);
        done = end;
    }
    if (!rc) {
        add_unchanged(str_sub(s, done, s.n), at + done, spans, &i, out);
        rc = buf_check(&out->text, "a normalised text", e);
    }
    mem_free(c.v);
    return rc;
}
