/* modeldir.c - opens a model directory.
 *
 * Most of this file is about directories that are not what was meant: the message should say what they are.
 * SPDX-License-Identifier: MIT */
#include "format/modeldir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char holds[] = "a model directory holds config.json, model*.safetensors and tokenizer.json, "
                            "as mlx_lm.convert writes them";

static bool is_shard(struct str name)
{
    return str_starts(name, STR("model")) && str_ends(name, STR(".safetensors"));
}

/* path is no directory. */
static int refuse_file(const char *path, struct err *e)
{
    struct str s = str_from(path);
    if (!file_exists(path))
        return err_set(e, ERR_IO, "%s: %s; %s", path, strerror(errno), holds);
    if (str_ends(s, STR(".gguf")))
        return err_set(e, ERR_UNSUPPORTED, "%s: this is a GGUF file; Octet reads MLX checkpoints: %s", path, holds);
    if (str_ends(s, STR(".safetensors")) || str_ends(s, STR("config.json")))
        return err_set(e, ERR_ARG, "%s: give the directory, not the file: %s", path, holds);
    return err_set(e, ERR_FORMAT, "%s: this is a file; %s", path, holds);
}

/* `missing` is not in the directory: does what is there say why? */
static int refuse_dir(const char *path, const char *missing, char **names, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct str s = str_from(names[i]);
        if (str_ends(s, STR(".gguf")))
            return err_set(e, ERR_UNSUPPORTED, "%s: no %s, but %s: GGUF is not supported; %s", path, missing, names[i],
                           holds);
        if (str_eqz(s, "params.json") || str_eqz(s, "adapter_config.json"))
            return err_set(e, ERR_UNSUPPORTED, "%s: no %s, but %s: this is no whole MLX checkpoint; %s", path, missing,
                           names[i], holds);
        if (str_ends(s, STR(".bin")) || str_ends(s, STR(".pth")) || str_ends(s, STR(".pt")))
            return err_set(e, ERR_UNSUPPORTED,
                           "%s: no %s, but %s: this is a PyTorch checkpoint; convert it with mlx_lm.convert", path,
                           missing, names[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (str_ends(str_from(names[i]), STR(".safetensors.index.json")))
            return err_set(e, ERR_FORMAT, "%s: no %s, but %s: the weights are not downloaded", path, missing, names[i]);
    return err_set(e, ERR_FORMAT, "%s: no %s; %s", path, missing, holds);
}

static int read_json(struct json **out, const char *dir, const char *name, struct err *e)
{
    /* config.json of a model whose modules are all listed stays below 1 MB. */
    static const struct json_limits limits = { .bytes = (size_t)64 << 20, .depth = 64 };
    char *path = file_join(dir, name);
    int rc = json_read(out, path, &limits, e);
    if (!rc && json_type(*out) != JSON_OBJECT) {
        rc = err_set(e, ERR_FORMAT, "%s: expected an object, found %s", path, json_type_name(json_type(*out)));
        json_free(*out);
        *out = NULL;
    }
    mem_free(path);
    return rc;
}

/* Of a set "model-00002-of-00005.safetensors": none may be missing. */
static int check_complete(const struct modeldir *d, struct err *e)
{
    unsigned i, n;
    if (sscanf(d->shard_names[0], "model-%5u-of-%5u.safetensors", &i, &n) != 2 || n <= d->n_shards)
        return 0;
    for (i = 1; i <= n; i++) {
        char name[64];
        bool found = false;
        snprintf(name, sizeof name, "model-%05u-of-%05u.safetensors", i, n);
        for (size_t k = 0; k < d->n_shards && !found; k++)
            found = !strcmp(d->shard_names[k], name);
        if (!found)
            return err_set(e, ERR_FORMAT, "%s: %s is missing: %zu of %u files of weights are there", d->path, name,
                           d->n_shards, n);
    }
    return 0;
}

static int open_shards(struct modeldir *d, struct err *e)
{
    for (size_t i = 0; i < d->n_shards; i++) {
        char *path = file_join(d->path, d->shard_names[i]);
        int rc = file_map_open(&d->maps[i], path, e);
        if (!rc)
            rc = safetensors_parse(&d->tensors, d->maps[i].p, d->maps[i].n, (int)i, path, e);
        d->weight_bytes += d->maps[i].n;
        mem_free(path);
        if (rc)
            return rc;
    }
    return 0;
}

static int open_dir(struct modeldir *d, char **names, size_t n, struct err *e)
{
    bool config = false, generation = false;
    d->maps = mem_try_calloc(n + 1, sizeof *d->maps);
    d->shard_names = mem_try_calloc(n + 1, sizeof *d->shard_names);
    if (!d->maps || !d->shard_names)
        return err_set(e, ERR_NOMEM, "%s: no memory for the names of its %zu files", d->path, n);
    for (size_t i = 0; i < n; i++) {
        config = config || !strcmp(names[i], "config.json");
        generation = generation || !strcmp(names[i], "generation_config.json");
        if (is_shard(str_from(names[i])))
            d->shard_names[d->n_shards++] = xstrdup(names[i]);
    }
    if (!config)
        return refuse_dir(d->path, "config.json", names, n, e);
    if (!d->n_shards)
        return refuse_dir(d->path, "model*.safetensors", names, n, e);
    int rc = read_json(&d->config, d->path, "config.json", e);
    if (!rc && generation)
        rc = read_json(&d->generation_config, d->path, "generation_config.json", e);
    if (!rc)
        rc = check_complete(d, e);
    return rc ? rc : open_shards(d, e);
}

int modeldir_open(struct modeldir **out, const char *path, struct err *e)
{
    char **names = NULL;
    size_t n = 0;
    *out = NULL;
    if (!file_is_dir(path))
        return refuse_file(path, e);
    int rc = file_list(&names, &n, path, e);
    if (rc)
        return rc;
    struct modeldir *d = xcalloc(1, sizeof *d);
    d->path = xstrdup(path);
    rc = open_dir(d, names, n, e);
    if (rc)
        modeldir_close(d);
    else
        *out = d;
    file_list_free(names, n);
    return rc;
}

void modeldir_close(struct modeldir *d)
{
    if (!d)
        return;
    tensors_deinit(&d->tensors);
    for (size_t i = 0; i < d->n_shards; i++) {
        file_map_close(&d->maps[i]);
        mem_free(d->shard_names[i]);
    }
    mem_free(d->maps);
    mem_free(d->shard_names);
    json_free(d->config);
    json_free(d->generation_config);
    mem_free(d->path);
    mem_free(d);
}
