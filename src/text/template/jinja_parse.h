/* jinja_parse.h - a template's source to its tree.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_PARSE_H
#define TEXT_TEMPLATE_JINJA_PARSE_H

#include "text/template/jinja_ast.h"

/* Everything is put into the run's memory, which must outlive the tree; `source` is copied. */
MUST_CHECK int jparse(struct jrun *r, struct str source, struct jast *out);

#endif
