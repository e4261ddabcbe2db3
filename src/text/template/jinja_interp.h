/* jinja_interp.h - the state of one rendering: variables and their scopes, where text goes, and the two functions that walk the tree.
 *
 * Variables: the template's own level is a table by name; every loop iteration, macro call, block and `with` has a scope above it, a short
 * list that is searched from the innermost outwards. Assigning sets the innermost, as jinja2 has it (an `if` has no scope). A macro keeps the
 * scopes around its definition; scopes that no macro keeps are used again.
 *
 * Text goes to the sink: the rendering itself, or a builder where the text becomes a value (macros, set blocks, filter blocks).
 *
 * Expressions call macros and loops, whose bodies are statements, which hold expressions: macros and loops reach both through the
 * functions in the state, so that the files depend on one another in one direction only.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_INTERP_H
#define TEXT_TEMPLATE_JINJA_INTERP_H

#include "text/marked.h"
#include "text/template/jinja_ast.h"

struct jscope;
struct jinterp;

typedef int jinterp_eval_fn(struct jinterp *x, const struct jnode *n, struct jvalue *out);
typedef int jinterp_exec_fn(struct jinterp *x, const struct jnode *n);

struct jinterp {
    struct jrun *r;
    const struct jast *ast;
    struct jvalue *vars;   /* of the template's own level, by name */
    struct jscope *scope;  /* innermost; NULL: the template's own level */
    struct jscope *spare;  /* for use again */
    struct jbuild *sink;   /* NULL: the rendering */
    struct marked *out;    /* borrowed: the rendering */
    size_t out_bytes;      /* rendered so far */
    jinterp_eval_fn *eval; /* the value of an expression */
    jinterp_exec_fn *exec; /* runs a list of statements */
};

/* How statements ended, beside a negative code. */
enum { JINTERP_NEXT = 0, JINTERP_BREAK = 1, JINTERP_CONTINUE = 2 };

/* A scope above `parent` becomes the innermost; NULL after a failure. jinterp_pop ends it and makes `back` the innermost. */
MUST_CHECK struct jscope *jinterp_push(struct jinterp *x, struct jscope *parent);
void jinterp_pop(struct jinterp *x, struct jscope *s, struct jscope *back);
/* The innermost scope and those around it are not used again: a macro refers to them. */
void jinterp_keep(struct jinterp *x);

MUST_CHECK int jinterp_set(struct jinterp *x, uint32_t id, struct jvalue v);
/* MISSING if nothing set it. */
MUST_CHECK int jinterp_get(struct jinterp *x, uint32_t id, struct jvalue *out);
/* To a name, a tuple of targets, or an attribute of a namespace. */
MUST_CHECK int jinterp_assign(struct jinterp *x, const struct jnode *target, struct jvalue v);

MUST_CHECK int jinterp_emit_string(struct jinterp *x, const struct jstring *s);
MUST_CHECK int jinterp_emit(struct jinterp *x, struct jvalue v); /* str(v) */
/* Runs statements with their text going into a new string; how they ended is returned. */
MUST_CHECK int jinterp_capture(struct jinterp *x, const struct jnode *body, const struct jstring **out);

#endif
