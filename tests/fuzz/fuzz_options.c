/* fuzz_options.c - any bytes as a file of options: read, or refused with a message; never half of each.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_file c = { 0 };
    struct err e = ERR_INIT;
    int rc = config_file_parse(&c, (struct str){ (const char *)data, size }, "file", "serve", &e);
    if ((rc != 0) != (e.code != 0) || (rc && !strstr(e.msg, "file: ")))
        abort();
    for (size_t i = 0; i < c.n; i++)
        if (!c.v[i].key || !c.v[i].value || strchr(c.v[i].key, '_'))
            abort();
    config_file_deinit(&c);
    return 0;
}
