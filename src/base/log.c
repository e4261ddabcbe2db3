/* log.c - one line per event on stderr.
 * SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = { "error", "warn", "info", "debug" };
static atomic_int current = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&current, (int)level);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load(&current);
}

bool log_parse_level(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

PRINTF_LIKE(2, 0) static void write_line(enum log_level level, const char *fmt, va_list ap)
{
    if ((int)level > atomic_load(&current))
        return;
    char line[4096];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    size_t n = strftime(line, sizeof line, "%Y-%m-%d %H:%M:%S ", &local);
    n += (size_t)snprintf(line + n, sizeof line - n, "%s ", names[level]);
    int rest = vsnprintf(line + n, sizeof line - n - 1, fmt, ap);
    n = MIN(n + (size_t)MAX(rest, 0), sizeof line - 2);
    line[n++] = '\n';
    while (n) {
        ssize_t done = write(STDERR_FILENO, line, n);
        if (done <= 0)
            return;
        memmove(line, line + done, n - (size_t)done);
        n -= (size_t)done;
    }
}

#define LOG_FUNCTION(name, level)                                                                                      \
    void name(const char *fmt, ...)                                                                                    \
    {                                                                                                                  \
        va_list ap;                                                                                                    \
        va_start(ap, fmt);                                                                                             \
        write_line(level, fmt, ap);                                                                                    \
        va_end(ap);                                                                                                    \
    }

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)
