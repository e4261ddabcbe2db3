/* unicode9.h - which characters a normaliser of Unicode 9 leaves alone that later ones do not.
 *
 * Models were trained with ids from Hugging Face tokenizers, whose normaliser has the data of Unicode 9. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_UNICODE9_H
#define TEXT_UNICODE9_H

#include <stdbool.h>
#include <stdint.h>

/* True if Unicode 16 gives cp a combining class or a decomposition, or lets it begin a composition, and Unicode 9 does not. */
bool unicode9_lacks(uint32_t cp);

#endif
