/* jinja.c - templates as the rest of the program sees them: parse once, render often.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja.h"

#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/mem.h"
#include "text/template/jinja_ast.h"
#include "text/template/jinja_eval.h"
#include "text/template/jinja_global.h"
#include "text/template/jinja_parse.h"

/* A long conversation with a hundred tools takes some 10^6 steps (a step: some 20 ns, jinja_run.h) and memory of a few times its size; the output limit is what no
 * context holds. All levels of depth together take less than 1 MiB of stack (measured with gcc 12 -O2). */
const struct jinja_limits jinja_limits_default = {
    .fuel = (uint64_t)100 * 1000 * 1000,
    .depth = 1500,
    .output_bytes = (size_t)256 << 20,
    .memory_bytes = (size_t)1 << 30,
};

/* Of a template's source: nothing that is published comes near. */
static const struct jinja_limits parse_limits = {
    .fuel = UINT64_MAX,
    .depth = 200,
    .output_bytes = (size_t)16 << 20,
    .memory_bytes = (size_t)256 << 20,
};

enum { INTEGER_DIGITS_MAX = 4300 /* as in Python */ };

struct jinja {
    struct jrun run; /* holds the memory of the tree */
    char *what;      /* owned */
    struct jast ast;
};

int jinja_parse(struct jinja **out, struct str source, const char *what, struct err *e)
{
    struct jinja *t = xcalloc(1, sizeof *t);
    *out = NULL;
    t->what = xstrdup(what);
    jrun_init(&t->run, t->what, &parse_limits, e);
    int rc = source.n > parse_limits.output_bytes
                 ? jrun_fail(&t->run, ERR_LIMIT, "a template of more than %zu bytes", parse_limits.output_bytes)
                 : jparse(&t->run, source, &t->ast);
    t->run.e = NULL;
    if (rc != 0) {
        jinja_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void jinja_free(struct jinja *t)
{
    if (!t)
        return;
    jrun_deinit(&t->run);
    mem_free(t->what);
    mem_free(t);
}

/* JSON to values. `mark` is the origin of its strings. */
struct convert {
    struct jrun *r;
    enum jmark mark;
    const struct jinja_instead *instead;
    size_t n_instead;
};

static int convert(struct convert *c, const struct json *node, struct jvalue *out);

static int convert_number(struct convert *c, const struct json *node, struct jvalue *out)
{
    int64_t i;
    if (json_type(node) == JSON_DOUBLE) {
        *out = jvalue_float(json_double(node));
    } else if (json_i64(node, &i)) {
        *out = jvalue_int(i);
    } else {
        struct buf scratch = { 0 };
        struct str text = json_number_text(node, &scratch);
        if (text.n > INTEGER_DIGITS_MAX)
            jrun_fail(c->r, ERR_LIMIT, "an integer of more than %d digits", INTEGER_DIGITS_MAX);
        char *copy = jrun_bytes(c->r, text.n);
        const struct jstring *s = NULL;
        if (copy) {
            memcpy(copy, text.p, text.n);
            s = jstring_new(c->r, (struct str){ copy, text.n }, c->mark);
        }
        buf_deinit(&scratch);
        if (!s)
            return c->r->code;
        *out = (struct jvalue){ .type = JTYPE_BIGINT, .u.s = s };
    }
    return 0;
}

static int convert_array(struct convert *c, const struct json *node, struct jvalue *out)
{
    size_t n = json_len(node);
    struct jlist *l = jlist_new(c->r, n);
    for (size_t i = 0; l && i < n; i++) {
        struct jvalue v;
        if (convert(c, json_at(node, i), &v) != 0 || jlist_push(c->r, l, v) != 0)
            return c->r->code;
    }
    *out = jvalue_list(l);
    return l ? 0 : c->r->code;
}

static int convert_object(struct convert *c, const struct json *node, struct jvalue *out)
{
    struct jdict *d = jdict_new(c->r, json_len(node));
    struct json_iter it;
    for (bool more = d && json_first(&it, node); more; more = json_next(&it)) {
        struct jvalue key, v;
        if (jvalue_text(c->r, it.key, c->mark, &key) != 0 || convert(c, it.value, &v) != 0 ||
            jdict_set(c->r, d, key, v) != 0)
            return c->r->code;
    }
    *out = jvalue_dict(d);
    return d ? 0 : c->r->code;
}

static int convert_node(struct convert *c, const struct json *node, struct jvalue *out)
{
    switch (json_type(node)) {
    case JSON_NULL:
        *out = jvalue_none();
        return 0;
    case JSON_BOOL:
        *out = jvalue_bool(json_bool(node));
        return 0;
    case JSON_INT:
    case JSON_DOUBLE:
        return convert_number(c, node, out);
    case JSON_STRING:
        return jvalue_text(c->r, json_str(node), c->mark, out);
    case JSON_ARRAY:
        return convert_array(c, node, out);
    default:
        return convert_object(c, node, out);
    }
}

static int convert(struct convert *c, const struct json *node, struct jvalue *out)
{
    if (c->n_instead > 0 && node && node == c->instead[0].node) {
        node = c->instead[0].instead;
        c->instead++;
        c->n_instead--;
    }
    if (jrun_enter(c->r) != 0)
        return c->r->code;
    int rc = convert_node(c, node, out);
    jrun_leave(c->r);
    out->marked = c->mark == JMARK_VALUE;
    return rc;
}

/* Values of the names that the template mentions: from vars, else from own, else a global function. */
static int bind_names(const struct jinja *t, struct convert *vars_c, const struct json *vars, const struct json *own,
                      struct jvalue *out)
{
    struct convert own_c = { .r = vars_c->r, .mark = JMARK_TEMPLATE };
    for (size_t i = 0; i < t->ast.n_names; i++) {
        const char *name = t->ast.names[i];
        int rc = 0;
        if (json_has(vars, name))
            rc = convert(vars_c, json_get(vars, name), &out[i]);
        else if (own && json_has(own, name))
            rc = convert(&own_c, json_get(own, name), &out[i]);
        else
            out[i] = jglobal_find(str_from(name));
        if (rc != 0)
            return rc;
    }
    return 0;
}

int jinja_render_instead(const struct jinja *t, const struct json *vars, const struct jinja_instead *instead,
                         size_t n_instead, const struct json *own, int64_t now, const struct jinja_limits *limits,
                         struct marked *out, struct err *e)
{
    struct jrun r;
    jrun_init(&r, t->what, limits, e);
    r.now = now;
    r.line = 1;
    struct convert c = { .r = &r, .mark = JMARK_VALUE, .instead = instead, .n_instead = n_instead };
    struct jvalue *values = jrun_alloc(&r, t->ast.n_names, sizeof *values);
    int rc = values ? bind_names(t, &c, vars, own, values) : r.code;
    if (rc == 0)
        rc = jeval(&r, &t->ast, values, out);
    if (rc == 0)
        rc = buf_check(&out->text, t->what, e);
    jrun_deinit(&r);
    return rc;
}

int jinja_render(const struct jinja *t, const struct json *vars, const struct json *own, int64_t now,
                 const struct jinja_limits *limits, struct marked *out, struct err *e)
{
    return jinja_render_instead(t, vars, NULL, 0, own, now, limits, out, e);
}
