/* pretok.h - the `pre_tokenizer` of tokenizer.json: cuts text into the pieces that byte pair encoding works on.
 *
 * A list of steps, each of which cuts every piece that the step before made; a step sees a piece as a text of its own, so that no
 * lookahead sees beyond it. ByteLevel, which every byte-level BPE has, is a step too if it puts a space in front or has GPT-2's
 * pattern. As in tokenizers' pre_tokenizers. Read-only after parsing; threads share it, each with a pretok_run.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_PRETOK_H
#define TEXT_PRETOK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "format/json.h"
#include "text/regex.h"

enum { PRETOK_STEPS_MAX = 32 };

/* What becomes of the matches of a pattern: dropped; pieces of their own; joined to the piece before or behind; joined to each
 * other. What lies between matches is always a piece. */
enum pretok_behaviour {
    PRETOK_REMOVED,
    PRETOK_ISOLATED,
    PRETOK_MERGED_WITH_PREVIOUS,
    PRETOK_MERGED_WITH_NEXT,
    PRETOK_CONTIGUOUS
};

struct pretok_step {
    bool prefix_space; /* put a space before a piece that does not begin with one; no pattern */
    struct regex pattern;
    enum pretok_behaviour behaviour;
    bool invert; /* matches and what lies between change places */
};

struct pretok {
    struct pretok_step steps[PRETOK_STEPS_MAX];
    int n_step;
    bool has_bytelevel;
};

/* Reads the member `pre_tokenizer` of `root`, the whole file. *p is all zeros before; call pretok_deinit also on
 * failure. ERR_UNSUPPORTED names a type that is not supported, or says that the file is no byte-level BPE. */
MUST_CHECK int pretok_parse(struct pretok *p, const struct json *root, struct err *e);
void pretok_deinit(struct pretok *p);

/* Takes one piece, never empty, borrowed for the call. A failure ends the cutting. */
typedef int pretok_fn(void *arg, struct str piece, struct err *e);

/* One thread's use of a pretok. */
struct pretok_run {
    const struct pretok *pretok; /* borrowed: outlives the run */
    struct regex_run regex;
    pretok_fn *fn;
    void *arg; /* borrowed: the caller's */
};

/* Cuts s, valid UTF-8, handing the pieces to run->fn in order. ERR_LIMIT if a pattern takes too many steps. */
MUST_CHECK int pretok_cut(struct pretok_run *run, struct str s, struct err *e);
void pretok_run_deinit(struct pretok_run *run);

#endif
