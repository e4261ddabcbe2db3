/* api_case.h - a case of tests/data/api/events: what is said to a writer, step by step.
 *
 * The steps stand in a JSON file; see tests/data/README.md for their form. Clock and ids are fixed, so that an answer is the same bytes each time.
 * SPDX-License-Identifier: MIT */
#ifndef SUPPORT_API_CASE_H
#define SUPPORT_API_CASE_H

#include "api/api_request.h"
#include "base/buf.h"
#include "format/json.h"

/* How text, reasoning and arguments are given to the writer. */
struct api_case_cut {
    size_t at;    /* SIZE_MAX: as the case says; otherwise each is cut behind that many characters */
    bool in_ones; /* each character alone */
};

/* Runs the case against a writer of `dialect`; returns what it wrote. Fails the test if the writer fails. */
void api_case_run(const struct json *c, enum api_dialect dialect, bool stream, struct api_case_cut cut,
                  struct buf *out);
/* The same, but nothing is asserted: a failure shows in out->failed. */
void api_case_try(const struct json *c, enum api_dialect dialect, bool stream, struct api_case_cut cut,
                  struct buf *out);

#endif
