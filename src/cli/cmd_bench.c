/* cmd_bench.c - octet bench: what the engine gives for many conversations on this machine.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "cli/bench.h"
#include "cli/cmd.h"
#include "cli/engine_opts.h"
#include "cli/model_opts.h"

enum { MAX_AGENTS = 1024, MAX_TOKENS = 1 << 22, MAX_TURNS = 1000 };

struct bench {
    struct model_cli model;
    struct engine_cli engine;
    struct bench_cache cache;
    struct bench_throughput throughput;
    struct opts_parsed got;
};

static int bench(struct bench *v, struct err *e)
{
    struct bench_model b = { 0 };
    struct buf out = { 0 };
    const char *what = v->got.args.n ? v->got.args.v[0] : "";
    bool is_cache = strcmp(what, "cache") == 0;
    if (v->got.args.n != 2 || (!is_cache && strcmp(what, "throughput") != 0))
        return err_set(e, ERR_ARG, "expected \"cache MODEL\" or \"throughput MODEL\"; see octet help bench");
    if (model_cli_opts(&b.model, &v->model, e))
        return e->code;
    b.path = v->got.args.v[1];
    b.model.chunk = b.model.chunk ? b.model.chunk : ENGINE_CHUNK;
    engine_cli_opts(&b.engine, &v->engine);
    b.engine.n_ctx = (size_t)v->model.n_ctx;
    int rc = is_cache ? bench_cache(&v->cache, &b, &out, e) : bench_throughput(&v->throughput, &b, &out, e);
    if (!rc && !buf_check(&out, "the report", e))
        fwrite(out.p, 1, out.n, stdout);
    buf_deinit(&out);
    return rc;
}

int cmd_bench(int argc, char **argv)
{
    struct bench v = {
        .cache = { .n_agent = 8, .n_prefix = 18000, .n_tail = 200, .n_turn = 3, .n_new = 100, .n_answer = 20 },
        .throughput = { .parallel = "1,2,4,8", .n_prompt = 64, .n_answer = 64 }
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
    const struct opt_group groups[] = { { "octet bench cache", cache, ARRAY_LEN(cache) },
                                        { "octet bench throughput", throughput, ARRAY_LEN(throughput) },
                                        v.engine.group,
                                        v.model.group };
    const struct opts opts = {
        "bench",
        "bench cache MODEL [OPTION]...\n"
        "bench throughput MODEL [OPTION]...",
        "Measures the engine. cache: agents that share a long prefix take turns, also after a restart if there is a\n"
        "cache directory. throughput: tokens per second of many answers at once, and how evenly they come.",
        groups,
        ARRAY_LEN(groups),
    };
    if (opts_begin(&v.got, &opts, argc, argv, &code)) {
        code = bench(&v, &e) ? cmd_fail("bench", &e) : cmd_finish("bench");
        opts_end(&v.got);
    }
    return code;
}
