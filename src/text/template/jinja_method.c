/* jinja_method.c - the table of methods, and each of them: arguments bound as Python binds them, the work done by jinja_text.c.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_method.h"

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "text/template/jinja_format.h"
#include "text/template/jinja_print.h"
#include "text/template/jinja_text.h"
#include "text/template/jinja_unicode.h"

/* str */

static int case_method(struct jrun *r, const char *fn, struct jvalue self, const struct jargs *args,
                       enum jtext_case how, struct jvalue *out)
{
    if (jargs_none(r, fn, args) != 0)
        return r->code;
    return jvalue_done(r, jtext_case(r, self.u.s, how), out);
}

static int string_upper(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return case_method(r, "upper", self, args, JTEXT_UPPER, out);
}

static int string_lower(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return case_method(r, "lower", self, args, JTEXT_LOWER, out);
}

static int string_capitalize(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return case_method(r, "capitalize", self, args, JTEXT_CAPITALIZE, out);
}

static int string_title(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return case_method(r, "title", self, args, JTEXT_TITLE, out);
}

static int string_swapcase(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return case_method(r, "swapcase", self, args, JTEXT_SWAPCASE, out);
}

static int strip_method(struct jrun *r, const char *fn, struct jvalue self, const struct jargs *args, int sides,
                        struct jvalue *out)
{
    static const char *const names[] = { "chars" };
    struct jvalue v;
    const struct jstring *chars = NULL;
    if (jargs_bind(r, fn, args, names, 1, 0, &v) != 0)
        return r->code;
    if (v.type != JTYPE_NONE && jargs_string(r, fn, "chars", v, &chars) != 0)
        return r->code;
    return jvalue_done(r, jtext_strip(r, self.u.s, chars, sides), out);
}

static int string_strip(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return strip_method(r, "strip", self, args, JTEXT_BOTH, out);
}

static int string_lstrip(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return strip_method(r, "lstrip", self, args, JTEXT_LEFT, out);
}

static int string_rstrip(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return strip_method(r, "rstrip", self, args, JTEXT_RIGHT, out);
}

typedef struct jlist *split_fn(struct jrun *r, const struct jstring *s, const struct jstring *sep, int64_t max);

static int split_method(struct jrun *r, const char *fn, struct jvalue self, const struct jargs *args, split_fn *split,
                        struct jvalue *out)
{
    static const char *const names[] = { "sep", "maxsplit" };
    struct jvalue v[2];
    const struct jstring *sep = NULL;
    int64_t max;
    if (jargs_bind(r, fn, args, names, 2, 0, v) != 0 || jargs_i64(r, fn, "maxsplit", v[1], -1, &max) != 0)
        return r->code;
    if (v[0].type != JTYPE_NONE && jargs_string(r, fn, "sep", v[0], &sep) != 0)
        return r->code;
    const struct jlist *l = split(r, self.u.s, sep, max);
    *out = jvalue_list(l);
    return l ? 0 : r->code;
}

static int string_split(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return split_method(r, "split", self, args, jtext_split, out);
}

static int string_rsplit(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return split_method(r, "rsplit", self, args, jtext_rsplit, out);
}

static int string_splitlines(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "keepends" };
    struct jvalue v;
    if (jargs_bind(r, "splitlines", args, names, 1, 0, &v) != 0)
        return r->code;
    const struct jlist *l = jtext_split_lines(r, self.u.s, jargs_bool(v, false));
    *out = jvalue_list(l);
    return l ? 0 : r->code;
}

static int string_replace(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "old", "new", "count" };
    struct jvalue v[3];
    const struct jstring *old = NULL, *with = NULL;
    int64_t max;
    if (jargs_bind(r, "replace", args, names, 3, 2, v) != 0 || jargs_string(r, "replace", "old", v[0], &old) != 0 ||
        jargs_string(r, "replace", "new", v[1], &with) != 0 || jargs_i64(r, "replace", "count", v[2], -1, &max) != 0)
        return r->code;
    return jvalue_done(r, jtext_replace(r, self.u.s, old, with, max), out);
}

static int string_join(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "iterable" };
    struct jvalue v, item;
    struct jiter it;
    struct jbuild b;
    if (jargs_bind(r, "join", args, names, 1, 1, &v) != 0 || jiter_init(r, &it, v) != 0)
        return r->code;
    jbuild_init(&b, r, 0);
    for (bool first = true; jiter_next(r, &it, &item) && jrun_spend(r, 1) == 0; first = false) {
        if (item.type != JTYPE_STRING)
            return jrun_fail(r, ERR_FORMAT, "join(): expected a str, found %s", jvalue_type_name(item));
        if (!first)
            jbuild_string(&b, self.u.s);
        jbuild_string(&b, item.u.s);
    }
    return jvalue_done(r, jbuild_done(&b), out);
}

/* The bytes that optional arguments start and end leave of a string, as Python's slices clamp them; false: start is behind the end. */
static bool clamp(struct jrun *r, const struct jstring *s, int64_t start, int64_t end, size_t *from, size_t *to)
{
    int64_t n = (int64_t)jstring_len(s);
    start = start < 0 ? MAX(start + n, 0) : start;
    end = end < 0 ? MAX(end + n, 0) : MIN(end, n);
    if (start > end)
        return false;
    *from = jstring_offset(r, s, (size_t)start);
    *to = jstring_offset(r, s, (size_t)end);
    return true;
}

/* Arguments (what, start, end) of the methods that search; *any: the place exists. */
static int bind_search(struct jrun *r, const char *fn, struct jvalue self, const struct jargs *args,
                       struct jvalue *what, size_t *from, size_t *to, bool *any)
{
    static const char *const names[] = { "sub", "start", "end" };
    struct jvalue v[3];
    int64_t start, end;
    *what = jvalue_missing();
    *any = false;
    if (jargs_bind(r, fn, args, names, 3, 1, v) != 0)
        return r->code;
    for (int i = 1; i < 3; i++)
        if (v[i].type == JTYPE_NONE)
            v[i] = jvalue_missing();
    if (jargs_i64(r, fn, "start", v[1], 0, &start) != 0 || jargs_i64(r, fn, "end", v[2], INT64_MAX, &end) != 0)
        return r->code;
    *what = v[0];
    *from = 0;
    *to = self.u.s->n;
    *any = true;
    if (v[1].type != JTYPE_MISSING || v[2].type != JTYPE_MISSING) /* else the characters need not be counted */
        *any = clamp(r, self.u.s, start, end, from, to);
    return r->code;
}

static bool matches(struct jrun *r, const struct jstring *s, size_t from, size_t to, const struct jstring *what,
                    bool at_end)
{
    if (what->n > to - from || jrun_spend(r, 1 + what->n / JRUN_COPY_BYTES) != 0)
        return false;
    return memcmp(s->p + (at_end ? to - what->n : from), what->p, what->n) == 0;
}

static int affix_method(struct jrun *r, const char *fn, struct jvalue self, const struct jargs *args, bool at_end,
                        struct jvalue *out)
{
    struct jvalue what;
    size_t from = 0, to = 0;
    bool any, yes = false;
    if (bind_search(r, fn, self, args, &what, &from, &to, &any) != 0)
        return r->code;
    const struct jvalue *v = what.type == JTYPE_TUPLE ? what.u.list->v : &what;
    size_t n = what.type == JTYPE_TUPLE ? what.u.list->n : 1;
    for (size_t i = 0; i < n; i++) {
        const struct jstring *affix = NULL;
        if (v[i].type == JTYPE_MISSING || jargs_string(r, fn, "prefix", v[i], &affix) != 0)
            return r->code;
        yes = yes || (any && matches(r, self.u.s, from, to, affix, at_end));
    }
    *out = jvalue_bool(yes);
    return 0;
}

static int string_startswith(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return affix_method(r, "startswith", self, args, false, out);
}

static int string_endswith(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return affix_method(r, "endswith", self, args, true, out);
}

static int find_method(struct jrun *r, const char *fn, struct jvalue self, const struct jargs *args, bool last,
                       bool must, struct jvalue *out)
{
    struct jvalue v;
    const struct jstring *what = NULL;
    size_t from = 0, to = 0, at = SIZE_MAX;
    bool any;
    if (bind_search(r, fn, self, args, &v, &from, &to, &any) != 0 || jargs_string(r, fn, "sub", v, &what) != 0)
        return r->code;
    if (any)
        at = last ? jtext_rfind(r, self.u.s, what, from, to) : jtext_find(r, self.u.s, what, from, to);
    if (r->code != 0)
        return r->code;
    if (at == SIZE_MAX && must)
        return jrun_fail(r, ERR_FORMAT, "%s(): substring not found", fn);
    *out = jvalue_int(at == SIZE_MAX ? -1 : (int64_t)jstring_chars_before(r, self.u.s, at));
    return 0;
}

static int string_find(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return find_method(r, "find", self, args, false, false, out);
}

static int string_rfind(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return find_method(r, "rfind", self, args, true, false, out);
}

static int string_index(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return find_method(r, "index", self, args, false, true, out);
}

static int string_rindex(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return find_method(r, "rindex", self, args, true, true, out);
}

static int string_count(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    struct jvalue v;
    const struct jstring *what = NULL;
    size_t from = 0, to = 0;
    int64_t n = 0;
    bool any;
    if (bind_search(r, "count", self, args, &v, &from, &to, &any) != 0 ||
        jargs_string(r, "count", "sub", v, &what) != 0)
        return r->code;
    if (any && what->n == 0) {
        n = 1 + (int64_t)(jstring_chars_before(r, self.u.s, to) - jstring_chars_before(r, self.u.s, from));
    } else if (any) {
        for (size_t at; (at = jtext_find(r, self.u.s, what, from, to)) != SIZE_MAX; from = at + what->n)
            n++;
    }
    *out = jvalue_int(n);
    return r->code;
}

static int partition_method(struct jrun *r, const char *fn, struct jvalue self, const struct jargs *args, bool last,
                            struct jvalue *out)
{
    static const char *const names[] = { "sep" };
    struct jvalue v;
    const struct jstring *s = self.u.s, *sep = NULL;
    if (jargs_bind(r, fn, args, names, 1, 1, &v) != 0 || jargs_string(r, fn, "sep", v, &sep) != 0)
        return r->code;
    if (sep->n == 0)
        return jrun_fail(r, ERR_FORMAT, "%s(): empty separator", fn);
    size_t at = last ? jtext_rfind(r, s, sep, 0, s->n) : jtext_find(r, s, sep, 0, s->n);
    size_t cut[4] = { 0, at, at + sep->n, s->n };
    if (at == SIZE_MAX) {
        cut[1] = cut[2] = last ? 0 : s->n;
        cut[0] = 0;
    }
    struct jlist *l = jlist_new(r, 3);
    for (int i = 0; i < 3; i++) {
        const struct jstring *part = l ? jstring_sub(r, s, cut[i], cut[i + 1]) : NULL;
        if (!part || jlist_push(r, l, jvalue_string(part)) != 0)
            return r->code;
    }
    *out = jvalue_tuple(l);
    return r->code;
}

static int string_partition(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return partition_method(r, "partition", self, args, false, out);
}

static int string_rpartition(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return partition_method(r, "rpartition", self, args, true, out);
}

static int remove_affix(struct jrun *r, const char *fn, struct jvalue self, const struct jargs *args, bool at_end,
                        struct jvalue *out)
{
    static const char *const names[] = { "affix" };
    struct jvalue v;
    const struct jstring *s = self.u.s, *affix = NULL;
    if (jargs_bind(r, fn, args, names, 1, 1, &v) != 0 || jargs_string(r, fn, "affix", v, &affix) != 0)
        return r->code;
    bool there = matches(r, s, 0, s->n, affix, at_end);
    size_t cut = there ? affix->n : 0;
    return jvalue_done(r, at_end ? jstring_sub(r, s, 0, s->n - cut) : jstring_sub(r, s, cut, s->n), out);
}

static int string_removeprefix(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return remove_affix(r, "removeprefix", self, args, false, out);
}

static int string_removesuffix(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return remove_affix(r, "removesuffix", self, args, true, out);
}

static int pad_method(struct jrun *r, const char *fn, struct jvalue self, const struct jargs *args, int sides,
                      struct jvalue *out)
{
    static const char *const names[] = { "width", "fillchar" };
    struct jvalue v[2];
    int64_t width;
    const struct jstring *fill = NULL;
    if (jargs_bind(r, fn, args, names, 2, 1, v) != 0 || jargs_i64(r, fn, "width", v[0], 0, &width) != 0 ||
        jargs_string(r, fn, "fillchar", v[1], &fill) != 0)
        return r->code;
    if (fill && jstring_len(fill) != 1)
        return jrun_fail(r, ERR_FORMAT, "%s(): the fill character must be exactly one character long", fn);
    return jvalue_done(r, jtext_pad(r, self.u.s, width, fill, sides), out);
}

static int string_ljust(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return pad_method(r, "ljust", self, args, JTEXT_RIGHT, out);
}

static int string_rjust(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return pad_method(r, "rjust", self, args, JTEXT_LEFT, out);
}

static int string_center(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return pad_method(r, "center", self, args, JTEXT_BOTH, out);
}

static int string_zfill(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "width" };
    struct jvalue v;
    int64_t width;
    if (jargs_bind(r, "zfill", args, names, 1, 1, &v) != 0 || jargs_i64(r, "zfill", "width", v, 0, &width) != 0)
        return r->code;
    return jvalue_done(r, jtext_zfill(r, self.u.s, width), out);
}

static int string_expandtabs(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "tabsize" };
    struct jvalue v;
    int64_t size;
    if (jargs_bind(r, "expandtabs", args, names, 1, 0, &v) != 0 ||
        jargs_i64(r, "expandtabs", "tabsize", v, 8, &size) != 0)
        return r->code;
    return jvalue_done(r, jtext_expand_tabs(r, self.u.s, size), out);
}

static int string_format(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return jvalue_done(r, jformat_braces(r, self.u.s, args), out);
}

/* The predicates that ask something of every character of a string that is not empty. */
typedef bool char_fn(uint32_t c);

static bool is_alnum(uint32_t c)
{
    return junicode_alpha(c) || junicode_numeric(c);
}

static bool all_chars(struct jrun *r, const struct jstring *s, char_fn *is)
{
    if (jrun_spend_scan(r, s->n) != 0)
        return false;
    for (size_t at = 0; at < s->n;)
        if (!is(junicode_next(jstring_str(s), &at)))
            return false;
    return true;
}

static int predicate(struct jrun *r, const char *fn, struct jvalue self, const struct jargs *args, char_fn *is,
                     struct jvalue *out)
{
    if (jargs_none(r, fn, args) != 0)
        return r->code;
    *out = jvalue_bool(self.u.s->n > 0 && all_chars(r, self.u.s, is));
    return r->code;
}

static int string_isalpha(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return predicate(r, "isalpha", self, args, junicode_alpha, out);
}

static int string_isalnum(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return predicate(r, "isalnum", self, args, is_alnum, out);
}

static int string_isdecimal(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return predicate(r, "isdecimal", self, args, junicode_decimal, out);
}

static int string_isdigit(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return predicate(r, "isdigit", self, args, junicode_decimal, out);
}

static int string_isnumeric(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return predicate(r, "isnumeric", self, args, junicode_numeric, out);
}

static int string_isspace(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return predicate(r, "isspace", self, args, junicode_space, out);
}

static int string_isprintable(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    if (jargs_none(r, "isprintable", args) != 0)
        return r->code;
    *out = jvalue_bool(all_chars(r, self.u.s, junicode_printable));
    return r->code;
}

static int string_isascii(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    if (jargs_none(r, "isascii", args) != 0)
        return r->code;
    *out = jvalue_bool(jstring_len(self.u.s) == self.u.s->n);
    return 0;
}

static int string_isupper(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    if (jargs_none(r, "isupper", args) != 0)
        return r->code;
    *out = jvalue_bool(jtext_is_upper(r, self.u.s));
    return r->code;
}

static int string_islower(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    if (jargs_none(r, "islower", args) != 0)
        return r->code;
    *out = jvalue_bool(jtext_is_lower(r, self.u.s));
    return r->code;
}

static int string_istitle(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    if (jargs_none(r, "istitle", args) != 0)
        return r->code;
    *out = jvalue_bool(jtext_is_title(r, self.u.s));
    return r->code;
}

/* list and tuple */

static int seq_index(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "value" };
    struct jvalue v;
    if (jargs_bind(r, "index", args, names, 1, 1, &v) != 0)
        return r->code;
    for (size_t i = 0; i < self.u.list->n && jrun_spend(r, 1) == 0; i++) {
        if (jvalue_eq(r, self.u.list->v[i], v)) {
            *out = jvalue_int((int64_t)i);
            return 0;
        }
    }
    return jrun_fail(r, ERR_FORMAT, "index(): the value is not in the list");
}

static int seq_count(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "value" };
    struct jvalue v;
    int64_t n = 0;
    if (jargs_bind(r, "count", args, names, 1, 1, &v) != 0)
        return r->code;
    for (size_t i = 0; i < self.u.list->n && jrun_spend(r, 1) == 0; i++)
        n += jvalue_eq(r, self.u.list->v[i], v);
    *out = jvalue_int(n);
    return r->code;
}

static int any_copy(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    *out = self; /* nothing can change it */
    return jargs_none(r, "copy", args);
}

/* dict */

static int dict_get(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "key", "default" };
    struct jvalue v[2];
    if (jargs_bind(r, "get", args, names, 2, 1, v) != 0 || jdict_get(r, self.u.dict, v[0], out) != 0)
        return r->code;
    if (out->type == JTYPE_MISSING)
        *out = v[1].type == JTYPE_MISSING ? jvalue_none() : v[1];
    return 0;
}

static int view_method(struct jrun *r, const char *fn, struct jvalue self, const struct jargs *args,
                       enum jview_kind kind, struct jvalue *out)
{
    if (jargs_none(r, fn, args) != 0)
        return r->code;
    struct jview *view = jrun_alloc(r, 1, sizeof *view);
    if (!view)
        return r->code;
    *view = (struct jview){ kind, self.u.dict, jvalue_any_marked(r, self) };
    *out = (struct jvalue){ .type = JTYPE_VIEW, .u.view = view };
    return r->code;
}

static int dict_keys(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return view_method(r, "keys", self, args, JVIEW_KEYS, out);
}

static int dict_values(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return view_method(r, "values", self, args, JVIEW_VALUES, out);
}

static int dict_items(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    return view_method(r, "items", self, args, JVIEW_ITEMS, out);
}

/* float, cycler */

static int float_is_integer(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    if (jargs_none(r, "is_integer", args) != 0)
        return r->code;
    *out = jvalue_bool(self.u.f == floor(self.u.f) && isfinite(self.u.f));
    return 0;
}

static int cycler_next(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    struct jcycler *c = self.u.cycler;
    *out = c->items->v[c->at];
    c->at = (c->at + 1) % c->items->n;
    return jargs_none(r, "next", args);
}

static int cycler_reset(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out)
{
    self.u.cycler->at = 0;
    *out = jvalue_none();
    return jargs_none(r, "reset", args);
}

#define STRING (1U << JTYPE_STRING)
#define LIST (1U << JTYPE_LIST)
#define SEQ (LIST | 1U << JTYPE_TUPLE)
#define DICT (1U << JTYPE_DICT)
#define INT (1U << JTYPE_INT | 1U << JTYPE_BIGINT | 1U << JTYPE_BOOL)
#define FLOAT (1U << JTYPE_FLOAT)
#define CYCLER (1U << JTYPE_CYCLER)

/* Sorted by name. */
static const struct jmethod methods[] = {
    { "append", LIST, true, NULL },
    { "as_integer_ratio", INT | FLOAT, false, NULL },
    { "bit_count", INT, false, NULL },
    { "bit_length", INT, false, NULL },
    { "capitalize", STRING, false, string_capitalize },
    { "casefold", STRING, false, NULL },
    { "center", STRING, false, string_center },
    { "clear", LIST | DICT, true, NULL },
    { "conjugate", INT | FLOAT, false, NULL },
    { "copy", LIST | DICT, false, any_copy },
    { "count", STRING, false, string_count },
    { "count", SEQ, false, seq_count },
    { "denominator", INT, false, NULL },
    { "encode", STRING, false, NULL },
    { "endswith", STRING, false, string_endswith },
    { "expandtabs", STRING, false, string_expandtabs },
    { "extend", LIST, true, NULL },
    { "find", STRING, false, string_find },
    { "format", STRING, false, string_format },
    { "format_map", STRING, false, NULL },
    { "from_bytes", INT, false, NULL },
    { "fromhex", FLOAT, false, NULL },
    { "fromkeys", DICT, false, NULL },
    { "get", DICT, false, dict_get },
    { "hex", FLOAT, false, NULL },
    { "imag", INT | FLOAT, false, NULL },
    { "index", STRING, false, string_index },
    { "index", SEQ, false, seq_index },
    { "insert", LIST, true, NULL },
    { "is_integer", FLOAT, false, float_is_integer },
    { "isalnum", STRING, false, string_isalnum },
    { "isalpha", STRING, false, string_isalpha },
    { "isascii", STRING, false, string_isascii },
    { "isdecimal", STRING, false, string_isdecimal },
    { "isdigit", STRING, false, string_isdigit },
    { "isidentifier", STRING, false, NULL },
    { "islower", STRING, false, string_islower },
    { "isnumeric", STRING, false, string_isnumeric },
    { "isprintable", STRING, false, string_isprintable },
    { "isspace", STRING, false, string_isspace },
    { "istitle", STRING, false, string_istitle },
    { "isupper", STRING, false, string_isupper },
    { "items", DICT, false, dict_items },
    { "join", STRING, false, string_join },
    { "keys", DICT, false, dict_keys },
    { "ljust", STRING, false, string_ljust },
    { "lower", STRING, false, string_lower },
    { "lstrip", STRING, false, string_lstrip },
    { "maketrans", STRING, false, NULL },
    { "next", CYCLER, false, cycler_next },
    { "numerator", INT, false, NULL },
    { "partition", STRING, false, string_partition },
    { "pop", LIST | DICT, true, NULL },
    { "popitem", DICT, true, NULL },
    { "real", INT | FLOAT, false, NULL },
    { "remove", LIST, true, NULL },
    { "removeprefix", STRING, false, string_removeprefix },
    { "removesuffix", STRING, false, string_removesuffix },
    { "replace", STRING, false, string_replace },
    { "reset", CYCLER, false, cycler_reset },
    { "reverse", LIST, true, NULL },
    { "rfind", STRING, false, string_rfind },
    { "rindex", STRING, false, string_rindex },
    { "rjust", STRING, false, string_rjust },
    { "rpartition", STRING, false, string_rpartition },
    { "rsplit", STRING, false, string_rsplit },
    { "rstrip", STRING, false, string_rstrip },
    { "setdefault", DICT, true, NULL },
    { "sort", LIST, true, NULL },
    { "split", STRING, false, string_split },
    { "splitlines", STRING, false, string_splitlines },
    { "startswith", STRING, false, string_startswith },
    { "strip", STRING, false, string_strip },
    { "swapcase", STRING, false, string_swapcase },
    { "title", STRING, false, string_title },
    { "to_bytes", INT, false, NULL },
    { "translate", STRING, false, NULL },
    { "update", DICT, true, NULL },
    { "upper", STRING, false, string_upper },
    { "values", DICT, false, dict_values },
    { "zfill", STRING, false, string_zfill },
};

const struct jmethod *jmethod_find(struct str name)
{
    size_t lo = 0, hi = ARRAY_LEN(methods);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (str_cmp(str_from(methods[mid].name), name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < ARRAY_LEN(methods) && str_eqz(name, methods[lo].name) ? &methods[lo] : NULL;
}

const struct jmethod *jmethod_of(const struct jmethod *first, struct jvalue v)
{
    if (!first)
        return NULL;
    for (const struct jmethod *m = first; m < methods + ARRAY_LEN(methods) && strcmp(m->name, first->name) == 0; m++)
        if (m->types & 1U << v.type)
            return m;
    return NULL;
}
