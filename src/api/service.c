/* service.c - what all exchanges share.
 * SPDX-License-Identifier: MIT */
#include "api/service.h"

#include <string.h>
#include <time.h>

#include "api/items.h"
#include "api/service_state.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"

enum { MAX_N = 16, TEXT_BYTES = 16 << 20, ITEMS_BYTES = 64 << 20, RETRY_MIN_S = 5, RETRY_MAX_S = 60 };
static const uint64_t queue_bytes = (uint64_t)256 << 20;

/* A file of the model directory, if it is there: empty otherwise. `path` may name a single file, which has none beside it. */
static void read_beside(struct buf *out, const char *dir, const char *name)
{
    struct err ignored = ERR_INIT;
    char *path = file_join(dir, name);
    out->limit = TEXT_BYTES;
    if (file_exists(path) && file_read(out, path, &ignored))
        buf_reset(out);
    mem_free(path);
}

/* What the texts beside the model say about its calls and its reasoning. */
static void find_format(struct service *s)
{
    struct buf config = { 0 }, template = { 0 };
    struct json *j = NULL;
    struct str named = { 0 }, shown;
    struct err ignored = ERR_INIT;
    read_beside(&config, s->o.model_dir, "tokenizer_config.json");
    read_beside(&template, s->o.model_dir, "chat_template.jinja");
    if (config.n && !json_parse(&j, buf_view(&config), "tokenizer_config.json", NULL, &ignored)) {
        if (json_opt_str(j, "tool_parser_type", &named, &ignored))
            named = (struct str){ 0 };
    }
    /* Without a file of its own the template stands in the configuration, as a string or several: its words are found there, too. */
    shown = template.n ? buf_view(&template) : buf_view(&config);
    s->format = toolcall_format_detect(named, shown);
    s->reasons = str_find(shown, STR("<think>")) >= 0;
    json_free(j);
    buf_deinit(&config);
    buf_deinit(&template);
}

static int open_parts(struct service *s, struct err *e)
{
    uint8_t identity[ENGINE_IDENTITY_BYTES];
    engine_identity(s->o.engine, identity);
    const struct replay_opts r = { .dir = s->o.cache_dir, .identity = { (const char *)identity, sizeof identity } };
    s->items = items_new(ITEMS_BYTES);
    int rc = constrain_new(&s->constrain, s->o.tok, s->eos, s->n_eos, e);
    if (!rc)
        rc = replay_open(&s->replay, &r, e);
    return rc;
}

int service_open(struct service **out, const struct service_opts *o, struct err *e)
{
    struct service *s = xcalloc(1, sizeof *s);
    const struct config *config = model_config(engine_model(o->engine));
    s->o = *o;
    if (!s->o.max_n)
        s->o.max_n = MAX_N;
    if (!s->o.queue_bytes)
        s->o.queue_bytes = queue_bytes;
    s->eos = config->eos;
    s->n_eos = config->n_eos;
    s->context = engine_context(o->engine);
    s->created = (int64_t)time(NULL);
    s->opened_ns = clock_ns();
    metrics_init(&s->metrics);
    pthread_mutex_init(&s->mu, NULL);
    find_format(s);
    s->prompts = prompt_maker_new(o->chat, o->tok);
    s->defaults =
        (struct api_defaults){ .sampling = o->sampling, .max_n = s->o.max_n, .tool_grammar = o->tool_grammar };
    prompt_maker_defaults(s->prompts, &s->defaults);
    int rc = open_parts(s, e);
    if (rc) {
        service_close(s);
        s = NULL;
    }
    *out = s;
    return rc;
}

void service_close(struct service *s)
{
    if (!s)
        return;
    replay_close(s->replay);
    items_free(s->items);
    constrain_free(s->constrain);
    prompt_maker_free(s->prompts);
    metrics_deinit(&s->metrics);
    pthread_mutex_destroy(&s->mu);
    mem_free(s);
}

void service_drain(struct service *s)
{
    atomic_store(&s->draining, true);
}

void service_cut(struct service *s)
{
    atomic_store(&s->cut, true);
}

int service_running(struct service *s)
{
    return atomic_load(&s->n_running);
}

void service_busy(const struct service *s, struct api_error *x, const char *what)
{
    int64_t wait = engine_expected_wait_ns(s->o.engine) / 1000000000 + 1;
    api_error_set(x, API_ERR_BUSY, NULL, "%s; try again later", what);
    x->retry_after_s = (int)MIN(MAX(wait, RETRY_MIN_S), RETRY_MAX_S);
}

bool service_refuses(const struct service *s, struct api_error *x)
{
    if (!atomic_load(&s->draining))
        return false;
    api_error_set(x, API_ERR_UNAVAILABLE, NULL, "the server is shutting down");
    x->retry_after_s = RETRY_MIN_S;
    return true;
}

struct api_defaults service_defaults(const struct service *s, struct str key_id)
{
    struct api_defaults def = s->defaults;
    def.items = s->items;
    def.key_id = key_id;
    return def;
}

bool service_knows_model(const struct service *s, struct str name, struct api_error *x)
{
    if (!s->o.strict_model || !name.n || str_eq(name, s->o.model_name))
        return true;
    for (size_t i = 0; i < s->o.n_alias; i++) {
        if (str_eq(name, s->o.aliases[i]))
            return true;
    }
    api_error_set(x, API_ERR_MODEL, "model", "the model \"%.*s\" does not exist here", (int)MIN(name.n, 200), name.p);
    return false;
}
