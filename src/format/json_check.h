/* json_check.h - is a text JSON? The check that comes before json-c sees it.
 *
 * json-c 0.16 accepts more than JSON (NaN, single quotes, raw control characters, comments), cuts keys at NUL, clamps integers beyond
 * 64 bits, and takes escaped characters such as U+1D800, whose bits 10 to 15 are those of a surrogate, for half a pair. This scanner walks the text once and refuses all that is not RFC 8259 (but for raw control characters where
 * the limits allow them), so that json-c sees only what it reads correctly. Pure; any thread may call.
 * SPDX-License-Identifier: MIT */
#ifndef FORMAT_JSON_CHECK_H
#define FORMAT_JSON_CHECK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "format/json.h"

/* 0, or what is wrong at which line and column. If the text holds integers beyond 64 bits or escaped pairs of surrogates, appends to
 * respelled the whole text with each of these integers as a double with a zero before its digits and ".0" behind (-12 would become
 * -012.0), a spelling that no checked text contains, and each pair as the character itself. */
MUST_CHECK int json_check(struct str text, const char *what, const struct json_limits *limits, struct buf *respelled,
                          struct err *e);

#endif
