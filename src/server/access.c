/* access.c - the access log.
 * SPDX-License-Identifier: MIT */
#include "server/access.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

int access_log_open(struct access_log *a, const char *path, bool json, struct err *e)
{
    *a = (struct access_log){ .fd = STDERR_FILENO, .json = json };
    if (!path)
        return 0;
    a->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    return a->fd < 0 ? err_errno(e, "%s: cannot be written to", path) : 0;
}

void access_log_close(struct access_log *a)
{
    if (a->fd >= 0 && a->fd != STDERR_FILENO)
        close(a->fd);
    a->fd = -1;
}

void access_log_line(void *arg, const char *line, const char *json)
{
    const struct access_log *a = arg;
    struct buf out = { 0 };
    struct tm tm;
    char stamp[40];
    time_t now = time(NULL);
    if (a->json) {
        gmtime_r(&now, &tm);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
        /* The object goes on behind its brace. */
        buf_printf(&out, "{\"time\": \"%s\", %s\n", stamp, json[0] == '{' ? json + 1 : json);
    } else {
        localtime_r(&now, &tm);
        strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm);
        buf_printf(&out, "%s access %s", stamp, line);
        /* A path may hold anything: nothing in it makes a line of its own, or speaks to a terminal. */
        for (size_t i = 0; i < out.n; i++)
            if ((unsigned char)out.p[i] < ' ' || out.p[i] == 0x7f)
                out.p[i] = '?';
        buf_char(&out, '\n');
    }
    /* A log that cannot be written must not stop the server. */
    if (out.p && write(a->fd, out.p, out.n) < 0)
        out.failed = true;
    buf_deinit(&out);
}
