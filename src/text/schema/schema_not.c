/* schema_not.c - complements of one shape within its type: one shape for each constraint, with that constraint turned round.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_not.h"

#include "text/schema/schema_expr.h"

static void not_number(struct schema *s, const struct schema_number *a, struct schema_set *out)
{
    struct schema_shape *x;
    if (a->integer) {
        x = schema_set_shape(s, SCHEMA_NUMBER);
        x->number.integer = -a->integer;
        schema_set_add(s, out, x);
    }
    if (a->lo.set) {
        x = schema_set_shape(s, SCHEMA_NUMBER);
        x->number.hi = (struct schema_bound){ true, !a->lo.exclusive, a->lo.at };
        schema_set_add(s, out, x);
    }
    if (a->hi.set) {
        x = schema_set_shape(s, SCHEMA_NUMBER);
        x->number.lo = (struct schema_bound){ true, !a->hi.exclusive, a->hi.at };
        schema_set_add(s, out, x);
    }
    if (a->finite) {
        x = schema_set_shape(s, SCHEMA_NUMBER);
        x->number.except = a->only;
        x->number.n_except = a->n_only;
        schema_set_add(s, out, x);
    }
    if (a->n_except) {
        x = schema_set_shape(s, SCHEMA_NUMBER);
        x->number.only = a->except;
        x->number.n_only = a->n_except;
        x->number.finite = true;
        schema_set_add(s, out, x);
    }
    for (size_t i = 0; i < a->n_factors; i++) {
        struct schema_factor *f = schema_core_alloc(s, 1, sizeof *f);
        *f = a->factors[i];
        f->neg = !f->neg;
        x = schema_set_shape(s, SCHEMA_NUMBER);
        x->number.factors = f;
        x->number.n_factors = 1;
        schema_set_add(s, out, x);
    }
}

/* A format is an annotation; what is not in the shape is what its other constraints leave out. */
static void not_string(struct schema *s, const struct schema_string *a, struct schema_set *out)
{
    struct schema_shape *x;
    if (a->min) {
        x = schema_set_shape(s, SCHEMA_STRING);
        x->string.max = a->min - 1;
        schema_set_add(s, out, x);
    }
    if (a->max != SIZE_MAX) {
        x = schema_set_shape(s, SCHEMA_STRING);
        x->string.min = a->max + 1;
        schema_set_add(s, out, x);
    }
    if (a->finite) {
        x = schema_set_shape(s, SCHEMA_STRING);
        x->string.except = a->only;
        x->string.n_except = a->n_only;
        schema_set_add(s, out, x);
    }
    if (a->n_except) {
        x = schema_set_shape(s, SCHEMA_STRING);
        x->string.only = a->except;
        x->string.n_only = a->n_except;
        x->string.finite = true;
        schema_set_add(s, out, x);
    }
    for (size_t i = 0; i < a->n_atoms; i++) {
        if (a->atoms[i].format)
            continue;
        struct schema_atom *atom = schema_core_alloc(s, 1, sizeof *atom);
        *atom = a->atoms[i];
        atom->neg = !atom->neg;
        x = schema_set_shape(s, SCHEMA_STRING);
        x->string.atoms = atom;
        x->string.n_atoms = 1;
        schema_set_add(s, out, x);
    }
}

static void not_element(struct schema *s, size_t i, int e, struct schema_set *out)
{
    if (e == SCHEMA_ALL)
        return;
    struct schema_shape *x = schema_set_shape(s, SCHEMA_ARRAY);
    int *prefix = schema_core_alloc(s, i + 1, sizeof *prefix);
    for (size_t k = 0; k < i; k++)
        prefix[k] = SCHEMA_ALL;
    prefix[i] = schema_expr_not(s, e);
    x->array.prefix = prefix;
    x->array.n_prefix = i + 1;
    x->array.min = i + 1;
    schema_set_add(s, out, x);
}

static void add_contains(struct schema *s, struct schema_contains c, struct schema_set *out)
{
    struct schema_contains *copy = schema_core_alloc(s, 1, sizeof *copy);
    *copy = c;
    struct schema_shape *x = schema_set_shape(s, SCHEMA_ARRAY);
    x->array.contains = copy;
    x->array.n_contains = 1;
    schema_set_add(s, out, x);
}

static bool not_array(struct schema *s, const struct schema_array *a, struct schema_set *out)
{
    struct schema_shape *x;
    for (size_t i = 0; i < a->n_prefix; i++)
        not_element(s, i, a->prefix[i], out);
    if (a->rest != SCHEMA_ALL)
        add_contains(s, (struct schema_contains){ a->n_prefix, schema_expr_not(s, a->rest), 1, SIZE_MAX, NULL }, out);
    if (a->min) {
        x = schema_set_shape(s, SCHEMA_ARRAY);
        x->array.max = a->min - 1;
        schema_set_add(s, out, x);
    }
    if (a->max != SIZE_MAX) {
        x = schema_set_shape(s, SCHEMA_ARRAY);
        x->array.min = a->max + 1;
        schema_set_add(s, out, x);
    }
    for (size_t i = 0; i < a->n_contains; i++) {
        struct schema_contains c = a->contains[i];
        if (c.min)
            add_contains(s, (struct schema_contains){ c.from, c.e, 0, c.min - 1, c.at }, out);
        if (c.max != SIZE_MAX)
            add_contains(s, (struct schema_contains){ c.from, c.e, c.max + 1, SIZE_MAX, c.at }, out);
    }
    return !a->unique;
}

static void not_prop(struct schema *s, const struct schema_prop *p, struct schema_set *out)
{
    struct schema_prop *q = schema_core_alloc(s, 2, sizeof *q);
    if (p->e != SCHEMA_ALL) {
        q[0] = (struct schema_prop){ p->name, schema_expr_not(s, p->e), true };
        struct schema_shape *x = schema_set_shape(s, SCHEMA_OBJECT);
        x->object.props = &q[0];
        x->object.n_props = 1;
        schema_set_add(s, out, x);
    }
    if (p->required) {
        q[1] = (struct schema_prop){ p->name, SCHEMA_NONE, false };
        struct schema_shape *x = schema_set_shape(s, SCHEMA_OBJECT);
        x->object.props = &q[1];
        x->object.n_props = 1;
        schema_set_add(s, out, x);
    }
}

static void not_rule(struct schema *s, const struct schema_rule *r, bool exists, struct schema_set *out)
{
    struct schema_rule *copy = schema_core_alloc(s, 1, sizeof *copy);
    *copy = (struct schema_rule){ r->lang, schema_expr_not(s, r->e) };
    struct schema_shape *x = schema_set_shape(s, SCHEMA_OBJECT);
    if (exists) {
        x->object.rules = copy;
        x->object.n_rules = 1;
    } else {
        x->object.exists = copy;
        x->object.n_exists = 1;
    }
    schema_set_add(s, out, x);
}

static void not_object(struct schema *s, const struct schema_object *a, struct schema_set *out)
{
    struct schema_shape *x;
    for (size_t i = 0; i < a->n_props; i++)
        not_prop(s, &a->props[i], out);
    for (size_t i = 0; i < a->n_rules; i++)
        if (a->rules[i].e != SCHEMA_ALL)
            not_rule(s, &a->rules[i], false, out);
    for (size_t i = 0; i < a->n_exists; i++)
        not_rule(s, &a->exists[i], true, out);
    if (a->min) {
        x = schema_set_shape(s, SCHEMA_OBJECT);
        x->object.max = a->min - 1;
        schema_set_add(s, out, x);
    }
    if (a->max != SIZE_MAX) {
        x = schema_set_shape(s, SCHEMA_OBJECT);
        x->object.min = a->max + 1;
        schema_set_add(s, out, x);
    }
}

/* Adds to *out the shapes of the values of the shape's type that are not in it. False: some cannot be written as shapes. */
static bool not_shape(struct schema *s, const struct schema_shape *shape, struct schema_set *out)
{
    if (shape->free)
        return true;
    switch (shape->type) {
    case SCHEMA_BOOLEAN: {
        struct schema_shape *x = schema_set_shape(s, SCHEMA_BOOLEAN);
        x->bools = 3 & ~shape->bools;
        x->free = false;
        if (x->bools)
            schema_set_add(s, out, x);
        return true;
    }
    case SCHEMA_NUMBER:
        not_number(s, &shape->number, out);
        return true;
    case SCHEMA_STRING:
        not_string(s, &shape->string, out);
        return true;
    case SCHEMA_ARRAY:
        return not_array(s, &shape->array, out);
    case SCHEMA_OBJECT:
        not_object(s, &shape->object, out);
        return true;
    default:
        return true;
    }
}

/* The values of type t that are in none of the shapes. */
static struct schema_set *not_type(struct schema *s, const struct schema_set *a, unsigned t)
{
    struct schema_set *rest = schema_set_types(s, t);
    for (size_t i = 0; i < a->n && rest->n; i++) {
        if (a->v[i]->type != t)
            continue;
        struct schema_set *not = schema_set_new(s);
        not ->tight = !not_shape(s, a->v[i], not );
        rest = schema_set_and(s, rest, not );
    }
    return rest;
}

struct schema_set *schema_not_set(struct schema *s, const struct schema_set *a, bool *exact)
{
    *exact = !a->loose && !a->tight;
    if (!*exact) {
        struct schema_set *all = schema_set_types(s, SCHEMA_ANY);
        all->loose = true;
        return all;
    }
    struct schema_set *out = schema_set_new(s);
    for (unsigned t = 1; t <= SCHEMA_OBJECT; t <<= 1)
        schema_set_add_all(s, out, not_type(s, a, t));
    return out;
}
