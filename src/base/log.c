/* log.c - one line per event.
 * SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = { "error", "warn", "info", "debug" };
static atomic_int current = LOG_INFO, output = STDERR_FILENO;
static atomic_bool as_json;

enum { LINE_BYTES = 4096 };

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

void log_set_output(int fd, bool json)
{
    atomic_store(&output, fd);
    atomic_store(&as_json, json);
}

/* "time level message", without the end of line. */
PRINTF_LIKE(4, 0) static size_t text_line(char *line, size_t cap, enum log_level level, const char *fmt, va_list ap)
{
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    size_t n = strftime(line, cap, "%Y-%m-%d %H:%M:%S ", &local);
    n += (size_t)snprintf(line + n, cap - n, "%s ", names[level]);
    int rest = vsnprintf(line + n, cap - n, fmt, ap);
    return MIN(n + (size_t)MAX(rest, 0), cap - 1);
}

/* Control characters become spaces, and what would end the string is escaped: a message is words. */
PRINTF_LIKE(4, 0) static size_t json_line(char *line, size_t cap, enum log_level level, const char *fmt, va_list ap)
{
    char message[LINE_BYTES / 2];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    size_t n = strftime(line, cap, "{\"time\": \"%Y-%m-%dT%H:%M:%SZ\", ", &utc);
    n += (size_t)snprintf(line + n, cap - n, "\"level\": \"%s\", \"message\": \"", names[level]);
    vsnprintf(message, sizeof message, fmt, ap);
    for (const char *p = message; *p && n + 5 < cap; p++) {
        if (*p == '"' || *p == '\\')
            line[n++] = '\\';
        line[n++] = (char)((unsigned char)*p < ' ' ? ' ' : *p);
    }
    line[n++] = '"';
    line[n++] = '}';
    return n;
}

PRINTF_LIKE(2, 0) static void write_line(enum log_level level, const char *fmt, va_list ap)
{
    char line[LINE_BYTES];
    if ((int)level > atomic_load(&current))
        return;
    size_t n = atomic_load(&as_json) ? json_line(line, sizeof line - 1, level, fmt, ap)
                                     : text_line(line, sizeof line - 1, level, fmt, ap);
    line[n++] = '\n';
    while (n) {
        ssize_t done = write(atomic_load(&output), line, n);
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
