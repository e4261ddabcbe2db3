/* quant.c - reads the quantisation map of config.json.
 * SPDX-License-Identifier: MIT */
#include "model/quant.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static const char *const mode_names[QUANT_MODE_N] = { "plain", "affine", "mxfp4", "mxfp8", "nvfp4" };

/* What a mode has where nothing is said; but for affine the only parameters that it allows. */
static const struct quant_params defaults[QUANT_MODE_N] = {
    [QUANT_AFFINE] = { QUANT_AFFINE, 4, 64 },
    [QUANT_MXFP4] = { QUANT_MXFP4, 4, 32 },
    [QUANT_MXFP8] = { QUANT_MXFP8, 8, 32 },
    [QUANT_NVFP4] = { QUANT_NVFP4, 4, 16 },
};

const char *quant_mode_name(enum quant_mode m)
{
    return mode_names[m];
}

void quant_describe(struct buf *out, const struct quant_params *p)
{
    buf_z(out, quant_mode_name(p->mode));
    if (p->mode != QUANT_PLAIN)
        buf_printf(out, " %d-bit, group %d", p->bits, p->group);
}

static int read_mode(const struct json *obj, enum quant_mode *out, struct err *e)
{
    struct str name = STR("affine");
    int rc = json_opt_str(obj, "mode", &name, e);
    if (rc)
        return rc;
    for (int m = QUANT_AFFINE; m < QUANT_MODE_N; m++)
        if (str_eqz(name, mode_names[m])) {
            *out = (enum quant_mode)m;
            return 0;
        }
    return json_unsupported(obj, "mode", "affine, mxfp4, mxfp8 or nvfp4", e);
}

static int check_params(const struct json *obj, const struct quant_params *p, struct err *e)
{
    const struct quant_params *d = &defaults[p->mode];
    if (p->mode == QUANT_AFFINE) {
        if (p->bits < 2 || p->bits > 8 || p->bits == 7)
            return json_unsupported(obj, "bits", "2, 3, 4, 5, 6 or 8", e);
        if (p->group != 32 && p->group != 64 && p->group != 128)
            return json_unsupported(obj, "group_size", "32, 64 or 128", e);
        return 0;
    }
    if (p->bits == d->bits && p->group == d->group)
        return 0;
    bool bits = p->bits != d->bits;
    char expected[64];
    snprintf(expected, sizeof expected, "%d, the only one of mode %s", bits ? d->bits : d->group, mode_names[p->mode]);
    return json_unsupported(obj, bits ? "bits" : "group_size", expected, e);
}

/* `global`: bits and group_size must be there. */
static int read_params(struct quant_params *p, const struct json *obj, bool global, struct err *e)
{
    enum quant_mode mode = QUANT_AFFINE;
    int rc = read_mode(obj, &mode, e);
    if (rc)
        return rc;
    *p = defaults[mode];
    int64_t bits = p->bits, group = p->group;
    rc = global ? json_req_i64(obj, "bits", 1, 64, &bits, e) : json_opt_i64(obj, "bits", 1, 64, &bits, e);
    if (!rc)
        rc = global ? json_req_i64(obj, "group_size", 1, 65536, &group, e)
                    : json_opt_i64(obj, "group_size", 1, 65536, &group, e);
    if (rc)
        return rc;
    p->bits = (int)bits;
    p->group = (int)group;
    return check_params(obj, p, e);
}

/* The object that describes quantisation, as MLX writes it; *out NULL if there is none. */
static int find_map(const struct json *config, const struct json **out, struct err *e)
{
    const struct json *holders[] = { config, json_get(config, "text_config") };
    *out = NULL;
    for (size_t i = 0; i < ARRAY_LEN(holders); i++)
        if (json_get(holders[i], "quantization"))
            return json_req_object(holders[i], "quantization", out, e);
    for (size_t i = 0; i < ARRAY_LEN(holders); i++) {
        if (!json_get(holders[i], "quantization_config"))
            continue;
        int rc = json_req_object(holders[i], "quantization_config", out, e);
        if (!rc && json_get(*out, "quant_method"))
            return json_unsupported(*out, "quant_method",
                                    "none: MLX's own format; convert the model with mlx_lm.convert", e);
        return rc;
    }
    return 0;
}

static int read_entry(struct quant *q, struct str module, const struct json *value, struct err *e)
{
    struct quant_entry *entry = &q->v[q->n];
    if (json_type(value) == JSON_BOOL)
        entry->params = json_bool(value) ? q->global : (struct quant_params){ .mode = QUANT_PLAIN };
    else if (read_params(&entry->params, value, false, e))
        return e->code;
    entry->module = mem_try_calloc(1, module.n + 1);
    if (!entry->module || map_set(&q->by_module, module, (uint32_t)q->n) < 0) {
        mem_free(entry->module);
        return err_set(e, ERR_NOMEM, "no memory for config.json's quantisation map");
    }
    memcpy(entry->module, module.p, module.n);
    q->n++;
    return 0;
}

static int read_map(struct quant *q, const struct json *map, struct err *e)
{
    struct json_iter it;
    if (read_params(&q->global, map, true, e))
        return e->code;
    q->v = mem_try_calloc(json_len(map), sizeof *q->v);
    if (!q->v)
        return err_set(e, ERR_NOMEM, "no memory for config.json's quantisation map");
    for (bool more = json_first(&it, map); more; more = json_next(&it)) {
        enum json_type t = json_type(it.value);
        /* quantize_activations is a switch of the whole model; Octet's activations are its own business. */
        if ((t != JSON_OBJECT && t != JSON_BOOL) || str_eqz(it.key, "quantize_activations"))
            continue;
        if (read_entry(q, it.key, it.value, e))
            return e->code;
    }
    return 0;
}

int quant_read(struct quant *q, const struct json *config, struct err *e)
{
    struct err local = ERR_INIT;
    const struct json *map;
    *q = (struct quant){ 0 };
    if (!find_map(config, &map, &local) && (!map || !read_map(q, map, &local)))
        return 0;
    quant_deinit(q);
    return err_set(e, local.code, "%s", local.msg);
}

void quant_deinit(struct quant *q)
{
    for (size_t i = 0; i < q->n; i++)
        mem_free(q->v[i].module);
    mem_free(q->v);
    map_deinit(&q->by_module);
    *q = (struct quant){ 0 };
}

/* `whole` ends with "." and `tail`. */
static bool ends_with_module(struct str whole, struct str tail)
{
    return whole.n > tail.n && whole.p[whole.n - tail.n - 1] == '.' && str_ends(whole, tail);
}

const struct quant_params *quant_find(const struct quant *q, struct str module)
{
    uint32_t exact;
    if (map_get(&q->by_module, module, &exact))
        return &q->v[exact].params;
    for (size_t i = 0; i < q->n; i++) {
        struct str key = str_from(q->v[i].module);
        if (ends_with_module(key, module) || ends_with_module(module, key))
            return &q->v[i].params;
    }
    return NULL;
}
