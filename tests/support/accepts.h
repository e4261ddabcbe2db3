/* accepts.h - whether a grammar derives a text, byte by byte, without any vocabulary.
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_ACCEPTS_H
#define TESTS_ACCEPTS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/rng.h"
#include "base/str.h"
#include "text/grammar/grammar.h"

bool accepts(const struct grammar *g, struct str text);

/* Appends a random text of the grammar: at each byte any that it allows, from `hurry` bytes on one that
 * ends a part of a JSON text where it can. False: still not at an end after `cut` bytes. */
bool accepts_walk(const struct grammar *g, struct rng *r, size_t hurry, size_t cut, struct buf *text);

#endif
