/* jinja.h - chat templates: the part of Jinja that published templates use, rendered as transformers renders them.
 *
 * Behaves as jinja2 3.1 in an ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True) with loopcontrols,
 * {% generation %}, tojson = json.dumps(ensure_ascii=False), raise_exception and strftime_now. Strings remember which of their
 * bytes came from variables (text/marked.h), through concatenation, slices, filters and methods.
 *
 * A parsed template is read-only and may be rendered by many threads at once. A rendering has fuel (evaluation steps), a depth,
 * and limits of output and of memory, none of which is given back before the end; what exceeds one of them ends with ERR_LIMIT. raise_exception gives ERR_ARG with the
 * template's own message.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_H
#define TEXT_TEMPLATE_JINJA_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "format/json.h"
#include "text/marked.h"

struct jinja; /* a parsed template */

struct jinja_limits {
    uint64_t fuel;       /* evaluation steps */
    int depth;           /* nested calls, expressions and values; a thousand levels take up to 0.7 MB of stack */
    size_t output_bytes; /* of the rendering and of any one string */
    size_t memory_bytes; /* all values made by one rendering */
};

extern const struct jinja_limits jinja_limits_default;

/* Parses `source`, which is copied. `what` names the template in messages, which give line and reason. *out is NULL on failure. */
MUST_CHECK int jinja_parse(struct jinja **out, struct str source, const char *what, struct err *e);
void jinja_free(struct jinja *t);

/* Renders with the members of `vars` (an object) as variables, whose strings count as values, and those of `own` (an object or
 * NULL: bos_token and the like) where vars has none, whose strings count as the template's text. `now`: seconds since the epoch,
 * local time, for strftime_now. Appends to out, which after a failure may hold a part of the rendering. */
MUST_CHECK int jinja_render(const struct jinja *t, const struct json *vars, const struct json *own, int64_t now,
                            const struct jinja_limits *limits, struct marked *out, struct err *e);

/* The same, where the template sees `instead` in place of the node `node` of vars; the array is in the order in which the nodes occur. */
struct jinja_instead {
    const struct json *node, *instead; /* borrowed for the call */
};
MUST_CHECK int jinja_render_instead(const struct jinja *t, const struct json *vars, const struct jinja_instead *instead,
                                    size_t n_instead, const struct json *own, int64_t now,
                                    const struct jinja_limits *limits, struct marked *out, struct err *e);

#endif
