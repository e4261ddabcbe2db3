/* plain.h - answers of a fixed kind written straight to a socket: to those whose request never gets as far as an exchange.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_PLAIN_H
#define SERVER_PLAIN_H

/* The connection ends with it. */
struct plain {
    int status;          /* 400, 408, 414, 431, 503, 505 */
    const char *message; /* without characters that JSON escapes */
};

/* Sends it as far as the socket takes it without waiting. The body is JSON that clients of every API here can read. Any thread. */
void plain_send(int fd, const struct plain *p);

#endif
