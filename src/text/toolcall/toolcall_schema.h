/* toolcall_schema.h - what a tool's JSON Schema says about the types of its parameters; a reading, not a validation.
 *
 * Types are sets of bits. A schema that says nothing about type has all bits and TOOLCALL_UNTYPED. References beyond the tool's own schema, and
 * what is nested or referred to more than a few hundred times over, count as untyped. Pure; any thread.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_TOOLCALL_SCHEMA_H
#define TEXT_TOOLCALL_TOOLCALL_SCHEMA_H

#include <stdbool.h>

#include "base/str.h"
#include "format/json.h"

enum toolcall_type {
    TOOLCALL_NULL = 1,
    TOOLCALL_BOOL = 2,
    TOOLCALL_INTEGER = 4,
    TOOLCALL_NUMBER = 8,
    TOOLCALL_STRING = 16,
    TOOLCALL_ARRAY = 32,
    TOOLCALL_OBJECT = 64,
    TOOLCALL_UNTYPED = 128,
    TOOLCALL_ANY = 255,
};

/* A parameter: its schema in the tool's. */
struct toolcall_param {
    const struct json *root;   /* borrowed: the tool's parameters; NULL: none declared */
    const struct json *schema; /* borrowed; NULL: not declared */
    bool declared;             /* by name */
    unsigned types;            /* TOOLCALL_ANY if there is no schema */
};

/* The parameter `name` of a tool whose parameters have the schema `root` (NULL: none). Found through $ref, allOf, anyOf, oneOf too. */
struct toolcall_param toolcall_schema_param(const struct json *root, struct str name);
/* Hands every parameter that `root` declares to fn, once each, in the order of the schema; `required`: a call must have it. Through $ref and allOf;
 * what stands in anyOf and oneOf is never required. */
typedef void toolcall_schema_fn(void *arg, struct str name, bool required);
void toolcall_schema_each(const struct json *root, toolcall_schema_fn *fn, void *arg);
/* Whether enum or const list the string s. */
bool toolcall_schema_lists(const struct toolcall_param *p, struct str s);

#endif
