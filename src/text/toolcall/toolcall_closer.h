/* toolcall_closer.h - where a parameter's value ends, though it may hold anything, quoted calls included.
 *
 * A value ends at a </parameter> that what follows confirms, that belongs to no call quoted in the value and, if the value began on a line of
 * its own, that begins a line. Other places may be the end if no such closer comes: a closer inside a line, the next declared parameter, the
 * end of the function or call, the next call. The first of them is remembered, and from it on the text is undecided until a closer comes, the
 * next call begins behind a closed one, or the output ends. Tags of quoted calls are matched with a stack, so that theirs are not taken.
 *
 * Undecided text that turns out not to be the value's is read again, from that place on; when that has happened for several times the
 * output's length, remembered places decide at once, so that the whole stays linear.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOOLCALL_TOOLCALL_CLOSER_H
#define TEXT_TOOLCALL_TOOLCALL_CLOSER_H

#include "base/buf.h"
#include "text/toolcall/toolcall_tag.h"

struct toolcall_place {
    size_t end;    /* the value's end, if it is here; SIZE_MAX: no such place */
    size_t resume; /* where reading goes on */
    bool closed;   /* </parameter> and the end of the function or call stand here */
};

struct toolcall_closer {
    bool framed;                 /* the value began with a line feed */
    size_t start, scan;          /* its first byte; what is looked at next */
    struct toolcall_place first; /* first place that may be the end */
    struct toolcall_place last;  /* the first place that is taken only if nothing better comes */
    struct buf stack;            /* owned: open tags of quoted calls, a character each */
    size_t open[3];              /* how many of each */
    size_t nest;                 /* where the stack was empty last */
    size_t closed_at;            /* behind the last end of a function or call that is not a quoted one's; 0: none */
    bool settle;                 /* a quoted call has just ended */
    size_t again;                /* bytes that were read again, in all */
};

void toolcall_closer_begin(struct toolcall_closer *c, size_t start, bool framed); /* all zeros before the first time */
void toolcall_closer_deinit(struct toolcall_closer *c);
/* Looks at what came. True: *end holds the value's end. */
bool toolcall_closer_find(struct toolcall_closer *c, const struct toolcall_view *v, const struct toolcall_scope *s,
                          struct toolcall_place *end);
/* The value's text up to here is decided. */
size_t toolcall_closer_decided(const struct toolcall_closer *c);

#endif
