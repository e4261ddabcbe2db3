/* jinja_value.c - equality, order, hashing, containers and iteration, after Python.
 *
 * Values can be nested as deeply as a template likes (ns.x = [ns.x] in a loop), so whatever descends into them counts levels.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_value.h"

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "text/template/jinja_unicode.h"

enum { DICT_LINEAR_MAX = 8 /* entries that are searched without an index */ };

double jvalue_double(struct jvalue v)
{
    double x = 0;
    switch (v.type) {
    case JTYPE_FLOAT:
        return v.u.f;
    case JTYPE_BIGINT:
        return str_to_double(jstring_str(v.u.s), &x) ? x : v.u.s->p[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    default:
        return (double)jvalue_i64(v);
    }
}

int jvalue_done(struct jrun *r, const struct jstring *s, struct jvalue *out)
{
    if (!s)
        return r->code;
    *out = jvalue_string(s);
    return 0;
}

int jvalue_text(struct jrun *r, struct str s, enum jmark mark, struct jvalue *out)
{
    return jvalue_done(r, jstring_new(r, s, mark), out);
}

const char *jvalue_type_name(struct jvalue v)
{
    static const char *const names[] = {
        [JTYPE_MISSING] = "missing",
        [JTYPE_UNDEFINED] = "Undefined",
        [JTYPE_NONE] = "NoneType",
        [JTYPE_BOOL] = "bool",
        [JTYPE_INT] = "int",
        [JTYPE_BIGINT] = "int",
        [JTYPE_FLOAT] = "float",
        [JTYPE_STRING] = "str",
        [JTYPE_LIST] = "list",
        [JTYPE_TUPLE] = "tuple",
        [JTYPE_DICT] = "dict",
        [JTYPE_VIEW] = "dict view",
        [JTYPE_RANGE] = "range",
        [JTYPE_GENERATOR] = "generator",
        [JTYPE_NAMESPACE] = "namespace",
        [JTYPE_METHOD] = "method",
        [JTYPE_FUNCTION] = "function",
        [JTYPE_MACRO] = "macro",
        [JTYPE_LOOP] = "loop",
        [JTYPE_CYCLER] = "cycler",
        [JTYPE_JOINER] = "joiner",
    };
    return names[v.type];
}

int jvalue_fail_undefined(struct jrun *r, struct jvalue v)
{
    const struct jundefined *why = v.u.undefined;
    struct jvalue of = { .type = v.of };
    int n = (int)MIN(why->text.n, 200);
    switch (why->kind) {
    case JUNDEFINED_NAME:
        return jrun_fail(r, ERR_FORMAT, "'%.*s' is undefined", n, why->text.p);
    case JUNDEFINED_ATTR:
        return jrun_fail(r, ERR_FORMAT, "'%s object' has no attribute '%.*s'", jvalue_type_name(of), n, why->text.p);
    case JUNDEFINED_ITEM:
        return jrun_fail(r, ERR_FORMAT, "'%s object' has no element %.*s", jvalue_type_name(of), n, why->text.p);
    case JUNDEFINED_UNSAFE:
        return jrun_fail(r, ERR_FORMAT, "access to attribute '%.*s' of '%s' object is unsafe", n, why->text.p,
                         jvalue_type_name(of));
    default:
        return jrun_fail(r, ERR_FORMAT, "%.*s", n, why->text.p);
    }
}

bool jvalue_true(struct jvalue v)
{
    size_t n;
    switch (v.type) {
    case JTYPE_MISSING:
    case JTYPE_UNDEFINED:
    case JTYPE_NONE:
        return false;
    case JTYPE_BOOL:
        return v.u.b;
    case JTYPE_INT:
        return v.u.i != 0;
    case JTYPE_FLOAT:
        return v.u.f != 0;
    case JTYPE_STRING:
        return v.u.s->n > 0;
    default:
        return jvalue_len(v, &n) ? n > 0 : true;
    }
}

bool jvalue_len(struct jvalue v, size_t *out)
{
    switch (v.type) {
    case JTYPE_UNDEFINED:
        *out = 0;
        return true;
    case JTYPE_STRING:
        *out = jstring_len(v.u.s);
        return true;
    case JTYPE_LIST:
    case JTYPE_TUPLE:
        *out = v.u.list->n;
        return true;
    case JTYPE_DICT:
        *out = v.u.dict->n;
        return true;
    case JTYPE_VIEW:
        *out = v.u.view->dict->n;
        return true;
    case JTYPE_RANGE:
        *out = v.u.range->n;
        return true;
    default:
        return false;
    }
}

static bool list_eq(struct jrun *r, const struct jlist *a, const struct jlist *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!jvalue_eq(r, a->v[i], b->v[i]))
            return false;
    return true;
}

static bool dict_eq(struct jrun *r, const struct jdict *a, const struct jdict *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        struct jvalue other;
        if (jdict_get(r, b, a->v[i].key, &other) != 0 || other.type == JTYPE_MISSING ||
            !jvalue_eq(r, a->v[i].value, other))
            return false;
    }
    return true;
}

static bool range_eq(const struct jrange *a, const struct jrange *b)
{
    if (a->n != b->n || (a->n > 0 && a->start != b->start))
        return false;
    return a->n <= 1 || a->step == b->step;
}

static int number_cmp(struct jvalue a, struct jvalue b);

bool jvalue_same(struct jvalue a, struct jvalue b)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case JTYPE_NONE:
        return true;
    case JTYPE_BOOL:
        return a.u.b == b.u.b;
    case JTYPE_INT:
        return a.u.i == b.u.i;
    case JTYPE_FLOAT:
        return a.u.f == b.u.f;
    case JTYPE_STRING:
        return jstring_eq(a.u.s, b.u.s);
    case JTYPE_UNDEFINED:
        return a.u.undefined == b.u.undefined;
    default:
        return a.u.list == b.u.list; /* any of the pointers: the same object */
    }
}

bool jvalue_eq(struct jrun *r, struct jvalue a, struct jvalue b)
{
    if (jvalue_is_number(a) && jvalue_is_number(b))
        return number_cmp(a, b) == 0;
    if (a.type != b.type)
        return false;
    if (a.type == JTYPE_UNDEFINED)
        return true;
    if (a.type == JTYPE_STRING && jrun_spend_copy(r, a.u.s->n) != 0)
        return false;
    if (jvalue_same(a, b))
        return true;
    if (a.type != JTYPE_LIST && a.type != JTYPE_TUPLE && a.type != JTYPE_DICT && a.type != JTYPE_RANGE)
        return false;
    size_t n = 0;
    jvalue_len(a, &n);
    if (jrun_spend(r, a.type == JTYPE_RANGE ? 1 : 1 + n) != 0 || jrun_enter(r) != 0)
        return false;
    bool eq = a.type == JTYPE_DICT    ? dict_eq(r, a.u.dict, b.u.dict)
              : a.type == JTYPE_RANGE ? range_eq(a.u.range, b.u.range)
                                      : list_eq(r, a.u.list, b.u.list);
    jrun_leave(r);
    return eq;
}

/* Of two integers of which at least one is beyond 64 bits: by sign, length and digits. */
static int bigint_cmp(struct jvalue a, struct jvalue b)
{
    bool a_big = a.type == JTYPE_BIGINT, b_big = b.type == JTYPE_BIGINT;
    bool a_neg = a_big ? a.u.s->p[0] == '-' : false, b_neg = b_big ? b.u.s->p[0] == '-' : false;
    if (!a_big)
        return b_neg ? 1 : -1;
    if (!b_big || a_neg != b_neg)
        return a_neg ? -1 : 1;
    int c = a.u.s->n != b.u.s->n ? (a.u.s->n < b.u.s->n ? -1 : 1) : memcmp(a.u.s->p, b.u.s->p, a.u.s->n);
    return a_neg ? -c : c;
}

/* Exact, also where the integer is no double. */
static int int_double_cmp(int64_t i, double f)
{
    double x = (double)i;
    if (isnan(f))
        return JVALUE_UNORDERED;
    if (x != f)
        return (x > f) - (x < f);
    if (f >= 9223372036854775808.0) /* i was rounded up to it */
        return -1;
    return (i > (int64_t)f) - (i < (int64_t)f);
}

static int number_cmp(struct jvalue a, struct jvalue b)
{
    if (a.type == JTYPE_FLOAT && jvalue_is_int(b)) {
        int c = int_double_cmp(jvalue_i64(b), a.u.f);
        return c == JVALUE_UNORDERED ? c : -c;
    }
    if (b.type == JTYPE_FLOAT && jvalue_is_int(a))
        return int_double_cmp(jvalue_i64(a), b.u.f);
    if (a.type == JTYPE_FLOAT || b.type == JTYPE_FLOAT) {
        double x = jvalue_double(a), y = jvalue_double(b);
        return isnan(x) || isnan(y) ? JVALUE_UNORDERED : (x > y) - (x < y);
    }
    if (a.type == JTYPE_BIGINT || b.type == JTYPE_BIGINT) {
        int c = bigint_cmp(a, b);
        return (c > 0) - (c < 0);
    }
    int64_t x = jvalue_i64(a), y = jvalue_i64(b);
    return (x > y) - (x < y);
}

static int list_cmp(struct jrun *r, const struct jlist *a, const struct jlist *b, const char *op, int *out)
{
    size_t n = MIN(a->n, b->n);
    for (size_t i = 0; i < n; i++) {
        if (jvalue_eq(r, a->v[i], b->v[i]))
            continue;
        return r->code != 0 ? r->code : jvalue_cmp(r, a->v[i], b->v[i], op, out);
    }
    *out = (a->n > b->n) - (a->n < b->n);
    return 0;
}

int jvalue_cmp(struct jrun *r, struct jvalue a, struct jvalue b, const char *op, int *out)
{
    if (jrun_spend(r, 1) != 0)
        return r->code;
    if (jvalue_is_number(a) && jvalue_is_number(b)) {
        *out = number_cmp(a, b);
        return 0;
    }
    if (a.type == JTYPE_STRING && b.type == JTYPE_STRING) {
        if (jrun_spend_copy(r, MIN(a.u.s->n, b.u.s->n)) != 0)
            return r->code;
        /* UTF-8 sorts bytewise as its characters do. */
        int c = str_cmp(jstring_str(a.u.s), jstring_str(b.u.s));
        *out = (c > 0) - (c < 0);
        return 0;
    }
    if (a.type == b.type && (a.type == JTYPE_LIST || a.type == JTYPE_TUPLE)) {
        if (jrun_spend(r, MIN(a.u.list->n, b.u.list->n)) != 0 || jrun_enter(r) != 0)
            return r->code;
        int rc = list_cmp(r, a.u.list, b.u.list, op, out);
        jrun_leave(r);
        return rc;
    }
    if (a.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, a);
    if (b.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, b);
    return jrun_fail(r, ERR_FORMAT, "'%s' not supported between instances of '%s' and '%s'", op, jvalue_type_name(a),
                     jvalue_type_name(b));
}

static uint32_t hash_u64(uint64_t x)
{
    x *= 0x9e3779b97f4a7c15U;
    uint32_t h = (uint32_t)(x >> 32);
    return h ? h : 1;
}

/* Equal numbers of any type hash alike. */
static uint32_t hash_double(double f)
{
    if (f >= -9007199254740992.0 && f <= 9007199254740992.0 && f == floor(f))
        return hash_u64((uint64_t)(int64_t)f);
    uint64_t bits;
    memcpy(&bits, &f, sizeof bits);
    return hash_u64(bits);
}

static int hash_tuple(struct jrun *r, const struct jlist *l, uint32_t *out)
{
    uint64_t h = 1;
    if (jrun_spend(r, 1 + l->n) != 0 || jrun_enter(r) != 0)
        return r->code;
    for (size_t i = 0; i < l->n; i++) {
        uint32_t item = 0;
        if (jvalue_hash(r, l->v[i], &item) != 0)
            break;
        h = h * 1000003 + item;
    }
    jrun_leave(r);
    *out = hash_u64(h);
    return r->code;
}

int jvalue_hash(struct jrun *r, struct jvalue v, uint32_t *out)
{
    switch (v.type) {
    case JTYPE_STRING:
        if (v.u.s->hash == 0 && jrun_spend_scan(r, v.u.s->n) != 0)
            return r->code;
        *out = jstring_hash(v.u.s);
        return 0;
    case JTYPE_BOOL:
    case JTYPE_INT:
        *out = jvalue_i64(v) == (int64_t)(double)jvalue_i64(v) ? hash_double((double)jvalue_i64(v))
                                                               : hash_u64((uint64_t)jvalue_i64(v));
        return 0;
    case JTYPE_FLOAT:
    case JTYPE_BIGINT:
        *out = hash_double(jvalue_double(v));
        return 0;
    case JTYPE_TUPLE:
        return hash_tuple(r, v.u.list, out);
    case JTYPE_LIST:
    case JTYPE_DICT:
    case JTYPE_VIEW:
        return jrun_fail(r, ERR_FORMAT, "unhashable type: '%s'", jvalue_type_name(v));
    default:
        *out = v.type;
        return 0;
    }
}

bool jvalue_any_marked(struct jrun *r, struct jvalue v)
{
    if (v.marked)
        return true;
    if (v.type == JTYPE_STRING)
        return v.u.s->mark != JMARK_TEMPLATE;
    if (v.type == JTYPE_VIEW)
        return v.u.view->marked;
    bool list = v.type == JTYPE_LIST || v.type == JTYPE_TUPLE, dict = v.type == JTYPE_DICT || v.type == JTYPE_NAMESPACE;
    if (!list && !dict)
        return false;
    /* What is nested too deeply or too large to look through counts as marked; the run has failed. */
    if (jrun_spend(r, 1 + (list ? v.u.list->n : v.u.dict->n)) != 0 || jrun_enter(r) != 0)
        return true;
    bool any = false;
    for (size_t i = 0; list && i < v.u.list->n && !any; i++)
        any = jvalue_any_marked(r, v.u.list->v[i]);
    for (size_t i = 0; dict && i < v.u.dict->n && !any; i++)
        any = jvalue_any_marked(r, v.u.dict->v[i].key) || jvalue_any_marked(r, v.u.dict->v[i].value);
    jrun_leave(r);
    return any;
}

struct jlist *jlist_new(struct jrun *r, size_t cap)
{
    struct jlist *l = jrun_alloc(r, 1, sizeof *l);
    struct jlist_store *st = jrun_alloc(r, 1, sizeof *st);
    if (!l || !st)
        return NULL;
    l->store = st;
    if (cap > 0) {
        st->v = jrun_alloc(r, cap, sizeof *st->v);
        if (!st->v)
            return NULL;
        st->cap = cap;
    }
    l->v = st->v;
    return l;
}

/* For a list that is being made: nobody else shows its store yet, so the store may move. */
int jlist_push(struct jrun *r, struct jlist *l, struct jvalue v)
{
    struct jlist_store *st = l->store;
    if (st->n == st->cap) {
        size_t cap = st->cap ? st->cap + st->cap / 2 + 4 : 4;
        struct jvalue *p = jrun_alloc(r, cap, sizeof *p);
        if (!p)
            return r->code;
        if (st->n > 0)
            memcpy(p, st->v, st->n * sizeof *p);
        st->v = p;
        st->cap = cap;
        l->v = p;
    }
    st->v[st->n++] = v;
    l->n++;
    return jrun_spend(r, 1);
}

struct jlist *jlist_sub(struct jrun *r, const struct jlist *l, size_t from, size_t to)
{
    struct jlist *v = jrun_alloc(r, 1, sizeof *v);
    if (!v)
        return NULL;
    v->v = l->n ? l->v + from : NULL;
    v->n = to - from;
    v->store = l->store;
    return v;
}

struct jlist *jlist_concat(struct jrun *r, const struct jlist *a, const struct jlist *b)
{
    struct jlist_store *st = a->store;
    if (b->n == 0)
        return jlist_sub(r, a, 0, a->n);
    bool in_place = st && a->n > 0 && a->v + a->n == st->v + st->n && b->n <= st->cap - st->n;
    if (jrun_spend(r, (in_place ? 0 : a->n) + b->n) != 0)
        return NULL;
    if (!in_place) {
        struct jlist *l = jlist_new(r, (a->n + b->n) + (a->n + b->n) / 2);
        if (!l)
            return NULL;
        if (a->n > 0)
            memcpy(l->store->v, a->v, a->n * sizeof *a->v);
        l->store->n = a->n;
        st = l->store;
    }
    size_t from = in_place ? (size_t)(a->v - st->v) : 0;
    memcpy(st->v + st->n, b->v, b->n * sizeof *b->v);
    st->n += b->n;
    struct jlist *v = jrun_alloc(r, 1, sizeof *v);
    if (!v)
        return NULL;
    v->v = st->v ? st->v + from : NULL;
    v->n = a->n + b->n;
    v->store = st;
    return v;
}

int jvalue_pair(struct jrun *r, struct jvalue a, struct jvalue b, struct jvalue *out)
{
    struct jlist *l = jlist_new(r, 2);
    if (!l || jlist_push(r, l, a) != 0 || jlist_push(r, l, b) != 0)
        return r->code;
    *out = jvalue_tuple(l);
    return 0;
}

int jvalue_generator(struct jrun *r, const struct jlist *l, struct jvalue *out)
{
    if (!l)
        return r->code;
    struct jgenerator *g = jrun_alloc(r, 1, sizeof *g);
    if (!g)
        return r->code;
    *g = (struct jgenerator){ .v = l->v, .n = l->n };
    *out = (struct jvalue){ .type = JTYPE_GENERATOR, .u.generator = g };
    return 0;
}

struct jdict *jdict_new(struct jrun *r, size_t cap)
{
    struct jdict *d = jrun_alloc(r, 1, sizeof *d);
    if (!d)
        return NULL;
    if (cap > 0) {
        d->v = jrun_alloc(r, cap, sizeof *d->v);
        if (!d->v)
            return NULL;
        d->cap = cap;
    }
    return d;
}

static void index_add(struct jdict *d, size_t entry)
{
    size_t mask = d->index_cap - 1, i = d->v[entry].hash & mask;
    while (d->index[i] != 0)
        i = (i + 1) & mask;
    d->index[i] = (uint32_t)(entry + 1);
}

static int dict_grow(struct jrun *r, struct jdict *d)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 4;
        if (cap > UINT32_MAX / 4)
            return jrun_fail(r, ERR_LIMIT, "a dict of more than %zu entries", d->n);
        struct jentry *v = jrun_alloc(r, cap, sizeof *v);
        if (!v)
            return r->code;
        if (d->n > 0)
            memcpy(v, d->v, d->n * sizeof *v);
        d->v = v;
        d->cap = cap;
    }
    if (d->n < DICT_LINEAR_MAX || 2 * (d->n + 1) <= d->index_cap)
        return 0;
    size_t cap = 32;
    while (cap < 4 * (d->n + 1))
        cap *= 2;
    uint32_t *index = jrun_alloc(r, cap, sizeof *index);
    if (!index)
        return r->code;
    d->index = index;
    d->index_cap = cap;
    for (size_t i = 0; i < d->n; i++)
        index_add(d, i);
    return 0;
}

/* Entry of a key, or NULL. Fuel bounds what keys made to have the same hash can cost. */
static struct jentry *dict_find(struct jrun *r, const struct jdict *d, struct jvalue key, uint32_t hash)
{
    if (!d->index) {
        for (size_t i = 0; i < d->n; i++)
            if (d->v[i].hash == hash && jvalue_eq(r, d->v[i].key, key))
                return &d->v[i];
        return NULL;
    }
    size_t mask = d->index_cap - 1;
    for (size_t i = hash & mask; d->index[i] != 0 && jrun_spend(r, 1) == 0; i = (i + 1) & mask) {
        struct jentry *e = &d->v[d->index[i] - 1];
        if (e->hash == hash && jvalue_eq(r, e->key, key))
            return e;
    }
    return NULL;
}

int jdict_set(struct jrun *r, struct jdict *d, struct jvalue key, struct jvalue value)
{
    uint32_t hash = 0;
    if (jrun_spend(r, 1) != 0 || jvalue_hash(r, key, &hash) != 0)
        return r->code;
    struct jentry *e = dict_find(r, d, key, hash);
    if (e) {
        e->value = value;
        return 0;
    }
    if (r->code != 0 || dict_grow(r, d) != 0)
        return r->code;
    d->v[d->n] = (struct jentry){ .key = key, .value = value, .hash = hash };
    d->n++;
    if (d->index)
        index_add(d, d->n - 1);
    return 0;
}

int jdict_get(struct jrun *r, const struct jdict *d, struct jvalue key, struct jvalue *out)
{
    uint32_t hash = 0;
    *out = jvalue_missing();
    if (jvalue_hash(r, key, &hash) != 0)
        return r->code;
    const struct jentry *e = dict_find(r, d, key, hash);
    *out = e ? e->value : jvalue_missing();
    return r->code;
}

static bool is_key(const struct jentry *e, struct str key, uint32_t hash)
{
    return e->hash == hash && e->key.type == JTYPE_STRING && e->key.u.s->n == key.n &&
           memcmp(e->key.u.s->p, key.p, key.n) == 0;
}

struct jvalue jdict_get_str(const struct jdict *d, struct str key, uint32_t hash)
{
    if (!d->index) {
        for (size_t i = 0; i < d->n; i++)
            if (is_key(&d->v[i], key, hash))
                return d->v[i].value;
        return jvalue_missing();
    }
    size_t mask = d->index_cap - 1;
    for (size_t i = hash & mask; d->index[i] != 0; i = (i + 1) & mask)
        if (is_key(&d->v[d->index[i] - 1], key, hash))
            return d->v[d->index[i] - 1].value;
    return jvalue_missing();
}

static int64_t range_at(const struct jrange *g, size_t i)
{
    return g->start + (int64_t)i * g->step;
}

/* Position i of a sequence; a string's is found by counting. */
static int item_at(struct jrun *r, struct jvalue obj, size_t i, struct jvalue *out)
{
    if (obj.type == JTYPE_STRING) {
        size_t from = jstring_offset(r, obj.u.s, i), to = from;
        if (r->code != 0)
            return r->code;
        junicode_next(jstring_str(obj.u.s), &to);
        return jvalue_done(r, jstring_sub(r, obj.u.s, from, to), out);
    }
    *out = obj.type == JTYPE_RANGE ? jvalue_int(range_at(obj.u.range, i)) : obj.u.list->v[i];
    return 0;
}

int jvalue_item(struct jrun *r, struct jvalue obj, struct jvalue key, struct jvalue *out)
{
    *out = jvalue_missing();
    if (obj.type == JTYPE_DICT) {
        if (key.type == JTYPE_LIST || key.type == JTYPE_DICT || key.type == JTYPE_VIEW)
            return 0; /* unhashable: Python's TypeError */
        return jdict_get(r, obj.u.dict, key, out);
    }
    bool sequence =
        obj.type == JTYPE_STRING || obj.type == JTYPE_LIST || obj.type == JTYPE_TUPLE || obj.type == JTYPE_RANGE;
    size_t n;
    if (!sequence || !jvalue_is_int(key) || !jvalue_len(obj, &n))
        return 0;
    int64_t i = jvalue_i64(key);
    if (i < 0)
        i += (int64_t)n;
    if (i < 0 || (uint64_t)i >= n)
        return 0;
    return item_at(r, obj, (size_t)i, out);
}

bool jvalue_is_iterable(struct jvalue v)
{
    return v.type == JTYPE_UNDEFINED || (v.type >= JTYPE_STRING && v.type <= JTYPE_GENERATOR);
}

int jiter_init(struct jrun *r, struct jiter *it, struct jvalue v)
{
    *it = (struct jiter){ .of = v };
    if (!jvalue_is_iterable(v))
        return jrun_fail(r, ERR_FORMAT, "'%s' object is not iterable", jvalue_type_name(v));
    return 0;
}

static bool next_entry(struct jrun *r, enum jview_kind kind, const struct jentry *e, struct jvalue *out)
{
    if (kind == JVIEW_ITEMS)
        return jvalue_pair(r, e->key, e->value, out) == 0;
    *out = kind == JVIEW_KEYS ? e->key : e->value;
    return true;
}

bool jiter_next(struct jrun *r, struct jiter *it, struct jvalue *out)
{
    struct jvalue v = it->of;
    switch (v.type) {
    case JTYPE_STRING: {
        if (it->i >= v.u.s->n)
            return false;
        size_t from = it->i;
        junicode_next(jstring_str(v.u.s), &it->i);
        const struct jstring *c = jstring_sub(r, v.u.s, from, it->i);
        return c && jvalue_done(r, jstring_with_markup(r, c, false), out) == 0;
    }
    case JTYPE_LIST:
    case JTYPE_TUPLE:
        if (it->i >= v.u.list->n)
            return false;
        *out = v.u.list->v[it->i++];
        return true;
    case JTYPE_DICT:
        return it->i < v.u.dict->n && next_entry(r, JVIEW_KEYS, &v.u.dict->v[it->i++], out);
    case JTYPE_VIEW:
        return it->i < v.u.view->dict->n && next_entry(r, v.u.view->kind, &v.u.view->dict->v[it->i++], out);
    case JTYPE_RANGE:
        if (it->i >= v.u.range->n)
            return false;
        *out = jvalue_int(range_at(v.u.range, it->i++));
        return true;
    case JTYPE_GENERATOR:
        if (v.u.generator->at >= v.u.generator->n)
            return false;
        *out = v.u.generator->v[v.u.generator->at++];
        return true;
    default:
        return false;
    }
}

struct jlist *jvalue_to_list(struct jrun *r, struct jvalue v)
{
    struct jiter it;
    size_t n = 0;
    if (jiter_init(r, &it, v) != 0)
        return NULL;
    jvalue_len(v, &n);
    struct jlist *l = jlist_new(r, n);
    struct jvalue item;
    while (l && jiter_next(r, &it, &item))
        if (jlist_push(r, l, item) != 0)
            return NULL;
    return r->code == 0 ? l : NULL;
}
