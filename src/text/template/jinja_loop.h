/* jinja_loop.h - the statement `for` and the variable `loop`, after jinja2's LoopContext.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_LOOP_H
#define TEXT_TEMPLATE_JINJA_LOOP_H

#include "text/template/jinja_args.h"
#include "text/template/jinja_interp.h"

/* Runs the statement for the items of `source`; how it ended is returned. depth0: of the recursion. */
MUST_CHECK int jloop_run(struct jinterp *x, const struct jnode *n, struct jvalue source, int depth0);
/* loop(items): the body of a recursive loop again, one level deeper, as a string. */
MUST_CHECK int jloop_call(struct jinterp *x, struct jloop *l, const struct jargs *a, struct jvalue *out);

/* loop.name; MISSING if there is no such attribute. */
MUST_CHECK int jloop_attr(struct jinterp *x, struct jloop *l, struct str name, struct jvalue *out);
/* loop.cycle(...) and loop.changed(...); *done is false for any other name. */
MUST_CHECK int jloop_method(struct jinterp *x, struct jloop *l, struct str name, const struct jargs *a, bool *done,
                            struct jvalue *out);

#endif
