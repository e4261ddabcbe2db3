/* json_stream.h - JSON text as a sequence of tokens, for texts too large to build a tree of.
 *
 * The text is checked as strictly as RFC 8259 asks (UTF-8, no comments, nothing behind the value). Half of a surrogate pair in a
 * string becomes "?". Keys may repeat; the receiver sees them all. Reads with yajl; any thread may call.
 * SPDX-License-Identifier: MIT */
#ifndef FORMAT_JSON_STREAM_H
#define FORMAT_JSON_STREAM_H

#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum json_token_type {
    JSON_TOKEN_NULL,
    JSON_TOKEN_BOOL,
    JSON_TOKEN_NUMBER,
    JSON_TOKEN_STRING,
    JSON_TOKEN_KEY,
    JSON_TOKEN_BEGIN_OBJECT,
    JSON_TOKEN_END_OBJECT,
    JSON_TOKEN_BEGIN_ARRAY,
    JSON_TOKEN_END_ARRAY
};

struct json_token {
    enum json_token_type type;
    struct str text; /* of a string or key without its escapes, or a number as it is spelt; borrowed for the call */
    int depth; /* containers open around this token; a container's begin and end have the depth of the container itself */
    size_t end; /* offset of the byte behind the token */
};

/* Receives one token; a failure ends the reading. */
typedef int json_stream_fn(void *arg, const struct json_token *tok, struct err *e);

/* Hands every token of `text` to fn. `what` names the text in messages, which give line and column. */
MUST_CHECK int json_stream(struct str text, const char *what, json_stream_fn *fn, void *arg, struct err *e);

#endif
