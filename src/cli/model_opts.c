/* model_opts.c - the options that every command that runs a model shares.
 * SPDX-License-Identifier: MIT */
#include "cli/model_opts.h"

#include "base/base.h"
#include "base/log.h"
#include "kernel/cpu.h"

enum { MAX_THREADS = 1024, MAX_CHUNK = 65536, MAX_CONTEXT = 1 << 24 };

void model_cli_init(struct model_cli *c)
{
    *c = (struct model_cli){
        .precision = PRECISION_INT8,
        .kv_type = KV_TYPE_N,
        .table = { OPT_INT('t', "threads", &c->n_threads, 1, MAX_THREADS, "N",
                           "compute threads (one for each processor)"),
                   OPT_CHOICE(0, "precision", &c->precision, "int8|f32",
                              "int8: activations in 8 bits, fast; f32: the exact path (int8)"),
                   OPT_CHOICE(0, "kv-type", &c->kv_type, "f16|bf16|q8|f32",
                              "how keys and values are kept; q8: in 8.5 bits (f16; f32 with --precision f32)"),
                   OPT_STRING(0, "isa", &c->isa, "NAME",
                              "use at most this instruction set: ref, avx2, avx512 or neon (the best there is)"),
                   OPT_INT(0, "chunk", &c->chunk, 1, MAX_CHUNK, "N", "most tokens computed at once (512)"),
                   OPT_INT('c', "context", &c->n_ctx, 1, MAX_CONTEXT, "N",
                           "most tokens of prompt and answer together") },
        .group = { "Model", c->table, MODEL_OPTS_N },
    };
}

int model_cli_opts(struct model_opts *out, const struct model_cli *c, struct err *e)
{
    *out = model_opts_default;
    out->precision = (enum precision)c->precision;
    out->kv_type = (enum kv_type)c->kv_type;
    out->n_threads = (int)c->n_threads;
    out->chunk = (int)c->chunk;
    if (c->isa && cpu_mask_parse(c->isa, &out->isa_mask, e))
        return err_wrap(e, "--isa");
    return 0;
}

size_t model_cli_context(const struct model_cli *c, const struct model *m, size_t want)
{
    size_t most = (size_t)model_config(m)->max_position;
    if (!c->n_ctx)
        return MIN(want, most);
    if ((size_t)c->n_ctx > most)
        log_warn("--context %zu: the model was made for at most %zu tokens", (size_t)c->n_ctx, most);
    return (size_t)c->n_ctx;
}
