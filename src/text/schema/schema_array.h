/* schema_array.h - arrays of a shape as rules.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_ARRAY_H
#define TEXT_SCHEMA_SCHEMA_ARRAY_H

#include "text/schema/schema_set.h"

int schema_array_value(struct schema *s, const struct schema_array *given);

#endif
