/* jinja_format.h - Python's two ways to format: `fmt % args` and fmt.format(...).
 *
 * The text of the format and the strings put into it keep the origin of their bytes. Of str.format, fields may be subscripted
 * ({0[name]}, {user.name}: items of dicts, lists and namespaces); attributes of other values do not exist here.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_FORMAT_H
#define TEXT_TEMPLATE_JINJA_FORMAT_H

#include "text/template/jinja_args.h"
#include "text/template/jinja_string.h"

/* NULL after a failure. `args` of % is a tuple, a dict, or one value. */
const struct jstring *jformat_percent(struct jrun *r, const struct jstring *fmt, struct jvalue args);
const struct jstring *jformat_braces(struct jrun *r, const struct jstring *fmt, const struct jargs *args);

#endif
