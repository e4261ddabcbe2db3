/* server.c - HTTP in front of a service: opening, closing, and the library's callbacks about connections.
 * SPDX-License-Identifier: MIT */
#include "server/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sys.h"
#include "server/gate.h"
#include "server/hub.h"
#include "server/listen.h"
#include "server/visit.h"

/* STACK_BYTES is what a main thread has, for templates and JSON that nest to their limits; only what is touched becomes real. POOL_BYTES is what the library
 * keeps of a connection: a head, and the buffers of body and answer. */
enum {
    MAX_CONNECTIONS = 1024,
    MAX_WAITING = 8192,
    MAX_HEAD = 32 << 10,
    MAX_LINE = 8 << 10,
    POOL_BYTES = 96 << 10,
    STACK_BYTES = 8 << 20,
    SPARE_FILES = 64, /* of the model, the cache, the log */
    CUT_MS = 3000,    /* for answers that were cut to notice it */
    STEP_MS = 10,
};

#define MAX_BODY ((size_t)32 << 20)
#define MAX_BODIES ((size_t)256 << 20)

struct server {
    struct listen_set listen;
    const char *bound[LISTEN_MAX]; /* into listen */
    struct server_opts o;
    struct hub hub;
    struct gate *gate;       /* owned; NULL until it is started */
    struct MHD_Daemon *http; /* owned, likewise */
};

static void on_connection(void *cls, struct MHD_Connection *mhd, void **ctx, enum MHD_ConnectionNotificationCode what)
{
    struct server *s = cls;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*ctx)
            peers_remove(&s->hub.peers, *ctx);
        *ctx = NULL;
        return;
    }
    char host[INET6_ADDRSTRLEN] = "?";
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *at = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    socklen_t n = at->client_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    getnameinfo(at->client_addr, n, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    struct peer *p = peers_add(&s->hub.peers, fd->connect_fd, host);
    peers_phase(&s->hub.peers, p, PEER_IDLE, clock_ns() + s->hub.idle_ns);
    *ctx = p;
    gate_watch(s->gate, fd->connect_fd);
}

PRINTF_LIKE(2, 0) static void on_message(void *arg, const char *fmt, va_list ap)
{
    char line[512];
    (void)arg;
    int n = vsnprintf(line, sizeof line, fmt, ap);
    while (n > 0 && n < (int)sizeof line && line[n - 1] == '\n')
        line[--n] = 0;
    log_debug("http: %s", line);
}

static void admit(void *arg, int fd, const struct sockaddr *addr, socklen_t n)
{
    struct server *s = arg;
    if (MHD_add_connection(s->http, fd, addr, n) == MHD_NO)
        log_warn("a connection was not taken: no memory or no thread");
}

/* Every connection is a descriptor: as many as the system allows. Their number. */
static size_t raise_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r))
        return 1024;
    if (r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &r))
            getrlimit(RLIMIT_NOFILE, &r);
    }
    return r.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)r.rlim_cur;
}

static size_t or_default(size_t given, size_t otherwise)
{
    return given ? given : otherwise;
}

static int64_t ms(int given, int otherwise)
{
    return (int64_t)(given ? given : otherwise) * 1000000;
}

static void fill_hub(struct server *s)
{
    const struct server_opts *o = &s->o;
    struct hub *h = &s->hub;
    for (size_t i = 0; i < s->listen.n; i++)
        s->bound[i] = s->listen.host[i];
    h->admit = (struct admit){ .keys = o->keys,
                               .n_key = o->n_key,
                               .hosts = o->allowed_hosts,
                               .n_host = o->n_allowed_host,
                               .bound = s->bound,
                               .n_bound = s->listen.n,
                               .wildcard = s->listen.wildcard,
                               .origins = o->cors_origins,
                               .n_origin = o->n_cors_origin,
                               .max_body = or_default(o->max_body, MAX_BODY) };
    h->bodies.each = h->admit.max_body;
    h->bodies.together = or_default(o->max_bodies, MAX_BODIES);
    h->body_ns = ms(o->body_ms, 30000);
    h->send_ns = ms(o->send_ms, 60000);
    h->idle_ns = ms(o->idle_ms, 75000);
    peers_init(&h->peers);
}

int server_bind(struct server **out, const struct server_opts *o, struct err *e)
{
    struct server *s = xcalloc(1, sizeof *s);
    s->o = *o;
    int rc = listen_bind(&s->listen, o->hosts, o->n_host, o->port, e);
    if (!rc && !s->listen.loopback && !o->n_key && !o->insecure) {
        listen_close(&s->listen);
        rc = err_set(e, ERR_ARG,
                     "other machines can reach %s: set a key (OCTET_API_KEY, --api-key-file), or allow everyone with "
                     "--insecure",
                     s->listen.host[s->listen.n ? s->listen.n - 1 : 0]);
    }
    if (rc) {
        mem_free(s);
        return rc;
    }
    fill_hub(s);
    *out = s;
    return 0;
}

static int start_http(struct server *s, struct err *e)
{
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET |
                     MHD_USE_ITC | MHD_USE_ERROR_LOG;
    s->http = MHD_start_daemon(flags, 0, NULL, NULL, visit_handle, &s->hub, MHD_OPTION_EXTERNAL_LOGGER, on_message, s,
                               MHD_OPTION_URI_LOG_CALLBACK, visit_begin, &s->hub, MHD_OPTION_NOTIFY_COMPLETED,
                               visit_end, &s->hub, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
                               MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES, MHD_OPTION_THREAD_STACK_SIZE,
                               (size_t)STACK_BYTES, MHD_OPTION_CONNECTION_LIMIT,
                               (unsigned)(or_default(s->o.max_connections, MAX_CONNECTIONS) + SPARE_FILES),
                               MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    return s->http ? 0 : err_set(e, ERR_NOMEM, "the HTTP library does not start: no memory or no threads");
}

int server_start(struct server *s, struct service *service, struct err *e)
{
    size_t files = raise_files(), limit = or_default(s->o.max_connections, MAX_CONNECTIONS);
    size_t usable = files > 4 * (size_t)SPARE_FILES ? files - SPARE_FILES : files / 2;
    struct gate_opts g = { .listen = &s->listen,
                           .peers = &s->hub.peers,
                           .admit = admit,
                           .arg = s,
                           .max_peers = MIN(limit, usable / 2 + 1),
                           .max_waiting = MIN(MAX_WAITING, usable / 2 + 1),
                           .max_head = MAX_HEAD,
                           .max_line = MAX_LINE,
                           .head_ns = ms(s->o.head_ms, 10000) };
    s->hub.service = service;
    sys_prefer_latency(); /* the threads of connections are started by the library's, and that one here */
    if (start_http(s, e) || listen_start(&s->listen, e))
        return e ? e->code : ERR_IO;
    return gate_open(&s->gate, &g, e);
}

static void wait_until_quiet(struct server *s, int limit_ms)
{
    int64_t until = clock_ns() + (int64_t)limit_ms * 1000000;
    while (clock_ns() < until && peers_busy(&s->hub.peers))
        nanosleep(&(struct timespec){ .tv_nsec = (long)STEP_MS * 1000000 }, NULL);
}

void server_close(struct server *s, int drain_ms)
{
    if (!s)
        return;
    if (s->gate) {
        atomic_store(&s->hub.draining, true);
        service_drain(s->hub.service);
        wait_until_quiet(s, drain_ms);
        service_cut(s->hub.service);
        wait_until_quiet(s, CUT_MS);
    }
    atomic_store(&s->hub.stopping, true);
    gate_stop(s->gate);
    peers_shutdown(&s->hub.peers);
    if (s->http)
        MHD_stop_daemon(s->http);
    gate_close(s->gate);
    listen_close(&s->listen);
    peers_deinit(&s->hub.peers);
    mem_free(s);
}

size_t server_n_url(const struct server *s)
{
    return s->listen.n;
}

const char *server_url(const struct server *s, size_t i)
{
    return s->listen.url[i];
}
