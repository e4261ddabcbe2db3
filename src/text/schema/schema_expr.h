/* schema_expr.h - sets of JSON values that are not worked out yet: a schema in its place, a constant, types, and their combinations.
 *
 * An expression is a small number; equal expressions have the same one, so that recursion ends at a rule that exists already. 0 is the empty set,
 * 1 all values. NOT and AND are simplified while they are made, so that most of what a plain schema combines never becomes a set of its own.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_EXPR_H
#define TEXT_SCHEMA_SCHEMA_EXPR_H

#include <stddef.h>
#include <stdint.h>

#include "format/json.h"
#include "text/schema/schema_core.h"
#include "text/schema/schema_ref.h"

enum { SCHEMA_NONE = 0, SCHEMA_ALL = 1 };

enum schema_expr_kind { EXPR_NONE, EXPR_ALL, EXPR_SCHEMA, EXPR_CONST, EXPR_TYPES, EXPR_NOT, EXPR_AND };

struct schema_set;

struct schema_expr {
    enum schema_expr_kind kind;
    struct schema_place place; /* EXPR_SCHEMA; `json` alone: EXPR_CONST */
    unsigned types;            /* EXPR_TYPES */
    int of;                    /* EXPR_NOT */
    const int *all;            /* EXPR_AND: ascending, in the arena */
    size_t n_all;
    struct schema_set *set; /* in the arena; NULL: not worked out yet */
    bool busy;              /* being worked out */
    int rule;               /* node of the builder; -1: none yet */
};

void schema_expr_init(struct schema *s); /* the two constants */
int schema_expr_place(struct schema *s, struct schema_place place);
/* The subschema `sub` of the schema at `from`. */
int schema_expr_sub(struct schema *s, struct schema_place from, const struct json *sub);
int schema_expr_const(struct schema *s, const struct json *v);
int schema_expr_types(struct schema *s, unsigned types);
int schema_expr_not(struct schema *s, int e);
int schema_expr_and(struct schema *s, int a, int b);
int schema_expr_or(struct schema *s, int a, int b);

/* The node that derives the values of e: a rule that is defined later, by whoever empties the queue. */
int schema_expr_rule(struct schema *s, int e);

#endif
