/* exchange.h - one HTTP request and its answer, without the HTTP: what a server calls, on the connection's own thread.
 *
 *   exchange_open(head, body) --> status, headers --> exchange_next: bytes, bytes, ... , end (or cut)
 *
 * exchange_open does all that can be refused (parse, render, tokenise, submit), so that errors come before any stream, and never waits for more
 * than a step of the engine. exchange_next waits for what comes next; a stream never lets ten seconds pass without bytes. exchange_close cancels
 * what still runs. Everything here belongs to one thread; a service is shared.
 *
 *   streams      status and headers are final once it is open; bytes come with every exchange_next; END or CUT
 *   one object   exchange_next is called until it says END, and meanwhile gives nothing (time to see whether the client is still there); only then
 *                are status and headers final, and all bytes come with that call. It is never CUT: a failure is a 5xx.
 * SPDX-License-Identifier: MIT */
#ifndef API_EXCHANGE_H
#define API_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api_error.h"
#include "api/service.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

/* A header of the request by its name in any case; empty if it is not there. */
typedef struct str exchange_header_fn(void *arg, const char *name);

struct exchange_head {
    struct str method, path, query; /* path without the query, decoded; borrowed for the exchange */
    exchange_header_fn *header;
    void *arg;
    struct str client;     /* address, for the log */
    struct str request_id; /* made by the server: "req_..." */
    int64_t received_ns;
    struct str key_id; /* a digest of the API key: remembered turns belong to it; empty without keys */
};

/* What is known of a path and method before any of the body is read. */
struct exchange_route {
    enum api_dialect dialect; /* in which errors are told */
    int status;               /* 200, or 404, 405, 501: refused at once */
    bool is_public;           /* answered without a key */
    bool has_body;            /* a JSON body is read */
    const char *allow;        /* methods, for 405 */
};
void exchange_route(struct exchange_route *out, const struct exchange_head *h);

struct exchange;

enum exchange_state {
    EXCHANGE_MORE, /* bytes were appended, or none came in time: call again */
    EXCHANGE_END,  /* the answer is complete */
    EXCHANGE_CUT,  /* what a retry may cure: the connection is to be cut, with no last chunk */
};

struct exchange_header {
    const char *name;
    char value[256];
};

/* Never fails: an error is an answer too. `body` is borrowed for the call. */
struct exchange *exchange_open(struct service *s, const struct exchange_head *h, struct str body);
/* An answer that refuses before exchange_open could be called (a header, a size, a full house). */
struct exchange *exchange_refuse(struct service *s, const struct exchange_head *h, const struct api_error *why);
bool exchange_streams(const struct exchange *x); /* chunked; else one object, whose length is known at its END */
int exchange_status(const struct exchange *x);
const char *exchange_content_type(const struct exchange *x);
/* Headers beside Content-Type; NULL behind the last. */
const struct exchange_header *exchange_header(const struct exchange *x, size_t i);
/* Waits at most timeout_ms for bytes. After END or CUT it is not called again. */
enum exchange_state exchange_next(struct exchange *x, struct buf *out, int timeout_ms);
/* Any thread, before exchange_close: the client has left. What runs is cancelled at once, and exchange_next returns soon. */
void exchange_abandon(struct exchange *x);
/* `gone`: the client left before the end. Writes the access line, counts. */
void exchange_close(struct exchange *x, bool gone);

#endif
