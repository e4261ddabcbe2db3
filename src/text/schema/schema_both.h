/* schema_both.h - intersections of two shapes of one type.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_BOTH_H
#define TEXT_SCHEMA_SCHEMA_BOTH_H

#include "text/schema/schema_set.h"

/* *out = what is in both; false: obviously nothing is. */
bool schema_both_number(struct schema *s, const struct schema_number *a, const struct schema_number *b,
                        struct schema_number *out);
bool schema_both_string(struct schema *s, const struct schema_string *a, const struct schema_string *b,
                        struct schema_string *out);
bool schema_both_array(struct schema *s, const struct schema_array *a, const struct schema_array *b,
                       struct schema_array *out);
bool schema_both_object(struct schema *s, const struct schema_object *a, const struct schema_object *b,
                        struct schema_object *out);
/* What either has seen. */
const struct schema_seen *schema_both_seen(struct schema *s, const struct schema_seen *a, const struct schema_seen *b);
/* The union of ascending lists. */
const struct str *schema_both_names(struct schema *s, const struct str *a, size_t na, const struct str *b, size_t nb,
                                    size_t *n);

#endif
