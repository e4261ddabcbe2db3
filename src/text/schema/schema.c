/* schema.c - JSON Schema as grammar nodes: defines the rule of every set of values that is asked for.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema.h"

#include "base/clock.h"
#include "base/mem.h"
#include "text/grammar/grammar.h"
#include "text/schema/schema_array.h"
#include "text/schema/schema_core.h"
#include "text/schema/schema_expr.h"
#include "text/schema/schema_norm.h"
#include "text/schema/schema_number.h"
#include "text/schema/schema_object.h"
#include "text/schema/schema_pattern.h"
#include "text/schema/schema_ref.h"
#include "text/schema/schema_string.h"
#include "text/schema/schema_token.h"

#define DEFAULT_TIME_NS INT64_C(100000000)
enum { MAX_BYTES = 1 << 20 };

int schema_space(struct grammar_build *b)
{
    return schema_token_space(b);
}

/* The texts of a document are the greater part of it; counted without being written out. */
static size_t weight(const struct json *v, int depth)
{
    size_t n = 2;
    struct json_iter it;
    if (json_type(v) == JSON_STRING)
        n += json_str(v).n;
    if (depth > 0 && json_type(v) == JSON_OBJECT && json_first(&it, v)) {
        do
            n += it.key.n + 4 + weight(it.value, depth - 1);
        while (n <= MAX_BYTES && json_next(&it));
    }
    for (size_t i = 0; depth > 0 && json_type(v) == JSON_ARRAY && i < json_len(v) && n <= MAX_BYTES; i++)
        n += weight(json_at(v, i), depth - 1);
    return n;
}

int schema_open(struct schema **out, struct grammar_build *b, const struct json *root, const struct schema_opts *o,
                struct err *e)
{
    *out = NULL;
    if (json_type(root) != JSON_OBJECT && json_type(root) != JSON_BOOL)
        return err_set(e, ERR_FORMAT, "schema: expected an object or a boolean, found %s",
                       json_type_name(json_type(root)));
    if (weight(root, SCHEMA_MAX_DEPTH) > MAX_BYTES)
        return err_set(e, ERR_LIMIT, "the schema is larger than %d bytes", MAX_BYTES);
    struct schema *s = xcalloc(1, sizeof *s);
    s->b = b;
    s->root = root;
    s->strict = o->strict;
    s->relaxed = o->relaxed;
    s->deadline_ns = clock_thread_ns() + (o->time_ns ? o->time_ns : DEFAULT_TIME_NS);
    schema_expr_init(s);
    schema_ref_index(s);
    if (s->err.code) {
        err_set(e, s->err.code, "%s", s->err.msg);
        int code = s->err.code;
        schema_free(s);
        return code;
    }
    *out = s;
    return 0;
}

void schema_free(struct schema *s)
{
    if (!s)
        return;
    schema_pattern_free_all(s);
    mem_free(s->exprs);
    mem_free(s->table);
    mem_free(s->queue);
    mem_free(s->resources);
    mem_free(s->anchors);
    mem_free(s->scopes);
    schema_core_free(s);
    mem_free(s);
}

static int boolean(struct schema *s, unsigned bools)
{
    const int both[] = { grammar_build_literal(s->b, STR("false")), grammar_build_literal(s->b, STR("true")) };
    return bools == 3 ? grammar_build_alt(s->b, both, 2) : both[bools - 1];
}

static int shape_node(struct schema *s, const struct schema_shape *x)
{
    switch (x->type) {
    case SCHEMA_BOOLEAN:
        return boolean(s, x->bools);
    case SCHEMA_NUMBER:
        return schema_number_value(s, &x->number);
    case SCHEMA_STRING:
        return schema_string_value(s, &x->string);
    case SCHEMA_ARRAY:
        return schema_array_value(s, &x->array);
    case SCHEMA_OBJECT:
        return schema_object_value(s, &x->object);
    default:
        return grammar_build_literal(s->b, STR("null"));
    }
}

static void define(struct schema *s, int e)
{
    const struct schema_set *set = schema_norm(s, e);
    int *v = schema_core_alloc(s, set->n, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; i < set->n && schema_core_tick(s); i++)
        v[n++] = shape_node(s, set->v[i]);
    grammar_build_define(s->b, s->exprs[e].rule, n ? grammar_build_alt(s->b, v, n) : grammar_build_never(s->b));
}

/* The failure of this call. Rules that it left undefined are forgotten, so that the next call begins afresh. */
static int result(struct schema *s, struct err *e)
{
    int code = s->err.code;
    if (code) {
        for (size_t i = 0; i < s->n_exprs; i++)
            s->exprs[i].rule = -1;
        s->n_queue = 0;
        err_set(e, code, "%s", s->err.msg);
        err_clear(&s->err);
    }
    return code;
}

static int place_of(struct schema *s, const struct json *sub)
{
    const struct schema_place root = { s->root, 0, 0 };
    return schema_expr_sub(s, schema_ref_enter(s, root, s->root), sub);
}

int schema_value(struct schema *s, const struct json *sub, unsigned types, int *node, struct err *e)
{
    int expr = schema_expr_and(s, place_of(s, sub), schema_expr_types(s, types));
    *node = schema_expr_rule(s, expr);
    while (s->n_queue && schema_core_tick(s))
        define(s, s->queue[--s->n_queue]);
    return result(s, e);
}

int schema_types(struct schema *s, const struct json *sub, unsigned *types, struct err *e)
{
    const struct schema_set *set = schema_norm(s, place_of(s, sub));
    *types = 0;
    for (size_t i = 0; i < set->n; i++)
        *types |= set->v[i]->type;
    return result(s, e);
}

int schema_raw_string(struct schema *s, const struct json *sub, int *node, struct err *e)
{
    const struct schema_set *set = schema_norm(s, place_of(s, sub));
    int *v = schema_core_alloc(s, set->n, sizeof *v);
    size_t n = 0;
    bool any = false;
    for (size_t i = 0; i < set->n && schema_core_tick(s); i++) {
        if (set->v[i]->type != SCHEMA_STRING)
            continue;
        any = any || set->v[i]->free;
        v[n++] = schema_string_chars(s, &set->v[i]->string, false);
    }
    *node = any ? -1 : n ? grammar_build_alt(s->b, v, n) : grammar_build_never(s->b);
    return result(s, e);
}

static int compile(struct grammar_build *b, const struct json *schema, const struct schema_opts *o, int *node,
                   struct err *e)
{
    struct schema *s = NULL;
    int value, code = schema_open(&s, b, schema, o, e);
    if (code || !s)
        return code;
    code = schema_value(s, schema, SCHEMA_ANY, &value, e);
    const int parts[] = { schema_token_space(b), value };
    *node = code ? -1 : grammar_build_seq(b, parts, 2);
    schema_free(s);
    return code;
}

int grammar_schema(struct grammar **out, const struct json *schema, bool strict, struct buf *relaxed, struct err *e)
{
    const struct schema_opts o = { .strict = strict, .relaxed = relaxed };
    struct grammar_build *b = grammar_build_new(NULL);
    int node = -1;
    *out = NULL;
    int code = compile(b, schema, &o, &node, e);
    if (code == 0)
        code = grammar_build_finish(b, node, out, e);
    grammar_build_free(b);
    return code;
}
