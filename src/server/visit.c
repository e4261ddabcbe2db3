/* visit.c - one HTTP request and its answer, on the thread of its connection.
 * SPDX-License-Identifier: MIT */
#include "server/visit.h"

#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "server/respond.h"

/* A refused body up to DISCARD_MAX is read to its end, so that the client reads the refusal instead of a broken connection; a larger one is
 * not worth it. Below SLOW_RATE bytes a second, after SLOW_GRACE_S, a body counts as one that does not come. */
enum { DISCARD_MAX = 256 << 20, SLOW_RATE = 1024, SLOW_GRACE_S = 60 };

static void make_id(char out[VISIT_ID_BYTES])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    unsigned char bytes[VISIT_ID_BYTES];
    memcpy(out, "req_", 4);
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        memset(bytes, 0, sizeof bytes);
    /* 256 is no multiple of 62: the first digits come a little more often, which costs nothing here. */
    for (size_t i = 4; i + 1 < VISIT_ID_BYTES; i++)
        out[i] = digits[bytes[i] % (sizeof digits - 1)];
    out[VISIT_ID_BYTES - 1] = 0;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* "/a%20b" as bytes; what is no escape stays as it is. */
static void decode(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        int hi = s.p[i] == '%' && i + 2 < s.n ? hex(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? hex(s.p[i + 2]) : -1;
        buf_char(out, lo >= 0 ? (char)(hi * 16 + lo) : s.p[i]);
        i += lo >= 0 ? 2 : 0;
    }
}

static void split_uri(struct visit *v, const char *uri)
{
    struct str query = str_from(uri), path = query;
    /* The absolute form, as proxies send it: the path begins behind the authority. */
    if (str_starts(path, STR("http://"))) {
        path = str_sub(path, 7, path.n);
        const char *slash = memchr(path.p, '/', path.n);
        path = slash ? str_sub(path, (size_t)(slash - path.p), path.n) : STR("/");
        query = path;
    }
    if (str_cut(&query, '?', &path))
        buf_str(&v->query, query);
    decode(&v->path, path);
}

static struct str find_header(void *arg, const char *name)
{
    const struct visit *v = arg;
    return str_from(MHD_lookup_connection_value(v->mhd, MHD_HEADER_KIND, name));
}

static struct peer *peer_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

void *visit_begin(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct visit *v = xcalloc(1, sizeof *v);
    v->hub = cls;
    v->mhd = mhd;
    v->peer = peer_of(mhd);
    v->body.of = &v->hub->bodies;
    make_id(v->id);
    split_uri(v, uri);
    return v;
}

static void refuse(struct visit *v, const struct api_error *x)
{
    body_drop(&v->body);
    if (v->refusal)
        return;
    v->refusal = xcalloc(1, sizeof *v->refusal);
    *v->refusal = *x;
}

static void refuse_with(struct visit *v, enum api_error_kind kind, const char *message)
{
    struct api_error *x = xcalloc(1, sizeof *x);
    api_error_set(x, kind, NULL, "%s", message);
    refuse(v, x);
    mem_free(x);
}

static enum MHD_Result answer(struct visit *v)
{
    v->answered = true;
    if (v->refusal)
        v->x = exchange_refuse(v->hub->service, &v->head, v->refusal);
    else
        v->x = exchange_open(v->hub->service, &v->head, buf_view(&v->body.bytes));
    body_drop(&v->body);
    return respond_exchange(v);
}

struct repeats {
    const char *name;
    int n;
};

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct repeats *r = cls;
    (void)kind;
    (void)value;
    r->n += strcasecmp(name, r->name) == 0;
    return MHD_YES;
}

/* A field that says where a request ends or whom it is for, twice: a proxy before this server may have believed the other one. NULL: none. */
static const char *said_twice(struct visit *v)
{
    static const char *const once[] = { "Host", "Content-Length", "Transfer-Encoding" };
    for (size_t i = 0; i < ARRAY_LEN(once); i++) {
        struct repeats r = { .name = once[i] };
        MHD_get_connection_values(v->mhd, MHD_HEADER_KIND, count_header, &r);
        if (r.n > 1)
            return once[i];
    }
    return NULL;
}

/* The head is there, nothing of the body is. */
static void examine(struct visit *v, const char *method)
{
    struct api_error *x = xcalloc(1, sizeof *x);
    struct err e = ERR_INIT;
    v->head = (struct exchange_head){ .method = str_from(method),
                                      .path = buf_view(&v->path),
                                      .query = buf_view(&v->query),
                                      .header = find_header,
                                      .arg = v,
                                      .client = str_from(v->peer->client),
                                      .request_id = str_from(v->id),
                                      .received_ns = clock_ns() };
    exchange_route(&v->route, &v->head);
    const char *twice = said_twice(v);
    if (twice) {
        api_error_set(x, API_ERR_INVALID, NULL, "%s: found more than once", twice);
        refuse(v, x);
        v->endless = true;
    } else if (admit_body(&v->said, &v->head, &e)) {
        api_error_set(x, API_ERR_INVALID, NULL, "%s", e.msg);
        refuse(v, x);
        v->endless = true;
    } else if (!admit_check(&v->hub->admit, &v->head, &v->route, &v->said, x)) {
        refuse(v, x);
    }
    admit_key_id(&v->hub->admit, &v->head, v->key_id);
    v->head.key_id = str_from(v->key_id);
    mem_free(x);
}

static bool may_read(struct visit *v)
{
    return peers_phase(&v->hub->peers, v->peer, PEER_READING, clock_ns() + v->hub->body_ns);
}

static enum MHD_Result first_call(struct visit *v, const char *method)
{
    v->begun = true;
    v->body_began_ns = clock_ns();
    if (!may_read(v))
        return MHD_NO;
    examine(v, method);
    if (v->hub->admit.n_origin && admit_is_preflight(&v->head))
        return respond_preflight(v);
    if (v->refusal && (v->endless || v->said.expects || v->said.length > DISCARD_MAX))
        return answer(v);
    return MHD_YES;
}

static enum MHD_Result read_part(struct visit *v, const char *data, size_t n)
{
    double seconds = clock_seconds_since(v->body_began_ns);
    v->n_read += n;
    if (v->n_read > DISCARD_MAX)
        return MHD_NO;
    if (seconds > SLOW_GRACE_S && (double)v->n_read < (seconds - SLOW_GRACE_S) * SLOW_RATE) {
        /* The gate's thread tells the client. */
        peers_phase(&v->hub->peers, v->peer, PEER_READING, 1);
        return MHD_YES;
    }
    if (!may_read(v))
        return MHD_NO;
    if (v->refusal || v->route.status != 200 || !v->route.has_body)
        return MHD_YES;
    switch (body_add(&v->body, data, n)) {
    case BODY_TOO_LARGE:
        refuse_with(v, API_ERR_TOO_LARGE, "the body is larger than this server reads");
        break;
    case BODY_NO_ROOM:
        refuse_with(v, API_ERR_UNAVAILABLE, "the bodies of other requests fill the memory meant for them; try again");
        v->refusal->retry_after_s = 5;
        break;
    case BODY_OK:
        break;
    }
    return MHD_YES;
}

enum MHD_Result visit_handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                             const char *version, const char *data, size_t *n_data, void **ctx)
{
    struct visit *v = *ctx;
    size_t n = *n_data;
    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    if (!v->begun)
        return first_call(v, method);
    *n_data = 0;
    if (n)
        return read_part(v, data, n);
    if (v->answered)
        return MHD_YES;
    if (!peers_phase(&v->hub->peers, v->peer, PEER_WORKING, INT64_MAX))
        return MHD_NO;
    return answer(v);
}

void visit_end(void *cls, struct MHD_Connection *mhd, void **ctx, enum MHD_RequestTerminationCode why)
{
    struct visit *v = *ctx;
    (void)cls;
    (void)mhd;
    (void)why;
    if (!v)
        return;
    if (v->x) {
        peers_exchange(&v->hub->peers, v->peer, NULL);
        exchange_close(v->x, v->state == EXCHANGE_MORE);
    }
    peers_phase(&v->hub->peers, v->peer, PEER_IDLE, clock_ns() + v->hub->idle_ns);
    body_drop(&v->body);
    buf_deinit(&v->path);
    buf_deinit(&v->query);
    buf_deinit(&v->out);
    mem_free(v->refusal);
    mem_free(v);
    *ctx = NULL;
}
