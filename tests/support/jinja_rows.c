/* jinja_rows.c - templates rendered for a test.
 * SPDX-License-Identifier: MIT */
#include "support/jinja_rows.h"

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
#include <time.h>

#include "base/utf8.h"

static struct json *parse(const char *text)
{
    struct json *v = NULL;
    struct err e = ERR_INIT;
    if (text && json_parse(&v, str_from(text), "test", NULL, &e) != 0)
        fail_msg("%s", e.msg);
    return v;
}

static int render(const char *source, const struct json *vars, const struct json *own,
                  const struct jinja_limits *limits, struct marked *out, struct err *e)
{
    struct jinja *t;
    setenv("TZ", "UTC", 1);
    tzset();
    int rc = jinja_parse(&t, str_from(source), "T", e);
    if (rc == 0)
        rc = jinja_render(t, vars, own, ROWS_NOW, limits ? limits : &jinja_limits_default, out, e);
    jinja_free(t);
    return rc;
}

int row_render(const char *source, const char *vars, const char *own, const struct jinja_limits *limits,
               struct marked *out, struct err *e)
{
    struct json *v = parse(vars), *o = parse(own);
    int rc = render(source, v, o, limits, out, e);
    json_free(v);
    json_free(o);
    return rc;
}

/* Whether the row is as it should be; says so if not. */
static bool row_check(const struct row *row, const struct json *vars)
{
    struct marked out = { 0 };
    struct err e = ERR_INIT;
    int rc = render(row->source, vars, NULL, NULL, &out, &e);
    struct str got = buf_view(&out.text);
    bool ok = row->want ? rc == 0 && str_eqz(got, row->want)
                        : rc < 0 && e.code == rc && e.msg[0] && utf8_valid(str_from(e.msg));
    if (!ok)
        print_error("%s\n  want %s\n  got  %.*s%s\n", row->source, row->want ? row->want : "an error", (int)got.n,
                    got.n ? got.p : "", e.msg);
    marked_deinit(&out);
    return ok;
}

void rows_check(const struct row *rows, size_t n, const char *vars)
{
    struct json *v = parse(vars);
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++)
        wrong += !row_check(&rows[i], v);
    json_free(v);
    if (wrong > 0)
        fail_msg("%zu of %zu rows are wrong", wrong, n);
}
