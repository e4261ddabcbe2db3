/* stored.c - a store in a directory of its own, with made blocks.
 * SPDX-License-Identifier: MIT */
#include "support/stored.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"

/* A page of the largest pool that a test uses. */
enum { PAGE_MAX = 1 << 18, PAGES = PAGES_POOL_MAX * STORE_BLOCK_PAGES };

struct block_pages {
    uint8_t byte[PAGES][PAGE_MAX];
    uint8_t *page[PAGES_POOL_MAX][STORE_BLOCK_PAGES];
    uint8_t *const *pool[PAGES_POOL_MAX];
};

/* --- the directory --------------------------------------------------------------------------------------------------------------------- */

void stored_init(struct stored *d)
{
    const char *tmp = getenv("TMPDIR");
    memset(d, 0, sizeof *d);
    snprintf(d->dir, sizeof d->dir, "%s/octet-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(d->dir))
        fail_msg("cannot make a directory like %s", d->dir);
    d->o = (struct store_opts){
        .dir = d->dir,
        .limit = (uint64_t)1 << 40,
        .identity = { 1, 2, 3 },
        .keep = { 3, { { KEEP_FULL, 100, 0 }, { KEEP_WINDOW, 60, KV_PAGE_TOK }, { KEEP_STATE, 37, 0 } } },
    };
}

static void remove_tree(const char *path)
{
    char **names;
    size_t n;
    struct stat st;
    if (!lstat(path, &st) && S_ISDIR(st.st_mode) && !file_list(&names, &n, path, NULL)) {
        for (size_t i = 0; i < n; i++) {
            char *sub = file_join(path, names[i]);
            remove_tree(sub);
            mem_free(sub);
        }
        file_list_free(names, n);
    }
    remove(path);
}

void stored_deinit(struct stored *d)
{
    stored_close(d);
    remove_tree(d->dir);
}

void stored_open(struct stored *d)
{
    struct err e = ERR_INIT;
    if (store_open(&d->s, &d->o, &e))
        fail_msg("%s", e.msg);
}

void stored_close(struct stored *d)
{
    store_close(d->s);
    d->s = NULL;
}

void stored_reopen(struct stored *d)
{
    stored_close(d);
    stored_open(d);
}

static void count_files(const char *path, const char *end, size_t *n_file, uint64_t *bytes)
{
    char **names;
    size_t n;
    struct stat st;
    if (lstat(path, &st))
        return;
    if (!S_ISDIR(st.st_mode)) {
        bool counts = str_ends(str_from(path), str_from(end));
        *n_file += counts;
        *bytes += counts ? (uint64_t)st.st_size : 0;
    } else if (!file_list(&names, &n, path, NULL)) {
        for (size_t i = 0; i < n; i++) {
            char *sub = file_join(path, names[i]);
            count_files(sub, end, n_file, bytes);
            mem_free(sub);
        }
        file_list_free(names, n);
    }
}

size_t stored_files(const struct stored *d, const char *end, uint64_t *bytes)
{
    size_t n = 0;
    uint64_t sum = 0;
    count_files(d->dir, end, &n, &sum);
    if (bytes)
        *bytes = sum;
    return n;
}

char *stored_path(const struct stored *d, const struct store_key *key, const char *end)
{
    struct buf b = { 0 };
    buf_printf(&b, "%s/%02x/", d->dir, key->b[0]);
    for (size_t i = 0; i < sizeof key->b; i++)
        buf_printf(&b, "%02x", key->b[i]);
    buf_z(&b, end);
    return buf_take(&b);
}

/* --- blocks ------------------------------------------------------------------------------------------------------------------------------ */

void chain_init(struct chain *c, const struct stored *d, uint32_t seed, size_t shared)
{
    for (size_t t = 0; t < ARRAY_LEN(c->ids); t++) {
        uint32_t own = t < shared * STORED_BLOCK_TOK ? 0 : seed;
        c->ids[t] = (int32_t)(((uint32_t)t * 2654435761u + own * 40503u) & INT32_MAX);
    }
    assert_int_equal(store_keys(d->s, c->ids, ARRAY_LEN(c->ids), c->keys), CHAIN_BLOCKS);
}

static size_t page_bytes(const struct stored *d, int pool)
{
    return d->o.keep.pool[pool].page_bytes;
}

/* How many pages of a pool a block holds. */
static int n_page(const struct stored *d, int pool)
{
    static const int of_kind[] = { [KEEP_FULL] = STORE_BLOCK_PAGES, [KEEP_WINDOW] = 2, [KEEP_STATE] = 1 };
    return of_kind[d->o.keep.pool[pool].kind];
}

static void fill(uint8_t *p, size_t n, const struct store_key *key, int page)
{
    uint64_t seed;
    struct rng r;
    memcpy(&seed, key->b, sizeof seed);
    rng_init(&r, seed + (uint64_t)page);
    for (size_t i = 0; i < n; i += sizeof seed) {
        seed = rng_next(&r);
        memcpy(p + i, &seed, MIN(n - i, sizeof seed));
    }
}

/* Pages for a block, to be freed; NULL where the block has none. With a key: with its bytes. */
static struct block_pages *block_pages_new(const struct stored *d, const struct store_key *key)
{
    struct block_pages *p = xcalloc(1, sizeof *p);
    for (int pool = 0; pool < d->o.keep.n_pool; pool++) {
        assert_true(page_bytes(d, pool) <= PAGE_MAX);
        p->pool[pool] = p->page[pool];
        for (int i = 0; i < n_page(d, pool); i++) {
            int k = pool * STORE_BLOCK_PAGES + i;
            p->page[pool][i] = p->byte[k];
            if (key)
                fill(p->byte[k], page_bytes(d, pool), key, k);
        }
    }
    return p;
}

bool stored_submit(struct stored *d, const struct chain *c, size_t i)
{
    struct block_pages *p = block_pages_new(d, &c->keys[i]);
    bool taken = store_write(d->s, &c->keys[i], chain_parent(c, i), c->ids + i * STORED_BLOCK_TOK, p->pool, p);
    if (!taken)
        mem_free(p);
    return taken;
}

size_t stored_settle(struct stored *d)
{
    struct store_done done;
    size_t n = 0;
    store_drain(d->s);
    while (store_poll(d->s, &done)) {
        assert_true(done.write);
        n += done.ok;
        mem_free(done.tag);
    }
    return n;
}

bool stored_write(struct stored *d, const struct chain *c, size_t i)
{
    return stored_submit(d, c, i) && stored_settle(d) == 1;
}

void stored_write_all(struct stored *d, const struct chain *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_true(stored_submit(d, c, i));
    assert_int_equal(stored_settle(d), n);
}

bool stored_read(struct stored *d, const struct chain *c, size_t i)
{
    struct block_pages *got = block_pages_new(d, NULL), *want = block_pages_new(d, &c->keys[i]);
    struct store_done done;
    store_read(d->s, &c->keys[i], c->ids + i * STORED_BLOCK_TOK, got->pool, got);
    store_drain(d->s);
    assert_true(store_poll(d->s, &done));
    assert_ptr_equal(done.tag, got);
    assert_false(done.write);
    if (done.ok)
        assert_memory_equal(got->byte, want->byte, sizeof got->byte);
    mem_free(got);
    mem_free(want);
    return done.ok;
}

size_t stored_check(struct stored *d, const struct chain *c)
{
    size_t n = 0;
    for (size_t i = 0; i < CHAIN_BLOCKS; i++) {
        if (!store_has(d->s, &c->keys[i]))
            continue;
        if (i != n)
            fail_msg("block %zu is there, block %zu before it is not", i, n);
        if (!stored_read(d, c, i))
            fail_msg("block %zu cannot be read", i);
        n++;
    }
    return n;
}

/* --- the log ------------------------------------------------------------------------------------------------------------------------------- */

static FILE *log_file;
static int real_stderr;

void stored_log_begin(void)
{
    log_file = tmpfile();
    real_stderr = dup(STDERR_FILENO);
    if (!log_file || real_stderr < 0 || dup2(fileno(log_file), STDERR_FILENO) < 0)
        fail_msg("standard error cannot be redirected");
}

size_t stored_log_end(void)
{
    size_t n = 0;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    rewind(log_file);
    for (int ch; (ch = getc(log_file)) != EOF;)
        n += ch == '\n';
    fclose(log_file);
    return n;
}
