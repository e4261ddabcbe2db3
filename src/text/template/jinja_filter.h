/* jinja_filter.h - the filters of jinja2: what follows `|`. tojson is transformers' own.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_FILTER_H
#define TEXT_TEMPLATE_JINJA_FILTER_H

#include "text/template/jinja_args.h"

struct jfilter; /* an entry of the table */

/* NULL if there is no filter of that name. */
const struct jfilter *jfilter_find(struct str name);
MUST_CHECK int jfilter_call(struct jrun *r, const struct jfilter *f, struct jvalue v, const struct jargs *args,
                            struct jvalue *out);

#endif
