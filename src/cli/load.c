/* load.c - opens what a command needs of a model directory.
 * SPDX-License-Identifier: MIT */
#include "cli/load.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#ifndef OCTET_DATADIR
#define OCTET_DATADIR "/usr/local/share/octet"
#endif

#define DEMO_MODEL "models/octet-mini"

/* A template may nest deeply (text/template/jinja.h), and some systems give threads far less than the main thread. */
enum { PATH_BYTES = 4096, PARENTS = 4, TEXT_STACK_BYTES = 8 << 20 };

/* The part that needs no weights: it takes as long as the model itself, so it runs beside it. */
struct text_job {
    const char *path; /* borrowed: the caller waits for the thread */
    struct tokenizer *tok;
    struct chat *chat;
    struct err e;
};

static void *open_text(void *arg)
{
    struct text_job *job = arg;
    if (!tokenizer_open(&job->tok, job->path, &job->e) && chat_open(&job->chat, job->path, &job->e)) {
        tokenizer_close(job->tok);
        job->tok = NULL;
    }
    return NULL;
}

static bool start_text(pthread_t *thread, struct text_job *job)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr))
        return false;
    bool ok =
        pthread_attr_setstacksize(&attr, TEXT_STACK_BYTES) == 0 && pthread_create(thread, &attr, open_text, job) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

int load_open(struct load *l, const char *path, const struct model_opts *o, bool text, struct err *e)
{
    int64_t start = clock_ns();
    struct text_job job = { .path = path, .e = ERR_INIT };
    pthread_t thread;
    *l = (struct load){ 0 };
    bool beside = text && start_text(&thread, &job);
    int rc = model_open(&l->model, path, o, e);
    if (beside)
        pthread_join(thread, NULL);
    else if (text)
        open_text(&job);
    l->tok = job.tok;
    l->chat = job.chat;
    if (!rc && job.e.code)
        rc = err_set(e, job.e.code, "%s", job.e.msg);
    if (rc)
        load_close(l);
    l->seconds = clock_seconds_since(start);
    return rc;
}

void load_close(struct load *l)
{
    chat_close(l->chat);
    tokenizer_close(l->tok);
    model_close(l->model);
    *l = (struct load){ 0 };
}

/* dir/name if it is a directory, else NULL. Frees nothing but its own. */
static char *dir_with(const char *dir, const char *name)
{
    char *path = file_join(dir, name);
    if (file_is_dir(path))
        return path;
    mem_free(path);
    return NULL;
}

/* Looks from the executable's directory upwards; NULL where the system does not tell where the executable is. */
static char *near_executable(void)
{
    char path[PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    char *found = NULL;
    if (n <= 0)
        return NULL;
    path[n] = 0;
    for (int i = 0; i < PARENTS && !found; i++) {
        char *slash = strrchr(path, '/');
        if (!slash)
            break;
        *slash = 0;
        found = dir_with(path, DEMO_MODEL);
        if (!found)
            found = dir_with(path, "share/octet/" DEMO_MODEL);
    }
    return found;
}

char *load_default_model(struct err *e)
{
    const char *named = getenv("OCTET_MODEL");
    if (named && *named)
        return xstrdup(named);
    char *path = near_executable();
    if (!path)
        path = dir_with(OCTET_DATADIR, DEMO_MODEL);
    if (!path)
        path = dir_with(".", DEMO_MODEL);
    if (!path)
        err_set(e, ERR_ARG,
                "no model named, and the demonstration model " DEMO_MODEL
                " is neither near the program nor in " OCTET_DATADIR);
    return path;
}
