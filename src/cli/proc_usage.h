/* proc_usage.h - what another process of this machine has used: processor time by thread, and memory. Linux; elsewhere nothing is known.
 * Threads that have ended count as one, "ended", to a hundredth of a second.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_PROC_USAGE_H
#define CLI_PROC_USAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

enum { PROC_USAGE_MAX = 64 };

/* Threads of one name are one entry; beyond PROC_USAGE_MAX names the last entry has the rest. */
struct proc_usage {
    struct proc_thread {
        char name[16];
        int64_t ns;
    } v[PROC_USAGE_MAX];
    size_t n;
    uint64_t resident, peak; /* bytes */
};

/* ERR_IO if there is no such process or it cannot be looked at. */
MUST_CHECK int proc_usage_read(struct proc_usage *u, int64_t pid, struct err *e);
/* Time between two readings: of the threads of that name; NULL: of all. */
int64_t proc_usage_between(const struct proc_usage *from, const struct proc_usage *to, const char *name);

#endif
