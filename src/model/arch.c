/* arch.c - finds the architecture that config.json's model_type names.
 * SPDX-License-Identifier: MIT */
#include "model/arch.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "format/json.h"
#include "model/arch_list.h"

static const struct arch *const known[] = { &arch_qwen3_moe };

const struct arch *arch_find(struct str model_type, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eqz(model_type, known[i]->model_type))
            return known[i];
    struct buf text = BUF_INIT(0);
    struct str cut = str_sub(model_type, 0, 100);
    json_write_str(&text, str_sub(cut, 0, utf8_whole(cut)));
    buf_z(&text, " is not supported; supported: ");
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        buf_printf(&text, "%s%s", i ? ", " : "", known[i]->model_type);
    err_set(e, ERR_UNSUPPORTED, "config.json: model_type %s", text.p ? text.p : "");
    buf_deinit(&text);
    return NULL;
}
