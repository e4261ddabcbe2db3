/* schema_object.h - objects of a shape as rules.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_OBJECT_H
#define TEXT_SCHEMA_SCHEMA_OBJECT_H

#include "text/schema/schema_set.h"

int schema_object_value(struct schema *s, const struct schema_object *o);

#endif
