/* proc_usage.c - /proc/PID/task/TID/schedstat has the time of a living thread on a processor in nanoseconds, /proc/PID/stat that of the whole process
 * in ticks, /proc/PID/status the memory.
 * SPDX-License-Identifier: MIT */
#include "cli/proc_usage.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/str.h"

/* Files of /proc tell no size; these are small. */
static bool read_small(const char *path, char *out, size_t n)
{
    FILE *f = fopen(path, "r");
    size_t k = f ? fread(out, 1, n - 1, f) : 0;
    if (f)
        fclose(f);
    out[k] = 0;
    return k > 0;
}

static struct proc_thread *entry(struct proc_usage *u, const char *name)
{
    for (size_t i = 0; i < u->n; i++)
        if (strcmp(u->v[i].name, name) == 0 || i == PROC_USAGE_MAX - 1)
            return &u->v[i];
    struct proc_thread *t = &u->v[u->n++];
    snprintf(t->name, sizeof t->name, "%s", name);
    return t;
}

static void add_thread(struct proc_usage *u, int64_t pid, const char *tid)
{
    char path[96], name[16], text[128];
    struct str rest, first;
    uint64_t ns;
    snprintf(path, sizeof path, "/proc/%lld/task/%s/comm", (long long)pid, tid);
    if (!read_small(path, name, sizeof name))
        return;
    name[strcspn(name, "\n")] = 0;
    snprintf(path, sizeof path, "/proc/%lld/task/%s/schedstat", (long long)pid, tid);
    rest = read_small(path, text, sizeof text) ? str_from(text) : (struct str){ 0 };
    if (str_cut(&rest, ' ', &first) && str_to_u64(first, &ns))
        entry(u, name)->ns += (int64_t)ns;
}

/* Time of the whole process, with the threads that have ended. */
static int64_t process_ns(int64_t pid)
{
    char path[64], text[1024];
    int64_t n[2] = { 0 };
    struct str rest, word;
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    /* Behind the name, which may hold anything, the 12th and 13th words are the time in user mode and in the kernel. */
    const char *at = read_small(path, text, sizeof text) ? strrchr(text, ')') : NULL;
    rest = str_from(at ? at + 2 : "");
    for (int i = 0; i < 13 && str_cut(&rest, ' ', &word); i++)
        if (i >= 11)
            (void)str_to_i64(word, &n[i - 11]);
    return (n[0] + n[1]) * (1000000000 / sysconf(_SC_CLK_TCK));
}

/* "VmRSS:    1234 kB" */
static uint64_t memory(const char *status, const char *key)
{
    const char *at = strstr(status, key);
    struct str line = str_from(at ? at + strlen(key) : ""), number;
    uint64_t kib = 0;
    line = str_trim(line);
    if (str_cut(&line, ' ', &number))
        (void)str_to_u64(number, &kib);
    return kib * 1024;
}

int proc_usage_read(struct proc_usage *u, int64_t pid, struct err *e)
{
    char path[64], text[8192];
    char **tids;
    size_t n;
    *u = (struct proc_usage){ 0 };
    snprintf(path, sizeof path, "/proc/%lld/status", (long long)pid);
    if (!read_small(path, text, sizeof text))
        return err_set(e, ERR_IO, "process %lld: nothing can be read about it", (long long)pid);
    u->resident = memory(text, "VmRSS:");
    u->peak = memory(text, "VmHWM:");
    snprintf(path, sizeof path, "/proc/%lld/task", (long long)pid);
    int rc = file_list(&tids, &n, path, e);
    if (rc)
        return rc;
    int64_t living = 0, all = process_ns(pid);
    for (size_t i = 0; i < n; i++)
        add_thread(u, pid, tids[i]);
    file_list_free(tids, n);
    for (size_t i = 0; i < u->n; i++)
        living += u->v[i].ns;
    entry(u, "ended")->ns += MAX(all - living, 0);
    return 0;
}

static int64_t sum(const struct proc_usage *u, const char *name)
{
    int64_t ns = 0;
    for (size_t i = 0; i < u->n; i++)
        if (!name || strcmp(u->v[i].name, name) == 0)
            ns += u->v[i].ns;
    return ns;
}

int64_t proc_usage_between(const struct proc_usage *from, const struct proc_usage *to, const char *name)
{
    return sum(to, name) - sum(from, name);
}
