/* identity.h - a hash that tells computed keys and values of one checkpoint from those of any other.
 *
 * Over config.json, the names, types and shapes of all tensors, and a few KiB of each (fine-tunes share everything but the values); and over
 * what else decides the bytes of a page: the type of keys and values, precision, instruction set, page size. Two runs with equal
 * identities compute equal pages for equal tokens. XXH3, 128 bits: no protection against somebody who makes a collision on purpose.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include <stdint.h>

#include "model/model.h"

enum { IDENTITY_BYTES = 16 };

void model_identity(const struct model *m, uint8_t out[IDENTITY_BYTES]);

#endif
