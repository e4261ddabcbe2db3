/* hub.h - what all requests of one server share, inside src/server.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_HUB_H
#define SERVER_HUB_H

#include <stdatomic.h>

#include "server/admit.h"
#include "server/body.h"
#include "server/peer.h"
#include "server/server.h"

struct hub {
    struct service *service; /* borrowed */
    struct admit admit;
    struct bodies bodies;
    struct peers peers;
    int64_t body_ns, send_ns, idle_ns;
    atomic_bool draining; /* connections end with their answer */
    atomic_bool stopping; /* whatever runs is given up */
};

#endif
