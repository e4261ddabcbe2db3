/* schema.h - JSON Schema (draft 2020-12) as grammar nodes: what grammar_schema and the grammar of tools are made with.
 *
 *   schema document --schema_open--> struct schema --schema_value(any subschema)--> nodes of a grammar_build
 *
 * A subschema becomes a union of shapes, one type of value each (schema_set.h): allOf, $ref, `not`, if/then/else, oneOf are worked out there as
 * intersections and complements, so that one shape is left to be written as rules. What is accepted is always valid. Three things are narrower
 * than the standard: white space is bounded; a `format` holds where `type: string` stands beside it; a few shapes are accepted in one order of their
 * members only (docs/STRUCTURED.md lists them). What cannot be enforced is an error that names the keyword and its place, or with `relaxed` is left
 * out and noted.
 *
 * The document and the builder are borrowed and outlive the schema. Nothing here fails the builder but the builder's own limits. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_H
#define TEXT_SCHEMA_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "format/json.h"
#include "text/grammar/grammar_build.h"

struct schema;

/* Types of values, as bits. */
enum {
    SCHEMA_NULL = 1,
    SCHEMA_BOOLEAN = 2,
    SCHEMA_NUMBER = 4,
    SCHEMA_STRING = 8,
    SCHEMA_ARRAY = 16,
    SCHEMA_OBJECT = 32,
    SCHEMA_ANY = 63,
};

struct schema_opts {
    bool strict;         /* what cannot be enforced is ERR_UNSUPPORTED; else it is left out */
    struct buf *relaxed; /* borrowed, may be NULL: what was left out, "/properties/a: uniqueItems", one a line */
    int64_t time_ns;     /* of the processor, from schema_open on; 0: 100 ms */
};

/* Indexes the document: its $id, $anchor, $dynamicAnchor. ERR_FORMAT if it is neither an object nor a boolean, ERR_LIMIT. */
MUST_CHECK int schema_open(struct schema **out, struct grammar_build *b, const struct json *root,
                           const struct schema_opts *o, struct err *e);
void schema_free(struct schema *s);

/* *node derives the JSON texts of the values valid under `sub`, restricted to `types` (SCHEMA_...), without white space around them. `sub` is the
 * root or lies within it, where a schema may stand. Without any such value *node is grammar_build_never. Failures: ERR_UNSUPPORTED (strict),
 * ERR_FORMAT (a keyword is malformed; strict), ERR_LIMIT. After a failure others of its subschemas may still be asked for. */
MUST_CHECK int schema_value(struct schema *s, const struct json *sub, unsigned types, int *node, struct err *e);

/* *types: the types of values that `sub` lets through (a type whose values all fail for deeper reasons may be among them). Failures as above. */
MUST_CHECK int schema_types(struct schema *s, const struct json *sub, unsigned *types, struct err *e);

/* *node: a terminal of the strings valid under `sub`, as their plain characters, neither quoted nor escaped; -1: any string is valid. */
MUST_CHECK int schema_raw_string(struct schema *s, const struct json *sub, int *node, struct err *e);

/* The white space that may stand between tokens: none, a blank or two, or a line feed and its indentation. A terminal that may be empty. */
int schema_space(struct grammar_build *b);

#endif
