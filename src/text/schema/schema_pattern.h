/* schema_pattern.h - patterns of schemas: whether they can be enforced, and which names they match.
 *
 * Each is first compiled by itself within small limits, so that one that is not regular, or catastrophic, is known before it reaches the grammar.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_PATTERN_H
#define TEXT_SCHEMA_SCHEMA_PATTERN_H

#include <stdbool.h>

#include "base/str.h"
#include "text/schema/schema_core.h"

struct schema_pattern {
    struct str text;         /* borrowed */
    struct grammar_build *b; /* owned: builds nothing but questions */
    int node;
    const char *why; /* in the arena; NULL: fine */
};

/* False: reported as `key` of the schema `at`. `text` lives as long as the schema. */
bool schema_pattern_usable(struct schema *s, struct str text, const struct json *at, const char *key);
/* A usable pattern matches somewhere in the string. */
bool schema_pattern_matches(struct schema *s, struct str text, struct str string);
void schema_pattern_free_all(struct schema *s);

#endif
