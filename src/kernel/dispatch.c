/* dispatch.c - fills the table of kernels: the reference, then what the processor has, narrow before wide.
 * SPDX-License-Identifier: MIT */
#include "kernel/cpu.h"
#include "kernel/kernel.h"

void kernels_init(struct kernels *k, unsigned mask)
{
    mask &= cpu_flags();
    kernels_init_ref_qmm(k);
    kernels_init_ref_vec(k);
#if defined(__x86_64__)
    if (mask & CPU_AVX2) {
        kernels_init_avx2_qmm(k);
        kernels_init_avx2_vec(k);
    }
    if ((mask & CPU_AVX2) && (mask & CPU_AVX512VNNI)) {
        kernels_init_avx512_qmm(k);
        kernels_init_avx512_vec(k);
    }
#elif defined(__aarch64__)
    if (mask & CPU_NEON) {
        kernels_init_neon_qmm(k);
        kernels_init_neon_vec(k);
    }
#endif
}
