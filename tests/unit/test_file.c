/* test_file.c - files: read, mapped, written whole or not at all, listed.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static char dir[] = "/tmp/octet-file-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

static void written_is_what_is_read(void **state)
{
    (void)state;
    static char large[200000]; /* several reads */
    struct err e = ERR_INIT;
    const struct str contents[] = { { "", 0 }, { "a\0b\n", 4 }, { large, sizeof large } };
    char *path = file_join(dir, "f");
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 7 % 251);
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        struct buf got = { 0 };
        struct file_map m;
        assert_int_equal(file_write(path, contents[i], &e), 0);
        buf_z(&got, "before ");
        assert_int_equal(file_read(&got, path, &e), 0);
        assert_int_equal(got.n, 7 + contents[i].n);
        assert_memory_equal(got.p, "before ", 7);
        assert_int_equal(file_map_open(&m, path, &e), 0);
        assert_int_equal(m.n, contents[i].n);
        assert_int_equal(m.p != NULL, contents[i].n > 0);
        if (m.n) {
            assert_memory_equal(got.p + 7, contents[i].p, contents[i].n);
            assert_memory_equal(m.p, contents[i].p, contents[i].n);
        }
        file_map_close(&m);
        file_map_close(&m);
        buf_deinit(&got);
    }
    unlink(path);
    mem_free(path);
}

static void larger_than_the_limit_is_refused(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct buf small = BUF_INIT(3);
    char *path = file_join(dir, "f");
    assert_int_equal(file_write(path, STR("four"), &e), 0);
    assert_int_equal(file_read(&small, path, &e), ERR_LIMIT);
    assert_non_null(strstr(e.msg, path));
    buf_deinit(&small);
    unlink(path);
    mem_free(path);
}

static void failures_name_the_file(void **state)
{
    (void)state;
    char *none = file_join(dir, "none"), *deep = file_join(dir, "no/such/place");
    struct file_map m;
    struct buf b = { 0 };
    char **names;
    size_t n;
    struct err e[6] = { 0 };
    const struct {
        int rc;
        const char *path;
    } cases[] = {
        { file_read(&b, none, &e[0]), none },         { file_map_open(&m, none, &e[1]), none },
        { file_map_open(&m, dir, &e[2]), dir },       { file_write(deep, STR("x"), &e[3]), deep },
        { file_list(&names, &n, none, &e[4]), none }, { file_read(&b, dir, &e[5]), dir },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(cases[i].rc, ERR_IO);
        assert_int_equal(strncmp(e[i].msg, cases[i].path, strlen(cases[i].path)), 0);
    }
    mem_free(none);
    mem_free(deep);
    buf_deinit(&b);
}

static void a_write_that_fails_leaves_nothing(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char *path = file_join(dir, "d"), **names;
    size_t n;
    assert_int_equal(mkdir(path, 0755), 0); /* a file cannot take the place of a directory */
    assert_int_equal(file_write(path, STR("x"), &e), ERR_IO);
    err_clear(&e);
    assert_int_equal(file_list(&names, &n, dir, &e), 0);
    assert_int_equal(n, 1);
    file_list_free(names, n);
    rmdir(path);
    mem_free(path);
}

static void the_umask_decides_who_may_read(void **state)
{
    (void)state;
    static const mode_t masks[][2] = { { 022, 0644 }, { 077, 0600 } };
    struct err e = ERR_INIT;
    struct stat st;
    char *path = file_join(dir, "f");
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        mode_t before = umask(masks[i][0]);
        int rc = file_write(path, STR("x"), &e);
        umask(before);
        assert_int_equal(rc, 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, masks[i][1]);
    }
    unlink(path);
    mem_free(path);
}

/* Nobody writes to it: opening it to read would wait for ever. */
static void a_pipe_is_not_mapped(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct file_map m;
    char *path = file_join(dir, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_map_open(&m, path, &e), ERR_IO);
    assert_non_null(strstr(e.msg, "not a regular file"));
    unlink(path);
    mem_free(path);
}

static void names_come_in_order(void **state)
{
    (void)state;
    static const char *const sorted[] = { ".hidden", "A", "a", "a.b", "b" };
    struct err e = ERR_INIT;
    char **names;
    size_t n;
    for (size_t i = ARRAY_LEN(sorted); i-- > 0;) {
        char *path = file_join(dir, sorted[i]);
        assert_int_equal(file_write(path, STR("x"), &e), 0);
        mem_free(path);
    }
    assert_int_equal(file_list(&names, &n, dir, &e), 0);
    assert_int_equal(n, ARRAY_LEN(sorted));
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(names[i], sorted[i]);
        char *path = file_join(dir, names[i]);
        assert_true(file_exists(path));
        assert_false(file_is_dir(path));
        unlink(path);
        assert_false(file_exists(path));
        mem_free(path);
    }
    file_list_free(names, n);
    assert_true(file_is_dir(dir));
}

static void joined_paths_have_one_slash(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "", "b", "b" }, { "/", "b", "/b" }
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *path = file_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        mem_free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_is_what_is_read),
        cmocka_unit_test(larger_than_the_limit_is_refused),
        cmocka_unit_test(failures_name_the_file),
        cmocka_unit_test(a_write_that_fails_leaves_nothing),
        cmocka_unit_test(the_umask_decides_who_may_read),
        cmocka_unit_test(a_pipe_is_not_mapped),
        cmocka_unit_test(names_come_in_order),
        cmocka_unit_test(joined_paths_have_one_slash),
    };
    return cmocka_run_group_tests_name("file", tests, make_dir, remove_dir);
}
