/* bench_mask.c - what keeping to a grammar costs a token, over the tool sets that agents were recorded with.
 *
 *   bench_mask TOKENIZER SHAPE.json...
 *
 * TOKENIZER is a tokenizer.json or a directory that holds one. From every recorded request with 12 to 25 tools one grammar is compiled: a JSON
 * object {"name", "arguments"}, the arguments in any order under the tool's parameters. Calls are made up under the same parameters, with
 * text from the descriptions, and fed token by token. First visit: the mask of a state that no matcher of this grammar was in, slices of the
 * vocabulary found anew for each set. Warm: the same calls again. Microseconds of processor time.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "format/json.h"
#include "text/grammar_build.h"
#include "text/matcher.h"
#include "text/token_trie.h"

enum { TOOLS_MIN = 12, TOOLS_MAX = 25, CALLS = 3, TIMES_MAX = 1 << 20, DEPTH_MAX = 6, KEYS_MAX = 64 };

struct times {
    double *us; /* owned */
    size_t n;
};

struct bench {
    struct tokenizer *tok;
    struct token_trie *trie;
    struct map seen; /* sets that were measured */
    struct rng rng;
    struct times compile, first, warm;
    size_t tokens, sets;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_mask: %s\n", what);
    exit(1);
}

static void note(struct times *t, int64_t from)
{
    if (!t->us && !(t->us = calloc(TIMES_MAX, sizeof *t->us)))
        die("out of memory");
    if (t->n < TIMES_MAX)
        t->us[t->n++] = (double)(clock_thread_ns() - from) * 1e-3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print(const char *name, struct times *t)
{
    if (!t->n)
        return;
    qsort(t->us, t->n, sizeof *t->us, by_value);
    printf("%-12s %7zu  median %8.1f  p90 %8.1f  p99 %8.1f  max %8.1f\n", name, t->n, t->us[t->n / 2],
           t->us[t->n * 9 / 10], t->us[t->n * 99 / 100], t->us[t->n - 1]);
}

/* --- a grammar of the recorded parameters ---------------------------------------------------------------------------------------- */

static bool is_type(const struct json *schema, const char *type)
{
    return str_eqz(json_str(json_get(schema, "type")), type);
}

static bool required(const struct json *schema, struct str key)
{
    const struct json *v = json_get(schema, "required");
    for (size_t i = 0; v && i < json_len(v); i++)
        if (str_eq(json_str(json_at(v, i)), key))
            return true;
    return false;
}

static int lit(struct grammar_build *b, const char *z)
{
    return grammar_build_literal(b, str_from(z));
}

static int space(struct grammar_build *b)
{
    return grammar_build_regex(b, STR("[ \\n]{0,32}"), false);
}

static int value(struct grammar_build *b, const struct json *schema, int depth);

static int object(struct grammar_build *b, const struct json *schema, int depth)
{
    struct grammar_member v[KEYS_MAX];
    size_t n = 0;
    struct json_iter it;
    for (bool more = json_first(&it, json_get(schema, "properties")); more && n < KEYS_MAX; more = json_next(&it)) {
        const int member[] = { lit(b, "\""), grammar_build_literal(b, it.key), lit(b, "\":"), space(b),
                               value(b, it.value, depth + 1) };
        v[n++] = (struct grammar_member){ grammar_build_seq(b, member, 5), required(schema, it.key) };
    }
    int sep = grammar_build_seq(b, (const int[]){ lit(b, ","), space(b) }, 2);
    const int parts[] = { lit(b, "{"), space(b), grammar_build_members(b, v, n, -1, sep, 0, SIZE_MAX), space(b),
                          lit(b, "}") };
    return grammar_build_seq(b, parts, 5);
}

static int array(struct grammar_build *b, const struct json *items, int depth)
{
    int x = value(b, items, depth + 1);
    const int more[] = { lit(b, ","), space(b), x };
    const int some[] = { x, grammar_build_repeat(b, grammar_build_seq(b, more, 3), 0, SIZE_MAX) };
    const int parts[] = { lit(b, "["), space(b), grammar_build_repeat(b, grammar_build_seq(b, some, 2), 0, 1), space(b),
                          lit(b, "]") };
    return grammar_build_seq(b, parts, 5);
}

static int choice(struct grammar_build *b, const struct json *values)
{
    int v[KEYS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < json_len(values) && n < KEYS_MAX; i++) {
        struct buf text = { 0 };
        json_write(&text, json_at(values, i));
        v[n++] = grammar_build_literal(b, buf_view(&text));
        buf_deinit(&text);
    }
    return grammar_build_alt(b, v, n);
}

/* What is none of these types is taken for a string. */
static int value(struct grammar_build *b, const struct json *schema, int depth)
{
    const struct json *values = json_get(schema, "enum");
    if (values)
        return choice(b, values);
    if (is_type(schema, "object") && depth < DEPTH_MAX)
        return object(b, schema, depth);
    if (is_type(schema, "array") && depth < DEPTH_MAX)
        return array(b, json_get(schema, "items"), depth);
    if (is_type(schema, "boolean"))
        return grammar_build_alt(b, (const int[]){ lit(b, "true"), lit(b, "false") }, 2);
    if (is_type(schema, "integer") || is_type(schema, "number"))
        return grammar_build_regex(b, STR("-?(?:0|[1-9]\\d*)"), false);
    return grammar_build_seq(b, (const int[]){ lit(b, "\""), grammar_build_chars(b, 0, SIZE_MAX, true), lit(b, "\"") },
                             3);
}

/* --- calls ----------------------------------------------------------------------------------------------------------------------- */

static void emit(struct bench *x, const struct json *schema, struct str words, int depth, struct buf *out);

static void emit_object(struct bench *x, const struct json *schema, struct str words, int depth, struct buf *out)
{
    struct json_iter it;
    size_t n = 0;
    buf_char(out, '{');
    for (bool more = json_first(&it, json_get(schema, "properties")); more && n < KEYS_MAX; more = json_next(&it)) {
        if (!required(schema, it.key) && rng_below(&x->rng, 2))
            continue;
        buf_z(out, n++ ? ", " : "");
        buf_char(out, '"');
        buf_str(out, it.key);
        buf_z(out, "\": ");
        emit(x, it.value, words, depth + 1, out);
    }
    buf_char(out, '}');
}

static void emit(struct bench *x, const struct json *schema, struct str words, int depth, struct buf *out)
{
    const struct json *values = json_get(schema, "enum");
    if (values) {
        json_write(out, json_at(values, rng_below(&x->rng, (uint32_t)MAX(json_len(values), 1))));
    } else if (is_type(schema, "object") && depth < DEPTH_MAX) {
        emit_object(x, schema, words, depth, out);
    } else if (is_type(schema, "array") && depth < DEPTH_MAX) {
        buf_char(out, '[');
        for (uint32_t n = rng_below(&x->rng, 3), i = 0; i < n; i++) {
            buf_z(out, i ? ", " : "");
            emit(x, json_get(schema, "items"), words, depth + 1, out);
        }
        buf_char(out, ']');
    } else if (is_type(schema, "boolean")) {
        buf_z(out, rng_below(&x->rng, 2) ? "true" : "false");
    } else if (is_type(schema, "integer") || is_type(schema, "number")) {
        buf_printf(out, "%u", rng_below(&x->rng, 5000));
    } else {
        size_t at = words.n ? rng_below(&x->rng, (uint32_t)words.n) : 0;
        struct buf clean = { 0 };
        utf8_clean(&clean, str_sub(words, at, at + 20 + rng_below(&x->rng, 200)));
        json_write_str(out, buf_view(&clean));
        buf_deinit(&clean);
    }
}

/* --- measuring ------------------------------------------------------------------------------------------------------------------- */

static const struct json *function_of(const struct json *tool)
{
    const struct json *f = json_get(tool, "function");
    return f ? f : tool;
}

static const struct json *parameters_of(const struct json *tool)
{
    const struct json *f = function_of(tool), *p = json_get(f, "parameters");
    return p ? p : json_get(f, "input_schema");
}

static struct grammar *compile(struct bench *x, const struct json *tools)
{
    struct err e = ERR_INIT;
    struct grammar *g;
    int v[TOOLS_MAX];
    size_t n = 0;
    int64_t t0 = clock_thread_ns();
    struct grammar_build *b = grammar_build_new(NULL);
    for (size_t i = 0; i < json_len(tools) && n < TOOLS_MAX; i++) {
        const struct json *f = function_of(json_at(tools, i));
        const int parts[] = { lit(b, "{\"name\": \""), grammar_build_literal(b, json_str(json_get(f, "name"))),
                              lit(b, "\", \"arguments\": "), object(b, parameters_of(json_at(tools, i)), 0),
                              lit(b, "}") };
        v[n++] = grammar_build_seq(b, parts, 5);
    }
    if (grammar_build_finish(b, grammar_build_alt(b, v, n), &g, &e))
        die(e.msg);
    note(&x->compile, t0);
    grammar_build_free(b);
    return g;
}

static void feed(struct bench *x, struct grammar *g, const struct ids *ids, struct times *first)
{
    struct err e = ERR_INIT;
    struct matcher *m;
    if (matcher_new(&m, g, x->trie, &e))
        die(e.msg);
    for (size_t i = 0; i < ids->n; i++) {
        bool known = matcher_mask_known(m);
        int64_t t0 = clock_thread_ns();
        const uint32_t *mask = matcher_mask(m);
        if (!first)
            note(&x->warm, t0);
        else if (!known)
            note(first, t0);
        int32_t id = ids->v[i];
        if ((mask && !(mask[id / 32] >> (id % 32) & 1)) || !matcher_accept(m, id))
            die("a call that keeps to its grammar is not accepted");
        x->tokens++;
    }
    if (!matcher_may_end(m))
        die("a whole call may not end");
    matcher_free(m);
}

static void measure(struct bench *x, const struct json *tools)
{
    struct err e = ERR_INIT;
    struct grammar *g = compile(x, tools);
    token_trie_forget(x->trie);
    for (size_t i = 0; i < json_len(tools) * CALLS; i++) {
        const struct json *f = function_of(json_at(tools, i / CALLS));
        struct buf text = { 0 };
        struct ids ids = { 0 };
        buf_z(&text, "{\"name\": \"");
        buf_str(&text, json_str(json_get(f, "name")));
        buf_z(&text, "\", \"arguments\": ");
        emit_object(x, parameters_of(json_at(tools, i / CALLS)), json_str(json_get(f, "description")), 0, &text);
        buf_char(&text, '}');
        if (tokenizer_encode(x->tok, buf_view(&text), TOKENIZER_ADDED_NONE, &ids, &e))
            die(e.msg);
        feed(x, g, &ids, &x->first);
        feed(x, g, &ids, NULL);
        ids_deinit(&ids);
        buf_deinit(&text);
    }
    grammar_release(g);
    x->sets++;
}

static void measure_file(struct bench *x, const char *path)
{
    struct err e = ERR_INIT;
    struct json *doc;
    if (json_read(&doc, path, NULL, &e))
        die(e.msg);
    const struct json *runs = json_get(doc, "runs");
    for (size_t r = 0; r < json_len(runs); r++) {
        const struct json *requests = json_get(json_at(runs, r), "requests");
        for (size_t q = 0; q < json_len(requests); q++) {
            const struct json *body = json_get(json_at(requests, q), "body");
            const struct json *tools = json_type(body) == JSON_OBJECT ? json_get(body, "tools") : NULL;
            struct buf key = { 0 };
            json_write(&key, tools);
            if (json_len(tools) >= TOOLS_MIN && json_len(tools) <= TOOLS_MAX &&
                map_set(&x->seen, buf_view(&key), 1) == 1)
                measure(x, tools);
            buf_deinit(&key);
        }
    }
    json_free(doc);
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct bench x = { 0 };
    if (argc < 3)
        die("usage: bench_mask TOKENIZER SHAPE.json...");
    rng_init(&x.rng, 1);
    if (tokenizer_open(&x.tok, argv[1], &e))
        die(e.msg);
    int32_t eos = tokenizer_find_added(x.tok, STR("<|im_end|>"));
    int64_t t0 = clock_thread_ns();
    if (token_trie_new(&x.trie, x.tok, &eos, 1, &e))
        die(e.msg);
    size_t n_node;
    token_trie_nodes(x.trie, &n_node);
    printf("vocabulary: %zu tokens, %zu nodes, %.0f ms\n", token_trie_count(x.trie), n_node,
           (double)(clock_thread_ns() - t0) * 1e-6);
    for (int i = 2; i < argc; i++)
        measure_file(&x, argv[i]);
    printf("%zu sets of tools, %zu tokens\n", x.sets, x.tokens / 2);
    print("compile", &x.compile);
    print("first visit", &x.first);
    print("warm", &x.warm);
    free(x.compile.us);
    free(x.first.us);
    free(x.warm.us);
    map_deinit(&x.seen);
    token_trie_free(x.trie);
    tokenizer_close(x.tok);
    return 0;
}
