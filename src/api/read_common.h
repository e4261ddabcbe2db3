/* read_common.h - what the readers of all dialects share: fields with checks, contents, turns, tools, formats.
 *
 * A reader collects the messages and tools as JSON text in the templates' shape and parses that once at the end. A turn of the
 * assistant is open from read_turn until something else is added; results of tools wait until the turn after them begins, and come out in
 * the order of their calls.
 *
 * Functions that return int give 0, or -1 with reader.x filled. `at` is the path of a value ("messages[3].content"). One thread.
 * SPDX-License-Identifier: MIT */
#ifndef API_READ_COMMON_H
#define API_READ_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api_error.h"
#include "api/api_request.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"
#include "format/json.h"

/* A tool as declared. All borrowed from the body. */
struct reader_tool {
    enum api_tool_kind kind;
    struct str space, name;
    const struct json *description, *parameters; /* NULL: none */
    const struct json *format;                   /* API_TOOL_CUSTOM: of its input; NULL: none */
    bool deferred;                               /* not listed in the prompt */
    bool wanted;                                 /* a deferred tool that something named: the model may call it */
    bool allowed;                                /* tool_choice lists it */
};

struct reader_call {
    struct str id, name; /* borrowed from the body */
};

struct reader_result {
    struct str id, name; /* borrowed from the body */
    size_t from, to;     /* its text in result_text */
    size_t rank;         /* of its call among the calls */
};

struct reader {
    struct api_request *r;
    const struct api_defaults *def;
    struct api_error *x;
    size_t values_left; /* JSON values and keys that may still be parsed */

    struct json **known; /* owned: items of earlier answers that the request refers to */
    size_t n_known, cap_known;
    struct map known_at; /* their ids: places in known */

    struct buf messages;      /* JSON objects, commas between */
    struct reader_tool *tool; /* owned */
    size_t n_tool, cap_tool;
    bool some_allowed; /* tool_choice lists tools: no other may be called */

    bool turn_open; /* an assistant's turn is being collected in the next three */
    struct buf text, reasoning, calls;
    struct reader_call *call; /* owned: of the last turn of the assistant */
    size_t n_call, cap_call;
    struct reader_result *result; /* owned: waiting */
    size_t n_result, cap_result;
    struct buf result_text;
};

void reader_init(struct reader *rd, struct api_request *r, const struct api_defaults *def, struct api_error *x);
void reader_deinit(struct reader *rd);

/* The four dialects: r->body is parsed and an object. */
int read_chat(struct reader *rd);
int read_completions(struct reader *rd);
int read_responses(struct reader *rd);
int read_messages(struct reader *rd);

/* --- fields (read_field.c) --- */

enum { READ_PATH_BYTES = 128 };

/* Writes a path; too long a one is cut. Returns out. */
const char *read_path(char out[READ_PATH_BYTES], const char *fmt, ...) PRINTF_LIKE(2, 3);
/* -1 with "AT: expected EXPECTED, found ...". */
int read_bad(struct reader *rd, const char *at, const char *expected, const struct json *found);
/* The member `key` of obj, at path `at` + key; absent or null leaves *out as it was. `at` is empty or ends with a dot. */
int read_bool(struct reader *rd, const struct json *obj, const char *at, const char *key, bool *out);
int read_str(struct reader *rd, const struct json *obj, const char *at, const char *key, struct str *out);
int read_double(struct reader *rd, const struct json *obj, const char *at, const char *key, double min, double max,
                double *out);
int read_int(struct reader *rd, const struct json *obj, const char *at, const char *key, int64_t min, int64_t max,
             int64_t *out);
/* A number of tokens, at least `min`; what is beyond 2^53 becomes 2^53. */
int read_count(struct reader *rd, const struct json *obj, const char *at, const char *key, int64_t min, uint64_t *out);
int read_object(struct reader *rd, const struct json *obj, const char *at, const char *key, const struct json **out);
int read_array(struct reader *rd, const struct json *obj, const char *at, const char *key, const struct json **out);

/* Room for one more element of `size` bytes in an array that holds n. */
void *read_grow(void *v, size_t n, size_t *cap, size_t size);
/* Appends ', "key": "value"'. */
void read_put(struct buf *out, const char *key, struct str value);

/* --- formats (read_format.c) --- */

/* {"type": "text" | "json_object" | "json_schema", ...} at path `at`; the members of a schema lie in its member `json_schema`, or in the object itself. */
int read_format(struct reader *rd, const struct json *format, const char *at);
/* The fields beyond the APIs: regex, ebnf, guided_..., structured_outputs. */
int read_format_extensions(struct reader *rd);

/* --- options (read_options.c) --- */

/* model, stream, sampling, template variables and the fields beyond the APIs. */
int read_shared_fields(struct reader *rd);
int read_stream_options(struct reader *rd);
int read_stops(struct reader *rd, const char *key);
/* The largest number of tokens of an answer, `min` or more; -1, as some clients send it, is no limit. */
int read_max(struct reader *rd, const char *key, int64_t min);
bool read_is_unlimited(const struct json *v);

/* --- tools (read_tool.c) --- */

/* NAMESPACE__NAME, or NAME. */
void read_shown_name(struct buf *out, struct str space, struct str name);

void read_add_tool(struct reader *rd, const struct reader_tool *t);
/* "function" with name, description, parameters in one object, or in its member `function`. */
int read_function_tool(struct reader *rd, const struct json *tool, const char *at, struct str space);
/* Appends what the prompt says of a deferred tool where a result names it; its name if no such tool was declared. */
void read_tool_reference(struct reader *rd, struct str name, struct buf *out);
/* "auto", "none", "required" or an object that names a tool. */
int read_tool_choice(struct reader *rd);
/* Sets tool_choice to the tool of that name. */
int read_named_tool(struct reader *rd, struct str name, const char *at);
/* The tools that may be called, the listed ones and the deferred ones that something named, as an array; `shown`: those that are listed. The
 * caller's; they share nodes with the body. Sets r->tool. */
int read_make_tools(struct reader *rd, struct json **all, struct json **shown);

/* --- contents (read_content.c) --- */

/* Appends the text of a string, of parts with `sep` between, or of null. */
int read_content(struct reader *rd, const struct json *v, const char *at, const char *sep, struct buf *out);
/* The same for a tool's result: anything else becomes its JSON text, and a string that is an array of text parts is unwrapped. */
int read_result_content(struct reader *rd, const struct json *v, const char *at, struct buf *out);
/* JSON text inside a string, within what the request may still cost; owned by the caller. NULL: none, or too much. */
struct json *read_inside(struct reader *rd, struct str text);
/* One part of a content. */
int read_part(struct reader *rd, const struct json *part, const char *at, const char *sep, struct buf *out);
/* Appends arguments of a call as a JSON object; what is none is wrapped. */
void read_arguments(struct reader *rd, const struct json *v, struct buf *out);

/* --- turns (read_turn.c) --- */

/* A turn of role system, user or other. */
void read_message(struct reader *rd, const char *role, struct str text);
/* Opens a turn of the assistant unless one is open: its text and reasoning are appended to rd->text and rd->reasoning. */
void read_turn(struct reader *rd);
void read_turn_call(struct reader *rd, struct str id, struct str space, struct str name, const struct json *arguments);
/* The input of a custom tool, which the model sees as the one argument "input". */
void read_turn_custom_call(struct reader *rd, struct str id, struct str space, struct str name, struct str input);
void read_turn_close(struct reader *rd);
/* The result of a call. `text` is appended to rd->result_text by the caller, from offset `from` on. */
void read_result(struct reader *rd, struct str id, struct str name, size_t from);
/* All messages and tools are there: makes r->made and what borrows from it. */
int reader_finish(struct reader *rd);

#endif
