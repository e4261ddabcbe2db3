/* body_scan.h - what a JSON text would cost, told before anything is built from it.
 *
 * One pass that allocates nothing. A tree costs far more than its text (some hundred bytes for "{},"), so the number of values and keys is
 * bounded before the JSON library sees the text. It is no check of the grammar: json_parse does that.
 * SPDX-License-Identifier: MIT */
#ifndef API_BODY_SCAN_H
#define API_BODY_SCAN_H

#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "format/json.h"

enum { BODY_BYTES_MAX = 32 << 20, BODY_VALUES_MAX = 1000000, BODY_DEPTH_MAX = 100 };

/* What json_parse is told of a body: these limits, and that control characters in strings may stand as they are. */
extern const struct json_limits body_limits;

struct body_scan {
    size_t values; /* values and keys; of a text that is refused: those up to there */
    int depth;     /* deepest nesting */
};

/* ERR_LIMIT for more than BODY_BYTES_MAX bytes, more than max_values values and keys, or arrays and objects nested deeper than BODY_DEPTH_MAX. */
MUST_CHECK int body_scan(struct body_scan *out, struct str text, size_t max_values, struct err *e);

#endif
