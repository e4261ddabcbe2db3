/* http_client.c - one HTTP/1.1 request to a server of one's own network.
 * SPDX-License-Identifier: MIT */
#include "cli/http_client.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"

enum { SILENCE_MS = 600 * 1000, READ_BYTES = 64 << 10, HEAD_BYTES = 64 << 10 };

int http_url_parse(struct http_url *u, const char *text, struct err *e)
{
    struct str s = str_from(text), scheme = str_from("http://"), host, port = str_from("80");
    if (!str_starts(s, scheme))
        return err_set(e, ERR_ARG, "URL: expected http://HOST[:PORT], found \"%s\"", text);
    s = str_sub(s, scheme.n, s.n);
    while (str_ends(s, str_from("/")))
        s.n--;
    ptrdiff_t slash = str_find(s, str_from("/"));
    struct str prefix = slash < 0 ? (struct str){ "", 0 } : str_sub(s, (size_t)slash, s.n);
    host = str_sub(s, 0, s.n - prefix.n);
    ptrdiff_t bracket = str_find(host, str_from("]"));
    size_t from = bracket < 0 ? 0 : (size_t)bracket + 1;
    ptrdiff_t colon = str_find(str_sub(host, from, host.n), str_from(":"));
    if (colon >= 0) {
        port = str_sub(host, from + (size_t)colon + 1, host.n);
        host.n = from + (size_t)colon;
    }
    if (bracket >= 0 && str_starts(host, str_from("[")))
        host = str_sub(host, 1, (size_t)bracket);
    uint64_t number;
    if (!host.n || host.n >= sizeof u->host || prefix.n >= sizeof u->prefix || !str_to_u64(port, &number) ||
        number < 1 || number > 65535)
        return err_set(e, ERR_ARG, "URL: expected http://HOST[:PORT], found \"%s\"", text);
    snprintf(u->host, sizeof u->host, "%.*s", (int)host.n, host.p);
    snprintf(u->port, sizeof u->port, "%u", (unsigned)number);
    snprintf(u->prefix, sizeof u->prefix, "%.*s", (int)prefix.n, prefix.p);
    return 0;
}

struct connection {
    int fd, timeout_ms;
    const struct http_url *url;
    struct buf in; /* received and not yet taken */
};

static int ready(struct connection *c, short what, struct err *e)
{
    struct pollfd p = { c->fd, what, 0 };
    int rc;
    do
        rc = poll(&p, 1, c->timeout_ms);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return err_errno(e, "http://%s:%s: waiting", c->url->host, c->url->port);
    if (rc == 0)
        return err_set(e, ERR_IO, "http://%s:%s: silent for %d s", c->url->host, c->url->port, c->timeout_ms / 1000);
    return 0;
}

static int dial(struct connection *c, struct err *e)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
    int rc = getaddrinfo(c->url->host, c->url->port, &hints, &list);
    if (rc)
        return err_set(e, ERR_IO, "%s: %s", c->url->host, gai_strerror(rc));
    for (const struct addrinfo *a = list; a && c->fd < 0; a = a->ai_next) {
        c->fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (c->fd >= 0 && connect(c->fd, a->ai_addr, a->ai_addrlen)) {
            int why = errno;
            close(c->fd);
            c->fd = -1;
            errno = why;
        }
    }
    freeaddrinfo(list);
    return c->fd < 0 ? err_errno(e, "no connection to http://%s:%s", c->url->host, c->url->port) : 0;
}

static int send_all(struct connection *c, struct str s, struct err *e)
{
    while (s.n) {
        if (ready(c, POLLOUT, e))
            return e->code;
        ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return err_errno(e, "http://%s:%s: sending", c->url->host, c->url->port);
        if (n > 0)
            s = str_sub(s, (size_t)n, s.n);
    }
    return 0;
}

static int send_request(struct connection *c, const struct http_request *r, struct err *e)
{
    struct buf b = { 0 };
    bool v6 = strchr(c->url->host, ':') != NULL;
    buf_printf(&b, "%s %s%s HTTP/1.1\r\nHost: %s%s%s:%s\r\nConnection: close\r\n", r->method, c->url->prefix, r->path,
               v6 ? "[" : "", c->url->host, v6 ? "]" : "", c->url->port);
    if (r->key)
        buf_printf(&b, "Authorization: Bearer %s\r\n", r->key);
    if (r->header)
        buf_printf(&b, "%s\r\n", r->header);
    if (r->body.n)
        buf_printf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", r->body.n);
    buf_z(&b, "\r\n");
    buf_str(&b, r->body);
    int rc = buf_check(&b, "the request", e);
    if (!rc)
        rc = send_all(c, buf_view(&b), e);
    buf_deinit(&b);
    return rc;
}

/* More bytes into c->in; *end: the other side has closed. */
static int receive(struct connection *c, bool *end, struct err *e)
{
    if (ready(c, POLLIN, e))
        return e->code;
    char *room = buf_room(&c->in, READ_BYTES);
    if (!room)
        return buf_check(&c->in, "an answer", e);
    ssize_t n = recv(c->fd, room, READ_BYTES, 0);
    if (n < 0 && errno != EINTR)
        return err_errno(e, "http://%s:%s: receiving", c->url->host, c->url->port);
    if (n > 0)
        buf_commit(&c->in, (size_t)n);
    *end = n == 0;
    return 0;
}

static int cut_short(const struct connection *c, struct err *e)
{
    return err_set(e, ERR_IO, "http://%s:%s: the connection was cut before the answer's end", c->url->host,
                   c->url->port);
}

/* The line that c->in begins with, without its end; it stays valid until it is dropped. */
static int line(struct connection *c, struct str *out, size_t *length, struct err *e)
{
    bool end = false;
    for (;;) {
        ptrdiff_t at = str_find(buf_view(&c->in), str_from("\n"));
        if (at >= 0) {
            *length = (size_t)at + 1;
            *out = str_sub(buf_view(&c->in), 0, (size_t)at);
            if (str_ends(*out, str_from("\r")))
                out->n--;
            return 0;
        }
        if (end)
            return cut_short(c, e);
        if (c->in.n > HEAD_BYTES)
            return err_set(e, ERR_FORMAT, "http://%s:%s: a line of more than %d bytes", c->url->host, c->url->port,
                           HEAD_BYTES);
        if (receive(c, &end, e))
            return e->code;
    }
}

struct head {
    int status;
    bool chunked, has_length;
    uint64_t length;
};

static bool header_is(struct str s, const char *name, struct str *value)
{
    size_t n = strlen(name);
    if (s.n <= n || s.p[n] != ':' || strncasecmp(s.p, name, n) != 0)
        return false;
    *value = str_trim(str_sub(s, n + 1, s.n));
    return true;
}

static int read_head(struct connection *c, struct head *h, struct err *e)
{
    struct str s = { 0 }, value = { 0 };
    size_t n = 0;
    int64_t status;
    do {
        if (line(c, &s, &n, e))
            return e->code;
        if (!str_starts(s, str_from("HTTP/1.")) || s.n < 12 || !str_to_i64(str_sub(s, 9, 12), &status))
            return err_set(e, ERR_FORMAT, "http://%s:%s: expected an HTTP/1.1 status line, found \"%.*s\"",
                           c->url->host, c->url->port, (int)MIN(s.n, (size_t)60), s.p);
        *h = (struct head){ .status = (int)status };
        for (buf_drop(&c->in, n);; buf_drop(&c->in, n)) {
            if (line(c, &s, &n, e))
                return e->code;
            if (!s.n)
                break;
            if (header_is(s, "Transfer-Encoding", &value))
                h->chunked = str_ends(value, str_from("chunked"));
            else if (header_is(s, "Content-Length", &value))
                h->has_length = str_to_u64(value, &h->length);
        }
        buf_drop(&c->in, n);
    } while (h->status / 100 == 1);
    return 0;
}

struct sink {
    http_bytes_fn *fn;
    void *arg;
    int status;
};

static int give(struct connection *c, size_t n, const struct sink *sink, struct err *e)
{
    bool more = !n || sink->fn(sink->arg, sink->status, str_sub(buf_view(&c->in), 0, n));
    buf_drop(&c->in, n);
    return more ? 0 : err_set(e, ERR_CANCELLED, "stopped");
}

/* n bytes, as they come. UINT64_MAX: until the other side closes. */
static int pass(struct connection *c, uint64_t n, const struct sink *sink, struct err *e)
{
    bool end = false;
    while (n && !end) {
        if (!c->in.n && receive(c, &end, e))
            return e->code;
        size_t take = (size_t)MIN((uint64_t)c->in.n, n);
        if (give(c, take, sink, e))
            return e->code;
        n -= n == UINT64_MAX ? 0 : take;
    }
    return end && n != UINT64_MAX ? cut_short(c, e) : 0;
}

static bool hex(struct str s, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *digits = "0123456789abcdef", *d = s.p[i] ? strchr(digits, s.p[i] | 32) : NULL;
        if (!d || *out >> 56)
            return i > 0 && (s.p[i] == ';' || s.p[i] == ' ');
        *out = *out << 4 | (uint64_t)(d - digits);
    }
    return s.n > 0;
}

static int pass_chunks(struct connection *c, const struct sink *sink, struct err *e)
{
    struct str s = { 0 };
    size_t n = 0;
    for (uint64_t size = 1; size;) {
        if (line(c, &s, &n, e))
            return e->code;
        if (!hex(s, &size))
            return err_set(e, ERR_FORMAT, "http://%s:%s: expected the size of a chunk, found \"%.*s\"", c->url->host,
                           c->url->port, (int)MIN(s.n, (size_t)60), s.p);
        buf_drop(&c->in, n);
        if (pass(c, size, sink, e))
            return e->code;
        do { /* the end of the chunk; behind the last one lines may stand */
            if (line(c, &s, &n, e))
                return e->code;
            bool empty = s.n == 0;
            buf_drop(&c->in, n);
            if (empty)
                break;
        } while (!size);
    }
    return 0;
}

int http_request(const struct http_request *r, int *status, http_bytes_fn *on_bytes, void *arg, struct err *e)
{
    struct connection c = { .fd = -1, .timeout_ms = r->timeout_ms ? r->timeout_ms : SILENCE_MS, .url = r->url };
    struct head h = { 0 };
    int rc = dial(&c, e);
    if (!rc)
        rc = send_request(&c, r, e);
    if (!rc)
        rc = read_head(&c, &h, e);
    if (!rc) {
        struct sink sink = { on_bytes, arg, h.status };
        *status = h.status;
        if (h.status == 204 || h.status == 304 || strcmp(r->method, "HEAD") == 0)
            rc = 0;
        else if (h.chunked)
            rc = pass_chunks(&c, &sink, e);
        else
            rc = pass(&c, h.has_length ? h.length : UINT64_MAX, &sink, e);
    }
    if (c.fd >= 0)
        close(c.fd);
    buf_deinit(&c.in);
    return rc;
}

static bool collect(void *arg, int status, struct str bytes)
{
    (void)status;
    buf_str(arg, bytes);
    return true;
}

int http_fetch(const struct http_request *r, int *status, struct buf *out, struct err *e)
{
    if (http_request(r, status, collect, out, e))
        return e->code;
    return buf_check(out, "an answer", e);
}
