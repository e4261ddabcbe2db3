/* shared.h - where the shared test material lies: $OCTET_SHARED, else ../shared.
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SHARED_H
#define TESTS_SHARED_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Path of `rel` below the shared material, NULL if it is not there. Valid until the next call. */
static inline const char *shared_path(const char *rel)
{
    static char path[4096];
    const char *root = getenv("OCTET_SHARED");
    snprintf(path, sizeof path, "%s/%s", root ? root : "../shared", rel);
    return access(path, R_OK) == 0 ? path : NULL;
}

#endif
