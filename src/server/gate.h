/* gate.h - the door in front of the HTTP library: new connections wait here, all on one thread, until their first head is complete.
 *
 * The library gives each connection a thread. A client that connects and says nothing, or says it slowly, must not cost one: here it costs
 * a descriptor and a few bytes, for at most ten seconds. Heads are only looked at (MSG_PEEK), so the library reads the whole request itself.
 * The same thread watches the connections that were let in (server/peer.h): their time, and whether their clients are still there.
 * epoll with edge triggers: Linux only.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_GATE_H
#define SERVER_GATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "server/listen.h"
#include "server/peer.h"

struct gate;

/* Takes a connection over, or closes it; called on the gate's thread. */
typedef void gate_admit_fn(void *arg, int fd, const struct sockaddr *addr, socklen_t n);

struct gate_opts {
    const struct listen_set *listen; /* borrowed, as all here: outlives the gate */
    struct peers *peers;
    gate_admit_fn *admit;
    void *arg;
    size_t max_waiting; /* connections without a whole head; beyond it the oldest goes */
    size_t max_peers;   /* connections let in; beyond it 503 */
    size_t max_head;    /* bytes of a head */
    size_t max_line;    /* bytes of its first line */
    int64_t head_ns;    /* until the head is complete */
};

MUST_CHECK int gate_open(struct gate **out, const struct gate_opts *o, struct err *e);
/* Nobody is let in any more. */
void gate_stop(struct gate *g);
void gate_close(struct gate *g); /* stops; after the last gate_watch */
/* Watches an admitted connection for its end. Any thread. */
void gate_watch(struct gate *g, int fd);

#endif
