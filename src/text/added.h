/* added.h - added tokens: pieces of text that become one token before anything else looks at them.
 *
 * Matches are leftmost, longest at the leftmost place, and do not overlap. A token may ask to stand alone (single_word: no word
 * character beside it) or to swallow white space around it (lstrip, rstrip). Those with `normalized` are looked for in normalised text,
 * the others in the text as it is. As tokenizers' added_vocabulary. Read-only once made.
 *
 *   trie of "<a>", "<ab>", "<b":   '<' -> 'a' -> '>' *
 *                                         |      'b' -> '>' *
 *                                        'b' *
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_ADDED_H
#define TEXT_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "text/marked.h"

struct added_token {
    struct str content; /* borrowed: whoever fills the added_tokens keeps it */
    int32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
};

struct added_node {
    uint32_t child, sibling; /* 0: none */
    int32_t token;           /* that ends here; -1: none */
    unsigned char byte;
};

struct added_trie {
    struct added_node *nodes; /* owned; node 0 is the root */
    size_t n, cap;
    bool first[256]; /* bytes that a token begins with */
    int only;        /* the only such byte; -1: none or several */
};

/* A match in a text: the bytes [from, to), stripped white space included. */
struct added_match {
    int32_t token; /* index into the tokens that the trie was made of */
    size_t from, to;
};

/* Where added_next is in a text. */
struct added_scan {
    const struct added_trie *trie;   /* borrowed for the scan */
    const struct added_token *token; /* borrowed: the tokens by index */
    struct str text;                 /* borrowed */
    const struct marked_span *spans; /* borrowed: no match may touch these bytes */
    size_t n_span;
    size_t at;                   /* where the search goes on */
    size_t done;                 /* end of the last match */
    size_t space_from, space_to; /* white space that a match has swallowed to its right */
};

/* Adds `content` for the token of that index; where two have the same content, the first stays. -1 if memory is out. */
MUST_CHECK int added_trie_add(struct added_trie *t, struct str content, int32_t token);
void added_trie_deinit(struct added_trie *t);

/* The next match at or behind s->at; false if there is none. Matches come in order; one may begin inside the white space that
 * the one before swallowed. */
bool added_next(struct added_scan *s, struct added_match *out);

#endif
