/* synth_write.c - fills the files of a plan.
 *
 * A file's tensors form one run of bytes. Threads take pieces of PIECE_BYTES of it in turn, make them in a buffer of their own and
 * write them where they belong; a piece may hold parts of many tensors, or a part of one.
 * SPDX-License-Identifier: MIT */
#include "model/synth_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"

enum { PIECE_BYTES = 4 << 20 };

/* One file while its threads run. */
struct job {
    const struct synth_plan *plan;
    const struct synth_shard *shard;
    const struct synth_opts *opts;
    struct pool *pool;
    int fd;
    uint64_t before; /* bytes of the files already written */
    uint8_t *pieces; /* [n_threads][PIECE_BYTES] */
    atomic_uint_fast64_t done;
    atomic_int failure; /* errno of the first failed write */
    atomic_bool cancelled;
};

static int write_all(int fd, const uint8_t *p, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t got = pwrite(fd, p, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : EIO;
        p += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

/* The item that holds byte `at` of the shard's tensors. */
static const struct synth_item *item_at(const struct job *j, uint64_t at)
{
    size_t low = j->shard->from, high = j->shard->to;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (j->plan->v[mid].start <= at)
            low = mid;
        else
            high = mid;
    }
    return &j->plan->v[low];
}

static void make_piece(const struct job *j, uint8_t *out, uint64_t from, size_t n)
{
    const struct synth_item *it = item_at(j, from);
    for (size_t at = 0; at < n; it++) {
        uint64_t skip = from + at - it->start;
        size_t part = (size_t)MIN((uint64_t)(n - at), it->t.n_bytes - skip);
        synth_fill_bytes(&it->fill, out + at, skip, part);
        at += part;
    }
}

static void write_pieces(void *arg, int ith, int nth)
{
    struct job *j = arg;
    (void)nth;
    uint8_t *piece = j->pieces + (size_t)ith * PIECE_BYTES;
    while (!j->failure && !j->cancelled) {
        uint64_t from = (uint64_t)pool_next(j->pool) * PIECE_BYTES;
        if (from >= j->shard->bytes)
            return;
        size_t n = (size_t)MIN((uint64_t)PIECE_BYTES, j->shard->bytes - from);
        make_piece(j, piece, from, n);
        int failed = write_all(j->fd, piece, n, j->shard->header.n + from);
        if (failed)
            j->failure = failed;
        uint64_t done = atomic_fetch_add(&j->done, n) + n;
        if (ith == 0 && j->opts->on_progress && j->opts->on_progress(j->opts->arg, j->before + done, j->plan->bytes))
            j->cancelled = true;
    }
}

static int write_shard(struct job *j, const char *path, struct err *e)
{
    const struct buf *header = &j->shard->header;
    j->done = header->n;
    j->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (j->fd < 0)
        return err_errno(e, "cannot create %s", path);
    int failed = write_all(j->fd, (const uint8_t *)header->p, header->n, 0);
    if (failed)
        j->failure = failed;
    pool_run(j->pool, write_pieces, j);
    if (close(j->fd) && !j->failure)
        j->failure = errno;
    j->before += j->done;
    errno = j->failure;
    if (j->failure)
        return err_errno(e, "cannot write %s", path);
    return j->cancelled ? err_set(e, ERR_CANCELLED, "interrupted while writing %s", path) : 0;
}

static int write_shards(const struct synth_plan *p, const char *dir, struct job *j, struct err *e)
{
    int rc = 0;
    for (int i = 0; i < p->n_shard && !rc; i++) {
        char *name = synth_plan_shard_name(p, i), *path = file_join(dir, name);
        j->shard = &p->shards[i];
        rc = write_shard(j, path, e);
        mem_free(path);
        mem_free(name);
    }
    return rc;
}

struct mapped {
    const char *name;
    int shard;
};

static int by_name(const void *a, const void *b)
{
    const struct mapped *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int write_index(const struct synth_plan *p, const char *dir, struct err *e)
{
    struct buf out = BUF_INIT(0);
    struct mapped *list = xcalloc(p->n, sizeof *list);
    uint64_t total = 0;
    for (int i = 0; i < p->n_shard; i++) {
        total += p->shards[i].bytes;
        for (size_t k = p->shards[i].from; k < p->shards[i].to; k++)
            list[k] = (struct mapped){ p->v[k].t.name, i };
    }
    qsort(list, p->n, sizeof *list, by_name);
    buf_printf(&out,
               "{\n    \"metadata\": {\n        \"total_size\": %llu,\n        \"total_parameters\": %llu\n    },\n"
               "    \"weight_map\": {\n",
               (unsigned long long)total, (unsigned long long)p->n_parameter);
    for (size_t k = 0; k < p->n; k++) {
        char *file = synth_plan_shard_name(p, list[k].shard);
        buf_printf(&out, "        \"%s\": \"%s\"%s\n", list[k].name, file, k + 1 < p->n ? "," : "");
        mem_free(file);
    }
    buf_z(&out, "    }\n}\n");
    char *path = file_join(dir, "model.safetensors.index.json");
    int rc = buf_check(&out, path, e);
    if (!rc)
        rc = file_write(path, buf_view(&out), e);
    mem_free(path);
    mem_free(list);
    buf_deinit(&out);
    return rc;
}

int synth_write(const struct synth_plan *p, const char *dir, const struct synth_opts *o, struct err *e)
{
    struct job j = { .plan = p, .opts = o };
    int rc = pool_new(&j.pool, o->n_threads, e);
    if (rc)
        return rc;
    j.pieces = mem_try_aligned((size_t)o->n_threads * PIECE_BYTES, 64);
    rc = j.pieces ? write_shards(p, dir, &j, e) : err_set(e, ERR_NOMEM, "no memory for %d threads", o->n_threads);
    if (!rc)
        rc = write_index(p, dir, e);
    mem_free(j.pieces);
    pool_free(j.pool);
    return rc;
}
