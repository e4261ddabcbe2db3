/* clock.c - monotonic time.
 * SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <time.h>

static int64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_ns(void)
{
    return now(CLOCK_MONOTONIC);
}

int64_t clock_thread_ns(void)
{
    return now(CLOCK_THREAD_CPUTIME_ID);
}
