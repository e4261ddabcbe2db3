/* pass.c - how long parts of a pass are, and the pauses between them.
 * SPDX-License-Identifier: MIT */
#include "model/pass.h"

#include "base/clock.h"

/* Before anything was measured: a slow machine. */
static const double work_per_ns_at_first = 30;

int pass_part(const struct pass *p, int n, int unit, double work)
{
    if (!p->pause)
        return n;
    double rate = p->work_per_ns > 0 ? p->work_per_ns : work_per_ns_at_first;
    double most = rate * (double)p->part_ns / work;
    if (most >= n)
        return n;
    int whole = (int)most / unit * unit;
    return MIN(n, MAX(whole, unit));
}

bool pass_pause(struct pass *p, double work)
{
    if (!p->pause)
        return false;
    int64_t ns = clock_ns() - p->part_start_ns;
    /* Half of the newest: parts differ in kind, and the next should be no longer than either tells. */
    double rate = work / (double)MAX(ns, 1);
    p->work_per_ns = p->work_per_ns > 0 ? (p->work_per_ns + rate) / 2 : rate;
    p->given_up = p->given_up || p->pause(p->pause_arg);
    p->part_start_ns = clock_ns();
    return p->given_up;
}
