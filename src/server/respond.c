/* respond.c - an exchange's bytes on their way through the HTTP library.
 * SPDX-License-Identifier: MIT */
#include "server/respond.h"

#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"

/* WAIT_MS: how long an exchange may wait before it is asked again; a client that leaves or a server that stops ends the wait sooner.
 * BLOCK_BYTES: the most that goes out as one chunk. */
enum { WAIT_MS = 1000, BLOCK_BYTES = 16 << 10, SESSION_BYTES = 256 };

static struct str header_of(const struct visit *v, const char *name)
{
    return str_from(MHD_lookup_connection_value(v->mhd, MHD_HEADER_KIND, name));
}

static void cors(struct MHD_Response *r, const struct visit *v)
{
    const char *allowed = admit_origin(&v->hub->admit, header_of(v, "Origin"));
    if (v->hub->admit.n_origin)
        MHD_add_response_header(r, "Vary", "Origin");
    if (!allowed)
        return;
    MHD_add_response_header(r, "Access-Control-Allow-Origin", allowed);
    MHD_add_response_header(r, "Access-Control-Expose-Headers",
                            "request-id, x-request-id, x-session-id, x-cache-hit, retry-after");
}

static void add_once(struct MHD_Response *r, const char *name, const char *value)
{
    if (!MHD_get_response_header(r, name))
        MHD_add_response_header(r, name, value);
}

/* The client's own name of its session goes back as it came. */
static void session(struct MHD_Response *r, const struct visit *v)
{
    struct str id = str_trim(header_of(v, "X-Session-Id"));
    char text[SESSION_BYTES];
    if (!id.n || id.n >= sizeof text)
        return;
    memcpy(text, id.p, id.n);
    text[id.n] = 0;
    add_once(r, "X-Session-Id", text);
}

static void add_headers(struct MHD_Response *r, const struct visit *v)
{
    const char *type = exchange_content_type(v->x);
    const struct exchange_header *h;
    for (size_t i = 0; (h = exchange_header(v->x, i)) != NULL; i++)
        MHD_add_response_header(r, h->name, h->value);
    if (type && *type)
        add_once(r, "Content-Type", type);
    add_once(r, "request-id", v->id);
    add_once(r, "x-request-id", v->id);
    session(r, v);
    if (exchange_streams(v->x)) {
        add_once(r, "Cache-Control", "no-cache");
        add_once(r, "X-Accel-Buffering", "no");
    } else {
        add_once(r, "Cache-Control", "no-store");
    }
    add_once(r, "X-Content-Type-Options", "nosniff");
    if (exchange_status(v->x) == MHD_HTTP_METHOD_NOT_ALLOWED && v->route.allow)
        add_once(r, "Allow", v->route.allow);
    if (exchange_status(v->x) == MHD_HTTP_UNAUTHORIZED)
        add_once(r, "WWW-Authenticate", "Bearer");
    if (atomic_load(&v->hub->draining))
        add_once(r, "Connection", "close");
    cors(r, v);
}

/* Asks the exchange until it has bytes or is over. False: the wait is given up. */
static bool wait_for_bytes(struct visit *v)
{
    while (v->state == EXCHANGE_MORE && !v->out.n && !v->out.failed) {
        if (atomic_load(&v->hub->stopping))
            return false;
        v->state = exchange_next(v->x, &v->out, WAIT_MS);
        if (v->state == EXCHANGE_MORE && !v->out.n && peers_gone(&v->hub->peers, v->peer))
            return false;
    }
    return !v->out.failed;
}

static ssize_t next_block(void *cls, uint64_t pos, char *out, size_t max)
{
    struct visit *v = cls;
    (void)pos;
    if (v->sent == v->out.n) {
        buf_reset(&v->out);
        v->sent = 0;
        if (!peers_phase(&v->hub->peers, v->peer, PEER_WORKING, INT64_MAX) || !wait_for_bytes(v))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t n = MIN(max, v->out.n - v->sent);
    if (!n)
        return v->state == EXCHANGE_END ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
    memcpy(out, v->out.p + v->sent, n);
    v->sent += n;
    peers_phase(&v->hub->peers, v->peer, PEER_SENDING, clock_ns() + v->hub->send_ns);
    return (ssize_t)n;
}

static enum MHD_Result queue(struct visit *v, struct MHD_Response *r, int status)
{
    if (!r)
        return MHD_NO;
    enum MHD_Result ok = MHD_queue_response(v->mhd, (unsigned)status, r);
    MHD_destroy_response(r);
    return ok;
}

enum MHD_Result respond_exchange(struct visit *v)
{
    struct MHD_Response *r;
    peers_exchange(&v->hub->peers, v->peer, v->x);
    if (exchange_streams(v->x)) {
        r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, next_block, v, NULL);
    } else {
        /* An object may come in pieces, but is whole only at its end. */
        while (v->state == EXCHANGE_MORE) {
            struct buf part = v->out;
            v->out = (struct buf){ 0 };
            bool ok = wait_for_bytes(v);
            buf_str(&part, buf_view(&v->out));
            buf_deinit(&v->out);
            v->out = part;
            if (!ok)
                return MHD_NO;
        }
        if (v->state == EXCHANGE_CUT || v->out.failed)
            return MHD_NO;
        r = MHD_create_response_from_buffer(v->out.n, v->out.p ? v->out.p : (char *)"", MHD_RESPMEM_PERSISTENT);
    }
    if (!r)
        return MHD_NO;
    add_headers(r, v);
    peers_phase(&v->hub->peers, v->peer, PEER_SENDING, clock_ns() + v->hub->send_ns);
    return queue(v, r, exchange_status(v->x));
}

enum MHD_Result respond_preflight(struct visit *v)
{
    struct buf names = { 0 };
    bool allowed = admit_origin(&v->hub->admit, header_of(v, "Origin")) != NULL;
    struct MHD_Response *r = MHD_create_response_from_buffer(0, (char *)"", MHD_RESPMEM_PERSISTENT);
    v->answered = true;
    if (!r)
        return MHD_NO;
    cors(r, v);
    add_once(r, "request-id", v->id);
    if (allowed) {
        admit_headers(&names, header_of(v, "Access-Control-Request-Headers"));
        MHD_add_response_header(r, "Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE, OPTIONS");
        if (names.n)
            MHD_add_response_header(r, "Access-Control-Allow-Headers", names.p);
        MHD_add_response_header(r, "Access-Control-Max-Age", "600");
    }
    buf_deinit(&names);
    return queue(v, r, allowed ? MHD_HTTP_NO_CONTENT : MHD_HTTP_FORBIDDEN);
}
