/* config_file.h - a file with values of options: INI, or the part of TOML that looks like it.
 *
 *   # comment                       [serve]                     values of one command stand in its section, or before any
 *   port = 8082                     alias = ["qwen", "local"]   a list; also: alias = qwen, local, or the key several times
 *   api-key-file = "/etc/octet key" parallel = 16   # comment
 *
 * Quoted values know TOML's escapes \" \\ \n \t (in double quotes). A line has at most 190 bytes, a limit of the INI library. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_CONFIG_FILE_H
#define CLI_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct config_entry {
    char *key, *value; /* owned; underscores of the key became dashes */
    bool bare;         /* without quotes, and not in brackets: commas may separate values */
};

/* All zeros is empty. */
struct config_file {
    struct config_entry *v; /* owned; in the file's order, a list as several entries */
    size_t n;
};

/* Appends what stands before any section or in [section]. ERR_FORMAT names file, line or key. */
MUST_CHECK int config_file_read(struct config_file *c, const char *path, const char *section, struct err *e);
/* The same of text; `path` is for messages. */
MUST_CHECK int config_file_parse(struct config_file *c, struct str text, const char *path, const char *section,
                                 struct err *e);
void config_file_deinit(struct config_file *c);

#endif
