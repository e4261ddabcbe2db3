/* jinja_call.h - the arguments of a call, filter or test as the template writes them, evaluated.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_CALL_H
#define TEXT_TEMPLATE_JINJA_CALL_H

#include "text/template/jinja_args.h"
#include "text/template/jinja_interp.h"

enum { JCALL_LOCAL = 6 /* arguments that need no memory of their own */ };

struct jcall_args {
    struct jargs a;
    struct jvalue pos[JCALL_LOCAL];
    struct jkeyword kw[JCALL_LOCAL];
};

/* out->a may point into *out, which therefore stays where it is. `extra`: one more keyword argument (caller), or NULL. */
MUST_CHECK int jcall_eval(struct jinterp *x, const struct jcall *c, const struct jkeyword *extra,
                          struct jcall_args *out);

#endif
