/* grammar.h - what an output may look like, compiled: from JSON Schema, any JSON, a regular expression, EBNF, or (text/toolcall/grammar_tools.h) a set of tools.
 *
 *   schema, regex, EBNF, tools --compile--> struct grammar --+
 *   tokenizer --> struct token_trie -------------------------+--> struct matcher (text/grammar/matcher.h): one position in one output
 *
 * A grammar describes bytes, not tokens. It is counted; matchers hold it. What matchers find out about it (states, masks) is remembered in it
 * under a lock of its own, so that one grammar serves many sequences on any threads.
 *
 * Limits on size, depth, states and time hold for every front end: what exceeds them fails with ERR_LIMIT and names the limit.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_GRAMMAR_H
#define TEXT_GRAMMAR_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "format/json.h"
#include "text/tokenizer.h"

struct grammar;
struct token_trie;

/* All tokens of a vocabulary by their bytes. Special tokens are in none of its masks but `eos`, which a matcher allows where its grammar may
 * end; added tokens that are not special count as their text. */
MUST_CHECK int token_trie_new(struct token_trie **out, const struct tokenizer *tok, const int32_t *eos, size_t n_eos,
                              struct err *e);
void token_trie_free(struct token_trie *t);

struct grammar *grammar_hold(struct grammar *g); /* returns g */
void grammar_release(struct grammar *g);         /* NULL is fine */

/* Any JSON text; `object`: an object at the top. White space between tokens is bounded, so that no output is all blanks. */
MUST_CHECK int grammar_json(struct grammar **out, bool object, struct err *e);
/* The whole output matches `pattern` (ECMA-262 without look-around and back references; ERR_UNSUPPORTED names what is not regular). */
MUST_CHECK int grammar_regex(struct grammar **out, struct str pattern, struct err *e);
/* A small EBNF, described in grammar_ebnf.h; its first rule, or "start", is the whole output. ERR_FORMAT with line and column. */
MUST_CHECK int grammar_ebnf(struct grammar **out, struct str text, struct err *e);

/* JSON that is valid under `schema` (draft 2020-12). Annotations and unknown keywords are ignored. A known assertion that cannot be enforced:
 * with `strict` ERR_UNSUPPORTED that names it and its place, else it is left out and its place is appended to `relaxed` (may be NULL),
 * one a line. */
MUST_CHECK int grammar_schema(struct grammar **out, const struct json *schema, bool strict, struct buf *relaxed,
                              struct err *e);

#endif
