/* charset.c - sorted ranges of characters; general categories come from utf8proc, looked through once.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/charset.h"

#include <pthread.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "base/base.h"
#include "text/grow.h"

enum { SURROGATE_FIRST = 0xD800, SURROGATE_LAST = 0xDFFF };

void charset_deinit(struct charset *s)
{
    mem_free(s->v);
    *s = (struct charset){ 0 };
}

void charset_add(struct charset *s, uint32_t lo, uint32_t hi)
{
    if (s->failed || lo > hi)
        return;
    if (s->n >= CHARSET_MAX || !grow(&s->v, &s->cap, s->n + 1, sizeof *s->v)) {
        s->failed = true;
        return;
    }
    s->v[s->n++] = (struct charset_range){ lo, hi };
}

void charset_add_set(struct charset *s, const struct charset *o)
{
    s->failed |= o->failed;
    for (size_t i = 0; i < o->n; i++)
        charset_add(s, o->v[i].lo, o->v[i].hi);
}

static int by_lo(const void *a, const void *b)
{
    const struct charset_range *x = a, *y = b;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

void charset_norm(struct charset *s)
{
    if (s->n < 2)
        return;
    qsort(s->v, s->n, sizeof *s->v, by_lo);
    size_t n = 0;
    for (size_t i = 1; i < s->n; i++) {
        if (s->v[i].lo <= s->v[n].hi + 1)
            s->v[n].hi = MAX(s->v[n].hi, s->v[i].hi);
        else
            s->v[++n] = s->v[i];
    }
    s->n = n + 1;
}

void charset_negate(struct charset *s)
{
    struct charset out = { .failed = s->failed };
    uint32_t from = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].lo > from)
            charset_add(&out, from, s->v[i].lo - 1);
        from = s->v[i].hi + 1;
    }
    if (from <= CHARSET_LAST)
        charset_add(&out, from, CHARSET_LAST);
    charset_minus(&out, SURROGATE_FIRST, SURROGATE_LAST);
    charset_deinit(s);
    *s = out;
}

void charset_minus(struct charset *s, uint32_t lo, uint32_t hi)
{
    struct charset out = { .failed = s->failed };
    for (size_t i = 0; i < s->n; i++) {
        struct charset_range r = s->v[i];
        if (r.lo < lo)
            charset_add(&out, r.lo, MIN(r.hi, lo - 1));
        if (r.hi > hi)
            charset_add(&out, MAX(r.lo, hi + 1), r.hi);
    }
    charset_deinit(s);
    *s = out;
}

bool charset_equal(const struct charset *a, const struct charset *b)
{
    return a->n == b->n && (!a->n || !memcmp(a->v, b->v, a->n * sizeof *a->v));
}

void charset_add_digits(struct charset *s)
{
    charset_add(s, '0', '9');
}

void charset_add_word(struct charset *s)
{
    charset_add_digits(s);
    charset_add(s, 'A', 'Z');
    charset_add(s, '_', '_');
    charset_add(s, 'a', 'z');
}

void charset_add_space(struct charset *s)
{
    static const struct charset_range space[] = {
        { 0x09, 0x0D },     { 0x20, 0x20 },     { 0xA0, 0xA0 },     { 0x1680, 0x1680 }, { 0x2000, 0x200A },
        { 0x2028, 0x2029 }, { 0x202F, 0x202F }, { 0x205F, 0x205F }, { 0x3000, 0x3000 }, { 0xFEFF, 0xFEFF },
    };
    for (size_t i = 0; i < ARRAY_LEN(space); i++)
        charset_add(s, space[i].lo, space[i].hi);
}

struct category {
    const char *name, *full;
};

/* In the order of utf8proc_category_t. */
static const struct category categories[] = {
    { "Cn", "Unassigned" },
    { "Lu", "Uppercase_Letter" },
    { "Ll", "Lowercase_Letter" },
    { "Lt", "Titlecase_Letter" },
    { "Lm", "Modifier_Letter" },
    { "Lo", "Other_Letter" },
    { "Mn", "Nonspacing_Mark" },
    { "Mc", "Spacing_Mark" },
    { "Me", "Enclosing_Mark" },
    { "Nd", "Decimal_Number" },
    { "Nl", "Letter_Number" },
    { "No", "Other_Number" },
    { "Pc", "Connector_Punctuation" },
    { "Pd", "Dash_Punctuation" },
    { "Ps", "Open_Punctuation" },
    { "Pe", "Close_Punctuation" },
    { "Pi", "Initial_Punctuation" },
    { "Pf", "Final_Punctuation" },
    { "Po", "Other_Punctuation" },
    { "Sm", "Math_Symbol" },
    { "Sc", "Currency_Symbol" },
    { "Sk", "Modifier_Symbol" },
    { "So", "Other_Symbol" },
    { "Zs", "Space_Separator" },
    { "Zl", "Line_Separator" },
    { "Zp", "Paragraph_Separator" },
    { "Cc", "Control" },
    { "Cf", "Format" },
    { "Cs", "Surrogate" },
    { "Co", "Private_Use" },
};
static const struct category groups[] = {
    { "L", "Letter" }, { "M", "Mark" },      { "N", "Number" }, { "P", "Punctuation" },
    { "S", "Symbol" }, { "Z", "Separator" }, { "C", "Other" },
};

/* Runs of characters of one category; filled once, read-only afterwards. */
static pthread_once_t runs_once = PTHREAD_ONCE_INIT;
static struct run {
    uint32_t lo, hi;
    int category;
} * runs;
static size_t n_runs;

static void find_runs(void)
{
    size_t cap = 0;
    for (uint32_t c = 0; c <= CHARSET_LAST; c++) {
        int cat = (int)utf8proc_category((utf8proc_int32_t)c);
        if (n_runs && runs[n_runs - 1].category == cat) {
            runs[n_runs - 1].hi = c;
            continue;
        }
        if (n_runs == cap) {
            cap = cap ? cap * 2 : 4096;
            runs = xrealloc(runs, cap * sizeof *runs);
        }
        runs[n_runs++] = (struct run){ c, c, cat };
    }
}

/* Bits of utf8proc's categories that `name` means; 0: unknown. */
static uint32_t category_bits(struct str name)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < ARRAY_LEN(categories); i++)
        if (str_eqz(name, categories[i].name) || str_eqz(name, categories[i].full))
            return 1U << i;
    for (size_t g = 0; g < ARRAY_LEN(groups); g++)
        if (str_eqz(name, groups[g].name) || str_eqz(name, groups[g].full))
            for (size_t i = 0; i < ARRAY_LEN(categories); i++)
                bits |= categories[i].name[0] == groups[g].name[0] ? 1U << i : 0;
    return bits;
}

bool charset_add_property(struct charset *s, struct str name)
{
    struct str key, rest = name;
    if (str_cut(&rest, '=', &key) && (str_eqz(key, "gc") || str_eqz(key, "General_Category")))
        name = rest;
    uint32_t bits = category_bits(name);
    if (str_eqz(name, "ASCII")) {
        charset_add(s, 0, 0x7F);
        return true;
    }
    if (str_eqz(name, "Any"))
        bits = UINT32_MAX;
    else if (str_eqz(name, "Assigned"))
        bits = ~1U;
    if (!bits)
        return false;
    pthread_once(&runs_once, find_runs);
    struct charset out = { 0 };
    for (size_t i = 0; i < n_runs; i++)
        if (bits >> runs[i].category & 1)
            charset_add(&out, runs[i].lo, runs[i].hi);
    charset_norm(&out);
    charset_minus(&out, SURROGATE_FIRST, SURROGATE_LAST);
    charset_add_set(s, &out);
    charset_deinit(&out);
    return true;
}
