/* test_store.c - blocks on disk: found by their tokens, kept within a limit, refused when damaged. What the disk itself does to them:
 * test_store_disk.c.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/block_file.h"
#include "support/stored.h"

static struct stored d;
static struct chain a, b, c;
/* The store's thread stops at the first event if it is told so, until it may go on. */
static sem_t at_event, go_on;
static int n_event; /* of the store's thread */

static int set_up(void **state)
{
    (void)state;
    sem_init(&at_event, 0, 0);
    sem_init(&go_on, 0, 0);
    n_event = 0;
    stored_init(&d);
    stored_open(&d);
    chain_init(&a, &d, 1, 0);
    chain_init(&b, &d, 2, 2);
    chain_init(&c, &d, 3, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sem_post(&go_on); /* a failed test may have left it waiting */
    stored_deinit(&d);
    sem_destroy(&at_event);
    sem_destroy(&go_on);
    return 0;
}

static uint64_t file_bytes(void)
{
    struct block_form f;
    block_form_init(&f, &d.o.keep, d.o.identity);
    return f.file_bytes;
}

static void limit_to(uint64_t n_block)
{
    d.o.limit = n_block * file_bytes() + file_bytes() / 2;
    stored_reopen(&d);
}

/* What the store says of itself is what lies in the directory, and within the limit. */
static void check_disk(void)
{
    uint64_t bytes;
    struct store_stats s = store_stats(d.s);
    assert_int_equal(s.n_block, stored_files(&d, ".kv", &bytes));
    assert_int_equal(s.bytes, bytes);
    assert_true(bytes <= d.o.limit);
    assert_int_equal(stored_files(&d, ".part", NULL), 0);
}

static bool same_key(const struct store_key *x, const struct store_key *y)
{
    return memcmp(x->b, y->b, sizeof x->b) == 0;
}

/* --- names ----------------------------------------------------------------------------------------------------------------------------- */

static void a_key_depends_on_identity_and_all_tokens_before(void **state)
{
    (void)state;
    struct store_key keys[CHAIN_BLOCKS];
    const size_t at[] = { 0, STORED_BLOCK_TOK - 1, STORED_BLOCK_TOK, 3 * STORED_BLOCK_TOK + 7 };
    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        a.ids[at[i]] ^= 1;
        assert_int_equal(store_keys(d.s, a.ids, ARRAY_LEN(a.ids), keys), CHAIN_BLOCKS);
        for (size_t k = 0; k < CHAIN_BLOCKS; k++)
            assert_int_equal(same_key(&keys[k], &a.keys[k]), k < at[i] / STORED_BLOCK_TOK);
        a.ids[at[i]] ^= 1;
    }
    /* The same tokens behind others. */
    memcpy(b.ids + STORED_BLOCK_TOK, a.ids, STORED_BLOCK_TOK * sizeof *a.ids);
    store_keys(d.s, b.ids, 2 * STORED_BLOCK_TOK, keys);
    assert_false(same_key(&keys[1], &a.keys[0]));
    for (int i = 0; i < STORE_ID_BYTES; i++) {
        d.o.identity[i] ^= 1;
        stored_reopen(&d);
        store_keys(d.s, a.ids, STORED_BLOCK_TOK, keys);
        assert_false(same_key(&keys[0], &a.keys[0]));
        d.o.identity[i] ^= 1;
    }
}

static void only_whole_blocks_have_keys(void **state)
{
    (void)state;
    struct store_key keys[2];
    assert_int_equal(store_block_tokens(d.s), STORED_BLOCK_TOK);
    assert_int_equal(store_keys(d.s, a.ids, STORED_BLOCK_TOK - 1, keys), 0);
    assert_int_equal(store_keys(d.s, a.ids, 2 * STORED_BLOCK_TOK - 1, keys), 1);
    assert_true(same_key(keys, a.keys));
}

/* --- writing and reading ------------------------------------------------------------------------------------------------------------------ */

static void what_was_written_is_read(void **state)
{
    (void)state;
    assert_false(store_has(d.s, &a.keys[0]));
    stored_write_all(&d, &a, 5);
    assert_int_equal(stored_check(&d, &a), 5);
    assert_int_equal(stored_check(&d, &b), 0);
    assert_false(stored_submit(&d, &a, 2)); /* it is there */
    struct store_stats s = store_stats(d.s);
    assert_int_equal(s.n_block, 5);
    assert_int_equal(s.write_bytes, 5 * file_bytes());
    assert_int_equal(s.read_bytes, 5 * file_bytes());
    assert_int_equal(s.n_damaged + s.n_failed, 0);
    check_disk();
}

static void a_block_that_is_not_there_is_refused(void **state)
{
    (void)state;
    stored_log_begin();
    bool ok = stored_read(&d, &a, 0);
    assert_int_equal(stored_log_end(), 1);
    assert_false(ok);
    assert_int_equal(store_stats(d.s).n_damaged, 0);
}

static void a_block_whose_parent_is_not_there_is_not_taken(void **state)
{
    (void)state;
    assert_false(stored_submit(&d, &a, 1));
    assert_true(stored_submit(&d, &a, 0));
    assert_true(stored_submit(&d, &a, 1)); /* its parent is on the way */
    assert_int_equal(stored_settle(&d), 2);
}

static void a_reopened_directory_has_all_blocks(void **state)
{
    (void)state;
    stored_write_all(&d, &a, 5);
    stored_write_all(&d, &b, 4);
    stored_reopen(&d);
    check_disk();
    assert_int_equal(store_stats(d.s).n_block, 9);
    assert_int_equal(stored_check(&d, &a), 5);
    assert_int_equal(stored_check(&d, &b), 4);
}

static void another_identity_has_blocks_of_its_own(void **state)
{
    (void)state;
    struct chain other;
    stored_write_all(&d, &a, 3);
    d.o.identity[5] ^= 1;
    stored_reopen(&d);
    chain_init(&other, &d, 1, 0);
    assert_int_equal(stored_check(&d, &other), 0);
    stored_write_all(&d, &other, 2);
    check_disk(); /* which counts both */
    assert_int_equal(store_stats(d.s).n_block, 5);
    store_clear(d.s);
    check_disk();
    assert_int_equal(store_stats(d.s).n_block, 3);
    assert_int_equal(stored_check(&d, &other), 0);
    d.o.identity[5] ^= 1;
    stored_reopen(&d);
    assert_int_equal(stored_check(&d, &a), 3);
}

static void what_was_cleared_can_be_written_again(void **state)
{
    (void)state;
    stored_write_all(&d, &a, 5);
    stored_write_all(&d, &b, 5);
    store_clear(d.s);
    check_disk();
    assert_int_equal(store_stats(d.s).n_block, 0);
    stored_write_all(&d, &a, 5);
    assert_int_equal(stored_check(&d, &a), 5);
    check_disk();
}

/* --- the thread ---------------------------------------------------------------------------------------------------------------------------- */

static void stop_at_first_event(void *arg)
{
    if (arg != &d || n_event++)
        return;
    sem_post(&at_event);
    sem_wait(&go_on);
}

static uint8_t *const *const *some_pages(void)
{
    static uint8_t byte[100], *page[STORE_BLOCK_PAGES], *const *pool[PAGES_POOL_MAX];
    for (size_t i = 0; i < ARRAY_LEN(page); i++)
        page[i] = byte;
    for (size_t i = 0; i < ARRAY_LEN(pool); i++)
        pool[i] = page;
    return pool;
}

static void write_some(uint32_t n_begin, int *n_taken)
{
    struct chain *own = xcalloc(1, sizeof *own);
    for (uint32_t i = 0; i < n_begin; i++) {
        chain_init(own, &d, 100 + i, 0);
        *n_taken += store_write(d.s, own->keys, NULL, own->ids, some_pages(), NULL);
    }
    mem_free(own);
}

static void the_queue_is_bounded_and_closing_drops_it(void **state)
{
    (void)state;
    int n_taken = 0;
    struct store_done done;
    d.o.on_event = stop_at_first_event;
    d.o.arg = &d;
    stored_reopen(&d);
    write_some(1, &n_taken);
    sem_wait(&at_event);
    assert_true(store_poll(d.s, &done));
    assert_true(done.ok && done.write && done.bytes == file_bytes());
    assert_false(store_poll(d.s, &done));
    write_some(301, &n_taken); /* the first of them is there already */
    assert_int_equal(n_taken, 1 + 256);
    assert_int_equal(store_stats(d.s).n_block, 1);
    check_disk();
    sem_post(&go_on);
    stored_close(&d);
    /* The thread may have begun with one or a few before it was told to end. */
    assert_true(stored_files(&d, ".kv", NULL) < 257);
    assert_int_equal(stored_files(&d, ".part", NULL), 0);
    stored_open(&d);
    check_disk();
}

static void reads_go_before_writes(void **state)
{
    (void)state;
    int n_taken = 0;
    d.o.on_event = stop_at_first_event;
    d.o.arg = &d;
    stored_reopen(&d);
    write_some(1, &n_taken);
    sem_wait(&at_event);
    assert_true(store_write(d.s, a.keys, NULL, a.ids, some_pages(), &a));
    chain_init(&c, &d, 100, 0);
    store_read(d.s, c.keys, c.ids, some_pages(), &c);
    sem_post(&go_on);
    store_drain(d.s);
    struct store_done done;
    void *const tags[] = { NULL, &c, &a };
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        assert_true(store_poll(d.s, &done));
        assert_true(done.ok);
        assert_ptr_equal(done.tag, tags[i]);
    }
    stored_close(&d);
    assert_int_equal(n_event, 3);
}

/* --- the limit ----------------------------------------------------------------------------------------------------------------------------- */

static void the_least_recently_used_leaf_goes_first(void **state)
{
    (void)state;
    limit_to(7);
    stored_write_all(&d, &a, 3);
    stored_write_all(&d, &c, 3);
    assert_true(stored_read(&d, &a, 0)); /* the two behind it are still older than those of c */
    chain_init(&b, &d, 4, 0);
    const struct {
        size_t a, c, b;
    } want[] = { { 3, 3, 1 }, { 2, 3, 2 }, { 1, 3, 3 }, { 1, 2, 4 }, { 1, 1, 5 }, { 1, 0, 6 }, { 0, 0, 7 } };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(stored_write(&d, &b, i));
        for (size_t k = 0; k < CHAIN_BLOCKS; k++) {
            assert_int_equal(store_has(d.s, &a.keys[k]), k < want[i].a);
            assert_int_equal(store_has(d.s, &c.keys[k]), k < want[i].c);
            assert_int_equal(store_has(d.s, &b.keys[k]), k < want[i].b);
        }
        check_disk();
    }
}

static void a_block_that_is_read_keeps_those_before_it(void **state)
{
    (void)state;
    limit_to(6);
    stored_write_all(&d, &a, 3);
    stored_write_all(&d, &c, 3);
    assert_true(stored_read(&d, &a, 2));
    chain_init(&b, &d, 4, 0);
    stored_write_all(&d, &b, 3);
    assert_int_equal(stored_check(&d, &a), 3);
    assert_int_equal(stored_check(&d, &c), 0);
}

static void what_was_used_last_is_known_to_the_next_process(void **state)
{
    (void)state;
    stored_write_all(&d, &a, 3);
    stored_write_all(&d, &c, 3);
    struct timespec tick = { .tv_nsec = 20000000 }; /* file systems count in ticks of a few ms */
    nanosleep(&tick, NULL);
    assert_int_equal(stored_check(&d, &a), 3);
    limit_to(3);
    check_disk();
    assert_int_equal(stored_check(&d, &a), 3);
    assert_int_equal(stored_check(&d, &c), 0);
}

static void a_chain_longer_than_the_limit_keeps_its_beginning(void **state)
{
    (void)state;
    limit_to(4);
    for (size_t i = 0; i < CHAIN_BLOCKS; i++)
        stored_submit(&d, &a, i);
    assert_int_equal(stored_settle(&d), 4);
    check_disk();
    assert_int_equal(stored_check(&d, &a), 4);
    for (size_t i = 0; i < CHAIN_BLOCKS; i++)
        stored_write(&d, &a, i);
    assert_int_equal(stored_check(&d, &a), 4);
    assert_int_equal(store_stats(d.s).n_failed, 0);
    check_disk();
}

static void nothing_is_taken_if_not_one_block_fits(void **state)
{
    (void)state;
    d.o.limit = file_bytes() - 1;
    stored_reopen(&d);
    assert_false(stored_submit(&d, &a, 0));
}

static void chains_stay_whole_under_random_use(void **state)
{
    (void)state;
    enum { N_CHAIN = 6, N_ROUND = 400 };
    struct chain *v = xcalloc(N_CHAIN, sizeof *v);
    struct rng r;
    rng_init(&r, 11);
    limit_to(20);
    for (uint32_t i = 0; i < N_CHAIN; i++)
        chain_init(&v[i], &d, i + 1, i % 3 * 2);
    for (int round = 0; round < N_ROUND; round++) {
        const struct chain *x = &v[rng_below(&r, N_CHAIN)];
        size_t n = rng_below(&r, CHAIN_BLOCKS + 1);
        for (size_t i = 0; i < n; i++)
            stored_submit(&d, x, i);
        stored_settle(&d);
        if (round % 10 == 0)
            stored_check(&d, x);
        if (round % 50 == 0)
            stored_reopen(&d);
        for (int k = 0; k < N_CHAIN; k++)
            for (size_t i = 1; i < CHAIN_BLOCKS; i++)
                assert_true(store_has(d.s, &v[k].keys[i - 1]) || !store_has(d.s, &v[k].keys[i]));
        check_disk();
    }
    assert_true(store_stats(d.s).n_block > 10);
    assert_int_equal(store_stats(d.s).n_failed + store_stats(d.s).n_damaged, 0);
    mem_free(v);
}

/* --- damaged files -------------------------------------------------------------------------------------------------------------------- */

static void put_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
        fail_msg("%s cannot be written", path);
}

/* A file with these bytes in place of block 0 of a: refused with one line and removed, both if it lay there before the directory was
 * opened and, now and then, if it changed under an open store. */
static void refuse(const void *bytes, size_t n)
{
    static int n_call;
    char *path = stored_path(&d, &a.keys[0], ".kv");
    for (int opened = 0; opened < (n_call % 8 ? 1 : 2); opened++) {
        bool ok = false;
        stored_close(&d);
        if (opened) {
            stored_open(&d);
            assert_true(stored_write(&d, &a, 0));
        }
        put_file(path, bytes, n);
        stored_log_begin();
        if (!opened)
            stored_open(&d);
        bool known = store_has(d.s, &a.keys[0]);
        if (known)
            ok = stored_read(&d, &a, 0);
        assert_int_equal(stored_log_end(), 1);
        assert_false(ok || store_has(d.s, &a.keys[0]) || file_exists(path));
        assert_int_equal(store_stats(d.s).n_damaged, known);
        check_disk();
    }
    n_call++;
    mem_free(path);
}

static struct buf block_0(void)
{
    struct buf bytes = { 0 };
    char *path = stored_path(&d, &a.keys[0], ".kv");
    assert_true(stored_write(&d, &a, 0));
    assert_int_equal(file_read(&bytes, path, NULL), 0);
    assert_int_equal(bytes.n, file_bytes());
    mem_free(path);
    return bytes;
}

static void every_flipped_byte_is_noticed(void **state)
{
    (void)state;
    struct buf bytes = block_0();
    for (size_t i = 0; i < bytes.n; i++) {
        bytes.p[i] = (char)(bytes.p[i] ^ 1 << i % 8);
        refuse(bytes.p, bytes.n);
        bytes.p[i] = (char)(bytes.p[i] ^ 1 << i % 8);
    }
    buf_deinit(&bytes);
}

static void every_other_length_is_noticed(void **state)
{
    (void)state;
    struct buf bytes = block_0();
    size_t n = bytes.n;
    for (size_t i = 0; i < n; i += i < 8 || i > n - 16 ? 1 : 13)
        refuse(bytes.p, i);
    for (size_t i = 0; i < 4096; i++)
        buf_char(&bytes, 0);
    refuse(bytes.p, n + 1);
    refuse(bytes.p, bytes.n);
    buf_deinit(&bytes);
}

/* Sizes lie at byte 64 and from 80 on. */
static void sizes_in_a_header_are_not_believed(void **state)
{
    (void)state;
    static const uint8_t huge[][8] = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
                                       { 0, 0, 0, 0, 0, 0, 0, 0x40 },
                                       { 0 } };
    struct buf bytes = block_0();
    for (size_t at = 64; at < 80 + 16 * PAGES_POOL_MAX; at += 8)
        for (size_t i = 0; i < ARRAY_LEN(huge); i++) {
            char kept[8];
            memcpy(kept, bytes.p + at, sizeof kept);
            memcpy(bytes.p + at, huge[i], sizeof kept);
            if (memcmp(kept, huge[i], sizeof kept) != 0)
                refuse(bytes.p, bytes.n);
            memcpy(bytes.p + at, kept, sizeof kept);
        }
    buf_deinit(&bytes);
}

/* A whole block, checksum and all, under the name of block 0 of a. */
static void refuse_forged(const struct keep_plan *keep, const uint8_t *identity, const int32_t *ids)
{
    static uint8_t byte[200];
    struct err e = ERR_INIT;
    struct block_form form;
    struct block_dir dir = { .path = d.dir };
    struct buf bytes = { 0 };
    char *path = stored_path(&d, &a.keys[0], ".kv");
    block_form_init(&form, keep, identity);
    struct block forged = { .form = &form, .key = a.keys[0], .ids = ids };
    for (size_t i = 0; i < ARRAY_LEN(forged.page); i++)
        forged.page[i] = byte;
    stored_close(&d);
    assert_int_equal(block_write(&dir, &forged, &e), 0);
    assert_int_equal(file_read(&bytes, path, NULL), 0);
    refuse(bytes.p, bytes.n);
    buf_deinit(&bytes);
    mem_free(path);
}

static void whole_blocks_of_something_else_are_refused(void **state)
{
    (void)state;
    uint8_t identity[STORE_ID_BYTES];
    struct keep_plan keep = d.o.keep;
    memcpy(identity, d.o.identity, sizeof identity);
    identity[15] ^= 1;
    refuse_forged(&d.o.keep, identity, a.ids);
    refuse_forged(&d.o.keep, d.o.identity, c.ids);
    keep.pool[1].page_bytes++;
    refuse_forged(&keep, d.o.identity, a.ids);
    keep = d.o.keep;
    keep.n_pool--;
    refuse_forged(&keep, d.o.identity, a.ids);
}

/* The parents that files name lead round in a circle. */
static void blocks_that_are_their_own_ancestors_do_no_harm(void **state)
{
    (void)state;
    static uint8_t byte[200];
    struct err e = ERR_INIT;
    struct block_form form;
    struct block_dir dir = { .path = d.dir };
    block_form_init(&form, &d.o.keep, d.o.identity);
    stored_close(&d);
    for (int i = 0; i < 3; i++) {
        struct block forged = { .form = &form,
                                .key = a.keys[i],
                                .parent = a.keys[(i + 1) % 3],
                                .has_parent = true,
                                .ids = a.ids + (size_t)i * STORED_BLOCK_TOK };
        for (size_t k = 0; k < ARRAY_LEN(forged.page); k++)
            forged.page[k] = byte;
        assert_int_equal(block_write(&dir, &forged, &e), 0);
    }
    stored_open(&d);
    for (size_t i = 0; i < 3; i++) {
        struct store_done done;
        store_read(d.s, &a.keys[i], a.ids + i * STORED_BLOCK_TOK, some_pages(), NULL);
        store_drain(d.s);
        assert_true(store_poll(d.s, &done));
    }
    stored_write_all(&d, &c, 5);
    limit_to(2);
    store_clear(d.s);
    check_disk();
}

static void a_block_written_again_goes_after_those_behind_it(void **state)
{
    (void)state;
    limit_to(5);
    stored_write_all(&d, &a, 4);
    char *path = stored_path(&d, &a.keys[1], ".kv");
    put_file(path, "x", 1);
    stored_log_begin();
    assert_false(stored_read(&d, &a, 1));
    stored_log_end();
    assert_true(stored_write(&d, &a, 1));
    assert_int_equal(stored_check(&d, &a), 4);
    for (size_t i = 0; i < 5; i++) {
        assert_true(stored_write(&d, &c, i));
        assert_int_equal(stored_check(&d, &a), MIN(4, 4 - i));
        check_disk();
    }
    mem_free(path);
}

static void a_block_that_another_process_removed_is_let_go(void **state)
{
    (void)state;
    stored_write_all(&d, &a, 3);
    char *path = stored_path(&d, &a.keys[2], ".kv");
    unlink(path);
    mem_free(path);
    stored_log_begin();
    bool ok = stored_read(&d, &a, 2);
    assert_int_equal(stored_log_end(), 1);
    assert_false(ok || store_has(d.s, &a.keys[2]));
    check_disk();
    assert_true(stored_write(&d, &a, 2));
    assert_int_equal(stored_check(&d, &a), 3);
}

/* --- what else lies in the directory ------------------------------------------------------------------------------------------------- */

static void make_old(const char *path)
{
    struct timespec t[2];
    clock_gettime(CLOCK_REALTIME, &t[0]);
    t[0].tv_sec -= 7200;
    t[1] = t[0];
    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void foreign_files_are_left_alone(void **state)
{
    (void)state;
    static const char *const dirs[] = { "ab", "zz", "notes", "cd" };
    static const char *const files[] = { "README",      "write-probe",   "ab/notes.txt",
                                         "ab/notes.kv", "ab/film.part",  "zz/x.kv",
                                         "notes/a.kv",  "ab/.kv",        "ab/.part",
                                         "x",           "cd/cd.12.part", "notes/film.part",
                                         "notes/ab",    "ab/ab.9.part",  "film.part" };
    stored_close(&d);
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        char *path = file_join(d.dir, dirs[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        mem_free(path);
    }
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char *path = file_join(d.dir, files[i]);
        put_file(path, files[i], strlen(files[i]));
        make_old(path);
        mem_free(path);
    }
    /* A directory and a file where blocks would lie. */
    char *in_the_way = stored_path(&d, &a.keys[0], ".kv"), *sub = stored_path(&d, &c.keys[0], "");
    *strrchr(sub, '/') = '\0';
    put_file(sub, "file", 4);
    char *slash = strrchr(in_the_way, '/');
    *slash = '\0';
    mkdir(in_the_way, 0700);
    *slash = '/';
    assert_int_equal(mkdir(in_the_way, 0700), 0);

    stored_log_begin();
    limit_to(1);
    assert_false(store_has(d.s, &a.keys[0]));
    assert_false(stored_write(&d, &a, 0));
    assert_false(stored_write(&d, &c, 0));
    chain_init(&b, &d, 9, 0);
    assert_true(stored_write(&d, &b, 0));
    store_clear(d.s);
    stored_reopen(&d);
    stored_log_end();
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct buf got = { 0 };
        char *path = file_join(d.dir, files[i]);
        if (file_read(&got, path, NULL))
            fail_msg("%s is gone", path);
        assert_int_equal(got.n, strlen(files[i]));
        assert_memory_equal(got.p, files[i], got.n);
        buf_deinit(&got);
        mem_free(path);
    }
    assert_true(file_is_dir(in_the_way) && file_exists(sub));
    mem_free(in_the_way);
    mem_free(sub);
}

static void a_block_in_the_wrong_place_is_not_counted(void **state)
{
    (void)state;
    stored_write_all(&d, &a, 1);
    char *path = stored_path(&d, &a.keys[0], ".kv"), *other = file_join(d.dir, "zz");
    assert_int_equal(mkdir(other, 0700), 0);
    char *to = file_join(other, strrchr(path, '/') + 1);
    assert_int_equal(rename(path, to), 0);
    stored_log_begin();
    stored_reopen(&d);
    stored_log_end();
    assert_false(store_has(d.s, &a.keys[0]));
    assert_int_equal(store_stats(d.s).n_block, 0);
    assert_true(file_exists(to));
    mem_free(path);
    mem_free(other);
    mem_free(to);
}

static void leftovers_of_killed_writes_go_after_an_hour(void **state)
{
    (void)state;
    stored_write_all(&d, &a, 2);
    char *old = stored_path(&d, &a.keys[0], ".123.part"), *fresh = stored_path(&d, &a.keys[1], ".124.part");
    put_file(old, "half", 4);
    put_file(fresh, "half", 4);
    make_old(old);
    stored_reopen(&d);
    assert_false(file_exists(old));
    assert_true(file_exists(fresh));
    assert_int_equal(store_stats(d.s).n_block, 2);
    assert_int_equal(stored_check(&d, &a), 2);
    mem_free(old);
    mem_free(fresh);
}

static void a_directory_that_cannot_be_used_is_an_error_at_once(void **state)
{
    (void)state;
    struct store *s;
    struct store_opts o = d.o;
    struct err e = ERR_INIT;
    char *file = file_join(d.dir, "file"), *below = file_join(file, "x"), *fresh = file_join(d.dir, "fresh");
    put_file(file, "x", 1);
    o.dir = file;
    assert_int_equal(store_open(&s, &o, &e), ERR_ARG);
    assert_non_null(strstr(e.msg, "expected a directory"));
    assert_null(s);
    err_clear(&e);
    o.dir = below;
    assert_int_equal(store_open(&s, &o, &e), ERR_IO);
    assert_non_null(strstr(e.msg, below));
    err_clear(&e);
    o.dir = fresh;
    assert_int_equal(store_open(&s, &o, &e), 0);
    assert_true(file_is_dir(fresh));
    store_close(s);
    mem_free(file);
    mem_free(below);
    mem_free(fresh);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_depends_on_identity_and_all_tokens_before),
        TEST(only_whole_blocks_have_keys),
        TEST(what_was_written_is_read),
        TEST(a_block_that_is_not_there_is_refused),
        TEST(a_block_whose_parent_is_not_there_is_not_taken),
        TEST(a_reopened_directory_has_all_blocks),
        TEST(another_identity_has_blocks_of_its_own),
        TEST(what_was_cleared_can_be_written_again),
        TEST(the_queue_is_bounded_and_closing_drops_it),
        TEST(reads_go_before_writes),
        TEST(the_least_recently_used_leaf_goes_first),
        TEST(a_block_that_is_read_keeps_those_before_it),
        TEST(what_was_used_last_is_known_to_the_next_process),
        TEST(a_chain_longer_than_the_limit_keeps_its_beginning),
        TEST(nothing_is_taken_if_not_one_block_fits),
        TEST(chains_stay_whole_under_random_use),
        TEST(every_flipped_byte_is_noticed),
        TEST(every_other_length_is_noticed),
        TEST(sizes_in_a_header_are_not_believed),
        TEST(whole_blocks_of_something_else_are_refused),
        TEST(blocks_that_are_their_own_ancestors_do_no_harm),
        TEST(a_block_written_again_goes_after_those_behind_it),
        TEST(a_block_that_another_process_removed_is_let_go),
        TEST(foreign_files_are_left_alone),
        TEST(a_block_in_the_wrong_place_is_not_counted),
        TEST(leftovers_of_killed_writes_go_after_an_hour),
        TEST(a_directory_that_cannot_be_used_is_an_error_at_once),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
