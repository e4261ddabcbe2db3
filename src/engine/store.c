/* store.c - prefixes on disk: an index in memory, files of one block each, one thread that reads and writes them.
 *
 * The index is made from the files' headers when the directory is opened, and kept from then on; what other processes add is not seen, and
 * what they remove is noticed when it cannot be read. Blocks know their parents, so that eviction takes leaves alone: a block
 * without its parent cannot be found. Where a parent is lost nevertheless, those behind it stay: it may be written again.
 * SPDX-License-Identifier: MIT */
#include "engine/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sys.h"
#include "engine/block_file.h"
#include "kernel/kv.h"

enum { QUEUE_MAX = 256, INDEX_MIN = 64 };
static const int64_t complain_every_ns = 60000000000;

struct entry {
    struct store_key key, parent;
    uint64_t bytes;
    uint64_t used; /* larger: later; files found at the start have their date */
    int32_t n_child;
    bool has_parent, taken; /* taken: a slot of the table in use */
    bool own;               /* of this identity */
    bool writing;           /* not on disk yet */
};

struct job {
    struct job *next;
    bool write;
    struct store_key key, parent;
    bool has_parent;
    int32_t *ids;                                      /* owned; of the block */
    uint8_t *page[PAGES_POOL_MAX * STORE_BLOCK_PAGES]; /* borrowed: held by whoever gave the job */
    struct store_done done;
};

struct list {
    struct job *first, **tail;
};

struct store {
    struct block_dir dir;
    struct block_form form;
    uint64_t limit;
    void (*on_event)(void *arg);
    void *arg;
    pthread_t thread;

    pthread_mutex_t mu;
    pthread_cond_t wake, idle;
    /* Guarded by mu. */
    struct entry *table; /* owned; [cap], open addressing, cap a power of two */
    size_t n, cap;
    bool orphans; /* there may be blocks whose parents are missing */
    uint64_t clock;
    struct list reads, writes, finished;
    int n_queued; /* writes that were not finished: as many entries are not on disk */
    bool busy, stop;
    struct store_stats stats;
    int64_t complained_ns;
};

/* --- the index ---------------------------------------------------------------------------------------------------------------------- */

static size_t slot_of(const struct store *s, const struct store_key *key)
{
    uint64_t h;
    memcpy(&h, key->b, sizeof h);
    return (size_t)h & (s->cap - 1);
}

static struct entry *find(const struct store *s, const struct store_key *key)
{
    for (size_t i = slot_of(s, key);; i = (i + 1) & (s->cap - 1)) {
        struct entry *x = &s->table[i];
        if (!x->taken)
            return NULL;
        if (memcmp(x->key.b, key->b, sizeof key->b) == 0)
            return x;
    }
}

static struct entry *place(struct store *s, const struct store_key *key)
{
    size_t i = slot_of(s, key);
    while (s->table[i].taken)
        i = (i + 1) & (s->cap - 1);
    return &s->table[i];
}

static void grow(struct store *s)
{
    struct entry *old = s->table;
    size_t cap = s->cap;
    s->cap = cap ? cap * 2 : INDEX_MIN;
    s->table = xcalloc(s->cap, sizeof *s->table);
    for (size_t i = 0; i < cap; i++)
        if (old[i].taken)
            *place(s, &old[i].key) = old[i];
    mem_free(old);
}

static struct entry *parent_of(const struct store *s, const struct entry *x)
{
    return x->has_parent ? find(s, &x->parent) : NULL;
}

/* Its children are not counted. */
static struct entry *add(struct store *s, const struct entry *x)
{
    if (2 * (s->n + 1) > s->cap)
        grow(s);
    struct entry *to = place(s, &x->key);
    *to = *x;
    to->taken = true;
    s->n++;
    s->stats.bytes += x->writing ? 0 : x->bytes;
    return to;
}

/* What lost its parent finds it again. */
static void adopt(struct store *s, struct entry *parent)
{
    for (size_t i = 0; s->orphans && i < s->cap; i++) {
        const struct entry *x = &s->table[i];
        parent->n_child += x->taken && parent_of(s, x) == parent;
    }
}

/* Takes an entry out and closes the gap that it leaves in its run of slots. */
static void take_out(struct store *s, const struct entry *x)
{
    struct entry *parent = parent_of(s, x);
    if (parent)
        parent->n_child--;
    s->orphans = s->orphans || x->n_child > 0;
    s->stats.bytes -= x->writing ? 0 : x->bytes;
    s->n--;
    size_t gap = (size_t)(x - s->table);
    s->table[gap].taken = false;
    for (size_t i = (gap + 1) & (s->cap - 1); s->table[i].taken; i = (i + 1) & (s->cap - 1)) {
        size_t home = slot_of(s, &s->table[i].key);
        if (((i - home) & (s->cap - 1)) < ((i - gap) & (s->cap - 1)))
            continue;
        s->table[gap] = s->table[i];
        s->table[i].taken = false;
        gap = i;
    }
}

static struct entry *least_used(const struct store *s)
{
    struct entry *worst = NULL;
    for (size_t i = 0; i < s->cap; i++) {
        struct entry *x = &s->table[i];
        if (x->taken && !x->writing && !x->n_child && (!worst || x->used < worst->used))
            worst = x;
    }
    return worst;
}

/* Removes blocks until no more than `bytes` are left; false if that cannot be. Called with mu held; files go while it is, which takes
 * microseconds each. */
static bool shrink_to(struct store *s, uint64_t bytes)
{
    struct entry *x;
    while (s->stats.bytes > bytes && (x = least_used(s))) {
        block_remove(&s->dir, &x->key);
        take_out(s, x);
    }
    return s->stats.bytes <= bytes;
}

/* --- the thread ---------------------------------------------------------------------------------------------------------------------- */

static void append(struct list *l, struct job *j)
{
    j->next = NULL;
    *l->tail = j;
    l->tail = &j->next;
}

static struct job *pop(struct list *l)
{
    struct job *j = l->first;
    if (!j)
        return NULL;
    l->first = j->next;
    if (!l->first)
        l->tail = &l->first;
    return j;
}

static struct block block_of(const struct store *s, const struct job *j)
{
    struct block b = {
        .form = &s->form, .key = j->key, .parent = j->parent, .has_parent = j->has_parent, .ids = j->ids
    };
    memcpy(b.page, j->page, sizeof b.page);
    return b;
}

/* One line a minute at most: a full disk would fill the log too. */
static void complain(struct store *s, const struct err *e)
{
    int64_t now = clock_ns();
    pthread_mutex_lock(&s->mu);
    bool speak = !s->complained_ns || now - s->complained_ns > complain_every_ns;
    if (speak)
        s->complained_ns = now;
    pthread_mutex_unlock(&s->mu);
    if (speak)
        log_warn("%s", e->msg);
}

static void do_read(struct store *s, struct job *j)
{
    struct err e = ERR_INIT;
    struct block b = block_of(s, j);
    int64_t start = clock_ns();
    int rc = block_read(&s->dir, &b, &e);
    int64_t ns = clock_ns() - start;
    if (rc)
        log_warn("%s: the block is left out", e.msg);
    if (rc == ERR_FORMAT)
        block_remove(&s->dir, &j->key);
    pthread_mutex_lock(&s->mu);
    struct entry *x = find(s, &j->key);
    if (rc && x && !x->writing)
        take_out(s, x);
    else if (x)
        x->used = ++s->clock; /* those before it stay as long as it does */
    s->stats.n_damaged += rc == ERR_FORMAT;
    s->stats.read_bytes += rc ? 0 : s->form.file_bytes;
    s->stats.read_ns += ns;
    pthread_mutex_unlock(&s->mu);
    j->done.ok = rc == 0;
}

/* Whether the block may be written: those before it are there, and it fits the limit. Where they are not, or those that take the room are
 * the ones before it, it is dropped without a word. */
static bool has_room(struct store *s, const struct job *j)
{
    pthread_mutex_lock(&s->mu);
    bool ok = (!j->has_parent || find(s, &j->parent)) && shrink_to(s, s->limit - s->form.file_bytes);
    pthread_mutex_unlock(&s->mu);
    return ok;
}

static int write_block(struct store *s, const struct job *j, struct err *e)
{
    struct block b = block_of(s, j);
    int rc = block_write(&s->dir, &b, e);
    if (rc != ERR_LIMIT)
        return rc;
    /* The disk is full before the limit is reached. */
    uint64_t two = 2 * s->form.file_bytes;
    pthread_mutex_lock(&s->mu);
    shrink_to(s, s->stats.bytes > two ? s->stats.bytes - two : 0);
    pthread_mutex_unlock(&s->mu);
    err_clear(e);
    return block_write(&s->dir, &b, e);
}

static void do_write(struct store *s, struct job *j)
{
    struct err e = ERR_INIT;
    bool fits = has_room(s, j);
    int64_t start = clock_ns();
    int rc = fits ? write_block(s, j, &e) : 0;
    int64_t ns = clock_ns() - start;
    if (rc)
        complain(s, &e);
    j->done.ok = fits && !rc;
    pthread_mutex_lock(&s->mu);
    struct entry *x = find(s, &j->key);
    if (!j->done.ok) {
        take_out(s, x);
    } else {
        x->writing = false;
        s->stats.bytes += x->bytes;
        s->stats.write_bytes += x->bytes;
    }
    s->stats.n_failed += rc != 0;
    s->stats.write_ns += ns;
    s->n_queued--;
    pthread_mutex_unlock(&s->mu);
}

static void *work(void *arg)
{
    struct store *s = arg;
    sys_name_thread("store");
    pthread_mutex_lock(&s->mu);
    for (;;) {
        struct job *j = pop(&s->reads);
        if (!j)
            j = pop(&s->writes);
        if (!j && s->stop)
            break;
        if (!j) {
            s->busy = false;
            pthread_cond_broadcast(&s->idle);
            pthread_cond_wait(&s->wake, &s->mu);
            continue;
        }
        s->busy = true;
        pthread_mutex_unlock(&s->mu);
        (j->write ? do_write : do_read)(s, j);
        j->done.bytes = s->form.file_bytes;
        pthread_mutex_lock(&s->mu);
        append(&s->finished, j);
        pthread_cond_broadcast(&s->idle);
        if (s->on_event) {
            pthread_mutex_unlock(&s->mu);
            s->on_event(s->arg);
            pthread_mutex_lock(&s->mu);
        }
    }
    s->busy = false;
    pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->mu);
    return NULL;
}

/* --- opening and closing ------------------------------------------------------------------------------------------------------- */

/* One block that lies in the directory; its age is that of the file. */
static void found(void *arg, const struct block_info *info)
{
    struct store *s = arg;
    const struct entry x = { .key = info->key,
                             .parent = info->parent,
                             .has_parent = info->has_parent,
                             .bytes = info->bytes,
                             .own = memcmp(info->identity, s->form.identity, STORE_ID_BYTES) == 0,
                             .used = (uint64_t)MAX(info->changed_ns, 0) };
    if (find(s, &x.key))
        return;
    add(s, &x);
    s->clock = MAX(s->clock, x.used);
}

/* Children may have been found before their parents. */
static void count_children(struct store *s)
{
    for (size_t i = 0; i < s->cap; i++) {
        const struct entry *x = &s->table[i];
        struct entry *parent = x->taken ? parent_of(s, x) : NULL;
        if (parent)
            parent->n_child++;
        s->orphans = s->orphans || (x->taken && x->has_parent && !parent);
    }
}

int store_open(struct store **out, const struct store_opts *o, struct err *e)
{
    *out = NULL;
    struct store *s = xcalloc(1, sizeof *s);
    s->limit = o->limit;
    s->on_event = o->on_event;
    s->arg = o->arg;
    block_form_init(&s->form, &o->keep, o->identity);
    grow(s);
    int rc = block_dir_open(&s->dir, o->dir, e);
    if (!rc)
        rc = block_dir_scan(&s->dir, found, s, e);
    if (rc) {
        block_dir_close(&s->dir);
        mem_free(s->table);
        mem_free(s);
        return rc;
    }
    count_children(s);
    s->reads.tail = &s->reads.first;
    s->writes.tail = &s->writes.first;
    s->finished.tail = &s->finished.first;
    pthread_mutex_init(&s->mu, NULL);
    pthread_cond_init(&s->wake, NULL);
    pthread_cond_init(&s->idle, NULL);
    if (!s->dir.read_only)
        shrink_to(s, s->limit);
    if (pthread_create(&s->thread, NULL, work, s)) {
        block_dir_close(&s->dir);
        mem_free(s->table);
        mem_free(s);
        return err_set(e, ERR_NOMEM, "the thread of the cache directory could not be started");
    }
    *out = s;
    return 0;
}

static void free_jobs(struct list *l)
{
    for (struct job *j; (j = pop(l));) {
        mem_free(j->ids);
        mem_free(j);
    }
}

void store_close(struct store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->mu);
    free_jobs(&s->writes);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mu);
    pthread_join(s->thread, NULL);
    free_jobs(&s->finished);
    block_dir_close(&s->dir);
    pthread_mutex_destroy(&s->mu);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->idle);
    mem_free(s->table);
    mem_free(s);
}

/* --- what the engine thread calls ------------------------------------------------------------------------------------------------ */

size_t store_block_tokens(const struct store *s)
{
    (void)s;
    return (size_t)STORE_BLOCK_PAGES * KV_PAGE_TOK;
}

size_t store_keys(const struct store *s, const int32_t *ids, size_t n, struct store_key *out)
{
    size_t block = store_block_tokens(s), n_block = n / block;
    for (size_t i = 0; i < n_block; i++)
        out[i] = block_key(&s->form, i ? &out[i - 1] : NULL, ids + i * block);
    return n_block;
}

bool store_has(struct store *s, const struct store_key *key)
{
    pthread_mutex_lock(&s->mu);
    const struct entry *x = find(s, key);
    bool has = x && !x->writing;
    pthread_mutex_unlock(&s->mu);
    return has;
}

static struct job *job_new(const struct store *s, const struct store_key *key, const int32_t *ids,
                           uint8_t *const *const *page, void *tag)
{
    struct job *j = xcalloc(1, sizeof *j);
    size_t bytes = store_block_tokens(s) * sizeof *j->ids;
    j->key = *key;
    j->ids = xmalloc(bytes);
    memcpy(j->ids, ids, bytes);
    for (int pool = 0; pool < s->form.n_pool; pool++)
        for (int i = 0; i < s->form.n_page[pool]; i++)
            j->page[pool * STORE_BLOCK_PAGES + i] = page[pool][i];
    j->done.tag = tag;
    return j;
}

void store_read(struct store *s, const struct store_key *key, const int32_t *ids, uint8_t *const *const *dst, void *tag)
{
    struct job *j = job_new(s, key, ids, dst, tag);
    pthread_mutex_lock(&s->mu);
    append(&s->reads, j);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mu);
}

bool store_write(struct store *s, const struct store_key *key, const struct store_key *parent, const int32_t *ids,
                 uint8_t *const *const *src, void *tag)
{
    pthread_mutex_lock(&s->mu);
    bool wanted = !s->dir.read_only && s->n_queued < QUEUE_MAX && !find(s, key) && (!parent || find(s, parent)) &&
                  s->form.file_bytes <= s->limit;
    if (wanted) {
        struct job *j = job_new(s, key, ids, src, tag);
        j->write = j->done.write = true;
        j->has_parent = parent != NULL;
        if (parent)
            j->parent = *parent;
        const struct entry x = { .key = *key,
                                 .parent = j->parent,
                                 .has_parent = j->has_parent,
                                 .bytes = s->form.file_bytes,
                                 .used = ++s->clock,
                                 .own = true,
                                 .writing = true };
        adopt(s, add(s, &x));
        if (parent)
            find(s, parent)->n_child++;
        append(&s->writes, j);
        s->n_queued++;
        pthread_cond_signal(&s->wake);
    }
    pthread_mutex_unlock(&s->mu);
    return wanted;
}

bool store_poll(struct store *s, struct store_done *out)
{
    pthread_mutex_lock(&s->mu);
    struct job *j = pop(&s->finished);
    pthread_mutex_unlock(&s->mu);
    if (!j)
        return false;
    *out = j->done;
    mem_free(j->ids);
    mem_free(j);
    return true;
}

void store_drain(struct store *s)
{
    pthread_mutex_lock(&s->mu);
    while (s->busy || s->reads.first || s->writes.first)
        pthread_cond_wait(&s->idle, &s->mu);
    pthread_mutex_unlock(&s->mu);
}

struct store_stats store_stats(struct store *s)
{
    pthread_mutex_lock(&s->mu);
    struct store_stats stats = s->stats;
    stats.n_block = s->n - (size_t)s->n_queued;
    pthread_mutex_unlock(&s->mu);
    return stats;
}

void store_clear(struct store *s)
{
    store_drain(s);
    pthread_mutex_lock(&s->mu);
    for (size_t i = 0; i < s->cap;) {
        struct entry *x = &s->table[i];
        if (!x->taken || !x->own) {
            i++;
            continue;
        }
        block_remove(&s->dir, &x->key);
        take_out(s, x); /* another may lie in this slot now */
    }
    pthread_mutex_unlock(&s->mu);
}
