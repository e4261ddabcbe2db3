/* test_replay.c - remembered answers: found if nothing changed but spelling, kept within bounds and over a restart.
 * SPDX-License-Identifier: MIT */
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

#include "api/replay.h"
#include "base/base.h"
#include "base/file.h"

static struct replay *open_with(const char *dir, const char *identity, size_t max_bytes)
{
    struct replay *r;
    struct err e = ERR_INIT;
    struct replay_opts o = { .dir = dir, .identity = str_from(identity), .max_bytes = max_bytes };
    if (replay_open(&r, &o, &e))
        fail_msg("%s", e.msg);
    return r;
}

static void add_text(struct replay *r, const char *key, const char *text, const char *reasoning, int32_t id)
{
    const int32_t ids[] = { id, id + 1 };
    struct replay_turn t = { .text = str_from(text), .reasoning = str_from(reasoning), .ids = ids, .n_ids = 2 };
    replay_add(r, str_from(key), &t);
}

static void add_call(struct replay *r, const char *call_id, const char *name, const char *args, int32_t id)
{
    const struct replay_call call = { str_from(call_id), str_from(name), str_from(args) };
    struct replay_turn t = { .text = STR(""), .call = &call, .n_call = 1, .ids = &id, .n_ids = 1 };
    replay_add(r, STR("k"), &t);
}

/* The first id of the answer that the message is; -1: not found. */
static int32_t look(struct replay *r, const char *key, const char *message)
{
    struct json *m;
    struct ids ids = { 0 };
    assert_int_equal(json_parse(&m, str_from(message), "message", NULL, NULL), 0);
    int32_t id = replay_find(r, str_from(key), m, &ids) ? ids.v[0] : -1;
    ids_deinit(&ids);
    json_free(m);
    return id;
}

static int32_t look_call(struct replay *r, const char *id, const char *name, const char *args)
{
    struct buf m = { 0 };
    buf_printf(&m,
               "{\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"id\": \"%s\", \"type\": \"function\", "
               "\"function\": {\"name\": \"%s\", \"arguments\": %s}}]}",
               id, name, args);
    int32_t found = look(r, "k", m.p);
    buf_deinit(&m);
    return found;
}

static void an_answer_is_found_by_its_text_and_reasoning(void **state)
{
    struct replay *r = open_with(NULL, "m", 0);
    (void)state;
    add_text(r, "k", "four\n", "", 10);
    add_text(r, "k", "five", "because", 20);
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"four\"}"), 10);
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \" four \"}"), 10);
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"fou r\"}"), -1);
    assert_int_equal(look(r, "other", "{\"role\": \"assistant\", \"content\": \"four\"}"), -1);
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"four\", \"reasoning_content\": \"x\"}"),
                     -1);
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"five\"}"), -1);
    assert_int_equal(
        look(r, "k", "{\"role\": \"assistant\", \"content\": \"five\", \"reasoning_content\": \"because\\n\"}"), 20);
    replay_close(r);
}

static void arguments_are_compared_as_javascript_sees_them(void **state)
{
    static const struct {
        const char *sent, *back;
        bool same;
    } cases[] = {
        { "{\"a\": 1, \"b\": 2}", "{\"a\":1,\"b\":2}", true },
        { "{\"a\": 5000.0}", "{\"a\": 5000}", true },
        { "{\"a\": 1e3}", "{\"a\": 1000}", true },
        { "{\"a\": 1.50}", "{\"a\": 1.5}", true },
        { "{\"a\": -0.0}", "{\"a\": 0}", true },
        { "{\"a\": 1e999}", "{\"a\": null}", true },
        { "{\"a\": 12345678901234567890}", "{\"a\": 12345678901234567000}", true },
        { "{\"a\": 9007199254740993}", "{\"a\": 9007199254740992}", true },
        { "{\"a\": \"\\u00e9\\/\"}", "{\"a\": \"\xc3\xa9/\"}", true },
        { "{\"a\": \"\\ud83d\"}", "{\"a\": \"\xef\xbf\xbd\"}", true },
        { "{\"z\": 0, \"10\": 1, \"2\": 2}", "{\"2\": 2, \"10\": 1, \"z\": 0}", true },
        { "{\"x\": {\"b\": [{\"1\": 1, \"0\": 0}]}}", "{\"x\": {\"b\": [{\"0\": 0, \"1\": 1}]}}", true },
        { "{\"4294967294\": 1, \"b\": 2}", "{\"b\": 2, \"4294967294\": 1}", true },
        { "{\"4294967295\": 1, \"b\": 2}", "{\"b\": 2, \"4294967295\": 1}", false },
        { "{\"01\": 1, \"b\": 2}", "{\"b\": 2, \"01\": 1}", false },
        { "{\"-1\": 1, \"b\": 2}", "{\"b\": 2, \"-1\": 1}", false },
        { "{\"a\": 1, \"b\": 2}", "{\"b\": 2, \"a\": 1}", false },
        { "{\"a\": 1}", "{\"a\": \"1\"}", false },
        { "{\"a\": [1, 2]}", "{\"a\": [2, 1]}", false },
        { "{\"a\": [[1], 2]}", "{\"a\": [[1, 2]]}", false },
        { "{\"a\": 1}", "{\"a\": 1, \"b\": null}", false },
        { "{\"a\": true}", "{\"a\": 1}", false },
        { "{}", "{\"a\": 1}", false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct replay *r = open_with(NULL, "m", 0);
        add_call(r, "id", "f", cases[i].sent, 7);
        if ((look_call(r, "id", "f", cases[i].back) == 7) != cases[i].same)
            fail_msg("%s and %s", cases[i].sent, cases[i].back);
        replay_close(r);
    }
}

static void names_and_counts_of_calls_must_be_the_same(void **state)
{
    struct replay *r = open_with(NULL, "m", 0);
    (void)state;
    add_call(r, "id", "f", "{}", 7);
    assert_int_equal(look_call(r, "id", "f", "{}"), 7);
    assert_int_equal(look_call(r, "id", "g", "{}"), -1);
    assert_int_equal(look_call(r, "id", "f\\\"}", "{}"), -1);
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"\"}"), -1);
    replay_close(r);
}

static void the_id_of_a_call_decides_between_equal_answers(void **state)
{
    struct replay *r = open_with(NULL, "m", 0);
    (void)state;
    add_call(r, "one", "f", "{}", 1);
    add_call(r, "two", "f", "{}", 2);
    assert_int_equal(look_call(r, "one", "f", "{}"), 1);
    assert_int_equal(look_call(r, "two", "f", "{}"), 2);
    assert_int_equal(look_call(r, "renamed", "f", "{}"), 2); /* the later one */
    replay_close(r);
}

static void arguments_that_are_no_object_are_not_remembered(void **state)
{
    struct replay *r = open_with(NULL, "m", 0);
    struct replay_stats s;
    (void)state;
    add_call(r, "a", "f", "{\"cut\": ", 1);
    add_call(r, "b", "f", "[1]", 1);
    replay_stats(r, &s);
    assert_int_equal(s.turns, 0);
    replay_close(r);
}

static void the_answer_not_used_for_longest_goes_first(void **state)
{
    struct replay *r = open_with(NULL, "m", 4000);
    struct replay_stats s;
    char text[32], message[96];
    (void)state;
    add_text(r, "k", "kept", "", 1);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof text, "text %d", i);
        add_text(r, "k", text, "", 1000 + i);
        assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"kept\"}"), 1);
        replay_stats(r, &s);
        assert_true(s.bytes <= 4000);
    }
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"text 0\"}"), -1);
    (void)snprintf(message, sizeof message, "{\"role\": \"assistant\", \"content\": \"%s\"}", text);
    assert_int_equal(look(r, "k", message), 1199);
    /* The same again costs nothing. */
    replay_stats(r, &s);
    size_t turns = s.turns;
    add_text(r, "k", "kept", "", 1);
    replay_stats(r, &s);
    assert_int_equal(s.turns, turns);
    replay_close(r);
}

/* A fresh directory and the log's path in it once there is one. */
static void make_dir(char dir[64])
{
    strcpy(dir, "/tmp/replayXXXXXX");
    assert_non_null(mkdtemp(dir));
}

static char *only_file(const char *dir)
{
    char **names;
    size_t n;
    assert_int_equal(file_list(&names, &n, dir, NULL), 0);
    assert_int_equal(n, 1);
    char *path = file_join(dir, names[0]);
    file_list_free(names, n);
    return path;
}

static void remove_dir(const char *dir)
{
    char **names;
    size_t n;
    assert_int_equal(file_list(&names, &n, dir, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(dir, names[i]);
        assert_int_equal(unlink(path), 0);
        free(path);
    }
    file_list_free(names, n);
    assert_int_equal(rmdir(dir), 0);
}

static void answers_outlive_a_restart_for_the_same_checkpoint_alone(void **state)
{
    char dir[64], sub[80];
    struct stat st;
    (void)state;
    make_dir(dir);
    (void)snprintf(sub, sizeof sub, "%s/made", dir);
    struct replay *r = open_with(sub, "m", 0);
    add_text(r, "k", "four", "why", 10);
    add_call(r, "id", "f", "{\"a\": 1}", 7);
    replay_close(r);
    char *path = only_file(sub);
    assert_int_equal(stat(sub, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    free(path);
    r = open_with(sub, "m", 0);
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"four\", \"reasoning_content\": \"why\"}"),
                     10);
    assert_int_equal(look_call(r, "id", "f", "{\"a\":1.0}"), 7);
    replay_close(r);
    r = open_with(sub, "other", 0);
    assert_int_equal(look_call(r, "id", "f", "{\"a\":1}"), -1);
    replay_close(r);
    remove_dir(sub);
    assert_int_equal(rmdir(dir), 0);
}

/* Every byte of the log is changed once: never a crash, never a wrong answer, and the record of the other answer is still found. */
static void what_is_cleared_is_gone_from_the_file_too(void **state)
{
    (void)state;
    char dir[64];
    struct replay_stats s;
    make_dir(dir);
    struct replay *r = open_with(dir, "m", 0);
    add_text(r, "k", "secret", "", 1);
    replay_clear(r);
    replay_stats(r, &s);
    assert_true(s.turns == 0 && s.bytes == 0);
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"secret\"}"), -1);
    add_text(r, "k", "later", "", 5);
    replay_close(r);
    r = open_with(dir, "m", 0);
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"secret\"}"), -1);
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"later\"}"), 5);
    replay_close(r);
    remove_dir(dir);
}

static void what_is_damaged_on_disk_is_left_out(void **state)
{
    char dir[64];
    struct buf good = { 0 };
    struct err e = ERR_INIT;
    (void)state;
    make_dir(dir);
    struct replay *r = open_with(dir, "m", 0);
    add_text(r, "k", "first", "", 10);
    replay_close(r);
    char *path = only_file(dir);
    assert_int_equal(file_read(&good, path, &e), 0);
    size_t first = good.n;
    r = open_with(dir, "m", 0);
    add_text(r, "k", "second", "", 20);
    replay_close(r);
    buf_reset(&good);
    assert_int_equal(file_read(&good, path, &e), 0);
    for (size_t i = 0; i < good.n; i++) {
        good.p[i] ^= 0x15;
        assert_int_equal(file_write(path, buf_view(&good), &e), 0);
        good.p[i] ^= 0x15;
        r = open_with(dir, "m", 0);
        int32_t a = look(r, "k", "{\"role\": \"assistant\", \"content\": \"first\"}");
        int32_t b = look(r, "k", "{\"role\": \"assistant\", \"content\": \"second\"}");
        assert_int_equal(a, i < first ? -1 : 10);
        assert_int_equal(b, i < first ? 20 : -1);
        replay_close(r);
    }
    /* Cut anywhere, too; and what is added afterwards is kept. */
    for (size_t n = 0; n < good.n; n += 7) {
        assert_int_equal(file_write(path, str_sub(buf_view(&good), 0, n), &e), 0);
        r = open_with(dir, "m", 0);
        assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"first\"}"), n < first ? -1 : 10);
        add_text(r, "k", "third", "", 30);
        replay_close(r);
        r = open_with(dir, "m", 0);
        assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"third\"}"), 30);
        replay_close(r);
    }
    free(path);
    buf_deinit(&good);
    remove_dir(dir);
}

static void the_file_stays_within_its_bound(void **state)
{
    char dir[64], text[32];
    struct stat st;
    (void)state;
    make_dir(dir);
    struct replay *r = open_with(dir, "m", 3000);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(text, sizeof text, "text %d", i);
        add_text(r, "k", text, "", i);
    }
    char *path = only_file(dir);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size <= 7000);
    assert_int_equal(st.st_mode & 0777, 0600);
    free(path);
    replay_close(r);
    r = open_with(dir, "m", 3000);
    assert_int_equal(look(r, "k", "{\"role\": \"assistant\", \"content\": \"text 499\"}"), 499);
    replay_close(r);
    remove_dir(dir);
}

static void a_directory_that_cannot_be_made_is_an_error(void **state)
{
    struct replay *r;
    struct err e = ERR_INIT;
    struct replay_opts o = { .dir = "/proc/nowhere/x" };
    (void)state;
    assert_int_equal(replay_open(&r, &o, &e), ERR_IO);
    assert_non_null(strstr(e.msg, "/proc/nowhere/x"));
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_found_by_its_text_and_reasoning),
        cmocka_unit_test(arguments_are_compared_as_javascript_sees_them),
        cmocka_unit_test(names_and_counts_of_calls_must_be_the_same),
        cmocka_unit_test(the_id_of_a_call_decides_between_equal_answers),
        cmocka_unit_test(arguments_that_are_no_object_are_not_remembered),
        cmocka_unit_test(the_answer_not_used_for_longest_goes_first),
        cmocka_unit_test(answers_outlive_a_restart_for_the_same_checkpoint_alone),
        cmocka_unit_test(what_is_cleared_is_gone_from_the_file_too),
        cmocka_unit_test(what_is_damaged_on_disk_is_left_out),
        cmocka_unit_test(the_file_stays_within_its_bound),
        cmocka_unit_test(a_directory_that_cannot_be_made_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
