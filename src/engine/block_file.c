/* block_file.c - blocks as files: header, checksum, write and rename.
 * SPDX-License-Identifier: MIT */
#include "engine/block_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

static const char magic[8] = "octetkv";
enum { VERSION = 1, KEY_BYTES = 16, NAME_CHARS = 2 * KEY_BYTES, STALE_SECONDS = 3600 };

/* The header as it lies in the file; every field is written in little-endian order by put and get. */
enum {
    AT_VERSION = 8,
    AT_FLAGS = 12, /* 1: there is a parent */
    AT_IDENTITY = 16,
    AT_KEY = 32,
    AT_PARENT = 48,
    AT_N_TOKEN = 64,
    AT_N_POOL = 72,
    AT_POOLS = 80, /* of each pool: pages, bytes of a page */
    AT_CHECKSUM = AT_POOLS + 16 * PAGES_POOL_MAX,
    HEADER_BYTES = AT_CHECKSUM + 16,
};

static void put(uint8_t *p, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

void block_form_init(struct block_form *f, const struct keep_plan *keep, const uint8_t identity[STORE_ID_BYTES])
{
    *f = (struct block_form){ .n_pool = keep->n_pool, .n_token = (size_t)STORE_BLOCK_PAGES * KV_PAGE_TOK };
    memcpy(f->identity, identity, STORE_ID_BYTES);
    f->file_bytes = HEADER_BYTES + f->n_token * sizeof(int32_t);
    for (int p = 0; p < keep->n_pool; p++) {
        /* Of a window no more than it needs, of a state the snapshot behind the block. */
        const struct keep_pool *k = &keep->pool[p];
        size_t window_pages = k->window / KV_PAGE_TOK + 1;
        f->n_page[p] = k->kind == KEEP_STATE    ? 1
                       : k->kind == KEEP_WINDOW ? (int)MIN((size_t)STORE_BLOCK_PAGES, window_pages)
                                                : STORE_BLOCK_PAGES;
        f->page_bytes[p] = k->page_bytes;
        f->file_bytes += (uint64_t)f->n_page[p] * k->page_bytes;
    }
}

/* Ids as the file has them. */
static uint8_t *id_bytes(const struct block_form *f, const int32_t *ids)
{
    uint8_t *p = xmalloc(f->n_token * 4);
    for (size_t t = 0; t < f->n_token; t++)
        put(p + 4 * t, (uint32_t)ids[t], 4);
    return p;
}

struct store_key block_key(const struct block_form *f, const struct store_key *parent, const int32_t *ids)
{
    static const struct store_key none;
    XXH3_state_t *x = XXH3_createState();
    uint8_t *bytes = id_bytes(f, ids);
    XXH3_128bits_reset(x);
    XXH3_128bits_update(x, f->identity, STORE_ID_BYTES);
    XXH3_128bits_update(x, (parent ? parent : &none)->b, KEY_BYTES);
    XXH3_128bits_update(x, bytes, f->n_token * 4);
    XXH128_hash_t h = XXH3_128bits_digest(x);
    XXH3_freeState(x);
    mem_free(bytes);
    struct store_key key;
    put(key.b, h.low64, 8);
    put(key.b + 8, h.high64, 8);
    return key;
}

/* --- names ----------------------------------------------------------------------------------------------------------------------------- */

static void name_of(const struct store_key *key, char out[NAME_CHARS + 1])
{
    for (size_t i = 0; i < KEY_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", key->b[i]);
}

/* DIR/ab/NAME with `end` behind it, to be freed; "DIR/ab" in *sub if wanted. */
static char *path_of(const struct block_dir *d, const struct store_key *key, const char *end, char **sub)
{
    char name[NAME_CHARS + 1];
    struct buf b = { 0 };
    name_of(key, name);
    buf_printf(&b, "%s/%.2s", d->path, name);
    if (sub)
        *sub = xstrdup(b.p);
    buf_printf(&b, "/%s%s", name, end);
    return buf_take(&b);
}

int block_dir_open(struct block_dir *d, const char *path, struct err *e)
{
    *d = (struct block_dir){ .path = xstrdup(path) };
    if (mkdir(path, 0700) && errno != EEXIST)
        return err_errno(e, "cache directory %s cannot be made", path);
    if (!file_is_dir(path))
        return err_set(e, ERR_ARG, "cache directory %s: found a file, expected a directory", path);
    if (access(path, R_OK | X_OK))
        return err_errno(e, "cache directory %s cannot be read", path);
    d->read_only = access(path, W_OK) != 0;
    if (d->read_only)
        log_warn("cache directory %s cannot be written (%s): it is read only", path, strerror(errno));
    return 0;
}

void block_dir_close(struct block_dir *d)
{
    mem_free(d->path);
    *d = (struct block_dir){ 0 };
}

/* --- headers --------------------------------------------------------------------------------------------------------------------------- */

static void put_header(uint8_t h[HEADER_BYTES], const struct block *b)
{
    const struct block_form *f = b->form;
    memset(h, 0, HEADER_BYTES);
    memcpy(h, magic, sizeof magic);
    put(h + AT_VERSION, VERSION, 4);
    put(h + AT_FLAGS, b->has_parent, 4);
    memcpy(h + AT_IDENTITY, f->identity, STORE_ID_BYTES);
    memcpy(h + AT_KEY, b->key.b, KEY_BYTES);
    if (b->has_parent)
        memcpy(h + AT_PARENT, b->parent.b, KEY_BYTES);
    put(h + AT_N_TOKEN, f->n_token, 8);
    put(h + AT_N_POOL, (uint64_t)f->n_pool, 8);
    for (int p = 0; p < f->n_pool; p++) {
        uint8_t *pool = h + AT_POOLS + 16 * (size_t)p;
        put(pool, (uint64_t)f->n_page[p], 8);
        put(pool + 8, f->page_bytes[p], 8);
    }
}

static void put_checksum(uint8_t h[HEADER_BYTES], const struct block *b, const uint8_t *ids)
{
    const struct block_form *f = b->form;
    XXH3_state_t *x = XXH3_createState();
    XXH3_128bits_reset(x);
    XXH3_128bits_update(x, h, AT_CHECKSUM);
    XXH3_128bits_update(x, ids, f->n_token * 4);
    for (int p = 0; p < f->n_pool; p++)
        for (int i = 0; i < f->n_page[p]; i++)
            XXH3_128bits_update(x, b->page[p * STORE_BLOCK_PAGES + i], f->page_bytes[p]);
    XXH128_hash_t sum = XXH3_128bits_digest(x);
    XXH3_freeState(x);
    put(h + AT_CHECKSUM, sum.low64, 8);
    put(h + AT_CHECKSUM + 8, sum.high64, 8);
}

/* Reads exactly n bytes; false at the end of the file or where it cannot be read. */
static bool read_all(int fd, void *p, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t k = read(fd, (uint8_t *)p + got, n - got);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        got += (size_t)k;
    }
    return true;
}

static bool write_all(int fd, const void *p, size_t n)
{
    for (size_t put_n = 0; put_n < n;) {
        ssize_t k = write(fd, (const uint8_t *)p + put_n, n - put_n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return false;
        put_n += (size_t)k;
    }
    return true;
}

/* --- the directory ---------------------------------------------------------------------------------------------------------------------- */

static bool is_stale(const struct stat *st)
{
    return time(NULL) - st->st_mtime > STALE_SECONDS;
}

/* Whether `name`, which lies in the directory `sub`, is one that we give: 32 hexadecimal digits, which begin with sub's, and an end. */
static bool is_ours(const char *sub, const char *name)
{
    return strspn(name, "0123456789abcdef") == NAME_CHARS && memcmp(name, sub, 2) == 0;
}

/* The header of a block whose name is NAME.kv, as far as it can be told without knowing the block. */
static bool read_info(struct block_info *info, int fd, const char *name)
{
    uint8_t h[HEADER_BYTES];
    char expected[NAME_CHARS + 1];
    if (!read_all(fd, h, sizeof h) || memcmp(h, magic, sizeof magic) != 0)
        return false;
    memcpy(info->identity, h + AT_IDENTITY, STORE_ID_BYTES);
    memcpy(info->key.b, h + AT_KEY, KEY_BYTES);
    memcpy(info->parent.b, h + AT_PARENT, KEY_BYTES);
    info->has_parent = get(h + AT_FLAGS, 4) & 1;
    name_of(&info->key, expected);
    return memcmp(name, expected, NAME_CHARS) == 0;
}

static void scan_block(const struct block_dir *d, const char *path, const char *name, const struct stat *st,
                       block_found_fn *fn, void *arg)
{
    struct block_info info = { .bytes = (uint64_t)st->st_size,
                               .changed_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        log_warn("%s cannot be opened (%s): the block is left out", path, strerror(errno));
        return;
    }
    bool ok = read_info(&info, fd, name);
    close(fd);
    if (ok) {
        fn(arg, &info);
        return;
    }
    log_warn("%s is damaged or short: the block is left out", path);
    if (!d->read_only)
        unlink(path);
}

/* Looks at the file `name` in the directory `sub`. */
static void scan_file(const struct block_dir *d, const char *sub, const char *path, const char *name,
                      block_found_fn *fn, void *arg)
{
    struct stat st;
    if (!is_ours(sub, name) || lstat(path, &st) || !S_ISREG(st.st_mode))
        return;
    if (strcmp(name + NAME_CHARS, ".kv") == 0)
        scan_block(d, path, name, &st, fn, arg);
    else if (str_ends(str_from(name), STR(".part")) && is_stale(&st) && !d->read_only)
        unlink(path);
}

int block_dir_scan(struct block_dir *d, block_found_fn *fn, void *arg, struct err *e)
{
    char **subs, **names;
    size_t n_sub, n_name;
    int rc = file_list(&subs, &n_sub, d->path, e);
    if (rc)
        return rc;
    for (size_t i = 0; i < n_sub; i++) {
        char *sub = file_join(d->path, subs[i]);
        struct err own = ERR_INIT;
        if (strlen(subs[i]) == 2 && file_is_dir(sub) && !file_list(&names, &n_name, sub, &own)) {
            for (size_t j = 0; j < n_name; j++) {
                char *path = file_join(sub, names[j]);
                scan_file(d, subs[i], path, names[j], fn, arg);
                mem_free(path);
            }
            file_list_free(names, n_name);
        }
        mem_free(sub);
    }
    file_list_free(subs, n_sub);
    return 0;
}

/* --- blocks ------------------------------------------------------------------------------------------------------------------------------ */

static int read_block(int fd, const struct block *b, const char *path, struct err *e)
{
    const struct block_form *f = b->form;
    uint8_t found[HEADER_BYTES], expected[HEADER_BYTES];
    uint8_t *found_ids = xmalloc(f->n_token * 4), *ids = id_bytes(f, b->ids);
    put_header(expected, b);
    struct stat st;
    bool ok = !fstat(fd, &st) && (uint64_t)st.st_size == f->file_bytes && read_all(fd, found, sizeof found) &&
              read_all(fd, found_ids, f->n_token * 4);
    /* Which block stood before is part of the key: what the file says of it need not be compared. */
    memcpy(expected + AT_FLAGS, found + AT_FLAGS, 4);
    memcpy(expected + AT_PARENT, found + AT_PARENT, KEY_BYTES);
    ok = ok && memcmp(found, expected, AT_CHECKSUM) == 0 && memcmp(found_ids, ids, f->n_token * 4) == 0;
    for (int p = 0; ok && p < f->n_pool; p++)
        for (int i = 0; ok && i < f->n_page[p]; i++)
            ok = read_all(fd, b->page[p * STORE_BLOCK_PAGES + i], f->page_bytes[p]);
    if (ok) {
        put_checksum(expected, b, ids);
        ok = memcmp(found + AT_CHECKSUM, expected + AT_CHECKSUM, 16) == 0;
    }
    mem_free(found_ids);
    mem_free(ids);
    return ok ? 0 : err_set(e, ERR_FORMAT, "%s is damaged, short or of another model", path);
}

int block_read(const struct block_dir *d, const struct block *b, struct err *e)
{
    char *path = path_of(d, &b->key, ".kv", NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? err_errno(e, "%s cannot be opened", path) : read_block(fd, b, path, e);
    if (!rc)
        futimens(fd, NULL); /* so that the next process knows what was used last */
    if (fd >= 0)
        close(fd);
    mem_free(path);
    return rc;
}

static bool write_block(int fd, const struct block *b)
{
    const struct block_form *f = b->form;
    uint8_t h[HEADER_BYTES], *ids = id_bytes(f, b->ids);
    put_header(h, b);
    put_checksum(h, b, ids);
    bool ok = write_all(fd, h, sizeof h) && write_all(fd, ids, f->n_token * 4);
    for (int p = 0; ok && p < f->n_pool; p++)
        for (int i = 0; ok && i < f->n_page[p]; i++)
            ok = write_all(fd, b->page[p * STORE_BLOCK_PAGES + i], f->page_bytes[p]);
    mem_free(ids);
    return ok && fdatasync(fd) == 0;
}

int block_write(const struct block_dir *d, const struct block *b, struct err *e)
{
    char *sub, end[32];
    /* Processes that share the directory do not meet. */
    snprintf(end, sizeof end, ".%ld.part", (long)getpid());
    char *part = path_of(d, &b->key, end, &sub), *path = path_of(d, &b->key, ".kv", NULL);
    int rc = 0;
    bool made = !mkdir(sub, 0700) || errno == EEXIST;
    int fd = made ? open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    bool ok = fd >= 0 && write_block(fd, b);
    int why = errno;
    if (fd >= 0 && close(fd)) {
        why = ok ? errno : why;
        ok = false;
    }
    if (ok && rename(part, path)) {
        why = errno;
        ok = false;
    }
    if (!ok) {
        rc = why == ENOSPC || why == EDQUOT ? ERR_LIMIT : ERR_IO;
        err_set(e, rc, "%s cannot be written: %s", part, strerror(why));
        unlink(part);
    }
    mem_free(part);
    mem_free(path);
    mem_free(sub);
    return rc;
}

void block_remove(const struct block_dir *d, const struct store_key *key)
{
    if (d->read_only)
        return;
    char *path = path_of(d, key, ".kv", NULL);
    unlink(path);
    mem_free(path);
}
