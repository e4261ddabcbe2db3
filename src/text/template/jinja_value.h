/* jinja_value.h - the values of a template, with the meaning that Python gives them.
 *
 * A value is two words, passed by value; what it points to lives in the run's memory (or, for constants, in the template's) and
 * never changes, except namespaces, generators and loops. Lists are windows into stores, as strings are, so that slices with step 1 and
 * `list + [x]` copy nothing. Dicts keep the order of their keys.
 *
 * `marked` says that a number, bool or container came from a variable; strings know it byte by byte (jinja_string.h). A
 * container is printed as one piece: all of it counts as a value if anything in it does.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_VALUE_H
#define TEXT_TEMPLATE_JINJA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/template/jinja_run.h"
#include "text/template/jinja_string.h"

enum jtype {
    JTYPE_MISSING, /* no value at all: an argument not given, a variable not set; never seen by a template */
    JTYPE_UNDEFINED,
    JTYPE_NONE,
    JTYPE_BOOL,
    JTYPE_INT,
    JTYPE_BIGINT, /* an integer beyond 64 bits, from JSON: printed and compared, not reckoned with */
    JTYPE_FLOAT,
    JTYPE_STRING,
    JTYPE_LIST,
    JTYPE_TUPLE,
    JTYPE_DICT,
    JTYPE_VIEW, /* dict.keys(), .values(), .items() */
    JTYPE_RANGE,
    JTYPE_GENERATOR, /* gives its items once */
    JTYPE_NAMESPACE,
    JTYPE_METHOD,   /* bound to its object */
    JTYPE_FUNCTION, /* a global function */
    JTYPE_MACRO,
    JTYPE_LOOP,
    JTYPE_CYCLER,
    JTYPE_JOINER,
};

/* Why a value is undefined, for the message when it is used. */
enum jundefined_kind { JUNDEFINED_NAME, JUNDEFINED_ATTR, JUNDEFINED_ITEM, JUNDEFINED_UNSAFE, JUNDEFINED_HINT };
struct jundefined {
    enum jundefined_kind kind;
    struct str text; /* the name, or the whole hint */
};

struct jvalue {
    uint8_t type; /* enum jtype */
    bool marked;
    uint8_t of; /* of an undefined attribute: the enum jtype of the object that lacks it */
    union {
        bool b;
        int64_t i;
        double f;
        const struct jstring *s; /* JTYPE_STRING; the digits of JTYPE_BIGINT */
        const struct jlist *list;
        struct jdict *dict; /* JTYPE_DICT, JTYPE_NAMESPACE */
        const struct jview *view;
        const struct jrange *range;
        struct jgenerator *generator;
        const struct jundefined *undefined;
        const struct jbound *bound;
        const struct jfunction *function; /* jinja_global.h */
        const struct jmacro *macro;
        struct jloop *loop; /* jinja_eval.c */
        struct jcycler *cycler;
        struct jjoiner *joiner; /* jinja_global.h */
    } u;
};

struct jlist_store {
    struct jvalue *v;
    size_t n, cap;
};

struct jlist {
    const struct jvalue *v; /* in its store */
    size_t n;
    struct jlist_store *store;
    bool group; /* a tuple of groupby: has the attributes grouper and list */
};

struct jentry {
    struct jvalue key, value;
    uint32_t hash;
};

struct jdict {
    struct jentry *v;
    size_t n, cap;
    uint32_t *index; /* entry + 1 by hash, 0: free; NULL while there are few entries */
    size_t index_cap;
};

enum jview_kind { JVIEW_KEYS, JVIEW_VALUES, JVIEW_ITEMS };
struct jview {
    enum jview_kind kind;
    const struct jdict *dict;
    bool marked;
};

struct jrange {
    int64_t start, stop, step;
    size_t n;
};

struct jgenerator {
    const struct jvalue *v;
    size_t n, at;
};

/* A macro and the scopes around its definition (jinja_eval.c). */
struct jmacro {
    struct str name;
    const struct jsignature *sig; /* jinja_ast.h */
    struct jscope *scope;
};

struct jmethod; /* jinja_method.h */
struct jbound {
    struct jvalue self;
    const struct jmethod *method;
};

struct jcycler {
    const struct jlist *items;
    size_t at;
};

static inline struct jvalue jvalue_missing(void)
{
    return (struct jvalue){ .type = JTYPE_MISSING };
}
static inline struct jvalue jvalue_none(void)
{
    return (struct jvalue){ .type = JTYPE_NONE };
}
static inline struct jvalue jvalue_bool(bool b)
{
    return (struct jvalue){ .type = JTYPE_BOOL, .u.b = b };
}
static inline struct jvalue jvalue_int(int64_t i)
{
    return (struct jvalue){ .type = JTYPE_INT, .u.i = i };
}
static inline struct jvalue jvalue_float(double f)
{
    return (struct jvalue){ .type = JTYPE_FLOAT, .u.f = f };
}
static inline struct jvalue jvalue_string(const struct jstring *s)
{
    return (struct jvalue){ .type = JTYPE_STRING, .u.s = s };
}
static inline struct jvalue jvalue_undefined(const struct jundefined *why)
{
    return (struct jvalue){ .type = JTYPE_UNDEFINED, .u.undefined = why };
}
/* Bool or integer that fits 64 bits. */
static inline bool jvalue_is_int(struct jvalue v)
{
    return v.type == JTYPE_INT || v.type == JTYPE_BOOL;
}
static inline int64_t jvalue_i64(struct jvalue v)
{
    return v.type == JTYPE_BOOL ? v.u.b : v.u.i;
}
static inline bool jvalue_is_number(struct jvalue v)
{
    return v.type >= JTYPE_BOOL && v.type <= JTYPE_FLOAT;
}
double jvalue_double(struct jvalue v); /* of a number */

/* A string value that shows s: template text, or borrowed bytes of the given mark. */
MUST_CHECK int jvalue_text(struct jrun *r, struct str s, enum jmark mark, struct jvalue *out);
/* *out = a string value, or the run's failure if s is NULL. */
MUST_CHECK int jvalue_done(struct jrun *r, const struct jstring *s, struct jvalue *out);

/* "str", "NoneType"; and as jinja2 calls the object in "'dict object' has no attribute". */
const char *jvalue_type_name(struct jvalue v);
/* The failure of using an undefined value. */
int jvalue_fail_undefined(struct jrun *r, struct jvalue v);

bool jvalue_true(struct jvalue v);
/* Python's ==; `is` for identity. A failure (nesting too deep) is in r->code and gives false. */
bool jvalue_eq(struct jrun *r, struct jvalue a, struct jvalue b);
bool jvalue_same(struct jvalue a, struct jvalue b);
/* Python's order: *out < 0, 0 or > 0, or 2 for "unordered" (NaN). An error if the types have no order. `op` names the
 * comparison in the message. */
MUST_CHECK int jvalue_cmp(struct jrun *r, struct jvalue a, struct jvalue b, const char *op, int *out);
enum { JVALUE_UNORDERED = 2 };
/* Python's hash; an error for lists, dicts and what else is unhashable. */
MUST_CHECK int jvalue_hash(struct jrun *r, struct jvalue v, uint32_t *out);
/* len(); false if the value has none. */
bool jvalue_len(struct jvalue v, size_t *out);
/* Whether anything in v came from a variable. */
bool jvalue_any_marked(struct jrun *r, struct jvalue v);

/* Lists and tuples. jlist_new reserves room for `cap` items; jlist_push grows. */
MUST_CHECK struct jlist *jlist_new(struct jrun *r, size_t cap);
MUST_CHECK int jlist_push(struct jrun *r, struct jlist *l, struct jvalue v);
MUST_CHECK struct jlist *jlist_sub(struct jrun *r, const struct jlist *l, size_t from, size_t to);
MUST_CHECK struct jlist *jlist_concat(struct jrun *r, const struct jlist *a, const struct jlist *b);
static inline struct jvalue jvalue_list(const struct jlist *l)
{
    return (struct jvalue){ .type = JTYPE_LIST, .u.list = l };
}
static inline struct jvalue jvalue_tuple(const struct jlist *l)
{
    return (struct jvalue){ .type = JTYPE_TUPLE, .u.list = l };
}
MUST_CHECK int jvalue_pair(struct jrun *r, struct jvalue a, struct jvalue b, struct jvalue *out);
MUST_CHECK int jvalue_generator(struct jrun *r, const struct jlist *l, struct jvalue *out);

/* Dicts. jdict_set replaces the value of an equal key. */
MUST_CHECK struct jdict *jdict_new(struct jrun *r, size_t cap);
MUST_CHECK int jdict_set(struct jrun *r, struct jdict *d, struct jvalue key, struct jvalue value);
static inline struct jvalue jvalue_dict(struct jdict *d)
{
    return (struct jvalue){ .type = JTYPE_DICT, .u.dict = d };
}
/* The value of a key; *out is MISSING if there is none. An unhashable key is an error. */
MUST_CHECK int jdict_get(struct jrun *r, const struct jdict *d, struct jvalue key, struct jvalue *out);
/* The same for a string key: MISSING if there is none; cannot fail. `hash` is jstring_hash_bytes(key). */
struct jvalue jdict_get_str(const struct jdict *d, struct str key, uint32_t hash);

/* obj[key] of lists, tuples, strings, ranges and dicts: *out is MISSING where Python raises LookupError or TypeError. */
MUST_CHECK int jvalue_item(struct jrun *r, struct jvalue obj, struct jvalue key, struct jvalue *out);

/* Going through the items of a value. jiter_init: an error if it has none to go through. jiter_next: false at the end and after a
 * failure (r->code). */
struct jiter {
    struct jvalue of;
    size_t i; /* items done; of a string: bytes done */
};
MUST_CHECK int jiter_init(struct jrun *r, struct jiter *it, struct jvalue v);
bool jvalue_is_iterable(struct jvalue v);
bool jiter_next(struct jrun *r, struct jiter *it, struct jvalue *out);
/* All items as a list. */
MUST_CHECK struct jlist *jvalue_to_list(struct jrun *r, struct jvalue v);

#endif
