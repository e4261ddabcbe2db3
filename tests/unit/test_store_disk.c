/* test_store_disk.c - what the disk and the system do to a store: full, read only, shared with another process, killed at any moment.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* unshare, umount2 */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#endif

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "support/stored.h"

/* 20 pages of 4 KiB a block, and a little room; or one that takes a while to be written. */
enum { PAGE_BYTES = 20000, BLOCK_BYTES = 20 * 4096, LARGE_PAGE_BYTES = 1 << 18, N_CHAIN = 4 };

static struct stored d;
static struct chain chains[N_CHAIN];
static bool mounted; /* something in place of the directory */

/* --- mounts: seen by this process alone, and gone with it -------------------------------------------------------------------------- */

#ifdef __linux__
static bool own_mounts(void)
{
    static int own = -1;
    if (own < 0)
        own = !unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return own;
}

static bool mount_small(const char *options)
{
    return own_mounts() && !mount("none", d.dir, "tmpfs", 0, options);
}

static bool mount_read_only(void)
{
    if (!own_mounts() || mount(d.dir, d.dir, NULL, MS_BIND, NULL))
        return false;
    if (!mount(NULL, d.dir, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL))
        return true;
    umount2(d.dir, MNT_DETACH);
    return false;
}

static void unmount(void)
{
    umount2(d.dir, MNT_DETACH);
}
#else
static bool mount_small(const char *options)
{
    (void)options;
    return false;
}

static bool mount_read_only(void)
{
    return false;
}

static void unmount(void)
{
}
#endif

static int set_up(void **state)
{
    (void)state;
    stored_init(&d);
    d.o.keep = (struct keep_plan){ 1, { { KEEP_FULL, PAGE_BYTES, 0 } } };
    stored_open(&d);
    for (uint32_t i = 0; i < N_CHAIN; i++)
        chain_init(&chains[i], &d, i + 1, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stored_close(&d);
    if (mounted)
        unmount();
    mounted = false;
    chmod(d.dir, 0700);
    stored_deinit(&d);
    return 0;
}

/* A file system of its own in place of the directory, with the store open; skips the test where that cannot be. */
static void on_tmpfs(const char *options)
{
    stored_close(&d);
    mounted = mount_small(options);
    if (!mounted) {
        print_message("skipped: a small file system cannot be mounted here: only root may\n");
        skip();
    }
    stored_open(&d);
}

/* Fills the disk until so many bytes are left, with a file that is none of the store's. */
static void leave_room(size_t n_left)
{
    static const char zeros[4096];
    char *path = file_join(d.dir, "ballast");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    off_t n = 0;
    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof zeros) == (ssize_t)sizeof zeros)
        n += (off_t)sizeof zeros;
    assert_int_equal(errno, ENOSPC);
    assert_true(n > (off_t)n_left);
    assert_int_equal(ftruncate(fd, n - (off_t)n_left), 0);
    close(fd);
    mem_free(path);
}

static void submit_all(const struct chain *c)
{
    for (size_t i = 0; i < CHAIN_BLOCKS; i++)
        stored_submit(&d, c, i);
}

static void check_all(void)
{
    size_t n = 0;
    for (int i = 0; i < N_CHAIN; i++)
        n += stored_check(&d, &chains[i]);
    struct store_stats s = store_stats(d.s);
    assert_int_equal(s.n_block, n);
    assert_int_equal(s.n_damaged, 0);
    assert_int_equal(stored_files(&d, ".kv", NULL), n);
}

static void a_full_disk_keeps_what_is_there(void **state)
{
    (void)state;
    on_tmpfs("size=1m");
    leave_room(5 * BLOCK_BYTES);
    stored_log_begin();
    submit_all(&chains[0]);
    size_t n = stored_settle(&d);
    size_t n_line = stored_log_end();
    /* Those before a block do not give way to it. */
    assert_int_equal(n, 5);
    assert_int_equal(n_line, 1);
    assert_int_equal(store_stats(d.s).n_failed, 1);
    assert_int_equal(stored_check(&d, &chains[0]), 5);
    assert_int_equal(stored_files(&d, ".part", NULL), 0);
    check_all();
    stored_reopen(&d);
    check_all();
    leave_room(100 * 4096);
    assert_true(stored_write(&d, &chains[0], 5));
    check_all();
}

static void on_a_full_disk_the_oldest_give_way(void **state)
{
    (void)state;
    on_tmpfs("size=1m");
    leave_room(5 * BLOCK_BYTES);
    stored_write_all(&d, &chains[0], 3);
    stored_write_all(&d, &chains[1], 2);
    stored_write_all(&d, &chains[2], 5);
    assert_int_equal(stored_check(&d, &chains[2]), 5);
    assert_int_equal(store_stats(d.s).n_failed, 0);
    check_all();
}

static void on_a_full_disk_without_blocks_writes_fail_and_later_succeed(void **state)
{
    (void)state;
    on_tmpfs("size=1m");
    leave_room(0);
    stored_log_begin();
    bool ok = false;
    for (int i = 0; i < N_CHAIN; i++)
        ok = ok || stored_write(&d, &chains[i], 0);
    assert_int_equal(stored_log_end(), 1); /* one line a minute */
    assert_false(ok);
    assert_int_equal(store_stats(d.s).n_failed, N_CHAIN);
    assert_int_equal(stored_files(&d, ".part", NULL), 0);
    check_all();
    leave_room(8 * BLOCK_BYTES);
    stored_write_all(&d, &chains[0], 8);
    check_all();
}

static void a_disk_without_inodes_is_full_too(void **state)
{
    (void)state;
    on_tmpfs("size=64m,nr_inodes=16");
    stored_write_all(&d, &chains[0], 4);
    stored_write_all(&d, &chains[1], 4);
    assert_int_equal(stored_check(&d, &chains[1]), 4);
    assert_int_equal(store_stats(d.s).n_failed, 0);
    check_all();
    stored_reopen(&d);
    assert_true(stored_write(&d, &chains[2], 0));
    check_all();
}

/* --- read only --------------------------------------------------------------------------------------------------------------------------- */

/* Root writes whatever the mode, so for root the directory becomes a mount of itself. */
static void make_read_only(void)
{
    if (geteuid()) {
        assert_int_equal(chmod(d.dir, 0500), 0);
        return;
    }
    mounted = mount_read_only();
    if (!mounted) {
        print_message("skipped: the directory cannot be made read only for root here\n");
        skip();
    }
}

static void a_read_only_directory_is_read(void **state)
{
    (void)state;
    stored_write_all(&d, &chains[0], 4);
    char *damaged = stored_path(&d, &chains[0].keys[3], ".kv");
    assert_int_equal(truncate(damaged, 5), 0);
    stored_close(&d);
    d.o.limit = 1; /* nothing can be removed */
    make_read_only();
    stored_log_begin();
    stored_open(&d);
    assert_int_equal(stored_log_end(), 2); /* read only; damaged */
    assert_int_equal(stored_check(&d, &chains[0]), 3);
    assert_false(stored_submit(&d, &chains[1], 0));
    assert_false(stored_submit(&d, &chains[0], 3));
    store_clear(d.s);
    assert_int_equal(stored_files(&d, ".kv", NULL), 4);
    mem_free(damaged);
}

static void a_directory_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    struct store *s;
    struct err e = ERR_INIT;
    struct store_opts o = d.o;
    stored_close(&d);
    make_read_only();
    char *path = file_join(d.dir, "below");
    o.dir = path;
    assert_int_equal(store_open(&s, &o, &e), ERR_IO);
    assert_non_null(strstr(e.msg, path));
    mem_free(path);
}

/* --- other processes ----------------------------------------------------------------------------------------------------------------------- */

/* Starts a process that writes chains, evicts and writes again until it is killed. The store is closed. */
static pid_t start_writer(uint64_t seed)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid)
        return pid;
    struct rng r;
    rng_init(&r, seed);
    stored_open(&d);
    for (;;) {
        submit_all(&chains[rng_below(&r, N_CHAIN)]);
        stored_settle(&d);
    }
}

static void sleep_ms(uint32_t ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

static void stop_writer(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static uint64_t printed_seed(void)
{
    const char *given = getenv("OCTET_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)seed);
    return seed;
}

static void a_kill_at_any_moment_leaves_whole_blocks(void **state)
{
    (void)state;
    struct rng r;
    uint64_t seed = printed_seed();
    size_t most = 0;
    rng_init(&r, seed);
    d.o.keep.pool[0].page_bytes = LARGE_PAGE_BYTES;
    d.o.limit = (uint64_t)30 * STORE_BLOCK_PAGES * LARGE_PAGE_BYTES;
    stored_close(&d);
    mounted = mount_small(
        "size=64m"); /* if it can be: it has to wait for no disk, so that more kills meet a half-written file */
    stored_open(&d);
    for (uint64_t round = 0; round < 20; round++) {
        stored_close(&d);
        pid_t pid = start_writer(seed + round);
        sleep_ms(10 + rng_below(&r, 60));
        stop_writer(pid);
        stored_log_begin();
        stored_open(&d);
        assert_int_equal(stored_log_end(), 0);
        check_all();
        most = MAX(most, store_stats(d.s).n_block);
    }
    assert_true(most > 2);
}

static void two_processes_share_a_directory(void **state)
{
    (void)state;
    struct rng r;
    uint64_t seed = printed_seed();
    size_t n_read = 0;
    rng_init(&r, seed);
    d.o.limit = (uint64_t)20 * BLOCK_BYTES;
    stored_close(&d);
    pid_t pid = start_writer(seed);
    stored_log_begin(); /* of blocks that the other has removed */
    for (int round = 0; round < 60; round++) {
        if (round % 10 == 0)
            stored_reopen(&d);
        const struct chain *c = &chains[rng_below(&r, N_CHAIN)];
        if (round % 3 == 0) {
            submit_all(c);
            stored_settle(&d);
        }
        for (size_t i = 0; i < CHAIN_BLOCKS; i++)
            n_read += store_has(d.s, &c->keys[i]) && stored_read(&d, c, i);
    }
    struct store_stats s = store_stats(d.s);
    stored_log_end();
    stop_writer(pid);
    assert_int_equal(s.n_damaged + s.n_failed, 0);
    assert_true(n_read > 20);
    /* One may have removed what the other wrote behind: blocks without their parents, but whole ones. */
    stored_reopen(&d);
    for (int k = 0; k < N_CHAIN; k++)
        for (size_t i = 0; i < CHAIN_BLOCKS; i++)
            assert_true(!store_has(d.s, &chains[k].keys[i]) || stored_read(&d, &chains[k], i));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk_keeps_what_is_there),
        TEST(on_a_full_disk_the_oldest_give_way),
        TEST(on_a_full_disk_without_blocks_writes_fail_and_later_succeed),
        TEST(a_disk_without_inodes_is_full_too),
        TEST(a_read_only_directory_is_read),
        TEST(a_directory_that_cannot_be_made_is_an_error),
        TEST(a_kill_at_any_moment_leaves_whole_blocks),
        TEST(two_processes_share_a_directory),
    };
    return cmocka_run_group_tests_name("store on disk", tests, NULL, NULL);
}
