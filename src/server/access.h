/* access.h - the access log: a line for each request, as text or as JSON, on stderr or in a file.
 *
 * Lines are written whole with one write, to a file opened for appending: several threads may write, and the file may be moved away or truncated by
 * tools that rotate by copying. A file is readable by its owner alone.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_ACCESS_H
#define SERVER_ACCESS_H

#include <stdbool.h>

#include "base/err.h"

struct access_log {
    int fd;    /* owned unless it is stderr */
    bool json; /* which spelling is written */
};

/* `path` NULL: stderr. */
MUST_CHECK int access_log_open(struct access_log *a, const char *path, bool json, struct err *e);
void access_log_close(struct access_log *a);
/* Writes one of the two with the time before it. Fits service_opts.access; `arg` is a struct access_log. Any thread. */
void access_log_line(void *arg, const char *line, const char *json);

#endif
