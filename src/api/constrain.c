/* constrain.c - from a request to a matcher, with the grammars made last.
 * SPDX-License-Identifier: MIT */
#include "api/constrain.h"

#include <pthread.h>
#include <string.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"
#include "text/toolcall/grammar_tools.h"

enum { KEPT = 32, TOLD = 1024 };

struct kept {
    struct buf key;    /* all that the grammar was made of; empty: the place is free */
    struct grammar *g; /* held; NULL: none could be made of it */
    uint64_t used;
};

struct constrain {
    struct token_trie *trie; /* owned */
    pthread_mutex_t mu;
    /* Guarded by mu. */
    struct kept kept[KEPT];
    uint64_t now;
    struct constrain_stats stats;
    uint64_t told[TOLD]; /* hashes of what the log has said, the oldest is overwritten */
    size_t n_told;
};

int constrain_new(struct constrain **out, const struct tokenizer *tok, const int32_t *eos, size_t n_eos, struct err *e)
{
    struct token_trie *trie;
    *out = NULL;
    int rc = token_trie_new(&trie, tok, eos, n_eos, e);
    if (rc)
        return rc;
    *out = xcalloc(1, sizeof **out);
    (*out)->trie = trie;
    pthread_mutex_init(&(*out)->mu, NULL);
    return 0;
}

void constrain_free(struct constrain *c)
{
    if (!c)
        return;
    for (int i = 0; i < KEPT; i++) {
        grammar_release(c->kept[i].g);
        buf_deinit(&c->kept[i].key);
    }
    token_trie_free(c->trie);
    pthread_mutex_destroy(&c->mu);
    mem_free(c);
}

void constrain_stats(struct constrain *c, struct constrain_stats *out)
{
    pthread_mutex_lock(&c->mu);
    *out = c->stats;
    pthread_mutex_unlock(&c->mu);
}

/* --- the grammars made last ----------------------------------------------------------------------------------------------------------- */

/* False: nothing was made of `key` yet. True: *g is its grammar, held for the caller; NULL: it has none. */
static bool find(struct constrain *c, const struct buf *key, struct grammar **g)
{
    bool found = false;
    pthread_mutex_lock(&c->mu);
    for (int i = 0; i < KEPT && !found; i++) {
        struct kept *k = &c->kept[i];
        if (k->key.n && str_eq(buf_view(&k->key), buf_view(key))) {
            k->used = ++c->now;
            *g = k->g ? grammar_hold(k->g) : NULL;
            c->stats.n_reused++;
            found = true;
        }
    }
    pthread_mutex_unlock(&c->mu);
    return found;
}

/* Keeps g, which may be NULL, in the place that was used longest ago. Takes the key over. */
static void keep(struct constrain *c, struct buf *key, struct grammar *g)
{
    pthread_mutex_lock(&c->mu);
    struct kept *k = &c->kept[0];
    for (int i = 1; i < KEPT; i++) {
        if (c->kept[i].used < k->used)
            k = &c->kept[i];
    }
    struct kept old = *k;
    *k = (struct kept){ .key = *key, .g = g ? grammar_hold(g) : NULL, .used = ++c->now };
    c->stats.n_compiled += g != NULL;
    pthread_mutex_unlock(&c->mu);
    *key = (struct buf){ 0 };
    grammar_release(old.g);
    buf_deinit(&old.key);
}

/* --- what a request asks for ---------------------------------------------------------------------------------------------------------- */

/* The forms that a grammar is made for. */
enum form { FORM_FREE, FORM_TOOLS, FORM_JSON, FORM_SCHEMA, FORM_REGEX, FORM_EBNF };

static const char *format_param(enum api_dialect d)
{
    return d == API_MESSAGES ? "output_config.format" : d == API_RESPONSES ? "text.format" : "response_format";
}

static bool has_format(const struct api_request *r)
{
    return r->format != API_FORMAT_TEXT;
}

static bool forced(const struct api_request *r)
{
    return r->tool_choice == API_TOOLS_REQUIRED || r->tool_choice == API_TOOLS_NAMED;
}

static bool may_call(const struct constrain_ask *a)
{
    return a->format && a->tools->n && a->request->tool_choice != API_TOOLS_NONE;
}

static bool is_json(const struct api_request *r)
{
    return r->format == API_FORMAT_JSON || r->format == API_FORMAT_SCHEMA;
}

/* Tools were shown, and none may be called. */
static bool must_not_call(const struct constrain_ask *a)
{
    const struct api_request *r = a->request;
    return a->format && json_len(r->tools) && r->tool_choice == API_TOOLS_NONE && !has_format(r);
}

static enum form form_of(const struct constrain_ask *a)
{
    const struct api_request *r = a->request;
    if (must_not_call(a) && r->tool_grammar)
        return FORM_TOOLS;
    if (may_call(a) && (forced(r) || is_json(r) || r->tool_grammar))
        return FORM_TOOLS;
    /* With reasoning before it, a form of JSON is the tools' grammar without tools. */
    if (is_json(r) && (a->reasoning || a->opens_think))
        return FORM_TOOLS;
    switch (r->format) {
    case API_FORMAT_JSON:
        return FORM_JSON;
    case API_FORMAT_SCHEMA:
        return FORM_SCHEMA;
    case API_FORMAT_REGEX:
        return FORM_REGEX;
    case API_FORMAT_EBNF:
        return FORM_EBNF;
    case API_FORMAT_TEXT:
        break;
    }
    return FORM_FREE;
}

static struct grammar_tools_opts tools_opts(const struct constrain_ask *a)
{
    const struct api_request *r = a->request;
    static const struct toolset none;
    bool calls = may_call(a);
    return (struct grammar_tools_opts){
        .format = a->format,
        .tools = calls ? a->tools : &none,
        .mode = calls && forced(r) ? GRAMMAR_TOOLS_REQUIRED
                : must_not_call(a) ? GRAMMAR_TOOLS_NONE
                                   : GRAMMAR_TOOLS_AUTO,
        .parallel = r->parallel_calls,
        .schema = r->format == API_FORMAT_SCHEMA ? r->format_schema : NULL,
        .strict = r->format_strict,
        .any_json = r->format == API_FORMAT_JSON,
        .reasoning = a->reasoning,
        .opens_think = a->opens_think,
    };
}

static void make_key(struct buf *key, enum form f, const struct constrain_ask *a)
{
    const struct api_request *r = a->request;
    buf_printf(key, "%d %d %d ", f, r->format, r->format_strict);
    if (f == FORM_TOOLS) {
        struct grammar_tools_opts o = tools_opts(a);
        buf_printf(key, "%s %d %d %d %d ", o.format ? toolcall_format_name(o.format) : "", o.mode, o.parallel,
                   o.reasoning, o.opens_think);
        for (size_t i = 0; i < o.tools->n; i++)
            buf_char(key, r->tool[i].allowed ? '+' : '-');
        if (o.tools->n)
            json_write(key, r->tools);
    }
    if (r->format == API_FORMAT_SCHEMA)
        json_write(key, r->format_schema);
    buf_str(key, r->format_text);
}

/* A tool refuses no request: where no grammar can be made of the tools, *g is NULL and calls are free. What the format of the answer alone would be
 * refused for still is. */
static int without_tools(struct grammar **g, struct grammar_tools_opts *o, const struct err *why, struct buf *relaxed,
                         struct err *e)
{
    static const struct toolset none;
    int rc = 0;
    *g = NULL;
    o->tools = &none;
    if (o->mode == GRAMMAR_TOOLS_AUTO && (o->schema || o->any_json))
        rc = grammar_tools(g, o, NULL, e);
    grammar_release(*g);
    *g = NULL;
    if (!rc)
        buf_printf(relaxed, "tools and the form of the answer: %s\n", why->msg);
    return rc;
}

/* A strict schema is refused for what cannot be enforced also where calls take the place of the answer that it is for. */
static int check_unused(const struct grammar_tools_opts *o, struct err *e)
{
    struct grammar *g = NULL;
    int rc =
        o->mode == GRAMMAR_TOOLS_REQUIRED && o->schema && o->strict ? grammar_schema(&g, o->schema, true, NULL, e) : 0;
    grammar_release(g);
    return rc;
}

static int compile_tools(struct grammar **g, const struct constrain_ask *a, struct buf *relaxed, struct err *e)
{
    struct grammar_tools_opts o = tools_opts(a);
    struct err why = ERR_INIT;
    int rc = check_unused(&o, e);
    if (rc)
        return rc;
    bool *allowed = xcalloc(o.tools->n, sizeof *allowed);
    for (size_t i = 0; i < o.tools->n; i++)
        allowed[i] = a->request->tool[i].allowed;
    o.allowed = allowed;
    rc = grammar_tools(g, &o, relaxed, &why);
    mem_free(allowed);
    o.allowed = NULL;
    if (rc && rc != ERR_NOMEM && o.tools->n)
        return without_tools(g, &o, &why, relaxed, e);
    return rc ? err_set(e, rc, "%s", why.msg) : 0;
}

static int compile(struct grammar **g, enum form f, const struct constrain_ask *a, struct buf *relaxed, struct err *e)
{
    const struct api_request *r = a->request;
    switch (f) {
    case FORM_TOOLS:
        return compile_tools(g, a, relaxed, e);
    case FORM_JSON:
        return grammar_json(g, true, e);
    case FORM_SCHEMA:
        return grammar_schema(g, r->format_schema, r->format_strict, relaxed, e);
    case FORM_REGEX:
        return grammar_regex(g, r->format_text, e);
    case FORM_EBNF:
        return grammar_ebnf(g, r->format_text, e);
    case FORM_FREE:
        break;
    }
    return err_set(e, ERR_ARG, "nothing to compile");
}

/* Whether the log has not said this yet; from now on it has. */
static bool is_news(struct constrain *c, uint64_t hash)
{
    bool news = true;
    pthread_mutex_lock(&c->mu);
    for (size_t i = 0; i < MIN(c->n_told, (size_t)TOLD) && news; i++)
        news = c->told[i] != hash;
    if (news)
        c->told[c->n_told++ % TOLD] = hash;
    pthread_mutex_unlock(&c->mu);
    return news;
}

/* Once for each set of tools and schema, in however many grammars these take part. */
static void log_relaxed(struct constrain *c, const struct constrain_ask *a, const struct buf *relaxed)
{
    struct str rest = buf_view(relaxed), line;
    struct buf set = { 0 };
    if (!rest.n)
        return;
    json_write(&set, a->request->tools);
    json_write(&set, a->request->format_schema);
    uint64_t seed = XXH3_64bits(set.p, set.n);
    buf_deinit(&set);
    while (rest.n) {
        if (!str_cut(&rest, '\n', &line)) {
            line = rest;
            rest = (struct str){ 0 };
        }
        if (is_news(c, XXH3_64bits_withSeed(line.p, line.n, seed)))
            log_info("%.*s: not enforced: %.*s", (int)a->request_id.n, a->request_id.p, (int)line.n, line.p);
    }
}

/* Finds or makes the grammar, held for the caller; 0 with *g NULL: none can be made, and none is needed. */
static int grammar_for(struct constrain *c, enum form f, const struct constrain_ask *a, struct grammar **g,
                       struct err *e)
{
    struct buf key = { 0 }, relaxed = { 0 };
    int rc = 0;
    make_key(&key, f, a);
    *g = NULL;
    if (!find(c, &key, g)) {
        rc = compile(g, f, a, &relaxed, e);
        if (!rc) {
            log_relaxed(c, a, &relaxed);
            keep(c, &key, *g);
        }
    }
    buf_deinit(&relaxed);
    buf_deinit(&key);
    return rc;
}

int constrain_matcher(struct constrain *c, const struct constrain_ask *a, struct matcher **out, struct api_error *x)
{
    const struct api_request *r = a->request;
    struct err e = ERR_INIT;
    *out = NULL;
    if (may_call(a) && has_format(r) && !is_json(r)) {
        api_error_set(x, API_ERR_INVALID, format_param(r->dialect),
                      "a regular expression or grammar for the answer cannot be combined with tools");
        return -1;
    }
    enum form f = form_of(a);
    if (f == FORM_FREE)
        return 0;
    struct grammar *g;
    int rc = grammar_for(c, f, a, &g, &e);
    if (!rc && g)
        rc = matcher_new(out, g, c->trie, &e);
    if (rc)
        api_error_from(x, &e, has_format(r) ? format_param(r->dialect) : "tools");
    grammar_release(g);
    return rc ? -1 : 0;
}
