/* cmd_synth.c - octet synth: a checkpoint of a given shape with random weights.
 *
 * config.json is written last, so that an unfinished directory is no model. What a failed or interrupted run has written is removed.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "cli/cmd.h"
#include "cli/interrupt.h"
#include "cli/opts.h"
#include "cli/progress.h"
#include "format/json.h"
#include "model/synth_plan.h"
#include "model/synth_write.h"
#include "text/synth_tokenizer.h"

static const struct preset {
    const char *name;
    int n_layer;
    const char *config; /* members of config.json */
} presets[] = {
    { "qwen3-coder-30b-a3b", 48,
      "\"architectures\": [\"Qwen3MoeForCausalLM\"], \"attention_bias\": false, \"attention_dropout\": 0.0, "
      "\"decoder_sparse_step\": 1, \"head_dim\": 128, \"hidden_act\": \"silu\", \"hidden_size\": 2048, "
      "\"initializer_range\": 0.02, \"intermediate_size\": 6144, \"max_position_embeddings\": 262144, "
      "\"max_window_layers\": 48, \"mlp_only_layers\": [], \"model_type\": \"qwen3_moe\", "
      "\"moe_intermediate_size\": 768, \"norm_topk_prob\": true, \"num_attention_heads\": 32, \"num_experts\": 128, "
      "\"num_experts_per_tok\": 8, \"num_hidden_layers\": 48, \"num_key_value_heads\": 4, "
      "\"output_router_logits\": false, \"rms_norm_eps\": 1e-06, \"rope_scaling\": null, \"rope_theta\": 10000000, "
      "\"router_aux_loss_coef\": 0.001, \"sliding_window\": null, \"tie_word_embeddings\": false, "
      "\"torch_dtype\": \"bfloat16\", \"use_cache\": true, \"use_sliding_window\": false, \"vocab_size\": 151936" },
};

struct synth {
    struct json *config; /* owned: what config.json will say */
    struct buf config_text, tokenizer_text;
    struct synth_plan *plan; /* owned */
    const char *dir;
    bool bar;
};

/* Affine 4-bit in groups of 64, routers 8-bit: what mlx_lm.convert -q makes of these models. */
static void preset_config(struct buf *out, const struct preset *p)
{
    buf_printf(out, "{%s, \"quantization\": {\"group_size\": 64, \"bits\": 4, \"mode\": \"affine\"", p->config);
    for (int l = 0; l < p->n_layer; l++)
        buf_printf(out, ", \"model.layers.%d.mlp.gate\": {\"group_size\": 64, \"bits\": 8}", l);
    buf_z(out, "}}");
}

static int read_base(struct json **out, const char *name, struct err *e)
{
    struct buf text = BUF_INIT(0), known = BUF_INIT(0);
    int rc = 1;
    for (size_t i = 0; i < ARRAY_LEN(presets) && rc > 0; i++) {
        buf_printf(&known, "%s%s", i ? ", " : "", presets[i].name);
        if (strcmp(name, presets[i].name) == 0) {
            preset_config(&text, &presets[i]);
            rc = json_parse(out, buf_view(&text), name, &json_limits_default, e);
        }
    }
    if (rc > 0 && !file_exists(name))
        rc = err_set(e, ERR_ARG, "%s is neither a file nor a preset; presets: %s", name, known.p);
    else if (rc > 0)
        rc = json_read(out, name, &json_limits_default, e);
    if (!rc && json_type(*out) != JSON_OBJECT)
        rc = json_expected(*out, NULL, "an object, the content of a config.json", e);
    buf_deinit(&text);
    buf_deinit(&known);
    return rc;
}

static void add_member(struct buf *out, struct str key, const struct json *value)
{
    buf_z(out, out->n > 1 ? ", " : "");
    json_write_str(out, key);
    buf_z(out, ": ");
    json_write(out, value);
}

/* The given config with both quantisation maps, as mlx-lm writes them, and the made tokenizer's ids. */
static void compose(struct buf *out, const struct json *base)
{
    static const char *const replaced[] = { "quantization", "quantization_config", "bos_token_id", "eos_token_id",
                                            "pad_token_id" };
    const struct json *map = json_get(base, "quantization");
    int64_t n_vocab = 0;
    struct json_iter it;
    if (!map)
        map = json_get(base, "quantization_config");
    buf_char(out, '{');
    for (bool more = json_first(&it, base); more; more = json_next(&it)) {
        bool keep = true;
        for (size_t i = 0; i < ARRAY_LEN(replaced); i++)
            keep = keep && !str_eqz(it.key, replaced[i]);
        if (keep)
            add_member(out, it.key, it.value);
    }
    if (map) {
        add_member(out, STR("quantization"), map);
        add_member(out, STR("quantization_config"), map);
    }
    if (json_i64(json_get(base, "vocab_size"), &n_vocab) && n_vocab >= SYNTH_TOKENIZER_N_ADDED && n_vocab <= INT32_MAX)
        buf_printf(out, ", \"bos_token_id\": null, \"eos_token_id\": %d, \"pad_token_id\": %d",
                   (int)synth_tokenizer_id(SYNTH_TOKENIZER_IM_END, (int)n_vocab),
                   (int)synth_tokenizer_id(SYNTH_TOKENIZER_ENDOFTEXT, (int)n_vocab));
    buf_char(out, '}');
}

static int by_key(const void *a, const void *b)
{
    const struct json_iter *x = a, *y = b;
    return str_cmp(x->key, y->key);
}

/* As mlx-lm: four spaces a level; keys of the outermost object in order. */
static void write_indented(struct buf *out, const struct json *v, int level)
{
    struct json_iter it;
    size_t n = json_len(v), k = 0;
    if (json_type(v) != JSON_OBJECT || !n) {
        json_write(out, v);
        return;
    }
    struct json_iter *members = xcalloc(n, sizeof *members);
    for (bool more = json_first(&it, v); more && k < n; more = json_next(&it))
        members[k++] = it;
    if (level == 0)
        qsort(members, k, sizeof *members, by_key);
    for (size_t i = 0; i < k; i++) {
        buf_printf(out, "%s\n%*s", i ? "," : "{", 4 * (level + 1), "");
        json_write_str(out, members[i].key);
        buf_z(out, ": ");
        write_indented(out, members[i].value, level + 1);
    }
    buf_printf(out, "\n%*s}", 4 * level, "");
    mem_free(members);
}

static int make_config(struct synth *s, const char *name, struct err *e)
{
    struct json *base = NULL;
    struct buf text = BUF_INIT(0);
    int rc = read_base(&base, name, e);
    if (!rc)
        compose(&text, base);
    if (!rc)
        rc = json_parse(&s->config, buf_view(&text), "config.json", &json_limits_default, e);
    if (!rc)
        write_indented(&s->config_text, s->config, 0);
    buf_deinit(&text);
    json_free(base);
    return rc;
}

static bool is_weights(const char *name)
{
    struct str s = str_from(name);
    return str_starts(s, STR("model")) &&
           (str_ends(s, STR(".safetensors")) || str_ends(s, STR(".safetensors.index.json")));
}

/* Removes the weight files of dir; with `dry`, only adds up their sizes. */
static uint64_t remove_weights(const char *dir, bool dry)
{
    char **names = NULL;
    size_t n = 0;
    uint64_t bytes = 0;
    if (file_list(&names, &n, dir, NULL))
        return 0;
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        char *path = file_join(dir, names[i]);
        if (is_weights(names[i]) && lstat(path, &st) == 0) {
            bytes += (uint64_t)st.st_size;
            if (!dry)
                unlink(path);
        }
        mem_free(path);
    }
    file_list_free(names, n);
    return bytes;
}

/* Removes every file that a run writes. */
static void remove_files(const char *dir)
{
    static const char *const names[] = { "config.json", "generation_config.json", "tokenizer.json",
                                         "tokenizer_config.json", "chat_template.jinja" };
    remove_weights(dir, false);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *path = file_join(dir, names[i]);
        unlink(path);
        mem_free(path);
    }
}

static int open_dir(const char *dir, bool force, struct err *e)
{
    char **names = NULL;
    size_t n = 0;
    if (mkdir(dir, 0777) == 0)
        return 0;
    if (errno != EEXIST)
        return err_errno(e, "cannot create the directory %s", dir);
    if (file_list(&names, &n, dir, e))
        return e->code;
    file_list_free(names, n);
    if (n > 0 && !force)
        return err_set(e, ERR_ARG, "%s is not empty; --force writes into it and removes the model that it holds", dir);
    return 0;
}

enum { OTHER_FILES_BYTES = 64 << 20 };

static int check_space(const struct synth *s, struct err *e)
{
    struct statvfs fs;
    if (statvfs(s->dir, &fs))
        return err_errno(e, "cannot see how much space %s has", s->dir);
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize + remove_weights(s->dir, true);
    uint64_t needed = s->plan->bytes + OTHER_FILES_BYTES;
    if (free_bytes < needed)
        return err_set(e, ERR_IO, "%s needs %.1f GB for %.2f billion parameters, and has %.1f GB of free space", s->dir,
                       (double)needed / 1e9, (double)s->plan->n_parameter / 1e9, (double)free_bytes / 1e9);
    return 0;
}

static int write_text(const char *dir, const char *name, struct buf *text, struct err *e)
{
    char *path = file_join(dir, name);
    int rc = buf_check(text, path, e);
    if (!rc)
        rc = file_write(path, buf_view(text), e);
    mem_free(path);
    buf_reset(text);
    return rc;
}

static int write_small_files(struct synth *s, struct err *e)
{
    const struct config *c = &s->plan->config;
    struct buf text = BUF_INIT(0);
    int eos = (int)synth_tokenizer_id(SYNTH_TOKENIZER_IM_END, c->n_vocab);
    int end = (int)synth_tokenizer_id(SYNTH_TOKENIZER_ENDOFTEXT, c->n_vocab);
    int rc = write_text(s->dir, "tokenizer.json", &s->tokenizer_text, e);
    synth_tokenizer_config(&text, c->max_position);
    if (!rc)
        rc = write_text(s->dir, "tokenizer_config.json", &text, e);
    buf_z(&text, synth_tokenizer_template);
    if (!rc)
        rc = write_text(s->dir, "chat_template.jinja", &text, e);
    buf_printf(&text,
               "{\n  \"do_sample\": false,\n  \"eos_token_id\": [\n    %d,\n    %d\n  ],\n  \"pad_token_id\": %d\n}\n",
               eos, end, end);
    if (!rc)
        rc = write_text(s->dir, "generation_config.json", &text, e);
    buf_deinit(&text);
    return rc;
}

static bool on_progress(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
    progress_update(arg, (size_t)(done_bytes / 1000000), (size_t)(total_bytes / 1000000));
    return interrupt_pending();
}

static int write_files(struct synth *s, int n_threads, struct err *e)
{
    struct progress bar;
    struct synth_opts o = { .n_threads = n_threads, .on_progress = on_progress, .arg = &bar };
    progress_init(&bar, "weights", "MB", s->bar);
    interrupt_catch();
    remove_files(s->dir);
    int rc = write_small_files(s, e);
    if (!rc)
        rc = synth_write(s->plan, s->dir, &o, e);
    progress_end(&bar);
    if (!rc)
        rc = write_text(s->dir, "config.json", &s->config_text, e);
    if (rc)
        remove_files(s->dir);
    return rc;
}

static int synth(struct synth *s, const char *shape, uint64_t seed, int n_threads, bool force, struct err *e)
{
    int rc = make_config(s, shape, e);
    if (!rc)
        rc = synth_plan_new(&s->plan, s->config, seed, SYNTH_SHARD_BYTES, e);
    if (!rc)
        rc = synth_tokenizer_json(&s->tokenizer_text, s->plan->config.n_vocab, e);
    if (!rc)
        rc = open_dir(s->dir, force, e);
    if (rc)
        return rc;
    rc = check_space(s, e);
    if (!rc)
        rc = write_files(s, n_threads, e);
    if (rc)
        rmdir(s->dir); /* succeeds only if nothing else is in it */
    return rc;
}

static void print_figures(const struct synth *s, double seconds)
{
    const struct synth_plan *p = s->plan;
    fprintf(stderr, "%s: %.1f million parameters, %.1f MB in %d file%s, %.1f s (%.2f GB/s)\n", s->dir,
            (double)p->n_parameter / 1e6, (double)p->bytes / 1e6, p->n_shard, p->n_shard == 1 ? "" : "s", seconds,
            (double)p->bytes / 1e9 / seconds);
}

int cmd_synth(int argc, char **argv)
{
    int64_t seed = 1, n_threads = 0;
    bool force = false;
    const struct opt table[] = {
        OPT_INT(0, "seed", &seed, 0, INT64_MAX, "N", "of the random weights; the same seed gives the same files (1)"),
        OPT_INT('t', "threads", &n_threads, 1, 1024, "N", "threads (one for each processor)"),
        OPT_FLAG('f', "force", &force, "write into OUT though it is not empty; a model in it is removed"),
    };
    const struct opt_group groups[] = { { NULL, table, ARRAY_LEN(table) } };
    const struct opts opts = {
        "synth", "synth PRESET|CONFIG.json OUT [OPTION]...",
        "Writes a checkpoint with random weights into the directory OUT, in the layout of mlx-lm: to measure\n"
        "speed and memory of a shape whose real weights are not at hand. Preset: qwen3-coder-30b-a3b (17.2 GB).\n"
        "A CONFIG.json describes a qwen3_moe model; its quantization map says how each module is stored.",
        groups, ARRAY_LEN(groups)
    };
    struct opts_parsed got;
    struct err e = ERR_INIT;
    int code;
    if (!opts_begin(&got, &opts, argc, argv, &code))
        return code;
    struct synth s = { .bar = !got.quiet };
    int64_t begin = clock_ns();
    int rc = 0;
    if (got.args.n != 2) {
        rc = err_set(&e, ERR_ARG, "expected a preset or a config.json, and the directory to write; found %zu arguments",
                     got.args.n);
    } else {
        s.dir = got.args.v[1];
        rc = synth(&s, got.args.v[0], (uint64_t)seed, n_threads ? (int)n_threads : sys_cpus(), force, &e);
    }
    if (!rc && s.plan && !got.quiet)
        print_figures(&s, clock_seconds_since(begin));
    synth_plan_free(s.plan);
    json_free(s.config);
    buf_deinit(&s.config_text);
    buf_deinit(&s.tokenizer_text);
    opts_end(&got);
    return rc ? cmd_fail("synth", &e) : cmd_finish("synth");
}
