/* api_request.h - a request to generate, whatever the API that it came by: what every dialect's reader makes, and all that comes after reads.
 *
 *   body --read_chat / read_completions / read_responses / read_messages--> struct api_request --> prompt, engine request, writer
 *
 * Messages and tools are in the shape that chat templates know, whatever the dialect: an array of {"role", "content": string, "tool_calls"?:
 * [{"id", "type": "function", "function": {"name", "arguments": {...}}}], "reasoning_content"?, "tool_call_id"?, "name"?}, and an array of
 * {"type": "function", "function": {"name", "description"?, "parameters"?}} in the order sent, with the key order of the schemas kept. Null counts as
 * absent everywhere. Owned by one exchange, one thread.
 * SPDX-License-Identifier: MIT */
#ifndef API_API_REQUEST_H
#define API_API_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "engine/sampler.h"
#include "format/json.h"
#include "text/ids.h"

struct items;

enum api_dialect { API_CHAT, API_COMPLETIONS, API_RESPONSES, API_MESSAGES };

/* How a declared tool is called back to the client: the model sees one flat list of functions. */
enum api_tool_kind {
    API_TOOL_FUNCTION,
    API_TOOL_CUSTOM, /* Responses: free text in; the model sees a function with one string parameter, "input" */
};

struct api_tool {
    enum api_tool_kind kind;
    struct str
        shown; /* the name that the model sees: NAMESPACE__NAME for a tool of a namespace; borrowed from the tools JSON */
    struct str name;  /* the name that goes back to the client */
    struct str space; /* Responses: its namespace; empty: none */
    bool allowed;     /* false: the model sees it, and may not call it in this answer */
};

/* REQUIRED, NAMED: at least one call; NAMED: only one tool is allowed. */
enum api_tool_choice { API_TOOLS_AUTO, API_TOOLS_NONE, API_TOOLS_REQUIRED, API_TOOLS_NAMED };

enum api_format { API_FORMAT_TEXT, API_FORMAT_JSON, API_FORMAT_SCHEMA, API_FORMAT_REGEX, API_FORMAT_EBNF };

/* A prompt of /v1/completions: text, or ids. */
struct api_prompt {
    struct str text; /* borrowed from the body */
    struct ids ids;  /* owned; where the prompt is a list of ids */
    bool is_ids;
};

struct api_request {
    enum api_dialect dialect;
    struct json *body; /* owned: what the slices below borrow from */
    struct json
        *made; /* owned: an object that holds `messages` and `tools`, in the templates' shape; shares nodes with body */
    const struct json *messages, *tools; /* borrowed from `made`; tools NULL: none */
    const struct json
        *shown_tools;      /* those of `tools` that the prompt lists; NULL: none. A deferred tool is in `tools` once a
                                            result has named it, and never here */
    struct api_tool *tool; /* owned; [n_tool], in the order of `tools` */
    size_t n_tool;
    enum api_tool_choice tool_choice;
    bool parallel_calls;              /* more than one call in an answer; true unless refused */
    bool tool_grammar;                /* calls keep to their schemas; true unless the request turns it off */
    const struct json *template_vars; /* chat_template_kwargs, borrowed; NULL: none */

    struct str model; /* as sent; empty: none */
    bool stream;
    bool include_usage; /* chat and completions: the stream ends with a usage chunk */
    bool progress;      /* return_progress: the stream tells about the prompt */

    uint64_t max_tokens;        /* 0: not given */
    int n;                      /* choices; 1 */
    struct sampling sampling;   /* the service's defaults, with what the request says; bias points to `bias` */
    struct sampling_bias *bias; /* owned */
    bool has_seed;
    struct str *stops; /* owned array of borrowed slices */
    size_t n_stop;
    bool logprobs;
    int top_logprobs;
    bool ignore_eos;

    enum api_format format;
    struct str format_text;           /* REGEX, EBNF: the source */
    const struct json *format_schema; /* SCHEMA: borrowed */
    bool format_strict;
    struct str format_name;

    bool prefill;         /* the last message is the assistant's and its answer goes on from there */
    bool thinking;        /* reasoning is shown; true unless refused */
    struct str cache_key; /* prompt_cache_key, session ids: for the log */

    /* API_COMPLETIONS */
    struct api_prompt *prompt; /* owned; [n_prompt] */
    size_t n_prompt;
    struct str suffix;
    bool echo;
    bool added_tokens; /* text of prompts may yield added tokens: true for /v1/completions unless refused */
    bool prompt_only;  /* max_tokens 0: nothing is generated */

    /* API_RESPONSES: whether its items may be referred to later, and what the response object echoes */
    bool kept;
    struct str instructions;
    const struct json
        *echo_fields; /* borrowed from body: metadata, tools, text, reasoning, ... are read from it by the writer */

    int n_image, n_document; /* blocks that became a placeholder: logged once */
};

/* What readers need to know of the service. */
struct api_defaults {
    struct sampling sampling;
    int max_n; /* most choices of a request */
    int n_vocab;
    bool has_fim;        /* the vocabulary can fill in the middle */
    bool developer_role; /* the chat template knows turns of role "developer"; else they are "system" */
    bool tool_grammar;   /* calls keep to their schemas unless the request turns it off */
    struct items *items; /* borrowed: what item_reference may name; NULL: nothing */
    struct str key_id;   /* whose items these are */
};

/* All zeros but the defaults. */
void api_request_init(struct api_request *r, enum api_dialect d, const struct api_defaults *def);
void api_request_deinit(struct api_request *r);

#endif
