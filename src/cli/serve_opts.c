/* serve_opts.c - the options of octet serve.
 * SPDX-License-Identifier: MIT */
#include "cli/serve_opts.h"

#include <string.h>

#include "base/base.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    DEFAULT_PORT = 8082,
    MAX_PORT = 65535,
    MAX_CONNECTIONS = 65536,
    MAX_QUEUE = 65536,
    DEFAULT_DRAIN_S = 30,
    MAX_DRAIN_S = 86400,
    MAX_CHOICES = 128,
    MAX_KEYS_BYTES = 1 << 20,
};

static void init_network(struct serve_cli *c)
{
    const struct opt rows[SERVE_NETWORK_N] = {
        OPT_LIST(0, "host", &c->hosts, "ADDRESS", "listen on ADDRESS; may be repeated (127.0.0.1 and ::1)"),
        OPT_INT(0, "port", &c->port, 0, MAX_PORT, "N", "0: any free port (8082)"),
        OPT_LIST(
            0, "api-key", &c->given_keys, "KEY",
            "let in who shows KEY; may be repeated. Other users of the machine see arguments: rather OCTET_API_KEY or "
            "a file"),
        OPT_STRING(0, "api-key-file", &c->key_file, "FILE", "keys, one a line"),
        OPT_LIST(0, "allowed-host", &c->allowed_hosts, "NAME",
                 "a name by which clients call this server, beside localhost and its addresses; may be repeated"),
        OPT_LIST(0, "cors-origin", &c->cors_origins, "ORIGIN",
                 "let pages of ORIGIN call, such as https://chat.example; * for all; may be repeated"),
        OPT_FLAG(0, "insecure", &c->insecure, "let other machines in without a key"),
        OPT_INT(0, "max-connections", &c->max_connections, 1, MAX_CONNECTIONS, "N", "beyond it 503 (1024)"),
        OPT_CONFIG(&c->config),
    };
    memcpy(c->network, rows, sizeof rows);
}

static void init_service(struct serve_cli *c)
{
    const struct opt rows[SERVE_SERVICE_N] = {
        OPT_STRING('m', "model", &c->model_path, "DIR", "the model, where no argument names it"),
        OPT_LIST(0, "alias", &c->aliases, "NAME",
                 "a name of the model; the first is the one it is listed by; may be repeated (its directory's name)"),
        OPT_FLAG(0, "strict-model", &c->strict_model, "refuse requests for any other model name"),
        OPT_CHOICE(0, "tool-grammar", &c->tool_grammar, "on|off", "keep tool calls to their schemas (on)"),
        OPT_INT(0, "max-queue", &c->max_queue, 1, MAX_QUEUE, "N", "requests that wait; beyond it 429 (512)"),
        OPT_INT(0, "max-choices", &c->max_n, 1, MAX_CHOICES, "N", "largest \"n\" of a request (16)"),
        OPT_INT(0, "drain-seconds", &c->drain_s, 0, MAX_DRAIN_S, "N", "how long answers may go on after SIGTERM (30)"),
        OPT_STRING(0, "script", &c->script, "FILE",
                   "take answers from FILE, JSON lines such as {\"text\": \"Hello\"}: to test clients with"),
    };
    memcpy(c->service, rows, sizeof rows);
}

static void init_log(struct serve_cli *c)
{
    const struct opt rows[SERVE_LOG_N] = {
        OPT_STRING(0, "log-file", &c->log_file, "FILE", "append the log and a line for each request to FILE (stderr)"),
        OPT_FLAG(0, "log-json", &c->log_json, "write them as JSON, one object a line"),
        OPT_STRING(0, "trace", &c->trace_dir, "DIR",
                   "store every request, its prompt, tokens and answer in DIR, for a bug report"),
    };
    memcpy(c->log, rows, sizeof rows);
}

void serve_cli_init(struct serve_cli *c)
{
    *c = (struct serve_cli){ .port = DEFAULT_PORT, .drain_s = DEFAULT_DRAIN_S };
    model_cli_init(&c->model);
    engine_cli_init(&c->engine);
    sampling_cli_init(&c->sampling);
    init_network(c);
    init_service(c);
    init_log(c);
    const struct opt_group groups[SERVE_GROUP_N] = {
        { "Network", c->network, SERVE_NETWORK_N },
        { "Service", c->service, SERVE_SERVICE_N },
        c->sampling.draw,
        c->model.group,
        c->engine.group,
        { "Log", c->log, SERVE_LOG_N },
    };
    memcpy(c->groups, groups, sizeof groups);
}

void serve_cli_deinit(struct serve_cli *c)
{
    opt_list_deinit(&c->hosts);
    opt_list_deinit(&c->given_keys);
    opt_list_deinit(&c->aliases);
    opt_list_deinit(&c->allowed_hosts);
    opt_list_deinit(&c->cors_origins);
    sampling_cli_deinit(&c->sampling);
    buf_deinit(&c->key_text);
    mem_free(c->keys);
}

static int add_key(struct serve_cli *c, struct str key, struct err *e)
{
    for (size_t i = 0; i < key.n; i++)
        if ((unsigned char)key.p[i] <= ' ' || (unsigned char)key.p[i] > '~')
            return err_set(e, ERR_ARG,
                           "an API key holds a character that no header may have; expected letters, digits, "
                           "punctuation");
    if (!key.n)
        return err_set(e, ERR_ARG, "--api-key: found nothing, expected a key");
    c->keys = xrealloc(c->keys, (c->n_key + 1) * sizeof *c->keys);
    c->keys[c->n_key++] = key;
    return 0;
}

int serve_cli_keys(struct serve_cli *c, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < c->given_keys.n && !rc; i++)
        rc = add_key(c, str_from(c->given_keys.v[i]), e);
    if (rc || !c->key_file)
        return rc;
    c->key_text.limit = MAX_KEYS_BYTES;
    if (file_read(&c->key_text, c->key_file, e))
        return e ? e->code : ERR_IO;
    struct str rest = buf_view(&c->key_text), line;
    size_t before = c->n_key;
    for (bool more = true; more && !rc;) {
        more = str_cut(&rest, '\n', &line);
        line = str_trim(more ? line : rest);
        if (line.n && line.p[0] != '#')
            rc = add_key(c, line, e);
    }
    if (!rc && c->n_key == before)
        rc = err_set(e, ERR_FORMAT, "%s: found no key, expected one a line", c->key_file);
    return rc;
}
