/* vec_avx2.c - the bodies of kernel/simd compiled for AVX2: everything but the matrix products.
 * SPDX-License-Identifier: MIT */
#include "kernel/x86/simd_avx2.h"

#include "kernel/simd/vec.inc"

#include "kernel/simd/attn.inc"

void kernels_init_avx2_vec(struct kernels *k)
{
    k->rms_norm = rms_norm;
    k->rope = rope;
    k->swiglu = swiglu;
    k->softmax = softmax;
    k->axpy = axpy;
    k->kv_append = kv_append;
    k->attn_part = attn_part;
    k->attn_merge = attn_merge;
}
