/* test_read_abuse.c - every field of four APIs, missing, null, wrong, negative, no number, huge and deep: the status that a table says, and the name of the
 * field with each refusal.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "api/read.h"
#include "base/base.h"
#include "base/file.h"

static const struct api_defaults defaults = {
    .sampling = { .top_p = 1, .repetition_penalty = 1 },
    .max_n = 16,
    .n_vocab = 1000,
    .has_fim = true,
};

static const char *const dialects[] = { "chat", "completions", "responses", "messages" };
static const char *const columns[] = { "missing", "null", "wrong", "negative", "NaN", "huge", "deep" };
enum { MISSING, WRONG_COLUMN = 2, NAN_COLUMN = 4, DEEP_COLUMN = 6, DEEP = 60 };

/* The first step of a path, a member's name or an index in brackets; *path moves behind it. */
static struct str step(struct str *path)
{
    size_t n = 0;
    if (path->n && path->p[0] == '.')
        *path = str_sub(*path, 1, path->n);
    if (path->n && path->p[0] == '[') {
        while (path->p[n++] != ']')
            ;
    } else {
        while (n < path->n && path->p[n] != '.' && path->p[n] != '[')
            n++;
    }
    struct str s = str_sub(*path, 0, n);
    *path = str_sub(*path, n, path->n);
    return s;
}

static void write_with(struct buf *out, const struct json *v, struct str path, const char *value);

/* A child at the end of the path is `value` (NULL: left out), one on the way is written with the rest of the path, any other as it is. */
static void write_child(struct buf *out, struct str key, const struct json *child, bool hit, struct str rest,
                        const char *value)
{
    if (hit && !rest.n && !value)
        return;
    char last = out->p[out->n - 1];
    if (last != '{' && last != '[')
        buf_z(out, ", ");
    if (key.n) {
        json_write_str(out, key);
        buf_z(out, ": ");
    }
    if (hit && !rest.n)
        buf_z(out, value);
    else if (hit)
        write_with(out, child, rest, value);
    else
        json_write(out, child);
}

static void write_with(struct buf *out, const struct json *v, struct str path, const char *value)
{
    struct str here = step(&path);
    struct json_iter it;
    if (json_type(v) == JSON_ARRAY) {
        int index = -1;
        (void)sscanf(here.p, "[%d]", &index);
        buf_char(out, '[');
        for (size_t i = 0; i < json_len(v); i++)
            write_child(out, STR(""), json_at(v, i), (int)i == index, path, value);
        buf_char(out, ']');
        return;
    }
    bool seen = false;
    buf_char(out, '{');
    for (bool more = json_first(&it, v); more; more = json_next(&it)) {
        bool hit = str_eq(it.key, here);
        seen |= hit;
        write_child(out, it.key, it.value, hit, path, value);
    }
    /* What the body lacks is added: an object down to the last step. */
    if (!seen && value) {
        struct json *empty;
        assert_int_equal(json_parse(&empty, STR("{}"), "empty", NULL, NULL), 0);
        write_child(out, here, empty, true, path, value);
        json_free(empty);
    }
    buf_char(out, '}');
}

static const char *value_of(int column, const char *wrong, char deep[2 * DEEP + 1])
{
    static const char *const values[] = { NULL, "null", NULL, "-7", "NaN", "1e300" };
    if (column == WRONG_COLUMN)
        return wrong;
    if (column != DEEP_COLUMN)
        return values[column];
    memset(deep, '[', DEEP);
    memset(deep + DEEP, ']', DEEP);
    deep[2 * DEEP] = '\0';
    return deep;
}

/* Returns whether the answer is what the table says. */
static bool check_cell(const struct json *base, int dialect, const struct str *cell, int column, struct str param)
{
    char wrong[200], deep[2 * DEEP + 1];
    struct buf body = { 0 };
    struct api_request r;
    struct api_error x;
    int64_t status = 0;
    (void)snprintf(wrong, sizeof wrong, "%.*s", (int)cell[2].n, cell[2].p);
    assert_true(str_to_i64(cell[3 + column], &status));
    write_with(&body, base, cell[1], value_of(column, wrong, deep));
    int rc = read_request(&r, (enum api_dialect)dialect, buf_view(&body), &defaults, &x);
    api_request_deinit(&r);
    bool ok = status == (rc ? api_error_status(x.kind) : 200);
    if (ok && rc && column != NAN_COLUMN)
        ok = str_starts(str_from(x.param), param) && str_starts(str_from(x.message), str_from(x.param));
    if (!ok)
        print_error("%s %.*s %s: %s\n  %s\n", dialects[dialect], (int)cell[1].n, cell[1].p, columns[column],
                    rc ? x.message : "accepted", body.p);
    buf_deinit(&body);
    return ok;
}

static int check_row(const struct json *bases, struct str line)
{
    struct str cell[11] = { { 0 } };
    int dialect = 0, n_wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(cell); i++)
        if (!str_cut(&line, '\t', &cell[i]))
            cell[i] = line;
    char name[40];
    (void)snprintf(name, sizeof name, "%.*s", (int)cell[0].n, cell[0].p);
    while (!str_starts(cell[0], str_from(dialects[dialect])))
        assert_true(++dialect < (int)ARRAY_LEN(dialects));
    for (int column = 0; column < (int)ARRAY_LEN(columns); column++)
        n_wrong += !check_cell(json_get(bases, name), dialect, cell, column, cell[10]);
    return n_wrong;
}

static void every_cell_of_the_table_is_answered_as_it_says(void **state)
{
    struct buf text = { 0 };
    struct json *bases;
    struct err e = ERR_INIT;
    int n_wrong = 0, n = 0;
    (void)state;
    assert_int_equal(file_read(&text, "tests/data/api/abuse.tsv", &e), 0);
    assert_int_equal(json_read(&bases, "tests/data/api/abuse.json", NULL, &e), 0);
    struct str rest = buf_view(&text), line;
    while (str_cut(&rest, '\n', &line)) {
        if (str_starts(line, STR("#")) || str_starts(line, STR("body\t")))
            continue;
        n_wrong += check_row(bases, line);
        n += (int)ARRAY_LEN(columns);
    }
    print_message("%d cells\n", n);
    assert_true(n > 1000);
    assert_int_equal(n_wrong, 0);
    json_free(bases);
    buf_deinit(&text);
}

/* The bodies themselves are fine, so that a refusal comes from the field that was put in. */
static void the_bodies_of_the_table_are_accepted(void **state)
{
    struct json *bases;
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(json_read(&bases, "tests/data/api/abuse.json", NULL, &e), 0);
    for (int d = 0; d < (int)ARRAY_LEN(dialects); d++) {
        struct buf body = { 0 };
        struct api_request r;
        struct api_error x;
        json_write(&body, json_get(bases, dialects[d]));
        if (read_request(&r, (enum api_dialect)d, buf_view(&body), &defaults, &x))
            fail_msg("%s: %s", dialects[d], x.message);
        api_request_deinit(&r);
        buf_deinit(&body);
    }
    json_free(bases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bodies_of_the_table_are_accepted),
        cmocka_unit_test(every_cell_of_the_table_is_answered_as_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
