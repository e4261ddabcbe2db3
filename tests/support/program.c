/* program.c - runs the program under test and keeps what it says.
 * SPDX-License-Identifier: MIT */
#include "support/program.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGS = 32 };

static char path[4096];

void program_init(const char *argv0)
{
    const char *named = getenv("OCTET");
    if (named && !*named)
        named = NULL;
    snprintf(path, sizeof path, "%s", named ? named : argv0);
    for (int up = 0; !named && up < 3; up++) {
        char *slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
    }
    if (!named)
        snprintf(path + strlen(path), sizeof path - strlen(path), "/octet");
}

const char *program_path(void)
{
    return path;
}

static void child(const int out[2], const int err[2], char *const *argv, size_t n)
{
    char *v[MAX_ARGS + 1] = { path };
    for (size_t i = 1; i < n; i++)
        v[i] = argv[i];
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0)
        _exit(127);
    close(out[0]);
    close(err[0]);
    execv(path, v);
    perror(path);
    _exit(127);
}

/* Reads both pipes to their ends, in turn, so that neither fills up. */
static void drain(const int fds[2], struct buf *const to[2])
{
    struct pollfd p[2] = { { .fd = fds[0], .events = POLLIN }, { .fd = fds[1], .events = POLLIN } };
    while (p[0].fd >= 0 || p[1].fd >= 0) {
        assert_true(poll(p, 2, -1) >= 0);
        for (int i = 0; i < 2; i++) {
            char part[4096];
            if (p[i].fd < 0 || !p[i].revents)
                continue;
            ssize_t n = read(p[i].fd, part, sizeof part);
            if (n > 0)
                buf_add(to[i], part, (size_t)n);
            else
                p[i].fd = -1;
        }
    }
}

void program_run(struct program_result *r, char *const *argv, size_t n)
{
    int out[2], err[2], status = 0;
    *r = (struct program_result){ 0 };
    assert_true(n <= MAX_ARGS);
    assert_int_equal(pipe(out) | pipe(err), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(out, err, argv, n);
    close(out[1]);
    close(err[1]);
    drain((const int[2]){ out[0], err[0] }, (struct buf *const[2]){ &r->out, &r->err });
    close(out[0]);
    close(err[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    r->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void program_result_deinit(struct program_result *r)
{
    buf_deinit(&r->out);
    buf_deinit(&r->err);
}
