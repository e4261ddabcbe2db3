/* toolcall.h - a model's output, fed in any pieces, told apart into text, reasoning and tool calls.
 *
 *   decoded text --feed--> [format's parser] --events--> sink
 *
 * The same text gives the same calls and the same concatenated texts, whatever the pieces. Nothing is dropped: what is not a call of a declared
 * tool is text, byte for byte. Held back is only what may still be a tag, half a character or an undecided closer.
 *
 *   REASONING  text between <think> and </think>
 *   TEXT       content
 *   BEGIN      a call of tool `tool` begins; it is call number `call`, counted from 0
 *   ARGS       a fragment of its arguments, JSON text in UTF-8; concatenated they are one JSON object, and no proper prefix of the
 *              fragments' concatenation is a complete JSON text
 *   END        the call is over; `complete`: its arguments parse. False where the output was cut inside it, or where JSON that was sent already
 *              turned out to be none: then they do not parse, so that nobody runs them
 *
 * BEGIN, ARGS... and END of a call are not interleaved with those of another, nor with TEXT. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_TOOLCALL_H
#define TEXT_TOOLCALL_TOOLCALL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "text/toolcall/toolset.h"

enum toolcall_kind { TOOLCALL_TEXT, TOOLCALL_REASONING, TOOLCALL_BEGIN, TOOLCALL_ARGS, TOOLCALL_END };

struct toolcall_event {
    enum toolcall_kind kind;
    struct str text; /* TEXT, REASONING, ARGS: borrowed until the sink returns; not empty; whole UTF-8 characters */
    int call;        /* BEGIN, ARGS, END */
    int tool;        /* BEGIN: index in the toolset */
    bool complete;   /* END */
};

typedef void toolcall_sink_fn(void *arg, const struct toolcall_event *ev);

/* A format: how a family of models writes calls. The registry knows them by name. */
struct toolcall_format;

/* "qwen3-coder-xml", "hermes-json"; NULL if there is none of that name. */
const struct toolcall_format *toolcall_format_find(struct str name);
/* The format of a model: what `tool_parser_type` of tokenizer_config.json names (mlx-lm writes "qwen3_coder"), else what its chat template
 * shows; NULL if neither says. Both may be empty. */
const struct toolcall_format *toolcall_format_detect(struct str tool_parser_type, struct str chat_template);
const char *toolcall_format_name(const struct toolcall_format *f);

struct toolcall_opts {
    const struct toolcall_format *format; /* NULL: no calls are looked for, only reasoning */
    const struct toolset *tools;          /* borrowed: outlives the parser; NULL or empty: no calls */
    bool opens_think;                     /* the prompt ended inside <think>: the output begins with reasoning */
    int max_calls;                        /* calls beyond this many are text; 0: no limit */
};

struct toolcall;

MUST_CHECK int toolcall_new(struct toolcall **out, const struct toolcall_opts *o, toolcall_sink_fn *sink, void *arg,
                            struct err *e);
void toolcall_free(struct toolcall *t);
void toolcall_feed(struct toolcall *t, struct str text);
/* The output is over. `truncated`: by a limit, so that nothing may be added that the model did not write (an open call stays visibly unfinished);
 * otherwise what a call still lacks is completed. */
void toolcall_end(struct toolcall *t, bool truncated);
bool toolcall_in_call(const struct toolcall *t); /* a call has begun and is not over */

#endif
