/* miss.h - why a prompt was not found again: the first token that differs, in words. Any thread.
 * SPDX-License-Identifier: MIT */
#ifndef API_MISS_H
#define API_MISS_H

#include "base/str.h"
#include "engine/engine.h"
#include "text/ids.h"
#include "text/tokenizer.h"

/* Logs one line if the tree had something else where the prompt goes on. */
void miss_log(struct str request_id, const struct tokenizer *tok, const struct ids *prompt,
              const struct engine_figures *f);

#endif
