/* jinja_global.h - the functions that every template can call: range, dict, namespace, cycler, joiner, raise_exception, strftime_now.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_GLOBAL_H
#define TEXT_TEMPLATE_JINJA_GLOBAL_H

#include "text/template/jinja_args.h"

typedef int jfunction_fn(struct jrun *r, const struct jargs *args, struct jvalue *out);

struct jfunction {
    const char *name;
    jfunction_fn *fn;
};

/* The function of that name as a value; MISSING if there is none. */
struct jvalue jglobal_find(struct str name);

struct jjoiner {
    const struct jstring *sep;
    bool used;
};
/* Calling a joiner: nothing the first time, its separator afterwards. */
MUST_CHECK int jglobal_join(struct jrun *r, struct jjoiner *j, struct jvalue *out);

#endif
