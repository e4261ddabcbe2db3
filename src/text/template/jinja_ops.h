/* jinja_ops.h - operators and attributes: Python's arithmetic, comparison and subscripts, and jinja2's rule for obj.name and obj[key].
 *
 * Integers are 64 bits wide; a result beyond them is an error, never a wrong number. A result counts as a value (marked) if an
 * operand does.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_OPS_H
#define TEXT_TEMPLATE_JINJA_OPS_H

#include "text/template/jinja_method.h"
#include "text/template/jinja_value.h"

enum jop {
    JOP_ADD,
    JOP_SUB,
    JOP_MUL,
    JOP_DIV,
    JOP_FLOORDIV,
    JOP_MOD,
    JOP_POW,
    JOP_NEG,
    JOP_POS,
    JOP_EQ,
    JOP_NE,
    JOP_LT,
    JOP_LE,
    JOP_GT,
    JOP_GE,
    JOP_IN,
    JOP_NOT_IN,
};

/* JOP_ADD to JOP_POW. */
MUST_CHECK int jops_binary(struct jrun *r, enum jop op, struct jvalue a, struct jvalue b, struct jvalue *out);
/* JOP_NEG, JOP_POS. */
MUST_CHECK int jops_unary(struct jrun *r, enum jop op, struct jvalue a, struct jvalue *out);
/* JOP_EQ to JOP_NOT_IN. */
MUST_CHECK int jops_compare(struct jrun *r, enum jop op, struct jvalue a, struct jvalue b, bool *out);

/* obj.name: Python's attribute, else the item. `method` is jmethod_find(name); `why` becomes the undefined value and outlives the run's
 * values. */
MUST_CHECK int jops_getattr(struct jrun *r, struct jvalue obj, const struct jstring *name, const struct jmethod *method,
                            const struct jundefined *why, struct jvalue *out);
/* The attribute alone, as the filter attr looks it up. */
MUST_CHECK int jops_attr(struct jrun *r, struct jvalue obj, const struct jstring *name, struct jvalue *out);
/* obj[key]: the item, else the attribute of that name. */
MUST_CHECK int jops_getitem(struct jrun *r, struct jvalue obj, struct jvalue key, struct jvalue *out);
/* obj[from:to:step]; a bound is MISSING or None where it is left out. */
MUST_CHECK int jops_slice(struct jrun *r, struct jvalue obj, struct jvalue from, struct jvalue to, struct jvalue step,
                          struct jvalue *out);

#endif
