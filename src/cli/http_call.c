/* http_call.c - sockets that do not block, a head, and the two ways in which a body may end.
 * SPDX-License-Identifier: MIT */
#include "cli/http_call.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { READ_BYTES = 16384, HEAD_MAX = 65536 };

/* --- addresses --------------------------------------------------------------------------------------------------------------------- */

/* Cuts "HOST[:PORT]" in two; brackets around the host are left out. */
static bool cut_authority(struct str a, struct str *host, struct str *port)
{
    *port = STR("80");
    *host = a;
    if (a.n && a.p[0] == '[') {
        ptrdiff_t end = str_find(a, STR("]"));
        if (end < 0)
            return false;
        *host = str_sub(a, 1, (size_t)end);
        a = str_sub(a, (size_t)end + 1, a.n);
        if (a.n && a.p[0] != ':')
            return false;
        *port = a.n ? str_sub(a, 1, a.n) : *port;
    } else if (str_cut(&a, ':', host)) {
        *port = a;
    }
    uint64_t n;
    return host->n && str_to_u64(*port, &n) && n > 0 && n < 65536;
}

/* A socket that no child inherits. */
static int open_socket(int family, bool blocks)
{
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) || (!blocks && fcntl(fd, F_SETFL, O_NONBLOCK)))) {
        close(fd);
        return -1;
    }
    return fd;
}

static int find_address(struct http_server *u, const char *host, const char *port, struct err *e)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *list;
    int rc = getaddrinfo(host, port, &hints, &list);
    if (rc)
        return err_set(e, ERR_IO, "%s: %s", host, gai_strerror(rc));
    rc = ERR_IO;
    for (struct addrinfo *a = list; a && rc; a = a->ai_next) {
        int fd = open_socket(a->ai_family, true);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
            memcpy(&u->addr, a->ai_addr, a->ai_addrlen);
            u->n_addr = a->ai_addrlen;
            rc = 0;
        }
        int saved = errno;
        if (fd >= 0)
            close(fd);
        errno = saved;
    }
    if (rc)
        err_errno(e, "nothing answers at %s port %s", host, port);
    freeaddrinfo(list);
    return rc;
}

int http_server_find(struct http_server *u, const char *text, struct err *e)
{
    *u = (struct http_server){ 0 };
    struct str s = str_from(text), authority, host, port;
    if (!str_starts(s, STR("http://")))
        return err_set(e, ERR_ARG, "found \"%s\", expected http://HOST[:PORT][/PATH]", text);
    s = str_sub(s, 7, s.n);
    if (!str_cut(&s, '/', &authority)) {
        authority = s;
        s.n = 0;
    }
    while (s.n && s.p[s.n - 1] == '/')
        s.n--;
    if (!cut_authority(authority, &host, &port))
        return err_set(e, ERR_ARG, "found \"%s\", expected http://HOST[:PORT][/PATH]", text);
    char *h = xstrndup(host.p, host.n), *p = xstrndup(port.p, port.n);
    int rc = find_address(u, h, p, e);
    mem_free(h);
    mem_free(p);
    if (rc)
        return rc;
    struct buf path = { 0 };
    if (s.n) {
        buf_char(&path, '/');
        buf_str(&path, s);
    }
    u->authority = xstrndup(authority.p, authority.n);
    u->path = buf_take(&path);
    return 0;
}

void http_server_deinit(struct http_server *u)
{
    mem_free(u->authority);
    mem_free(u->path);
    *u = (struct http_server){ 0 };
}

/* --- one call ---------------------------------------------------------------------------------------------------------------------- */

int http_call_begin(struct http_call *c, const struct http_server *u, const struct http_call_request *r, struct err *e)
{
    *c = (struct http_call){ .fd = open_socket(u->addr.ss_family, false) };
    if (c->fd < 0)
        return err_errno(e, "a socket could not be opened");
    int on = 1;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (const struct sockaddr *)&u->addr, u->n_addr) && errno != EINPROGRESS) {
        int rc = err_errno(e, "%s could not be connected to", u->authority);
        close(c->fd);
        return rc;
    }
    buf_printf(&c->out, "%s %s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nAccept: */*\r\n", r->method, u->path,
               r->path, u->authority);
    if (r->key)
        buf_printf(&c->out, "Authorization: Bearer %s\r\n", r->key);
    if (r->body.n)
        buf_printf(&c->out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", r->body.n);
    buf_z(&c->out, "\r\n");
    buf_str(&c->out, r->body);
    return 0;
}

static void hang_up(struct http_call *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->state = HTTP_OVER;
}

void http_call_end(struct http_call *c)
{
    hang_up(c);
    buf_deinit(&c->out);
    buf_deinit(&c->in);
    buf_deinit(&c->body);
}

short http_call_events(const struct http_call *c)
{
    return c->state == HTTP_SENDING ? POLLIN | POLLOUT : POLLIN;
}

static void fail(struct http_call *c, const char *what)
{
    if (c->state != HTTP_OVER)
        err_set(&c->err, ERR_IO, "%s", what);
    hang_up(c);
}

static void send_some(struct http_call *c)
{
    while (c->sent < c->out.n) {
        ssize_t k = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
        if (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOTCONN || errno == EINTR))
            return;
        if (k < 0) {
            err_errno(&c->err, "the request could not be sent");
            hang_up(c);
            return;
        }
        c->sent += (size_t)k;
    }
    buf_reset(&c->out);
    c->sent = 0;
    c->state = HTTP_HEAD;
}

/* The value of a header line with that name. */
static bool header_is(struct str line, const char *name, struct str *value)
{
    struct str key;
    if (!str_cut(&line, ':', &key) || key.n != strlen(name) || strncasecmp(key.p, name, key.n) != 0)
        return false;
    *value = str_trim(line);
    return true;
}

static void take_head(struct http_call *c)
{
    ptrdiff_t end = str_find(buf_view(&c->in), STR("\r\n\r\n"));
    if (end < 0) {
        if (c->in.n > HEAD_MAX)
            fail(c, "the answer's head has no end");
        return;
    }
    struct str head = str_sub(buf_view(&c->in), 0, (size_t)end + 2), line, value;
    int64_t status;
    (void)str_cut(&head, '\n', &line);
    if (!str_starts(line, STR("HTTP/1.")) || !str_to_i64(str_sub(line, 9, 12), &status)) {
        fail(c, "the answer is not HTTP/1.1");
        return;
    }
    c->left = UINT64_MAX;
    while (str_cut(&head, '\n', &line)) {
        if (header_is(line, "content-length", &value) && !str_to_u64(value, &c->left)) {
            fail(c, "the answer's content-length is not a number");
            return;
        }
        if (header_is(line, "transfer-encoding", &value))
            c->chunked = value.n == 7 && strncasecmp(value.p, "chunked", 7) == 0;
    }
    buf_drop(&c->in, (size_t)end + 4);
    c->left = c->chunked ? 0 : c->left;
    if (status >= 100 && status < 200)
        return; /* the head proper follows */
    c->status = (int)status;
    c->state = HTTP_BODY;
}

/* A line of a chunked body's frame; false: not there yet. */
static bool take_frame(struct http_call *c)
{
    ptrdiff_t end = str_find(buf_view(&c->in), STR("\r\n"));
    if (end < 0)
        return false;
    struct str line = str_sub(buf_view(&c->in), 0, (size_t)end);
    if (c->in_trailer) {
        if (!line.n)
            hang_up(c);
    } else if (line.n) { /* an empty one is the end of the chunk before */
        uint64_t n = 0;
        size_t i = 0;
        for (; i < line.n && i < 15; i++) {
            char ch = (char)(line.p[i] | 0x20);
            if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f')))
                break;
            n = n * 16 + (uint64_t)(ch <= '9' ? ch - '0' : ch - 'a' + 10);
        }
        if (!i)
            fail(c, "a chunk of the answer has no length");
        c->in_trailer = n == 0;
        c->left = n;
    }
    buf_drop(&c->in, (size_t)end + 2);
    return true;
}

static void take_body(struct http_call *c)
{
    while (c->state == HTTP_BODY) {
        size_t n = (size_t)MIN((uint64_t)c->in.n, c->left);
        buf_add(&c->body, c->in.p, n);
        buf_drop(&c->in, n);
        c->left -= c->left == UINT64_MAX ? 0 : n;
        if (!c->chunked && c->left == 0)
            hang_up(c);
        if (!c->chunked || c->left || !take_frame(c))
            return;
    }
}

/* The connection ended. */
static void take_end(struct http_call *c)
{
    if (c->state == HTTP_BODY && !c->chunked && c->left == UINT64_MAX)
        hang_up(c);
    else
        fail(c, "the connection ended before the answer did");
}

static void receive(struct http_call *c)
{
    while (c->state != HTTP_OVER) {
        char *to = buf_room(&c->in, READ_BYTES);
        if (!to) {
            fail(c, "the answer is too large");
            return;
        }
        ssize_t k = recv(c->fd, to, READ_BYTES, 0);
        if (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOTCONN || errno == EINTR))
            return;
        if (k < 0) {
            err_errno(&c->err, "the answer could not be received");
            hang_up(c);
            return;
        }
        buf_commit(&c->in, (size_t)k);
        if (c->state <= HTTP_HEAD)
            take_head(c);
        if (c->state == HTTP_BODY)
            take_body(c);
        if (k == 0 && c->state != HTTP_OVER)
            take_end(c);
    }
}

void http_call_step(struct http_call *c)
{
    if (c->state == HTTP_SENDING)
        send_some(c);
    if (c->state != HTTP_OVER)
        receive(c);
}

void http_call_finish(struct http_call *c, int timeout_ms)
{
    int64_t until = clock_ns() + (int64_t)timeout_ms * 1000000;
    while (c->state != HTTP_OVER) {
        int64_t ms = (until - clock_ns()) / 1000000;
        struct pollfd p = { .fd = c->fd, .events = http_call_events(c) };
        if (ms <= 0) {
            fail(c, "no answer in time");
            return;
        }
        if (poll(&p, 1, (int)MIN(ms, 1000)) > 0)
            http_call_step(c);
    }
}

bool http_call_event(struct http_call *c, struct str *data)
{
    for (;;) {
        struct str all = buf_view(&c->body), line;
        const char *end = all.n ? memchr(all.p, '\n', all.n) : NULL;
        if (!end)
            return false;
        size_t n = (size_t)(end - all.p);
        line = str_sub(all, 0, n && all.p[n - 1] == '\r' ? n - 1 : n);
        bool is_data = str_starts(line, STR("data:"));
        buf_reset(&c->out);
        if (is_data)
            buf_str(&c->out, str_trim(str_sub(line, 5, line.n)));
        buf_drop(&c->body, n + 1);
        if (is_data) {
            *data = buf_view(&c->out);
            return true;
        }
    }
}
