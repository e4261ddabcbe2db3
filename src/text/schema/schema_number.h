/* schema_number.h - numbers of a shape as terminals.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_NUMBER_H
#define TEXT_SCHEMA_SCHEMA_NUMBER_H

#include "text/schema/schema_set.h"

int schema_number_value(struct schema *s, const struct schema_number *v);

#endif
