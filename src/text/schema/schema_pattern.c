/* schema_pattern.c - patterns of schemas: whether they can be enforced, and which names they match.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_pattern.h"

#include "base/mem.h"

/* Spelt as JSON they become a few times as many. */
enum { MAX_STATES = 20000 };
#define MAX_NS INT64_C(40000000)

static const char *failure(struct schema *s, struct grammar_build *b, int node)
{
    struct grammar *g = NULL;
    struct err e = ERR_INIT;
    if (grammar_build_finish(b, node, &g, &e) == 0)
        grammar_release(g);
    struct str text = schema_core_copy(s, str_from(e.msg));
    return text.p;
}

static struct schema_pattern *find(struct schema *s, struct str text)
{
    for (size_t i = 0; i < s->n_patterns; i++)
        if (str_eq(s->patterns[i].text, text))
            return &s->patterns[i];
    const struct grammar_build_limits limits = { .states = MAX_STATES, .time_ns = MAX_NS };
    struct schema_pattern p = { .text = text, .b = grammar_build_new(&limits) };
    p.node = grammar_build_search(p.b, text, false);
    if (grammar_build_failed(p.b))
        p.why = failure(s, p.b, p.node);
    s->patterns = schema_core_grow(s->patterns, s->n_patterns, &s->cap_patterns, sizeof *s->patterns);
    s->patterns[s->n_patterns] = p;
    return &s->patterns[s->n_patterns++];
}

bool schema_pattern_usable(struct schema *s, struct str text, const struct json *at, const char *key)
{
    if (!schema_core_tick(s))
        return false;
    const struct schema_pattern *p = find(s, text);
    if (p->why)
        schema_core_drop(s, at, key, p->why);
    return !p->why;
}

bool schema_pattern_matches(struct schema *s, struct str text, struct str string)
{
    const struct schema_pattern *p = find(s, text);
    if (p->why || !schema_core_tick(s))
        return false;
    int both = grammar_build_and(p->b, grammar_build_literal(p->b, string), p->node);
    if (grammar_build_failed(p->b))
        schema_core_fail(s, ERR_LIMIT, "the schema is too complex: too many names to be matched by patterns");
    return !grammar_build_is_never(p->b, both);
}

void schema_pattern_free_all(struct schema *s)
{
    for (size_t i = 0; i < s->n_patterns; i++)
        grammar_build_free(s->patterns[i].b);
    mem_free(s->patterns);
}
