/* schema_ref.h - where the schemas of a document are: $id, $anchor, $dynamicAnchor, and what $ref and $dynamicRef mean.
 *
 * A resource is a schema with a URI of its own (the document, or one with $id). A scope is the list of resources that evaluation went through,
 * each once, outermost first: $dynamicRef looks there. Scope 0 is empty; documents without $dynamicRef know no other.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_REF_H
#define TEXT_SCHEMA_SCHEMA_REF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "format/json.h"
#include "text/schema/schema_core.h"

struct schema_resource {
    struct str uri;          /* absolute, or as far as it is known; in the arena */
    const struct json *root; /* borrowed */
};

struct schema_anchor {
    int resource;
    struct str name;
    const struct json *at;
    bool dynamic;
};

struct schema_scope {
    int parent, resource;
};

/* A schema and where it was entered. */
struct schema_place {
    const struct json *json;
    int resource, scope;
};

/* Finds the resources and anchors of the document. */
void schema_ref_index(struct schema *s);
/* The place of a subschema of `from`, or of a schema reached from there: a $id of its own is taken into account. */
struct schema_place schema_ref_enter(struct schema *s, struct schema_place from, const struct json *sub);
/* What `ref` in a schema at `from` refers to; `dynamic`: as $dynamicRef. False, and *why says why: not in this document. */
bool schema_ref_resolve(struct schema *s, struct schema_place from, struct str ref, bool dynamic,
                        struct schema_place *out, const char **why);

#endif
