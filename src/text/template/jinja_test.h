/* jinja_test.h - the tests of jinja2: what follows `is`.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_TEST_H
#define TEXT_TEMPLATE_JINJA_TEST_H

#include "text/template/jinja_args.h"

struct jtest; /* an entry of the table */

/* NULL if there is no test of that name. */
const struct jtest *jtest_find(struct str name);
MUST_CHECK int jtest_call(struct jrun *r, const struct jtest *t, struct jvalue v, const struct jargs *args, bool *out);

#endif
