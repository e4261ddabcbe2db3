/* jinja_string.h - the strings of a template: UTF-8 bytes that remember which of them came from values.
 *
 * A string never changes. It is a window into bytes that others may share: the source of the template, the request's JSON, or a
 * store in the run's memory. Most strings are all template or all value and carry nothing but that word; only a mixed one looks
 * at the spans of its store:
 *
 *   store   bytes  |<|im_start|>user\nhello|          spans  [17, 22)
 *   string         [          window       )          mark   JMARK_MIXED
 *   s[-3:]                              [  )          mark   JMARK_VALUE
 *
 * So a slice copies nothing. Concatenation writes behind the left string's bytes if they are the last of their store and
 * there is room (stores grow by half), so that a loop which adds to a string takes time linear in what it adds.
 * Indices into strings count characters, as in Python; `bytes` in a name says otherwise. Nothing here writes to a string of the
 * template's own (they are shared between threads), nor to bytes that any string shows.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_STRING_H
#define TEXT_TEMPLATE_JINJA_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "text/marked.h"
#include "text/template/jinja_run.h"

enum jmark { JMARK_TEMPLATE, JMARK_VALUE, JMARK_MIXED };

struct jstore {
    char *p;
    size_t n, cap;
    struct marked_span *spans; /* bytes from values, in order, disjoint */
    size_t n_span, cap_span;
};

struct jstring {
    const char *p; /* borrowed from its store, the template's source or the JSON document */
    size_t n;
    struct jstore *store; /* NULL: bytes of no store, which are all template or all value */
    uint32_t hash;        /* of the bytes; 0: not yet computed */
    uint8_t mark;         /* enum jmark */
    bool markup;          /* made by the filters safe or escape: + with another string escapes that */
    size_t n_chars;       /* SIZE_MAX: not yet counted */
};

/* A string of borrowed bytes. NULL after a failure, as everywhere below. Making a string pays for counting its characters. */
struct jstring *jstring_new(struct jrun *r, struct str s, enum jmark mark);
/* Computes hash and length now, so that the string is never written to again. */
void jstring_freeze(struct jstring *s);

static inline struct str jstring_str(const struct jstring *s)
{
    return (struct str){ s->p, s->n };
}
uint32_t jstring_hash(const struct jstring *s); /* never 0 */
uint32_t jstring_hash_bytes(struct str s);
size_t jstring_len(const struct jstring *s); /* characters */
bool jstring_eq(const struct jstring *a, const struct jstring *b);

/* Byte offset of character i (at most the length); the offset of some character if fuel runs out. */
size_t jstring_offset(struct jrun *r, const struct jstring *s, size_t i);
/* Characters in the first n bytes. */
size_t jstring_chars_before(struct jrun *r, const struct jstring *s, size_t n_bytes);
/* The bytes [from, to), or the string itself if that is all of it. */
const struct jstring *jstring_sub(struct jrun *r, const struct jstring *s, size_t from_bytes, size_t to_bytes);
const struct jstring *jstring_concat(struct jrun *r, const struct jstring *a, const struct jstring *b);
/* The same bytes with another markup flag. */
const struct jstring *jstring_with_markup(struct jrun *r, const struct jstring *s, bool markup);

/* The parts of a string that are of one origin, in order. Start with all zeros; false at the end. */
struct jpiece {
    struct str s;
    bool value;
    size_t next; /* private: bytes done */
    size_t span; /* private: first span of the store that may matter; 1-based, 0 at the start */
};
bool jstring_piece(const struct jstring *s, struct jpiece *piece);
/* Whether byte i came from a value. */
bool jstring_value_at(const struct jstring *s, size_t i_bytes);

/* Builds a string piece by piece. After a failure of the run the calls do nothing and jbuild_done gives NULL. */
struct jbuild {
    struct jrun *r;
    struct jstore *store;
};
void jbuild_init(struct jbuild *b, struct jrun *r, size_t expected_bytes);
void jbuild_bytes(struct jbuild *b, struct str s, bool value);
void jbuild_z(struct jbuild *b, const char *z, bool value);
void jbuild_char(struct jbuild *b, uint32_t c, bool value);
void jbuild_fill(struct jbuild *b, uint32_t c, size_t n, bool value); /* n times the character */
void jbuild_string(struct jbuild *b, const struct jstring *s);
void jbuild_repeat(struct jbuild *b, const struct jstring *s, size_t n);
void jbuild_sub(struct jbuild *b, const struct jstring *s, size_t from_bytes, size_t to_bytes);
const struct jstring *jbuild_done(struct jbuild *b);

#endif
