/* modeldir.h - a model directory as one read-only object: its JSON files parsed, its weights mapped.
 *
 * Reads what mlx-lm writes: config.json (required), generation_config.json, model*.safetensors (at least one; the index file is
 * not needed), tokenizer.json, tokenizer_config.json, chat_template.jinja. Weights are mapped, never copied: tensors borrow from
 * the maps for as long as the modeldir is open. Opening touches no weight pages beyond the headers. After opening, any number of
 * threads may read.
 * SPDX-License-Identifier: MIT */
#ifndef FORMAT_MODELDIR_H
#define FORMAT_MODELDIR_H

#include "base/err.h"
#include "base/file.h"
#include "format/json.h"
#include "format/safetensors.h"

struct modeldir {
    char *path;                     /* owned; as given */
    struct json *config;            /* owned; never NULL */
    struct json *generation_config; /* owned; NULL if there is none */
    struct tensors tensors;         /* of all shards */
    struct file_map *maps;          /* owned; one a shard */
    char **shard_names;             /* owned; "model-00001-of-00004.safetensors" */
    size_t n_shards;
    size_t weight_bytes; /* of all shards */
};

/* A path that is no directory, has no config.json or no weights gives a message that says what a model directory holds
 * (and, for a GGUF file or an unconverted checkpoint, that it is one). On failure *out is NULL and nothing is left to free. */
MUST_CHECK int modeldir_open(struct modeldir **out, const char *path, struct err *e);
void modeldir_close(struct modeldir *d);

#endif
