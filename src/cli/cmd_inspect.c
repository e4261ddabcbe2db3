/* cmd_inspect.c - octet inspect: what a model is made of and what it needs.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "base/base.h"
#include "base/dtype.h"
#include "cli/cmd.h"
#include "cli/load.h"
#include "cli/model_opts.h"
#include "cli/summary.h"
#include "format/json.h"
#include "model/quant.h"

struct inspect {
    bool tensors, json;
    struct model_cli model_opts;
    struct opts_parsed got;
    struct load l;
    struct summary sum;
    uint64_t n_ctx, kv_bytes; /* the context asked about, and what its keys and values take */
};

/* The numbers of the architecture, by the names of config.json. */
struct field {
    const char *key, *title;
    int64_t value;
};

enum { FIELD_N = 11 };

static void fields_of(struct field f[FIELD_N], const struct config *c)
{
    const struct field all[FIELD_N] = {
        { "num_hidden_layers", "layers", c->n_layer },
        { "hidden_size", "hidden size", c->n_embd },
        { "num_attention_heads", "query heads", c->n_head },
        { "num_key_value_heads", "key-value heads", c->n_kv_head },
        { "head_dim", "head size", c->d_head },
        { "num_experts", "experts", c->n_expert },
        { "num_experts_per_tok", "experts a token", c->n_active },
        { "moe_intermediate_size", "expert inner size", c->n_ff_expert },
        { "intermediate_size", "dense inner size", c->n_ff },
        { "vocab_size", "vocabulary", c->n_vocab },
        { "max_position_embeddings", "positions", c->max_position },
    };
    for (size_t i = 0; i < FIELD_N; i++)
        f[i] = all[i];
}

/* "affine 4-bit, group 64" or "BF16". */
static void write_form(struct buf *out, const struct mat *m)
{
    if (m->mode == QUANT_PLAIN)
        buf_z(out, dtype_name(m->dtype));
    else
        quant_describe(out, &(struct quant_params){ .mode = m->mode, .bits = m->bits, .group = m->group });
}

static double bits_per_param(const struct summary_row *r)
{
    return 8.0 * (double)r->n_bytes / (double)r->n_param;
}

static void write_size(struct buf *out, const char *title, uint64_t n_bytes)
{
    buf_printf(out, "%-20s %.3f GB (%" PRIu64 " bytes)\n", title, (double)n_bytes * 1e-9, n_bytes);
}

static void write_rows(struct buf *out, const struct summary *s)
{
    struct buf form = { 0 };
    buf_printf(out, "\n%-10s %-26s %8s %15s %15s %6s\n", "kind", "stored as", "modules", "parameters", "bytes", "bits");
    for (size_t i = 0; i < s->n; i++) {
        const struct summary_row *r = &s->v[i];
        buf_reset(&form);
        write_form(&form, &r->form);
        buf_printf(out, "%-10s %-26s %8zu %15" PRIu64 " %15" PRIu64 " %6.3f\n", summary_kind_name(r->kind), form.p,
                   r->n_module, r->n_param, r->n_bytes, bits_per_param(r));
    }
    buf_deinit(&form);
}

static void write_text(struct buf *out, const struct inspect *v)
{
    const struct config *c = model_config(v->l.model);
    const struct modeldir *d = model_dir(v->l.model);
    struct field f[FIELD_N];
    fields_of(f, c);
    buf_printf(out, "%-20s %s\n", "architecture", c->model_type);
    for (size_t i = 0; i < FIELD_N; i++)
        buf_printf(out, "%-20s %" PRId64 "\n", f[i].title, f[i].value);
    buf_printf(out, "%-20s %s\n", "head", c->tie ? "tied to the embedding" : "of its own");
    buf_printf(out, "%-20s %.4g million, of which a token uses %.4g million\n", "parameters",
               (double)v->sum.n_param * 1e-6, (double)v->sum.n_active * 1e-6);
    write_rows(out, &v->sum);
    buf_char(out, '\n');
    for (size_t i = 0; i < d->n_shards; i++)
        buf_printf(out, "%-40s %15zu bytes\n", d->shard_names[i], d->maps[i].n);
    write_size(out, "weights", d->weight_bytes);
    write_size(out, "read for a token", v->sum.read_bytes);
    buf_printf(out, "%-20s %zu bytes (keys and values in %s)\n", "kept for a token",
               model_kv_bytes_per_token(v->l.model), kv_type_name(model_kv_type(v->l.model)));
    buf_printf(out, "\nmemory for a context of %" PRIu64 " tokens\n", v->n_ctx);
    write_size(out, "  weights (mapped)", d->weight_bytes);
    write_size(out, "  keys and values", v->kv_bytes);
    write_size(out, "  together", d->weight_bytes + v->kv_bytes);
}

static void write_text_tensors(struct buf *out, const struct modeldir *d)
{
    buf_char(out, '\n');
    for (size_t i = 0; i < d->tensors.n; i++) {
        const struct tensor *t = &d->tensors.v[i];
        buf_printf(out, "%-60s ", t->name);
        tensor_describe(out, t);
        buf_printf(out, "  %zu bytes", t->n_bytes);
        if (d->n_shards > 1)
            buf_printf(out, "  %s", d->shard_names[t->shard]);
        buf_char(out, '\n');
    }
}

static void write_json_rows(struct buf *out, const struct summary *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct summary_row *r = &s->v[i];
        buf_printf(out, "%s{\"kind\": \"%s\", \"stored_as\": \"", i ? ", " : "", summary_kind_name(r->kind));
        write_form(out, &r->form);
        buf_printf(out, "\", \"modules\": %zu, \"parameters\": %" PRIu64 ", \"bytes\": %" PRIu64, r->n_module,
                   r->n_param, r->n_bytes);
        buf_printf(out, ", \"bits_per_parameter\": %.6g}", bits_per_param(r));
    }
}

static void write_json_tensors(struct buf *out, const struct modeldir *d)
{
    buf_z(out, ", \"tensors\": [");
    for (size_t i = 0; i < d->tensors.n; i++) {
        const struct tensor *t = &d->tensors.v[i];
        buf_z(out, i ? ", {\"name\": " : "{\"name\": ");
        json_write_str(out, str_from(t->name));
        buf_printf(out, ", \"dtype\": \"%s\", \"shape\": [", dtype_name(t->dtype));
        for (int k = 0; k < t->n_dim; k++)
            buf_printf(out, k ? ", %zu" : "%zu", t->dim[k]);
        buf_printf(out, "], \"bytes\": %zu, \"file\": ", t->n_bytes);
        json_write_str(out, str_from(d->shard_names[t->shard]));
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

static void write_json(struct buf *out, const struct inspect *v)
{
    const struct config *c = model_config(v->l.model);
    const struct modeldir *d = model_dir(v->l.model);
    struct field f[FIELD_N];
    fields_of(f, c);
    buf_z(out, "{\"model\": ");
    json_write_str(out, str_from(d->path));
    buf_z(out, ", \"model_type\": ");
    json_write_str(out, str_from(c->model_type));
    for (size_t i = 0; i < FIELD_N; i++)
        buf_printf(out, ", \"%s\": %" PRId64, f[i].key, f[i].value);
    buf_printf(out, ", \"tie_word_embeddings\": %s", c->tie ? "true" : "false");
    buf_printf(out, ", \"parameters\": %" PRIu64 ", \"active_parameters\": %" PRIu64 ", \"modules\": [", v->sum.n_param,
               v->sum.n_active);
    write_json_rows(out, &v->sum);
    buf_z(out, "], \"files\": [");
    for (size_t i = 0; i < d->n_shards; i++) {
        buf_z(out, i ? ", {\"name\": " : "{\"name\": ");
        json_write_str(out, str_from(d->shard_names[i]));
        buf_printf(out, ", \"bytes\": %zu}", d->maps[i].n);
    }
    buf_printf(out, "], \"weight_bytes\": %zu, \"read_bytes_per_token\": %" PRIu64, d->weight_bytes, v->sum.read_bytes);
    buf_printf(out, ", \"kv_type\": \"%s\", \"kv_bytes_per_token\": %zu, \"context\": %" PRIu64,
               kv_type_name(model_kv_type(v->l.model)), model_kv_bytes_per_token(v->l.model), v->n_ctx);
    buf_printf(out, ", \"kv_bytes\": %" PRIu64 ", \"memory_bytes\": %" PRIu64, v->kv_bytes,
               d->weight_bytes + v->kv_bytes);
    if (v->tensors)
        write_json_tensors(out, d);
    buf_z(out, "}\n");
}

static int inspect(struct inspect *v, struct err *e)
{
    struct model_opts mo;
    struct buf out = { 0 };
    if (v->got.args.n != 1)
        return err_set(e, ERR_ARG, "expected one MODEL, found %zu arguments; see octet help inspect", v->got.args.n);
    if (model_cli_opts(&mo, &v->model_opts, e) || load_open(&v->l, v->got.args.v[0], &mo, false, e))
        return e->code;
    summary_make(&v->sum, v->l.model);
    v->n_ctx = model_cli_context(&v->model_opts, v->l.model, SIZE_MAX);
    v->kv_bytes = v->n_ctx * model_kv_bytes_per_token(v->l.model);
    if (v->json)
        write_json(&out, v);
    else
        write_text(&out, v);
    if (v->tensors && !v->json)
        write_text_tensors(&out, model_dir(v->l.model));
    int rc = buf_check(&out, "the report", e);
    if (!rc)
        fwrite(out.p, 1, out.n, stdout);
    buf_deinit(&out);
    return rc;
}

int cmd_inspect(int argc, char **argv)
{
    struct inspect v = { 0 };
    struct err e = ERR_INIT;
    int code = CMD_OK;
    model_cli_init(&v.model_opts);
    const struct opt table[] = {
        OPT_FLAG(0, "tensors", &v.tensors, "list every tensor"),
        OPT_FLAG(0, "json", &v.json, "print one JSON object"),
    };
    const struct opt_group groups[] = { { NULL, table, ARRAY_LEN(table) }, v.model_opts.group };
    const struct opts opts = {
        "inspect",
        "inspect MODEL [OPTION]...",
        "Says what a model is made of: architecture, parameters, how each kind of module is stored, what a token\n"
        "reads and keeps, and the memory that a context (--context, otherwise all of the model's positions) needs.",
        groups,
        ARRAY_LEN(groups),
    };
    if (opts_begin(&v.got, &opts, argc, argv, &code)) {
        code = inspect(&v, &e) ? cmd_fail("inspect", &e) : cmd_finish("inspect");
        opts_end(&v.got);
    }
    summary_deinit(&v.sum);
    load_close(&v.l);
    return code;
}
