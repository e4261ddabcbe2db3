/* jinja_eval.h - the tree of a template and its variables to text.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_EVAL_H
#define TEXT_TEMPLATE_JINJA_EVAL_H

#include "text/marked.h"
#include "text/template/jinja_ast.h"

/* Appends the rendering to out. `vars`: the values of ast->names, MISSING where a name has none; changed by assignments at
 * the top level. */
MUST_CHECK int jeval(struct jrun *r, const struct jast *ast, struct jvalue *vars, struct marked *out);

#endif
