/* cpu.h - which instruction sets this processor has, as far as a kernel here uses them.
 * SPDX-License-Identifier: MIT */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "base/base.h"
#include "base/err.h"

enum {
    CPU_AVX2 = 1,       /* with FMA and F16C */
    CPU_AVX512VNNI = 2, /* AVX-512 F, BW, DQ, VL, VNNI, VBMI */
    CPU_NEON = 4,       /* aarch64 with dot product and half-precision conversion */
    CPU_ALL = 7,
};

unsigned cpu_flags(void); /* what processor and system offer */
/* "ref", "avx2", "avx512" or "neon": that set and those below it; "auto": all. ERR_ARG names the known ones. */
MUST_CHECK int cpu_mask_parse(const char *name, unsigned *mask, struct err *e);

#endif
