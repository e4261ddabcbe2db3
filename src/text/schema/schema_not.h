/* schema_not.h - complements of one shape within its type.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_NOT_H
#define TEXT_SCHEMA_SCHEMA_NOT_H

#include "text/schema/schema_set.h"

/* The values that are not in `a`; `tight` if there are more of them than can be written as shapes (arrays with elements twice). Of a set that is
 * itself too small the complement would be too large, of one that is too large it would be smaller than anybody means: both give all values,
 * `loose`, and *exact is false. */
struct schema_set *schema_not_set(struct schema *s, const struct schema_set *a, bool *exact);

#endif
