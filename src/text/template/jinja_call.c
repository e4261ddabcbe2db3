/* jinja_call.c - positional and keyword arguments, *args and **kwargs.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_call.h"

static int star_args(struct jinterp *x, const struct jcall *c, const struct jlist **star, const struct jdict **map)
{
    struct jvalue v;
    if (c->star) {
        if (x->eval(x, c->star, &v) != 0 || !(*star = jvalue_to_list(x->r, v)))
            return x->r->code;
    }
    if (c->map) {
        if (x->eval(x, c->map, &v) != 0)
            return x->r->code;
        if (v.type != JTYPE_DICT)
            return jrun_fail(x->r, ERR_FORMAT, "the argument after ** must be a mapping, not %s", jvalue_type_name(v));
        *map = v.u.dict;
    }
    return 0;
}

static int eval_positional(struct jinterp *x, const struct jcall *c, const struct jlist *star, struct jvalue *pos)
{
    size_t n = 0;
    for (const struct jnode *a = c->pos; a; a = a->next)
        if (x->eval(x, a, &pos[n++]) != 0)
            return x->r->code;
    for (size_t i = 0; star && i < star->n; i++)
        pos[n++] = star->v[i];
    return 0;
}

static int eval_keywords(struct jinterp *x, const struct jcall *c, const struct jdict *map,
                         const struct jkeyword *extra, struct jkeyword *kw)
{
    size_t n = 0;
    for (const struct jnode *a = c->kw; a; a = a->next) {
        kw[n].name = a->keyword.name;
        if (x->eval(x, a->keyword.value, &kw[n++].v) != 0)
            return x->r->code;
    }
    for (size_t i = 0; map && i < map->n; i++) {
        if (map->v[i].key.type != JTYPE_STRING)
            return jrun_fail(x->r, ERR_FORMAT, "keywords must be strings");
        kw[n++] = (struct jkeyword){ map->v[i].key.u.s, map->v[i].value };
    }
    if (extra)
        kw[n] = *extra;
    return 0;
}

int jcall_eval(struct jinterp *x, const struct jcall *c, const struct jkeyword *extra, struct jcall_args *out)
{
    const struct jlist *star = NULL;
    const struct jdict *map = NULL;
    struct jvalue *pos = out->pos;
    struct jkeyword *kw = out->kw;
    if (star_args(x, c, &star, &map) != 0)
        return x->r->code;
    size_t n_pos = c->n_pos + (star ? star->n : 0), n_kw = c->n_kw + (map ? map->n : 0) + (extra != NULL);
    if (jrun_spend(x->r, (star ? star->n : 0) + (map ? map->n : 0)) != 0)
        return x->r->code;
    if (n_pos > JCALL_LOCAL && !(pos = jrun_alloc(x->r, n_pos, sizeof *pos)))
        return x->r->code;
    if (n_kw > JCALL_LOCAL && !(kw = jrun_alloc(x->r, n_kw, sizeof *kw)))
        return x->r->code;
    if (eval_positional(x, c, star, pos) != 0 || eval_keywords(x, c, map, extra, kw) != 0)
        return x->r->code;
    out->a = (struct jargs){ pos, n_pos, kw, n_kw };
    return 0;
}
