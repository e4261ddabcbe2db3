/* jinja_print.h - values as text: Python's str() and repr(), and json.dumps.
 *
 * A string keeps the origin of its bytes under str(); all else is printed as one piece that counts as a value if anything in it
 * came from a variable (jinja_value.h).
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_PRINT_H
#define TEXT_TEMPLATE_JINJA_PRINT_H

#include "text/template/jinja_string.h"
#include "text/template/jinja_value.h"

/* Appends str(v) or repr(v). A failure is the run's. */
void jprint_str(struct jbuild *b, struct jvalue v);
void jprint_repr(struct jbuild *b, struct jvalue v);
/* repr(v), or ascii(v); NULL after a failure. */
const struct jstring *jprint_repr_string(struct jrun *r, struct jvalue v, bool ascii);
/* str(v): the string itself if it is one; NULL after a failure. */
const struct jstring *jprint_string(struct jrun *r, struct jvalue v);

enum { JPRINT_SCALAR_BYTES = 40 };
/* str() of what is neither string nor container (undefined, None, bool, int, float) without making a string; false for all else. */
bool jprint_scalar(struct jrun *r, struct jvalue v, char out[JPRINT_SCALAR_BYTES], struct str *text);

/* json.dumps(v, ensure_ascii, indent, separators, sort_keys). */
struct jprint_json {
    bool marked; /* indent or separators came from a variable */
    bool ensure_ascii, sort_keys;
    bool multiline;               /* indent is not None */
    const struct jstring *indent; /* of one level; NULL: none */
    struct str item_sep, key_sep; /* ", " and ": " */
};
void jprint_json(struct jbuild *b, struct jvalue v, const struct jprint_json *o);

#endif
