/* jinja_macro.h - macros and the blocks given to them.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_MACRO_H
#define TEXT_TEMPLATE_JINJA_MACRO_H

#include "text/template/jinja_args.h"
#include "text/template/jinja_interp.h"

/* A macro of that signature that sees the scopes around this place. */
MUST_CHECK int jmacro_new(struct jinterp *x, const struct jsignature *sig, struct jvalue *out);
/* *out: the text of its body. */
MUST_CHECK int jmacro_call(struct jinterp *x, const struct jmacro *m, const struct jargs *a, struct jvalue *out);

#endif
