/* schema_string.h - strings of a shape as terminals.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_STRING_H
#define TEXT_SCHEMA_SCHEMA_STRING_H

#include <stdbool.h>

#include "text/schema/schema_set.h"

/* Strings as they stand between quotes (json), or as themselves. A terminal, unless nothing but a length of thousands bounds them. */
int schema_string_chars(struct schema *s, const struct schema_string *v, bool json);
/* The JSON text, quotes included. */
int schema_string_value(struct schema *s, const struct schema_string *v);
bool schema_string_has(struct schema *s, const struct schema_string *v, struct str text);
/* A terminal of the strings, in the usual spelling where there are many. */
int schema_string_names(struct schema *s, const struct str *v, size_t n, bool json);
/* The same in every spelling: what is taken away from a language must be taken away whole. */
int schema_string_spelt(struct schema *s, const struct str *v, size_t n, bool json);
/* Nothing but printable ASCII that JSON writes as it is. */
bool schema_string_plain(struct str text);

#endif
