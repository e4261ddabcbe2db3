/* cmd_bench.c - octet bench: what the engine gives for many conversations on this machine.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "cli/bench.h"
#include "cli/cmd.h"
#include "cli/engine_opts.h"
#include "cli/model_opts.h"

enum { MAX_AGENTS = 1024, MAX_TOKENS = 1 << 22, MAX_TURNS = 1000, MAX_REQUESTS = 1000000, MAX_STREAMS = 4096 };

struct bench {
    struct model_cli model;
    struct engine_cli engine;
    struct bench_cache cache;
    struct bench_throughput throughput;
    struct bench_guesses guesses;
    struct bench_serve serve;
    struct opts_parsed got;
};

static int ask_server(struct bench *v, struct err *e)
{
    struct buf out = { 0 };
    v->serve.url = v->got.args.v[1];
    int rc = bench_serve(&v->serve, &out, e);
    if (out.n && !buf_check(&out, "the report", rc ? NULL : e))
        fwrite(out.p, 1, out.n, stdout);
    buf_deinit(&out);
    return rc;
}

static int bench(struct bench *v, struct err *e)
{
    struct bench_model b = { 0 };
    struct buf out = { 0 };
    const char *what = v->got.args.n ? v->got.args.v[0] : "";
    bool is_cache = strcmp(what, "cache") == 0, is_guesses = strcmp(what, "guesses") == 0;
    if (v->got.args.n == 2 && strcmp(what, "serve") == 0)
        return ask_server(v, e);
    if (v->got.args.n != 2 || (!is_cache && !is_guesses && strcmp(what, "throughput") != 0))
        return err_set(
            e, ERR_ARG,
            "expected \"cache MODEL\", \"throughput MODEL\", \"guesses MODEL\" or \"serve URL\"; see octet help "
            "bench");
    if (model_cli_opts(&b.model, &v->model, e))
        return e->code;
    b.path = v->got.args.v[1];
    b.model.chunk = b.model.chunk ? b.model.chunk : ENGINE_CHUNK;
    engine_cli_opts(&b.engine, &v->engine);
    b.engine.n_ctx = (size_t)v->model.n_ctx;
    int rc = is_cache     ? bench_cache(&v->cache, &b, &out, e)
             : is_guesses ? bench_guesses(&v->guesses, &b, &out, e)
                          : bench_throughput(&v->throughput, &b, &out, e);
    if (!rc && !buf_check(&out, "the report", e))
        fwrite(out.p, 1, out.n, stdout);
    buf_deinit(&out);
    return rc;
}

int cmd_bench(int argc, char **argv)
{
    struct bench v = {
        .cache = { .n_agent = 8, .n_prefix = 18000, .n_tail = 200, .n_turn = 3, .n_new = 100, .n_answer = 20 },
        .throughput = { .parallel = "1,2,4,8", .n_prompt = 64, .n_answer = 64 },
        .guesses = { .n_line = 200, .n_round = 5 },
        .serve = { .n_request = 64,
                   .n_stream = 256,
                   .n_answer = 64,
                   .n_shared = 300,
                   .n_own = 20,
                   .n_distinct = 64,
                   .timeout_s = 600,
                   .slo_first_ms = 1000,
                   .slo_between_ms = 100 }
    };
    struct err e = ERR_INIT;
    int code = CMD_OK;
    model_cli_init(&v.model);
    engine_cli_init(&v.engine);
    const struct opt cache[] = {
        OPT_INT(0, "agents", &v.cache.n_agent, 1, MAX_AGENTS, "N", "agents that share the prefix (8)"),
        OPT_INT(0, "prefix", &v.cache.n_prefix, 1, MAX_TOKENS, "N", "tokens of the shared prefix (18000)"),
        OPT_INT(0, "tail", &v.cache.n_tail, 1, MAX_TOKENS, "N", "tokens of each agent's first own words (200)"),
        OPT_INT(0, "turns", &v.cache.n_turn, 1, MAX_TURNS, "N", "turns of each agent (3)"),
        OPT_INT(0, "new", &v.cache.n_new, 1, MAX_TOKENS, "N", "tokens that a later turn adds (100)"),
        OPT_INT(0, "answer", &v.cache.n_answer, 1, MAX_TOKENS, "N", "tokens of each answer (20)"),
    };
    const struct opt throughput[] = {
        OPT_STRING(0, "parallel", &v.throughput.parallel, "N,N...", "answers at once, one measurement each (1,2,4,8)"),
        OPT_INT(0, "prompt-tokens", &v.throughput.n_prompt, 1, MAX_TOKENS, "N", "tokens of each prompt (64)"),
        OPT_INT(0, "answer-tokens", &v.throughput.n_answer, 2, MAX_TOKENS, "N", "tokens of each answer (64)"),
    };
    const struct opt guesses[] = {
        OPT_INT(0, "lines", &v.guesses.n_line, 10, MAX_TOKENS / 64, "N", "lines of the file (200)"),
        OPT_INT(0, "rounds", &v.guesses.n_round, 1, MAX_TURNS, "N", "times each (5)"),
    };
    const struct opt serve[] = {
        OPT_FLOAT(0, "rate", &v.serve.rate, 0, 1e6, "R",
                  "requests a second, arriving at random (0: --streams at once, each followed by the next)"),
        OPT_INT(0, "requests", &v.serve.n_request, 1, MAX_REQUESTS, "N", "requests (64)"),
        OPT_INT(0, "streams", &v.serve.n_stream, 1, MAX_STREAMS, "N", "most requests under way (256)"),
        OPT_INT(0, "max-tokens", &v.serve.n_answer, 1, MAX_TOKENS, "N", "most tokens of an answer (64)"),
        OPT_STRING(0, "prompts", &v.serve.prompts, "FILE",
                   "JSON array of texts or of objects with \"messages\" (made conversations)"),
        OPT_INT(0, "shared", &v.serve.n_shared, 0, MAX_TOKENS, "N", "words that made conversations share (300)"),
        OPT_INT(0, "own", &v.serve.n_own, 1, MAX_TOKENS, "N", "words of each one's own (20)"),
        OPT_INT(0, "distinct", &v.serve.n_distinct, 1, MAX_REQUESTS, "N", "different conversations (64)"),
        OPT_INT(0, "seed", &v.serve.seed, 0, INT64_MAX, "N", "of conversations and arrivals (0)"),
        OPT_STRING(0, "model", &v.serve.model, "NAME", "model to ask for (the first that the server lists)"),
        OPT_STRING(0, "api-key", &v.serve.key, "KEY", "key to show"),
        OPT_INT(0, "slo-ttft", &v.serve.slo_first_ms, 1, INT32_MAX, "MS", "goodput: latest first token (1000)"),
        OPT_INT(0, "slo-itl", &v.serve.slo_between_ms, 1, INT32_MAX, "MS",
                "goodput: most time a token after it, on average (100)"),
        OPT_INT(0, "timeout", &v.serve.timeout_s, 1, 1 << 20, "S", "longest answer (600)"),
        OPT_INT(0, "pid", &v.serve.pid, 1, INT32_MAX, "PID", "the server's process, to tell its time and memory"),
        OPT_FLAG(0, "ignore-eos", &v.serve.ignore_eos, "ask for answers of --max-tokens tokens, where the server can"),
        OPT_FLAG(0, "check", &v.serve.check, "compare every answer with the one that its prompt gets alone"),
        OPT_FLAG(0, "json", &v.serve.json, "the report as one line of JSON"),
    };
    const struct opt_group groups[] = { { "octet bench cache", cache, ARRAY_LEN(cache) },
                                        { "octet bench throughput", throughput, ARRAY_LEN(throughput) },
                                        { "octet bench guesses", guesses, ARRAY_LEN(guesses) },
                                        { "octet bench serve", serve, ARRAY_LEN(serve) },
                                        v.engine.group,
                                        v.model.group };
    const struct opts opts = {
        "bench",
        "bench cache MODEL [OPTION]...\n"
        "bench throughput MODEL [OPTION]...\n"
        "bench guesses MODEL [OPTION]...\n"
        "bench serve URL [OPTION]...",
        "Measures the engine. cache: agents that share a long prefix take turns, also after a restart if there is a\n"
        "cache directory. throughput: tokens per second of many answers at once, and how evenly they come.\n"
        "guesses: answers with guesses of the next tokens and without. serve: a server that speaks OpenAI's chat\n"
        "completions, from the outside: time to the first token, between tokens, goodput, its processor time.",
        groups,
        ARRAY_LEN(groups),
    };
    if (opts_begin(&v.got, &opts, argc, argv, &code)) {
        code = bench(&v, &e) ? cmd_fail("bench", &e) : cmd_finish("bench");
        opts_end(&v.got);
    }
    return code;
}
