/* clock.h - monotonic time.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_ns(void); /* nanoseconds since some fixed moment; never goes back */

static inline double clock_seconds_since(int64_t t0)
{
    return (double)(clock_ns() - t0) * 1e-9;
}

#endif
