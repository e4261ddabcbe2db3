/* fuzz_config.c - any bytes as config.json and generation_config.json: what is accepted keeps the promises of config.h and quant.h.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"
#include "model/config.h"
#include "model/quant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_config(const struct config *c)
{
    check(c->n_layer >= 1 && c->n_embd >= 1 && c->n_vocab >= 1 && c->n_head >= 1 && c->max_position >= 1);
    check(c->n_kv_head >= 1 && c->n_head % c->n_kv_head == 0 && c->d_head >= 2 && c->d_head % 2 == 0);
    check((int64_t)c->n_head * c->d_head <= 1 << 20 && (int64_t)c->n_embd * 32 <= INT32_MAX);
    check(c->n_active <= c->n_expert && (c->n_expert == 0 || (c->n_active >= 1 && c->n_ff_expert >= 1)));
    check(c->rms_eps > 0 && c->rope_theta >= 1 && c->bos >= -1 && c->bos < c->n_vocab);
    for (int l = 0; l < c->n_layer; l++)
        check(c->is_sparse[l] ? c->n_expert > 0 : c->n_ff >= 1);
    for (size_t i = 0; i < c->n_eos; i++)
        check(c->eos[i] >= 0 && c->eos[i] < c->n_vocab);
}

static void check_quant(const struct quant *q)
{
    for (size_t i = 0; i <= q->n; i++) {
        const struct quant_params *p = i < q->n ? &q->v[i].params : &q->global;
        check(p->mode == QUANT_PLAIN || (p->bits >= 2 && p->bits <= 8 && p->group >= 16 && p->group <= 128));
        if (i < q->n)
            check(quant_find(q, str_from(q->v[i].module)) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *j;
    struct config c;
    struct quant q;
    struct err e = ERR_INIT;
    log_set_level(LOG_ERROR);
    if (json_parse(&j, (struct str){ (const char *)data, size }, "config.json", NULL, NULL))
        return 0;
    if (!config_parse(&c, j, j, &e)) {
        check_config(&c);
        config_deinit(&c);
    } else {
        check(e.code < 0 && e.msg[0]);
    }
    err_clear(&e);
    if (!quant_read(&q, j, &e)) {
        check_quant(&q);
        quant_deinit(&q);
    } else {
        check(e.code < 0 && e.msg[0]);
    }
    json_free(j);
    return 0;
}
