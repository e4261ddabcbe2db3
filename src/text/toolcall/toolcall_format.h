/* toolcall_format.h - the seam for formats of tool calls: one file for each, listed in toolcall.c.
 *
 * A format's parser gets the text behind the reasoning, in whole characters of valid UTF-8, in any pieces, and tells what it finds to a
 * struct toolcall_out.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_TOOLCALL_FORMAT_H
#define TEXT_TOOLCALL_TOOLCALL_FORMAT_H

#include "text/toolcall/toolcall_out.h"

enum toolcall_match {
    TOOLCALL_MATCH_NO,
    TOOLCALL_MATCH_MORE, /* the text ends before it is decided */
    TOOLCALL_MATCH_YES,
};

struct toolcall_format {
    const char *name;
    const char *const *aliases; /* NULL-terminated: what tool_parser_type calls it */
    bool (*shown_in)(struct str chat_template);
    void *(*new_parser)(const struct toolset *tools, struct toolcall_out *out); /* both borrowed */
    void (*free_parser)(void *parser);
    void (*feed)(void *parser, struct str text);
    void (*end)(void *parser, bool truncated); /* a call that is open is over afterwards */
    /* Does a call in its frame begin at the first byte of s? `over`: nothing follows. For calls inside reasoning that nobody closed. */
    enum toolcall_match (*begins)(const void *parser, struct str s, bool over);
};

extern const struct toolcall_format toolcall_xml_format;
extern const struct toolcall_format toolcall_json_format;

#endif
