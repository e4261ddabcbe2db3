/* json.h - JSON text in and out: json-c, with the checks that json-c leaves out and getters that say what is wrong.
 *
 * json_parse first checks the text strictly (RFC 8259: UTF-8, no NaN, no single quotes, no raw control characters unless the
 * limits allow them, no NUL in keys, depth and size limits), then lets json-c build the tree. Numbers keep their spelling, so that an integer of any size
 * and 1.50 can be written as Python's json would write them (json_number_text). Objects keep the order of their keys; of
 * equal keys the last counts, at the place of the first. Half of a surrogate pair (\ud83d alone) becomes U+FFFD. The null value
 * is the NULL pointer.
 *
 * A `const struct json *` is borrowed from its document and lives until json_free of the root. Getters take the member of
 * `obj` called `key`; a failure names the path ("config.json: num_experts: expected an integer, found \"many\""). A key that
 * is missing or null is "absent": _req fails, _opt leaves *out as it was. A parsed document may be read by many threads.
 * SPDX-License-Identifier: MIT */
#ifndef FORMAT_JSON_H
#define FORMAT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct json; /* a node: json-c's json_object under another name */

enum json_type { JSON_NULL, JSON_BOOL, JSON_INT, JSON_DOUBLE, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_limits {
    size_t bytes; /* largest text */
    int depth;    /* deepest nesting of arrays and objects; at most 1000 */
    bool unique;  /* refuse a key that occurs twice in one object */
    bool raw; /* take control characters in strings as they stand, but for NUL: clients exist that do not escape them */
};

extern const struct json_limits json_limits_default; /* 256 MiB, 128 */

/* Parses `text` whole; `what` (a file name, "request body") begins every message about it, with line and column.
 * `limits` NULL: the default. *out is owned by the caller (json_free); NULL on failure. The getters' messages begin with `what` too. */
MUST_CHECK int json_parse(struct json **out, struct str text, const char *what, const struct json_limits *limits,
                          struct err *e);
/* json_parse of a file; `path` names it in messages. */
MUST_CHECK int json_read(struct json **out, const char *path, const struct json_limits *limits, struct err *e);
void json_free(struct json *root);

enum json_type json_type(const struct json *v); /* NULL counts as JSON_NULL */
const char *json_type_name(enum json_type t);   /* "an object", "a string" */

/* Values; each is meant for a node of that type (another type gives 0, false or an empty slice). */
struct str json_str(const struct json *v); /* borrowed; may hold NUL bytes */
bool json_bool(const struct json *v);
bool json_i64(const struct json *v, int64_t *out); /* false if not an integer or out of range */
double json_double(const struct json *v);          /* of an integer, too */
/* The number as Python's json.dumps writes it: integers exact at any size, shortest repr of doubles, 1e5 as 100000.0. */
struct str json_number_text(const struct json *v, struct buf *scratch);

size_t json_len(const struct json *v);                                /* elements or members */
const struct json *json_at(const struct json *array, size_t i);       /* NULL if absent */
const struct json *json_get(const struct json *obj, const char *key); /* NULL if absent or null */
bool json_has(const struct json *obj, const char *key);               /* true also for null */

struct json_member {
    const char *key;
    const struct json *value; /* NULL: null */
};
/* A new object or array (json_free) whose values are those of other documents: not copied, so the documents must outlive it and stay with
 * the same thread. NULL if memory is out. */
MUST_CHECK struct json *json_join_object(const struct json_member *v, size_t n);
MUST_CHECK struct json *json_join_array(const struct json *const *v, size_t n);

/* Members in the order of the text. */
struct json_iter {
    const struct json *value;
    struct str key;
    void *at; /* private */
};
bool json_first(struct json_iter *it, const struct json *obj); /* false: no members, or no object */
bool json_next(struct json_iter *it);

/* Typed getters. `min` and `max` are inclusive. A float with an integral value is accepted as an integer. */
MUST_CHECK int json_req_i64(const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *out,
                            struct err *e);
MUST_CHECK int json_opt_i64(const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *out,
                            struct err *e);
MUST_CHECK int json_req_double(const struct json *obj, const char *key, double min, double max, double *out,
                               struct err *e);
MUST_CHECK int json_opt_double(const struct json *obj, const char *key, double min, double max, double *out,
                               struct err *e);
MUST_CHECK int json_opt_bool(const struct json *obj, const char *key, bool *out, struct err *e);
MUST_CHECK int json_req_str(const struct json *obj, const char *key, struct str *out, struct err *e);
MUST_CHECK int json_opt_str(const struct json *obj, const char *key, struct str *out, struct err *e);
MUST_CHECK int json_req_array(const struct json *obj, const char *key, const struct json **out, struct err *e);
MUST_CHECK int json_req_object(const struct json *obj, const char *key, const struct json **out, struct err *e);
/* ERR_FORMAT with "<path of obj>: <key>: expected <expected>, found <what is there>". `key` NULL: obj itself is what is wrong. */
int json_expected(const struct json *obj, const char *key, const char *expected, struct err *e);
/* The same with ERR_UNSUPPORTED. */
int json_unsupported(const struct json *obj, const char *key, const char *expected, struct err *e);
/* json_expected for element i of an array. */
int json_expected_at(const struct json *array, size_t i, const char *expected, struct err *e);

/* Appends s as a JSON string with quotes; non-ASCII stays as it is (ensure_ascii=False); wrong UTF-8 becomes U+FFFD. */
void json_write_str(struct buf *out, struct str s);
/* Appends v as json.dumps(ensure_ascii=False) writes it: ", " and ": " between, keys in order. */
void json_write(struct buf *out, const struct json *v);

#endif
