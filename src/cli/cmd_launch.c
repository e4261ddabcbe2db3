/* cmd_launch.c - octet launch: starts an agent that uses a running server.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/http_client.h"
#include "cli/launch.h"
#include "cli/opts.h"
#include "format/json.h"

#define DEFAULT_URL "http://127.0.0.1:8082"

enum { ASK_MS = 5000, MAX_CONTEXT = 1 << 24 };

struct launch {
    const char *url, *model, *key, *key_file;
    int64_t context;
    bool print;
    struct opts_parsed got;
    struct http_url at;
    struct buf key_text, base, found_model;
};

static int read_key(struct launch *l, struct err *e)
{
    if (l->key_file) {
        struct buf text = { 0 };
        if (file_read(&text, l->key_file, e))
            return e->code;
        struct str rest = buf_view(&text), line = { 0 };
        for (bool more = true; more && (!line.n || line.p[0] == '#');) {
            more = str_cut(&rest, '\n', &line);
            line = str_trim(more ? line : rest);
        }
        bool found = line.n && line.p[0] != '#';
        if (found)
            buf_str(&l->key_text, line);
        buf_deinit(&text);
        if (!found)
            return err_set(e, ERR_FORMAT, "%s: found no key, expected one a line", l->key_file);
        l->key = l->key_text.p;
    }
    if (!l->key)
        l->key = getenv("OCTET_API_KEY");
    return 0;
}

/* The first model that the server lists. */
static int read_model(struct launch *l, const struct json *list, size_t *context, struct err *e)
{
    const struct json *data, *first;
    struct str id;
    int64_t n;
    if (json_req_array(list, "data", &data, e))
        return e->code;
    first = json_at(data, 0);
    if (!first)
        return json_expected(list, "data", "at least one model", e);
    if (json_req_str(first, "id", &id, e) || json_req_i64(first, "context_length", 1, MAX_CONTEXT, &n, e))
        return e->code;
    buf_str(&l->found_model, id);
    *context = (size_t)n;
    return 0;
}

static int ask(struct launch *l, size_t *context, struct err *e)
{
    struct http_request r = {
        .url = &l->at, .method = "GET", .path = "/v1/models", .key = l->key, .timeout_ms = ASK_MS
    };
    struct buf body = { 0 };
    struct json *list = NULL;
    int status = 0;
    int rc = http_fetch(&r, &status, &body, e);
    if (rc)
        err_wrap(e, "is octet serve running?");
    else if (status != 200)
        rc = err_set(e, ERR_IO, "%s/v1/models: expected status 200, found %d: %.*s", l->base.p, status,
                     (int)MIN(body.n, (size_t)300), body.p ? body.p : "");
    else if (!(rc = json_parse(&list, buf_view(&body), "/v1/models", NULL, e)))
        rc = read_model(l, list, context, e);
    json_free(list);
    buf_deinit(&body);
    return rc;
}

/* It holds the server's key. */
static int write_private(const char *path, struct str content, struct err *e)
{
    mode_t before = umask(077);
    int rc = file_write(path, content, e);
    umask(before);
    return rc;
}

/* Replaces this process; returns only on failure. */
static int start(struct launch_plan *p, const struct launch *l, struct err *e)
{
    size_t n_more = l->got.args.n - 1;
    char **argv = xcalloc(p->n_arg + n_more + 1, sizeof *argv);
    if (p->file && access(p->file, F_OK) != 0 && write_private(p->file, str_from(launch_word(p, p->file_text)), e)) {
        mem_free(argv);
        return e->code;
    }
    for (size_t i = 0; i < p->n_env; i++) {
        char *name = p->text.p + p->env[i], *value = strchr(name, '=') + 1;
        value[-1] = '\0';
        setenv(name, value, 1);
    }
    for (size_t i = 0; i < p->n_arg; i++)
        argv[i] = p->text.p + p->arg[i];
    for (size_t i = 0; i < n_more; i++)
        argv[p->n_arg + i] = (char *)(uintptr_t)l->got.args.v[1 + i];
    execvp(argv[0], argv);
    err_errno(e, "cannot start %s", argv[0]);
    mem_free(argv);
    return e->code;
}

static int launch(struct launch *l, struct err *e)
{
    struct launch_plan p = { 0 };
    struct buf out = { 0 };
    size_t context = 0;
    if (!l->got.args.n)
        return err_set(e, ERR_ARG, "expected an agent: claude, codex, opencode, qwen or anyclaude");
    if (http_url_parse(&l->at, l->url, e) || read_key(l, e))
        return e->code;
    buf_z(&l->base, l->url);
    while (l->base.n && l->base.p[l->base.n - 1] == '/')
        buf_truncate(&l->base, l->base.n - 1);
    /* What agents are given elsewhere often has it; here it is added where an agent wants it. */
    if (l->base.n > 3 && strcmp(l->base.p + l->base.n - 3, "/v1") == 0)
        buf_truncate(&l->base, l->base.n - 3);
    if ((!l->model || !l->context) && ask(l, &context, e))
        return e->code;
    struct launch_server s = { .url = l->base.p,
                               .model = l->model ? l->model : l->found_model.p,
                               .key = l->key && *l->key ? l->key : "local",
                               .context = l->context ? (size_t)l->context : context };
    int rc = launch_plan(&p, l->got.args.v[0], &s, e);
    if (!rc && l->print) {
        launch_plan_print(&p, l->got.args.v + 1, l->got.args.n - 1, &out);
        fwrite(out.p, 1, out.n, stdout);
    } else if (!rc) {
        rc = start(&p, l, e);
    }
    buf_deinit(&out);
    launch_plan_deinit(&p);
    return rc;
}

int cmd_launch(int argc, char **argv)
{
    struct launch l = { .url = DEFAULT_URL };
    struct err e = ERR_INIT;
    int code = CMD_OK;
    const struct opt table[] = {
        OPT_STRING(0, "url", &l.url, "URL", "the server (" DEFAULT_URL ")"),
        OPT_STRING(0, "model", &l.model, "NAME", "the name to ask for (the first that the server lists)"),
        OPT_INT(0, "context", &l.context, 1, MAX_CONTEXT, "N", "tokens of one conversation (what the server says)"),
        OPT_STRING(0, "api-key", &l.key, "KEY", "the server's key; better in $OCTET_API_KEY or a file"),
        OPT_STRING(0, "api-key-file", &l.key_file, "FILE", "a file of keys, as the server has it: the first is taken"),
        OPT_FLAG(0, "print", &l.print, "only print what would be set and started"),
    };
    const struct opt_group groups[] = { { NULL, table, ARRAY_LEN(table) } };
    const struct opts opts = {
        "launch",
        "launch AGENT [OPTION]... [-- ARGUMENT...]",
        "Starts a coding agent (claude, codex, opencode, qwen or anyclaude) that uses a running octet serve.\n"
        "What stands behind -- is given to the agent.",
        groups,
        ARRAY_LEN(groups),
    };
    if (opts_begin(&l.got, &opts, argc, argv, &code)) {
        code = launch(&l, &e) ? cmd_fail("launch", &e) : cmd_finish("launch");
        opts_end(&l.got);
    }
    buf_deinit(&l.key_text);
    buf_deinit(&l.base);
    buf_deinit(&l.found_model);
    return code;
}
