/* file.h - files as bytes: mapped read-only, or read whole.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

/* A file mapped read-only and shared: its pages are the page cache's own. An empty file has p NULL and n 0. */
struct file_map {
    const uint8_t *p; /* owned: until file_map_close */
    size_t n;
};

MUST_CHECK int file_map_open(struct file_map *m, const char *path, struct err *e);
void file_map_close(struct file_map *m);

/* Appends the whole file to out; a file larger than out's limit is ERR_LIMIT. "-" is standard input. */
MUST_CHECK int file_read(struct buf *out, const char *path, struct err *e);
/* Writes to a temporary file beside path and renames it, so that path never holds half of it. */
MUST_CHECK int file_write(const char *path, struct str content, struct err *e);
bool file_exists(const char *path); /* errno says why not */
bool file_is_dir(const char *path);
/* "dir/name", to be freed. */
char *file_join(const char *dir, const char *name);
/* Names in a directory in bytewise order, "." and ".." left out; frees with file_list_free. */
MUST_CHECK int file_list(char ***names, size_t *n, const char *dir, struct err *e);
void file_list_free(char **names, size_t n);

#endif
