/* unique.c - names and numbers that nobody can guess.
 * SPDX-License-Identifier: MIT */
#include "api/unique.h"

#include <stddef.h>
#include <sys/random.h>
#include <sys/types.h>

static void fill(unsigned char *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t k = getrandom(p + done, n - done, 0);
        if (k > 0)
            done += (size_t)k;
    }
}

void unique_id(void *arg, char out[25])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    (void)arg;
    for (int i = 0; i < 24;) {
        unsigned char bytes[32];
        fill(bytes, sizeof bytes);
        /* 248 is four times 62: what is above would make some digits likelier. */
        for (size_t k = 0; k < sizeof bytes && i < 24; k++) {
            if (bytes[k] < 248)
                out[i++] = digits[bytes[k] % 62];
        }
    }
    out[24] = 0;
}

uint64_t unique_seed(void)
{
    uint64_t v;
    fill((unsigned char *)&v, sizeof v);
    return v;
}
