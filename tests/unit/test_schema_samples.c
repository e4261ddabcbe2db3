/* test_schema_samples.c - random texts of grammars made of schemas: of a seeded generator that uses every keyword, and of recorded tools.
 *
 * Here each text must be JSON that ends by itself; with `--write FILE` the schemas and texts are written, one JSON object a line, for a validator
 * (tests/cli/test_schema_oracle.sh).
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/rng.h"
#include "support/accepts.h"
#include "support/shared.h"
#include "text/grammar/grammar.h"

enum { SCHEMAS = 400, TEXTS = 6, HURRY = 50, CUT = 4000, MAX_RECORDED = 400 };

static FILE *out; /* NULL: not asked for */

static const char *const keywords[] = {
    "type",
    "enum",
    "const",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "items",
    "prefixItems",
    "contains",
    "minContains",
    "maxContains",
    "minItems",
    "maxItems",
    "uniqueItems",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "$ref",
    "$defs",
    "unevaluatedProperties",
    "unevaluatedItems",
};

/* --- the generator ------------------------------------------------------------------------------------------------------------ */

struct gen {
    struct rng *r;
    struct buf *b;
    bool first; /* no member of the open object was written */
};

static uint32_t below(struct gen *g, uint32_t n)
{
    return rng_below(g->r, n);
}

static void key(struct gen *g, const char *name)
{
    buf_printf(g->b, "%s\"%s\": ", g->first ? "" : ", ", name);
    g->first = false;
}

static void number(struct gen *g, const char *name, int lo, int hi)
{
    key(g, name);
    buf_printf(g->b, "%d", lo + (int)below(g, (uint32_t)(hi - lo + 1)));
}

static const char *const names[] = { "a", "b", "c", "xa", "ay" };

static void schema(struct gen *g, int depth);

static void sub(struct gen *g, const char *name, int depth)
{
    key(g, name);
    schema(g, depth - 1);
}

static void subs(struct gen *g, const char *name, int depth, uint32_t n)
{
    key(g, name);
    buf_char(g->b, '[');
    for (uint32_t i = 0; i < n; i++) {
        buf_z(g->b, i ? ", " : "");
        schema(g, depth - 1);
    }
    buf_char(g->b, ']');
}

static void named(struct gen *g, const char *name, const char *const *v, uint32_t n, int depth)
{
    key(g, name);
    buf_char(g->b, '{');
    uint32_t from = below(g, n), many = 1 + below(g, n - from);
    for (uint32_t i = from; i < from + many; i++) {
        buf_printf(g->b, "%s\"%s\": ", i > from ? ", " : "", v[i]);
        schema(g, depth - 1);
    }
    buf_char(g->b, '}');
}

static void strings(struct gen *g)
{
    static const char *const patterns[] = { "^[a-c]+$",     "b",     "^x|y$",       "[0-9]{2,3}",
                                            "^(foo|bar)*$", "\\\\.", "^\\\\w{1,4}$" };
    static const char *const formats[] = { "date",     "time", "date-time", "duration", "email",
                                           "hostname", "ipv4", "ipv6",      "uuid",     "uri" };
    key(g, "type");
    buf_z(g->b, "\"string\"");
    if (below(g, 2))
        number(g, "minLength", 0, 4);
    if (below(g, 2))
        number(g, "maxLength", 4, 12);
    if (below(g, 3) == 0) {
        key(g, "pattern");
        buf_printf(g->b, "\"%s\"", patterns[below(g, ARRAY_LEN(patterns))]);
    } else if (below(g, 4) == 0) {
        key(g, "format");
        buf_printf(g->b, "\"%s\"", formats[below(g, ARRAY_LEN(formats))]);
    }
}

static void numbers(struct gen *g)
{
    static const char *const factors[] = { "2", "5", "0.5", "0.25", "7", "100" };
    key(g, "type");
    buf_z(g->b, below(g, 2) ? "\"integer\"" : "\"number\"");
    if (below(g, 2))
        number(g, "minimum", -30, 10);
    if (below(g, 2))
        number(g, "maximum", 11, 200);
    if (below(g, 3) == 0)
        number(g, "exclusiveMinimum", -20, 5);
    if (below(g, 3) == 0)
        number(g, "exclusiveMaximum", 11, 120);
    if (below(g, 3) == 0) {
        key(g, "multipleOf");
        buf_z(g->b, factors[below(g, ARRAY_LEN(factors))]);
    }
}

static void objects(struct gen *g, int depth)
{
    static const char *const patterns[] = { "^x", "y$", "[0-9]" };
    uint32_t typed = below(g, 4);
    if (typed) {
        key(g, "type");
        buf_z(g->b, "\"object\"");
    }
    if (below(g, 4))
        named(g, "properties", names, ARRAY_LEN(names), depth);
    if (below(g, 2)) {
        key(g, "required");
        buf_printf(g->b, "[\"%s\"]", names[below(g, ARRAY_LEN(names))]);
    }
    if (below(g, 4) == 0)
        named(g, "patternProperties", patterns, ARRAY_LEN(patterns), depth);
    if (below(g, 3) == 0)
        sub(g, "additionalProperties", below(g, 2) ? 0 : depth);
    if (below(g, 6) == 0) {
        key(g, "propertyNames");
        buf_z(g->b, below(g, 2) ? "{\"pattern\": \"^[a-z]+$\"}" : "{\"enum\": [\"a\", \"b\", \"zz\"]}");
    }
    if (below(g, 5) == 0)
        number(g, "minProperties", 0, 2);
    if (below(g, 5) == 0)
        number(g, "maxProperties", 2, 4);
    if (below(g, 6) == 0) {
        key(g, "dependentRequired");
        buf_printf(g->b, "{\"a\": [\"%s\"]}", names[below(g, ARRAY_LEN(names))]);
    }
    if (below(g, 6) == 0)
        named(g, "dependentSchemas", names, 2, depth);
    if (below(g, 6) == 0)
        sub(g, "unevaluatedProperties", 0);
}

static void arrays(struct gen *g, int depth)
{
    key(g, "type");
    buf_z(g->b, "\"array\"");
    if (below(g, 5) == 0) {
        key(g, "items");
        buf_z(g->b, "{\"enum\": [1, \"a\", null, \"b\"]}");
        key(g, "uniqueItems");
        buf_z(g->b, "true");
        return;
    }
    if (below(g, 3))
        sub(g, "items", depth);
    if (below(g, 3) == 0)
        subs(g, "prefixItems", depth, 1 + below(g, 2));
    if (below(g, 3) == 0) {
        sub(g, "contains", depth);
        if (below(g, 2))
            number(g, "minContains", 0, 2);
        if (below(g, 2))
            number(g, "maxContains", 2, 3);
    }
    if (below(g, 3) == 0)
        number(g, "minItems", 0, 2);
    if (below(g, 3) == 0)
        number(g, "maxItems", 2, 5);
    if (below(g, 6) == 0)
        sub(g, "unevaluatedItems", 0);
}

static void constants(struct gen *g)
{
    static const char *const values[] = { "1",          "\"a\"", "null",   "true", "[1, \"b\"]",
                                          "{\"a\": 1}", "2.50",  "\"xy\"", "-3",   "\"\\\"q\\\\\"" };
    if (below(g, 2)) {
        key(g, "const");
        buf_z(g->b, values[below(g, ARRAY_LEN(values))]);
        return;
    }
    key(g, "enum");
    uint32_t from = below(g, ARRAY_LEN(values) - 2);
    buf_printf(g->b, "[%s, %s, %s]", values[from], values[from + 1], values[from + 2]);
}

static void combined(struct gen *g, int depth)
{
    static const char *const lists[] = { "anyOf", "oneOf", "allOf" };
    switch (below(g, 6)) {
    case 0:
        sub(g, "not", depth);
        break;
    case 1:
        sub(g, "if", depth);
        if (below(g, 4))
            sub(g, "then", depth);
        if (below(g, 4))
            sub(g, "else", depth);
        break;
    case 2:
        key(g, "$ref");
        buf_printf(g->b, "\"#/$defs/d%u\"", below(g, 3));
        break;
    default:
        subs(g, lists[below(g, 3)], depth, 2 + below(g, 2));
    }
    if (below(g, 2))
        objects(g, depth);
}

static void schema(struct gen *g, int depth)
{
    bool outer = g->first;
    if (below(g, 20) == 0) {
        buf_z(g->b, below(g, 4) ? "true" : "false");
        return;
    }
    buf_char(g->b, '{');
    g->first = true;
    switch (below(g, depth > 0 ? 9 : 4)) {
    case 0:
        strings(g);
        break;
    case 1:
        numbers(g);
        break;
    case 2:
        constants(g);
        break;
    case 3:
        key(g, "type");
        buf_z(g->b, "[\"boolean\", \"null\", \"integer\"]");
        break;
    case 4:
    case 5:
        objects(g, depth);
        break;
    case 6:
        arrays(g, depth);
        break;
    default:
        combined(g, depth);
    }
    buf_char(g->b, '}');
    g->first = outer;
}

static struct json *generate(struct rng *r)
{
    struct buf b = { 0 };
    struct gen g = { r, &b, true };
    buf_char(&b, '{');
    if (below(&g, 2))
        combined(&g, 3);
    else
        objects(&g, 3);
    key(&g, "$defs");
    buf_char(&b, '{');
    for (int i = 0; i < 3; i++) {
        buf_printf(&b, "%s\"d%d\": ", i ? ", " : "", i);
        schema(&g, 2);
    }
    buf_z(&b, "}}");
    struct json *v = NULL;
    struct err e = ERR_INIT;
    if (json_parse(&v, buf_view(&b), "schema", NULL, &e))
        fail_msg("%s: %s", e.msg, b.p);
    buf_deinit(&b);
    return v;
}

/* --- sampling ------------------------------------------------------------------------------------------------------------------ */

struct tally {
    size_t refused, limited, empty, schemas, texts, cut;
};

static void write_texts(const struct json *schema, const struct buf *texts, size_t n)
{
    struct buf line = { 0 };
    buf_z(&line, "{\"schema\": ");
    json_write(&line, schema);
    buf_z(&line, ", \"texts\": [");
    for (size_t i = 0; i < n; i++) {
        buf_z(&line, i ? ", " : "");
        json_write_str(&line, buf_view(&texts[i]));
    }
    buf_z(&line, "]}\n");
    fwrite(line.p, 1, line.n, out);
    buf_deinit(&line);
}

static void sample(const struct json *schema, bool strict, struct rng *r, struct tally *t)
{
    struct grammar *g = NULL;
    struct err e = ERR_INIT;
    struct buf texts[TEXTS] = { 0 }, relaxed = { 0 };
    size_t n = 0;
    int code = grammar_schema(&g, schema, strict, &relaxed, &e);
    t->refused += code == ERR_UNSUPPORTED || relaxed.n > 0;
    t->limited += code == ERR_LIMIT;
    t->empty += code == ERR_FORMAT;
    if (code != 0 || relaxed.n > 0) {
        buf_deinit(&relaxed);
        grammar_release(g);
        return;
    }
    t->schemas++;
    for (int i = 0; i < TEXTS; i++) {
        struct json *v = NULL;
        buf_reset(&texts[n]);
        if (!accepts_walk(g, r, HURRY, CUT, &texts[n])) {
            t->cut++;
            continue;
        }
        if (json_parse(&v, buf_view(&texts[n]), "text", &(struct json_limits){ .bytes = 1 << 20, .depth = 1000 }, &e))
            fail_msg("%s: %s", e.msg, texts[n].p);
        json_free(v);
        n++;
    }
    t->texts += n;
    if (out)
        write_texts(schema, texts, n);
    for (int i = 0; i < TEXTS; i++)
        buf_deinit(&texts[i]);
    grammar_release(g);
}

static void print(const char *what, const struct tally *t)
{
    print_message(
        "%s: %zu schemas, %zu texts, %zu cut; %zu not enforceable, %zu beyond a limit, %zu without any value\n", what,
        t->schemas, t->texts, t->cut, t->refused, t->limited, t->empty);
}

static void texts_of_generated_schemas_are_json_and_end(void **state)
{
    (void)state;
    struct rng r;
    struct tally t = { 0 };
    bool seen[ARRAY_LEN(keywords)] = { false };
    rng_init(&r, 6);
    for (int i = 0; i < SCHEMAS; i++) {
        struct json *v = generate(&r);
        struct buf text = { 0 };
        size_t before = t.texts;
        sample(v, true, &r, &t);
        json_write(&text, v);
        for (size_t k = 0; k < ARRAY_LEN(keywords) && t.texts > before; k++) {
            char quoted[64];
            snprintf(quoted, sizeof quoted, "\"%s\": ", keywords[k]);
            seen[k] = seen[k] || strstr(text.p, quoted);
        }
        buf_deinit(&text);
        json_free(v);
    }
    print("generated", &t);
    for (size_t k = 0; k < ARRAY_LEN(keywords); k++)
        if (!seen[k])
            fail_msg("no text of a schema with %s", keywords[k]);
    assert_true(t.schemas > SCHEMAS / 2);
    assert_true(t.cut < t.texts);
}

/* --- the schemas of recorded tools ----------------------------------------------------------------------------------------------- */

static char *recorded[MAX_RECORDED];
static size_t n_recorded;

static void keep(const struct json *v)
{
    struct buf text = { 0 };
    json_write(&text, v);
    for (size_t i = 0; i < n_recorded; i++)
        if (strcmp(recorded[i], text.p) == 0) {
            buf_deinit(&text);
            return;
        }
    assert_true(n_recorded < MAX_RECORDED);
    recorded[n_recorded++] = buf_take(&text);
}

static void collect(const struct json *v)
{
    struct json_iter it;
    if (json_type(v) == JSON_OBJECT && json_first(&it, v)) {
        do {
            bool holds = str_eqz(it.key, "parameters") || str_eqz(it.key, "input_schema") || str_eqz(it.key, "schema");
            if (holds && json_type(it.value) == JSON_OBJECT && json_has(it.value, "properties"))
                keep(it.value);
            collect(it.value);
        } while (json_next(&it));
    }
    for (size_t i = 0; json_type(v) == JSON_ARRAY && i < json_len(v); i++)
        collect(json_at(v, i));
}

static void texts_of_recorded_tools_are_json_and_end(void **state)
{
    (void)state;
    static const char *const agents[] = { "claude-code", "cline",     "codex",  "continue",      "opencode",
                                          "pi",          "qwen-code", "sdk-ai", "sdk-anthropic", "sdk-openai" };
    struct rng r;
    struct tally t = { 0 };
    rng_init(&r, 7);
    for (size_t i = 0; i < ARRAY_LEN(agents); i++) {
        char name[64];
        struct json *v = NULL;
        struct err e = ERR_INIT;
        snprintf(name, sizeof name, "agents/%s.shape.json", agents[i]);
        if (!shared_path(name)) {
            print_message("no recordings of agents (OCTET_SHARED)\n");
            skip();
        }
        if (json_read(&v, shared_path(name), NULL, &e))
            fail_msg("%s", e.msg);
        collect(v);
        json_free(v);
    }
    assert_true(n_recorded >= 131);
    for (size_t i = 0; i < n_recorded; i++) {
        struct json *v = NULL;
        struct err e = ERR_INIT;
        assert_int_equal(json_parse(&v, str_from(recorded[i]), "schema", NULL, &e), 0);
        sample(v, false, &r, &t);
        json_free(v);
        free(recorded[i]);
    }
    print("recorded", &t);
    /* Sanitizers make a large one take longer than it may. */
    assert_int_equal(t.schemas + t.limited, n_recorded);
    assert_true(t.limited * 20 < n_recorded);
    assert_true(t.cut < t.texts);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_generated_schemas_are_json_and_end),
        cmocka_unit_test(texts_of_recorded_tools_are_json_and_end),
    };
    if (argc == 3 && strcmp(argv[1], "--write") == 0 && !(out = fopen(argv[2], "w"))) {
        perror(argv[2]);
        return 1;
    }
    int code = cmocka_run_group_tests(tests, NULL, NULL);
    return out && fclose(out) ? 1 : code;
}
