/* schema_local.h - what one schema object says by itself about each type of value: all keywords but those that apply other schemas in the same place.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_LOCAL_H
#define TEXT_SCHEMA_SCHEMA_LOCAL_H

#include "format/json.h"
#include "text/schema/schema_ref.h"
#include "text/schema/schema_set.h"

/* type, properties, items, minimum ... of the schema object at `place`. */
struct schema_set *schema_local_set(struct schema *s, struct schema_place place);
/* Exactly the constants of `v`: the array of enum. NULL: it holds a number too large to be compared. */
struct schema_set *schema_local_enum(struct schema *s, const struct json *v);
/* Exactly the constant v. NULL as above. */
struct schema_set *schema_local_const(struct schema *s, const struct json *v);
/* Objects that have the key (e: SCHEMA_ALL, required) or have it not (e: SCHEMA_NONE). */
struct schema_shape *schema_local_key(struct schema *s, struct str name, int e, bool required);
/* *out = a whole number of at least 0. False: not there, or malformed and reported. */
bool schema_local_count(struct schema *s, const struct json *at, const char *key, size_t *out);

#endif
