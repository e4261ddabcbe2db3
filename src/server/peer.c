/* peer.c - the connections that a thread serves.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* POLLRDHUP */
#include "server/peer.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "server/plain.h"

void peers_init(struct peers *s)
{
    *s = (struct peers){ 0 };
    pthread_mutex_init(&s->mu, NULL);
}

void peers_deinit(struct peers *s)
{
    mem_free(s->by_fd);
    pthread_mutex_destroy(&s->mu);
}

struct peer *peers_add(struct peers *s, int fd, const char *client)
{
    struct peer *p = xcalloc(1, sizeof *p);
    p->fd = fd;
    p->until_ns = INT64_MAX;
    snprintf(p->client, sizeof p->client, "%s", client);
    pthread_mutex_lock(&s->mu);
    if ((size_t)fd >= s->n_fd) {
        size_t n = (size_t)fd * 2 + 64;
        s->by_fd = xrealloc(s->by_fd, n * sizeof(struct peer *));
        memset(s->by_fd + s->n_fd, 0, (n - s->n_fd) * sizeof(struct peer *));
        s->n_fd = n;
    }
    s->by_fd[fd] = p;
    p->next = s->first;
    if (p->next)
        p->next->prev = p;
    s->first = p;
    s->n++;
    pthread_mutex_unlock(&s->mu);
    return p;
}

void peers_remove(struct peers *s, struct peer *p)
{
    pthread_mutex_lock(&s->mu);
    s->by_fd[p->fd] = NULL;
    if (p->next)
        p->next->prev = p->prev;
    if (p->prev)
        p->prev->next = p->next;
    else
        s->first = p->next;
    s->n--;
    pthread_mutex_unlock(&s->mu);
    mem_free(p);
}

size_t peers_len(struct peers *s)
{
    pthread_mutex_lock(&s->mu);
    size_t n = s->n;
    pthread_mutex_unlock(&s->mu);
    return n;
}

size_t peers_busy(struct peers *s)
{
    size_t n = 0;
    pthread_mutex_lock(&s->mu);
    for (const struct peer *p = s->first; p; p = p->next)
        n += p->phase != PEER_IDLE && !p->gone;
    pthread_mutex_unlock(&s->mu);
    return n;
}

bool peers_phase(struct peers *s, struct peer *p, enum peer_phase phase, int64_t until_ns)
{
    pthread_mutex_lock(&s->mu);
    bool late = p->gone && p->until_ns == 0;
    if (!late) {
        p->phase = phase;
        p->until_ns = until_ns;
    }
    pthread_mutex_unlock(&s->mu);
    return !late;
}

void peers_exchange(struct peers *s, struct peer *p, struct exchange *x)
{
    pthread_mutex_lock(&s->mu);
    p->exchange = x;
    if (x && p->gone)
        exchange_abandon(x);
    pthread_mutex_unlock(&s->mu);
}

bool peers_gone(struct peers *s, struct peer *p)
{
    pthread_mutex_lock(&s->mu);
    bool gone = p->gone;
    pthread_mutex_unlock(&s->mu);
    return gone;
}

static void leave(struct peer *p)
{
    if (!p->gone && p->exchange)
        exchange_abandon(p->exchange);
    p->gone = true;
}

/* until_ns 0 marks one that was ended here. */
static void end(struct peer *p)
{
    if (p->phase == PEER_READING) {
        struct plain say = { .status = 408, .message = "the body of the request did not come in time" };
        plain_send(p->fd, &say);
    }
    leave(p);
    p->until_ns = 0;
    shutdown(p->fd, SHUT_RDWR);
}

void peers_expire(struct peers *s, int64_t now_ns)
{
    pthread_mutex_lock(&s->mu);
    for (struct peer *p = s->first; p; p = p->next)
        if (p->until_ns && p->until_ns < now_ns)
            end(p);
    pthread_mutex_unlock(&s->mu);
}

void peers_hangup(struct peers *s, int fd)
{
    pthread_mutex_lock(&s->mu);
    struct peer *p = (size_t)fd < s->n_fd ? s->by_fd[fd] : NULL;
    struct pollfd at = { .fd = fd, .events = POLLRDHUP };
    /* The event may be of a connection that had the same number before. */
    if (p && poll(&at, 1, 0) > 0)
        leave(p);
    pthread_mutex_unlock(&s->mu);
}

void peers_shutdown(struct peers *s)
{
    pthread_mutex_lock(&s->mu);
    for (struct peer *p = s->first; p; p = p->next) {
        leave(p);
        p->until_ns = 0;
        shutdown(p->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&s->mu);
}
