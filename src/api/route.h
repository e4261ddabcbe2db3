/* route.h - which path and method is answered by what.
 *
 * Every path may stand with or without "/v1" before it: clients are configured with either.
 * SPDX-License-Identifier: MIT */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include <stdbool.h>

#include "api/exchange.h"
#include "api/reply.h"

enum route_kind {
    ROUTE_REPLY,    /* at once, by `answer` */
    ROUTE_GENERATE, /* by the engine, in the route's dialect */
    ROUTE_WARM,     /* by the engine: a system prompt is computed ahead */
};

/* Fills *out. `rest`: what of the path lies behind the route's own, decoded. True, or false with *x: the reply is that error. */
typedef bool route_fn(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                      struct reply *out, struct api_error *x);

struct route {
    const char *method, *path; /* path without "/v1"; ending in a star: whatever follows the slash */
    enum route_kind kind;
    enum api_dialect dialect;
    bool is_public, has_body;
    route_fn *answer;
};

/* The route, and in *rest what lies behind its path. NULL: *dialect says in which shape to tell so, *allow (a constant) lists the methods that
 * the path has, NULL if there is no such path. */
const struct route *route_find(const struct exchange_head *h, struct str *rest, enum api_dialect *dialect,
                               const char **allow);

#endif
