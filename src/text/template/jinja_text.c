/* jinja_text.c - strip, case, replace, split, find, pad, slice, indent, escape.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_text.h"

#include <string.h>

#include "base/base.h"
#include "text/template/jinja_unicode.h"

static bool in_set(struct jrun *r, const struct jstring *chars, uint32_t c)
{
    if (!chars)
        return junicode_space(c);
    if (jrun_spend_scan(r, chars->n) != 0)
        return false;
    for (size_t at = 0; at < chars->n;)
        if (junicode_next(jstring_str(chars), &at) == c)
            return true;
    return false;
}

const struct jstring *jtext_strip(struct jrun *r, const struct jstring *s, const struct jstring *chars, int sides)
{
    struct str all = jstring_str(s);
    size_t from = 0, to = s->n;
    while ((sides & JTEXT_LEFT) && from < to) {
        size_t at = from;
        if (!in_set(r, chars, junicode_next(all, &at)))
            break;
        from = at;
    }
    while ((sides & JTEXT_RIGHT) && to > from) {
        size_t at = to;
        if (!in_set(r, chars, junicode_prev(all, &at)))
            break;
        to = at;
    }
    if (jrun_spend_scan(r, from + (s->n - to)) != 0)
        return NULL;
    return jstring_sub(r, s, from, to);
}

/* Python's rule for the Greek sigma at the end of a word: a letter before it and none behind. */
static bool is_final_sigma(struct str s, size_t from, size_t to)
{
    return from > 0 && junicode_cased(junicode_prev(s, &from)) && (to == s.n || !junicode_cased(junicode_next(s, &to)));
}

static bool starts_title_filter_word(uint32_t c)
{
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || junicode_space(c);
}

/* One character: `word` says whether the one before it belongs to the same word. */
static int map_case(enum jtext_case how, uint32_t c, bool word, bool final_sigma, uint32_t out[JUNICODE_CASE_MAX])
{
    switch (how) {
    case JTEXT_UPPER:
        return junicode_upper(c, out);
    case JTEXT_TITLE_FILTER:
        if (!word)
            return junicode_upper(c, out);
        break;
    case JTEXT_CAPITALIZE:
    case JTEXT_TITLE:
        if (!word)
            return junicode_title(c, out);
        break;
    case JTEXT_SWAPCASE:
        if (junicode_lower_case(c))
            return junicode_upper(c, out);
        out[0] = c;
        if (!junicode_upper_case(c))
            return 1;
        break;
    case JTEXT_LOWER:
        break;
    }
    if (c == 0x3a3 && final_sigma) {
        out[0] = 0x3c2;
        return 1;
    }
    return junicode_lower(c, out);
}

static bool is_word_after(enum jtext_case how, uint32_t c)
{
    switch (how) {
    case JTEXT_TITLE:
        return junicode_cased(c);
    case JTEXT_TITLE_FILTER:
        return !starts_title_filter_word(c);
    default:
        return true;
    }
}

const struct jstring *jtext_case(struct jrun *r, const struct jstring *s, enum jtext_case how)
{
    struct jbuild b;
    struct str all = jstring_str(s);
    bool word = false;
    jbuild_init(&b, r, s->n);
    if (jrun_spend_scan(r, s->n) != 0)
        return NULL;
    for (size_t at = 0; at < s->n && r->code == 0;) {
        size_t from = at;
        uint32_t out[JUNICODE_CASE_MAX];
        uint32_t c = junicode_next(all, &at);
        bool value = jstring_value_at(s, from);
        int n = map_case(how, c, word, c == 0x3a3 && is_final_sigma(all, from, at), out);
        for (int i = 0; i < n; i++)
            jbuild_char(&b, out[i], value);
        word = is_word_after(how, c);
    }
    return jbuild_done(&b);
}

bool jtext_is_upper(struct jrun *r, const struct jstring *s)
{
    bool any = false;
    if (jrun_spend_scan(r, s->n) != 0)
        return false;
    for (size_t at = 0; at < s->n;) {
        uint32_t c = junicode_next(jstring_str(s), &at);
        if (junicode_lower_case(c) || junicode_title_case(c))
            return false;
        any |= junicode_upper_case(c);
    }
    return any;
}

bool jtext_is_lower(struct jrun *r, const struct jstring *s)
{
    bool any = false;
    if (jrun_spend_scan(r, s->n) != 0)
        return false;
    for (size_t at = 0; at < s->n;) {
        uint32_t c = junicode_next(jstring_str(s), &at);
        if (junicode_upper_case(c) || junicode_title_case(c))
            return false;
        any |= junicode_lower_case(c);
    }
    return any;
}

bool jtext_is_title(struct jrun *r, const struct jstring *s)
{
    bool any = false, word = false;
    if (jrun_spend_scan(r, s->n) != 0)
        return false;
    for (size_t at = 0; at < s->n;) {
        uint32_t c = junicode_next(jstring_str(s), &at);
        bool capital = junicode_upper_case(c) || junicode_title_case(c), small = junicode_lower_case(c);
        if ((capital && word) || (small && !word))
            return false;
        word = capital || small;
        any |= word;
    }
    return any;
}

/* Without anything to look for, `with` goes before every character and to the end. */
static void replace_nothing(struct jbuild *b, const struct jstring *s, const struct jstring *with, int64_t max)
{
    size_t at = 0;
    for (int64_t done = 0; (max < 0 || done < max) && b->r->code == 0; done++) {
        size_t from = at;
        jbuild_string(b, with);
        if (at == s->n || jrun_spend(b->r, 1) != 0)
            return;
        junicode_next(jstring_str(s), &at);
        jbuild_sub(b, s, from, at);
    }
    jbuild_sub(b, s, at, s->n);
}

const struct jstring *jtext_replace(struct jrun *r, const struct jstring *s, const struct jstring *old,
                                    const struct jstring *with, int64_t max)
{
    struct jbuild b;
    size_t hit = jtext_find(r, s, old, 0, s->n);
    if (r->code != 0)
        return NULL;
    if (hit == SIZE_MAX || max == 0)
        return s;
    jbuild_init(&b, r, s->n);
    if (old->n == 0) {
        replace_nothing(&b, s, with, max);
        return jbuild_done(&b);
    }
    size_t at = 0;
    for (int64_t done = 0; hit != SIZE_MAX && (max < 0 || done < max) && r->code == 0; done++) {
        jbuild_sub(&b, s, at, hit);
        jbuild_string(&b, with);
        at = hit + old->n;
        hit = jtext_find(r, s, old, at, s->n);
    }
    jbuild_sub(&b, s, at, s->n);
    return jbuild_done(&b);
}

static int push_sub(struct jrun *r, struct jlist *l, const struct jstring *s, size_t from, size_t to)
{
    const struct jstring *part = jstring_sub(r, s, from, to);
    return part ? jlist_push(r, l, jvalue_string(part)) : r->code;
}

static size_t skip_space(struct str s, size_t at, bool space)
{
    while (at < s.n) {
        size_t next = at;
        if (junicode_space(junicode_next(s, &next)) != space)
            break;
        at = next;
    }
    return at;
}

static size_t skip_space_back(struct str s, size_t at, bool space)
{
    while (at > 0) {
        size_t next = at;
        if (junicode_space(junicode_prev(s, &next)) != space)
            break;
        at = next;
    }
    return at;
}

static int split_space(struct jrun *r, struct jlist *l, const struct jstring *s, int64_t max)
{
    struct str all = jstring_str(s);
    size_t at = skip_space(all, 0, true);
    for (int64_t done = 0; at < s->n; done++) {
        size_t end = skip_space(all, at, false);
        if (max >= 0 && done == max) /* the rest as it is, with the white space behind it */
            return push_sub(r, l, s, at, s->n);
        if (push_sub(r, l, s, at, end) != 0)
            return r->code;
        at = skip_space(all, end, true);
    }
    return 0;
}

struct jlist *jtext_split(struct jrun *r, const struct jstring *s, const struct jstring *sep, int64_t max)
{
    struct jlist *l = jlist_new(r, 0);
    if (!l || jrun_spend_scan(r, s->n) != 0)
        return NULL;
    if (!sep)
        return split_space(r, l, s, max) == 0 ? l : NULL;
    if (sep->n == 0) {
        jrun_fail(r, ERR_FORMAT, "split(): empty separator");
        return NULL;
    }
    size_t at = 0;
    for (int64_t done = 0; max < 0 || done < max; done++) {
        size_t hit = jtext_find(r, s, sep, at, s->n);
        if (hit == SIZE_MAX)
            break;
        if (push_sub(r, l, s, at, hit) != 0)
            return NULL;
        at = hit + sep->n;
    }
    return push_sub(r, l, s, at, s->n) == 0 ? l : NULL;
}

static void reverse(struct jlist *l)
{
    struct jvalue *v = l->store->v;
    for (size_t i = 0; i < l->n / 2; i++) {
        struct jvalue swap = v[i];
        v[i] = v[l->n - 1 - i];
        v[l->n - 1 - i] = swap;
    }
}

static int rsplit_space(struct jrun *r, struct jlist *l, const struct jstring *s, int64_t max)
{
    struct str all = jstring_str(s);
    size_t end = skip_space_back(all, s->n, true);
    for (int64_t done = 0; end > 0; done++) {
        if (max >= 0 && done == max)
            return push_sub(r, l, s, 0, end);
        size_t from = skip_space_back(all, end, false);
        if (push_sub(r, l, s, from, end) != 0)
            return r->code;
        end = skip_space_back(all, from, true);
    }
    return 0;
}

struct jlist *jtext_rsplit(struct jrun *r, const struct jstring *s, const struct jstring *sep, int64_t max)
{
    struct jlist *l = jlist_new(r, 0);
    if (!l || jrun_spend_scan(r, s->n) != 0)
        return NULL;
    if (sep && sep->n == 0) {
        jrun_fail(r, ERR_FORMAT, "rsplit(): empty separator");
        return NULL;
    }
    if (!sep) {
        if (rsplit_space(r, l, s, max) != 0)
            return NULL;
        reverse(l);
        return l;
    }
    size_t end = s->n;
    for (int64_t done = 0; max < 0 || done < max; done++) {
        size_t hit = jtext_rfind(r, s, sep, 0, end);
        if (hit == SIZE_MAX)
            break;
        if (push_sub(r, l, s, hit + sep->n, end) != 0)
            return NULL;
        end = hit;
    }
    if (push_sub(r, l, s, 0, end) != 0)
        return NULL;
    reverse(l);
    return l;
}

struct jlist *jtext_split_lines(struct jrun *r, const struct jstring *s, bool keep_ends)
{
    struct str all = jstring_str(s);
    struct jlist *l = jlist_new(r, 0);
    if (!l || jrun_spend_scan(r, s->n) != 0)
        return NULL;
    for (size_t at = 0, from = 0; at < s->n || from < s->n;) {
        size_t end = at;
        uint32_t c = at < s->n ? junicode_next(all, &at) : '\n';
        if (!junicode_line_end(c))
            continue;
        if (c == '\r' && at < s->n && s->p[at] == '\n')
            at++;
        if (push_sub(r, l, s, from, keep_ends ? at : end) != 0)
            return NULL;
        from = at;
    }
    return l;
}

/* Whether `what` stands at p. A step of fuel a comparison: a pattern that nearly matches everywhere is paid for. */
static bool matches(struct jrun *r, const char *p, const struct jstring *what)
{
    return jrun_spend(r, 1 + what->n / JRUN_COPY_BYTES) == 0 && memcmp(p, what->p, what->n) == 0;
}

size_t jtext_find(struct jrun *r, const struct jstring *s, const struct jstring *what, size_t from_bytes,
                  size_t to_bytes)
{
    if (to_bytes < from_bytes || what->n > to_bytes - from_bytes)
        return SIZE_MAX;
    if (what->n == 0)
        return from_bytes;
    const char *p = s->p + from_bytes, *last = s->p + to_bytes - what->n;
    while (r->code == 0 && p <= last) {
        const char *hit = memchr(p, what->p[0], (size_t)(last - p) + 1);
        if (jrun_spend_copy(r, (size_t)((hit ? hit : last) - p)) != 0 || !hit)
            break;
        if (matches(r, hit, what))
            return (size_t)(hit - s->p);
        p = hit + 1;
    }
    return SIZE_MAX;
}

size_t jtext_rfind(struct jrun *r, const struct jstring *s, const struct jstring *what, size_t from_bytes,
                   size_t to_bytes)
{
    if (to_bytes < from_bytes || what->n > to_bytes - from_bytes)
        return SIZE_MAX;
    if (what->n == 0)
        return to_bytes;
    size_t end = to_bytes - what->n + 1, at = end;
    bool hit = false;
    while (!hit && r->code == 0 && at > from_bytes) {
        at--;
        hit = s->p[at] == what->p[0] && matches(r, s->p + at, what);
    }
    return jrun_spend_scan(r, end - at) == 0 && hit ? at : SIZE_MAX;
}

const struct jstring *jtext_pad(struct jrun *r, const struct jstring *s, int64_t width, const struct jstring *fill,
                                int sides)
{
    static const struct jstring space = { .p = " ", .n = 1, .mark = JMARK_TEMPLATE, .n_chars = 1 };
    size_t n = jstring_len(s);
    if (width <= 0 || (uint64_t)width <= n)
        return s;
    size_t pad = (size_t)width - n, left = sides == JTEXT_LEFT ? pad : 0;
    if (sides == JTEXT_BOTH)
        left = pad / 2 + (pad & (size_t)width & 1);
    struct jbuild b;
    jbuild_init(&b, r, 0);
    jbuild_repeat(&b, fill ? fill : &space, left);
    jbuild_string(&b, s);
    jbuild_repeat(&b, fill ? fill : &space, pad - left);
    return jbuild_done(&b);
}

const struct jstring *jtext_zfill(struct jrun *r, const struct jstring *s, int64_t width)
{
    size_t n = jstring_len(s);
    if (width <= 0 || (uint64_t)width <= n)
        return s;
    size_t sign = s->n > 0 && (s->p[0] == '-' || s->p[0] == '+') ? 1 : 0;
    struct jbuild b;
    jbuild_init(&b, r, 0);
    jbuild_sub(&b, s, 0, sign);
    jbuild_fill(&b, '0', (size_t)width - n, false);
    jbuild_sub(&b, s, sign, s->n);
    return jbuild_done(&b);
}

const struct jstring *jtext_expand_tabs(struct jrun *r, const struct jstring *s, int64_t size)
{
    struct jbuild b;
    size_t column = 0, plain = 0, step = size > 0 ? (size_t)size : 0;
    jbuild_init(&b, r, s->n);
    if (jrun_spend_scan(r, s->n) != 0)
        return NULL;
    for (size_t at = 0; at < s->n && r->code == 0;) {
        size_t from = at;
        uint32_t c = junicode_next(jstring_str(s), &at);
        if (c != '\t') {
            column = c == '\n' || c == '\r' ? 0 : column + 1;
            continue;
        }
        jbuild_sub(&b, s, plain, from);
        size_t n = step ? step - column % step : 0;
        jbuild_fill(&b, ' ', n, jstring_value_at(s, from));
        column += n;
        plain = at;
    }
    jbuild_sub(&b, s, plain, s->n);
    return jbuild_done(&b);
}

const struct jstring *jtext_slice(struct jrun *r, const struct jstring *s, int64_t from, int64_t to, int64_t step)
{
    if (step == 1) {
        size_t a = jstring_offset(r, s, (size_t)from), b = to > from ? jstring_offset(r, s, (size_t)to) : a;
        return r->code == 0 ? jstring_sub(r, s, a, b) : NULL;
    }
    struct jbuild b;
    struct str all = jstring_str(s);
    jbuild_init(&b, r, 0);
    if (step > 0 ? from >= to : from <= to)
        return jbuild_done(&b);
    /* Characters are found by walking, forwards or backwards; `to` may be -1. */
    size_t at = jstring_offset(r, s, (size_t)from);
    for (int64_t i = from; r->code == 0;) {
        size_t end = at;
        junicode_next(all, &end);
        jbuild_sub(&b, s, at, end);
        int64_t left = step > 0 ? to - i : i - to, stride = step > 0 ? step : -step;
        if (left <= stride || jrun_spend_scan(r, (size_t)stride) != 0)
            break;
        i += step;
        for (int64_t k = 0; k < stride; k++) {
            if (step > 0)
                junicode_next(all, &at);
            else
                junicode_prev(all, &at);
        }
    }
    return jbuild_done(&b);
}

/* jinja2 adds a newline, splits into lines and joins them: a last newline of the text therefore stays, a last carriage return
 * does not. */
const struct jstring *jtext_indent(struct jrun *r, const struct jstring *s, const struct jstring *by, bool first,
                                   bool blank)
{
    struct str all = jstring_str(s);
    struct jbuild b;
    jbuild_init(&b, r, s->n + s->n / 4);
    if (jrun_spend_scan(r, s->n) != 0)
        return NULL;
    if (first)
        jbuild_string(&b, by);
    for (size_t at = 0, from = 0; r->code == 0;) {
        size_t end = at;
        uint32_t c = at < s->n ? junicode_next(all, &at) : '\n';
        bool last = end == s->n || (c == '\r' && at == s->n);
        if (!last && !junicode_line_end(c))
            continue;
        if (c == '\r' && at < s->n && s->p[at] == '\n')
            at++;
        if (from > 0 && (blank || end > from))
            jbuild_string(&b, by);
        jbuild_sub(&b, s, from, end);
        if (last)
            break;
        jbuild_bytes(&b, STR("\n"), jstring_value_at(s, end));
        from = at;
    }
    return jbuild_done(&b);
}

const struct jstring *jtext_escape(struct jrun *r, const struct jstring *s)
{
    struct jbuild b;
    size_t plain = 0;
    jbuild_init(&b, r, s->n);
    if (jrun_spend_scan(r, s->n) != 0)
        return NULL;
    for (size_t at = 0; at < s->n; at++) {
        const char *entity = s->p[at] == '&'    ? "&amp;"
                             : s->p[at] == '<'  ? "&lt;"
                             : s->p[at] == '>'  ? "&gt;"
                             : s->p[at] == '\'' ? "&#39;"
                             : s->p[at] == '"'  ? "&#34;"
                                                : NULL;
        if (!entity)
            continue;
        jbuild_sub(&b, s, plain, at);
        jbuild_z(&b, entity, jstring_value_at(s, at));
        plain = at + 1;
    }
    jbuild_sub(&b, s, plain, s->n);
    const struct jstring *done = jbuild_done(&b);
    return done ? jstring_with_markup(r, done, true) : NULL;
}
