/* http_client.h - one HTTP/1.1 request to a server of one's own network, its answer as it arrives.
 *
 * For commands that ask a running server something or measure it: no TLS, no redirects, no proxies; a new connection for each request. The bytes of the
 * body are handed over as they come in, chunks already taken apart, so that the moment of each event can be told. Any thread; nothing is shared.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_HTTP_CLIENT_H
#define CLI_HTTP_CLIENT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* http://HOST[:PORT][/PREFIX]; HOST may be an IPv6 address in brackets. No slash at the end of the prefix. */
struct http_url {
    char host[256], port[8], prefix[256];
};

/* ERR_ARG says what is wrong with the URL. */
MUST_CHECK int http_url_parse(struct http_url *u, const char *text, struct err *e);

struct http_request {
    const struct http_url *url;
    const char *method, *path; /* the path goes behind the URL's prefix */
    const char *key;           /* API key, sent as a bearer token; NULL: none */
    const char *header;        /* one more header line, without its end; NULL: none */
    struct str body;           /* JSON; empty: none */
    int timeout_ms;            /* longest silence, before and between bytes; 0: 600 s */
};

/* Bytes of the body, of an answer with status `status`. False: enough, close the connection. */
typedef bool http_bytes_fn(void *arg, int status, struct str bytes);

/* Sends and receives all of it. *status is that of the answer. ERR_IO: no connection, silence, or an answer that ended before its end; ERR_FORMAT: not
 * HTTP; ERR_CANCELLED: on_bytes said so. */
MUST_CHECK int http_request(const struct http_request *r, int *status, http_bytes_fn *on_bytes, void *arg,
                            struct err *e);
/* The same with the whole body appended to `out`. */
MUST_CHECK int http_fetch(const struct http_request *r, int *status, struct buf *out, struct err *e);

#endif
