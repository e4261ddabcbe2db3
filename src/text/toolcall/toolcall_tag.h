/* toolcall_tag.h - the tags of Qwen3-Coder's calls, recognised in a text that may end inside them.
 *
 * All functions look at a position of a view and say NO, YES, or MORE: the text ends before it is decided. Positions count from the beginning
 * of the output. White space between tags and the length of names are bounded, so that a look costs little however often it is repeated.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_TOOLCALL_TAG_H
#define TEXT_TOOLCALL_TOOLCALL_TAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"
#include "base/str.h"
#include "text/toolcall/toolcall_format.h"

/* What the parser has of the output. */
struct toolcall_view {
    struct str s;
    size_t base; /* position of its first byte */
    bool over;   /* the model ended its output here: nothing follows */
    bool cut;    /* the output was cut here */
};

/* The call that values belong to. */
struct toolcall_scope {
    const struct toolset *tools; /* borrowed */
    int tool;                    /* index of its tool */
    struct map seen;             /* owned: names of its parameters so far */
};

static inline size_t toolcall_view_end(const struct toolcall_view *v)
{
    return v->base + v->s.n;
}

/* Bytes from..to of the view. */
static inline struct str toolcall_view_sub(const struct toolcall_view *v, size_t from, size_t to)
{
    return str_sub(v->s, from - v->base, to - v->base);
}

/* Moves *at behind `tag`. */
enum toolcall_match toolcall_tag_literal(const struct toolcall_view *v, size_t *at, struct str tag);
/* Moves *at behind white space; NO if there is too much of it, MORE if the view ends in it. */
enum toolcall_match toolcall_tag_space(const struct toolcall_view *v, size_t *at);

/* [<tool_call>] <function=DECLARED>, followed by a parameter or the end of the function; behind <tool_call>, also by any other end. A ">" that
 * is missing is forgiven. */
struct toolcall_opener {
    int tool;
    bool framed; /* by <tool_call> */
    size_t body; /* where what follows the opener begins */
};
enum toolcall_match toolcall_tag_opener(const struct toolcall_view *v, size_t at, const struct toolset *tools,
                                        struct toolcall_opener *out);

/* <parameter=NAME>. MORE also for an unfinished name. `name` borrowed from the view; *end is behind the tag. A ">" that is missing is forgiven
 * if `lenient`. */
enum toolcall_match toolcall_tag_parameter(const struct toolcall_view *v, size_t at, bool lenient, struct str *name,
                                           size_t *end);
/* Whether a parameter of that name may come next: not seen, and declared or at least a proper name. */
bool toolcall_tag_expected(const struct toolcall_scope *c, struct str name);
bool toolcall_tag_declared(const struct toolcall_scope *c, struct str name); /* declared and not seen */

/* What stands at a position, after white space. */
enum toolcall_follow {
    TOOLCALL_FOLLOW_TEXT,
    TOOLCALL_FOLLOW_MORE, /* not decided */
    TOOLCALL_FOLLOW_END,  /* the end of the output, perhaps inside a closing tag */
    TOOLCALL_FOLLOW_FUNCTION_END,
    TOOLCALL_FOLLOW_CALL_END,
    TOOLCALL_FOLLOW_PARAMETER, /* one that may come next */
    TOOLCALL_FOLLOW_CALL,      /* the next call */
};
enum toolcall_follow toolcall_tag_follow(const struct toolcall_view *v, size_t at, const struct toolcall_scope *c);

#endif
