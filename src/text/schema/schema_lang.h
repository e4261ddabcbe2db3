/* schema_lang.h - languages of keys: which names belong to one, and all other keys, split so that each part lies in or out of every language.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_LANG_H
#define TEXT_SCHEMA_SCHEMA_LANG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/schema/schema_set.h"

bool schema_lang_has(struct schema *s, const struct schema_lang *l, struct str name);

/* Keys that no rule names, told apart by the patterns and string schemas of the rules. */
struct schema_region {
    int keys; /* terminal: as the keys stand between quotes; -1: all keys that no rule names, made by schema_lang_keys */
    uint32_t atoms; /* bit i: the keys match atom i */
};

struct schema_regions {
    struct schema_region *v; /* in the arena */
    size_t n;
    struct schema_lang *atoms; /* of one pattern or one string schema each */
    size_t n_atoms;
    const struct str *names; /* borrowed: those left out */
    size_t n_names;
};

/* All keys but the names. False: too many patterns; reported at the schema of one of them. */
bool schema_lang_split(struct schema *s, const struct schema_object *o, const struct str *names, size_t n,
                       struct schema_regions *out);
/* The region's terminal. Where no pattern splits the keys it is made here, because most schemas forbid the keys that they do not name. */
int schema_lang_keys(struct schema *s, const struct schema_regions *r, size_t region);
/* Whether the keys of the region belong to l, all of whose names are among those that were left out. */
bool schema_lang_covers(const struct schema_regions *r, const struct schema_region *region,
                        const struct schema_lang *l);
/* The names that l itself gives, those of string schemas of constants included; appended to v (of the arena), which is returned. */
const struct str *schema_lang_names(struct schema *s, const struct schema_lang *l, size_t *n);

#endif
