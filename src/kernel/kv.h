/* kv.h - where keys and values lie: pages of fixed size, all layers of a page together.
 *
 * A page holds KV_PAGE_TOK consecutive tokens of one sequence for every layer. Token position `pos` of a sequence lies in the
 * page pages[pos / KV_PAGE_TOK], slot pos % KV_PAGE_TOK, so pages are aligned to absolute positions. Of one layer, page p begins
 * at base + p * page_stride and holds for each key-value head
 *
 *   keys   [d_head][KV_PAGE_TOK]   transposed: a dot product with a query runs over d with tokens in the vector lanes
 *   values [KV_PAGE_TOK][d_head]
 *
 * Slots that no token was appended to hold anything at all, NaN included: readers skip them, never multiply them by 0.
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_KV_H
#define KERNEL_KV_H

#include <stddef.h>
#include <stdint.h>

enum { KV_PAGE_TOK = 64 };

enum kv_type { KV_F16, KV_F32, KV_TYPE_N };

static inline size_t kv_type_bytes(enum kv_type t)
{
    return t == KV_F32 ? 4 : 2;
}

/* One layer's share of the pages. */
struct kv_layer {
    uint8_t *base;      /* borrowed: this layer's part of page 0, aligned to 64 */
    size_t page_stride; /* bytes from a page to the next, a multiple of 64 */
    enum kv_type type;
    int n_kv_head, d_head;
};

/* Bytes of one page of one layer, rounded up to 64. */
static inline size_t kv_layer_page_bytes(enum kv_type type, int n_kv_head, int d_head)
{
    size_t n = 2 * (size_t)KV_PAGE_TOK * (size_t)n_kv_head * (size_t)d_head * kv_type_bytes(type);
    return (n + 63) / 64 * 64;
}
static inline uint8_t *kv_keys(const struct kv_layer *kv, int p, int h)
{
    size_t head = (size_t)KV_PAGE_TOK * (size_t)kv->d_head * kv_type_bytes(kv->type);
    return kv->base + (size_t)p * kv->page_stride + (size_t)h * 2 * head;
}
static inline uint8_t *kv_values(const struct kv_layer *kv, int p, int h)
{
    return kv_keys(kv, p, h) + (size_t)KV_PAGE_TOK * (size_t)kv->d_head * kv_type_bytes(kv->type);
}

#endif
