/* script.h - answers laid down in advance, to test clients with: the words come from a file, everything around them is real.
 *
 * Each line of the file is a JSON object, a rule:
 *
 *   {"text": "<tool_call>...", "tools": true, "last": "user", "contains": "files", "times": 1}
 *
 * `text` is the answer; added tokens in it count as such. The other members say which requests it is for, and may be missing: whether the request
 * declares tools, the role of its last message, a part of that message's text; `times` is how often it is given (0, the default: always).
 * The first rule that fits answers. Rules are counted down under a lock; any thread may pick.
 * SPDX-License-Identifier: MIT */
#ifndef API_SCRIPT_H
#define API_SCRIPT_H

#include <stdbool.h>

#include "api/api_request.h"
#include "base/err.h"
#include "text/ids.h"
#include "text/tokenizer.h"

struct script;

/* ERR_FORMAT names line and member. The tokenizer is needed for the call alone. */
MUST_CHECK int script_open(struct script **out, const char *path, const struct tokenizer *tok, struct err *e);
void script_close(struct script *s);
/* The answer's tokens, borrowed from the script; NULL if no rule fits. */
const struct ids *script_pick(struct script *s, const struct api_request *r);

#endif
