/* regex.h - patterns of tokenizer.json: PCRE2, compiled to machine code where that is possible.
 *
 * A struct regex is read-only once compiled and may be used by many threads, each with a struct regex_run of its own.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_REGEX_H
#define TEXT_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

struct regex {
    void *code; /* owned: pcre2_code */
    bool jit;
};

/* What matching needs besides the pattern. All zeros is valid. */
struct regex_run {
    void *match;   /* owned: pcre2_match_data */
    void *context; /* owned: pcre2_match_context */
    void *stack;   /* owned: pcre2_jit_stack */
};

/* `pattern` is Oniguruma's syntax (text/onig.h), or with `literal` the text itself. The message does not say where the pattern
 * stands: err_wrap. On failure r->code is NULL. */
MUST_CHECK int regex_compile(struct regex *r, struct str pattern, bool literal, struct err *e);
void regex_deinit(struct regex *r);

/* Finds the first match in s that begins at `from` or behind it. s is valid UTF-8. *found tells whether there is one, [*start, *end)
 * where. ERR_LIMIT if it takes more steps than a pattern needs that does not go wild. */
MUST_CHECK int regex_find(const struct regex *r, struct regex_run *run, struct str s, size_t from, bool *found,
                          size_t *start, size_t *end, struct err *e);
void regex_run_deinit(struct regex_run *run);

#endif
