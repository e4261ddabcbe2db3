/* jinja_ops.c - operators and attributes.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_ops.h"

#include <math.h>

#include "base/base.h"
#include "text/template/jinja_format.h"
#include "text/template/jinja_print.h"
#include "text/template/jinja_text.h"

static const char *const op_names[] = {
    [JOP_ADD] = "+",  [JOP_SUB] = "-", [JOP_MUL] = "*", [JOP_DIV] = "/", [JOP_FLOORDIV] = "//",   [JOP_MOD] = "%",
    [JOP_POW] = "**", [JOP_NEG] = "-", [JOP_POS] = "+", [JOP_EQ] = "==", [JOP_NE] = "!=",         [JOP_LT] = "<",
    [JOP_LE] = "<=",  [JOP_GT] = ">",  [JOP_GE] = ">=", [JOP_IN] = "in", [JOP_NOT_IN] = "not in",
};

static int fail_overflow(struct jrun *r)
{
    return jrun_fail(r, ERR_LIMIT, "an integer beyond 64 bits");
}

static int fail_operands(struct jrun *r, enum jop op, struct jvalue a, struct jvalue b)
{
    if (a.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, a);
    if (b.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, b);
    if (op == JOP_ADD && (a.type == JTYPE_STRING || a.type == JTYPE_LIST || a.type == JTYPE_TUPLE))
        return jrun_fail(r, ERR_FORMAT, "can only concatenate %s (not \"%s\") to %s", jvalue_type_name(a),
                         jvalue_type_name(b), jvalue_type_name(a));
    return jrun_fail(r, ERR_FORMAT, "unsupported operand type(s) for %s: '%s' and '%s'", op_names[op],
                     jvalue_type_name(a), jvalue_type_name(b));
}

static int int_pow(struct jrun *r, int64_t a, int64_t n, int64_t *out)
{
    int64_t x = 1;
    if (a == 0 || a == 1 || a == -1) {
        *out = n == 0 ? 1 : a == -1 ? (n % 2 ? -1 : 1) : a;
        return 0;
    }
    if (n >= 64)
        return fail_overflow(r);
    for (int64_t i = 0; i < n; i++)
        if (__builtin_mul_overflow(x, a, &x))
            return fail_overflow(r);
    *out = x;
    return 0;
}

/* Quotient and remainder round towards minus infinity. */
static void floor_divide(int64_t a, int64_t b, int64_t *quotient, int64_t *rest)
{
    *quotient = a / b;
    *rest = a % b;
    if (*rest != 0 && (*rest < 0) != (b < 0)) {
        *rest += b;
        --*quotient;
    }
}

static int int_binary(struct jrun *r, enum jop op, int64_t a, int64_t b, int64_t *out)
{
    int64_t other;
    switch (op) {
    case JOP_ADD:
        return __builtin_add_overflow(a, b, out) ? fail_overflow(r) : 0;
    case JOP_SUB:
        return __builtin_sub_overflow(a, b, out) ? fail_overflow(r) : 0;
    case JOP_MUL:
        return __builtin_mul_overflow(a, b, out) ? fail_overflow(r) : 0;
    case JOP_POW:
        return int_pow(r, a, b, out);
    default:
        if (b == 0)
            return jrun_fail(r, ERR_FORMAT, "integer division or modulo by zero");
        if (b == -1) { /* INT64_MIN / -1 traps */
            *out = 0;
            return op == JOP_MOD ? 0 : __builtin_sub_overflow(0, a, out) ? fail_overflow(r) : 0;
        }
        if (op == JOP_FLOORDIV)
            floor_divide(a, b, out, &other);
        else
            floor_divide(a, b, &other, out);
        return 0;
    }
}

static double float_mod(double a, double b)
{
    double m = fmod(a, b);
    if (m != 0 && (m < 0) != (b < 0))
        m += b;
    return m == 0 ? copysign(0.0, b) : m;
}

static double float_floor_divide(double a, double b)
{
    double exact = (a - float_mod(a, b)) / b; /* next to a whole number */
    if (exact == 0)
        return copysign(0.0, a / b);
    double down = floor(exact);
    return exact - down > 0.5 ? down + 1 : down;
}

static int float_binary(struct jrun *r, enum jop op, double a, double b, double *out)
{
    if (b == 0 && (op == JOP_DIV || op == JOP_FLOORDIV || op == JOP_MOD))
        return jrun_fail(r, ERR_FORMAT, "float division by zero");
    switch (op) {
    case JOP_ADD:
        *out = a + b;
        break;
    case JOP_SUB:
        *out = a - b;
        break;
    case JOP_MUL:
        *out = a * b;
        break;
    case JOP_DIV:
        *out = a / b;
        break;
    case JOP_FLOORDIV:
        *out = float_floor_divide(a, b);
        break;
    case JOP_MOD:
        *out = float_mod(a, b);
        break;
    default:
        if ((a == 0 && b < 0) || (a < 0 && b != floor(b)))
            return jrun_fail(r, ERR_FORMAT, "the power is not a real number");
        *out = pow(a, b);
        if (isinf(*out) && !isinf(a) && !isinf(b))
            return jrun_fail(r, ERR_LIMIT, "a number beyond the largest float");
    }
    return 0;
}

static int number_binary(struct jrun *r, enum jop op, struct jvalue a, struct jvalue b, struct jvalue *out)
{
    bool whole = jvalue_is_int(a) && jvalue_is_int(b) && op != JOP_DIV && !(op == JOP_POW && jvalue_i64(b) < 0);
    if (a.type == JTYPE_BIGINT || b.type == JTYPE_BIGINT)
        return fail_overflow(r);
    int rc;
    if (whole) {
        int64_t i = 0;
        rc = int_binary(r, op, jvalue_i64(a), jvalue_i64(b), &i);
        *out = jvalue_int(i);
    } else {
        double x = 0;
        rc = float_binary(r, op, jvalue_double(a), jvalue_double(b), &x);
        *out = jvalue_float(x);
    }
    out->marked = a.marked || b.marked;
    return rc;
}

static int concat_strings(struct jrun *r, const struct jstring *a, const struct jstring *b, struct jvalue *out)
{
    bool markup = a->markup || b->markup;
    if (a->markup != b->markup) { /* the plain one is escaped */
        if (!a->markup)
            a = jtext_escape(r, a);
        else
            b = jtext_escape(r, b);
        if (!a || !b)
            return r->code;
    }
    const struct jstring *s = jstring_concat(r, a, b);
    return jvalue_done(r, s && markup ? jstring_with_markup(r, s, true) : s, out);
}

static int repeat(struct jrun *r, struct jvalue v, struct jvalue times, struct jvalue *out)
{
    size_t n = times.type == JTYPE_BIGINT ? SIZE_MAX : jvalue_i64(times) < 0 ? 0 : (size_t)jvalue_i64(times);
    if (v.type == JTYPE_STRING) {
        struct jbuild b;
        jbuild_init(&b, r, 0);
        jbuild_repeat(&b, v.u.s, n);
        return jvalue_done(r, jbuild_done(&b), out);
    }
    size_t one = v.u.list->n;
    if (one > 0 && n > r->limits.memory_bytes / sizeof(struct jvalue) / one)
        return jrun_fail(r, ERR_LIMIT, "a list of more than %zu bytes (limit on memory)", r->limits.memory_bytes);
    struct jlist *l = jlist_new(r, n * one);
    for (size_t i = 0; l && i < n * one; i++)
        if (jlist_push(r, l, v.u.list->v[i % one]) != 0)
            return r->code;
    *out = v;
    out->u.list = l;
    return l ? 0 : r->code;
}

static bool is_sequence(struct jvalue v)
{
    return v.type == JTYPE_STRING || v.type == JTYPE_LIST || v.type == JTYPE_TUPLE;
}

int jops_binary(struct jrun *r, enum jop op, struct jvalue a, struct jvalue b, struct jvalue *out)
{
    if (jvalue_is_number(a) && jvalue_is_number(b))
        return number_binary(r, op, a, b, out);
    if (op == JOP_ADD && a.type == JTYPE_STRING && b.type == JTYPE_STRING)
        return concat_strings(r, a.u.s, b.u.s, out);
    if (op == JOP_ADD && a.type == b.type && (a.type == JTYPE_LIST || a.type == JTYPE_TUPLE)) {
        const struct jlist *l = jlist_concat(r, a.u.list, b.u.list);
        *out = (struct jvalue){ .type = a.type, .marked = a.marked || b.marked, .u.list = l };
        return l ? 0 : r->code;
    }
    if (op == JOP_MUL && is_sequence(a) && (jvalue_is_int(b) || b.type == JTYPE_BIGINT))
        return repeat(r, a, b, out);
    if (op == JOP_MUL && is_sequence(b) && (jvalue_is_int(a) || a.type == JTYPE_BIGINT))
        return repeat(r, b, a, out);
    if (op == JOP_MOD && a.type == JTYPE_STRING)
        return jvalue_done(r, jformat_percent(r, a.u.s, b), out);
    return fail_operands(r, op, a, b);
}

int jops_unary(struct jrun *r, enum jop op, struct jvalue a, struct jvalue *out)
{
    if (a.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, a);
    if (!jvalue_is_number(a))
        return jrun_fail(r, ERR_FORMAT, "bad operand type for unary %s: '%s'", op_names[op], jvalue_type_name(a));
    if (a.type == JTYPE_BIGINT || (op == JOP_NEG && jvalue_is_int(a) && jvalue_i64(a) == INT64_MIN))
        return fail_overflow(r);
    if (a.type == JTYPE_FLOAT)
        *out = jvalue_float(op == JOP_NEG ? -a.u.f : a.u.f);
    else
        *out = jvalue_int(op == JOP_NEG ? -jvalue_i64(a) : jvalue_i64(a));
    out->marked = a.marked;
    return 0;
}

static int contains(struct jrun *r, struct jvalue item, struct jvalue in, bool *out)
{
    *out = false;
    if (in.type == JTYPE_STRING) {
        if (item.type != JTYPE_STRING)
            return jrun_fail(r, ERR_FORMAT, "'in <string>' requires string as left operand, not %s",
                             jvalue_type_name(item));
        *out = jtext_find(r, in.u.s, item.u.s, 0, in.u.s->n) != SIZE_MAX;
        return r->code;
    }
    bool dict = in.type == JTYPE_DICT || (in.type == JTYPE_VIEW && in.u.view->kind == JVIEW_KEYS);
    if (dict) {
        struct jvalue found = jvalue_missing();
        int rc = jdict_get(r, in.type == JTYPE_DICT ? in.u.dict : in.u.view->dict, item, &found);
        *out = found.type != JTYPE_MISSING;
        return rc;
    }
    struct jiter it;
    struct jvalue v;
    if (!jvalue_is_iterable(in))
        return jrun_fail(r, ERR_FORMAT, "argument of type '%s' is not iterable", jvalue_type_name(in));
    if (jiter_init(r, &it, in) != 0)
        return r->code;
    while (!*out && jiter_next(r, &it, &v) && jrun_spend(r, 1) == 0)
        *out = jvalue_eq(r, v, item);
    return r->code;
}

int jops_compare(struct jrun *r, enum jop op, struct jvalue a, struct jvalue b, bool *out)
{
    int c = 0;
    switch (op) {
    case JOP_EQ:
    case JOP_NE:
        *out = jvalue_eq(r, a, b) == (op == JOP_EQ);
        return r->code;
    case JOP_IN:
    case JOP_NOT_IN:
        if (contains(r, a, b, out) != 0)
            return r->code;
        *out = *out == (op == JOP_IN);
        return 0;
    default:
        break;
    }
    if (jvalue_cmp(r, a, b, op_names[op], &c) != 0)
        return r->code;
    if (c == JVALUE_UNORDERED)
        *out = false;
    else
        *out = op == JOP_LT ? c < 0 : op == JOP_LE ? c <= 0 : op == JOP_GT ? c > 0 : c >= 0;
    return 0;
}

/* Attributes that are no methods: of namespaces, and of the tuples that groupby makes. */
static struct jvalue own_attr(struct jvalue obj, const struct jstring *name)
{
    if (obj.type == JTYPE_NAMESPACE)
        return jdict_get_str(obj.u.dict, jstring_str(name), jstring_hash(name));
    if (obj.type == JTYPE_TUPLE && obj.u.list->group && str_eqz(jstring_str(name), "grouper"))
        return obj.u.list->v[0];
    if (obj.type == JTYPE_TUPLE && obj.u.list->group && str_eqz(jstring_str(name), "list"))
        return obj.u.list->v[1];
    if (obj.type == JTYPE_CYCLER && str_eqz(jstring_str(name), "current"))
        return obj.u.cycler->items->v[obj.u.cycler->at];
    return jvalue_missing();
}

static int bind_method(struct jrun *r, struct jvalue obj, const struct jmethod *m, struct jvalue *out)
{
    struct jbound *bound = jrun_alloc(r, 1, sizeof *bound);
    if (!bound)
        return r->code;
    *bound = (struct jbound){ .self = obj, .method = m };
    *out = (struct jvalue){ .type = JTYPE_METHOD, .u.bound = bound };
    return 0;
}

static int unsafe_attr(struct jrun *r, struct jvalue obj, const struct jstring *name, struct jvalue *out)
{
    struct jundefined *why = jrun_alloc(r, 1, sizeof *why);
    if (!why)
        return r->code;
    *why = (struct jundefined){ JUNDEFINED_UNSAFE, jstring_str(name) };
    *out = jvalue_undefined(why);
    out->of = obj.type;
    return 0;
}

/* The attribute that Python's getattr would find; MISSING if there is none. */
static int python_attr(struct jrun *r, struct jvalue obj, const struct jstring *name, const struct jmethod *first,
                       struct jvalue *out)
{
    const struct jmethod *m = jmethod_of(first, obj);
    *out = own_attr(obj, name);
    if (out->type != JTYPE_MISSING)
        return 0;
    bool dunder = name->n > 4 && str_starts(jstring_str(name), STR("__")) && str_ends(jstring_str(name), STR("__"));
    if (dunder || (m && m->unsafe))
        return unsafe_attr(r, obj, name, out);
    if (m && !m->fn)
        return jrun_fail(r, ERR_UNSUPPORTED, "the attribute %s of %s is not supported", m->name, jvalue_type_name(obj));
    return m ? bind_method(r, obj, m, out) : 0;
}

static struct jvalue undefined_of(struct jvalue obj, const struct jundefined *why)
{
    struct jvalue v = jvalue_undefined(why);
    v.of = obj.type;
    return v;
}

int jops_getattr(struct jrun *r, struct jvalue obj, const struct jstring *name, const struct jmethod *method,
                 const struct jundefined *why, struct jvalue *out)
{
    if (obj.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, obj);
    if (python_attr(r, obj, name, method, out) != 0)
        return r->code;
    if (out->type == JTYPE_MISSING && obj.type == JTYPE_DICT)
        *out = jdict_get_str(obj.u.dict, jstring_str(name), jstring_hash(name));
    if (out->type == JTYPE_MISSING)
        *out = undefined_of(obj, why);
    return 0;
}

static int undefined_item(struct jrun *r, struct jvalue obj, struct jvalue key, struct jvalue *out)
{
    struct jundefined *why = jrun_alloc(r, 1, sizeof *why);
    const struct jstring *text = jprint_string(r, key);
    if (!why || !text)
        return r->code;
    *why = (struct jundefined){ key.type == JTYPE_STRING ? JUNDEFINED_ATTR : JUNDEFINED_ITEM, jstring_str(text) };
    *out = undefined_of(obj, why);
    return 0;
}

int jops_attr(struct jrun *r, struct jvalue obj, const struct jstring *name, struct jvalue *out)
{
    if (obj.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, obj);
    if (python_attr(r, obj, name, jmethod_find(jstring_str(name)), out) != 0 || out->type != JTYPE_MISSING)
        return r->code;
    return undefined_item(r, obj, jvalue_string(name), out);
}

int jops_getitem(struct jrun *r, struct jvalue obj, struct jvalue key, struct jvalue *out)
{
    if (obj.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, obj);
    if (jvalue_item(r, obj, key, out) != 0 || out->type != JTYPE_MISSING)
        return r->code;
    if (key.type == JTYPE_STRING &&
        (python_attr(r, obj, key.u.s, jmethod_find(jstring_str(key.u.s)), out) != 0 || out->type != JTYPE_MISSING))
        return r->code;
    return undefined_item(r, obj, key, out);
}

/* A bound of a slice as an integer clamped so that sums with a length cannot overflow. */
static int slice_bound(struct jrun *r, struct jvalue v, int64_t def, int64_t *out)
{
    const int64_t far = INT64_MAX / 4;
    *out = def;
    if (v.type == JTYPE_MISSING || v.type == JTYPE_NONE)
        return 0;
    if (!jvalue_is_int(v))
        return jrun_fail(r, ERR_FORMAT, "slice indices must be integers or None, not %s", jvalue_type_name(v));
    *out = MAX(-far, MIN(far, jvalue_i64(v)));
    return 0;
}

static int64_t slice_place(int64_t i, int64_t n, int64_t low, int64_t high)
{
    if (i < 0)
        i += n;
    return MAX(low, MIN(high, i));
}

/* Python's slice.indices. */
static int slice_indices(struct jrun *r, int64_t n, struct jvalue from, struct jvalue to, struct jvalue step,
                         int64_t idx[3])
{
    idx[0] = idx[1] = 0;
    if (slice_bound(r, step, 1, &idx[2]) != 0)
        return r->code;
    if (idx[2] == 0)
        return jrun_fail(r, ERR_FORMAT, "slice step cannot be zero");
    bool back = idx[2] < 0;
    int64_t low = back ? -1 : 0, high = back ? n - 1 : n;
    if (slice_bound(r, from, 0, &idx[0]) != 0 || slice_bound(r, to, 0, &idx[1]) != 0)
        return r->code;
    bool no_from = from.type == JTYPE_MISSING || from.type == JTYPE_NONE;
    bool no_to = to.type == JTYPE_MISSING || to.type == JTYPE_NONE;
    idx[0] = no_from ? (back ? high : low) : slice_place(idx[0], n, low, high);
    idx[1] = no_to ? (back ? low : high) : slice_place(idx[1], n, low, high);
    return 0;
}

static int slice_list(struct jrun *r, struct jvalue obj, const int64_t idx[3], struct jvalue *out)
{
    const struct jlist *l = obj.u.list;
    struct jlist *part;
    if (idx[2] == 1) {
        part = jlist_sub(r, l, (size_t)idx[0], (size_t)MAX(idx[0], idx[1]));
    } else {
        part = jlist_new(r, 0);
        for (int64_t i = idx[0]; part && (idx[2] > 0 ? i < idx[1] : i > idx[1]); i += idx[2])
            if (jlist_push(r, part, l->v[i]) != 0)
                return r->code;
    }
    *out = obj;
    out->u.list = part;
    return part ? 0 : r->code;
}

/* The number at place i, which may be one before the first or behind the last; true if it overflows. */
static bool range_place(const struct jrange *g, int64_t i, int64_t *out)
{
    return __builtin_mul_overflow(i, g->step, out) || __builtin_add_overflow(g->start, *out, out);
}

static int slice_range(struct jrun *r, const struct jrange *g, const int64_t idx[3], struct jvalue *out)
{
    struct jrange *part = jrun_alloc(r, 1, sizeof *part);
    if (!part)
        return r->code;
    int64_t span = idx[2] > 0 ? idx[1] - idx[0] : idx[0] - idx[1], step = idx[2] > 0 ? idx[2] : -idx[2];
    part->n = span > 0 ? (size_t)((span - 1) / step + 1) : 0;
    if (range_place(g, idx[0], &part->start) || range_place(g, idx[1], &part->stop) ||
        __builtin_mul_overflow(g->step, idx[2], &part->step))
        return fail_overflow(r);
    *out = (struct jvalue){ .type = JTYPE_RANGE, .u.range = part };
    return 0;
}

int jops_slice(struct jrun *r, struct jvalue obj, struct jvalue from, struct jvalue to, struct jvalue step,
               struct jvalue *out)
{
    size_t n;
    int64_t idx[3];
    bool sliceable = is_sequence(obj) || obj.type == JTYPE_RANGE;
    if (obj.type == JTYPE_UNDEFINED)
        return jvalue_fail_undefined(r, obj);
    if (!sliceable || !jvalue_len(obj, &n))
        return jrun_fail(r, ERR_FORMAT, "'%s' object cannot be sliced", jvalue_type_name(obj));
    if (jrun_spend(r, 1) != 0 || slice_indices(r, (int64_t)n, from, to, step, idx) != 0)
        return r->code;
    if (obj.type == JTYPE_STRING)
        return jvalue_done(r, jtext_slice(r, obj.u.s, idx[0], idx[1], idx[2]), out);
    return obj.type == JTYPE_RANGE ? slice_range(r, obj.u.range, idx, out) : slice_list(r, obj, idx, out);
}
