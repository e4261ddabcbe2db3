/* schema_core.h - what the parts of the schema compiler share: its memory, its limits, and how it says that something cannot be enforced.
 *
 * Everything that is made while a schema is compiled lives in one arena until schema_free. The first failure stays in `err`; loops look at
 * schema_core_failed and give up, results after it are harmless but worthless. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_CORE_H
#define TEXT_SCHEMA_SCHEMA_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "format/json.h"
#include "text/grammar/grammar_build.h"
#include "text/schema/schema.h"

struct schema_expr;
struct schema_resource;
struct schema_anchor;
struct schema_scope;
struct schema_pattern;
struct schema_core_block;

enum {
    SCHEMA_MAX_BYTES = 64 << 20, /* of the arena; a schema of 1 MiB needs a few */
    SCHEMA_MAX_EXPRS = 50000,
    SCHEMA_MAX_ALTERNATIVES = 2048, /* shapes of one set */
    SCHEMA_MAX_DEPTH = 256,         /* of schemas that apply in one place */
};

struct schema {
    struct grammar_build *b; /* borrowed */
    const struct json *root; /* borrowed */
    bool strict;
    struct buf *relaxed; /* borrowed or NULL */
    size_t n_relaxed;
    int64_t deadline_ns;
    struct err err;
    struct schema_core_block *blocks; /* owned */
    size_t used, bytes;               /* of the first block; of all */
    unsigned ticks;
    int depth;
    int looking;  /* schema_norm: looks a few levels down at members */
    bool crossed; /* and met what is being worked out */

    struct schema_expr *exprs; /* owned; see schema_expr.h */
    size_t n_exprs, cap_exprs;
    int *table; /* owned: hash table of expressions */
    size_t n_table;
    int *queue; /* owned: expressions whose rules are still to be defined */
    size_t n_queue, cap_queue;

    struct schema_resource *resources; /* owned; see schema_ref.h */
    size_t n_resources, cap_resources;
    struct schema_anchor *anchors; /* owned */
    size_t n_anchors, cap_anchors;
    struct schema_scope *scopes; /* owned */
    size_t n_scopes, cap_scopes;
    bool dynamic;   /* the document has $dynamicRef: scopes matter */
    bool evaluated; /* it has unevaluatedItems or unevaluatedProperties: what is evaluated is followed */

    struct schema_pattern *patterns; /* owned; see schema_pattern.h */
    size_t n_patterns, cap_patterns;
};

/* Zeroed memory that lives as long as the schema. */
void *schema_core_alloc(struct schema *s, size_t n, size_t size);
void schema_core_free(struct schema *s); /* the arena */
struct str schema_core_copy(struct schema *s, struct str text);
/* v grown so that it has room for n + 1 entries. */
void *schema_core_grow(void *v, size_t n, size_t *cap, size_t size);

void schema_core_fail(struct schema *s, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool schema_core_failed(const struct schema *s);
/* Counts a step of work; looks at the clock now and then. False: give up. */
bool schema_core_tick(struct schema *s);

/* The keyword `key` of the schema `at` (NULL: unknown) cannot be enforced because of `why`. Strict: that is the failure. Else it is noted: the
 * caller goes on without it. */
void schema_core_drop(struct schema *s, const struct json *at, const char *key, const char *why);
/* As schema_core_drop for a keyword that has not the form it should have: ERR_FORMAT. */
void schema_core_malformed(struct schema *s, const struct json *at, const char *key, const char *expected);
/* The JSON Pointer of `at` in the document, "#" for its root. */
void schema_core_pointer(const struct schema *s, const struct json *at, struct buf *out);

#endif
