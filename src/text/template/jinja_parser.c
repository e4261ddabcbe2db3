/* jinja_parser.c - tokens one after the other, nodes, names.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_parser.h"

#include <string.h>

bool jparser_is(const struct jparser *p, enum jtoken_type type)
{
    return p->t->type == type;
}

bool jparser_is_name(const struct jparser *p, const char *name)
{
    return p->t->type == JTOKEN_NAME && str_eqz(p->t->text, name);
}

bool jparser_is_any(const struct jparser *p, const char *const *names)
{
    for (; *names; names++)
        if (jparser_is_name(p, *names))
            return true;
    return false;
}

const struct jtoken *jparser_next(struct jparser *p)
{
    const struct jtoken *t = p->t;
    if (t->type != JTOKEN_END)
        p->t++;
    p->r->line = p->t->line;
    return t;
}

bool jparser_skip(struct jparser *p, enum jtoken_type type)
{
    if (!jparser_is(p, type))
        return false;
    jparser_next(p);
    return true;
}

bool jparser_skip_name(struct jparser *p, const char *name)
{
    if (!jparser_is_name(p, name))
        return false;
    jparser_next(p);
    return true;
}

int jparser_fail_found(struct jparser *p, const char *expected)
{
    if (jparser_is(p, JTOKEN_END))
        return jrun_fail(p->r, ERR_FORMAT, "expected %s, found the end of the template", expected);
    return jrun_fail(p->r, ERR_FORMAT, "expected %s, found '%.*s'", expected, (int)MIN(p->t->text.n, 60), p->t->text.p);
}

int jparser_expect(struct jparser *p, enum jtoken_type type, const char *what)
{
    return jparser_skip(p, type) ? 0 : jparser_fail_found(p, what);
}

int jparser_expect_name(struct jparser *p, struct str *name)
{
    *name = STR("");
    if (!jparser_is(p, JTOKEN_NAME))
        return jparser_fail_found(p, "a name");
    *name = jparser_next(p)->text;
    return 0;
}

struct jnode *jparser_node(struct jparser *p, enum jnode_type type, int line)
{
    struct jnode *n = jrun_alloc(p->r, 1, sizeof *n);
    if (!n)
        return NULL;
    n->type = type;
    n->line = line;
    return n;
}

void jparser_add(struct jparser_list *l, struct jnode *n)
{
    if (!n)
        return;
    if (!l->end)
        l->end = &l->first;
    *l->end = n;
    l->end = &n->next;
    l->n++;
}

const struct jstring *jparser_string(struct jparser *p, struct str s)
{
    struct jstring *v = jstring_new(p->r, s, JMARK_TEMPLATE);
    if (v)
        jstring_freeze(v);
    return v;
}

int jparser_name_id(struct jparser *p, struct str name, uint32_t *id)
{
    if (map_get(&p->ids, name, id))
        return 0;
    if (p->n_names == p->cap_names) {
        size_t cap = p->cap_names ? 2 * p->cap_names : 32;
        const char **v = jrun_alloc(p->r, cap, sizeof *v);
        if (!v)
            return p->r->code;
        if (p->n_names > 0)
            memcpy(v, p->names, p->n_names * sizeof *v);
        p->names = v;
        p->cap_names = cap;
    }
    char *z = jrun_bytes(p->r, name.n + 1);
    if (!z)
        return p->r->code;
    memcpy(z, name.p, name.n);
    z[name.n] = 0;
    *id = (uint32_t)p->n_names;
    p->names[p->n_names++] = z;
    return map_set(&p->ids, name, *id) < 0 ? jrun_fail(p->r, ERR_NOMEM, "no memory for the template's names") : 0;
}

void jparser_note_use(struct jparser *p, uint32_t id)
{
    if (!p->sig)
        return;
    p->sig->uses_caller |= id == JNAME_CALLER;
    p->sig->uses_kwargs |= id == JNAME_KWARGS;
    p->sig->uses_varargs |= id == JNAME_VARARGS;
}

struct jnode *jparser_const(struct jparser *p, int line, struct jvalue v)
{
    struct jnode *n = jparser_node(p, JNODE_CONST, line);
    if (n)
        n->value = v;
    return n;
}
