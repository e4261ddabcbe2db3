/* launch.h - how each agent is told to use this server: environment, arguments, at most one file.
 *
 * Pure: makes a plan, changes nothing. Nothing that a plan does outlives the agent it starts, but for the file of anyclaude, which knows no other way;
 * the user's own configuration files are never touched. The settings and the versions that they were tried with stand in docs/AGENTS.md.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* The server as the agent will see it. */
struct launch_server {
    const char *url;   /* "http://127.0.0.1:8082", no slash at the end; borrowed, as all here */
    const char *model; /* the name to ask for */
    const char *key;   /* API key; "local" where the server has none: agents insist on one */
    size_t context;    /* tokens of one conversation */
};

enum { LAUNCH_WORDS = 32 };

/* Words lie one behind the other in `text`, each with its NUL. */
struct launch_plan {
    size_t env[LAUNCH_WORDS], n_env; /* offsets of "NAME=VALUE" */
    size_t arg[LAUNCH_WORDS], n_arg; /* the program and its arguments */
    const char *file;                /* a file that has to stand in the working directory; NULL: none */
    size_t file_text;                /* offset of its content */
    struct buf text;
};

/* ERR_ARG with the known names for an agent that is not known. launch_plan_deinit releases *p, also after a failure. */
MUST_CHECK int launch_plan(struct launch_plan *p, const char *agent, const struct launch_server *s, struct err *e);
void launch_plan_deinit(struct launch_plan *p);
const char *launch_word(const struct launch_plan *p, size_t offset);
/* Appends the plan as lines for a shell: exports, the file, the command with `more` words behind it. */
void launch_plan_print(const struct launch_plan *p, const char *const *more, size_t n_more, struct buf *out);

#endif
