/* base.h - the few macros that every file may use. Nothing else ever goes here.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stddef.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#if defined(__GNUC__)
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN __attribute__((noreturn))
#else
#define MUST_CHECK
#define PRINTF_LIKE(fmt, first)
#define NORETURN
#endif

#endif
