/* cmd.h - the commands of the program, and how each of them ends.
 *
 * main.c dispatches argv[1] to a function of this header with argv shifted, so that argv[0] is the command's name. A command
 * parses its options (cli/opts.h), does its work and returns an exit code. Results go to stdout, everything else to stderr.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include "base/err.h"

enum cmd_exit {
    CMD_OK = 0,
    CMD_FAILED = 1,        /* something went wrong while working: no memory, a device, output that cannot be written */
    CMD_BAD_INPUT = 2,     /* an option, an argument, a file or a model is not what it should be */
    CMD_INTERRUPTED = 130, /* Ctrl-C */
};

int cmd_run(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_tokenize(int argc, char **argv);
int cmd_template(int argc, char **argv);
int cmd_toolcall(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_synth(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_launch(int argc, char **argv);

/* Writes "octet COMMAND: message" to stderr and returns the exit code that e->code stands for: CMD_INTERRUPTED for ERR_CANCELLED,
 * CMD_FAILED for ERR_NOMEM and ERR_DEVICE, CMD_BAD_INPUT for all else. */
int cmd_fail(const char *command, const struct err *e);
/* Flushes stdout. CMD_OK, or CMD_FAILED with a message if anything written to it was lost (a full disk, a closed pipe). */
int cmd_finish(const char *command);

#endif
