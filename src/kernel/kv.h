/* kv.h - where keys and values lie: pages of fixed size, all layers of a page together.
 *
 * A page holds KV_PAGE_TOK consecutive tokens of one sequence for every layer. Token position `pos` of a sequence lies in the
 * page pages[pos / KV_PAGE_TOK], slot pos % KV_PAGE_TOK, so pages are aligned to absolute positions. Of one layer, page p begins
 * at base + p * page_stride and holds for each key-value head
 *
 *   keys          [d_head][KV_PAGE_TOK]   transposed: a dot product with a query runs over d with tokens in the vector lanes
 *   key scales    [n_group][KV_PAGE_TOK]  q8 alone
 *   values        [KV_PAGE_TOK][d_head]
 *   value scales  [KV_PAGE_TOK][n_group]  q8 alone
 *
 * f16, bf16 and f32 elements stand for themselves. q8: int8 in -127..127, times an f16 scale for each KV_Q8_GROUP features of a
 * token's head (the last group may be shorter): scale = f16(max |x| / 127), q = rint(x / scale), 0 where the scale is 0; 8.5 bits
 * an element. The bytes of a token depend on its key and value alone.
 *
 * Slots that no token was appended to hold anything at all, NaN included: readers skip them, never multiply them by 0.
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_KV_H
#define KERNEL_KV_H

#include <stddef.h>
#include <stdint.h>

/* 64: see docs/PERF.md. A multiple of 32 that divides attention's splits. */
#ifndef KV_PAGE_TOKENS
#define KV_PAGE_TOKENS 64
#endif
enum { KV_PAGE_TOK = KV_PAGE_TOKENS };

enum kv_type { KV_F16, KV_BF16, KV_Q8, KV_F32, KV_TYPE_N };
enum { KV_Q8_GROUP = 32 };

const char *kv_type_name(enum kv_type t); /* "f16" */

/* Of one element; scales are beside it. */
static inline size_t kv_type_bytes(enum kv_type t)
{
    return t == KV_F32 ? 4 : t == KV_Q8 ? 1 : 2;
}
static inline int kv_q8_groups(int d_head)
{
    return (d_head + KV_Q8_GROUP - 1) / KV_Q8_GROUP;
}

/* One layer's share of the pages. */
struct kv_layer {
    uint8_t *base;      /* borrowed: this layer's part of page 0, aligned to 64 */
    size_t page_stride; /* bytes from a page to the next, a multiple of 64 */
    enum kv_type type;
    int n_kv_head, d_head;
};

/* Bytes of the keys, or of the values, of one head in a page, scales included. */
static inline size_t kv_head_bytes(enum kv_type type, int d_head)
{
    size_t n_scale = type == KV_Q8 ? (size_t)kv_q8_groups(d_head) : 0;
    return (size_t)KV_PAGE_TOK * ((size_t)d_head * kv_type_bytes(type) + n_scale * sizeof(uint16_t));
}
/* Bytes of one page of one layer, rounded up to 64. */
static inline size_t kv_layer_page_bytes(enum kv_type type, int n_kv_head, int d_head)
{
    size_t n = 2 * (size_t)n_kv_head * kv_head_bytes(type, d_head);
    return (n + 63) / 64 * 64;
}
static inline uint8_t *kv_keys(const struct kv_layer *kv, int p, int h)
{
    return kv->base + (size_t)p * kv->page_stride + (size_t)h * 2 * kv_head_bytes(kv->type, kv->d_head);
}
static inline uint8_t *kv_values(const struct kv_layer *kv, int p, int h)
{
    return kv_keys(kv, p, h) + kv_head_bytes(kv->type, kv->d_head);
}
/* The scales of a head's keys or values, given where these begin; q8 alone. */
static inline uint8_t *kv_scales(const struct kv_layer *kv, uint8_t *keys_or_values)
{
    return keys_or_values + (size_t)KV_PAGE_TOK * (size_t)kv->d_head;
}

#endif
