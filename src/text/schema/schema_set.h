/* schema_set.h - sets of JSON values worked out: a union of shapes, each of one type of value, closed under intersection and complement.
 *
 * A shape says what holds for a value of its type; its parts (the values of members, the elements) are expressions, not looked into. All of it is
 * immutable and lies in the arena of the schema.
 *
 * Objects: every constraint is one of two kinds, each the negation of the other: "every key of the language L has a value in e" (rules) and "some
 * key of L has a value in e" (exists). For a single name they are merged in `props`: the value, if there, is in e; and whether it must be there.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_SET_H
#define TEXT_SCHEMA_SCHEMA_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "text/schema/schema_core.h"
#include "text/schema/schema_dec.h"

struct schema_bound {
    bool set, exclusive;
    struct schema_dec at;
};

struct schema_factor {
    struct schema_dec of;
    bool neg; /* not a multiple */
    const struct json *at;
};

struct schema_number {
    int integer; /* 1: integers, -1: all but integers, 0: both */
    struct schema_bound lo, hi;
    const struct schema_dec *only; /* one of these, if `finite` */
    size_t n_only;
    bool finite;
    const struct schema_dec *except;
    size_t n_except;
    const struct schema_factor *factors;
    size_t n_factors;
};

struct schema_atom {
    struct str text; /* a pattern (search semantics), or the name of a format */
    bool format, neg;
    const struct json *at;
};

struct schema_string {
    size_t min, max;        /* characters */
    const struct str *only; /* ascending; one of these, if `finite` */
    size_t n_only;
    bool finite;
    const struct str *except;
    size_t n_except;
    const struct schema_atom *atoms;
    size_t n_atoms;
    const struct json *at; /* where the bound came from */
};

struct schema_contains {
    size_t from; /* among the elements from here on */
    int e;
    size_t min, max;
    const struct json *at;
};

struct schema_array {
    const int *prefix;
    size_t n_prefix;
    int rest;
    size_t min, max;
    const struct schema_contains *contains;
    size_t n_contains;
    const struct json *unique; /* the schema that wants distinct elements; NULL: none */
};

struct schema_prop {
    struct str name;
    int e;
    bool required;
};

/* The keys that are one of the names, match one of the patterns, or are strings in one of the expressions; with `neg` all others. */
struct schema_lang {
    bool neg;
    const struct str *names; /* ascending */
    size_t n_names;
    const struct str *patterns;
    size_t n_patterns;
    const int *strings;
    size_t n_strings;
    const struct json *at;
};

struct schema_rule {
    const struct schema_lang *lang;
    int e;
};

struct schema_object {
    const struct schema_prop *props; /* ascending by name */
    size_t n_props;
    const struct schema_rule *rules, *exists;
    size_t n_rules, n_exists;
    size_t min, max;
    const struct json *at; /* where min came from */
};

/* What unevaluatedProperties and unevaluatedItems need to know; NULL stands for nothing. */
struct schema_seen {
    bool all_props, all_items;
    struct schema_lang props; /* never neg */
    size_t n_items;
    const int *contains;
    size_t n_contains;
};

struct schema_shape {
    unsigned type;  /* one of SCHEMA_NULL ... SCHEMA_OBJECT */
    bool free;      /* every value of the type */
    unsigned bools; /* SCHEMA_BOOLEAN: 1 false, 2 true */
    const struct schema_seen *seen;
    union {
        struct schema_number number;
        struct schema_string string;
        struct schema_array array;
        struct schema_object object;
    };
};

struct schema_set {
    const struct schema_shape **v;
    uint64_t *hashes; /* of the shapes */
    size_t n, cap;
    bool loose; /* larger than what was asked for: something was left out */
    bool tight; /* may be smaller than what was asked for */
};

struct schema_set *schema_set_new(struct schema *s);
/* Takes a shape that lies in the arena. More than SCHEMA_MAX_ALTERNATIVES is a failure. */
void schema_set_add(struct schema *s, struct schema_set *set, const struct schema_shape *shape);
void schema_set_add_all(struct schema *s, struct schema_set *set, const struct schema_set *other);
/* Every value of the types. */
struct schema_set *schema_set_types(struct schema *s, unsigned types);
/* A shape of every value of the type, not `free`: to be narrowed before it is added to a set. */
struct schema_shape *schema_set_shape(struct schema *s, unsigned type);

struct schema_set *schema_set_and(struct schema *s, const struct schema_set *a, const struct schema_set *b);
/* The shape of what is in both; NULL: obviously nothing. */
const struct schema_shape *schema_set_both(struct schema *s, const struct schema_shape *a,
                                           const struct schema_shape *b);

#endif
