/* arch.c - finds the architecture that config.json's model_type names.
 * SPDX-License-Identifier: MIT */
#include "model/arch.h"

#include "base/buf.h"
#include "model/arch_list.h"

static const struct arch *const known[] = { &arch_qwen3_moe };

const struct arch *arch_find(struct str model_type, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eqz(model_type, known[i]->model_type))
            return known[i];
    struct buf names = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        buf_printf(&names, "%s%s", i ? ", " : "", known[i]->model_type);
    err_set(e, ERR_UNSUPPORTED, "config.json: model_type \"%.*s\" is not supported; supported: %s",
            (int)MIN(model_type.n, 100), model_type.p, names.p);
    buf_deinit(&names);
    return NULL;
}
