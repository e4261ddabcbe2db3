/* clock.h - monotonic time.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_ns(void); /* nanoseconds since some fixed moment; never goes back */
/* Processor time of the calling thread, in nanoseconds: what limits on work are measured with, so that a busy machine fails nobody. */
int64_t clock_thread_ns(void);

static inline double clock_seconds_since(int64_t t0)
{
    return (double)(clock_ns() - t0) * 1e-9;
}

#endif
