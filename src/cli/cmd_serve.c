/* cmd_serve.c - octet serve: answers agents over HTTP until it is told to stop.
 *
 * The port is bound first, so that one in use is known before a model is read; it is listened on last, when the model has answered. The ready
 * line is the only thing on standard output.
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700 /* realpath */
#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "api/script.h"
#include "api/service.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/version.h"
#include "cli/cmd.h"
#include "cli/load.h"
#include "cli/serve_opts.h"
#include "cli/summary.h"
#include "server/access.h"
#include "server/server.h"

/* WARM_TOKENS: enough for one step of each kind. ARENAS: glibc would give each few threads a heap of their own, and with a thread for each connection
 * what they free comes back late. */
enum { WARM_TOKENS = 4, WARM_MS = 100, ARENAS = 4 };

struct serve {
    struct serve_cli c;
    struct opts_parsed got;
    char *model_path; /* owned */
    char *name;       /* owned: the model's own name */
    struct load l;    /* its model belongs to the engine once that is open */
    struct engine *engine;
    struct script *script;
    struct service *service;
    struct server *server;
    struct access_log log;
    struct str *aliases; /* owned array */
    int64_t began_ns;
    double load_s, warm_s;
};

/* --- the signals that end it ------------------------------------------------------------------------------------------------------ */

static sem_t told;

/* A second signal has its usual effect: the end, at once. */
static void on_signal(int sig)
{
    (void)sig;
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    sem_post(&told);
}

static void catch_signals(void)
{
    struct sigaction old, a = { .sa_handler = on_signal };
    sem_init(&told, 0, 0);
    sigemptyset(&a.sa_mask);
    sigaction(SIGTERM, &a, NULL);
    /* A program in the background was told to ignore it, and goes on doing so. */
    if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(SIGINT, &a, NULL);
}

static void wait_for_signal(void)
{
    while (sem_wait(&told) && errno == EINTR)
        ;
}

/* --- the model -------------------------------------------------------------------------------------------------------------------- */

/* The last part of the path; in a Hugging Face cache, models--ORG--NAME/snapshots/HASH, "ORG/NAME". */
static char *name_of(const char *path)
{
    char *real = realpath(path, NULL), *name = NULL;
    char *at = real ? strstr(real, "/models--") : NULL, *end = at ? strstr(at, "/snapshots/") : NULL;
    if (end) {
        struct buf b = { 0 };
        for (const char *p = at + 9; p < end; p++) {
            bool cut = p[0] == '-' && p + 1 < end && p[1] == '-';
            buf_char(&b, cut ? '/' : *p);
            p += cut;
        }
        name = buf_take(&b);
    } else {
        const char *slash = strrchr(real ? real : path, '/');
        name = xstrdup(slash && slash[1] ? slash + 1 : path);
    }
    free(real);
    return name;
}

static int open_model(struct serve *s, struct err *e)
{
    struct model_opts mo;
    struct engine_opts eo;
    if (model_cli_opts(&mo, &s->c.model, e))
        return e->code;
    if (!mo.chunk)
        mo.chunk = ENGINE_CHUNK;
    int rc = load_open(&s->l, s->model_path, &mo, true, e);
    if (rc)
        return rc;
    engine_cli_opts(&eo, &s->c.engine);
    eo.n_ctx = s->c.model.n_ctx ? model_cli_context(&s->c.model, s->l.model, SIZE_MAX) : 0;
    eo.max_queued = (int)s->c.max_queue;
    eo.log_figures = true;
    s->load_s = s->l.seconds;
    rc = engine_open(&s->engine, s->l.model, s->l.tok, &eo, e);
    s->l.model = NULL;
    return rc;
}

/* The model's first answer: pages are read, threads run, and whatever is wrong shows before anybody asks. */
static int warm_up(struct serve *s, struct err *e)
{
    int64_t start = clock_ns();
    struct ids prompt = { 0 };
    struct request *r = NULL;
    struct engine_event ev = { 0 };
    struct engine_request q = { .no_cache_write = true };
    int rc = tokenizer_encode(s->l.tok, STR("Hello. Who are you?"), TOKENIZER_ADDED_NONE, &prompt, e);
    q.prompt = prompt.v;
    q.n_prompt = prompt.n;
    q.answer.sampling = sampling_from_config(model_config(engine_model(s->engine)));
    q.answer.sampling.temperature = 0;
    q.answer.max_tokens =
        MIN((size_t)WARM_TOKENS, engine_context(s->engine) - MIN(engine_context(s->engine), prompt.n));
    if (!rc && q.answer.max_tokens)
        rc = engine_submit(s->engine, &r, &q, e);
    while (r && !rc && ev.kind != ENGINE_FINISH)
        if (request_next(r, &ev, WARM_MS) && ev.kind == ENGINE_ERROR)
            rc = err_set(e, ev.err->code, "the model does not answer: %s", ev.err->msg);
    if (r)
        request_close(r);
    ids_deinit(&prompt);
    s->warm_s = clock_seconds_since(start);
    return rc;
}

static int open_service(struct serve *s, struct err *e)
{
    const struct serve_cli *c = &s->c;
    size_t n = c->aliases.n;
    s->aliases = xcalloc(n + 1, sizeof *s->aliases);
    for (size_t i = 0; i < n; i++)
        s->aliases[i] = str_from(c->aliases.v[i]);
    s->aliases[n] = str_from(s->name);
    if (c->script && script_open(&s->script, c->script, s->l.tok, e))
        return e->code;
    struct service_opts o = {
        .engine = s->engine,
        .tok = s->l.tok,
        .chat = s->l.chat,
        .model_dir = s->model_path,
        .model_name = s->aliases[0],
        .aliases = s->aliases + 1,
        .n_alias = n,
        .strict_model = c->strict_model,
        .tool_grammar = c->tool_grammar == 0,
        .max_n = (int)c->max_n,
        .sampling = sampling_cli_defaults(&c->sampling, model_config(engine_model(s->engine))),
        .cache_dir = c->engine.cache_dir,
        .trace_dir = c->trace_dir,
        .script = s->script,
        .access = s->got.quiet ? NULL : access_log_line,
        .access_arg = &s->log,
        .version = OCTET_VERSION,
        .load_s = s->load_s,
        .warm_s = s->warm_s,
    };
    return service_open(&s->service, &o, e);
}

/* --- the ready line --------------------------------------------------------------------------------------------------------------- */

/* How most of the weights are stored: "4-bit, group 64", "bf16". */
static void add_form(struct buf *out, const struct model *m)
{
    struct summary sum;
    const struct summary_row *most = NULL;
    summary_make(&sum, m);
    for (size_t i = 0; i < sum.n; i++)
        if (!most || sum.v[i].n_bytes > most->n_bytes)
            most = &sum.v[i];
    if (most && most->form.mode != QUANT_PLAIN)
        buf_printf(out, "%d-bit, group %d", most->form.bits, most->form.group);
    else if (most)
        buf_z(out, dtype_name(most->form.dtype));
    summary_deinit(&sum);
}

static void say_ready(const struct serve *s)
{
    const struct model *m = engine_model(s->engine);
    struct engine_stats stats;
    struct buf out = { 0 };
    double gib = 1.0 / (1 << 30);
    engine_stats(s->engine, &stats);
    buf_z(&out, "octet serve: ready, listening on ");
    for (size_t i = 0; i < server_n_url(s->server); i++)
        buf_printf(&out, i ? " and %s" : "%s", server_url(s->server, i));
    buf_printf(&out, "; model %.*s (", (int)s->aliases[0].n, s->aliases[0].p);
    add_form(&out, m);
    buf_printf(&out, ", %d layers), context %zu, backend %s", model_config(m)->n_layer, engine_context(s->engine),
               model_backend(m));
    buf_printf(&out, ", memory %.2f GiB of weights and %.2f GiB for keys and values",
               (double)model_dir(m)->weight_bytes * gib, (double)stats.kv_bytes * gib);
    buf_printf(&out, "; load %.2f s, warm-up %.2f s, total %.2f s\n", s->load_s, s->warm_s,
               clock_seconds_since(s->began_ns));
    fputs(out.p ? out.p : "", stdout);
    buf_deinit(&out);
}

/* --- the command ------------------------------------------------------------------------------------------------------------------ */

static int bind_server(struct serve *s, struct err *e)
{
    const struct serve_cli *c = &s->c;
    struct server_opts o = {
        .hosts = c->hosts.v,
        .n_host = c->hosts.n,
        .port = (int)c->port,
        .keys = c->keys,
        .n_key = c->n_key,
        .insecure = c->insecure,
        .allowed_hosts = c->allowed_hosts.v,
        .n_allowed_host = c->allowed_hosts.n,
        .cors_origins = c->cors_origins.v,
        .n_cors_origin = c->cors_origins.n,
        .max_connections = (size_t)c->max_connections,
    };
    return server_bind(&s->server, &o, e);
}

static int prepare(struct serve *s, struct err *e)
{
    const struct opt_list *args = &s->got.args;
    if (args->n > 1)
        return err_set(e, ERR_ARG, "expected one MODEL, found %zu arguments; see octet help serve", args->n);
    const char *named = args->n ? args->v[0] : s->c.model_path;
    s->model_path = named && *named ? xstrdup(named) : load_default_model(e);
    if (!s->model_path || serve_cli_keys(&s->c, e))
        return e->code;
    if (access_log_open(&s->log, s->c.log_file, s->c.log_json, e))
        return e->code;
    log_set_output(s->log.fd, s->c.log_json);
    if (!s->got.says_level)
        log_set_level(LOG_INFO);
    if (opts_source(&s->got, &s->c.given_keys) == OPT_FROM_ARGUMENTS)
        log_warn(
            "--api-key: other users of this machine can read arguments; OCTET_API_KEY or --api-key-file keeps the key");
    s->name = name_of(s->model_path);
    return bind_server(s, e);
}

static int serve(struct serve *s, struct err *e)
{
    if (prepare(s, e) || open_model(s, e) || warm_up(s, e) || open_service(s, e))
        return e->code;
    catch_signals();
    if (server_start(s->server, s->service, e))
        return e->code;
    say_ready(s);
    if (cmd_finish("serve"))
        return err_set(e, ERR_IO, "the ready line cannot be written");
    wait_for_signal();
    log_info("stopping: answers may go on for %" PRId64 " s; a second signal ends at once", s->c.drain_s);
    return 0;
}

static void clean_up(struct serve *s)
{
    server_close(s->server, (int)s->c.drain_s * 1000);
    service_close(s->service);
    script_close(s->script);
    engine_close(s->engine);
    load_close(&s->l);
    log_set_output(2, false);
    access_log_close(&s->log);
    serve_cli_deinit(&s->c);
    mem_free(s->aliases);
    mem_free(s->name);
    mem_free(s->model_path);
}

int cmd_serve(int argc, char **argv)
{
    struct serve s = { .log = { .fd = -1 }, .began_ns = clock_ns() };
    struct err e = ERR_INIT;
    int code = CMD_OK;
    serve_cli_init(&s.c);
    /* The name that servers of this kind give it. */
    for (size_t i = 0; i < ENGINE_OPTS_N; i++)
        if (strcmp(s.c.engine.table[i].name, "max-running") == 0)
            s.c.engine.table[i].name = "parallel";
    const struct opts opts = {
        "serve",
        "serve [MODEL] [OPTION]...",
        "Answers agents over HTTP: OpenAI chat completions, completions and Responses, and Anthropic messages.\n"
        "MODEL is a directory; without it, $OCTET_MODEL or the demonstration model is used. Every option can also\n"
        "be given by the environment (--cache-dir as OCTET_CACHE_DIR) or by the file that --config names.",
        s.c.groups,
        SERVE_GROUP_N,
    };
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, ARENAS);
#endif
    signal(SIGPIPE, SIG_IGN);
    if (opts_begin(&s.got, &opts, argc, argv, &code)) {
        if (serve(&s, &e))
            code = cmd_fail("serve", &e);
        clean_up(&s);
        opts_end(&s.got);
    } else {
        serve_cli_deinit(&s.c);
    }
    return code;
}
