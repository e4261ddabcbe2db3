/* sys.h - what POSIX does not say: memory, processors, hints to the kernel. The only file of base with system-specific calls.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_SYS_H
#define BASE_SYS_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

int sys_cpus(void);              /* processors this process may run on, at least 1 */
uint64_t sys_memory_total(void); /* bytes of RAM (a container's limit where there is one); 0: unknown */
uint64_t sys_memory_available(void);
uint64_t sys_peak_rss(void);   /* largest resident size so far, mapped files included */
uint64_t sys_anonymous(void);  /* private memory now, mapped files left out; 0: unknown */
uint64_t sys_bytes_read(void); /* bytes this process has read from storage; 0: unknown */
/* The map [p, p + n) will be read all over: ask for read-ahead and large pages where the system can. */
void sys_advise_weights(const void *p, size_t n);
void sys_name_thread(const char *name); /* the calling one, for ps and profilers; at most 15 bytes */
/* The calling thread and those that it starts from now on run little, but soon: where the system can, they take a processor from
 * threads that compute as soon as they have something to do. Their share of the processors stays what it is. */
void sys_prefer_latency(void);
/* n bytes of zeroed memory aligned to a page, of which only what is touched becomes real; NULL if it cannot be had. */
MUST_CHECK void *sys_reserve(size_t n);
void sys_release(void *p, size_t n); /* the n that it was reserved with; NULL is fine */

#endif
