/* schema_norm.h - works an expression out: a set of shapes.
 *
 * Schemas that apply in one place ($ref, allOf, anyOf, oneOf, not, if, dependentSchemas, unevaluated...) are resolved into one set. Members and
 * elements stay expressions.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_NORM_H
#define TEXT_SCHEMA_SCHEMA_NORM_H

#include <stdbool.h>

#include "text/schema/schema_expr.h"
#include "text/schema/schema_set.h"

/* Remembered; never NULL (empty after a failure). */
const struct schema_set *schema_norm(struct schema *s, int e);
/* No value is in e, as far as a look a few levels down finds. False means nothing. */
bool schema_norm_never(struct schema *s, int e);

#endif
