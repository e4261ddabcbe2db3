/* plain.c - answers of a fixed kind written straight to a socket.
 * SPDX-License-Identifier: MIT */
#include "server/plain.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { PLAIN_BYTES = 1024 };

static const char *reason(int status)
{
    switch (status) {
    case 408:
        return "Request Timeout";
    case 414:
        return "URI Too Long";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Bad Request";
    }
}

void plain_send(int fd, const struct plain *p)
{
    char body[PLAIN_BYTES], all[2 * PLAIN_BYTES];
    const char *type = p->status == 503 ? "overloaded_error" : "invalid_request_error";
    snprintf(body, sizeof body,
             "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"%s\",\"param\":null,\"code\":null}}", type,
             p->message);
    int n = snprintf(all, sizeof all,
                     "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s"
                     "Connection: close\r\n\r\n%s",
                     p->status, reason(p->status), strlen(body), p->status == 503 ? "Retry-After: 5\r\n" : "", body);
    /* Whoever does not take these few bytes does without them. */
    if (send(fd, all, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
}
