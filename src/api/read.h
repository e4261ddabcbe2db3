/* read.h - request bodies of four endpoints, read into one struct api_request.
 *
 *   bytes --body_scan--> json_parse --read_chat | read_completions | read_responses | read_messages--> messages, tools, fields
 *
 * Unknown fields never fail, null counts as absent, and a value of the wrong type or out of range is refused with the path of its field as `param`
 * ("messages[3].content"). What an agent's history holds never fails: broken arguments of calls are wrapped as {"arguments": ...}, results
 * without a call are kept, blocks of unknown type become their JSON text.
 *
 *   text          a string, parts or null; parts are joined with a newline (those of an assistant with nothing), so that "x" and
 *                 [{"type": "text", "text": "x"}] are the same
 *   images        "[image omitted: this model reads text only]", the same bytes on every turn; documents alike unless they are text
 *   turns         messages of the assistant in a row are one turn in the Messages API, as are the items of one answer in Responses
 *   results       in the order of their calls, whatever the order they came in; a string that is itself an array of text parts is unwrapped
 *   arguments     an object with its keys in the order sent
 *   reasoning     reasoning_content, thinking blocks and reasoning items go to the template as reasoning_content; the template decides
 *                 what it shows. redacted_thinking is dropped
 *   tools         of two that the model would see under one name, the first counts
 *   references    an item_reference of Responses is read as the item that it names (api/items.h)
 *   deferred      a tool with defer_loading is not listed; a tool_reference in a result becomes its definition in that place
 *
 * Fields beyond the APIs: top_k, min_p, repetition_penalty (repeat_penalty), chat_template_kwargs, enable_thinking, continue_final_message,
 * ignore_eos, return_progress, tool_grammar (false: calls need not keep to their schemas), parse_special (/v1/completions; false: added
 * tokens are plain text); and a format by regex or guided_regex, ebnf, grammar or guided_grammar, guided_json, or structured_outputs with
 * one of json, regex, grammar.
 *
 * Pure but for the items that the defaults name; any thread may call.
 * SPDX-License-Identifier: MIT */
#ifndef API_READ_H
#define API_READ_H

#include "api/api_error.h"
#include "api/api_request.h"
#include "base/base.h"
#include "base/str.h"

/* 0, or -1 with *x filled. *r is initialised in both cases and needs api_request_deinit. The bytes of `body` are not needed afterwards. Also reads
 * what only counts tokens: max_tokens is never required. */
MUST_CHECK int read_request(struct api_request *r, enum api_dialect d, struct str body, const struct api_defaults *def,
                            struct api_error *x);

#endif
