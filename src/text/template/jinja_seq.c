/* jinja_seq.c - filters over sequences.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_seq.h"

#include <string.h>

#include "base/base.h"
#include "text/template/jinja_ops.h"
#include "text/template/jinja_print.h"
#include "text/template/jinja_text.h"

static const struct jundefined no_first = { JUNDEFINED_HINT, { "No first item, sequence was empty.", 34 } };
static const struct jundefined no_last = { JUNDEFINED_HINT, { "No last item, sequence was empty.", 33 } };
static const struct jundefined no_item = { JUNDEFINED_HINT, { "No aggregated item, sequence was empty.", 39 } };

static bool is_none(struct jvalue v)
{
    return v.type == JTYPE_MISSING || v.type == JTYPE_NONE;
}

/* "tags.0": what looks like a number is an index. */
static int follow_part(struct jrun *r, const struct jstring *path, size_t from, size_t to, struct jvalue *item)
{
    uint64_t index;
    const struct jstring *part = jstring_sub(r, path, from, to);
    if (!part)
        return r->code;
    bool number = part->n > 0 && part->p[0] != '+' && str_to_u64(jstring_str(part), &index) && index <= INT64_MAX;
    return jops_getitem(r, *item, number ? jvalue_int((int64_t)index) : jvalue_string(part), item);
}

int jseq_follow(struct jrun *r, struct jvalue path, struct jvalue def, struct jvalue item, struct jvalue *out)
{
    *out = item;
    if (is_none(path))
        return 0;
    if (path.type != JTYPE_STRING) {
        if (jops_getitem(r, item, path, out) != 0)
            return r->code;
        if (out->type == JTYPE_UNDEFINED && !is_none(def))
            *out = def;
        return 0;
    }
    const struct jstring *s = path.u.s;
    for (size_t from = 0; from <= s->n;) {
        const char *dot = memchr(s->p + from, '.', s->n - from);
        size_t to = dot ? (size_t)(dot - s->p) : s->n;
        if (follow_part(r, s, from, to, out) != 0)
            return r->code;
        if (out->type == JTYPE_UNDEFINED && !is_none(def))
            *out = def;
        from = to + 1;
    }
    return 0;
}

/* What is compared: strings without regard to case unless told otherwise. */
static int fold_case(struct jrun *r, bool case_sensitive, struct jvalue *v)
{
    if (case_sensitive || v->type != JTYPE_STRING)
        return 0;
    return jvalue_done(r, jtext_case(r, v->u.s, JTEXT_LOWER), v);
}

int jseq_first(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    struct jiter it;
    if (jargs_none(r, "first", args) != 0 || jiter_init(r, &it, v) != 0)
        return r->code;
    if (!jiter_next(r, &it, out))
        *out = jvalue_undefined(&no_first);
    return r->code;
}

int jseq_last(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    size_t n;
    if (jargs_none(r, "last", args) != 0)
        return r->code;
    if (!jvalue_len(v, &n))
        return jrun_fail(r, ERR_FORMAT, "'%s' object is not reversible", jvalue_type_name(v));
    if (n == 0) {
        *out = jvalue_undefined(&no_last);
        return 0;
    }
    if (v.type != JTYPE_DICT && v.type != JTYPE_VIEW)
        return jvalue_item(r, v, jvalue_int((int64_t)n - 1), out);
    const struct jlist *l = jvalue_to_list(r, v);
    if (l)
        *out = l->v[n - 1];
    return r->code;
}

int jseq_length(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    size_t n = 0;
    if (jargs_none(r, "length", args) != 0)
        return r->code;
    if (!jvalue_len(v, &n))
        return jrun_fail(r, ERR_FORMAT, "object of type '%s' has no length", jvalue_type_name(v));
    *out = jvalue_int((int64_t)n);
    return 0;
}

int jseq_list(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    if (jargs_none(r, "list", args) != 0)
        return r->code;
    const struct jlist *l = jvalue_to_list(r, v);
    *out = jvalue_list(l);
    return l ? 0 : r->code;
}

int jseq_reverse(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    if (jargs_none(r, "reverse", args) != 0)
        return r->code;
    if (v.type == JTYPE_STRING)
        return jops_slice(r, v, jvalue_none(), jvalue_none(), jvalue_int(-1), out);
    const struct jlist *l = jvalue_to_list(r, v);
    struct jlist *back = l ? jlist_new(r, l->n) : NULL;
    for (size_t i = l ? l->n : 0; back && i > 0; i--)
        if (jlist_push(r, back, l->v[i - 1]) != 0)
            return r->code;
    if (v.type != JTYPE_GENERATOR)
        return jvalue_generator(r, back, out);
    *out = jvalue_list(back);
    return back ? 0 : r->code;
}

int jseq_items(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    if (jargs_none(r, "items", args) != 0)
        return r->code;
    if (v.type == JTYPE_UNDEFINED)
        return jvalue_generator(r, jlist_new(r, 0), out);
    if (v.type != JTYPE_DICT)
        return jrun_fail(r, ERR_FORMAT, "items: can only get item pairs from a mapping, not from %s",
                         jvalue_type_name(v));
    const struct jview view = { JVIEW_ITEMS, v.u.dict, v.marked };
    return jvalue_generator(r, jvalue_to_list(r, (struct jvalue){ .type = JTYPE_VIEW, .u.view = &view }), out);
}

struct keyed {
    struct jvalue key, item;
};

/* a[from, mid) and a[mid, to), each in order, into b. Equal keys keep their order, also when the order is reversed. */
static int merge(struct jrun *r, const struct keyed *a, struct keyed *b, size_t from, size_t mid, size_t to,
                 bool reverse)
{
    size_t i = from, k = mid;
    for (size_t o = from; o < to; o++) {
        int c = 0;
        if (i < mid && k < to && jvalue_cmp(r, a[k].key, a[i].key, "<", &c) != 0)
            return r->code;
        bool second_first = c != JVALUE_UNORDERED && (reverse ? c > 0 : c < 0);
        b[o] = k == to || (i < mid && !second_first) ? a[i++] : a[k++];
    }
    return jrun_spend(r, to - from);
}

/* Merge sort; the result is *v, which may have moved. */
static int sort_keyed(struct jrun *r, struct keyed **v, size_t n, bool reverse)
{
    struct keyed *a = *v, *b = jrun_alloc(r, n, sizeof *b);
    if (!b)
        return r->code;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t from = 0; from < n; from += 2 * width) {
            size_t mid = MIN(from + width, n), to = MIN(from + 2 * width, n);
            if (merge(r, a, b, from, mid, to, reverse) != 0)
                return r->code;
        }
        struct keyed *swap = a;
        a = b;
        b = swap;
    }
    *v = a;
    return 0;
}

/* "name,age": several keys, compared one after the other. Always a list, as in jinja2: equal items of a list are not ordered, so that undefined
 * ones may stand beside each other. */
static int sort_keys(struct jrun *r, struct jvalue path, bool case_sensitive, struct jvalue item, struct jvalue *out)
{
    struct jlist *keys = jlist_new(r, 1);
    const struct jstring *s = path.type == JTYPE_STRING ? path.u.s : NULL;
    for (size_t from = 0; keys && from <= (s ? s->n : 0);) {
        const char *comma = s ? memchr(s->p + from, ',', s->n - from) : NULL;
        size_t to = comma ? (size_t)(comma - s->p) : s ? s->n : 0;
        struct jvalue key, part = path;
        if (s && jvalue_done(r, jstring_sub(r, s, from, to), &part) != 0)
            return r->code;
        if (jseq_follow(r, part, jvalue_missing(), item, &key) != 0 || fold_case(r, case_sensitive, &key) != 0 ||
            jlist_push(r, keys, key) != 0)
            return r->code;
        from = to + 1;
    }
    *out = jvalue_list(keys);
    return r->code;
}

static int items_of(struct jrun *r, const struct keyed *v, size_t n, struct jvalue *out)
{
    struct jlist *l = jlist_new(r, n);
    *out = jvalue_missing();
    for (size_t i = 0; l && i < n; i++)
        if (jlist_push(r, l, v[i].item) != 0)
            return r->code;
    *out = jvalue_list(l);
    return l ? 0 : r->code;
}

int jseq_sort(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "reverse", "case_sensitive", "attribute" };
    struct jvalue a[3];
    if (jargs_bind(r, "sort", args, names, 3, 0, a) != 0)
        return r->code;
    const struct jlist *l = jvalue_to_list(r, v);
    struct keyed *keyed = l ? jrun_alloc(r, l->n, sizeof *keyed) : NULL;
    if (!keyed)
        return r->code;
    for (size_t i = 0; i < l->n; i++) {
        keyed[i].item = l->v[i];
        if (sort_keys(r, a[2], jargs_bool(a[1], false), l->v[i], &keyed[i].key) != 0)
            return r->code;
    }
    if (sort_keyed(r, &keyed, l->n, jargs_bool(a[0], false)) != 0)
        return r->code;
    return items_of(r, keyed, l->n, out);
}

int jseq_dictsort(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "case_sensitive", "by", "reverse" };
    struct jvalue a[3];
    if (jargs_bind(r, "dictsort", args, names, 3, 0, a) != 0)
        return r->code;
    if (v.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, v);
    bool by_value = a[1].type == JTYPE_STRING && str_eqz(jstring_str(a[1].u.s), "value");
    if (!by_value && a[1].type != JTYPE_MISSING &&
        !(a[1].type == JTYPE_STRING && str_eqz(jstring_str(a[1].u.s), "key")))
        return jrun_fail(r, ERR_FORMAT, "dictsort: one can sort by \"key\" or \"value\" only");
    if (v.type != JTYPE_DICT)
        return jrun_fail(r, ERR_FORMAT, "dictsort: expected a mapping, found %s", jvalue_type_name(v));
    const struct jdict *d = v.u.dict;
    struct keyed *keyed = jrun_alloc(r, d->n, sizeof *keyed);
    for (size_t i = 0; keyed && i < d->n; i++) {
        keyed[i].key = by_value ? d->v[i].value : d->v[i].key;
        if (fold_case(r, jargs_bool(a[0], false), &keyed[i].key) != 0 ||
            jvalue_pair(r, d->v[i].key, d->v[i].value, &keyed[i].item) != 0)
            return r->code;
    }
    if (!keyed || sort_keyed(r, &keyed, d->n, jargs_bool(a[2], false)) != 0)
        return r->code;
    return items_of(r, keyed, d->n, out);
}

int jseq_unique(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "case_sensitive", "attribute" };
    struct jvalue a[2], item, key, known;
    struct jiter it;
    if (jargs_bind(r, "unique", args, names, 2, 0, a) != 0 || jiter_init(r, &it, v) != 0)
        return r->code;
    struct jdict *seen = jdict_new(r, 0);
    struct jlist *l = jlist_new(r, 0);
    while (seen && l && jiter_next(r, &it, &item)) {
        if (jseq_follow(r, a[1], jvalue_missing(), item, &key) != 0 ||
            fold_case(r, jargs_bool(a[0], false), &key) != 0 || jdict_get(r, seen, key, &known) != 0)
            return r->code;
        if (known.type != JTYPE_MISSING)
            continue;
        if (jdict_set(r, seen, key, jvalue_none()) != 0 || jlist_push(r, l, item) != 0)
            return r->code;
    }
    return r->code != 0 ? r->code : jvalue_generator(r, l, out);
}

static int push_group(struct jrun *r, struct jlist *groups, struct jvalue path, struct jvalue def,
                      const struct keyed *v, size_t n)
{
    struct jvalue grouper, members;
    struct jlist *group = jlist_new(r, 2);
    if (!group || jseq_follow(r, path, def, v[0].item, &grouper) != 0 || items_of(r, v, n, &members) != 0 ||
        jlist_push(r, group, grouper) != 0 || jlist_push(r, group, members) != 0)
        return r->code;
    group->group = true;
    return jlist_push(r, groups, jvalue_tuple(group));
}

int jseq_groupby(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "attribute", "default", "case_sensitive" };
    struct jvalue a[3];
    if (jargs_bind(r, "groupby", args, names, 3, 1, a) != 0)
        return r->code;
    const struct jlist *l = jvalue_to_list(r, v);
    struct keyed *sorted = l ? jrun_alloc(r, l->n, sizeof *sorted) : NULL;
    struct jlist *groups = jlist_new(r, 0);
    if (!sorted || !groups)
        return r->code;
    for (size_t i = 0; i < l->n; i++) {
        sorted[i].item = l->v[i];
        if (jseq_follow(r, a[0], a[1], l->v[i], &sorted[i].key) != 0 ||
            fold_case(r, jargs_bool(a[2], false), &sorted[i].key) != 0)
            return r->code;
    }
    if (sort_keyed(r, &sorted, l->n, false) != 0)
        return r->code;
    for (size_t from = 0, i = 1; i <= l->n; i++) {
        if (i < l->n && jvalue_eq(r, sorted[i].key, sorted[from].key))
            continue;
        if (push_group(r, groups, a[0], a[1], sorted + from, i - from) != 0)
            return r->code;
        from = i;
    }
    *out = jvalue_list(groups);
    return r->code;
}

static int extreme(struct jrun *r, const char *fn, struct jvalue v, const struct jargs *args, int sign,
                   struct jvalue *out)
{
    static const char *const names[] = { "case_sensitive", "attribute" };
    struct jvalue a[2], item, key, best = jvalue_missing();
    struct jiter it;
    if (jargs_bind(r, fn, args, names, 2, 0, a) != 0 || jiter_init(r, &it, v) != 0)
        return r->code;
    *out = jvalue_undefined(&no_item);
    while (jiter_next(r, &it, &item) && jrun_spend(r, 1) == 0) {
        int c = 0;
        if (jseq_follow(r, a[1], jvalue_missing(), item, &key) != 0 || fold_case(r, jargs_bool(a[0], false), &key) != 0)
            return r->code;
        if (best.type != JTYPE_MISSING && jvalue_cmp(r, key, best, sign < 0 ? "<" : ">", &c) != 0)
            return r->code;
        if (best.type == JTYPE_MISSING || (c != JVALUE_UNORDERED && c * sign > 0)) {
            best = key;
            *out = item;
        }
    }
    return r->code;
}

int jseq_min(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    return extreme(r, "min", v, args, -1, out);
}

int jseq_max(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    return extreme(r, "max", v, args, 1, out);
}

int jseq_sum(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "attribute", "start" };
    struct jvalue a[2], item;
    struct jiter it;
    if (jargs_bind(r, "sum", args, names, 2, 0, a) != 0 || jiter_init(r, &it, v) != 0)
        return r->code;
    *out = a[1].type == JTYPE_MISSING ? jvalue_int(0) : a[1];
    if (out->type == JTYPE_STRING)
        return jrun_fail(r, ERR_FORMAT, "sum: strings cannot be summed, use join");
    while (jiter_next(r, &it, &item) && jrun_spend(r, 1) == 0)
        if (jseq_follow(r, a[0], jvalue_missing(), item, &item) != 0 || jops_binary(r, JOP_ADD, *out, item, out) != 0)
            return r->code;
    return r->code;
}

int jseq_join(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "d", "attribute" };
    struct jvalue a[2], item;
    struct jiter it;
    struct jbuild b;
    if (jargs_bind(r, "join", args, names, 2, 0, a) != 0 || jiter_init(r, &it, v) != 0)
        return r->code;
    const struct jstring *sep = jprint_string(r, a[0]); /* MISSING prints as nothing */
    jbuild_init(&b, r, 0);
    for (bool first = true; sep && jiter_next(r, &it, &item) && jrun_spend(r, 1) == 0; first = false) {
        if (jseq_follow(r, a[1], jvalue_missing(), item, &item) != 0)
            return r->code;
        if (!first)
            jbuild_string(&b, sep);
        jprint_str(&b, item);
    }
    return jvalue_done(r, jbuild_done(&b), out);
}

int jseq_batch(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "linecount", "fill_with" };
    struct jvalue a[2];
    int64_t size;
    if (jargs_bind(r, "batch", args, names, 2, 1, a) != 0 || jargs_i64(r, "batch", "linecount", a[0], 0, &size) != 0)
        return r->code;
    const struct jlist *l = jvalue_to_list(r, v);
    struct jlist *rows = jlist_new(r, 0);
    if (!l || !rows)
        return r->code;
    /* A size of 0 or less: one row of everything. */
    size_t step = size > 0 ? (size_t)size : MAX(l->n, 1);
    for (size_t from = 0; from < l->n; from += step) {
        struct jlist *row = jlist_new(r, MIN(step, l->n - from));
        for (size_t i = from; row && i < MIN(from + step, l->n); i++)
            if (jlist_push(r, row, l->v[i]) != 0)
                return r->code;
        while (row && size > 0 && row->n < step && !is_none(a[1]))
            if (jlist_push(r, row, a[1]) != 0)
                return r->code;
        if (!row || jlist_push(r, rows, jvalue_list(row)) != 0)
            return r->code;
    }
    return jvalue_generator(r, rows, out);
}

int jseq_slice(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out)
{
    static const char *const names[] = { "slices", "fill_with" };
    struct jvalue a[2];
    int64_t n;
    if (jargs_bind(r, "slice", args, names, 2, 1, a) != 0 || jargs_i64(r, "slice", "slices", a[0], 0, &n) != 0)
        return r->code;
    if (n <= 0)
        return jrun_fail(r, ERR_FORMAT, "slice: the number of slices must be positive");
    const struct jlist *l = jvalue_to_list(r, v);
    struct jlist *rows = jlist_new(r, 0);
    if (!l || !rows)
        return r->code;
    size_t each = l->n / (size_t)n, longer = l->n % (size_t)n, at = 0;
    for (size_t k = 0; k < (size_t)n; k++) {
        size_t end = at + each + (k < longer);
        struct jlist *row = jlist_new(r, each + 1);
        for (; row && at < end; at++)
            if (jlist_push(r, row, l->v[at]) != 0)
                return r->code;
        if (row && k >= longer && !is_none(a[1]) && jlist_push(r, row, a[1]) != 0)
            return r->code;
        if (!row || jlist_push(r, rows, jvalue_list(row)) != 0)
            return r->code;
    }
    return jvalue_generator(r, rows, out);
}
