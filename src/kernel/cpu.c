/* cpu.c - instruction sets, as processor and operating system offer them: the one file that asks the processor.
 * SPDX-License-Identifier: MIT */
#include "kernel/cpu.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* Register state that the operating system saves: bits 1, 2 for AVX and also 5, 6, 7 for AVX-512. */
static unsigned saved_state(void)
{
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

unsigned cpu_flags(void)
{
    enum { XCR0_AVX = 0x6, XCR0_AVX512 = 0xe6 };
    unsigned a, b, c, d, b7, c7;
    unsigned flags = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return 0;
    bool fma_f16c = (c & bit_FMA) && (c & bit_F16C);
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d))
        return 0;
    unsigned state = saved_state();
    if ((state & XCR0_AVX) == XCR0_AVX && (b7 & bit_AVX2) && fma_f16c)
        flags |= CPU_AVX2;
    const unsigned wide = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    if (flags && (state & XCR0_AVX512) == XCR0_AVX512 && (b7 & wide) == wide && (c7 & bit_AVX512VNNI) &&
        (c7 & bit_AVX512VBMI))
        flags |= CPU_AVX512VNNI;
    return flags;
}
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1 << 20)
#endif

unsigned cpu_flags(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? CPU_NEON : 0;
}
#elif defined(__aarch64__)
unsigned cpu_flags(void)
{
    return CPU_NEON; /* every Apple processor has the dot product */
}
#else
unsigned cpu_flags(void)
{
    return 0;
}
#endif

int cpu_mask_parse(const char *name, unsigned *mask, struct err *e)
{
    static const struct {
        const char *name;
        unsigned mask;
    } known[] = { { "ref", 0 },
                  { "avx2", CPU_AVX2 },
                  { "avx512", CPU_AVX2 | CPU_AVX512VNNI },
                  { "neon", CPU_NEON },
                  { "auto", CPU_ALL } };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(name, known[i].name) == 0) {
            *mask = known[i].mask;
            return 0;
        }
    }
    return err_set(e, ERR_ARG, "instruction set \"%s\" is not known: ref, avx2, avx512, neon or auto", name);
}
