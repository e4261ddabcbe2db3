/* quant.h - how config.json says that modules are quantised.
 *
 *   "quantization": {"group_size": 64, "bits": 4, "mode": "affine",      global parameters
 *                    "model.layers.0.mlp.gate": {"group_size": 64, "bits": 8},   a module's own
 *                    "lm_head": false, "model.embed_tokens": true}        not quantised; quantised with the global parameters
 *
 * `quantization` counts before `quantization_config`, at the top level or in text_config. A `quantization_config` with a
 * quant_method is another library's format and is refused by name. A module's object gives all its parameters: what it leaves out
 * has the default of its mode, and a missing mode is affine, whatever the global mode. A module without an entry is quantised, with
 * the global parameters, where its tensors include scales. Keys are matched whole, else where one of key and module name
 * ends with "." and the other (wrappers prefix one of the two).
 * Source: mlx-lm utils.py, load_model. Constant once read.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_QUANT_H
#define MODEL_QUANT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "format/json.h"
#include "kernel/mat.h"

struct quant_params {
    enum quant_mode mode; /* QUANT_PLAIN: not quantised */
    int bits, group;      /* a pair that the mode allows; 0, 0 where plain */
};

struct quant_entry {
    char *module; /* owned */
    struct quant_params params;
};

struct quant {
    struct quant_params global; /* plain: config.json says nothing of quantisation */
    struct quant_entry *v;      /* owned; [n] */
    size_t n;
    struct map by_module; /* module -> index in v */
};

/* On failure *q holds nothing. */
MUST_CHECK int quant_read(struct quant *q, const struct json *config, struct err *e);
void quant_deinit(struct quant *q);

/* What the entry for `module` says; NULL if there is none. */
const struct quant_params *quant_find(const struct quant *q, struct str module);

const char *quant_mode_name(enum quant_mode m);                     /* "affine"; "plain" */
void quant_describe(struct buf *out, const struct quant_params *p); /* appends "affine 4-bit, group 64" */

#endif
