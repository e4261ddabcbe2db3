/* reply.h - an answer that is one piece: status, type, a few headers, body.
 * SPDX-License-Identifier: MIT */
#ifndef API_REPLY_H
#define API_REPLY_H

#include <stddef.h>

#include "api/api_error.h"
#include "api/exchange.h"
#include "base/buf.h"

enum { REPLY_HEADERS = 8 };

struct reply {
    int status;
    const char *type; /* a constant */
    struct buf body;  /* owned */
    struct buf error; /* owned: what body tells went wrong, for the log; empty where nothing did */
    struct exchange_header header[REPLY_HEADERS];
    size_t n_header;
};

/* 200, application/json, no headers, an empty body. */
void reply_init(struct reply *r);
void reply_deinit(struct reply *r);
/* Control characters are left out of the value, so that it cannot become two headers; what does not fit is cut. */
void reply_header(struct reply *r, const char *name, struct str value);
/* The reply becomes this error in the dialect's shape, whatever it was, with Retry-After where that is known. */
void reply_error(struct reply *r, const struct api_error *x, enum api_dialect d, struct str request_id);

#endif
