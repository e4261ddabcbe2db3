/* file.c - files as bytes.
 * SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int open_regular(const char *path, struct stat *st, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe that nobody writes to would never open */
    if (fd < 0)
        return err_errno(e, "%s", path);
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    close(fd);
    return err_set(e, ERR_IO, "%s: not a regular file", path);
}

int file_map_open(struct file_map *m, const char *path, struct err *e)
{
    struct stat st = { 0 };
    *m = (struct file_map){ 0 };
    int fd = open_regular(path, &st, e);
    if (fd < 0)
        return fd;
    int rc = 0;
    if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            rc = err_errno(e, "%s: cannot be mapped", path);
        else
            *m = (struct file_map){ p, (size_t)st.st_size };
    }
    close(fd);
    return rc;
}

void file_map_close(struct file_map *m)
{
    if (m->p)
        munmap((void *)m->p, m->n);
    *m = (struct file_map){ 0 };
}

static int read_all(struct buf *out, int fd, const char *path, struct err *e)
{
    for (;;) {
        char part[65536];
        ssize_t n = read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, "%s", path);
        if (n == 0)
            return buf_check(out, path, e);
        buf_add(out, part, (size_t)n);
        if (out->failed)
            return buf_check(out, path, e);
    }
}

int file_read(struct buf *out, const char *path, struct err *e)
{
    if (strcmp(path, "-") == 0)
        return read_all(out, STDIN_FILENO, "standard input", e);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, "%s", path);
    int rc = read_all(out, fd, path, e);
    close(fd);
    return rc;
}

static int write_all(int fd, struct str s, const char *path, struct err *e)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, "%s", path);
        s = str_sub(s, (size_t)n, s.n);
    }
    return 0;
}

int file_write(const char *path, struct str content, struct err *e)
{
    struct buf temporary = { 0 };
    buf_printf(&temporary, "%s.%ld.tmp", path, (long)getpid());
    int rc = buf_check(&temporary, path, e);
    if (rc)
        return rc;
    /* Not mkstemp: the umask decides who may read what is written. */
    int fd = open(temporary.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    rc = fd < 0 ? err_errno(e, "%s", path) : write_all(fd, content, path, e);
    if (fd >= 0) {
        if (close(fd) && !rc)
            rc = err_errno(e, "%s", path);
        if (!rc && rename(temporary.p, path))
            rc = err_errno(e, "%s", path);
        if (rc)
            unlink(temporary.p);
    }
    buf_deinit(&temporary);
    return rc;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *file_join(const char *dir, const char *name)
{
    struct buf b = { 0 };
    buf_z(&b, dir);
    if (b.n && b.p[b.n - 1] != '/')
        buf_char(&b, '/');
    buf_z(&b, name);
    return buf_take(&b);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int file_list(char ***names, size_t *n, const char *dir, struct err *e)
{
    *names = NULL;
    *n = 0;
    DIR *d = opendir(dir);
    if (!d)
        return err_errno(e, "%s", dir);
    size_t cap = 0;
    for (const struct dirent *entry; (entry = readdir(d));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (*n == cap) {
            cap = cap ? cap * 2 : 16;
            *names = xrealloc(*names, cap * sizeof **names);
        }
        (*names)[(*n)++] = xstrdup(entry->d_name);
    }
    closedir(d);
    if (*n)
        qsort(*names, *n, sizeof **names, by_name);
    return 0;
}

void file_list_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(names[i]);
    mem_free(names);
}
