/* sys.c - what POSIX does not say, for Linux and macOS.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE      /* sched_getaffinity, MAP_NORESERVE, madvise */
#define _DARWIN_C_SOURCE /* the same of macOS */
#include "base/sys.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"

#ifdef __APPLE__
#include <mach/mach.h>
#include <pthread/qos.h>
#include <sys/sysctl.h>
#else
#include <sched.h>
#include <sys/syscall.h>
#endif

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

void sys_name_thread(const char *name)
{
#ifdef __APPLE__
    pthread_setname_np(name);
#else
    pthread_setname_np(pthread_self(), name);
#endif
}

#if defined(SYS_sched_setattr) && defined(SYS_sched_getattr)
/* Linux since 6.12: of two threads the one with the shorter slice goes first, and 0.1 ms is the shortest. Without this a thread that
 * wakes up may wait for the rest of the slice of one that computes, 3 ms and more. Older kernels take the call and change nothing. */
void sys_prefer_latency(void)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period; /* ns */
    } a = { 0 };
    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) || a.policy != SCHED_OTHER)
        return;
    a.size = sizeof a;
    a.runtime = 100000;
    syscall(SYS_sched_setattr, 0, &a, 0);
}
#elif defined(__APPLE__)
void sys_prefer_latency(void)
{
    pthread_set_qos_class_self_np(QOS_CLASS_USER_INTERACTIVE, 0);
}
#else
void sys_prefer_latency(void)
{
}
#endif

void *sys_reserve(size_t n)
{
    if (mem_made_to_fail())
        return NULL;
    void *p = mmap(NULL, n ? n : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void sys_release(void *p, size_t n)
{
    if (p)
        munmap(p, n ? n : 1);
}

void sys_advise_weights(const void *p, size_t n)
{
    if (!n)
        return;
    madvise((void *)p, n, MADV_WILLNEED);
#ifdef MADV_HUGEPAGE
    madvise((void *)p, n, MADV_HUGEPAGE);
#endif
}

#ifdef __APPLE__

int sys_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

uint64_t sys_memory_total(void)
{
    uint64_t n = 0;
    size_t size = sizeof n;
    return sysctlbyname("hw.memsize", &n, &size, NULL, 0) ? 0 : n;
}

uint64_t sys_memory_available(void)
{
    vm_statistics64_data_t s;
    mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;
    if (host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&s, &n) != KERN_SUCCESS)
        return 0;
    return ((uint64_t)s.free_count + s.inactive_count + s.purgeable_count) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t sys_peak_rss(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) ? 0 : (uint64_t)u.ru_maxrss;
}

uint64_t sys_anonymous(void)
{
    task_vm_info_data_t info;
    mach_msg_type_number_t n = TASK_VM_INFO_COUNT;
    if (task_info(mach_task_self(), TASK_VM_INFO, (task_info_t)&info, &n) != KERN_SUCCESS)
        return 0;
    return info.internal;
}

uint64_t sys_bytes_read(void)
{
    return 0;
}

#else

int sys_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

/* The number behind `key` in a file of "key number" lines; 0 if it is not there. */
static uint64_t number_in(const char *path, const char *key)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    char line[256];
    unsigned long long v = 0;
    bool found = false;
    size_t n = strlen(key);
    while (!found && fgets(line, sizeof line, f))
        found = strncmp(line, key, n) == 0 && sscanf(line + n, "%llu", &v) == 1;
    fclose(f);
    return found ? v : 0;
}

/* A container's limit; the largest number if there is none. */
static uint64_t cgroup_limit(void)
{
    uint64_t n = number_in("/sys/fs/cgroup/memory.max", "");
    if (!n)
        n = number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes", "");
    return n ? n : UINT64_MAX;
}

uint64_t sys_memory_total(void)
{
    uint64_t n = number_in("/proc/meminfo", "MemTotal:") * 1024, limit = cgroup_limit();
    return n < limit ? n : limit;
}

uint64_t sys_memory_available(void)
{
    uint64_t n = number_in("/proc/meminfo", "MemAvailable:") * 1024, limit = cgroup_limit();
    if (limit == UINT64_MAX)
        return n;
    uint64_t used = number_in("/proc/self/status", "RssAnon:") * 1024;
    uint64_t left = limit > used ? limit - used : 0;
    return n < left ? n : left;
}

uint64_t sys_peak_rss(void)
{
    return number_in("/proc/self/status", "VmHWM:") * 1024;
}

uint64_t sys_anonymous(void)
{
    return number_in("/proc/self/status", "RssAnon:") * 1024;
}

uint64_t sys_bytes_read(void)
{
    return number_in("/proc/self/io", "read_bytes:");
}

#endif
