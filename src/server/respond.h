/* respond.h - an exchange's bytes on their way through the HTTP library.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_RESPOND_H
#define SERVER_RESPOND_H

#include "server/visit.h"

/* Queues the answer of v->x. One object is waited for here, a stream later, piece by piece; either wait ends when the client leaves. MHD_NO: the
 * connection is cut without an answer. */
enum MHD_Result respond_exchange(struct visit *v);
/* The answer to a browser that asks whether a page may call. */
enum MHD_Result respond_preflight(struct visit *v);

#endif
