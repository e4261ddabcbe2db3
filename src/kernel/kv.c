/* kv.c - names of the storage types of keys and values.
 * SPDX-License-Identifier: MIT */
#include "kernel/kv.h"

const char *kv_type_name(enum kv_type t)
{
    static const char *const names[KV_TYPE_N] = { "f16", "bf16", "q8", "f32" };
    return names[t];
}
