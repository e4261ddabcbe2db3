/* server.h - HTTP in front of a service: who may ask what, how much, how fast, and what happens when either side goes.
 *
 *   gate (one thread)  --head complete-->  a thread for each connection (libmicrohttpd):
 *       admit: Host, Origin, key, type, length  -->  body  -->  exchange_open  -->  exchange_next ... --> bytes
 *
 * server_bind, then server_start when the model is ready, then server_close. These belong to one thread.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/service.h"
#include "base/err.h"
#include "base/str.h"

struct server;

struct server_opts {
    const char *const
        *hosts; /* to listen on; none: 127.0.0.1 and ::1. Borrowed, as all here, until the server is closed */
    size_t n_host;
    int port; /* 0: any free one */
    const struct str *keys;
    size_t n_key;  /* 0: everyone is let in */
    bool insecure; /* other machines may ask without a key */
    const char *const *allowed_hosts;
    size_t n_allowed_host;
    const char *const *cors_origins;
    size_t n_cors_origin;
    /* Limits; 0: the default. */
    size_t max_connections;        /* each has a thread; 1024 */
    size_t max_body, max_bodies;   /* bytes of one, and of all together while they are read; 32 MiB, 256 MiB */
    int head_ms, body_ms, send_ms; /* without progress; 10 s, 30 s, 60 s */
    int idle_ms;                   /* between requests; 75 s */
};

/* Binds the addresses. Other machines' addresses without a key are refused unless `insecure`. */
MUST_CHECK int server_bind(struct server **out, const struct server_opts *o, struct err *e);
/* Lets clients in. `service` is borrowed until server_close. */
MUST_CHECK int server_start(struct server *s, struct service *service, struct err *e);
/* Lets running answers end for at most drain_ms while the service says that it is not ready, cuts the rest, ends all connections, frees. NULL is
 * fine. */
void server_close(struct server *s, int drain_ms);

size_t server_n_url(const struct server *s);
const char *server_url(const struct server *s, size_t i); /* "http://127.0.0.1:8082" */

#endif
