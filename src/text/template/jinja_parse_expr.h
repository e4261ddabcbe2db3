/* jinja_parse_expr.h - the parser's half for expressions.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_PARSE_EXPR_H
#define TEXT_TEMPLATE_JINJA_PARSE_EXPR_H

#include "text/template/jinja_parser.h"

/* Each starts at the current token and ends behind what it took; NULL after a failure. */
struct jnode *jparse_expr(struct jparser *p);
/* A name, a literal or something in brackets, without what may follow it. */
struct jnode *jparse_expr_primary(struct jparser *p);

/* Expressions separated by commas: one of them alone is itself. `end`: a name that ends the list, or NULL. */
enum jparse_expr_flags {
    JPARSE_EXPR_NO_COND = 1, /* no `a if b else c` at the top: the `if` belongs to the statement */
    JPARSE_EXPR_TARGET = 2,  /* names that are assigned to */
    JPARSE_EXPR_PARENS = 4,  /* in parentheses: may be empty */
};
struct jnode *jparse_expr_tuple(struct jparser *p, int flags, const char *end);

/* Behind the '|'. `of` NULL: the text of a block. */
struct jnode *jparse_expr_filter(struct jparser *p, struct jnode *of);

#endif
