/* jinja_literal.h - strings and numbers in a template's source to constants.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_LITERAL_H
#define TEXT_TEMPLATE_JINJA_LITERAL_H

#include "text/template/jinja_parser.h"

/* Each takes the current token, which is of that type; strings that follow one another become one. NULL after a failure. */
struct jnode *jliteral_string(struct jparser *p);
struct jnode *jliteral_int(struct jparser *p);
struct jnode *jliteral_float(struct jparser *p);

#endif
