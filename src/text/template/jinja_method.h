/* jinja_method.h - the methods of Python's str, list, tuple, dict and numbers, and of jinja2's cycler.
 *
 * The table knows every public attribute that these types have in Python, because an attribute comes before a dict's key of
 * the same name (`message.items` is the method). What would change its object is unsafe, as in jinja2's
 * ImmutableSandboxedEnvironment; a few that no template has a use for are known but not supported: asking for
 * one is an error.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_METHOD_H
#define TEXT_TEMPLATE_JINJA_METHOD_H

#include "text/template/jinja_args.h"

typedef int jmethod_fn(struct jrun *r, struct jvalue self, const struct jargs *args, struct jvalue *out);

struct jmethod {
    const char *name;
    unsigned types; /* bit 1 << enum jtype: the types that have it */
    bool unsafe;
    jmethod_fn *fn; /* NULL: unsafe or not supported */
};

/* The first entry of that name, NULL if no type has such an attribute. */
const struct jmethod *jmethod_find(struct str name);
/* Of the entries with first's name, the one for the value's type; NULL if there is none. first may be NULL. */
const struct jmethod *jmethod_of(const struct jmethod *first, struct jvalue v);

#endif
