/* kv.c - storage of keys and values: one reservation, cut into pages.
 * SPDX-License-Identifier: MIT */
#include "model/kv.h"

#include <string.h>

#include "base/mem.h"

size_t kv_page_bytes(const struct keep *keep, int n_layer, enum kv_type type)
{
    size_t n = 0;
    for (int l = 0; l < n_layer; l++)
        n += kv_layer_page_bytes(type, keep[l].n_kv_head, keep[l].d_head);
    return n;
}

/* Where each layer's part of a page begins. */
static void lay_out(struct kv *kv, const struct keep *keep, enum kv_type type)
{
    size_t at = 0;
    for (int l = 0; l < kv->n_layer; l++) {
        kv->layers[l] = (struct kv_layer){ .base = kv->base + at,
                                           .page_stride = kv->page_bytes,
                                           .type = type,
                                           .n_kv_head = keep[l].n_kv_head,
                                           .d_head = keep[l].d_head };
        at += kv_layer_page_bytes(type, keep[l].n_kv_head, keep[l].d_head);
    }
}

int kv_new(struct kv **out, struct op_ctx *ctx, const struct keep *keep, int n_layer, enum kv_type type, int n_pages,
           struct err *e)
{
    *out = NULL;
    struct kv *kv = xcalloc(1, sizeof *kv);
    kv->ctx = ctx;
    kv->n_pages = n_pages;
    kv->n_layer = n_layer;
    kv->page_bytes = kv_page_bytes(keep, n_layer, type);
    kv->layers = xcalloc((size_t)n_layer, sizeof *kv->layers);
    size_t total = 0;
    if (mem_mul(kv->page_bytes, (size_t)n_pages, &total))
        kv->base = op_alloc(ctx, total);
    if (!kv->base) {
        kv_free(kv);
        return err_set(e, ERR_NOMEM, "no memory for the KV cache: %d pages of %d tokens, %.1f MB each", n_pages,
                       KV_PAGE_TOK, (double)kv_page_bytes(keep, n_layer, type) * 1e-6);
    }
    lay_out(kv, keep, type);
    *out = kv;
    return 0;
}

void kv_free(struct kv *kv)
{
    if (!kv)
        return;
    op_free(kv->ctx, kv->base);
    mem_free(kv->layers);
    mem_free(kv);
}

void kv_copy_page(struct kv *kv, int32_t from, int32_t to)
{
    memcpy(kv_page(kv, to), kv_page(kv, from), kv->page_bytes);
}
