/* log.h - one line per event on stderr, or where the command line says: "time level message", or a JSON object.
 *
 * Level, descriptor and form are the program's only mutable globals beside the test hooks; the command line sets them once at start. Messages are
 * whole sentences or key=value pairs and end without a newline. Any thread may call; a line is written with one write.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/base.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* Lines go to fd from now on (borrowed), with `json` as {"time": ..., "level": ..., "message": ...}. */
void log_set_output(int fd, bool json);
bool log_parse_level(const char *name, enum log_level *out); /* "error", "warn", "info", "debug" */
void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
