/* lines.h - standard input line by line, for commands that answer each line with one.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

/* Answers one line, without its line feed, by appending to out. */
typedef int lines_fn(void *arg, struct str line, struct buf *out, struct err *e);

/* Hands every line of standard input that is not empty to fn, and writes what it appends and a line feed to standard output at once.
 * A failure ends it; the message begins with the number of the line. */
MUST_CHECK int lines_run(lines_fn *fn, void *arg, struct err *e);

#endif
