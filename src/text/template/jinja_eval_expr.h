/* jinja_eval_expr.h - the values of expressions.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_EVAL_EXPR_H
#define TEXT_TEMPLATE_JINJA_EVAL_EXPR_H

#include "text/template/jinja_args.h"
#include "text/template/jinja_interp.h"

MUST_CHECK int jeval_expr(struct jinterp *x, const struct jnode *n, struct jvalue *out);

/* A call (n is a JNODE_CALL) with one more keyword argument, `extra`, or NULL. */
MUST_CHECK int jeval_expr_call(struct jinterp *x, const struct jnode *n, const struct jkeyword *extra,
                               struct jvalue *out);
/* A filter, or a chain of them, around *text where the chain begins with the text of a block. */
MUST_CHECK int jeval_expr_filter(struct jinterp *x, const struct jnode *n, const struct jvalue *text,
                                 struct jvalue *out);

#endif
