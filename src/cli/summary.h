/* summary.h - what a model is made of, added up from its weights.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/mat.h"
#include "model/model.h"

enum summary_kind {
    SUMMARY_EMBEDDING,
    SUMMARY_HEAD,
    SUMMARY_ATTENTION,
    SUMMARY_ROUTER,
    SUMMARY_EXPERTS,
    SUMMARY_DENSE,
    SUMMARY_VECTORS, /* norms and other vectors */
    SUMMARY_KIND_N
};

const char *summary_kind_name(enum summary_kind k);

/* Modules of one kind that are stored alike. */
struct summary_row {
    enum summary_kind kind;
    struct mat form; /* of the first of them: mode, bits, group, dtype */
    size_t n_module;
    uint64_t n_param; /* elements, before quantisation */
    uint64_t n_bytes; /* in the files, with scales and biases */
};

struct summary {
    struct summary_row *v; /* owned */
    size_t n;
    uint64_t n_param,
        n_active; /* active: what a token meets; of the experts, those that it is sent to. The embedding counts whole */
    uint64_t read_bytes; /* of weights, for one token: of the embedding one row, unless it is the head, too */
};

void summary_make(struct summary *s, const struct model *m);
void summary_deinit(struct summary *s);

#endif
