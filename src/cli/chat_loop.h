/* chat_loop.h - a conversation on the terminal: line editing, history, commands, Ctrl-C.
 *
 * A turn costs only its new tokens: the sequence keeps what it has computed. A pasted text of several lines is one message; so are
 * lines that end in a backslash. Ctrl-C stops an answer, at the prompt it clears the line; Ctrl-D or /quit ends.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_CHAT_LOOP_H
#define CLI_CHAT_LOOP_H

#include <stdbool.h>

#include "base/err.h"
#include "cli/conversation.h"
#include "cli/load.h"
#include "engine/generate.h"

/* `talk` is the conversation to begin with (system, tools); `req` says how to draw; its prompt and callbacks are set here. */
MUST_CHECK int chat_loop(const struct load *l, struct conversation *talk, struct generate_request *req, size_t n_ctx,
                         bool quiet, struct err *e);

#endif
