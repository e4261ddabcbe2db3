/* jinja_ast.h - a parsed template: nodes of one kind, linked into lists by `next`.
 *
 * All of it lies in the template's own memory and is read-only once parsed. Names of variables are numbered; the number is the
 * index into struct jast.names. Filters, tests and methods are looked up while parsing;
 * a filter or test that does not exist is an error when it is reached, as in the branches of an `if` in jinja2.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_AST_H
#define TEXT_TEMPLATE_JINJA_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/template/jinja_filter.h"
#include "text/template/jinja_method.h"
#include "text/template/jinja_ops.h"
#include "text/template/jinja_test.h"
#include "text/template/jinja_value.h"

enum jnode_type {
    /* expressions */
    JNODE_CONST,
    JNODE_NAME,
    JNODE_LIST,
    JNODE_TUPLE,
    JNODE_DICT, /* items: key, value, key, value, ... */
    JNODE_COND, /* then if test else otherwise; otherwise may be NULL: undefined */
    JNODE_AND,
    JNODE_OR,
    JNODE_NOT,
    JNODE_BINARY,
    JNODE_UNARY,
    JNODE_COMPARE, /* first, then a list of JNODE_OPERAND */
    JNODE_OPERAND,
    JNODE_CONCAT, /* items: a ~ b ~ c */
    JNODE_GETATTR,
    JNODE_GETITEM,
    JNODE_SLICE,
    JNODE_CALL,
    JNODE_FILTER,
    JNODE_TEST,
    JNODE_KEYWORD, /* name=value in a call */
    /* statements */
    JNODE_DATA,
    JNODE_PRINT,
    JNODE_IF,
    JNODE_FOR,
    JNODE_SET,
    JNODE_SET_BLOCK,
    JNODE_MACRO,
    JNODE_CALL_BLOCK,
    JNODE_FILTER_BLOCK,
    JNODE_WITH,
    JNODE_SCOPE, /* {% generation %}: a scope of its own */
    JNODE_BREAK,
    JNODE_CONTINUE,
    /* targets of assignments: JNODE_NAME, JNODE_TUPLE, and */
    JNODE_NSREF, /* ns.attr */
};

struct jcall {
    struct jnode *pos;        /* list */
    struct jnode *kw;         /* list of JNODE_KEYWORD */
    struct jnode *star, *map; /* *args, **kwargs; NULL: none */
    size_t n_pos, n_kw;
};

/* Parameters and body of a macro or of a call block. */
struct jsignature {
    uint32_t *params;        /* names */
    struct jnode **defaults; /* one a parameter, NULL: none */
    size_t n;
    struct jnode *body;
    struct str name;
    bool uses_caller, uses_kwargs, uses_varargs; /* the body mentions them */
};

struct jnode {
    enum jnode_type type;
    int line;
    struct jnode *next;
    union {
        struct jvalue value; /* CONST */
        const struct jstring *data;
        struct {
            uint32_t id;
            struct jundefined why;
        } name;
        struct {
            struct jnode *items;
            size_t n;
        } list; /* LIST, TUPLE, DICT (n pairs), CONCAT */
        struct {
            struct jnode *test, *then, *otherwise; /* IF: lists of statements */
        } cond;
        struct {
            enum jop op;
            struct jnode *a, *b;
        } binary; /* BINARY, UNARY, AND, OR, NOT, OPERAND, COMPARE (b: operands) */
        struct {
            struct jnode *of;
            const struct jstring *attr;
            const struct jmethod *method;
            struct jundefined why;
        } getattr;
        struct {
            struct jnode *of, *key;
        } getitem;
        struct {
            struct jnode *of, *from, *to, *step;
        } slice;
        struct {
            struct jnode *of;
            struct jcall args;
        } call;
        struct {
            struct jnode *of; /* NULL in a filter block: its text */
            struct str name;
            const struct jfilter *filter; /* NULL: unknown, an error when it is reached */
            const struct jtest *test;
            struct jcall args;
        } filter; /* FILTER, TEST */
        struct {
            const struct jstring *name;
            struct jnode *value;
        } keyword;
        struct jnode *print; /* an expression */
        struct {
            struct jnode *target, *in, *test, *body, *otherwise;
            bool recursive;
        } loop;
        struct {
            struct jnode *target;
            struct jnode *value; /* SET: the expression; SET_BLOCK: filters around the text, or NULL */
            struct jnode *body;
        } set; /* SET, SET_BLOCK, FILTER_BLOCK (no target), SCOPE (body alone) */
        struct {
            uint32_t id; /* the macro's name */
            struct jsignature *sig;
            struct jnode *call; /* of a call block */
        } macro;                /* MACRO, CALL_BLOCK */
        struct {
            struct jnode *targets, *values, *body;
        } with;
        struct {
            uint32_t id;
            const struct jstring *attr;
        } nsref;
    };
};

/* Names that the evaluator itself sets. */
enum { JNAME_LOOP, JNAME_CALLER, JNAME_KWARGS, JNAME_VARARGS, JNAME_FIRST_FREE };

struct jast {
    struct jnode *body;
    const char **names; /* NUL-terminated */
    size_t n_names;
};

#endif
