/* test_server.c - the HTTP side alone, against exchanges made up here: admission, limits, time, clients that leave, the end.
 *
 * What exchange.h and service.h declare is defined below, so that an answer can wait for as long as a test needs it to.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/exchange.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "server/admit.h"
#include "server/server.h"

/* --- exchanges that do as their path says ------------------------------------------------------------------------------------ */

struct service {
    atomic_bool draining, cut;
    atomic_int n_open, n_gone, n_abandoned, n_closed;
    pthread_mutex_t mu;
    struct buf body; /* of the last POST */
    char key_id[64];
};

struct exchange {
    struct service *s;
    char path[64];
    int status, n_said;
    struct buf text;
    atomic_bool abandoned;
};

static struct service service = { .mu = PTHREAD_MUTEX_INITIALIZER };

void service_drain(struct service *s)
{
    atomic_store(&s->draining, true);
}

void service_cut(struct service *s)
{
    atomic_store(&s->cut, true);
}

void exchange_route(struct exchange_route *out, const struct exchange_head *h)
{
    bool post = str_eqz(h->method, "POST");
    *out = (struct exchange_route){ .status = 200, .is_public = str_eqz(h->path, "/public"), .has_body = post };
    if (str_eqz(h->path, "/nowhere"))
        out->status = 404;
    if (str_eqz(h->method, "PATCH")) {
        out->status = 405;
        out->allow = "GET, POST";
    }
}

static struct exchange *open_exchange(struct service *s, const struct exchange_head *h, int status)
{
    struct exchange *x = xcalloc(1, sizeof *x);
    x->s = s;
    x->status = status;
    snprintf(x->path, sizeof x->path, "%.*s", (int)h->path.n, h->path.p);
    atomic_fetch_add(&s->n_open, 1);
    return x;
}

struct exchange *exchange_open(struct service *s, const struct exchange_head *h, struct str body)
{
    struct exchange_route r;
    exchange_route(&r, h);
    struct exchange *x = open_exchange(s, h, r.status);
    pthread_mutex_lock(&s->mu);
    buf_reset(&s->body);
    buf_str(&s->body, body);
    snprintf(s->key_id, sizeof s->key_id, "%.*s", (int)h->key_id.n, h->key_id.p ? h->key_id.p : "");
    pthread_mutex_unlock(&s->mu);
    buf_printf(&x->text, "%.*s?%.*s", (int)h->path.n, h->path.p, (int)h->query.n, h->query.p ? h->query.p : "");
    return x;
}

struct exchange *exchange_refuse(struct service *s, const struct exchange_head *h, const struct api_error *e)
{
    static const int status[] = { [API_ERR_INVALID] = 400, [API_ERR_AUTH] = 401,        [API_ERR_FORBIDDEN] = 403,
                                  [API_ERR_TYPE] = 415,    [API_ERR_LENGTH] = 411,      [API_ERR_TOO_LARGE] = 413,
                                  [API_ERR_BUSY] = 429,    [API_ERR_UNAVAILABLE] = 503, [API_ERR_INTERNAL] = 500 };
    struct exchange *x = open_exchange(s, h, status[e->kind]);
    snprintf(x->path, sizeof x->path, "/refused");
    buf_z(&x->text, e->message);
    return x;
}

bool exchange_streams(const struct exchange *x)
{
    return strncmp(x->path, "/stream", 7) == 0;
}

int exchange_status(const struct exchange *x)
{
    return x->status;
}

const char *exchange_content_type(const struct exchange *x)
{
    return exchange_streams(x) ? "text/event-stream" : "application/json";
}

const struct exchange_header *exchange_header(const struct exchange *x, size_t i)
{
    static const struct exchange_header h = { "X-Made", "here" };
    (void)x;
    return i ? NULL : &h;
}

/* Waits in short steps, so that an abandoned exchange notices, as the real one does. */
static void nap(const struct exchange *x, int ms)
{
    for (int i = 0; i < ms && !atomic_load(&x->abandoned) && !atomic_load(&x->s->cut); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

enum exchange_state exchange_next(struct exchange *x, struct buf *out, int timeout_ms)
{
    static const char block[8192] = "data: much\n\n";
    if (strcmp(x->path, "/stream/cut") == 0 || strcmp(x->path, "/stream/wait") == 0) {
        if (!x->n_said++) {
            buf_z(out, "data: first\n\n");
            return EXCHANGE_MORE;
        }
        if (strcmp(x->path, "/stream/cut") == 0)
            return EXCHANGE_CUT;
        nap(x, timeout_ms);
        return atomic_load(&x->abandoned) || atomic_load(&x->s->cut) ? EXCHANGE_CUT : EXCHANGE_MORE;
    }
    if (strcmp(x->path, "/stream/much") == 0) {
        buf_add(out, block, sizeof block);
        return atomic_load(&x->abandoned) ? EXCHANGE_CUT : EXCHANGE_MORE;
    }
    if (strcmp(x->path, "/wait") == 0) {
        nap(x, timeout_ms);
        if (!atomic_load(&x->s->cut))
            return EXCHANGE_MORE;
        x->status = 503;
    }
    if (strcmp(x->path, "/soon") == 0) {
        nap(x, 300);
    }
    if (exchange_streams(x) && x->n_said < 3) {
        buf_printf(out, "data: %d\n\n", x->n_said++);
        return EXCHANGE_MORE;
    }
    if (!exchange_streams(x))
        buf_str(out, buf_view(&x->text));
    return EXCHANGE_END;
}

void exchange_abandon(struct exchange *x)
{
    if (!atomic_exchange(&x->abandoned, true))
        atomic_fetch_add(&x->s->n_abandoned, 1);
}

void exchange_close(struct exchange *x, bool gone)
{
    atomic_fetch_add(&x->s->n_closed, 1);
    if (gone)
        atomic_fetch_add(&x->s->n_gone, 1);
    buf_deinit(&x->text);
    mem_free(x);
}

/* --- a server and a client --------------------------------------------------------------------------------------------------- */

struct fixture {
    struct server *server;
    struct server_opts o;
    int port;
};

static void start(struct fixture *f, struct server_opts o)
{
    static const char *const host[] = { "127.0.0.1" };
    struct err e = ERR_INIT;
    atomic_store(&service.draining, false);
    atomic_store(&service.cut, false);
    atomic_store(&service.n_open, 0);
    atomic_store(&service.n_gone, 0);
    atomic_store(&service.n_abandoned, 0);
    atomic_store(&service.n_closed, 0);
    if (!o.n_host) {
        o.hosts = host;
        o.n_host = 1;
    }
    f->o = o;
    assert_int_equal(server_bind(&f->server, &f->o, &e), 0);
    assert_int_equal(server_start(f->server, &service, &e), 0);
    int64_t port;
    const char *url = server_url(f->server, 0);
    assert_true(str_to_i64(str_from(strrchr(url, ':') + 1), &port));
    f->port = (int)port;
}

static void stop(struct fixture *f)
{
    server_close(f->server, 0);
    assert_int_equal(atomic_load(&service.n_closed), atomic_load(&service.n_open));
}

static int dial(const struct fixture *f)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)f->port) };
    struct timeval limit = { .tv_sec = 20 };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Everything until the server closes, or until `mark` came. */
static void hear(int fd, struct buf *out, const char *mark)
{
    char part[4096];
    buf_reset(out);
    for (;;) {
        if (mark && out->n && strstr(out->p, mark))
            return;
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n <= 0)
            return;
        buf_add(out, part, (size_t)n);
    }
}

static int status_of(const struct buf *b)
{
    int64_t v = 0;
    if (b->n < 12 || !str_to_i64(str_sub(buf_view(b), 9, 12), &v))
        return 0;
    return (int)v;
}

/* One request on a connection of its own; the whole answer is in *out. */
static int ask(const struct fixture *f, const char *request, struct buf *out)
{
    int fd = dial(f);
    say(fd, request);
    hear(fd, out, NULL);
    close(fd);
    return status_of(out);
}

static void wait_for(atomic_int *n, int want)
{
    for (int i = 0; i < 10000 && atomic_load(n) != want; i++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    assert_int_equal(atomic_load(n), want);
}

#define END "Host: localhost\r\nConnection: close\r\n\r\n"
#define JSON "Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"

/* --- tests ------------------------------------------------------------------------------------------------------------------- */

static void an_answer_carries_ids_and_type(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    start(&f, (struct server_opts){ 0 });
    assert_int_equal(ask(&f, "GET /a%20b?x=1 HTTP/1.1\r\nX-Session-Id: s-7\r\n" END, &b), 200);
    assert_non_null(strstr(b.p, "/a b?x=1"));
    assert_non_null(strstr(b.p, "\r\nrequest-id: req_"));
    assert_non_null(strstr(b.p, "\r\nx-request-id: req_"));
    assert_non_null(strstr(b.p, "\r\nX-Session-Id: s-7\r\n"));
    assert_non_null(strstr(b.p, "\r\nX-Made: here\r\n"));
    assert_non_null(strstr(b.p, "\r\nContent-Type: application/json\r\n"));
    buf_deinit(&b);
    stop(&f);
}

static void head_has_no_body(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    start(&f, (struct server_opts){ 0 });
    assert_int_equal(ask(&f, "HEAD /x HTTP/1.1\r\n" END, &b), 200);
    assert_non_null(strstr(b.p, "\r\nContent-Length: 3\r\n"));
    assert_string_equal(strstr(b.p, "\r\n\r\n"), "\r\n\r\n");
    buf_deinit(&b);
    stop(&f);
}

static void a_stream_comes_in_chunks_and_ends(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    start(&f, (struct server_opts){ 0 });
    assert_int_equal(ask(&f, "POST /stream HTTP/1.1\r\n" JSON "Content-Length: 2\r\n\r\n{}", &b), 200);
    assert_non_null(strstr(b.p, "Transfer-Encoding: chunked"));
    assert_non_null(strstr(b.p, "text/event-stream"));
    assert_non_null(strstr(b.p, "X-Accel-Buffering: no"));
    assert_non_null(strstr(b.p, "Cache-Control: no-cache"));
    assert_non_null(strstr(b.p, "data: 0\n\n"));
    assert_non_null(strstr(b.p, "data: 2\n\n"));
    assert_true(str_ends(buf_view(&b), STR("\r\n0\r\n\r\n")));
    buf_deinit(&b);
    stop(&f);
}

static void a_cut_stream_has_no_last_chunk(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    start(&f, (struct server_opts){ 0 });
    assert_int_equal(ask(&f, "POST /stream/cut HTTP/1.1\r\n" JSON "Content-Length: 2\r\n\r\n{}", &b), 200);
    assert_non_null(strstr(b.p, "data: first"));
    assert_false(str_ends(buf_view(&b), STR("0\r\n\r\n")));
    buf_deinit(&b);
    stop(&f);
}

static void bodies_of_a_length_and_in_chunks_are_read(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    start(&f, (struct server_opts){ 0 });
    assert_int_equal(ask(&f, "POST /x HTTP/1.1\r\n" JSON "Content-Length: 9\r\n\r\n{\"a\": 12}", &b), 200);
    assert_string_equal(service.body.p, "{\"a\": 12}");
    assert_int_equal(
        ask(&f, "POST /x HTTP/1.1\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"b\r\n5\r\n\": 3}\r\n0\r\n\r\n",
            &b),
        200);
    assert_string_equal(service.body.p, "{\"b\": 3}");
    buf_deinit(&b);
    stop(&f);
}

static void a_client_that_waits_for_continue_gets_it(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    start(&f, (struct server_opts){ 0 });
    int fd = dial(&f);
    say(fd, "POST /x HTTP/1.1\r\n" JSON "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    hear(fd, &b, "\r\n\r\n");
    assert_int_equal(status_of(&b), 100);
    say(fd, "{}");
    hear(fd, &b, NULL);
    assert_int_equal(status_of(&b), 200);
    close(fd);
    fd = dial(&f);
    say(fd, "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nExpect: "
            "100-continue\r\n\r\n");
    hear(fd, &b, "\r\n\r\n");
    assert_int_equal(status_of(&b), 415);
    close(fd);
    buf_deinit(&b);
    stop(&f);
}

static void heads_that_are_wrong_are_refused_each_with_its_status(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    static const struct {
        int status;
        const char *request;
    } rows[] = {
        { 403, "GET /x HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n" },
        { 403, "GET /x HTTP/1.1\r\nHost: localhost.evil.example:80\r\nConnection: close\r\n\r\n" },
        { 403, "GET /x HTTP/1.1\r\nHost: 10.0.0.1\r\nConnection: close\r\n\r\n" },
        { 200, "GET /x HTTP/1.1\r\nHost: LOCALHOST:1234\r\nConnection: close\r\n\r\n" },
        { 200, "GET /x HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n" },
        { 200, "GET /x HTTP/1.1\r\nHost: box.lan\r\nConnection: close\r\n\r\n" },
        { 403, "POST /x HTTP/1.1\r\nOrigin: http://evil.example\r\n" JSON "Content-Length: 2\r\n\r\n{}" },
        { 403, "POST /x HTTP/1.1\r\nOrigin: null\r\n" JSON "Content-Length: 2\r\n\r\n{}" },
        { 200, "POST /x HTTP/1.1\r\nOrigin: http://localhost\r\n" JSON "Content-Length: 2\r\n\r\n{}" },
        { 403, "POST /x HTTP/1.0\r\nOrigin: http://\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" },
        { 200, "GET /x HTTP/1.1\r\nOrigin: http://evil.example\r\n" END },
        { 415, "POST /x HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n" END "{}" },
        { 415, "POST /x HTTP/1.1\r\nContent-Length: 2\r\n" END "{}" },
        { 415, "POST /x HTTP/1.1\r\nContent-Encoding: gzip\r\n" JSON "Content-Length: 2\r\n\r\n{}" },
        { 200, "POST /x HTTP/1.1\r\nContent-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n" END "{}" },
        { 411, "POST /x HTTP/1.1\r\n" JSON "\r\n" },
        { 413, "POST /x HTTP/1.1\r\n" JSON "Content-Length: 99999999999\r\n\r\n{}" },
        { 400, "POST /x HTTP/1.1\r\n" JSON "Content-Length: 2\r\nTransfer-Encoding: gzip\r\n\r\n{}" },
        { 404, "GET /nowhere HTTP/1.1\r\n" END },
        { 404, "POST /nowhere HTTP/1.1\r\nContent-Length: 2\r\n" END "{}" },
        { 405, "PATCH /x HTTP/1.1\r\n" END },
        { 400, "\x16\x03\x01 no words" },
    };
    static const char *const allowed[] = { "box.lan" };
    start(&f, (struct server_opts){ .allowed_hosts = allowed, .n_allowed_host = 1 });
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int got = ask(&f, rows[i].request, &b);
        if (got != rows[i].status)
            print_error("row %zu: %.40s\n", i, rows[i].request);
        assert_int_equal(got, rows[i].status);
    }
    assert_int_equal(ask(&f, "PATCH /x HTTP/1.1\r\n" END, &b), 405);
    assert_non_null(strstr(b.p, "Allow: GET, POST"));
    buf_deinit(&b);
    stop(&f);
}

/* One status line, and a body in JSON, also where the library would not have read the head. */
static void heads_that_are_no_http_are_told_so_in_json(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    static const struct {
        int status;
        const char *says, *request;
    } rows[] = {
        { 400, "Content-Length: expected a number", "POST /x HTTP/1.1\r\n" JSON "Content-Length: -1\r\n\r\n{}" },
        { 400, "Content-Length: expected a number", "POST /x HTTP/1.1\r\n" JSON "content-length: +2\r\n\r\n{}" },
        { 400, "Content-Length: expected a number", "POST /x HTTP/1.1\r\n" JSON "Content-Length: 2, 2\r\n\r\n{}" },
        { 400, "Content-Length: found more than once",
          "POST /x HTTP/1.1\r\n" JSON "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}" },
        { 400, "Host: found more than once", "GET /x HTTP/1.1\r\nHost: evil.example\r\n" END },
        { 400, "has to name its Host", "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n" },
        { 400, "NAME: VALUE", "GET /x HTTP/1.1\r\nHost : localhost\r\n\r\n" },
        { 400, "NAME: VALUE", "GET /x HTTP/1.1\r\nnothing\r\n" END },
        { 400, "METHOD PATH", "GET /a b HTTP/1.1\r\n" END },
        { 400, "METHOD PATH", "GET /x\r\n" END },
        { 505, "speaks HTTP/1.1", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
    };
    static const char *const good[] = {
        "GET /x HTTP/1.0\r\n\r\n",
        "\r\n\r\nGET /x HTTP/1.1\r\n" END,
        "GET /x HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        "GET /x HTTP/1.1\r\nX-Long: a\r\n b\r\n" END,
        "POST /x HTTP/1.1\r\n" JSON "Content-Length:  2\r\n\r\n{}",
    };
    start(&f, (struct server_opts){ 0 });
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int got = ask(&f, rows[i].request, &b);
        const char *body = b.n ? strstr(b.p, "\r\n\r\n") : NULL;
        if (got != rows[i].status || !body || !strstr(body, rows[i].says) || strstr(body, "HTTP/1.1 4"))
            fail_msg("row %zu: %s", i, b.n ? b.p : "nothing");
        assert_non_null(strstr(b.p, "Content-Type: application/json"));
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (ask(&f, good[i], &b) != 200)
            fail_msg("good row %zu: %s", i, b.n ? b.p : "nothing");
    /* An empty line is no head: the rest of it may come later. */
    int fd = dial(&f);
    say(fd, "\r\n\r\nGET /x HT");
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    say(fd, "TP/1.1\r\n" END);
    hear(fd, &b, NULL);
    assert_int_equal(status_of(&b), 200);
    close(fd);
    buf_deinit(&b);
    stop(&f);
}

static void a_key_opens_and_nothing_else_does(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    const struct str keys[] = { STR("sk-one"), STR("sk-two") };
    static const struct {
        int status;
        const char *header;
    } rows[] = {
        { 401, "" },
        { 401, "Authorization: Bearer sk-thr\r\n" },
        { 401, "Authorization: Bearer sk-on\r\n" },
        { 401, "Authorization: Bearer sk-onee\r\n" },
        { 401, "Authorization: Bearer sk-onesk-one\r\n" },
        { 401, "Authorization: Bearer \r\n" },
        { 401, "Authorization: Basic sk-one\r\n" },
        { 401, "x-api-key: \r\n" },
        { 200, "Authorization: Bearer sk-one\r\n" },
        { 200, "authorization: bearer  sk-two\r\n" },
        { 200, "x-api-key: sk-two\r\n" },
        { 200, "x-api-key: other\r\nAuthorization: Bearer sk-one\r\n" },
    };
    char first[64];
    start(&f, (struct server_opts){ .keys = keys, .n_key = 2 });
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char request[512];
        snprintf(request, sizeof request, "GET /x HTTP/1.1\r\n%s" END, rows[i].header);
        assert_int_equal(ask(&f, request, &b), rows[i].status);
    }
    assert_int_equal(ask(&f, "GET /public HTTP/1.1\r\n" END, &b), 200);
    assert_string_equal(service.key_id, "");
    assert_int_equal(ask(&f, "GET /x HTTP/1.1\r\nx-api-key: sk-one\r\n" END, &b), 200);
    snprintf(first, sizeof first, "%s", service.key_id);
    assert_int_equal(strlen(first), 32);
    assert_null(strstr(first, "sk-one"));
    assert_int_equal(ask(&f, "GET /x HTTP/1.1\r\nx-api-key: sk-two\r\n" END, &b), 200);
    assert_string_not_equal(first, service.key_id);
    /* The refusal of a request with a body is read by a client that sends it all the same. */
    assert_int_equal(ask(&f, "POST /x HTTP/1.1\r\n" JSON "Content-Length: 2\r\n\r\n{}", &b), 401);
    buf_deinit(&b);
    stop(&f);
}

static void pages_call_only_from_listed_origins(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    static const char *const origins[] = { "https://chat.example" };
    start(&f, (struct server_opts){ .cors_origins = origins, .n_cors_origin = 1 });
    const char *preflight =
        "OPTIONS /x HTTP/1.1\r\nOrigin: https://chat.example\r\nAccess-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: authorization, x-evil, Anthropic-Version,x-stainless-os\r\n" END;
    assert_int_equal(ask(&f, preflight, &b), 204);
    assert_non_null(strstr(b.p, "Access-Control-Allow-Origin: https://chat.example\r\n"));
    assert_non_null(strstr(b.p, "Access-Control-Allow-Headers: authorization, Anthropic-Version, x-stainless-os\r\n"));
    assert_null(strstr(b.p, "Allow-Credentials"));
    assert_int_equal(
        ask(&f, "OPTIONS /x HTTP/1.1\r\nOrigin: https://other.example\r\nAccess-Control-Request-Method: POST\r\n" END,
            &b),
        403);
    assert_null(strstr(b.p, "Access-Control-Allow-Origin"));
    assert_int_equal(
        ask(&f, "POST /x HTTP/1.1\r\nOrigin: https://chat.example\r\n" JSON "Content-Length: 2\r\n\r\n{}", &b), 200);
    assert_non_null(strstr(b.p, "Access-Control-Allow-Origin: https://chat.example\r\n"));
    assert_non_null(strstr(b.p, "Vary: Origin"));
    assert_int_equal(
        ask(&f, "POST /x HTTP/1.1\r\nOrigin: https://other.example\r\n" JSON "Content-Length: 2\r\n\r\n{}", &b), 403);
    buf_deinit(&b);
    stop(&f);
}

static void a_connection_serves_many_requests(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    start(&f, (struct server_opts){ 0 });
    int fd = dial(&f);
    for (int i = 0; i < 3; i++) {
        say(fd, "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
        hear(fd, &b, "/x?");
        assert_int_equal(status_of(&b), 200);
    }
    /* A refused one with its body, and the next on the same connection. */
    say(fd, "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}");
    hear(fd, &b, "expected application/json");
    assert_int_equal(status_of(&b), 415);
    /* Two at once. */
    say(fd, "GET /one HTTP/1.1\r\nHost: localhost\r\n\r\nGET /two HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(fd, &b, "/two?");
    assert_non_null(strstr(b.p, "/one?"));
    assert_non_null(strstr(b.p, "/two?"));
    close(fd);
    assert_int_equal(atomic_load(&service.n_gone), 0);
    buf_deinit(&b);
    stop(&f);
}

static void a_client_that_leaves_is_noticed_at_once(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    static const char *const requests[] = { "POST /stream/wait HTTP/1.1\r\n" JSON "Content-Length: 2\r\n\r\n{}",
                                            "POST /wait HTTP/1.1\r\n" JSON "Content-Length: 2\r\n\r\n{}" };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        start(&f, (struct server_opts){ 0 });
        int fd = dial(&f);
        say(fd, requests[i]);
        if (i == 0)
            hear(fd, &b, "first");
        else
            wait_for(&service.n_open, 1);
        assert_int_equal(atomic_load(&service.n_abandoned), 0);
        close(fd);
        wait_for(&service.n_abandoned, 1);
        wait_for(&service.n_closed, 1);
        stop(&f);
    }
    buf_deinit(&b);
}

static void a_reader_that_stops_reading_is_given_up(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, (struct server_opts){ .send_ms = 300 });
    int fd = dial(&f);
    say(fd, "POST /stream/much HTTP/1.1\r\n" JSON "Content-Length: 2\r\n\r\n{}");
    wait_for(&service.n_gone, 1);
    close(fd);
    stop(&f);
}

static void a_head_that_does_not_come_is_told_so(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    start(&f, (struct server_opts){ .head_ms = 300 });
    assert_int_equal(ask(&f, "GET /x HTTP/1.1\r\nHost: loc", &b), 408);
    int fd = dial(&f);
    hear(fd, &b, NULL);
    assert_int_equal(status_of(&b), 408);
    close(fd);
    buf_deinit(&b);
    stop(&f);
}

static void a_body_that_does_not_come_is_told_so(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    start(&f, (struct server_opts){ .body_ms = 300 });
    assert_int_equal(ask(&f, "POST /x HTTP/1.1\r\n" JSON "Content-Length: 20\r\n\r\n{\"a\":", &b), 408);
    assert_non_null(strstr(b.p, "\"message\":"));
    assert_int_equal(atomic_load(&service.n_open), 0);
    buf_deinit(&b);
    stop(&f);
}

static void an_idle_connection_is_closed(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    start(&f, (struct server_opts){ .idle_ms = 300 });
    int fd = dial(&f);
    say(fd, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(fd, &b, NULL);
    assert_int_equal(status_of(&b), 200);
    close(fd);
    buf_deinit(&b);
    stop(&f);
}

static void long_lines_and_large_heads_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 }, r = { 0 };
    start(&f, (struct server_opts){ 0 });
    buf_z(&r, "GET /");
    for (int i = 0; i < 9000; i++)
        buf_char(&r, 'a');
    buf_z(&r, " HTTP/1.1\r\n" END);
    assert_int_equal(ask(&f, r.p, &b), 414);
    buf_reset(&r);
    buf_z(&r, "GET /x HTTP/1.1\r\n");
    for (int i = 0; i < 1000; i++)
        buf_printf(&r, "X-%d: %040d\r\n", i, i);
    buf_z(&r, END);
    assert_int_equal(ask(&f, r.p, &b), 431);
    for (int n = 490; n < 4000; n = n < 495 ? n + 1 : n * 2) {
        buf_reset(&r);
        buf_z(&r, "GET /x HTTP/1.1\r\n");
        for (int i = 0; i < n; i++)
            buf_z(&r, "X: a\r\n");
        buf_z(&r, END);
        assert_int_equal(ask(&f, r.p, &b), n <= 495 ? 200 : 431);
        assert_non_null(strstr(b.p, "application/json"));
    }
    buf_reset(&r);
    buf_z(&r, "GET /x HTTP/1.1\r\n");
    for (int i = 0; i < 100; i++)
        buf_printf(&r, "X-%d: %0200d\r\n", i, i);
    buf_z(&r, END);
    assert_int_equal(ask(&f, r.p, &b), 200);
    buf_deinit(&r);
    buf_deinit(&b);
    stop(&f);
}

static void bodies_have_limits_each_and_together(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 }, r = { 0 };
    start(&f, (struct server_opts){ .max_body = 100000, .max_bodies = 200000 });
    buf_printf(&r, "POST /x HTTP/1.1\r\n" JSON "Content-Length: 100001\r\n\r\n%0100001d", 0);
    assert_int_equal(ask(&f, r.p, &b), 413);
    buf_reset(&r);
    buf_printf(&r, "POST /x HTTP/1.1\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n186a1\r\n%0100001d\r\n0\r\n\r\n", 0);
    assert_int_equal(ask(&f, r.p, &b), 413);
    buf_reset(&r);
    buf_printf(&r, "POST /x HTTP/1.1\r\n" JSON "Content-Length: 90001\r\n\r\n%090000d", 0);
    int fd = dial(&f);
    say(fd, r.p);
    /* The first holds its memory when the second comes; together they are too much. */
    nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
    buf_char(&r, '0');
    assert_int_equal(ask(&f, r.p, &b), 503);
    say(fd, "0");
    hear(fd, &b, NULL);
    assert_int_equal(status_of(&b), 200);
    close(fd);
    assert_int_equal(ask(&f, r.p, &b), 200);
    buf_deinit(&r);
    buf_deinit(&b);
    stop(&f);
}

static void threads_of(int *n)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    *n = -1;
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "Threads:", 8) == 0) {
            int64_t v = 0;
            if (str_to_i64(str_trim(str_from(line + 8)), &v))
                *n = (int)v;
        }
    if (file)
        fclose(file);
}

static void half_open_connections_cost_no_thread_and_stop_nobody(void **state)
{
    (void)state;
    enum { SILENT = 1500 };
    struct rlimit r;
    struct fixture f;
    struct buf b = { 0 };
    static int fd[SILENT];
    int before, after;
    getrlimit(RLIMIT_NOFILE, &r);
    if (r.rlim_max < 2 * SILENT + 200)
        skip();
    start(&f, (struct server_opts){ 0 });
    threads_of(&before);
    for (int i = 0; i < SILENT; i++) {
        fd[i] = dial(&f);
        if (i % 3 == 1)
            say(fd[i], "GET /x HT");
    }
    assert_int_equal(ask(&f, "GET /x HTTP/1.1\r\n" END, &b), 200);
    threads_of(&after);
    assert_true(after <= before + 2);
    for (int i = 0; i < SILENT; i++)
        close(fd[i]);
    buf_deinit(&b);
    stop(&f);
}

static void beyond_the_connection_limit_the_answer_is_503(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    int fd[3];
    start(&f, (struct server_opts){ .max_connections = 3 });
    for (int i = 0; i < 3; i++) {
        fd[i] = dial(&f);
        say(fd[i], "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        hear(fd[i], &b, "/x?");
    }
    assert_int_equal(ask(&f, "GET /x HTTP/1.1\r\n" END, &b), 503);
    assert_non_null(strstr(b.p, "Retry-After"));
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    int got = 0;
    for (int i = 0; i < 100 && got != 200; i++) {
        got = ask(&f, "GET /x HTTP/1.1\r\n" END, &b);
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    assert_int_equal(got, 200);
    buf_deinit(&b);
    stop(&f);
}

struct closer {
    struct fixture *f;
    int drain_ms;
};

static void *close_server(void *arg)
{
    struct closer *c = arg;
    server_close(c->f->server, c->drain_ms);
    return NULL;
}

static void a_drain_lets_answers_end_and_then_cuts_them(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = { 0 };
    pthread_t thread;
    struct closer c = { .f = &f, .drain_ms = 10000 };
    start(&f, (struct server_opts){ 0 });
    int fd = dial(&f);
    say(fd, "GET /soon HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wait_for(&service.n_open, 1);
    pthread_create(&thread, NULL, close_server, &c);
    hear(fd, &b, NULL);
    assert_int_equal(status_of(&b), 200);
    assert_true(atomic_load(&service.draining));
    pthread_join(thread, NULL);
    close(fd);

    start(&f, (struct server_opts){ 0 });
    c.drain_ms = 100;
    fd = dial(&f);
    say(fd, "POST /stream/wait HTTP/1.1\r\n" JSON "Content-Length: 2\r\n\r\n{}");
    hear(fd, &b, "first");
    pthread_create(&thread, NULL, close_server, &c);
    hear(fd, &b, NULL);
    assert_false(b.n && strstr(b.p, "0\r\n\r\n"));
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&service.n_closed), 1);
    close(fd);
    buf_deinit(&b);
}

static void a_port_in_use_is_told(void **state)
{
    (void)state;
    struct fixture f;
    struct server *second = NULL;
    struct err e = ERR_INIT;
    start(&f, (struct server_opts){ 0 });
    struct server_opts o = f.o;
    o.port = f.port;
    assert_int_equal(server_bind(&second, &o, &e), ERR_BUSY);
    assert_non_null(strstr(e.msg, "is in use"));
    stop(&f);
}

static void other_machines_need_a_key(void **state)
{
    (void)state;
    static const char *const all[] = { "0.0.0.0" };
    const struct str key = STR("k");
    struct server *s = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(server_bind(&s, &(struct server_opts){ .hosts = all, .n_host = 1 }, &e), ERR_ARG);
    assert_non_null(strstr(e.msg, "--insecure"));
    err_clear(&e);
    assert_int_equal(server_bind(&s, &(struct server_opts){ .hosts = all, .n_host = 1, .insecure = true }, &e), 0);
    server_close(s, 0);
    assert_int_equal(server_bind(&s, &(struct server_opts){ .hosts = all, .n_host = 1, .keys = &key, .n_key = 1 }, &e),
                     0);
    server_close(s, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_carries_ids_and_type),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(a_stream_comes_in_chunks_and_ends),
        cmocka_unit_test(a_cut_stream_has_no_last_chunk),
        cmocka_unit_test(bodies_of_a_length_and_in_chunks_are_read),
        cmocka_unit_test(a_client_that_waits_for_continue_gets_it),
        cmocka_unit_test(heads_that_are_wrong_are_refused_each_with_its_status),
        cmocka_unit_test(heads_that_are_no_http_are_told_so_in_json),
        cmocka_unit_test(a_key_opens_and_nothing_else_does),
        cmocka_unit_test(pages_call_only_from_listed_origins),
        cmocka_unit_test(a_connection_serves_many_requests),
        cmocka_unit_test(a_client_that_leaves_is_noticed_at_once),
        cmocka_unit_test(a_reader_that_stops_reading_is_given_up),
        cmocka_unit_test(a_head_that_does_not_come_is_told_so),
        cmocka_unit_test(a_body_that_does_not_come_is_told_so),
        cmocka_unit_test(an_idle_connection_is_closed),
        cmocka_unit_test(long_lines_and_large_heads_are_refused),
        cmocka_unit_test(bodies_have_limits_each_and_together),
        cmocka_unit_test(half_open_connections_cost_no_thread_and_stop_nobody),
        cmocka_unit_test(beyond_the_connection_limit_the_answer_is_503),
        cmocka_unit_test(a_drain_lets_answers_end_and_then_cuts_them),
        cmocka_unit_test(a_port_in_use_is_told),
        cmocka_unit_test(other_machines_need_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
