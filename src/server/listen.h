/* listen.h - the addresses that a server answers on.
 *
 * Binding comes first, early in the program's start, so that a port in use is known at once; listening comes when the model is ready, so that
 * nobody connects to a server that cannot answer. Between the two a client is refused. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { LISTEN_MAX = 16, LISTEN_URL_BYTES = 80 };

struct listen_set {
    int fd[LISTEN_MAX]; /* owned */
    char url[LISTEN_MAX][LISTEN_URL_BYTES];
    char host[LISTEN_MAX][LISTEN_URL_BYTES]; /* numeric */
    size_t n;
    int port;
    bool loopback; /* every address is this machine's own */
    bool wildcard; /* one of them stands for all addresses */
};

/* Binds `port` (0: any free one, the same for all) of every address of every host. No hosts: 127.0.0.1 and, where the machine has it, ::1.
 * A port in use is ERR_BUSY. On failure nothing is open. */
MUST_CHECK int listen_bind(struct listen_set *l, const char *const *hosts, size_t n_host, int port, struct err *e);
/* From now on clients are let in. ERR_BUSY if another program came first. */
MUST_CHECK int listen_start(struct listen_set *l, struct err *e);
void listen_close(struct listen_set *l);

#endif
