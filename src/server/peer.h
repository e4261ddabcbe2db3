/* peer.h - the connections that a thread serves: until when each may take, and what it is working on.
 *
 * A connection's thread says which phase it is in; the gate's thread looks at all of them, ends those whose time is over, and tells
 * the exchange of one whose client has left. So neither side ever waits in a way that the other cannot end. One lock guards all of it.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_PEER_H
#define SERVER_PEER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/exchange.h"

enum peer_phase {
    PEER_IDLE,    /* between requests */
    PEER_READING, /* a body */
    PEER_WORKING, /* waits for the exchange: no limit */
    PEER_SENDING, /* the client has to take bytes */
};

struct peer {
    int fd; /* borrowed from the HTTP library */
    char client[64];
    struct peer *next, *prev;

    /* Guarded by the lock of peers. */
    enum peer_phase phase;
    int64_t until_ns;          /* end of the phase */
    struct exchange *exchange; /* borrowed; NULL: none runs */
    bool gone;                 /* the client has left, or its time was over */
};

struct peers {
    pthread_mutex_t mu;
    struct peer *first;  /* owned */
    struct peer **by_fd; /* owned; [n_fd] */
    size_t n_fd, n;
};

void peers_init(struct peers *s);
void peers_deinit(struct peers *s);
/* A connection begins or ends. The descriptor stays open until after peers_remove. */
struct peer *peers_add(struct peers *s, int fd, const char *client);
void peers_remove(struct peers *s, struct peer *p);
size_t peers_len(struct peers *s);
size_t peers_busy(struct peers *s); /* those that are not idle */

/* False: its time was over before, and the connection is to be given up. */
bool peers_phase(struct peers *s, struct peer *p, enum peer_phase phase, int64_t until_ns);
/* The exchange that the connection waits for; NULL: none any more, to be said before it is closed. */
void peers_exchange(struct peers *s, struct peer *p, struct exchange *x);
bool peers_gone(struct peers *s, struct peer *p);

/* The gate's thread: ends what has taken too long; a request whose body does not come is told so (408). */
void peers_expire(struct peers *s, int64_t now_ns);
/* The gate's thread: something happened to the descriptor; if the client has left, its exchange is told. */
void peers_hangup(struct peers *s, int fd);
/* Ends every connection. */
void peers_shutdown(struct peers *s);

#endif
