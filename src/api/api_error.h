/* api_error.h - what a client is told when a request fails, in the words and shape of the API that it speaks.
 * SPDX-License-Identifier: MIT */
#ifndef API_API_ERROR_H
#define API_API_ERROR_H

#include <stdbool.h>

#include "api/api_request.h"
#include "base/buf.h"
#include "base/err.h"

enum api_error_kind {
    API_ERR_INVALID,     /* 400 */
    API_ERR_CONTEXT,     /* 400: over-length, in the wording on which agents compact */
    API_ERR_AUTH,        /* 401 */
    API_ERR_FORBIDDEN,   /* 403 */
    API_ERR_NOT_FOUND,   /* 404 */
    API_ERR_MODEL,       /* 404: there is no such model */
    API_ERR_METHOD,      /* 405 */
    API_ERR_TYPE,        /* 415 */
    API_ERR_LENGTH,      /* 411 */
    API_ERR_TOO_LARGE,   /* 413 */
    API_ERR_BUSY,        /* 429, with retry_after_s */
    API_ERR_INTERNAL,    /* 500 */
    API_ERR_UNSUPPORTED, /* 501 */
    API_ERR_UNAVAILABLE, /* 503 */
};

struct api_error {
    enum api_error_kind kind;
    char param[128];   /* the field at fault; empty: none */
    int retry_after_s; /* BUSY, UNAVAILABLE; 0: not said */
    char message[ERR_MSG_BYTES];
};

int api_error_status(enum api_error_kind k); /* HTTP status */
/* Fills *x from a failure of a layer below: ERR_NOMEM, ERR_DEVICE and ERR_IO are INTERNAL, ERR_BUSY is BUSY, all else INVALID. `param` may be NULL. */
void api_error_from(struct api_error *x, const struct err *e, const char *param);
void api_error_set(struct api_error *x, enum api_error_kind k, const char *param, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* "prompt is too long: N tokens > M maximum", or OpenAI's sentence with code context_length_exceeded, by dialect. */
void api_error_context(struct api_error *x, enum api_dialect d, uint64_t n_tokens, uint64_t context);
/* Appends the JSON body of a response. `request_id` is in Anthropic's shape only. No other body of this server has a member "error". */
void api_error_body(struct buf *out, const struct api_error *x, enum api_dialect d, struct str request_id);
/* Appends the event that ends a stream with an error (chat: a data object; Anthropic: event error; Responses: response.failed is the writer's). */
void api_error_event(struct buf *out, const struct api_error *x, enum api_dialect d, struct str request_id);

#endif
