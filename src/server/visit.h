/* visit.h - one HTTP request and its answer, on the thread of its connection: the callbacks of the HTTP library.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_VISIT_H
#define SERVER_VISIT_H

#include <microhttpd.h>

#include "api/exchange.h"
#include "base/buf.h"
#include "server/body.h"
#include "server/hub.h"

enum { VISIT_ID_BYTES = 29 };

struct visit {
    struct hub *hub;            /* borrowed */
    struct MHD_Connection *mhd; /* borrowed: outlives the visit */
    struct peer *peer;          /* borrowed, likewise */
    char id[VISIT_ID_BYTES];    /* "req_..." */
    char key_id[ADMIT_KEY_ID_BYTES];
    struct buf path, query; /* of the request; the path decoded */
    struct exchange_head head;
    struct exchange_route route;
    struct admit_body said; /* what the head says of the body */
    bool begun, answered;
    bool endless;              /* where its body would end is not known: nothing of it is read */
    struct api_error *refusal; /* owned; NULL: let in. The body is read and thrown away, then it is told */
    struct body body;
    uint64_t n_read; /* bytes of the body so far, kept or not */
    int64_t body_began_ns;

    struct exchange *x; /* owned; NULL: none yet */
    enum exchange_state state;
    struct buf out; /* bytes for the client; those before `sent` are with the library */
    size_t sent;
};

/* MHD_OPTION_URI_LOG_CALLBACK: the visit begins; cls is the hub. */
void *visit_begin(void *cls, const char *uri, struct MHD_Connection *mhd);
/* MHD_AccessHandlerCallback */
enum MHD_Result visit_handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                             const char *version, const char *data, size_t *n_data, void **ctx);
/* MHD_RequestCompletedCallback */
void visit_end(void *cls, struct MHD_Connection *mhd, void **ctx, enum MHD_RequestTerminationCode why);

#endif
