/* grammar_build.h - a grammar in the making: what the front ends (schema, tools, EBNF) call.
 *
 * Nodes are small integers of the builder. Terminals are regular languages over bytes and become DFAs; rules over them are context free. Building
 * never fails call by call: the first failure is remembered (limits too) and grammar_build_finish reports it; nodes made after it are harmless.
 *
 *   int str = grammar_build_regex(b, "\"[^\"\\\\]*\"", ...);
 *   int list = grammar_build_rule(b);
 *   grammar_build_define(b, list, grammar_build_alt(b, ...));
 *
 * One thread.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_GRAMMAR_BUILD_H
#define TEXT_GRAMMAR_GRAMMAR_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "text/grammar/grammar.h"

struct grammar_build;

struct grammar_build_limits {
    size_t nodes;    /* 0: 200,000 */
    size_t states;   /* of all terminals' DFAs together, made so far and later; 0: 400,000 */
    int64_t time_ns; /* of the processor, from grammar_build_new to grammar_build_finish; 0: 100 ms */
};

struct grammar_build *grammar_build_new(const struct grammar_build_limits *l); /* NULL: the defaults */
void grammar_build_free(struct grammar_build *b);
/* The grammar that derives from `root`; the builder can only be freed afterwards. */
MUST_CHECK int grammar_build_finish(struct grammar_build *b, int root, struct grammar **out, struct err *e);
/* Remembers a failure of the front end's own. */
void grammar_build_fail(struct grammar_build *b, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool grammar_build_failed(const struct grammar_build *b);

/* Terminals. */
int grammar_build_literal(struct grammar_build *b, struct str text);
/* ECMA-262 syntax over Unicode characters, anchored at both ends. `json`: the pattern speaks of the characters of a string, and the terminal
 * matches their JSON spellings between the quotes (escapes included), quotes excluded. */
int grammar_build_regex(struct grammar_build *b, struct str pattern, bool json);
/* The same for strings that contain a match, as JSON Schema's `pattern` means it; ^ and $ are the ends of the string. */
int grammar_build_search(struct grammar_build *b, struct str pattern, bool json);
/* Strings of min to max characters (SIZE_MAX: no bound); `json` as above. */
int grammar_build_chars(struct grammar_build *b, size_t min, size_t max, bool json);
/* Regular operations on terminals (not on rules): intersection, and what `a` has and `b_` has not. */
int grammar_build_and(struct grammar_build *b, int a, int b_);
int grammar_build_minus(struct grammar_build *b, int a, int b_);
/* A DFA given whole: n states, 0 is the start; next[s * n_class + class_of[byte]] is the state behind a byte, or -1; accept[s]: a text may end
 * in s. */
int grammar_build_automaton(struct grammar_build *b, const uint8_t class_of[256], size_t n_class, const int32_t *next,
                            const bool *accept, size_t n);
/* The node is known to derive nothing: a terminal that matches no text, grammar_build_never, or made of such. */
bool grammar_build_is_never(struct grammar_build *b, int node);
/* Any bytes that do not contain `stop`, ending before or with the first occurrence of it; `with`: `stop` itself belongs to it. */
int grammar_build_until(struct grammar_build *b, struct str stop, bool with);

/* Rules. */
int grammar_build_empty(struct grammar_build *b);
int grammar_build_never(struct grammar_build *b); /* derives nothing; alternatives with it vanish */
int grammar_build_seq(struct grammar_build *b, const int *nodes, size_t n);
int grammar_build_alt(struct grammar_build *b, const int *nodes, size_t n);
int grammar_build_repeat(struct grammar_build *b, int node, size_t min, size_t max); /* SIZE_MAX: no bound */
int grammar_build_rule(struct grammar_build *b); /* to be defined later: recursion */
void grammar_build_define(struct grammar_build *b, int rule, int node);

/* Left recursion: `a: a x | y` is understood, through other rules it fails with ERR_UNSUPPORTED. */

/* Members in any order, each at most once, with `sep` between two: what JSON objects and XML parameters are made of. */
struct grammar_member {
    int node; /* the member whole, key and value; not empty */
    bool required;
};
/* `extra`: a member that may come any number of times between others (an undeclared key), -1: none. At least `min` and at most `max` members
 * altogether (SIZE_MAX: no bound). The declared ones should be distinguishable from `extra` by their first bytes' languages. */
int grammar_build_members(struct grammar_build *b, const struct grammar_member *v, size_t n, int extra, int sep,
                          size_t min, size_t max);

#endif
