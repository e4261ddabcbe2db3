/* gate.c - the door in front of the HTTP library.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* accept4, memmem */
#include "server/gate.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/head.h"
#include "server/plain.h"

/* After a refusal the client's bytes are still taken for a second: a socket closed with unread bytes resets the connection, and the
 * answer is lost. */
enum { EVENTS = 64, TICK_MS = 250, LINGER_MS = 1000, ACCEPTS = 64, DRAIN_BYTES = 16 << 10, FULL_MS = 20 };
enum { KEEP_IDLE_S = 30, KEEP_STEP_S = 10, KEEP_N = 3 };

struct guest {
    int fd;
    int64_t until_ns;
    bool refused; /* was answered, and only lingers */
    struct sockaddr_storage addr;
    socklen_t addr_n;
    struct guest *next, *prev; /* in the order of arrival */
};

struct gate {
    struct gate_opts o;
    int ep, wake; /* epoll, eventfd */
    pthread_t thread;
    bool stopped;               /* its thread has ended */
    struct guest *first, *last; /* owned */
    struct guest **by_fd;       /* owned; [n_fd] */
    size_t n_fd, n;
    char *head; /* owned; [max_head + 1]: what was peeked */
};

static void add_guest(struct gate *g, int fd, const struct sockaddr_storage *addr, socklen_t addr_n)
{
    struct guest *t = xcalloc(1, sizeof *t);
    *t = (struct guest){ .fd = fd, .until_ns = clock_ns() + g->o.head_ns, .addr_n = addr_n, .prev = g->last };
    memcpy(&t->addr, addr, addr_n);
    if ((size_t)fd >= g->n_fd) {
        size_t n = (size_t)fd * 2 + 64;
        g->by_fd = xrealloc(g->by_fd, n * sizeof(struct guest *));
        memset(g->by_fd + g->n_fd, 0, (n - g->n_fd) * sizeof(struct guest *));
        g->n_fd = n;
    }
    g->by_fd[fd] = t;
    if (g->last)
        g->last->next = t;
    else
        g->first = t;
    g->last = t;
    g->n++;
}

static void forget(struct gate *g, struct guest *t)
{
    g->by_fd[t->fd] = NULL;
    if (t->next)
        t->next->prev = t->prev;
    else
        g->last = t->prev;
    if (t->prev)
        t->prev->next = t->next;
    else
        g->first = t->next;
    g->n--;
    mem_free(t);
}

static void drop(struct gate *g, struct guest *t)
{
    int fd = t->fd;
    forget(g, t);
    close(fd);
}

static void refuse(struct guest *t, int status, const char *message)
{
    struct plain say = { .status = status, .message = message };
    plain_send(t->fd, &say);
    shutdown(t->fd, SHUT_WR);
    t->refused = true;
    t->until_ns = clock_ns() + (int64_t)LINGER_MS * 1000000;
}

/* The head is complete: if nothing is wrong with it, from here on the library has the connection. */
static void hand_over(struct gate *g, struct guest *t, struct str head)
{
    const struct head_fault *fault = head_check(head);
    if (fault) {
        refuse(t, fault->status, fault->message);
        return;
    }
    if (peers_len(g->o.peers) >= g->o.max_peers) {
        refuse(t, 503, "too many connections");
        return;
    }
    int fd = t->fd;
    struct sockaddr_storage addr = t->addr;
    socklen_t n = t->addr_n;
    epoll_ctl(g->ep, EPOLL_CTL_DEL, fd, NULL);
    forget(g, t);
    g->o.admit(g->o.arg, fd, (struct sockaddr *)&addr, n);
}

/* Reads on from a client that was refused, until it closes. */
static void linger(struct gate *g, struct guest *t)
{
    char sink[DRAIN_BYTES];
    ssize_t n;
    do
        n = recv(t->fd, sink, sizeof sink, MSG_DONTWAIT);
    while (n > 0);
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        drop(g, t);
}

/* What the first bytes of a client are: a whole head, a part of one, or nothing that is HTTP. */
static void look(struct gate *g, struct guest *t)
{
    ssize_t n = recv(t->fd, g->head, g->o.max_head, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        drop(g, t);
        return;
    }
    if (n < 0)
        return;
    g->head[n] = 0;
    /* Empty lines may stand before a request. */
    size_t blank = strspn(g->head, "\r\n");
    struct str head = str_sub((struct str){ g->head, (size_t)n }, blank, (size_t)n);
    const char *line = head.n ? memchr(head.p, '\n', head.n) : NULL;
    size_t n_line = line ? (size_t)(line - head.p) : head.n;
    if (head.n && !(head.p[0] >= 'A' && head.p[0] <= 'Z'))
        refuse(t, 400, "this port speaks HTTP without TLS");
    else if (n_line > g->o.max_line)
        refuse(t, 414, "the first line of the request is too long");
    else if (head.n && (memmem(head.p, head.n, "\r\n\r\n", 4) || memmem(head.p, head.n, "\n\n", 2)))
        hand_over(g, t, head);
    else if ((size_t)n >= g->o.max_head)
        refuse(t, 431, "the head of the request is too large");
}

/* Room for one more: the one that has waited longest is the least likely to go on. */
static bool make_room(struct gate *g)
{
    if (!g->first)
        return false;
    struct plain say = { .status = 503, .message = "too many connections" };
    plain_send(g->first->fd, &say);
    drop(g, g->first);
    return true;
}

/* Events go out as they come. A client whose machine vanished says nothing ever again: the system asks after it, and closes the connection after
 * a minute without an answer. */
static void set_up(int fd)
{
    int on = 1, idle_s = KEEP_IDLE_S, step_s = KEEP_STEP_S, n = KEEP_N;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &step_s, sizeof step_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &n, sizeof n);
}

static void let_in(struct gate *g, int listener)
{
    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage addr = { 0 };
        socklen_t n = sizeof addr;
        int fd = accept4(listener, (struct sockaddr *)&addr, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
            if (make_room(g))
                continue;
            /* All descriptors are with connections that work. */
            nanosleep(&(struct timespec){ .tv_nsec = (long)FULL_MS * 1000000 }, NULL);
            return;
        }
        if (fd < 0)
            return;
        if (g->n >= g->o.max_waiting)
            make_room(g);
        set_up(fd);
        add_guest(g, fd, &addr, n);
        struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = fd };
        if (epoll_ctl(g->ep, EPOLL_CTL_ADD, fd, &ev))
            drop(g, g->by_fd[fd]);
    }
}

static bool is_listener(const struct gate *g, int fd)
{
    for (size_t i = 0; i < g->o.listen->n; i++)
        if (g->o.listen->fd[i] == fd)
            return true;
    return false;
}

static void expire(struct gate *g, int64_t now)
{
    for (struct guest *t = g->first, *next; t; t = next) {
        next = t->next;
        if (t->until_ns > now)
            continue;
        if (t->refused)
            drop(g, t);
        else
            refuse(t, 408, "the head of the request did not come in time");
    }
    peers_expire(g->o.peers, now);
}

static void on_event(struct gate *g, int fd)
{
    struct guest *t = (size_t)fd < g->n_fd ? g->by_fd[fd] : NULL;
    if (is_listener(g, fd))
        let_in(g, fd);
    else if (!t)
        peers_hangup(g->o.peers, fd);
    else if (t->refused)
        linger(g, t);
    else
        look(g, t);
}

static void *run(void *arg)
{
    struct gate *g = arg;
    struct epoll_event ev[EVENTS];
    int64_t ticked = clock_ns();
    for (;;) {
        int n = epoll_wait(g->ep, ev, EVENTS, TICK_MS);
        for (int i = 0; i < n; i++) {
            if (ev[i].data.fd == g->wake)
                return NULL;
            on_event(g, ev[i].data.fd);
        }
        int64_t now = clock_ns();
        if (now - ticked >= (int64_t)TICK_MS * 1000000) {
            expire(g, now);
            ticked = now;
        }
    }
}

static int start(struct gate *g, struct err *e)
{
    g->ep = epoll_create1(EPOLL_CLOEXEC);
    g->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (g->ep < 0 || g->wake < 0)
        return err_errno(e, "the server's door cannot be made");
    struct epoll_event ev = { .events = EPOLLIN, .data.fd = g->wake };
    if (epoll_ctl(g->ep, EPOLL_CTL_ADD, g->wake, &ev))
        return err_errno(e, "the server's door cannot be watched");
    for (size_t i = 0; i < g->o.listen->n; i++) {
        ev.data.fd = g->o.listen->fd[i];
        if (epoll_ctl(g->ep, EPOLL_CTL_ADD, ev.data.fd, &ev))
            return err_errno(e, "%s cannot be watched", g->o.listen->url[i]);
    }
    errno = pthread_create(&g->thread, NULL, run, g);
    return errno ? err_errno(e, "no thread for the server's door") : 0;
}

static void release(struct gate *g)
{
    while (g->first)
        drop(g, g->first);
    if (g->ep >= 0)
        close(g->ep);
    if (g->wake >= 0)
        close(g->wake);
    mem_free(g->by_fd);
    mem_free(g->head);
    mem_free(g);
}

int gate_open(struct gate **out, const struct gate_opts *o, struct err *e)
{
    struct gate *g = xcalloc(1, sizeof *g);
    g->o = *o;
    g->head = xmalloc(o->max_head + 1);
    /* The first connection may be let in before this returns. */
    *out = g;
    int rc = start(g, e);
    if (rc) {
        release(g);
        *out = NULL;
    }
    return rc;
}

void gate_stop(struct gate *g)
{
    uint64_t one = 1;
    if (!g || g->stopped)
        return;
    if (write(g->wake, &one, sizeof one) != sizeof one)
        log_warn("the server's door does not hear");
    pthread_join(g->thread, NULL);
    g->stopped = true;
}

void gate_close(struct gate *g)
{
    gate_stop(g);
    if (g)
        release(g);
}

void gate_watch(struct gate *g, int fd)
{
    struct epoll_event ev = { .events = EPOLLRDHUP | EPOLLET, .data.fd = fd };
    if (epoll_ctl(g->ep, EPOLL_CTL_ADD, fd, &ev))
        log_warn("a connection cannot be watched");
}
