/* fuzz_safetensors.c - any bytes as a safetensors file: tensors of what parses lie inside it and cover its data.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tensors t = { 0 };
    struct err e = ERR_INIT;
    volatile uint8_t sum = 0;
    if (safetensors_parse(&t, data, size, 0, "fuzz", &e)) {
        if (t.n || !e.code || !e.msg[0])
            abort();
    } else {
        size_t covered = 0;
        for (size_t i = 0; i < t.n; i++) {
            struct buf text = { 0 };
            covered += t.v[i].n_bytes;
            for (size_t k = 0; k < t.v[i].n_bytes; k++)
                sum = (uint8_t)(sum + t.v[i].p[k]);
            tensor_describe(&text, &t.v[i]);
            buf_deinit(&text);
            if (tensors_find(&t, t.v[i].name) != &t.v[i])
                abort();
        }
        if (covered > size)
            abort();
    }
    tensors_deinit(&t);
    return 0;
}
