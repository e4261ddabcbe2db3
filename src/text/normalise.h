/* normalise.h - the `normalizer` of tokenizer.json: Unicode's normalisation forms, with the origin of each byte kept.
 *
 * Source: Unicode Standard Annex 15; data from utf8proc, without what came after Unicode 9 (text/unicode9.h). Read-only after parsing.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_NORMALISE_H
#define TEXT_NORMALISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "format/json.h"
#include "text/marked.h"

struct normalise {
    bool on;
    bool compat;  /* NFKC, NFKD */
    bool compose; /* NFC, NFKC */
};

/* Value bytes of a text: marked.h's spans, borrowed. */
struct normalise_spans {
    const struct marked_span *v;
    size_t n;
};

/* `spec` is the member `normalizer` (NULL: none): NFC, NFD, NFKC, NFKD, or a Sequence of these; ERR_UNSUPPORTED for others. */
MUST_CHECK int normalise_parse(struct normalise *n, const struct json *spec, struct err *e);

/* True if normalising s (valid UTF-8) would leave it as it is. */
bool normalise_is_normal(const struct normalise *n, struct str s);
/* Appends s normalised. A byte of the result counts as a value's if one of the characters that it was made from does:
 * `spans` are offsets into the text whose byte `at` is the first of s. Linear time, whatever the combining marks. */
MUST_CHECK int normalise_run(const struct normalise *n, struct str s, size_t at, struct normalise_spans spans,
                             struct marked *out, struct err *e);

#endif
