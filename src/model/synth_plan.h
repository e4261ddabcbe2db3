/* synth_plan.h - what a made checkpoint consists of: every tensor of a config.json with its type, shape, values and place.
 *
 * The plan follows from the config and the seed alone. Layout as mlx-lm leaves it: shards of at most 5 GiB, filled in the order of the
 * modules; within a shard tensors in no particular order behind a header without padding, so that they start at any address.
 *
 * Values keep activations in range: rows of a matrix have deviation n_in^-1/2, norms are near 1, the embedding has deviation 1, router
 * and head 2.5 n_in^-1/2, so that experts and tokens differ clearly. The text that such a model writes is noise; its speed and
 * memory are those of a real one. Constant once made.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_SYNTH_PLAN_H
#define MODEL_SYNTH_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "model/config.h"
#include "model/quant.h"
#include "model/synth_fill.h"

#define SYNTH_SHARD_BYTES ((uint64_t)5 << 30)

struct synth_item {
    struct tensor t; /* name owned; shard set, p not */
    struct synth_fill fill;
    uint64_t order; /* place among the tensors of its shard */
    uint64_t start; /* byte within these */
};

struct synth_shard {
    size_t from, to; /* items */
    uint64_t bytes;  /* of tensors */
    struct buf header;
};

struct synth_plan {
    struct config config;
    struct quant quant;
    uint64_t seed;
    enum dtype dtype;     /* of plain weights, norms, scales and biases */
    uint64_t bytes;       /* of all weight files */
    uint64_t n_parameter; /* weights, whatever their storage */
    struct synth_item *v; /* owned; by shard, then in the order of the file */
    size_t n, cap;
    struct synth_shard *shards; /* owned */
    int n_shard;
};

/* Checks the config and lays out its tensors. The architecture must be qwen3_moe (ERR_UNSUPPORTED otherwise); modules are stored as the
 * quantisation map says: a module without an entry has the global parameters where their group divides its rows, otherwise it is plain;
 * an entry whose group does not is an error. The dtype is config.json's torch_dtype or dtype, bfloat16 if absent. `shard_bytes`: most
 * bytes of tensors in one file. `config` outlives the plan. */
MUST_CHECK int synth_plan_new(struct synth_plan **out, const struct json *config, uint64_t seed, uint64_t shard_bytes,
                              struct err *e);
void synth_plan_free(struct synth_plan *p);
/* "model-00001-of-00004.safetensors"; "model.safetensors" if it is the only one. To be freed. */
char *synth_plan_shard_name(const struct synth_plan *p, int shard);

#endif
