/* http_call.h - HTTP/1.1 requests over plain sockets, many at once in one thread.
 *
 *   http_call_begin -> { poll(http_call_fd, http_call_events); http_call_step } until http_call_over -> http_call_end
 *
 * Nothing blocks but http_server_find, which finds an address that answers. Each call has a connection of its own, which closes behind it. What
 * of the body has arrived, without its chunks' frames, lies in `body`; its reader drops what it has read. Only http://, no redirects.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_HTTP_CALL_H
#define CLI_HTTP_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct http_server {
    char *authority; /* owned: host and port as they were given */
    char *path;      /* owned: with the slash it begins with, without one at the end; may be empty */
    struct sockaddr_storage addr;
    socklen_t n_addr;
};

/* "http://HOST[:PORT][/PATH]", HOST perhaps in brackets. Connects once, to find which of the host's addresses answers: ERR_IO if none does. */
MUST_CHECK int http_server_find(struct http_server *u, const char *text, struct err *e);
void http_server_deinit(struct http_server *u);

enum http_state { HTTP_SENDING, HTTP_HEAD, HTTP_BODY, HTTP_OVER };

struct http_call {
    int fd; /* -1: closed */
    enum http_state state;
    struct buf out; /* the request; `sent` bytes of it are gone */
    size_t sent;
    struct buf in;   /* received and not yet understood */
    struct buf body; /* of the answer, decoded */
    int status;      /* 0: no head yet */
    bool chunked, in_trailer;
    uint64_t left;  /* bytes of the body or of the chunk; UINT64_MAX: until the connection ends */
    struct err err; /* why it failed; the state is HTTP_OVER then */
};

struct http_call_request {
    const char *method, *path; /* borrowed, as all here; the path goes behind the URL's */
    const char *key;           /* for "Authorization: Bearer"; NULL: none */
    struct str body;           /* JSON; empty: none */
};

/* On failure (no socket) there is nothing to end. */
MUST_CHECK int http_call_begin(struct http_call *c, const struct http_server *u, const struct http_call_request *r,
                               struct err *e);
void http_call_end(struct http_call *c);
short http_call_events(const struct http_call *c); /* for poll */
/* Sends and receives what can be without waiting. */
void http_call_step(struct http_call *c);
/* Steps until it is over or `timeout_ms` have passed, which is a failure. */
void http_call_finish(struct http_call *c, int timeout_ms);
/* The data of the next server-sent event in the body, one line, borrowed until the next call of any function here; false: none is complete. */
bool http_call_event(struct http_call *c, struct str *data);

#endif
