/* progress.h - a bar on stderr for what takes longer than half a second.
 *
 * Drawn only when stderr is a terminal and the caller allows it; removed at the end, so that nothing of it stays. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    const char *what; /* borrowed: "prompt" */
    const char *unit; /* borrowed: "tokens" */
    int64_t start_ns, drawn_ns;
    bool enabled, drawn;
};

void progress_init(struct progress *p, const char *what, const char *unit, bool enabled);
void progress_update(struct progress *p, size_t done, size_t total);
void progress_end(struct progress *p); /* clears the line; may be called again */

#endif
