/* cmd.c - how a command ends.
 * SPDX-License-Identifier: MIT */
#include "cli/cmd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int cmd_fail(const char *command, const struct err *e)
{
    fflush(stdout);
    fprintf(stderr, "octet %s: %s\n", command, e->msg);
    switch (e->code) {
    case ERR_CANCELLED:
        return CMD_INTERRUPTED;
    case ERR_NOMEM:
    case ERR_DEVICE:
        return CMD_FAILED;
    default:
        return CMD_BAD_INPUT;
    }
}

int cmd_finish(const char *command)
{
    bool lost = ferror(stdout);
    errno = 0;
    if (fflush(stdout) != 0)
        lost = true;
    if (!lost)
        return CMD_OK;
    fprintf(stderr, "octet %s: cannot write to standard output: %s\n", command, strerror(errno ? errno : EIO));
    return CMD_FAILED;
}
