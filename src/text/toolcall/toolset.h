/* toolset.h - the tools that a request declares, as tool-call parsers and grammars see them.
 *
 * Made once for a request and read-only afterwards; any thread may read it. Lookups compare whole names, byte for byte.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_TOOLSET_H
#define TEXT_TOOLCALL_TOOLSET_H

#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "format/json.h"

struct toolset_tool {
    struct str name;               /* as the model sees and writes it; borrowed from the JSON */
    const struct json *parameters; /* JSON Schema of the arguments, borrowed; NULL: the tool declares none */
};

struct toolset {
    struct toolset_tool *v; /* owned */
    size_t n;
};

/* `tools`: an array in the shape that chat templates get, [{"type": "function", "function": {"name", "description", "parameters"}}],
 * borrowed and outlives the set; NULL and [] make an empty one. ERR_FORMAT names an entry without a name. Of equal names the first counts. */
MUST_CHECK int toolset_init(struct toolset *s, const struct json *tools, struct err *e);
void toolset_deinit(struct toolset *s);
int toolset_find(const struct toolset *s, struct str name); /* index, or -1 */

#endif
