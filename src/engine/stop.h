/* stop.h - stop strings in a text that arrives in pieces.
 *
 * The text ends before the stop string whose end comes first; of several that end at the same byte, before the longest. What comes
 * out does not depend on how the text was cut into pieces: text that may still become a stop string is held back, all else comes
 * out at once.
 *
 *   stop "END":   "the EN" -> "the "   "Dless" -> stop        "the EN" -> "the "   "try" -> "ENtry"
 *
 * One thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_STOP_H
#define ENGINE_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum { STOP_MAX_STRINGS = 64, STOP_MAX_BYTES = 4096 };

struct stop_string;

struct stop {
    struct stop_string *v; /* owned */
    size_t n;
    struct buf held; /* the end of the text so far that may begin a stop string */
    int hit;         /* index of the stop string that was found, -1 before */
};

/* Copies the strings: at most STOP_MAX_STRINGS of 1 to STOP_MAX_BYTES bytes. On failure *s is empty. */
MUST_CHECK int stop_init(struct stop *s, const struct str *strings, size_t n, struct err *e);
void stop_deinit(struct stop *s);
/* Appends to out what is certain not to belong to a stop string. True: one is complete, and out has all that comes before it;
 * nothing may be pushed any more. */
bool stop_push(struct stop *s, struct str piece, struct buf *out);
/* The text is over: appends what was held back. */
void stop_flush(struct stop *s, struct buf *out);

#endif
