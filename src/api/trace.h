/* trace.h - one exchange on disk, for a bug report: what came, what the model saw, what it said, and how to send it again.
 *
 *   DIR/req_.../request.json   the body as it came       prompt.txt  as rendered, one by one   tokens.json  ids of prompt and answers, one a line
 *               output.txt     what was sampled, special tokens included                answer.txt   the bytes that went out
 *               replay.sh      the same request with curl
 *
 * Directories are 0700, files 0600. No header is stored, so no key. Failures to write are logged and change nothing. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef API_TRACE_H
#define API_TRACE_H

#include "base/str.h"
#include "text/ids.h"
#include "text/tokenizer.h"

struct trace;

/* NULL if the directory cannot be made. `id`: the request's; what is no letter, digit, "_" or "-" is left out. */
struct trace *trace_open(const char *dir, struct str id);
void trace_close(struct trace *t); /* NULL is fine; writes tokens.json and output.txt */
/* NULL is fine for all of these. */
void trace_request(struct trace *t, struct str method, struct str path, struct str body);
void trace_prompt(struct trace *t, struct str text, const struct ids *ids);
void trace_output(struct trace *t, const struct tokenizer *tok, const struct ids *ids);
/* What was sent to the client. */
void trace_answer(struct trace *t, struct str bytes);

#endif
