/* jinja_test.c - the table of tests.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_test.h"

#include "base/base.h"
#include "text/template/jinja_ops.h"
#include "text/template/jinja_print.h"
#include "text/template/jinja_text.h"

typedef int test_fn(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out);

struct jtest {
    const char *name;
    bool takes_arg;
    test_fn *fn;
};

static int test_defined(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type != JTYPE_UNDEFINED;
    return 0;
}

static int test_undefined(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type == JTYPE_UNDEFINED;
    return 0;
}

static int test_none(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type == JTYPE_NONE;
    return 0;
}

static int test_boolean(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type == JTYPE_BOOL;
    return 0;
}

static int test_true(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type == JTYPE_BOOL && v.u.b;
    return 0;
}

static int test_false(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type == JTYPE_BOOL && !v.u.b;
    return 0;
}

static int test_integer(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type == JTYPE_INT || v.type == JTYPE_BIGINT;
    return 0;
}

static int test_float(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type == JTYPE_FLOAT;
    return 0;
}

/* A bool is a number in Python. */
static int test_number(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = jvalue_is_number(v);
    return 0;
}

static int test_string(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type == JTYPE_STRING;
    return 0;
}

static int test_mapping(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type == JTYPE_DICT;
    return 0;
}

/* What has a length and can be subscripted: dicts and undefined values, too. */
static int test_sequence(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    size_t n;
    *out = jvalue_len(v, &n) && v.type != JTYPE_VIEW;
    return 0;
}

static int test_iterable(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = jvalue_is_iterable(v) || v.type == JTYPE_LOOP;
    return 0;
}

static int test_callable(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type == JTYPE_UNDEFINED || (v.type >= JTYPE_METHOD && v.type != JTYPE_CYCLER);
    return 0;
}

static int test_escaped(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r, (void)arg;
    *out = v.type == JTYPE_STRING && v.u.s->markup;
    return 0;
}

static int test_upper(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)arg;
    const struct jstring *s = jprint_string(r, v);
    *out = s && jtext_is_upper(r, s);
    return r->code;
}

static int test_lower(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)arg;
    const struct jstring *s = jprint_string(r, v);
    *out = s && jtext_is_lower(r, s);
    return r->code;
}

static int rest_is(struct jrun *r, struct jvalue v, struct jvalue by, int64_t want, bool *out)
{
    struct jvalue rest;
    if (jops_binary(r, JOP_MOD, v, by, &rest) != 0)
        return r->code;
    *out = jvalue_eq(r, rest, jvalue_int(want));
    return r->code;
}

static int test_odd(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)arg;
    return rest_is(r, v, jvalue_int(2), 1, out);
}

static int test_even(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)arg;
    return rest_is(r, v, jvalue_int(2), 0, out);
}

static int test_divisibleby(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    return rest_is(r, v, arg, 0, out);
}

static int test_sameas(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    (void)r;
    *out = jvalue_same(v, arg);
    return 0;
}

static int test_eq(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    return jops_compare(r, JOP_EQ, v, arg, out);
}

static int test_ne(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    return jops_compare(r, JOP_NE, v, arg, out);
}

static int test_lt(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    return jops_compare(r, JOP_LT, v, arg, out);
}

static int test_le(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    return jops_compare(r, JOP_LE, v, arg, out);
}

static int test_gt(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    return jops_compare(r, JOP_GT, v, arg, out);
}

static int test_ge(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    return jops_compare(r, JOP_GE, v, arg, out);
}

static int test_in(struct jrun *r, struct jvalue v, struct jvalue arg, bool *out)
{
    return jops_compare(r, JOP_IN, v, arg, out);
}

static const struct jtest tests[] = {
    { "!=", true, test_ne },
    { "<", true, test_lt },
    { "<=", true, test_le },
    { "==", true, test_eq },
    { ">", true, test_gt },
    { ">=", true, test_ge },
    { "boolean", false, test_boolean },
    { "callable", false, test_callable },
    { "defined", false, test_defined },
    { "divisibleby", true, test_divisibleby },
    { "eq", true, test_eq },
    { "equalto", true, test_eq },
    { "escaped", false, test_escaped },
    { "even", false, test_even },
    { "false", false, test_false },
    { "float", false, test_float },
    { "ge", true, test_ge },
    { "greaterthan", true, test_gt },
    { "gt", true, test_gt },
    { "in", true, test_in },
    { "integer", false, test_integer },
    { "iterable", false, test_iterable },
    { "le", true, test_le },
    { "lessthan", true, test_lt },
    { "lower", false, test_lower },
    { "lt", true, test_lt },
    { "mapping", false, test_mapping },
    { "ne", true, test_ne },
    { "none", false, test_none },
    { "number", false, test_number },
    { "odd", false, test_odd },
    { "sameas", true, test_sameas },
    { "sequence", false, test_sequence },
    { "string", false, test_string },
    { "true", false, test_true },
    { "undefined", false, test_undefined },
    { "upper", false, test_upper },
};

const struct jtest *jtest_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        if (str_eqz(name, tests[i].name))
            return &tests[i];
    return NULL;
}

int jtest_call(struct jrun *r, const struct jtest *t, struct jvalue v, const struct jargs *args, bool *out)
{
    static const char *const names[] = { "other" };
    struct jvalue arg = jvalue_missing();
    size_t n = t->takes_arg ? 1 : 0;
    if (jargs_bind(r, t->name, args, names, n, n, &arg) != 0)
        return r->code;
    *out = false;
    return t->fn(r, v, arg, out);
}
