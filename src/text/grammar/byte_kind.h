/* byte_kind.h - the bytes of texts as sets of 64 bits, to tell in one step what an automaton makes of many texts.
 *
 * Each ASCII byte is of one kind: marks and white space have kinds of their own, letters and digits share a few. All characters beyond ASCII
 * are one kind, which stands for whole characters and for the beginning of one at the text's end. Texts that are not UTF-8 in this sense are
 * BYTE_KIND_BROKEN, too.
 *
 * Where the kinds of a text are among those on which an automaton's state stays (byte_kind_loops), the automaton reads the text to its end.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_BYTE_KIND_H
#define TEXT_GRAMMAR_BYTE_KIND_H

#include <stdint.h>

#include "text/grammar/dfa.h"

#define BYTE_KIND_BEYOND (UINT64_C(1) << 62) /* a byte beyond ASCII */
#define BYTE_KIND_BROKEN (UINT64_C(1) << 63)

/* The kind of one byte, as a set. */
uint64_t byte_kind(uint8_t byte);

/* Whether what follows is UTF-8 depends on where in a character it begins: there are 8 such places, 0 is between characters. With `byte` before
 * it, a text is right from the places given back, if it is right from those in `places`. A text that ends is right from all: 0xFF. */
uint8_t byte_kind_before(uint8_t byte, uint8_t places);

/* The kinds on whose texts the state only comes back to itself, however they are mixed. */
uint64_t byte_kind_loops(const struct dfa *d, uint32_t state);

#endif
