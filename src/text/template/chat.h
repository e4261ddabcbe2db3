/* chat.h - a model's chat template and its special tokens: messages and tools in, prompt out.
 *
 * Finds the template as transformers does: chat_template.jinja, else `chat_template` in tokenizer_config.json (a string, or a list
 * of {name, template}: "tool_use" when tools are given, else "default"). bos_token, eos_token, pad_token, unk_token, sep_token, cls_token
 * and mask_token of tokenizer_config.json (strings or objects with `content`) are variables that count as template text, not as values.
 * Read-only once open; any thread may render.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_CHAT_H
#define TEXT_TEMPLATE_CHAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "format/json.h"
#include "text/marked.h"
#include "text/template/jinja.h"

struct chat;

/* Reads the template of the model directory `path` (or one .jinja file). A directory without a template opens too:
 * chat_has_template says so and rendering fails with a message that says what is missing. */
MUST_CHECK int chat_open(struct chat **out, const char *path, struct err *e);
void chat_close(struct chat *c);
bool chat_has_template(const struct chat *c);

/* Renders `vars`: an object with `messages`, perhaps `tools`, `add_generation_prompt`, and any other variable. Tool-call arguments that
 * are strings holding a JSON object are given to the template as that object. Appends to out. */
MUST_CHECK int chat_render(const struct chat *c, const struct json *vars, int64_t now, struct marked *out,
                           struct err *e);

#endif
