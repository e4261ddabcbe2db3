/* model.h - a loaded checkpoint: token ids and pages in, logits out.
 *
 * model_open maps the directory, validates config and tensors against the architecture that model_type names, and starts the
 * device. It copies no weights. A model is used by one thread, the engine's; what the getters return is constant and may be read by any.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/err.h"
#include "format/modeldir.h"
#include "kernel/ops.h"
#include "model/config.h"
#include "model/kv.h"
#include "model/weights.h"

struct model;

struct model_opts {
    enum precision precision;
    enum kv_type kv_type; /* of stored keys and values; KV_TYPE_N: f16 or, with PRECISION_F32, f32 */
    int n_threads;        /* 0: one for each processor */
    unsigned isa_mask;    /* instruction sets allowed, CPU_ALL for all */
    int chunk;            /* most rows of one step; 0: MODEL_CHUNK */
    int64_t part_ns;      /* time from one pause of model_forward_in to the next, about; 0: 40 ms */
};

enum { MODEL_CHUNK = 512, MODEL_OUT_ROWS = 256 };

extern const struct model_opts model_opts_default;

MUST_CHECK int model_open(struct model **out, const char *path, const struct model_opts *opts, struct err *e);
void model_close(struct model *m);

const struct config *model_config(const struct model *m);
const struct modeldir *model_dir(const struct model *m);
/* Which tensors were bound to what: for inspection. */
const struct weights *model_weights(const struct model *m);
const char *model_backend(const struct model *m);  /* "cpu avx512vnni, 2 threads, int8, f16 keys and values" */
const char *model_numerics(const struct model *m); /* what decides the bits: "cpu avx512vnni int8 kv f16" */
enum kv_type model_kv_type(const struct model *m);
int model_max_rows(const struct model *m); /* most rows of a step; at most MODEL_OUT_ROWS of them with logits */
size_t model_kv_bytes_per_token(const struct model *m);

/* Pages for this model's layers. */
MUST_CHECK int model_kv_new(struct kv **out, struct model *m, int n_pages, struct err *e);

/* Lets threads that wait for the processors of the model go first, once. Between steps, or at a pause. */
void model_yield(struct model *m);

/* Runs the rows of one step: appends their keys and values to the pages, and writes logits f32 [s->n_out][n_vocab]. Ids must be in the
 * vocabulary (ERR_ARG), rows within model_max_rows. */
MUST_CHECK int model_forward(struct model *m, struct kv *kv, const struct step *s, float *logits, struct err *e);

/* The buffers of steps of up to n_row (at most model_max_rows) rows. */
struct model_pass;
MUST_CHECK int model_pass_new(struct model_pass **out, struct model *m, int n_row, struct err *e);
void model_pass_free(struct model_pass *b);

/* model_forward in buffers of the caller's, with pauses: `pause` is called some opts.part_ns apart, between layers and parts of them. It may run
 * other steps in other buffers, which change nothing in this one. Where it returns true the step is given up: ERR_CANCELLED, and what its
 * rows would have written to the pages may be anything. `pause` NULL: none. */
typedef bool model_pause_fn(void *arg);
MUST_CHECK int model_forward_in(struct model *m, struct model_pass *b, struct kv *kv, const struct step *s,
                                float *logits, model_pause_fn *pause, void *arg, struct err *e);

#endif
