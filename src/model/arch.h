/* arch.h - what an architecture is to the rest of the program.
 *
 * One file per model_type (arch_<model_type>.c) lists the tensors that it needs and calls blocks in order. It declares what each
 * layer keeps of a sequence; the engine and the pages know only that.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_ARCH_H
#define MODEL_ARCH_H

#include "base/err.h"
#include "base/str.h"
#include "model/config.h"
#include "model/kv.h"
#include "model/pass.h"
#include "model/weights.h"

struct arch {
    const char *model_type;
    /* Binds every tensor that the config asks for; what is wrong is collected in `w` and reported by weights_finish. The result,
     * never NULL, belongs to the caller (free). `c` and the weights outlive it. */
    void *(*bind)(const struct config *c, struct weights *w);
    void (*free)(void *self);
    /* Fills keep[0 .. n_layer). */
    void (*keep)(const struct config *c, struct keep *keep);
    /* How much the buffers of a pass and the scratch of the operations must hold; max_tok and max_out are set already. */
    void (*dims)(const struct config *c, struct op_dims *d);
    /* The whole pass: embedding, layers, logits [n_out][n_vocab]; returns at once where the pass is given up (pass.h). */
    void (*forward)(const void *self, struct pass *p, float *logits);
};

/* The architecture for config.json's model_type; NULL, with a message that lists the known ones, if there is none. */
const struct arch *arch_find(struct str model_type, struct err *e);

#endif
