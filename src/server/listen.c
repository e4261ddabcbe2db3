/* listen.c - the addresses that a server answers on.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* SOCK_CLOEXEC, SOCK_NONBLOCK */
#include "server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections that the system keeps until the gate fetches them: a burst of agents, not a queue. */
enum { BACKLOG = 1024, TRIES = 8 };

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24) == 127;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

static bool is_wildcard(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static void set_port(struct sockaddr *a, int port)
{
    if (a->sa_family == AF_INET)
        ((struct sockaddr_in *)a)->sin_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in6 *)a)->sin6_port = htons((uint16_t)port);
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } a = { .six = { 0 } };
    socklen_t n = sizeof a;
    if (getsockname(fd, &a.any, &n))
        return 0;
    return ntohs(a.any.sa_family == AF_INET ? a.four.sin_port : a.six.sin6_port);
}

/* Binds one address. 0, or errno. */
static int bind_one(struct listen_set *l, const struct addrinfo *info)
{
    int on = 1, saved;
    struct sockaddr_storage a = { 0 };
    char host[INET6_ADDRSTRLEN];
    memcpy(&a, info->ai_addr, info->ai_addrlen);
    set_port((struct sockaddr *)&a, l->port);
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&a, info->ai_addrlen)) {
        saved = errno;
        close(fd);
        return saved;
    }
    if (!l->port)
        l->port = port_of(fd);
    getnameinfo((struct sockaddr *)&a, info->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    snprintf(l->host[l->n], LISTEN_URL_BYTES, "%s", host);
    snprintf(l->url[l->n], LISTEN_URL_BYTES, info->ai_family == AF_INET6 ? "http://[%s]:%d" : "http://%s:%d", host,
             l->port);
    l->loopback = l->loopback && is_loopback((struct sockaddr *)&a);
    l->wildcard = l->wildcard || is_wildcard((struct sockaddr *)&a);
    l->fd[l->n++] = fd;
    return 0;
}

static int refuse(const struct listen_set *l, const char *host, int code, struct err *e)
{
    if (code == EADDRINUSE)
        return err_set(e, ERR_BUSY, "%s port %d is in use by another program; --port takes another, 0 any free one",
                       host, l->port);
    if (code == EACCES)
        return err_set(e, ERR_IO, "%s port %d: the system does not allow it; ports below 1024 need a privilege", host,
                       l->port);
    return err_set(e, ERR_IO, "%s port %d: cannot be listened on: %s", host, l->port, strerror(code));
}

/* All addresses of one host; of several the machine may lack some. `optional`: it may lack all. */
static int bind_host(struct listen_set *l, const char *host, bool optional, struct err *e)
{
    struct addrinfo *list = NULL, hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    size_t before = l->n;
    int lacking = 0, rc = getaddrinfo(host, NULL, &hints, &list);
    if (rc)
        return err_set(e, ERR_ARG, "--host %s: no such address: %s", host, gai_strerror(rc));
    for (const struct addrinfo *i = list; i && !rc; i = i->ai_next) {
        if (i->ai_family != AF_INET && i->ai_family != AF_INET6)
            continue;
        int code = l->n < LISTEN_MAX ? bind_one(l, i) : EMFILE;
        if (code == EADDRNOTAVAIL || code == EAFNOSUPPORT)
            lacking = code;
        else if (code)
            rc = refuse(l, host, code, e);
    }
    freeaddrinfo(list);
    if (!rc && l->n == before && !optional)
        rc = refuse(l, host, lacking ? lacking : EADDRNOTAVAIL, e);
    return rc;
}

static int bind_all(struct listen_set *l, const char *const *hosts, size_t n_host, int port, struct err *e)
{
    *l = (struct listen_set){ .port = port, .loopback = true };
    int rc = 0;
    if (!n_host) {
        rc = bind_host(l, "127.0.0.1", false, e);
        if (!rc)
            rc = bind_host(l, "::1", true, e);
    }
    for (size_t i = 0; i < n_host && !rc; i++)
        rc = bind_host(l, hosts[i], false, e);
    if (rc)
        listen_close(l);
    return rc;
}

int listen_bind(struct listen_set *l, const char *const *hosts, size_t n_host, int port, struct err *e)
{
    /* A free port of the first address may be taken on the second. */
    for (int i = 0; i < TRIES && !port; i++) {
        struct err quiet = ERR_INIT;
        int rc = bind_all(l, hosts, n_host, 0, &quiet);
        if (rc != ERR_BUSY)
            return rc ? err_set(e, rc, "%s", quiet.msg) : 0;
    }
    return bind_all(l, hosts, n_host, port, e);
}

int listen_start(struct listen_set *l, struct err *e)
{
    for (size_t i = 0; i < l->n; i++)
        if (listen(l->fd[i], BACKLOG))
            return refuse(l, l->host[i], errno, e);
    return 0;
}

void listen_close(struct listen_set *l)
{
    for (size_t i = 0; i < l->n; i++)
        close(l->fd[i]);
    l->n = 0;
}
