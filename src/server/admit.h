/* admit.h - whether a request is let in, by its head alone: before a byte of its body is kept.
 *
 *   Host       names this machine (a name that a foreign web page made point here is refused: DNS rebinding)
 *   Origin     a browser's page may change nothing unless it is listed, or is this server's own
 *   key        Authorization: Bearer KEY, or x-api-key: KEY; compared in constant time
 *   body       application/json, not compressed, of a known length or in chunks, within the limit
 *
 * Constant once filled; any thread.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_ADMIT_H
#define SERVER_ADMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api_error.h"
#include "api/exchange.h"
#include "base/buf.h"
#include "base/str.h"

struct admit {
    const struct str *keys; /* borrowed, as all here; none: everyone is let in */
    size_t n_key;
    const char *const *hosts; /* allowed beside loopback names and numeric addresses that are bound; in any case */
    size_t n_host;
    const char *const *bound; /* numeric addresses */
    size_t n_bound;
    bool wildcard;              /* bound to all addresses: any numeric one is allowed, since rebinding needs a name */
    const char *const *origins; /* of pages that may call; "*": any, without credentials of the browser */
    size_t n_origin;
    size_t max_body;
};

enum { ADMIT_KEY_ID_BYTES = 33 };

/* What an admitted request says about its body. */
struct admit_body {
    bool any;        /* one follows */
    bool chunked;    /* its length is not known */
    uint64_t length; /* announced */
    bool expects;    /* the client waits for 100 Continue before it sends it */
};
/* ERR_FORMAT if its length makes no sense. */
MUST_CHECK int admit_body(struct admit_body *out, const struct exchange_head *h, struct err *e);

/* False: *x says why. */
MUST_CHECK bool admit_check(const struct admit *a, const struct exchange_head *h, const struct exchange_route *r,
                            const struct admit_body *b, struct api_error *x);
/* A digest of the key that the request was admitted with, or "". */
void admit_key_id(const struct admit *a, const struct exchange_head *h, char out[ADMIT_KEY_ID_BYTES]);
/* Whether this is a browser's question before the request itself. */
bool admit_is_preflight(const struct exchange_head *h);
/* What Access-Control-Allow-Origin says to a page of that origin: NULL if it may not call. Borrowed from `a` or "*". */
const char *admit_origin(const struct admit *a, struct str origin);
/* Of the headers that a page asks to send, those that it may: appended as a list. */
void admit_headers(struct buf *out, struct str asked);

#endif
