/* program.h - runs the program under test and keeps what it says.
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include "base/buf.h"

struct program_result {
    int status; /* exit code; 128 + the signal that ended it */
    struct buf out, err;
};

/* To be called first, with argv[0]: the program is $OCTET, else the one of the same build, build/MODE/octet for
 * build/MODE/tests/DIR/TEST. */
void program_init(const char *argv0);
const char *program_path(void);

/* Runs the program with argv[1 ..] (argv[0] is set here), nothing on standard input; waits for its end. Fails the running test if the
 * system refuses. */
void program_run(struct program_result *r, char *const *argv, size_t n);
void program_result_deinit(struct program_result *r);

#endif
