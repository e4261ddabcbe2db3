/* jinja_args.h - the arguments of a call, bound to parameters as Python binds them.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_ARGS_H
#define TEXT_TEMPLATE_JINJA_ARGS_H

#include "text/template/jinja_value.h"

/* A string, since with **kwargs a name may be bytes from a value. */
struct jkeyword {
    const struct jstring *name;
    struct jvalue v;
};

struct jargs {
    const struct jvalue *pos; /* borrowed for the call, as is kw */
    size_t n_pos;
    const struct jkeyword *kw;
    size_t n_kw;
};

/* Puts the arguments into out[0 .. n_names) by position and name; those not given are MISSING. An error for an argument too many, given
 * twice or unknown, or if one of the first n_required is missing. `fn` names the function in messages. */
MUST_CHECK int jargs_bind(struct jrun *r, const char *fn, const struct jargs *a, const char *const *names,
                          size_t n_names, size_t n_required, struct jvalue *out);
/* An error if there are any arguments. */
MUST_CHECK int jargs_none(struct jrun *r, const char *fn, const struct jargs *a);

/* An argument as integer, string or bool: the default if it is MISSING, an error that names fn and the argument if of another type. */
MUST_CHECK int jargs_i64(struct jrun *r, const char *fn, const char *name, struct jvalue v, int64_t def, int64_t *out);
MUST_CHECK int jargs_string(struct jrun *r, const char *fn, const char *name, struct jvalue v,
                            const struct jstring **out); /* MISSING leaves *out */
bool jargs_bool(struct jvalue v, bool def);

/* The keyword arguments as items of a dict, and the positional ones from `from` on as a tuple. */
MUST_CHECK int jargs_keywords(struct jrun *r, const struct jkeyword *kw, size_t n, struct jdict *into);
MUST_CHECK int jargs_rest(struct jrun *r, const struct jargs *a, size_t from, struct jvalue *out);

#endif
