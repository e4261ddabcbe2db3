/* jinja_interp.c - scopes, assignment, output.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_interp.h"

#include <string.h>

#include "base/base.h"
#include "text/template/jinja_print.h"

enum { BINDINGS_PER_STEP = 16 /* searched for one step of fuel */ };

struct binding {
    uint32_t id;
    struct jvalue v;
};

struct jscope {
    struct jscope *parent;
    struct binding *v;
    size_t n, cap;
    bool kept; /* a macro refers to it */
};

struct jscope *jinterp_push(struct jinterp *x, struct jscope *parent)
{
    struct jscope *s = x->spare;
    if (s) {
        x->spare = s->parent;
        s->n = 0;
    } else {
        s = jrun_alloc(x->r, 1, sizeof *s);
        if (!s)
            return NULL;
    }
    s->parent = parent;
    x->scope = s;
    return s;
}

void jinterp_pop(struct jinterp *x, struct jscope *s, struct jscope *back)
{
    x->scope = back;
    if (s->kept)
        return;
    s->parent = x->spare;
    x->spare = s;
}

void jinterp_keep(struct jinterp *x)
{
    for (struct jscope *s = x->scope; s && !s->kept; s = s->parent)
        s->kept = true;
}

static struct binding *find_binding(const struct jscope *s, uint32_t id)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].id == id)
            return &s->v[i];
    return NULL;
}

int jinterp_set(struct jinterp *x, uint32_t id, struct jvalue v)
{
    struct jscope *s = x->scope;
    if (!s) {
        x->vars[id] = v;
        return 0;
    }
    if (jrun_spend(x->r, s->n / BINDINGS_PER_STEP) != 0)
        return x->r->code;
    struct binding *old = find_binding(s, id);
    if (old) {
        old->v = v;
        return 0;
    }
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 8;
        struct binding *p = jrun_alloc(x->r, cap, sizeof *p);
        if (!p)
            return x->r->code;
        if (s->n > 0)
            memcpy(p, s->v, s->n * sizeof *p);
        s->v = p;
        s->cap = cap;
    }
    s->v[s->n++] = (struct binding){ id, v };
    return 0;
}

int jinterp_get(struct jinterp *x, uint32_t id, struct jvalue *out)
{
    size_t searched = 0;
    *out = x->vars[id];
    for (const struct jscope *s = x->scope; s; s = s->parent) {
        const struct binding *b = find_binding(s, id);
        searched += 1 + s->n;
        if (b) {
            *out = b->v;
            break;
        }
    }
    return jrun_spend(x->r, searched / BINDINGS_PER_STEP);
}

static int assign_tuple(struct jinterp *x, const struct jnode *target, struct jvalue v)
{
    const struct jlist *l = jvalue_to_list(x->r, v);
    if (!l)
        return x->r->code;
    if (l->n != target->list.n)
        return jrun_fail(x->r, ERR_FORMAT, "cannot unpack %zu values into %zu names", l->n, target->list.n);
    size_t i = 0;
    for (const struct jnode *k = target->list.items; k; k = k->next)
        if (jinterp_assign(x, k, l->v[i++]) != 0)
            return x->r->code;
    return 0;
}

int jinterp_assign(struct jinterp *x, const struct jnode *target, struct jvalue v)
{
    struct jvalue ns;
    if (target->type == JNODE_NAME)
        return jinterp_set(x, target->name.id, v);
    if (target->type == JNODE_TUPLE)
        return assign_tuple(x, target, v);
    if (jinterp_get(x, target->nsref.id, &ns) != 0)
        return x->r->code;
    if (ns.type != JTYPE_NAMESPACE)
        return jrun_fail(x->r, ERR_FORMAT, "cannot assign attribute on non-namespace object");
    return jdict_set(x->r, ns.u.dict, jvalue_string(target->nsref.attr), v);
}

static int emit_bytes(struct jinterp *x, struct str s, bool value)
{
    size_t limit = x->r->limits.output_bytes;
    if (x->sink) {
        jbuild_bytes(x->sink, s, value);
        return x->r->code;
    }
    if (s.n > limit - x->out_bytes)
        return jrun_fail(x->r, ERR_LIMIT, "a rendering of more than %zu bytes (limit on output)", limit);
    if (jrun_spend(x->r, 1 + s.n / JRUN_COPY_BYTES) != 0 ||
        (value && jrun_count(x->r, sizeof(struct marked_span)) != 0))
        return x->r->code;
    x->out_bytes += s.n;
    marked_add(x->out, s, value);
    return 0;
}

int jinterp_emit_string(struct jinterp *x, const struct jstring *s)
{
    if (x->sink) {
        jbuild_string(x->sink, s);
        return x->r->code;
    }
    struct jpiece piece = { .next = 0 };
    while (jstring_piece(s, &piece))
        if (emit_bytes(x, piece.s, piece.value) != 0)
            return x->r->code;
    return 0;
}

int jinterp_emit(struct jinterp *x, struct jvalue v)
{
    char text[JPRINT_SCALAR_BYTES];
    struct str s;
    if (v.type == JTYPE_STRING)
        return jinterp_emit_string(x, v.u.s);
    if (jprint_scalar(x->r, v, text, &s))
        return emit_bytes(x, s, v.marked);
    const struct jstring *string = jprint_string(x->r, v);
    return string ? jinterp_emit_string(x, string) : x->r->code;
}

int jinterp_capture(struct jinterp *x, const struct jnode *body, const struct jstring **out)
{
    struct jbuild b, *outer = x->sink;
    jbuild_init(&b, x->r, 0);
    x->sink = &b;
    int flow = x->r->code == 0 ? x->exec(x, body) : x->r->code;
    x->sink = outer;
    if (flow == JINTERP_NEXT)
        *out = jbuild_done(&b);
    return x->r->code != 0 ? x->r->code : flow;
}
