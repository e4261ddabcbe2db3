/* head.h - what is wrong with the first head of a connection, told before the HTTP library sees it.
 *
 * The library answers a head that it cannot read with a page of HTML, and some of them with two status lines. Clients of this server read JSON,
 * so the gate looks first. What is allowed here may still be refused later (server/admit.h).
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_HEAD_H
#define SERVER_HEAD_H

#include "base/str.h"

struct head_fault {
    int status; /* 400, 431 or 505 */
    const char *message;
};

/* `head`: a whole one, from its first line to its empty line; bytes behind it are not looked at. NULL: nothing is wrong. Pure. */
const struct head_fault *head_check(struct str head);

#endif
