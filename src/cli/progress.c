/* progress.c - a bar on stderr.
 *
 *   prompt [############------------------]  40 %  7424/18610 tokens  12 s left
 * SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"

enum { BAR_WIDTH = 30 };
static const int64_t patience_ns = 500000000, interval_ns = 100000000;

void progress_init(struct progress *p, const char *what, const char *unit, bool enabled)
{
    *p = (struct progress){
        .what = what, .unit = unit, .start_ns = clock_ns(), .enabled = enabled && isatty(STDERR_FILENO)
    };
}

void progress_update(struct progress *p, size_t done, size_t total)
{
    int64_t now = clock_ns();
    if (!p->enabled || !total || now - p->start_ns < patience_ns || now - p->drawn_ns < interval_ns)
        return;
    p->drawn_ns = now;
    p->drawn = true;
    char bar[BAR_WIDTH + 1];
    double share = (double)MIN(done, total) / (double)total;
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < (int)(share * BAR_WIDTH) ? '#' : '-';
    bar[BAR_WIDTH] = 0;
    double left = share > 0 ? (double)(now - p->start_ns) * 1e-9 * (1 - share) / share : 0;
    fprintf(stderr, "\r%s [%s] %3d %%  %zu/%zu %s  %.0f s left\033[K", p->what, bar, (int)(share * 100), done, total,
            p->unit, left);
    fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (!p->drawn)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    p->drawn = false;
}
