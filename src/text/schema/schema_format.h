/* schema_format.h - the formats of strings that are enforced, as regular expressions.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_FORMAT_H
#define TEXT_SCHEMA_SCHEMA_FORMAT_H

#include "base/str.h"

/* Matches whole strings of the format, perhaps not all of them; empty: the format is an annotation only. */
struct str schema_format_pattern(struct str name);

#endif
