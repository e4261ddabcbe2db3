/* kv.h - storage of what sequences keep between tokens: pages, no policy.
 *
 * An architecture declares layer by layer what a token leaves behind; a kv holds n_pages pages for all of those layers together
 * (kernel/kv.h has the layout within a page). Which sequence owns which page is the engine's business. Memory is reserved as
 * address space and becomes real when a page is first written. Owned by the engine thread.
 *
 *   page p:  | layer 0: head 0 keys, values, head 1 ... | layer 1 ... | ... |   page_bytes
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_KV_H
#define MODEL_KV_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kv.h"
#include "kernel/ops.h"

/* What a layer keeps of a sequence. `full`: keys and values of every token, so that a prefix can be cut at any token; `window`: those of
 * the last so many tokens; `state`: a fixed number of bytes that each token overwrites. Today's architectures are full alone. */
enum keep_kind { KEEP_FULL, KEEP_WINDOW, KEEP_STATE };

struct keep {
    enum keep_kind kind;
    int n_kv_head, d_head;
};

struct kv {
    struct op_ctx *ctx; /* borrowed: the model's, outlives the kv */
    uint8_t *base;      /* owned: [n_pages][page_bytes] */
    int n_pages, n_layer;
    size_t page_bytes;
    struct kv_layer *layers; /* owned: [n_layer] */
};

/* Bytes of one page for all of `keep`. */
size_t kv_page_bytes(const struct keep *keep, int n_layer, enum kv_type type);
MUST_CHECK int kv_new(struct kv **out, struct op_ctx *ctx, const struct keep *keep, int n_layer, enum kv_type type,
                      int n_pages, struct err *e);
void kv_free(struct kv *kv);

/* The bytes of page p, all layers: [page_bytes]. For copying and storing; a device's memory has to be fetched. */
static inline uint8_t *kv_page(const struct kv *kv, int32_t p)
{
    return kv->base + (size_t)p * kv->page_bytes;
}
void kv_copy_page(struct kv *kv, int32_t from, int32_t to);

#endif
