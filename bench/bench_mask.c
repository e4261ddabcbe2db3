/* bench_mask.c - what keeping to a grammar costs a token, over the tool sets that agents were recorded with.
 *
 *   bench_mask [--keep] TOKENIZER SHAPE.json...
 *
 * TOKENIZER is a tokenizer.json or a directory that holds one. From every recorded request with 12 to 25 tools one grammar is compiled, as the
 * server does for Qwen3-Coder's calls with tool_choice auto. Calls are made up under the tools' parameters, with text from the descriptions,
 * and fed token by token, some prose before them; where a made-up value breaks its schema the call is left. First visit: the mask of a state
 * that no matcher of this grammar was in, slices of the vocabulary found anew for each set (--keep: kept, as a server keeps them). Warm: the
 * same calls again. Microseconds of processor time.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "format/json.h"
#include "text/grammar/matcher.h"
#include "text/grammar/token_trie.h"
#include "text/toolcall/grammar_tools.h"
#include "text/toolcall/toolcall.h"
#include "text/toolcall/toolset.h"

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
    bool keep;
    size_t tokens, sets, calls, left;
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

/* --- calls ----------------------------------------------------------------------------------------------------------------------- */

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

static void emit_call(struct bench *x, struct str name, const struct json *schema, struct str words, struct buf *out)
{
    struct json_iter it;
    buf_z(out, "I look at that first.\n\n<tool_call>\n<function=");
    buf_str(out, name);
    buf_z(out, ">\n");
    for (bool more = json_first(&it, json_get(schema, "properties")); more; more = json_next(&it)) {
        if (!required(schema, it.key) && rng_below(&x->rng, 2))
            continue;
        struct buf value = { 0 };
        emit(x, it.value, words, 0, &value);
        buf_z(out, "<parameter=");
        buf_str(out, it.key);
        buf_z(out, ">\n");
        struct str v = buf_view(&value);
        buf_str(out, v.n && v.p[0] == '"' ? str_sub(v, 1, v.n - 1) : v); /* a string stands there as it is */
        buf_z(out, "\n</parameter>\n");
        buf_deinit(&value);
    }
    buf_z(out, "</function>\n</tool_call>");
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

/* Tools of the provider's own declare no parameters. */
static bool usable(const struct json *tool)
{
    return json_get(function_of(tool), "name") && parameters_of(tool);
}

/* The tools in the shape that templates get; the caller frees it. */
static struct json *template_tools(const struct json *tools)
{
    struct err e = ERR_INIT;
    struct json *out;
    struct buf text = { 0 };
    buf_char(&text, '[');
    for (size_t i = 0; i < json_len(tools); i++) {
        if (!usable(json_at(tools, i)))
            continue;
        buf_z(&text, text.n > 1 ? ", " : "");
        buf_z(&text, "{\"type\": \"function\", \"function\": {\"name\": ");
        json_write(&text, json_get(function_of(json_at(tools, i)), "name"));
        buf_z(&text, ", \"parameters\": ");
        json_write(&text, parameters_of(json_at(tools, i)));
        buf_z(&text, "}}");
    }
    buf_char(&text, ']');
    if (json_parse(&out, buf_view(&text), "tools", NULL, &e))
        die(e.msg);
    buf_deinit(&text);
    return out;
}

static struct grammar *compile(struct bench *x, const struct json *tools)
{
    struct err e = ERR_INIT;
    struct grammar *g;
    struct toolset set;
    struct json *shaped = template_tools(tools);
    if (toolset_init(&set, shaped, &e))
        die(e.msg);
    const struct grammar_tools_opts o = { .format = toolcall_format_find(STR("qwen3-coder-xml")),
                                          .tools = &set,
                                          .mode = GRAMMAR_TOOLS_AUTO,
                                          .parallel = true };
    int64_t t0 = clock_thread_ns();
    if (grammar_tools(&g, &o, NULL, &e))
        die(e.msg);
    note(&x->compile, t0);
    toolset_deinit(&set);
    json_free(shaped);
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
        bool in = !mask || (mask[id / 32] >> (id % 32) & 1);
        if (matcher_accept(m, id) != in)
            die("a mask says something else than accept");
        if (!in) {
            x->left += !first;
            break;
        }
        x->tokens++;
    }
    matcher_free(m);
}

static void measure(struct bench *x, const struct json *tools)
{
    struct err e = ERR_INIT;
    struct grammar *g = compile(x, tools);
    if (!x->keep)
        token_trie_forget(x->trie);
    for (size_t i = 0; i < json_len(tools) * CALLS; i++) {
        const struct json *f = function_of(json_at(tools, i / CALLS));
        if (!usable(json_at(tools, i / CALLS)))
            continue;
        struct buf text = { 0 };
        struct ids ids = { 0 };
        emit_call(x, json_str(json_get(f, "name")), parameters_of(json_at(tools, i / CALLS)),
                  json_str(json_get(f, "description")), &text);
        x->calls++;
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
    if (argc > 1 && !strcmp(argv[1], "--keep")) {
        x.keep = true;
        argv++;
        argc--;
    }
    if (argc < 3)
        die("usage: bench_mask [--keep] TOKENIZER SHAPE.json...");
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
    printf("%zu sets of tools, %zu calls (%zu left), %zu tokens\n", x.sets, x.calls, x.left, x.tokens / 2);
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
