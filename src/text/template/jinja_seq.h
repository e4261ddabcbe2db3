/* jinja_seq.h - jinja2's filters over sequences: sort, unique, groupby, join, min, max, sum, batch, slice and their like; and the path that
 * their argument `attribute` is ("function.name", "tags.0").
 *
 * Each takes the value, the arguments and the result as every filter does (jinja_filter.c).
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_SEQ_H
#define TEXT_TEMPLATE_JINJA_SEQ_H

#include "text/template/jinja_args.h"

typedef int jseq_fn(struct jrun *r, struct jvalue v, const struct jargs *args, struct jvalue *out);

jseq_fn jseq_first, jseq_last, jseq_length, jseq_list, jseq_reverse, jseq_items, jseq_sort, jseq_dictsort, jseq_unique,
    jseq_groupby, jseq_min, jseq_max, jseq_sum, jseq_join, jseq_batch, jseq_slice;

/* The value that a path leads to from an item; `def`, unless MISSING or None, stands for what is undefined on the way. */
MUST_CHECK int jseq_follow(struct jrun *r, struct jvalue path, struct jvalue def, struct jvalue item,
                           struct jvalue *out);

#endif
