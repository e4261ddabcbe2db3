/* trace.c - one exchange on disk.
 * SPDX-License-Identifier: MIT */
#include "api/trace.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

struct trace {
    char *dir;         /* owned */
    struct buf prompt; /* of all prompts so far, a line between two */
    struct buf tokens; /* JSON in the making */
    struct buf output;
    struct buf answer;
    int n_prompt, n_output;
};

static bool make_dir(const char *path)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return true;
    log_warn("trace: %s: %s", path, strerror(errno));
    return false;
}

struct trace *trace_open(const char *dir, struct str id)
{
    struct buf name = { 0 };
    for (size_t i = 0; i < id.n && i < 100; i++) {
        if (isalnum((unsigned char)id.p[i]) || id.p[i] == '_' || id.p[i] == '-')
            buf_char(&name, id.p[i]);
    }
    if (!name.n || !make_dir(dir)) {
        buf_deinit(&name);
        return NULL;
    }
    struct trace *t = xcalloc(1, sizeof *t);
    t->dir = file_join(dir, name.p);
    buf_deinit(&name);
    if (!make_dir(t->dir)) {
        mem_free(t->dir);
        mem_free(t);
        return NULL;
    }
    return t;
}

static void store(struct trace *t, const char *name, struct str content)
{
    char *path = file_join(t->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0;
    while (ok && content.n) {
        ssize_t n = write(fd, content.p, content.n);
        ok = n > 0;
        if (ok)
            content = str_sub(content, (size_t)n, content.n);
    }
    if (!ok)
        log_warn("trace: %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    mem_free(path);
}

void trace_request(struct trace *t, struct str method, struct str path, struct str body)
{
    if (!t)
        return;
    store(t, "request.json", body);
    struct buf b = { 0 };
    buf_z(&b, "#!/bin/sh\n# Sends this request again: sh replay.sh [http://HOST:PORT] [KEY]\ncd \"$(dirname \"$0\")\" "
              "|| exit 1\n"
              "exec curl -sN -X ");
    buf_str(&b, method);
    buf_z(&b, " -H 'Content-Type: application/json' ${2:+-H \"Authorization: Bearer $2\"} --data-binary @request.json "
              "\"${1:-http://127.0.0.1:8082}\"'");
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] != '\'' && (unsigned char)path.p[i] > ' ')
            buf_char(&b, path.p[i]);
    }
    buf_z(&b, "'\n");
    store(t, "replay.sh", buf_view(&b));
    buf_deinit(&b);
}

static void add_ids(struct buf *out, const char *name, const struct ids *ids)
{
    buf_printf(out, "{\"of\": \"%s\", \"ids\": [", name);
    for (size_t i = 0; i < ids->n; i++)
        buf_printf(out, i ? ", %d" : "%d", (int)ids->v[i]);
    buf_z(out, "]}\n");
}

void trace_prompt(struct trace *t, struct str text, const struct ids *ids)
{
    if (!t)
        return;
    if (t->n_prompt++)
        buf_char(&t->prompt, '\n');
    buf_str(&t->prompt, text);
    /* At once: it may be what brings the program down. */
    store(t, "prompt.txt", buf_view(&t->prompt));
    add_ids(&t->tokens, "prompt", ids);
}

void trace_output(struct trace *t, const struct tokenizer *tok, const struct ids *ids)
{
    if (!t)
        return;
    add_ids(&t->tokens, "answer", ids);
    if (t->n_output++)
        buf_char(&t->output, '\n');
    tokenizer_decode(tok, ids->v, ids->n, false, &t->output);
}

void trace_answer(struct trace *t, struct str bytes)
{
    if (t)
        buf_str(&t->answer, bytes);
}

void trace_close(struct trace *t)
{
    if (!t)
        return;
    store(t, "tokens.json", buf_view(&t->tokens));
    store(t, "output.txt", buf_view(&t->output));
    store(t, "answer.txt", buf_view(&t->answer));
    buf_deinit(&t->prompt);
    buf_deinit(&t->tokens);
    buf_deinit(&t->output);
    buf_deinit(&t->answer);
    mem_free(t->dir);
    mem_free(t);
}
