/* jinja_parser.h - the state of a parse: the current token, nodes, and the numbers of names.
 *
 * A failure is the run's; what makes a node then returns NULL and whoever called it returns too.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_PARSER_H
#define TEXT_TEMPLATE_JINJA_PARSER_H

#include "base/map.h"
#include "text/template/jinja_ast.h"
#include "text/template/jinja_lex.h"

struct jparser {
    struct jrun *r;
    const struct jtoken *t; /* the current token */
    struct map ids;         /* name -> number */
    const char **names;
    size_t n_names, cap_names;
    struct jsignature *sig; /* of the macro around this place, NULL: none */
    int loops;              /* loops around this place, within the macro */
};

/* Questions about the current token. */
bool jparser_is(const struct jparser *p, enum jtoken_type type);
bool jparser_is_name(const struct jparser *p, const char *name);
bool jparser_is_any(const struct jparser *p, const char *const *names); /* names: up to a NULL */

/* Moves on, unless at the end, and returns the token that was passed. */
const struct jtoken *jparser_next(struct jparser *p);
/* Moves on if the token is of that type, or that name. */
bool jparser_skip(struct jparser *p, enum jtoken_type type);
bool jparser_skip_name(struct jparser *p, const char *name);
/* The same, where anything else is a failure. */
MUST_CHECK int jparser_expect(struct jparser *p, enum jtoken_type type, const char *what);
MUST_CHECK int jparser_expect_name(struct jparser *p, struct str *name);
/* "expected WHAT, found ..." */
int jparser_fail_found(struct jparser *p, const char *expected);

/* Zeroed but for type and line. */
struct jnode *jparser_node(struct jparser *p, enum jnode_type type, int line);
struct jnode *jparser_const(struct jparser *p, int line, struct jvalue v);
/* A string of the template's, which no rendering writes to. */
const struct jstring *jparser_string(struct jparser *p, struct str s);

/* A list of nodes under construction; all zeros is empty. */
struct jparser_list {
    struct jnode *first, **end;
    size_t n;
};
void jparser_add(struct jparser_list *l, struct jnode *n); /* nothing if n is NULL */

MUST_CHECK int jparser_name_id(struct jparser *p, struct str name, uint32_t *id);
/* A macro whose body mentions caller, kwargs or varargs takes them as arguments. */
void jparser_note_use(struct jparser *p, uint32_t id);

#endif
